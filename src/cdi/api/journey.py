"""/v1/profiles/{id}/touchpoints: the journey over all channels; and the closing of open requests."""

from typing import Annotated, TypeAlias
from uuid import UUID

from fastapi import APIRouter, Depends, Query, Response
from pydantic import AwareDatetime, Field

from cdi import journey
from cdi.access import Caller, Role
from cdi.api.answers import answer
from cdi.api.choices import one_of
from cdi.api.dependencies import AuditTrail, Here, Reader, Work, allowed
from cdi.api.desk import Body, Number
from cdi.api.moved import MOVED, moved
from cdi.api.problems import CHANGE_PROBLEMS, PROBLEMS
from cdi.clock import utc_now
from cdi.fields import CHANNELS, TOUCHPOINT_TYPES
from cdi.serving import locate
from cdi.store import touchpoints
from cdi.store.touchpoints import JourneyFilter

router = APIRouter(prefix="/v1", tags=["journey"])

Channel: TypeAlias = Annotated[str, one_of(CHANNELS)]
Kind: TypeAlias = Annotated[str, one_of(TOUCHPOINT_TYPES)]


@router.get("/profiles/{profile_id}/touchpoints", responses=PROBLEMS | MOVED)
def get_touchpoints(
    profile_id: UUID,
    installation: Here,
    connection: Work,
    caller: Reader,
    channel: Channel | None = None,
    kind: Kind | None = None,
    since: AwareDatetime | None = None,
    until: AwareDatetime | None = None,
    only_open: Annotated[bool, Query(alias="open", description="Only requests and tickets that are open")] = False,
    after: Annotated[str | None, Query(max_length=100)] = None,
    limit: Annotated[int, Query(ge=1, le=200)] = 50,
) -> Response:
    """What the customer and we did together, newest first, and the channels that they use, the preferred one first.
    `since` is included, `until` is not; `after` of the answer continues the list (null: this was all)."""
    where = locate(connection, caller.visibility, profile_id)
    if where.profile is None:
        return moved(profile_id, where.status, where.homes, where.reason, "/touchpoints")
    narrowed = JourneyFilter(channel, kind, since, until, only_open, journey.place(after))
    return answer(
        journey.journey(connection, installation, caller.visibility, where.profile, narrowed, limit, utc_now())
    )


class Closing(Body):
    """What came of it, in words without a customer's values."""

    outcome: Annotated[str, Field(min_length=1, max_length=500, examples=["size 42 has arrived, customer was called"])]


@router.post("/touchpoints/{touchpoint_id}/closing", responses=CHANGE_PROBLEMS, status_code=201)
def close_touchpoint(
    touchpoint_id: Number,
    body: Closing,
    installation: Here,
    connection: Work,
    caller: Annotated[Caller, Depends(allowed(Role.CONNECTOR, Role.STEWARD))],
    trail: AuditTrail,
) -> Response:
    """Close an open request or ticket, on whatever channel it came: connectors and stewards may. Who, when and what
    came of it are kept. A source that later says that it is open opens it again."""
    told = journey.close(connection, installation, caller, touchpoint_id, body.outcome.strip(), utc_now())
    trail.saw(touchpoints.homes(connection, touchpoint_id))
    return answer(told, 201)
