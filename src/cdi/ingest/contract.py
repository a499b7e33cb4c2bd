"""What a connector is: it yields native records and checkpoints; everything before a checkpoint may be committed
together with it. Mapping comes after landing, so that a new mapping needs no new reading."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from pathlib import Path
from typing import Any, Protocol, TypeAlias, runtime_checkable

from cdi.fields import CanonicalData, Stream

Native: TypeAlias = dict[str, Any]
"""A record as the source says it: JSON types only."""
State: TypeAlias = dict[str, Any]
"""How far a stream has been read; opaque to everybody but its connector; JSON types only."""


class Op(StrEnum):
    """What happened to a record at its source. ERASE is a legal act, never "missing"."""

    UPSERT = "upsert"
    DELETE = "delete"
    ERASE = "erase"


@dataclass(frozen=True, slots=True)
class Record:
    """One native record. `source_time` is when the source says it became so; None where it does not say."""

    stream: str
    key: str
    data: Native
    op: Op = Op.UPSERT
    source_time: datetime | None = None
    event_id: str | None = None


@dataclass(frozen=True, slots=True)
class Rejected:
    """A record that cannot be taken (no key, a broken line): kept with its reason, replayable."""

    stream: str
    reason: str
    data: Native
    key: str | None = None


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """All records before it may be committed together with `state`."""

    stream: str
    state: State


@dataclass(frozen=True, slots=True)
class Seen:
    """There is a record with this key at the source; what it says was not read."""

    stream: str
    key: str


@dataclass(frozen=True, slots=True)
class FullScanEnd:
    """Every live key of the stream was yielded since its reading began: what was not is gone at the source.

    It is never said of a reading in which a record had to be rejected: that one has a key too, if an unreadable one.
    Of more than `max_share` nothing is deleted (None: as the source says). A record is gone once it was missing in
    `gone_after` scans in a row; `scan` tells one from the other (empty: each reading is one of its own).
    """

    stream: str
    max_share: float | None = None
    gone_after: int = 1
    scan: str = ""


ReadEvent: TypeAlias = Record | Rejected | Seen | Checkpoint | FullScanEnd


@dataclass(frozen=True, slots=True)
class StreamInfo:
    """One kind of record that a connector gives. `scans`: its readings may end with FullScanEnd."""

    name: str
    kind: Stream
    incremental: bool
    detects_deletes: bool
    scans: bool = True


@dataclass(frozen=True, slots=True)
class CheckResult:
    """One question asked of a source system before it is trusted, its answer, and the remedy if it is no."""

    question: str
    ok: bool
    detail: str = ""


@dataclass(frozen=True, slots=True)
class ReadContext:
    """What the engine lends a connector: the deployment's folder (relative paths start there), the moment the
    run began, and a limit on rows for a preview (None: all)."""

    folder: Path
    now: datetime
    source: str
    limit: int | None = None
    secrets: frozenset[str] = field(default=frozenset(), repr=False)


@dataclass(frozen=True, slots=True)
class WebhookRequest:
    """A delivery as it arrived: the names of headers in lower case, the body's bytes untouched, because the signature
    is over them. `url` is the one that the vendor called."""

    method: str
    url: str
    headers: Mapping[str, str]
    body: bytes


@dataclass(frozen=True, slots=True)
class ErasureDemand:
    """A person demands at the vendor to be deleted here. The vendor knows them by `key`, which may be the key of a
    record of `stream`; by `code` they ask what became of it: the same whenever the same is told again."""

    stream: str
    key: str
    code: str


@dataclass(frozen=True, slots=True)
class AccessDemand:
    """A person asks at the vendor what is kept of them. The vendor knows them by `key`: the key of a record of
    `stream`."""

    stream: str
    key: str


@dataclass(frozen=True, slots=True)
class WebhookResult:
    """What a verified delivery brings: records to land, what cannot be taken, streams of which there is something new
    to read, whether a person demands to be deleted, and who asks what is kept of them.

    `event_id` is the vendor's own, `fingerprint` a digest of what was signed: a delivery that repeats either has been
    dealt with already.
    """

    records: tuple[Record, ...] = ()
    rejected: tuple[Rejected, ...] = ()
    read_again: tuple[str, ...] = ()
    event_id: str | None = None
    fingerprint: str | None = None
    demand: ErasureDemand | None = None
    accesses: tuple[AccessDemand, ...] = ()


@dataclass(frozen=True, slots=True)
class HandshakeAnswer:
    """What a vendor wants to hear before it sends anything."""

    content: str
    media_type: str = "text/plain"


@runtime_checkable
class Listening(Protocol):
    """A connector whose source system tells by itself what is new."""

    def webhook(self, config: Mapping[str, Any], request: WebhookRequest, context: ReadContext) -> WebhookResult:
        """What a delivery brings, once it is verified. Raises WebhookRefusedError; ConfigurationError where the source
        receives none."""
        ...

    def handshake(self, config: Mapping[str, Any], params: Mapping[str, str]) -> HandshakeAnswer:
        """The answer to a vendor's question by GET; raises like `webhook`."""
        ...


class Connector(Protocol):
    """Reads one kind of source system. `config` is the source's own settings with secrets resolved, validated
    by the connector. Every failure is a SourceError that names the remedy."""

    name: str
    title: str
    maturity: str

    def validate_config(self, config: Mapping[str, Any]) -> None: ...

    def check(self, config: Mapping[str, Any], context: ReadContext) -> list[CheckResult]: ...

    def streams(self) -> list[StreamInfo]: ...

    def read(
        self, config: Mapping[str, Any], stream: str, state: State | None, context: ReadContext
    ) -> Iterator[ReadEvent]: ...

    def record_of(self, stream: str, data: Native, config: Mapping[str, Any]) -> Record | Rejected:
        """The record that this native data is, as the connector sees it now: what a replay asks."""
        ...

    def map(self, stream: str, data: Native, config: Mapping[str, Any]) -> CanonicalData:
        """Native to canonical attributes, values as given; for touchpoints and consents to their own shapes.

        Raises BadRecordError naming the field.
        """
        ...
