"""What stewards decided: append-only; a decision is revoked, never edited.

A merge of records of several owners may wait for the consent of the other owners' stewards: until they agreed, it is
a fact without effect.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, Final

from sqlalchemy import BigInteger, Column, Connection, Identity, Index, Table, Text
from sqlalchemy.dialects.postgresql import ARRAY

from cdi.access import Visibility
from cdi.resolution.decisions import Decision, Verdict
from cdi.store.db import metadata, text
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
    Column("awaits", ARRAY(Text), nullable=False, server_default="{}"),  # owners whose consent is missing
    Column("agreed_by", ARRAY(Text), nullable=False, server_default="{}"),
    Column("agreed_at", TIME),
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


SECOND_STEWARD: Final = "a second steward"
"""Stands among the owners that a decision awaits where two stewards must say the same; no owner is called so."""


@dataclass(frozen=True, slots=True)
class StoredDecision:
    """A decision with what became of it."""

    decision: Decision
    review_id: int | None
    awaits: Sequence[str]
    agreed_by: Sequence[str]
    agreed_at: datetime | None
    revoked_at: datetime | None
    revoked_by: str | None
    revoked_reason: str | None

    @property
    def status(self) -> str:
        """`standing`, `waiting` (for the consent of other owners) or `revoked`."""
        if self.revoked_at is not None:
            return "revoked"
        return "waiting" if self.awaits else "standing"


def save_decision(
    connection: Connection,
    verdict: Verdict,
    left: Sequence[int],
    right: Sequence[int],
    author: str,
    reason: str,
    at: datetime,
    review_id: int | None = None,
    awaits: Sequence[str] = (),
) -> int:
    """Append a verdict on two sets of records; its id. It has no effect while it `awaits` the consent of owners."""
    return int(
        connection.execute(
            text(
                "insert into decision"
                " (verdict, left_ids, right_ids, record_ids, author, reason, at, review_id, awaits)"
                " values (:verdict, :left, :right, :both, :author, :reason, :at, :review_id, :awaits)"
                " returning decision_id"
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
                "awaits": sorted(awaits),
            },
        ).scalar_one()
    )


def agree(connection: Connection, decision_id: int, missing: Sequence[str], author: str, at: datetime) -> None:
    """Somebody consented to a waiting decision; `missing` are the owners whose consent it still awaits."""
    connection.execute(
        text(
            "update decision set awaits = :missing, agreed_by = agreed_by || cast(:author as text), agreed_at = :at"
            " where decision_id = :id and revoked_at is null"
        ),
        {"id": decision_id, "missing": sorted(missing), "author": author, "at": at},
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


STANDING = "revoked_at is null and awaits = '{}'"

TOUCHING = """and record_ids && (cast(:ids as bigint[]) || array(
    select record_id from record where replaced_by is not null and replaced_by = any(cast(:ids as bigint[]))))"""


def standing_decisions(connection: Connection, record_ids: Sequence[int] | None = None) -> list[Decision]:
    """Decisions that stand, oldest first: all, or those that touch one of these records."""
    narrowed = "" if record_ids is None else TOUCHING
    rows = connection.execute(
        text(
            "select decision_id, verdict, left_ids, right_ids, author, reason, at"  # noqa: S608  fixed conditions
            f" from decision where {STANDING} {narrowed} order by decision_id"
        ),
        {} if record_ids is None else {"ids": list(record_ids)},
    ).all()
    moved = _replacements(connection, {i for row in rows for i in (*row.left_ids, *row.right_ids)})
    return [_moved(_decision(row), moved) for row in rows]


def _replacements(connection: Connection, record_ids: set[int]) -> dict[int, int]:
    """Where the source replaced a record by another, decisions are about that other one."""
    if not record_ids:
        return {}
    rows = connection.execute(
        text(
            "select record_id, replaced_by from record"
            " where replaced_by is not null and record_id = any(cast(:ids as bigint[]))"
        ),
        {"ids": sorted(record_ids)},
    )
    return {row.record_id: row.replaced_by for row in rows}


def _moved(decision: Decision, moved: Mapping[int, int]) -> Decision:
    if not moved:
        return decision
    left, right = (frozenset(moved.get(i, i) for i in side) for side in (decision.left, decision.right))
    return replace(decision, left=left, right=right)


def last_mark(connection: Connection) -> tuple[int, int, int]:
    """The last decision, how many are revoked, how many wait: what came after a snapshot is told by it."""
    row = connection.execute(
        text(
            "select coalesce(max(decision_id), 0) as last, count(revoked_at) as revoked,"
            " count(*) filter (where awaits <> '{}') as waiting from decision"
        )
    ).one()
    return int(row.last), int(row.revoked), int(row.waiting)


def linked_decisions(connection: Connection, record_ids: Sequence[int]) -> list[Decision]:
    """Decisions that stand and touch these records, or any that stewards' matches connect with them: all that can
    speak against a new decision on these records."""
    reached = connection.execute(
        text(
            """
            with recursive reached(record_id) as (
                select unnest(cast(:ids as bigint[]))
                union
                select unnest(d.record_ids) from reached r
                join decision d on d.record_ids @> array[r.record_id] and d.verdict = 'match' and d.revoked_at is null
                    and d.awaits = '{}'
            )
            select record_id from reached
            """
        ),
        {"ids": list(record_ids)},
    ).scalars()
    return standing_decisions(connection, list(reached))


STORED = """
select decision_id, verdict, left_ids, right_ids, author, reason, at, review_id, awaits, agreed_by, agreed_at,
    revoked_at, revoked_by, revoked_reason
from decision
"""


def find_decision(connection: Connection, decision_id: int) -> StoredDecision | None:
    """The decision with this id, whatever became of it; None when there is none."""
    row = connection.execute(text(STORED + " where decision_id = :id"), {"id": decision_id}).one_or_none()
    return None if row is None else _stored(row)


def list_decisions(
    connection: Connection,
    visibility: Visibility,
    record_ids: Sequence[int] | None,
    status: str | None,
    before: int | None,
    limit: int,
) -> list[StoredDecision]:
    """Decisions, newest first, on records of which the caller may see one: on any of these records, of this status,
    with an id below `before`; None: all."""
    rows = connection.execute(
        text(
            STORED
            + """
            where exists (select from record r where r.record_id = any(decision.record_ids)
                and not r.source = any(cast(:hidden as text[])))
            and (cast(:ids as bigint[]) is null or record_ids && cast(:ids as bigint[]))
            and (cast(:before as bigint) is null or decision_id < :before)
            and (cast(:status as text) is null or :status = case when revoked_at is not null then 'revoked'
                when awaits = '{}' then 'standing' else 'waiting' end)
            order by decision_id desc limit :limit
            """
        ),
        {
            "hidden": sorted(visibility.hidden_sources),
            "ids": None if record_ids is None else list(record_ids),
            "status": status,
            "before": before,
            "limit": limit,
        },
    )
    return [_stored(row) for row in rows]


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


def _stored(row: Any) -> StoredDecision:
    return StoredDecision(
        _decision(row),
        row.review_id,
        row.awaits,
        row.agreed_by,
        row.agreed_at,
        row.revoked_at,
        row.revoked_by,
        row.revoked_reason,
    )
