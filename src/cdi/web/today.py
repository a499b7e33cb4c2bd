"""/: what waits for me, the riskiest and the oldest first; how the sources are; and how the whole stands."""

from collections.abc import Iterable
from typing import Any, Final

from fastapi import Response

from cdi import figures, profiles, sources, stewardship
from cdi.access import Role
from cdi.privacy import requests
from cdi.store.conflicts import ConflictFilter
from cdi.store.privacy_requests import RequestFilter
from cdi.store.reviews import ReviewFilter
from cdi.store.tasks import TaskFilter
from cdi.web.routing import pages_router
from cdi.web.visits import Reading, Visit

router = pages_router()

SHOWN: Final = 6
COUNTED: Final = 1_000
"""Nobody needs to know how many more there are."""
CONFLICTS: Final = 100
TASKS: Final = 100
REQUESTS: Final = 100


@router.get("/")
def show_today(visit: Reading) -> Response:
    """The start of the day."""
    values: dict[str, Any] = {
        "figures": figures.standing(visit.connection, visit.installation, visit.now),
        "sources": sources.list_health(visit.connection, visit.installation, visit.caller),
        "stewards": visit.caller.role in {Role.STEWARD, Role.ADMIN},
        "most": COUNTED,
        "most_conflicts": CONFLICTS,
        "most_tasks": TASKS,
        "request_count": _requests(visit) if visit.caller.role in {Role.PRIVACY, Role.ADMIN} else 0,
        "most_requests": REQUESTS,
    }
    if values["stewards"]:
        values |= _waiting(visit)
    return visit.page("today.html", values)


def _waiting(visit: Visit) -> dict[str, Any]:
    """Reviews and conflicts of the owners that this steward acts for, what others said that waits for them to agree,
    and what others ask of them."""
    open_now = ReviewFilter(status="open", awake_at=visit.now, order="risk")
    reviews = stewardship.list_reviews(visit.desk, open_now, SHOWN)
    conflicts = stewardship.list_conflicts(visit.desk, ConflictFilter(status="open"), CONFLICTS)
    shown = conflicts[:SHOWN]
    agreeing = stewardship.list_to_agree(visit.desk, SHOWN)
    tasks = _asked_of_me(visit)
    ids = {side["profile"] for review in (*reviews, *agreeing) for side in (review["left"], review["right"])}
    ids |= {about["profile"] for about in (*shown, *tasks[:SHOWN]) if about["profile"]}
    return {
        "reviews": reviews,
        "review_count": stewardship.count_reviews(visit.desk, open_now, COUNTED),
        "conflicts": shown,
        "conflict_count": len(conflicts),
        "agreeing": agreeing,
        "agree_count": stewardship.count_reviews(visit.desk, stewardship.to_agree(visit.desk), COUNTED),
        "tasks": tasks[:SHOWN],
        "task_count": len(tasks),
        "customers": _customers(visit, ids),
    }


def _requests(visit: Visit) -> int:
    """What customers asked for that an officer is to decide."""
    return len(requests.list_requests(visit.connection, RequestFilter(state="asked"), REQUESTS))


def _asked_of_me(visit: Visit) -> list[dict[str, Any]]:
    """What others ask of the owners that this steward acts for."""
    mine = visit.visibility.owners
    asked = stewardship.list_tasks(visit.desk, TaskFilter(), TASKS)
    return [one for one in asked if one["author"] != visit.caller.name and (mine is None or one["owner"] in mine)]


def _customers(visit: Visit, ids: Iterable[Any]) -> dict[str, dict[str, Any]]:
    """The profiles that these questions are about, by id, as this person sees them."""
    wanted = sorted(ids)
    visit.trail.saw(wanted)
    told = profiles.show_all(visit.connection, visit.installation, visit.visibility, wanted)
    return {str(one["id"]): one["profile"] for one in told if "profile" in one}
