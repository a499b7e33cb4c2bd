"""The officer's desk: a customer is found, a consent withdrawn, data held; what is kept no longer is looked at."""

import re
from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest
from desks import DeskInBrowser, PageClient, assert_good_page, signed_in
from domain import ANNA, home, person, profile_of, push
from fastapi import FastAPI
from test_contact import allowed, consent
from test_desk_customers import largest

from cdi.access import Role
from cdi.clock import utc_now
from cdi.errors import ConflictError
from cdi.fields import FieldGroup
from cdi.pipeline import Installation
from cdi.privacy import holds, retention
from cdi.store.db import text
from cdi.store.privacy_requests import PrivacyRequest, save_request
from conftest import Doors

NAME = ANNA["name"]["family_name"]
BERND = person("Bernd", "Okonkwo", "1957-11-30", addresses=home("Am Hang", "71", "20095", "Hamburg"))


@pytest.fixture
def app(company: Installation) -> FastAPI:
    push(company, "till", {"a": ANNA}, at=utc_now() - timedelta(days=365 * 11))
    allowed(company, "till", {"n": consent("granted")})
    return Doors(company).app


@pytest.fixture
def officer(company: Installation, app: FastAPI) -> PageClient:
    return signed_in(company, app, "officer", Role.PRIVACY)


def test_the_officer_finds_a_customer_withdraws_holds_and_lifts(company: Installation, officer: PageClient) -> None:
    anna = str(profile_of(company, "till", "a"))
    found = officer.get("/privacy", params={"q": NAME[:-1]}).text
    page = f"/privacy/profiles/{anna}"
    assert page in found and 'href="/privacy"' in officer.get("/").text
    assert "newsletter" in officer.get(page).text
    officer.submit(f"{page}/withdrawal", page=page, purpose="newsletter", channel="email")
    proof = officer.get(f"{page}/consents.csv")
    assert "attachment" in proof.headers["content-disposition"]
    assert "newsletter,email,withdrawn" in proof.text and "user:officer" in proof.text

    assert officer.submit(f"{page}/hold", page=page, reason=" ").status_code == 422
    officer.submit(f"{page}/hold", page=page, reason="warranty case 118", until="2999-01-01")
    held = officer.get("/privacy").text
    assert "warranty case 118" in held and page in held
    officer.submit("/privacy/holds/1/lifting", page=page, reason="settled")
    assert "warranty case 118" not in officer.get("/privacy").text


def test_what_would_go_is_shown_with_its_rule_in_both_languages(company: Installation, officer: PageClient) -> None:
    push(company, "till", {str(n): ANNA for n in range(3)}, at=utc_now() - timedelta(days=365 * 12))
    english = officer.get("/privacy/retention", headers={"accept-language": "en"}).text
    assert "10 years after the last activity" in english and "till:0" in english
    german = officer.get("/privacy/retention", headers={"accept-language": "de"}).text
    assert "10 Jahre nach der letzten Aktivität" in german
    record = officer.get("/privacy/record-of-processing", headers={"accept-language": "de"})
    assert record.text.startswith("# Verzeichnis der Verarbeitungstätigkeiten")


def test_of_very_much_a_sample_is_asked_and_the_exact_count_on_demand(
    company: Installation, officer: PageClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    long_ago = utc_now() - timedelta(days=365 * 12)
    push(company, "till", {f"old{n}": ANNA for n in range(30)}, at=long_ago)
    push(company, "till", {f"held{n}": BERND for n in range(30)}, at=long_ago)
    page = f"/privacy/profiles/{profile_of(company, 'till', 'held0')}"
    officer.submit(f"{page}/hold", page=page, reason="warranty case 118")
    with company.database.unit_of_work() as connection:
        connection.execute(text("analyze record"))
    english = {"accept-language": "en"}
    monkeypatch.setattr(retention, "EXACT_BELOW", 1)
    told = officer.get("/privacy/retention", headers=english).text
    assert "about 30" in told and "till:old" in told and "till:held" not in told
    assert 'href="/privacy/retention?exact=true"' in told
    exact = officer.get("/privacy/retention?exact=true", headers=english).text
    assert "about 30" not in exact and "till:old0" in exact and "Counted one by one" in exact
    part = officer.get("/privacy/retention?exact=true", headers=english | {"hx-request": "true"})
    assert part.status_code == 200 and "Counted one by one" in part.text and "<html" not in part.text
    officer.submit("/privacy/holds/1/lifting", page=page, reason="settled")
    monkeypatch.setattr(retention, "TRIED", 40)
    told = officer.get("/privacy/retention", headers=english).text
    assert re.search("about (59|60|61)<", told), "40 of 61 were asked, one of whom may be Anna, and stand for all"


def test_a_customer_is_erased_after_a_look_and_a_second_word(
    company: Installation, app: FastAPI, officer: PageClient
) -> None:
    anna = str(profile_of(company, "till", "a"))
    page = f"/privacy/profiles/{anna}"
    officer.submit(f"{page}/hold", page=page, reason="warranty case 118")
    assert "A legal hold protects this customer" in officer.get(f"{page}/erasure").text
    officer.submit("/privacy/holds/1/lifting", page=page, reason="settled")
    shown = officer.get(f"{page}/erasure").text
    assert "Erase now" in shown and NAME in shown
    with company.database.unit_of_work() as connection:
        asked = PrivacyRequest("erasure", UUID(anna), "demanded", "asked", "source:till", utc_now())
        save_request(connection, asked)
        save_request(connection, PrivacyRequest("sighting", None, "returned", "asked", "system:landing", utc_now()))
    waiting = officer.get("/privacy").text
    assert NAME in waiting and "A source still sends somebody who was erased" in waiting
    officer.submit("/privacy/requests/2/acknowledgement", page=page)
    assert officer.submit("/privacy/requests/2/acknowledgement", page=page).status_code == 409
    done = officer.submit("/privacy/requests/1/decision", page=page, verdict="approve")
    assert done.headers["location"] == "/privacy", done.text
    after = officer.get("/privacy").text
    assert "The customer is erased" in after and NAME not in after
    assert profile_of(company, "till", "a") is None
    assert "This profile has ended" in officer.get(page).text


def test_a_restriction_and_an_objection_hold_until_they_are_lifted(
    company: Installation, app: FastAPI, officer: PageClient
) -> None:
    anna = str(profile_of(company, "till", "a"))
    page = f"/privacy/profiles/{anna}"
    reader = signed_in(company, app, "reader", Role.READER, groups=tuple(FieldGroup))
    officer.submit(f"{page}/objection", page=page, purpose="newsletter", ground="marketing")
    assert reader.get(f"/profiles/{anna}").status_code == 200
    officer.submit(f"{page}/restriction", page=page, ground="contested")
    assert reader.get(f"/profiles/{anna}").status_code == 404
    closed = signed_in(company, app, "steward").get(f"/profiles/{anna}").text
    assert "use restricted" in closed and "objected to: Newsletter" in closed
    standing = officer.get("/privacy").text
    assert NAME in standing and "Objection (Newsletter)" in standing and "Restriction" in standing
    for request in (1, 2):
        officer.submit(f"/privacy/requests/{request}/lifting", page=page)
    assert reader.get(f"/profiles/{anna}").status_code == 200
    assert "Nothing is restricted" in officer.get("/privacy").text


def test_what_fails_in_a_form_leaves_nothing_behind(
    company: Installation, officer: PageClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    place = holds.place

    def fail_after(*args: Any) -> None:
        place(*args)
        raise ConflictError("it contradicts what stands")

    monkeypatch.setattr(holds, "place", fail_after)
    page = f"/privacy/profiles/{profile_of(company, 'till', 'a')}"
    assert officer.submit(f"{page}/hold", page=page, reason="warranty case 118").status_code == 409
    assert "warranty case 118" not in officer.get("/privacy").text


def test_a_wrong_value_is_put_right_once(company: Installation, officer: PageClient) -> None:
    page = f"/privacy/profiles/{profile_of(company, 'till', 'a')}"
    form = f"{page}/rectification"
    served = officer.get(form, params={"attribute": "name"}).text
    assert f'value="{NAME}"' in served and form in officer.get(page).text
    name = {"attribute": "name", "given_name": ANNA["name"]["given_name"], "family_name": NAME.upper()}
    same = officer.submit(form, page=form, **name, reason="misspelt")
    assert same.status_code == 409 and "no source says anything wrong there" in same.text
    assert officer.submit(form, page=form, **name | {"family_name": "Kaminska"}, reason=" ").status_code == 422
    done = officer.submit(form, page=form, **name | {"family_name": "Kaminska"}, reason="misspelt")
    assert done.headers["location"] == page
    assert "Kaminska" in (shown := officer.get(page).text) and "Rectification (Name)" in shown
    again = officer.submit(form, page=form, **name | {"family_name": "Kaminski"}, reason="misspelt")
    assert again.status_code == 409 and "being rectified already" in again.text


@pytest.mark.slow
@pytest.mark.parametrize(
    "place", ["/privacy?q=M%C3%BCller", "/privacy/retention", "customer", "erasure", "rectification"]
)
def test_every_page_is_accessible_and_fits_in_both_languages(shared_desk: DeskInBrowser, place: str) -> None:
    customer = f"/privacy/profiles/{largest(shared_desk)}"
    where = {"customer": customer}.get(place, f"{customer}/{place}" if place[0] != "/" else place)
    assert_good_page(shared_desk, where, name="officer", role=Role.PRIVACY)


@pytest.mark.slow
def test_a_hold_is_placed_without_javascript(shared_desk: DeskInBrowser) -> None:
    page = shared_desk.signed_in("officer", Role.PRIVACY, scripts=False)
    page.goto(f"/privacy/profiles/{largest(shared_desk)}")
    page.get_by_label("Reason").fill("warranty case 118")
    page.get_by_role("button", name="Hold", exact=True).click()
    assert page.get_by_text("The legal hold stands").is_visible()
    page.get_by_label("Why it ends").fill("settled")
    page.get_by_role("button", name="Lift the hold").click()
    assert page.get_by_text("The legal hold is lifted").is_visible()
