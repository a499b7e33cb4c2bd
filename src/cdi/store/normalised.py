"""What the engine compares, kept between runs: normalised records, their block keys, and how they can be found.

All of it is conclusion: it may be thrown away and built again from the records.
"""

from collections.abc import Iterable, Iterator
from collections.abc import Sequence as Several
from dataclasses import dataclass
from typing import Any, Final, NamedTuple, TypeAlias

import numpy as np
from psycopg import sql
from sqlalchemy import BigInteger, Column, Connection, Index, Sequence, Table, Text

from cdi.matching.cards import Card, card_of
from cdi.matching.pairs import IntArray, distinct
from cdi.normalise.record import NormalisedRecord
from cdi.store.binary_copy import copy_integers
from cdi.store.db import Asked, all_rows, as_columns, copy_rows, driver_of, metadata, one_row, run, send, text

touch = Sequence("touch", metadata=metadata)
"""Moves with every record that is normalised again: what came after a snapshot is told by it."""

normalised = Table(
    "normalised",
    metadata,
    Column("record_id", BigInteger, primary_key=True, autoincrement=False),
    Column("source", Text, nullable=False),
    Column("card", Text, nullable=False),  # a line of text: it is read a thousand times for each writing
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


Carded: TypeAlias = tuple[int, str, Card]
"""Record id, source, and the record's card."""


def save_normalised(
    connection: Connection,
    records: Several[tuple[int, str, NormalisedRecord]],
    cards: Several[Carded],
    gone: Several[int],
) -> None:
    """Replace what is kept of these (record id, source, record), whose `cards` these are, and forget those that are
    gone."""
    said = as_columns(("ids", "sources", "cards"), cards)
    found = as_columns(
        ("types", "values", "carriers"),
        ((*handle, i) for i, _, record in records for handle in sorted(handles(record))),
    )
    run(connection, SAVE, {"gone": list(gone), **said, **found})


SAVE = """
with old as (delete from handle where record_id = any(cast(:ids as bigint[]) || cast(:gone as bigint[]))),
unkeyed as (delete from block_key where record_id = any(cast(:gone as bigint[]))),
ended as (delete from normalised where record_id = any(cast(:gone as bigint[]))),
found as (
    insert into handle (type, value, record_id)
    select * from unnest(cast(:types as text[]), cast(:values as text[]), cast(:carriers as bigint[]))
)
insert into normalised as n (record_id, source, card)
select * from unnest(cast(:ids as bigint[]), cast(:sources as text[]), cast(:cards as text[]))
on conflict (record_id) do update set source = excluded.source, card = excluded.card, touched = nextval('touch')
"""


class Packed(NamedTuple):
    """Very many records as they are kept: three parallel columns; `handles` are (type, value, record id)."""

    record_ids: list[int]
    sources: list[str]
    cards: list[Card]
    handles: list[tuple[str, str, int]]


def packed(records: Iterable[tuple[int, str, NormalisedRecord]]) -> Packed:
    """These (record id, source, record) as they are kept."""
    made = Packed([], [], [], [])
    for record_id, source, record in records:
        made.record_ids.append(record_id)
        made.sources.append(source)
        made.cards.append(card_of(record))
        made.handles.extend((*handle, record_id) for handle in sorted(handles(record)))
    return made


def save_packed(connection: Connection, records: Packed, gone: Several[int], mark: int) -> None:
    """Replace what is kept of very many records, and forget those that are gone; a record that has ended or was
    normalised again since the mark is left as it is."""
    rows = connection.execute(
        text(
            "select r.record_id, r.live, n.record_id is not null as known,"
            " r.live and coalesce(n.touched, 0) <= :mark as stale"
            " from record r left join normalised n using (record_id) where r.record_id = any(cast(:ids as bigint[]))"
        ),
        {"ids": [*records.record_ids, *gone], "mark": mark},
    ).all()
    asked = set(gone)
    stale = {row.record_id for row in rows if row.stale and row.record_id not in asked}
    known = [row.record_id for row in rows if row.known and row.record_id in stale]
    ended = [row.record_id for row in rows if not row.live and row.record_id in asked]
    for table, ids in (("handle", [*known, *ended]), ("normalised", [*known, *ended]), ("block_key", ended)):
        if ids:
            connection.execute(
                text(f"delete from {table} where record_id = any(cast(:ids as bigint[]))"),  # noqa: S608  fixed names
                {"ids": ids},
            )
    fresh = ((i, source, card) for i, source, card in zip(*records[:3], strict=True) if i in stale)
    copy_rows(connection, "normalised", ("record_id", "source", "card"), fresh)
    copy_rows(connection, "handle", ("type", "value", "record_id"), (h for h in records.handles if h[2] in stale))


def handles(record: NormalisedRecord) -> set[tuple[str, str]]:
    """The identifiers by which this record can be found, as (type, value)."""
    found = {("email", email.value) for email in record.emails}
    found |= {("phone", phone.value) for phone in record.phones}
    return found | {(identifier.type, identifier.value) for identifier in record.identifiers}


def replace_block_keys(connection: Connection, record_ids: Several[int], keys: IntArray, key_ids: IntArray) -> None:
    """Make these (two parallel columns) the block keys of these records. What is there already is not written again:
    each key lies on a page of its index that hardly anything else touches."""
    rows = connection.execute(
        text("select key, record_id from block_key where record_id = any(cast(:ids as bigint[]))"),
        {"ids": list(record_ids)},
    ).all()
    if not rows:
        _append_block_keys(connection, keys, key_ids)
        return
    there, wanted = {(row.key, row.record_id) for row in rows}, set(zip(keys.tolist(), key_ids.tolist(), strict=True))
    if gone := there - wanted:
        connection.execute(
            text(
                "delete from block_key b using unnest(cast(:keys as bigint[]), cast(:ids as bigint[])) as g(key, id)"
                " where b.key = g.key and b.record_id = g.id"
            ),
            as_columns(("keys", "ids"), sorted(gone)),
        )
    if new := wanted - there:
        added = np.array(list(new), dtype=np.int64)
        _append_block_keys(connection, added[:, 0], added[:, 1])


def _append_block_keys(connection: Connection, keys: IntArray, key_ids: IntArray) -> None:
    order = np.lexsort((key_ids, keys))  # what lies together in the index is written together
    copy_integers(connection, "block_key", ("key", "record_id"), (keys[order], key_ids[order]))


def load_cards(connection: Connection, record_ids: Several[int]) -> list[Carded]:
    """The cards of those of these records that are live, by id."""
    return _told_at_once(one_row(connection, CARDS, {"ids": list(record_ids)}))


def _told_at_once(row: Any) -> list[Carded]:
    """The cards that one row tells."""
    if row.record_ids is None:
        return []
    return list(zip(row.record_ids, row.sources, row.cards.split("\n"), strict=True))


# One row for all: a push reads the cards of thousands, and a row each takes longer than what is in it.
CARDS = """
select array_agg(record_id order by record_id) as record_ids, array_agg(source order by record_id) as sources,
    string_agg(card, chr(10) order by record_id) as cards
from normalised where record_id = any(cast(:ids as bigint[]))
"""


def load_cards_between(connection: Connection, first: int, last: int) -> Iterator[Carded]:
    """The card of every live customer record from one id to another, by id, streamed."""
    rows = connection.execute(
        text(
            "select record_id, source, card from normalised"
            " where record_id >= :first and record_id <= :last order by record_id"
        ),
        {"first": first, "last": last},
        execution_options={"stream_results": True, "yield_per": 5_000},
    )
    for part in rows.partitions():
        yield from ((row.record_id, row.source, row.card) for row in part)


def normalised_ids(connection: Connection) -> list[int]:
    """Every record of which a card is kept, ascending."""
    return list(connection.execute(text("select record_id from normalised order by record_id")).scalars())


def share_snapshot(connection: Connection) -> str:
    """The name under which other connections may see what this repeatable-read transaction sees, while it lasts."""
    return str(connection.execute(text("select pg_export_snapshot()")).scalar_one())


def see_snapshot(connection: Connection, name: str) -> None:
    """See what another transaction sees; the first statement of a transaction."""
    connection.execute(text("set transaction isolation level repeatable read, read only"))
    driver_of(connection).execute(sql.SQL("set transaction snapshot {}").format(sql.Literal(name)))


# The arrays tell the planner that a few records follow, whose cards it looks up one by one.
MET: Final = """
select met.*, carded.* from (
    select coalesce(string_agg(int8send(key), ''), '') as keys,
        coalesce(string_agg(int8send(record_id), ''), '') as carriers
    from carriers
) met, (
    select array_agg(record_id order by record_id) as record_ids, array_agg(source order by record_id) as sources,
        string_agg(card, chr(10) order by record_id) as cards
    from normalised where record_id = any(array(select distinct record_id from carriers))
) carded
"""
CARRIERS: Final = f"""
with carriers as materialized (
    select asked.key, b.record_id from unnest(cast(:keys as bigint[])) as asked(key) cross join lateral (
        select record_id from block_key
        where key = asked.key and record_id not in (select unnest(cast(:records as bigint[])))
        order by record_id limit :most + 1
    ) b
) {MET}"""  # noqa: S608  fixed texts
CARRIERS_AMONG: Final = f"""
with carriers as materialized (
    select key, record_id from block_key
    where record_id = any(cast(:records as bigint[])) and key in (select unnest(cast(:keys as bigint[])))
) {MET}"""  # noqa: S608  fixed texts


@dataclass(frozen=True, slots=True)
class Carriers:
    """Which records have which block keys (two parallel columns), and their cards."""

    keys: IntArray
    record_ids: IntArray
    cards: Several[Carded]


def carriers(connection: Connection, keys: IntArray, record_ids: IntArray, most: int) -> Carriers:
    """Which other records have these keys, whatever keys these records have now: of a block that more than `most`
    others share, that many and one."""
    return _carriers(one_row(connection, CARRIERS, {"keys": distinct(keys), "records": record_ids, "most": most}))


def carriers_among(connection: Connection, keys: IntArray, record_ids: Several[int]) -> Carriers:
    """Which of these records have which of these keys."""
    return _carriers(one_row(connection, CARRIERS_AMONG, {"keys": distinct(keys), "records": list(record_ids)}))


def _carriers(row: Any) -> Carriers:
    keys, ids = (np.frombuffer(column, ">i8").astype(np.int64) for column in (row.keys, row.carriers))
    return Carriers(keys, ids, _told_at_once(row))


def set_block_keys(connection: Connection, record_ids: IntArray, keys: IntArray, key_ids: IntArray) -> None:
    """Give these records these block keys (two parallel columns) instead of those that they had; who is not among
    `key_ids` has none from now on."""
    if len(record_ids):
        run(connection, SET_KEYS, {"keys": keys, "ids": key_ids, "records": record_ids})


SET_KEYS = """
with before as (delete from block_key where record_id = any(cast(:records as bigint[])))
insert into block_key (key, record_id) select * from unnest(cast(:keys as bigint[]), cast(:ids as bigint[]))
"""


def records_in_blocks(connection: Connection, keys: Several[int]) -> list[int]:
    """Every record that carries one of these block keys."""
    return list(
        connection.execute(
            text("select distinct record_id from block_key where key = any(cast(:keys as bigint[])) order by 1"),
            {"keys": list(keys)},
        ).scalars()
    )


def ask_for_crowded_handles(
    connection: Connection, record_ids: Several[int], least: int
) -> Asked[list[tuple[str, str]]]:
    """(type, value) of e-mails, phones and social handles of these records that at least so many records carry."""
    asked = send(connection, CROWDED, {"ids": list(record_ids), "least": least})
    return Asked(asked, lambda rows: [(row.type, row.value) for row in rows])


CROWDED = """
select h.type, h.value from handle h
join (select distinct type, value from handle
    where record_id = any(cast(:ids as bigint[])) and type in ('email', 'phone', 'social_handle')) mine
using (type, value)
group by h.type, h.value having count(*) >= :least
"""


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
            text(
                "select n.record_id from normalised n join record r using (record_id)"
                " where n.record_id = any(cast(:ids as bigint[])) and n.touched <= :mark and r.live"
            ),
            {"ids": list(record_ids), "mark": mark},
        ).scalars()
    )


def kept_among(connection: Connection, record_ids: Several[int]) -> IntArray:
    """Those of these records of which something is kept."""
    asked = "select record_id from normalised where record_id = any(cast(:ids as bigint[])) order by record_id"
    return np.array([row.record_id for row in all_rows(connection, asked, {"ids": list(record_ids)})], np.int64)


def unmoved(connection: Connection, mark: int, count: int) -> bool:
    """Whether since the mark, when there were `count` of them, no record was normalised again or ended."""
    moved = "select count(*) = :count and coalesce(max(touched), 0) <= :mark from normalised"
    return bool(connection.execute(text(moved), {"mark": mark, "count": count}).scalar_one())


def touched_since(connection: Connection, mark: int, most: int | None = None) -> list[int]:
    """Records that were normalised again since the mark, `most` of them at most."""
    asked = "select record_id from normalised where touched > :mark order by touched limit :most"
    return sorted(connection.execute(text(asked), {"mark": mark, "most": most}).scalars())


def find_by_handle(connection: Connection, kinds: Several[str], value: str) -> list[int]:
    """Records that carry this e-mail, phone or identifier, in its normalised form."""
    return list(
        connection.execute(
            text("select distinct record_id from handle where value = :value and type = any(:kinds) order by 1"),
            {"value": value, "kinds": list(kinds)},
        ).scalars()
    )
