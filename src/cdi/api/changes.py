"""/v1/changes: the change feed."""

from typing import Annotated

from fastapi import APIRouter, Query, Response

from cdi.api.answers import answer
from cdi.api.choices import one_of
from cdi.api.dependencies import Reader, Work
from cdi.api.problems import PROBLEMS, described
from cdi.store import changes
from cdi.store.changes import EVENT_TYPES, FeedFilter

router = APIRouter(prefix="/v1", tags=["changes"], responses=PROBLEMS)

Type = Annotated[str, one_of(EVENT_TYPES)]
Name = Annotated[str, Query(min_length=1, max_length=100)]


@router.get("/changes", responses={410: described("The feed never gave out this cursor")})
def read_changes(
    connection: Work,
    caller: Reader,
    after: Annotated[int, Query(ge=0, le=2**62)] = 0,
    limit: Annotated[int, Query(ge=1, le=1000)] = 100,
    types: Annotated[list[Type] | None, Query(alias="type", max_length=20)] = None,
    owners: Annotated[list[Name] | None, Query(alias="data_owner", max_length=100)] = None,
    sources: Annotated[list[Name] | None, Query(alias="source", max_length=100)] = None,
) -> Response:
    """What became different, in order, after a cursor: ids and names, never values; of some types, data owners or
    sources if they are named (each may be repeated). `after` of the answer is where to go on, at once if `more` says
    so; it does not move while nothing is new. `newest` is the cursor to take before all profiles are listed."""
    page = changes.read_changes(connection, caller.visibility, after, limit, FeedFilter(types, owners, sources))
    return answer({"changes": page.changes, "after": page.after, "more": page.more, "newest": page.newest})
