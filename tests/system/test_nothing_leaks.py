"""What must stand nowhere: a customer's values in failures, logs, the audit log, the feed and deliveries; keys,
passwords and other secrets anywhere in the clear."""

import logging
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from desks import PASSWORD, PageClient, add_user, link_for
from domain import email, person, push
from fastapi.testclient import TestClient
from receiver import receiving
from sqlalchemy import text
from stewarding import company_in

from cdi import exporting, webhooks
from cdi.access import Role
from cdi.api.dependencies import PAGING
from cdi.exporting import Format, Terms
from cdi.fields import CanonicalData, FieldGroup
from cdi.pipeline import Installation
from conftest import Doors, copy_of

CANARIES = ("kanarivogel", "zitronengelb", "kanari@vogel.example", "ly-canary-77", "1931-07-19", "0221 9473811")
CUSTOMER: CanonicalData = person("Zitronengelb", "Kanarivogel", "1931-07-19", emails=email("kanari@vogel.example"))
LOOPBACK = "\nwebhooks: {allowed_networks: [127.0.0.0/8], first_wait: PT0.01S, longest_wait: PT0.05S}\n"


@pytest.fixture(scope="module")
def company(
    server_url: str, migrated_template: str, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Installation]:
    with copy_of(server_url, migrated_template) as database:
        made = company_in(tmp_path_factory.mktemp("aviary"), database, more=LOOPBACK)
        push(made, "till", {"LY-CANARY-77": CUSTOMER})
        yield made


def assert_no_value(said: object, where: str) -> None:
    found = [canary for canary in CANARIES if canary in str(said).lower()]
    assert not found, f"{where} tells {', '.join(found)}"


def rows_of(installation: Installation, *tables: str) -> str:
    """All that stands in these tables; in every table if none is named."""
    with installation.database.unit_of_work() as connection:
        names = tables or connection.execute(
            text("select relname from pg_class where relkind = 'r' and relnamespace = 'public'::regnamespace")
        ).scalars().all()  # fmt: skip
        assert len(names) > 30 or tables
        return "\n".join(
            row for name in names for row in connection.execute(text(f'select t::text from "{name}" t')).scalars()
        )


def logged(caplog: pytest.LogCaptureFixture) -> str:
    """What we and the web server log; the test's own client logs too."""
    ours = [record for record in caplog.records if record.name.startswith(("cdi", "uvicorn", "sqlalchemy", "psycopg"))]
    assert ours
    return str([(record.getMessage(), vars(record)) for record in ours])


# -- values ------------------------------------------------------------------------------------------


@pytest.mark.slow
def test_no_failure_of_any_route_repeats_what_was_sent(company: Installation, caplog: pytest.LogCaptureFixture) -> None:
    """Each route with values wherever it takes something, by somebody who may do everything and by nobody."""
    doors = Doors(company)
    admin, nobody = doors.as_(Role.ADMIN), doors.stranger()
    before, failures = rows_of(company, "audit_entry", "feed"), 0
    assert_no_value(before, "the audit log or the feed")
    with caplog.at_level(logging.DEBUG, "cdi"):
        for method, route, parameters in _routes(doors):
            for answer in _answers(admin, nobody, method, route, parameters):
                assert answer.status_code != 500, f"{method} {route}"
                if answer.status_code >= 400:
                    failures += 1
                    assert_no_value(answer.text, f"{answer.status_code} of {method} {route}")
                    assert_no_value(answer.headers, f"a header of {method} {route}")
    assert failures > 150
    assert_no_value(logged(caplog), "the log")
    assert_no_value(rows_of(company, "audit_entry", "feed", "job"), "the audit log or the feed")
    assert_no_value(admin.get("/metrics").text, "a figure")


def _routes(doors: Doors) -> list[tuple[str, str, list[str]]]:
    """Method, path and the parameters of the query, of all that the document describes."""
    found = [
        (method.upper(), path, [one["name"] for one in said.get("parameters", []) if one["in"] == "query"])
        for path, methods in doors.app.openapi()["paths"].items()
        for method, said in methods.items()
    ]
    assert len(found) > 80
    return found


def _answers(admin: TestClient, nobody: TestClient, method: str, route: str, parameters: list[str]) -> Iterator[Any]:
    path = re.sub(r"{\w+}", "Kanarivogel", route.replace("{source}", "nowhere"))  # a source's name is no customer's
    query = dict.fromkeys(set(parameters) - PAGING, "kanari@vogel.example")
    body = {
        "record": "Zitronengelb",
        "records": ["LY-CANARY-77"],
        "reason": "0221 9473811",
        "unknown": "1931-07-19",
    }
    if method == "GET":
        yield admin.get(path, params=query)
        yield admin.get(path, params={"after": "Kanarivogel", "limit": "1931-07-19"})
    else:
        broken = b'{"unknown": "1931-07-19'
        yield admin.request(method, path, params=query, json=body)
        yield admin.request(method, path, content=broken, headers={"content-type": "application/json"})
    yield nobody.request(method, path, params=query)


def test_webhooks_and_exports_of_changes_hold_no_value_whatever_becomes_of_them(
    company: Installation, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    doors = Doors(company)
    client = doors.as_(Role.READER, *FieldGroup, name="aviary")
    with receiving() as receiver, caplog.at_level(logging.DEBUG, "cdi"):
        receiver.answer = lambda n: 503 if n == 1 else 200
        made = client.post("/v1/webhooks", json={"url": receiver.url, "after": 0}).json()
        receiver.secret = made["secret"]
        while len(receiver.taken) < 2:
            push(company, "till", {"LY-CANARY-77": CUSTOMER | {"phones": [{"value": "0221 9473811"}]}})
            webhooks.deliver(company, lambda *_: None)
        client.post(f"/v1/webhooks/{made['id']}/test")
        told = client.get(f"/v1/webhooks/{made['id']}").text
    assert_no_value([receiver.taken, receiver.refused], "a delivery")
    assert_no_value(told + rows_of(company, "webhook", "webhook_delivery", "feed", "audit_entry"), "a subscription")
    changes = exporting.export_changes(company, tmp_path / "changes", tuple(Format), Terms(), 0, lambda *_: None)
    masked = exporting.export_profiles(company, tmp_path / "masked", tuple(Format), Terms(), None, lambda *_: None)
    assert changes.rows >= 2 and masked.rows == 1
    for path in (*changes.paths.values(), *masked.paths.values()):
        told = path.read_bytes().decode("utf-8", "replace").replace("LY-CANARY-77", "the key, which tells whose values")
        assert_no_value(told, path.name)
    assert_no_value(logged(caplog), "the log")


# -- secrets -----------------------------------------------------------------------------------------


def test_no_key_password_link_session_or_secret_stands_anywhere_in_the_clear(
    company: Installation, caplog: pytest.LogCaptureFixture
) -> None:
    """Made and used in every way: over the API, at the desk, rightly and wrongly; then the whole database is read."""
    doors = Doors(company)
    admin = doors.as_(Role.ADMIN)
    secrets: list[str] = []
    told: list[str] = []
    with caplog.at_level(logging.DEBUG):
        made = admin.post("/v1/keys", json={"name": "till screen", "role": "reader"})
        secrets += [made.json()["key"], admin.headers["authorization"].split()[-1]]
        secrets.append(admin.post("/v1/webhooks", json={"url": "https://app.example/hook"}).json()["secret"])
        user = PageClient(doors.app)
        add_user(company, "eva", Role.STEWARD)
        link = link_for(company, "eva").partition("=")[2]
        user.submit("/sign-in/link", page=f"/sign-in/link?token={link}", token=link)
        user.submit("/sign-in", page="/sign-in", name="eva", password=PASSWORD)
        secrets += [link, PASSWORD, *user.cookies.values()]
        client, wrong = doors.stranger(), f"{secrets[0][:-4]}abcd"
        for key in (secrets[0], wrong, f"{secrets[0]}x"):
            for path in ("/v1/changes", "/v1/nowhere", "/v1/profiles?limit=x", "/v1/keys", f"/v1/keys/{key}"):
                told.append(client.get(path, headers={"authorization": f"Bearer {key}"}).text)
        told += [admin.get("/v1/keys").text, admin.get("/v1/webhooks").text, admin.get("/v1/audit").text]
        admin.delete(f"/v1/keys/{made.json()['id']}")
        told.append(client.get("/v1/changes", headers={"authorization": f"Bearer {secrets[0]}"}).text)
    everywhere = {
        "the database": rows_of(company),
        "an answer": "\n".join(told),
        "the log": logged(caplog),
    }
    assert len(secrets) >= 6 and all(len(secret) > 15 for secret in secrets)
    for place, text_of in everywhere.items():
        assert [n for n, secret in enumerate(secrets) if secret in text_of] == [], f"{place} holds a secret"
