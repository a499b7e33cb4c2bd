"""Overrides: a steward's word on records, asked or unasked. Appended, never edited; revocable, with its history."""

from collections.abc import Collection, Sequence
from typing import Any, Final

from cdi.access import EVERYTHING
from cdi.errors import ConflictError, InvalidInputError, NotFoundError
from cdi.ids import RecordKey
from cdi.resolution.decisions import Verdict
from cdi.stewardship.desk import Desk, homes_of, must_have_reason
from cdi.store import decisions, reviews
from cdi.store.decisions import SECOND_STEWARD, StoredDecision
from cdi.store.reviews import Question

IDENTITY_JUMP = "identity_jump"
MERGE: Final = ("pair", "a steward says that they are one customer")
SPLIT: Final = ("split", "a steward says that they are two customers")
"""The kind of a review on which a word waits, and why it is open."""


def add_override(
    desk: Desk, verdict: Verdict, left: Sequence[RecordKey], right: Sequence[RecordKey], reason: str
) -> dict[str, Any]:
    """These records and those are one customer (`match`), or are not (`no_match`, `household`).

    A match of records of several owners may wait for the consent of the others. The same word said twice is kept
    once. Raises ContradictionError naming the standing decisions that say otherwise.
    """
    if verdict is Verdict.UNSURE:
        raise InvalidInputError("unsure has no effect on records", remedy="It answers a review")
    because = must_have_reason(reason)
    desk.alone()
    these, those = desk.records_named(left), desk.records_named(right)
    owners = desk.owners_of([*these, *those])
    desk.must_act_for(owners)
    desk.must_not_contradict(verdict, these, those)
    standing = _same(desk, verdict, these, those)
    if standing is not None:
        return desk.told(standing) | {"affected": [], "data_owners": {}}
    awaits = consent_missing(desk, verdict, these, those, owners)
    decision_id = decisions.save_decision(
        desk.connection, verdict, these, those, desk.caller.name, because, desk.now, awaits=awaits
    )
    if awaits:
        ask_for_consent(desk, decision_id)
        return told_now(desk, decision_id, ())
    return told_now(desk, decision_id, touched(verdict, these, those))


def touched(verdict: Verdict, left: Collection[int], right: Collection[int]) -> set[int]:
    """The records that a verdict changes: all that it joins; of those that it separates the ones taken out, so that
    the part that stays keeps the profile's id where both are equal."""
    return set(left) if verdict.separates else {*left, *right}


def consent_missing(
    desk: Desk,
    verdict: Verdict,
    left: Collection[int],
    right: Collection[int],
    owners: Collection[str],
    *,
    in_bulk: bool = False,
) -> list[str]:
    """Who must agree: owners and perhaps a second steward to a merge of records that are not one customer already;
    a second steward, where the company asks for one, to what takes records out of a profile."""
    homes = homes_of(desk, {*left, *right})
    four_eyes = desk.installation.deployment.stewardship.four_eyes
    if verdict.separates:
        together = {homes[i] for i in left if i in homes} & {homes[i] for i in right if i in homes}
        return [SECOND_STEWARD] if together and four_eyes == "all" else []
    one_already = len(homes) == len({*left, *right}) and len(set(homes.values())) == 1
    if not verdict.links or one_already:
        return []
    second = four_eyes in {"merges", "all"} or (four_eyes == "bulk" and in_bulk)
    return [*desk.consent_missing(owners), *([SECOND_STEWARD] if second else [])]


def told_now(desk: Desk, decision_id: int, changed: Collection[int], *, heard: bool = False) -> dict[str, Any]:
    """The decision, after it took effect on the records that it changes, with the profiles affected. `heard`: what
    their source says changed with it."""
    resolved = desk.resolve(changed, heard=heard)
    stored = decisions.find_decision(desk.connection, decision_id)
    assert stored is not None
    return desk.told(stored) | desk.affected(resolved)


def _same(desk: Desk, verdict: Verdict, left: Sequence[int], right: Sequence[int]) -> StoredDecision | None:
    sides = {frozenset(left), frozenset(right)}
    for decision in decisions.standing_decisions(desk.connection, list(left)):
        if decision.verdict is verdict and {decision.left, decision.right} == sides:
            return decisions.find_decision(desk.connection, decision.id)
    return None


def ask_for_consent(desk: Desk, decision_id: int) -> None:
    """A review on which this decision waits: about the first records of its two sides that are apart, if it says that
    they are one customer; about the first ones that are in one profile, if it takes them apart."""
    stored = decisions.find_decision(desk.connection, decision_id)
    assert stored is not None
    decision = stored.decision
    homes = homes_of(desk, decision.records)
    ends = next(
        (
            ((homes[a], a), (homes[b], b))
            for a in sorted(decision.left & homes.keys())
            for b in sorted(decision.right & homes.keys())
            if (homes[a] == homes[b]) is decision.verdict.separates
        ),
        None,
    )
    if ends is None:
        raise ConflictError(
            "these records are in no two profiles now", remedy="Name records that are live, one of each profile"
        )
    kind, reason = SPLIT if decision.verdict.separates else MERGE
    (first, one), (second, other) = ends if decision.verdict.separates else sorted(ends)
    _must_not_wait_yet(desk, kind, {one, other})
    owners = sorted(desk.owners_of(decision.records))
    question = Question(kind, first, second, one, other, 0.0, reason, owners)
    reviews.wait_for_consent(desk.connection, reviews.open_waiting(desk.connection, question, desk.now), decision_id)


def _must_not_wait_yet(desk: Desk, kind: str, record_ids: Collection[int]) -> None:
    """A review waits on one decision; another one about the same profiles would push it out."""
    standing = reviews.find_standing(desk.connection, kind, record_ids)
    asked = None if standing is None else reviews.find_review(desk.connection, EVERYTHING, standing)
    if asked is not None and asked.status == "waiting":
        raise ConflictError(f"review {asked.id} waits for an answer to the same", remedy="Answer it, or take it back")


def revoke_override(desk: Desk, decision_id: int, reason: str) -> dict[str, Any]:
    """Take a decision back, an override or a review's; what it held together or apart is resolved again."""
    because = must_have_reason(reason)
    desk.alone()
    stored = _found(desk, decision_id)
    desk.must_act_for(desk.owners_of(stored.decision.records))
    if stored.status == "revoked":
        raise ConflictError(f"decision {decision_id} was revoked before", remedy="Nothing is left to do")
    asked = reviews.find_answered(desk.connection, decision_id)
    if asked is not None and asked.kind == IDENTITY_JUMP and stored.decision.verdict is not Verdict.UNSURE:
        raise ConflictError(
            "what a key means now has been settled, and later facts rest on it",
            remedy="Say with an override which records are one customer",
        )
    decisions.revoke_decision(desk.connection, decision_id, desk.caller.name, because, desk.now)
    if asked is not None and asked.kind == "split" and asked.status == "waiting":  # only the word asked
        reviews.close_review(desk.connection, asked.id, "taken back", decision_id, desk.now)
    elif asked is not None:
        reviews.reopen(desk.connection, asked.id)
    verdict = stored.decision.verdict
    return told_now(desk, decision_id, touched(verdict, stored.decision.left, stored.decision.right))


def show_override(desk: Desk, decision_id: int) -> dict[str, Any]:
    """One decision with what became of it."""
    return desk.told(_found(desk, decision_id))


def list_overrides(
    desk: Desk, record: RecordKey | None, status: str | None, before: int | None, limit: int
) -> list[dict[str, Any]]:
    """Decisions, newest first, on records that the steward may see; those of reviews too."""
    about = None if record is None else desk.records_named([record])
    found = decisions.list_decisions(desk.connection, desk.visibility, about, status, before, limit)
    return [desk.told(stored) for stored in found]


def _found(desk: Desk, decision_id: int) -> StoredDecision:
    stored = decisions.find_decision(desk.connection, decision_id)
    if stored is None or not desk.names_of(stored.decision.records):
        raise NotFoundError("there is no decision with this id")
    return stored
