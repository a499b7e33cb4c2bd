"""Conflicts: values or owners of one profile that contradict each other, and that a steward must settle."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import datetime
from typing import Any
from uuid import UUID

import orjson
from sqlalchemy import BigInteger, Column, Connection, Identity, Index, Table, Text, Uuid
from sqlalchemy.dialects.postgresql import ARRAY, JSONB

from cdi.access import Visibility
from cdi.store.db import metadata, run, text
from cdi.store.sources import TIME

conflict = Table(
    "conflict",
    metadata,
    Column("conflict_id", BigInteger, Identity(always=True), primary_key=True),
    Column("profile_id", Uuid, nullable=False),
    Column("key", Text, nullable=False),  # what makes it the same conflict when the profile is built again
    Column("kind", Text, nullable=False),  # owner, value, …
    Column("attribute", Text),
    Column("owners", ARRAY(Text), nullable=False),
    Column("record_ids", ARRAY(BigInteger), nullable=False),
    Column("detail", JSONB, nullable=False),  # names of rules and sources, never values
    Column("status", Text, nullable=False),
    Column("opened_at", TIME, nullable=False),
    Column("closed_at", TIME),
    Column("closed_reason", Text),
    Index("uq_conflict_open", "profile_id", "key", unique=True, postgresql_where=text("status = 'open'")),
)


@dataclass(frozen=True, slots=True)
class Contradiction:
    """A conflict that should be open in a profile."""

    profile_id: UUID
    key: str
    kind: str
    attribute: str | None
    owners: Sequence[str]
    record_ids: Sequence[int]
    detail: Mapping[str, Any]


def replace_conflicts(
    connection: Connection,
    profile_ids: Sequence[UUID],
    conflicts: Sequence[Contradiction],
    now: datetime,
    *,
    standing: bool = True,
) -> None:
    """Make `conflicts` the open ones of these profiles, of which some may be `standing`."""
    if not conflicts and not standing:
        return
    found = [asdict(conflict) for conflict in conflicts]
    parameters = {"profiles": list(profile_ids), "now": now, "contradictions": orjson.dumps(found).decode()}
    for statement in (CLOSE, OPEN) if standing else (OPEN,):
        run(connection, statement, parameters)


CONTRADICTION = """
with contradiction as materialized (
    select * from json_to_recordset(cast(:contradictions as json)) as c(profile_id uuid, key text, kind text,
        attribute text, owners text[], record_ids bigint[], detail jsonb)
)
"""

CLOSE = f"""
{CONTRADICTION}
update conflict c set status = 'closed', closed_at = :now, closed_reason = 'moot: what contradicted is gone'
where c.status = 'open' and c.profile_id = any(cast(:profiles as uuid[]))
and not exists (select from contradiction n where n.profile_id = c.profile_id and n.key = c.key)
"""  # noqa: S608  a fixed list

OPEN = f"""
{CONTRADICTION}
insert into conflict (profile_id, key, kind, attribute, owners, record_ids, detail, status, opened_at)
select profile_id, key, kind, attribute, owners, record_ids, detail, 'open', :now
from contradiction order by profile_id, key
on conflict (profile_id, key) where status = 'open' do update set
    owners = excluded.owners, record_ids = excluded.record_ids, detail = excluded.detail
"""  # noqa: S608  a fixed list


def open_conflicts(connection: Connection, profile_id: UUID) -> list[dict[str, Any]]:
    """The conflicts that stand in this profile."""
    rows = connection.execute(
        text(
            "select conflict_id, kind, attribute, owners, detail, opened_at from conflict"
            " where profile_id = :id and status = 'open' order by conflict_id"
        ),
        {"id": profile_id},
    ).mappings()
    return [dict(row) for row in rows]


def find_conflict(connection: Connection, visibility: Visibility, conflict_id: int) -> dict[str, Any] | None:
    """The conflict with this id, whoever owns it; None when there is none that the caller may see."""
    found = list_conflicts(connection, replace(visibility, owners=None), ConflictFilter(conflict_id=conflict_id), 1)
    return found[0] if found else None


@dataclass(frozen=True, slots=True)
class ConflictFilter:
    """What a list of conflicts is narrowed by; None: not narrowed."""

    conflict_id: int | None = None
    owner: str | None = None
    kind: str | None = None
    status: str | None = None
    profile_id: UUID | None = None
    after: int | None = None


LIST = """
select c.conflict_id as id, c.profile_id as profile, p.data_owner, c.kind, c.attribute, c.owners, c.record_ids,
    c.detail, c.status, c.opened_at, c.closed_at, c.closed_reason
from conflict c join profile p using (profile_id)
where not exists (select from record r
    where r.record_id = any(c.record_ids) and r.source = any(cast(:hidden as text[])))
and (cast(:owners as text[]) is null or (c.owners || p.data_owner) && cast(:owners as text[]))
and (cast(:id as bigint) is null or c.conflict_id = :id)
and (cast(:owner as text) is null or :owner = any(c.owners || p.data_owner))
and (cast(:kind as text) is null or c.kind = :kind)
and (cast(:status as text) is null or c.status = :status)
and (cast(:profile as uuid) is null or c.profile_id = :profile)
and (cast(:after as bigint) is null or c.conflict_id > :after)
order by c.conflict_id limit :limit
"""


def list_conflicts(
    connection: Connection, visibility: Visibility, narrowed: ConflictFilter, limit: int
) -> list[dict[str, Any]]:
    """Conflicts, oldest first, of the caller's owners, without those that concern a record they may not see."""
    rows = connection.execute(
        text(LIST),
        {
            "hidden": sorted(visibility.hidden_sources),
            "owners": None if visibility.owners is None else sorted(visibility.owners),
            "id": narrowed.conflict_id,
            "owner": narrowed.owner,
            "kind": narrowed.kind,
            "status": narrowed.status,
            "profile": narrowed.profile_id,
            "after": narrowed.after,
            "limit": limit,
        },
    ).mappings()
    return [dict(row) for row in rows]


def close_conflict(connection: Connection, conflict_id: int, reason: str, now: datetime) -> None:
    """A steward settled it."""
    connection.execute(
        text(
            "update conflict set status = 'closed', closed_at = :now, closed_reason = :reason"
            " where conflict_id = :id and status = 'open'"
        ),
        {"id": conflict_id, "reason": reason, "now": now},
    )
