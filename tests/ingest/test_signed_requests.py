"""What Meta signs inside of a form is believed if it is signed as in Meta's own example; else it is refused."""

import base64
import hashlib
import hmac
import json
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import pytest
from reading import context

from cdi.ingest.contract import ErasureDemand, Op, WebhookRequest, WebhookResult
from cdi.ingest.manifest import load_connector
from cdi.ingest.refusals import WebhookRefusedError
from cdi.ingest.signed_requests import verified
from cdi.settings import bundled

# The example of Meta's documentation of signed requests, as MiniFB's tests quote it.
META = "vlXgu64BQGFSQrY0ZcJBZASMvYvTHu9GQ0YM9rjPSso.eyJhbGdvcml0aG0iOiJITUFDLVNIQTI1NiIsIjAiOiJwYXlsb2FkIn0"
# A request with an id of a user, from the tests of the Elixir library facebook_signed_request.
OTHER = (
    "53umfudisP7mKhsi9nZboBg15yMZKhfQAARL9UoZtSE.eyJhbGdvcml0aG0iOiJITUFDLVNIQTI1NiIsImV4cGlyZXMiOjEzMDg5ODg4MDAsImlz"
    "c3VlZF9hdCI6MTMwODk4NTAxOCwib2F1dGhfdG9rZW4iOiIxMTExMTExMTExMTExMTF8Mi5BUUJBdHRSbExWbndxTlBaLjM2MDAuMTExMTExMTExM"
    "S4xLTExMTExMTExMTExMTExMXxUNDl3M0Jxb1pVZWd5cHJ1NTFHcmE3MGhFRDgiLCJ1c2VyIjp7ImNvdW50cnkiOiJkZSIsImxvY2FsZSI6ImVuX1"
    "VTIiwiYWdlIjp7Im1pbiI6MjF9fSwidXNlcl9pZCI6IjExMTExMTExMTExMTExMSJ9"
)
OTHERS_SECRET = "897z956a2z7zzzzz5783z458zz3z7556"
SECRET = "geheim"


def signed(payload: Any, secret: str = SECRET) -> str:
    """As Meta signs it."""
    written = base64.urlsafe_b64encode(json.dumps(payload).encode()).rstrip(b"=")
    signature = base64.urlsafe_b64encode(hmac.new(secret.encode(), written, hashlib.sha256).digest()).rstrip(b"=")
    return f"{signature.decode()}.{written.decode()}"


def demand(user: Any = "218471", algorithm: str = "HMAC-SHA256") -> dict[str, Any]:
    return {"algorithm": algorithm, "expires": 1291840400, "issued_at": 1291836800, "user_id": user}


def test_published_requests_are_believed() -> None:
    assert verified(META, "secret").payload == {"algorithm": "HMAC-SHA256", "0": "payload"}
    assert verified(OTHER, OTHERS_SECRET).payload["user_id"] == "111111111111111"
    assert verified(signed(demand()), SECRET).payload["user_id"] == "218471"


@pytest.mark.parametrize(
    "said",
    [
        META.removeprefix("v"),
        META.replace(".", ".x"),
        META + "x",
        META.partition(".")[2],
        ".",
        "",
        "ä.ä",
        signed(demand(), "falsch"),
        signed(demand(), ""),
        signed(demand(algorithm="none"), "secret"),
        signed({"user_id": "1"}, "secret"),
        signed(["HMAC-SHA256"], "secret"),
    ],
)
def test_what_is_not_signed_so_is_refused(said: str) -> None:
    with pytest.raises(WebhookRefusedError, match="missing or wrong"):
        verified(said, "secret")


def test_the_code_is_the_same_for_the_same_and_known_to_nobody_else() -> None:
    code = verified(signed(demand()), SECRET).code
    assert code == verified(signed(demand()), SECRET).code
    assert code.isalnum() and len(code) == 32
    others = [signed(demand("218472")), signed(demand() | {"issued_at": 1291836801})]
    assert code not in {verified(other, SECRET).code for other in others}
    assert code != verified(signed(demand(), "another"), "another").code


CONFIGS: dict[str, dict[str, Any]] = {
    "meta_leads": {"form_ids": ["1"], "access_token": "t", "app_secret": SECRET},
    "meta_messenger": {"page_id": "1", "access_token": "t", "app_secret": SECRET},
    "meta_whatsapp": {"phone_number_id": "1", "access_token": "t", "app_secret": SECRET},
}


def delivered(name: str, field: str) -> WebhookResult:
    body = urlencode({"signed_request": field}).encode()
    headers = {"content-type": "application/x-www-form-urlencoded"}
    request = WebhookRequest("POST", "https://cdi.example/v1/sources/x/webhook", headers, body)
    connector = load_connector(bundled("connectors") / name / "connector.yaml")
    return connector.webhook(CONFIGS[name], request, context(Path()))


@pytest.mark.parametrize("name", CONFIGS)
def test_who_demands_at_meta_to_be_deleted_is_an_erasure(name: str) -> None:
    result = delivered(name, signed(demand()))
    (record,) = result.records
    assert (record.stream, record.key, record.op) == ("customers", "218471", Op.ERASE)
    assert result.demand == ErasureDemand("customers", "218471", verified(signed(demand()), SECRET).code)
    assert delivered(name, signed(demand(218471))).records[0].key == "218471"


@pytest.mark.parametrize("name", CONFIGS)
def test_a_demand_that_meta_did_not_sign_is_refused(name: str) -> None:
    for field in (signed(demand(), "falsch"), "", "x.y"):
        with pytest.raises(WebhookRefusedError):
            delivered(name, field)


def test_a_demand_of_nobody_is_kept_aside() -> None:
    result = delivered("meta_leads", signed(demand(None)))
    assert (result.records, result.demand, len(result.rejected)) == ((), None, 1)
