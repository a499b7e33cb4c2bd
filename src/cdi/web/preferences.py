"""How somebody reads the desk: language and light or dark, kept in their browser."""

from fastapi import Response

from cdi.errors import InvalidInputError
from cdi.web.languages import LANGUAGES
from cdi.web.routing import pages_router
from cdi.web.visits import LANGUAGE_COOKIE, THEME_COOKIE, THEMES, YEAR, Visiting, local

router = pages_router()


@router.post("/preferences")
def choose(visit: Visiting) -> Response:
    """Keep what was chosen and show the same page again."""
    response = visit.back(local(visit.said("place")))
    for name, cookie, allowed in (("language", LANGUAGE_COOKIE, LANGUAGES), ("theme", THEME_COOKIE, THEMES)):
        chosen = visit.said(name)
        if not chosen:
            continue
        if chosen not in allowed:
            raise InvalidInputError("there is no such choice")
        visit.keep(response, cookie, chosen, YEAR)
    return response
