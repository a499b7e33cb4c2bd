"""/privacy/profiles/{id}/restriction: the use of a customer's data is restricted, or they object to a purpose; and both
are lifted again."""

from typing import Annotated
from uuid import UUID

from fastapi import Path, Response

from cdi.privacy import restricting
from cdi.web.privacy import office_of
from cdi.web.routing import pages_router
from cdi.web.visits import Officiating
from cdi.web.words import N_

router = pages_router()

Number = Annotated[int, Path(ge=1, le=2**63 - 1)]


@router.post("/privacy/profiles/{profile_id}/restriction")
def restrict(profile_id: UUID, visit: Officiating) -> Response:
    """At once nobody downstream sees the customer."""
    restricting.restrict(office_of(visit), profile_id, visit.said("ground"))
    message = visit.language.gettext(N_("The customer is there for nobody downstream now."))
    return visit.back(f"/privacy/profiles/{profile_id}", message)


@router.post("/privacy/profiles/{profile_id}/objection")
def object_to(profile_id: UUID, visit: Officiating) -> Response:
    """At once nobody sees the customer for this purpose."""
    restricting.restrict(office_of(visit), profile_id, visit.said("ground"), visit.said("purpose"))
    message = visit.language.gettext(N_("The customer is there for nobody who asks for this purpose now."))
    return visit.back(f"/privacy/profiles/{profile_id}", message)


@router.post("/privacy/requests/{request_id}/lifting")
def lift(request_id: Number, visit: Officiating) -> Response:
    """It holds no more."""
    restricting.lift(office_of(visit), request_id)
    return visit.back("/privacy", visit.language.gettext(N_("It is lifted; who lifted it and when is kept.")))
