"""Keys of the deployment from which secrets are derived: given by the environment, else a file in `var/` that is made
when it is first needed."""

import os
import secrets
from pathlib import Path

from pydantic import SecretStr

from cdi.errors import ConfigurationError

SHORTEST = 32
"""Characters of a key; fewer could be guessed."""


def master_key(given: SecretStr | None, variable: str, path: Path, what: str, *, make: bool = False) -> bytes:
    """The key that the environment variable holds, else that of the file, which is made when there is none and `make`
    says so. Raises ConfigurationError, saying `what` it is, when there is none, or one too short."""
    if given is not None:
        return _long_enough(given.get_secret_value(), variable)
    if make and not path.exists():
        _make(path)
    try:
        return _long_enough(path.read_text(encoding="ascii").strip(), str(path))
    except (OSError, UnicodeDecodeError):
        raise ConfigurationError(
            f"{what} is not here",
            remedy=f"Set {variable}, or put {path.name} where it was made: in var/ of the deployment folder",
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
    draft = path.with_name(f".{path.name}.{os.getpid()}.{secrets.token_hex(4)}")
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
