"""What vendors' systems do that their documents mention in passing, if at all; test_trap_registry has the list of
these traps, with what holds each.
"""

import hashlib
import hmac
import json
import sqlite3
from base64 import b64encode
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from loopback import Asked, Told, serving
from reading import NOW, context, read

from cdi.ingest.blueprint import HttpManifest
from cdi.ingest.conformance import running
from cdi.ingest.contract import Op, Record, WebhookRequest, WebhookResult
from cdi.ingest.manifest import DeclaredConnector, load_connector
from cdi.ingest.refusals import WebhookRefusedError
from cdi.settings import bundled

SECRET = "geheim"


def shipped(name: str) -> DeclaredConnector:
    return load_connector(bundled("connectors") / name / "connector.yaml")


def delivered(name: str, config: dict[str, Any], body: Any, header: str, *, base64: bool, **more: str) -> WebhookResult:
    """What a delivery that is signed rightly brings."""
    raw = json.dumps(body).encode()
    digest = hmac.new(SECRET.encode(), raw, hashlib.sha256).digest()
    signature = b64encode(digest).decode() if base64 else digest.hex()
    headers = {"content-type": "application/json", header: signature} | {
        word.replace("_", "-"): said for word, said in more.items()
    }
    request = WebhookRequest("POST", "https://cdi.example/v1/sources/x/webhook", headers, raw)
    return shipped(name).webhook(config, request, context(Path()))


def canonical(connector: DeclaredConnector, config: dict[str, Any], record: Record) -> dict[str, Any]:
    mapped = connector.map(record.stream, record.data, config)
    return {name: value for name, value in mapped.items() if value is not None}


# -- Shopware --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("age", [timedelta(hours=2), timedelta(days=-1)])
def test_an_old_delivery_of_shopware_is_refused(age: timedelta) -> None:
    config = {"base_url": "https://x.example", "client_id": "i", "client_secret": "s", "shop_secret": SECRET}
    raw = {"data": {"event": "customer.written", "payload": []}, "source": {"eventId": "e1"}}
    body = {**raw, "timestamp": int((NOW - age).timestamp())}
    raw_bytes = json.dumps(body).encode()
    signature = hmac.new(SECRET.encode(), raw_bytes, hashlib.sha256).hexdigest()
    headers = {"content-type": "application/json", "shopware-shop-signature": signature}
    with pytest.raises(WebhookRefusedError, match="too old"):
        shipped("shopware6").webhook(config, WebhookRequest("POST", "https://x", headers, raw_bytes), context(Path()))


def test_an_event_of_shopware_is_known_by_its_own_id_in_every_try() -> None:
    config = {"base_url": "https://x.example", "client_id": "i", "client_secret": "s", "shop_secret": SECRET}
    tries = [
        delivered(
            "shopware6",
            config,
            {
                "data": {"event": "customer.written", "payload": [{"entity": "customer", "primaryKey": "a1"}]},
                "source": {"eventId": "e1"},
                "timestamp": int((NOW + late).timestamp()),
            },
            "shopware-shop-signature",
            base64=False,
        )
        for late in (timedelta(0), timedelta(minutes=5))
    ]
    assert [told.event_id for told in tries] == ["e1", "e1"]
    assert tries[0].fingerprint != tries[1].fingerprint


def test_shopware_is_asked_for_plain_json() -> None:
    def shop(asked: Asked) -> Told:
        return Told({"access_token": "t", "expires_in": 600} if asked.path.endswith("token") else {"data": []})

    with serving(shop) as site:
        read(shipped("shopware6"), Path(), {"base_url": site.url, "client_id": "i", "client_secret": "s"})
    assert {asked.headers["accept"] for asked in site.asked} == {"application/json"}


# -- WooCommerce -----------------------------------------------------------------------------------------------------


def woocommerce(asked: Asked) -> Told:
    order = {
        "id": 1,
        "customer_id": 0,
        "date_created_gmt": "2026-03-01T10:00:00",
        "date_modified_gmt": "2026-03-01T10:00:00",
        "billing": {"email": " Gast@Haus.Example "},
    }
    first = asked.params.get("page") == "1"
    return Told([order] if first and asked.path.endswith("/orders") else [])


def test_woocommerces_customers_are_never_asked_for_by_change_and_its_orders_are() -> None:
    connector = shipped("woocommerce")
    with serving(woocommerce) as site:
        config = {"base_url": site.url, "consumer_key": "k", "consumer_secret": "s"}
        for stream in ("customers", "guests", "orders"):
            first = read(connector, Path(), config, stream=stream)
            read(connector, Path(), config, stream=stream, state=first.state)
    asked = {(request.path.rpartition("/")[2], "modified_after" in request.params) for request in site.asked}
    assert asked == {("customers", False), ("orders", False), ("orders", True)}


def test_a_guests_order_belongs_to_the_guest_however_the_address_was_typed() -> None:
    connector = shipped("woocommerce")
    with serving(woocommerce) as site:
        config = {"base_url": site.url, "consumer_key": "k", "consumer_secret": "s"}
        (guest,) = read(connector, Path(), config, stream="guests").records
        (order,) = read(connector, Path(), config, stream="orders").records
    assert canonical(connector, config, order)["customer_key"] == guest.key
    assert canonical(connector, config, guest)["emails"][0]["verified"] is False


@pytest.mark.parametrize(("off", "good"), [([], True), ([{"id": 7, "status": "disabled"}], False)])
def test_a_webhook_that_woocommerce_switched_off_is_told(off: list[Any], good: bool) -> None:
    def shop(asked: Asked) -> Told:
        return Told(off if asked.path.endswith("/webhooks") else [])

    with serving(shop) as site:
        config = {"base_url": site.url, "consumer_key": "k", "consumer_secret": "s"}
        without = shipped("woocommerce").check(config, context(Path()))
        (*_, answer) = shipped("woocommerce").check({**config, "webhook_secret": SECRET}, context(Path()))
    assert "its webhooks are switched on" not in {result.question for result in without}
    assert (answer.question, answer.ok) == ("its webhooks are switched on", good)
    assert good or "active again" in answer.detail


# -- Shopify ---------------------------------------------------------------------------------------------------------

SHOPIFY = {"base_url": "https://x.myshopify.com", "access_token": "t", "webhook_secret": SECRET}


def test_shopify_that_throttles_with_status_200_is_asked_again() -> None:
    calls = []

    def shop(asked: Asked) -> Told:
        calls.append(asked)
        if len(calls) == 1:
            return Told({"errors": [{"message": "Throttled", "extensions": {"code": "THROTTLED"}}]})
        return Told({"data": {"customers": {"pageInfo": {"hasNextPage": False, "endCursor": None}, "nodes": []}}})

    with serving(shop) as site:
        read(shipped("shopify"), Path(), {**SHOPIFY, "base_url": site.url})
    assert len(calls) == 2


@pytest.mark.parametrize(
    ("status", "expected"), [("completed", 1), ("COMPLETED", 1), ("failed", 0), ("in_progress", 0)]
)
def test_a_merge_of_shopify_is_an_identity_link_once_it_is_done(status: str, expected: int) -> None:
    body = {
        "admin_graphql_api_customer_kept_id": "gid://shopify/Customer/1",
        "admin_graphql_api_customer_deleted_id": "gid://shopify/Customer/2",
        "status": status,
    }
    result = delivered(
        "shopify", SHOPIFY, body, "x-shopify-hmac-sha256", base64=True, x_shopify_topic="customers/merge"
    )
    told = [canonical(shipped("shopify"), SHOPIFY, record) for record in result.records]
    assert told == [{"from": "2", "to": "1", "reason": "merge"}] * expected
    assert "customers" in result.read_again


# -- OpenSourcePOS ---------------------------------------------------------------------------------------------------


def test_a_name_that_changes_in_a_till_without_any_time_of_change_is_seen() -> None:
    with running(bundled("connectors") / "opensourcepos") as (connector, config, place):
        before = read(connector, place, config)
        with sqlite3.connect(place / "source.sqlite") as till:
            till.execute("update ospos_people set last_name = 'Weiß' where person_id = 1")
        till.close()
        after = read(connector, place, config, state=before.state)
    was = {record.key: record.data for record in before.records}
    assert [record.key for record in after.records if record.data != was[record.key]] == ["1"]
    assert after.full_scan


# -- Zendesk, Asterisk, Meta -----------------------------------------------------------------------------------------


def test_zendesk_is_asked_ten_times_a_minute_at_most() -> None:
    manifest = shipped("zendesk").manifest
    assert isinstance(manifest, HttpManifest)
    assert manifest.connection.requests_per_second is not None
    assert manifest.connection.requests_per_second * 60 <= 10


@pytest.mark.parametrize("channel", ["web", "voice", "some_new_integration", None])
def test_a_ticket_of_zendesk_has_a_channel_whatever_it_came_by(channel: str | None) -> None:
    config = {"base_url": "https://x.zendesk.com", "user": "u", "api_token": "t"}
    ticket = {"id": 1, "requester_id": 2, "via": {"channel": channel}, "created_at": "2026-03-01T10:00:00Z"}
    assert shipped("zendesk").map("tickets", ticket, config)["channel"]


ZENDESK = {"base_url": "https://x.zendesk.com", "user": "u", "api_token": "t"}


def zendesk_user(number: int, **more: Any) -> dict[str, Any]:
    return {"id": number, "name": f"N{number}", "role": "end-user", "active": True, **more}


def test_what_zendesk_has_not_exported_yet_comes_with_the_next_reading() -> None:
    """The export ends a minute ago and gives the newest again: its own position is what counts, no time of a record."""
    exported = {"start": [zendesk_user(1, updated_at="2026-03-01T10:00:00Z")], "p1": []}

    def export(asked: Asked) -> Told:
        position = asked.params.get("cursor", "start")
        following = {"start": "p1", "p1": "p1" if not exported["p1"] else "p2"}[position]
        return Told({"users": exported[position], "after_cursor": following, "end_of_stream": True})

    connector = shipped("zendesk")
    with serving(export) as site:
        config = {**ZENDESK, "base_url": site.url}
        first = read(connector, Path(), config)
        exported["p1"] = [zendesk_user(n, updated_at="2026-03-01T09:59:30Z") for n in (1, 2)]
        second = read(connector, Path(), config, state=first.state)
    assert (first.keys, second.keys) == (["1"], ["1", "2"])
    assert [asked.params.get("cursor") for asked in site.asked] == [None, "p1"]


def test_a_user_that_zendesk_deleted_for_good_is_gone() -> None:
    def export(asked: Asked) -> Told:
        gone = zendesk_user(7, active=True, permanently_deleted=True, updated_at="2026-03-01T10:00:00Z")
        return Told({"users": [gone], "after_cursor": "p1", "end_of_stream": True})

    with serving(export) as site:
        (record,) = read(shipped("zendesk"), Path(), {**ZENDESK, "base_url": site.url}).records
    assert (record.key, record.op) == ("7", Op.DELETE)


def cdr(number: str, leg: str) -> str:
    """A line of Master.csv: an incoming call, answered at this extension."""
    start = [
        "",
        number,
        "200",
        "from-trunk",
        "",
        "PJSIP/trunk-1",
        leg,
        "Dial",
        "",
        "2026-07-01 09:00:00",
        "",
        "",
        "9",
        "9",
    ]
    return ",".join([*start, "ANSWERED", "DOCUMENTATION", "1.1", ""])


def test_each_leg_of_a_call_of_asterisk_has_a_key_of_its_own(tmp_path: Path) -> None:
    lines = [cdr("03012345678", leg) for leg in ("PJSIP/200-1", "PJSIP/201-1")]
    (tmp_path / "Master.csv").write_text("\n".join(lines), encoding="utf-8")
    keys = read(shipped("asterisk_cdr"), tmp_path, {"folder": "."}, stream="calls").keys
    assert len(keys) == len(set(keys)) == 2


@pytest.mark.parametrize("number", ["anonymous", "201", "", "123456"])
def test_a_hidden_or_internal_number_of_asterisk_is_no_customer(tmp_path: Path, number: str) -> None:
    (tmp_path / "Master.csv").write_text(cdr(number, "PJSIP/200-1"), encoding="utf-8")
    assert read(shipped("asterisk_cdr"), tmp_path, {"folder": "."}, stream="calls").records == []


@pytest.mark.parametrize("name", ["meta_leads", "meta_messenger", "meta_whatsapp"])
def test_what_meta_no_longer_keeps_is_not_taken_for_gone(name: str) -> None:
    assert not any(stream.detects_deletes for stream in shipped(name).streams())


def test_leads_are_asked_for_from_a_day_before_the_newest() -> None:
    lead = {"id": "77", "created_time": "2026-03-02T10:00:00+0000", "field_data": []}
    connector = shipped("meta_leads")
    with serving(lambda _: Told({"data": [lead]})) as site:
        config = {"base_url": site.url, "form_ids": ["9001"], "access_token": "t"}
        first = read(connector, Path(), config)
        read(connector, Path(), config, state=first.state)
    again = json.loads(site.asked[-1].params["filtering"])
    newest = datetime(2026, 3, 2, 10, tzinfo=UTC)
    assert again == [
        {"field": "time_created", "operator": "GREATER_THAN", "value": int((newest - timedelta(days=1)).timestamp())}
    ]


# -- WhatsApp --------------------------------------------------------------------------------------------------------

WHATSAPP = {"phone_number_id": "1", "access_token": "t", "app_secret": SECRET}


def whatsapp(**value: Any) -> dict[str, list[Record]]:
    """By stream what a delivery brings."""
    body = {
        "object": "whatsapp_business_account",
        "entry": [{"id": "9", "changes": [{"field": "messages", "value": {"messaging_product": "whatsapp", **value}}]}],
    }
    raw = json.dumps(body).encode()
    signature = f"sha256={hmac.new(SECRET.encode(), raw, hashlib.sha256).hexdigest()}"
    headers = {"content-type": "application/json", "x-hub-signature-256": signature}
    result = shipped("meta_whatsapp").webhook(
        WHATSAPP, WebhookRequest("POST", "https://x", headers, raw), context(Path())
    )
    found: dict[str, list[Record]] = {}
    for record in result.records:
        assert record.op is Op.UPSERT
        found.setdefault(record.stream, []).append(record)
    return found


def told(record: Record) -> dict[str, Any]:
    return canonical(shipped("meta_whatsapp"), WHATSAPP, record)


def test_who_writes_by_whatsapp_becomes_a_customer_and_the_text_stays_away() -> None:
    contact = {"profile": {"name": "Erika"}, "wa_id": "491711234567", "user_id": "DE.1349"}
    message = {
        "from": "491711234567",
        "id": "wamid.1",
        "timestamp": "1772359200",
        "type": "text",
        "text": {"body": "Hallo"},
    }
    found = whatsapp(contacts=[contact], messages=[message])
    (customer,), (touchpoint,) = found["customers"], found["messages"]
    assert customer.key == "491711234567"
    assert told(customer)["phones"] == [{"value": "+491711234567", "use": "mobile", "verified": True}]
    assert told(touchpoint) == {
        "customer_key": "491711234567",
        "type": "message",
        "at": "2026-03-01T10:00:00+00:00",
        "direction": "inbound",
        "channel": "messenger",
    }
    assert "Hallo" not in json.dumps(touchpoint.data)


def test_who_hides_the_number_is_known_by_the_id_for_this_business() -> None:
    contact = {"profile": {"name": "Erika", "username": "erika"}, "user_id": "DE.1349"}
    message = {"from_user_id": "DE.1349", "id": "wamid.2", "timestamp": "1772359200", "type": "image"}
    found = whatsapp(contacts=[contact], messages=[message])
    (customer,), (touchpoint,) = found["customers"], found["messages"]
    assert customer.key == told(touchpoint)["customer_key"] == "DE.1349"
    assert "phones" not in told(customer)
    assert {i["value"] for i in told(customer)["identifiers"]} == {"DE.1349", "erika"}


@pytest.mark.parametrize("kind", ["user_changed_number", "customer_changed_number"])
def test_a_changed_number_is_an_identity_link_and_no_message(kind: str) -> None:
    system = {"body": "changed", "type": kind, "wa_id": "491719999999"}
    message = {"from": "491711234567", "id": "wamid.3", "timestamp": "1772359200", "type": "system", "system": system}
    found = whatsapp(messages=[message])
    assert set(found) == {"number_changes"}
    (link,) = found["number_changes"]
    assert told(link) == {"from": "491711234567", "to": "491719999999", "reason": "number_change"}


def test_a_message_that_was_sent_is_told_once() -> None:
    states = [
        {"id": "wamid.4", "status": status, "timestamp": "1772359200", "recipient_id": "491711234567"}
        for status in ("sent", "delivered", "read")
    ]
    (sent,) = whatsapp(statuses=states)["sent"]
    assert told(sent)["direction"] == "outbound"
    assert told(sent)["customer_key"] == "491711234567"
