"""Taking records out of a profile: one decision, "these are not those". A preview is the same transaction, rolled
back: what it says is what happens."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final
from uuid import UUID

from cdi.errors import InvalidInputError
from cdi.ids import RecordKey
from cdi.resolution.decisions import Verdict
from cdi.serving import live_profile, present
from cdi.stewardship.desk import Desk, must_be_current, must_have_reason
from cdi.store import changes, decisions, profiles, touchpoints
from cdi.store.profiles import FoundProfile

EVENTS: Final = 1_000
"""A split says a handful; nobody reads more."""


@dataclass(frozen=True, slots=True)
class Split:
    """What shall be taken out of a profile, and why: its records are another customer (`no_match`), or another
    person of the household."""

    taken_out: Sequence[RecordKey]
    reason: str
    verdict: Verdict = Verdict.NO_MATCH


def split_profile(
    desk: Desk, profile_id: UUID, split: Split, *, dry_run: bool, if_match: str | None = None
) -> dict[str, Any]:
    """Take records out of a profile; every part is built again from facts.

    The answer tells the profiles that result, each with its fate (`kept`, `revived`, `created` or `joined`), its
    records, touchpoints, consents and golden record, and what subscribers of the change feed are told. In a preview a
    profile that would be created has no id yet.
    """
    if not split.verdict.separates:
        raise InvalidInputError("records are taken out with no_match or household", remedy="Leave out verdict")
    because = must_have_reason(split.reason)
    desk.alone()
    found = live_profile(desk.connection, desk.visibility, profile_id)
    must_be_current(if_match, str(found.version))
    with desk.connection.begin_nested() as trial:
        told = _take_out(desk, found, split, because, dry_run=dry_run)
        if dry_run:
            trial.rollback()
    return told


def _take_out(desk: Desk, found: FoundProfile, split: Split, reason: str, *, dry_run: bool) -> dict[str, Any]:
    members = profiles.load_members(desk.connection, [found.profile_id])[found.profile_id]
    these, those = _divide(desk, found, members, split)
    before = _described(desk, [found.profile_id])
    cursor = changes.last_cursor(desk.connection)
    decision_id = decisions.save_decision(
        desk.connection, split.verdict, these, those, desk.caller.name, reason, desk.now
    )
    desk.resolve(these)
    feed = changes.read_changes(desk.connection, desk.visibility, cursor, EVENTS)
    fates = {event["profile_id"]: event["type"] for event in feed if event["type"] in {"created", "revived"}}
    oldest: dict[UUID, int] = {}
    for record, home in sorted(profiles.load_memberships(desk.connection, members).items()):
        oldest.setdefault(home, record)
    unknown = {i for i, fate in fates.items() if fate == "created"} if dry_run else set()
    stored = decisions.find_decision(desk.connection, decision_id)
    assert stored is not None
    return {
        "id": found.profile_id,
        "data_owner": found.document["data_owner"],
        "dry_run": dry_run,
        "decision": None if dry_run else desk.told(stored),
        "before": before[0] if before else None,
        "after": [
            {
                **part,
                "id": None if part["id"] in unknown else part["id"],
                "fate": "kept" if part["id"] == found.profile_id else fates.get(part["id"], "joined"),
            }
            for part in _described(desk, sorted(oldest, key=lambda home: (home != found.profile_id, oldest[home])))
        ],
        "feed": [_event(event, unknown) for event in feed],
    }


def _divide(desk: Desk, found: FoundProfile, members: Sequence[int], split: Split) -> tuple[list[int], list[int]]:
    """The records that go and those that stay, if this steward may part them and nothing stands against it."""
    these = desk.records_named(split.taken_out)
    those = sorted(set(members) - set(these))
    if not these or not set(these) <= set(members):
        raise InvalidInputError("not all records named are in this profile", remedy="Name some of its records")
    if not those:
        raise InvalidInputError("these are all its records", remedy="Name those that are another customer")
    desk.must_act_for({*desk.owners_of(members), found.document["data_owner"]})
    desk.must_not_contradict(split.verdict, these, those)
    return these, those


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
