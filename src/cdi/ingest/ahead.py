"""The next page is fetched while the last one is landed, so that a reading is as fast as the slower of the two."""

import sys
from collections.abc import Generator, Iterator
from concurrent.futures import ThreadPoolExecutor
from threading import Lock
from typing import Final, TypeVar

Item = TypeVar("Item")

TURN: Final = 0.0005
"""Seconds that a thread computes while another waits to go on. Whoever lands goes to the database and back some dozens
of times a batch, and waited for the one who reads each time: with Python's own turns, ten times as long, for longer
than the database took."""


def ahead(items: Iterator[Item]) -> Generator[Item, None, None]:
    """The same items in the same order, each asked for one step before it is needed, in a thread of its own.

    What the iterator raises is raised here, after everything that came before it.
    """
    with _short_turns, ThreadPoolExecutor(max_workers=1, thread_name_prefix="read-ahead") as worker:
        waiting = worker.submit(next, items, _END)
        try:
            while (item := waiting.result()) is not _END:
                waiting = worker.submit(next, items, _END)
                yield item  # type: ignore[misc]  # it is no _END
        finally:
            if isinstance(items, Generator):
                worker.submit(items.close)  # in the thread that opened what it has open


_END = object()


class _ShortTurns:
    """While anybody in this process reads ahead, its threads take turns more often."""

    def __init__(self) -> None:
        self._lock, self._readers, self._usual = Lock(), 0, 0.0

    def __enter__(self) -> None:
        with self._lock:
            if not self._readers:
                self._usual = sys.getswitchinterval()
                sys.setswitchinterval(min(TURN, self._usual))
            self._readers += 1

    def __exit__(self, *_: object) -> None:
        with self._lock:
            self._readers -= 1
            if not self._readers:
                sys.setswitchinterval(self._usual)


_short_turns = _ShortTurns()
