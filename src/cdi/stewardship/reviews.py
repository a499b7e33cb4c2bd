"""Reviews are answered: claimed, decided, or left in peace. A verdict on a review is the same fact as an override."""

import math
from collections.abc import Collection
from dataclasses import asdict
from datetime import timedelta
from typing import Any, Final
from uuid import UUID

from cdi.access import Role
from cdi.errors import ConflictError, NotFoundError
from cdi.resolution.decisions import Verdict
from cdi.serving import key_as_seen
from cdi.stewardship.desk import Desk, must_be_current, must_have_reason
from cdi.stewardship.outcome import look_after, look_before, tried
from cdi.stewardship.overrides import IDENTITY_JUMP, consent_missing, revoke_override, told_now, touched
from cdi.store import decisions, profiles, records, reviews
from cdi.store.decisions import SECOND_STEWARD, StoredDecision
from cdi.store.notes import load_notes
from cdi.store.reviews import Review, ReviewFilter, ReviewSide

CLAIM: Final = timedelta(minutes=10)
PAIR: Final = "pair"
ABOUT_A_LINK: Final = frozenset({"doubtful_link", "overruled"})
"""Reviews that ask whether a steward's match still holds: separating the two answers that match too."""


def list_reviews(desk: Desk, narrowed: ReviewFilter, limit: int) -> list[dict[str, Any]]:
    """Reviews of the steward's owners, oldest first, or riskiest first."""
    found = reviews.list_reviews(desk.connection, desk.visibility, narrowed, limit, desk.now)
    return [_told(desk, review) for review in found]


def to_agree(desk: Desk) -> ReviewFilter:
    """What others said that waits for this steward to say the same: as a second one, or for an owner."""
    return ReviewFilter(status="waiting", agreeable_by=desk.caller.name, awake_at=desk.now, order="risk")


def list_to_agree(desk: Desk, limit: int) -> list[dict[str, Any]]:
    """The reviews on which it waits, with the decision that does."""
    found = reviews.list_reviews(desk.connection, desk.visibility, to_agree(desk), limit, desk.now)
    return [_told(desk, one) | {"decision": desk.told(said)} for one in found if (said := _decision_of(desk, one))]


def count_reviews(desk: Desk, narrowed: ReviewFilter, at_most: int) -> int:
    """How many there are, up to `at_most`."""
    return reviews.count_reviews(desk.connection, desk.visibility, narrowed, at_most, desk.now)


def show_review(desk: Desk, review_id: int) -> dict[str, Any]:
    """One review, with what was decided on it."""
    review = _found(desk, review_id)
    stored = _decision_of(desk, review)
    notes = [asdict(note) for note in load_notes(desk.connection, review_id)]
    return _told(desk, review) | {"decision": None if stored is None else desk.told(stored), "notes": notes}


def claim_review(desk: Desk, review_id: int) -> dict[str, Any]:
    """Hold a review for ten minutes, or ten more. ConflictError names who else holds it."""
    review = _open(_found(desk, review_id))
    if not reviews.claim(desk.connection, review_id, desk.caller.name, desk.now + CLAIM, desk.now):
        raise _held(_found(desk, review.id))
    return _told(desk, _found(desk, review_id))


def release_review(desk: Desk, review_id: int) -> dict[str, Any]:
    """Let go of a review; an admin may let go for somebody else."""
    review = _open(_found(desk, review_id))
    holder = review.held_by(desk.now)
    if holder not in {None, desk.caller.name} and desk.caller.role is not Role.ADMIN:
        raise _held(review)
    reviews.release(desk.connection, review_id)
    return _told(desk, _found(desk, review_id))


def decide_review(
    desk: Desk, review_id: int, verdict: Verdict, reason: str, if_match: str | None = None, *, in_bulk: bool = False
) -> dict[str, Any]:
    """Answer a review. `unsure` closes it until a record in it changes.

    Raises ConflictError for one that is closed or held by somebody else, StaleError where `if_match` is not its tag
    any more, ContradictionError naming the standing decisions that say otherwise.
    """
    because = must_have_reason(reason)
    desk.alone()
    review = _open(_found(desk, review_id))
    if review.held_by(desk.now) not in {None, desk.caller.name}:
        raise _held(review)
    must_be_current(if_match, review.etag)
    return _answer(desk, review, verdict, because, in_bulk=in_bulk) | {"review": _told(desk, _found(desk, review_id))}


def preview_decision(
    desk: Desk, review_id: int, verdict: Verdict, reason: str, if_match: str | None = None
) -> dict[str, Any]:
    """What this answer would do, also while somebody else holds the review: the profiles before and after, and what
    subscribers would be told. `status` says whether it would stand or wait for others to agree."""
    because = must_have_reason(reason)
    desk.alone()
    review = _open(_found(desk, review_id))
    must_be_current(if_match, review.etag)
    before = look_before(desk, {review.left.profile, review.right.profile})

    def answered() -> dict[str, Any]:
        told = _answer(desk, review, verdict, because)
        if told["awaits"]:  # what it would do once the others agree
            decisions.agree(desk.connection, told["id"], (), desk.caller.name, desk.now)
            _take_effect(desk, review, told["id"])
        return {"status": told["status"], "awaits": told["awaits"], **look_after(desk, before, dry_run=True)}

    return {
        "review": _told(desk, review),
        "dry_run": True,
        "verdict": verdict.value,
        "before": list(before.described),
        **tried(desk, answered, dry_run=True),
    }


def undo_decision(desk: Desk, review_id: int, reason: str) -> dict[str, Any]:
    """Take back what a review was answered with (or what waits on it). `review` is the one that asks again; null when
    the question does not stand any more."""
    desk.alone()
    review = _found(desk, review_id)
    if review.decision_id is None:
        raise ConflictError("nothing was decided on this review", remedy="Nothing is left to do")
    told = revoke_override(desk, review.decision_id, reason)
    asked = reviews.find_standing(desk.connection, review.kind, {review.left.record, review.right.record})
    return told | {"review": None if asked is None else _told(desk, _found(desk, asked))}


def _answer(desk: Desk, review: Review, verdict: Verdict, reason: str, *, in_bulk: bool = False) -> dict[str, Any]:
    if review.kind == IDENTITY_JUMP:
        return _settle_jump(desk, review, verdict, reason)
    proposal = _decision_of(desk, review) if review.status == "waiting" else None
    if proposal is not None and (verdict.links, verdict.separates) == (
        proposal.decision.verdict.links,
        proposal.decision.verdict.separates,
    ):
        return _consent(desk, review, proposal)
    if proposal is not None:
        decisions.revoke_decision(desk.connection, proposal.decision.id, desk.caller.name, reason, desk.now)
    return _decide(desk, review, verdict, reason, in_bulk=in_bulk)


def _decide(desk: Desk, review: Review, verdict: Verdict, reason: str, *, in_bulk: bool) -> dict[str, Any]:
    one, other = review.left.record, review.right.record
    awaits = consent_missing(desk, verdict, [one], [other], review.owners, in_bulk=in_bulk)
    left, right = _meant(desk, review, verdict)
    if not (awaits and review.kind in ABOUT_A_LINK):  # whose links stand until the others agree
        _make_way(desk, review, verdict, reason)
        desk.must_not_contradict(verdict, left, right)
    decision_id = decisions.save_decision(
        desk.connection, verdict, left, right, desk.caller.name, reason, desk.now, review.id, awaits
    )
    if awaits:
        reviews.wait_for_consent(desk.connection, review.id, decision_id)
        return told_now(desk, decision_id, ())
    _close(desk, review, verdict, decision_id)
    return told_now(desk, decision_id, {one, other})


def _meant(desk: Desk, review: Review, verdict: Verdict) -> tuple[list[int], list[int]]:
    """The records of which a verdict speaks: the two shown; but who says that two profiles are two customers says it
    of all their records, so that none of them can change sides later."""
    if review.kind == PAIR and verdict.separates:
        members = profiles.load_members(desk.connection, [review.left.profile, review.right.profile])
        return members[review.left.profile], members[review.right.profile]
    return [review.left.record], [review.right.record]


def _consent(desk: Desk, review: Review, proposal: StoredDecision) -> dict[str, Any]:
    """Another steward says the same, one of another owner or a second one: now the decision of the first takes
    effect. Who said it first is no second steward, but may agree for owners that they act for."""
    decision = proposal.decision
    for_owners = set(proposal.awaits) - {SECOND_STEWARD}
    mine = for_owners if desk.owners is None else desk.owners & for_owners
    if desk.caller.name not in {decision.author, *proposal.agreed_by}:
        mine = mine | {SECOND_STEWARD}
    if mine.isdisjoint(proposal.awaits):
        raise ConflictError(f"this waits for {' and '.join(proposal.awaits)}", remedy="Any other verdict takes it back")
    missing = sorted(set(proposal.awaits) - mine)
    decisions.agree(desk.connection, decision.id, missing, desk.caller.name, desk.now)
    if not missing:
        return _take_effect(desk, review, decision.id)
    reviews.release(desk.connection, review.id)  # whom it waits for now must be able to answer
    return told_now(desk, decision.id, ())


def _take_effect(desk: Desk, review: Review, decision_id: int) -> dict[str, Any]:
    """Everybody whom it took agrees."""
    stored = decisions.find_decision(desk.connection, decision_id)
    assert stored is not None
    decision = stored.decision
    _make_way(desk, review, decision.verdict, decision.reason)
    desk.must_not_contradict(decision.verdict, decision.left, decision.right)
    _close(desk, review, decision.verdict, decision.id)
    return told_now(desk, decision.id, touched(decision.verdict, decision.left, decision.right))


def _settle_jump(desk: Desk, review: Review, verdict: Verdict, reason: str) -> dict[str, Any]:
    """The source says something that fits another person: `match`, it is the same person and what is said counts;
    otherwise the key was given to somebody else, whose record begins now."""
    record, other = review.left.record, review.left.record
    if verdict.links:
        records.accept_held(desk.connection, record)
    elif verdict.separates:
        other = records.start_incarnation(desk.connection, record, desk.now) or record
    decision_id = decisions.save_decision(
        desk.connection, verdict, [record], [other], desk.caller.name, reason, desk.now, review.id
    )
    _close(desk, review, verdict, decision_id)
    return told_now(desk, decision_id, {record, other}, heard=True)


def _make_way(desk: Desk, review: Review, verdict: Verdict, reason: str) -> None:
    """Who separates what a link holds together takes back the matches that the review asks about."""
    if review.kind not in ABOUT_A_LINK or not verdict.separates:
        return
    both = {review.left.record, review.right.record}
    for decision in decisions.linked_decisions(desk.connection, sorted(both)):
        if decision.verdict.links and both <= decision.records:
            decisions.revoke_decision(desk.connection, decision.id, desk.caller.name, reason, desk.now)


def _close(desk: Desk, review: Review, verdict: Verdict, decision_id: int) -> None:
    reviews.close_review(desk.connection, review.id, f"decided: {verdict.value}", decision_id, desk.now)


def _found(desk: Desk, review_id: int) -> Review:
    review = reviews.find_review(desk.connection, desk.visibility, review_id)
    if review is None:
        raise NotFoundError("there is no review with this id")
    desk.must_act_for(review.owners)
    return review


def _open(review: Review) -> Review:
    if review.status == "closed":
        raise ConflictError(f"this review is closed ({review.closed_reason})", remedy="Revoke its decision if it errs")
    return review


def _held(review: Review) -> ConflictError:
    until = review.claimed_until.isoformat() if review.claimed_until else "a moment ago"
    return ConflictError(f"{review.claimed_by} holds this review until {until}", remedy="Wait, or ask for its release")


def _decision_of(desk: Desk, review: Review) -> StoredDecision | None:
    return None if review.decision_id is None else decisions.find_decision(desk.connection, review.decision_id)


def told_of(desk: Desk, review_id: int) -> dict[str, Any]:
    """A review as it stands now."""
    return _told(desk, _found(desk, review_id))


def found_review(desk: Desk, review_id: int) -> Review:
    """The review, for a steward who may see and answer it."""
    return _found(desk, review_id)


def must_be_answerable(desk: Desk, review_id: int) -> Review:
    """The review, if it needs an answer and this steward may give it."""
    return _open(_found(desk, review_id))


def _told(desk: Desk, review: Review) -> dict[str, Any]:
    desk.touches({review.left.profile, review.right.profile})
    holder = review.held_by(desk.now)
    return {
        "id": review.id,
        "kind": review.kind,
        "status": review.status,
        "reason": review.reason,
        "weight": review.weight,
        "probability": 1 / (1 + math.exp(-max(-700.0, review.weight))),
        "owners": list(review.owners),
        "left": _side(desk, review.left),
        "right": _side(desk, review.right),
        "profiles": _profiles({review.left.profile, review.right.profile}),
        "opened_at": review.opened_at,
        "claimed_by": holder,
        "claimed_until": review.claimed_until if holder else None,
        "assigned_to": review.assigned_to,
        "snoozed_until": review.snoozed_until,
        "closed_at": review.closed_at,
        "closed_reason": review.closed_reason,
        "decision_id": review.decision_id,
        "etag": review.etag,
    }


def _profiles(both: Collection[UUID]) -> list[str]:
    return sorted(map(str, both))


def _side(desk: Desk, side: ReviewSide) -> dict[str, Any]:
    return {
        "profile": side.profile,
        "data_owner": side.data_owner,
        "record": f"{side.source}:{key_as_seen(side.key, desk.visibility)}",
        "record_owner": desk.installation.owner_of(side.source),
    }
