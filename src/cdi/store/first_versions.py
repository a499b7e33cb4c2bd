"""Records that a source names for the first time, many at once: they have nothing before them to be compared with, so
that they are appended by COPY, under ids that are drawn beforehand."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from typing import Final

from sqlalchemy import Connection

from cdi.ingest.contract import Op
from cdi.store.db import copy_lines, in_line, text
from cdi.store.records import Arrival

NULL: Final = "\\N"

RECORD = (
    "record_id", "version_id", "source", "stream", "key", "kind", "live", "observed_at", "content_hash", "first_seen",
)  # fmt: skip
VERSION = (
    "version_id",
    "record_id",
    "op",
    "native",
    "content_hash",
    "source_time",
    "observed_at",
    "recorded_at",
    "run_id",
)


@dataclass(frozen=True, slots=True)
class FirstVersions:
    """The numbers of new records and of their versions, side by side."""

    record_ids: Sequence[int]
    version_ids: Sequence[int]


def save_first_versions(
    connection: Connection, source: str, arrivals: Sequence[Arrival], run_id: int | None, now: datetime
) -> FirstVersions:
    """Append these upserts of keys that the source never named; what they mean is for the caller to say."""
    first = FirstVersions(
        _draw(connection, "record", "record_id", len(arrivals)),
        _draw(connection, "record_version", "version_id", len(arrivals)),
    )
    records: list[str] = []
    versions: list[str] = []
    in_source, seen, run = in_line(source), str(now), NULL if run_id is None else str(run_id)
    upsert, written = Op.UPSERT.value, lru_cache(maxsize=10_000)(str)  # many records share a moment
    for record, version, a in zip(first.record_ids, first.version_ids, arrivals, strict=True):
        content, at = a.content_hash.hex(), written(a.observed_at)
        told_at = NULL if a.source_time is None else at if a.source_time is a.observed_at else written(a.source_time)
        said = a.said.decode().replace("\\", "\\\\")  # JSON has no bare line ends to be written otherwise
        records.append(
            f"{record}\t{version}\t{in_source}\t{in_line(a.stream)}\t{in_line(a.key)}\t{a.kind}\tt"
            f"\t{at}\t\\\\x{content}\t{seen}\n"
        )
        versions.append(f"{version}\t{record}\t{upsert}\t{said}\t\\\\x{content}\t{told_at}\t{at}\t{seen}\t{run}\n")
    copy_lines(connection, "record", RECORD, records)
    copy_lines(connection, "record_version", VERSION, versions)
    return first


def leave_unmapped(
    connection: Connection, source: str, first: FirstVersions, streams: Sequence[str], now: datetime
) -> None:
    """These new records, of these streams, wait to be mapped."""
    source, landed = in_line(source), str(now)
    lines = (
        f"{version}\t{record}\t{source}\t{in_line(stream)}\t{landed}\n"
        for version, record, stream in zip(first.version_ids, first.record_ids, streams, strict=True)
    )
    columns = ("version_id", "record_id", "source", "stream", "landed_at")
    copy_lines(connection, "unmapped", columns, lines)


def queue_first(connection: Connection, record_ids: Sequence[int], reason: str, now: datetime) -> None:
    """These new records are due: nothing about them can be queued already."""
    end = f"{now}\t{in_line(reason)}\t{now}\n"
    lines = (f"{record}\t{end}" for record in record_ids)
    copy_lines(connection, "redo", ("record_id", "due_at", "reason", "queued_at"), lines)


DRAW: Final = """
select min(n), max(n), case when max(n) - min(n) >= count(*) then array_agg(n) end
from (select nextval((select cast(pg_get_serial_sequence(:table, :column) as regclass))) as n
    from generate_series(1, :count)) drawn
"""
"""Numbers without a gap are told by their ends: nobody else drew meanwhile."""


def _draw(connection: Connection, table: str, column: str, count: int) -> Sequence[int]:
    """So many new numbers of an identity column, ascending."""
    if not count:
        return ()
    first, last, apart = connection.execute(text(DRAW), {"table": table, "column": column, "count": count}).one()
    return range(first, last + 1) if apart is None else sorted(apart)
