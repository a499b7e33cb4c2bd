"""Long work that may wait gives way to those who read and push: its processes in a private server are lighter than
theirs when the processors are dealt out, and keep to one processor, so that the others are free for whoever asks. What
the server has to write meanwhile it may write from there too.

A process that slept is else woken in the place of one that is just answering, on whichever processor that is, and stays
there for some milliseconds. On a server elsewhere nothing is changed: its processes are not ours.
"""

import os
import time
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext, suppress
from enum import Enum, auto
from pathlib import Path
from typing import Any, Final

import psutil
from sqlalchemy import event

from cdi.store.db import Database, text

WRITERS: Final = ("walwriter", "checkpointer", "background writer")
"""Processes of the server that write, for all of its connections, by the last word of their titles."""
NICE: Final = 10
"""A tenth of the weight of others. Less would let those wait too long who wait for a lock of this work."""
TRIES: Final = 10
"""The kernel takes ten changes a second, of all users together."""


class Beside(Enum):
    """What the process of such work does besides."""

    NOTHING = auto()
    WORK = auto()  # that may wait too
    ANSWERS = auto()


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

    try:
        yield apart
    finally:
        apart.close()


@contextmanager
def thread_gives_way(beside: Beside) -> Iterator[None]:
    """The calling thread gives way as the connections of `giving_way` do, on the same processor: it works when they do
    not. So does its session as a whole if the process leads it and does nothing else. A process that answers is left as
    it is: its threads wait for each other. Where the system knows weights of threads.

    It is to end with this work: only root may make a thread as heavy again as it was.
    """
    processors = _allowed()
    if not processors or beside is Beside.ANSWERS:
        yield
        return
    weight = os.getpriority(os.PRIO_PROCESS, 0)
    try:
        _weigh(0, max(weight, NICE))
        _keep_to(0, _last_of(processors))
        with _session_gives_way() if beside is Beside.NOTHING and os.getsid(0) == os.getpid() else nullcontext():
            yield
    finally:
        _keep_to(0, processors)
        _weigh(0, weight)


@contextmanager
def _session_gives_way() -> Iterator[None]:
    group = Path("/proc/self/autogroup")
    try:
        weight = int(group.read_text().split()[-1])
    except (OSError, ValueError, IndexError):  # a system, or a process, without
        yield
        return
    _weigh_group(group, max(weight, NICE))
    try:
        yield
    finally:
        _weigh_group(group, weight)


@contextmanager
def writers_aside(database: Database) -> Iterator[None]:
    """Meanwhile the server of this private database writes log and pages, most of which is of those who give way, on
    the processor that they keep to; afterwards where the server itself may. Its processes are as heavy as ever. Two
    such at once: the first to end ends it for both."""
    with database.reading() as connection:
        server = _server_of(connection.execute(text("select pg_backend_pid()")).scalar_one())
    if server is None:
        yield
        return
    writers = _writers_of(server)
    try:
        for writer in writers:
            _keep_to(writer, _last_of(_allowed()))
        yield
    finally:
        for writer in writers:
            _keep_to(writer, _allowed(server))


def _server_of(backend: int) -> int | None:
    """The process that began this one, if this one is a server's."""
    with suppress(psutil.Error):
        return psutil.Process(backend).ppid() if _is_of_server(backend) else None
    return None


def _writers_of(server: int) -> list[int]:
    with suppress(psutil.Error, OSError):
        return [one.pid for one in psutil.Process(server).children() if _title_of(one.pid).endswith(WRITERS)]
    return []


def make_light(process: int) -> None:
    """Let this process of the server give way, where the system knows how. Where each session is a group of its own
    (Linux's autogroup), what counts is the weight of the group, and each process of PostgreSQL is a session."""
    if _is_of_server(process):
        with suppress(OSError):
            _weigh(process, max(os.getpriority(os.PRIO_PROCESS, process), NICE))
        _keep_to(process, _last_of(_allowed()))
        _weigh_group(Path("/proc") / str(process) / "autogroup", NICE)


def _is_of_server(process: int) -> bool:
    """Not so if the server counts its processes otherwise than we do, in a container of its own."""
    return _title_of(process).startswith("postgres:")


def _title_of(process: int) -> str:
    with suppress(psutil.Error, OSError):  # it may have ended
        return " ".join(psutil.Process(process).cmdline()).strip()
    return ""


def _weigh(process: int, nice: int) -> None:
    with suppress(OSError):
        os.setpriority(os.PRIO_PROCESS, process, nice)


def _allowed(process: int = 0) -> set[int]:
    """The processors that a process, or this thread, may use; none where the system does not tell (all but Linux)."""
    with suppress(OSError):  # it may have ended
        return os.sched_getaffinity(process) if hasattr(os, "sched_getaffinity") else set()
    return set()


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
