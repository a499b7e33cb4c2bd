"""/v1/sources: what is connected, how it went, what a source said and what could not be taken; and the push door."""

from typing import Annotated, Any

from fastapi import APIRouter, Depends, Header, Query, Response
from pydantic import AwareDatetime, BaseModel, ConfigDict, Field

from cdi import push, sources
from cdi.access import Caller, Role
from cdi.api.answers import answer
from cdi.api.dependencies import Admin, AuditTrail, Connecting, Here, Work, allowed_apart
from cdi.api.problems import PROBLEMS
from cdi.clock import utc_now
from cdi.ingest.contract import Op

router = APIRouter(prefix="/v1/sources", tags=["sources"], responses=PROBLEMS)


class PushedRecord(BaseModel):
    """One record of a push."""

    model_config = ConfigDict(extra="forbid")

    key: Annotated[str, Field(min_length=1, max_length=500)]
    data: dict[str, Any] = {}
    stream: Annotated[str, Field(max_length=100)] = "customers"
    op: Op = Op.UPSERT
    observed_at: AwareDatetime | None = None
    derived_from: Annotated[str | None, Field(max_length=100)] = None


class PushedRecords(BaseModel):
    """What an application says of its customers: at most 1,000 records."""

    model_config = ConfigDict(extra="forbid")

    records: Annotated[list[PushedRecord], Field(max_length=1000)]
    wait: bool = True


@router.post("/{source}/records", responses={202: {"description": "Landed; resolved soon"}})
def push_records(
    source: str,
    body: PushedRecords,
    installation: Here,
    caller: Annotated[Caller, Depends(allowed_apart(Role.CONNECTOR))],
    idempotency_key: Annotated[str | None, Header(max_length=200)] = None,
) -> Response:
    """Push records of a source. With `wait` the answer names the profiles that they belong to; without it the
    records are landed and resolved by the worker or the next run."""
    pushed = [push.Pushed(**record.model_dump()) for record in body.records]
    told = push.push(installation, caller, source, pushed, wait=body.wait, idempotency_key=idempotency_key)
    return answer(told, 200 if body.wait else 202)


@router.get("")
def list_sources(installation: Here, connection: Work, caller: Connecting) -> Response:
    """The source systems, each with its data owner, its figures and its last run."""
    found = sources.list_sources(connection, installation, caller)
    return answer({"sources": found})


@router.get("/{source}/runs")
def list_runs(
    source: str,
    installation: Here,
    connection: Work,
    caller: Connecting,
    limit: Annotated[int, Query(ge=1, le=200)] = 50,
    before: Annotated[int | None, Query(ge=1, le=2**62)] = None,
) -> Response:
    """How the syncs of a source went, newest first; `before` continues the list."""
    found = sources.runs(connection, installation, caller, source, limit, before)
    owner = installation.owner_of(source)
    return answer(
        {
            "source": source,
            "data_owner": owner,
            "runs": found,
            "before": found[-1]["run_id"] if found else None,
        }
    )


@router.post("/{source}/runs", status_code=202)
def ask_for_run(source: str, installation: Here, connection: Work, caller: Admin) -> Response:
    """A worker shall read this source now, whatever its schedule says. Its run appears in the list of runs."""
    sources.ask_for_reading(connection, installation, caller, source, utc_now())
    return answer({"source": source, "status": "asked"}, 202)


@router.get("/{source}/rejected")
def list_rejected(
    source: str,
    installation: Here,
    connection: Work,
    caller: Connecting,
    limit: Annotated[int, Query(ge=1, le=200)] = 50,
    after: Annotated[int | None, Query(ge=1, le=2**62)] = None,
) -> Response:
    """What could not be taken, oldest first, and why; `native` is what the source said, for those who act for its data
    owner and see every field group. `after` continues the list."""
    found = sources.list_rejected(connection, installation, caller, source, limit, after=after)
    return answer(
        {
            "source": source,
            "data_owner": installation.owner_of(source),
            "rejected": found,
            "after": found[-1]["rejected_id"] if found else None,
        }
    )


@router.get("/{source}/records/{key:path}")
def get_record(
    source: str,
    key: str,
    installation: Here,
    connection: Work,
    caller: Connecting,
    trail: AuditTrail,
    stream: Annotated[str | None, Query(max_length=100)] = None,
) -> Response:
    """What the source said of this record, verbatim and by version, and which profile it belongs to."""
    told = sources.record(connection, installation, caller, source, key, stream)
    trail.saw([told["profile_id"]] if told["profile_id"] else ())
    return answer(told)
