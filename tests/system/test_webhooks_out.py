"""The change feed, delivered: signed, in order for each profile, at least once, to nobody who may not see it."""

import hashlib
import re
import ssl
import time
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from uuid import uuid4

import psycopg
import pytest
import yaml
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from domain import ANNA, count, email, person, profile_of, push
from fastapi.testclient import TestClient
from receiver import Receiver, receiving
from sqlalchemy import text

from cdi import webhooks
from cdi.access import Role
from cdi.clock import utc_now
from cdi.fields import CanonicalData
from cdi.pipeline import Installation
from cdi.settings import Webhooks
from cdi.store import accounts
from cdi.store.db import Database
from conftest import SMALL_COMPANY, Doors, installation_of

LOOPBACK = "webhooks: {allowed_networks: [127.0.0.0/8], first_wait: PT0.02S, longest_wait: PT0.2S, timeout: PT2S}\n"


@pytest.fixture
def company(database: Database, tmp_path: Path) -> Installation:
    """Till, shop and a sensitive source, of which receivers on this machine may be told."""
    (tmp_path / "cdi.yaml").write_text(SMALL_COMPANY + LOOPBACK, encoding="utf-8")
    return installation_of(tmp_path, database)


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with receiving() as receiver:
        yield receiver


@pytest.fixture
def client(company: Installation) -> TestClient:
    return Doors(company).as_(Role.READER, name="shop app")


def subscribe(client: TestClient, receiver: Receiver, query: str = "", **body: object) -> str:
    answer = client.post(f"/v1/webhooks{query}", json={"url": receiver.url, **body})
    assert answer.status_code == 201, answer.text
    receiver.secret = answer.json()["secret"]
    return str(answer.json()["id"])


def work(installation: Installation, seconds: float = 20.0) -> None:
    """What the worker does, until nothing waits."""
    deadline = time.monotonic() + seconds
    while count(installation, "webhook_delivery where dead_at is null") or _unread(installation):
        webhooks.deliver(installation, lambda *_: None)
        assert time.monotonic() < deadline, "deliveries still wait"


def _unread(installation: Installation) -> int:
    return count(installation, "webhook where cursor < (select last from feed_counter)")


def feed(installation: Installation) -> list[int]:
    with installation.database.unit_of_work() as connection:
        return list(connection.execute(text("select cursor from feed order by cursor")).scalars())


def customers(n: int, version: int = 0) -> dict[str, CanonicalData]:
    """Strangers to each other; each version says another e-mail address of them."""
    return {
        str(i): person(
            _name(f"given {i}"), _name(f"family {i}"), emails=email(f"{_name(str(i))}.{version}@test.example")
        )
        for i in range(n)
    }


def _name(seed: str) -> str:
    digest = hashlib.blake2b(seed.encode(), digest_size=9).digest()
    return "".join("bcdfghjklm"[byte % 10] + "aeiou"[byte // 10 % 5] for byte in digest[:5]).title()


# -- delivering --------------------------------------------------------------------------------------


def test_what_became_different_is_delivered_signed_and_holds_no_value(
    company: Installation, client: TestClient, receiver: Receiver
) -> None:
    webhook = subscribe(client, receiver)
    push(company, "till", {"a": ANNA})
    work(company)
    (event,) = receiver.taken
    profile = str(profile_of(company, "till", "a"))
    assert receiver.forged == [] and event["type"] == "created" and event["data"]["profile_id"] == profile
    assert [event["data"]] == client.get("/v1/changes").json()["changes"], "it is what the feed says"
    assert "krzywdzinski" not in str(event).lower() and "gmx" not in str(event)
    told = client.get(f"/v1/webhooks/{webhook}").json()
    assert told["state"] == "active" and told["delivered"] == 1 and told["waiting"] == told["unread"] == 0


def test_a_receiver_that_fails_one_in_five_gets_all_in_order_for_each_profile(
    company: Installation, client: TestClient, receiver: Receiver
) -> None:
    receiver.answer = lambda n: 503 if n % 5 == 0 else 200
    subscribe(client, receiver)
    for version in range(4):
        push(company, "till", customers(60, version))
    work(company)
    assert sorted(receiver.cursors()) == feed(company) and len(receiver.refused) > 20
    assert receiver.in_order_by_profile() and receiver.forged == []
    assert receiver.connections <= 40, "connections are kept"


def test_an_event_that_is_refused_holds_up_its_profile_and_no_other(
    company: Installation, client: TestClient, receiver: Receiver
) -> None:
    push(company, "till", {"a": ANNA, "b": person("Bernd", "Wagenknecht", "1971-01-01")})
    anna = str(profile_of(company, "till", "a"))
    webhook = subscribe(client, receiver)
    push(company, "till", {"a": ANNA | {"gender": "f"}})
    receiver.answer = lambda n: 500
    webhooks.deliver(company, lambda *_: None)
    receiver.answer = lambda n: 200
    push(
        company,
        "till",
        {"a": ANNA | {"gender": "f", "language": "pl"}, "b": person("Bernd", "Wagenknecht", "1972-01-01")},
    )
    with company.database.unit_of_work() as connection:
        connection.execute(text("update webhook_delivery set due_at = now() + interval '1 hour'"))
    webhooks.deliver(company, lambda *_: None)
    assert [event["data"]["profile_id"] == anna for event in receiver.taken] == [False]
    assert client.get(f"/v1/webhooks/{webhook}").json()["waiting"] == 2
    with company.database.unit_of_work() as connection:
        connection.execute(text("update webhook_delivery set due_at = now()"))
    work(company)
    assert receiver.in_order_by_profile() and len(receiver.cursors()) == 3


def test_what_fails_for_too_long_is_dead_and_can_be_tried_again(
    database: Database, tmp_path: Path, receiver: Receiver
) -> None:
    settings = SMALL_COMPANY + LOOPBACK.replace("timeout", "give_up_after: PT0.1S, timeout")
    (tmp_path / "cdi.yaml").write_text(settings, encoding="utf-8")
    company = installation_of(tmp_path, database)
    client = Doors(company).as_(Role.READER)
    receiver.answer = lambda _: 400
    webhook = subscribe(client, receiver)
    push(company, "till", {"a": ANNA})
    push(company, "till", {"a": ANNA | {"gender": "f"}})
    work(company)
    letters = client.get(f"/v1/webhooks/{webhook}/dead-letters").json()["dead_letters"]
    assert [letter["change"]["type"] for letter in letters] == ["created", "updated"]
    assert letters[0]["error"] == "it answered 400" and letters[0]["attempts"] > 1
    assert client.get(f"/v1/webhooks/{webhook}").json()["dead"] == 2 and not receiver.taken
    receiver.answer = lambda _: 204
    assert client.post(f"/v1/webhooks/{webhook}/dead-letters/retry").json() == {"retried": 2}
    work(company)
    assert receiver.cursors() == feed(company)
    assert client.get(f"/v1/webhooks/{webhook}").json()["dead"] == 0


def test_a_receiver_that_is_away_is_left_alone_and_then_gets_everything(
    database: Database, tmp_path: Path, receiver: Receiver
) -> None:
    patient = LOOPBACK.replace("PT0.02S", "PT3S").replace("PT0.2S", "PT3S")
    (tmp_path / "cdi.yaml").write_text(SMALL_COMPANY + patient, encoding="utf-8")
    company = installation_of(tmp_path, database)
    client = Doors(company).as_(Role.READER, name="shop app")
    receiver.answer = lambda _: 502
    webhook = subscribe(client, receiver)
    push(company, "till", customers(300))
    for _ in range(3):
        webhooks.deliver(company, lambda *_: None)
    told = client.get(f"/v1/webhooks/{webhook}").json()
    assert told["state"] == "resting" and told["trouble"] == "it answered 502"
    assert receiver.requests < 300, "it is not asked for each event anew"
    receiver.answer = lambda _: 200
    work(company)
    assert sorted(receiver.cursors()) == feed(company) and len(receiver.cursors()) == 300
    assert client.get(f"/v1/webhooks/{webhook}").json()["trouble"] is None


def test_a_receiver_may_ask_for_time(company: Installation, client: TestClient, receiver: Receiver) -> None:
    receiver.headers["retry-after"] = "3600"  # the longest wait of this deployment is shorter
    receiver.answer = lambda n: 429 if n == 1 else 200
    subscribe(client, receiver)
    push(company, "till", {"a": ANNA})
    webhooks.deliver(company, lambda *_: None)
    with company.database.unit_of_work() as connection:
        wait = connection.execute(text("select due_at - first_tried_at from webhook_delivery")).scalar_one()
    assert wait.total_seconds() == pytest.approx(0.2, abs=0.01)
    work(company)
    assert len(receiver.taken) == 1


# -- replaying ---------------------------------------------------------------------------------------


def test_a_replay_delivers_again_under_the_same_ids(
    company: Installation, client: TestClient, receiver: Receiver
) -> None:
    push(company, "till", {"a": ANNA})
    webhook = subscribe(client, receiver, after=0)
    push(company, "till", {"b": person("Bernd", "Wagenknecht", "1971-01-01")})
    work(company)
    assert sorted(receiver.cursors()) == feed(company), (
        "it began where it was told to; two profiles wait for each other not"
    )
    before = list(receiver.ids)
    assert client.post(f"/v1/webhooks/{webhook}/replay", json={"after": 0}).status_code == 200
    work(company)
    assert sorted(receiver.ids) == sorted(before * 2)
    assert client.post(f"/v1/webhooks/{webhook}/replay", json={"after": 99}).status_code == 422


def test_without_a_cursor_it_begins_with_what_comes(
    company: Installation, client: TestClient, receiver: Receiver
) -> None:
    push(company, "till", {"a": ANNA})
    webhook = subscribe(client, receiver)
    work(company)
    assert not receiver.taken
    push(company, "till", {"a": ANNA | {"gender": "f"}})
    assert client.post(f"/v1/webhooks/{webhook}/replay", json={"after": feed(company)[-1]}).status_code == 200
    work(company)
    assert not receiver.taken, "a later cursor skips what waits"


# -- who is told what --------------------------------------------------------------------------------


def test_filters_narrow_by_type_owner_and_source(company: Installation, client: TestClient, receiver: Receiver) -> None:
    subscribe(client, receiver, types=["updated"], sources=["shop"])
    push(company, "till", {"a": ANNA})
    push(company, "till", {"a": ANNA | {"gender": "f"}})
    push(company, "shop", {"b": person("Bernd", "Wagenknecht", "1971-01-01")})
    push(company, "shop", {"b": person("Bernd", "Wagenknecht", "1972-01-01")})
    work(company)
    assert [(e["type"], e["data"]["profile_id"]) for e in receiver.taken] == [
        ("updated", str(profile_of(company, "shop", "b")))
    ]
    narrowed = client.get("/v1/changes", params={"type": "updated", "source": "shop"}).json()["changes"]
    assert [e["data"] for e in receiver.taken] == narrowed, "the feed narrows by the same filters"


def test_a_hidden_source_is_told_of_to_nobody_who_may_not_see_it(
    company: Installation, client: TestClient, receiver: Receiver
) -> None:
    subscribe(client, receiver)
    subscribe(client, receiver, sources=["secret"])
    with receiving() as trusted:
        subscribe(Doors(company).as_(Role.READER, sensitive=True, name="trusted"), trusted, sources=["secret"])
        push(company, "secret", {"s": ANNA})
        work(company)
        assert receiver.taken == [] and len(trusted.taken) == 1


def test_a_source_that_became_sensitive_meanwhile_is_not_told_of_any_more(
    company: Installation, client: TestClient, receiver: Receiver
) -> None:
    receiver.answer = lambda _: 500
    subscribe(client, receiver)
    push(company, "till", {"a": ANNA})
    webhooks.deliver(company, lambda *_: None)
    stricter = (
        (company.folder / "cdi.yaml").read_text().replace("purpose: sale", "sensitivity: sensitive, purpose: sale", 1)
    )
    (company.folder / "cdi.yaml").write_text(stricter)
    receiver.answer = lambda _: 200
    work(installation_of(company.folder, company.database))
    assert receiver.taken == []


def test_it_stops_with_its_key_and_goes_on_with_a_new_one(
    company: Installation, client: TestClient, receiver: Receiver
) -> None:
    webhook = subscribe(client, receiver)
    with company.database.unit_of_work() as connection:
        accounts.revoke_key(connection, "shop app", utc_now())
    push(company, "till", {"a": ANNA})
    assert webhooks.deliver(company, lambda *_: None) is None and not receiver.requests
    admin = Doors(company).as_(Role.ADMIN)
    assert admin.get(f"/v1/webhooks/{webhook}").json()["state"] == "stopped"
    Doors(company).as_(Role.READER, name="shop app")
    work(company)
    assert len(receiver.taken) == 1


def test_subscriptions_are_their_makers_own(company: Installation, client: TestClient, receiver: Receiver) -> None:
    webhook = subscribe(client, receiver)
    other, admin = Doors(company).as_(Role.READER, name="other"), Doors(company).as_(Role.ADMIN)
    for method, path in (("GET", ""), ("POST", "/test"), ("POST", "/secret"), ("DELETE", ""), ("GET", "/dead-letters")):
        assert other.request(method, f"/v1/webhooks/{webhook}{path}").status_code == 404
    assert other.get("/v1/webhooks").json()["webhooks"] == []
    assert len(admin.get("/v1/webhooks").json()["webhooks"]) == 1
    assert admin.delete(f"/v1/webhooks/{webhook}").status_code == 204
    assert client.get(f"/v1/webhooks/{webhook}").status_code == 404
    assert client.get(f"/v1/webhooks/{uuid4()}").status_code == 404


# -- secrets -----------------------------------------------------------------------------------------


def test_the_secret_is_shown_once_and_stands_nowhere(
    company: Installation, client: TestClient, receiver: Receiver, caplog: pytest.LogCaptureFixture
) -> None:
    webhook = subscribe(client, receiver)
    push(company, "till", {"a": ANNA})
    with caplog.at_level("DEBUG"):
        work(company)
    said = client.get(f"/v1/webhooks/{webhook}").text + client.get("/v1/webhooks").text + caplog.text
    with psycopg.connect(company.database.url) as connection:
        for table in ("webhook", "webhook_delivery", "job"):
            said += str(connection.execute(f"select * from {table}").fetchall())
    bare = receiver.secret.removeprefix("whsec_")
    assert bare not in said and (company.folder / "var/webhook.key").read_text().strip() not in said
    assert (company.folder / "var/webhook.key").stat().st_mode & 0o777 == 0o600


def test_a_rotated_secret_takes_over_while_the_old_one_is_good_for_a_day(
    company: Installation, client: TestClient, receiver: Receiver
) -> None:
    webhook = subscribe(client, receiver)
    new = client.post(f"/v1/webhooks/{webhook}/secret").json()["secret"]
    assert new != receiver.secret
    for secret in (receiver.secret, new):
        receiver.secret = secret
        assert client.post(f"/v1/webhooks/{webhook}/test").json()["taken"]
    assert [event["type"] for event in receiver.taken] == ["test", "test"] and receiver.forged == []


def test_with_another_key_nothing_is_signed_wrongly(
    company: Installation, client: TestClient, receiver: Receiver
) -> None:
    webhook = subscribe(client, receiver)
    (company.folder / "var/webhook.key").write_text("0" * 64)
    push(company, "till", {"a": ANNA})
    webhooks.deliver(company, lambda *_: None)
    assert receiver.requests == 0
    assert "rotate it" in client.get(f"/v1/webhooks/{webhook}").json()["trouble"]
    receiver.secret = client.post(f"/v1/webhooks/{webhook}/secret").json()["secret"]
    work(company)
    assert len(receiver.taken) == 1 and receiver.forged == []


# -- where deliveries may go -------------------------------------------------------------------------


@pytest.mark.parametrize(
    "url",
    [
        "http://shop.example/hook",
        "https://10.0.0.8/hook",
        "https://[::ffff:192.168.1.1]/hook",
        "https://[fd00::1]/hook",
        "https://169.254.169.254/latest/meta-data",
        "https://user:password@shop.example/hook",
        "https://shop.example/hook#part",
        "https://shop.example/ hook",
        "https://shop.example:99999/hook",
        "ftp://shop.example/hook",
        "file:///etc/passwd",
        "https:///hook",
        "https://shop.example\r\nHost: other.example/",
    ],
)
def test_addresses_that_may_not_be_called_are_refused(client: TestClient, url: str) -> None:
    answer = client.post("/v1/webhooks", json={"url": url})
    assert answer.status_code == 422 and url not in answer.text


def test_a_name_that_leads_into_a_private_network_is_not_called(
    database: Database, tmp_path: Path, receiver: Receiver
) -> None:
    (tmp_path / "cdi.yaml").write_text(SMALL_COMPANY, encoding="utf-8")
    company = installation_of(tmp_path, database)
    client = Doors(company).as_(Role.READER)
    assert client.post("/v1/webhooks", json={"url": receiver.url}).status_code == 422
    webhook = client.post("/v1/webhooks", json={"url": "https://hidden.localhost/hook"}).json()["id"]
    told = client.post(f"/v1/webhooks/{webhook}/test").json()
    assert not told["taken"] and ("private network" in told["error"] or "unknown" in told["error"])


@pytest.mark.parametrize(("named", "taken"), [("localhost", True), ("other.example", False)])
def test_the_certificate_must_be_of_the_host_though_the_address_is_called(
    company: Installation, client: TestClient, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, named: str, taken: bool
) -> None:
    certificate, tls = certificate_of(named, tmp_path)
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
    with receiving(tls) as receiver:
        webhook = subscribe(client, receiver)
        told = client.post(f"/v1/webhooks/{webhook}/test").json()
    assert told["taken"] == taken and receiver.requests == int(taken)
    assert taken or told["error"] == "its TLS certificate is not valid for its host"


def certificate_of(host: str, folder: Path) -> tuple[Path, ssl.SSLContext]:
    """A certificate that says this host, signed by itself, and a server that shows it."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, host)])
    builder = x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(key.public_key())
    builder = builder.serial_number(1).not_valid_before(utc_now() - timedelta(days=1))
    builder = builder.not_valid_after(utc_now() + timedelta(days=1))
    builder = builder.add_extension(x509.SubjectAlternativeName([x509.DNSName(host)]), critical=False)
    signed = builder.sign(key, hashes.SHA256())
    certificate, private = folder / "certificate.pem", folder / "key.pem"
    certificate.write_bytes(signed.public_bytes(serialization.Encoding.PEM))
    private.write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    tls.load_cert_chain(certificate, private)
    return certificate, tls


def test_an_answer_that_drips_has_its_time(company: Installation, client: TestClient, receiver: Receiver) -> None:
    """Two seconds in this deployment, however many bytes come meanwhile."""
    receiver.drips = True
    webhook = subscribe(client, receiver)
    began = time.monotonic()
    told = client.post(f"/v1/webhooks/{webhook}/test").json()
    assert told["error"] == "no answer within 2 s" and time.monotonic() - began < 6


def test_the_settings_on_the_page_are_the_defaults() -> None:
    page = (Path(__file__).parents[2] / "docs/webhooks.md").read_text(encoding="utf-8")
    (said,) = re.findall(r"```yaml\n(.*?)```", page, re.S)
    assert Webhooks.model_validate(yaml.safe_load(said)["webhooks"]) == Webhooks()


def test_one_that_cannot_be_called_is_no_trouble_for_others(
    company: Installation, client: TestClient, receiver: Receiver
) -> None:
    for url in ("https://" + "a" * 70 + ".example/hook", "https://a..example/hook", "https://[::1%25lo]/hook"):
        client.post("/v1/webhooks", json={"url": url})
    subscribe(client, receiver)
    push(company, "till", {"a": ANNA})
    webhooks.deliver(company, lambda *_: None)
    assert len(receiver.taken) == 1


def test_redirects_are_not_followed(company: Installation, client: TestClient, receiver: Receiver) -> None:
    with receiving() as elsewhere:
        receiver.answer, receiver.headers = lambda _: 307, {"location": elsewhere.url}
        webhook = subscribe(client, receiver)
        told = client.post(f"/v1/webhooks/{webhook}/test").json()
        assert told["status"] == 307 and "redirects are not followed" in told["error"] and not elsewhere.requests


def test_what_a_subscription_names_must_exist(client: TestClient, receiver: Receiver) -> None:
    for wrong in ({"sources": ["nowhere"]}, {"data_owners": ["nobody"]}, {"types": ["exploded"]}, {"after": 7}):
        assert client.post("/v1/webhooks", json={"url": receiver.url, **wrong}).status_code == 422


def test_a_cursor_that_the_feed_never_gave_out_is_gone(company: Installation, client: TestClient) -> None:
    push(company, "till", {"a": ANNA})
    answer = client.get("/v1/changes", params={"after": 999})
    assert answer.status_code == 410 and answer.json()["type"] == "/problems/cursor-gone"
    assert "GET /v1/profiles" in answer.json()["detail"]
