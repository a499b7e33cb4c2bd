"""Tokens of an OpenID Connect provider at the API: which count, what they allow, and what happens when the provider's
keys change or it does not answer."""

from collections.abc import Iterator
from pathlib import Path

import httpx
import jwt
import pytest
from domain import email, person, profile_of, push
from fastapi.testclient import TestClient
from issuer import AUDIENCE, DISCOVERY, KEYS, Issuer, issuing
from loopback import Told
from receiver import receiving
from stewarding import company_in

from cdi import webhooks
from cdi.access import Credential
from cdi.app import create_app
from cdi.auth import Gates, Presented, authenticate, granted
from cdi.clock import utc_now
from cdi.errors import ConfigurationError, ForbiddenError
from cdi.openid import FRESH, PAUSE, STALE, IdentityProvider
from cdi.pipeline import Installation
from cdi.settings import OpenId, load_deployment
from cdi.store.db import Database
from conftest import SMALL_COMPANY

ANNA = person("Anna", "Krzywdzinski", "1984-03-05", emails=email("anna.krz@gmx.de"))
RULES = """
openid:
  issuer: {issuer}
  audience: cdi
  algorithms: [RS256, ES256]
  grants:
    - {{claim: groups, holds: cdi-admins, role: admin}}
    - {{claim: groups, holds: stewards-retail, role: steward, owners: [retail]}}
    - {{claim: groups, holds: stewards-online, role: steward, owners: [online]}}
    - {{claim: realm_access.roles, holds: call-centre, role: reader, groups: [identity, contact], purposes: [service]}}
    - {{claim: client, holds: till-gateway, role: connector, source: till}}
    - {{claim: groups, holds: everybody, role: reader}}
"""


class Clock:
    """A monotonic clock that a test moves."""

    def __init__(self) -> None:
        self.now = 1_000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def issuer() -> Iterator[Issuer]:
    with issuing() as issuer:
        yield issuer


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def company(issuer: Issuer, database: Database, tmp_path: Path) -> Installation:
    installation = company_in(tmp_path, database, more=RULES.format(issuer=issuer.url))
    push(installation, "till", {"a": ANNA})
    return installation


@pytest.fixture
def client(company: Installation, clock: Clock) -> TestClient:
    app = create_app(company)
    assert company.deployment.openid is not None
    app.state.identity_provider = IdentityProvider(company.deployment.openid, clock=clock)
    return TestClient(app, raise_server_exceptions=False)


def asked(client: TestClient, token: str, path: str = "/v1/profiles") -> httpx.Response:
    return client.get(path, headers={"Authorization": f"Bearer {token}"})


def refused(client: TestClient, token: str) -> str:
    """Why; and that nothing of the token is repeated."""
    answer = asked(client, token)
    assert (answer.status_code, answer.json()["type"]) == (401, "/problems/unauthenticated"), answer.text
    assert not any(part and part in answer.text for part in token.split("."))
    return str(answer.json()["detail"])


# -- which count -----------------------------------------------------------------------------------


def test_a_token_of_the_provider_lets_in_and_keys_go_on_doing_so(client: TestClient, issuer: Issuer) -> None:
    assert asked(client, issuer.token(groups=["cdi-admins"])).status_code == 200
    assert asked(client, issuer.token(groups=["cdi-admins"])).status_code == 200
    assert (issuer.times_asked(DISCOVERY), issuer.times_asked(KEYS)) == (1, 1), "its keys are kept"
    assert "unknown" in asked(client, "cdi_nonsense").json()["detail"]


def test_elliptic_curves_and_tokens_without_a_key_id(client: TestClient, issuer: Issuer) -> None:
    assert asked(client, issuer.token(kid=None, groups=["cdi-admins"])).status_code == 200
    issuer.rotate("curve", "ES256", keep=True)
    client.app.state.identity_provider.clock.now += PAUSE  # type: ignore[attr-defined]
    assert asked(client, issuer.token("curve", "ES256", groups=["cdi-admins"])).status_code == 200


@pytest.mark.parametrize(
    ("claims", "why"),
    [
        ({"aud": "another service"}, "another audience"),
        ({"aud": None}, "does not say aud"),
        ({"exp": 1_700_000_000}, "expired"),
        ({"exp": None}, "does not say exp"),
        ({"exp": "soon"}, "not valid"),
        ({"nbf": 9_000_000_000}, "not valid yet"),
        ({"iat": 9_000_000_000, "exp": 9_000_000_001}, "not valid yet"),
        ({"iss": "https://login.elsewhere.example"}, "another issuer"),
        ({"iss": None}, "does not say iss"),
        ({"sub": None}, "does not say sub"),
    ],
)
def test_a_token_that_does_not_count_is_told_why(client: TestClient, issuer: Issuer, claims: dict, why: str) -> None:
    assert why in refused(client, issuer.token(groups=["cdi-admins"], **claims))


def test_clocks_may_differ_by_the_leeway_and_no_more(client: TestClient, issuer: Issuer) -> None:
    now = int(utc_now().timestamp())
    assert asked(client, issuer.token(groups=["cdi-admins"], exp=now - 15)).status_code == 200
    assert asked(client, issuer.token(groups=["cdi-admins"], nbf=now + 15)).status_code == 200
    assert "expired" in refused(client, issuer.token(groups=["cdi-admins"], exp=now - 45))
    assert "yet" in refused(client, issuer.token(groups=["cdi-admins"], nbf=now + 90))


def test_an_unsigned_token_and_one_signed_with_a_shared_secret_are_refused(client: TestClient, issuer: Issuer) -> None:
    unsigned = issuer.token(algorithm="none", key="", groups=["cdi-admins"])
    assert "algorithm" in refused(client, unsigned)
    # The old trick: the public key, which everybody has, taken for the secret of an HMAC.
    public = issuer.private["first"].public_key().public_numbers().n.to_bytes(256, "big")
    assert "algorithm" in refused(client, issuer.token(algorithm="HS256", key=public, groups=["cdi-admins"]))
    assert "algorithm" in refused(client, issuer.token(algorithm="RS512", groups=["cdi-admins"]))


def test_a_token_signed_by_somebody_else_is_refused(client: TestClient, issuer: Issuer) -> None:
    with issuing() as other:
        forged = other.token(iss=issuer.url, groups=["cdi-admins"])
        honest = other.token(groups=["cdi-admins"])
    assert "signature" in refused(client, forged)
    assert refused(client, honest)
    good = issuer.token(groups=["cdi-admins"])
    head, _, signature = good.split(".")
    _, changed, _ = issuer.token(groups=["everybody"], sub="somebody else").split(".")
    assert "signature" in refused(client, f"{head}.{changed}.{signature}")


@pytest.mark.parametrize("token", ["a.b.c", "eyJhbGciOiJSUzI1NiJ9..", "....", "eyJ" + "a" * 20_000, "[]", "ÿ.ÿ.ÿ"])
def test_what_is_no_token_is_refused(client: TestClient, token: str) -> None:
    answer = client.get("/v1/profiles", headers={"Authorization": f"Bearer {token}".encode("latin-1")})
    assert (answer.status_code, answer.json()["type"]) == (401, "/problems/unauthenticated")


def test_a_token_with_extensions_that_nobody_understands_is_refused(client: TestClient, issuer: Issuer) -> None:
    now = int(utc_now().timestamp())
    claims = {"iss": issuer.url, "aud": AUDIENCE, "sub": "u", "iat": now, "exp": now + 60, "groups": ["cdi-admins"]}
    headers = {"kid": "first", "crit": ["b64"], "b64": True}
    assert refused(client, jwt.encode(claims, issuer.private["first"], "RS256", headers=headers))


# -- keys that change, a provider that fails --------------------------------------------------------


def test_keys_rotate(client: TestClient, issuer: Issuer, clock: Clock) -> None:
    old = issuer.token(groups=["cdi-admins"])
    assert asked(client, old).status_code == 200
    issuer.rotate("second")
    clock.now += PAUSE
    assert asked(client, issuer.token("second", groups=["cdi-admins"])).status_code == 200
    assert "does not publish" in refused(client, old), "a key that was withdrawn ends with the next reading"
    assert issuer.times_asked(KEYS) == 2


def test_a_withdrawn_key_ends_within_the_hour(client: TestClient, issuer: Issuer, clock: Clock) -> None:
    old = issuer.token(groups=["cdi-admins"])
    assert asked(client, old).status_code == 200
    issuer.rotate("second")
    assert asked(client, old).status_code == 200
    clock.now += FRESH
    assert "does not publish" in refused(client, old)


def test_keys_that_do_not_exist_are_asked_for_once_a_pause(client: TestClient, issuer: Issuer, clock: Clock) -> None:
    assert asked(client, issuer.token(groups=["cdi-admins"])).status_code == 200
    issuer.private["made up"] = issuer.private["first"]
    for _ in range(20):
        assert "does not publish" in refused(client, issuer.token("made up", groups=["cdi-admins"]))
    assert issuer.times_asked(KEYS) == 1
    clock.now += PAUSE
    for _ in range(20):
        refused(client, issuer.token("made up", groups=["cdi-admins"]))
    assert issuer.times_asked(KEYS) == 2


@pytest.mark.parametrize(
    ("path", "told"),
    [
        (DISCOVERY, Told({}, 500)),
        (DISCOVERY, Told(b"<html>maintenance</html>")),
        (DISCOVERY, Told([])),
        (DISCOVERY, Told(b"[" * 100_000)),
        (DISCOVERY, Told({"issuer": "https://login.elsewhere.example", "jwks_uri": "https://x.example/keys"})),
        (DISCOVERY, Told(None, 302, {"Location": "/elsewhere"})),
        (KEYS, Told({}, 404)),
        (KEYS, Told({"keys": "none"})),
        (KEYS, Told(b" " * (2 << 20))),
    ],
)
def test_a_provider_that_fails_is_a_problem_of_its_own_and_asked_once_a_pause(
    client: TestClient, issuer: Issuer, clock: Clock, path: str, told: Told
) -> None:
    issuer.broken[path] = told
    for _ in range(5):
        answer = asked(client, issuer.token(groups=["cdi-admins"]))
        assert (answer.status_code, answer.json()["type"]) == (503, "/problems/identity-provider"), answer.text
    assert issuer.times_asked(path) == 1
    issuer.broken.clear()
    clock.now += PAUSE
    assert asked(client, issuer.token(groups=["cdi-admins"])).status_code == 200


def test_keys_may_not_be_fetched_in_the_clear(client: TestClient, issuer: Issuer) -> None:
    issuer.broken[DISCOVERY] = Told({"issuer": issuer.url, "jwks_uri": "http://keys.example/jwks"})
    answer = asked(client, issuer.token(groups=["cdi-admins"]))
    assert answer.status_code == 503 and "https" in answer.json()["detail"]


def test_a_provider_that_is_down_is_a_problem_and_keys_are_accepted_meanwhile(
    company: Installation, clock: Clock
) -> None:
    with issuing() as gone:
        token = gone.token(groups=["cdi-admins"])
    openid = company.deployment.openid
    assert openid is not None
    app = create_app(company)
    app.state.identity_provider = IdentityProvider(openid.model_copy(update={"issuer": gone.url}), clock=clock)
    client = TestClient(app, raise_server_exceptions=False)
    assert asked(client, token).status_code == 503
    assert asked(client, "cdi_nonsense").status_code == 401


def test_known_keys_go_on_being_used_for_a_day(client: TestClient, issuer: Issuer, clock: Clock) -> None:
    token = issuer.token(groups=["cdi-admins"])
    assert asked(client, token).status_code == 200
    issuer.broken[KEYS] = Told({}, 500)
    clock.now += FRESH
    assert asked(client, token).status_code == 200
    assert asked(client, issuer.token("never heard of", key=issuer.private["first"])).status_code == 401
    clock.now += STALE
    assert asked(client, token).status_code == 503


# -- what they allow -------------------------------------------------------------------------------


def caller(company: Installation, purpose: str | None = None, **claims: object):
    with company.database.unit_of_work() as connection:
        presented = Presented(claims={"sub": "u-4711"} | claims)
        openid = company.deployment.openid
        return authenticate(connection, presented, openid, Gates(frozenset({"secret"})), utc_now(), purpose)


def test_claims_map_to_role_owners_groups_source_and_purposes(company: Installation) -> None:
    steward = caller(company, groups=["everybody", "stewards-retail"])
    assert (steward.role, steward.visibility.owners) == ("steward", {"retail"})
    assert steward.visibility.hidden_sources == {"secret"}
    both = caller(company, groups=["stewards-online", "stewards-retail"])
    assert both.visibility.owners == {"online", "retail"}
    agent = caller(company, realm_access={"roles": ["call-centre"]})
    assert (agent.role, agent.visibility.groups) == ("reader", {"identity", "contact"})
    assert caller(company, client="till-gateway").source == "till"
    assert caller(company, groups="everybody").visibility.groups == frozenset()
    assert caller(company, groups=["cdi-admins"]).visibility.owners is None
    assert steward.credential is Credential.TOKEN and steward.actor == "token:u-4711"


def test_a_token_is_for_its_purposes(company: Installation, client: TestClient, issuer: Issuer) -> None:
    token = issuer.token(realm_access={"roles": ["call-centre"]})
    assert asked(client, token, "/v1/profiles?purpose=service").status_code == 200
    assert asked(client, token, "/v1/profiles?purpose=advertising").status_code == 403


@pytest.mark.parametrize("claims", [{}, {"groups": ["strangers"]}, {"groups": 7}, {"realm_access": "call-centre"}])
def test_whom_nothing_is_granted_may_nothing(client: TestClient, issuer: Issuer, claims: dict) -> None:
    answer = asked(client, issuer.token(**claims))
    assert (answer.status_code, answer.json()["type"]) == (403, "/problems/forbidden")


def test_masking_follows_the_grant(company: Installation, client: TestClient, issuer: Issuer) -> None:
    path = f"/v1/profiles/{profile_of(company, 'till', 'a')}"
    masked = asked(client, issuer.token(groups=["everybody"]), path).text
    assert "Krzywdzinski" not in masked and "anna.krz" not in masked
    agent = asked(client, issuer.token(realm_access={"roles": ["call-centre"]}), path).text
    assert "Krzywdzinski" in agent and "anna.krz" in agent and "1984-03-05" not in agent


@pytest.mark.parametrize("name", ["", "x" * 201, "line\nbreak", 7, None])
def test_a_caller_has_a_name_that_can_be_written_down(company: Installation, name: object) -> None:
    openid = company.deployment.openid
    assert openid is not None
    with pytest.raises(ForbiddenError, match="says no sub"):
        granted(openid, {"sub": name, "groups": ["cdi-admins"]})


# -- what cdi.yaml may say -------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("old", "new", "fault"),
    [
        ("{issuer}", "http://login.example.org", "an issuer is an https address"),
        ("{issuer}", "ftp://127.0.0.1", "an issuer is an https address"),
        ("{issuer}", "https://login.example.org/?realm=x", "an issuer is an https address"),
        ("[RS256, ES256]", "[none]", "Input should be 'RS256'"),
        ("[RS256, ES256]", "[HS256]", "Input should be 'RS256'"),
        ("[RS256, ES256]", "[]", "at least 1 item"),
        ("audience: cdi", "leeway: PT10M", "less than or equal to"),
        ("owners: [retail]", "owners: [nobody]", "no owner 'nobody' in owners"),
        ("source: till", "source: shop2", "no source 'shop2' in sources"),
        ("role: admin", "role: admin, source: till", "names a source"),
        ("role: connector, source: till", "role: connector", "a connector names its source"),
        ("role: admin", "role: root", "Input should be 'reader'"),
    ],
)
def test_a_wrong_setting_is_told(tmp_path: Path, old: str, new: str, fault: str) -> None:
    assert old in RULES
    text = RULES.replace(old, new).format(issuer="https://login.example.org")
    (tmp_path / "cdi.yaml").write_text(SMALL_COMPANY + text, encoding="utf-8")
    with pytest.raises(ConfigurationError, match=fault):
        load_deployment(tmp_path / "cdi.yaml")


@pytest.mark.parametrize("address", ["https://a.example", "http://127.0.0.1:9", "http://[::1]:9", "http://localhost/x"])
def test_an_issuer_is_reached_by_https_or_on_this_machine(address: str) -> None:
    grants = [{"claim": "groups", "holds": "x", "role": "reader"}]
    assert OpenId.model_validate({"issuer": address, "audience": "cdi", "grants": grants}).issuer == address


# -- what outlives a token -------------------------------------------------------------------------


def test_a_subscription_is_bound_to_the_grants_that_let_its_token_in(
    company: Installation, client: TestClient, issuer: Issuer
) -> None:
    """It gets what they allow by now, and nothing when none of them is left."""
    loopback = "webhooks: {allowed_networks: [127.0.0.0/8]}\n"
    grant = "    - {claim: client, holds: newsletter-app, role: reader, sensitive: true}\n"
    until = "    - {{claim: groups, holds: everybody, role: reader}}\n"
    rules = RULES.replace(until, until + grant.replace("{", "{{").replace("}", "}}")).format(issuer=issuer.url)

    def as_now(more: str) -> Installation:
        return company_in(company.folder, company.database, more=more)

    def delivered(installation: Installation) -> int:
        before = len(receiver.taken)
        webhooks.deliver(installation, lambda *_: None)
        return len(receiver.taken) - before

    with receiving() as receiver:
        token = {"Authorization": f"Bearer {issuer.token(client='newsletter-app')}"}
        with TestClient(create_app(as_now(rules + loopback))) as asking:
            made = asking.post("/v1/webhooks", json={"url": receiver.url}, headers=token)
            assert made.status_code == 201, made.text
            receiver.secret, place = made.json()["secret"], f"/v1/webhooks/{made.json()['id']}"
        push(company, "secret", {"b": person("Bernd", "Wagenknecht", "1971-01-01")})
        assert delivered(as_now(rules + loopback)) == 1
        push(company, "secret", {"c": person("Carla", "Vogelsang", "1962-04-01")})
        assert delivered(as_now(rules.replace(", sensitive: true", "") + loopback)) == 0
        without = as_now(rules.replace(grant, "") + loopback)
        push(company, "till", {"d": person("Doris", "Ebersbach", "1980-10-11")})
        assert delivered(without) == 0
        with TestClient(create_app(without)) as asking:
            admin = {"Authorization": f"Bearer {issuer.token(groups=['cdi-admins'])}"}
            assert asking.get(place, headers=admin).json()["state"] == "stopped"
        assert delivered(as_now(rules + loopback)) == 1, "what came meanwhile, once it is granted again"
