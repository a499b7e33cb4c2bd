"""Long work that may wait gives way to those who read and push: its processes in a private server are lighter than
theirs when the processors are dealt out, and keep to one processor, so that the others are free for whoever asks. What
the server then has to write it writes from there too.

A process that slept is else woken in the place of one that is just answering, on whichever processor that is, and stays
there for some milliseconds. On a server elsewhere nothing is changed: its processes are not ours.
"""

import os
import time
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext, suppress
from pathlib import Path
from typing import Any, Final

import psutil
from sqlalchemy import event

from cdi.store.db import Database

WRITERS: Final = ("walwriter", "checkpointer", "background writer")
"""Processes of the server that write, for all of its connections, by the last word of their titles."""
NICE: Final = 10
"""A tenth of the weight of others. Less would let those wait too long who wait for a lock of this work."""
TRIES: Final = 3
"""The kernel takes ten changes a second, of all users together."""


@contextmanager
def giving_way(database: Database, *, private: bool) -> Iterator[Database]:
    """The same database: if it is the private one, what is done in it gives way to others (but for what is looked up
    beside, see `Database.looking_up`)."""
    if not private:
        yield database
        return
    apart = Database(database.url)

    @event.listens_for(apart.engine, "connect")
    def _(connection: Any, _record: Any) -> None:
        make_light(connection.info.backend_pid)
        put_writers_aside(connection.info.backend_pid)

    try:
        yield apart
    finally:
        apart.close()


@contextmanager
def thread_gives_way(*, alone: bool = False) -> Iterator[None]:
    """The calling thread gives way as the connections of `giving_way` do, on the same processor: it works when they do
    not. So does its session as a whole if it is this process's own, and the process does nothing else (`alone`). Where
    the system knows weights of threads.

    It is to end with this work: only root may make a thread as heavy again as it was.
    """
    processors = _allowed()
    if not processors:
        yield
        return
    weight = os.getpriority(os.PRIO_PROCESS, 0)
    os.setpriority(os.PRIO_PROCESS, 0, max(weight, NICE))
    _keep_to(0, _last_of(processors))
    try:
        with _session_gives_way() if alone and os.getsid(0) == os.getpid() else nullcontext():
            yield
    finally:
        _keep_to(0, processors)
        with suppress(PermissionError):
            os.setpriority(os.PRIO_PROCESS, 0, weight)


@contextmanager
def _session_gives_way() -> Iterator[None]:
    group = Path("/proc/self/autogroup")
    if not group.exists():
        yield
        return
    weight = int(group.read_text().split()[-1])
    _weigh_group(group, max(weight, NICE))
    try:
        yield
    finally:
        _weigh_group(group, weight)


def make_light(process: int) -> None:
    """Let this process of the server give way, where the system knows how. Where each session is a group of its own
    (Linux's autogroup), what counts is the weight of the group, and each process of PostgreSQL is a session."""
    about = Path("/proc") / str(process)
    with suppress(OSError):
        if (about / "cmdline").read_bytes().startswith(b"postgres:"):
            os.setpriority(os.PRIO_PROCESS, process, NICE)
            _keep_to(process, _last_of(_allowed()))
            _weigh_group(about / "autogroup", NICE)


def put_writers_aside(process: int) -> None:
    """Let what the server of this process has to write, of log and of pages, be written on the processor of those who
    give way, for as long as it runs: much of it is theirs. It is as heavy as ever."""
    with suppress(psutil.Error):
        server = psutil.Process(process).parent()
        for other in server.children() if server else ():
            if _title_of(other).endswith(WRITERS):
                _keep_to(other.pid, _last_of(_allowed()))


def _title_of(process: psutil.Process) -> str:
    with suppress(psutil.NoSuchProcess):  # one may end while we look
        return " ".join(process.cmdline()).strip()
    return ""


def _allowed() -> set[int]:
    """The processors that we may use; none where the system does not tell (all but Linux)."""
    return os.sched_getaffinity(0) if hasattr(os, "sched_getaffinity") else set()


def _last_of(processors: set[int]) -> set[int]:
    return set(sorted(processors)[-1:])


def _keep_to(process: int, processors: set[int]) -> None:
    if processors:
        with suppress(OSError):
            os.sched_setaffinity(process, processors)


def _weigh_group(group: Path, nice: int) -> None:
    with suppress(OSError):
        for _ in range(TRIES):
            try:
                group.write_text(str(nice))
            except BlockingIOError:
                time.sleep(0.1)
            else:
                return
