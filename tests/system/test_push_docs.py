"""The page on the push API is true: its requests are sent as they stand there, in their order."""

import json
import re
from pathlib import Path

import pytest
from domain import assert_consistent, count, profile_of
from fastapi.testclient import TestClient
from sqlalchemy import text

from cdi.access import Role
from cdi.pipeline import Installation, resolve
from conftest import Doors

PAGE = (Path(__file__).parents[2] / "docs" / "push.md").read_text(encoding="utf-8")
REQUESTS = [json.loads(body) for body in re.findall(r"-d '(\{.*?\n\})'", PAGE, re.S)]


@pytest.fixture
def app(company: Installation) -> TestClient:
    return Doors(company).as_(Role.CONNECTOR, source="shop")


def push(app: TestClient, body: dict) -> dict:
    told = app.post("/v1/sources/shop/records", json=body)
    assert told.status_code == (200 if body.get("wait", True) else 202), told.text
    return told.json()


def test_the_events_of_an_app_become_one_customer_and_their_journey(company: Installation, app: TestClient) -> None:
    visit, order, leaving = REQUESTS
    assert push(app, visit) == {"accepted": 2, "unchanged": 0, "rejected": [], "affected": []}
    resolve(company)

    answer = push(app, order)
    assert (answer["accepted"], answer["rejected"], len(answer["affected"])) == (4, [], 1)
    resolve(company)
    profile = profile_of(company, "shop", "user-4711")
    assert str(profile) == answer["affected"][0]
    journey = Doors(company).as_(Role.ADMIN).get(f"/v1/profiles/{profile}/touchpoints").json()
    assert {point["type"] for point in journey["touchpoints"]} == {"visit", "order"}  # also before the login
    assert push(app, order)["unchanged"] == 4
    assert_consistent(company)

    assert push(app, leaving)["accepted"] == 1
    resolve(company)
    with company.database.unit_of_work() as connection:
        live = connection.execute(text("select key from record where live and kind = 'customer'")).scalars().all()
    assert live == []
    assert count(company, "rejected") == 0


def test_every_part_of_a_record_is_explained() -> None:
    from cdi.api.sources import PushedRecord
    from cdi.ingest.mapping import PARTS

    words = {*PushedRecord.model_fields, *(name for parts in PARTS.values() for name in parts)}
    assert [word for word in sorted(words) if f"`{word}`" not in PAGE] == []
