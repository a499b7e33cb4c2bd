"""A delivery as it is sent: a thin event, its id, and the signature over both."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final
from uuid import UUID

import orjson

from cdi.signatures import ID_HEADER, SIGNATURE_HEADER, TIME_HEADER, sign
from cdi.store.webhooks import Subscription
from cdi.webhooks.secrets import Keyring

BOTH_SECRETS: Final = timedelta(days=1)
"""How long deliveries are signed with the secret before too, once it was rotated."""


@dataclass(frozen=True, slots=True)
class Message:
    """What is sent, under an id that stays the same however often it is sent."""

    message_id: str
    body: bytes

    def headers(self, secrets: Sequence[str], now: datetime) -> dict[str, str]:
        """The headers that say what it is and whose."""
        timestamp = int(now.timestamp())
        signatures = (sign(secret, self.message_id, timestamp, self.body) for secret in secrets)
        return {
            ID_HEADER: self.message_id,
            TIME_HEADER: str(timestamp),
            SIGNATURE_HEADER: " ".join(signatures),
            "content-type": "application/json",
            "user-agent": "cdi",
        }


def event_message(webhook_id: UUID, change: Mapping[str, Any]) -> Message:
    """An event of the feed, as `/v1/changes` tells it."""
    body = orjson.dumps({"type": change["type"], "timestamp": change["at"], "data": change})
    return Message(f"msg_{webhook_id.hex}_{change['cursor']}", body)


def trial_message(webhook_id: UUID, now: datetime) -> Message:
    """A delivery that tells of nothing, to try out a receiver."""
    body = orjson.dumps({"type": "test", "timestamp": now, "data": {}})
    return Message(f"msg_{webhook_id.hex}_test_{now.timestamp():.6f}", body)


def secrets_of(keys: Keyring, subscription: Subscription, now: datetime) -> list[str]:
    """The secrets that deliveries are signed with: the current one, and for a day the one before."""
    current = keys.secret(subscription.webhook_id, subscription.generation)
    if subscription.rotated_at is None or now - subscription.rotated_at > BOTH_SECRETS:
        return [current]
    return [current, keys.secret(subscription.webhook_id, subscription.generation - 1)]
