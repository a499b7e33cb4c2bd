"""Customers are found and shown: search, a profile with its journey, consents and history; what stewards do there."""

import re

import pytest
from desks import DeskInBrowser, PageClient, assert_accessible, assert_fits, assert_good_page, signed_in
from domain import ANNA, profile_of, push
from fastapi import FastAPI

from cdi import profiles
from cdi.access import EVERYTHING, Role
from cdi.fields import FieldGroup
from cdi.pipeline import Installation
from cdi.profiles import Query
from conftest import Doors, installation_of


def largest(desk: DeskInBrowser | Installation, words: str = "Müller") -> str:
    """The id of the profile with most records among those found."""
    installation = desk.installation if isinstance(desk, DeskInBrowser) else desk
    with installation.database.unit_of_work() as connection:
        found = profiles.find(connection, installation, EVERYTHING, Query(q=words), limit=50).items
    return str(max(found, key=lambda document: len(document["records"]))["id"])


@pytest.fixture
def app(company: Installation) -> FastAPI:
    push(company, "till", {"a": ANNA, "a2": ANNA})
    return Doors(company).app


@pytest.fixture
def steward(company: Installation, app: FastAPI) -> PageClient:
    return signed_in(company, app, role=Role.STEWARD)


def test_a_customer_is_found_with_a_typo(company: Installation, steward: PageClient) -> None:
    anna = str(profile_of(company, "till", "a"))
    name = ANNA["name"]["family_name"]
    for typed in (name, name[:-1], name.replace("dz", "ds")):
        assert anna in steward.get("/profiles", params={"q": typed}).text, typed
        assert anna in steward.get("/profiles/suggestions", params={"q": typed}, headers={"hx-request": "true"}).text


def test_suggestions_are_only_the_list_for_htmx_and_a_page_for_all_others(steward: PageClient) -> None:
    assert "<html" not in steward.get("/profiles/suggestions?q=x", headers={"hx-request": "true"}).text
    assert "<html" in steward.get("/profiles/suggestions?q=x").text


def test_a_reader_without_scopes_sees_masked_values_only(company: Installation, app: FastAPI) -> None:
    anna = profile_of(company, "till", "a")
    blind = signed_in(company, app, "blind", Role.READER)
    sees = signed_in(company, app, "sees", Role.READER, groups=tuple(FieldGroup))
    name = ANNA["name"]["family_name"]
    for part in ("", "/journey", "/consents", "/history"):
        assert name not in blind.get(f"/profiles/{anna}{part}").text
        assert name in sees.get(f"/profiles/{anna}{part}").text
    assert str(anna) not in blind.get("/profiles", params={"q": name}).text


def test_a_reader_changes_nothing(company: Installation, app: FastAPI) -> None:
    anna = profile_of(company, "till", "a")
    reader = signed_in(company, app, "sees", Role.READER, groups=tuple(FieldGroup))
    page = f"/profiles/{anna}"
    assert "hand-over" not in reader.get(page).text
    for action in ("split", "data-owner", "pins"):
        assert reader.submit(f"{page}/{action}", page=page, reason="x", owner="retail").status_code == 403


def test_a_profile_is_handed_over_with_a_reason(company: Installation, steward: PageClient) -> None:
    anna = profile_of(company, "till", "a")
    page = f"/profiles/{anna}"
    refused = steward.submit(f"{page}/data-owner", page=page, owner="retail", reason=" ")
    assert refused.status_code == 422
    done = steward.submit(f"{page}/data-owner", page=page, owner="retail", reason="asked by the branch")
    assert done.headers.get("location") == page, done.text
    shown = steward.get(page).text
    assert "Filialen answers for this profile now" in shown
    with company.database.unit_of_work() as connection:
        document = profiles.show(connection, company, EVERYTHING, anna).document
    assert document is not None
    assert document["data_owner"] == "retail"
    assert "asked by the branch" in steward.get(f"{page}/history").text


def test_records_are_taken_out_after_a_look_at_what_would_happen(company: Installation, steward: PageClient) -> None:
    anna = profile_of(company, "till", "a")
    page = f"/profiles/{anna}"
    empty = steward.submit(f"{page}/split", page=page, reason="two people")
    assert empty.status_code == 422
    assert "Choose the records" in empty.text
    preview = steward.submit(f"{page}/split", page=page, record="till:a2", reason="two people")
    assert "What would happen" in preview.text
    assert "new profile" in preview.text
    assert profile_of(company, "till", "a2") == anna, "a preview changes nothing"
    done = steward.submit(f"{page}/split", page=page, record="till:a2", reason="two people", step="do")
    assert done.status_code == 303
    assert profile_of(company, "till", "a2") != anna
    undo = re.search(r'action="(/profiles/[^"]+/undo)"', steward.get(page).text)
    assert undo
    assert steward.submit(undo[1], page=page).status_code == 303
    assert profile_of(company, "till", "a2") == anna


def test_where_it_takes_two_records_are_taken_out_when_another_steward_agrees(company: Installation) -> None:
    file = company.settings.folder / "cdi.yaml"
    file.write_text(file.read_text() + "\nstewardship: {four_eyes: all}\n")
    strict = installation_of(company.settings.folder, company.database)
    push(strict, "till", {"a": ANNA, "a2": ANNA})
    app = Doors(strict).app
    anna = profile_of(strict, "till", "a")
    one, other = signed_in(strict, app, "o.ne"), signed_in(strict, app, "o.ther")
    page, form = f"/profiles/{anna}", {"record": "till:a2", "reason": "two people"}
    assert "Ask a second steward" in one.submit(f"{page}/split", page=page, **form).text
    assert one.submit(f"{page}/split", page=page, **form, step="do").status_code == 303
    waits = re.search(r'href="(/reviews/\d+)"', one.get(page).text)
    assert waits, "the profile leads to what waits about it"
    assert profile_of(strict, "till", "a2") == anna
    assert "o.ne said: Different customers" in other.get(waits[1]).text
    assert other.submit(f"{waits[1]}/decision", page=waits[1], verdict="no_match").status_code == 303
    assert profile_of(strict, "till", "a2") != anna


def test_a_steward_of_other_owners_may_look_and_not_change(company: Installation, app: FastAPI) -> None:
    anna = profile_of(company, "till", "a")
    foreign = signed_in(company, app, "foreign", Role.STEWARD, owners=["online"])
    page = f"/profiles/{anna}"
    assert foreign.get(page).status_code == 200
    refused = foreign.submit(f"{page}/split", page=page, record="till:a2", reason="x", step="do")
    assert refused.status_code == 403
    assert profile_of(company, "till", "a2") == anna


def test_an_id_never_given_out_is_a_page_that_says_so(steward: PageClient) -> None:
    answer = steward.get("/profiles/00000000-0000-7000-8000-000000000000")
    assert answer.status_code == 404
    assert "<h1>" in answer.text


@pytest.mark.parametrize(
    "part",
    [
        "",
        *(
            pytest.param(part, marks=pytest.mark.slow)
            for part in ("/journey", "/consents", "/history", "/split", "/household")
        ),
    ],
)
def test_the_pages_of_a_profile_are_good_pages(shared_desk: DeskInBrowser, part: str) -> None:
    assert_good_page(shared_desk, f"/profiles/{largest(shared_desk)}{part}")


def test_the_list_of_customers_is_a_good_page(shared_desk: DeskInBrowser) -> None:
    assert_good_page(shared_desk, "/profiles?q=M%C3%BCller")


def test_typing_shows_customers_and_the_keyboard_goes_there(shared_desk: DeskInBrowser) -> None:
    page = shared_desk.signed_in()
    page.keyboard.press("/")
    page.keyboard.type("Emrre Müler")
    page.locator(".suggestions a.title").first.wait_for()
    assert_fits(page)
    assert_accessible(page)
    page.keyboard.press("ArrowDown")
    page.keyboard.press("Enter")
    page.wait_for_url("**/profiles/*-*")
    assert "Emre M" in page.get_by_role("heading", level=1).inner_text()


def test_records_are_taken_out_in_a_browser_without_javascript(desk: DeskInBrowser) -> None:
    profile = largest(desk)
    page = desk.signed_in(scripts=False)
    page.goto(f"/profiles/{profile}")
    before = page.locator("section", has=page.locator("#records")).locator("li").count()
    page.get_by_role("link", name="Take records out").click()
    page.locator("input[name=record]").first.check()
    page.get_by_label("Reason").fill("two people")
    page.get_by_role("button", name="Show what would happen").click()
    assert_fits(page)
    page.get_by_role("button", name="Take them out").click()
    assert "The records are taken out." in page.get_by_role("status").inner_text()
    assert page.locator("section", has=page.locator("#records")).locator("li").count() < before
