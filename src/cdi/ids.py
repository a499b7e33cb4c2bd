"""Names for things: new ids, record keys, and pairs, each made in one place."""

import os
import time
from typing import NamedTuple
from uuid import UUID

from cdi.errors import InvalidInputError


def new_id() -> UUID:
    """A fresh UUIDv7 (RFC 9562): ordered by the millisecond in which it was made."""
    milliseconds = time.time_ns() // 1_000_000
    value = (milliseconds & (2**48 - 1)) << 80 | int.from_bytes(os.urandom(10), "big")
    value = value & ~(0xF << 76) | 0x7 << 76
    return UUID(int=value & ~(0x3 << 62) | 0x2 << 62)


def is_uuid(text: str) -> bool:
    """Whether an id of ours could be written so."""
    try:
        UUID(text)
    except ValueError:
        return False
    return True


class RecordKey(NamedTuple):
    """A record as its source system names it."""

    source: str
    key: str
    stream: str = "customers"

    def __str__(self) -> str:
        return f"{self.source}:{self.key}"


def parse_record_key(text: str) -> RecordKey:
    """`SOURCE:KEY`, split at the first colon, as typed on the command line."""
    source, colon, key = text.partition(":")
    if not (colon and source and key):
        raise InvalidInputError("a record is named SOURCE:KEY", remedy="Write for instance webshop:10023")
    return RecordKey(source, key)


def pair(a: int, b: int) -> tuple[int, int]:
    """Two record ids as an unordered pair, smaller first; a record with itself is no pair."""
    if a == b:
        raise ValueError(f"record {a} cannot be paired with itself")
    return (a, b) if a < b else (b, a)
