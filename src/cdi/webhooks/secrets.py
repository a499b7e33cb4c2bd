"""The secrets by which deliveries are signed. None is stored: each is derived from one key of the deployment and the
subscription's id, so that neither the database nor a backup of it can sign."""

import hashlib
import hmac
import os
import secrets
from dataclasses import dataclass
from pathlib import Path
from typing import Final
from uuid import UUID

from cdi.errors import ConfigurationError
from cdi.settings import Settings
from cdi.signatures import as_secret

FILE: Final = "webhook.key"
SHORTEST: Final = 32
"""Characters of the key; fewer could be guessed."""


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
    given = settings.environment.webhook_key
    if given is not None:
        return Keyring(_long_enough(given.get_secret_value(), "CDI_WEBHOOK_KEY"))
    path = settings.data_folder / FILE
    if make and not path.exists():
        _make(path)
    try:
        return Keyring(_long_enough(path.read_text(encoding="ascii").strip(), str(path)))
    except (OSError, UnicodeDecodeError):
        raise ConfigurationError(
            "the key that signs webhooks is not here",
            remedy=f"Set CDI_WEBHOOK_KEY, or put {FILE} where cdi serve made it: in var/ of the deployment folder",
        ) from None


def _long_enough(key: str, where: str) -> bytes:
    if len(key) < SHORTEST:
        raise ConfigurationError(
            f"{where} has fewer than {SHORTEST} characters", remedy="openssl rand -hex 32 makes one"
        )
    return key.encode()


def _make(path: Path) -> None:
    """Written whole before it has its name: of two processes that make it at once, one's is everybody's."""
    path.parent.mkdir(parents=True, exist_ok=True)
    draft = path.with_name(f".{FILE}.{os.getpid()}.{secrets.token_hex(4)}")
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        with os.fdopen(descriptor, "w") as file:
            file.write(secrets.token_hex(32) + "\n")
            file.flush()
            os.fsync(file.fileno())
        try:
            os.link(draft, path)
        except FileExistsError:
            return
    finally:
        draft.unlink()
