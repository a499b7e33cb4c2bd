"""What a command of cdi costs the machine: its process, the processes that it starts, and its private PostgreSQL.

Memory is the proportional share (PSS), so that what processes share is counted once; both figures are sampled. That of
cdi's own processes is told apart from PostgreSQL's, most of which are its shared buffers.
"""

import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from threading import Event, Thread

import psutil

EVERY = 0.25  # seconds
MEMORY_EVERY = 3.0
"""Seconds: the kernel walks all pages of all processes for it, which costs what is measured a good part of a core."""


@dataclass(slots=True)
class Used:
    """What was used from the start of a process to its end; `cpu_seconds` over all its processes."""

    seconds: float = 0.0
    cpu_seconds: float = 0.0
    peak_mb: float = 0.0
    own_peak_mb: float = 0.0


@contextmanager
def watched(process: "subprocess.Popen[str]", folder: Path) -> Iterator[Used]:
    """Watch this process and the PostgreSQL server of the deployment `folder` while the block runs."""
    used, ended, began = Used(), Event(), time.perf_counter()
    watching = Thread(target=_watch, args=(process.pid, folder.resolve(), used, ended), daemon=True)
    watching.start()
    try:
        yield used
    finally:
        used.seconds = time.perf_counter() - began
        ended.set()
        watching.join()


def _watch(pid: int, folder: Path, used: Used, ended: Event) -> None:
    spent: dict[int, float] = {}
    server: psutil.Process | None = None
    looked = 0.0
    while not ended.wait(EVERY):
        server = server or _server_of(folder)
        memory, due = {True: 0, False: 0}, time.perf_counter() - looked >= MEMORY_EVERY
        looked = time.perf_counter() if due else looked
        servers = _family(server.pid) if server else []
        for process in {*_family(pid), *servers}:
            try:
                memory[process in servers] += process.memory_full_info().pss if due else 0
                times = process.cpu_times()
                spent[process.pid] = times.user + times.system
            except psutil.Error:
                continue
        used.peak_mb = max(used.peak_mb, sum(memory.values()) / 2**20)
        used.own_peak_mb = max(used.own_peak_mb, memory[False] / 2**20)
        used.cpu_seconds = sum(spent.values())


def _family(pid: int) -> list[psutil.Process]:
    try:
        process = psutil.Process(pid)
        return [process, *process.children(recursive=True)]
    except psutil.Error:
        return []


def _server_of(folder: Path) -> psutil.Process | None:
    """The first process of the PostgreSQL server whose data lie in the deployment's folder."""
    for process in psutil.process_iter(["name"]):
        try:
            parent = process.parent()
            if process.info["name"] == "postgres" and Path(process.cwd()).is_relative_to(folder):
                return process if parent is None or parent.name() != "postgres" else parent
        except psutil.Error:
            continue
    return None
