"""A delivery of a webhook, taken only if cdi sent it."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from cdi.clock import utc_now
from cdi.signatures import ID_HEADER, SIGNATURE_HEADER, TIME_HEADER, WrongSignatureError, verify


@dataclass(frozen=True, slots=True)
class Delivery:
    """A verified delivery: `id` stays the same if it comes again; `data` is the event as in the change feed."""

    id: str
    type: str
    data: Mapping[str, Any]


def verify_webhook(
    secret: str | Sequence[str], headers: Mapping[str, str], body: bytes, *, now: datetime | None = None
) -> Delivery:
    """The delivery with these headers and this body, exactly as it came. Of several secrets (while one is rotated) one
    must hold.

    Raises WrongSignatureError if it was not signed with the secret, or not within five minutes of now.
    """
    given = {name.lower(): value for name, value in headers.items()}
    missing = [name for name in (ID_HEADER, TIME_HEADER, SIGNATURE_HEADER) if name not in given]
    if missing:
        raise WrongSignatureError(f"the header {missing[0]} is missing")
    secrets = [secret] if isinstance(secret, str) else secret
    message_id = given[ID_HEADER]
    verify(secrets, message_id, given[TIME_HEADER], given[SIGNATURE_HEADER], body, now or utc_now())
    event = json.loads(body)
    return Delivery(message_id, event["type"], event["data"])
