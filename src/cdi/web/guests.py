"""Customers who come by a link to see their own data: the one way from their request to a page.

They are guests and no users: nothing of the desk's sessions counts here. A route takes a `Guest`; what it raises
becomes a page that leads nowhere else. No page of theirs holds a script.
"""

import hashlib
import logging
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from http import HTTPStatus
from typing import Annotated, Any, Final, TypeAlias

from fastapi import APIRouter, Depends, Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.responses import HTMLResponse, RedirectResponse
from sqlalchemy import Connection
from starlette.concurrency import run_in_threadpool
from starlette.datastructures import FormData

from cdi import signing_in
from cdi.clock import utc_now
from cdi.errors import CdiError
from cdi.pipeline import Installation
from cdi.privacy import own_view
from cdi.privacy.own_view import View, ViewShutError
from cdi.web.browsers import secret_of, set_cookie, typed
from cdi.web.error_words import told_error
from cdi.web.languages import LANGUAGES, Language, wanted_language
from cdi.web.pages import POLICY, Pages
from cdi.web.routing import TITLES
from cdi.web.settling import SettledRoute, held
from cdi.web.visits import FORM_TOKEN, get_form
from cdi.web.words import N_

LOG = logging.getLogger("cdi.web")

PLACE: Final = "/my-data"
SESSION_COOKIE: Final = "cdi_my_data"
VISIT_COOKIE: Final = "cdi_my_data_visit"
"""What a browser holds before it has opened a link, so that its form can be told from others'."""
LANGUAGE_COOKIE: Final = "cdi_my_data_language"
TOLD_COOKIE: Final = "cdi_my_data_told"
"""What was just done, by a code, for the next page to say."""
HEADERS: Final = {
    "content-security-policy": POLICY.replace("script-src 'self'", "script-src 'none'"),
    "cache-control": "no-store",
    "referrer-policy": "no-referrer",
    "x-robots-tag": "noindex, nofollow",
    "vary": "Cookie, Accept-Language",
}


class NoViewError(Exception):
    """There is no open view: the link is wrong, used or too old, or the session is over; nobody is told which."""


class TooOftenError(Exception):
    """Links are tried from this address more often than they may be."""


@dataclass
class Guest:
    """One request of a guest, in one transaction, in one language; `seen` is their open view, if there is one."""

    request: Request
    installation: Installation
    connection: Connection
    seen: View | None
    now: datetime
    form: FormData

    @property
    def view(self) -> View:
        """Their open view. Raises NoViewError."""
        if self.seen is None:
            raise NoViewError
        return self.seen

    @property
    def language(self) -> Language:
        return language_of(self.request)

    @property
    def secret(self) -> str:
        """What only this browser and we know."""
        return secret_of(self.request, VISIT_COOKIE) if self.seen is None else self.request.cookies[SESSION_COOKIE]

    def said(self, name: str) -> str:
        """A field of the form that was sent, without blanks around it; empty if it is not there."""
        return typed(self.form, name)

    def page(self, template: str, values: Mapping[str, Any]) -> Response:
        """The page, with what was just done above it."""
        told = self.request.cookies.get(TOLD_COOKIE, "")
        known = {"form_token": signing_in.form_token(self.secret), "told": told}
        response = drawn(self.request, template, {**known, **values})
        if told:
            response.delete_cookie(TOLD_COOKIE, path=PLACE)
        if self.seen is None:
            self.keep(response, VISIT_COOKIE, self.secret, None)
        return response

    def back(self, told: str = "") -> Response:
        """After a form: to the view, which says what was done."""
        response = RedirectResponse(PLACE, status_code=303, headers=dict(HEADERS))
        if told:
            self.keep(response, TOLD_COOKIE, told, 60)
        return response

    def not_open(self) -> Response:
        """That there is no open view, whatever the reason; what was done before is kept."""
        return _refused(self.request, CLOSED, HTTPStatus.FORBIDDEN)

    def not_there(self) -> Response:
        """That nothing was asked for with such a code."""
        return _refused(self.request, UNKNOWN, HTTPStatus.NOT_FOUND)

    def keep(self, response: Response, name: str, value: str, seconds: int | None) -> None:
        """Set a cookie that no script reads and no other site sends along, for these pages alone."""
        _keep(self.request, response, name, value, seconds)

    def may_try(self) -> None:
        """Raises TooOftenError for an address from which links are tried too often."""
        address = self.request.client.host if self.request.client else ""
        who = hashlib.blake2b(f"link from {address}".encode(), digest_size=16).digest()
        allowed, _, _ = self.request.app.state.exchanges.take(who)
        if not allowed:
            raise TooOftenError


def _keep(request: Request, response: Response, name: str, value: str, seconds: int | None) -> None:
    set_cookie(request, response, name, value, seconds, path=PLACE, strict=True)


def language_of(request: Request) -> Language:
    """The language that this guest reads: the one chosen, else the best that their browser asks for."""
    pages: Pages = request.app.state.pages
    chosen = request.query_params.get("language") or request.cookies.get(LANGUAGE_COOKIE)
    accepted = request.headers.get("accept-language", "")
    return pages.languages[wanted_language(chosen, accepted, pages.deployment.company.language)]


def drawn(request: Request, template: str, values: Mapping[str, Any], status: int = 200) -> Response:
    """A page for guests: never kept, never indexed, and nothing in it runs."""
    pages: Pages = request.app.state.pages
    language = language_of(request)
    html = pages.draw(language, template, {"theme": "auto", "told": "", "here": request.url.path, **values})
    response = HTMLResponse(html, status_code=status, headers=dict(HEADERS))
    if request.query_params.get("language") in LANGUAGES:
        _keep(request, response, LANGUAGE_COOKIE, language.code, None)
    return response


@contextmanager
def _come(request: Request, form: FormData) -> Iterator[Guest]:
    installation: Installation = request.app.state.installation
    now = utc_now()
    session = request.cookies.get(SESSION_COOKIE)
    looking = request.method == "GET"
    with installation.database.unit_of_work() as connection:
        seen = own_view.find_view(installation, connection, session, now, looking=looking) if session else None
        guest = Guest(request, installation, connection, seen, now, form)
        if not looking and not signing_in.is_form_token(guest.secret, guest.said(FORM_TOKEN)):
            raise NoViewError
        yield guest


async def get_guest(request: Request, form: Annotated[FormData, Depends(get_form)]) -> Guest:
    """Whoever comes, in one unit of work: committed before the page is sent, rolled back on an error. A form that is
    not from a page of ours is refused."""
    return await held(request, _come(request, form))


Coming: TypeAlias = Annotated[Guest, Depends(get_guest)]
"""Anybody, with an open view or without."""


class GuestRoute(SettledRoute):
    """A route for guests: every failure becomes a page of theirs."""

    async def failed(self, request: Request, error: Exception) -> Response:
        if isinstance(error, ViewShutError):
            await run_in_threadpool(_shut, request, error)
            return _refused(request, SHUT, error.status)
        return _failed(request, error)


CLOSED: Final = (
    N_("This view is not open"),
    N_(
        "A link opens once and only for some days, and the view that it opens for half an hour. Ask us for a new link"
        " if you want to see your data again."
    ),
)
"""Whatever is wrong with a link or a session, the answer is this one: nobody learns from it which links there are."""
UNKNOWN: Final = (
    N_("There is no request with this code"),
    N_("Compare it with what you were told when you asked to be deleted."),
)
SHUT: Final = (
    N_("This view was closed"),
    N_(
        "Your records were put together anew since the link was made. So that nobody sees the data of others, we look"
        " at it first. Our data protection officer knows of it; ask us for a new link."
    ),
)
TOO_OFTEN: Final = (N_("Too many attempts"), N_("Wait a minute and try again. No link is used up by this."))
BROKEN: Final = (N_("Something went wrong with us"), N_("Try again later."))


def _shut(request: Request, error: ViewShutError) -> None:
    """In a transaction of its own: the one in which it was seen is rolled back."""
    installation: Installation = request.app.state.installation
    with installation.database.unit_of_work() as connection:
        own_view.shut(connection, error.link, utc_now())


def _failed(request: Request, error: Exception) -> Response:
    if isinstance(error, (NoViewError, RequestValidationError)):
        return _refused(request, CLOSED, HTTPStatus.FORBIDDEN)
    if isinstance(error, TooOftenError):
        return _refused(request, TOO_OFTEN, HTTPStatus.TOO_MANY_REQUESTS)
    if isinstance(error, CdiError):
        said = told_error(language_of(request), error.message)
        return _refused(request, (TITLES.get(int(error.status), TITLES[400]), said), error.status, back=True)
    # Its text may quote a customer, so only its kind is told.
    LOG.error("unexpected error", extra={"error": type(error).__name__})
    return _refused(request, BROKEN, HTTPStatus.INTERNAL_SERVER_ERROR)


def _refused(request: Request, said: tuple[str, str], status: int, *, back: bool = False) -> Response:
    title, message = (language_of(request).gettext(part) for part in said)
    return drawn(
        request, "my_data_closed.html", {"here": PLACE, "title": title, "message": message, "back": back}, status
    )


def guests_router() -> APIRouter:
    """A router for guests' pages: they are not part of the documented API."""
    return APIRouter(route_class=GuestRoute, include_in_schema=False)
