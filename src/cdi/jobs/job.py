"""A job: its name, when it is due, and what works it off."""

import threading
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import TypeAlias
from zoneinfo import ZoneInfo

from sqlalchemy import Connection

from cdi.errors import StoppedError
from cdi.pipeline import Installation
from cdi.pipeline.timing import next_reading, reading_job, wanted_since
from cdi.schedule import LastRun, Schedule, due_at, wait_after
from cdi.store import jobs, received, sources
from cdi.store.jobs import JobState
from cdi.store.sources import RunState


@dataclass(frozen=True, slots=True)
class Standing:
    """What one look at the database says of all that may be due."""

    now: datetime
    sources: dict[str, RunState]
    told: dict[str, list[str]]  # by source, the streams that deliveries pointed to
    jobs: dict[str, JobState]

    @classmethod
    def seen(cls, connection: Connection, installation: Installation, now: datetime) -> "Standing":
        """The standing at this moment."""
        names = list(installation.deployment.sources)
        return cls(now, sources.run_states(connection, names), received.due(connection), jobs.job_states(connection))


class Going:
    """How far a job has come, and whether it shall go on. Told after each batch."""

    def __init__(self, stop: threading.Event, tell: Callable[[str, int, int], None]) -> None:
        self._stop = stop
        self._tell = tell

    def __call__(self, step: str, done: int, of: int = 0) -> None:
        """Raises StoppedError when the worker was asked to stop."""
        self._tell(step, done, of)
        if self._stop.is_set():
            raise StoppedError("stopped between two batches", remedy="What was done stays, the next run goes on there")


Due: TypeAlias = Callable[[Connection, Standing], datetime | None]
"""When a job is to be begun next, as far as is known now; None: nothing is to be done."""
Work: TypeAlias = Callable[[Installation, Standing, Going], str | None]
"""Works off what is due, batch by batch, each its own commit; tells what it did, or None for nothing worth telling."""


@dataclass(frozen=True, slots=True)
class Job:
    """`keeps_book`: whether its runs stand in the table of jobs; the readings of sources stand in `sync_run`."""

    name: str
    due: Due
    work: Work
    keeps_book: bool = True


def periodic(installation: Installation, name: str, schedule: str, work: Work, since: datetime | None = None) -> Job:
    """A job by the clock, an interval or a cron expression; after a failure again when a growing wait is over. One that
    never ran is begun at once, or at its first time after `since`."""
    when, zone = Schedule.parse(schedule), ZoneInfo(installation.deployment.company.timezone)

    def due(_: Connection, standing: Standing) -> datetime | None:
        state = standing.jobs.get(name)
        if state is None and since is not None:
            return when.after(since, zone)
        if state is None or (state.wanted_at and not state.failures):
            return standing.now
        return due_at(when, LastRun(state.started_at, state.ended_at, state.failures), zone, name)

    return Job(name, due, work)


def draining(name: str, waits: Callable[[Connection, datetime], bool], work: Work, *, after_kill: bool = False) -> Job:
    """A job for rows: begun whenever some wait; after a failure when a growing wait is over, after a kill too unless
    `after_kill` says that it goes on at once."""

    def due(connection: Connection, standing: Standing) -> datetime | None:
        if not waits(connection, standing.now):
            return None
        state = standing.jobs.get(name)
        if state is None or not state.failures or (after_kill and state.ended_at is None):
            return standing.now
        return (state.ended_at or state.started_at) + wait_after(state.failures, f"{name} {state.started_at}")

    return Job(name, due, work)


def on_request(name: str, work: Work) -> Job:
    """A job that is done when somebody asks for it, and only then."""

    def due(_: Connection, standing: Standing) -> datetime | None:
        state = standing.jobs.get(name)
        return standing.now if state is not None and state.wanted_at is not None else None

    return Job(name, due, work)


def reading(installation: Installation, source: str, work: Work) -> Job:
    """The reading of a source: by its schedule, when somebody asks for it, and when a delivery said that there is
    something new."""

    def due(_: Connection, standing: Standing) -> datetime | None:
        state = standing.sources.get(source)
        if wanted_since(standing.jobs.get(reading_job(source)), state):
            return standing.now
        scheduled = next_reading(installation, source, state, standing.now)
        if source not in standing.told:
            return scheduled
        if state is None or not state.failures:
            return standing.now
        return (state.ended_at or state.started_at) + wait_after(state.failures, f"{source} {state.started_at}")

    return Job(reading_job(source), due, work, keeps_book=False)
