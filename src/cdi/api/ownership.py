"""/v1/profiles/{id}/data-owner: who answers for a profile."""

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Response
from pydantic import Field

from cdi import stewardship
from cdi.api.answers import answer
from cdi.api.desk import AtDesk, Body, IfMatch, Reason, tag
from cdi.api.problems import CHANGE_PROBLEMS
from cdi.errors import PreconditionRequiredError

router = APIRouter(prefix="/v1/profiles", tags=["ownership"], responses=CHANGE_PROBLEMS)


class HandOver(Body):
    """The data owner who answers from now on (null: the one that the rules name), and why."""

    owner: Annotated[str | None, Field(max_length=100)]
    reason: Reason


@router.put("/{profile_id}/data-owner")
def hand_over(profile_id: UUID, body: HandOver, desk: AtDesk, if_match: IfMatch = None) -> Response:
    """Hand a profile over. It needs `If-Match` with the profile's ETag (`*`: whatever it is): 428 without, 412 when
    the profile has changed since."""
    if if_match is None:
        raise PreconditionRequiredError(
            "a hand-over needs If-Match", remedy="Send the ETag of GET /v1/profiles/{id}, or * for any version"
        )
    told = stewardship.hand_over(desk, profile_id, body.owner, body.reason, if_match)
    return answer(told, headers=tag(str(told["version"])))
