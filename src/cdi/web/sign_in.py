"""/sign-in and /sign-out: coming to the desk and leaving it."""

import math
from contextlib import suppress
from typing import Annotated, Any, Final
from urllib.parse import urlencode, urlsplit

from fastapi import Query, Response
from fastapi.responses import RedirectResponse

from cdi import signing_in
from cdi.errors import CdiError, IdentityProviderError, NotFoundError, UnauthenticatedError
from cdi.openid import IdentityProvider
from cdi.signing_in import Refusal
from cdi.web.error_words import told_error
from cdi.web.pages import HEADERS
from cdi.web.routing import pages_router
from cdi.web.visits import SESSION_COOKIE, VISIT_COOKIE, Visit, Visiting, local

router = pages_router()

AWAY: Final = "/sign-in?away=1"


@router.get("/sign-in")
def show_sign_in(visit: Visiting, next_: Annotated[str, Query(alias="next")] = "/", away: bool = False) -> Response:
    """Ask who it is; to who has just signed out and came by the identity provider, how to sign out there as well."""
    if visit.session is not None:
        return visit.back(local(next_))
    return _asked(visit, {"next": local(next_), "leave": _way_out(visit) if away else None})


@router.post("/sign-in")
def sign_in(visit: Visiting) -> Response:
    """With name and password."""
    name, place = visit.said("name"), local(visit.said("next"))
    address = visit.request.client.host if visit.request.client else ""
    password = str(visit.form.get("password", ""))
    came = signing_in.sign_in_with_password(visit.connection, name, password, address, visit.now)
    if isinstance(came, Refusal):
        return _refused(visit, came, name, place)
    return _welcome(visit, came, place)


@router.get("/sign-in/openid")
def send_away(visit: Visiting, next_: Annotated[str, Query(alias="next")] = "/") -> Response:
    """To the identity provider, from which the browser comes back."""
    try:
        address = signing_in.send_away(
            visit.connection, _provider(visit), _back(visit), local(next_), visit.secret, visit.now
        )
    except IdentityProviderError as error:
        return _not_let_in(visit, error, local(next_))
    response = RedirectResponse(address, status_code=303, headers=dict(HEADERS))
    if visit.session is None:
        visit.keep(response, VISIT_COOKIE, visit.secret, None)
    return response


@router.get("/sign-in/openid/back")
def come_back(visit: Visiting) -> Response:
    """By the word of the identity provider."""
    returned = {
        name: visit.request.query_params[name] for name in ("state", "code") if name in visit.request.query_params
    }
    kept = visit.installation.settings.environment.openid_secret
    secret = None if kept is None else kept.get_secret_value()
    try:
        token, place = signing_in.welcome_back(
            visit.connection, _provider(visit), secret, returned, _back(visit), visit.secret, visit.now
        )
    except CdiError as error:
        if not isinstance(error, IdentityProviderError):
            signing_in.note_refused(visit.connection, None, "provider", visit.now)
        return _not_let_in(visit, error, "/")
    return _welcome(visit, token, place)


def _provider(visit: Visit) -> IdentityProvider:
    provider: IdentityProvider | None = visit.request.app.state.identity_provider
    if provider is None or provider.rules.client_id is None:
        raise NotFoundError("nobody signs in elsewhere here", remedy="cdi.yaml: openid.client_id")
    return provider


def _back(visit: Visit) -> str:
    """Where the identity provider sends browsers back to; it has to know this address."""
    base = visit.installation.settings.environment.public_url or str(visit.request.base_url)
    return f"{base.rstrip('/')}/sign-in/openid/back"


def _way_out(visit: Visit) -> str | None:
    """Where one signs out at the identity provider, if it says so."""
    with suppress(IdentityProviderError, NotFoundError):
        provider = _provider(visit)
        door = provider.discovered().end_session_endpoint
        return f"{door}?{urlencode({'client_id': provider.rules.client_id})}" if door else None
    return None


def _asked(visit: Visit, more: dict[str, Any], status: int = 200) -> Response:
    """The page that asks who it is."""
    openid = visit.installation.deployment.openid
    elsewhere = urlsplit(openid.issuer).hostname if openid is not None and openid.client_id else None
    usual = {"next": "/", "name": "", "fault": "", "remedy": "", "leave": None, "elsewhere": elsewhere}
    return visit.page("sign_in.html", usual | more, status=status)


def _not_let_in(visit: Visit, error: CdiError, place: str) -> Response:
    told = {"fault": told_error(visit.language, error.message), "remedy": told_error(visit.language, error.remedy)}
    return _asked(visit, told | {"next": place}, int(error.status))


@router.get("/sign-in/link")
def show_link(visit: Visiting, token: Annotated[str, Query(max_length=200)]) -> Response:
    """Only a button: programs that preview links follow them, and would use them up."""
    return visit.page("sign_in_link.html", {"token": token, "fault": ""})


@router.post("/sign-in/link")
def sign_in_by_link(visit: Visiting) -> Response:
    """With a link that works once."""
    try:
        token = signing_in.sign_in_with_link(visit.connection, visit.said("token"), visit.now)
    except UnauthenticatedError:
        signing_in.note_refused(visit.connection, None, "link", visit.now)
        fault = visit.language.gettext("This link was used already or is too old. Ask for a new one.")
        return visit.page("sign_in_link.html", {"token": "", "fault": fault}, status=401)
    return _welcome(visit, token, "/")


@router.post("/sign-out")
def sign_out(visit: Visiting) -> Response:
    """The session ends here and in the database."""
    elsewhere = visit.session is not None and visit.session.issuer is not None
    if visit.session is not None:
        signing_in.sign_out(visit.connection, visit.session.token)
    visit.session = None
    response = visit.back(AWAY if elsewhere else "/sign-in")
    response.delete_cookie(SESSION_COOKIE, path="/")
    return response


def _refused(visit: Visit, refusal: Refusal, name: str, place: str) -> Response:
    if refusal.wait:
        minutes = math.ceil(refusal.wait.total_seconds() / 60)
        fault = visit.language.ngettext(
            "Too many attempts. Try again in %(num)s minute.",
            "Too many attempts. Try again in %(num)s minutes.",
            minutes,
        ) % {"num": minutes}
    else:
        fault = visit.language.gettext("Name and password do not fit together.")
    status = 429 if refusal.wait else 401
    return _asked(visit, {"next": place, "name": name, "fault": fault}, status)


def _welcome(visit: Visit, token: str, place: str) -> Response:
    if visit.session is not None:
        signing_in.sign_out(visit.connection, visit.session.token)
    response = visit.back(place)
    visit.keep(response, SESSION_COOKIE, token, int(signing_in.LONGEST.total_seconds()))
    response.delete_cookie(VISIT_COOKIE, path="/")
    return response
