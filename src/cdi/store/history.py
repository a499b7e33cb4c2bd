"""What happened to a profile, as the facts and the feed tell it: an index over them, newest first."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any, NamedTuple
from uuid import UUID

from sqlalchemy import Connection

from cdi.store.db import text


class Moment(NamedTuple):
    """One thing that happened: when, what (`event`, `decision`, `agreement`, `revocation`, `pin`, `unpin`, `owner`),
    and the id under which its own table has it."""

    at: datetime
    what: str
    id: int


MOMENTS = """
with ever as (
    select record_id from membership where profile_id = :id
    union select record_id from carried where profile_id = :id
),
about as (select array_agg(record_id) as ids from ever),
moments as (
    select at, 'event' as what, cursor as id from feed
    where profile_id = :id and (sources = '{}' or not sources <@ cast(:hidden as text[]))
    union all select at, 'decision', decision_id from decision, about where record_ids && about.ids
    union all select agreed_at, 'agreement', decision_id from decision, about
        where record_ids && about.ids and agreed_at is not null
    union all select revoked_at, 'revocation', decision_id from decision, about
        where record_ids && about.ids and revoked_at is not null
    union all select p.at, 'pin', p.pin_id from pin p join ever using (record_id)
    union all select p.revoked_at, 'unpin', p.pin_id from pin p join ever using (record_id)
        where p.revoked_at is not null
    union all select o.at, 'owner', o.assigned_id from assigned_owner o join ever using (record_id)
)
select at, what, id from moments
where cast(:at as timestamptz) is null
or (at, what = 'event', what, id) < (cast(:at as timestamptz), :what = 'event', :what, :n)
order by at desc, what = 'event' desc, what desc, id desc limit :limit
"""
"""Of what one transaction did, the effect stands above the cause."""


def load_moments(
    connection: Connection, profile_id: UUID, hidden: frozenset[str], before: Moment | None, limit: int
) -> list[Moment]:
    """What happened to this profile and to records while they bore its id (or ever since), newest first."""
    rows = connection.execute(
        text(MOMENTS),
        {
            "id": profile_id,
            "hidden": sorted(hidden),
            "at": before and before.at,
            "what": before.what if before else "",
            "n": before.id if before else 0,
            "limit": limit,
        },
    )
    return [Moment(row.at, row.what, row.id) for row in rows]


@dataclass(frozen=True, slots=True)
class PastEvent:
    """A line of the change feed."""

    cursor: int
    type: str
    other_ids: list[UUID]
    version: int | None
    attributes: list[str]
    data_owner: str


def load_events(connection: Connection, cursors: list[int]) -> dict[int, PastEvent]:
    """Lines of the feed, by cursor."""
    rows = connection.execute(
        text(
            "select cursor, type, other_ids, version, attributes, data_owner from feed"
            " where cursor = any(cast(:cursors as bigint[]))"
        ),
        {"cursors": cursors},
    )
    return {row.cursor: PastEvent(*row) for row in rows}


def load_pin_facts(connection: Connection, pin_ids: list[int]) -> dict[int, dict[str, Any]]:
    """Pins by id: attribute, author, reason, until, who took it back, and the record that it is anchored to."""
    rows = connection.execute(
        text(
            "select pin_id, record_id, attribute, author, reason, until, revoked_by from pin"
            " where pin_id = any(cast(:ids as bigint[]))"
        ),
        {"ids": pin_ids},
    ).mappings()
    return {row["pin_id"]: dict(row) for row in rows}


def load_owner_facts(connection: Connection, assigned_ids: list[int]) -> dict[int, dict[str, Any]]:
    """Owners given by hand, by id."""
    rows = connection.execute(
        text(
            "select assigned_id, record_id, owner, author, reason from assigned_owner"
            " where assigned_id = any(cast(:ids as bigint[]))"
        ),
        {"ids": assigned_ids},
    ).mappings()
    return {row["assigned_id"]: dict(row) for row in rows}


def document_at(connection: Connection, profile_id: UUID, at: datetime) -> dict[str, Any] | None:
    """The document that was served under this id at that time; None when the id was not live then."""
    return connection.execute(
        text(
            """
            select document from (
                select document, version from profile_version
                where profile_id = :id and valid_from <= :at and valid_to > :at
                union all
                select document, version from profile
                where profile_id = :id and retired_at is null and updated_at <= :at
            ) served order by version desc limit 1
            """
        ),
        {"id": profile_id, "at": at},
    ).scalar()


def created_at(connection: Connection, profile_id: UUID) -> datetime | None:
    """When this id was given out; None when it never was."""
    return connection.execute(
        text("select created_at from profile where profile_id = :id"), {"id": profile_id}
    ).scalar()
