"""/reviews/deputies: who is away, and who stands in."""

from datetime import timedelta
from typing import Annotated

from fastapi import Path, Response

from cdi import stewardship
from cdi.access import Role
from cdi.errors import InvalidInputError
from cdi.web.conflicts import day_said
from cdi.web.routing import pages_router
from cdi.web.visits import Stewarding

router = pages_router()

Number = Annotated[int, Path(ge=1, le=2**63 - 1)]


@router.get("/reviews/deputies")
def show_absences(visit: Stewarding) -> Response:
    """Absences that last or will come, and a form for one."""
    values = {
        "absences": stewardship.list_absences(visit.desk),
        "admin": visit.caller.role is Role.ADMIN,
        "first_day": visit.now.astimezone(visit.language.zone).date() + timedelta(days=1),
    }
    return visit.page("deputies.html", values)


@router.post("/reviews/deputies")
def name_deputy(visit: Stewarding) -> Response:
    """Say who stands in."""
    until = day_said(visit, "until")
    if not visit.said("deputy") or until is None:
        raise InvalidInputError("a deputy and a day are needed", remedy="Say who stands in, and until when")
    steward = visit.said("steward") or None
    stewardship.name_deputy(visit.desk, visit.said("deputy"), until, day_said(visit, "since"), steward)
    return visit.back("/reviews/deputies", visit.language.gettext("The deputy is named."))


@router.post("/reviews/deputies/{absence_id}/end")
def end_absence(absence_id: Number, visit: Stewarding) -> Response:
    """Somebody is back."""
    stewardship.end_absence(visit.desk, absence_id)
    return visit.back("/reviews/deputies", visit.language.gettext("The absence is over."))
