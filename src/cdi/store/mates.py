"""Whom a record meets in its blocks, found in the index: one that is not kept, and whom somebody may live with."""

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Final
from uuid import UUID

from sqlalchemy import Connection

from cdi.access import Visibility
from cdi.matching.cards import Card
from cdi.store.db import text
from cdi.store.normalised import Carded

MOST_OF_A_BLOCK: Final = 500
"""A block holds at most some hundred records before the model refuses it; this bounds what one question may cost."""

MATES = """
with mates as materialized (
    select distinct b.record_id from unnest(cast(:keys as bigint[])) as asked(key)
    cross join lateral (select record_id from block_key where key = asked.key limit :most) b
)
select n.record_id, n.source, n.card, m.profile_id
from mates join membership m using (record_id) join normalised n using (record_id)
where not n.source = any(cast(:hidden as text[])) order by n.record_id
"""


@dataclass(frozen=True, slots=True)
class Mate:
    """A live record that shares a block, and the profile that it is in."""

    record_id: int
    source: str
    profile_id: UUID
    card: Card


def block_mates(connection: Connection, visibility: Visibility, keys: Sequence[int]) -> Iterator[Mate]:
    """The records with one of these block keys that the caller may see, by id."""
    rows = connection.execute(
        text(MATES), {"keys": list(keys), "most": MOST_OF_A_BLOCK, "hidden": sorted(visibility.hidden_sources)}
    ).all()
    for row in rows:
        yield Mate(row.record_id, row.source, row.profile_id, row.card)


# `offset 0` keeps each key's look-up a look-up in the index: for a few keys the planner would rather read all.
HOME_MATES = """
with met as materialized (
    select b.record_id, array_agg(asked.key) as keys from unnest(cast(:keys as bigint[])) as asked(key)
    cross join lateral (select record_id from block_key where key = asked.key offset 0) b group by b.record_id
)
select met.record_id, met.keys, n.source, n.card
from met left join normalised n on n.record_id = met.record_id and n.record_id <> all(cast(:known as bigint[]))
where n.card is not null or met.record_id = any(cast(:known as bigint[]))
order by met.record_id
"""


@dataclass(frozen=True, slots=True)
class HomeMate:
    """A live record that shares blocks that tell of a home, and their keys; its card if it was not known."""

    record_id: int
    keys: Sequence[int]
    carded: Carded | None


def home_mates(connection: Connection, keys: Collection[int], known: Collection[int]) -> list[HomeMate]:
    """The records that share one of these keys; by id, with the cards of those not `known`."""
    asked = {"keys": list(keys), "known": list(known)}
    rows = connection.execute(text(HOME_MATES), asked).all()
    return [
        HomeMate(row.record_id, row.keys, (row.record_id, row.source, row.card) if row.card else None) for row in rows
    ]


HOUSED = """
select m.profile_id, n.record_id, n.source, n.card from membership m join normalised n using (record_id)
where m.profile_id = any(cast(:ids as uuid[])) order by n.record_id
"""
HOUSED_WITH = """
select m.profile_id, n.record_id, n.source, n.card
from (select distinct profile_id from membership where record_id = any(cast(:ids as bigint[]))) homes
join membership m using (profile_id) join normalised n using (record_id) order by n.record_id
"""


def of_profiles(connection: Connection, profile_ids: Collection[UUID]) -> list[tuple[UUID, Carded]]:
    """The records of these profiles, each with its profile, by id."""
    return _housed(connection, HOUSED, list(profile_ids))


def with_their_profiles(connection: Connection, record_ids: Collection[int]) -> list[tuple[UUID, Carded]]:
    """The records of the profiles that these records are in, each with its profile, by id."""
    return _housed(connection, HOUSED_WITH, list(record_ids))


def _housed(connection: Connection, statement: str, ids: list[Any]) -> list[tuple[UUID, Carded]]:
    rows = connection.execute(text(statement), {"ids": ids}).all()
    return [(row.profile_id, (row.record_id, row.source, row.card)) for row in rows]
