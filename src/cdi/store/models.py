"""Model versions: everything that the engine decides by, frozen; drift and training add versions."""

from datetime import datetime

from sqlalchemy import Boolean, Column, Connection, Index, Table, Text, text

from cdi.matching.model import MatchModel
from cdi.store.db import metadata
from cdi.store.sources import TIME

model = Table(
    "model",
    metadata,
    Column("version", Text, primary_key=True),
    Column("name", Text, nullable=False),  # as named in cdi.yaml
    Column("body", Text, nullable=False),
    Column("active", Boolean, nullable=False),
    Column("reason", Text, nullable=False),
    Column("created_at", TIME, nullable=False),
    Index("uq_model_active", "active", unique=True, postgresql_where=text("active")),
)


def active_model(connection: Connection) -> tuple[str, MatchModel] | None:
    """The model version that decides now, with the name that cdi.yaml gave it; None before the first."""
    row = connection.execute(text("select name, body from model where active")).one_or_none()
    return None if row is None else (row.name, MatchModel.from_json(row.body))


def named_model(connection: Connection, name: str) -> MatchModel | None:
    """The newest version under this name; None when there is none."""
    body = connection.execute(
        text("select body from model where name = :name order by created_at desc, version limit 1"),
        {"name": name},
    ).scalar()
    return None if body is None else MatchModel.from_json(body)


def activate_model(connection: Connection, name: str, body: MatchModel, reason: str, now: datetime) -> None:
    """Make this version the one that decides; versions are kept."""
    connection.execute(text("update model set active = false where active"))
    connection.execute(
        text(
            """
            insert into model (version, name, body, active, reason, created_at)
            values (:version, :name, :body, true, :reason, :now)
            on conflict (version) do update set active = true, name = excluded.name
            """
        ),
        {
            "version": body.version,
            "name": name,
            "body": body.to_json(),
            "reason": reason,
            "now": now,
        },
    )
