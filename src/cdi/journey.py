"""The journey: what a customer and we did together, over all channels, newest first; which channel they prefer; and the
requests that are open, which every channel sees and can close."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final
from uuid import UUID

from sqlalchemy import Connection

from cdi.access import Caller, Visibility
from cdi.errors import ConflictError, InvalidInputError, NotFoundError
from cdi.fields import FieldGroup
from cdi.pipeline import Installation
from cdi.serving import key_as_seen
from cdi.store import touchpoints
from cdi.store.profiles import FoundProfile
from cdi.store.touchpoints import JourneyFilter, Place, Touchpoint

PLAIN: Final = frozenset({"type", "channel", "at", "direction", "state", "amount", "currency", "purpose"})
"""What a touchpoint says in no words of the customer. The rest (a subject, participants) is shown to those who may see
contact values and custom ones."""
WORDY: Final = frozenset({FieldGroup.CONTACT, FieldGroup.CUSTOM})


def journey(
    connection: Connection,
    installation: Installation,
    visibility: Visibility,
    found: FoundProfile,
    narrowed: JourneyFilter,
    limit: int,
    now: datetime,
) -> dict[str, Any]:
    """A page of the touchpoints of a live profile, and the channels that this customer uses, the preferred one first.
    `after` of the answer continues it (None: this was all)."""
    seen = touchpoints.journey(connection, visibility, found.profile_id, narrowed, limit + 1)
    last = seen[limit - 1] if seen[limit:] else None
    used = touchpoints.channels_used(connection, visibility, found.profile_id, now)
    return {
        "id": found.profile_id,
        "data_owner": found.document["data_owner"],
        "preferred_channel": used[0].channel if used else None,
        "channels": [
            {"channel": u.channel, "weight": round(u.weight, 4), "touchpoints": u.touchpoints, "last_at": u.last_at}
            for u in used
        ],
        "touchpoints": [_told(installation, visibility, touchpoint) for touchpoint in seen[:limit]],
        "after": None if last is None else f"{last.at.isoformat()}~{last.touchpoint_id}",
    }


def latest(connection: Connection, visibility: Visibility, profile_id: UUID, limit: int = 20) -> list[dict[str, Any]]:
    """The latest touchpoints of a profile as their sources tell them, with the source of each."""
    found = touchpoints.journey(connection, visibility, profile_id, JourneyFilter(), limit)
    return [{"source": touchpoint.source, **touchpoint.document} for touchpoint in found]


def place(cursor: str | None) -> Place | None:
    """Where a journey goes on. InvalidInputError for a cursor of something else."""
    if cursor is None:
        return None
    at, _, number = cursor.partition("~")
    try:
        found = Place(datetime.fromisoformat(at), int(number))
    except ValueError:
        found = None
    if found is None or found.at.tzinfo is None or not 0 < found.touchpoint_id < 2**63:
        raise InvalidInputError("after is no cursor of this list", remedy="Send what the last answer gave")
    return found


def close(
    connection: Connection,
    installation: Installation,
    caller: Caller,
    touchpoint_id: int,
    outcome: str,
    now: datetime,
) -> dict[str, Any]:
    """Close an open request or ticket: who did it, when, and what came of it are kept.

    Raises NotFoundError for one that the caller may not see, ConflictError for one that is not open.
    """
    found = touchpoints.find_touchpoint(connection, caller.visibility, touchpoint_id, lock=True)
    if found is None:
        raise NotFoundError("there is no touchpoint with this id")
    if found.type not in touchpoints.ANSWERABLE:
        raise ConflictError(f"a touchpoint of type {found.type} is never open", remedy="Requests and tickets are")
    if not found.open:
        raise ConflictError("it is closed already", remedy="The journey says by whom and when")
    touchpoints.save_closing(connection, touchpoint_id, caller.name, outcome, now)
    closed = touchpoints.find_touchpoint(connection, caller.visibility, touchpoint_id)
    assert closed is not None
    return _told(installation, caller.visibility, closed)


def _told(installation: Installation, visibility: Visibility, touchpoint: Touchpoint) -> dict[str, Any]:
    said: Mapping[str, Any] = touchpoint.document
    if not visibility.groups >= WORDY:
        said = {name: value for name, value in said.items() if name in PLAIN}
    told = {
        "id": touchpoint.touchpoint_id,
        "source": touchpoint.source,
        "key": key_as_seen(touchpoint.key, visibility),
        "data_owner": installation.owner_of(touchpoint.source),
        **said,
        "at": touchpoint.at,
    }
    if touchpoint.type in touchpoints.ANSWERABLE:
        told["open"] = touchpoint.open
    if touchpoint.closing is not None:
        author, outcome, at = touchpoint.closing
        told["closed"] = {"by": author, "at": at, "outcome": outcome}
    return told
