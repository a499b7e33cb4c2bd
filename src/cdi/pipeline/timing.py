"""How sources stand: when each is read next, and how old what it said is."""

from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy import Connection

from cdi.clock import utc_now
from cdi.pipeline.installation import Installation
from cdi.schedule import LastRun, due_at
from cdi.settings import PUSH
from cdi.store import sources
from cdi.store.jobs import JobState
from cdi.store.sources import RunState

LATE = 300
"""Seconds by which a reading may be late before anybody has to look."""


def reading_job(name: str) -> str:
    """What the job that reads this source is called."""
    return f"read {name}"


def wanted_since(job: JobState | None, state: RunState | None) -> datetime | None:
    """When somebody asked for a reading that was not begun since; None if nobody did."""
    if job is None or job.wanted_at is None:
        return None
    return job.wanted_at if state is None or state.started_at < job.wanted_at else None


def next_reading(installation: Installation, name: str, state: RunState | None, now: datetime) -> datetime | None:
    """When the worker reads this source next; None if it never does: no schedule, pushed to, or not all is said.

    One that was never read, or stopped half way, is read at once.
    """
    system = installation.source(name)
    if system.schedule is None or system.connector == PUSH or system.unsaid():
        return None
    last = None
    if state is not None and state.status != "stopped":
        last = LastRun(state.started_at, state.ended_at, state.failures)
    zone = ZoneInfo(installation.deployment.company.timezone)
    return due_at(system.schedule, last, zone, name) or now


def timing(installation: Installation, name: str, state: RunState | None, now: datetime) -> dict[str, Any]:
    """The schedule of a source; `next_run_at`; `lag_seconds`, the age of what it said (None: never read to its end);
    `overdue_seconds`, how long the next run should have begun, and whether that is `late`; `failures` in a row;
    `running`."""
    system = installation.source(name)
    next_run = next_reading(installation, name, state, now)
    running = state is not None and state.status == "running"
    known_until = state.known_until if state else None
    overdue = (now - next_run).total_seconds() if next_run and not running else 0.0
    return {
        "schedule": str(system.schedule) if system.schedule else None,
        "running": running,
        "next_run_at": next_run,
        "lag_seconds": round((now - known_until).total_seconds()) if known_until else None,
        "overdue_seconds": max(0, round(overdue)),
        "late": overdue > LATE,
        "failures": state.failures if state else 0,
    }


def source_standing(connection: Connection, installation: Installation) -> dict[str, dict[str, Any]]:
    """By source of cdi.yaml: its figures, its last run, and its `timing`."""
    names, now = list(installation.deployment.sources), utc_now()
    figures, states = sources.source_figures(connection), sources.run_states(connection, names)
    return {name: {**figures.get(name, {}), **timing(installation, name, states.get(name), now)} for name in names}
