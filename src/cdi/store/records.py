"""Source records, verbatim and versioned: facts. What was said is appended, never edited."""

import zlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

import orjson
from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Connection,
    ForeignKey,
    Identity,
    Index,
    Integer,
    LargeBinary,
    Table,
    Text,
)
from sqlalchemy.dialects.postgresql import JSONB

from cdi.fields import CanonicalData
from cdi.ingest.contract import Native, Op
from cdi.store.db import Asked, all_rows, as_columns, copy_lines, in_line, lock_key, metadata, run, send, text
from cdi.store.sources import TIME, Counts

record = Table(
    "record",
    metadata,
    Column("record_id", BigInteger, Identity(always=True), primary_key=True),
    Column("source", Text, nullable=False),
    Column("stream", Text, nullable=False),
    Column("key", Text, nullable=False),
    Column("incarnation", Integer, nullable=False, server_default="1"),
    Column("current", Boolean, nullable=False, server_default="true"),  # the incarnation that the key means now
    Column("kind", Text, nullable=False),  # customer, touchpoint, consent, identity_link
    Column("live", Boolean, nullable=False),
    Column("version_id", BigInteger, nullable=False),  # the version that counts now
    Column("observed_at", TIME, nullable=False),
    Column("content_hash", LargeBinary, nullable=False),
    Column("first_seen", TIME, nullable=False),
    Column("held_version_id", BigInteger),  # said last, but kept back: it seems to be about another person
    Column("held_hash", LargeBinary),
    Column("replaced_by", BigInteger),  # the record that the source says is this one too
    Column("copied_from", BigInteger),  # the anchor of the profile that an application copied this from
    Index("ix_record_replaced_by", "replaced_by", postgresql_where=text("replaced_by is not null")),
    Index("ix_record_copied_from", "copied_from", postgresql_where=text("copied_from is not null")),
    Index("uq_record_key", "source", "key", "stream", unique=True, postgresql_where=text("current")),
    Index("ix_record_held", "record_id", postgresql_where=text("held_version_id is not null")),
    Index("ix_record_live_kind", "kind", "record_id", postgresql_where=text("live")),
)

record_version = Table(
    "record_version",
    metadata,
    Column("version_id", BigInteger, Identity(always=False), primary_key=True),
    Column("record_id", BigInteger, ForeignKey("record.record_id"), nullable=False),
    Column("op", Text, nullable=False),
    Column("native", JSONB, nullable=False),
    Column("content_hash", LargeBinary, nullable=False),
    Column("source_time", TIME),
    Column("observed_at", TIME, nullable=False),  # the source's time, clamped, else that of arrival
    Column("recorded_at", TIME, nullable=False),
    Column("derived_from", Text),  # the profile that an application copied this from
    Column("run_id", BigInteger),
    Index(None, "record_id", "version_id"),
    Index("ix_record_version_copies", "version_id", "derived_from", postgresql_where=text("derived_from is not null")),
)

scan_key = Table(
    "scan_key",
    metadata,
    Column("run_id", BigInteger, nullable=False),
    Column("stream", Text, nullable=False),
    Column("key", Text, nullable=False),
    Index(None, "run_id", "stream", "key"),
    prefixes=["UNLOGGED"],
)


@dataclass(frozen=True, slots=True)
class Arrival:
    """One native record at the door of the store."""

    stream: str
    key: str
    kind: str
    op: Op
    native: Native
    said: bytes  # the same as JSON
    content_hash: bytes
    source_time: datetime | None
    observed_at: datetime
    derived_from: str | None = None


@dataclass(frozen=True, slots=True)
class NewVersion:
    """An arrival that says something new, with what its mapping made of it. A version that is `held` does not
    count until a steward says what it is; `copied_from` is the anchor of the profile that it copies."""

    arrival: Arrival
    canonical: CanonicalData
    held: bool = False
    copied_from: int | None = None


@dataclass(frozen=True, slots=True)
class SavedVersion:
    """A version as written; `counts_now` says whether it is the one that counts."""

    record_id: int
    arrival: Arrival
    canonical: CanonicalData
    counts_now: bool
    held: bool = False
    is_new: bool = False  # the record was made with it


BUCKETS: Final = 64
"""So many writers of one source can land at once, if their keys fall apart."""


def lock_keys(connection: Connection, source: str, keys: Iterable[str]) -> None:
    """Nobody else lands these keys of this source until the end of the transaction: of two who say the same at once
    the second finds it said. Taken in one order by all, once a transaction."""
    mine = lock_key(f"land {source}")
    buckets = {mine ^ zlib.crc32(key.encode()) % BUCKETS for key in keys}
    run(
        connection,
        "select pg_advisory_xact_lock(bucket) from unnest(cast(:buckets as bigint[])) as bucket",
        {"buckets": sorted(buckets)},
    )


ARRIVING = ("stream", "key", "op", "content_hash", "source_time", "observed_at")

FIND_NEWS = """
select a.position, r.record_id is null as is_first from unnest(
    cast(:stream as text[]), cast(:key as text[]), cast(:op as text[]),
    cast(:content_hash as bytea[]), cast(:source_time as timestamptz[]), cast(:observed_at as timestamptz[]))
    with ordinality as a(stream, key, op, content_hash, source_time, observed_at, position)
left join record r on r.source = :source and r.key = a.key and r.stream = a.stream and r.current
where case
    when r.record_id is null then a.op = 'upsert'
    when a.op <> 'upsert' then r.live and (a.source_time is null or a.observed_at >= r.observed_at)
    when r.held_hash = a.content_hash then false
    when r.live and r.content_hash = a.content_hash then r.held_hash is not null
    when a.source_time is null or a.observed_at >= r.observed_at then true
    else not exists (
        select from record_version v where v.record_id = r.record_id
        and v.content_hash = a.content_hash and v.source_time = a.source_time)
end
order by a.position
"""


def find_news(connection: Connection, source: str, arrivals: Sequence[Arrival]) -> list[tuple[int, bool]]:
    """Positions of the arrivals that say something new, and whether their key is named for the first time; keys must
    be unique within a call.

    Unchanged is: the same content as the version that counts, or as any older version of the same source time.
    """
    said = as_columns(
        ARRIVING, ((a.stream, a.key, a.op.value, a.content_hash, a.source_time, a.observed_at) for a in arrivals)
    )
    rows = all_rows(connection, FIND_NEWS, {"source": source, **said})
    return [(position - 1, is_first) for position, is_first in rows]


ANY_NAMED = """
select exists (
    select from unnest(cast(:keys as text[])) as a(key)
    cross join lateral (select from record where source = :source and key = a.key and current offset 0) r)
"""  # `offset 0` keeps each look-up one in the index: of a table that is being filled the planner knows nothing


def any_named(connection: Connection, source: str, keys: Sequence[str]) -> bool:
    """Whether a record of this source is called by one of these keys, in whatever stream."""
    return bool(connection.execute(text(ANY_NAMED), {"source": source, "keys": list(keys)}).scalar_one())


SAYING_NEWS = (
    "stream", "key", "kind", "op", "native", "canonical", "content_hash", "source_time", "observed_at",
    "derived_from", "held", "copied_from",
)  # fmt: skip


def save_versions(
    connection: Connection, source: str, news: Sequence[NewVersion], run_id: int | None, now: datetime
) -> tuple[list[SavedVersion], Counts]:
    """Append versions (keys unique within a call) and move what counts to them, unless they are older."""
    if not news:
        return [], Counts()
    said = as_columns(
        SAYING_NEWS,
        (
            (
                v.arrival.stream, v.arrival.key, v.arrival.kind, v.arrival.op.value,
                v.arrival.said.decode(), orjson.dumps(v.canonical).decode(),
                v.arrival.content_hash, v.arrival.source_time, v.arrival.observed_at, v.arrival.derived_from,
                v.held, v.copied_from,
            )
            for v in news
        ),
    )  # fmt: skip
    rows = all_rows(connection, SAVE_VERSIONS, {"source": source, "run_id": run_id, "now": now, **said})
    counts = Counts()
    saved = []
    for row in rows:
        version = news[row.position - 1]
        _count(counts, row.is_new, row.counts_now, version)
        saved.append(
            SavedVersion(row.record_id, version.arrival, version.canonical, row.counts_now, version.held, row.is_new)
        )
    return saved, counts


def _count(counts: Counts, is_new: bool, counts_now: bool, version: NewVersion) -> None:
    if version.held:
        counts.held += 1
    elif version.arrival.op is not Op.UPSERT:
        counts.deleted += 1
    elif is_new:
        counts.added += 1
    elif counts_now:
        counts.changed += 1
    else:
        counts.older += 1


# New keys get their record; every news item gets its version; a version counts when it is not older than the one
# that does. Version ids are drawn first, so that a record can point to its version at once.
SAVE_VERSIONS = """
with news as (
    select position, stream, key, kind, op, cast(native as jsonb) as native, cast(canonical as jsonb) as canonical,
        content_hash, source_time, observed_at, derived_from, held, copied_from
    from unnest(cast(:stream as text[]), cast(:key as text[]), cast(:kind as text[]), cast(:op as text[]),
        cast(:native as text[]), cast(:canonical as text[]), cast(:content_hash as bytea[]),
        cast(:source_time as timestamptz[]), cast(:observed_at as timestamptz[]), cast(:derived_from as text[]),
        cast(:held as bool[]), cast(:copied_from as bigint[]))
        with ordinality as n(stream, key, kind, op, native, canonical, content_hash, source_time, observed_at,
            derived_from, held, copied_from, position)
),
numbered as (
    select n.*, nextval(pg_get_serial_sequence('record_version', 'version_id')) as version_id,
        r.record_id as known_id,
        not n.held and (r.record_id is null or n.source_time is null or n.observed_at >= r.observed_at) as counts_now
    from (select * from news order by position) n
    left join record r on r.source = :source and r.key = n.key and r.stream = n.stream and r.current
),
made as (
    insert into record (source, stream, key, kind, live, version_id, observed_at, content_hash, first_seen, copied_from)
    select :source, stream, key, kind, op = 'upsert', version_id, observed_at, content_hash, :now, copied_from
    from numbered where known_id is null order by position
    returning record_id, stream, key
),
moved as (
    update record r set live = n.op = 'upsert', version_id = n.version_id, observed_at = n.observed_at,
        content_hash = n.content_hash, copied_from = n.copied_from, replaced_by = null,
        held_version_id = null, held_hash = null
    from numbered n where r.record_id = n.known_id and n.counts_now
    returning r.record_id
),
kept_back as (
    update record r set held_version_id = n.version_id, held_hash = n.content_hash
    from numbered n where r.record_id = n.known_id and n.held
    returning r.record_id
),
written as (
    insert into record_version (version_id, record_id, op, native, content_hash, source_time,
        observed_at, recorded_at, derived_from, run_id)
    select n.version_id, coalesce(n.known_id, m.record_id), n.op, n.native, n.content_hash,
        n.source_time, n.observed_at, :now, n.derived_from, cast(:run_id as bigint)
    from numbered n left join made m on n.known_id is null and m.stream = n.stream and m.key = n.key
    order by n.position
    returning version_id, record_id
),
meant as (
    insert into meaning (version_id, canonical) select version_id, canonical from numbered order by position
)
select n.position, w.record_id, n.known_id is null as is_new, n.counts_now,
    (select count(*) from moved) as moved
from numbered n join written w on w.version_id = n.version_id
order by n.position
"""


def remember_scanned(connection: Connection, run_id: int, keys: Sequence[tuple[str, str]]) -> None:
    """These (stream, key) were seen in the full scan that `run_id` is doing."""
    lines = (f"{run_id}\t{in_line(stream)}\t{in_line(key)}\n" for stream, key in keys)
    copy_lines(connection, "scan_key", ("run_id", "stream", "key"), lines)


def forget_scanned(connection: Connection, run_id: int) -> None:
    """Drop the memory of a scan."""
    connection.execute(text("delete from scan_key where run_id = :run_id"), {"run_id": run_id})


def forget_interrupted(connection: Connection, source: str) -> None:
    """Drop the memory of scans of this source that were killed: their runs are closed, what they saw is still here."""
    connection.execute(
        text(
            "delete from scan_key s using sync_run r"
            " where r.run_id = s.run_id and r.source = :source and r.status <> 'running'"
        ),
        {"source": source},
    )


def any_live(connection: Connection, source: str, stream: str) -> bool:
    """Whether this stream has any live record."""
    asked = "select exists (select from record where source = :source and stream = :stream and current and live)"
    return bool(connection.execute(text(asked), {"source": source, "stream": stream}).scalar())


def missing_keys(connection: Connection, source: str, stream: str, run_id: int) -> tuple[list[str], int]:
    """Keys of live records that the scan did not see, and how many live records the stream has."""
    live = connection.execute(
        text("select count(*) from record where source = :source and stream = :stream and current and live"),
        {"source": source, "stream": stream},
    ).scalar_one()
    rows = connection.execute(
        text(
            """
            select key from record where source = :source and stream = :stream and current and live
            except select key from scan_key where run_id = :run_id and stream = :stream
            order by key
            """
        ),
        {"source": source, "stream": stream, "run_id": run_id},
    )
    return [row.key for row in rows], int(live)


def load_facts_of(
    connection: Connection, source: str, names: Sequence[tuple[str, str]]
) -> dict[tuple[str, str], CanonicalData]:
    """By (stream, key), what counts now of those records of the source that are live."""
    rows = connection.execute(
        text(
            """
            select r.stream, r.key, m.canonical
            from unnest(cast(:streams as text[]), cast(:keys as text[])) as n(stream, key)
            join record r on r.source = :source and r.key = n.key and r.stream = n.stream and r.current and r.live
            join meaning m on m.version_id = r.version_id
            """
        ),
        {"source": source, "streams": [s for s, _ in names], "keys": [k for _, k in names]},
    )
    return {(row.stream, row.key): row.canonical for row in rows}


def accept_held(connection: Connection, record_id: int) -> bool:
    """The version that was kept back counts after all: the person changed. False when none is kept back."""
    result = connection.execute(
        text(
            """
            update record r set version_id = v.version_id, observed_at = v.observed_at, content_hash = v.content_hash,
                live = v.op = 'upsert', held_version_id = null, held_hash = null
            from record_version v where r.record_id = :id and v.version_id = r.held_version_id
            """
        ),
        {"id": record_id},
    )
    return bool(result.rowcount)


def start_incarnation(connection: Connection, record_id: int, now: datetime) -> int | None:
    """The source gave the key to another person: the record ends, and a new one begins with what was kept back.

    The id of the new record; None when nothing is kept back.
    """
    return connection.execute(
        text(
            """
            with held as (
                select r.*, v.native, m.canonical, v.source_time, v.observed_at as said_at, v.run_id,
                    nextval(pg_get_serial_sequence('record_version', 'version_id')) as new_version
                from record r join record_version v on v.version_id = r.held_version_id
                join meaning m on m.version_id = r.held_version_id where r.record_id = :id
            ),
            ended as (
                update record r set current = false, live = false, held_version_id = null, held_hash = null
                from held where r.record_id = held.record_id returning r.record_id
            ),
            begun as (
                insert into record (source, stream, key, incarnation, kind, live, version_id, observed_at,
                    content_hash, first_seen)
                select held.source, held.stream, held.key, held.incarnation + 1, held.kind, true, held.new_version,
                    held.said_at, held.held_hash, :now
                from held join ended using (record_id)
                returning record_id, version_id
            ),
            written as (
                insert into record_version (version_id, record_id, op, native, content_hash, source_time,
                    observed_at, recorded_at, run_id)
                select begun.version_id, begun.record_id, 'upsert', held.native, held.held_hash,
                    held.source_time, held.said_at, :now, held.run_id
                from begun, held
            ),
            meant as (
                insert into meaning (version_id, canonical) select begun.version_id, held.canonical from begun, held
            )
            select record_id from begun
            """
        ),
        {"id": record_id, "now": now},
    ).scalar()


def held_among(connection: Connection, record_ids: Sequence[int]) -> list[int]:
    """Those of these records of which something newer is kept back."""
    rows = all_rows(
        connection,
        "select record_id from record where held_version_id is not null and live"
        " and record_id = any(cast(:ids as bigint[])) order by record_id",
        {"ids": list(record_ids)},
    )
    return [row.record_id for row in rows]


def replace_record(connection: Connection, source: str, old_key: str, new_key: str) -> list[int]:
    """The source says that one customer record was replaced by another: the old one ends and points to the new.

    The records concerned; none where either is missing or the old one has ended already.
    """
    row = connection.execute(
        text(
            """
            select o.record_id as old, n.record_id as new from record o, record n
            where o.source = :source and o.key = :old and o.current and o.kind = 'customer' and o.live
            and n.source = :source and n.key = :new and n.current and n.kind = 'customer' and n.live
            order by 1, 2 limit 1
            """
        ),
        {"source": source, "old": old_key, "new": new_key},
    ).one_or_none()
    if row is None or row.old == row.new:
        return []
    connection.execute(
        text(
            "update record set replaced_by = :new, live = live and record_id <> :old"
            " where record_id = :old or replaced_by = :old"
        ),
        {"old": row.old, "new": row.new},
    )
    return [row.old, row.new]


def replaced_among(connection: Connection, record_ids: Sequence[int]) -> dict[int, int]:
    """Those of these records that their source replaced by another → that one."""
    rows = connection.execute(
        text(
            "select record_id, replaced_by from record"
            " where replaced_by is not null and record_id = any(cast(:ids as bigint[]))"
        ),
        {"ids": list(record_ids)},
    )
    return {row.record_id: row.replaced_by for row in rows}


ANCHORED = """
select record_id as anchor,
    case when replaced_by = any(cast(:ids as bigint[])) then replaced_by else record_id end as record_id
from record where record_id = any(cast(:ids as bigint[])) or replaced_by = any(cast(:ids as bigint[]))
"""
"""Where a fact that is anchored to a record has its place: with the record, or with the one that its source replaced
it by."""


def copies_among(connection: Connection, record_ids: Sequence[int]) -> list[tuple[int, int]]:
    """(copy, anchor) of the live records among these that an application copied from a profile."""
    rows = connection.execute(
        text(
            "select record_id, copied_from from record where copied_from is not null and live"
            " and record_id = any(cast(:ids as bigint[])) order by record_id"
        ),
        {"ids": list(record_ids)},
    )
    return [(row.record_id, row.copied_from) for row in rows]


@dataclass(frozen=True, slots=True)
class CurrentRecord:
    """A live customer record as it counts now."""

    record_id: int
    source: str
    stream: str
    key: str
    observed_at: datetime
    canonical: CanonicalData
    derived_from: str | None


# Copies are few: which they are is read from an index of them alone, not from the versions, which are large.
CURRENT = """
select r.record_id, r.source, r.stream, r.key, r.observed_at, m.canonical, v.derived_from
from record r join meaning m on m.version_id = r.version_id
left join record_version v on v.version_id = r.version_id and v.derived_from is not null
where r.live and r.kind = 'customer'
"""


def load_current(connection: Connection, record_ids: Sequence[int]) -> dict[int, CurrentRecord]:
    """The live customer records among these ids, by id."""
    return ask_for_current(connection, record_ids).answer() if record_ids else {}


def ask_for_current(connection: Connection, record_ids: Sequence[int]) -> Asked[dict[int, CurrentRecord]]:
    """See `load_current`."""
    statement = CURRENT + " and r.record_id = any(cast(:ids as bigint[]))"
    asked = send(connection, statement, {"ids": list(record_ids)})
    return Asked(asked, lambda rows: {row.record_id: CurrentRecord(*row) for row in rows})


def live_versions(connection: Connection, record_ids: Sequence[int]) -> dict[int, int]:
    """The version that counts of each of these records that is a live customer."""
    if not record_ids:
        return {}
    asked = (
        "select record_id, version_id from record"
        " where record_id = any(cast(:ids as bigint[])) and live and kind = 'customer'"
    )
    return dict(all_rows(connection, asked, {"ids": list(record_ids)}))


def load_as_of(connection: Connection, shown: Sequence[Mapping[str, Any]], at: datetime) -> list[CurrentRecord]:
    """What counted at that time of the records that a document names (source, stream, key, observed_at)."""
    rows = connection.execute(
        text(
            """
            select distinct on (r.source, r.stream, r.key)
                r.record_id, r.source, r.stream, r.key, v.observed_at, m.canonical, v.derived_from
            from unnest(cast(:sources as text[]), cast(:streams as text[]), cast(:keys as text[]),
                cast(:times as timestamptz[])) as n(source, stream, key, observed_at)
            join record r on r.source = n.source and r.stream = n.stream and r.key = n.key
            join record_version v on v.record_id = r.record_id and v.observed_at = n.observed_at and v.op = 'upsert'
            join meaning m on m.version_id = v.version_id
            where v.recorded_at <= :at order by r.source, r.stream, r.key, v.version_id desc
            """
        ),
        {
            "sources": [record["source"] for record in shown],
            "streams": [record["stream"] for record in shown],
            "keys": [record["key"] for record in shown],
            "times": [record["observed_at"] for record in shown],
            "at": at,
        },
    )
    return [CurrentRecord(*row) for row in rows]


def load_earlier(connection: Connection, record_ids: Sequence[int]) -> dict[int, list[CanonicalData]]:
    """Canonical data of earlier versions, oldest first, for those records that have any."""
    if not record_ids:
        return {}
    earlier: dict[int, list[CanonicalData]] = {}
    for row in all_rows(connection, EARLIER, {"ids": list(record_ids)}):
        earlier.setdefault(row.record_id, []).append(row.canonical)
    return earlier


EARLIER = """
select v.record_id, m.canonical from record r join record_version v using (record_id)
join meaning m on m.version_id = v.version_id
where r.record_id = any(cast(:ids as bigint[])) and v.version_id <> r.version_id and v.op = 'upsert'
order by v.record_id, v.observed_at, v.version_id
"""


def live_customer_ids(connection: Connection) -> list[int]:
    """Every live customer record, ascending."""
    return list(
        connection.execute(
            text("select record_id from record where live and kind = 'customer' order by record_id")
        ).scalars()
    )


def count_live_customers(connection: Connection) -> int:
    return int(connection.execute(text("select count(*) from record where live and kind = 'customer'")).scalar_one())


def find_record(connection: Connection, source: str, key: str, stream: str | None) -> Mapping[str, Any] | None:
    """One record with its versions as the source said them; None when the key was never seen.

    Without `stream` the customer record of that key.
    """
    row = (
        connection.execute(
            text(
                """
                select r.record_id, r.source, r.stream, r.key, r.kind, r.live, r.observed_at, r.first_seen,
                    v.native, meant.canonical, m.profile_id
                from record r join record_version v on v.version_id = r.version_id
                left join meaning meant on meant.version_id = r.version_id
                left join membership m on m.record_id = coalesce(r.replaced_by, r.record_id)
                where r.source = :source and r.key = :key and r.current
                and case when cast(:stream as text) is null then r.kind = 'customer' else r.stream = :stream end
                order by r.record_id limit 1
                """
            ),
            {"source": source, "key": key, "stream": stream},
        )
        .mappings()
        .one_or_none()
    )
    if row is None:
        return None
    versions = connection.execute(
        text(
            "select op, native, source_time, observed_at, recorded_at from record_version"
            " where record_id = :id order by version_id desc"
        ),
        {"id": row["record_id"]},
    ).mappings()
    return {**row, "versions": [dict(v) for v in versions]}


def find_record_ids(connection: Connection, keys: Sequence[tuple[str, str]]) -> Iterator[tuple[str, str, int]]:
    """(source, key, record id) of the customer records with these keys."""
    rows = connection.execute(
        text(
            """
            select r.source, r.key, coalesce(r.replaced_by, r.record_id) as record_id from record r
            join unnest(cast(:sources as text[]), cast(:keys as text[])) as k(source, key) using (source, key)
            where r.current and r.kind = 'customer'
            """
        ),
        {"sources": [s for s, _ in keys], "keys": [k for _, k in keys]},
    )
    for row in rows:
        yield row.source, row.key, row.record_id


@dataclass(frozen=True, slots=True)
class RecordName:
    """How a record is called, and whether it is live."""

    source: str
    stream: str
    key: str
    live: bool


def load_names(connection: Connection, record_ids: Sequence[int]) -> dict[int, RecordName]:
    """The names of these records, of those too that have ended."""
    rows = all_rows(
        connection,
        "select record_id, source, stream, key, live and current as live from record"
        " where record_id = any(cast(:ids as bigint[]))",
        {"ids": list(record_ids)},
    )
    return {row.record_id: RecordName(row.source, row.stream, row.key, row.live) for row in rows}
