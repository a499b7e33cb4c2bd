"""Records that a source names for the first time, many at once: they have nothing before them to be compared with, so
that they are appended by COPY, under ids that are drawn beforehand."""

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import Connection

from cdi.store.db import copy_rows, text
from cdi.store.records import Arrival

RECORD = (
    "record_id", "source", "stream", "key", "kind", "live", "version_id", "observed_at", "content_hash", "first_seen",
)  # fmt: skip
VERSION = (
    "version_id", "record_id", "op", "native", "canonical", "content_hash", "source_time", "observed_at",
    "recorded_at", "run_id",
)  # fmt: skip


def save_first_versions(
    connection: Connection, source: str, news: Sequence[tuple[Arrival, str]], run_id: int | None, now: datetime
) -> list[int]:
    """Append these upserts, each with its canonical form as JSON, of keys that the source never named; their new
    records."""
    ids = _draw(connection, "record", "record_id", len(news))
    versions = _draw(connection, "record_version", "version_id", len(news))
    numbered = list(zip(ids, versions, news, strict=True))
    copy_rows(
        connection,
        "record",
        RECORD,
        (
            (i, source, a.stream, a.key, a.kind, True, version, a.observed_at, a.content_hash, now)
            for i, version, (a, _) in numbered
        ),
    )
    copy_rows(
        connection,
        "record_version",
        VERSION,
        (
            (
                version, i, a.op.value, a.said.decode(), canonical, a.content_hash, a.source_time, a.observed_at,
                now, run_id,
            )
            for i, version, (a, canonical) in numbered
        ),
    )  # fmt: skip
    return ids


def queue_first(connection: Connection, record_ids: Sequence[int], reason: str, now: datetime) -> None:
    """These new records are due: nothing about them can be queued already."""
    columns = ("record_id", "due_at", "reason", "queued_at")
    copy_rows(connection, "redo", columns, ((record_id, now, reason, now) for record_id in record_ids))


def _draw(connection: Connection, table: str, column: str, count: int) -> list[int]:
    """So many new numbers of an identity column, ascending."""
    drawn = connection.execute(
        text("select nextval(pg_get_serial_sequence(:table, :column)) from generate_series(1, :count)"),
        {"table": table, "column": column, "count": count},
    )
    return sorted(drawn.scalars())
