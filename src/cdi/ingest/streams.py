"""A stream as it runs: what a manifest says of it, compiled. It turns native records into events, whatever
kind of source they come from; one that cannot be taken becomes *rejected* and the rest go on."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import lru_cache

from jmespath.exceptions import JMESPathError

from cdi.fields import CanonicalData, Stream
from cdi.ingest.blueprint import (
    Absence,
    Cursor,
    FeedDelete,
    FlagDelete,
    KeysDelete,
    Listed,
    ReconcileDelete,
    StreamPart,
)
from cdi.ingest.contract import Native, Op, Record, Rejected, State
from cdi.ingest.expressions import Evaluate, is_false
from cdi.ingest.mapping import Build, Compilation, Loc, compile_map, condition, is_of_fields_alone
from cdi.ingest.transforms import as_text


@dataclass(frozen=True, slots=True)
class CompiledStream:
    """One stream, ready to run. `fields` are the native fields that its expressions read (None: all); `reads_all`:
    there is no record that its mapping could not read."""

    name: str
    kind: Stream
    key: tuple[Evaluate, ...]
    source_time: Evaluate | None
    each: Evaluate | None
    each_field: str | None
    when: Evaluate | None
    event_id: Evaluate | None
    gone: tuple[tuple[Evaluate, Op], ...]
    reconcile: Absence | None
    cursor: Cursor | None
    cursor_field: Evaluate | None
    build: Build
    fields: frozenset[str] | None
    reads_all: bool = False

    def events(self, native: Native) -> Iterator[Record | Rejected]:
        """What one native record becomes: usually one event; none where `when` leaves it out; several with
        `each`."""
        try:
            for part in self._parts(native):
                if self.when is None or not is_false(self.when(part)):
                    yield self._event(part)
        except (ValueError, TypeError, JMESPathError) as error:
            yield self._failed(native, error)

    def record_of(self, part: Native) -> Record | Rejected:
        """The record that one part (see `each`) of a native record is; one that `when` leaves out is gone."""
        try:
            event = self._event(part)
            if isinstance(event, Record) and self.when is not None and is_false(self.when(part)):
                return replace(event, op=Op.DELETE)
            return event
        except (ValueError, TypeError, JMESPathError) as error:
            return self._failed(part, error)

    def _failed(self, native: Native, error: Exception) -> Rejected:
        return Rejected(self.name, f"an expression of the stream failed: {_told(error)}", native)

    def _parts(self, native: Native) -> Iterator[Native]:
        if self.each is None:
            yield native
            return
        elements = self.each(native)
        if not isinstance(elements, list):
            return
        around = {name: value for name, value in native.items() if name != self.each_field}
        for element in elements:
            yield {**around, "each": element}

    def _event(self, native: Native) -> Record | Rejected:
        key = self._key(native)
        if key is None:
            return Rejected(self.name, "no key: what the manifest names as key is empty", native)
        op = next((op for holds, op in self.gone if not is_false(holds(native))), Op.UPSERT)
        time = self._source_time(native)
        event_id = as_text(self.event_id(native)) if self.event_id else None
        return Record(self.name, key, native, op, time, event_id)

    def _key(self, native: Native) -> str | None:
        if len(self.key) == 1:
            text = as_text(self.key[0](native))
            return text.strip() or None if text else None
        texts = [as_text(part(native)) for part in self.key]
        if any(text is None or not text.strip() for text in texts):
            return None
        # The parts are told apart for certain: a slash inside of one is written differently.
        return "/".join((text or "").strip().replace("%", "%25").replace("/", "%2F") for text in texts)

    def _source_time(self, native: Native) -> datetime | None:
        """When the source says the record became so; None where it says nothing that can be read."""
        if self.source_time is None:
            return None
        try:
            text = as_text(self.source_time(native))
            return _in_utc(text) if text else None
        except ValueError:
            return None

    def scan_is_due(self, state: State | None, now: datetime) -> bool:
        """Whether this reading must be over everything: the first one, and when the last is long enough
        ago."""
        if self.cursor is None or not state or "cursor" not in state:
            return True
        return self.reconcile is not None and self.list_is_due(state, now)

    def list_is_due(self, state: State | None, now: datetime) -> bool:
        """Whether the last list of all that is there is long enough ago, or there was none."""
        scanned = (state or {}).get("scanned_at")
        assert self.reconcile is not None
        return scanned is None or datetime.fromisoformat(scanned) + self.reconcile.every <= now

    def map(self, native: Native) -> CanonicalData:
        """Native to canonical; raises BadRecordError."""
        data: CanonicalData = self.build(native)
        return data


@lru_cache(maxsize=65_536)
def _in_utc(text: str) -> datetime | None:
    """A moment, of which many records may share one; None where it has no offset. Raises ValueError."""
    moment = datetime.fromisoformat(text)
    return moment.astimezone(UTC) if moment.tzinfo is not None else None


def _told(error: Exception) -> str:
    return str(error) if type(error).__module__.startswith("cdi.") else "a value of the wrong type"


def compile_stream(name: str, part: StreamPart, shared: Compilation) -> CompiledStream:
    """The stream with every expression compiled; faults are noted in `shared` with their place."""
    place: Loc = ("streams", name)
    own = Compilation(shared.functions, shared.faults)
    keys = (part.key,) if isinstance(part.key, str) else part.key
    if not keys:
        own.fault((*place, "key"), "at least one expression is needed")
    cursor: Cursor | None = getattr(part, "cursor", None)
    each = _optional(part.each, "each", own, place)
    inner = own if part.each is None else Compilation(shared.functions, shared.faults)
    return CompiledStream(
        name=name,
        kind=part.kind,
        key=tuple(condition(key, inner, (*place, "key")) for key in keys),
        source_time=_optional(part.source_time, "source_time", inner, place),
        each=each,
        each_field=None if part.each is None else part.each.removeprefix("="),
        when=_optional(part.when, "when", inner, place),
        event_id=_optional(part.event_id, "event_id", inner, place),
        gone=tuple(_gone(part, inner, place)),
        reconcile=next((d for d in part.deletes if isinstance(d, ReconcileDelete)), None),
        cursor=cursor,
        cursor_field=_optional(cursor.field if cursor else None, "cursor", own, place),
        build=compile_map(part.kind, part.map, inner, (*place, "map")),
        fields=_read_fields(own, inner),
        reads_all=is_of_fields_alone(part.kind, part.map, shared),
    )


def compile_feed(name: str, place: Loc, feed: Listed, stream: StreamPart, shared: Compilation) -> CompiledStream:
    """What lists what is gone from the stream `name` (each of its records is the deletion of one of that stream), or
    the keys of all that is there (each of its records is one that was seen)."""
    cursor: Cursor | None = getattr(feed, "cursor", None)
    source_time = feed.source_time if isinstance(feed, FeedDelete) else None
    if cursor is not None and source_time is None:
        shared.fault((*place, "source_time"), "is needed with a cursor: what came back since must not go again")
    own = Compilation(shared.functions, shared.faults)
    inner = own if feed.each is None else Compilation(shared.functions, shared.faults)
    keys = feed.key if feed.key is not None else stream.key
    return CompiledStream(
        name=name,
        kind=stream.kind,
        key=tuple(condition(key, inner, (*place, "key")) for key in ((keys,) if isinstance(keys, str) else keys)),
        source_time=_optional(source_time, "source_time", inner, place),
        each=_optional(feed.each, "each", own, place),
        each_field=None if feed.each is None else feed.each.removeprefix("="),
        when=_optional(feed.when, "when", inner, place),
        event_id=None,
        gone=((lambda _: True, Op.ERASE if feed.erase else Op.DELETE),) if isinstance(feed, FeedDelete) else (),
        reconcile=feed if isinstance(feed, KeysDelete) else None,
        cursor=cursor,
        cursor_field=_optional(cursor.field if cursor else None, "cursor", own, place),
        build=lambda native: native,
        fields=_read_fields(own, inner),
    )


def _optional(text: str | None, name: str, shared: Compilation, place: Loc) -> Evaluate | None:
    return None if text is None else condition(text, shared, (*place, name))


def _gone(part: StreamPart, shared: Compilation, place: Loc) -> Iterator[tuple[Evaluate, Op]]:
    for index, delete in enumerate(part.deletes):
        if isinstance(delete, FlagDelete):
            holds = condition(delete.when, shared, (*place, "deletes", index, "when"))
            yield holds, Op.ERASE if delete.erase else Op.DELETE


def _read_fields(own: Compilation, inner: Compilation) -> frozenset[str] | None:
    if own.fields is None or inner.fields is None:
        return None
    return frozenset((own.fields | inner.fields) - ({"each"} if inner is not own else set()))
