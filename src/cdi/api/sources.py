"""/v1/sources: what is connected, how it went, what a source said."""

from typing import Annotated

from fastapi import APIRouter, Query, Response

from cdi import sources
from cdi.api.answers import answer
from cdi.api.dependencies import Connecting, Here, Work
from cdi.api.problems import PROBLEMS

router = APIRouter(prefix="/v1/sources", tags=["sources"], responses=PROBLEMS)


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


@router.get("/{source}/records/{key:path}")
def get_record(
    source: str,
    key: str,
    installation: Here,
    connection: Work,
    caller: Connecting,
    stream: Annotated[str | None, Query(max_length=100)] = None,
) -> Response:
    """What the source said of this record, verbatim and by version, and which profile it belongs to."""
    return answer(sources.record(connection, installation, caller, source, key, stream))
