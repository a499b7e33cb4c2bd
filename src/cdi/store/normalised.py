"""What the engine compares, kept between runs: normalised records, their block keys, and how they can be found.

All of it is conclusion: it may be thrown away and built again from the records.
"""

from collections.abc import Iterable, Iterator
from collections.abc import Sequence as Several

import numpy as np
import orjson
from sqlalchemy import BigInteger, Column, Connection, Index, Sequence, Table, Text
from sqlalchemy.dialects.postgresql import JSONB

from cdi.matching.pairs import IntArray
from cdi.normalise.record import NormalisedRecord, from_json, to_json
from cdi.store.db import copy_rows, metadata, text

touch = Sequence("touch", metadata=metadata)
"""Moves with every record that is normalised again: what came after a snapshot is told by it."""

normalised = Table(
    "normalised",
    metadata,
    Column("record_id", BigInteger, primary_key=True, autoincrement=False),
    Column("source", Text, nullable=False),
    Column("data", JSONB, nullable=False),
    Column("touched", BigInteger, touch, server_default=touch.next_value(), nullable=False),
    Index(None, "touched"),
)

block_key = Table(
    "block_key",
    metadata,
    Column("key", BigInteger, nullable=False),
    Column("record_id", BigInteger, nullable=False),
    Index(None, "key", "record_id"),
    Index(None, "record_id"),
)

handle = Table(
    "handle",
    metadata,
    Column("type", Text, nullable=False),  # email, phone, or an identifier's type
    Column("value", Text, nullable=False),
    Column("record_id", BigInteger, nullable=False),
    Index(None, "value", "type"),
    Index(None, "record_id"),
)


def save_normalised(
    connection: Connection, records: Iterable[tuple[int, str, NormalisedRecord]], gone: Several[int]
) -> None:
    """Replace what is kept of these (record id, source, record), and forget those that are gone."""
    records = list(records)
    forget(connection, [*gone, *(record_id for record_id, _, _ in records)])
    copy_rows(
        connection,
        "normalised",
        ("record_id", "source", "data"),
        ((i, source, orjson.dumps(to_json(record)).decode()) for i, source, record in records),
    )
    copy_rows(
        connection,
        "handle",
        ("type", "value", "record_id"),
        ((kind, value, i) for i, _, record in records for kind, value in handles(record)),
    )


def forget(connection: Connection, record_ids: Several[int]) -> None:
    """Drop normalised forms, block keys and handles of these records."""
    connection.execute(
        text(
            """
            with a as (delete from block_key where record_id = any(cast(:ids as bigint[]))),
            b as (delete from handle where record_id = any(cast(:ids as bigint[])))
            delete from normalised where record_id = any(cast(:ids as bigint[]))
            """
        ),
        {"ids": list(record_ids)},
    )


def handles(record: NormalisedRecord) -> set[tuple[str, str]]:
    """The identifiers by which this record can be found, as (type, value)."""
    found = {("email", email.value) for email in record.emails}
    found |= {("phone", phone.value) for phone in record.phones}
    return found | {(identifier.type, identifier.value) for identifier in record.identifiers}


def save_block_keys(connection: Connection, keys: IntArray, record_ids: IntArray) -> None:
    """Add block keys of records that have none (see `forget`); two parallel columns."""
    copy_rows(connection, "block_key", ("key", "record_id"), zip(keys.tolist(), record_ids.tolist(), strict=True))


def load_normalised(connection: Connection, record_ids: Several[int]) -> Iterator[tuple[int, str, NormalisedRecord]]:
    """(record id, source, record) for those of these ids that are live, by id."""
    rows = connection.execute(
        text(
            "select record_id, source, data from normalised"
            " where record_id = any(cast(:ids as bigint[])) order by record_id"
        ),
        {"ids": list(record_ids)},
    )
    for row in rows:
        yield row.record_id, row.source, from_json(row.data)


def load_all_normalised(connection: Connection) -> Iterator[tuple[int, str, NormalisedRecord]]:
    """(record id, source, record) of every live customer record, by id, streamed."""
    rows = connection.execute(
        text("select record_id, source, data from normalised order by record_id"),
        execution_options={"stream_results": True, "yield_per": 5_000},
    )
    for row in rows:
        yield row.record_id, row.source, from_json(row.data)


# `offset 0` keeps each key's look-up a look-up in the index: for a few keys the planner would rather read all.
CANDIDATES = """
with mine as materialized (
    select key, record_id from block_key where record_id = any(cast(:ids as bigint[]))
)
select distinct least(m.record_id, b.record_id) as l, greatest(m.record_id, b.record_id) as r
from mine m cross join lateral (select record_id from block_key where key = m.key offset 0) b
where b.record_id <> m.record_id order by 1, 2
"""


def candidates_of(connection: Connection, record_ids: Several[int]) -> tuple[IntArray, IntArray]:
    """Candidate pairs (left < right, unique) with at least one end among these records: one set-based join."""
    rows = connection.execute(text(CANDIDATES), {"ids": list(record_ids)}).all()
    pairs = np.array([tuple(row) for row in rows], dtype=np.int64).reshape(-1, 2)
    return pairs[:, 0].copy(), pairs[:, 1].copy()


CROWDED_BLOCKS = """
with mine as materialized (
    select distinct key from block_key where record_id = any(cast(:ids as bigint[]))
)
select m.key from mine m cross join lateral (
    select count(*) as carriers from (select from block_key where key = m.key limit :limit + 1) carrying
) c where c.carriers > :limit order by 1
"""


def blocks_over(connection: Connection, record_ids: Several[int], limit: int) -> list[int]:
    """Block keys of these records that more than `limit` records share."""
    rows = connection.execute(text(CROWDED_BLOCKS), {"ids": list(record_ids), "limit": limit})
    return [row.key for row in rows]


def records_in_blocks(connection: Connection, keys: Several[int]) -> list[int]:
    """Every record that carries one of these block keys."""
    return list(
        connection.execute(
            text("select distinct record_id from block_key where key = any(cast(:keys as bigint[])) order by 1"),
            {"keys": list(keys)},
        ).scalars()
    )


def crowded_handles(connection: Connection, record_ids: Several[int], least: int) -> list[tuple[str, str]]:
    """(type, value) of e-mails and phones of these records that at least so many records carry."""
    rows = connection.execute(
        text(
            """
            select h.type, h.value from handle h
            join (select distinct type, value from handle
                  where record_id = any(cast(:ids as bigint[])) and type in ('email', 'phone')) mine
            using (type, value)
            group by h.type, h.value having count(*) >= :least
            """
        ),
        {"ids": list(record_ids), "least": least},
    )
    return [(row.type, row.value) for row in rows]


def carriers_of(connection: Connection, handles: Several[tuple[str, str]], most: int) -> list[int]:
    """Records that carry one of these (type, value), of each value at most so many."""
    rows = connection.execute(
        text(
            """
            select distinct c.record_id
            from unnest(cast(:types as text[]), cast(:values as text[])) as t(type, value)
            cross join lateral (
                select record_id from handle h where h.type = t.type and h.value = t.value
                order by record_id limit :most
            ) c order by 1
            """
        ),
        {"types": [kind for kind, _ in handles], "values": [value for _, value in handles], "most": most},
    )
    return [row.record_id for row in rows]


def last_touch(connection: Connection) -> int:
    """The mark after which records were normalised again."""
    return int(connection.execute(text("select coalesce(max(touched), 0) from normalised")).scalar_one())


def untouched(connection: Connection, record_ids: Several[int], mark: int) -> set[int]:
    """Those of these records that are still there and were not normalised again since the mark."""
    return set(
        connection.execute(
            text("select record_id from normalised where record_id = any(cast(:ids as bigint[])) and touched <= :mark"),
            {"ids": list(record_ids), "mark": mark},
        ).scalars()
    )


def touched_since(connection: Connection, mark: int) -> list[int]:
    """Records that were normalised again since the mark."""
    return list(
        connection.execute(
            text("select record_id from normalised where touched > :mark order by record_id"), {"mark": mark}
        ).scalars()
    )


def forget_block_keys(connection: Connection, record_ids: Several[int]) -> None:
    """Drop the block keys of these records."""
    connection.execute(
        text("delete from block_key where record_id = any(cast(:ids as bigint[]))"), {"ids": list(record_ids)}
    )


def find_by_handle(connection: Connection, kinds: Several[str], value: str) -> list[int]:
    """Records that carry this e-mail, phone or identifier, in its normalised form."""
    return list(
        connection.execute(
            text("select distinct record_id from handle where value = :value and type = any(:kinds) order by 1"),
            {"value": value, "kinds": list(kinds)},
        ).scalars()
    )
