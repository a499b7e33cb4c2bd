"""Keys that full scans did not see, until they were missing often enough in a row: one export that was cut off takes
nobody away."""

from collections.abc import Sequence
from typing import Final

from sqlalchemy import Column, Connection, Integer, Table, Text

from cdi.store.db import metadata, text

missing_key = Table(
    "missing_key",
    metadata,
    Column("source", Text, primary_key=True),
    Column("stream", Text, primary_key=True),
    Column("key", Text, primary_key=True),
    Column("scan", Text, nullable=False),  # the last in which it was missing
    Column("times", Integer, nullable=False),
)

SEEN_AGAIN: Final = """
delete from missing_key where source = :source and stream = :stream and key <> all(cast(:missing as text[]))
"""
MISSING: Final = """
insert into missing_key as m (source, stream, key, scan, times)
select :source, :stream, key, :scan, 1 from unnest(cast(:missing as text[])) as key
on conflict (source, stream, key) do update set scan = excluded.scan, times = m.times + 1 where m.scan <> excluded.scan
"""
GONE: Final = """
delete from missing_key where source = :source and stream = :stream and times >= :times returning key
"""


def missing_again(
    connection: Connection, source: str, stream: str, missing: Sequence[str], scan: str, times: int
) -> list[str]:
    """Of what this scan of a stream did not see, what so many in a row did not; the rest is remembered. The same scan
    told again counts once."""
    which = {"source": source, "stream": stream}
    connection.execute(text(SEEN_AGAIN), {**which, "missing": list(missing)})
    connection.execute(text(MISSING), {**which, "missing": list(missing), "scan": scan})
    gone = connection.execute(text(GONE), {**which, "times": times})
    return sorted(gone.scalars())
