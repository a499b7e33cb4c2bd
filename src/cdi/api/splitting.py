"""/v1/profiles/{id}/split: records are taken out of a profile, for good."""

from typing import Annotated, Literal
from uuid import UUID

from fastapi import APIRouter, Query, Response
from pydantic import Field

from cdi import stewardship
from cdi.api.answers import answer
from cdi.api.desk import AtDesk, Body, IdempotencyKey, IfMatch, Reason, RecordName
from cdi.api.problems import CHANGE_PROBLEMS
from cdi.ids import parse_record_key
from cdi.resolution.decisions import Verdict
from cdi.stewardship import Split

router = APIRouter(prefix="/v1/profiles", tags=["split"], responses=CHANGE_PROBLEMS)


class TakingOut(Body):
    """The records that are another customer (or, with `household`, another person of the household)."""

    records: Annotated[list[RecordName], Field(min_length=1, max_length=1_000)]
    reason: Reason
    verdict: Literal[Verdict.NO_MATCH, Verdict.HOUSEHOLD] = Verdict.NO_MATCH


@router.post("/{profile_id}/split")
def split_profile(
    profile_id: UUID,
    body: TakingOut,
    desk: AtDesk,
    dry_run: Annotated[bool, Query(description="Tell what would happen, and change nothing")] = False,
    if_match: IfMatch = None,
    idempotency_key: IdempotencyKey = None,
) -> Response:
    """Un-merge: what results, and what subscribers are told. With `dry_run` the same answer, and nothing changes."""
    split = Split([parse_record_key(name) for name in body.records], body.reason, body.verdict)
    told = stewardship.once(
        desk,
        f"split/{profile_id}",
        None if dry_run else idempotency_key,
        body.model_dump(),
        lambda: stewardship.split_profile(desk, profile_id, split, dry_run=dry_run, if_match=if_match),
    )
    return answer(told)
