"""Scored pairs at or above the review threshold, with the model version that scored them."""

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
from sqlalchemy import BigInteger, Boolean, Column, Connection, Double, Index, Table

from cdi.matching.pairs import ScoredPairs
from cdi.store.db import Asked, all_rows, metadata, run, send, text

pair = Table(
    "pair",
    metadata,
    Column("left_id", BigInteger, primary_key=True, autoincrement=False),
    Column("right_id", BigInteger, primary_key=True, autoincrement=False),
    Column("weight", Double, nullable=False),
    Column("household", Double, nullable=False),
    Column("stranger", Double, nullable=False),
    Column("contradicts", Boolean, nullable=False),
    Index(None, "right_id"),
)

COLUMNS = ("left_id", "right_id", "weight", "household", "stranger", "contradicts")


def save_pairs(connection: Connection, pairs: ScoredPairs) -> None:
    """Add pairs that are not there yet (see `uproot`)."""
    if len(pairs):
        run(connection, SAVE, {name: getattr(pairs, name.removesuffix("_id")) for name in COLUMNS})


SAVE = """
insert into pair (left_id, right_id, weight, household, stranger, contradicts)
select * from unnest(cast(:left_id as bigint[]), cast(:right_id as bigint[]), cast(:weight as float8[]),
    cast(:household as float8[]), cast(:stranger as float8[]), cast(:contradicts as bool[]))
"""


def _rows(pairs: ScoredPairs) -> Iterator[tuple[int | float | bool, ...]]:
    columns = (pairs.left, pairs.right, pairs.weight, pairs.household, pairs.stranger, pairs.contradicts)
    return zip(*(column.tolist() for column in columns), strict=True)


def replace_pairs(connection: Connection, record_ids: Sequence[int], pairs: ScoredPairs) -> None:
    """Make these the pairs that have one of these records as an end; nothing is written where they are that already."""
    ids = {"ids": list(record_ids)}
    there = connection.execute(text(PAIRS_OF), ids).all()
    if sorted(map(tuple, there)) == sorted(_rows(pairs)):
        return
    connection.execute(text(f"with {FORGET} select 1"), ids)
    save_pairs(connection, pairs)


PAIRS_OF = """
select left_id, right_id, weight, household, stranger, contradicts from pair
where left_id = any(cast(:ids as bigint[]))
union
select left_id, right_id, weight, household, stranger, contradicts from pair
where right_id = any(cast(:ids as bigint[]))
"""

FORGET = """
of_right as (delete from pair where right_id = any(cast(:ids as bigint[]))),
of_left as (delete from pair where left_id = any(cast(:ids as bigint[])))
"""


def load_pairs(connection: Connection, record_ids: Sequence[int]) -> ScoredPairs:
    """Stored pairs with both ends among these records, sorted."""
    return ask_for_pairs(connection, record_ids).answer()


def ask_for_pairs(connection: Connection, record_ids: Sequence[int]) -> Asked[ScoredPairs]:
    """See `load_pairs`."""
    here = set(record_ids)  # the server would compare each of thousands with each of thousands

    def read(rows: list[Any]) -> ScoredPairs:
        columns = list(zip(*sorted(row for row in rows if row.right_id in here), strict=True)) or [()] * 6
        left, right = (np.array(c, dtype=np.int64) for c in columns[:2])
        weight, household, stranger = (np.array(c, dtype=np.float64) for c in columns[2:5])
        return ScoredPairs(left, right, weight, household, stranger, np.array(columns[5], dtype=np.bool_))

    statement = f"select {', '.join(COLUMNS)} from pair where left_id = any(cast(:ids as bigint[]))"  # noqa: S608  fixed
    return Asked(send(connection, statement, {"ids": list(record_ids)}), read)


# What a reached record (`c`) leads to.
NEIGHBOURS = """
    select p.right_id as record_id from pair p where p.left_id = c.record_id and p.weight >= :floor
    union all
    select p.left_id from pair p where p.right_id = c.record_id and p.weight >= :floor
    union all
    select unnest(d.left_ids || d.right_ids) from decision d
    where d.revoked_at is null and d.record_ids @> array[c.record_id]
    union all
    select m.record_id from membership here join membership m using (profile_id)
    where here.record_id = c.record_id
    union all
    select r.replaced_by from record r where r.record_id = c.record_id and r.replaced_by is not null
    union all
    select r.record_id from record r where r.replaced_by = c.record_id
    union all
    select r.copied_from from record r where r.record_id = c.record_id and r.copied_from is not null
    union all
    select r.record_id from record r where r.copied_from = c.record_id
"""

# The arrays tell the planner that a few records follow. It would believe in millions, and make room for them in each of
# three tables before it begins: that took most of a push as long as there were no statistics of the tables.
REACHED = f"""
reached(record_id) as (
    select unnest(cast(:ids as bigint[]))
    union
    select n.record_id from reached c cross join lateral unnest(array({NEIGHBOURS})) n(record_id)
)
"""  # noqa: S608  fixed texts

UPROOT = f"with recursive {REACHED}, {FORGET} select record_id from reached order by record_id"  # noqa: S608

# Whoever is reached leads to none but those who are: beside them come others over pairs that are too weak to reach.
SURROUNDINGS = f"""
with recursive {REACHED},
wider(record_id) as (
    select unnest(array(
        select n.record_id from reached c cross join lateral unnest(array(
            select right_id as record_id from pair where left_id = c.record_id and weight < :floor
            union all select left_id from pair where right_id = c.record_id and weight < :floor
        )) n(record_id)
        where n.record_id not in (select record_id from reached)
    ))
    union
    select n.record_id from wider c cross join lateral unnest(array({NEIGHBOURS})) n(record_id)
)
select record_id, true as core from reached union all select record_id, false from wider
"""  # noqa: S608  fixed texts


def uproot(connection: Connection, record_ids: Sequence[int], floor: float) -> list[int]:
    """Drop every pair of these records; all records that were connected to them before over stored pairs of weight
    `floor` and more, standing decisions, and profiles as they are now."""
    if not record_ids:
        return []
    rows = all_rows(connection, UPROOT, {"ids": list(record_ids), "floor": floor})
    return [row.record_id for row in rows]


def ask_for_surroundings(
    connection: Connection, record_ids: Sequence[int], floor: float
) -> Asked[tuple[list[int], frozenset[int]]]:
    """All records connected to these (as in `uproot`); and with them all that are connected to a record which a
    stored pair of any weight brings beside one of them. The latter first, the former as the core of it."""

    def read(rows: list[Any]) -> tuple[list[int], frozenset[int]]:
        return sorted({row.record_id for row in rows}), frozenset(row.record_id for row in rows if row.core)

    return Asked(send(connection, SURROUNDINGS, {"ids": list(record_ids), "floor": floor}), read)
