"""What an act of a steward did to profiles: before and after, what becomes of each, and what subscribers are told.

A preview is the act itself in a transaction that is rolled back: it cannot differ from the deed.
"""

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, TypeVar
from uuid import UUID

from cdi.serving import present
from cdi.stewardship.desk import Desk
from cdi.store import changes, profiles, touchpoints

EVENTS: Final = 1_000
"""An act says a handful; nobody reads more."""

T = TypeVar("T")


def tried(desk: Desk, act: Callable[[], T], *, dry_run: bool) -> T:
    """What `act` answers; in a dry run nothing of it stays."""
    with desk.connection.begin_nested() as trial:
        told = act()
        if dry_run:
            trial.rollback()
    return told


@dataclass(frozen=True, slots=True)
class Before:
    """Some profiles, and where the change feed stood, before an act."""

    profile_ids: Sequence[UUID]
    members: Sequence[int]
    described: Sequence[dict[str, Any]]
    cursor: int


def look_before(desk: Desk, profile_ids: Collection[UUID]) -> Before:
    """These profiles as they are."""
    ids = sorted(set(profile_ids))
    members = profiles.load_members(desk.connection, ids)
    return Before(
        ids,
        sorted(record for these in members.values() for record in these),
        _described(desk, ids),
        changes.last_cursor(desk.connection),
    )


def look_after(desk: Desk, before: Before, *, dry_run: bool) -> dict[str, Any]:
    """`after`: the profiles in which their records are now, each with its fate (`kept`, `revived`, `created` or
    `joined`); `feed`: what subscribers are told. In a dry run a profile that would be created has no id yet."""
    feed = changes.read_changes(desk.connection, desk.visibility, before.cursor, EVENTS).changes
    fates = {event["profile_id"]: event["type"] for event in feed if event["type"] in {"created", "revived"}}
    unknown = {i for i, fate in fates.items() if fate == "created"} if dry_run else set()
    oldest: dict[UUID, int] = {}
    for record, home in sorted(profiles.load_memberships(desk.connection, before.members).items()):
        oldest.setdefault(home, record)
    known = set(before.profile_ids)
    return {
        "after": [
            {
                **part,
                "id": None if part["id"] in unknown else part["id"],
                "fate": "kept" if part["id"] in known else fates.get(part["id"], "joined"),
            }
            for part in _described(desk, sorted(oldest, key=lambda home: (home not in known, oldest[home])))
        ],
        "feed": [_event(event, unknown) for event in feed],
    }


def _event(event: Mapping[str, Any], unknown: Collection[UUID]) -> dict[str, Any]:
    """What subscribers will be told; ids that are not given out yet are left open."""
    return {
        "type": event["type"],
        "profile_id": None if event["profile_id"] in unknown else event["profile_id"],
        "other_ids": [other for other in event["other_ids"] if other not in unknown],
        "attributes": event["attributes"],
        "data_owner": event["data_owner"],
    }


def _described(desk: Desk, profile_ids: Sequence[UUID]) -> list[dict[str, Any]]:
    """Profiles as the steward sees them: records, golden record, and how many touchpoints and consents they carry."""
    described = []
    counts = touchpoints.count_by_profile(desk.connection, desk.visibility, profile_ids)
    for profile_id in profile_ids:
        found = profiles.find_profile(desk.connection, profile_id)
        document = None if found is None else present(desk.connection, desk.installation, desk.visibility, found)
        if document is not None:
            touched, allowed = counts.get(profile_id, (0, 0))
            described.append(
                {
                    "id": profile_id,
                    "data_owner": document["data_owner"],
                    "records": [f"{record['source']}:{record['key']}" for record in document["records"]],
                    "touchpoints": touched,
                    "consents": allowed,
                    "golden": document["golden"],
                }
            )
    return described
