"""A private server begins with empty memory. What every push looks into is read once when the service begins, bit by
bit, so that the first pushes need not fetch each page of it from the disk."""

from typing import Final, NamedTuple

from sqlalchemy import Connection

from cdi.store.db import one_row, run

STEPS: Final = 64
SHARE: Final = 0.6
"""Of the server's memory this much is for what is read here, at most; the rest is for what is read meanwhile."""
LOWEST, HIGHEST = -(2**63), 2**63 - 1

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


class Step(NamedTuple):
    """What is read at once: the block keys and the records from one to before another."""

    keys: tuple[int, int]
    records: tuple[int, int]


def steps_of_warming(connection: Connection) -> list[Step]:
    """As many of the `STEPS` as fit into the server's memory; what is looked up is spread over all evenly."""
    sizes = one_row(connection, SIZES, {})
    fitting = int(STEPS * SHARE * sizes.memory / sizes.needed) if sizes.needed else STEPS
    keys, records = (HIGHEST - LOWEST) // STEPS + 1, sizes.last // STEPS + 1
    return [
        Step((LOWEST + n * keys, min(LOWEST + (n + 1) * keys, HIGHEST)), (n * records, (n + 1) * records))
        for n in range(min(fitting, STEPS))
    ]


def warm(connection: Connection, step: Step) -> None:
    """Read this, in the caller's transaction."""
    run(connection, INDEX_ALONE, {})
    for statement, (first, last) in ((KEYS, step.keys), (CARDS, step.records)):
        run(connection, statement, {"first": first, "last": last})
