"""Pushing by HTTP: accepted, unchanged, rejected by position, and whom it concerns."""

import pytest
from domain import assert_consistent, count, documents, person, profile_of
from fastapi.testclient import TestClient

from cdi.access import Role
from cdi.matching.columns import FORMER
from cdi.pipeline import Installation, resolve
from cdi.pipeline.tables import build_table
from cdi.store.normalised import load_cards
from cdi.store.records import live_customer_ids
from conftest import Doors
from people import values_at

ANNA = person("Anna", "Krzywdzinski", "1984-03-05", emails=[{"value": "anna.krz@gmx.de"}])


@pytest.fixture
def doors_of(company: Installation) -> Doors:
    return Doors(company)


@pytest.fixture
def till(doors_of: Doors) -> TestClient:
    """The till's own connector."""
    return doors_of.as_(Role.CONNECTOR, source="till")


def test_a_push_answers_with_the_profiles_that_it_concerns(company: Installation, till: TestClient) -> None:
    body = {"records": [{"key": "1", "data": ANNA}, {"key": "2", "data": person("Ben", "Oduya")}], "wait": True}
    told = till.post("/v1/sources/till/records", json=body)
    assert told.status_code == 200, told.text
    answer = told.json()
    assert (answer["accepted"], answer["unchanged"], answer["rejected"]) == (2, 0, [])
    assert set(answer["affected"]) == {str(profile_of(company, "till", k)) for k in ("1", "2")}
    again = till.post("/v1/sources/till/records", json=body).json()
    assert (again["accepted"], again["unchanged"]) == (0, 2)
    assert again["affected"] == answer["affected"]
    assert count(company, "redo") == 0
    assert_consistent(company)


def test_a_key_named_twice_in_a_push_has_a_past(company: Installation, till: TestClient) -> None:
    moved = ANNA | {"emails": [{"value": "anna@web.de"}]}
    records = [{"key": "1", "data": ANNA}, {"key": "1", "data": moved}]
    assert till.post("/v1/sources/till/records", json={"records": records}).json()["accepted"] == 2
    with company.database.unit_of_work() as connection:
        table = build_table(load_cards(connection, live_customer_ids(connection)))
    assert values_at(table.emails, 0) == [("anna@web.de", 0), ("anna.krz@gmx.de", FORMER)]


def test_without_wait_it_is_landed_and_due(company: Installation, till: TestClient) -> None:
    told = till.post("/v1/sources/till/records", json={"records": [{"key": "1", "data": ANNA}], "wait": False})
    assert told.status_code == 202
    assert (told.json()["affected"], count(company, "redo"), documents(company)) == ([], 1, [])
    resolve(company)
    assert len(documents(company)) == 1


def test_bad_records_are_named_by_position_and_the_rest_is_taken(till: TestClient) -> None:
    records = [
        {"key": "1", "data": ANNA},
        {"key": "2", "data": {"name": ["no block"]}},
        {"key": "3", "stream": "nowhere", "data": {}},
        {"key": "4", "data": person("Cem", "Yılmaz")},
    ]
    answer = till.post("/v1/sources/till/records", json={"records": records}).json()
    assert answer["accepted"] == 2
    assert [(item["index"], item["key"]) for item in answer["rejected"]] == [(1, "2"), (2, "3")]


def test_an_idempotency_key_answers_alike_and_refuses_another_request(till: TestClient) -> None:
    headers = {"Idempotency-Key": "abc"}
    body = {"records": [{"key": "1", "data": ANNA}]}
    first = till.post("/v1/sources/till/records", json=body, headers=headers).json()
    assert till.post("/v1/sources/till/records", json=body, headers=headers).json() == first
    other = till.post("/v1/sources/till/records", json={"records": []}, headers=headers)
    assert other.status_code == 409


def test_a_connector_pushes_to_its_own_source_only(doors_of: Doors, till: TestClient) -> None:
    body = {"records": [{"key": "1", "data": ANNA}]}
    assert till.post("/v1/sources/shop/records", json=body).status_code == 403
    assert doors_of.as_(Role.READER).post("/v1/sources/till/records", json=body).status_code == 403
    assert doors_of.stranger().post("/v1/sources/till/records", json=body).status_code == 401
    assert doors_of.as_(Role.ADMIN).post("/v1/sources/nowhere/records", json=body).status_code == 404


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"records": [{"data": {}}]},
        {"records": [{"key": "", "data": {}}]},
        {"records": [{"key": "1", "data": {}, "observed_at": "yesterday"}]},
        {"records": [{"key": "1", "data": {}, "observed_at": "2026-01-01T00:00:00"}]},
        {"records": [{"key": "1", "data": {}, "op": "merge"}]},
        {"records": [{"key": "1", "data": {}, "surprise": 1}]},
        {"records": [{"key": str(n), "data": {}} for n in range(1001)]},
    ],
)
def test_a_wrong_push_is_refused_whole(company: Installation, till: TestClient, body: dict) -> None:
    assert till.post("/v1/sources/till/records", json=body).status_code == 422
    assert count(company, "record") == 0


def test_a_copy_of_a_profile_adds_nothing_of_its_own(company: Installation, doors_of: Doors, till: TestClient) -> None:
    profile = till.post("/v1/sources/till/records", json={"records": [{"key": "1", "data": ANNA}]}).json()["affected"][
        0
    ]
    shop = doors_of.as_(Role.CONNECTOR, source="shop")
    copy = ANNA | {"phones": [{"value": "+491724981375"}]}
    sent = {"key": "c", "data": copy, "derived_from": profile}
    assert shop.post("/v1/sources/shop/records", json={"records": [sent]}).json()["affected"] == [profile]
    golden = documents(company)[0]["golden"]
    assert golden["name"]["source"] == "till"
    assert [w["source"] for w in golden["emails"]["sources"]] == ["till"]
    assert golden["phones"]["source"] == "shop"
