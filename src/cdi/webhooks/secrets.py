"""The secrets by which deliveries are signed. None is stored: each is derived from one key of the deployment and the
subscription's id, so that neither the database nor a backup of it can sign."""

import hashlib
import hmac
from dataclasses import dataclass
from typing import Final
from uuid import UUID

from cdi.master_key import master_key
from cdi.settings import Settings
from cdi.signatures import as_secret

FILE: Final = "webhook.key"


@dataclass(frozen=True, slots=True, repr=False)
class Keyring:
    """Derives the secret of each subscription."""

    master: bytes

    def secret(self, subscription_id: UUID, generation: int) -> str:
        """The secret of a subscription; another one after each rotation."""
        return as_secret(
            hmac.new(self.master, f"webhook:{subscription_id}:{generation}".encode(), hashlib.sha256).digest()
        )

    def fingerprint(self) -> bytes:
        """What is stored to notice that another key is in use: nothing can be signed with it."""
        return hashlib.sha256(b"fingerprint:" + self.master).digest()[:16]


def keyring(settings: Settings, *, make: bool = False) -> Keyring:
    """The deployment's key: CDI_WEBHOOK_KEY, else the file `var/webhook.key`, which is made when there is none and
    `make` says so.

    Raises ConfigurationError when there is none, or one too short.
    """
    given, path = settings.environment.webhook_key, settings.data_folder / FILE
    return Keyring(master_key(given, "CDI_WEBHOOK_KEY", path, "the key that signs webhooks", make=make))
