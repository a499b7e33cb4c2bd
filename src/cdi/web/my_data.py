"""/my-data: the customer's own view. What is kept of them, from where and for what; as a page, and to download.

A link is opened by a button and never by being looked at: programs that preview links follow them.
"""

from typing import Final, Literal

import orjson
from fastapi import Response

from cdi.privacy import correcting, disclosed, own_view, requests
from cdi.web.evidence_words import comparison_word, level_word
from cdi.web.guests import HEADERS, PLACE, SESSION_COOKIE, VISIT_COOKIE, Coming, guests_router

router = guests_router()

FILES: Final = {"json": "application/json", "zip": "application/zip"}


@router.get(PLACE)
def show_own_data(guest: Coming) -> Response:
    """What is kept of this customer."""
    told = own_view.show(guest.view, "show_own_data")
    words = {
        "comparison_word": lambda name: comparison_word(guest.language, name),
        "level_word": lambda level: level_word(guest.language, level),
    }
    values = {
        "kept": told,
        "for_customer": True,
        "until": guest.view.link.session_until,
        "objectable": own_view.purposes_to_object(guest.view),
        "correctable": correcting.CORRECTABLE,
        "longest": correcting.LONGEST,
    }
    return guest.page("my_data.html", values | words)


@router.get(PLACE + "/{token}")
def show_link(token: str, guest: Coming) -> Response:  # noqa: ARG001  # it is looked at only when it is used
    """A button. Nothing is asked about the link, so nothing is learnt of it."""
    return guest.page("my_data_link.html", {})


@router.post(PLACE + "/{token}")
def open_link(token: str, guest: Coming) -> Response:
    """Use the link up: from here on this browser, and no other, has the view."""
    guest.may_try()
    session = own_view.open_view(guest.connection, token, guest.now)
    if session is None:
        return guest.not_open()
    response = guest.back()
    guest.keep(response, SESSION_COOKIE, session, int(own_view.SESSION.total_seconds()))
    response.delete_cookie(VISIT_COOKIE, path=PLACE)
    return response


@router.get(PLACE + "/files/{form}")
def download_own_data(form: Literal["json", "zip"], guest: Coming) -> Response:
    """The same as a file: JSON, or a ZIP of tables."""
    told = own_view.show(guest.view, "download_own_data")
    content = disclosed.as_zip(told) if form == "zip" else orjson.dumps(told, option=orjson.OPT_NON_STR_KEYS)
    headers = {**HEADERS, "content-disposition": f'attachment; filename="my-data.{form}"'}
    return Response(content, media_type=FILES[form], headers=headers)


@router.get(PLACE + "/deletions/{code}")
def show_deletion(code: str, guest: Coming) -> Response:
    """What became of a demand to be deleted, which a vendor told us: whoever has its code may know."""
    told = requests.demand_of(guest.connection, code)
    if told is None:
        return guest.not_there()
    officer = guest.installation.deployment.processing.officer
    return guest.page("my_data_deletion.html", {"demand": told, "code": code, "officer": officer})


@router.post(PLACE + "/actions/withdrawal")
def withdraw(guest: Coming) -> Response:
    """A consent is withdrawn, at once."""
    own_view.withdraw(guest.view, guest.said("purpose"), guest.said("channel"))
    return guest.back("withdrawn")


@router.post(PLACE + "/actions/objection")
def object_to(guest: Coming) -> Response:
    """They object to a purpose, at once."""
    own_view.object_to(guest.view, guest.said("purpose"))
    return guest.back("objected")


@router.post(PLACE + "/actions/correction")
def correct(guest: Coming) -> Response:
    """They say what is right, and the officer looks at it."""
    own_view.correct(guest.view, guest.said("attribute"), guest.said("said"))
    return guest.back("asked")


@router.post(PLACE + "/actions/leave")
def leave(guest: Coming) -> Response:
    """The view is over, in this browser and for good."""
    own_view.leave(guest.view)
    response = guest.not_open()
    response.delete_cookie(SESSION_COOKIE, path=PLACE)
    return response
