"""/profiles/{id}: one customer: the golden record and where each value comes from, the records, the household."""

from datetime import timedelta
from http import HTTPStatus
from typing import Annotated, Any
from uuid import UUID

from fastapi import Query, Response

from cdi import contact, history, journey, profiles, stewardship
from cdi.access import Role
from cdi.errors import CdiError, InvalidInputError
from cdi.fields import ATTRIBUTES
from cdi.ids import parse_record_key
from cdi.resolution.decisions import Verdict
from cdi.serving import live_profile
from cdi.stewardship import Settlement, Split
from cdi.store.reviews import ReviewFilter
from cdi.store.touchpoints import JourneyFilter
from cdi.web.conflicts import day_said
from cdi.web.error_words import told_error
from cdi.web.pages import record_name
from cdi.web.routing import pages_router
from cdi.web.visits import Reading, Stewarding, Visit

router = pages_router()

A_PAGE = 30
OPEN_QUESTIONS = 5
Cursor = Annotated[str | None, Query(max_length=200)]
Text = Annotated[str, Query(max_length=200)]


@router.get("/profiles/{profile_id}")
def show_profile(profile_id: UUID, visit: Reading) -> Response:
    """The golden record, and what else is to be known at once."""
    found = profiles.show(visit.connection, visit.installation, visit.visibility, profile_id)
    if found.status is HTTPStatus.MOVED_PERMANENTLY:
        return visit.back(f"/profiles/{found.profiles[0]}")
    if found.document is None:
        return _retired(visit, found)
    return _page(visit, "profile.html", found.document, {"questions": _questions(visit, profile_id)})


@router.get("/profiles/{profile_id}/household")
def show_household(profile_id: UUID, visit: Reading) -> Response:
    """Who lives with this customer: a page of its own, since it is worked out anew and nobody shall wait for it."""
    document = _document(visit, profile_id)
    home = profiles.household(visit.connection, visit.installation, visit.visibility, profile_id)
    return _page(visit, "profile_household.html", document, {"household": home["members"]}, fragment="members")


@router.get("/profiles/{profile_id}/journey")
def show_journey(
    profile_id: UUID, visit: Reading, channel: Text = "", after: Cursor = None, only_open: bool = False
) -> Response:
    """What the customer and we did together, over all channels."""
    document = _document(visit, profile_id)
    found = live_profile(visit.connection, visit.visibility, profile_id)
    narrowed = JourneyFilter(channel=channel or None, only_open=only_open, after=journey.place(after or None))
    told = journey.journey(visit.connection, visit.installation, visit.visibility, found, narrowed, A_PAGE, visit.now)
    values = {"journey": told, "channel": channel, "only_open": only_open, "first": not after}
    return _page(visit, "profile_journey.html", document, values, fragment="journey")


@router.post("/profiles/{profile_id}/touchpoints/{touchpoint_id}/closing")
def close_request(profile_id: UUID, touchpoint_id: int, visit: Stewarding) -> Response:
    """An open request is answered."""
    outcome = visit.said("outcome")
    if not outcome:
        raise InvalidInputError("say what came of it", remedy="A few words do")
    journey.close(visit.connection, visit.installation, visit.caller, touchpoint_id, outcome[:2_000], visit.now)
    return visit.back(f"/profiles/{profile_id}/journey", visit.language.gettext("The request is closed."))


@router.get("/profiles/{profile_id}/consents")
def show_consents(profile_id: UUID, visit: Reading, purpose: Text = "") -> Response:
    """What the customer allowed, and whether we may contact them now."""
    document = _document(visit, profile_id)
    found = live_profile(visit.connection, visit.visibility, profile_id)
    told = contact.consents(visit.connection, visit.installation, visit.visibility, found, visit.now)
    rules = visit.installation.deployment.contact
    purposes = sorted(
        {one["purpose"] for one in told["consents"]}
        | set(rules.without_consent)
        | {cap.purpose for cap in rules.caps if cap.purpose}
    )
    asked = purpose or (purposes[0] if purposes else "")
    may = (
        contact.contactability(visit.connection, visit.installation, visit.visibility, found, asked, visit.now)
        if asked
        else None
    )
    values = {"consents": told["consents"], "purposes": purposes, "purpose": asked, "may": may}
    return _page(visit, "profile_consents.html", document, values, fragment="contact")


@router.post("/profiles/{profile_id}/consents/review")
def review_consent(profile_id: UUID, visit: Stewarding) -> Response:
    """Records contradict each other about a consent: say whose word counts."""
    found = live_profile(visit.connection, visit.visibility, profile_id)
    record, purpose = parse_record_key(visit.said("record")), visit.said("purpose")
    channel, reason = visit.said("channel"), visit.said("reason")
    contact.review(
        visit.connection, visit.installation, visit.caller, found, purpose, channel, record, reason, visit.now
    )
    message = visit.language.gettext("The word of %(record)s counts from now on.")
    return visit.back(f"/profiles/{profile_id}/consents", message % {"record": record_name(str(record))})


@router.get("/profiles/{profile_id}/history")
def show_history(profile_id: UUID, visit: Reading, before: Cursor = None) -> Response:
    """What happened to this profile, newest first; what a steward decided can be taken back here."""
    document = _document(visit, profile_id)
    told = history.past(visit.connection, visit.installation, visit.visibility, profile_id, before or None, A_PAGE)
    values = {"entries": told.entries, "before": told.before, "first": not before}
    return _page(visit, "profile_history.html", document, values)


@router.post("/profiles/{profile_id}/decisions/{decision_id}/undo")
def undo(profile_id: UUID, decision_id: int, visit: Stewarding) -> Response:
    """Take a decision back; everything it touched is resolved anew."""
    reason = visit.said("reason") or visit.language.gettext("Taken back at once")
    stewardship.revoke_override(visit.desk, decision_id, reason)
    return visit.back(f"/profiles/{profile_id}/history", visit.language.gettext("The decision is taken back."))


@router.post("/profiles/{profile_id}/data-owner")
def hand_over(profile_id: UUID, visit: Stewarding) -> Response:
    """Give the profile to another data owner."""
    owner = visit.said("owner")
    before = _document(visit, profile_id)["data_owner"]
    told = stewardship.hand_over(visit.desk, profile_id, owner or None, visit.said("reason"), visit.said("version"))
    message = visit.language.gettext("%(owner)s answers for this profile now, instead of %(before)s.")
    names = {"owner": visit.pages.owner_name(told["data_owner"]), "before": visit.pages.owner_name(before)}
    return visit.back(f"/profiles/{profile_id}", message % names)


@router.post("/profiles/{profile_id}/pins")
def pin(profile_id: UUID, visit: Stewarding) -> Response:
    """Let what one record says stand for good."""
    attribute = visit.said("attribute")
    settlement = Settlement(visit.said("reason"), record=parse_record_key(visit.said("record")), until=day_said(visit))
    stewardship.pin_value(visit.desk, profile_id, attribute, settlement, visit.said("version"))
    return visit.back(
        f"/profiles/{profile_id}", visit.language.gettext("The value is pinned: it stands whatever sources send.")
    )


@router.post("/profiles/{profile_id}/pins/{attribute}/removal")
def unpin(profile_id: UUID, attribute: str, visit: Stewarding) -> Response:
    """Let the rules decide again."""
    stewardship.unpin_value(visit.desk, profile_id, attribute, visit.said("version"))
    return visit.back(f"/profiles/{profile_id}", visit.language.gettext("The rules decide again which value stands."))


@router.get("/profiles/{profile_id}/split")
def ask_split(profile_id: UUID, visit: Stewarding) -> Response:
    """Which records are another customer?"""
    return _split_page(visit, _document(visit, profile_id))


@router.post("/profiles/{profile_id}/split")
def split(profile_id: UUID, visit: Stewarding) -> Response:
    """First what would happen, as a picture; then, on a second word, it happens."""
    document = _document(visit, profile_id)
    chosen = [str(name) for name in visit.form.getlist("record")]
    reason, confirmed = visit.said("reason"), visit.said("step") == "do"
    household = visit.said("verdict") == Verdict.HOUSEHOLD.value
    wanted = Split(
        [parse_record_key(name) for name in chosen], reason, Verdict.HOUSEHOLD if household else Verdict.NO_MATCH
    )
    filled: dict[str, Any] = {"chosen": chosen, "reason": reason, "household": household}
    faults = _split_faults(visit, document, chosen, reason)
    if faults:
        return _split_page(visit, document, filled | {"faults": faults}, status=422)
    version = visit.said("version") or None
    try:
        told = stewardship.split_profile(visit.desk, profile_id, wanted, dry_run=not confirmed, if_match=version)
    except CdiError as error:
        return _split_page(
            visit, document, filled | {"fault": told_error(visit.language, error.message)}, status=int(error.status)
        )
    if not confirmed:
        return _split_page(visit, document, filled | {"preview": told})
    message = visit.language.gettext("The records are taken out.")
    if told["awaits"]:
        message = visit.language.gettext("Kept: the records are taken out when a second steward agrees.")
    place = f"/profiles/{profile_id}/decisions/{told['decision']['id']}/undo"
    return visit.back(f"/profiles/{profile_id}", message, undo=place)


def _split_faults(visit: Visit, document: dict[str, Any], chosen: list[str], reason: str) -> dict[str, str]:
    faults = {}
    if not chosen:
        faults["record"] = visit.language.gettext("Choose the records that are another customer.")
    elif len(chosen) == len(document["records"]):
        faults["record"] = visit.language.gettext("These are all its records: leave out those that stay.")
    if not reason:
        faults["reason"] = visit.language.gettext("Say why, in a few words: it is kept.")
    return faults


def _split_page(
    visit: Visit, document: dict[str, Any], filled: dict[str, Any] | None = None, status: int = 200
) -> Response:
    empty = {"chosen": [], "reason": "", "household": False, "faults": {}, "fault": "", "preview": None}
    return _page(visit, "profile_split.html", document, {**empty, **(filled or {})}, status=status)


def _page(
    visit: Visit,
    template: str,
    document: dict[str, Any],
    values: dict[str, Any],
    *,
    fragment: str | None = None,
    status: int = 200,
) -> Response:
    """A page of this profile: what all of them show, and its own."""
    owners = visit.visibility.owners
    mine = {document["data_owner"], *(record["data_owner"] for record in document["records"])}
    stewards = visit.caller.role in {Role.STEWARD, Role.ADMIN} and (owners is None or not owners.isdisjoint(mine))
    shared = {
        "first_day": visit.now.astimezone(visit.language.zone).date() + timedelta(days=1),
        "profile": document,
        "attributes": [name for name in ATTRIBUTES if name in document["golden"]],
        "all_owners": [(owner.id, owner.department) for owner in visit.installation.deployment.owners],
        "may_steward": stewards,
        "may_hand_over": stewards and (owners is None or document["data_owner"] in owners),
    }
    return visit.page(template, {**shared, **values}, fragment=fragment, status=status)


def _document(visit: Visit, profile_id: UUID) -> dict[str, Any]:
    """The live profile as this person sees it."""
    live_profile(visit.connection, visit.visibility, profile_id)
    shown = profiles.show(visit.connection, visit.installation, visit.visibility, profile_id).document
    assert shown is not None  # it is live, and a record of it may be seen
    return shown


def _retired(visit: Visit, found: profiles.Answer) -> Response:
    """Where the records of an id are now that was given out once."""
    homes = profiles.show_all(visit.connection, visit.installation, visit.visibility, found.profiles)
    shown = [home["profile"] for home in homes if "profile" in home]
    return visit.page("profile_retired.html", {"homes": shown, "reason": found.reason}, status=int(found.status))


def _questions(visit: Visit, profile_id: UUID) -> list[dict[str, Any]]:
    """Open reviews about this profile, for who answers them."""
    if visit.caller.role not in {Role.STEWARD, Role.ADMIN}:
        return []
    return stewardship.list_reviews(visit.desk, ReviewFilter(profile_id=profile_id), OPEN_QUESTIONS)
