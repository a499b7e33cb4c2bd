"""A look at a source before anything of it is stored: native beside canonical, how full each field is, what is lost on
the way, what is not read at all, and what of that looks as if it told customers apart. Nothing is written."""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from itertools import islice
from typing import Any, Final

from cdi.errors import BadRecordError
from cdi.fields import ATTRIBUTES, CanonicalData, Stream
from cdi.ingest.contract import Native, Record, Rejected
from cdi.ingest.manifest import DeclaredConnector
from cdi.normalise.headers import ROLES, guess_targets
from cdi.normalise.left_out import left_out
from cdi.normalise.record import canonicalise
from cdi.pipeline import Installation
from cdi.pipeline.arrivals import checked_consent, checked_touchpoint, without
from cdi.sources.operating import reading_context

SAMPLE: Final = 200
"""Records of each stream that figures are taken from, unless told otherwise."""
TELLING: Final = 0.9
"""A field with so large a share of different values, filled as often, may tell customers apart."""
FEWEST: Final = 10
"""Fewer values than these say nothing of a field."""


@dataclass(frozen=True, slots=True)
class PreviewedRecord:
    """A record as the source says it beside what its mapping makes of it, or the reason why it would be rejected."""

    stream: str
    key: str | None
    native: Native
    canonical: CanonicalData | None
    reason: str | None = None
    lost: tuple[str, ...] = ()


@dataclass(slots=True)
class StreamReport:
    """One stream in figures, shares of `records`: `filled` canonical fields, fields that are mapped and stayed `empty`,
    fields whose value was given and not understood (`lost`, how many), reasons of rejection, native fields that no
    expression reads (`unread`), those of them that look like something a customer is known by (`suspects`: what), and
    records whose key came before (`keys_twice`)."""

    stream: str
    kind: Stream
    records: int = 0
    filled: dict[str, float] = field(default_factory=dict)
    empty: list[str] = field(default_factory=list)
    lost: dict[str, int] = field(default_factory=dict)
    rejected: dict[str, int] = field(default_factory=dict)
    unread: dict[str, float] = field(default_factory=dict)
    suspects: dict[str, str] = field(default_factory=dict)
    keys_twice: int = 0


@dataclass(frozen=True, slots=True)
class Preview:
    """The first records of each stream, and the figures of some more."""

    source: str
    records: Sequence[PreviewedRecord]
    streams: Sequence[StreamReport]

    def fill_rates(self) -> dict[str, dict[str, float]]:
        """By stream, the share of the records that have each canonical field."""
        return {report.stream: report.filled for report in self.streams}

    def as_dict(self) -> dict[str, Any]:
        return {
            "source": self.source,
            "fill_rates": self.fill_rates(),
            "streams": [asdict(report) for report in self.streams],
            "records": [asdict(record) for record in self.records],
        }


def preview(installation: Installation, name: str, limit: int = 5, sample: int = SAMPLE) -> Preview:
    """The first `limit` records of each stream side by side, and figures of the first `sample`; nothing is written."""
    connector, config = installation.connector(name), installation.config(name)
    shown: list[PreviewedRecord] = []
    reports: list[StreamReport] = []
    for stream in connector.streams():
        context = reading_context(installation, name, max(limit, sample))
        events = connector.read(config, stream.name, None, context)
        wanted = (event for event in events if isinstance(event, Record | Rejected))
        looked = [_previewed(installation, name, stream.kind, e, config) for e in islice(wanted, max(limit, sample))]
        shown += looked[:limit]
        report = _report(stream.name, stream.kind, looked)
        if isinstance(connector, DeclaredConnector) and looked:
            _compare(report, looked, connector, config)
        reports.append(report)
    return Preview(name, shown, reports)


def _previewed(
    installation: Installation, name: str, kind: Stream, event: Record | Rejected, config: dict[str, Any]
) -> PreviewedRecord:
    native = without(event.data, installation.source(name).exclude)
    if isinstance(event, Rejected):
        return PreviewedRecord(event.stream, event.key, native, None, event.reason)
    try:
        mapped = installation.connector(name).map(event.stream, native, config)
        made = _made(installation, name, kind, mapped)
    except BadRecordError as error:
        return PreviewedRecord(event.stream, event.key, native, None, str(error))
    found = left_out(mapped, made, installation.context(name)) if kind is Stream.CUSTOMER else ()
    lost = tuple(dict.fromkeys(one.field for one in found))
    return PreviewedRecord(event.stream, event.key, native, made, None, lost)


def _made(installation: Installation, name: str, kind: Stream, mapped: CanonicalData) -> CanonicalData:
    match kind:
        case Stream.CUSTOMER:
            return canonicalise(mapped, installation.context(name))
        case Stream.TOUCHPOINT:
            return checked_touchpoint(mapped)
        case Stream.CONSENT:
            return checked_consent(mapped)
        case Stream.IDENTITY_LINK:
            return mapped


def _report(stream: str, kind: Stream, looked: Sequence[PreviewedRecord]) -> StreamReport:
    report = StreamReport(stream, kind, len(looked))
    filled = Counter(path for record in looked for path in set(_paths(record.canonical or {})))
    report.filled = {path: filled[path] / len(looked) for path in sorted(filled, key=_place)}
    report.lost = dict(Counter(name for record in looked for name in record.lost))
    report.rejected = dict(Counter(record.reason for record in looked if record.reason is not None))
    report.keys_twice = sum(n - 1 for n in Counter(r.key for r in looked if r.key is not None).values())
    return report


def _compare(
    report: StreamReport, looked: Sequence[PreviewedRecord], connector: DeclaredConnector, config: dict[str, Any]
) -> None:
    """What the manifest says against what came: fields that it maps and that stayed empty, and what it does not
    read."""
    mapped = _paths(connector.manifest.streams[report.stream].map)
    empty = dict.fromkeys(path for path in mapped if path.partition(".")[0] != "contact" and path not in report.filled)
    report.empty = [path for path in empty if not path.endswith((".use", ".verified", ".shared", ".each", ".when"))]
    read = connector.fields_read(report.stream, config)
    if read is not None:
        values = _unread(looked, read)
        report.unread = {path: len(told) / len(looked) for path, told in values.items()}
        report.suspects = _suspects(values, len(looked), report.kind)


def _place(path: str) -> tuple[int, str]:
    """Fields in the order of the vocabulary."""
    name = path.partition(".")[0]
    return list(ATTRIBUTES).index(name) if name in ATTRIBUTES else len(ATTRIBUTES), path


def _paths(value: Any, path: str = "") -> Iterator[str]:
    """The fields of a canonical record that are filled: `name.given_name`, `emails`, `addresses.city`."""
    if isinstance(value, Mapping):
        for name, inner in value.items():
            yield from _paths(inner, f"{path}.{name}" if path else str(name))
    elif isinstance(value, list):
        for item in value:
            if isinstance(item, Mapping) and "value" in item:
                yield f"{path}.{item['type']}" if "type" in item else path
            else:
                yield from _paths(item, path)
    elif value not in {None, ""}:
        yield path


def _unread(looked: Iterable[PreviewedRecord], read: frozenset[str]) -> dict[str, list[str]]:
    """Native fields that no expression of the stream reads, with the values that they hold. Of a field of which any
    part is read, all counts as read."""
    values: dict[str, list[str]] = {}
    for record in looked:
        for name, value in record.native.items():
            if name not in read and name != "each":
                for path, text in _texts(value, name):
                    values.setdefault(path, []).append(text)
    return values


def _texts(value: Any, path: str) -> Iterator[tuple[str, str]]:
    if isinstance(value, Mapping):
        for name, inner in value.items():
            yield from _texts(inner, f"{path}.{name}")
    elif isinstance(value, list):
        yield from ((found, text) for item in value[:1] for found, text in _texts(item, f"{path}[0]"))
    elif value is not None and value != "" and not isinstance(value, bool):
        yield path, str(value)


def _suspects(values: Mapping[str, list[str]], records: int, kind: Stream) -> dict[str, str]:
    """Of these fields, those whose name or values say that a customer is known by them."""
    last = {path: path.split(".")[-1].removesuffix("[0]") for path in values}
    guessed = guess_targets({path: told for path, told in values.items() if "." not in path})
    found: dict[str, str] = {}
    for path, told in values.items():
        target = guessed.get(path) or guess_targets({last[path]: told}).get(last[path])
        if target is not None and target.path not in ROLES:
            found[path] = target.path
        elif (
            kind is Stream.CUSTOMER
            and len(told) >= max(FEWEST, TELLING * records)
            and len(set(told)) >= TELLING * len(told)
        ):
            found[path] = "different in nearly every record"
    return found
