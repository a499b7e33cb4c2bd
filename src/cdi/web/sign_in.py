"""/sign-in and /sign-out: coming to the desk and leaving it."""

import math
from typing import Annotated

from fastapi import Query, Response

from cdi import signing_in
from cdi.errors import UnauthenticatedError
from cdi.signing_in import Refusal
from cdi.web.routing import pages_router
from cdi.web.visits import SESSION_COOKIE, VISIT_COOKIE, Visit, Visiting, local

router = pages_router()


@router.get("/sign-in")
def show_sign_in(visit: Visiting, next_: Annotated[str, Query(alias="next")] = "/") -> Response:
    """Ask who it is."""
    if visit.session is not None:
        return visit.back(local(next_))
    return visit.page("sign_in.html", {"next": local(next_), "name": "", "fault": ""})


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
    if visit.session is not None:
        signing_in.sign_out(visit.connection, visit.session.token)
    visit.session = None
    response = visit.back("/sign-in")
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
    return visit.page("sign_in.html", {"next": place, "name": name, "fault": fault}, status=status)


def _welcome(visit: Visit, token: str, place: str) -> Response:
    if visit.session is not None:
        signing_in.sign_out(visit.connection, visit.session.token)
    response = visit.back(place)
    visit.keep(response, SESSION_COOKIE, token, int(signing_in.LONGEST.total_seconds()))
    response.delete_cookie(VISIT_COOKIE, path="/")
    return response
