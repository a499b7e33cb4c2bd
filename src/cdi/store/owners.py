"""Owners of profiles that stewards named by hand: each word is anchored to a record, like a pin, and revoked, never
edited."""

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import BigInteger, Column, Connection, ForeignKey, Identity, Index, Table, Text

from cdi.resolution.ownership import OwnerAssignment
from cdi.store.db import metadata, text
from cdi.store.records import ANCHORED
from cdi.store.sources import TIME

assigned_owner = Table(
    "assigned_owner",
    metadata,
    Column("assigned_id", BigInteger, Identity(always=True), primary_key=True),
    Column("record_id", BigInteger, ForeignKey("record.record_id"), nullable=False),
    Column("owner", Text, nullable=False),
    Column("author", Text, nullable=False),
    Column("reason", Text, nullable=False),
    Column("at", TIME, nullable=False),
    Column("revoked_at", TIME),
    Index(None, "record_id"),
)


def load_assignments(connection: Connection, record_ids: Sequence[int], at: datetime) -> list[OwnerAssignment]:
    """Owners given by hand that stand at this time, each anchored to one of these records, oldest first."""
    rows = connection.execute(
        text(
            "select owner, a.record_id, author, reason, at"  # noqa: S608
            f" from assigned_owner o join ({ANCHORED}) a on a.anchor = o.record_id"
            " where at <= :at and (revoked_at is null or revoked_at > :at) order by assigned_id"
        ),
        {"ids": list(record_ids), "at": at},
    )
    return [OwnerAssignment(*row) for row in rows]


def save_assignment(connection: Connection, assigned: OwnerAssignment) -> None:
    """Append an owner given by hand."""
    connection.execute(
        text(
            "insert into assigned_owner (record_id, owner, author, reason, at)"
            " values (:record, :owner, :author, :reason, :at)"
        ),
        {
            "record": assigned.record_id,
            "owner": assigned.owner,
            "author": assigned.author,
            "reason": assigned.reason,
            "at": assigned.at,
        },
    )


def revoke_assignments(connection: Connection, record_ids: Sequence[int], now: datetime) -> int:
    """Take back the owners given by hand to these records; how many that were."""
    result = connection.execute(
        text(
            f"update assigned_owner o set revoked_at = :now from ({ANCHORED}) a"  # noqa: S608
            " where o.record_id = a.anchor and revoked_at is null"
        ),
        {"ids": list(record_ids), "now": now},
    )
    return int(result.rowcount)
