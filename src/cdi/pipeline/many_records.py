"""Very many records are normalised, and read as columns, by several processes, each with a connection of its own."""

from collections.abc import Iterator, Sequence
from functools import lru_cache
from typing import NamedTuple

from sqlalchemy import Connection

from cdi.matching.building import TableBuilder
from cdi.matching.columns import RecordTable
from cdi.pipeline.comparing import ended_among, normal_forms
from cdi.pipeline.installation import Installation
from cdi.pipeline.workers import Workers
from cdi.store import normalised
from cdi.store.db import Database, resolver_lock
from cdi.store.normalised import Packed

READ_AT_ONCE = 20_000


class Facts(NamedTuple):
    """Records whose facts a process is to read."""

    url: str
    record_ids: Sequence[int]


class Forms(NamedTuple):
    """Their normalised forms, those that have ended, and the mark after which somebody else may have been there."""

    packed: Packed
    gone: list[int]
    mark: int


def normalise_many(
    installation: Installation, workers: Workers, record_ids: Sequence[int], at_once: int
) -> Iterator[int]:
    """Bring the normalised forms of these records up to date, so many in one commit under the resolver's lock; how
    many are done. What was resolved since its facts were read is newer, and stays."""
    url, done = installation.database.url, 0
    works = (Facts(url, record_ids[start : start + at_once]) for start in range(0, len(record_ids), at_once))
    for forms in workers.each(normalised_forms, works):
        with installation.database.unit_of_work() as connection:
            resolver_lock(connection)
            normalised.save_packed(connection, forms.packed, forms.gone, forms.mark)
        done += len(forms.packed.record_ids) + len(forms.gone)
        yield done


def normalised_forms(work: Facts) -> Forms:
    """Read these records' facts and normalise them."""
    with database_at(work.url).unit_of_work() as connection:
        mark = normalised.last_touch(connection)
        present = normal_forms(connection, work.record_ids)
    return Forms(normalised.packed(present), ended_among(work.record_ids, present), mark)


class Shelf(NamedTuple):
    """A range of records, as another process's transaction sees them."""

    url: str
    snapshot: str
    first: int
    last: int


def table_of_all(connection: Connection, url: str, workers: Workers, record_ids: Sequence[int]) -> RecordTable:
    """Columns of these records (ascending), which are all that the caller's repeatable-read transaction sees."""
    snapshot = normalised.share_snapshot(connection)
    starts = range(0, len(record_ids), READ_AT_ONCE)
    shelves = (
        Shelf(url, snapshot, record_ids[start], record_ids[min(start + READ_AT_ONCE, len(record_ids)) - 1])
        for start in starts
    )
    builder = TableBuilder()
    for part in workers.each(columns_of, shelves):
        builder.extend(part)
    return builder.build()


def columns_of(work: Shelf) -> TableBuilder:
    """The normalised records of this range as columns."""
    builder = TableBuilder()
    with database_at(work.url).unit_of_work() as connection:
        normalised.see_snapshot(connection, work.snapshot)
        for record_id, source, card in normalised.load_cards_between(connection, work.first, work.last):
            builder.add_card(record_id, source, card)
    return builder


@lru_cache(maxsize=1)
def database_at(url: str) -> Database:
    """The database, opened once in a process that works for another."""
    return Database(url)
