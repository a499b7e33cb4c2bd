"""/: what waits for me, the riskiest and the oldest first; how the sources are; and how the whole stands."""

from collections.abc import Iterable
from typing import Any, Final

from fastapi import Response

from cdi import figures, profiles, sources, stewardship
from cdi.access import Role
from cdi.store.conflicts import ConflictFilter
from cdi.store.reviews import ReviewFilter
from cdi.web.routing import pages_router
from cdi.web.visits import Reading, Visit

router = pages_router()

SHOWN: Final = 6
COUNTED: Final = 1_000
"""Nobody needs to know how many more there are."""
CONFLICTS: Final = 100


@router.get("/")
def show_today(visit: Reading) -> Response:
    """The start of the day."""
    values: dict[str, Any] = {
        "figures": figures.standing(visit.connection, visit.installation, visit.now),
        "sources": sources.list_health(visit.connection, visit.installation, visit.caller),
        "stewards": visit.caller.role in {Role.STEWARD, Role.ADMIN},
        "most": COUNTED,
        "most_conflicts": CONFLICTS,
    }
    if values["stewards"]:
        values |= _waiting(visit)
    return visit.page("today.html", values)


def _waiting(visit: Visit) -> dict[str, Any]:
    """Reviews and conflicts of the owners that this steward acts for."""
    open_now = ReviewFilter(status="open", awake_at=visit.now, order="risk")
    reviews = stewardship.list_reviews(visit.desk, open_now, SHOWN)
    conflicts = stewardship.list_conflicts(visit.desk, ConflictFilter(status="open"), CONFLICTS)
    shown = conflicts[:SHOWN]
    ids = {side["profile"] for review in reviews for side in (review["left"], review["right"])}
    return {
        "reviews": reviews,
        "review_count": stewardship.count_reviews(visit.desk, open_now, COUNTED),
        "conflicts": shown,
        "conflict_count": len(conflicts),
        "customers": _customers(visit, ids | {conflict["profile"] for conflict in shown}),
    }


def _customers(visit: Visit, ids: Iterable[Any]) -> dict[str, dict[str, Any]]:
    """The profiles that these questions are about, by id, as this person sees them."""
    told = profiles.show_all(visit.connection, visit.installation, visit.visibility, sorted(ids))
    return {str(one["id"]): one["profile"] for one in told if "profile" in one}
