"""The journey and the consents: dated facts that belong to a customer record by its source's key, or by the
sparse record that a bare phone number or address makes."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

import orjson
from sqlalchemy import BigInteger, Column, Connection, ForeignKey, Index, Table, Text
from sqlalchemy.dialects.postgresql import JSONB

from cdi.access import Visibility
from cdi.store.db import copy_rows, metadata, text
from cdi.store.sources import TIME

touchpoint = Table(
    "touchpoint",
    metadata,
    Column("record_id", BigInteger, ForeignKey("record.record_id"), primary_key=True, autoincrement=False),
    Column("source", Text, nullable=False),
    Column("customer_key", Text, nullable=False),
    Column("type", Text, nullable=False),
    Column("channel", Text, nullable=False),
    Column("at", TIME, nullable=False),
    Column("document", JSONB, nullable=False),
    Index(None, "source", "customer_key", "at"),
)

consent = Table(
    "consent",
    metadata,
    Column("record_id", BigInteger, ForeignKey("record.record_id"), primary_key=True, autoincrement=False),
    Column("source", Text, nullable=False),
    Column("customer_key", Text, nullable=False),
    Column("purpose", Text, nullable=False),
    Column("channel", Text, nullable=False),
    Column("status", Text, nullable=False),
    Column("at", TIME),
    Column("document", JSONB, nullable=False),
    Index(None, "source", "customer_key"),
)


def replace_touchpoints(
    connection: Connection,
    source: str,
    rows: Sequence[tuple[int, str, datetime, dict[str, Any]]],
    gone: Sequence[int],
) -> None:
    """Each row: (record id, customer key, at, document with type and channel)."""
    _forget(connection, "touchpoint", [*gone, *(row[0] for row in rows)])
    copy_rows(
        connection,
        "touchpoint",
        ("record_id", "source", "customer_key", "type", "channel", "at", "document"),
        (
            (record_id, source, key, d["type"], d["channel"], at, orjson.dumps(d).decode())
            for record_id, key, at, d in rows
        ),
    )


def replace_consents(
    connection: Connection,
    source: str,
    rows: Sequence[tuple[int, str, datetime | None, dict[str, Any]]],
    gone: Sequence[int],
) -> None:
    """Each row: (record id, customer key, at, document with purpose, channel and status)."""
    _forget(connection, "consent", [*gone, *(row[0] for row in rows)])
    copy_rows(
        connection,
        "consent",
        ("record_id", "source", "customer_key", "purpose", "channel", "status", "at", "document"),
        (
            (record_id, source, key, d["purpose"], d["channel"], d["status"], at, orjson.dumps(d).decode())
            for record_id, key, at, d in rows
        ),
    )


def _forget(connection: Connection, table: str, record_ids: Sequence[int]) -> None:
    connection.execute(
        text(f"delete from {table} where record_id = any(cast(:ids as bigint[]))"),  # noqa: S608  fixed names
        {"ids": list(record_ids)},
    )


JOURNEY = """
select t.record_id, t.source, t.at, t.document from membership m
join record r on r.record_id = m.record_id or r.replaced_by = m.record_id
join touchpoint t on t.source = r.source and t.customer_key = r.key
where m.profile_id = :profile and not t.source = any(cast(:hidden as text[]))
order by t.at desc, t.record_id limit :limit
"""


def journey(connection: Connection, visibility: Visibility, profile_id: UUID, limit: int) -> list[dict[str, Any]]:
    """The touchpoints of a profile over all its records, newest first."""
    rows = connection.execute(
        text(JOURNEY),
        {"profile": profile_id, "hidden": sorted(visibility.hidden_sources), "limit": limit},
    )
    return [{"source": row.source, **row.document} for row in rows]


CONSENTS = """
select c.source, c.document from membership m
join record r on r.record_id = m.record_id or r.replaced_by = m.record_id
join consent c on c.source = r.source and c.customer_key = r.key
where m.profile_id = :profile and not c.source = any(cast(:hidden as text[]))
order by c.purpose, c.channel, c.source, c.at desc nulls last, c.record_id
"""


def consents(connection: Connection, visibility: Visibility, profile_id: UUID) -> list[dict[str, Any]]:
    """The consents of a profile, as each source has them."""
    rows = connection.execute(text(CONSENTS), {"profile": profile_id, "hidden": sorted(visibility.hidden_sources)})
    return [{"source": row.source, **row.document} for row in rows]


COUNTS = """
select profile_id, sum(touchpoints) as touchpoints, sum(consents) as consents from (
    select m.profile_id,
        (select count(*) from touchpoint t where t.source = r.source and t.customer_key = r.key) as touchpoints,
        (select count(*) from consent c where c.source = r.source and c.customer_key = r.key) as consents
    from membership m join record r on r.record_id = m.record_id or r.replaced_by = m.record_id
    where m.profile_id = any(cast(:ids as uuid[])) and not r.source = any(cast(:hidden as text[]))
) carried group by profile_id
"""


def count_by_profile(
    connection: Connection, visibility: Visibility, profile_ids: Sequence[UUID]
) -> dict[UUID, tuple[int, int]]:
    """How many touchpoints and consents each of these profiles carries."""
    rows = connection.execute(text(COUNTS), {"ids": list(profile_ids), "hidden": sorted(visibility.hidden_sources)})
    return {row.profile_id: (int(row.touchpoints), int(row.consents)) for row in rows}
