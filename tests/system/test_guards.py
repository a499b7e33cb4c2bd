"""What holds for every request and every answer: sizes, rates, headers, problem types; many profiles at once, and none
that has not changed; and hostile input, which is refused and never breaks anything."""

import hashlib
import inspect
import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from domain import email, person, profile_of, push
from fastapi.testclient import TestClient
from stewarding import company_in

import cdi
from cdi import errors
from cdi.access import Role
from cdi.api.catalogue import CATALOGUE
from cdi.api.problems import BY_STATUS
from cdi.api.rates import RateLimit, private_table, shared_table
from cdi.clock import utc_now
from cdi.fields import FieldGroup
from cdi.ingest import webhook
from cdi.pipeline import Installation
from cdi.store import accounts
from cdi.store.db import Database
from conftest import Doors, copy_of

ANNA = person("Anna", "Krzywdzinski", "1984-03-05", emails=email("anna.krz@gmx.de"))


@pytest.fixture(scope="module")
def company(
    server_url: str, migrated_template: str, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Installation]:
    """A company that all tests of this file share."""
    folder = tmp_path_factory.mktemp("guarded")
    with copy_of(server_url, migrated_template) as database:
        yield company_in(folder, database, more="")


@pytest.fixture
def anna(company: Installation) -> str:
    """Her profile, as it is now."""
    if profile_of(company, "till", "a") is None:
        push(company, "till", {"a": ANNA})
    return str(profile_of(company, "till", "a"))


@pytest.fixture(scope="module")
def reader(company: Installation) -> TestClient:
    return Doors(company).as_(Role.READER, *FieldGroup)


def with_rules(folder: Path, database: Database, rules: str) -> Doors:
    return Doors(company_in(folder, database, more=f"\napi: {rules}\n"))


# -- problem types ---------------------------------------------------------------------------------


def kinds_in_the_code() -> Iterator[tuple[str, int]]:
    """(kind, status) of every error class, and of every `problem(status, kind` in the code."""
    for module in (errors, webhook):
        for _, error in inspect.getmembers(module, inspect.isclass):
            if issubclass(error, errors.CdiError):
                yield error.problem, int(error.status)
    for file in Path(cdi.__file__).parent.rglob("*.py"):
        for status, kind in re.findall(r'problem\((\d{3}), "([a-z-]+)"', file.read_text(encoding="utf-8")):
            yield kind, int(status)
    yield from ((kind, status) for status, kind in BY_STATUS.items())


def test_every_problem_type_that_is_answered_is_in_the_catalogue() -> None:
    told = {(kind, status) for kind, status in kinds_in_the_code()}
    missing = {(kind, status) for kind, status in told if kind not in CATALOGUE}
    assert not missing
    wrong = {(kind, status) for kind, status in told if CATALOGUE[kind].status != status}
    assert not wrong
    assert set(CATALOGUE) == {kind for kind, _ in told}, "and nothing that is never answered"


def test_the_type_of_a_problem_leads_to_what_it_means(reader: TestClient) -> None:
    problem = reader.get(f"/v1/profiles/{uuid4()}").json()
    meaning = TestClient(reader.app).get(problem["type"])
    assert (meaning.status_code, meaning.json()["status"]) == (200, 404)
    assert meaning.json()["meaning"] and meaning.json()["remedy"]
    listed = TestClient(reader.app).get("/problems").json()["problems"]
    assert {entry["kind"] for entry in listed} == set(CATALOGUE)
    assert TestClient(reader.app).get("/problems/nonsense").status_code == 404


# -- for developers --------------------------------------------------------------------------------


def test_a_profile_that_has_not_changed_is_not_sent_again(company: Installation, reader: TestClient, anna: str) -> None:
    etag = reader.get(f"/v1/profiles/{anna}").headers["etag"]
    for sent in (etag, f"W/{etag}", f'"99", {etag}'):
        again = reader.get(f"/v1/profiles/{anna}", headers={"If-None-Match": sent})
        assert (again.status_code, again.content, again.headers["etag"]) == (304, b"", etag)
    push(company, "till", {"a": ANNA | {"gender": "f"}})
    changed = reader.get(f"/v1/profiles/{anna}", headers={"If-None-Match": etag})
    assert changed.status_code == 200 and changed.headers["etag"] != etag


def test_many_profiles_are_read_at_once(company: Installation, reader: TestClient, anna: str) -> None:
    push(company, "till", {"b": person("Thomas", "Oduya")})
    push(company, "secret", {"s": person("Ngozi", "Wójcik")})
    ended, hidden = str(profile_of(company, "till", "b")), str(profile_of(company, "secret", "s"))
    push(company, "till", {"b": None})
    unknown = str(uuid4())
    asked = [unknown, anna, ended, hidden, anna]
    told = reader.post("/v1/profiles/batch", json={"ids": asked}).json()["profiles"]
    assert [entry["id"] for entry in told] == asked
    assert [entry["status"] for entry in told] == [404, 200, 410, 404, 200]
    assert told[1]["profile"] == reader.get(f"/v1/profiles/{anna}").json()
    assert told[2]["reason"] == "retired"
    for wrong in ({"ids": []}, {"ids": [unknown] * 201}, {"ids": ["x"]}, {}):
        assert reader.post("/v1/profiles/batch", json=wrong).status_code == 422


# -- headers, sizes, rates -------------------------------------------------------------------------


def test_every_answer_is_guarded(reader: TestClient, anna: str) -> None:
    for path in (f"/v1/profiles/{anna}", "/v1/nowhere", "/healthz", "/docs", "/problems"):
        headers = reader.get(path).headers
        assert headers["x-content-type-options"] == "nosniff"
        assert headers["x-frame-options"] == "DENY"
        assert "frame-ancestors 'none'" in headers["content-security-policy"]
        assert "access-control-allow-origin" not in headers
    profile = reader.get(f"/v1/profiles/{anna}").headers
    assert (profile["cache-control"], profile["vary"]) == ("private, no-cache", "Authorization")
    assert reader.get("/v1/profiles").headers["cache-control"] == "no-store"
    assert "script-src" not in profile["content-security-policy"]


def test_other_origins_ask_only_where_cdi_yaml_lets_them(
    reader: TestClient, tmp_path: Path, database: Database
) -> None:
    preflight = {"Origin": "https://desk.example", "Access-Control-Request-Method": "GET"}
    assert "access-control-allow-origin" not in reader.options("/v1/profiles", headers=preflight).headers
    doors = with_rules(tmp_path, database, "{cors_origins: ['https://desk.example']}")
    allowed = doors.stranger().options("/v1/profiles", headers=preflight)
    assert allowed.headers["access-control-allow-origin"] == "https://desk.example"
    other = doors.stranger().options("/v1/profiles", headers=preflight | {"Origin": "https://evil.example"})
    assert "access-control-allow-origin" not in other.headers


def test_what_is_too_large_is_refused(tmp_path: Path, database: Database) -> None:
    doors = with_rules(tmp_path, database, "{largest_request_mb: 1}")
    client = doors.as_(Role.READER)
    body = json.dumps({"record": {}, "limit": 5}) + " " * (1 << 20)
    announced = client.post("/v1/profiles/lookup", content=body)
    assert (announced.status_code, announced.json()["type"]) == (413, "/problems/too-large")
    parts = (body[at : at + 65_536].encode() for at in range(0, len(body), 65_536))
    unannounced = client.post("/v1/profiles/lookup", content=parts)
    assert (unannounced.status_code, unannounced.json()["type"]) == (413, "/problems/too-large")


def test_a_key_that_asks_too_often_is_told_when_to_come_back(tmp_path: Path, database: Database) -> None:
    doors = with_rules(tmp_path, database, "{rate_limit: {per_second: 0.01, burst: 3}}")
    first, second = doors.as_(Role.READER, name="first"), doors.as_(Role.READER, name="second")
    answers = [first.get("/v1/profiles") for _ in range(4)]
    assert [answer.status_code for answer in answers] == [200, 200, 200, 429]
    assert [answer.headers["ratelimit-remaining"] for answer in answers] == ["2", "1", "0", "0"]
    assert answers[3].json()["type"] == "/problems/too-many-requests"
    assert 90 <= int(answers[3].headers["retry-after"]) <= 102
    assert second.get("/v1/profiles").status_code == 200, "each key has its own"
    assert first.get("/healthz").status_code == 200


def test_a_bucket_fills_again_and_is_counted_by_all_processes_together(tmp_path: Path) -> None:
    now = 100.0
    one, other = (RateLimit(2.0, 4, shared_table(tmp_path), clock=lambda: now) for _ in range(2))
    who, somebody = b"a".ljust(16), b"b".ljust(16)
    assert [limit.take(who)[0] for limit in (one, other, one, other, one)] == [True, True, True, True, False]
    assert other.take(who)[2] == pytest.approx(0.5)
    now = 100.5
    assert [limit.take(who)[0] for limit in (other, one)] == [True, False]
    assert one.take(somebody)[:2] == (True, 3)


def test_however_many_keys_are_sent_the_one_that_asks_now_is_counted() -> None:
    limit = RateLimit(0.001, 3, private_table())
    for n in range(50_000):
        limit.take(hashlib.blake2b(str(n).encode(), digest_size=16).digest())
    assert [limit.take(b"a".ljust(16))[0] for _ in range(4)] == [True, True, True, False]


def test_a_key_ends_when_it_expires_or_is_revoked(company: Installation) -> None:
    client = Doors(company).as_(Role.READER, name="shop screen")
    assert client.get("/v1/profiles").status_code == 200
    with company.database.unit_of_work() as connection:
        assert accounts.revoke_key(connection, "shop screen", utc_now()) == 1
    assert client.get("/v1/profiles").status_code == 401


# -- hostile input ---------------------------------------------------------------------------------

DEEP = "[" * 100_000 + "]" * 100_000


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"{",
        b"\xff\xfe",
        b'{"record": ' + DEEP.encode() + b"}",
        b'{"record": {"name": {"given_name": ' + b'{"a":' * 500 + b"1" + b"}" * 500 + b"}}}",
        b'{"record": {"name": {"given_name": "\\ud800"}}}',
        b'{"record": {"birth_date": ' + b"9" * 5_000 + b"}}",
        b'{"record": {"emails": "a"}}',
        b'{"record": {"emails": [1]}}',
        b'{"record": {"addresses": [{"city": ["x"]}]}}',
        b'{"record": {"kind": "alien"}}',
        b'{"record": {"identifiers": [{}]}}',
        b'{"record": {"attributes": [1]}}',
    ],
)
def test_a_body_that_is_none_is_a_problem_of_the_sender(reader: TestClient, anna: str, content: bytes) -> None:
    answer = reader.post("/v1/profiles/lookup", content=content, headers={"Content-Type": "application/json"})
    assert answer.status_code in {200, 400, 422}
    if answer.status_code != 200:
        assert answer.headers["content-type"] == "application/problem+json"


@pytest.mark.parametrize(
    "path",
    [
        "/v1/profiles?q=%00",
        "/v1/profiles?q=nobody%00",
        "/v1/profiles?email=%00@x.de",
        "/v1/profiles?source=%00&key=%00",
        "/v1/profiles?identifier=iban:%00",
        "/v1/profiles?data_owner=%00",
        "/v1/profiles?q=%ff%fe",
        "/v1/profiles?q='%20or%201=1--",
        "/v1/profiles?q={{7*7}}%25",
        "/v1/profiles?q=" + "a" * 201,
        "/v1/profiles?limit=99999999999999999999",
        "/v1/profiles?updated_since=0000-00-00T00:00:00Z",
        "/v1/profiles?updated_since=9999-12-31T23:59:59-23:59",
        "/v1/profiles/../../etc/passwd",
        "/v1/profiles/%2e%2e%2f%2e%2e%2fetc%2fpasswd",
        "/v1/sources/till/records/..%2f..%2fetc%2fpasswd",
        "/v1/sources/till/records/%00",
        "/v1/sources/%00/runs",
        "/v1/explain?a=till:%00&b=till:a",
        "/v1/profiles/%0d%0aSet-Cookie:%20x=1",
        "/docs/files/..%2f..%2fproblems.py",
        "/docs/files/%2e%2e/%2e%2e/problems.py",
        "/problems/%0d%0aX:%201",
        "/v1/changes?after=9223372036854775808",
    ],
)
def test_a_hostile_path_is_a_problem_of_the_sender_and_leaks_nothing(reader: TestClient, anna: str, path: str) -> None:
    answer = reader.get(path)
    assert answer.status_code < 500, answer.text
    assert "set-cookie" not in answer.headers and "x" not in answer.headers
    if answer.status_code == 200:
        assert answer.json().get("profiles", []) == []
    else:
        assert answer.headers["content-type"] == "application/problem+json"


@pytest.mark.parametrize(
    "header", ["Bearer ", "Bearer", "Basic YTpi", "Bearer cdi_" + "x" * 5_000, "Bearer ÿþ", "\x00"]
)
def test_a_hostile_key_is_unknown(company: Installation, header: str) -> None:
    answer = Doors(company).stranger().get("/v1/profiles", headers={"Authorization": header.encode("latin-1")})
    assert (answer.status_code, answer.json()["type"]) == (401, "/problems/unauthenticated")


@pytest.mark.parametrize("number", [-(2**63), -7, 0, 2**31, 2**62, 2**63 - 1, 2**63, 10**30])
def test_a_number_that_no_row_has_is_none(company: Installation, number: int) -> None:
    admin = Doors(company).as_(Role.ADMIN)
    body = {"reason": "so", "verdict": "unsure", "record": "till:a", "outcome": "done"}
    for method, path, wanted in (
        ("GET", f"/v1/reviews/{number}", ()),
        ("POST", f"/v1/reviews/{number}/claim", ()),
        ("POST", f"/v1/reviews/{number}/release", ()),
        ("POST", f"/v1/reviews/{number}/decision", ("reason", "verdict")),
        ("GET", f"/v1/conflicts/{number}", ()),
        ("POST", f"/v1/conflicts/{number}/resolution", ("reason", "record")),
        ("GET", f"/v1/overrides/{number}", ()),
        ("DELETE", f"/v1/overrides/{number}", ("reason",)),
        ("POST", f"/v1/touchpoints/{number}/closing", ("outcome",)),
    ):
        answer = admin.request(method, path, json={name: body[name] for name in wanted} if wanted else None)
        assert answer.status_code in {404, 422}, (method, path, answer.text)


def test_a_message_never_repeats_what_was_sent(reader: TestClient) -> None:
    told: list[Any] = [
        reader.get("/v1/profiles?limit=anna.krz@gmx.de").text,
        reader.post("/v1/profiles/lookup", json={"record": "anna.krz@gmx.de"}).text,
        reader.post("/v1/profiles/lookup", json={"anna.krz": 1, "record": {"kind": "anna.krz@gmx.de"}}).text,
    ]
    assert "gmx" not in "".join(told)
