"""A source asked, read, and what was rejected of it tried again."""

import time
from collections.abc import Collection, Sequence
from dataclasses import dataclass

from cdi.clock import utc_now
from cdi.errors import CdiError, ConfigurationError
from cdi.ingest.contract import CheckResult, ReadContext, Rejected
from cdi.pipeline import Installation, land, sync
from cdi.pipeline.landing import arriving_of, is_readable
from cdi.pipeline.remapping import remap
from cdi.pipeline.syncing import Progress
from cdi.settings import PUSH
from cdi.store import sources
from cdi.store.sources import Counts

NOTE_EVERY = 2.0
"""Seconds between two notes of how far a run has come, for those who ask meanwhile."""


def check(installation: Installation, name: str) -> list[CheckResult]:
    """Ask the source system what must hold before it is trusted; nothing is read from it, nothing written."""
    unsaid = installation.source(name).unsaid()
    if unsaid:
        places = ", ".join(installation.settings.place("sources", name, *path.split(".")) for path in unsaid)
        return [CheckResult("everything is said in cdi.yaml", False, f"still TODO: {places}")]
    config = installation.config(name)
    return installation.connector(name).check(config, reading_context(installation, name))


def reading_context(installation: Installation, name: str, limit: int | None = None) -> ReadContext:
    """What a connector is lent when it reads this source now."""
    return ReadContext(folder=installation.folder, now=utc_now(), source=name, limit=limit)


@dataclass(frozen=True, slots=True)
class Replay:
    """What the mapping as it is now makes of what the source said before: rejected records that are taken after all, or
    are not, and landed ones that mean something else (`remapped`)."""

    taken: int
    still_rejected: int
    remapped: int = 0


def replay(installation: Installation, name: str) -> Replay:
    """Apply the mapping as it is now to all that the source said before, without reading it again: to what was
    rejected, and to what has landed. What comes of it becomes due like any record."""
    with installation.database.exclusive(sources.sync_lock(name)):
        remapped = remap(installation, name)
        again = _try_again(installation, name, None)
    return Replay(again.taken, again.still_rejected, remapped.changed + remapped.moved)


def replay_rejected(installation: Installation, name: str, only: Sequence[int] | None = None) -> Replay:
    """Apply the mapping as it is now to what was rejected of a source, to `only` these records where some are named.
    Raises BusyError that says who is reading it."""
    with installation.database.exclusive(sources.sync_lock(name)):
        return _try_again(installation, name, only)


def _try_again(installation: Installation, name: str, only: Sequence[int] | None) -> Replay:
    """What is still not taken keeps the reason that it has now. The caller holds the source's lock."""
    connector, config = installation.connector(name), installation.config(name)
    arriving = arriving_of(installation, name)
    with installation.database.unit_of_work() as connection:
        waiting = sources.open_rejected(connection, name, only=only)
    taken = 0
    for rejection in waiting:
        if rejection.stream not in arriving.kinds:
            continue
        again = connector.record_of(rejection.stream, rejection.native, config)
        now = utc_now()
        with installation.database.unit_of_work() as connection:  # each its own: keys are locked once a transaction
            if isinstance(again, Rejected):
                land(connection, installation, arriving, (), [again], now)
                continue
            counts = land(connection, installation, arriving, [again], (), now).counts
            # One that is known already is not read again by landing it.
            if counts.versions or (not counts.rejected and is_readable(installation, arriving, again, now)):
                sources.resolve_rejected(connection, [rejection.rejected_id], now)
                taken += 1
    return Replay(taken, len(waiting) - taken)


@dataclass(frozen=True, slots=True)
class Synced:
    """What reading some sources came to: counts by source, and the message of each that failed."""

    counts: dict[str, Counts]
    errors: dict[str, str]


def sync_sources(installation: Installation, names: Sequence[str] = (), progress: Progress | None = None) -> Synced:
    """Read what is new at these sources, or at all. One that fails does not keep the others from being read."""
    counts: dict[str, Counts] = {}
    errors: dict[str, str] = {}
    for name in names or tuple(installation.deployment.sources):
        if installation.source(name).connector == PUSH:
            continue
        try:
            counts[name] = read_source(installation, name, progress)
        except CdiError as error:
            errors[name] = str(error)
    return Synced(counts, errors)


def read_source(
    installation: Installation, name: str, progress: Progress | None = None, only: Collection[str] = ()
) -> Counts:
    """Read what is new at one source, of `only` these streams where some are named. Raises SourceError, BusyError that
    says who is reading it, ConfigurationError where cdi.yaml leaves something unsaid; all but the second stand in the
    list of its runs."""
    unsaid = installation.source(name).unsaid()
    if unsaid:
        places = ", ".join(installation.settings.place("sources", name, *path.split(".")) for path in unsaid)
        raise ConfigurationError(f"source {name} is not read: still TODO at {places}", remedy="Say it there")
    try:
        installation.config(name)
    except ConfigurationError as error:
        _note_failure(installation, name, str(error))
        raise
    return sync(installation, name, _noted(installation, progress), only)


def _note_failure(installation: Installation, name: str, message: str) -> None:
    """A run that could not even be begun is told like any that failed."""
    with (
        installation.database.exclusive(sources.sync_lock(name)),
        installation.database.unit_of_work() as connection,
    ):
        now = utc_now()
        sources.end_run(connection, sources.start_run(connection, name, now), Counts(), now, message)


def _noted(installation: Installation, progress: Progress | None) -> Progress:
    """`progress`, and every now and then a note in the row of the run."""
    noted_at = time.monotonic()

    def note(source: str, counts: Counts) -> None:
        nonlocal noted_at
        if time.monotonic() - noted_at > NOTE_EVERY:
            with installation.database.unit_of_work() as connection:
                sources.note_progress(connection, source, counts)
            noted_at = time.monotonic()
        if progress:
            progress(source, counts)

    return note
