"""A private server begins with empty memory. What every push looks into is read once when the service begins, bit by
bit, so that the first pushes need not fetch each page of it from the disk, nor ask the system for the memory to put it
into, which takes longer."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import chain
from typing import Any, Final

from sqlalchemy import Connection

from cdi.store.db import one_row, run

PAGE: Final = 8192
"""Bytes."""
PIECE: Final = 2_048
"""Pages that are read at once, about."""
SHARE: Final = 0.9
"""Of the server's memory this much is for what is read here, at most; the rest is for what is read meanwhile."""
LOWEST, HIGHEST = -(2**63), 2**63 - 1

KEY_INDEX: Final = "ix_block_key_key_record_id"
TABLES: Final = ("normalised", "pair", "record", "meaning", "membership", "profile_search", "handle", "profile")
"""What a push looks into besides, what it needs most first."""
INDEXES: Final = {
    "pk_normalised": ("normalised", "record_id"),
    "pk_pair": ("pair", "left_id, right_id"),
    "ix_pair_right_id": ("pair", "right_id"),
    "pk_record": ("record", "record_id"),
    "pk_meaning": ("meaning", "version_id"),
    "pk_membership": ("membership", "record_id"),
    "ix_membership_profile_id": ("membership", "profile_id"),
    "ix_handle_value_type": ("handle", "value, type"),
    "pk_profile_search": ("profile_search", "profile_id"),
    "pk_profile": ("profile", "profile_id"),
}
"""Those that are small: the table and the columns of each."""

SIZES: Final = """
select pg_size_bytes(current_setting('shared_buffers')) as memory,
    (select json_object_agg(name, pg_relation_size(name::regclass)) from unnest(cast(:names as text[])) name) as sizes
"""
INDEX_ALONE: Final = (
    "select set_config(name, 'off', true) from unnest(array['enable_seqscan', 'enable_bitmapscan']) name"
)
KEYS: Final = "select count(*) from block_key where key >= :first and key < :last"


@dataclass(frozen=True, slots=True)
class Step:
    """What is read at once, and how many bytes that is."""

    statement: str
    between: Mapping[str, Any]
    size: int


def steps_of_warming(connection: Connection) -> list[Step]:
    """As much as fits into the server's memory. Of block keys and cards, which a push needs most, as much of one as of
    the other: what is looked up is spread over all evenly."""
    row = one_row(connection, SIZES, {"names": [KEY_INDEX, *TABLES, *INDEXES]})
    sizes: dict[str, int] = row.sizes
    cards, *others = TABLES
    needed_most = sorted(chain(_of_keys(sizes[KEY_INDEX]), _of_table(cards, sizes[cards])), key=lambda told: told[0])
    room = SHARE * row.memory
    steps = []
    for _, step in chain(
        needed_most,
        *(_of_table(table, sizes[table]) for table in others),
        *(_of_index(name, sizes[name]) for name in INDEXES),
    ):
        if step.size <= room:
            steps.append(step)
            room -= step.size
    return steps


def warm(connection: Connection, step: Step) -> None:
    """Read this, in the caller's transaction."""
    run(connection, INDEX_ALONE, {})
    run(connection, step.statement, step.between)


Told = Iterator[tuple[float, Step]]
"""Steps, and which share of all of the same was read before each."""


def _of_keys(size: int) -> Told:
    pieces = _pieces(size)
    each = (HIGHEST - LOWEST) // pieces + 1
    for n in range(pieces):
        first = LOWEST + n * each
        yield n / pieces, Step(KEYS, {"first": first, "last": min(first + each, HIGHEST)}, size // pieces)


def _of_table(name: str, size: int) -> Told:
    """Pages, whatever rows are on them."""
    pieces = _pieces(size)
    statement = f"select count(*) from {name} where ctid >= cast(:first as tid) and ctid < cast(:last as tid)"  # noqa: S608  fixed names
    for n in range(pieces):
        between = {"first": f"({n * PIECE},0)", "last": f"({(n + 1) * PIECE},0)"}
        yield n / pieces, Step(statement, between, size // pieces)


def _of_index(name: str, size: int) -> Told:
    table, columns = INDEXES[name]
    if size:
        statement = f"select count(*) from (select {columns} from {table} order by {columns}) whole"  # noqa: S608  fixed names
        yield 0.0, Step(statement, {}, size)


def _pieces(size: int) -> int:
    return -(-size // (PIECE * PAGE))
