"""What landed in bulk is mapped afterwards, by one process a core: landing only asked whether it can be read.

Each page is a commit: its meanings, what becomes due, and the rows of `unmapped` that it works off. Killed, it goes on
where it was.
"""

import pickle
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import groupby, pairwise
from typing import Final, NamedTuple

import orjson
from sqlalchemy import Connection

from cdi.clock import utc_now
from cdi.errors import BadRecordError, BusyError
from cdi.ingest.contract import Op, Record, Rejected
from cdi.pipeline.canonical import mapper_of, unpacked
from cdi.pipeline.installation import Installation
from cdi.pipeline.landing import CHANGED, arriving_of, land
from cdi.pipeline.many_records import database_at
from cdi.pipeline.resolving import Progress
from cdi.pipeline.workers import WORTH_IT, Workers
from cdi.store import first_versions, meanings
from cdi.store.db import take_stock
from cdi.store.meanings import Unmapped

PAGE: Final = 5_000
NOTHING: Final = "{}"


class Waiting(NamedTuple):
    """Versions after `after`, up to `last`, that a process is to map by the pickled mappers of their sources."""

    url: str
    mappers: Mapping[str, bytes]
    after: int
    last: int


@dataclass(slots=True)
class Mapped:
    """What a page of versions means, as JSON, and what of it cannot be read after all, each with its reason."""

    meanings: dict[int, str] = field(default_factory=dict)
    unreadable: list[tuple[Unmapped, str]] = field(default_factory=list)


def map_what_landed(installation: Installation, say: Progress) -> None:
    """Give a meaning to all that landed without one; it is due then. Where another process is at it, that one does
    it."""
    with installation.database.unit_of_work() as connection:
        waiting, _ = meanings.waiting_to_be_mapped(connection)
    if not waiting:
        return
    try:
        with installation.database.exclusive("mapping of what landed"), Workers() as workers:
            _map_all(installation, workers, waiting, say)
    except BusyError:
        return
    if waiting >= WORTH_IT:
        with installation.database.unit_of_work() as connection:
            take_stock(connection)  # or reading what it means takes its tables for empty


def _map_all(installation: Installation, workers: Workers, waiting: int, say: Progress) -> None:
    with installation.database.unit_of_work() as connection:
        ends = meanings.ends_of_unmapped(connection, PAGE)
    mappers = {
        source: pickle.dumps(mapper)
        for source in installation.deployment.sources
        if (mapper := mapper_of(installation, source)) is not None
    }
    works = (Waiting(installation.database.url, mappers, after, last) for after, last in pairwise([0, *ends]))
    done = 0
    say("map", done, waiting)
    for mapped in workers.each(mapped_page, works) if waiting >= WORTH_IT else map(mapped_page, works):
        _save(installation, mapped)
        done += len(mapped.meanings)
        say("map", done, waiting)


def mapped_page(work: Waiting) -> Mapped:
    """Read what was said, and map it."""
    with database_at(work.url).unit_of_work() as connection:
        said = meanings.load_unmapped(connection, work.after, work.last)
    mapped = Mapped()
    mappers = {source: unpacked(packed) for source, packed in work.mappers.items()}
    for version in said:
        mapper = mappers.get(version.source)
        if mapper is None:
            continue  # its source is not in cdi.yaml any more: it waits until it is again
        try:
            canonical = mapper.made(version.stream, version.native)
            mapped.meanings[version.version_id] = orjson.dumps(canonical).decode()
        except BadRecordError as error:
            mapped.unreadable.append((version, str(error)))
    return mapped


def _save(installation: Installation, mapped: Mapped) -> None:
    with installation.database.unit_of_work() as connection:
        taken = meanings.take_unmapped(connection, list(mapped.meanings))
        meanings.save_meanings(connection, {version: mapped.meanings[version] for version in sorted(taken)})
        first_versions.queue_first(connection, sorted(taken.values()), CHANGED, utc_now())
    for source, unreadable in groupby(sorted(mapped.unreadable, key=_source), _source):
        with installation.database.unit_of_work() as connection:
            _reject(connection, installation, source, list(unreadable))


def _source(unreadable: tuple[Unmapped, str]) -> str:
    return unreadable[0].source


def _reject(
    connection: Connection, installation: Installation, source: str, unreadable: Sequence[tuple[Unmapped, str]]
) -> None:
    """What the mapping of today cannot read, though that of its landing could, is rejected like any other."""
    arriving = arriving_of(installation, source)
    gone = [Record(version.stream, version.key, {}, Op.DELETE) for version, _ in unreadable]
    rejected = [Rejected(version.stream, reason, version.native, version.key) for version, reason in unreadable]
    land(connection, installation, arriving, gone, rejected, utc_now())
    taken = meanings.take_unmapped(connection, [version.version_id for version, _ in unreadable])
    meanings.save_meanings(connection, dict.fromkeys(sorted(taken), NOTHING))
