"""What the tests of this room share: connectors from text, and what one reading gave."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from textwrap import dedent
from typing import Any

from cdi.ingest.contract import Checkpoint, FullScanEnd, ReadContext, ReadEvent, Record, Rejected, Seen, State
from cdi.ingest.manifest import DeclaredConnector, load_connector

NOW = datetime(2026, 11, 21, 12, 0, tzinfo=UTC)


def declared(folder: Path, text: str) -> DeclaredConnector:
    """The connector that this manifest declares."""
    path = folder / "connector.yaml"
    path.write_text(dedent(text), encoding="utf-8")
    return load_connector(path)


def context(folder: Path, *, now: datetime = NOW, limit: int | None = None) -> ReadContext:
    return ReadContext(folder, now, "quelle", limit)


@dataclass
class Reading:
    """The events of one reading, sorted by what they are."""

    records: list[Record] = field(default_factory=list)
    rejected: list[Rejected] = field(default_factory=list)
    state: State | None = None
    checkpoints: int = 0
    seen: list[str] = field(default_factory=list)
    full_scan: bool = False

    @property
    def keys(self) -> list[str]:
        return [record.key for record in self.records]


def gathered(events: Iterable[ReadEvent]) -> Reading:
    reading = Reading()
    for event in events:
        match event:
            case Record():
                reading.records.append(event)
            case Rejected():
                reading.rejected.append(event)
            case Checkpoint():
                reading.state = event.state
                reading.checkpoints += 1
            case Seen():
                reading.seen.append(event.key)
            case FullScanEnd():
                reading.full_scan = True
    return reading


def read(
    connector: DeclaredConnector,
    folder: Path,
    config: Mapping[str, Any] | None = None,
    *,
    stream: str = "customers",
    state: State | None = None,
    now: datetime = NOW,
    limit: int | None = None,
) -> Reading:
    """One reading of a stream, to its end."""
    return gathered(connector.read(config or {}, stream, state, context(folder, now=now, limit=limit)))
