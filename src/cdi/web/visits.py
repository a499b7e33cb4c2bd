"""Who visits a page and what they may do there: the one way from a request to a page.

A route takes a `Visit` (`Reading`, `Stewarding`, `Administering`), calls use cases with its caller's visibility, and
answers with `visit.page(…)` or, after a form, with `visit.back(…)`.
"""

from collections.abc import Awaitable, Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from typing import Annotated, Any, Final, TypeAlias
from urllib.parse import quote, urlsplit

from fastapi import Depends, Request, Response
from fastapi.responses import RedirectResponse
from fastapi.routing import APIRoute
from sqlalchemy import Connection
from starlette.datastructures import FormData

from cdi import signing_in, stewardship
from cdi.access import Caller, Role, Visibility
from cdi.audit import Trail, trail_of_request
from cdi.auth import require
from cdi.clock import utc_now
from cdi.errors import ForbiddenError
from cdi.pipeline import Installation
from cdi.signing_in import Session
from cdi.web.browsers import secret_of, set_cookie, typed
from cdi.web.languages import Language, wanted_language
from cdi.web.navigation import places
from cdi.web.pages import HEADERS, Pages, answer, wants_fragment
from cdi.web.settling import held

SESSION_COOKIE: Final = "cdi_session"
VISIT_COOKIE: Final = "cdi_visit"
"""What a browser holds that is not signed in, so that its forms can be told from others'."""
LANGUAGE_COOKIE: Final = "cdi_language"
THEME_COOKIE: Final = "cdi_theme"
THEMES: Final = ("auto", "light", "dark")
FORM_TOKEN: Final = "form_token"  # noqa: S105  # the name of a field
YEAR: Final = 365 * 24 * 3600


class NotSignedInError(Exception):
    """A page was asked for by somebody who has not signed in; `place` is where they wanted to go."""

    def __init__(self, place: str) -> None:
        super().__init__("not signed in")
        self.place = place


@dataclass
class Visit:
    """One request to the desk: in one transaction, by one person (or nobody yet), in one language."""

    request: Request
    installation: Installation
    connection: Connection
    language: Language
    session: Session | None
    now: datetime
    form: FormData = field(default_factory=FormData)

    @property
    def pages(self) -> Pages:
        pages: Pages = self.request.app.state.pages
        return pages

    @property
    def caller(self) -> Caller:
        """Who is signed in; NotSignedInError for nobody."""
        if self.session is None:
            raise NotSignedInError(place_of(self.request))
        return self.session.caller

    @property
    def visibility(self) -> Visibility:
        return self.caller.visibility

    @property
    def desk(self) -> stewardship.Desk:
        """The desk at which a steward's use cases work."""
        return stewardship.Desk(self.connection, self.installation, self.caller, self.now, self._noted)

    @property
    def trail(self) -> Trail:
        """What the audit log is told of this visit: a page that shows profiles which its path does not name tells
        `visit.trail.saw(ids)`."""
        assert self._noted is not None, "this page is in UNAUDITED, and so shows no profile"
        return self._noted

    @property
    def _noted(self) -> Trail | None:
        noted: Trail | None = getattr(self.request.state, "trail", None)
        return noted

    def said(self, name: str) -> str:
        """A field of the form that was sent, without blanks around it; empty if it is not there."""
        return typed(self.form, name)

    def page(
        self,
        template: str,
        values: Mapping[str, Any] | None = None,
        *,
        fragment: str | None = None,
        status: int = 200,
    ) -> Response:
        """The page; to htmx only its block `fragment`, if one is named."""
        part = fragment if fragment is not None and wants_fragment(self.request) else None
        told = [] if part else self._tell()
        html = self.pages.draw(self.language, template, {**self._known(told), **(values or {})}, part)
        response = answer(html, status)
        if self.session is None:
            self.keep(response, VISIT_COOKIE, self.secret, None)
        return response

    def back(self, place: str, message: str = "", *, kind: str = "done", undo: str | None = None) -> Response:
        """After a form that was posted: go to `place`, whose page says `message`; `undo` is where a form that takes it
        back is posted to."""
        if message and self.session is not None:
            signing_in.tell(self.connection, self.session, [{"kind": kind, "text": message, "undo": undo}])
        if "hx-request" in self.request.headers and "hx-boosted" not in self.request.headers:
            return Response(status_code=204, headers={**HEADERS, "hx-redirect": place})
        return RedirectResponse(place, status_code=303, headers=dict(HEADERS))

    @property
    def secret(self) -> str:
        """What only this browser and we know."""
        return secret_of(self.request, VISIT_COOKIE) if self.session is None else self.session.token

    def keep(self, response: Response, name: str, value: str, seconds: int | None) -> None:
        """Set a cookie that scripts cannot read and other sites cannot send along with a form."""
        set_cookie(self.request, response, name, value, seconds)

    def _tell(self) -> list[Any]:
        if self.session is None or not self.session.told:
            return []
        signing_in.tell(self.connection, self.session, [])
        return list(self.session.told)

    def _known(self, told: list[Any]) -> dict[str, Any]:
        theme = self.request.cookies.get(THEME_COOKIE, "auto")
        role = self.session.caller.role if self.session else None
        return {
            "caller": self.session.caller if self.session else None,
            "here": self.request.url.path,
            "this_page": place_of(self.request),
            "form_token": signing_in.form_token(self.secret),
            "navigation": places(role),
            "theme": theme if theme in THEMES else "auto",
            "themes": THEMES,
            "told": told,
            "now": self.now,
        }


def place_of(request: Request) -> str:
    """Path and query of a page that was asked for; the desk itself after a form."""
    if request.method != "GET":
        return "/"
    return request.url.path + (f"?{request.url.query}" if request.url.query else "")


def local(place: str | None) -> str:
    """A place of this desk, whatever was asked for: never another site."""
    wanted = place or "/"
    parts = urlsplit(wanted)
    inside = wanted.startswith("/") and not wanted.startswith(("//", "/\\")) and not parts.netloc and not parts.scheme
    return quote(wanted, safe="/?&=%+:@,;-._~") if inside else "/"


@contextmanager
def _unit_of_work(request: Request) -> Iterator[Connection]:
    installation: Installation = request.app.state.installation
    with installation.database.unit_of_work() as connection:
        yield connection
        trail: Trail | None = getattr(request.state, "trail", None)
        if trail is not None:
            trail.write(connection, utc_now())


async def get_connection(request: Request) -> Connection:
    """One unit of work for the request: committed before the page is sent, rolled back on an error. What was done is
    written to the audit log in it."""
    return await held(request, _unit_of_work(request))


UNAUDITED: Final[Mapping[str, str]] = {
    "show_sign_in": "asks who it is",
    "show_link": "a button",
    "send_away": "the way to the identity provider",
    "come_back": "the way back from it",
    "choose": "the visitor's own language and colours",
    "show_sources": "figures of sources",
    "show_source": "figures of a source and of its runs",
    "show_connecting": "settings of connectors",
    "show_check": "a button",
    "show_standing": "how far a run is",
    "show_preview": "a button",
    "show_access": "what users may do",
    "show_user": "what a user may do",
    "show_new_user": "an empty form",
    "show_keys": "what keys allow",
    "show_key": "what a key allows",
    "show_new_key": "an empty form",
}
"""Pages without a customer's value, and what they show instead. All others are in the audit log."""


def _trail(request: Request, installation: Installation, caller: Caller) -> Trail:
    route: APIRoute = request.scope["route"]
    declared = {field.alias for field in route.dependant.query_params}
    return trail_of_request(
        caller,
        installation.deployment,
        route.name,
        changes=request.method == "POST",
        path=request.path_params,
        criteria=declared.intersection(request.query_params),
        purpose=None,
    )


def language_of(request: Request) -> Language:
    """The language that this visitor reads."""
    pages: Pages = request.app.state.pages
    code = wanted_language(
        request.cookies.get(LANGUAGE_COOKIE),
        request.headers.get("accept-language", ""),
        pages.deployment.company.language,
    )
    return pages.languages[code]


async def get_form(request: Request) -> FormData:
    """The form that was posted; none for a page that is only read."""
    return await request.form(max_files=10, max_fields=2_000) if request.method == "POST" else FormData()


def get_visit(
    request: Request,
    connection: Annotated[Connection, Depends(get_connection)],
    form: Annotated[FormData, Depends(get_form)],
) -> Visit:
    """Whoever comes; a form that is not from a page of ours is refused."""
    installation: Installation = request.app.state.installation
    now = utc_now()
    token = request.cookies.get(SESSION_COOKIE)
    session = signing_in.find_session(connection, token, installation.gates, now) if token else None
    visit = Visit(request, installation, connection, language_of(request), session, now, form)
    if session is not None and request.scope["route"].name not in UNAUDITED:
        request.state.trail = _trail(request, installation, session.caller)
    if request.method == "POST" and not signing_in.is_form_token(visit.secret, visit.said(FORM_TOKEN)):
        raise ForbiddenError("this form is too old or not from this desk", remedy="Open the page again and repeat it")
    return visit


Visiting: TypeAlias = Annotated[Visit, Depends(get_visit)]
"""Anybody, signed in or not."""


def by(*roles: Role) -> Callable[[Visit], Awaitable[Visit]]:
    """A dependency that lets these roles through, and admins."""

    async def check(visit: Visiting) -> Visit:
        require(visit.caller, *roles)
        return visit

    return check


Reading: TypeAlias = Annotated[Visit, Depends(by(Role.READER, Role.STEWARD, Role.PRIVACY))]
"""Whoever may read profiles."""
Stewarding: TypeAlias = Annotated[Visit, Depends(by(Role.STEWARD))]
"""Whoever may decide."""
Officiating: TypeAlias = Annotated[Visit, Depends(by(Role.PRIVACY))]
"""Who answers for data protection."""
Auditing: TypeAlias = Annotated[Visit, Depends(by(Role.PRIVACY))]
"""Whoever may look into the audit log."""
Administering: TypeAlias = Annotated[Visit, Depends(by(Role.ADMIN))]
"""Whoever runs the installation."""
