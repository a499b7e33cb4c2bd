"""Scored pairs at or above the review threshold, with the model version that scored them."""

from collections.abc import Sequence

import numpy as np
from sqlalchemy import BigInteger, Boolean, Column, Connection, Double, Index, Table

from cdi.matching.pairs import ScoredPairs
from cdi.store.db import copy_rows, metadata, text

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
    """Add pairs that are not there yet (see `forget_pairs`)."""
    columns = (pairs.left, pairs.right, pairs.weight, pairs.household, pairs.stranger, pairs.contradicts)
    copy_rows(connection, "pair", COLUMNS, zip(*(column.tolist() for column in columns), strict=True))


def forget_pairs(connection: Connection, record_ids: Sequence[int]) -> None:
    """Drop every pair that has one of these records as an end."""
    connection.execute(
        text(
            """
            with a as (delete from pair where right_id = any(cast(:ids as bigint[]))
                and not left_id = any(cast(:ids as bigint[])))
            delete from pair where left_id = any(cast(:ids as bigint[]))
            """
        ),
        {"ids": list(record_ids)},
    )


def load_pairs(connection: Connection, record_ids: Sequence[int]) -> ScoredPairs:
    """Stored pairs with both ends among these records."""
    rows = connection.execute(
        text(
            "select left_id, right_id, weight, household, stranger, contradicts from pair"
            " where left_id = any(cast(:ids as bigint[])) and right_id = any(cast(:ids as bigint[]))"
            " order by left_id, right_id"
        ),
        {"ids": list(record_ids)},
    ).all()
    columns = list(zip(*rows, strict=True)) or [()] * 6
    left, right = (np.array(c, dtype=np.int64) for c in columns[:2])
    weight, household, stranger = (np.array(c, dtype=np.float64) for c in columns[2:5])
    return ScoredPairs(left, right, weight, household, stranger, np.array(columns[5], dtype=np.bool_))


NEIGHBOURHOOD = """
with recursive reached(record_id) as (
    select unnest(cast(:ids as bigint[]))
    union
    select n.record_id from reached c cross join lateral (
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
    ) n
)
select record_id from reached order by record_id
"""


def neighbourhood(connection: Connection, record_ids: Sequence[int], floor: float) -> list[int]:
    """All records connected to these over stored pairs of weight `floor` and more, standing decisions, and
    profiles as they are now (which holds what was connected before)."""
    return list(connection.execute(text(NEIGHBOURHOOD), {"ids": list(record_ids), "floor": floor}).scalars())


def similar_to(connection: Connection, record_ids: Sequence[int]) -> list[int]:
    """Records that a stored pair connects with these, whatever its weight."""
    return list(
        connection.execute(
            text(
                """
                select right_id from pair where left_id = any(cast(:ids as bigint[]))
                union select left_id from pair where right_id = any(cast(:ids as bigint[]))
                """
            ),
            {"ids": list(record_ids)},
        ).scalars()
    )
