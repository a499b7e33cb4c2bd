"""/v1/changes: the change feed."""

from typing import Annotated

from fastapi import APIRouter, Query, Response

from cdi.api.answers import answer
from cdi.api.dependencies import Reader, Work
from cdi.api.problems import PROBLEMS
from cdi.store import changes

router = APIRouter(prefix="/v1", tags=["changes"], responses=PROBLEMS)


@router.get("/changes")
def read_changes(
    connection: Work,
    caller: Reader,
    after: Annotated[int, Query(ge=0, le=2**62)] = 0,
    limit: Annotated[int, Query(ge=1, le=1000)] = 100,
) -> Response:
    """What became different, in order, after a cursor: ids and names, never values. `after` of the answer is where
    to go on; it does not move while nothing is new."""
    found = changes.read_changes(connection, caller.visibility, after, limit)
    return answer({"changes": found, "after": found[-1]["cursor"] if found else after})
