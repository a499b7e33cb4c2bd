"""What one caller sees: a profile as it is (or was) stored if every record in it may be seen, else built again from
those that may; values of field groups without their scope masked; records and decisions by names they may know."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, fields
from datetime import datetime
from http import HTTPStatus
from typing import Any, Final
from uuid import UUID

from sqlalchemy import Connection

from cdi.access import Visibility, mask_key, masked
from cdi.clock import utc_now
from cdi.errors import ConflictError, NotFoundError
from cdi.fields import FieldGroup
from cdi.matching.evidence import Evidence, Line
from cdi.pipeline import Installation
from cdi.pipeline.publishing import record_facts
from cdi.resolution.document import StewardFacts, assemble
from cdi.resolution.identity import answer_for
from cdi.store import history, owners, pins, profiles, records
from cdi.store.decisions import StoredDecision
from cdi.store.profiles import FoundProfile
from cdi.store.records import CurrentRecord


def present(
    connection: Connection, installation: Installation, visibility: Visibility, found: FoundProfile
) -> dict[str, Any] | None:
    """A live profile as this caller sees it; None if no record of it may be seen, or it is closed to what they use it
    for. To those who see it nevertheless `closed_to` says what it is closed to (an empty word: every use)."""
    if not visibility.uses.isdisjoint(found.closed_to):
        return None
    document = found.document
    if found.sources & visibility.hidden_sources:
        rebuilt = _rebuilt(connection, installation, visibility, found)
        if rebuilt is None:
            return None
        document = rebuilt
    if found.closed_to:
        document = document | {"closed_to": sorted(found.closed_to)}
    return shown(document, visibility)


def shown(document: Mapping[str, Any], visibility: Visibility) -> dict[str, Any]:
    """The document with the values masked that this caller may not see."""
    if visibility.groups >= frozenset(FieldGroup):
        return dict(document)
    told = dict(document) | {"golden": masked(document["golden"], visibility.groups)}
    if FieldGroup.CONTACT not in visibility.groups:
        told["records"] = [{**record, "key": mask_key(record["key"])} for record in document["records"]]
    return told


def _rebuilt(
    connection: Connection, installation: Installation, visibility: Visibility, found: FoundProfile
) -> dict[str, Any] | None:
    members = profiles.load_members(connection, [found.profile_id])[found.profile_id]
    current = records.load_current(connection, members).values()
    return _built_of_visible(connection, installation, visibility, found.document, list(current), utc_now())


def _built_of_visible(
    connection: Connection,
    installation: Installation,
    visibility: Visibility,
    document: Mapping[str, Any],
    members: Sequence[CurrentRecord],
    at: datetime,
) -> dict[str, Any] | None:
    """The document as if it consisted only of the records that may be seen; None if there is none."""
    visible = [record for record in members if record.source not in visibility.hidden_sources]
    if not visible:
        return None
    ids = [record.record_id for record in visible]
    facts = StewardFacts(pins.load_pins(connection, ids, at), owners.load_assignments(connection, ids, at))
    about = [record_facts(installation, record) for record in visible]
    assembly = assemble(UUID(document["id"]), about, installation.rules, facts)
    return assembly.document | {"version": document["version"], "updated_at": document["updated_at"]}


def present_at(
    connection: Connection, installation: Installation, visibility: Visibility, profile_id: UUID, at: datetime
) -> dict[str, Any] | None:
    """The profile as it was served to such a caller at that time; None if the id was not live then, or no record in
    it may be seen. What is built again follows the rules of today."""
    document = history.document_at(connection, profile_id, at)
    if document is None:
        return None
    if {record["source"] for record in document["records"]} & visibility.hidden_sources:
        members = records.load_as_of(connection, document["records"], at)
        rebuilt = _built_of_visible(connection, installation, visibility, document, members, at)
        if rebuilt is None:
            return None
        document = rebuilt
    return shown(document, visibility)


def names_seen(connection: Connection, visibility: Visibility, record_ids: Iterable[int]) -> dict[int, str]:
    """`source:key` of those of these records that the caller may see."""
    return {
        record_id: f"{name.source}:{key_as_seen(name.key, visibility)}"
        for record_id, name in records.load_names(connection, sorted(set(record_ids))).items()
        if name.source not in visibility.hidden_sources
    }


def decision_seen(connection: Connection, visibility: Visibility, stored: StoredDecision) -> dict[str, Any]:
    """A decision as it is told; records that the caller may not see are left out."""
    decision = stored.decision
    names = names_seen(connection, visibility, decision.records)
    return {
        "id": decision.id,
        "verdict": decision.verdict.value,
        "left": [names[i] for i in sorted(decision.left) if i in names],
        "right": [names[i] for i in sorted(decision.right) if i in names],
        "author": decision.author,
        "reason": decision.reason,
        "at": decision.at,
        "status": stored.status,
        "review": stored.review_id,
        "awaits": list(stored.awaits),
        "agreed_by": list(stored.agreed_by),
        "revoked_at": stored.revoked_at,
        "revoked_by": stored.revoked_by,
        "revoked_reason": stored.revoked_reason,
    }


def evidence_seen(evidence: Evidence, visibility: Visibility) -> dict[str, Any]:
    """Evidence as it is told; to those who may not see every value, weights and levels remain."""
    told = _by_name(evidence, _EVIDENCE)
    lines = _LINE if visibility.groups >= frozenset(FieldGroup) else _LINE_WITHOUT_VALUES
    return told | {"lines": [_by_name(line, lines) for line in evidence.lines]}


def _by_name(told: object, names: Sequence[str]) -> dict[str, Any]:
    return {name: getattr(told, name) for name in names}


_EVIDENCE: Final = [field.name for field in fields(Evidence)]
_LINE: Final = [field.name for field in fields(Line)]
_LINE_WITHOUT_VALUES: Final = [name for name in _LINE if name not in {"left", "right"}]


def key_as_seen(key: str, visibility: Visibility) -> str:
    """A record's key; that of a record which a bare contact made is that contact."""
    return key if FieldGroup.CONTACT in visibility.groups else mask_key(key)


@dataclass(frozen=True, slots=True)
class Whereabouts:
    """What an id that was given out once stands for now: 200 with its profile, 301 or 300 with where its records are
    (those of which the caller may see one), 410 with the reason."""

    status: HTTPStatus
    profile: FoundProfile | None = None
    homes: Sequence[UUID] = ()
    reason: str = ""


def locate(connection: Connection, visibility: Visibility, profile_id: UUID) -> Whereabouts:
    """Where this profile is. NotFoundError for an id never given out, and for a profile of which the caller may see no
    record."""
    found = profiles.find_profile(connection, profile_id)
    if found is None or (not found.retired and not visibility.sees(found.sources, found.closed_to)):
        raise NotFoundError("there is no profile with this id")
    if not found.retired:
        return Whereabouts(HTTPStatus.OK, found)
    homes = seen_at_all(connection, visibility, profiles.successors(connection, profile_id))
    answer = answer_for(profile_id, live=False, lies_in=homes, erased=found.retired_reason == "erased")
    return Whereabouts(answer.status, homes=answer.profiles, reason=answer.reason)


def live_profile(connection: Connection, visibility: Visibility, profile_id: UUID) -> FoundProfile:
    """The live profile with this id of which the caller may see a record.

    Raises NotFoundError, and ConflictError for an id that is retired, naming where its records are now.
    """
    found = profiles.find_profile(connection, profile_id)
    if found is None:
        raise NotFoundError("there is no profile with this id")
    if found.retired:
        homes = seen_at_all(connection, visibility, profiles.successors(connection, profile_id))
        where = ", ".join(str(home) for home in homes)
        raise ConflictError(
            "this id is retired", remedy=f"Its records are in {where} now" if where else "Its last record went"
        )
    if not visibility.sees(found.sources, found.closed_to):
        raise NotFoundError("there is no profile with this id")
    return found


def seen_at_all(connection: Connection, visibility: Visibility, profile_ids: Sequence[UUID]) -> list[UUID]:
    """Those of these profiles, retired ones too, of which the caller may see a record."""
    found = [profiles.find_profile(connection, profile_id) for profile_id in profile_ids]
    return [f.profile_id for f in found if f is not None and visibility.sees(f.sources, f.closed_to)]
