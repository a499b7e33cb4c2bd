"""A private server begins with empty memory. What every push looks into is read once when the service begins, bit by
bit, so that the first pushes need not fetch each page of it from the disk."""

from collections.abc import Iterator
from typing import Final

from sqlalchemy import Connection

from cdi.store.db import one_row, run

STEPS: Final = 64
SHARE: Final = 0.6
"""Of the server's memory this much is for what is read here, at most; the rest is for what is read meanwhile."""
LOWEST, RANGE = -(2**63), 2**64

SIZES: Final = """
select pg_relation_size('ix_block_key_key_record_id') + pg_relation_size('pk_normalised')
        + pg_relation_size('normalised') as needed,
    pg_size_bytes(current_setting('shared_buffers')) as memory,
    coalesce((select max(record_id) from normalised), 0) as last
"""
INDEX_ALONE: Final = (
    "select set_config(name, 'off', true) from unnest(array['enable_seqscan', 'enable_bitmapscan']) name"
)
KEYS: Final = "select count(*) from block_key where key >= :first and key < :last"
CARDS: Final = "select count(length(card)) from normalised where record_id >= :first and record_id < :last"


def steps_of_warming(connection: Connection) -> int:
    """So many of the `STEPS` fit into the server's memory; what is looked up is spread over all evenly."""
    sizes = one_row(connection, SIZES, {})
    return STEPS if not sizes.needed else min(STEPS, int(STEPS * SHARE * sizes.memory / sizes.needed))


def warm(connection: Connection, step: int) -> None:
    """Read one part of the block keys and of the cards, in the caller's transaction."""
    run(connection, INDEX_ALONE, {})
    last = one_row(connection, SIZES, {}).last
    for statement, (first, end) in zip((KEYS, CARDS), _parts(step, last), strict=True):
        run(connection, statement, {"first": first, "last": end})


def _parts(step: int, last: int) -> Iterator[tuple[int, int]]:
    """From where to where the keys and the records of a step are."""
    yield LOWEST + step * (RANGE // STEPS), min(LOWEST + (step + 1) * (RANGE // STEPS), 2**63 - 1)
    width = last // STEPS + 1
    yield step * width, (step + 1) * width
