"""The client as an application uses it, over real HTTP; and what it does when things go wrong."""

import json
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from email.utils import format_datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from domain import ANNA, email, person, profile_of, push
from receiver import receiving
from standardwebhooks import Webhook
from stewarding import WIDE_BAND, company_in, contradicting
from test_many_writers import serving
from test_webhooks_out import LOOPBACK, work

from cdi import client as cdi_client
from cdi.client import (
    Change,
    Client,
    ConflictError,
    GoneError,
    InvalidError,
    Moved,
    MovedError,
    NotFoundError,
    ProblemError,
    Profile,
    Record,
    Retries,
    StaleError,
    TooManyRequestsError,
    UnauthenticatedError,
    UnreachableError,
    WrongSignatureError,
    verify_webhook,
)
from cdi.clock import utc_now
from cdi.pipeline import Installation
from cdi.store.db import Database

SIMILAR = contradicting(ANNA)
HASTY = Retries(tries=3, first_wait=0.01, longest_wait=0.05)


@pytest.fixture
def company(database: Database, tmp_path: Path) -> Installation:
    return company_in(tmp_path, database, more=WIDE_BAND + LOOPBACK)


@pytest.fixture
def cdi(company: Installation) -> Iterator[Client]:
    with serving(company) as clients, clients() as http:
        key = http.headers["authorization"].removeprefix("Bearer ")
        with Client(str(http.base_url), key) as client:
            yield client


# -- what applications do ----------------------------------------------------------------------------


def test_what_is_pushed_is_looked_up_found_and_got(cdi: Client) -> None:
    pushed = cdi.push("till", [Record("a", ANNA), Record("bad", {"shoe_size": 42})])
    assert pushed.accepted == 1 and [entry["key"] for entry in pushed.rejected] == ["bad"]
    (anna,) = pushed.affected
    profile = cdi.profile(anna)
    assert isinstance(profile, Profile)
    assert profile.value("name", "family_name") == "Krzywdzinski" and profile.value("phones") is None
    (hit,) = cdi.lookup({"emails": email("anna.krz@gmx.de"), "name": ANNA["name"]})
    assert hit.profile.id == anna and hit.judgement == "match" and hit.probability > 0.9
    assert [found.id for found in cdi.find(email="ANNA.KRZ@gmx.de")] == [anna]
    assert list(cdi.find(q="nobodyatall")) == []
    assert "channels" in cdi.contactability(anna, "newsletter") and list(cdi.touchpoints(anna)) == []
    with pytest.raises(NotFoundError) as error:
        cdi.profile("01900000-0000-7000-8000-000000000000")
    assert error.value.kind == "not-found" and error.value.status == 404


def test_the_same_idempotency_key_is_one_push(cdi: Client) -> None:
    first = cdi.push("till", [Record("a", ANNA)], idempotency_key="order 4711")
    again = cdi.push("till", [Record("a", ANNA)], idempotency_key="order 4711")
    assert first.document == again.document
    with pytest.raises(ConflictError):
        cdi.push("till", [Record("b", ANNA)], idempotency_key="order 4711")


def test_lists_are_read_page_by_page(company: Installation, cdi: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    push(company, "till", {str(n): person(f"Vorname{n}", chr(65 + n) * 7, f"19{50 + n}-01-02") for n in range(9)})
    everybody = [profile.id for profile in cdi.find()]
    monkeypatch.setattr(cdi_client.cdi, "PAGE", 2)
    assert [profile.id for profile in cdi.find()] == everybody and len(everybody) == len(set(everybody))
    assert [profile.id for profile in cdi.find(limit=3)] == everybody[:3]
    assert set(cdi.profiles(everybody)) == set(everybody)


def test_a_retired_id_leads_on(company: Installation, cdi: Client) -> None:
    push(company, "till", {"a": ANNA})
    push(company, "shop", {"b": SIMILAR})
    anna, other = str(profile_of(company, "till", "a")), str(profile_of(company, "shop", "b"))
    (review,) = cdi.reviews()
    cdi.decide(review.id, "match", "phoned her")
    assert cdi.profile(other) == Moved(other, [anna])
    with pytest.raises(MovedError) as moved:
        list(cdi.touchpoints(other))
    assert moved.value.profiles == [anna]
    found = cdi.profiles([anna, other, "01900000-0000-7000-8000-000000000000"])
    assert isinstance(found[anna], Profile) and found[other] == Moved(other, [anna])
    assert found["01900000-0000-7000-8000-000000000000"] is None
    push(company, "till", {"a": None})
    push(company, "shop", {"b": None})
    with pytest.raises(GoneError):
        cdi.profile(anna)


def test_a_steward_answers_reviews_by_program(company: Installation, cdi: Client) -> None:
    push(company, "till", {"a": ANNA})
    push(company, "shop", {"b": SIMILAR})
    (review,) = cdi.reviews()
    with pytest.raises(StaleError):
        cdi.decide(review.id, "no_match", "seen their passports", etag="old")
    decided = cdi.decide(review.id, "no_match", "seen their passports")
    assert decided and list(cdi.reviews()) == []


def test_a_copy_of_everything_is_kept_up_by_the_feed(company: Installation, cdi: Client) -> None:
    push(company, "till", {"a": ANNA, "b": person("Bernd", "Wagenknecht", "1971-01-01")})
    cursor = cdi.cursor()
    push(company, "till", {"c": person("Clara", "Vandenberghe", "1980-12-12")})  # while the list is read
    copy = {profile.id: profile.version for profile in cdi.find()}
    push(company, "till", {"a": ANNA | {"gender": "f"}, "b": None})
    last: Change | None = None
    for change in cdi.changes(cursor):
        last = change
        if change.type == "retired":
            copy.pop(change.profile_id, None)
        else:
            copy[change.profile_id] = change.version or 0
    assert last is not None and last.cursor == cdi.cursor()
    assert copy == {profile.id: profile.version for profile in cdi.find()}
    assert list(cdi.changes(last.cursor)) == []
    assert {change.type for change in cdi.changes(0, types=["retired"])} == {"retired"}
    with pytest.raises(GoneError) as error:
        list(cdi.changes(99_999))
    assert error.value.kind == "cursor-gone"


def test_the_feed_is_followed_while_it_grows(company: Installation, cdi: Client) -> None:
    def grow(_: float) -> None:
        push(company, "till", {"a": ANNA})

    assert next(cdi.changes(0, follow=True, sleep=grow)).type == "created"


def test_wrong_requests_are_told_apart(cdi: Client) -> None:
    with pytest.raises(InvalidError) as error:
        list(cdi.find(identifier="no colon"))
    assert "TYPE:VALUE" in str(error.value)
    with Client(str(cdi._http.base_url), "cdi_unknown") as stranger, pytest.raises(UnauthenticatedError):
        stranger.cursor()


# -- webhooks ----------------------------------------------------------------------------------------


def test_a_delivery_is_verified(company: Installation, cdi: Client) -> None:
    with receiving() as receiver:
        raw: list[tuple[dict[str, str], bytes]] = []
        receiver.answer = lambda _: 200
        told = cdi._caller.call("POST", "/v1/webhooks", body={"url": receiver.url}).json()
        receiver.secret = told["secret"]
        receive = receiver.receive
        receiver.receive = lambda headers, body: (raw.append((headers, body)), receive(headers, body))[1]  # type: ignore[method-assign]
        push(company, "till", {"a": ANNA})
        work(company)
    ((headers, body),) = raw
    delivery = verify_webhook(["whsec_b3RoZXI=", told["secret"]], headers, body)
    assert delivery.type == "created" and delivery.data["profile_id"] == str(profile_of(company, "till", "a"))
    assert delivery.id == headers["webhook-id"]
    for wrong in (body + b" ", body.replace(b"created", b"retired")):
        with pytest.raises(WrongSignatureError):
            verify_webhook(told["secret"], headers, wrong)
    with pytest.raises(WrongSignatureError):
        verify_webhook("whsec_b3RoZXI=", headers, body)
    with pytest.raises(WrongSignatureError):
        verify_webhook(told["secret"], headers | {"webhook-id": "msg_other"}, body)
    for later in (timedelta(minutes=6), timedelta(minutes=-6)):
        with pytest.raises(WrongSignatureError):
            verify_webhook(told["secret"], headers, body, now=utc_now() + later)
    with pytest.raises(WrongSignatureError):
        verify_webhook(told["secret"], {}, body)


def test_what_another_library_signed_is_verified_too() -> None:
    secret, body, now = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", b'{"type":"test","data":{}}', utc_now()
    headers = {
        "Webhook-Id": "msg_1",
        "Webhook-Timestamp": str(int(now.timestamp())),
        "Webhook-Signature": "v1a,other " + Webhook(secret).sign("msg_1", now, body.decode()),
    }
    assert verify_webhook(secret, headers, body).id == "msg_1"


# -- when things go wrong ----------------------------------------------------------------------------


@contextmanager
def unreliable(*answers: tuple[int, dict[str, str]] | None) -> Iterator[tuple[str, list[dict[str, Any]]]]:
    """A server that gives these answers in turn (None: hangs up), and what it was asked."""
    asked: list[dict[str, Any]] = []
    left = list(answers)

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            size = int(self.headers.get("content-length", 0))
            asked.append({"key": self.headers.get("idempotency-key"), "body": self.rfile.read(size)})
            said = left.pop(0)
            if said is None:
                self.close_connection = True
                return
            status, headers = said
            body = json.dumps({"type": f"/problems/x{status}", "title": "said so"} | DOCUMENT).encode()
            self.send_response(status)
            for name, value in {**headers, "content-length": str(len(body))}.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(body)

        do_POST = do_GET  # noqa: N815

        def log_message(self, *_: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}", asked
        server.shutdown()


DOCUMENT = {"accepted": 1, "unchanged": 0, "rejected": [], "affected": [], "newest": 7, "profiles": []}
OK = (200, dict[str, str]())


@pytest.mark.parametrize("passing", [(429, {"Retry-After": "0"}), (503, {}), (500, {}), None])
@pytest.mark.parametrize(
    "ask",
    [Client.cursor, lambda c: c.lookup({}), lambda c: c.push("till", [Record("a", {})])],
    ids=["reads", "look-ups", "pushes"],
)
def test_what_is_safe_is_sent_again(passing: Any, ask: Callable[[Client], Any]) -> None:
    with unreliable(passing, passing, OK) as (url, asked), Client(url, "cdi_x", retries=HASTY) as cdi:
        ask(cdi)
        assert len(asked) == 3 and len({(sent["key"], sent["body"]) for sent in asked}) == 1, "the same request"


def test_what_is_not_safe_is_sent_once() -> None:
    with unreliable((503, {})) as (url, asked), Client(url, "cdi_x", retries=HASTY) as cdi:
        with pytest.raises(ProblemError):
            cdi._caller.call("POST", "/v1/overrides", body={})
        assert len(asked) == 1


def test_it_gives_up_after_some_tries_and_says_why() -> None:
    with unreliable(*[(429, {})] * 3, *[None] * 3, (403, {})) as (url, asked), Client(url, "k", retries=HASTY) as cdi:
        with pytest.raises(TooManyRequestsError):
            cdi.cursor()
        with pytest.raises(UnreachableError):
            cdi.cursor()
        with pytest.raises(ProblemError) as error:
            cdi.cursor()
        assert len(asked) == 7 and error.value.kind == "x403", "what will not pass is not repeated"


def test_it_waits_as_long_as_it_is_asked_to() -> None:
    patient = Retries(tries=2, first_wait=9, longest_wait=0.3)
    assert patient.wait(1, 0.2) == 0.2 and patient.wait(1, 3600) == 0.3
    assert 0.15 <= patient.wait(1, None) <= 0.3
    date = {"Retry-After": format_datetime(utc_now() + timedelta(hours=1), usegmt=True)}
    with unreliable((503, date), OK) as (url, asked), Client(url, "k", retries=patient) as cdi:
        assert cdi.cursor() == 7 and len(asked) == 2


def test_it_can_be_imported_without_the_engine() -> None:
    heavy = "numpy, pandas, sqlalchemy, psycopg, fastapi, pydantic, numba, pyarrow"
    code = f"import sys, cdi.client; print(*set('{heavy}'.split(', ')) & set(sys.modules))"
    told = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert told.stdout.strip() == ""
