"""A source is read stream by stream, each from its checkpoint on; what was read is landed batch by batch."""

from collections.abc import Callable, Collection, Generator, Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import NamedTuple, TypeAlias

from cdi.clock import utc_now
from cdi.errors import CdiError, SourceError, StoppedError
from cdi.ingest.ahead import ahead
from cdi.ingest.contract import (
    Checkpoint,
    FullScanEnd,
    Op,
    ReadContext,
    ReadEvent,
    Record,
    Rejected,
    Seen,
    State,
    StreamInfo,
)
from cdi.pipeline.installation import Installation
from cdi.pipeline.landing import Arriving, arrivals_of, arriving_of, land, land_arrivals, those_readable
from cdi.pipeline.remapping import remap_if_changed
from cdi.store import missing_keys, received
from cdi.store import records as record_store
from cdi.store import sources as source_store
from cdi.store.records import Arrival
from cdi.store.sources import Counts

BATCH = 5_000
"""Records landed in one commit, unless the source sets a checkpoint before."""

Progress: TypeAlias = Callable[[str, Counts], None]


def sync(
    installation: Installation, source: str, progress: Progress | None = None, only: Collection[str] = ()
) -> Counts:
    """Read what is new at one source, from each stream's checkpoint on; of `only` these streams, where some are named.

    A mapping that has changed is applied to what landed before. Raises SourceError when the source fails; all that was
    read until then stays, and the next sync goes on there.
    `progress` is told after each batch; a StoppedError that it raises ends the run there.
    """
    connector, config = installation.connector(source), installation.config(source)
    with installation.database.exclusive(source_store.sync_lock(source)):
        run_id = _start(installation, source)
        counts = Counts()
        context = ReadContext(folder=installation.folder, now=utc_now(), source=source)
        streams = [stream for stream in connector.streams() if not only or stream.name in only]
        arriving = arriving_of(installation, source, run_id)
        try:
            remap_if_changed(installation, source)
            for stream in streams:
                state = _checkpoint(installation, source, stream.name)
                for part in _sync_stream(
                    installation, arriving, stream, connector.read(config, stream.name, state, context)
                ):
                    counts += part
                    if progress:
                        progress(source, counts)
        except (StoppedError, KeyboardInterrupt):
            _end(installation, run_id, counts, None, "stopped")
            raise
        except CdiError as error:
            _end(installation, run_id, counts, str(error))
            raise
        except Exception as error:
            _end(installation, run_id, counts, f"unexpected {type(error).__name__}")
            raise
        _settle(installation, source, streams, context.now)
        _end(installation, run_id, counts, None, source_store.PART if only else None)
        return counts


def _settle(installation: Installation, source: str, streams: Sequence[StreamInfo], began: datetime) -> None:
    """What deliveries pointed to before this run began has been read."""
    with installation.database.unit_of_work() as connection:
        received.settle(connection, source, [stream.name for stream in streams], began, utc_now())


def _start(installation: Installation, source: str) -> int:
    with installation.database.unit_of_work() as connection:
        run_id = source_store.start_run(connection, source, utc_now())
        record_store.forget_interrupted(connection, source)
        return run_id


def _checkpoint(installation: Installation, source: str, stream: str) -> State | None:
    with installation.database.unit_of_work() as connection:
        return source_store.load_checkpoint(connection, source, stream)


def _end(installation: Installation, run_id: int, counts: Counts, error: str | None, status: str | None = None) -> None:
    with installation.database.unit_of_work() as connection:
        record_store.forget_scanned(connection, run_id)
        source_store.end_run(connection, run_id, counts, utc_now(), error, status)


@dataclass(slots=True)
class Batch:
    """What was read since the last commit."""

    records: list[Record] = field(default_factory=list)
    rejected: list[Rejected] = field(default_factory=list)
    keys: list[tuple[str, str]] = field(default_factory=list)

    def add(self, event: Record | Rejected | Seen) -> None:
        if isinstance(event, Seen):
            self.keys.append((event.stream, event.key))
            return
        if isinstance(event, Rejected):
            self.rejected.append(event)
            if event.key is not None:
                self.keys.append((event.stream, event.key))  # it is there, if broken: no reason to delete it
            return
        self.records.append(event)
        if event.op is Op.UPSERT:
            self.keys.append((event.stream, event.key))

    def __len__(self) -> int:
        return max(len(self.records) + len(self.rejected), len(self.keys))


def _sync_stream(
    installation: Installation, arriving: Arriving, stream: StreamInfo, events: Iterator[ReadEvent]
) -> Iterator[Counts]:
    # Of a stream that has nothing yet nothing can be missing: what is seen need not be remembered.
    has_live = _has_live(installation, arriving.source, stream.name)
    remembers = stream.scans and has_live
    arriving = replace(arriving, begins=arriving.map_later and not has_live)
    for arrived, mark in ahead(_at_the_door(installation, arriving, _batches(events))):
        checkpoint = mark if isinstance(mark, Checkpoint) else None
        yield _commit(installation, arriving, stream, arrived, checkpoint, remembers=remembers)
        if isinstance(mark, FullScanEnd) and remembers:
            yield _remove_missing(installation, arriving, mark)


def _has_live(installation: Installation, source: str, stream: str) -> bool:
    with installation.database.unit_of_work() as connection:
        return record_store.any_live(connection, source, stream)


def _batches(events: Iterator[ReadEvent]) -> Iterator[tuple[Batch, Checkpoint | FullScanEnd | None]]:
    """What is landed in one commit, each with what was said at its end."""
    batch = Batch()
    try:
        for event in events:
            if isinstance(event, Record | Rejected | Seen):
                # What may follow a full batch is its checkpoint, which by itself would be an item of nothing: while a
                # page was landed that one would be read ahead, and not the page after it.
                if len(batch) >= BATCH:
                    yield batch, None
                    batch = Batch()
                batch.add(event)
            else:
                yield batch, event
                batch = Batch()
        yield batch, None
    finally:
        if isinstance(events, Generator):
            events.close()  # in the thread that opened what it has open, however the reading ends


class Arrived(NamedTuple):
    """A batch, ready to be landed."""

    arrivals: Sequence[Arrival]
    rejected: Sequence[Rejected]
    keys: Sequence[tuple[str, str]]


def _at_the_door(
    installation: Installation, arriving: Arriving, batches: Iterator[tuple[Batch, Checkpoint | FullScanEnd | None]]
) -> Iterator[tuple[Arrived, Checkpoint | FullScanEnd | None]]:
    """What needs no database is done where it is read, beside the landing of what was read before."""
    for batch, mark in batches:
        arrivals, rejected = arrivals_of(installation, arriving, batch.records, utc_now()), batch.rejected
        if arriving.begins:
            arrivals, unreadable = those_readable(arriving, arrivals)
            rejected = [*rejected, *unreadable]
        yield Arrived(arrivals, rejected, batch.keys), mark


def _commit(
    installation: Installation,
    arriving: Arriving,
    stream: StreamInfo,
    arrived: Arrived,
    checkpoint: Checkpoint | None,
    *,
    remembers: bool,
) -> Counts:
    if not (arrived.arrivals or arrived.rejected or arrived.keys) and checkpoint is None:
        return Counts()
    with installation.database.unit_of_work() as connection:
        now = utc_now()
        counts = land_arrivals(connection, installation, arriving, arrived.arrivals, arrived.rejected, now).counts
        if remembers and arriving.run_id is not None:
            record_store.remember_scanned(connection, arriving.run_id, arrived.keys)
        if checkpoint is not None:
            source_store.save_checkpoint(connection, arriving.source, stream.name, checkpoint.state, now)
    return counts


def _remove_missing(installation: Installation, arriving: Arriving, end: FullScanEnd) -> Counts:
    """Tombstones for what a full scan did not see, or so many in a row; a mass delete stops and asks."""
    source, run_id = arriving.source, arriving.run_id
    assert run_id is not None
    with installation.database.unit_of_work() as connection:
        missing, live = record_store.missing_keys(connection, source, end.stream, run_id)
        place, allowed = f"sources.{source}.max_delete_share", installation.source(source).max_delete_share
        if end.max_share is not None:
            place, allowed = f"max_share of {end.stream} in the manifest", end.max_share
        if len(missing) > max(1, allowed * live):
            raise SourceError(
                source,
                f"{len(missing)} of {live} records of {end.stream} are missing, over {allowed:.0%}: none was deleted",
                remedy=f"Check the source; if it is right, raise {place} and sync again",
            )
        if end.gone_after > 1:
            scan = end.scan or str(run_id)
            missing = missing_keys.missing_again(connection, source, end.stream, missing, scan, end.gone_after)
        gone = [Record(end.stream, key, {}, Op.DELETE) for key in missing]
        counts = land(connection, installation, arriving, gone, (), utc_now()).counts
    return replace(counts, read=0)
