"""Erasures: what proves each, the keyed hashes by which what was erased is known again, and how a person's values
leave the tables that retention does not reach.

Nothing here can be turned back into a value: the hashes are made with a key that the database does not hold.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final
from uuid import UUID

from sqlalchemy import BigInteger, Column, Connection, ForeignKey, Index, LargeBinary, Table, Text, Uuid

from cdi.store.db import as_columns, copy_rows, metadata, text
from cdi.store.sources import TIME

erasure = Table(
    "erasure",
    metadata,
    Column("erasure_id", Uuid, primary_key=True),
    Column("profile_id", Uuid, nullable=False),
    Column("ground", Text, nullable=False),
    Column("decided_by", Text, nullable=False),
    Column("at", TIME, nullable=False),
    Column("fingerprint", LargeBinary, nullable=False),  # of the key that its hashes are made with
    Column("cursor", BigInteger),  # of the event in the change feed that tells of it
    Index(None, "profile_id"),
)

erased_mark = Table(
    "erased_mark",
    metadata,
    Column("hash", LargeBinary, nullable=False),
    Column("erasure_id", Uuid, ForeignKey("erasure.erasure_id"), nullable=False),
    Column("what", Text, nullable=False),  # record: it is refused; backup: by it a backup is cleared; identifier
    Column("record_id", BigInteger),  # the nameless row that is left of it
    Index(None, "hash"),
    Index(None, "erasure_id"),
)

RECORD: Final = "record"
BACKUP: Final = "backup"
IDENTIFIER: Final = "identifier"


@dataclass(frozen=True, slots=True)
class Mark:
    """A keyed hash of what was erased; `record_id` of a record as this database has it."""

    hash: bytes
    what: str
    record_id: int | None = None


@dataclass(frozen=True, slots=True)
class Erasure:
    """One erasure as it is kept, here and in the file of erasures."""

    erasure_id: UUID
    profile_id: UUID
    ground: str
    decided_by: str
    at: datetime
    fingerprint: bytes
    marks: Sequence[Mark] = field(default_factory=list)


def save_erasure(connection: Connection, done: Erasure, cursor: int | None) -> None:
    """Append it with its marks."""
    connection.execute(
        text(
            "insert into erasure (erasure_id, profile_id, ground, decided_by, at, fingerprint, cursor)"
            " values (:id, :profile, :ground, :by, :at, :fingerprint, :cursor)"
        ),
        {
            "id": done.erasure_id,
            "profile": done.profile_id,
            "ground": done.ground,
            "by": done.decided_by,
            "at": done.at,
            "fingerprint": done.fingerprint,
            "cursor": cursor,
        },
    )
    copy_rows(
        connection,
        "erased_mark",
        ("hash", "erasure_id", "what", "record_id"),
        ((mark.hash, done.erasure_id, mark.what, mark.record_id) for mark in done.marks),
    )


FINGERPRINT: Final = "select fingerprint from erasure order by at desc limit 1"


def fingerprint(connection: Connection) -> bytes | None:
    """Of the key with which what was erased is known again; None while nothing was."""
    found: bytes | None = connection.execute(text(FINGERPRINT)).scalar()
    return found


def all_ids(connection: Connection) -> set[UUID]:
    """The ids of all erasures."""
    return set(connection.execute(text("select erasure_id from erasure")).scalars())


def load_erasures(connection: Connection, ids: Collection[UUID]) -> list[Erasure]:
    """These, the oldest first."""
    marks: dict[UUID, list[Mark]] = {}
    wanted = {"ids": list(ids)}
    for row in connection.execute(
        text("select erasure_id, hash, what, record_id from erased_mark where erasure_id = any(cast(:ids as uuid[]))"),
        wanted,
    ):
        marks.setdefault(row.erasure_id, []).append(Mark(row.hash, row.what, row.record_id))
    rows = connection.execute(
        text(
            "select erasure_id, profile_id, ground, decided_by, at, fingerprint from erasure"
            " where erasure_id = any(cast(:ids as uuid[])) order by at, erasure_id"
        ),
        wanted,
    )
    return [
        Erasure(
            row.erasure_id,
            row.profile_id,
            row.ground,
            row.decided_by,
            row.at,
            row.fingerprint,
            marks.get(row.erasure_id, []),
        )
        for row in rows
    ]


@dataclass(frozen=True, slots=True)
class Known:
    """What a hash was known as: of which erasure, and which nameless row is left of it."""

    hash: bytes
    erasure_id: UUID
    record_id: int | None


def known_among(connection: Connection, hashes: Collection[bytes], what: str) -> dict[bytes, Known]:
    """Those of these hashes that are marks of this kind."""
    rows = connection.execute(
        text("select hash, erasure_id, record_id from erased_mark where hash = any(:hashes) and what = :what"),
        {"hashes": sorted(set(hashes)), "what": what},
    )
    return {row.hash: Known(*row) for row in rows}


# -- whose it is -----------------------------------------------------------------------------------


def records_of(connection: Connection, profile_id: UUID) -> list[int]:
    """All customer records of a profile, ascending: those in it, those that their source replaced by one in it, and
    those that ended while they were in it."""
    rows = connection.execute(
        text(
            """
            with mine as (select record_id from membership where profile_id = :profile)
            select record_id from mine
            union select r.record_id from record r join mine on r.replaced_by = mine.record_id
            union select r.record_id from carried c join record r using (record_id)
            where c.profile_id = :profile and not r.live and r.key <> '' and r.replaced_by is null
            and c.carried_id = (select max(carried_id) from carried d where d.record_id = c.record_id)
            order by 1
            """
        ),
        {"profile": profile_id},
    )
    return list(rows.scalars())


@dataclass(frozen=True, slots=True)
class Named:
    """A record by its names. `reused`: its source gave the key to another person since."""

    record_id: int
    source: str
    stream: str
    key: str
    kind: str
    incarnation: int
    reused: bool = False


def names_of(connection: Connection, record_ids: Sequence[int]) -> list[Named]:
    """The names of these records."""
    rows = connection.execute(
        text(
            """
            select record_id, source, stream, key, kind, incarnation, exists (select from record o
                where o.source = r.source and o.key = r.key and o.stream = r.stream
                and o.current and not o.record_id = any(cast(:ids as bigint[]))) as reused
            from record r where record_id = any(cast(:ids as bigint[])) order by record_id
            """
        ),
        {"ids": list(record_ids)},
    )
    return [Named(*row) for row in rows]


CARRIED = """
select r.record_id, r.source, r.stream, r.key, r.kind, r.incarnation from record c join {table} said
on said.source = c.source and said.customer_key = c.key join record r on r.record_id = said.record_id
where c.record_id = any(cast(:ids as bigint[])) and not exists (select from record other
    where other.source = c.source and other.key = c.key and other.kind = 'customer'
    and other.current and not other.record_id = any(cast(:ids as bigint[])))
"""


def said_of(connection: Connection, record_ids: Sequence[int]) -> list[Named]:
    """The touchpoints and consents of these customer records."""
    return [
        Named(*row)
        for table in ("touchpoint", "consent")
        for row in connection.execute(text(CARRIED.format(table=table)), {"ids": list(record_ids)})
    ]


def links_of(connection: Connection, named: Sequence[Named]) -> list[int]:
    """Live records by which their source said that one of these was replaced, or replaced another."""
    keys = as_columns(("sources", "keys"), ((one.source, one.key) for one in named))
    rows = connection.execute(
        text(
            """
            select distinct r.record_id from record r join meaning m on m.version_id = r.version_id
            join unnest(cast(:sources as text[]), cast(:keys as text[])) as k(source, key) on k.source = r.source
            where r.live and r.kind = 'identity_link' and k.key in (m.canonical ->> 'from', m.canonical ->> 'to')
            """
        ),
        keys,
    )
    return list(rows.scalars())


def identifiers_of(connection: Connection, record_ids: Sequence[int]) -> list[tuple[str, str]]:
    """(type, value) of the e-mails, numbers and other identifiers that these records carry, as they are compared."""
    rows = connection.execute(
        text("select distinct type, value from handle where record_id = any(cast(:ids as bigint[]))"),
        {"ids": list(record_ids)},
    )
    return [(row.type, row.value) for row in rows]


def carriers_elsewhere(connection: Connection, record_ids: Sequence[int], limit: int) -> list[UUID]:
    """Other profiles that carry an identifier of these records."""
    rows = connection.execute(
        text(
            """
            select distinct m.profile_id from (
                select distinct type, value from handle where record_id = any(cast(:ids as bigint[]))
            ) h cross join lateral (
                select o.record_id from handle o where o.value = h.value and o.type = h.type limit :limit
            ) other join membership m using (record_id)
            where not other.record_id = any(cast(:ids as bigint[])) order by 1 limit :limit
            """
        ),
        {"ids": list(record_ids), "limit": limit},
    )
    return list(rows.scalars())


# -- what is there ---------------------------------------------------------------------------------

COUNTS: Final[Mapping[str, str]] = {
    "record": "select count(*) from record where record_id = any(cast(:ids as bigint[]))",
    "record_version": "select count(*) from record_version where record_id = any(cast(:all as bigint[]))",
    "touchpoint": "select count(*) from touchpoint where record_id = any(cast(:all as bigint[]))",
    "consent": "select count(*) from consent where record_id = any(cast(:all as bigint[]))",
    "consent_word": "select count(*) from consent_word where record_id = any(cast(:ids as bigint[]))",
    "pin": "select count(*) from pin where record_id = any(cast(:ids as bigint[]))",
    "task": "select count(*) from task where record_id = any(cast(:ids as bigint[]))",
    "review": "select count(*) from review where left_record = any(cast(:ids as bigint[]))"
    " or right_record = any(cast(:ids as bigint[]))",
    "decision": "select count(*) from decision where record_ids && cast(:ids as bigint[]) and revoked_at is null",
    "profile_version": "select count(*) from profile_version where profile_id = :profile",
    "block_key": "select count(*) from block_key where record_id = any(cast(:ids as bigint[]))",
    "pair": "select count(*) from pair where left_id = any(cast(:ids as bigint[]))"
    " or right_id = any(cast(:ids as bigint[]))",
    "correction": "select count(*) from correction where record_ids && cast(:ids as bigint[])",
    "customer_link": "select count(*) from customer_link where record_ids && cast(:ids as bigint[])",
}


def count_of(connection: Connection, profile_id: UUID, ids: Sequence[int], said: Sequence[int]) -> dict[str, int]:
    """By table, how much there is of these records (`ids`) and of what was said of them (`said`)."""
    asked = {"ids": list(ids), "all": [*ids, *said], "profile": profile_id}
    return {name: int(connection.execute(text(question), asked).scalar_one()) for name, question in COUNTS.items()}


# -- who was told ----------------------------------------------------------------------------------


def told_by_webhook(connection: Connection, profile_id: UUID) -> list[dict[str, Any]]:
    """The subscriptions that an event about this profile may have gone to."""
    rows = connection.execute(
        text(
            """
            select w.webhook_id as id, w.made_by, w.created_at from webhook w
            where exists (select from feed f where f.profile_id = :profile and f.cursor <= w.cursor
                and (w.types is null or f.type = any(w.types))
                and (w.owners is null or f.data_owner = any(w.owners))
                and (w.sources is null or f.sources && w.sources)) order by w.created_at, w.webhook_id
            """
        ),
        {"profile": profile_id},
    ).mappings()
    return [dict(row) for row in rows]


def shown_to(connection: Connection, profile_id: UUID, limit: int) -> list[dict[str, Any]]:
    """Who was shown values of this profile in full, by the audit log: how often, and when last."""
    rows = connection.execute(
        text(
            "select actor, count(*) as times, max(at) as last_at from audit_entry"
            " where profiles @> array[cast(:profile as uuid)] group by actor order by max(at) desc limit :limit"
        ),
        {"profile": profile_id, "limit": limit},
    ).mappings()
    return [dict(row) for row in rows]


def acknowledgements(connection: Connection, erasure_id: UUID) -> list[dict[str, Any]]:
    """By subscription, what became of the event that tells of this erasure: `taken`, `waiting` or `dead`."""
    rows = connection.execute(
        text(
            """
            select w.webhook_id as webhook, case
                when d.dead_at is not null then 'dead'
                when d.cursor is not null or w.cursor < f.cursor then 'waiting' else 'taken' end as state
            from erasure e join feed f using (cursor) join webhook w on f.at >= w.created_at
                and (w.types is null or f.type = any(w.types))
                and (w.owners is null or f.data_owner = any(w.owners))
                and (w.sources is null or f.sources = '{}' or f.sources && w.sources)
            left join webhook_delivery d on d.webhook_id = w.webhook_id and d.cursor = f.cursor
            where e.erasure_id = :id order by w.created_at, w.webhook_id
            """
        ),
        {"id": erasure_id},
    ).mappings()
    return [dict(row) for row in rows]


# -- what goes -------------------------------------------------------------------------------------

WORDS: Final[Sequence[str]] = (
    "update decision set reason = '', revoked_reason = case when revoked_reason is null then null else '' end"
    " where record_ids && cast(:ids as bigint[])",
    "update review_note n set said = null from review r where r.review_id = n.review_id and n.said is not null"
    " and (r.left_record = any(cast(:ids as bigint[])) or r.right_record = any(cast(:ids as bigint[])))",
    "update task set said = '', answer = case when answer is null then null else '' end,"
    " closed_at = coalesce(closed_at, :now), closed_by = coalesce(closed_by, :by)"
    " where record_id = any(cast(:ids as bigint[]))",
    "update consent_review set reason = '' where covers && cast(:ids as bigint[])",
    "update legal_hold set reason = '', lifted_reason = case when lifted_reason is null then null else '' end"
    " where record_ids && cast(:ids as bigint[])",
    "update conflict set detail = '{}' where record_ids && cast(:ids as bigint[])",
    "update privacy_request set state = 'lifted', ended_by = :by, ended_at = :now where request_id in ("
    "select request_id from restricted_record where record_id = any(cast(:ids as bigint[])) union all"
    " select request_id from pin where record_id = any(cast(:ids as bigint[])) and revoked_at is null)",
    "delete from restricted_record where record_id = any(cast(:ids as bigint[]))",
    "delete from idempotency where route = any(cast(:sources as text[]))",
    "delete from scan_key where key = any(cast(:keys as text[]))",
    "delete from missing_key where key = any(cast(:keys as text[]))",
    "update privacy_request set state = 'done', decided_by = :by, decided_at = :now where request_id in ("
    "select request_id from correction where record_ids && cast(:ids as bigint[]))",
    "delete from correction where record_ids && cast(:ids as bigint[])",
    "delete from customer_link where record_ids && cast(:ids as bigint[])",
)
"""What people wrote about these records, and what was kept of requests of their sources."""
REJECTED = """
delete from rejected where source = any(cast(:sources as text[])) and (
    native::text like any(cast(:said as text[])) or native ->> 'customer_key' = any(cast(:keys as text[])))
"""


def forget_words(
    connection: Connection,
    record_ids: Sequence[int],
    named: Sequence[Named],
    identifiers: Sequence[tuple[str, str]],
    by: str,
    now: datetime,
) -> None:
    """Drop what stewards wrote about these records, requests of their sources that were remembered, and what was
    rejected of their sources and holds one of their keys or identifiers."""
    asked = {
        "ids": list(record_ids),
        "sources": sorted({one.source for one in named}),
        "keys": sorted({one.key for one in named}),
        "by": by,
        "now": now,
    }
    for statement in WORDS:
        connection.execute(text(statement), asked)
    said = {pattern for one in named if len(one.key) >= SHORTEST_KEY for pattern in _in_json(one.key)}
    said |= {f"%{_as_like(value)}%" for _, value in identifiers if len(value) >= SHORTEST}
    connection.execute(text(REJECTED), {**asked, "said": sorted(said)})


SHORTEST_KEY: Final = 4
"""Characters of a key that is looked for as a whole value within what was rejected; shorter ones are in too much."""
SHORTEST: Final = 6
"""Characters of an identifier that is looked for as a part of a value."""


def _in_json(key: str) -> list[str]:
    """A key as a value of its own in a JSON document."""
    numbers = [f"%: {key},%", f"%: {key}}}%"] if key.isdecimal() else []
    return [f'%"{_as_like(key)}"%', *numbers]


def _as_like(value: str) -> str:
    return value.replace("\\", "\\\\\\\\").replace("%", "\\%").replace("_", "\\_").replace('"', '\\\\"')


def end_ids(connection: Connection, profile_ids: Collection[UUID]) -> list[UUID]:
    """Of these ids, those that are retired and lead nowhere any more end as erased; which."""
    rows = connection.execute(
        text(
            """
            update profile p set retired_reason = 'erased', closed_to = '{}'
            where p.profile_id = any(cast(:ids as uuid[]))
            and p.retired_at is not null and not exists (
                select from carried c join record r using (record_id)
                where c.profile_id = p.profile_id and (r.live or exists (
                    select from membership m where m.record_id = r.replaced_by)))
            returning p.profile_id
            """
        ),
        {"ids": list(profile_ids)},
    )
    return sorted(rows.scalars())


def named_records(connection: Connection, after: int, limit: int) -> list[Named]:
    """Records that still have a name, by id: a page of them."""
    rows = connection.execute(
        text(
            "select record_id, source, stream, key, kind, incarnation from record where record_id > :after"
            " and key <> '' order by record_id limit :limit"
        ),
        {"after": after, "limit": limit},
    )
    return [Named(*row) for row in rows]
