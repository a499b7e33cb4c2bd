"""/v1/privacy: what data subjects may ask for, for the data-protection officer."""

from typing import Annotated, TypeAlias
from uuid import UUID

from fastapi import APIRouter, Depends, Query, Response

from cdi.api.answers import answer
from cdi.api.dependencies import AuditTrail, Here, Officer, Work
from cdi.api.desk import Number
from cdi.api.problems import CHANGE_PROBLEMS
from cdi.clock import utc_now
from cdi.privacy import requests
from cdi.privacy.requests import Office
from cdi.store.privacy_requests import RequestFilter

router = APIRouter(prefix="/v1/privacy", tags=["privacy"], responses=CHANGE_PROBLEMS)


async def get_office(installation: Here, connection: Work, caller: Officer, trail: AuditTrail) -> Office:
    """The caller's office, in the request's transaction."""
    return Office(connection, installation, caller, utc_now(), trail)


AtOffice: TypeAlias = Annotated[Office, Depends(get_office)]


@router.get("/requests")
def list_privacy_requests(
    office: AtOffice,
    kind: Annotated[str | None, Query(max_length=40, examples=["erasure"])] = None,
    state: Annotated[str | None, Query(max_length=40, examples=["asked"])] = None,
    profile: UUID | None = None,
    before: Annotated[int | None, Query(ge=1, le=2**62)] = None,
    limit: Annotated[int, Query(ge=1, le=200)] = 50,
) -> Response:
    """What was asked, by whom, why, and what became of it, newest first; never a value of a customer. `before` of the
    answer continues the list (null: this was all)."""
    found = requests.list_requests(office.connection, RequestFilter(kind, state, profile, before), limit + 1)
    return answer({"requests": found[:limit], "before": found[limit - 1]["id"] if len(found) > limit else None})


@router.get("/requests/{request_id}")
def get_privacy_request(request_id: Number, office: AtOffice) -> Response:
    """One of them."""
    return answer(requests.show_request(office.connection, request_id))
