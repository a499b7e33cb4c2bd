"""Signing in at the desk by the word of an OpenID Connect provider, over real HTTP against one on loopback."""

from base64 import b64encode
from collections.abc import Iterator
from typing import Any
from urllib.parse import parse_qs, urlsplit

import httpx
import pytest
from desks import DeskInBrowser, PageClient, add_user, assert_good_page, served
from domain import ANNA, push
from fastapi import FastAPI
from issuer import DESK, SIGN_OUT, TOKEN, Issuer, issuing
from loopback import Told
from playwright.sync_api import Browser
from stewarding import company_in

from cdi import signing_in, users
from cdi.access import Caller, Role, Visibility
from cdi.app import create_app
from cdi.clock import utc_now
from cdi.errors import ConflictError
from cdi.fields import FieldGroup
from cdi.pipeline import Installation
from cdi.settings import load_settings
from conftest import copy_of

RULES = """
openid:
  issuer: {issuer}
  audience: cdi
  client_id: cdi-desk
  scopes: [openid, profile, groups]
  name_claim: name
  grants:
    - {{claim: groups, holds: admins, role: admin}}
    - {{claim: groups, holds: retail, role: steward, owners: [retail]}}
    - {{claim: groups, holds: callers, role: reader, groups: [identity], purposes: [newsletter]}}
    - {{claim: groups, holds: tills, role: connector, source: till}}
"""
BACK = "/sign-in/openid/back"


@pytest.fixture(scope="module")
def provider() -> Iterator[Issuer]:
    with issuing() as issuer:
        yield issuer


@pytest.fixture
def issuer(provider: Issuer) -> Issuer:
    """The provider as it is before anybody asked it."""
    provider.says, provider.broken = {}, {}
    return provider


@pytest.fixture(scope="module")
def company(
    provider: Issuer, server_url: str, migrated_template: str, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Installation]:
    with copy_of(server_url, migrated_template) as database:
        more = RULES.format(issuer=provider.url)
        installation = company_in(tmp_path_factory.mktemp("openid"), database, more=more)
        push(installation, "till", {"a": ANNA})
        yield installation


@pytest.fixture(scope="module")
def app(company: Installation) -> FastAPI:
    return create_app(company)


@pytest.fixture
def visitor(app: FastAPI) -> PageClient:
    return PageClient(app)


def sent(client: PageClient, place: str = "/profiles") -> str:
    """The address of the provider to which this browser is sent."""
    answer = client.get(f"/sign-in/openid?next={place}")
    assert answer.status_code == 303, answer.text
    return str(answer.headers["location"])


def let_in(address: str) -> str:
    """Sign in at the provider; the address to which it sends the browser back."""
    answer = httpx.get(address)
    assert answer.status_code == 302
    return str(answer.headers["location"])


def come_back(client: PageClient, address: str) -> Any:
    parts = urlsplit(address)
    return client.get(f"{parts.path}?{parts.query}")


def signs_in(client: PageClient, place: str = "/profiles") -> Any:
    return come_back(client, let_in(sent(client, place)))


def is_signed_in(client: PageClient) -> bool:
    return client.get("/").status_code == 200


def test_who_signs_in_elsewhere_comes_back_to_the_page_with_what_the_grants_say(
    issuer: Issuer, visitor: PageClient
) -> None:
    issuer.says = {"sub": "u-1", "name": "Eva Brandt", "groups": ["retail", "something"]}
    page = visitor.get("/sign-in?next=/profiles").text
    assert 'href="/sign-in/openid?next=/profiles"' in page
    came = signs_in(visitor)
    assert (came.status_code, came.headers["location"]) == (303, "/profiles")
    assert "Eva Brandt" in visitor.get("/").text
    assert visitor.get("/reviews").status_code == 200
    assert visitor.get("/model").status_code == 403
    issuer.says |= {"groups": ["admins"]}
    visitor.submit("/sign-out")
    assert signs_in(visitor).status_code == 303
    assert visitor.get("/model").status_code == 200, "what the groups are now counts from the next sign-in"


def test_what_is_asked_of_the_provider_is_bound_to_this_browser_and_this_once(
    issuer: Issuer, visitor: PageClient
) -> None:
    first, second = (
        {name: values[0] for name, values in parse_qs(urlsplit(sent(visitor)).query).items()} for _ in range(2)
    )
    assert first["client_id"] == DESK
    assert first["response_type"] == "code"
    assert first["code_challenge_method"] == "S256"
    assert first["scope"] == "openid profile groups"
    assert all(first[name] != second[name] for name in ("state", "nonce", "code_challenge"))


@pytest.mark.parametrize(
    ("says", "status", "why"),
    [
        ({"nonce": "of another"}, 401, "another sign-in"),
        ({"nonce": None}, 401, "another sign-in"),
        ({"aud": "cdi"}, 401, "another audience"),
        ({"aud": [DESK, "others"]}, 401, "another client"),
        ({"aud": [DESK, "others"], "azp": "others"}, 401, "another client"),
        ({"exp": 1}, 401, "expired"),
        ({"iss": "https://elsewhere.example"}, 401, "another issuer"),
        ({"groups": ["nobody knows"]}, 403, "nothing is granted"),
        ({"groups": ["tills"]}, 403, "connector"),
        ({"name": None}, 403, "says no name"),
    ],
    ids=str,
)
def test_what_does_not_count_lets_nobody_in(
    issuer: Issuer, visitor: PageClient, says: dict[str, Any], status: int, why: str
) -> None:
    issuer.says = {"sub": "u-2", "name": "Max Sommer", "groups": ["admins"]} | says
    refused = signs_in(visitor)
    assert refused.status_code == status
    assert "<h1>Sign in</h1>" in refused.text
    assert why in refused.text
    assert not is_signed_in(visitor)


def test_a_return_that_this_browser_did_not_begin_lets_nobody_in(issuer: Issuer, app: FastAPI) -> None:
    issuer.says = {"sub": "u-3", "name": "Jan Petersen", "groups": ["admins"]}
    victim, other = PageClient(app), PageClient(app)
    address = let_in(sent(other))
    sent(victim)
    assert come_back(victim, address).status_code == 401, "the state is another browser's"
    assert come_back(victim, f"{BACK}?code=x&state=made-up").status_code == 401
    assert come_back(victim, BACK).status_code == 401
    assert not is_signed_in(victim)
    assert come_back(other, address).status_code == 401, "and is used up by that"


def test_a_return_works_once(issuer: Issuer, visitor: PageClient) -> None:
    issuer.says = {"sub": "u-4", "name": "Ina Wolf", "groups": ["admins"]}
    address = let_in(sent(visitor))
    assert come_back(visitor, address).status_code == 303
    visitor.submit("/sign-out")
    assert come_back(visitor, address).status_code == 401
    assert not is_signed_in(visitor)


def test_a_return_that_takes_too_long_lets_nobody_in(company: Installation, app: FastAPI, visitor: PageClient) -> None:
    with company.database.unit_of_work() as connection:
        long_ago = utc_now() - 2 * signing_in.AWAY
        address = signing_in.send_away(
            connection, app.state.identity_provider, f"http://testserver{BACK}", "/", "x" * 40, long_ago
        )
    visitor.cookies.set("cdi_visit", "x" * 40)
    assert come_back(visitor, let_in(address)).status_code == 401


def test_who_is_refused_there_is_told_so(visitor: PageClient) -> None:
    state = parse_qs(urlsplit(sent(visitor)).query)["state"][0]
    refused = visitor.get(f"{BACK}?error=access_denied&state={state}")
    assert refused.status_code == 401
    assert "did not let you in" in refused.text


def test_a_name_that_somebody_has_already_is_not_taken_over(
    issuer: Issuer, company: Installation, visitor: PageClient
) -> None:
    add_user(company, "Olga Stein", Role.ADMIN)
    issuer.says = {"sub": "u-5", "name": "Olga Stein", "groups": ["retail"]}
    refused = signs_in(visitor)
    assert refused.status_code == 409
    assert not is_signed_in(visitor)


def test_who_is_shut_out_here_stays_out_and_their_rights_are_the_providers(
    issuer: Issuer, company: Installation, visitor: PageClient
) -> None:
    issuer.says = {"sub": "u-6", "name": "Tom Hartung", "groups": ["retail"]}
    assert signs_in(visitor).status_code == 303
    admin = Caller("admin", Role.ADMIN, Visibility())
    with company.database.unit_of_work() as connection:
        user = signing_in.named_user(connection, "Tom Hartung")
        with pytest.raises(ConflictError, match="identity provider"):
            users.change_rights(connection, company, admin, user, role=Role.ADMIN)
        with pytest.raises(ConflictError, match="identity provider"):
            signing_in.issue_link(connection, "Tom Hartung", utc_now())
        users.disable(connection, admin, user, utc_now())
    assert not is_signed_in(visitor)
    assert signs_in(visitor).status_code == 403
    assert not is_signed_in(visitor)


def test_purposes_and_field_groups_of_a_grant_hold_at_the_desk(
    issuer: Issuer, company: Installation, visitor: PageClient
) -> None:
    issuer.says = {"sub": "u-7", "name": "Call Centre", "groups": ["callers"]}
    assert signs_in(visitor).status_code == 303
    token = str(visitor.cookies.get("cdi_session"))
    with company.database.unit_of_work() as connection:
        found = signing_in.find_session(connection, token, company.gates, utc_now())
    assert found is not None
    assert found.caller.visibility.groups == {FieldGroup.IDENTITY}
    assert found.caller.purposes == ("newsletter",)


def test_signing_out_shows_the_way_out_there(issuer: Issuer, visitor: PageClient) -> None:
    issuer.says = {"sub": "u-8", "name": "Lea Vogt", "groups": ["retail"]}
    signs_in(visitor)
    kept = str(visitor.cookies.get("cdi_session"))
    left = visitor.submit("/sign-out")
    assert left.headers["location"] == "/sign-in?away=1"
    assert f'href="{issuer.url}{SIGN_OUT}?client_id={DESK}"' in visitor.get("/sign-in?away=1").text
    visitor.cookies.set("cdi_session", kept)
    assert not is_signed_in(visitor)


def test_a_provider_that_does_not_answer_leaves_the_password(issuer: Issuer, visitor: PageClient) -> None:
    address = let_in(sent(visitor))
    issuer.broken[TOKEN] = Told(None, 500)
    refused = come_back(visitor, address)
    assert refused.status_code == 503
    assert 'name="password"' in refused.text


def test_the_desk_proves_itself_with_its_secret(
    issuer: Issuer, company: Installation, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CDI_OPENID_SECRET", "a secret: ü")
    kept = Installation(load_settings(company.folder), company.database, company.connectors)
    issuer.says = {"sub": "u-9", "name": "Udo Lang", "groups": ["retail"]}
    assert signs_in(PageClient(create_app(kept))).status_code == 303
    proof = next(asked for asked in reversed(issuer.site.asked) if asked.path == TOKEN).headers["authorization"]
    assert proof == "Basic " + b64encode(b"cdi-desk:a%20secret%3A%20%C3%BC").decode()


@pytest.mark.slow
def test_people_sign_in_there_in_a_browser(
    issuer: Issuer, company: Installation, app: FastAPI, browser: Browser
) -> None:
    issuer.says = {"sub": "u-10", "name": "Nora Kern", "groups": ["admins"]}
    with served(app) as url:
        desk = DeskInBrowser(company, url, browser)
        for scripts in (True, False):
            page = desk.open(scripts=scripts)
            page.goto("/profiles?q=anna")
            page.get_by_role("link", name="Sign in with").click()
            page.wait_for_url(f"{url}/profiles?q=anna")
            page.context.close()
        page = desk.open()
        page.goto("/sign-in")
        page.get_by_role("link", name="Sign in with").click()
        page.wait_for_url(f"{url}/")
        page.locator("summary").click()
        page.get_by_role("button", name="Sign out").click()
        page.wait_for_url(f"{url}/sign-in?away=1")
        assert_good_page(desk, "/")
