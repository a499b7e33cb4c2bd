"""Who stands in for whom during an absence. Appended, and revoked, never edited."""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import BigInteger, Column, Connection, Identity, Index, Table, Text

from cdi.store.db import metadata, text
from cdi.store.sources import TIME

deputy = Table(
    "deputy",
    metadata,
    Column("deputy_id", BigInteger, Identity(always=True), primary_key=True),
    Column("steward", Text, nullable=False),  # who is away
    Column("deputy", Text, nullable=False),  # who gets their reviews meanwhile
    Column("since", TIME, nullable=False),
    Column("until", TIME, nullable=False),
    Column("author", Text, nullable=False),
    Column("at", TIME, nullable=False),
    Column("revoked_at", TIME),
    Index("ix_deputy_deputy", "deputy", postgresql_where=text("revoked_at is null")),
)


@dataclass(frozen=True, slots=True)
class Absence:
    """Somebody is away for a time, and who stands in."""

    id: int
    steward: str
    deputy: str
    since: datetime
    until: datetime
    author: str


def save_absence(
    connection: Connection, steward: str, stands_in: str, since: datetime, until: datetime, author: str, now: datetime
) -> int:
    """Append it; its id."""
    return int(
        connection.execute(
            text(
                "insert into deputy (steward, deputy, since, until, author, at)"
                " values (:steward, :deputy, :since, :until, :author, :now) returning deputy_id"
            ),
            {
                "steward": steward,
                "deputy": stands_in,
                "since": since,
                "until": until,
                "author": author,
                "now": now,
            },
        ).scalar_one()
    )


def revoke_absence(connection: Connection, absence_id: int, now: datetime) -> bool:
    """Somebody is back; False when that was said before."""
    result = connection.execute(
        text("update deputy set revoked_at = :now where deputy_id = :id and revoked_at is null"),
        {"id": absence_id, "now": now},
    )
    return bool(result.rowcount)


def load_absences(connection: Connection, now: datetime) -> list[Absence]:
    """Those that last or will come, in the order in which they begin."""
    rows = connection.execute(
        text(
            "select deputy_id, steward, deputy, since, until, author from deputy"
            " where revoked_at is null and until > :now order by since, deputy_id"
        ),
        {"now": now},
    )
    return [Absence(*row) for row in rows]


def represented_by(connection: Connection, steward: str, now: datetime) -> list[str]:
    """For whom this steward stands in now."""
    return list(
        connection.execute(
            text(
                "select distinct steward from deputy where deputy = :steward and revoked_at is null"
                " and since <= :now and until > :now order by steward"
            ),
            {"steward": steward, "now": now},
        ).scalars()
    )
