"""What source records mean, as their mapping had it when it was last applied; drawn anew when the mapping changes.

What was said is never touched: only the canonical form, which is a conclusion, is written again.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Column, Connection, Table, Text

from cdi.fields import CanonicalData
from cdi.ingest.contract import Native
from cdi.store.db import metadata, text
from cdi.store.sources import TIME

applied_mapping = Table(
    "applied_mapping",
    metadata,
    Column("source", Text, primary_key=True),
    Column("stream", Text, primary_key=True),
    Column("fingerprint", Text, nullable=False),
    Column("applied_at", TIME, nullable=False),
)


def load_applied(connection: Connection, source: str) -> dict[str, str]:
    """By stream, the fingerprint of the mapping that was applied last."""
    rows = connection.execute(
        text("select stream, fingerprint from applied_mapping where source = :source"), {"source": source}
    )
    return {row.stream: row.fingerprint for row in rows}


def note_applied(connection: Connection, source: str, stream: str, fingerprint: str, now: datetime) -> None:
    """All that has landed of this stream means what this mapping makes of it."""
    connection.execute(
        text(
            "insert into applied_mapping (source, stream, fingerprint, applied_at)"
            " values (:source, :stream, :fingerprint, :now) on conflict (source, stream)"
            " do update set fingerprint = excluded.fingerprint, applied_at = excluded.applied_at"
        ),
        {"source": source, "stream": stream, "fingerprint": fingerprint, "now": now},
    )


def page_of_keys(connection: Connection, source: str, stream: str, after: str, limit: int) -> list[str]:
    """The keys that follow `after`, in their order."""
    return list(
        connection.execute(
            text(
                "select key from record where source = :source and stream = :stream and current and key > :after"
                " order by key limit :limit"
            ),
            {"source": source, "stream": stream, "after": after, "limit": limit},
        ).scalars()
    )


@dataclass(frozen=True, slots=True)
class Meaning:
    """One version that a source said, and what it was taken to mean; `counts_now` if it is the one that counts,
    `was_read` if its key is the manifest's: who pushes or delivers may have keys of their own."""

    version_id: int
    record_id: int
    key: str
    kind: str
    native: Native
    canonical: CanonicalData
    source_time: datetime | None
    observed_at: datetime
    counts_now: bool
    was_read: bool


def load_meanings(connection: Connection, source: str, stream: str, keys: Sequence[str]) -> list[Meaning]:
    """What these records said and were taken to mean, oldest version first. What an application copied from a profile
    is left out: of it only the news is kept."""
    rows = connection.execute(
        text(
            """
            select v.version_id, v.record_id, r.key, r.kind, v.native, v.canonical, v.source_time, v.observed_at,
                r.live and r.version_id = v.version_id as counts_now, v.run_id is not null as was_read
            from record r join record_version v using (record_id)
            where r.source = :source and r.stream = :stream and r.current and r.key = any(cast(:keys as text[]))
            and v.op = 'upsert' and v.derived_from is null order by v.version_id
            """
        ),
        {"source": source, "stream": stream, "keys": list(keys)},
    )
    return [Meaning(*row) for row in rows]


def replace_meanings(connection: Connection, canonical: Mapping[int, str]) -> None:
    """By version, what it means now, as JSON."""
    connection.execute(
        text(
            """
            update record_version v set canonical = n.canonical
            from unnest(cast(:ids as bigint[]), cast(:canonical as jsonb[])) as n(version_id, canonical)
            where v.version_id = n.version_id
            """
        ),
        {"ids": list(canonical), "canonical": list(canonical.values())},
    )


def rename(connection: Connection, source: str, stream: str, old: str, new: str) -> int | None:
    """Call the record `old` by the key `new` from now on; its id, or None if another record is called so."""
    return connection.execute(
        text(
            """
            update record r set key = :new where source = :source and stream = :stream and key = :old
            and not exists (select from record o where o.source = :source and o.stream = :stream and o.key = :new)
            returning case when current then record_id end
            """
        ),
        {"source": source, "stream": stream, "old": old, "new": new},
    ).scalar()
