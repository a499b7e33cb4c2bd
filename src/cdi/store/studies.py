"""Studies of models: what each would make different, at every threshold. One that was asked for is a row until a worker
has worked it out; it holds ids and figures, never a customer's value."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

import orjson
from sqlalchemy import BigInteger, Column, Connection, Identity, Index, Table, Text
from sqlalchemy.dialects.postgresql import JSONB

from cdi.store.db import metadata, text
from cdi.store.sources import TIME

model_study = Table(
    "model_study",
    metadata,
    Column("study_id", BigInteger, Identity(always=True), primary_key=True),
    Column("model", Text, nullable=False),  # as named in cdi.yaml
    Column("author", Text, nullable=False),
    Column("wanted_at", TIME, nullable=False),
    Column("step", Text, nullable=False),
    Column("done", BigInteger, nullable=False),
    Column("total", BigInteger, nullable=False),
    Column("ended_at", TIME),
    Column("version", Text),  # of the model that was tried
    Column("found", JSONB),
    Index("uq_model_study_waiting", "model", unique=True, postgresql_where=text("ended_at is null")),
)


@dataclass(frozen=True, slots=True)
class Study:
    """A study: of which model, who asked for it, how far it is, and once it has ended what was found."""

    id: int
    model: str
    author: str
    wanted_at: datetime
    step: str
    done: int
    total: int
    ended_at: datetime | None
    version: str | None


_STUDIES = "select study_id, model, author, wanted_at, step, done, total, ended_at, version from model_study"


def ask(connection: Connection, model: str, author: str, now: datetime) -> None:
    """A study of this model is wanted; one that is waiting already is enough."""
    connection.execute(
        text(
            "insert into model_study (model, author, wanted_at, step, done, total)"
            " values (:model, :author, :now, 'waiting', 0, 0) on conflict (model) where ended_at is null do nothing"
        ),
        {"model": model, "author": author, "now": now},
    )


def oldest_waiting(connection: Connection) -> Study | None:
    """The study that is to be worked out next."""
    row = connection.execute(text(_STUDIES + " where ended_at is null order by study_id limit 1")).first()
    return None if row is None else Study(*row)


def list_studies(connection: Connection) -> list[Study]:
    """Those that wait, and of each model version the newest that has ended; newest first."""
    rows = connection.execute(
        text(
            f"{_STUDIES} s where s.ended_at is null or s.study_id ="  # noqa: S608  # a constant of ours
            " (select max(t.study_id) from model_study t where t.version = s.version) order by s.study_id desc limit 50"
        )
    )
    return [Study(*row) for row in rows]


def load_found(connection: Connection, study_id: int) -> dict[str, Any] | None:
    """What a study found; None while it is not worked out."""
    found: dict[str, Any] | None = connection.execute(
        text("select found from model_study where study_id = :id"), {"id": study_id}
    ).scalar()
    return found


def tell(connection: Connection, study_id: int, step: str, done: int, total: int) -> None:
    """How far it is."""
    connection.execute(
        text("update model_study set step = :step, done = :done, total = :total where study_id = :id"),
        {"id": study_id, "step": step, "done": done, "total": total},
    )


def finish(connection: Connection, study_id: int, version: str, found: dict[str, Any], now: datetime) -> None:
    """It is worked out; an older one of the same version is dropped."""
    connection.execute(
        text("delete from model_study where version = :version and study_id < :id"),
        {"version": version, "id": study_id},
    )
    connection.execute(
        text(
            "update model_study set step = 'done', ended_at = :now, version = :version,"
            " found = cast(:found as jsonb) where study_id = :id"
        ),
        {"id": study_id, "version": version, "found": orjson.dumps(found).decode(), "now": now},
    )


def withdraw(connection: Connection, study_id: int) -> None:
    """It is not wanted any more, or cannot be worked out."""
    connection.execute(text("delete from model_study where study_id = :id and ended_at is null"), {"id": study_id})
