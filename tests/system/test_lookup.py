"""Looking up a record: the engine's own answer, ranked, and nothing written."""

import pytest
from domain import ANNA, COLOGNE, count, email, person, profile_of, push
from fastapi.testclient import TestClient
from sqlalchemy import text

from cdi.access import Role
from cdi.fields import CanonicalData, FieldGroup
from cdi.pipeline import Installation
from conftest import Doors

PETRA = person("Petra", "Krzywdzinski", "1958-11-02", addresses=COLOGNE)
STRANGER = person("Thomas", "Oduya", "1990-01-07", emails=email("t.oduya@web.de"))
TABLES = ("record", "profile", "feed", "review", "pair", "normalised", "block_key", "redo")


@pytest.fixture
def people(company: Installation) -> Installation:
    push(company, "till", {"anna": ANNA, "petra": PETRA, "thomas": STRANGER})
    return company


@pytest.fixture
def reader(people: Installation) -> TestClient:
    return Doors(people).as_(Role.READER, *FieldGroup)


def ask(client: TestClient, record: CanonicalData, limit: int = 5) -> list[dict]:
    answer = client.post("/v1/profiles/lookup", json={"record": record, "limit": limit})
    assert answer.status_code == 200, answer.text
    return answer.json()["profiles"]


def test_the_likeliest_profile_comes_first_with_its_evidence(people: Installation, reader: TestClient) -> None:
    found = ask(reader, {"name": {"full": "Krzywdzinski, Anna"}, "birth_date": "05.03.1984", "addresses": COLOGNE})
    assert found[0]["id"] == str(profile_of(people, "till", "anna"))
    assert found[0]["judgement"] == "match"
    assert found[0]["probability"] > 0.9
    assert found[0]["record"] == "till:anna"
    assert [f["weight"] for f in found] == sorted((f["weight"] for f in found), reverse=True)
    assert all(f["data_owner"] and f["profile"]["id"] == f["id"] for f in found)
    evidence = found[0]["evidence"]
    assert evidence["weight"] == pytest.approx(found[0]["weight"])
    assert evidence["blocks"], "a rule of blocking brought them together"


def test_an_identifier_alone_finds_its_carrier(people: Installation, reader: TestClient) -> None:
    assert [f["id"] for f in ask(reader, {"emails": email("Anna.KRZ@gmx.de")})] == [
        str(profile_of(people, "till", "anna"))
    ]


def test_the_evidence_is_what_explain_tells_and_the_weight_what_resolving_finds(
    company: Installation, reader: TestClient
) -> None:
    question = person("Anna", "Krzywdzinski", "1984-03-05", emails=email("anna.krz@gmx.de"))
    asked = ask(reader, question)[0]
    push(company, "shop", {"anna": question})
    explained = reader.get("/v1/explain", params={"a": "shop:anna", "b": "till:anna"}).json()
    assert _unordered(asked["evidence"]) == _unordered({name: explained[name] for name in asked["evidence"]})
    with company.database.unit_of_work() as connection:
        pair = text(
            "select p.weight from pair p join record l on l.record_id = left_id join record r on r.record_id = right_id"
            " where l.key = 'anna' and r.key = 'anna'"
        )
        assert connection.execute(pair).scalar_one() == asked["weight"] == explained["weight"]


def _unordered(evidence: dict) -> dict:
    """Which of the two records is named first follows from when they arrived."""
    lines = [line | {"left": {line["left"], line["right"]}, "right": None} for line in evidence["lines"]]
    return evidence | {"lines": lines}


def test_nothing_is_written(people: Installation, reader: TestClient) -> None:
    before = {table: count(people, table) for table in TABLES}
    ask(reader, ANNA | {"birth_date": "1985-03-05"})
    assert {table: count(people, table) for table in TABLES} == before


def test_somebody_unknown_is_nobody(reader: TestClient) -> None:
    assert ask(reader, person("Ngozi", "Wójcik", "1971-07-09", emails=email("ngozi@posteo.de"))) == []
    assert ask(reader, {}) == []


def test_as_many_as_wanted(reader: TestClient) -> None:
    assert len(ask(reader, {"name": {"family_name": "Krzywdzinski"}, "addresses": COLOGNE})) == 2
    assert len(ask(reader, {"name": {"family_name": "Krzywdzinski"}, "addresses": COLOGNE}, limit=1)) == 1


def test_what_a_caller_may_not_see_is_not_found(people: Installation) -> None:
    push(people, "secret", {"s": person("Ngozi", "Wójcik", "1971-07-09", emails=email("ngozi@posteo.de"))})
    doors = Doors(people)
    question = {"emails": email("ngozi@posteo.de")}
    assert ask(doors.as_(Role.READER, *FieldGroup), question) == []
    assert len(ask(doors.as_(Role.READER, *FieldGroup, sensitive=True), question)) == 1


def test_values_are_masked_for_those_without_their_scope(people: Installation) -> None:
    found = ask(Doors(people).as_(Role.READER), {"emails": email("anna.krz@gmx.de")})
    assert found and "Krzywdzinski" not in str(found) and "1984-03-05" not in str(found)


def test_another_record_that_contradicts_makes_it_a_question(people: Installation, reader: TestClient) -> None:
    push(people, "shop", {"sparse": {"emails": email("anna.krz@gmx.de"), "name": ANNA["name"]}})
    found = ask(reader, {"name": ANNA["name"], "emails": ANNA["emails"], "birth_date": "1931-12-24"})
    assert found[0]["judgement"] != "match"


@pytest.mark.parametrize(
    "body",
    [{}, {"record": []}, {"record": {"name": ["no block"]}}, {"record": {}, "limit": 0}, {"record": {}, "more": 1}],
)
def test_a_question_that_is_none_is_refused(reader: TestClient, body: dict) -> None:
    answer = reader.post("/v1/profiles/lookup", json=body)
    assert answer.status_code == 422
    assert answer.headers["content-type"] == "application/problem+json"


def test_before_anything_was_resolved_there_is_nothing_to_ask(company: Installation) -> None:
    answer = Doors(company).as_(Role.READER).post("/v1/profiles/lookup", json={"record": ANNA})
    assert answer.status_code == 404
