"""Runs over everything that must come to their end: a new model, other rules, a full run. The row says how far the run
is; it outlives its process, so that the next one goes on and nobody takes half a run for a whole one."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any, Final

from sqlalchemy import BigInteger, Column, Connection, Identity, Index, Table, Text

from cdi.store.db import is_held, metadata, text
from cdi.store.sources import TIME

LOCK: Final = "run over everything"
"""Who holds this lock does the run."""

rerun = Table(
    "rerun",
    metadata,
    Column("rerun_id", BigInteger, Identity(always=True), primary_key=True),
    Column("reason", Text, nullable=False),
    Column("model", Text, nullable=False),  # as named in cdi.yaml
    Column("version", Text, nullable=False),
    Column("step", Text, nullable=False),
    Column("done", BigInteger, nullable=False),
    Column("total", BigInteger, nullable=False),
    Column("started_at", TIME, nullable=False),
    Column("told_at", TIME, nullable=False),
    Column("paused_at", TIME),
    Column("ended_at", TIME),
    Column("outcome", Text),  # done, or superseded by a run with another model
    Index("ix_rerun_unfinished", "rerun_id", postgresql_where=text("ended_at is null")),
)


@dataclass(frozen=True, slots=True)
class Rerun:
    """A run over everything: why, with which model version, how far it is, and whether it is to wait."""

    rerun_id: int
    reason: str
    model: str
    version: str
    step: str
    done: int
    total: int
    started_at: datetime
    told_at: datetime
    paused_at: datetime | None


UNFINISHED = """
select rerun_id, reason, model, version, step, done, total, started_at, told_at, paused_at
from rerun where ended_at is null
"""


def unfinished(connection: Connection) -> Rerun | None:
    """The run that has not come to its end."""
    row = connection.execute(text(UNFINISHED)).one_or_none()
    return None if row is None else Rerun(*row)


def begin(connection: Connection, reason: str, model: str, version: str, now: datetime) -> Rerun:
    """A new run; an unfinished one with the same model version goes on, one with another is superseded."""
    connection.execute(
        text("update rerun set ended_at = :now, outcome = 'superseded' where ended_at is null and version <> :version"),
        {"version": version, "now": now},
    )
    connection.execute(
        text(
            "insert into rerun (reason, model, version, step, done, total, started_at, told_at)"
            " select :reason, :model, :version, 'start', 0, 0, :now, :now"
            " where not exists (select from rerun where ended_at is null)"
        ),
        {"reason": reason, "model": model, "version": version, "now": now},
    )
    found = unfinished(connection)
    assert found is not None
    return found


def tell(connection: Connection, rerun_id: int, step: str, done: int, total: int, now: datetime) -> bool:
    """How far the run is; whether it is to wait."""
    paused_at = connection.execute(
        text(
            "update rerun set step = :step, done = :done, total = :total, told_at = :now"
            " where rerun_id = :id returning paused_at"
        ),
        {"id": rerun_id, "step": step, "done": done, "total": total, "now": now},
    ).scalar()
    return paused_at is not None


def pause(connection: Connection, now: datetime) -> bool:
    """The unfinished run is to wait; False when there is none."""
    result = connection.execute(
        text("update rerun set paused_at = coalesce(paused_at, :now) where ended_at is null"), {"now": now}
    )
    return bool(result.rowcount)


def go_on(connection: Connection) -> bool:
    """The unfinished run is not to wait any more; False when there is none."""
    return bool(connection.execute(text("update rerun set paused_at = null where ended_at is null")).rowcount)


def finish(connection: Connection, rerun_id: int, now: datetime) -> None:
    """The run has come to its end."""
    connection.execute(
        text("update rerun set ended_at = :now, outcome = 'done' where rerun_id = :id"), {"id": rerun_id, "now": now}
    )


def status(connection: Connection) -> dict[str, Any] | None:
    """The unfinished run, for people; `state` is running, paused, or interrupted (its process ended)."""
    found = unfinished(connection)
    if found is None:
        return None
    state = "paused" if found.paused_at else "running" if is_held(connection, LOCK) else "interrupted"
    return {name: value for name, value in asdict(found).items() if name != "rerun_id"} | {"state": state}


def leave_to_the_end(connection: Connection, record_ids: Sequence[int]) -> None:
    """These records were clustered while a run is on, under the model that still decides: its end looks at them
    again."""
    connection.execute(
        text(
            "update normalised set touched = nextval('touch') where record_id = any(cast(:ids as bigint[]))"
            " and exists (select from rerun where ended_at is null)"
        ),
        {"ids": list(record_ids)},
    )
