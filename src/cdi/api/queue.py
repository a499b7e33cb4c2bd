"""/v1/absences and /v1/saved-filters: what stewards arrange around their queue."""

from typing import Annotated, TypeAlias

from fastapi import APIRouter, Path, Response
from pydantic import AwareDatetime, Field

from cdi import stewardship
from cdi.api.answers import answer
from cdi.api.desk import AtDesk, Body, Number
from cdi.api.problems import CHANGE_PROBLEMS

router = APIRouter(prefix="/v1", tags=["queue"], responses=CHANGE_PROBLEMS)


class Absence(Body):
    """Who stands in, and how long; `steward` (for admins) is who is away, else the caller is."""

    deputy: Annotated[str, Field(min_length=1, max_length=200)]
    until: AwareDatetime
    since: AwareDatetime | None = None
    steward: Annotated[str | None, Field(min_length=1, max_length=200)] = None


Word: TypeAlias = Annotated[str, Field(max_length=1_000)]
Told: TypeAlias = Word | bool | Annotated[int, Field(ge=0, lt=2**63)] | Annotated[list[Word], Field(max_length=50)]
"""What a parameter of the list is asked with."""


class SavedFilter(Body):
    """What the list of reviews is asked with."""

    filter: Annotated[dict[Annotated[str, Field(max_length=50)], Told], Field(max_length=20)]


@router.get("/absences")
def list_absences(desk: AtDesk) -> Response:
    """Absences that last or will come."""
    return answer({"absences": stewardship.list_absences(desk)})


@router.post("/absences", status_code=201)
def name_deputy(body: Absence, desk: AtDesk) -> Response:
    """Say who stands in: reviews that are given to whoever is away are the deputy's turn. A deputy sees and may no more
    than before."""
    return answer(stewardship.name_deputy(desk, body.deputy, body.until, body.since, body.steward), 201)


@router.delete("/absences/{absence_id}", status_code=204)
def end_absence(absence_id: Number, desk: AtDesk) -> Response:
    """Somebody is back."""
    stewardship.end_absence(desk, absence_id)
    return Response(status_code=204)


@router.get("/saved-filters")
def list_filters(desk: AtDesk) -> Response:
    """The filters that the caller keeps."""
    return answer({"filters": stewardship.list_filters(desk)})


@router.put("/saved-filters/{name}")
def save_filter(name: Annotated[str, Path(min_length=1, max_length=100)], body: SavedFilter, desk: AtDesk) -> Response:
    """Keep a filter under this name."""
    return answer(stewardship.save_filter(desk, name, body.filter))


@router.delete("/saved-filters/{name}", status_code=204)
def forget_filter(name: Annotated[str, Path(min_length=1, max_length=100)], desk: AtDesk) -> Response:
    """Drop it."""
    stewardship.forget_filter(desk, name)
    return Response(status_code=204)
