"""How many requests a second a key may make, and how many at once: a token bucket for each key, counted by all
processes of a service together.

The buckets lie in memory that the processes map from one file. Each is found by the hash of what was sent; where its
places are taken, it takes the place of the one that was used longest ago.
"""

import fcntl
import mmap
import os
import struct
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

BUCKET: Final = struct.Struct("16sdd")
"""Who, the tokens, and when they were counted, by the clock of the machine since its start."""
PLACES: Final = 16_384
TRIED: Final = 8
FILE: Final = "rates"


@dataclass(slots=True)
class Table:
    """Memory for buckets, and the file whose lock guards it; without one it belongs to this process."""

    memory: mmap.mmap
    descriptor: int | None = None
    _here: threading.Lock = field(default_factory=threading.Lock)

    @contextmanager
    def alone(self) -> Iterator[mmap.mmap]:
        """Nobody else changes a bucket meanwhile: no other process, and no other thread of this one."""
        with self._here:
            if self.descriptor is not None:
                fcntl.lockf(self.descriptor, fcntl.LOCK_EX)
            try:
                yield self.memory
            finally:
                if self.descriptor is not None:
                    fcntl.lockf(self.descriptor, fcntl.LOCK_UN)


def private_table() -> Table:
    """For one process."""
    return Table(mmap.mmap(-1, PLACES * BUCKET.size))


def shared_table(folder: Path, file: str = FILE) -> Table:
    """For all processes that name this folder."""
    descriptor = os.open(folder / file, os.O_RDWR | os.O_CREAT, 0o600)
    os.ftruncate(descriptor, PLACES * BUCKET.size)
    return Table(mmap.mmap(descriptor, PLACES * BUCKET.size), descriptor)


@dataclass(frozen=True, slots=True)
class RateLimit:
    """The rule. Keys are known by a hash of 16 bytes of what was sent."""

    per_second: float
    burst: int
    table: Table
    clock: Callable[[], float] = time.monotonic

    def take(self, who: bytes) -> tuple[bool, int, float]:
        """Whether one more request is allowed; how many more are; in how many seconds the next one will be."""
        now = self.clock()
        with self.table.alone() as memory:
            place, tokens, since = _place_of(memory, who)
            tokens = min(self.burst, tokens + (now - since) * self.per_second) if 0 < since <= now else self.burst
            allowed = tokens >= 1
            tokens -= allowed
            BUCKET.pack_into(memory, place, who, tokens, now)
        return allowed, int(tokens), 0.0 if tokens >= 1 else (1 - tokens) / self.per_second


def _place_of(memory: mmap.mmap, who: bytes) -> tuple[int, float, float]:
    """Where the bucket lies, its tokens, and since when; since 0 for a new one."""
    first = int.from_bytes(who[:8], "little")
    oldest, oldest_since = 0, float("inf")
    for n in range(TRIED):
        place = (first + n) % PLACES * BUCKET.size
        whose, tokens, since = BUCKET.unpack_from(memory, place)
        if whose == who:
            return place, tokens, since
        if since < oldest_since:
            oldest, oldest_since = place, since
    return oldest, 0.0, 0.0


def exchanges(common: Path | None) -> RateLimit:
    """How often links to customers' own views may be tried from one address: it cannot help to guess them, and shall
    cost little."""
    table = shared_table(common, "exchanges") if common else private_table()
    return RateLimit(per_second=1, burst=30, table=table)
