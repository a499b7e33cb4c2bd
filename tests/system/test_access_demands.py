"""A person asks at Shopify what is kept of them; Shopify tells us, and the officer sees to it."""

import base64
import hashlib
import hmac
import json
from html import unescape
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from desks import signed_in
from domain import assert_consistent, count, profile_of
from fastapi.testclient import TestClient

from cdi.access import Role
from cdi.clock import utc_now
from cdi.fields import Stream
from cdi.ingest.contract import Record
from cdi.pipeline import Arriving, Installation, land, resolve
from cdi.store.db import Database
from conftest import Doors, installation_of

SECRET = "geheim"
CDI = """
company: {name: Test, country: DE, language: en}
owners: [{id: online, department: Onlinehandel, role: Leitung, contact: b@test.example}]
customer_owner: online
sources:
  shop:
    connector: shopify
    config:
      base_url: "https://shop.example"
      access_token: "${env:TEST_SHOP_SECRET}"
      webhook_secret: "${env:TEST_SHOP_SECRET}"
    data_owner: online
    purpose: sale
    retention: P10Y
"""
ERIKA = {"name": {"given_name": "Erika", "family_name": "Brandstätter"}, "emails": [{"value": "erika@canary.example"}]}


@pytest.fixture
def company(database: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Installation:
    """One customer of the shop, resolved."""
    monkeypatch.setenv("TEST_SHOP_SECRET", SECRET)
    (tmp_path / "cdi.yaml").write_text(CDI, encoding="utf-8")
    installation = installation_of(tmp_path, database)
    arriving = Arriving("shop", {"customers": Stream.CUSTOMER}, lambda _, data: data)
    with database.unit_of_work() as connection:
        land(connection, installation, arriving, [Record("customers", "191167", ERIKA)], (), utc_now())
    resolve(installation)
    return installation


@pytest.fixture
def doors(company: Installation) -> Doors:
    return Doors(company)


def told_by_shopify(doors: Doors, customer: int, event: str, topic: str = "customers/data_request") -> None:
    told = {
        "shop_domain": "shop.example",
        "customer": {"id": customer, "email": "erika@canary.example", "phone": "555-625-1199"},
        "orders_requested": [299938],
        "data_request": {"id": 9999, "event": event},
    }
    body = json.dumps(told).encode()
    signature = base64.b64encode(hmac.new(SECRET.encode(), body, hashlib.sha256).digest()).decode()
    headers = {"X-Shopify-Hmac-Sha256": signature, "X-Shopify-Topic": topic, "X-Shopify-Event-Id": event}
    answer = doors.stranger().post(
        "/v1/sources/shop/webhook", content=body, headers={**headers, "Content-Type": "application/json"}
    )
    assert answer.status_code == 200, answer.text


def requests_at(officer: TestClient) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = officer.get("/v1/privacy/requests").json()["requests"]
    return found


def test_who_asks_waits_for_the_officer_once(company: Installation, doors: Doors, officer: TestClient) -> None:
    erika = profile_of(company, "shop", "191167")
    for event in ("one", "one", "two"):
        told_by_shopify(doors, 191167, event)
    (asked,) = requests_at(officer)
    assert (asked["kind"], asked["ground"], asked["state"]) == ("access", "demanded", "asked")
    assert (UUID(asked["profile"]), asked["asked_by"], asked["about"]) == (erika, "source:shop", {"source": "shop"})
    assert profile_of(company, "shop", "191167") == erika, "nothing landed and nothing ended"

    desk = unescape(signed_in(company, doors.app, "officer", Role.PRIVACY).get("/privacy").text)
    assert f"/privacy/profiles/{erika}/access" in desk and "All about them" in desk
    assert officer.post(f"/v1/privacy/requests/{asked['id']}/acknowledgement").status_code == 200
    assert officer.post(f"/v1/privacy/requests/{asked['id']}/acknowledgement").status_code == 409
    (done,) = requests_at(officer)
    assert done["state"] == "done" and done["decided_by"]
    told_by_shopify(doors, 191167, "three")
    assert [one["state"] for one in requests_at(officer)] == ["asked", "done"], "asked anew later, it is another one"
    assert_consistent(company)


def test_who_is_not_known_is_for_the_officer_to_find(company: Installation, doors: Doors, officer: TestClient) -> None:
    for event in ("one", "two"):
        told_by_shopify(doors, 4711, event)
    (alert,) = requests_at(officer)
    assert (alert["kind"], alert["ground"], alert["known_as"]) == ("sighting", "access_demanded", "4711")
    assert "canary" not in json.dumps(alert)
    assert "asks what is kept of them" in signed_in(company, doors.app, "officer", Role.PRIVACY).get("/privacy").text
    assert officer.post(f"/v1/privacy/requests/{alert['id']}/acknowledgement").status_code == 200
    assert count(company, "erasure_demand where who is not null") == 0


def test_only_alerts_and_accesses_are_seen_to(company: Installation, doors: Doors, officer: TestClient) -> None:
    told_by_shopify(doors, 191167, "redact", "customers/redact")
    (erasure,) = requests_at(officer)
    assert erasure["kind"] == "erasure"
    assert officer.post(f"/v1/privacy/requests/{erasure['id']}/acknowledgement").status_code == 404
