"""Profiles as they are served, who belongs to which, and every id ever given out.

`membership` has one row a live record, so that no record can be in two profiles. `carried` remembers which id a
record bore before, so that retired ids lead somewhere and come back when their records do.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import (
    BigInteger,
    Column,
    Connection,
    ForeignKey,
    Identity,
    Index,
    Integer,
    LargeBinary,
    Table,
    Text,
    Uuid,
)
from sqlalchemy.dialects.postgresql import ARRAY, JSONB

from cdi.store.arrays import LongTexts
from cdi.store.db import Asked, all_rows, as_columns, metadata, run, send, text
from cdi.store.sources import TIME

profile = Table(
    "profile",
    metadata,
    Column("profile_id", Uuid, primary_key=True),
    Column("minted", BigInteger, Identity(always=True), nullable=False),  # the order in which ids were given out
    Column("kind", Text, nullable=False),
    Column("data_owner", Text, nullable=False),
    Column("sources", ARRAY(Text), nullable=False),
    Column("document", JSONB, nullable=False),
    Column("content_hash", LargeBinary, nullable=False),
    Column("version", Integer, nullable=False),
    Column("created_at", TIME, nullable=False),
    Column("updated_at", TIME, nullable=False),
    Column("retired_at", TIME),
    Column("retired_reason", Text),
    Column("closed_to", ARRAY(Text), nullable=False, server_default=text("'{}'::text[]")),  # see store.restrictions
    Index("ix_profile_minted", "minted"),
    Index("ix_profile_owner", "data_owner", "profile_id"),
    Index("ix_profile_updated", "updated_at", "profile_id"),
    Index("ix_profile_closed", "profile_id", postgresql_where=text("closed_to <> '{}'::text[]")),
)

profile_version = Table(
    "profile_version",
    metadata,
    Column("profile_id", Uuid, ForeignKey("profile.profile_id"), primary_key=True),
    Column("version", Integer, primary_key=True),
    Column("document", JSONB, nullable=False),
    Column("valid_from", TIME, nullable=False),
    Column("valid_to", TIME, nullable=False),
)

membership = Table(
    "membership",
    metadata,
    Column("record_id", BigInteger, ForeignKey("record.record_id"), primary_key=True, autoincrement=False),
    Column("profile_id", Uuid, ForeignKey("profile.profile_id"), nullable=False),
    Index(None, "profile_id"),
)

carried = Table(
    "carried",
    metadata,
    Column("carried_id", BigInteger, Identity(always=True), primary_key=True),
    Column("record_id", BigInteger, ForeignKey("record.record_id"), nullable=False),
    Column("profile_id", Uuid, ForeignKey("profile.profile_id"), nullable=False),
    Column("until", TIME, nullable=False),
    Index(None, "record_id"),
    Index(None, "profile_id"),
)


@dataclass(frozen=True, slots=True)
class ProfileWrite:
    """A profile as it shall be from now on. `document` is a JSON object, without its version and updated_at, which the
    store adds."""

    profile_id: UUID
    version: int
    kind: str
    data_owner: str
    sources: Sequence[str]
    document: bytes
    content_hash: bytes


@dataclass(frozen=True, slots=True)
class ProfileState:
    """What the store knows of a profile without opening its document."""

    profile_id: UUID
    minted: int
    version: int
    content_hash: bytes
    data_owner: str
    retired: bool


def load_memberships(connection: Connection, record_ids: Sequence[int]) -> dict[int, UUID]:
    """The profile of each of these records that has one."""
    statement = "select record_id, profile_id from membership where record_id = any(cast(:ids as bigint[]))"
    return dict(all_rows(connection, statement, {"ids": list(record_ids)})) if record_ids else {}


@dataclass(frozen=True, slots=True)
class Homes:
    """The profiles of some records: whose is which, and how each stands."""

    of: dict[int, UUID]
    states: dict[UUID, ProfileState]


def ask_for_homes(connection: Connection, record_ids: Sequence[int]) -> Asked[Homes]:
    """The profiles of those of these records that have one."""

    def read(rows: list[Any]) -> Homes:
        of = {record_id: row.profile_id for row in rows for record_id in row.records}
        return Homes(of, {row.profile_id: ProfileState(*row[:-1]) for row in rows})

    return Asked(send(connection, HOMES_WITH_STATES, {"ids": list(record_ids)}), read)


HOMES_WITH_STATES = """
select p.profile_id, p.minted, p.version, p.content_hash, p.data_owner, p.retired_at is not null as retired, h.records
from (
    select profile_id, array_agg(record_id) as records from membership
    where record_id = any(cast(:ids as bigint[])) group by profile_id
) h join profile p using (profile_id)
"""


def find_homes(connection: Connection, source: str, keys: Sequence[str]) -> set[UUID]:
    """The profiles of the customer records of a source with these keys."""
    return ask_for_homes_of(connection, source, keys).answer()


def ask_for_homes_of(connection: Connection, source: str, keys: Sequence[str]) -> Asked[set[UUID]]:
    """See `find_homes`."""
    asked = send(connection, HOMES, {"source": source, "keys": list(keys)})
    return Asked(asked, lambda rows: {row.profile_id for row in rows})


HOMES = """
select distinct m.profile_id from unnest(cast(:keys as text[])) as k(key)
join record r on r.source = :source and r.key = k.key and r.current and r.kind = 'customer'
join membership m on m.record_id = coalesce(r.replaced_by, r.record_id)
"""


def load_homes(connection: Connection, record_ids: NDArray[np.int64]) -> tuple[NDArray[np.int64], NDArray[np.bool_]]:
    """For each of these records (sorted) the smallest record id of its profile among them, its own if it has none; and
    whether it has one."""
    rows = connection.execute(
        text("select record_id, min(record_id) over (partition by profile_id) as first from membership")
    ).all()
    home = record_ids.copy()
    housed = np.zeros(len(record_ids), np.bool_)
    if rows:
        ids, first = np.array([tuple(row) for row in rows], dtype=np.int64).T
        known = np.isin(ids, record_ids) & np.isin(first, record_ids)
        home[np.searchsorted(record_ids, ids[known])] = first[known]
        housed[np.searchsorted(record_ids, ids[np.isin(ids, record_ids)])] = True
    return home, housed


def load_members(connection: Connection, profile_ids: Sequence[UUID]) -> dict[UUID, list[int]]:
    """The records of each of these profiles, ascending."""
    rows = connection.execute(
        text(
            "select profile_id, record_id from membership"
            " where profile_id = any(cast(:ids as uuid[])) order by record_id"
        ),
        {"ids": list(profile_ids)},
    )
    members: dict[UUID, list[int]] = {}
    for row in rows:
        members.setdefault(row.profile_id, []).append(row.record_id)
    return members


def load_last_carried(connection: Connection, record_ids: Sequence[int]) -> dict[int, list[UUID]]:
    """Retired ids that these records bore, the latest first; and of every other live record that bore one of
    those ids too, so that an id comes back only to all that is left of its records."""
    if not record_ids:
        return {}
    rows = connection.execute(
        text(
            """
            with ids as (
                select distinct p.profile_id from carried c join profile p using (profile_id)
                where c.record_id = any(cast(:ids as bigint[])) and p.retired_at is not null
                and p.retired_reason is distinct from 'erased'
            )
            select c.record_id, c.profile_id from carried c join ids using (profile_id)
            join record r on r.record_id = c.record_id and r.live
            order by c.record_id, c.carried_id desc
            """
        ),
        {"ids": list(record_ids)},
    )
    before: dict[int, list[UUID]] = {}
    for row in rows:
        ids = before.setdefault(row.record_id, [])
        if row.profile_id not in ids:
            ids.append(row.profile_id)
    return before


def load_states(connection: Connection, profile_ids: Iterable[UUID]) -> dict[UUID, ProfileState]:
    """What is known of these ids, those that were never given out left out."""
    ids = list(profile_ids)
    if not ids:
        return {}
    rows = all_rows(
        connection,
        "select profile_id, minted, version, content_hash, data_owner, retired_at is not null as retired"
        " from profile where profile_id = any(cast(:ids as uuid[]))",
        {"ids": ids},
    )
    return {row.profile_id: ProfileState(*row) for row in rows}


def load_golden(connection: Connection, profile_ids: Sequence[UUID]) -> dict[UUID, dict[str, Any]]:
    """The golden records of these profiles as they are stored, of retired ones too."""
    return ask_for_golden(connection, profile_ids).answer()


def ask_for_golden(connection: Connection, profile_ids: Sequence[UUID]) -> Asked[dict[UUID, dict[str, Any]]]:
    """See `load_golden`."""
    statement = "select profile_id, document -> 'golden' from profile where profile_id = any(cast(:ids as uuid[]))"
    return Asked(send(connection, statement, {"ids": list(profile_ids)}), dict)


@dataclass(frozen=True, slots=True)
class Original:
    """A profile that an application copied: what it says, and its oldest record."""

    golden: Mapping[str, Any]
    anchor: int


def load_originals(connection: Connection, profile_ids: Sequence[str]) -> dict[str, Original]:
    """The live profiles among these ids (as text; what is no id is none)."""
    rows = connection.execute(
        text(
            """
            select cast(p.profile_id as text) as id, p.document -> 'golden' as golden, min(m.record_id) as anchor
            from profile p join membership m using (profile_id)
            where cast(p.profile_id as text) = any(:ids) and p.profile_id = any(
                select cast(i as uuid) from unnest(cast(:ids as text[])) as i where i ~ :uuid)
            group by p.profile_id
            """
        ),
        {"ids": list(profile_ids), "uuid": "^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$"},
    )
    return {row.id: Original(row.golden, row.anchor) for row in rows}


WRITTEN = ("profile_id", "kind", "data_owner", "sources", "content_hash", "version")

WRITE_PROFILES = """
with before as (
    insert into profile_version (profile_id, version, document, valid_from, valid_to)
    select profile_id, version, document, updated_at, :now from profile
    where profile_id = any(cast(:kept as uuid[]))
    on conflict do nothing
)
insert into profile as p (profile_id, kind, data_owner, sources, document, content_hash, version,
    created_at, updated_at)
select profile_id, kind, data_owner, string_to_array(sources, ','), cast(document as jsonb), content_hash, version,
    :now, :now
from unnest(cast(:profile_id as uuid[]), cast(:kind as text[]), cast(:data_owner as text[]), cast(:sources as text[]),
    cast(:document as text[]), cast(:content_hash as bytea[]), cast(:version as int[]))
    with ordinality as w(profile_id, kind, data_owner, sources, document, content_hash, version, position)
order by position
on conflict (profile_id) do update set
    kind = excluded.kind, data_owner = excluded.data_owner, sources = excluded.sources,
    document = excluded.document, content_hash = excluded.content_hash, version = excluded.version,
    updated_at = excluded.updated_at, retired_at = null, retired_reason = null
"""


def write_profiles(
    connection: Connection, profiles: Sequence[ProfileWrite], now: datetime, forgotten: Collection[UUID] = ()
) -> None:
    """Insert new profiles, replace changed ones (the document before is kept, but for those that are `forgotten`),
    bring retired ones back. Ids are minted in the order given.
    """
    if not profiles:
        return
    said = as_columns(
        WRITTEN,
        ((p.profile_id, p.kind, p.data_owner, ",".join(p.sources), p.content_hash, p.version) for p in profiles),
    )
    end = f',"updated_at":"{now.isoformat()}","version":'
    documents = LongTexts(p.document[:-1] + f"{end}{p.version}}}".encode() for p in profiles)
    kept = [each.profile_id for each in profiles if each.profile_id not in forgotten]
    run(connection, WRITE_PROFILES, {"now": now, "kept": kept, "document": documents, **said})


EMPTY = """jsonb_build_object('id', p.profile_id, 'kind', p.kind, 'data_owner', p.data_owner, 'golden', '{}'::jsonb,
    'records', '[]'::jsonb, 'version', p.version, 'updated_at', p.document -> 'updated_at')"""
"""What is left of the document of a profile `p` whose values are not to be kept."""
RETIRE = f"""
with before as (
    insert into profile_version (profile_id, version, document, valid_from, valid_to)
    select profile_id, version, document, updated_at, :now from profile
    where profile_id = any(cast(:kept as uuid[])) on conflict do nothing
)
update profile p set retired_at = :now, retired_reason = t.reason, updated_at = :now,
    document = case when t.kept then p.document else {EMPTY} end,
    content_hash = case when t.kept then p.content_hash else '' end
from unnest(cast(:ids as uuid[]), cast(:reasons as text[]), cast(:keep as bool[])) as t(profile_id, reason, kept)
where p.profile_id = t.profile_id
"""  # noqa: S608  fixed parts


def retire_profiles(
    connection: Connection, reasons: Mapping[UUID, str], now: datetime, forgotten: Collection[UUID] = ()
) -> None:
    """These ids carry no record any more: `merged`, `split` or `retired` (the last record went). Of those that are
    `forgotten` no value is kept."""
    if reasons:
        rows = [(profile_id, reason, profile_id not in forgotten) for profile_id, reason in reasons.items()]
        kept = [profile_id for profile_id, _, keep in rows if keep]
        run(connection, RETIRE, {"now": now, "kept": kept, **as_columns(("ids", "reasons", "keep"), rows)})


def move_records(connection: Connection, before: Mapping[int, UUID], after: Mapping[int, UUID], now: datetime) -> None:
    """Make `after` the membership of these records; who bore another id before is remembered.

    A record in `before` that `after` lacks is gone.
    """
    moved = [(record, left) for record, left in before.items() if after.get(record) != left]
    arrived = [(record, to) for record, to in sorted(after.items()) if before.get(record) != to]
    if moved:
        run(connection, LEAVE, {"now": now, **as_columns(("records", "profiles"), sorted(moved))})
    if arrived:
        run(connection, ARRIVE, as_columns(("records", "profiles"), arrived))


LEAVE = """
with gone as (delete from membership where record_id = any(cast(:records as bigint[])))
insert into carried (record_id, profile_id, until)
select record_id, profile_id, :now
from unnest(cast(:records as bigint[]), cast(:profiles as uuid[])) as l(record_id, profile_id) order by record_id
"""
ARRIVE = """
insert into membership (record_id, profile_id)
select * from unnest(cast(:records as bigint[]), cast(:profiles as uuid[]))
"""


@dataclass(frozen=True, slots=True)
class FoundProfile:
    """A profile as a reader meets it."""

    profile_id: UUID
    document: dict[str, Any]
    sources: frozenset[str]
    version: int
    retired_reason: str | None
    retired: bool
    closed_to: frozenset[str] = frozenset()


def find_profile(connection: Connection, profile_id: UUID) -> FoundProfile | None:
    """The profile with this id, live or retired; None when the id was never given out."""
    row = connection.execute(
        text(
            "select profile_id, document, sources, version, retired_reason, retired_at is not null as retired,"
            " closed_to"
            " from profile where profile_id = :id"
        ),
        {"id": profile_id},
    ).one_or_none()
    return None if row is None else _found(row)


def find_profiles(connection: Connection, profile_ids: Sequence[UUID]) -> dict[UUID, FoundProfile]:
    """Those of these profiles that there are, live or retired."""
    rows = connection.execute(
        text(
            "select profile_id, document, sources, version, retired_reason, retired_at is not null as retired,"
            " closed_to"
            " from profile where profile_id = any(cast(:ids as uuid[]))"
        ),
        {"ids": list(profile_ids)},
    )
    return {row.profile_id: _found(row) for row in rows}


def _found(row: Any) -> FoundProfile:
    return FoundProfile(
        row.profile_id,
        row.document,
        frozenset(row.sources),
        row.version,
        row.retired_reason,
        row.retired,
        frozenset(row.closed_to),
    )


@dataclass(frozen=True, slots=True)
class StoredText:
    """The document of a live profile as it lies there: JSON that nobody has read."""

    document: str
    sources: frozenset[str]
    version: int
    closed_to: frozenset[str]


def ask_for_texts(connection: Connection, profile_ids: Collection[UUID]) -> Asked[dict[UUID, StoredText]]:
    """Those of these profiles that are live."""
    statement = (
        "select profile_id, document::text as document, sources, version, closed_to from profile"
        " where profile_id = any(cast(:ids as uuid[])) and retired_at is null"
    )

    def read(rows: list[Any]) -> dict[UUID, StoredText]:
        return {
            row.profile_id: StoredText(row.document, frozenset(row.sources), row.version, frozenset(row.closed_to))
            for row in rows
        }

    return Asked(send(connection, statement, {"ids": list(profile_ids)}), read)


def successors(connection: Connection, profile_id: UUID) -> list[UUID]:
    """Where the records that a retired id carried last are now, or what their source replaced them by; the profile
    with most of them first."""
    rows = connection.execute(
        text(
            """
            select m.profile_id from carried c join record r using (record_id)
            join membership m on m.record_id = coalesce(r.replaced_by, r.record_id)
            where c.profile_id = :id
            and c.until = (select max(until) from carried where profile_id = :id)
            group by m.profile_id order by count(*) desc, m.profile_id
            """
        ),
        {"id": profile_id},
    )
    return [row.profile_id for row in rows]


def any_live(connection: Connection) -> bool:
    """Whether there is any profile yet."""
    return bool(connection.execute(text("select exists (select from membership)")).scalar_one())


def profile_figures(connection: Connection) -> dict[str, Any]:
    """How many live profiles there are, by kind and by owner, and the largest."""
    by_owner = connection.execute(
        text("select data_owner, count(*) as n from profile where retired_at is null group by 1 order by 1")
    )
    owners = {row.data_owner: row.n for row in by_owner}
    largest = connection.execute(
        text("select coalesce(max(n), 0) from (select count(*) as n from membership group by profile_id) sizes")
    ).scalar_one()
    return {"profiles": sum(owners.values()), "owners": owners, "largest_profile": int(largest)}


def all_memberships(connection: Connection) -> list[tuple[str, str, UUID]]:
    """(source, key, profile id) of every live customer record."""
    rows = connection.execute(
        text("select r.source, r.key, m.profile_id from membership m join record r using (record_id)")
    )
    return [(row.source, row.key, row.profile_id) for row in rows]
