"""Pure work on very many records is divided among processes, one a core; what is written stays the caller's.

The processes are started when there is the first such work, and end with the `with` block.
"""

import os
import signal
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ProcessPoolExecutor
from multiprocessing import connection, get_context, parent_process
from multiprocessing.context import ForkServerContext
from threading import Thread
from types import TracebackType
from typing import Any, Final, TypeVar

from cdi.collecting import collect_seldom

Task = TypeVar("Task")
Result = TypeVar("Result")

WORTH_IT: Final = 20_000
"""From so many records on, processes of their own take less time than their start."""


class Workers:
    """Processes that wait for work. Functions and tasks must be picklable; nothing is shared with the caller."""

    def __init__(self) -> None:
        self._pool: ProcessPoolExecutor | None = None
        self.count = min(_cores(), 8)

    def __enter__(self) -> "Workers":
        return self

    def __exit__(self, kind: type[BaseException] | None, error: Any, trace: TracebackType | None) -> None:
        if self._pool is not None:
            self._pool.shutdown(cancel_futures=True)
            self._pool = None

    def each(self, function: Callable[[Task], Result], tasks: Iterable[Task]) -> Iterator[Result]:
        """`function` of every task, in their order; only a few tasks ahead of the one that is asked for are begun."""
        if self._pool is None:
            self._pool = ProcessPoolExecutor(self.count, _context(), _begin)
        waiting: deque[Future[Result]] = deque()
        for task in tasks:
            waiting.append(self._pool.submit(function, task))
            if len(waiting) > 2 * self.count:
                yield waiting.popleft().result()
        while waiting:
            yield waiting.popleft().result()


def _context() -> ForkServerContext:
    """Processes forked from one that has loaded the program and nothing else: no thread, no connection is inherited,
    and the loading, which takes seconds, is done once for all."""
    context = get_context("forkserver")
    context.set_forkserver_preload(["__main__", "cdi.pipeline"])
    return context


def _begin() -> None:
    """A worker ends with the process that it works for, however that ends; to be told to stop is that one's business,
    which ends its batch first."""
    collect_seldom()
    for told_to_stop in (signal.SIGINT, signal.SIGTERM):
        signal.signal(told_to_stop, signal.SIG_IGN)
    parent = parent_process()
    if parent is not None:
        Thread(target=_end_with, args=(parent.sentinel,), daemon=True).start()


def _end_with(sentinel: int) -> None:
    connection.wait([sentinel])
    os._exit(1)


def _cores() -> int:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
