"""Pages answer with pages when something goes wrong: every failure of a route of the desk becomes one in its style."""

import logging
from http import HTTPStatus
from typing import Any, Final
from urllib.parse import quote

from fastapi import APIRouter, FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.responses import RedirectResponse
from starlette.exceptions import HTTPException

from cdi.errors import CdiError
from cdi.web.error_words import told_error
from cdi.web.pages import HEADERS, answer
from cdi.web.settling import SettledRoute
from cdi.web.visits import NotSignedInError, language_of
from cdi.web.words import N_

LOG = logging.getLogger("cdi.web")

TITLES: Final = {
    400: N_("This request cannot be read"),
    401: N_("Please sign in"),
    403: N_("You may not do this"),
    404: N_("There is nothing here"),
    409: N_("Somebody was faster, or it contradicts what stands"),
    412: N_("This has changed meanwhile"),
    413: N_("This is too large"),
    422: N_("Something is missing or wrong"),
    429: N_("Too many attempts"),
    500: N_("Something went wrong with us"),
    502: N_("A source system cannot be reached"),
    503: N_("The service is not ready"),
}


class PageRoute(SettledRoute):
    """A route of the desk."""

    async def failed(self, request: Request, error: Exception) -> Response:
        match error:
            case NotSignedInError():
                return _to_sign_in(request, error.place)
            case CdiError():
                return error_page(request, error.status, error.message, error.remedy)
            case RequestValidationError():
                return error_page(request, HTTPStatus.UNPROCESSABLE_ENTITY)
            case HTTPException():
                return error_page(request, error.status_code)
        # Its text may quote a customer, so only its kind is told.
        LOG.error("unexpected error", extra={"error": type(error).__name__})
        return error_page(request, HTTPStatus.INTERNAL_SERVER_ERROR)


def pages_router() -> APIRouter:
    """A router for pages: they are not part of the documented API."""
    return APIRouter(route_class=PageRoute, include_in_schema=False)


def error_page(request: Request, status: int, message: str = "", remedy: str = "") -> Response:
    """What went wrong and what to do, in the style of the desk."""
    language = language_of(request)
    title = TITLES.get(int(status), TITLES[500 if status >= 500 else 400])
    values = {
        "title": language.gettext(title),
        "message": told_error(language, message),
        "remedy": told_error(language, remedy),
        "status": int(status),
        "theme": request.cookies.get("cdi_theme", "auto"),
    }
    return answer(request.app.state.pages.draw(language, "error.html", values), int(status))


def _to_sign_in(request: Request, place: str) -> Response:
    target = "/sign-in" if place == "/" else f"/sign-in?next={quote(place)}"
    if "hx-request" in request.headers:
        return Response(status_code=401, headers={**HEADERS, "hx-redirect": target})
    return RedirectResponse(target, status_code=303, headers=dict(HEADERS))


def install_not_found(app: FastAPI) -> None:
    """A browser that asks for a page that does not exist gets a page; programs get what they got before."""
    otherwise: Any = app.exception_handlers[HTTPException]

    @app.exception_handler(HTTPStatus.NOT_FOUND)
    def _(request: Request, error: HTTPException) -> Response:
        for_people = "text/html" in request.headers.get("accept", "") and not request.url.path.startswith("/v1")
        if not for_people:
            answered: Response = otherwise(request, error)
            return answered
        return error_page(request, HTTPStatus.NOT_FOUND)
