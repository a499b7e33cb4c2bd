"""Rectification: the right value holds at once, the owner of the source that is wrong has a task, and when the source
has changed it counts again."""

import logging
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from domain import ANNA, assert_consistent, email, profile_of, push
from httpx import Response
from sqlalchemy import text
from stewarding import Steward, company_in

from cdi.access import Role
from cdi.pipeline import Installation
from cdi.store.db import Database

WRONG, RIGHT, LATER = "1984-03-05", "1984-05-03", "1984-05-13"


@pytest.fixture
def company(database: Database, tmp_path: Path) -> Iterator[Installation]:
    installation = company_in(tmp_path, database)
    push(installation, "till", {"a": ANNA})
    push(installation, "shop", {"b": ANNA})
    yield installation
    assert_consistent(installation)


class House:
    """The officer, and the stewards of the two sources."""

    def __init__(self, company: Installation) -> None:
        self.company = company
        self.profile = profile_of(company, "till", "a")
        self.officer = Steward(company, "d.schutz", role=Role.PRIVACY)
        self.steward = Steward(company)
        self.retail = Steward(company, "r.etail", owners=["retail"])
        self.online = Steward(company, "o.nline", owners=["online"])

    def asks(self, attribute: str, value: Any, reason: str = "the identity card says so") -> Response:
        body = {"profile": str(self.profile), "attribute": attribute, "value": value, "reason": reason}
        return self.officer.client.post("/v1/privacy/rectifications", json=body)

    def rectify(self, attribute: str, value: Any) -> dict[str, Any]:
        answer = self.asks(attribute, value)
        assert answer.status_code == 201, answer.text
        told: dict[str, Any] = answer.json()
        return told

    def request(self, asked: dict[str, Any]) -> dict[str, Any]:
        told: dict[str, Any] = self.officer.get(f"privacy/requests/{asked['id']}")
        return told

    def served(self, attribute: str) -> Any:
        return self.officer.get(f"profiles/{self.profile}")["golden"][attribute]["value"]


@pytest.fixture
def house(company: Installation) -> House:
    return House(company)


def test_the_right_value_holds_until_every_source_that_is_wrong_has_changed_it(
    company: Installation, house: House
) -> None:
    asked = house.rectify("birth_date", RIGHT)
    assert (asked["kind"], asked["state"], asked["about"]["attribute"]) == ("rectification", "in_force", "birth_date")
    assert house.served("birth_date") == RIGHT
    (of_till,), (of_shop,) = (one.get("tasks")["tasks"] for one in (house.retail, house.online))
    assert {of_till["record"], of_shop["record"]} == {"till:a", "shop:b"}
    assert {one["id"] for one in (of_till, of_shop)} == set(asked["about"]["tasks"])
    assert (of_till["kind"], of_till["attribute"], of_till["author"]) == ("wrong_value", "birth_date", "d.schutz")
    assert asked in house.officer.get("privacy/requests", kind="rectification", state="in_force")["requests"]

    for source, key in (("till", "a"), ("shop", "b")):
        push(company, source, {key: {**ANNA, "gender": "f"}})
    assert house.served("birth_date") == RIGHT, "another attribute changed"
    house.retail.client.post(f"/v1/tasks/{of_till['id']}/answer", json={"answer": "will be mended"})
    assert house.request(asked)["state"] == "in_force", "what counts is what the source says"

    push(company, "till", {"a": {**ANNA, "birth_date": RIGHT}})
    assert (house.served("birth_date"), house.request(asked)["state"]) == (RIGHT, "in_force"), "the shop is wrong yet"
    push(company, "shop", {"b": {**ANNA, "birth_date": RIGHT}})
    ended = house.request(asked)
    assert (ended["state"], ended["ended_by"]) == ("lifted", "source:shop") and ended["ended_at"]
    push(company, "till", {"a": {**ANNA, "birth_date": LATER}})
    push(company, "shop", {"b": {**ANNA, "birth_date": LATER}})
    assert house.served("birth_date") == LATER, "the source is the master again"
    push(company, "till", {"a": ANNA})
    push(company, "shop", {"b": ANNA})
    assert house.served("birth_date") == WRONG, "what has ended does not come back"


def test_of_a_list_only_who_says_the_preferred_value_is_wrong(company: Installation, house: House) -> None:
    push(company, "shop", {"b": {**ANNA, "emails": email("anna@second.example")}})
    preferred = house.served("emails")["value"]
    asked = house.rectify("emails", {"value": "anna.k@gmx.de"})
    assert house.served("emails")["value"] == "anna.k@gmx.de"
    says_it = "till:a" if preferred == ANNA["emails"][0]["value"] else "shop:b"
    assert [task["record"] for task in house.steward.get("tasks")["tasks"]] == [says_it]
    assert len(asked["about"]["records"]) == 1


def test_a_custom_attribute_is_rectified_beside_others(company: Installation, house: House) -> None:
    push(company, "till", {"a": {**ANNA, "attributes": {"tier": "gold", "shoe_size": "38"}}})
    asked = house.rectify("attributes.tier", "silver")
    tier = lambda: house.officer.get(f"profiles/{house.profile}")["golden"]["attributes"]["tier"]["value"]  # noqa: E731
    push(company, "till", {"a": {**ANNA, "attributes": {"tier": "gold", "shoe_size": "39"}}})
    assert (tier(), house.request(asked)["state"]) == ("silver", "in_force")
    push(company, "till", {"a": {**ANNA, "attributes": {"tier": "bronze", "shoe_size": "39"}}})
    assert (tier(), house.request(asked)["state"]) == ("bronze", "lifted")


def test_a_rectification_ends_with_its_pin_and_with_its_customer(company: Installation, house: House) -> None:
    taken_back = house.rectify("birth_date", RIGHT)
    answer = house.steward.client.delete(f"/v1/profiles/{house.profile}/pins/birth_date")
    assert answer.status_code == 200, answer.text
    assert house.served("birth_date") == WRONG
    assert (house.request(taken_back)["state"], house.request(taken_back)["ended_by"]) == ("lifted", "s.keller")
    erased = house.rectify("birth_date", RIGHT)
    gone = house.officer.client.post("/v1/privacy/erasures", json={"profile": str(house.profile)})
    assert gone.status_code == 201, gone.text
    assert (house.request(erased)["state"], house.request(erased)["ended_by"]) == ("lifted", "key:d.schutz")


def test_the_value_is_in_no_request_and_no_log(
    company: Installation, house: House, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    house.rectify("birth_date", RIGHT)
    assert house.asks("birth_date", "30 February 1984").status_code == 422
    with company.database.unit_of_work() as connection:
        kept = "".join(
            str(row)
            for table in ("privacy_request", "audit_entry", "feed")
            for row in connection.execute(text(f"select t::text from {table} t"))
        )
    for said in (kept, caplog.text):
        assert RIGHT not in said and WRONG not in said and "identity card" not in said and "February" not in said


def test_what_is_not_wrong_is_refused_and_so_is_whoever_is_no_officer(company: Installation, house: House) -> None:
    assert house.asks("birth_date", WRONG).status_code == 409
    assert house.asks("gender", "f").status_code == 409, "no source says anything of it"
    assert house.asks("shoe_size", "38").status_code == 422
    assert house.asks("birth_date", RIGHT, reason=" ").status_code == 422
    body = {"profile": str(house.profile), "attribute": "birth_date", "value": RIGHT, "reason": "so it is"}
    for role in (Role.READER, Role.STEWARD):
        assert Steward(company, role=role).client.post("/v1/privacy/rectifications", json=body).status_code == 403
    assert house.served("birth_date") == WRONG
