"""Questions to stewards: a review is about a pair of profiles or a cluster, a conflict about values or owners."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

import orjson
from sqlalchemy import BigInteger, Column, Connection, Double, Identity, Index, Table, Text, Uuid, text
from sqlalchemy.dialects.postgresql import ARRAY, JSONB

from cdi.store.db import copy_rows, metadata
from cdi.store.sources import TIME

review = Table(
    "review",
    metadata,
    Column("review_id", BigInteger, Identity(always=True), primary_key=True),
    Column("kind", Text, nullable=False),  # pair, or a finding about one profile: birth_date, size, bridge, …
    Column("left_profile", Uuid, nullable=False),
    Column("right_profile", Uuid, nullable=False),  # equal to left for a finding about one profile
    Column("left_record", BigInteger, nullable=False),
    Column("right_record", BigInteger, nullable=False),
    Column("weight", Double, nullable=False),
    Column("reason", Text, nullable=False),
    Column("owners", ARRAY(Text), nullable=False),
    Column("status", Text, nullable=False),  # open, closed
    Column("opened_at", TIME, nullable=False),
    Column("closed_at", TIME),
    Column("closed_reason", Text),
    Index(
        "uq_review_open",
        "left_profile",
        "right_profile",
        "kind",
        unique=True,
        postgresql_where=text("status = 'open'"),
    ),
    Index("ix_review_right_profile", "right_profile"),
)

conflict = Table(
    "conflict",
    metadata,
    Column("conflict_id", BigInteger, Identity(always=True), primary_key=True),
    Column("profile_id", Uuid, nullable=False),
    Column("key", Text, nullable=False),  # what makes it the same conflict when the profile is built again
    Column("kind", Text, nullable=False),  # owner, value, …
    Column("attribute", Text),
    Column("owners", ARRAY(Text), nullable=False),
    Column("record_ids", ARRAY(BigInteger), nullable=False),
    Column("detail", JSONB, nullable=False),  # names of rules and sources, never values
    Column("status", Text, nullable=False),
    Column("opened_at", TIME, nullable=False),
    Column("closed_at", TIME),
    Column("closed_reason", Text),
    Index("uq_conflict_open", "profile_id", "key", unique=True, postgresql_where=text("status = 'open'")),
)


@dataclass(frozen=True, slots=True)
class Question:
    """A review that should be open. Profiles are ordered (left < right), or equal for a finding about one."""

    kind: str
    left_profile: UUID
    right_profile: UUID
    left_record: int
    right_record: int
    weight: float
    reason: str
    owners: Sequence[str]


def replace_reviews(
    connection: Connection, profile_ids: Sequence[UUID], questions: Sequence[Question], now: datetime
) -> None:
    """Make `questions` the open reviews among these profiles: new ones open, standing ones keep their id and
    show what is now strongest, those that are moot close with the reason."""
    connection.execute(text("drop table if exists question"))
    connection.execute(
        text(
            "create temporary table question (kind text, left_profile uuid, right_profile uuid, left_record bigint,"
            " right_record bigint, weight double precision, reason text, owners text[]) on commit drop"
        )
    )
    copy_rows(
        connection,
        "question",
        ("kind", "left_profile", "right_profile", "left_record", "right_record", "weight", "reason", "owners"),
        (
            (
                q.kind, q.left_profile, q.right_profile, q.left_record, q.right_record, q.weight, q.reason,
                list(q.owners),
            )
            for q in questions
        ),
    )  # fmt: skip
    parameters = {"now": now, "profiles": list(profile_ids)}
    connection.execute(
        text(
            """
            update review v set status = 'closed', closed_at = :now, closed_reason = 'moot: the records changed'
            where v.status = 'open'
            and (v.left_profile = any(cast(:profiles as uuid[])) or v.right_profile = any(cast(:profiles as uuid[])))
            and not exists (select from question q where q.kind = v.kind
                and q.left_profile = v.left_profile and q.right_profile = v.right_profile)
            """
        ),
        parameters,
    )
    connection.execute(
        text(
            """
            insert into review as v (kind, left_profile, right_profile, left_record, right_record, weight, reason,
                owners, status, opened_at)
            select kind, left_profile, right_profile, left_record, right_record, weight, reason, owners, 'open', :now
            from question order by weight desc, left_record, right_record
            on conflict (left_profile, right_profile, kind) where status = 'open' do update set
                left_record = excluded.left_record, right_record = excluded.right_record,
                weight = excluded.weight, reason = excluded.reason, owners = excluded.owners
            """
        ),
        parameters,
    )


@dataclass(frozen=True, slots=True)
class Contradiction:
    """A conflict that should be open in a profile."""

    profile_id: UUID
    key: str
    kind: str
    attribute: str | None
    owners: Sequence[str]
    record_ids: Sequence[int]
    detail: Mapping[str, Any]


def replace_conflicts(
    connection: Connection, profile_ids: Sequence[UUID], conflicts: Sequence[Contradiction], now: datetime
) -> None:
    """Make `conflicts` the open ones of these profiles."""
    connection.execute(text("drop table if exists contradiction"))
    connection.execute(
        text(
            "create temporary table contradiction (profile_id uuid, key text, kind text, attribute text,"
            " owners text[], record_ids bigint[], detail jsonb) on commit drop"
        )
    )
    copy_rows(
        connection,
        "contradiction",
        ("profile_id", "key", "kind", "attribute", "owners", "record_ids", "detail"),
        (
            (
                c.profile_id, c.key, c.kind, c.attribute, list(c.owners), list(c.record_ids),
                orjson.dumps(dict(c.detail)).decode(),
            )
            for c in conflicts
        ),
    )  # fmt: skip
    connection.execute(
        text(
            """
            update conflict c set status = 'closed', closed_at = :now, closed_reason = 'moot: the records changed'
            where c.status = 'open' and c.profile_id = any(cast(:profiles as uuid[]))
            and not exists (select from contradiction n where n.profile_id = c.profile_id and n.key = c.key)
            """
        ),
        {"now": now, "profiles": list(profile_ids)},
    )
    connection.execute(
        text(
            """
            insert into conflict (profile_id, key, kind, attribute, owners, record_ids, detail, status, opened_at)
            select profile_id, key, kind, attribute, owners, record_ids, detail, 'open', :now
            from contradiction order by profile_id, key
            on conflict (profile_id, key) where status = 'open' do update set
                owners = excluded.owners, record_ids = excluded.record_ids, detail = excluded.detail
            """
        ),
        {"now": now},
    )


def question_figures(connection: Connection) -> dict[str, int]:
    """How many reviews and conflicts are open."""
    row = connection.execute(
        text(
            "select (select count(*) from review where status = 'open') as reviews,"
            " (select count(*) from conflict where status = 'open') as conflicts,"
            " (select count(*) from conflict where status = 'open' and kind = 'owner') as owner_conflicts"
        )
    ).one()
    return {"reviews": row.reviews, "conflicts": row.conflicts, "owner_conflicts": row.owner_conflicts}


def open_conflicts(connection: Connection, profile_id: UUID) -> list[dict[str, Any]]:
    """The conflicts that stand in this profile."""
    rows = connection.execute(
        text(
            "select conflict_id, kind, attribute, owners, detail, opened_at from conflict"
            " where profile_id = :id and status = 'open' order by conflict_id"
        ),
        {"id": profile_id},
    ).mappings()
    return [dict(row) for row in rows]
