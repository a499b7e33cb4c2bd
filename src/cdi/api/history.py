"""/v1/profiles/{id}/history: what happened to a profile."""

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Query, Response

from cdi import history
from cdi.api.answers import answer
from cdi.api.dependencies import Here, Reader, Work
from cdi.api.problems import PROBLEMS

router = APIRouter(prefix="/v1/profiles", tags=["history"], responses=PROBLEMS)


@router.get("/{profile_id}/history")
def get_history(
    profile_id: UUID,
    installation: Here,
    connection: Work,
    caller: Reader,
    before: Annotated[str | None, Query(max_length=100)] = None,
    limit: Annotated[int, Query(ge=1, le=200)] = 50,
) -> Response:
    """Merges, splits, decisions, changed values, owners and pins, newest first; of retired ids too. `before` of the
    answer continues the list (null: this was all)."""
    told = history.past(connection, installation, caller.visibility, profile_id, before, limit)
    return answer({"id": profile_id, "data_owner": told.data_owner, "history": told.entries, "before": told.before})
