"""What source records mean, as their mapping had it when it was last applied; drawn anew when the mapping changes.

What was said is never touched: only the canonical form, which is a conclusion and has a table of its own, is written
again. What landed in bulk has none at first: it waits, as a row of `unmapped`, and is due when it has been mapped.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import NamedTuple

import orjson
from sqlalchemy import BigInteger, Column, Connection, Table, Text
from sqlalchemy.dialects.postgresql import JSONB

from cdi.fields import CanonicalData
from cdi.ingest.contract import Native
from cdi.store.db import copy_lines, metadata, text
from cdi.store.sources import TIME

meaning = Table(
    "meaning",
    metadata,
    Column("version_id", BigInteger, primary_key=True, autoincrement=False),
    Column("canonical", JSONB, nullable=False),
)

unmapped = Table(
    "unmapped",
    metadata,
    Column("version_id", BigInteger, primary_key=True, autoincrement=False),
    Column("record_id", BigInteger, nullable=False),
    Column("source", Text, nullable=False),
    Column("stream", Text, nullable=False),
    Column("landed_at", TIME, nullable=False),
)

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
            select v.version_id, v.record_id, r.key, r.kind, v.native, m.canonical, v.source_time, v.observed_at,
                r.live and r.version_id = v.version_id as counts_now, v.run_id is not null as was_read
            from record r join record_version v using (record_id) join meaning m on m.version_id = v.version_id
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
            update meaning m set canonical = n.canonical
            from unnest(cast(:ids as bigint[]), cast(:canonical as jsonb[])) as n(version_id, canonical)
            where m.version_id = n.version_id
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


@dataclass(frozen=True, slots=True)
class Said:
    """What a live customer record says now, and what it was taken to mean."""

    version_id: int
    source: str
    stream: str
    key: str
    native: Native
    canonical: CanonicalData


SAID = """
select v.version_id, r.source, r.stream, r.key, v.native, m.canonical
from record r join record_version v on v.version_id = r.version_id and v.record_id = r.record_id
join meaning m on m.version_id = v.version_id
where r.live and r.kind = 'customer' and v.derived_from is null
"""


def load_said_between(connection: Connection, first: int, last: int) -> list[Said]:
    """What the customer records from one id to another say, by id; copies of profiles are left out."""
    rows = connection.execute(
        text(SAID + " and r.record_id >= :first and r.record_id <= :last order by r.record_id"),
        {"first": first, "last": last},
    )
    return [Said(*row) for row in rows]


def load_said(connection: Connection, version_ids: Sequence[int]) -> dict[int, Said]:
    """Those of these versions that still count, by id."""
    rows = connection.execute(
        text(SAID + " and v.version_id = any(cast(:ids as bigint[]))"), {"ids": list(version_ids)}
    )
    return {row.version_id: Said(*row) for row in rows}


# -- what landed and was not mapped yet ----------------------------------------------------------------------


class Unmapped(NamedTuple):
    """A version of a customer that nobody has mapped yet. What it said stays text until it is mapped: thousands at
    once, read in advance, fall out of the processor's cache before they are needed."""

    version_id: int
    record_id: int
    source: str
    stream: str
    key: str
    said: str

    @property
    def native(self) -> Native:
        """What it said."""
        native: Native = orjson.loads(self.said)
        return native


def ends_of_unmapped(connection: Connection, size: int) -> list[int]:
    """The last version of each page of at most so many that are not mapped yet, ascending."""
    return list(
        connection.execute(
            text(
                "select max(version_id) from ("
                "select version_id, (row_number() over (order by version_id) - 1) / :size as page from unmapped) p"
                " group by page order by 1"
            ),
            {"size": size},
        ).scalars()
    )


UNMAPPED = """
select u.version_id, u.record_id, u.source, u.stream, r.key, v.native::text
from unmapped u join record r using (record_id) join record_version v on v.version_id = u.version_id
"""


def load_unmapped(connection: Connection, after: int, last: int) -> list[Unmapped]:
    """What is not mapped yet of the versions after `after`, up to `last`."""
    rows = connection.execute(
        text(UNMAPPED + " where u.version_id > :after and u.version_id <= :last order by u.version_id"),
        {"after": after, "last": last},
    )
    return [Unmapped._make(row) for row in rows.all()]


def load_unmapped_of(connection: Connection, source: str, names: Sequence[tuple[str, str]]) -> list[Unmapped]:
    """What is not mapped yet of the records of this source that are called so (stream, key)."""
    rows = connection.execute(
        text(
            """
            select u.version_id, u.record_id, u.source, u.stream, r.key, v.native::text
            from unnest(cast(:streams as text[]), cast(:keys as text[])) as n(stream, key)
            join record r on r.source = :source and r.key = n.key and r.stream = n.stream and r.current
            join unmapped u on u.version_id = r.version_id join record_version v on v.version_id = r.version_id
            order by u.version_id
            """
        ),
        {"source": source, "streams": [s for s, _ in names], "keys": [k for _, k in names]},
    )
    return [Unmapped._make(row) for row in rows.all()]


def take_unmapped(connection: Connection, version_ids: Sequence[int]) -> dict[int, int]:
    """Those of these versions that nobody else has mapped meanwhile, each with its record: now they are the
    caller's to give a meaning."""
    rows = connection.execute(
        text("delete from unmapped where version_id = any(cast(:ids as bigint[])) returning version_id, record_id"),
        {"ids": list(version_ids)},
    )
    return {row[0]: row[1] for row in rows.all()}


def save_meanings(connection: Connection, canonical: Mapping[int, str]) -> None:
    """By version that had none, what it means, as JSON."""
    if not canonical:
        return
    # JSON has no bare line ends, so that nothing but backslashes has to be written otherwise.
    lines = (f"{version}\t" + said.replace("\\", "\\\\") + "\n" for version, said in canonical.items())
    copy_lines(connection, "meaning", ("version_id", "canonical"), lines)


def waiting_to_be_mapped(connection: Connection) -> tuple[int, datetime | None]:
    """How many versions are not mapped yet, and since when the oldest."""
    row = connection.execute(text("select count(*) as n, min(landed_at) as oldest from unmapped")).one()
    return int(row.n), row.oldest
