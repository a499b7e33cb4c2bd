"""/v1/overrides: a steward's word on records, asked or unasked."""

from typing import Annotated, Literal

from fastapi import APIRouter, Query, Response
from pydantic import Field

from cdi import stewardship
from cdi.api.answers import answer
from cdi.api.desk import AtDesk, Body, IdempotencyKey, Number, Reason, RecordName
from cdi.api.problems import CHANGE_PROBLEMS
from cdi.ids import parse_record_key
from cdi.resolution.decisions import Verdict

router = APIRouter(prefix="/v1/overrides", tags=["overrides"], responses=CHANGE_PROBLEMS)


class Override(Body):
    """`match`: all these records are one customer. `no_match` and `household`: no record of `left` is one customer
    with a record of `right`."""

    verdict: Verdict
    left: Annotated[list[RecordName], Field(min_length=1, max_length=1_000)]
    right: Annotated[list[RecordName], Field(min_length=1, max_length=1_000)]
    reason: Reason


class Revocation(Body):
    """Why a decision is taken back."""

    reason: Reason


@router.post("", status_code=201)
def add_override(body: Override, desk: AtDesk, idempotency_key: IdempotencyKey = None) -> Response:
    """Say it, and have it resolved: the answer names the profiles affected. 409 names the standing decisions that say
    otherwise; `status` is `waiting` where stewards of other owners must agree first."""
    left, right = [parse_record_key(name) for name in body.left], [parse_record_key(name) for name in body.right]
    told = stewardship.once(
        desk,
        "overrides",
        idempotency_key,
        body.model_dump(),
        lambda: stewardship.add_override(desk, body.verdict, left, right, body.reason),
    )
    return answer(told, 201)


@router.get("")
def list_overrides(
    desk: AtDesk,
    record: Annotated[str | None, Query(max_length=600)] = None,
    status: Literal["standing", "waiting", "revoked"] | None = None,
    before: Annotated[int | None, Query(ge=1, le=2**62)] = None,
    limit: Annotated[int, Query(ge=1, le=200)] = 50,
) -> Response:
    """Decisions, those on reviews too, newest first; `before` of the answer is where to go on."""
    named = None if record is None else parse_record_key(record)
    found = stewardship.list_overrides(desk, named, status, before, limit + 1)
    return answer({"overrides": found[:limit], "before": found[limit - 1]["id"] if len(found) > limit else None})


@router.get("/{override_id}")
def get_override(override_id: Number, desk: AtDesk) -> Response:
    """One decision with what became of it."""
    return answer(stewardship.show_override(desk, override_id))


@router.delete("/{override_id}")
def revoke_override(
    override_id: Number,
    desk: AtDesk,
    body: Revocation | None = None,
    reason: Annotated[str | None, Query(max_length=2_000)] = None,
) -> Response:
    """Take it back, with the reason (in the body, or as `?reason=` for clients that send none); the history keeps
    both."""
    return answer(stewardship.revoke_override(desk, override_id, body.reason if body else reason or ""))
