"""Work that is due is a row: records to be resolved (again), with the reason and since when."""

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import BigInteger, Column, Connection, Index, Table, Text, text

from cdi.store.db import copy_rows, metadata
from cdi.store.sources import TIME

redo = Table(
    "redo",
    metadata,
    Column("record_id", BigInteger, primary_key=True, autoincrement=False),
    Column("reason", Text, nullable=False),
    Column("queued_at", TIME, nullable=False),
    Column("due_at", TIME, nullable=False),
    Column("ticket", BigInteger, nullable=False, server_default="0"),  # moves when the row is queued again
    Index(None, "due_at"),
)


def queue(connection: Connection, record_ids: Sequence[int], reason: str, now: datetime) -> None:
    """These records are due; one that is queued already keeps its age and reason."""
    connection.execute(text("create temporary table if not exists due (record_id bigint) on commit drop"))
    connection.execute(text("truncate due"))
    copy_rows(connection, "due", ("record_id",), ((i,) for i in sorted(set(record_ids))))
    connection.execute(
        text(
            """
            insert into redo (record_id, reason, queued_at, due_at)
            select record_id, :reason, :now, :now from due order by record_id
            on conflict (record_id) do update
            set ticket = redo.ticket + 1, due_at = least(redo.due_at, excluded.due_at)
            """
        ),
        {"reason": reason, "now": now},
    )


def take(connection: Connection, now: datetime, limit: int) -> dict[int, int]:
    """The records due first, with the ticket under which each was taken."""
    rows = connection.execute(
        text("select record_id, ticket from redo where due_at <= :now order by due_at, record_id limit :limit"),
        {"now": now, "limit": limit},
    )
    return {row.record_id: row.ticket for row in rows}


def done(connection: Connection, taken: dict[int, int]) -> None:
    """Drop rows that were worked off; one queued again meanwhile (another ticket) stays."""
    connection.execute(
        text(
            """
            delete from redo r using unnest(cast(:ids as bigint[]), cast(:tickets as bigint[])) as t(record_id, ticket)
            where r.record_id = t.record_id and r.ticket = t.ticket
            """
        ),
        {"ids": list(taken), "tickets": list(taken.values())},
    )


def backlog(connection: Connection) -> tuple[int, datetime | None]:
    """How many records are due, and since when the oldest."""
    row = connection.execute(text("select count(*) as n, min(queued_at) as oldest from redo")).one()
    return int(row.n), row.oldest
