"""What a source system delivers by webhook counts once, if it is the vendor's; what it points to is read; and nothing
is lost, whenever we die."""

import base64
import hashlib
import hmac
import json
import logging
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from domain import assert_consistent, count, profile_of
from fastapi.testclient import TestClient
from loopback import Asked, Site, Told, serving
from sqlalchemy import text

from cdi.access import Role
from cdi.pipeline import Installation
from cdi.sources import sync_sources
from cdi.store.db import Database
from conftest import Doors, installation_of

SECRET = "webhook geheim"
MANIFEST = """
connector: shopsystem
title: Shop
config:
  base_url: {required: true}
  secret: {secret: true}
  verify_token: {secret: true}
connection: {kind: rest, base_url: "{config.base_url}", retry: {tries: 1}}
streams:
  customers:
    kind: customer
    key: =id
    source_time: =ts(updated)
    request: {path: /customers}
    records: =customers
    cursor: {field: updated, overlap: PT5M}
    since: {params: {since: "{cursor.from}"}}
    map: {name: {given_name: =first, family_name: =last}, emails: [{value: =mail}]}
  orders:
    kind: touchpoint
    key: =id
    request: {path: /orders}
    records: =orders
    map: {customer_key: =customer, type: order, at: =ts(at), channel: webshop}
webhook:
  verify: {header: X-Signature, encoding: base64, message: ["header:X-Sent", body], secret: "{config.secret}"}
  handshake: {type: echo, token: "{config.verify_token}"}
  event_id: headers."x-event-id"
  timestamp: headers."x-sent"
  timestamp_format: unix
  max_age: PT5M
  events:
    - {when: body.topic == 'saved', stream: customers, records: body.customer}
    - {when: body.topic == 'deleted', stream: customers, op: delete, records: body.customer}
    - {when: body.topic == 'redact', stream: customers, op: erase, records: body.customer}
    - {when: body.topic == 'touched', stream: customers}
"""
CDI = """
company: {name: Test, country: DE, language: de}
owners: [{id: online, department: Onlinehandel, role: Leitung, contact: b@test.example}]
customer_owner: online
sources:
  shop:
    connector: shopsystem
    config: {base_url: "URL", secret: "${env:TEST_WEBHOOK_SECRET}", verify_token: "${env:TEST_WEBHOOK_SECRET}"}
    data_owner: online
    purpose: sale
    retention: P10Y
  silent: {connector: shopsystem, config: {base_url: "URL"}, data_owner: online, purpose: sale, retention: P10Y}
  app: {connector: push, data_owner: online, purpose: sale, retention: P10Y}
"""


def customer(number: int, mail: str = "erika.brandstaetter@web.de", updated: str = "2026-11-20T10:00:00Z") -> dict:
    return {"id": number, "first": "Erika", "last": "Brandstätter", "mail": mail, "updated": updated}


class Shop:
    """The source system: its customers, and how it tells that there is something new."""

    def __init__(self) -> None:
        self.customers: list[dict[str, Any]] = []
        self.down = False

    def __call__(self, asked: Asked) -> Told:
        if self.down:
            return Told(b"Wartung", 503, {"Retry-After": "0"})
        return Told({"customers": self.customers, "orders": []})


@pytest.fixture
def shop() -> Shop:
    return Shop()


@pytest.fixture
def site(shop: Shop) -> Iterator[Site]:
    with serving(shop) as running:
        yield running


@pytest.fixture
def listening(database: Database, tmp_path: Path, site: Site, monkeypatch: pytest.MonkeyPatch) -> Installation:
    monkeypatch.setenv("TEST_WEBHOOK_SECRET", SECRET)
    folder = tmp_path / "company"
    write_company(folder, site.url)
    return installation_of(folder, database)


def write_company(folder: Path, url: str) -> None:
    (folder / "connectors" / "shopsystem").mkdir(parents=True)
    (folder / "connectors" / "shopsystem" / "connector.yaml").write_text(MANIFEST, encoding="utf-8")
    (folder / "cdi.yaml").write_text(CDI.replace("URL", url), encoding="utf-8")


@pytest.fixture
def vendor(listening: Installation) -> TestClient:
    """Whoever calls without a key."""
    return Doors(listening).stranger()


def signed(document: Any, event: str = "e1", sent: float | None = None, secret: str = SECRET) -> dict[str, Any]:
    """What the vendor sends: body and headers of one request."""
    body = document if isinstance(document, bytes) else json.dumps(document).encode()
    moment = str(int(time.time() if sent is None else sent))
    digest = hmac.new(secret.encode(), moment.encode() + body, hashlib.sha256).digest()
    signature = base64.b64encode(digest).decode()
    headers = {"X-Sent": moment, "X-Signature": signature, "X-Event-Id": event, "Content-Type": "application/json"}
    return {"content": body, "headers": headers}


def deliver(vendor: TestClient | httpx.Client, document: Any, event: str = "e1", **how: Any) -> dict[str, Any]:
    told = vendor.post("/v1/sources/shop/webhook", **signed(document, event, **how))
    assert told.status_code == 200, told.text
    return dict(told.json())


def test_a_delivery_lands_and_is_resolved_without_a_key(listening: Installation, vendor: TestClient) -> None:
    told = deliver(vendor, {"topic": "saved", "customer": customer(7)})
    assert told == {"repeated": False, "accepted": 1, "unchanged": 0, "rejected": 0, "read_again": []}
    assert profile_of(listening, "shop", "7") is not None
    assert_consistent(listening)


def test_a_repeated_delivery_has_no_effect(listening: Installation, vendor: TestClient) -> None:
    first, second = customer(7, "alt@web.de"), customer(7, "neu@web.de")
    sent = time.time()
    deliver(vendor, {"topic": "saved", "customer": first}, "e1", sent=sent)
    deliver(vendor, {"topic": "saved", "customer": second}, "e2")
    assert deliver(vendor, {"topic": "saved", "customer": first}, "e1", sent=sent)["repeated"]
    # Whoever recorded it may write another id into a header, not into what was signed.
    assert deliver(vendor, {"topic": "saved", "customer": first}, "e3", sent=sent)["repeated"]
    assert count(listening, "record_version") == 2
    with listening.database.unit_of_work() as connection:
        mails = connection.execute(text("select canonical->'emails' from meaning order by version_id desc"))
        assert mails.scalars().first() == [{"value": "neu@web.de"}]


def test_what_is_not_the_vendors_is_refused_and_leaves_nothing(
    listening: Installation, vendor: TestClient, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    document = {"topic": "saved", "customer": customer(7)}
    right = signed(document)
    wrong = [
        {"content": right["content"]},
        signed(document, secret="geraten"),
        signed(document, secret=""),
        right | {"content": right["content"].replace(b"Erika", b"Erich")},
        right | {"headers": right["headers"] | {"X-Sent": str(int(time.time()) + 1)}},
        signed(document, sent=time.time() - 600),
        signed(document, sent=time.time() + 600),
    ]
    for request in wrong:
        told = vendor.post("/v1/sources/shop/webhook", **request)
        assert told.status_code == 401
        assert told.json()["type"] == "/problems/webhook-refused"
        assert "Brandst" not in told.text and SECRET not in told.text
    assert count(listening, "received_delivery") == count(listening, "record") == count(listening, "rejected") == 0
    assert "Brandst" not in caplog.text and SECRET not in caplog.text


@pytest.mark.parametrize("source", ["silent", "app", "nobody"])
def test_where_nothing_is_received_a_stranger_learns_nothing(
    listening: Installation, vendor: TestClient, source: str
) -> None:
    for told in (
        vendor.post(f"/v1/sources/{source}/webhook", **signed({})),
        vendor.get(f"/v1/sources/{source}/webhook", params={"hub.challenge": "1", "hub.verify_token": ""}),
    ):
        assert told.status_code == 404
        assert told.json()["detail"] == f"the source {source} receives no webhooks"


def test_too_much_is_not_even_read(vendor: TestClient) -> None:
    told = vendor.post("/v1/sources/shop/webhook", **signed(b" " * (6 * 2**20)))
    assert told.status_code == 413
    assert told.json()["detail"] == "a delivery has at most 5 MB"


@pytest.mark.parametrize(
    "document", [b"{cut off", {"topic": "saved"}, {"topic": "saved", "customer": customer(7) | {"id": None}}]
)
def test_what_cannot_be_read_is_kept_aside(listening: Installation, vendor: TestClient, document: Any) -> None:
    """The vendor is not to blame, and would stop sending if it were told so."""
    assert deliver(vendor, document)["rejected"] == 1
    assert count(listening, "rejected where resolved_at is null") == 1


def test_a_record_without_a_key_is_kept_aside_and_the_rest_go_on(vendor: TestClient) -> None:
    strange = customer(8) | {"id": ""}
    told = deliver(vendor, {"topic": "saved", "customer": [customer(7), strange]})
    assert (told["accepted"], told["rejected"]) == (1, 1)


def test_an_older_delivery_that_comes_late_does_not_count(listening: Installation, vendor: TestClient) -> None:
    deliver(vendor, {"topic": "saved", "customer": customer(7, "neu@web.de", "2026-11-20T12:00:00Z")}, "e2")
    deliver(vendor, {"topic": "saved", "customer": customer(7, "alt@web.de", "2026-11-20T11:00:00Z")}, "e1")
    with listening.database.unit_of_work() as connection:
        shown = connection.execute(text("select document from profile")).scalar_one()
    assert shown["golden"]["emails"]["value"]["value"] == "neu@web.de"


def test_a_deletion_and_an_erasure_reach_the_profile(listening: Installation, vendor: TestClient) -> None:
    for number in (7, 8):
        deliver(vendor, {"topic": "saved", "customer": customer(number, f"{number}@web.de")}, f"saved {number}")
    deliver(vendor, {"topic": "deleted", "customer": {"id": 7}}, "e3")
    assert profile_of(listening, "shop", "7") is None
    assert profile_of(listening, "shop", "8") is not None
    deliver(vendor, {"topic": "redact", "customer": {"id": 8}}, "e4")
    assert profile_of(listening, "shop", "8") is None
    with listening.database.unit_of_work() as connection:
        said = connection.execute(text("select op from record_version order by version_id")).scalars().all()
    assert said == ["upsert", "upsert", "delete", "erase"]
    assert_consistent(listening)


def test_a_thin_delivery_makes_its_stream_be_read(
    listening: Installation, vendor: TestClient, shop: Shop, site: Site
) -> None:
    shop.customers = [customer(7)]
    told = deliver(vendor, {"topic": "touched", "id": 7})
    assert told["read_again"] == ["customers"]
    assert [asked.path for asked in site.asked if asked.params.get("page", "1") == "1"] == ["/customers"]
    assert count(listening, "record where key = '7' and live") == 1
    assert count(listening, "received_delivery where read_at is null") == 0
    with listening.database.unit_of_work() as connection:
        assert connection.execute(text("select status from sync_run")).scalars().all() == ["part"]


def test_what_could_not_be_read_stays_due_until_a_run_has_read_it(
    listening: Installation, vendor: TestClient, shop: Shop
) -> None:
    shop.customers, shop.down = [customer(7)], True
    deliver(vendor, {"topic": "touched", "id": 7})
    assert count(listening, "received_delivery where read_at is null") == 1
    shop.down = False
    assert not sync_sources(listening, ["shop"]).errors
    assert count(listening, "received_delivery where read_at is null") == 0
    assert count(listening, "record where key = '7' and live") == 1


def test_many_deliveries_at_once_cause_few_readings(
    listening: Installation, vendor: TestClient, shop: Shop, site: Site
) -> None:
    shop.customers = [customer(n, f"{n}@web.de") for n in range(5)]
    threads = [
        threading.Thread(target=deliver, args=(vendor, {"topic": "touched", "id": n}, f"e{n}")) for n in range(20)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert count(listening, "received_delivery where read_at is null") == 0
    assert count(listening, "sync_run") < 20
    assert count(listening, "record where live") == 5


def test_a_vendor_hears_what_it_wants_to_hear_first(vendor: TestClient) -> None:
    question = {"hub.mode": "subscribe", "hub.challenge": "<b>1158201444", "hub.verify_token": SECRET}
    told = vendor.get("/v1/sources/shop/webhook", params=question)
    assert (told.status_code, told.text) == (200, "<b>1158201444")
    assert told.headers["content-type"].startswith("text/plain")
    assert told.headers["x-content-type-options"] == "nosniff"
    assert vendor.get("/v1/sources/shop/webhook", params=question | {"hub.verify_token": "x"}).status_code == 401


def test_deliveries_are_shown_to_those_who_may_see_the_source(listening: Installation, vendor: TestClient) -> None:
    for n in range(3):
        deliver(vendor, {"topic": "saved", "customer": customer(n, f"{n}@web.de")}, f"e{n}")
    assert vendor.get("/v1/sources/shop/deliveries").status_code == 401
    reader = Doors(listening).as_(Role.READER)
    told = reader.get("/v1/sources/shop/deliveries", params={"limit": 2}).json()
    assert [item["event_id"] for item in told["deliveries"]] == ["e2", "e1"]
    assert told["deliveries"][0]["counts"]["added"] == 1
    older = reader.get("/v1/sources/shop/deliveries", params={"before": told["before"]}).json()
    assert [item["event_id"] for item in older["deliveries"]] == ["e0"]


# -- dying in the middle ---------------------------------------------------------------------------------------------


class Service:
    """`cdi serve` as a process that can be killed, and started again at the same address."""

    def __init__(self, folder: Path, url: str) -> None:
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port = free.getsockname()[1]
        self.folder = folder
        self.environment = os.environ | {
            "CDI_DATABASE_URL": url,
            "CDI_PORT": str(self.port),
            "TEST_WEBHOOK_SECRET": SECRET,
        }
        self.process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-m", "cdi", "serve"],
            cwd=self.folder,
            env=self.environment,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        for _ in range(600):
            try:
                if httpx.get(f"http://127.0.0.1:{self.port}/healthz").is_success:
                    return
            except httpx.TransportError:
                time.sleep(0.05)
        raise AssertionError("cdi serve does not start")

    def kill(self) -> None:
        assert self.process is not None
        self.process.send_signal(signal.SIGKILL)
        self.process.wait()


@pytest.mark.slow
def test_killed_at_any_moment_nothing_is_lost_and_nothing_doubled(listening: Installation, tmp_path: Path) -> None:
    """The vendor does what vendors do: it sends again whatever was not answered with 200."""
    service = Service(listening.folder, listening.database.url)
    service.start()
    waiting = {f"e{n}": {"topic": "saved", "customer": customer(n, f"{n}@web.de")} for n in range(120)}
    kills = 0
    try:
        while waiting:
            killer = threading.Timer(0.15 + 0.1 * kills, service.kill) if kills < 4 else None
            if killer is not None:
                killer.start()
            with httpx.Client(base_url=f"http://127.0.0.1:{service.port}", timeout=10) as vendor:
                for event in list(waiting):
                    try:
                        deliver(vendor, waiting[event], event)
                    except httpx.TransportError:
                        break
                    del waiting[event]
            if killer is not None:
                killer.join()
                kills += 1
                service.start()
    finally:
        service.kill()
    assert kills == 4
    assert count(listening, "record where live") == 120
    assert count(listening, "record_version") == 120
    assert count(listening, "received_delivery") == 120
