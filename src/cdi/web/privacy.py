"""/privacy: the officer's desk. What is asked by data subjects, what must be held, what is kept no longer; and for each
customer one button for each of their rights."""

from typing import Annotated, Any, Final, Literal
from uuid import UUID

import orjson
from fastapi import Path, Query, Response

from cdi import profiles
from cdi.fields import CONSENT_CHANNELS
from cdi.privacy import consents, correcting, disclosed, holds, own_view, processing, requests, restricting, retention
from cdi.privacy.consents import WITHDRAWN, Customer, Word
from cdi.privacy.disclosure import disclose
from cdi.privacy.holds import Holding
from cdi.privacy.rectifying import value_written
from cdi.privacy.requests import Office
from cdi.store import touchpoints
from cdi.store.privacy_requests import RequestFilter
from cdi.web.conflicts import day_said
from cdi.web.evidence_words import comparison_word, level_word
from cdi.web.pages import HEADERS
from cdi.web.reviews import names_in
from cdi.web.routing import pages_router
from cdi.web.visits import Officiating, Visit
from cdi.web.words import N_

router = pages_router()

SHOWN: Final = 20
FOUND: Final = 8
LISTED: Final = 25

Number = Annotated[int, Path(ge=1, le=2**63 - 1)]
Words = Annotated[str, Query(max_length=300)]


def office_of(visit: Visit) -> Office:
    """The office at which what is asked is seen to."""
    return Office(visit.connection, visit.installation, visit.caller, visit.now, visit.trail)


@router.get("/privacy")
def show_privacy(visit: Officiating, q: Words = "") -> Response:
    """What waits for the officer, and the search for a customer."""
    waiting = requests.list_requests(visit.connection, RequestFilter(state="asked"), SHOWN)
    in_force = requests.list_requests(visit.connection, RequestFilter(state="in_force"), SHOWN)
    standing = holds.list_holds(visit.connection, visit.visibility, visit.now, SHOWN, standing=True)
    found = _search(visit, q)
    about = [str(one["profile"]) for one in (*waiting, *in_force, *standing) if one["profile"]]
    visit.trail.saw([*about, *(one["id"] for one in found)])
    return visit.page(
        "privacy.html",
        {
            "q": q,
            "found": found,
            "waiting": waiting,
            "in_force": in_force,
            "holds": standing,
            "names": names_in(visit, about),
            "runs": retention.list_runs(visit.connection, SHOWN),
        },
    )


def _search(visit: Visit, words: str) -> list[dict[str, Any]]:
    if not words.strip():
        return []
    query = profiles.Query(q=words.strip())
    return profiles.find(visit.connection, visit.installation, visit.visibility, query, limit=FOUND).items


@router.get("/privacy/retention")
def show_retention(visit: Officiating, exact: bool = False) -> Response:
    """What a run would remove now, and why; `exact`: counted one by one, however long that takes."""
    look = retention.preview if exact else retention.glance
    due = look(visit.connection, visit.installation, visit.now, listed=LISTED)
    visit.trail.saw(one["profile"] for rule in due["rules"] for one in rule["records"] if one["profile"])
    return visit.page("privacy_retention.html", {"due": due, "exact": exact}, fragment="due")


@router.get("/privacy/record-of-processing")
def download_record(visit: Officiating) -> Response:
    """The record of processing activities, as a file."""
    record = processing.record_of_processing(visit.connection, visit.installation, visit.now)
    page = processing.as_markdown(record, visit.language.code)
    return _file(page, "text/markdown", f"record-of-processing-{visit.now:%Y-%m-%d}.md")


def _file(content: str, kind: str, name: str) -> Response:
    headers = {**HEADERS, "content-disposition": f'attachment; filename="{name}"'}
    return Response(content, media_type=f"{kind}; charset=utf-8", headers=headers)


@router.get("/privacy/profiles/{profile_id}")
def show_subject(profile_id: UUID, visit: Officiating) -> Response:
    """One customer, with a button for each right."""
    shown = profiles.show(visit.connection, visit.installation, visit.visibility, profile_id)
    document = shown.document
    said = [] if document is None else touchpoints.load_consents(visit.connection, profile_id)
    return visit.page(
        "privacy_subject.html",
        {
            "id": str(profile_id),
            "document": document,
            "reason": shown.reason,
            "homes": [str(home) for home in shown.profiles],
            "requests": requests.list_requests(visit.connection, RequestFilter(profile_id=profile_id), SHOWN),
            "holds": holds.list_holds(visit.connection, visit.visibility, visit.now, SHOWN, profile=profile_id),
            "purposes": sorted({one.purpose for one in said}),
            "channels": CONSENT_CHANNELS,
            "grounds": restricting.GROUNDS,
            "corrections": correcting.list_waiting(office_of(visit), profile_id),
        },
    )


@router.post("/privacy/requests/{request_id}/correction")
def decide_correction(request_id: Number, visit: Officiating) -> Response:
    """What the customer says is right, was seen to otherwise, or is not."""
    value = value_written(visit.said("value"))
    told = correcting.decide(office_of(visit), request_id, visit.said("verdict"), value, visit.said("reason"))
    message = CORRECTED[told["state"]]
    return visit.back(f"/privacy/profiles/{told['profile']}", visit.language.gettext(message))


CORRECTED: Final = {"done": N_("The correction is seen to."), "refused": N_("The correction is refused.")}


@router.post("/privacy/profiles/{profile_id}/link")
def make_link(profile_id: UUID, visit: Officiating) -> Response:
    """A link to the customer's own view, shown this once."""
    made = own_view.make_link(office_of(visit), profile_id)
    hint = visit.language.gettext(
        N_("This link is shown once and opens once, until %(moment)s. Give it to this customer and nobody else.")
    ) % {"moment": visit.language.moment(made.expires_at)}
    shown = {"title": visit.language.gettext(N_("Link to the customer’s own view")), "name": "", "secret": made.url}
    return visit.page("access_shown.html", {**shown, "hint": hint, "place": f"/privacy/profiles/{profile_id}"})


@router.post("/privacy/profiles/{profile_id}/hold")
def place_hold(profile_id: UUID, visit: Officiating) -> Response:
    """Nothing of this customer is removed from now on."""
    wanted = Holding(visit.said("reason"), profile=profile_id, until=day_said(visit))
    holds.place(visit.connection, visit.caller, visit.trail, wanted, visit.now)
    message = visit.language.gettext(N_("The legal hold stands: nothing of this customer is removed."))
    return visit.back(f"/privacy/profiles/{profile_id}", message)


@router.post("/privacy/holds/{hold_id}/lifting")
def lift_hold(hold_id: Number, visit: Officiating) -> Response:
    """The hold ends."""
    holds.lift(visit.connection, visit.caller, visit.trail, hold_id, visit.said("reason"), visit.now)
    return visit.back("/privacy", visit.language.gettext(N_("The legal hold is lifted.")))


@router.post("/privacy/profiles/{profile_id}/withdrawal")
def withdraw(profile_id: UUID, visit: Officiating) -> Response:
    """The customer withdrew a consent, or all of them."""
    word = Word(WITHDRAWN, visit.said("purpose") or None, visit.said("channel") or "any")
    consents.say(
        visit.connection, visit.installation, visit.caller, visit.trail, Customer(profile=profile_id), word, visit.now
    )
    message = visit.language.gettext(N_("The withdrawal holds at once."))
    return visit.back(f"/privacy/profiles/{profile_id}", message)


@router.get("/privacy/profiles/{profile_id}/consents.csv")
def download_consents(profile_id: UUID, visit: Officiating) -> Response:
    """Every word on a consent of this customer, as a table."""
    proof = consents.prove(visit.connection, visit.installation, visit.visibility, profile_id, visit.now)
    return _file(consents.as_csv(proof), "text/csv", f"consents-{profile_id}.csv")


@router.get("/privacy/profiles/{profile_id}/access")
def show_disclosure(
    profile_id: UUID,
    visit: Officiating,
    language: Annotated[Literal["de", "en"] | None, Query()] = None,
    for_customer: bool = True,
) -> Response:
    """Everything that is kept of this customer, as a page for reading and printing, in the customer's language."""
    told = disclose(office_of(visit), profile_id, for_customer=for_customer)
    if language is not None:
        visit.language = visit.pages.languages[language]
    return visit.page(
        "privacy_access.html",
        {
            "kept": told,
            "for_customer": for_customer,
            "comparison_word": lambda name: comparison_word(visit.language, name),
            "level_word": lambda level: level_word(visit.language, level),
        },
    )


@router.get("/privacy/profiles/{profile_id}/access.{form}")
def download_disclosure(
    profile_id: UUID, form: Literal["json", "zip"], visit: Officiating, for_customer: bool = True
) -> Response:
    """The same as a file: JSON, or a ZIP of tables."""
    told = disclose(office_of(visit), profile_id, for_customer=for_customer)
    name = {"content-disposition": f'attachment; filename="customer-{profile_id}.{form}"'}
    content = disclosed.as_zip(told) if form == "zip" else orjson.dumps(told, option=orjson.OPT_NON_STR_KEYS)
    return Response(content, media_type=f"application/{form}", headers={**HEADERS, **name})
