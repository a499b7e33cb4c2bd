"""/v1/reviews: the questions that stewards answer."""

from typing import Annotated, Literal, TypeAlias
from uuid import UUID

from fastapi import APIRouter, Query, Response
from pydantic import AwareDatetime, Field

from cdi import stewardship
from cdi.api.answers import answer
from cdi.api.desk import AtDesk, Body, IdempotencyKey, IfMatch, Number, Reason, tag
from cdi.api.problems import CHANGE_PROBLEMS
from cdi.matching.model import log_odds
from cdi.resolution.decisions import Verdict
from cdi.stewardship.queue import MANY
from cdi.store.reviews import Order, ReviewFilter

router = APIRouter(prefix="/v1/reviews", tags=["reviews"], responses=CHANGE_PROBLEMS)


class Decision(Body):
    """A steward's answer."""

    verdict: Verdict
    reason: Reason


class Undoing(Body):
    """Why a decision is taken back."""

    reason: Reason


class Chosen(Body):
    """A review that is answered together with others, under the tag under which it was seen."""

    id: Annotated[int, Field(ge=1, le=2**63 - 1)]
    etag: Annotated[str | None, Field(max_length=200)] = None


class DecisionOnMany(Decision):
    """One answer to many reviews."""

    reviews: Annotated[list[Chosen], Field(min_length=1, max_length=MANY)]


class Assignment(Body):
    """To whom a review is given; null: to whoever comes."""

    steward: Annotated[str, Field(min_length=1, max_length=200)] | None


class Snooze(Body):
    """Until when a review is put off; null: it is in the queue again."""

    until: AwareDatetime | None
    reason: Annotated[str, Field(max_length=2_000)] = ""


class Comment(Body):
    """What the next one to read this review shall know."""

    said: Reason


Share: TypeAlias = Annotated[float | None, Query(ge=0, le=1)]


@router.get("")
def list_reviews(
    desk: AtDesk,
    owner: Annotated[str | None, Query(max_length=100)] = None,
    kind: Annotated[str | None, Query(max_length=100)] = None,
    status: Literal["open", "waiting", "closed", "all"] | None = None,
    profile: UUID | None = None,
    source: Annotated[str | None, Query(max_length=100)] = None,
    probability_from: Share = None,
    probability_below: Share = None,
    assigned_to: Annotated[str | None, Query(max_length=200)] = None,
    mine: Annotated[bool, Query(description="Given to the caller, or to whom they stand in for")] = False,
    agreeable: Annotated[bool, Query(description="Waits for the caller to say the same")] = False,
    awake: Annotated[bool, Query(description="Without those that were put off until later")] = False,
    order: Order = "age",
    after: Annotated[int | None, Query(ge=0, le=2**62)] = None,
    limit: Annotated[int, Query(ge=1, le=200)] = 50,
) -> Response:
    """Reviews of the caller's owners, without `status` those that need an answer: open ones, and those that wait for
    the consent of others. Oldest first; with `order=risk` first what is served wrongly now, then pairs by how likely
    they are one customer. `after` of the answer is where to go on (null: this was all)."""
    narrowed = ReviewFilter(
        owner=owner,
        kind=kind,
        status=status,
        profile_id=profile,
        source=source,
        weight_from=weight_of(probability_from),
        weight_below=weight_of(probability_below),
        assigned_to=stewardship.mine(desk) if mine else None if assigned_to is None else [assigned_to],
        agreeable_by=desk.caller.name if agreeable else None,
        awake_at=desk.now if awake else None,
        order=order,
        after=after,
    )
    found = stewardship.list_reviews(desk, narrowed, limit + 1)
    return answer({"reviews": found[:limit], "after": found[limit - 1]["id"] if len(found) > limit else None})


def weight_of(probability: float | None) -> float | None:
    """The match weight of a probability; None where nothing is asked, or nothing is left out."""
    return None if probability is None or not 0 < probability < 1 else log_odds(probability)


@router.post("/decisions")
def decide_many(
    body: DecisionOnMany,
    desk: AtDesk,
    dry_run: Annotated[bool, Query(description="Tell what would happen, and change nothing")] = False,
) -> Response:
    """Give the same answer to many reviews; those to which it cannot be given are told with why, and stand. With
    `dry_run` the same answer, and nothing changes."""
    chosen = {review.id: review.etag for review in body.reviews}
    return answer(stewardship.decide_many(desk, chosen, body.verdict, body.reason, dry_run=dry_run))


@router.get("/{review_id}")
def get_review(review_id: Number, desk: AtDesk) -> Response:
    """One review, with its ETag and what was decided. The evidence stands at /v1/explain?a=…&b=…"""
    told = stewardship.show_review(desk, review_id)
    return answer(told, headers=tag(told["etag"]))


@router.get("/{review_id}/involved")
def look_into(review_id: Number, desk: AtDesk) -> Response:
    """The records of both profiles with what they say, those that the question rests on first; the scored pairs among
    them, and the decisions that stand on them."""
    return answer(stewardship.look_into(desk, review_id))


@router.post("/{review_id}/claim")
def claim_review(review_id: Number, desk: AtDesk) -> Response:
    """Hold it for ten minutes, or ten more; 409 names who else holds it."""
    told = stewardship.claim_review(desk, review_id)
    return answer(told, headers=tag(told["etag"]))


@router.post("/{review_id}/release")
def release_review(review_id: Number, desk: AtDesk) -> Response:
    """Let go of it."""
    told = stewardship.release_review(desk, review_id)
    return answer(told, headers=tag(told["etag"]))


@router.put("/{review_id}/assignee")
def assign_review(review_id: Number, body: Assignment, desk: AtDesk) -> Response:
    """Give it to a steward, by name."""
    return answer(stewardship.assign_review(desk, review_id, body.steward))


@router.put("/{review_id}/snooze")
def snooze_review(review_id: Number, body: Snooze, desk: AtDesk) -> Response:
    """Put it off: until then it is nobody's turn."""
    return answer(stewardship.snooze_review(desk, review_id, body.until, body.reason))


@router.post("/{review_id}/comments")
def comment_on_review(review_id: Number, body: Comment, desk: AtDesk) -> Response:
    """Say something to whoever reads it next."""
    return answer(stewardship.comment_on_review(desk, review_id, body.said))


@router.post("/{review_id}/undo")
def undo_decision(review_id: Number, body: Undoing, desk: AtDesk) -> Response:
    """Take its decision back. `review` is the one that asks again, null if the question does not stand any more."""
    return answer(stewardship.undo_decision(desk, review_id, body.reason))


@router.post("/{review_id}/decision")
def decide_review(
    review_id: Number,
    body: Decision,
    desk: AtDesk,
    dry_run: Annotated[bool, Query(description="Tell what would happen, and change nothing")] = False,
    if_match: IfMatch = None,
    idempotency_key: IdempotencyKey = None,
) -> Response:
    """Answer it: `match`, `household`, `no_match`, or `unsure`, which leaves it in peace until a record changes. With
    `dry_run`: the profiles before and after, and what subscribers would be told."""
    if dry_run:
        return answer(stewardship.preview_decision(desk, review_id, body.verdict, body.reason, if_match))
    told = stewardship.once(
        desk,
        f"reviews/{review_id}",
        idempotency_key,
        body.model_dump(),
        lambda: stewardship.decide_review(desk, review_id, body.verdict, body.reason, if_match),
    )
    return answer(told)
