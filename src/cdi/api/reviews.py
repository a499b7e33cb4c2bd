"""/v1/reviews: the questions that stewards answer."""

from typing import Annotated, Literal
from uuid import UUID

from fastapi import APIRouter, Query, Response

from cdi import stewardship
from cdi.api.answers import answer
from cdi.api.desk import AtDesk, Body, IdempotencyKey, IfMatch, Number, Reason, tag
from cdi.api.problems import CHANGE_PROBLEMS
from cdi.resolution.decisions import Verdict
from cdi.store.reviews import ReviewFilter

router = APIRouter(prefix="/v1/reviews", tags=["reviews"], responses=CHANGE_PROBLEMS)


class Decision(Body):
    """A steward's answer."""

    verdict: Verdict
    reason: Reason


@router.get("")
def list_reviews(
    desk: AtDesk,
    owner: Annotated[str | None, Query(max_length=100)] = None,
    kind: Annotated[str | None, Query(max_length=100)] = None,
    status: Literal["open", "waiting", "closed", "all"] | None = None,
    profile: UUID | None = None,
    after: Annotated[int | None, Query(ge=0, le=2**62)] = None,
    limit: Annotated[int, Query(ge=1, le=200)] = 50,
) -> Response:
    """Reviews of the caller's owners, oldest first, without `status` those that need an answer: open ones, and those
    that wait for the consent of other owners. `after` of the answer is where to go on (null: this was all)."""
    narrowed = ReviewFilter(owner=owner, kind=kind, status=status, profile_id=profile, after=after)
    found = stewardship.list_reviews(desk, narrowed, limit + 1)
    return answer({"reviews": found[:limit], "after": found[limit - 1]["id"] if len(found) > limit else None})


@router.get("/{review_id}")
def get_review(review_id: Number, desk: AtDesk) -> Response:
    """One review, with its ETag and what was decided. The evidence stands at /v1/explain?a=…&b=…"""
    told = stewardship.show_review(desk, review_id)
    return answer(told, headers=tag(told["etag"]))


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


@router.post("/{review_id}/decision")
def decide_review(
    review_id: Number,
    body: Decision,
    desk: AtDesk,
    if_match: IfMatch = None,
    idempotency_key: IdempotencyKey = None,
) -> Response:
    """Answer it: `match`, `household`, `no_match`, or `unsure`, which leaves it in peace until a record changes."""
    told = stewardship.once(
        desk,
        f"reviews/{review_id}",
        idempotency_key,
        body.model_dump(),
        lambda: stewardship.decide_review(desk, review_id, body.verdict, body.reason, if_match),
    )
    return answer(told)
