"""Taking records out of a profile: one decision, "these are not those". A preview is the same transaction, rolled
back: what it says is what happens."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from cdi.errors import InvalidInputError
from cdi.ids import RecordKey
from cdi.resolution.decisions import Verdict
from cdi.serving import live_profile
from cdi.stewardship.desk import Desk, must_be_current, must_have_reason
from cdi.stewardship.outcome import look_after, look_before, tried
from cdi.stewardship.overrides import ask_for_consent, consent_missing
from cdi.store import decisions, profiles
from cdi.store.profiles import FoundProfile


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
    """Take records out of a profile; every part is built again from facts. Where `cdi.yaml` asks for a second steward
    (`awaits`), it waits on a review of kind `split` until one says the same; a preview tells what it does then.

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
    return tried(desk, lambda: _take_out(desk, found, split, because, dry_run=dry_run), dry_run=dry_run)


def _take_out(desk: Desk, found: FoundProfile, split: Split, reason: str, *, dry_run: bool) -> dict[str, Any]:
    members = profiles.load_members(desk.connection, [found.profile_id])[found.profile_id]
    these, those = _divide(desk, found, members, split)
    before = look_before(desk, [found.profile_id])
    awaits = consent_missing(desk, split.verdict, these, those, desk.owners_of(members))
    waits = [] if dry_run else awaits
    decision_id = decisions.save_decision(
        desk.connection, split.verdict, these, those, desk.caller.name, reason, desk.now, awaits=waits
    )
    if waits:
        ask_for_consent(desk, decision_id)
    else:
        desk.resolve(these)
    stored = decisions.find_decision(desk.connection, decision_id)
    assert stored is not None
    return {
        "id": found.profile_id,
        "data_owner": found.document["data_owner"],
        "dry_run": dry_run,
        "awaits": awaits,
        "decision": None if dry_run else desk.told(stored),
        "before": before.described[0] if before.described else None,
        **look_after(desk, before, dry_run=dry_run),
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
