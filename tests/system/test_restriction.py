"""Restriction and objection: at once the customer is there for nobody downstream, and is for stewards and officers;
lifted, everything is as it was."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from domain import ANNA, assert_consistent, count, email, home, person, profile_of, push
from fastapi.testclient import TestClient
from receiver import Receiver, receiving
from stewarding import Steward, company_in

from cdi import webhooks
from cdi.access import Role
from cdi.exporting import Format, Terms, export_profiles
from cdi.fields import FieldGroup
from cdi.pipeline import Installation
from cdi.store.db import Database
from conftest import Doors

NEWSLETTER = "newsletter"
CONTACT = "contact: {without_consent: [newsletter, service]}\nwebhooks: {allowed_networks: [127.0.0.0/8]}\n"
HER_MAIL = ANNA["emails"][0]["value"]
OTHER = person(
    "Thomas", "Oduya", emails=email("t.oduya@web.de"), addresses=home("Marktstraße", "12", "20095", "Hamburg")
)


@pytest.fixture
def company(database: Database, tmp_path: Path) -> Iterator[Installation]:
    installation = company_in(tmp_path, database, more=CONTACT)
    push(installation, "till", {"a": ANNA, "other": OTHER})
    push(installation, "shop", {"b": ANNA})
    push(installation, "secret", {"c": ANNA})
    yield installation
    assert_consistent(installation)


class House:
    """Everybody who asks."""

    def __init__(self, company: Installation) -> None:
        self.company = company
        doors = Doors(company)
        self.officer = doors.as_(Role.PRIVACY, name="d.schutz")
        self.steward = doors.as_(Role.STEWARD)
        self.reader = doors.as_(Role.READER, *FieldGroup)
        self.masked = doors.as_(Role.READER)
        self.mailer = doors.as_(Role.READER, *FieldGroup, purposes=[NEWSLETTER])

    def close(self, profile: Any, **more: str) -> dict[str, Any]:
        answer = self.officer.post("/v1/privacy/restrictions", json={"profile": str(profile), **more})
        assert answer.status_code == 201, answer.text
        told: dict[str, Any] = answer.json()
        return told

    def erase(self, profile: str) -> int:
        answer = self.officer.post("/v1/privacy/erasures", json={"profile": profile})
        assert answer.status_code == 201, answer.text
        return int(answer.json()["id"])

    def acknowledged(self, request: int) -> list[str]:
        told = self.officer.get(f"/v1/privacy/requests/{request}").json()["acknowledged"]
        return [one["state"] for one in told]

    def lift(self, request: dict[str, Any]) -> dict[str, Any]:
        answer = self.officer.post(f"/v1/privacy/restrictions/{request['id']}/lifting")
        assert answer.status_code == 200, answer.text
        told: dict[str, Any] = answer.json()
        return told


@pytest.fixture
def house(company: Installation) -> House:
    return House(company)


def ways_to(client: TestClient, profile: Any, **asked: str) -> dict[str, bool]:
    """By every way a reader has, whether it leads to this profile."""
    get = lambda path, **more: client.get(f"/v1/{path}", params={**asked, **more}, follow_redirects=False)  # noqa: E731
    found = {
        f"?{name}": str(profile) in get("profiles", **{name: value}).text
        for name, value in {"email": HER_MAIL, "q": "krzywdzinski", "data_owner": "central"}.items()
    }
    found["?source=&key="] = str(profile) in get("profiles", source="till", key="a").text
    found["all"] = str(profile) in get("profiles").text
    for path in ("", "/history", "/explain", "/touchpoints", "/consents", "/household"):
        found[path or "itself"] = get(f"profiles/{profile}{path}").status_code == 200
    found["then"] = get(f"profiles/{profile}", as_of="2999-01-01T00:00:00Z").status_code == 200
    batch = client.post("/v1/profiles/batch", json={"ids": [str(profile)]}, params=asked).json()
    found["batch"] = "golden" in str(batch)
    looked = client.post("/v1/profiles/lookup", json={"record": ANNA}, params=asked)
    found["lookup"] = str(profile) in looked.text
    found["record"] = get("sources/till/records/a").status_code == 200
    found["why"] = get("explain", a="till:a", b="shop:b").status_code == 200
    found["feed"] = any(
        change["profile_id"] == str(profile) and change["type"] != "restricted"
        for change in get("changes").json()["changes"]
    )
    return found


def exported(company: Installation, folder: Path, purpose: str | None = None) -> str:
    terms = Terms(tuple(FieldGroup), purpose=purpose)
    done = export_profiles(company, folder, [Format.JSONL], terms, None, lambda *_: None)
    return next(iter(done.paths.values())).read_text(encoding="utf-8")


def test_a_restricted_customer_is_there_for_nobody_downstream(
    company: Installation, house: House, tmp_path: Path
) -> None:
    profile = profile_of(company, "till", "a")
    assert all(ways_to(house.reader, profile).values()), "else the test would show nothing"
    before = house.reader.get(f"/v1/profiles/{profile}").json()
    request = house.close(profile, ground="contested")
    for reader in (house.reader, house.masked, house.mailer):
        told = ways_to(reader, profile)
        assert not any(told.values()), told
    assert [
        c["type"] for c in house.reader.get("/v1/changes").json()["changes"] if c["profile_id"] == str(profile)
    ] == ["restricted"], "whoever has it is told to leave it alone"
    assert str(profile) not in exported(company, tmp_path / "closed")
    for inside in (house.steward, house.officer):
        assert all(way for name, way in ways_to(inside, profile).items()), ways_to(inside, profile)
        assert inside.get(f"/v1/profiles/{profile}").json()["closed_to"] == [""]

    push(company, "shop", {"b": {**ANNA, "gender": "f"}})
    push(company, "till", {"late": ANNA})
    assert profile_of(company, "till", "late") == profile, "what comes later is of the same customer"
    assert not any(ways_to(house.reader, profile).values())
    Steward(company).take_out(profile, "shop:b")
    part = profile_of(company, "shop", "b")
    assert part != profile
    for one in (profile, part):
        assert house.reader.get(f"/v1/profiles/{one}").status_code == 404, "both parts are of who restricted it"

    assert house.lift(request)["state"] == "lifted"
    assert house.reader.get(f"/v1/profiles/{profile}").status_code == 200
    assert house.reader.get(f"/v1/profiles/{part}").status_code == 200
    assert house.reader.get("/v1/sources/till/records/a").status_code == 200
    assert "closed_to" not in house.officer.get(f"/v1/profiles/{profile}").json()
    after = house.reader.get(f"/v1/profiles/{profile}").json()
    assert after["golden"]["name"]["value"] == before["golden"]["name"]["value"]
    history = house.officer.get(f"/v1/privacy/requests/{request['id']}").json()
    assert (history["asked_by"], history["ended_by"]) == ("key:d.schutz", "key:d.schutz") and history["ended_at"]
    assert house.officer.post(f"/v1/privacy/restrictions/{request['id']}/lifting").status_code == 409
    assert str(profile) in exported(company, tmp_path / "open")


def test_who_objected_is_there_for_every_other_purpose(company: Installation, house: House, tmp_path: Path) -> None:
    profile = profile_of(company, "till", "a")
    asked = {"purpose": NEWSLETTER}
    may = house.reader.get(f"/v1/profiles/{profile}/contactability", params=asked).json()
    assert may["allowed"]
    request = house.close(profile, ground="marketing", purpose=NEWSLETTER)
    assert request["kind"] == "objection"
    assert all(ways_to(house.reader, profile).values())
    for client, more in ((house.mailer, {}), (house.reader, asked), (house.steward, asked)):
        told = ways_to(client, profile, **more)
        assert not any(told.values()), told
    may = house.mailer.get(f"/v1/profiles/{profile}/contactability", params=asked).json()
    assert not may["allowed"] and all("objection" in "".join(one["why_not"]) for one in may["channels"])
    service = house.reader.get(f"/v1/profiles/{profile}/contactability", params={"purpose": "service"}).json()
    assert service["allowed"]
    assert str(profile) not in exported(company, tmp_path / "mail", NEWSLETTER)
    assert str(profile) in exported(company, tmp_path / "all")
    house.lift(request)
    assert house.mailer.get(f"/v1/profiles/{profile}/contactability", params=asked).json()["allowed"]


def test_a_subscriber_is_told_to_leave_them_alone_and_that_they_were_erased(company: Installation) -> None:
    """What waits when it is restricted is not delivered; the erasure is, and is known to be taken."""
    house, profile = House(company), profile_of(company, "till", "a")
    with receiving() as receiver:
        answer = house.reader.post("/v1/webhooks", json={"url": receiver.url})
        assert answer.status_code == 201, answer.text
        receiver.secret = answer.json()["secret"]
        push(company, "shop", {"b": {**ANNA, "gender": "f"}})
        house.close(profile)
        push(company, "shop", {"b": {**ANNA, "gender": "x"}})
        other = str(profile_of(company, "till", "other"))
        request = house.erase(other)
        assert house.acknowledged(request) == ["waiting"]
        assert types_of(receiver, company, profile) == ["restricted"]
        assert types_of(receiver, company, other)[-1] == "erased"
        assert house.acknowledged(request) == ["taken"]
        house.erase(str(profile))
        assert types_of(receiver, company, profile)[-1] == "erased"


def types_of(receiver: Receiver, company: Installation, profile: Any) -> list[str]:
    """What was delivered of this profile, when nothing waits any more."""
    while count(company, "webhook_delivery") or count(
        company, "webhook where cursor < (select last from feed_counter)"
    ):
        webhooks.deliver(company, lambda *_: None)
    return [event["type"] for event in receiver.taken if event["data"]["profile_id"] == str(profile)]


def test_two_restrictions_are_lifted_one_by_one_and_codes_are_checked(company: Installation, house: House) -> None:
    profile = profile_of(company, "till", "a")
    first, second = house.close(profile), house.close(profile, ground="claims")
    house.lift(first)
    assert house.reader.get(f"/v1/profiles/{profile}").status_code == 404
    house.lift(second)
    assert house.reader.get(f"/v1/profiles/{profile}").status_code == 200
    wrong = {"profile": str(profile), "ground": "marketing"}
    assert house.officer.post("/v1/privacy/restrictions", json=wrong).status_code == 422
    assert house.officer.post("/v1/privacy/restrictions/4711/lifting").status_code == 404
    house.close(profile)
    erased = house.officer.post("/v1/privacy/erasures", json={"profile": str(profile)}).json()
    assert erased["state"] == "done"
    states = {one["state"] for one in house.officer.get("/v1/privacy/requests").json()["requests"]}
    assert states == {"done", "lifted"}, "nothing holds of whom there is nothing"
