"""Conflicts are settled: a value is pinned, an owner is named. Both are facts, anchored to a record."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from cdi.errors import BadRecordError, ConflictError, InvalidInputError, NotFoundError
from cdi.fields import Shape
from cdi.ids import RecordKey
from cdi.normalise.record import Context, canonicalise
from cdi.resolution.survivorship import Pin
from cdi.resolution.values import CUSTOM, attribute_at, identity
from cdi.serving import live_profile
from cdi.stewardship.desk import Desk, must_be_current, must_have_reason
from cdi.stewardship.owners import assign
from cdi.store import conflicts, pins, profiles, records, redo
from cdi.store.conflicts import ConflictFilter
from cdi.store.records import CurrentRecord


@dataclass(frozen=True, slots=True)
class Settlement:
    """What a steward says holds: a value (as such, or as one record says it), perhaps for a time; or an owner."""

    reason: str
    value: Any = None
    record: RecordKey | None = None
    until: datetime | None = None
    owner: str | None = None


def list_conflicts(desk: Desk, narrowed: ConflictFilter, limit: int) -> list[dict[str, Any]]:
    """Conflicts of the steward's owners, oldest first."""
    found = conflicts.list_conflicts(desk.connection, desk.visibility, narrowed, limit)
    return [_told(desk, conflict) for conflict in found]


def show_conflict(desk: Desk, conflict_id: int) -> dict[str, Any]:
    """One conflict."""
    return _told(desk, _found(desk, conflict_id))


def say_of_conflict(desk: Desk, conflict_id: int) -> list[dict[str, Any]]:
    """What each record of a conflict of values says there, the most trusted first; of a conflict of owners the records
    alone."""
    conflict = _found(desk, conflict_id)
    current = records.load_current(desk.connection, conflict["record_ids"])
    names = desk.names_of(current)
    path = conflict["attribute"]
    told = [
        {
            "record": names[record_id],
            "source": record.source,
            "data_owner": desk.installation.owner_of(record.source),
            "trust": desk.installation.trust_of(record.source),
            "observed_at": record.observed_at,
            "values": said_of(record, path) if path else [],
        }
        for record_id, record in current.items()
        if record_id in names
    ]
    return sorted(told, key=lambda side: (-side["trust"], side["record"]))


def settle_conflict(desk: Desk, conflict_id: int, settlement: Settlement) -> dict[str, Any]:
    """Name the owner of a conflict of owners, pin a value for any other. It closes, and stays closed."""
    because = must_have_reason(settlement.reason)
    desk.alone()
    conflict = _found(desk, conflict_id)
    if conflict["status"] != "open":
        raise ConflictError(f"this conflict is closed ({conflict['closed_reason']})", remedy="Nothing is left to do")
    conflicts.close_conflict(desk.connection, conflict_id, f"settled by {desk.caller.name}: {because}", desk.now)
    if conflict["kind"] == "owner":
        known = [one.id for one in desk.installation.deployment.owners]
        if settlement.owner not in known:
            raise InvalidInputError("name the owner who answers", remedy=f"cdi.yaml has {', '.join(known)}")
        assign(desk, conflict["profile"], settlement.owner, because)
    else:
        _pin(desk, conflict["profile"], conflict["attribute"], settlement)
    return _told(desk, _found(desk, conflict_id))


def pin_value(
    desk: Desk, profile_id: UUID, attribute: str, settlement: Settlement, if_match: str | None = None
) -> dict[str, Any]:
    """Pin a value of a profile: it stands whatever sources send, until its end date or until it is unpinned."""
    must_have_reason(settlement.reason)
    desk.alone()
    found = live_profile(desk.connection, desk.visibility, profile_id)
    must_be_current(if_match, str(found.version))
    desk.must_act_for({*desk.owners_of(_members(desk, profile_id)), found.document["data_owner"]})
    _pin(desk, profile_id, attribute, settlement)
    return _pinned(desk, profile_id, attribute)


def unpin_value(desk: Desk, profile_id: UUID, attribute: str, if_match: str | None = None) -> dict[str, Any]:
    """Let the rules decide again."""
    desk.alone()
    found = live_profile(desk.connection, desk.visibility, profile_id)
    must_be_current(if_match, str(found.version))
    desk.must_act_for({*desk.owners_of(_members(desk, profile_id)), found.document["data_owner"]})
    members = _members(desk, profile_id)
    if not pins.revoke_pins(desk.connection, members, attribute, desk.caller.name, desk.now):
        raise NotFoundError("nothing is pinned there", remedy="The profile shows what is pinned")
    desk.resolve([min(members)])
    return _pinned(desk, profile_id, attribute)


def _pin(desk: Desk, profile_id: UUID, path: str, settlement: Settlement) -> None:
    attribute_at(path)
    if settlement.until is not None and settlement.until <= desk.now:
        raise InvalidInputError("until lies in the past", remedy="Leave it out for a pin without an end")
    members = _members(desk, profile_id)
    anchor, value = _choice(desk, members, path, settlement)
    pins.revoke_pins(desk.connection, members, path, desk.caller.name, desk.now)
    reason = settlement.reason.strip()
    pins.save_pin(desk.connection, Pin(path, value, anchor, desk.caller.name, reason, desk.now, settlement.until))
    if settlement.until is not None:
        redo.queue(desk.connection, [anchor], "a pin ends", desk.now, due=settlement.until)
    desk.resolve([anchor])


def _choice(desk: Desk, members: list[int], path: str, settlement: Settlement) -> tuple[int, Any]:
    """The record that a pin is anchored to, and its value: the record that says it, else the oldest."""
    if settlement.record is not None:
        (anchor,) = desk.records_named([settlement.record])
        current = records.load_current(desk.connection, [anchor]) if anchor in members else {}
        said = said_of(current[anchor], path) if anchor in current else []
        if not said:
            raise InvalidInputError("this record says nothing of it in this profile", remedy="Name another record")
        return anchor, said[0]
    if settlement.value is None:
        raise InvalidInputError("name the value, or the record that says it", remedy='Send "value" or "record"')
    value = understood(desk, path, settlement.value)
    same = identity(attribute_at(path), value)
    loaded = records.load_current(desk.connection, members)
    saying = [
        i for i in sorted(loaded) if any(identity(attribute_at(path), v) == same for v in said_of(loaded[i], path))
    ]
    return (saying or sorted(members))[0], value


def said_of(record: CurrentRecord, path: str) -> list[Any]:
    """The values that this record says of the attribute at this path."""
    head, _, custom = path.partition(".")
    said = record.canonical.get(head)
    if custom:
        said = (said or {}).get(custom)
    return [] if said is None else said if isinstance(said, list) else [said]


def understood(desk: Desk, path: str, value: Any) -> Any:
    """The value as any source's would be understood; InvalidInputError for one that cannot be."""
    company = desk.installation.deployment.company
    context = Context(country=company.country, language=company.language)
    head, _, custom = path.partition(".")
    many = attribute_at(path).shape is Shape.BLOCKS
    raw = {custom: value} if head == CUSTOM else [value] if many else value
    try:
        canonical: Mapping[str, Any] = canonicalise({head: raw}, context)
    except BadRecordError as error:
        raise InvalidInputError(error.message, remedy=error.remedy) from error
    meant = canonical.get(head)
    if head == CUSTOM:
        meant = (meant or {}).get(custom)
    elif many and meant:
        meant = meant[0]
    if not meant:
        raise InvalidInputError(f"this is no value of {path}", remedy="Write it as the golden record shows values")
    return meant


def _members(desk: Desk, profile_id: UUID) -> list[int]:
    return profiles.load_members(desk.connection, [profile_id])[profile_id]


def _pinned(desk: Desk, profile_id: UUID, attribute: str) -> dict[str, Any]:
    now = live_profile(desk.connection, desk.visibility, profile_id)
    head, _, custom = attribute.partition(".")
    entry = now.document["golden"].get(head)
    return {
        "id": profile_id,
        "data_owner": now.document["data_owner"],
        "version": now.version,
        "attribute": attribute,
        "entry": (entry or {}).get(custom) if custom else entry,
    }


def _found(desk: Desk, conflict_id: int) -> dict[str, Any]:
    everyones = conflicts.find_conflict(desk.connection, desk.visibility, conflict_id)
    if everyones is None:
        raise NotFoundError("there is no conflict with this id")
    desk.must_act_for({*everyones["owners"], everyones["data_owner"]})
    return everyones


def _told(desk: Desk, conflict: dict[str, Any]) -> dict[str, Any]:
    names = desk.names_of(conflict["record_ids"])
    return {k: v for k, v in conflict.items() if k != "record_ids"} | {"records": list(names.values())}
