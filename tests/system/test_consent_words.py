"""A consent is withdrawn as easily as it is given, by anything that is known of the customer; every word is proved."""

import csv
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from domain import email, feed_of, person, profile_of, push
from fastapi.testclient import TestClient
from stewarding import company_in
from test_contact import ANNA, RULES, allowed, ask, consent, on

from cdi.access import Role
from cdi.pipeline import Installation
from cdi.store.db import Database
from conftest import Doors

BODO = person("Bodo", "Wurlitzer", "1951-11-30", emails=email("family.wurlitzer@web.de"))
CLAIRE = person("Claire", "Wurlitzer", "1955-01-02", emails=email("family.wurlitzer@web.de"))


@pytest.fixture
def company(database: Database, tmp_path: Path) -> Installation:
    return company_in(tmp_path, database, more=RULES)


@pytest.fixture
def customers(company: Installation) -> dict[str, str]:
    card = {"identifiers": [{"type": "loyalty_card", "value": "70012233"}]}
    push(company, "till", {"a": ANNA | card, "b": BODO, "c": CLAIRE})
    push(company, "shop", {"a": ANNA})
    allowed(company, "till", {"n": consent("granted"), "s": consent("granted", purpose="survey")})
    found = {key: str(profile_of(company, "till", key)) for key in "abc"}
    assert len(set(found.values())) == 3
    return found


@pytest.fixture
def admin(company: Installation) -> TestClient:
    return Doors(company).as_(Role.ADMIN)


def say(client: TestClient, status: str, expected: int = 201, **said: Any) -> dict[str, Any]:
    answer = client.post("/v1/consents", json={"status": status, **said})
    assert answer.status_code == expected, answer.text
    told: dict[str, Any] = answer.json()
    return told


def states(client: TestClient, profile: str) -> dict[tuple[str, str], str]:
    told = client.get(f"/v1/profiles/{profile}/consents").json()["consents"]
    return {(one["purpose"], one["channel"]): one["status"] for one in told}


def test_one_call_withdraws_by_anything_that_is_known(
    company: Installation, admin: TestClient, customers: dict[str, str]
) -> None:
    anna = customers["a"]
    for known in (
        {"email": "Anna.KRZ@gmx.de "},
        {"phone": "0172 498 13 75"},
        {"identifier": "loyalty_card:7001-2233"},
        {"record": "shop:a"},
        {"profile": anna},
    ):
        given = say(admin, "granted", purpose="newsletter", method="double_opt_in", **known)
        assert given["affected"] == [anna]
        assert states(admin, anna)["newsletter", "any"] == "granted", known
        before = len(feed_of(company))
        told = say(admin, "withdrawn", purpose="newsletter", **known)
        assert (told["affected"], told["purposes"]) == ([anna], ["newsletter"])
        assert on(ask(admin, anna), "email")["why_not"] == ["consent: withdrawn"], known
        assert [(kind, str(who)) for kind, who in feed_of(company)[before:]] == [("updated", anna)]
    assert on(ask(admin, anna, "survey"), "email")["allowed"], "another purpose is another consent"
    assert say(admin, "withdrawn", email="anna.krz@gmx.de")["purposes"] == ["newsletter", "survey"]
    assert not on(ask(admin, anna, "survey"), "email")["allowed"]


def test_who_shares_a_mailbox_withdraws_together_and_consents_alone(
    admin: TestClient, customers: dict[str, str]
) -> None:
    mailbox = "family.wurlitzer@web.de"
    assert "only one" in say(admin, "granted", 409, purpose="newsletter", email=mailbox)["detail"]
    told = say(admin, "withdrawn", purpose="newsletter", email=mailbox)
    assert sorted(told["affected"]) == sorted([customers["b"], customers["c"]])
    assert say(admin, "granted", purpose="newsletter", record="till:b")["affected"] == [customers["b"]]
    assert states(admin, customers["b"])["newsletter", "any"] == "granted"
    assert states(admin, customers["c"])["newsletter", "any"] == "withdrawn"


def test_a_connector_finds_customers_of_its_own_source(company: Installation, customers: dict[str, str]) -> None:
    shop = Doors(company).as_(Role.CONNECTOR, source="shop")
    assert say(shop, "withdrawn", purpose="survey", email="anna.krz@gmx.de")["affected"] == [customers["a"]]
    for stranger in ({"email": "family.wurlitzer@web.de"}, {"record": "till:a"}, {"profile": customers["a"]}):
        say(shop, "withdrawn", 404, purpose="survey", **stranger)
    assert Doors(company).as_(Role.READER).post("/v1/consents", json={"status": "withdrawn"}).status_code == 403


def test_what_says_too_little_is_refused(admin: TestClient, customers: dict[str, str]) -> None:
    say(admin, "withdrawn", 422)
    say(admin, "withdrawn", 422, email="anna.krz@gmx.de", phone="0172 4981375")
    say(admin, "granted", 422, email="anna.krz@gmx.de")
    say(admin, "withdrawn", 422, email="anna.krz@gmx.de", at="2999-01-01T00:00:00Z")
    say(admin, "withdrawn", 404, email="nobody@web.de")


def test_every_word_is_proved_verbatim_in_order(
    company: Installation, admin: TestClient, customers: dict[str, str]
) -> None:
    allowed(company, "till", {"n": consent("withdrawn", day=3)})
    say(admin, "granted", purpose="newsletter", record="till:a", method="paper", proof="=form 17")
    proof = admin.get(f"/v1/profiles/{customers['a']}/consents/proof").json()
    newsletter = [one for one in proof["entries"] if one["purpose"] == "newsletter" and one["record"] == "till:a"]
    assert [(one["status"], one["said_to"]) for one in newsletter] == [
        ("granted", "till"),
        ("withdrawn", "till"),
        ("granted", "cdi"),
    ]
    assert newsletter[0]["verbatim"]["customer_key"] == "a"
    assert (newsletter[2]["proof"], newsletter[2]["author"]) == ("=form 17", "key:test admin")
    table = admin.get(f"/v1/profiles/{customers['a']}/consents/proof", params={"format": "csv"})
    rows = list(csv.DictReader(StringIO(table.text)))
    assert len(rows) == len(proof["entries"])
    assert "'=form 17" in {row["proof"] for row in rows}, "a spreadsheet must not run it"
