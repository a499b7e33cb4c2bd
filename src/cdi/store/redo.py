"""Work that is due is a row: records to be resolved (again), with the reason and since when.

A row may be dated: what a pin or a consent leaves behind when it ends becomes due then. A record has one row for
what is due already, and one for each date ahead of it.
"""

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import BigInteger, Column, Connection, Identity, Index, Table, Text

from cdi.store.db import all_rows, metadata, run, text
from cdi.store.sources import TIME

redo = Table(
    "redo",
    metadata,
    Column("record_id", BigInteger, primary_key=True, autoincrement=False),
    Column("due_at", TIME, primary_key=True),
    Column("reason", Text, nullable=False),
    Column("queued_at", TIME, nullable=False),
    Column("ticket", BigInteger, Identity(always=False), nullable=False),  # moves when the row is queued again
    Index(None, "due_at"),
)


def queue(
    connection: Connection, record_ids: Sequence[int], reason: str, now: datetime, due: datetime | None = None
) -> None:
    """These records are due: now, or at `due`. One that is queued already keeps its age and reason.

    Rows are locked in the order of the records, and whoever works rows off passes by those that are locked: two who
    queue the same records wait for each other, but never in a circle.
    """
    if not record_ids:
        return
    connection.execute(
        text(
            """
            with due as (select distinct unnest(cast(:ids as bigint[])) as record_id),
            standing as (
                select q.record_id, q.due_at from (select record_id from due order by record_id) d
                cross join lateral (
                    select r.record_id, r.due_at from redo r
                    where r.record_id = d.record_id and (r.due_at = :due or (r.due_at <= :now and :due <= :now))
                    order by r.due_at for update
                ) q
            ),
            again as (
                update redo r set ticket = nextval(pg_get_serial_sequence('redo', 'ticket'))
                from standing s where r.record_id = s.record_id and r.due_at = s.due_at
                returning r.record_id
            )
            insert into redo (record_id, reason, queued_at, due_at)
            select d.record_id, :reason, :now, :due from due d
            where not exists (select from again where again.record_id = d.record_id) order by d.record_id
            on conflict (record_id, due_at) do update set ticket = excluded.ticket
            """
        ),
        {"ids": list(record_ids), "reason": reason, "now": now, "due": due or now},
    )


def take(connection: Connection, now: datetime, limit: int) -> dict[int, int]:
    """The records due first, with the ticket under which each was taken. Of several rows of one record that became
    due the others follow: nothing is lost."""
    rows = connection.execute(
        text("select record_id, ticket from redo where due_at <= :now order by due_at, record_id limit :limit"),
        {"now": now, "limit": limit},
    )
    return {row.record_id: row.ticket for row in rows}


def take_these(connection: Connection, record_ids: Sequence[int]) -> dict[int, int]:
    """Those of these records that are due now, with the ticket under which each was taken."""
    if not record_ids:
        return {}
    return dict(all_rows(connection, DUE, {"ids": list(record_ids)}))


def done(connection: Connection, taken: dict[int, int]) -> None:
    """Drop rows that were worked off; one that was queued again meanwhile (another ticket), or is just being queued
    again, stays."""
    if not taken:
        return
    run(connection, DONE, {"ids": list(taken), "tickets": list(taken.values())})


# One look into the index for each: the planner, who does not know how many there are, would compare each with each.
DUE = """
select d.record_id, d.ticket from unnest(cast(:ids as bigint[])) as t(record_id) cross join lateral (
    select q.record_id, q.ticket from redo q
    where q.record_id = t.record_id and q.due_at <= clock_timestamp() order by q.due_at
) d
"""
DONE = """
delete from redo r using unnest(cast(:ids as bigint[]), cast(:tickets as bigint[])) as t(record_id, ticket)
cross join lateral (
    select q.record_id, q.due_at from redo q
    where q.record_id = t.record_id and q.ticket = t.ticket for update skip locked
) d
where r.record_id = d.record_id and r.due_at = d.due_at
"""


def any_among(connection: Connection, record_ids: Sequence[int]) -> bool:
    """Whether any of these records is due now or later, or all are, since a run over everything is on."""
    asked = (
        "select exists (select from redo where record_id = any(cast(:ids as bigint[])))"
        " or exists (select from rerun where ended_at is null)"
    )
    return bool(connection.execute(text(asked), {"ids": list(record_ids)}).scalar())


def waits(connection: Connection, now: datetime) -> bool:
    """Whether anything is due, or landed and is not mapped yet."""
    asked = "select exists (select from redo where due_at <= :now) or exists (select from unmapped)"
    return bool(connection.execute(text(asked), {"now": now}).scalar())


def backlog(connection: Connection) -> tuple[int, datetime | None]:
    """How many records are due, those included that landed and are not mapped yet; and since when the oldest."""
    row = connection.execute(
        text(
            "select count(distinct record_id) as n, min(since) as oldest from ("
            "select record_id, greatest(queued_at, due_at) as since from redo where due_at <= clock_timestamp()"
            " union all select record_id, landed_at from unmapped) waiting"
        )
    ).one()
    return int(row.n), row.oldest
