"""/profiles: customers are found by anything that is known of them, typos forgiven, while one is typing."""

from typing import Annotated, Any

from fastapi import Query, Response

from cdi import profiles
from cdi.web.routing import pages_router
from cdi.web.visits import Reading

router = pages_router()

A_PAGE = 30
SUGGESTED = 8

Words = Annotated[str, Query(max_length=300)]


@router.get("/profiles")
def list_customers(
    visit: Reading,
    q: Words = "",
    owner: Annotated[str, Query(max_length=100)] = "",
    after: Annotated[str | None, Query(max_length=200)] = None,
) -> Response:
    """Those who answer the words, the best first; without words all of them."""
    query = profiles.Query(q=q.strip() or None, data_owner=owner or None)
    found = profiles.find(
        visit.connection, visit.installation, visit.visibility, query, limit=A_PAGE, after=after or None
    )
    values: dict[str, Any] = {
        "q": q,
        "owner": owner,
        "owners": [(one.id, one.department) for one in visit.installation.deployment.owners],
        "found": found.items,
        "first": after is None,
        "after": found.after,
    }
    return visit.page("customers.html", values, fragment="results")


@router.get("/profiles/suggestions")
def suggest(visit: Reading, q: Words = "") -> Response:
    """The first few, below the search field."""
    query = profiles.Query(q=q.strip() or None)
    found = (
        profiles.find(visit.connection, visit.installation, visit.visibility, query, limit=SUGGESTED).items
        if query.q
        else []
    )
    return visit.page("suggestions.html", {"q": q, "found": found}, fragment="list")
