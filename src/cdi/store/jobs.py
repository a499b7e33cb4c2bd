"""What recurs and is not the reading of a source: when each job was last begun and ended, and how it went. How sources
were read stands in `sync_run`."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Column, Connection, Integer, Table, Text

from cdi.store.db import metadata, text
from cdi.store.sources import TIME

job = Table(
    "job",
    metadata,
    Column("name", Text, primary_key=True),
    Column("started_at", TIME, nullable=False),
    Column("ended_at", TIME),
    Column("failures", Integer, nullable=False),  # in a row; one that was begun counts until it has ended well
    Column("error", Text),
    Column("wanted_at", TIME),  # somebody asked for it then
)


@dataclass(frozen=True, slots=True)
class JobState:
    """How a job stands. `failures` in a row: a run that was killed is one of them. `wanted_at`: somebody asked for it
    since it was last begun."""

    started_at: datetime
    ended_at: datetime | None
    failures: int
    error: str | None
    wanted_at: datetime | None


def job_states(connection: Connection) -> dict[str, JobState]:
    """How all jobs stand; those that never ran and that nobody asked for are left out."""
    rows = connection.execute(text("select name, started_at, ended_at, failures, error, wanted_at from job"))
    return {row.name: JobState(*row[1:]) for row in rows}


def want(connection: Connection, name: str, now: datetime) -> None:
    """Ask for a job: the worker begins it at once, or again when it has ended."""
    connection.execute(
        text(
            "insert into job (name, started_at, ended_at, failures, wanted_at)"
            " values (:name, to_timestamp(0), to_timestamp(0), 0, :now)"
            " on conflict (name) do update set wanted_at = excluded.wanted_at"
        ),
        {"name": name, "now": now},
    )


def begin(connection: Connection, name: str, now: datetime) -> None:
    """It is begun; until it ends it counts as failed, so that one that dies each time is not begun without a pause."""
    connection.execute(
        text(
            "insert into job (name, started_at, failures) values (:name, :now, 1)"
            " on conflict (name) do update set started_at = excluded.started_at, ended_at = null,"
            " failures = job.failures + 1, wanted_at = null"
        ),
        {"name": name, "now": now},
    )


def end(connection: Connection, name: str, now: datetime, error: str | None) -> None:
    """It ended, well if there is no error."""
    connection.execute(
        text(
            "update job set ended_at = :now, error = :error,"
            " failures = case when cast(:error as text) is null then 0 else failures end where name = :name"
        ),
        {"name": name, "now": now, "error": error},
    )


def workers(connection: Connection) -> Sequence[str]:
    """Who works off what is due, on this database: `process 4711 on host`."""
    rows = connection.execute(
        text(
            "select distinct application_name from pg_stat_activity"
            " where datname = current_database() and application_name like 'cdi worker%' order by 1"
        )
    )
    return [row.application_name.partition(", ")[2] for row in rows]
