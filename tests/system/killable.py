"""The program in a process that starts at once and can be killed: forked from a server that has its modules loaded, so
that it dies at work and not at imports. It is a module of its own because the child imports it."""

import multiprocessing
import os
import signal
import sys
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import Any

SERVER = multiprocessing.get_context("forkserver")
SERVER.set_forkserver_preload(["killable", "cdi.cli"])
SAID, ASKED = "said", "asked"
"""Files in the deployment folder: what the program said, and how many statements it sent to the database."""


def start(folder: Path, url: str, words: tuple[str, ...], die_at: int = 0) -> BaseProcess:
    """`cdi WORDS` in this deployment folder on this database. With `die_at` it is killed when it is about to send
    that statement."""
    process = SERVER.Process(target=_run, args=(str(folder), url, words, die_at))
    process.start()
    return process


def _run(folder: str, url: str, words: tuple[str, ...], die_at: int) -> None:
    from cdi.cli import main

    os.chdir(folder)
    os.environ["CDI_DATABASE_URL"] = url
    with Path(SAID).open("a") as file:
        os.dup2(file.fileno(), 1)
        os.dup2(file.fileno(), 2)
    sys.argv = ["cdi", *words]
    counted = _count_statements(die_at)
    try:
        main()
    finally:
        Path(ASKED).write_text(str(counted[0]))


def _count_statements(die_at: int) -> list[int]:
    from sqlalchemy import event
    from sqlalchemy.engine import Engine

    counted = [0]

    @event.listens_for(Engine, "before_cursor_execute")
    def _(*_: Any) -> None:
        counted[0] += 1
        if counted[0] == die_at:
            os.kill(os.getpid(), signal.SIGKILL)

    return counted
