"""Signatures of the webhooks that leave cdi, by the scheme of Standard Webhooks: HMAC-SHA256 over id, time and body, so
that neither can be exchanged. The sender signs and the receiver verifies with the same two functions."""

import base64
import binascii
import hashlib
import hmac
from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Final

ID_HEADER: Final = "webhook-id"
TIME_HEADER: Final = "webhook-timestamp"
SIGNATURE_HEADER: Final = "webhook-signature"
SECRET_PREFIX: Final = "whsec_"  # noqa: S105  not a secret, what secrets begin with
VERSION: Final = "v1"
TOLERANCE: Final = timedelta(minutes=5)
"""How far the sender's clock and the receiver's may differ; later, a delivery counts as one that was recorded."""


class WrongSignatureError(ValueError):
    """A delivery that was not signed with this secret, or not recently; the message says which, never a value."""


def as_secret(key: bytes) -> str:
    """A key as it is handed over: `whsec_` and base64."""
    return SECRET_PREFIX + base64.b64encode(key).decode()


def sign(secret: str, message_id: str, timestamp: int, body: bytes) -> str:
    """The signature of one message, as it stands in its header; `timestamp` in seconds since 1970.

    Raises WrongSignatureError for a secret that is none.
    """
    digest = hmac.new(_key(secret), f"{message_id}.{timestamp}.".encode() + body, hashlib.sha256).digest()
    return f"{VERSION},{base64.b64encode(digest).decode()}"


def verify(
    secrets: Iterable[str], message_id: str, timestamp: str, signatures: str, body: bytes, now: datetime
) -> None:
    """Raises WrongSignatureError unless one of the signatures (separated by spaces) was made with one of these
    secrets, within five minutes of `now`."""
    if not (timestamp.isascii() and timestamp.isdigit() and len(timestamp) < 15):
        raise WrongSignatureError("webhook-timestamp is no time")
    if abs(int(timestamp) - now.timestamp()) > TOLERANCE.total_seconds():
        raise WrongSignatureError("the delivery is too old, or of the future")
    expected = [sign(secret, message_id, int(timestamp), body).encode() for secret in secrets]
    given = [signature.encode() for signature in signatures.split()]
    if not any(hmac.compare_digest(one, other) for one in expected for other in given):
        raise WrongSignatureError("the signature is not of this secret")


def _key(secret: str) -> bytes:
    try:
        return base64.b64decode(secret.removeprefix(SECRET_PREFIX), validate=True)
    except (binascii.Error, ValueError):
        raise WrongSignatureError("the secret is not whsec_ and base64") from None
