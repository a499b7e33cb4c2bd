"""The next page is fetched while the last one is landed, so that a reading is as fast as the slower of the two."""

from collections.abc import Generator, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

Item = TypeVar("Item")


def ahead(items: Iterator[Item]) -> Iterator[Item]:
    """The same items in the same order, each asked for one step before it is needed, in a thread of its own.

    What the iterator raises is raised here, after everything that came before it.
    """
    with ThreadPoolExecutor(max_workers=1, thread_name_prefix="read-ahead") as worker:
        waiting = worker.submit(next, items, _END)
        try:
            while (item := waiting.result()) is not _END:
                waiting = worker.submit(next, items, _END)
                yield item  # type: ignore[misc]  # it is no _END
        finally:
            if isinstance(items, Generator):
                worker.submit(items.close)  # in the thread that opened what it has open


_END = object()
