"""Legal holds as the officer places and lifts them: nothing that one protects is removed while it stands, and its
history stays."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Connection

from cdi.access import Caller, Visibility
from cdi.audit import Trail
from cdi.errors import ConflictError, InvalidInputError, NotFoundError
from cdi.ids import RecordKey
from cdi.serving import locate, names_seen
from cdi.store import holds, profiles, records
from cdi.store.db import resolver_lock
from cdi.store.holds import Hold


@dataclass(frozen=True, slots=True)
class Holding:
    """What is to be held and why: a profile with all that is in it, or one record; until a day, if one is known."""

    reason: str
    profile: UUID | None = None
    record: RecordKey | None = None
    until: datetime | None = None


def place(connection: Connection, caller: Caller, trail: Trail, wanted: Holding, now: datetime) -> dict[str, Any]:
    """Nothing of this profile (or record) is removed from now on. It goes with the records through merges and splits.

    Raises InvalidInputError, NotFoundError.
    """
    reason = _reason(wanted.reason)
    if (wanted.profile is None) == (wanted.record is None):
        raise InvalidInputError("a hold is on a profile or on a record", remedy="Name one of the two")
    if wanted.until is not None and wanted.until <= now:
        raise InvalidInputError("this hold would be over already", remedy="Name a time to come, or none")
    resolver_lock(connection)  # whatever removes records holds it: it has ended, or sees this hold
    profile, ids = _anchors(connection, caller.visibility, wanted)
    hold_id = holds.place_hold(connection, profile, ids, reason, caller.actor, wanted.until, now)
    trail.about["hold_id"] = hold_id
    trail.saw([] if profile is None else [profile])
    return show(connection, caller.visibility, hold_id, now)


def _anchors(connection: Connection, visibility: Visibility, wanted: Holding) -> tuple[UUID | None, Sequence[int]]:
    if wanted.profile is not None:
        where = locate(connection, visibility, wanted.profile)
        if where.profile is None:
            raise NotFoundError("this profile has ended", remedy="Ask for it: the answer names where its records are")
        found = where.profile.profile_id
        return found, profiles.load_members(connection, [found])[found]
    assert wanted.record is not None
    named = records.find_record_ids(connection, [(wanted.record.source, wanted.record.key)])
    ids = [record_id for _, _, record_id in named]
    if not ids:
        raise NotFoundError(f"source {wanted.record.source} has no such customer record", remedy="Check the key")
    return None, ids


def lift(
    connection: Connection, caller: Caller, trail: Trail, hold_id: int, reason: str, now: datetime
) -> dict[str, Any]:
    """The hold ends; who placed and who lifted it, when and why, is kept."""
    because = _reason(reason)
    found = _found(connection, hold_id)
    if not holds.lift_hold(connection, hold_id, because, caller.actor, now):
        raise ConflictError(f"hold {hold_id} was lifted before", remedy="Nothing is left to do")
    trail.saw([] if found.profile_id is None else [found.profile_id])
    return show(connection, caller.visibility, hold_id, now)


def show(connection: Connection, visibility: Visibility, hold_id: int, now: datetime) -> dict[str, Any]:
    """One hold with its history."""
    return _told(connection, visibility, _found(connection, hold_id), now)


def list_holds(
    connection: Connection,
    visibility: Visibility,
    now: datetime,
    limit: int,
    *,
    standing: bool = False,
    profile: UUID | None = None,
    before: int | None = None,
) -> list[dict[str, Any]]:
    """Holds, newest first: all of them, those that stand, or those that protect this profile now."""
    members = None if profile is None else profiles.load_members(connection, [profile]).get(profile, [])
    found = holds.list_holds(
        connection, limit, before=before, standing_at=now if standing or members is not None else None, on=members
    )
    return [_told(connection, visibility, hold, now) for hold in found]


def _found(connection: Connection, hold_id: int) -> Hold:
    found = holds.find_hold(connection, hold_id)
    if found is None:
        raise NotFoundError("there is no hold with this id")
    return found


def _told(connection: Connection, visibility: Visibility, hold: Hold, now: datetime) -> dict[str, Any]:
    names = names_seen(connection, visibility, hold.record_ids)
    return {
        "id": hold.hold_id,
        "profile": hold.profile_id,
        "records": [names[i] for i in hold.record_ids if i in names],
        "reason": hold.reason,
        "author": hold.author,
        "at": hold.at,
        "until": hold.until,
        "status": "standing" if hold.stands(now) else "lifted" if hold.lifted_at else "over",
        "lifted_at": hold.lifted_at,
        "lifted_by": hold.lifted_by,
        "lifted_reason": hold.lifted_reason,
    }


def _reason(said: str) -> str:
    if not said.strip():
        raise InvalidInputError("a hold needs a reason", remedy="Say it in a few words: they are kept")
    return said.strip()
