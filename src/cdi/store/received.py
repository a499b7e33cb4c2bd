"""Deliveries that source systems sent by webhook: each counts once, and what it made due stays due until it was done.

What a delivery said is kept as source records; here stands only that it came, and what it came to.
"""

from collections.abc import Sequence
from dataclasses import asdict
from datetime import datetime, timedelta
from typing import Any, Final

import orjson
from sqlalchemy import ARRAY, BigInteger, Column, Connection, Identity, Index, Table, Text
from sqlalchemy.dialects.postgresql import JSONB

from cdi.store.db import metadata, text
from cdi.store.sources import TIME, Counts

KEPT: Final = timedelta(days=30)
"""How long a delivery is known again; vendors give up sending one after a day or two."""

received_delivery = Table(
    "received_delivery",
    metadata,
    Column("delivery_id", BigInteger, Identity(always=True), primary_key=True),
    Column("source", Text, nullable=False),
    Column("event_id", Text),  # the vendor's own
    Column("fingerprint", Text),  # of what was signed
    Column("received_at", TIME, nullable=False),
    Column("counts", JSONB, nullable=False),
    Column("read_again", ARRAY(Text), nullable=False),  # streams of which it said that there is something new
    Column("read_at", TIME),  # since when they have been read
    Index(
        "uq_received_delivery_event", "source", "event_id", unique=True, postgresql_where=text("event_id is not null")
    ),
    Index(
        "uq_received_delivery_fingerprint",
        "source",
        "fingerprint",
        unique=True,
        postgresql_where=text("fingerprint is not null"),
    ),
    Index(None, "source", "delivery_id"),
    Index("ix_received_delivery_due", "source", postgresql_where=text("read_at is null")),
)


def remember(
    connection: Connection,
    source: str,
    event_id: str | None,
    fingerprint: str | None,
    read_again: Sequence[str],
    now: datetime,
) -> int | None:
    """The id of this delivery; None if it was dealt with before. One that is being dealt with now is waited for. Old
    ones are forgotten in passing."""
    forget = """
        delete from received_delivery where delivery_id in (
            select delivery_id from received_delivery where source = :source order by delivery_id limit 100)
        and received_at < :old and read_at is not null
    """
    connection.execute(text(forget), {"source": source, "old": now - KEPT})
    return connection.execute(
        text(
            """
            insert into received_delivery (source, event_id, fingerprint, received_at, counts, read_again, read_at)
            values (:source, :event_id, :fingerprint, :now, '{}', cast(:again as text[]),
                case when cardinality(cast(:again as text[])) = 0 then cast(:now as timestamptz) end)
            on conflict do nothing returning delivery_id
            """
        ),
        {
            "source": source,
            "event_id": event_id,
            "fingerprint": fingerprint,
            "now": now,
            "again": list(read_again),
        },
    ).scalar()


def note_counts(connection: Connection, delivery_id: int, counts: Counts) -> None:
    """What became of the records that the delivery brought."""
    connection.execute(
        text("update received_delivery set counts = cast(:counts as jsonb) where delivery_id = :id"),
        {"id": delivery_id, "counts": orjson.dumps(asdict(counts)).decode()},
    )


def due(connection: Connection, source: str | None = None) -> dict[str, list[str]]:
    """By source, the streams that deliveries said there is something new in, and that were not read since."""
    rows = connection.execute(
        text(
            "select source, array_agg(distinct stream order by stream) as streams"
            " from received_delivery, unnest(read_again) as stream"
            " where read_at is null and (cast(:source as text) is null or source = :source) group by source"
        ),
        {"source": source},
    )
    return {row.source: list(row.streams) for row in rows}


def settle(connection: Connection, source: str, streams: Sequence[str], began: datetime, now: datetime) -> None:
    """These streams were read to their end by a run that began then: what pointed to them before is done."""
    connection.execute(
        text(
            "update received_delivery set read_at = :now where source = :source and read_at is null"
            " and received_at <= :began and read_again <@ cast(:streams as text[])"
        ),
        {"source": source, "streams": list(streams), "began": began, "now": now},
    )


def list_deliveries(
    connection: Connection, source: str, limit: int = 50, before: int | None = None
) -> list[dict[str, Any]]:
    """The deliveries of a source, newest first; `before` continues a list."""
    rows = connection.execute(
        text(
            "select delivery_id, event_id, received_at, counts, read_again, read_at from received_delivery"
            " where source = :source and (cast(:before as bigint) is null or delivery_id < :before)"
            " order by delivery_id desc limit :limit"
        ),
        {"source": source, "limit": limit, "before": before},
    ).mappings()
    return [dict(row) for row in rows]
