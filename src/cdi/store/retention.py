"""How the values of records, attributes and touchpoints that are due (`store/due.py`) leave the tables that facts and
documents are in. (What is derived, such as profiles, indexes and pairs, follows by resolving.)

What proves that something went is a row of `retention_evidence`: ids, rule and time, never a value.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

import orjson
from sqlalchemy import BigInteger, Column, Connection, Identity, Index, LargeBinary, Table, Text, Uuid
from sqlalchemy.dialects.postgresql import ARRAY

from cdi.fields import CanonicalData
from cdi.ingest.contract import Native
from cdi.store.db import as_columns, metadata, text
from cdi.store.profiles import EMPTY
from cdi.store.sources import TIME

retention_evidence = Table(
    "retention_evidence",
    metadata,
    Column("evidence_id", BigInteger, Identity(always=True), primary_key=True),
    Column("run_id", Uuid, nullable=False),
    Column("at", TIME, nullable=False),
    Column("author", Text, nullable=False),
    Column("source", Text, nullable=False),
    Column("what", Text, nullable=False),  # records, touchpoints, or the name of an attribute
    Column("rule", Text, nullable=False),
    Column("record_ids", ARRAY(BigInteger), nullable=False),
    Index(None, "run_id"),
)

retention_mark = Table(
    "retention_mark",
    metadata,
    Column("hash", LargeBinary, primary_key=True),  # keyed, of what was said; the key is not in the database
)

# -- what goes -------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Mention:
    """A profile, and a record that documents of it may name."""

    profile_id: UUID
    source: str
    stream: str
    key: str


def load_mentions(connection: Connection, record_ids: Sequence[int]) -> list[Mention]:
    """All profiles that these records are or ever were in."""
    rows = connection.execute(
        text(
            """
            select h.profile_id, r.source, r.stream, r.key from record r join (
                select record_id, profile_id from membership where record_id = any(cast(:ids as bigint[]))
                union select record_id, profile_id from carried where record_id = any(cast(:ids as bigint[]))
            ) h using (record_id)
            """
        ),
        {"ids": list(record_ids)},
    )
    return [Mention(*row) for row in rows]


def load_keys(connection: Connection, record_ids: Sequence[int]) -> list[str]:
    """The keys of these records."""
    asked = "select distinct key from record where record_id = any(cast(:ids as bigint[]))"
    return list(connection.execute(text(asked), {"ids": list(record_ids)}).scalars())


def end_records(connection: Connection, record_ids: Sequence[int]) -> list[tuple[str, str]]:
    """These records have ended; what is left of each is a row without a name. The (source, key) that they had. What
    follows from it is to be resolved."""
    ids = {"ids": list(record_ids)}
    named = connection.execute(
        text("select distinct source, key from record where record_id = any(cast(:ids as bigint[]))"), ids
    )
    names = [(row.source, row.key) for row in named]
    connection.execute(text(NAMELESS), ids)
    return names


# Of a key that its source gave to another person meanwhile, the touchpoints and consents are that person's.
CARRIED = """
select said.record_id from unnest(cast(:sources as text[]), cast(:keys as text[])) as k(source, key)
join {table} said on said.source = k.source and said.customer_key = k.key
where not exists (select from record other where other.source = k.source and other.key = k.key
    and other.kind = 'customer' and other.current and not other.record_id = any(cast(:ids as bigint[])))
"""
NAMELESS = """
update record set live = false, current = false, key = '', content_hash = '', copied_from = null,
    held_version_id = null, held_hash = null
where record_id = any(cast(:ids as bigint[]))
"""
UNSAID = (
    "delete from meaning m using record_version v"
    " where v.version_id = m.version_id and v.record_id = any(cast(:ids as bigint[]))",
    "delete from unmapped where record_id = any(cast(:ids as bigint[]))",
    "delete from record_version where record_id = any(cast(:ids as bigint[]))",
)
UNTOUCHED = (
    "delete from touchpoint_closing where record_id = any(cast(:ids as bigint[]))",
    "delete from touchpoint where record_id = any(cast(:ids as bigint[]))",
    "delete from consent where record_id = any(cast(:ids as bigint[]))",
    *UNSAID,
    "delete from record where record_id = any(cast(:ids as bigint[]))",
)
ABOUT = (
    "delete from pin where record_id = any(cast(:ids as bigint[]))",
    "delete from assigned_owner where record_id = any(cast(:ids as bigint[]))",
    "delete from consent_word where record_id = any(cast(:ids as bigint[]))",
    "delete from consent_review where record_id = any(cast(:ids as bigint[]))",
    "update conflict set detail = '{}' where record_ids && cast(:ids as bigint[]) and status = 'closed'",
)
REJECTED = """
delete from rejected r using unnest(cast(:sources as text[]), cast(:keys as text[])) as k(source, key)
where r.source = k.source and r.key = k.key
"""


CONTENTS = """
select r.source, r.stream, r.key, r.content_hash from record r
where r.record_id = any(cast(:ids as bigint[])) and r.current
union
select said.source, said.stream, said.key, said.content_hash from record r
join touchpoint t on t.source = r.source and t.customer_key = r.key join record said on said.record_id = t.record_id
where r.record_id = any(cast(:ids as bigint[])) and r.kind = 'customer' and r.current
union
select said.source, said.stream, said.key, said.content_hash from record r
join consent c on c.source = r.source and c.customer_key = r.key join record said on said.record_id = c.record_id
where r.record_id = any(cast(:ids as bigint[])) and r.kind = 'customer' and r.current
"""


def load_contents(connection: Connection, record_ids: Sequence[int]) -> list[tuple[str, str, str, bytes]]:
    """(source, stream, key, hash of the content) of these records, and of the touchpoints and consents of those of them
    that are customers."""
    rows = connection.execute(text(CONTENTS), {"ids": list(record_ids)})
    return [(row.source, row.stream, row.key, bytes(row.content_hash)) for row in rows]


def save_marks(connection: Connection, hashes: Sequence[bytes]) -> None:
    """What has one of these hashes was removed."""
    statement = "insert into retention_mark (hash) select unnest(cast(:hashes as bytea[])) on conflict do nothing"
    connection.execute(text(statement), {"hashes": list(hashes)})


def known_marks(connection: Connection, hashes: Sequence[bytes]) -> set[bytes]:
    """Those of these hashes of which something was removed."""
    rows = connection.execute(
        text("select hash from retention_mark where hash = any(:hashes)"), {"hashes": list(hashes)}
    )
    return {bytes(one) for one in rows.scalars()}


def forget_customers(connection: Connection, record_ids: Sequence[int], named: Sequence[tuple[str, str]]) -> int:
    """Drop all that these records, `named` (source, key), said, and that was said of them alone, with their touchpoints
    and consents. How many touchpoints and consents that were."""
    ids = list(record_ids)
    names = as_columns(("sources", "keys"), named)
    carried = [
        record_id
        for table in ("touchpoint", "consent")
        for record_id in connection.execute(text(CARRIED.format(table=table)), {**names, "ids": ids}).scalars()
    ]
    forget_touchpoints(connection, carried)
    connection.execute(text(REJECTED), names)
    for statement in (*ABOUT, *UNSAID):
        connection.execute(text(statement), {"ids": ids})
    return len(carried)


def forget_touchpoints(connection: Connection, record_ids: Sequence[int]) -> None:
    """Drop these touchpoints (or consents) and all that their source said of them."""
    if record_ids:
        for statement in UNTOUCHED:
            connection.execute(text(statement), {"ids": list(record_ids)})


MENTIONED = """
asked as (
    select profile_id, jsonb_build_array(jsonb_build_object('source', source, 'stream', stream, 'key', key)) as named
    from unnest(cast(:profiles as uuid[]), cast(:sources as text[]), cast(:streams as text[]), cast(:keys as text[]))
        as a(profile_id, source, stream, key)
)
"""
SCRUB_DOCUMENTS = f"""
with {MENTIONED},
past as (
    delete from profile_version v using asked a
    where v.profile_id = a.profile_id and v.document -> 'records' @> a.named
)
update profile p set content_hash = '', document = {EMPTY}
from asked a where p.profile_id = a.profile_id and p.retired_at is not null and p.document -> 'records' @> a.named
"""  # noqa: S608  fixed parts
SCRUB_ATTRIBUTE = f"""
with {MENTIONED}
update profile_version v set document = v.document #- array['golden', cast(:attribute as text)]
from asked a where v.profile_id = a.profile_id and v.document -> 'records' @> a.named
"""  # noqa: S608  fixed parts


def scrub_documents(connection: Connection, mentions: Collection[Mention]) -> None:
    """Drop the past documents that name one of these records, and what retired profiles served last of them. Call it
    when the profiles are written anew."""
    if mentions:
        connection.execute(text(SCRUB_DOCUMENTS), _asked(mentions))


def scrub_attribute(connection: Connection, mentions: Collection[Mention], attribute: str) -> None:
    """Take this attribute out of the past documents that name one of these records."""
    if mentions:
        connection.execute(text(SCRUB_ATTRIBUTE), {**_asked(mentions), "attribute": attribute})


def _asked(mentions: Collection[Mention]) -> dict[str, Any]:
    return as_columns(
        ("profiles", "sources", "streams", "keys"), ((m.profile_id, m.source, m.stream, m.key) for m in mentions)
    )


@dataclass(frozen=True, slots=True)
class SaidVersion:
    """One version of a record, as it was said and is understood."""

    version_id: int
    stream: str
    native: Native
    canonical: CanonicalData


def load_said(connection: Connection, record_ids: Sequence[int]) -> list[SaidVersion]:
    """All versions of these records that have a meaning."""
    rows = connection.execute(
        text(
            "select v.version_id, r.stream, v.native, m.canonical from record r join record_version v using (record_id)"
            " join meaning m on m.version_id = v.version_id"
            " where r.record_id = any(cast(:ids as bigint[])) and v.op = 'upsert'"
        ),
        {"ids": list(record_ids)},
    )
    return [SaidVersion(*row) for row in rows]


def rewrite_said(connection: Connection, versions: Sequence[SaidVersion]) -> None:
    """From now on it is as if these versions had said this. The one place where what was said is changed."""
    said = as_columns(
        ("ids", "natives", "meanings"),
        ((v.version_id, orjson.dumps(v.native).decode(), orjson.dumps(v.canonical).decode()) for v in versions),
    )
    for statement in (
        "update record_version v set native = cast(n.said as jsonb)"
        " from unnest(cast(:ids as bigint[]), cast(:natives as text[])) as n(version_id, said)"
        " where v.version_id = n.version_id",
        "update meaning m set canonical = cast(n.said as jsonb)"
        " from unnest(cast(:ids as bigint[]), cast(:meanings as text[])) as n(version_id, said)"
        " where m.version_id = n.version_id",
    ):
        connection.execute(text(statement), said)


def forget_pins(connection: Connection, record_ids: Sequence[int], attribute: str) -> None:
    """What stewards pinned for this attribute on these records goes with it."""
    connection.execute(
        text(
            "delete from pin where record_id = any(cast(:ids as bigint[]))"
            " and (attribute = :attribute or attribute like :attribute || '.%')"
        ),
        {"ids": list(record_ids), "attribute": attribute},
    )


# -- what proves it --------------------------------------------------------------------------------


def save_evidence(
    connection: Connection,
    run_id: UUID,
    author: str,
    source: str,
    what: str,
    rule: str,
    record_ids: Sequence[int],
    now: datetime,
) -> None:
    """Append that these went by this rule."""
    connection.execute(
        text(
            "insert into retention_evidence (run_id, at, author, source, what, rule, record_ids)"
            " values (:run, :now, :author, :source, :what, :rule, :ids)"
        ),
        {
            "run": run_id,
            "now": now,
            "author": author,
            "source": source,
            "what": what,
            "rule": rule,
            "ids": list(record_ids),
        },
    )


def list_runs(connection: Connection, limit: int) -> list[dict[str, Any]]:
    """What runs removed, newest first: by rule how many, from when to when."""
    rows = connection.execute(
        text(
            """
            select run_id, author, source, what, rule, min(at) as began_at, max(at) as ended_at,
                sum(cardinality(record_ids))::int as removed
            from retention_evidence where run_id in (
                select run_id from retention_evidence group by run_id order by max(evidence_id) desc limit :limit)
            group by run_id, author, source, what, rule order by max(evidence_id) desc
            """
        ),
        {"limit": limit},
    ).mappings()
    return [dict(row) for row in rows]
