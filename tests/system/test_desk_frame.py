"""What holds for every page of the desk: who gets in, what forms must carry, and how it looks."""

import pytest
from desks import (
    PASSWORD,
    DeskInBrowser,
    PageClient,
    add_user,
    assert_accessible,
    assert_fits,
    assert_good_page,
    assert_no_complaints,
    link_for,
    signed_in,
)
from fastapi import Response
from sqlalchemy import text

from cdi.access import Role
from cdi.errors import ConflictError
from cdi.pipeline import Installation
from cdi.web.routing import pages_router
from cdi.web.visits import Visiting
from conftest import Doors


@pytest.fixture
def visitor(company: Installation) -> PageClient:
    return PageClient(Doors(company).app)


def test_who_is_not_signed_in_is_asked_to_and_comes_back_to_the_page(
    company: Installation, visitor: PageClient
) -> None:
    add_user(company, "eva", Role.STEWARD)
    asked = visitor.get("/?x=1")
    assert (asked.status_code, asked.headers["location"]) == (303, "/sign-in?next=/%3Fx%3D1")
    came = visitor.submit("/sign-in", page="/sign-in", name="eva", password=PASSWORD, next="/?x=1")
    assert (came.status_code, came.headers["location"]) == (303, "/?x=1")
    assert visitor.get("/").status_code == 200


def test_nobody_is_led_to_another_site(company: Installation, visitor: PageClient) -> None:
    add_user(company, "eva", Role.STEWARD)
    for place in ("https://evil.example/", "//evil.example", "/\\evil.example", "javascript:alert(1)"):
        came = visitor.submit("/sign-in", page="/sign-in", name="eva", password=PASSWORD, next=place)
        assert came.headers["location"] == "/"
        visitor.cookies.clear()


def test_a_wrong_password_and_an_unknown_name_are_told_alike(company: Installation, visitor: PageClient) -> None:
    add_user(company, "eva", Role.STEWARD)
    wrong = visitor.submit("/sign-in", page="/sign-in", name="eva", password="no idea at all")
    unknown = visitor.submit("/sign-in", page="/sign-in", name="noone", password="no idea at all")
    assert wrong.status_code == unknown.status_code == 401
    assert "do not fit together" in wrong.text
    assert "do not fit together" in unknown.text


def test_who_fails_often_has_to_wait_even_with_the_right_password(company: Installation, visitor: PageClient) -> None:
    add_user(company, "eva", Role.STEWARD)
    for _ in range(5):
        assert visitor.submit("/sign-in", page="/sign-in", name="eva", password="wrong wrong").status_code == 401
    refused = visitor.submit("/sign-in", page="/sign-in", name="eva", password=PASSWORD)
    assert refused.status_code == 429
    assert "Try again in" in refused.text


def test_a_link_is_not_used_up_by_looking_at_it_and_works_once(company: Installation, visitor: PageClient) -> None:
    add_user(company, "eva", Role.STEWARD)
    link = link_for(company, "eva")
    token = link.partition("=")[2]
    for _ in range(2):
        assert visitor.get(link).status_code == 200
    assert visitor.submit("/sign-in/link", page=link, token=token).status_code == 303
    again = PageClient(visitor.app)  # type: ignore[arg-type]  # it is the application
    assert again.submit("/sign-in/link", page=link, token=token).status_code == 401


def test_signing_out_ends_the_session_for_who_kept_the_cookie(company: Installation) -> None:
    client = signed_in(company, Doors(company).app, role=Role.STEWARD)
    kept = client.cookies.get("cdi_session")
    assert client.submit("/sign-out").headers["location"] == "/sign-in"
    client.cookies.set("cdi_session", str(kept))
    assert client.get("/").status_code == 303


def test_a_disabled_user_is_out_at_once(company: Installation) -> None:
    from cdi.clock import utc_now
    from cdi.signing_in import named_user
    from cdi.store.users import set_disabled

    client = signed_in(company, Doors(company).app, "eva", Role.STEWARD)
    with company.database.unit_of_work() as connection:
        set_disabled(connection, named_user(connection, "eva").id, utc_now())
    assert client.get("/").status_code == 303


def test_a_form_without_its_token_or_with_anothers_changes_nothing(company: Installation) -> None:
    app = Doors(company).app
    client, other = signed_in(company, app, "eva", Role.STEWARD), signed_in(company, app, "max", Role.STEWARD)
    for token in ("", "0" * 64, other.form_token()):
        refused = client.post("/sign-out", data={"form_token": token})
        assert refused.status_code == 403
        assert "<h1>" in refused.text
    assert client.get("/").status_code == 200


DOUBLED = "create table left_over (n int unique deferrable initially deferred); insert into left_over values (1), (1)"


@pytest.mark.parametrize(
    ("error", "statement", "status"),
    [
        (None, "create table left_over (n int)", 303),
        (ConflictError("somebody was faster"), "create table left_over (n int)", 409),
        (RuntimeError("quotes a customer"), "create table left_over (n int)", 500),
        (None, DOUBLED, 503),
    ],
    ids=["goes well", "is refused", "breaks", "cannot be kept"],
)
def test_of_a_page_that_fails_nothing_is_kept(
    company: Installation, error: Exception | None, statement: str, status: int
) -> None:
    app, router = Doors(company).app, pages_router()

    @router.post("/written")
    def write(visit: Visiting) -> Response:
        for one in statement.split(";"):
            visit.connection.execute(text(one))
        if error is not None:
            raise error
        return visit.back("/sign-in")

    app.include_router(router)
    answer = PageClient(app).submit("/written", page="/sign-in")
    assert answer.status_code == status
    assert error is None or ("<h1>" in answer.text and "quotes" not in answer.text)
    with company.database.unit_of_work() as connection:
        kept = connection.execute(text("select to_regclass('left_over') is not null")).scalar_one()
    assert kept is (status == 303)


def test_cookies_are_kept_from_scripts_and_other_sites(company: Installation, visitor: PageClient) -> None:
    add_user(company, "eva", Role.STEWARD)
    came = visitor.submit("/sign-in", page="/sign-in", name="eva", password=PASSWORD)
    (cookie,) = [c for c in came.headers.get_list("set-cookie") if c.startswith("cdi_session=")]
    assert "HttpOnly" in cookie
    assert "SameSite=lax" in cookie
    assert "Secure" not in cookie
    for answer in (came, visitor.get("/")):
        assert "unsafe-inline" not in answer.headers["content-security-policy"]
        assert answer.headers["cache-control"] == "no-store"


def test_what_does_not_exist_is_a_page_for_people_and_a_problem_for_programs(company: Installation) -> None:
    client = signed_in(company, Doors(company).app)
    assert "text/html" in client.get("/nothing").headers["content-type"]
    assert "problem+json" in client.get("/v1/nothing").headers["content-type"]
    assert "problem+json" in client.get("/nothing", headers={"accept": "application/json"}).headers["content-type"]


def test_files_have_addresses_that_name_their_content(company: Installation) -> None:
    from cdi.web.assets import address

    client = PageClient(Doors(company).app)
    kept = client.get(address("desk.css"))
    assert "immutable" in kept.headers["cache-control"]
    assert client.get("/static/old/desk.css").headers["cache-control"] == "no-cache"
    assert client.get("/static/old/../../app.py").status_code == 404


def test_language_and_appearance_are_chosen_and_stay(company: Installation) -> None:
    client = signed_in(company, Doors(company).app, language="de-DE,de;q=0.9")
    assert '<html lang="de"' in client.get("/").text
    assert client.submit("/preferences", language="en", place="/").headers["location"] == "/"
    client.submit("/preferences", theme="dark", place="/")
    assert '<html lang="en" data-theme="dark">' in client.get("/").text


def test_people_sign_in_without_javascript(desk: DeskInBrowser) -> None:
    add_user(desk.installation, "eva", Role.STEWARD)
    page = desk.open(scripts=False)
    page.goto("/")
    page.get_by_label("Name").fill("eva")
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Sign in").click()
    assert page.get_by_role("heading", level=1).inner_text() == "Today"
    page.locator("summary").click()
    page.get_by_role("button", name="Deutsch").click()
    assert page.get_by_role("heading", level=1).inner_text() == "Heute"


@pytest.mark.parametrize("dark", [False, True])
@pytest.mark.parametrize("language", ["de", "en"])
def test_the_pages_before_signing_in_are_good_pages(shared_desk: DeskInBrowser, language: str, dark: bool) -> None:
    add_user(shared_desk.installation, "eva", Role.STEWARD)
    for place in ("/sign-in", "/nothing", link_for(shared_desk.installation, "eva")):
        page = shared_desk.open(language=language, dark=dark)
        page.goto(place)
        for width in (360, 1280, 3840):
            page.set_viewport_size({"width": width, "height": 900})
            assert_fits(page)
        assert_accessible(page)
        assert_no_complaints(page)
        page.context.close()


def test_today_is_a_good_page(shared_desk: DeskInBrowser) -> None:
    assert_good_page(shared_desk, "/")


def test_the_slash_goes_to_the_search(shared_desk: DeskInBrowser) -> None:
    page = shared_desk.signed_in()
    page.keyboard.press("/")
    page.keyboard.type("x/y")
    assert page.locator("#search").input_value() == "x/y"
