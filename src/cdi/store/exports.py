"""The folders that customers were exported into, and whose rows have to leave the files there.

A profile that had a record which is erased or kept no longer is a row here until the files of every folder are without
it. The change feed says something of it after them, so that whoever applies files in their order misses nothing.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import BigInteger, Boolean, Column, Connection, Identity, Table, Text, Uuid

from cdi.store.db import metadata, resolver_lock, text
from cdi.store.sources import TIME

export_folder = Table(
    "export_folder",
    metadata,
    Column("folder", Text, primary_key=True),
    Column("first_at", TIME, nullable=False),
    Column("last_at", TIME, nullable=False),
    Column("cleared_to", BigInteger, nullable=False, server_default="0"),  # the ticket of what its files are without
    Column("cleared_at", TIME),
    Column("missing", Boolean, nullable=False, server_default="false"),  # it was not there when it was to be cleared
)

export_clearing = Table(
    "export_clearing",
    metadata,
    Column("ticket", BigInteger, Identity(always=True), primary_key=True),
    Column("profile_id", Uuid, nullable=False),
    Column("before", BigInteger, nullable=False),  # files up to an earlier cursor of the feed may hold the values
    Column("queued_at", TIME, nullable=False),
)


def note_folder(connection: Connection, folder: str, now: datetime) -> None:
    """Customers are about to be exported into this folder. Whoever is erased from here on is taken out of its files."""
    known = connection.execute(
        text("update export_folder set last_at = :now where folder = :folder"), {"folder": folder, "now": now}
    )
    if not known.rowcount:
        resolver_lock(connection)  # an erasure that is under way has looked for folders already: it ends first
        connection.execute(
            text(
                "insert into export_folder (folder, first_at, last_at) values (:folder, :now, :now)"
                " on conflict (folder) do nothing"
            ),
            {"folder": folder, "now": now},
        )


QUEUE = """
insert into export_clearing (profile_id, before, queued_at)
select profile_id, max(before), :now from (
    select m.profile_id, (select last + 1 from feed_counter) as before
    from membership m where m.record_id = any(cast(:ids as bigint[]))
    union all
    select c.profile_id, (select max(f.cursor) from feed f where f.profile_id = c.profile_id and f.at <= c.until)
    from carried c where c.record_id = any(cast(:ids as bigint[]))
) had where before is not null and exists (select from export_folder)
group by profile_id order by profile_id
"""


def queue_clearing(connection: Connection, record_ids: Sequence[int], now: datetime) -> None:
    """The rows of all profiles that had one of these records have to leave the files that were exported while they
    had it. To be said before the feed does, under the resolver's lock."""
    connection.execute(text(QUEUE), {"ids": list(record_ids), "now": now})


def last_ticket(connection: Connection) -> int | None:
    """The newest that waits; None if nothing does."""
    ticket: int | None = connection.execute(text("select max(ticket) from export_clearing")).scalar()
    return ticket


def waits(connection: Connection, settled: datetime, long_ago: datetime) -> bool:
    """Whether rows wait, and the last since `settled` or the first since `long_ago`: many are done at once."""
    asked = "select max(queued_at) <= :settled or min(queued_at) <= :long_ago from export_clearing"
    return bool(connection.execute(text(asked), {"settled": settled, "long_ago": long_ago}).scalar())


@dataclass(frozen=True, slots=True)
class Taken:
    """What waits: by profile, the cursor before which a file may hold what has to leave it. All tickets up to
    `ticket`."""

    ticket: int
    before: dict[UUID, int]


def take_clearing(connection: Connection) -> Taken | None:
    """All that waits; None if nothing does."""
    rows = connection.execute(text("select ticket, profile_id, before from export_clearing order by ticket")).all()
    before: dict[UUID, int] = {}
    for row in rows:
        before[row.profile_id] = max(row.before, before.get(row.profile_id, 0))
    return Taken(rows[-1].ticket, before) if rows else None


def uncleared_folders(connection: Connection, ticket: int) -> list[str]:
    """Folders whose files may still hold what waits up to this ticket."""
    asked = "select folder from export_folder where cleared_to < :ticket order by folder"
    return list(connection.execute(text(asked), {"ticket": ticket}).scalars())


def cleared(connection: Connection, folder: str, ticket: int, now: datetime, *, missing: bool) -> None:
    """The files of this folder are without all that waited up to this ticket; or it is not there (any more)."""
    connection.execute(
        text(
            "update export_folder set cleared_to = :ticket, cleared_at = :now, missing = :missing"
            " where folder = :folder"
        ),
        {"folder": folder, "ticket": ticket, "now": now, "missing": missing},
    )


def drop_cleared(connection: Connection) -> None:
    """Forget what all folders are without."""
    connection.execute(
        text("delete from export_clearing where ticket <= (select coalesce(min(cleared_to), 0) from export_folder)")
    )


def list_folders(connection: Connection) -> list[dict[str, Any]]:
    """The folders that customers were exported into: since when, and when last."""
    rows = connection.execute(text("select folder, first_at, last_at from export_folder order by folder")).mappings()
    return [dict(row) for row in rows]


def acknowledgements(connection: Connection, ticket: int, at: datetime) -> list[dict[str, Any]]:
    """By folder that there was at this time, what became of the rows up to this ticket: `waiting`, `cleared`, or
    `missing`: the folder was not where it had been."""
    rows = connection.execute(
        text(
            """
            select folder, case when cleared_to < :ticket then 'waiting' when missing then 'missing' else 'cleared' end
                as state, case when cleared_to >= :ticket then cleared_at end as at
            from export_folder where first_at <= :at order by folder
            """
        ),
        {"ticket": ticket, "at": at},
    ).mappings()
    return [dict(row) for row in rows]
