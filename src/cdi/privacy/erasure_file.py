"""The file of erasures: a line each, outside the database, so that a backup from before can be told what was erased
since. It holds ids, keyed hashes, grounds and times; never a value."""

import os
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from typing import Any, Final
from uuid import UUID

import orjson

from cdi.errors import ConfigurationError
from cdi.settings import Settings
from cdi.store.erasures import Erasure, Mark

FILE: Final = "erasures.jsonl"


def file_of(settings: Settings) -> Path:
    """Where it lies: CDI_ERASURES, else `var/erasures.jsonl` of the deployment folder."""
    return settings.environment.erasures or settings.data_folder / FILE


def append(path: Path, erasures: Sequence[Erasure]) -> None:
    """Write these to its end, on disk when this returns. Raises ConfigurationError: without it a restored backup would
    bring them back."""
    if not erasures:
        return
    lines = b"".join(orjson.dumps(_told(one), option=orjson.OPT_APPEND_NEWLINE) for one in erasures)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
        with os.fdopen(descriptor, "r+b") as file:
            file.seek(0)
            file.seek(_end_of_whole_lines(file.read()))
            file.truncate()
            file.write(lines)
            file.flush()
            os.fsync(descriptor)
    except OSError as error:
        raise ConfigurationError(
            f"the file of erasures {path} cannot be written ({error.strerror})",
            remedy="Make it writable, or name another place by CDI_ERASURES",
        ) from None


def _end_of_whole_lines(written: bytes) -> int:
    """Who died within a line had erased nothing yet."""
    return written.rfind(b"\n") + 1


def read(path: Path) -> list[Erasure]:
    """All that stand in it, each once, in their order; none if there is no file. Raises ConfigurationError for a line
    that is none of ours, but for a last one that was torn."""
    try:
        written = path.read_bytes()
    except FileNotFoundError:
        return []
    except OSError as error:
        raise ConfigurationError(
            f"the file of erasures {path} cannot be read ({error.strerror})", remedy="Make it readable"
        ) from None
    found: dict[UUID, Erasure] = {}
    for number, line in enumerate(written[: _end_of_whole_lines(written)].splitlines(), 1):
        try:
            one = _read(orjson.loads(line))
        except (ValueError, KeyError, TypeError):
            raise ConfigurationError(
                f"line {number} of {path} is no erasure", remedy="Put back the file as cdi wrote it"
            ) from None
        found.setdefault(one.erasure_id, one)
    return list(found.values())


def _told(one: Erasure) -> dict[str, Any]:
    return {
        "erasure": str(one.erasure_id),
        "profile": str(one.profile_id),
        "ground": one.ground,
        "decided_by": one.decided_by,
        "at": one.at.isoformat(),
        "key": one.fingerprint.hex(),
        "marks": [[mark.what, mark.hash.hex()] for mark in one.marks],
    }


def _read(said: dict[str, Any]) -> Erasure:
    return Erasure(
        UUID(said["erasure"]),
        UUID(said["profile"]),
        str(said["ground"]),
        str(said["decided_by"]),
        datetime.fromisoformat(said["at"]),
        bytes.fromhex(said["key"]),
        [Mark(bytes.fromhex(hashed), str(what)) for what, hashed in said["marks"]],
    )
