"""/privacy/profiles/{id}/erasure: what an erasure would remove, before it is asked for; and the word of the second
officer."""

from collections.abc import Mapping
from typing import Annotated, Any, Final
from uuid import UUID

from fastapi import Path, Response

from cdi.privacy import erasing, requests
from cdi.web.privacy import office_of
from cdi.web.reviews import names_in
from cdi.web.routing import pages_router
from cdi.web.visits import Officiating, Visit
from cdi.web.words import N_

router = pages_router()

Number = Annotated[int, Path(ge=1, le=2**63 - 1)]

SAID: Final = {
    "done": N_("The customer is erased. What proves it stays: id, time, ground and who."),
    "asked": N_("The erasure is asked for: another officer decides it."),
    "refused": N_("The erasure is refused."),
}


@router.get("/privacy/profiles/{profile_id}/erasure")
def show_erasure(profile_id: UUID, visit: Officiating) -> Response:
    """By table and source what would go, who was told of this customer, what forbids it, what would stay elsewhere."""
    found = erasing.preview(office_of(visit), profile_id)
    elsewhere = [str(one) for one in found["elsewhere"]]
    visit.trail.saw(elsewhere)
    values = {
        "id": str(profile_id),
        "preview": found,
        "names": names_in(visit, [str(profile_id), *elsewhere]),
        "grounds": erasing.GROUNDS,
    }
    return visit.page("privacy_erasure.html", values)


@router.post("/privacy/profiles/{profile_id}/erasure")
def erase(profile_id: UUID, visit: Officiating) -> Response:
    """Erase, or ask another officer to."""
    return _back(visit, erasing.ask(office_of(visit), profile_id, visit.said("ground")))


@router.post("/privacy/requests/{request_id}/decision")
def decide(request_id: Number, visit: Officiating) -> Response:
    """The second officer's word."""
    return _back(visit, erasing.decide(office_of(visit), request_id, approve=visit.said("verdict") == "approve"))


def _back(visit: Visit, request: Mapping[str, Any]) -> Response:
    message = SAID[request["state"]]
    return visit.back("/privacy", visit.language.gettext(message))


@router.post("/privacy/requests/{request_id}/acknowledgement")
def acknowledge(request_id: Number, visit: Officiating) -> Response:
    """An alert or an access was seen to."""
    requests.acknowledge(office_of(visit), request_id)
    return visit.back("/privacy", visit.language.gettext(N_("The request is seen to.")))
