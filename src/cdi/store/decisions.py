"""What stewards decided: append-only; a decision is revoked, never edited."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import BigInteger, Column, Connection, Identity, Index, Table, Text, text
from sqlalchemy.dialects.postgresql import ARRAY

from cdi.resolution.decisions import Decision, Verdict
from cdi.store.db import metadata
from cdi.store.sources import TIME

decision = Table(
    "decision",
    metadata,
    Column("decision_id", BigInteger, Identity(always=True), primary_key=True),
    Column("verdict", Text, nullable=False),
    Column("left_ids", ARRAY(BigInteger), nullable=False),
    Column("right_ids", ARRAY(BigInteger), nullable=False),
    Column("record_ids", ARRAY(BigInteger), nullable=False),  # both sides, for the index
    Column("author", Text, nullable=False),
    Column("reason", Text, nullable=False),
    Column("at", TIME, nullable=False),
    Column("review_id", BigInteger),
    Column("revoked_at", TIME),
    Column("revoked_by", Text),
    Column("revoked_reason", Text),
    Index(
        "ix_decision_record_ids",
        "record_ids",
        postgresql_using="gin",
        postgresql_where=text("revoked_at is null"),
    ),
)


def save_decision(
    connection: Connection,
    verdict: Verdict,
    left: Sequence[int],
    right: Sequence[int],
    author: str,
    reason: str,
    at: datetime,
    review_id: int | None = None,
) -> int:
    """Append a verdict on two sets of records; its id."""
    return int(
        connection.execute(
            text(
                "insert into decision (verdict, left_ids, right_ids, record_ids, author, reason, at, review_id)"
                " values (:verdict, :left, :right, :both, :author, :reason, :at, :review_id) returning decision_id"
            ),
            {
                "verdict": verdict.value,
                "left": sorted(left),
                "right": sorted(right),
                "both": sorted({*left, *right}),
                "author": author,
                "reason": reason,
                "at": at,
                "review_id": review_id,
            },
        ).scalar_one()
    )


def revoke_decision(connection: Connection, decision_id: int, author: str, reason: str, at: datetime) -> bool:
    """Take a decision back; False when it does not stand."""
    result = connection.execute(
        text(
            "update decision set revoked_at = :at, revoked_by = :author, revoked_reason = :reason"
            " where decision_id = :id and revoked_at is null"
        ),
        {"id": decision_id, "author": author, "reason": reason, "at": at},
    )
    return bool(result.rowcount)


def standing_decisions(connection: Connection, record_ids: Sequence[int] | None = None) -> list[Decision]:
    """Decisions that stand, oldest first: all, or those that touch one of these records."""
    rows = connection.execute(
        text(
            """
            select decision_id, verdict, left_ids, right_ids, author, reason, at from decision
            where revoked_at is null and (cast(:ids as bigint[]) is null or record_ids && cast(:ids as bigint[]))
            order by decision_id
            """
        ),
        {"ids": None if record_ids is None else list(record_ids)},
    )
    return [_decision(row) for row in rows]


def _decision(row: Any) -> Decision:
    return Decision(
        row.decision_id,
        Verdict(row.verdict),
        frozenset(row.left_ids),
        frozenset(row.right_ids),
        row.author,
        row.reason,
        row.at,
    )
