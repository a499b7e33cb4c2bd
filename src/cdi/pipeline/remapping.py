"""A changed mapping is applied to what has landed, without reading again: what a version means is a conclusion, and is
drawn anew from what the source said.

It goes page by page, each a commit; ended half way, it begins again, and what is right already stays as it is.
"""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Final

import orjson
from sqlalchemy import Connection

from cdi.clock import utc_now
from cdi.errors import BadRecordError
from cdi.fields import Stream
from cdi.ingest.contract import Op, Record, Rejected, StreamInfo
from cdi.ingest.manifest import DeclaredConnector
from cdi.pipeline.arrivals import without
from cdi.pipeline.installation import Installation
from cdi.pipeline.landing import CONTACTS, Arriving, arriving_of, canonical_of, land, land_effects
from cdi.store import meanings, redo
from cdi.store import records as record_store
from cdi.store.meanings import Meaning
from cdi.store.records import Arrival, SavedVersion

PAGE: Final = 2_000
RENAMED: Final = "its key changed"


@dataclass(slots=True)
class Remapped:
    """What applying a mapping again came to, in records: `changed` mean something else now, `moved` have another key or
    are gone as the manifest sees them now, `unreadable` cannot be read any more: these keep what they meant."""

    changed: int = 0
    moved: int = 0
    unreadable: int = 0

    def __iadd__(self, other: "Remapped") -> "Remapped":
        self.changed += other.changed
        self.moved += other.moved
        self.unreadable += other.unreadable
        return self


def remap_if_changed(installation: Installation, source: str) -> Remapped:
    """Apply those mappings of a source again that are not the ones which were applied last. The caller holds the
    source's lock."""
    with installation.database.unit_of_work() as connection:
        applied = meanings.load_applied(connection, source)
    names = [stream.name for stream in _streams(installation, source)]
    now_valid = {name: fingerprint(installation, source, name) for name in names}
    # Of a stream that was never noted, what landed before is taken to be right.
    changed = [name for name, valid in now_valid.items() if valid is not None and applied.get(name, valid) != valid]
    remapped = remap(installation, source, changed) if changed else Remapped()
    with installation.database.unit_of_work() as connection:
        for name in now_valid.keys() - applied.keys() - set(changed):
            meanings.note_applied(connection, source, name, now_valid[name] or "", utc_now())
    return remapped


def remap(installation: Installation, source: str, only: Sequence[str] = ()) -> Remapped:
    """Apply the mapping of a source to all that has landed of it, or of `only` these streams. The caller holds the
    source's lock."""
    remapped = Remapped()
    for stream in _streams(installation, source):
        if only and stream.name not in only:
            continue
        after = ""
        while keys := _page(installation, source, stream.name, after):
            remapped += _remap_page(installation, source, stream.name, keys)
            after = keys[-1]
        with installation.database.unit_of_work() as connection:
            valid = fingerprint(installation, source, stream.name)
            meanings.note_applied(connection, source, stream.name, valid or "", utc_now())
    return remapped


def fingerprint(installation: Installation, source: str, stream: str) -> str | None:
    """Moves when the same native record would mean something else. None for a connector in Python: nobody can tell of
    it."""
    connector = installation.connector(source)
    if not isinstance(connector, DeclaredConnector):
        return None
    context = installation.context(source)
    decisive = [
        connector.meaning(stream, installation.config(source)),
        sorted(installation.source(source).exclude),
        context.country,
        context.language,
    ]
    return hashlib.blake2b(orjson.dumps(decisive, option=orjson.OPT_SORT_KEYS), digest_size=16).hexdigest()


def _streams(installation: Installation, source: str) -> Sequence[StreamInfo]:
    return installation.connector(source).streams()


def _page(installation: Installation, source: str, stream: str, after: str) -> list[str]:
    with installation.database.unit_of_work() as connection:
        return meanings.page_of_keys(connection, source, stream, after, PAGE)


@dataclass(slots=True)
class _Page:
    """What became of one page of records. `renamed`: by its key so far, a record that has another one now; `gone`: what
    the manifest does not take for a record any more."""

    changed: list[tuple[Meaning, SavedVersion]] = field(default_factory=list)
    rejected: list[Rejected] = field(default_factory=list)
    renamed: dict[str, Record] = field(default_factory=dict)
    gone: list[Record] = field(default_factory=list)


def _remap_page(installation: Installation, source: str, stream: str, keys: Sequence[str]) -> Remapped:
    arriving = arriving_of(installation, source)
    with installation.database.unit_of_work() as connection:
        record_store.lock_keys(connection, source, {*keys, CONTACTS})
        known = meanings.load_meanings(connection, source, stream, keys)
        page = _seen_anew(installation, arriving, stream, known)
        _save(connection, installation, arriving, page)
    # Keys are locked once in each transaction, so each of these has its own.
    doubled = _rename(installation, arriving, stream, page.renamed) if page.renamed else {}
    if doubled or page.gone or page.rejected:
        with installation.database.unit_of_work() as connection:
            now = utc_now()
            same = doubled if arriving.kinds[stream] == Stream.CUSTOMER else {}
            ended = [Record(stream, old, {}, Op.DELETE) for old in doubled.keys() - same.keys()]
            land(connection, installation, arriving, [*doubled.values(), *ended, *page.gone], page.rejected, now)
            for old, record in same.items():
                met = record_store.replace_record(connection, source, old, record.key)
                redo.queue(connection, met, RENAMED, now)
    changed = {meaning.record_id for meaning, _ in page.changed}
    return Remapped(len(changed), len(page.renamed) + len(page.gone), len(page.rejected))


def _rename(
    installation: Installation, arriving: Arriving, stream: str, renamed: Mapping[str, Record]
) -> dict[str, Record]:
    """Give records their new keys; those whose new key another record has, because they are the same one."""
    source = arriving.source
    with installation.database.unit_of_work() as connection:
        record_store.lock_keys(connection, source, {*renamed, *(record.key for record in renamed.values())})
        ids = {old: meanings.rename(connection, source, stream, old, record.key) for old, record in renamed.items()}
        if arriving.kinds[stream] == Stream.CUSTOMER:
            redo.queue(connection, [record_id for record_id in ids.values() if record_id], RENAMED, utc_now())
    return {old: record for old, record in renamed.items() if ids[old] is None}


def _seen_anew(installation: Installation, arriving: Arriving, stream: str, known: Sequence[Meaning]) -> _Page:
    page = _Page()
    exclude = installation.source(arriving.source).exclude
    connector, config = installation.connector(arriving.source), installation.config(arriving.source)
    for meaning in known:
        native = without(meaning.native, exclude)
        arrival = _arrival(stream, meaning)
        try:
            canonical = orjson.loads(
                orjson.dumps(canonical_of(installation, arriving, replace(arrival, native=native)))
            )
        except BadRecordError as error:
            if meaning.counts_now:
                page.rejected.append(Rejected(stream, str(error), native, meaning.key))
            continue
        if canonical != meaning.canonical:
            page.changed.append((meaning, SavedVersion(meaning.record_id, arrival, canonical, meaning.counts_now)))
        if meaning.counts_now:
            _move(page, connector.record_of(stream, native, config), meaning)
    return page


def _move(page: _Page, again: Record | Rejected, meaning: Meaning) -> None:
    """Note where, and if, the manifest has a record now."""
    if isinstance(again, Rejected):
        return
    if again.op is not Op.UPSERT:
        page.gone.append(Record(again.stream, meaning.key, meaning.native, again.op, meaning.source_time))
    elif again.key != meaning.key and meaning.was_read:
        page.renamed[meaning.key] = again


def _arrival(stream: str, meaning: Meaning) -> Arrival:
    return Arrival(
        stream=stream,
        key=meaning.key,
        kind=meaning.kind,
        op=Op.UPSERT,
        native=meaning.native,
        said=b"",
        content_hash=b"",
        source_time=meaning.source_time,
        observed_at=meaning.observed_at,
    )


def _save(connection: Connection, installation: Installation, arriving: Arriving, page: _Page) -> None:
    if not page.changed:
        return
    now = utc_now()
    meanings.replace_meanings(connection, {m.version_id: orjson.dumps(v.canonical).decode() for m, v in page.changed})
    customers = [m.record_id for m, v in page.changed if m.kind == Stream.CUSTOMER]
    redo.queue(connection, customers, "its mapping changed", now)
    land_effects(connection, installation, arriving, [v for _, v in page.changed if v.counts_now], now)
