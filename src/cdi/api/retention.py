"""/v1/retention and /v1/holds: what is kept no longer, and what must be kept nevertheless."""

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Query, Response
from pydantic import AwareDatetime

from cdi.api.answers import answer
from cdi.api.dependencies import AuditTrail, Here, Officer, Work
from cdi.api.desk import Body, Number, Reason, RecordName
from cdi.api.problems import CHANGE_PROBLEMS
from cdi.clock import utc_now
from cdi.ids import parse_record_key
from cdi.privacy import holds, retention
from cdi.privacy.holds import Holding

router = APIRouter(prefix="/v1", tags=["retention"], responses=CHANGE_PROBLEMS)


@router.get("/retention/due")
def preview_retention(
    installation: Here,
    connection: Work,
    _caller: Officer,
    trail: AuditTrail,
    source: Annotated[str | None, Query(max_length=100)] = None,
    listed: Annotated[int, Query(ge=0, le=1_000, description="Records of each rule that are named")] = 100,
) -> Response:
    """What a run would remove now, by rule of cdi.yaml: how many records, how many a legal hold protects, and the
    first of them by name. Nothing is changed: a run is `cdi retention`, or the worker's by its schedule."""
    told = retention.preview(connection, installation, utc_now(), source, listed)
    trail.saw(one["profile"] for rule in told["rules"] for one in rule["records"] if one["profile"])
    return answer(told)


@router.get("/retention/runs")
def list_retention_runs(
    connection: Work, _caller: Officer, limit: Annotated[int, Query(ge=1, le=200)] = 50
) -> Response:
    """What runs removed, newest first: source, rule, how many, when, by whom; never a value."""
    return answer({"runs": retention.list_runs(connection, limit)})


class NewHold(Body):
    """What is held and why: a profile with all that is in it, or one record (`source:key`)."""

    reason: Reason
    profile: UUID | None = None
    record: RecordName | None = None
    until: AwareDatetime | None = None


class Lifting(Body):
    """Why a hold ends."""

    reason: Reason


@router.get("/holds")
def list_holds(
    connection: Work,
    caller: Officer,
    standing: bool = True,
    profile: UUID | None = None,
    before: Annotated[int | None, Query(ge=1, le=2**62)] = None,
    limit: Annotated[int, Query(ge=1, le=200)] = 50,
) -> Response:
    """Legal holds, newest first, those that stand unless `standing=false`; with `profile` those that protect it now."""
    found = holds.list_holds(
        connection, caller.visibility, utc_now(), limit + 1, standing=standing, profile=profile, before=before
    )
    return answer({"holds": found[:limit], "before": found[limit - 1]["id"] if len(found) > limit else None})


@router.post("/holds", status_code=201)
def place_hold(body: NewHold, connection: Work, caller: Officer, trail: AuditTrail) -> Response:
    """From now on nothing of it is removed, neither by retention nor on request, until the hold is lifted."""
    record = None if body.record is None else parse_record_key(body.record)
    wanted = Holding(body.reason, body.profile, record, body.until)
    return answer(holds.place(connection, caller, trail, wanted, utc_now()), 201)


@router.get("/holds/{hold_id}")
def get_hold(hold_id: Number, connection: Work, caller: Officer) -> Response:
    """One hold with its history."""
    return answer(holds.show(connection, caller.visibility, hold_id, utc_now()))


@router.delete("/holds/{hold_id}")
def lift_hold(
    hold_id: Number,
    connection: Work,
    caller: Officer,
    trail: AuditTrail,
    body: Lifting | None = None,
    reason: Annotated[str | None, Query(max_length=2_000)] = None,
) -> Response:
    """Lift it, with the reason (in the body, or as `?reason=` for clients that send none); the history keeps both."""
    why = body.reason if body else reason or ""
    return answer(holds.lift(connection, caller, trail, hold_id, why, utc_now()))
