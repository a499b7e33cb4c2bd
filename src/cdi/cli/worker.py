"""`cdi worker`: what is due, worked off until it is asked to stop."""

import logging
import os
import signal
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

from rich.text import Text

from cdi.cli.installed import installed, traced
from cdi.cli.terminal import HERE, Folder, err, one_line, out, until, when
from cdi.clock import utc_now
from cdi.jobs import Happening, Worker, jobs_of
from cdi.logs import configure_logging
from cdi.pipeline import Installation
from cdi.pipeline.timing import source_standing
from cdi.store.giving_way import Beside

log = logging.getLogger(__name__)
COLOURS = {"ended": "green", "failed": "red", "stopped": "yellow", "busy": "yellow"}


def worker(folder: Folder = HERE) -> None:
    """Read the sources by their schedules and resolve what is due, until Ctrl-C. Several may run; `cdi serve` needs
    none."""
    stop = threading.Event()
    with installed(folder, reading_sources=True) as installation:
        _stop_on_signals(stop)
        watched = out.is_terminal
        environment = installation.settings.environment
        configure_logging("WARNING" if watched else environment.log_level, form=environment.log_format)
        if watched:
            _announce(installation)
        with traced(installation, "cdi-worker"):
            left = Worker(installation, jobs_of(installation), _tell if watched else _log, stop).run()
    if left:
        err.print(Text(f"ended in the middle of a batch: {', '.join(left)}; it is done again", "yellow"))
        sys.stderr.flush()
        os._exit(1)  # threads that would not end are ended with the process: their last commit stands


@contextmanager
def working_beside(installation: Installation) -> Iterator[None]:
    """While the block runs, what is due is worked off by this process too."""
    stop = threading.Event()
    worker = Worker(installation, jobs_of(installation, Beside.ANSWERS), _log, stop)
    thread = threading.Thread(target=worker.run, name="worker", daemon=True)
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join()


def _stop_on_signals(stop: threading.Event) -> None:
    def ask(_signal: int, _frame: FrameType | None) -> None:
        if stop.is_set():
            raise KeyboardInterrupt  # asked twice: at once
        stop.set()

    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, ask)


def _announce(installation: Installation) -> None:
    with installation.database.unit_of_work() as connection:
        standing = source_standing(connection, installation)
    for name, source in standing.items():
        if source["next_run_at"] is not None:
            out.print(f"{name}: {source['schedule']}, {until(source['next_run_at'])}", highlight=False)
    never = [name for name, source in standing.items() if source["next_run_at"] is None]
    if never:
        out.print(f"never read here (no schedule, pushed to, or TODO): {', '.join(never)}", highlight=False)


def _tell(happening: Happening) -> None:
    retry = f"; again at {when(happening.retry_at)}" if happening.retry_at else ""
    told = f"{when(utc_now())}  {happening.job} {happening.what}"
    detail = f": {one_line(happening.detail)}" if happening.detail else ""
    out.print(Text(f"{told}{detail}{retry}", COLOURS.get(happening.what, "")), soft_wrap=True)


def _log(happening: Happening) -> None:
    level = logging.WARNING if happening.what == "failed" else logging.INFO
    extra = {"job": happening.job, "detail": one_line(happening.detail)}
    if happening.retry_at:
        extra["retry_at"] = happening.retry_at.isoformat(timespec="seconds")
    log.log(level, "job %s", happening.what, extra=extra)
