"""The journey over all channels, and requests that every channel sees and can close."""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from domain import email, person, profile_of, push
from fastapi.testclient import TestClient

from cdi.access import Role
from cdi.clock import utc_now
from cdi.fields import FieldGroup, Stream
from cdi.ingest.contract import Op, Record
from cdi.pipeline import Arriving, Installation, land, resolve
from conftest import Doors

ANNA = person("Anna", "Krzywdzinski", "1984-03-05", emails=email("anna.krz@gmx.de"))
NOON = datetime(2026, 3, 5, 12, tzinfo=UTC)


def happened(
    company: Installation, source: str, touchpoints: Mapping[str, Mapping[str, Any] | None], at: datetime | None = None
) -> None:
    """The source says these touchpoints (None: deleted)."""
    arriving = Arriving(source, {"touchpoints": Stream.TOUCHPOINT}, lambda _, data: data)
    said = [
        Record("touchpoints", key, dict(t or {}), Op.UPSERT if t is not None else Op.DELETE, at)
        for key, t in touchpoints.items()
    ]
    with company.database.unit_of_work() as connection:
        landed = land(connection, company, arriving, said, (), utc_now())
    assert not landed.rejected
    resolve(company)


def touchpoint(kind: str, channel: str, at: datetime, customer: str = "a", **more: Any) -> dict[str, Any]:
    return {"customer_key": customer, "type": kind, "channel": channel, "at": at.isoformat(), **more}


@pytest.fixture
def anna(company: Installation) -> str:
    """Her profile: a record of the till and one of the shop, with touchpoints on four channels."""
    push(company, "till", {"a": ANNA})
    push(company, "shop", {"b": ANNA})
    happened(
        company,
        "till",
        {
            "t1": touchpoint("receipt", "shop", NOON, amount="12.50", currency="EUR"),
            "t2": touchpoint("request", "shop", NOON + timedelta(days=1), state="open", subject="Stiefel, Größe 42"),
            "t3": touchpoint("visit", "shop", NOON + timedelta(days=2)),
        },
    )
    happened(
        company,
        "shop",
        {
            "o1": touchpoint("order", "webshop", NOON + timedelta(days=1), "b"),
            "m1": touchpoint("message", "email", NOON + timedelta(days=4), "b", direction="outbound"),
            "m2": touchpoint("message", "email", NOON + timedelta(days=4), "b", direction="outbound"),
            "c1": touchpoint("call", "phone", NOON - timedelta(days=400), "b", participants=["+491724981375"]),
        },
    )
    return str(profile_of(company, "till", "a"))


def read(client: TestClient, profile: str, **asked: Any) -> dict[str, Any]:
    answer = client.get(f"/v1/profiles/{profile}/touchpoints", params=asked)
    assert answer.status_code == 200, answer.text
    told: dict[str, Any] = answer.json()
    return told


def keys_of(told: Mapping[str, Any]) -> list[str]:
    return [t["key"] for t in told["touchpoints"]]


@pytest.fixture
def reader(company: Installation) -> TestClient:
    return Doors(company).as_(Role.READER, *FieldGroup)


def test_all_channels_newest_first_each_with_its_owner(reader: TestClient, anna: str) -> None:
    told = read(reader, anna)
    assert keys_of(told)[2:] == ["t3", "o1", "t2", "t1", "c1"] or keys_of(told)[2:] == ["t3", "t2", "o1", "t1", "c1"]
    assert set(keys_of(told)[:2]) == {"m1", "m2"}
    assert {t["source"]: t["data_owner"] for t in told["touchpoints"]} == {"till": "retail", "shop": "online"}
    assert told["data_owner"] == "central"
    receipt = next(t for t in told["touchpoints"] if t["key"] == "t1")
    assert (receipt["amount"], receipt["currency"], receipt["type"], receipt["channel"]) == (
        "12.50",
        "EUR",
        "receipt",
        "shop",
    )


@pytest.mark.parametrize(
    "asked,keys",
    [
        ({"channel": "shop"}, ["t3", "t2", "t1"]),
        ({"kind": "order"}, ["o1"]),
        ({"channel": "shop", "kind": "visit"}, ["t3"]),
        ({"since": (NOON + timedelta(days=2)).isoformat(), "channel": "shop"}, ["t3"]),
        ({"until": NOON.isoformat()}, ["c1"]),
        ({"open": True}, ["t2"]),
        ({"channel": "sms"}, []),
    ],
)
def test_it_is_narrowed(reader: TestClient, anna: str, asked: dict[str, Any], keys: list[str]) -> None:
    assert keys_of(read(reader, anna, **asked)) == keys


def test_pages_go_on_where_the_last_ended_also_within_one_moment(reader: TestClient, anna: str) -> None:
    whole = keys_of(read(reader, anna))
    paged: list[str] = []
    after: dict[str, str] = {}
    while True:
        page = read(reader, anna, limit=1, **after)
        paged += keys_of(page)
        if page["after"] is None:
            break
        after = {"after": page["after"]}
    assert paged == whole and len(whole) == 7


def test_the_preferred_channel_is_where_the_customer_came_lately(reader: TestClient, anna: str) -> None:
    told = read(reader, anna)
    assert told["preferred_channel"] == "shop"
    used = {c["channel"]: c for c in told["channels"]}
    assert list(used) == ["shop", "webshop", "phone"], "what we sent is not their choice"
    assert used["shop"]["touchpoints"] == 3
    assert used["phone"]["weight"] < used["webshop"]["weight"]


def test_a_request_is_closed_by_any_channel_once(company: Installation, reader: TestClient, anna: str) -> None:
    (request,) = read(reader, anna, open=True)["touchpoints"]
    webshop = Doors(company).as_(Role.CONNECTOR, source="shop", name="webshop app")
    path = f"/v1/touchpoints/{request['id']}/closing"
    answer = webshop.post(path, json={"outcome": "size 42 was sent"})
    assert answer.status_code == 201, answer.text
    assert answer.json()["closed"]["by"] == "webshop app"
    assert "subject" not in answer.json(), "a connector without scopes is not told what the customer asked for"
    assert read(reader, anna, open=True)["touchpoints"] == []
    told = next(t for t in read(reader, anna)["touchpoints"] if t["id"] == request["id"])
    assert (told["open"], told["closed"]["outcome"], told["state"]) == (False, "size 42 was sent", "open")
    again = webshop.post(path, json={"outcome": "again"})
    assert (again.status_code, again.json()["type"]) == (409, "/problems/conflict")


def test_a_source_that_says_later_that_it_is_open_opens_it_again(
    company: Installation, reader: TestClient, anna: str
) -> None:
    (request,) = read(reader, anna, open=True)["touchpoints"]
    steward = Doors(company).as_(Role.STEWARD)
    assert steward.post(f"/v1/touchpoints/{request['id']}/closing", json={"outcome": "done"}).status_code == 201
    happened(company, "till", {"t2": touchpoint("request", "shop", NOON, state="open", subject="size 43 then")})
    assert len(read(reader, anna, open=True)["touchpoints"]) == 1
    happened(company, "till", {"t2": touchpoint("request", "shop", NOON, state="Solved")})
    assert read(reader, anna, open=True)["touchpoints"] == []


def test_what_is_never_open_is_not_closed(company: Installation, reader: TestClient, anna: str) -> None:
    steward = Doors(company).as_(Role.STEWARD)
    receipt = next(t for t in read(reader, anna)["touchpoints"] if t["key"] == "t1")
    assert steward.post(f"/v1/touchpoints/{receipt['id']}/closing", json={"outcome": "x"}).status_code == 409
    assert steward.post("/v1/touchpoints/999999/closing", json={"outcome": "x"}).status_code == 404
    assert steward.post("/v1/touchpoints/0/closing", json={"outcome": "x"}).status_code == 422
    assert reader.post(f"/v1/touchpoints/{receipt['id']}/closing", json={"outcome": "x"}).status_code == 403


def test_hidden_sources_and_words_of_the_customer_are_not_told(company: Installation, anna: str) -> None:
    push(company, "secret", {"s": ANNA})
    happened(company, "secret", {"s1": touchpoint("ticket", "phone", NOON, "s", subject="Beschwerde")})
    doors = Doors(company)
    assert "s1" not in keys_of(read(doors.as_(Role.READER, *FieldGroup), anna))
    assert "s1" in keys_of(read(doors.as_(Role.READER, *FieldGroup, sensitive=True), anna))
    plain = read(doors.as_(Role.READER), anna)
    assert "Stiefel" not in str(plain) and "4981375" not in str(plain)
    (ticket,) = [t for t in read(doors.as_(Role.ADMIN), anna)["touchpoints"] if t["key"] == "s1"]
    closing = f"/v1/touchpoints/{ticket['id']}/closing"
    assert doors.as_(Role.STEWARD).post(closing, json={"outcome": "x"}).status_code == 404


def test_a_retired_id_leads_to_the_journey_of_its_survivor(
    company: Installation, reader: TestClient, anna: str
) -> None:
    push(company, "till", {"a": None})
    push(company, "shop", {"b": None})
    answer = reader.get(f"/v1/profiles/{anna}/touchpoints")
    assert (answer.status_code, answer.json()["reason"]) == (410, "retired")


@pytest.mark.parametrize("asked", [{"after": "x"}, {"after": "2026-01-01~1"}, {"channel": "pigeon"}, {"limit": 0}])
def test_a_question_that_is_none_is_refused(reader: TestClient, anna: str, asked: dict[str, Any]) -> None:
    assert reader.get(f"/v1/profiles/{anna}/touchpoints", params=asked).status_code == 422
