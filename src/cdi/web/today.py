"""/: what waits for me."""

from fastapi import Response

from cdi.web.routing import pages_router
from cdi.web.visits import Reading

router = pages_router()


@router.get("/")
def show_today(visit: Reading) -> Response:
    """The start of the day."""
    return visit.page("today.html")
