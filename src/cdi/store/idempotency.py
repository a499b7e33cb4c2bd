"""Requests that were answered: the same key again gets the same answer for a day. No bodies are kept, only a hash of
what was asked and the figures of what was said."""

from datetime import datetime, timedelta
from typing import Any, Final

import orjson
from sqlalchemy import Column, Connection, Index, LargeBinary, Table, Text
from sqlalchemy.dialects.postgresql import JSONB

from cdi.errors import ConflictError
from cdi.store.db import metadata, text
from cdi.store.sources import TIME

KEPT: Final = timedelta(hours=24)

idempotency = Table(
    "idempotency",
    metadata,
    Column("caller", Text, primary_key=True),
    Column("route", Text, primary_key=True),
    Column("key", Text, primary_key=True),
    Column("asked", LargeBinary, nullable=False),
    Column("answer", JSONB, nullable=False),
    Column("at", TIME, nullable=False),
    Index(None, "at"),
)


def earlier_answer(
    connection: Connection, caller: str, route: str, key: str, asked: bytes, now: datetime
) -> dict[str, Any] | None:
    """What was answered to this request before; None the first time.

    Raises ConflictError when the key was used for another request.
    """
    row = connection.execute(
        text(
            "select asked, answer from idempotency where caller = :caller and route = :route and key = :key"
            " and at > :since"
        ),
        {"caller": caller, "route": route, "key": key, "since": now - KEPT},
    ).one_or_none()
    if row is None:
        return None
    if bytes(row.asked) != asked:
        raise ConflictError("this Idempotency-Key was used for another request", remedy="Use a new key")
    return dict(row.answer)


def remember_answer(
    connection: Connection, caller: str, route: str, key: str, asked: bytes, answer: dict[str, Any], now: datetime
) -> None:
    """Keep the answer for a day; older ones are dropped in passing."""
    connection.execute(text("delete from idempotency where at <= :since"), {"since": now - KEPT})
    connection.execute(
        text(
            "insert into idempotency (caller, route, key, asked, answer, at)"
            " values (:caller, :route, :key, :asked, cast(:answer as jsonb), :now)"
            " on conflict (caller, route, key) do nothing"
        ),
        {
            "caller": caller,
            "route": route,
            "key": key,
            "asked": asked,
            "answer": orjson.dumps(answer).decode(),
            "now": now,
        },
    )
