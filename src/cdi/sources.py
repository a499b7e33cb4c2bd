"""Source systems as their engineer meets them: what is connected, is it well, what would come of it, what was
rejected; and the record as the source said it."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from itertools import islice
from typing import Any

from sqlalchemy import Connection

from cdi.access import Caller, Role, mask
from cdi.clock import utc_now
from cdi.errors import BadRecordError, CdiError, NotFoundError
from cdi.fields import CanonicalData, FieldGroup, Stream
from cdi.ingest.contract import CheckResult, Native, ReadContext, Record, Rejected
from cdi.normalise.record import canonicalise
from cdi.pipeline import Arriving, Installation, land, sync
from cdi.pipeline.syncing import Progress
from cdi.settings import PUSH
from cdi.store import records, sources
from cdi.store.sources import Counts


def list_sources(connection: Connection, installation: Installation, caller: Caller) -> list[dict[str, Any]]:
    """Every source system that the caller may see, with its owner, its figures and its last run."""
    figures = sources.source_figures(connection)
    return [
        describe(installation, name, figures.get(name, {}))
        for name in installation.deployment.sources
        if may_see(caller, name)
    ]


def describe(installation: Installation, name: str, figures: dict[str, Any]) -> dict[str, Any]:
    """One source system: what reads it, who answers for it, how it is."""
    system = installation.source(name)
    owner = installation.deployment.owner(system.data_owner)
    return {
        "name": name,
        "connector": system.connector,
        "data_owner": owner.id,
        "owner": owner.model_dump(),
        "purpose": system.purpose,
        "trust": system.trust,
        "one_record_per_customer": system.one_record_per_customer,
        "records": figures.get("records", 0),
        "rejected": figures.get("rejected", 0),
        "last_run": figures.get("last_run"),
    }


def runs(
    connection: Connection,
    installation: Installation,
    caller: Caller,
    name: str,
    limit: int,
    before: int | None = None,
) -> list[dict[str, Any]]:
    """How the syncs of a source went, newest first."""
    _visible(installation, caller, name)
    return sources.list_runs(connection, name, limit, before)


def record(
    connection: Connection,
    installation: Installation,
    caller: Caller,
    name: str,
    key: str,
    stream: str | None = None,
) -> dict[str, Any]:
    """What the source said of this record, verbatim and by version, and the profile that it belongs to."""
    _visible(installation, caller, name)
    found = records.find_record(connection, name, key, stream)
    if found is None:
        raise NotFoundError(f"source {name} has no record with this key", remedy="Check the key and the stream")
    return {
        "source": name,
        "stream": found["stream"],
        "key": key,
        "live": found["live"],
        "data_owner": installation.owner_of(name),
        "profile_id": found["profile_id"],
        "observed_at": found["observed_at"],
        "first_seen": found["first_seen"],
        **_said(found, caller),
    }


def _said(found: Mapping[str, Any], caller: Caller) -> dict[str, Any]:
    """What the source said. Verbatim only for those who may see every field group, and for its own connector."""
    told = {name: found[name] for name in ("native", "canonical", "versions")}
    if caller.role is Role.CONNECTOR or caller.visibility.groups >= frozenset(FieldGroup):
        return told
    hidden: dict[str, Any] = mask_all(told)
    return hidden | {"masked": True}


def mask_all(value: Any) -> Any:
    """Every text in this structure masked; times and numbers of versions are none of a customer's values."""
    if isinstance(value, Mapping):
        return {name: mask_all(inner) for name, inner in value.items()}
    if isinstance(value, list):
        return [mask_all(inner) for inner in value]
    return mask(value) if isinstance(value, str) else value


def may_see(caller: Caller, name: str) -> bool:
    """A connector's key sees its own source, others what is not hidden from them."""
    if caller.role is Role.CONNECTOR:
        return name == caller.source
    return name not in caller.visibility.hidden_sources


def _visible(installation: Installation, caller: Caller, name: str) -> None:
    if name not in installation.deployment.sources or not may_see(caller, name):
        raise NotFoundError(f"there is no source {name}", remedy="GET /v1/sources lists them")


def check(installation: Installation, name: str) -> list[CheckResult]:
    """Ask the source system what must hold before it is trusted; nothing is read from it, nothing written."""
    config = installation.config(name)
    return installation.connector(name).check(config, _context(installation, name))


def _context(installation: Installation, name: str, limit: int | None = None) -> ReadContext:
    return ReadContext(folder=installation.folder, now=utc_now(), source=name, limit=limit)


@dataclass(frozen=True, slots=True)
class PreviewedRecord:
    """A record as the source says it beside what its mapping makes of it, or the reason why it would be rejected."""

    stream: str
    key: str | None
    native: Native
    canonical: CanonicalData | None
    reason: str | None = None


@dataclass(frozen=True, slots=True)
class Preview:
    """A look at a source before anything of it is stored."""

    source: str
    records: Sequence[PreviewedRecord]

    def fill_rates(self) -> dict[str, dict[str, float]]:
        """By stream, the share of the records that have each canonical attribute."""
        rates: dict[str, dict[str, float]] = {}
        for stream in dict.fromkeys(record.stream for record in self.records):
            canonical = [r.canonical or {} for r in self.records if r.stream == stream]
            names = dict.fromkeys(name for data in canonical for name in data)
            rates[stream] = {n: sum(bool(d.get(n)) for d in canonical) / len(canonical) for n in names}
        return rates

    def as_dict(self) -> dict[str, Any]:
        return {
            "source": self.source,
            "fill_rates": self.fill_rates(),
            "records": [asdict(record) for record in self.records],
        }


def preview(installation: Installation, name: str, limit: int = 5) -> Preview:
    """The first records of each stream, native beside canonical; nothing is written."""
    connector, config = installation.connector(name), installation.config(name)
    context = _context(installation, name, limit)
    found: list[PreviewedRecord] = []
    for stream in connector.streams():
        events = connector.read(config, stream.name, None, context)
        wanted = (event for event in events if isinstance(event, Record | Rejected))
        found += [_previewed(installation, name, stream.kind, event, config) for event in islice(wanted, limit)]
    return Preview(name, found)


def _previewed(
    installation: Installation, name: str, kind: Stream, event: Record | Rejected, config: dict[str, Any]
) -> PreviewedRecord:
    if isinstance(event, Rejected):
        return PreviewedRecord(event.stream, event.key, event.data, None, event.reason)
    try:
        mapped = installation.connector(name).map(event.stream, event.data, config)
        if kind is Stream.CUSTOMER:
            mapped = canonicalise(mapped, installation.context(name))
    except BadRecordError as error:
        return PreviewedRecord(event.stream, event.key, event.data, None, str(error))
    return PreviewedRecord(event.stream, event.key, event.data, mapped)


@dataclass(frozen=True, slots=True)
class Replay:
    """What became of rejected records when they were tried again."""

    taken: int
    still_rejected: int


def replay(installation: Installation, name: str) -> Replay:
    """Try again what was rejected, with the mapping as it is now; what is taken becomes due like any record."""
    connector, config = installation.connector(name), installation.config(name)
    kinds = {stream.name: stream.kind for stream in connector.streams()}
    arriving = Arriving(name, kinds, lambda stream, data: connector.map(stream, data, config))
    taken = 0
    with (
        installation.database.exclusive(f"sync of {name}"),
        installation.database.unit_of_work() as connection,
    ):
        waiting = sources.open_rejected(connection, name)
        for rejected_id, stream, native in waiting:
            record = connector.record_of(stream, native, config) if stream in kinds else None
            if not isinstance(record, Record):
                continue
            now = utc_now()
            if not land(connection, installation, arriving, [record], (), now).counts.rejected:
                sources.resolve_rejected(connection, [rejected_id], now)
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
            counts[name] = sync(installation, name, progress)
        except CdiError as error:
            errors[name] = str(error)
    return Synced(counts, errors)
