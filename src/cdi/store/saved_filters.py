"""Filters of the queue that stewards keep under a name, each for themselves; no facts, so they are overwritten."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

import orjson
from sqlalchemy import Column, Connection, Table, Text
from sqlalchemy.dialects.postgresql import JSONB

from cdi.store.db import metadata, text
from cdi.store.sources import TIME

saved_filter = Table(
    "saved_filter",
    metadata,
    Column("steward", Text, primary_key=True),
    Column("name", Text, primary_key=True),
    Column("asked", JSONB, nullable=False),  # what the list of reviews is asked with
    Column("saved_at", TIME, nullable=False),
)


def save_filter(connection: Connection, steward: str, name: str, asked: Mapping[str, Any], now: datetime) -> None:
    """Keep it under this name, in place of what was kept there."""
    connection.execute(
        text(
            "insert into saved_filter (steward, name, asked, saved_at)"
            " values (:steward, :name, cast(:asked as jsonb), :now)"
            " on conflict (steward, name) do update set asked = excluded.asked, saved_at = excluded.saved_at"
        ),
        {"steward": steward, "name": name, "asked": orjson.dumps(dict(asked)).decode(), "now": now},
    )


def load_filters(connection: Connection, steward: str) -> dict[str, dict[str, Any]]:
    """What this steward keeps, by name."""
    rows = connection.execute(
        text("select name, asked from saved_filter where steward = :steward order by name"), {"steward": steward}
    )
    return {row.name: row.asked for row in rows}


def forget_filter(connection: Connection, steward: str, name: str) -> bool:
    """False when there is none of this name."""
    result = connection.execute(
        text("delete from saved_filter where steward = :steward and name = :name"), {"steward": steward, "name": name}
    )
    return bool(result.rowcount)
