"""A form of which one field carries its own signature, as Meta tells that a person demands to be deleted: two parts in
base64 for addresses, a signature (HMAC-SHA256 over the second part as it is written) and what is said, as JSON."""

import base64
import binascii
import hashlib
import hmac
from dataclasses import dataclass
from typing import Any, Final

import orjson

from cdi.ingest.refusals import WebhookRefusedError

ALGORITHM: Final = "HMAC-SHA256"
CODE: Final = 32
"""Letters and digits of a confirmation code, each of four bits."""


@dataclass(frozen=True, slots=True)
class Said:
    """What was signed; `code` is the same whenever the same is said, and to be guessed by nobody without the secret."""

    payload: dict[str, Any]
    fingerprint: str
    code: str


def verified(field: str, secret: str) -> Said:
    """What the field says. Raises WebhookRefusedError unless it is signed with this secret."""
    signature, _, written = field.partition(".")
    said = written.encode()
    try:
        if not hmac.compare_digest(_decoded(signature), _signed(said, secret)):
            raise ValueError
        payload = orjson.loads(_decoded(written))
        if str(payload["algorithm"]).upper() != ALGORITHM:
            raise ValueError
    except (ValueError, TypeError, KeyError):
        raise WebhookRefusedError("the signature is missing or wrong") from None
    code = _signed(b"confirmation code of " + said, secret).hex()[:CODE]
    return Said(payload, hashlib.sha256(said).hexdigest(), code)


def _signed(message: bytes, secret: str) -> bytes:
    return hmac.new(secret.encode(), message, hashlib.sha256).digest()


def _decoded(part: str) -> bytes:
    try:
        return base64.b64decode(part + "=" * (-len(part) % 4), altchars=b"-_", validate=True)
    except (binascii.Error, UnicodeError):
        raise ValueError from None
