"""Consents as records say them, and whether we may contact a customer: consent, frequency, address, together."""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from domain import email, person, profile_of, push
from fastapi.testclient import TestClient
from stewarding import Steward, company_in
from test_journey import happened, touchpoint

from cdi.access import Role
from cdi.clock import utc_now
from cdi.fields import FieldGroup, Stream
from cdi.ingest.contract import Record
from cdi.pipeline import Arriving, Installation, land, resolve
from cdi.store.db import Database
from conftest import Doors

ANNA = person(
    "Anna",
    "Krzywdzinski",
    "1984-03-05",
    emails=email("anna.krz@gmx.de"),
    phones=[{"value": "+491724981375"}],
)
RULES = """
contact:
  without_consent: [service]
  double_opt_in: [sms]
  caps:
    - {channel: email, at_most: 2, per: P7D}
    - {channel: phone, at_most: 0, per: P1D, purpose: survey}
"""
MARCH = datetime(2026, 3, 1, tzinfo=UTC)


def consent(
    status: str, customer: str = "a", purpose: str = "newsletter", channel: str = "email", day: int = 0, **more: Any
) -> dict[str, Any]:
    at = (MARCH + timedelta(days=day)).isoformat()
    return {"customer_key": customer, "purpose": purpose, "channel": channel, "status": status, "at": at, **more}


def allowed(company: Installation, source: str, consents: Mapping[str, Mapping[str, Any]]) -> None:
    """The source says these consents."""
    arriving = Arriving(source, {"consents": Stream.CONSENT}, lambda _, data: data)
    said = [Record("consents", key, dict(consent)) for key, consent in consents.items()]
    with company.database.unit_of_work() as connection:
        assert not land(connection, company, arriving, said, (), utc_now()).rejected
    resolve(company)


@pytest.fixture
def company(database: Database, tmp_path: Path) -> Installation:
    return company_in(tmp_path, database, more=RULES)


@pytest.fixture
def anna(company: Installation) -> str:
    push(company, "till", {"a": ANNA})
    return str(profile_of(company, "till", "a"))


@pytest.fixture
def reader(company: Installation) -> TestClient:
    return Doors(company).as_(Role.READER, *FieldGroup)


def ask(client: TestClient, profile: str, purpose: str = "newsletter") -> dict[str, Any]:
    answer = client.get(f"/v1/profiles/{profile}/contactability", params={"purpose": purpose})
    assert answer.status_code == 200, answer.text
    told: dict[str, Any] = answer.json()
    return told


def on(told: Mapping[str, Any], channel: str) -> dict[str, Any]:
    found: dict[str, Any] = next(c for c in told["channels"] if c["channel"] == channel)
    return found


def test_consents_are_told_by_purpose_and_channel_with_time_and_proof(
    company: Installation, reader: TestClient, anna: str
) -> None:
    proof = {"method": "double_opt_in", "proof": "confirmed from 192.0.2.7", "legal_basis": "consent"}
    allowed(company, "till", {"c1": consent("granted", **proof), "c2": consent("denied", channel="post")})
    told = reader.get(f"/v1/profiles/{anna}/consents").json()
    assert told["data_owner"] == "central"
    states = {(c["purpose"], c["channel"]): c["status"] for c in told["consents"]}
    assert states == {("newsletter", "email"): "granted", ("newsletter", "post"): "denied"}
    (said,) = told["consents"][0]["said"]
    assert (said["record"], said["data_owner"], said["method"]) == ("till:a", "retail", "double_opt_in")
    assert said["at"] == "2026-03-01T00:00:00Z" or said["at"] == "2026-03-01T00:00:00+00:00"
    assert said["proof"] == "confirmed from 192.0.2.7"
    masked = Doors(company).as_(Role.READER).get(f"/v1/profiles/{anna}/consents")
    assert masked.status_code == 200 and "192.0.2.7" not in masked.text


def test_who_said_yes_may_be_contacted_where_they_can_be_reached(
    company: Installation, reader: TestClient, anna: str
) -> None:
    assert ask(reader, anna)["allowed"] is False
    assert on(ask(reader, anna), "email")["why_not"] == ["consent: none was given"]
    allowed(company, "till", {"c1": consent("granted", channel="any")})
    told = ask(reader, anna)
    assert told["allowed"] is True
    assert on(told, "email")["allowed"] and on(told, "phone")["allowed"]
    assert on(told, "post")["why_not"] == ["no address: nothing is known to reach the customer by"]
    assert on(told, "sms")["why_not"] == ["consent: not confirmed by double opt-in"]
    allowed(company, "till", {"c2": consent("granted", channel="sms", day=1, method="double_opt_in")})
    assert on(ask(reader, anna), "sms")["allowed"]


def test_silence_is_enough_for_a_purpose_that_needs_no_consent_and_a_refusal_is_one(
    company: Installation, reader: TestClient, anna: str
) -> None:
    assert on(ask(reader, anna, "service"), "email")["allowed"]
    allowed(company, "till", {"c1": consent("denied", purpose="service")})
    told = on(ask(reader, anna, "service"), "email")
    assert (told["allowed"], told["why_not"], told["next"]) == (False, ["consent: denied"], None)


def test_who_was_contacted_often_is_left_in_peace_until_a_named_time(
    company: Installation, reader: TestClient, anna: str
) -> None:
    allowed(company, "till", {"c1": consent("granted")})
    now = utc_now()
    days_ago = {"m1": 6, "m2": 3, "m3": 1, "m0": 30}
    happened(
        company,
        "till",
        {
            key: touchpoint("message", "email", now - timedelta(days=days), direction="outbound")
            for key, days in days_ago.items()
        },
    )
    told = ask(reader, anna)
    mail = on(told, "email")
    assert mail["why_not"] == ["contact frequency: at most 2 within 7 days"]
    assert datetime.fromisoformat(mail["next"]) == now - timedelta(days=3) + timedelta(days=7)
    assert told["next"] == mail["next"]
    assert on(ask(reader, anna, "service"), "email")["allowed"] is False, "a cap without a purpose holds for all"


def test_a_cap_of_nothing_is_never_over(company: Installation, reader: TestClient, anna: str) -> None:
    allowed(company, "till", {"c1": consent("granted", purpose="survey", channel="phone")})
    told = on(ask(reader, anna, "survey"), "phone")
    assert (told["allowed"], told["next"]) == (False, None)


def test_the_preferred_channel_is_asked_first(company: Installation, reader: TestClient, anna: str) -> None:
    allowed(company, "till", {"c1": consent("granted", channel="any")})
    assert ask(reader, anna)["channel"] == "email"
    happened(company, "till", {"t": touchpoint("call", "phone", utc_now() - timedelta(days=1))})
    assert ask(reader, anna)["channel"] == "phone"


def test_a_refusal_counts_whoever_asks(company: Installation, anna: str) -> None:
    """A sensitive source's refusal protects the customer also from those who may not see that source."""
    allowed(company, "till", {"c1": consent("granted")})
    push(company, "secret", {"s": ANNA})
    allowed(company, "secret", {"c2": consent("denied", "s")})
    plain = Doors(company).as_(Role.READER, *FieldGroup)
    assert on(ask(plain, anna), "email")["allowed"] is False
    told = plain.get(f"/v1/profiles/{anna}/consents")
    assert "secret" not in told.text and told.json()["consents"][0]["status"] == "granted"


def test_28_the_most_restrictive_consent_counts_until_reviewed_and_each_part_has_its_own_after_a_split(
    company: Installation, reader: TestClient, anna: str
) -> None:
    allowed(company, "till", {"c1": consent("granted", day=9)})
    assert on(ask(reader, anna), "email")["allowed"]
    push(company, "shop", {"b": ANNA})
    allowed(company, "shop", {"c2": consent("denied", "b")})
    told = on(ask(reader, anna), "email")
    assert (told["allowed"], told["consent"], told["contradicted"]) == (False, "denied", True)

    steward = Steward(company)
    body = {"purpose": "newsletter", "channel": "email", "record": "till:a", "reason": "she told me so"}
    answer = steward.client.post(f"/v1/profiles/{anna}/consents/review", json=body)
    assert answer.status_code == 201, answer.text
    assert on(ask(reader, anna), "email")["allowed"]
    assert reader.get(f"/v1/profiles/{anna}/consents").json()["consents"][0]["reviewed_at"]

    steward.take_out(anna, "shop:b")
    parts = [str(profile_of(company, *name)) for name in (("till", "a"), ("shop", "b"))]
    assert [on(ask(reader, part), "email")["consent"] for part in parts] == ["granted", "denied"]


def test_a_word_after_the_review_is_not_reviewed(company: Installation, reader: TestClient, anna: str) -> None:
    push(company, "shop", {"b": ANNA})
    allowed(company, "till", {"c1": consent("granted")})
    allowed(company, "shop", {"c2": consent("denied", "b")})
    body = {"purpose": "newsletter", "channel": "email", "record": "till:a", "reason": "she told me so"}
    assert Steward(company).client.post(f"/v1/profiles/{anna}/consents/review", json=body).status_code == 201
    later = {"at": utc_now().isoformat()}
    allowed(company, "shop", {"c2": consent("withdrawn", "b") | later})
    assert on(ask(reader, anna), "email")["consent"] == "withdrawn"


@pytest.mark.parametrize(
    "change,status",
    [
        ({"record": "shop:nobody"}, 404),
        ({"record": "nocolon"}, 422),
        ({"purpose": "survey"}, 404),
        ({"channel": "pigeon"}, 422),
        ({"reason": " "}, 422),
        ({"more": 1}, 422),
    ],
)
def test_a_review_of_nothing_is_refused(company: Installation, anna: str, change: dict[str, Any], status: int) -> None:
    allowed(company, "till", {"c1": consent("granted")})
    body = {"purpose": "newsletter", "channel": "email", "record": "till:a", "reason": "so"} | change
    answer = Steward(company).client.post(f"/v1/profiles/{anna}/consents/review", json=body)
    assert answer.status_code == status


def test_a_steward_of_other_owners_does_not_review(company: Installation, reader: TestClient, anna: str) -> None:
    allowed(company, "till", {"c1": consent("granted")})
    body = {"purpose": "newsletter", "channel": "email", "record": "till:a", "reason": "so"}
    path = f"/v1/profiles/{anna}/consents/review"
    assert Steward(company, owners=["online"]).client.post(path, json=body).status_code == 403
    assert Steward(company, owners=["retail"]).client.post(path, json=body).status_code == 201
    assert reader.post(path, json=body).status_code == 403


def test_contactability_needs_a_purpose(reader: TestClient, anna: str) -> None:
    assert reader.get(f"/v1/profiles/{anna}/contactability").status_code == 422
