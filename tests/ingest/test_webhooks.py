"""Deliveries are believed when their signature is the vendor's, as vendors' published examples say; else refused."""

import base64
import hashlib
import hmac
import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from reading import NOW, context, declared

from cdi.errors import ConfigurationError
from cdi.ingest.blueprint import Signature
from cdi.ingest.contract import AccessDemand, HandshakeAnswer, Op, WebhookRequest, WebhookResult
from cdi.ingest.manifest import DeclaredConnector, load_connector
from cdi.ingest.refusals import TooLargeError, WebhookRefusedError
from cdi.ingest.webhook import LARGEST, verify_signature
from cdi.settings import bundled


def delivery(
    body: bytes, url: str = "https://cdi.example/hook", method: str = "POST", **headers: str
) -> WebhookRequest:
    return WebhookRequest(method, url, {name.replace("_", "-"): value for name, value in headers.items()}, body)


# -- signatures that others published --------------------------------------------------------------------------------

HUB = Signature(header="X-Hub-Signature-256", prefix="sha256=", secret="")
TWILIO = Signature(header="X-Twilio-Signature", algorithm="sha1", encoding="base64", message=("url", "form"), secret="")
SHOPIFY = Signature(header="X-Shopify-Hmac-Sha256", encoding="base64", secret="")
SHOPWARE = Signature(header="shopware-shop-signature", secret="")
HUBSPOT = Signature(
    header="X-HubSpot-Signature-v3",
    encoding="base64",
    message=("method", "url", "body", "header:X-HubSpot-Request-Timestamp"),
    secret="",
)
PUBLISHED = [
    pytest.param(  # Shopware's own SDK for apps: shopware/app-php-sdk, RequestVerifierTest, testAuthenticatePostValid
        SHOPWARE,
        "secret",
        delivery(
            b"body",
            url="https://my-shop.com/webhook",
            shopware_shop_signature="dc46983557fea127b43af721467eb9b3fde2338fe3e14f51952aa8478c13d355",
        ),
        id="shopware",
    ),
    pytest.param(  # HubSpot's own SDK: hubspot-api-python, test_signature.py, test_get_signature__v3
        HUBSPOT,
        "yyyyyyyy-yyyy-yyyy-yyyy-yyyyyyyyyyyy",
        delivery(
            b"{'example_field':'example_value'}",
            url="https://www.example.com/webhook_uri",
            x_hubspot_request_timestamp="15000000",
            x_hubspot_signature_v3="HPW73RUtKmcYoEDADG0s6MmGFWUzWJKAW07r8RDgcQw=",
        ),
        id="hubspot",
    ),
    pytest.param(  # GitHub's documentation of webhooks, "Testing the webhook payload validation"; Meta signs alike
        HUB,
        "It's a Secret to Everybody",
        delivery(
            b"Hello, World!",
            x_hub_signature_256="sha256=757107ea0eb2509fc211221cce984b8a37570b6d7586c22c46f4379c8b043e17",
        ),
        id="hub",
    ),
    pytest.param(  # the example of Twilio's own libraries
        TWILIO,
        "12345",
        delivery(
            b"CallSid=CA1234567890ABCDE&Caller=%2B14158675309&Digits=1234&From=%2B14158675309&To=%2B18005551212",
            url="https://mycompany.com/myapp.php?foo=1&bar=2",
            x_twilio_signature="RSOYDt4T1cUTdK1PDd93/VVr8B8=",
        ),
        id="twilio",
    ),
    pytest.param(  # the same with a field twice, from Twilio's tests
        TWILIO,
        "12345",
        delivery(
            b"Sid=CA123&SidAccount=AC123&Digits=5678&Digits=1234&Digits=1234",
            url="https://mycompany.com/myapp.php?foo=1&bar=2",
            x_twilio_signature="IK+Dwps556ElfBT0I3Rgjkr1wJU=",
        ),
        id="twilio, repeated",
    ),
    pytest.param(  # a test of SQLPage's hmac function for Shopify
        SHOPIFY,
        "test-webhook-secret",
        delivery(
            b'{"id":1234567890,"email":"customer@example.com","total_price":"123.45"}',
            x_shopify_hmac_sha256="QNyObTlKbMx2qDlPF/ZOZcBqg5OgPg+2oky3zldc0Gw=",
        ),
        id="shopify",
    ),
]


@pytest.mark.parametrize(("spec", "secret", "request_"), PUBLISHED)
def test_a_published_signature_is_accepted(spec: Signature, secret: str, request_: WebhookRequest) -> None:
    verify_signature(spec, request_, secret)


@pytest.mark.parametrize(("spec", "secret", "request_"), PUBLISHED)
def test_a_changed_byte_a_wrong_secret_or_no_signature_is_refused(
    spec: Signature, secret: str, request_: WebhookRequest
) -> None:
    changed = WebhookRequest(request_.method, request_.url, request_.headers, request_.body + b"&x=1")
    unsigned = WebhookRequest(request_.method, request_.url, {}, request_.body)
    for wrong, key in [(changed, secret), (request_, secret + "x"), (unsigned, secret)]:
        with pytest.raises(WebhookRefusedError):
            verify_signature(spec, wrong, key)


# -- a connector's webhook -------------------------------------------------------------------------------------------

MANIFEST = """
connector: test
title: Test
config: {base_url: {default: "https://shop.example"}, secret: {secret: true, default: geheim}}
connection: {kind: rest, base_url: "{config.base_url}"}
streams:
  customers:
    kind: customer
    key: =id
    request: {path: /customers}
    map: {name: {full: =name}}
webhook:
  verify: {header: X-Signature, encoding: base64, message: ["header:X-Sent", body], secret: "{config.secret}"}
  event_id: headers."x-event-id"
  timestamp: headers."x-sent"
  timestamp_format: unix
  max_age: PT5M
  events:
    - {when: body.topic == 'customer.saved', stream: customers, records: body.customer}
    - {when: body.topic == 'customer.redact', stream: customers, op: erase, records: "body.ids[].{nr: @}", key: =nr}
    - {when: body.topic == 'customer.touched', stream: customers}
"""


def signed(body: bytes, sent: int | None = None, secret: str = "geheim", **headers: str) -> WebhookRequest:
    moment = str(int(NOW.timestamp()) if sent is None else sent)
    digest = hmac.new(secret.encode(), moment.encode() + body, hashlib.sha256).digest()
    return delivery(body, x_sent=moment, x_signature=base64.b64encode(digest).decode(), x_event_id="e1", **headers)


@pytest.fixture
def connector(tmp_path: Path) -> DeclaredConnector:
    return declared(tmp_path, MANIFEST)


def received(connector: DeclaredConnector, request: WebhookRequest) -> WebhookResult:
    return connector.webhook({}, request, context(Path()))


def test_a_delivery_may_bring_records(connector: DeclaredConnector) -> None:
    result = received(connector, signed(b'{"topic": "customer.saved", "customer": {"id": 7, "name": "M\xc3\xbcller"}}'))
    (record,) = result.records
    assert (record.stream, record.key, record.op) == ("customers", "7", Op.UPSERT)
    assert connector.map("customers", record.data, {}) == {"name": {"full": "Müller"}}
    assert result.event_id == "e1"
    assert result.read_again == ()


def test_a_delivery_may_demand_erasure(connector: DeclaredConnector) -> None:
    result = received(connector, signed(b'{"topic": "customer.redact", "ids": [7, 8]}'))
    assert [(record.key, record.op) for record in result.records] == [("7", Op.ERASE), ("8", Op.ERASE)]


def test_a_thin_delivery_is_a_reason_to_read_again(connector: DeclaredConnector) -> None:
    result = received(connector, signed(b'{"topic": "customer.touched"}'))
    assert (result.records, result.read_again) == ((), ("customers",))


def test_what_nobody_asked_for_brings_nothing(connector: DeclaredConnector) -> None:
    result = received(connector, signed(b'{"topic": "order.saved"}'))
    assert (result.records, result.read_again) == ((), ())


@pytest.mark.parametrize("age", [timedelta(minutes=6), timedelta(minutes=-6)])
def test_a_stale_delivery_is_refused(connector: DeclaredConnector, age: timedelta) -> None:
    sent = int((NOW - age).timestamp())
    with pytest.raises(WebhookRefusedError, match="too old"):
        received(connector, signed(b'{"topic": "customer.touched"}', sent=sent))


def test_a_stale_delivery_cannot_be_made_fresh(connector: DeclaredConnector) -> None:
    old = signed(b'{"topic": "customer.touched"}', sent=0)
    fresh = WebhookRequest(old.method, old.url, {**old.headers, "x-sent": str(int(NOW.timestamp()))}, old.body)
    with pytest.raises(WebhookRefusedError, match="signature"):
        received(connector, fresh)


def test_a_wrong_signature_is_refused_before_anything_is_read(connector: DeclaredConnector) -> None:
    with pytest.raises(WebhookRefusedError) as refusal:
        received(connector, signed(b"{not json", secret="verraten"))
    assert "verraten" not in str(refusal.value)
    assert refusal.value.status == 401


@pytest.mark.parametrize(
    ("body", "headers"),
    [
        (b"{not json", {}),
        (b"<xml/>", {"content_type": "text/xml"}),
        (b'{"topic": "customer.saved"}', {}),
        (b'{"topic": "customer.saved", "customer": {"name": "x"}}', {}),
        (b'{"topic": "customer.redact", "ids": [""]}', {}),
        (b'{"topic": "customer.redact", "ids": []}', {}),
    ],
)
def test_a_delivery_of_the_vendors_that_cannot_be_read_is_kept_aside(
    connector: DeclaredConnector, body: bytes, headers: Any
) -> None:
    result = received(connector, signed(body, **headers))
    assert (result.records, result.read_again) == ((), ())
    assert len(result.rejected) == 1


def test_a_delivery_that_is_too_large_is_refused(connector: DeclaredConnector) -> None:
    with pytest.raises(TooLargeError):
        received(connector, signed(b" " * (LARGEST + 1)))


def test_a_record_of_a_delivery_is_what_its_stream_would_make_of_it(tmp_path: Path) -> None:
    text = MANIFEST.replace("key: =id", "key: =id\n    source_time: =ts(at)\n    deletes: [{mode: flag, when: gone}]")
    connector = declared(tmp_path, text)
    customer = {"id": 7, "at": "2026-11-20T10:00:00+01:00", "gone": True}
    body = json.dumps({"topic": "customer.saved", "customer": customer}).encode()
    (record,) = received(connector, signed(body)).records
    assert (record.key, record.op) == ("7", Op.DELETE)
    assert record.source_time == datetime(2026, 11, 20, 9, tzinfo=UTC)


def test_what_was_signed_has_a_fingerprint_that_no_header_can_change(connector: DeclaredConnector) -> None:
    body = b'{"topic": "customer.touched"}'
    once = received(connector, signed(body))
    delivered_again = signed(body)
    renamed = WebhookRequest("POST", delivered_again.url, {**delivered_again.headers, "x-event-id": "e2"}, body)
    assert received(connector, renamed).fingerprint == once.fingerprint
    later = received(connector, signed(body, sent=int(NOW.timestamp()) + 1))
    assert later.fingerprint != once.fingerprint


@pytest.mark.parametrize("secret", [None, ""])
def test_without_a_secret_nothing_is_received(tmp_path: Path, secret: str | None) -> None:
    connector = declared(tmp_path, MANIFEST.replace("default: geheim", "help: x"))
    for request in (signed(b"{}", secret="x"), signed(b"{}", secret="")):
        with pytest.raises(ConfigurationError, match="has no secret for its webhooks"):
            connector.webhook({"secret": secret}, request, context(Path()))


CRC = "Cytd4Sq+NvEcV3MMrXxWJGJx5A+y/lXzzU2Maartkx8="
"""Computed with openssl dgst -sha256 -hmac from that example, which prints no result."""


# -- handshakes ------------------------------------------------------------------------------------------------------


def test_meta_hears_its_challenge_from_who_knows_the_token(tmp_path: Path) -> None:
    """As Meta's documentation of webhooks describes its verification request."""
    text = MANIFEST.replace("event_id:", 'handshake: {type: echo, token: "{config.secret}"}\n  event_id:')
    connector = declared(tmp_path, text)
    asked = {"hub.mode": "subscribe", "hub.challenge": "1158201444", "hub.verify_token": "geheim"}
    assert connector.handshake({}, asked) == HandshakeAnswer("1158201444")
    for wrong in ({}, asked | {"hub.verify_token": "falsch"}, {"hub.verify_token": "geheim"}):
        with pytest.raises(WebhookRefusedError):
            connector.handshake({}, wrong)


def test_x_hears_its_token_signed(tmp_path: Path) -> None:
    """Secret and token of the example that Twitter's developer relations published (gist.github.com/jcipriano)."""
    verify = "{header: x-twitter-webhooks-signature, prefix: sha256=, encoding: base64, secret: '{config.secret}'}"
    webhook = f"webhook:\n  verify: {verify}\n  handshake: {{type: sign}}\n  events: [{{stream: customers}}]\n"
    connector = declared(tmp_path, MANIFEST.partition("webhook:")[0] + webhook)
    config = {"secret": "z3ZX4v7mAAUGykl3EcmkqbartmuW8VFOOzCloLx9Q45P0hLrFu"}
    told = connector.handshake(config, {"crc_token": "9b4507b3-9040-4669-9ca3-6b94edb50553"})
    assert told.media_type == "application/json"
    assert json.loads(told.content) == {"response_token": f"sha256={CRC}"}
    with pytest.raises(WebhookRefusedError):
        connector.handshake(config, {})


def test_a_ping_brings_nothing_and_proves_nothing(tmp_path: Path) -> None:
    """WooCommerce asks with an unsigned form whether somebody is there before it activates a webhook."""
    connector = declared(tmp_path, MANIFEST.replace("event_id:", "ping: webhook_id\n  event_id:"))
    form = {"content_type": "application/x-www-form-urlencoded"}
    assert received(connector, delivery(b"webhook_id=12", **form)) == WebhookResult()
    for other in (b"webhook_id=12&topic=x", b"webhook_id=", b"id=12"):
        with pytest.raises(WebhookRefusedError):
            received(connector, delivery(other, **form))


UNSIGNED = """webhook:
  verify: {header: X-Token, token: "{config.secret}"}
  events: [{stream: customers}]
"""


def test_without_a_signature_a_token_is_needed_and_nothing_is_believed(tmp_path: Path) -> None:
    connector = declared(tmp_path, MANIFEST.partition("webhook:")[0] + UNSIGNED)
    result = received(connector, delivery(b'{"customer": {"id": 7}}', x_token="geheim"))
    assert (result.records, result.read_again) == ((), ("customers",))
    for wrong in (delivery(b"{}", x_token="falsch"), delivery(b"{}")):
        with pytest.raises(WebhookRefusedError):
            received(connector, wrong)


def test_unsigned_data_is_a_fault_of_the_manifest(tmp_path: Path) -> None:
    text = MANIFEST.partition("webhook:")[0] + UNSIGNED.replace(
        "{stream: customers}", "{stream: customers, records: body}"
    )
    with pytest.raises(ConfigurationError, match="what is not signed is no data"):
        declared(tmp_path, text)


def test_an_event_names_a_stream_that_exists(tmp_path: Path) -> None:
    text = MANIFEST.partition("webhook:")[0] + UNSIGNED.replace("{stream: customers}", "{stream: orders}")
    with pytest.raises(ConfigurationError, match="no stream orders; there are customers"):
        declared(tmp_path, text)


def test_a_connector_without_a_webhook_says_so(tmp_path: Path) -> None:
    connector = declared(tmp_path, MANIFEST.partition("webhook:")[0])
    with pytest.raises(ConfigurationError, match="has no webhook"):
        received(connector, delivery(b"{}"))


# -- shipped connectors ----------------------------------------------------------------------------------------------


def shipped(name: str, config: dict[str, Any], body: bytes, **headers: str) -> WebhookResult:
    connector = load_connector(bundled("connectors") / name / "connector.yaml")
    return connector.webhook(config, delivery(body, **headers), context(Path()))


def hmac_sha256(body: bytes) -> bytes:
    return hmac.new(b"geheim", body, hashlib.sha256).digest()


def told_by_shopify(topic: str, body: bytes) -> WebhookResult:
    config = {"base_url": "https://x.example", "access_token": "t", "webhook_secret": "geheim"}
    signature = base64.b64encode(hmac_sha256(body)).decode()
    headers = {"x_shopify_topic": topic, "x_shopify_event_id": "e"}
    return shipped("shopify", config, body, x_shopify_hmac_sha256=signature, **headers)


def test_shopifys_privacy_request_is_an_erasure() -> None:
    body = b'{"shop_domain": "x", "customer": {"id": 544365967, "email": "jo@example.de"}, "orders_to_redact": []}'
    result = told_by_shopify("customers/redact", body)
    assert [(record.key, record.op) for record in result.records] == [("544365967", Op.ERASE)]
    assert result.event_id == "e"


def test_shopifys_data_request_asks_what_is_kept_and_lands_nothing() -> None:
    body = b'{"customer": {"id": 191167, "email": "jo@example.de"}, "data_request": {"id": 9999}}'
    result = told_by_shopify("customers/data_request", body)
    assert result.accesses == (AccessDemand("customers", "191167"),)
    assert not result.records and not result.read_again and not result.rejected


def test_shopwares_thin_deliveries_make_it_read_again() -> None:
    stamp = int(NOW.timestamp())
    config = {"base_url": "https://x.example", "client_id": "i", "client_secret": "s", "shop_secret": "geheim"}
    for event, gone, again in [("customer.written", [], ("customers",)), ("customer.deleted", ["a1"], ())]:
        payload = [{"entity": "customer", "primaryKey": "a1"}]
        told = {"data": {"event": event, "payload": payload}, "source": {"eventId": "e"}, "timestamp": stamp}
        body = json.dumps(told).encode()
        result = shipped("shopware6", config, body, shopware_shop_signature=hmac_sha256(body).hex())
        assert [record.key for record in result.records] == gone
        assert result.read_again == again


def test_woocommerces_delivery_is_the_customer_itself() -> None:
    body = b'{"id": 25, "email": "erika@example.de", "first_name": "Erika", "billing": {}, "shipping": {}}'
    config = {"base_url": "https://x.example", "consumer_key": "k", "consumer_secret": "s", "webhook_secret": "geheim"}
    signature = base64.b64encode(hmac_sha256(body)).decode()
    topic = {"x_wc_webhook_topic": "customer.updated"}
    (record,) = shipped("woocommerce", config, body, x_wc_webhook_signature=signature, **topic).records
    assert (record.key, record.stream, record.op) == ("25", "customers", Op.UPSERT)


def test_a_lead_of_meta_is_read_again() -> None:
    change = {"field": "leadgen", "value": {"leadgen_id": "77"}}
    body = json.dumps({"object": "page", "entry": [{"id": "1", "changes": [change]}]}).encode()
    config = {"form_ids": ["1"], "access_token": "t", "app_secret": "geheim"}
    signature = f"sha256={hmac_sha256(body).hex()}"
    result = shipped("meta_leads", config, body, x_hub_signature_256=signature)
    assert (result.records, result.read_again) == ((), ("customers", "consents"))
