"""A reading that somebody asks for now: the worker begins it, whatever the schedule says. How far it is, for who waits.

What was asked for is a row, so it outlives us; it is done when a run has begun after it was asked for.
"""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection

from cdi.access import Caller
from cdi.errors import InvalidInputError
from cdi.pipeline import Installation
from cdi.pipeline.timing import reading_job, timing, wanted_since
from cdi.settings import PUSH
from cdi.sources.connected import demand_visible
from cdi.store import jobs, redo, sources


def ask_for_reading(
    connection: Connection, installation: Installation, caller: Caller, name: str, now: datetime
) -> None:
    """The worker shall read this source at once. Raises InvalidInputError where there is nothing to read, or where
    cdi.yaml leaves something unsaid."""
    demand_visible(installation, caller, name)
    system = installation.source(name)
    if system.connector == PUSH:
        raise InvalidInputError(f"the source {name} is pushed to", remedy="Its application sends what is new by itself")
    if system.unsaid():
        raise InvalidInputError(f"cdi.yaml leaves something unsaid of {name}", remedy="Say it there, where TODO stands")
    jobs.want(connection, reading_job(name), now)


@dataclass(frozen=True, slots=True)
class Standing:
    """How a source stands at this moment. `asked_at`: somebody wants it to be read and it was not begun since;
    `read` of a run that goes on, in records; `unresolved` records of all sources wait; `workers` work here."""

    timing: dict[str, Any]
    last_run: datetime | None
    asked_at: datetime | None
    counts: dict[str, Any]
    unresolved: int
    workers: int

    @property
    def reading(self) -> bool:
        """Whether it is being read, or is about to."""
        return bool(self.timing["running"] or (self.workers and self.asked_at))

    @property
    def busy(self) -> bool:
        """Whether something goes on that will be different in a moment."""
        return self.reading or bool(self.workers and self.unresolved)


def standing(connection: Connection, installation: Installation, caller: Caller, name: str, now: datetime) -> Standing:
    """How this source stands. Raises NotFoundError for one that the caller may not see."""
    demand_visible(installation, caller, name)
    state = sources.run_states(connection, [name]).get(name)
    said = timing(installation, name, state, now)
    last = sources.list_runs(connection, name, 1)
    return Standing(
        said,
        state.known_until if state else None,
        wanted_since(jobs.job_states(connection).get(reading_job(name)), state),
        last[0]["counts"] if last and said["running"] else {},
        redo.backlog(connection)[0],
        len(jobs.workers(connection)),
    )
