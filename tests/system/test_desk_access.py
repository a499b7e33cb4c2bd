"""Access and the audit log at the desk: users and keys are made, changed and ended, a secret is shown once, and who did
what is found and proved."""

import re
from collections.abc import Iterator
from html import unescape

import pytest
from desks import DeskInBrowser, PageClient, add_user, assert_accessible, assert_good_page, link_for, signed_in
from domain import ANNA, profile_of, push
from fastapi import FastAPI
from fastapi.testclient import TestClient
from playwright.sync_api import expect
from sqlalchemy import text
from stewarding import company_in
from test_audit import tamper

from cdi import audit
from cdi.access import Role
from cdi.app import create_app
from cdi.clock import utc_now
from cdi.pipeline import Installation
from cdi.store.accounts import ApiKey
from cdi.store.users import admit
from conftest import copy_of

SECRET = re.compile(r'class="secret"[^>]*>([^<]+)<')
NEWEST = re.compile(r'name="newest" value="(\d+)"')


@pytest.fixture(scope="module")
def company(
    server_url: str, migrated_template: str, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Installation]:
    """A company with one customer."""
    with copy_of(server_url, migrated_template) as database:
        installation = company_in(tmp_path_factory.mktemp("access"), database, more="")
        push(installation, "till", {"a": ANNA})
        yield installation


@pytest.fixture(scope="module")
def app(company: Installation) -> FastAPI:
    return create_app(company)


@pytest.fixture(scope="module")
def admin(company: Installation, app: FastAPI) -> PageClient:
    return signed_in(company, app, "eva", Role.ADMIN)


def shown_once(page: str) -> str:
    found = SECRET.search(page)
    assert found, page
    return unescape(found[1])


def asks(app: FastAPI, key: str) -> int:
    """What the API answers to this key."""
    return TestClient(app).get("/v1/profiles", headers={"Authorization": f"Bearer {key}"}).status_code


def newest(page: str) -> str:
    found = NEWEST.search(page)
    assert found
    return found[1]


# -- users -----------------------------------------------------------------------------------------


def test_a_user_is_made_signs_in_by_the_link_is_changed_and_shut_out(app: FastAPI, admin: PageClient) -> None:
    rights = {"role": "steward", "owner": ["retail"]}
    link = shown_once(admin.submit("/access/new-user", page="/access/new-user", name="max & co", **rights).text)
    assert link not in admin.get("/access/user?name=max+%26+co").text
    visitor = PageClient(app)
    place = link[link.index("/sign-in") :]
    assert visitor.submit("/sign-in/link", page=place, token=place.partition("=")[2]).status_code == 303
    assert visitor.get("/reviews").status_code == 200
    changed = admin.submit("/access/user", page="/access", name="max & co", role="reader", group=["identity"])
    assert changed.headers["location"] == "/access"
    assert visitor.get("/reviews").status_code == 403
    assert visitor.get("/profiles").status_code == 200
    admin.submit("/access/disable", page="/access", name="max & co")
    assert visitor.get("/profiles").status_code == 303
    assert admin.submit("/access/link", page="/access", name="max & co").status_code == 409
    admin.submit("/access/enable", page="/access", name="max & co")
    again = shown_once(admin.submit("/access/link", page="/access", name="max & co").text)
    admin.submit("/access/link/withdraw", page="/access", name="max & co")
    token = again.partition("=")[2]
    assert PageClient(app).submit("/sign-in/link", page=f"/sign-in/link?token={token}", token=token).status_code == 401


def test_what_no_user_can_be_is_said_on_the_form(admin: PageClient) -> None:
    for wrong in (
        {"name": "eva", "role": "reader"},
        {"name": "", "role": "reader"},
        {"name": "new", "role": "connector"},
        {"name": "new", "role": "king"},
        {"name": "new", "role": "steward", "owner": ["nobody"]},
        {"name": "new", "role": "reader", "group": ["everything"]},
    ):
        told = admin.submit("/access/new-user", page="/access/new-user", **wrong)
        assert told.status_code == 422, wrong
        assert 'role="alert"' in told.text
    assert "new" not in re.findall(r"name=(\w+)", admin.get("/access").text)


def test_nobody_shuts_out_or_lowers_themselves(admin: PageClient) -> None:
    assert admin.submit("/access/disable", page="/access", name="eva").status_code == 409
    assert admin.submit("/access/user", page="/access", name="eva", role="reader").status_code == 422
    assert admin.get("/access").status_code == 200


def test_who_signs_in_at_the_identity_provider_is_given_neither_rights_nor_a_link_here(
    company: Installation, admin: PageClient
) -> None:
    with company.database.unit_of_work() as connection:
        known = ApiKey("ida", "steward", [], ["retail"], None, False)
        assert admit(connection, "https://login.test.example", "4711", known, utc_now())
    page = admin.get("/access/user?name=ida").text
    assert "granted in cdi.yaml" in page
    assert "Keep it so" not in page
    assert "Make a link" not in page
    assert admin.submit("/access/user", page="/access", name="ida", role="admin").status_code == 422
    assert admin.submit("/access/link", page="/access", name="ida").status_code == 409


# -- keys ------------------------------------------------------------------------------------------


def test_a_key_is_shown_once_and_a_page_that_is_loaded_again_makes_no_second(
    company: Installation, app: FastAPI, admin: PageClient
) -> None:
    form = {"name": "shop screen", "role": "reader", "group": ["identity"], "days": "30"}
    seen = newest(admin.get("/access/new-key").text)
    made = admin.submit("/access/new-key", page="/access/new-key", newest=seen, **form)
    key = shown_once(made.text)
    assert made.headers["cache-control"] == "no-store"
    assert asks(app, key) == 200
    again = admin.submit("/access/new-key", page="/access/new-key", newest=seen, **form)
    assert again.status_code == 422
    assert SECRET.search(again.text) is None
    listed = admin.get("/access/keys").text
    assert listed.count("shop screen") == 1
    assert key not in listed
    with company.database.unit_of_work() as connection:
        kept = connection.execute(text("select count(*) from api_key where encode(hash, 'escape') like '%cdi_%'"))
        told = connection.execute(text("select told::text from desk_session where told is not null")).scalars().all()
    assert kept.scalar_one() == 0
    assert key not in "".join(told)


def test_a_key_is_rotated_with_time_to_change_over_and_revoked(
    company: Installation, app: FastAPI, admin: PageClient
) -> None:
    form = {"name": "till", "role": "connector", "source": "till", "days": ""}
    page = admin.get("/access/new-key").text
    old = shown_once(admin.submit("/access/new-key", page="/access/new-key", newest=newest(page), **form).text)
    number = newest(admin.get("/access/new-key").text)
    place = f"/access/keys/{number}"
    new = shown_once(admin.submit(f"{place}/rotation", page=place, newest=number, hours="24").text)
    pushes = [
        TestClient(app).post(
            "/v1/sources/till/records", json={"records": []}, headers={"Authorization": f"Bearer {key}"}
        )
        for key in (old, new)
    ]
    assert [answer.status_code for answer in pushes] == [200, 200]
    with company.database.unit_of_work() as connection:
        left = connection.execute(
            text("select expires_at from api_key where key_id = :id"), {"id": int(number)}
        ).scalar()
    assert left is not None and 23 < (left - utc_now()).total_seconds() / 3600 < 24.1
    assert admin.submit(f"{place}/rotation", page=place, newest=number, hours="24").status_code == 409
    number = newest(admin.get("/access/new-key").text)
    place = f"/access/keys/{number}"
    newer = shown_once(admin.submit(f"{place}/rotation", page=place, newest=number, hours="0").text)
    assert (asks(app, new), asks(app, newer)) == (401, 403)
    admin.submit(f"/access/keys/{int(number) + 1}/revocation", page="/access/keys")
    assert asks(app, newer) == 401
    assert admin.submit(f"{place}/rotation", page=place, newest=str(int(number) + 1), hours="0").status_code == 409


# -- the audit log ---------------------------------------------------------------------------------


def test_who_did_what_to_whom_is_found(company: Installation, app: FastAPI, admin: PageClient) -> None:
    profile = profile_of(company, "till", "a")
    signed_in(company, app, "nosy", Role.STEWARD).get(f"/profiles/{profile}")
    today = utc_now().date().isoformat()
    found = f"/audit?actor=user:nosy&action=show_profile&profile={profile}&since={today}"
    page = admin.get(found).text
    assert page.count('href="/audit?actor=user%3Anosy"') == 1
    assert f'href="/audit?profile={profile}"' in admin.get(f"/profiles/{profile}/history").text
    assert "Krzywdzinski" in page
    for other in ("actor=user:nobody", "action=show_journey", "until=2020-01-01"):
        assert "Nothing is found" in admin.get(f"{found}&{other}").text
    for wrong in ("profile=anna", "since=yesterday"):
        assert admin.get(f"/audit?{wrong}").status_code == 422
    with company.database.unit_of_work() as connection:
        (noted,) = audit.list_entries(connection, audit.AuditFilter(actor="user:eva", action="show_audit"), 1)
    assert set(noted["about"]) == {"criteria"}


def test_the_chain_is_verified_against_a_head_that_was_kept(company: Installation, admin: PageClient) -> None:
    _, head = audit.sealed_head(company.database)
    assert head in admin.get("/audit").text
    proved = admin.submit("/audit/verification", page="/audit", head=head)
    assert "it holds" in proved.text
    assert "The head you kept is among them." in proved.text
    assert "Somebody has changed the log" in admin.submit("/audit/verification", page="/audit", head="0" * 64).text
    tamper(company, "update audit_entry set actor = 'user:nobody' where number = 2")
    broken = admin.submit("/audit/verification", page="/audit").text
    assert "entry 2 is not what was sealed" in broken
    assert "it holds" not in broken


# -- good pages ------------------------------------------------------------------------------------


@pytest.mark.slow
@pytest.mark.parametrize(
    "place",
    ["/access", "/access/user?name=test+admin", "/access/new-user", "/access/keys", "/access/new-key", "/audit"],
)
def test_is_a_good_page(shared_desk: DeskInBrowser, place: str) -> None:
    assert_good_page(shared_desk, place)


@pytest.mark.slow
def test_a_user_and_a_key_are_made_without_scripts_and_what_is_shown_is_accessible(
    desk: DeskInBrowser, monkeypatch: pytest.MonkeyPatch
) -> None:
    add_user(desk.installation, "eva", Role.ADMIN)
    page = desk.open(scripts=False)
    page.goto(link_for(desk.installation, "eva"))
    page.get_by_role("button", name="Sign in").click()
    page.get_by_role("link", name="Access").click()
    page.get_by_role("link", name="API keys").click()
    page.get_by_role("link", name="New key").click()
    page.get_by_label("Name").fill("shop screen")
    page.get_by_role("button", name="Make the key").click()
    assert page.locator(".secret").inner_text().startswith("cdi_")
    page.get_by_role("link", name="I have kept it").click()
    page.get_by_role("link", name="shop screen").click()
    page.get_by_role("button", name="Make the new key").click()
    assert page.locator(".secret").inner_text().startswith("cdi_")
    page.goto("/audit")
    audit.seal(desk.installation.database)
    page.get_by_role("button", name="Verify the chain").click()
    assert "it holds" in page.inner_text("main")
    scripted = desk.signed_in("eva")
    scripted.goto("/access/keys/1")
    assert_accessible(scripted)
    scripted.goto("/audit")
    monkeypatch.setattr("cdi.web.audit.AT_ONCE", 2)
    audit.seal(desk.installation.database)
    scripted.get_by_role("button", name="Verify the chain").click()
    expect(scripted.get_by_text("it holds", exact=True)).to_be_visible()  # it went on by itself
    assert_accessible(scripted)
    page.get_by_role("button", name="Verify the chain").click()
    while page.get_by_role("button", name="Go on").count():
        page.get_by_role("button", name="Go on").click()
    assert "it holds" in page.inner_text("main")
