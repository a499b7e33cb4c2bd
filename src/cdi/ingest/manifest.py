"""`connector.yaml` becomes a connector: every expression is compiled when it is loaded, so that a fault is
told with its line then and not in the middle of a night's run."""

from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple

from pydantic import BaseModel, ConfigDict, Field, SecretStr, ValidationError, create_model
from pydantic_core import InitErrorDetails, PydanticCustomError

from cdi.errors import ConfigurationError, SourceError
from cdi.fields import CanonicalData
from cdi.ingest.blueprint import (
    MANIFESTS,
    Absence,
    FilesManifest,
    FilesStream,
    FlagDelete,
    HttpFeed,
    HttpKeys,
    HttpManifest,
    Listed,
    Manifest,
    Question,
    Setting,
    SqlManifest,
    SqlReading,
    StreamPart,
    feed_names,
)
from cdi.ingest.contract import (
    Checkpoint,
    CheckResult,
    FullScanEnd,
    HandshakeAnswer,
    Native,
    ReadContext,
    ReadEvent,
    Record,
    Rejected,
    Seen,
    State,
    StreamInfo,
    WebhookRequest,
    WebhookResult,
)
from cdi.ingest.expressions import Evaluate
from cdi.ingest.files import FilesReader
from cdi.ingest.mapping import Compilation, Loc, condition
from cdi.ingest.rest import HttpPlan, HttpReader, compile_http
from cdi.ingest.sql import SqlReader, column_of
from cdi.ingest.streams import CompiledStream, compile_feed, compile_stream
from cdi.ingest.templates import Values, fill, names
from cdi.ingest.transforms import functions
from cdi.ingest.webhook import CompiledWebhook, compile_webhook
from cdi.settings import describe_faults, load_yaml

STREAMS = "streams"
"""The setting in which a source declares its streams, where a manifest leaves them to it."""

Reader = HttpReader | SqlReader | FilesReader

_TYPES: dict[str, Any] = {
    "string": str,
    "integer": int,
    "boolean": bool,
    "list": list[str],
    "streams": dict[str, dict[str, Any]],
}


def load_connector(path: Path) -> "DeclaredConnector":
    """The connector that a `connector.yaml` declares.

    Raises ConfigurationError with every fault as `file:line: where: what`, one a line.
    """
    document, lines = load_yaml(path)
    try:
        manifest = _manifest(document)
        return DeclaredConnector(manifest, path.parent)
    except ValidationError as error:
        raise ConfigurationError(describe_faults(path, error, lines)) from None
    except _ManifestError as faults:
        raise ConfigurationError(describe_faults(path, faults.as_validation_error(), lines)) from None


class _ManifestError(Exception):
    """Faults of a manifest that is well built, each with its place."""

    def __init__(self, faults: list[tuple[Loc, str]]) -> None:
        super().__init__(f"{len(faults)} faults")
        self.faults = faults

    def as_validation_error(self) -> ValidationError:
        details = [
            # The message is data, not a template: braces in it must stay what they are.
            InitErrorDetails(type=PydanticCustomError("manifest", "{told}", {"told": message}), loc=place, input=None)
            for place, message in self.faults
        ]
        return ValidationError.from_exception_data("manifest", details)


class FaultyStreamsError(ConfigurationError):
    """The streams that a source declares in its settings are wrong; `faults` have their places in these settings."""

    def __init__(self, faults: ValidationError) -> None:
        said = faults.errors(include_url=False, include_input=False)
        told = [f"{'.'.join(map(str, fault['loc']))}: {fault['msg']}" for fault in said]
        super().__init__("; ".join(told), remedy="Correct what the source declares under config in cdi.yaml")
        self.faults = faults


def _manifest(document: Any) -> Manifest:
    connection = document.get("connection") if isinstance(document, dict) else None
    kind = connection.get("kind") if isinstance(connection, dict) else None
    if kind not in MANIFESTS:
        message = f"must be one of {', '.join(MANIFESTS)}"
        raise _ManifestError([(("connection", "kind"), message)])
    return MANIFESTS[kind].model_validate(document)


class DeclaredConnector:
    """A connector that a manifest declares; it satisfies `contract.Connector`."""

    def __init__(self, manifest: Manifest, folder: Path) -> None:
        self.manifest = manifest
        self.folder = folder
        self.name = manifest.connector
        self.title = manifest.title
        self.maturity: str = manifest.maturity
        self.config_model = _config_model(manifest)
        _check(manifest)
        self._config_names = tuple(sorted(_expression_settings(manifest)))
        self._compiled: dict[tuple[str, ...], Compiled] = {}
        self._of_sources: dict[str, DeclaredConnector] = {}

    def __reduce__(self) -> tuple[Any, ...]:
        """Compiled expressions cannot travel to another process; there they are compiled again."""
        return DeclaredConnector, (self.manifest, self.folder)

    def of_source(self, config: Mapping[str, Any]) -> "DeclaredConnector":
        """This connector as a source with these settings has it: with the streams that they declare. Itself where it
        declares its streams, or where the settings do not say them (which `validate_config` tells).

        Raises FaultyStreamsError.
        """
        said = config.get(STREAMS) if _leaves_streams_to_sources(self.manifest) else None
        if not isinstance(said, dict) or not said:
            return self
        written = repr(said)
        if written not in self._of_sources:
            self._of_sources[written] = self._with_streams(said)
        return self._of_sources[written]

    def _with_streams(self, streams: dict[str, Any]) -> "DeclaredConnector":
        document = {**self.manifest.model_dump(), "streams": streams}
        try:
            return DeclaredConnector(type(self.manifest).model_validate(document), self.folder)
        except ValidationError as error:
            raise FaultyStreamsError(error) from None
        except _ManifestError as faults:
            raise FaultyStreamsError(faults.as_validation_error()) from None

    def validate_config(self, config: Mapping[str, Any]) -> None:
        """Raises ConfigurationError naming every setting that is missing, unknown or of the wrong type."""
        self._settings(config)

    def config_schema(self) -> dict[str, Any]:
        """JSON Schema of this connector's settings in `cdi.yaml`."""
        return self.config_model.model_json_schema()

    @property
    def secret_settings(self) -> frozenset[str]:
        """The settings whose values must come from the environment or a secret file."""
        return frozenset(name for name, setting in self.manifest.config.items() if setting.secret)

    def check(self, config: Mapping[str, Any], context: ReadContext) -> list[CheckResult]:
        """Questions asked of the source system, each with its answer; nothing is stored."""
        try:
            return list(self._reader(config, context).check())
        except (ConfigurationError, SourceError) as error:
            return [CheckResult("the settings are right", False, str(error))]

    def streams(self) -> list[StreamInfo]:
        return [
            StreamInfo(
                name=name,
                kind=stream.kind,
                incremental=isinstance(self.manifest, FilesManifest) or bool(getattr(stream, "cursor", None)),
                detects_deletes=bool(stream.deletes or getattr(stream, "snapshot", False)),
                scans=bool(getattr(stream, "snapshot", False))
                or any(isinstance(delete, Absence) for delete in stream.deletes),
            )
            for name, stream in self.manifest.streams.items()
        ]

    def read(
        self, config: Mapping[str, Any], stream: str, state: State | None, context: ReadContext
    ) -> Iterator[ReadEvent]:
        """The events of one stream since `state`; raises SourceError that names the remedy."""
        self._known(stream)
        reader, feeds = self._reader(config, context), feed_names(stream, self.manifest.streams[stream])
        states = {feed: (state or {}).get(feed) for feed in feeds}
        states[stream] = {n: v for n, v in state.items() if n not in feeds} if state is not None else None
        listing = {name for name in feeds if reader.streams[name].reconcile is not None}
        for name in (stream, *feeds):
            if name in listing and not reader.streams[name].list_is_due(states[name], context.now):
                continue
            for event in reader.read(name, states[name]):
                if isinstance(event, Checkpoint):
                    states[name] = event.state
                    told = {feed: states[feed] for feed in feeds if states[feed]}
                    yield Checkpoint(stream, {**(states[stream] or {}), **told})
                elif isinstance(event, Rejected) and name != stream:
                    yield replace(event, stream=name)  # so that no replay takes it for a record of the stream
                elif isinstance(event, Record) and name in listing:
                    yield Seen(stream, event.key)
                elif isinstance(event, FullScanEnd):
                    yield replace(event, stream=stream)
                else:
                    yield event

    def map(self, stream: str, data: Native, config: Mapping[str, Any]) -> CanonicalData:
        """Native to canonical; raises BadRecordError naming the field."""
        return self._compiled_for(config).streams[stream].map(data)

    def fields_read(self, stream: str, config: Mapping[str, Any]) -> frozenset[str] | None:
        """The native fields that the expressions of this stream read; None where that cannot be told."""
        return self._compiled_for(config).streams[stream].fields

    def reads_all(self, stream: str, config: Mapping[str, Any]) -> bool:
        """Whether there is no record that the mapping of this stream could not read."""
        return self._compiled_for(config).streams[stream].reads_all

    def record_of(self, stream: str, data: Native, config: Mapping[str, Any]) -> Record | Rejected:
        """The record that this native data is: its key, time and operation as the manifest says now."""
        self._known(stream)
        return self._compiled_for(config).streams[stream].record_of(data)

    def meaning(self, stream: str, config: Mapping[str, Any]) -> list[Any]:
        """All that decides what a native record of this stream means: JSON, equal where the meaning is."""
        self._known(stream)
        part = self.manifest.streams[stream]
        said = part.model_dump(mode="json", include={"kind", "key", "source_time", "each", "when", "map"})
        gone = [delete.model_dump(mode="json") for delete in part.deletes if isinstance(delete, FlagDelete)]
        return [said, gone, self.manifest.tables, {name: config.get(name) for name in self._config_names}]

    def webhook(self, config: Mapping[str, Any], request: WebhookRequest, context: ReadContext) -> WebhookResult:
        """What a delivery brings, once it is verified.

        Raises WebhookRefusedError, TooLargeError, and ConfigurationError where the source receives none.
        """
        return self._webhook(config).receive(request, self._values(config), context.now)

    def handshake(self, config: Mapping[str, Any], params: Mapping[str, str]) -> HandshakeAnswer:
        """The answer to the vendor's question by GET; raises like `webhook`."""
        return self._webhook(config).answer(params, self._values(config))

    def _webhook(self, config: Mapping[str, Any]) -> CompiledWebhook:
        webhook = self._compiled_for(config).webhook
        if webhook is None:
            raise ConfigurationError(f"connector {self.name} has no webhook", remedy="Its streams are read by cdi sync")
        return webhook

    def _known(self, stream: str) -> None:
        if stream not in self.manifest.streams:
            there = ", ".join(self.manifest.streams)
            raise ConfigurationError(f"connector {self.name} has no stream {stream}", remedy=f"There are {there}")

    def _compiled_for(self, config: Mapping[str, Any]) -> "Compiled":
        """The streams with the settings that their expressions name; nearly always there are none."""
        names = self._config_names
        settings = tuple(str(config.get(n, self.manifest.config[n].default)) for n in names) if names else ()
        if settings not in self._compiled:
            values = {f"config.{name}": value for name, value in zip(self._config_names, settings, strict=True)}
            self._compiled[settings] = _compile(self.manifest, values)
        return self._compiled[settings]

    def _reader(self, config: Mapping[str, Any], context: ReadContext) -> Reader:
        values = self._values(config)
        streams, plans, _, questions = self._compiled_for(config)
        match self.manifest:
            case HttpManifest():
                return HttpReader(self.manifest, streams, plans, values, context, questions)
            case SqlManifest():
                return SqlReader(self.manifest, streams, values, context)
            case FilesManifest():
                return FilesReader(self.manifest, streams, values, context)

    def _values(self, config: Mapping[str, Any]) -> Values:
        settings = self._settings(config)
        return {f"config.{name}": _plain(getattr(settings, name)) for name in self.manifest.config}

    def _settings(self, config: Mapping[str, Any]) -> BaseModel:
        try:
            return self.config_model.model_validate(dict(config))
        except ValidationError as error:
            faults = [
                f"config.{'.'.join(map(str, fault['loc']))}: {fault['msg']}"
                for fault in error.errors(include_url=False, include_input=False)
            ]
            raise ConfigurationError(
                f"connector {self.name}: {'; '.join(faults)}", remedy=f"Its settings: {self._setting_names()}"
            ) from None

    def _setting_names(self) -> str:
        return ", ".join(self.manifest.config) or "none"


def _plain(value: Any) -> Any:
    return value.get_secret_value() if isinstance(value, SecretStr) else value


def _config_model(manifest: Manifest) -> type[BaseModel]:
    fields: dict[str, Any] = {name: _config_field(setting) for name, setting in manifest.config.items()}
    config = ConfigDict(extra="forbid", frozen=True, protected_namespaces=())
    return create_model(f"{manifest.connector}_config", __config__=config, **fields)


def _config_field(setting: Setting) -> tuple[Any, Any]:
    kind = SecretStr if setting.secret else _TYPES[setting.type]
    if setting.required:
        return kind, Field(description=setting.help)
    return kind | None, Field(default=setting.default, description=setting.help)


class Compiled(NamedTuple):
    """The streams of a manifest, ready to run, and what only HTTP streams have."""

    streams: dict[str, CompiledStream]
    plans: dict[str, HttpPlan]
    webhook: CompiledWebhook | None
    questions: tuple[tuple[Question, Evaluate], ...]


def _compile(manifest: Manifest, values: Values) -> Compiled:
    """Every expression compiled, with the settings that some of them name; raises _ManifestError."""
    shared = Compilation(functions(manifest.tables))
    streams = {n: compile_stream(n, _filled(part, values), shared) for n, part in manifest.streams.items()}
    plans: dict[str, HttpPlan] = {}
    questions: list[tuple[Question, Evaluate]] = []
    if isinstance(manifest, HttpManifest):
        plans = {n: compile_http(part, shared, ("streams", n)) for n, part in manifest.streams.items()}
        questions = [
            (question, condition(question.holds, shared, ("checks", n, "holds")))
            for n, question in enumerate(manifest.checks)
        ]
    for name, stream in manifest.streams.items():
        for feed, (place, delete) in zip(feed_names(name, stream), _feeds(name, stream), strict=True):
            streams[feed] = compile_feed(name, place, delete, stream, shared)
            if isinstance(delete, HttpFeed | HttpKeys):
                plans[feed] = compile_http(delete, shared, place)
    keys = {name: part.key for name, part in manifest.streams.items()}
    webhook = compile_webhook(manifest.webhook, streams, keys, shared) if manifest.webhook is not None else None
    if shared.faults:
        raise _ManifestError(shared.faults)
    return Compiled(streams, plans, webhook, tuple(questions))


_EXPRESSIONS = ("key", "source_time", "each", "when", "event_id", "map")


def _filled(part: StreamPart, values: Values) -> StreamPart:
    return part.model_copy(update={name: fill(getattr(part, name), values) for name in _EXPRESSIONS})


def _expression_settings(manifest: Manifest) -> set[str]:
    """The settings that expressions name: the name of a custom field, say."""
    texts = [getattr(part, name) for part in manifest.streams.values() for name in _EXPRESSIONS]
    return {name.removeprefix("config.") for name in names(texts)}


def _leaves_streams_to_sources(manifest: Manifest) -> bool:
    return STREAMS in manifest.config and manifest.config[STREAMS].type == STREAMS


def _check(manifest: Manifest) -> None:
    """All that can be wrong with a manifest that is well built; raises _ManifestError with every fault."""
    faults: list[tuple[Loc, str]] = [*_name_faults(manifest)]
    if not manifest.streams and not _leaves_streams_to_sources(manifest):
        faults.append(((STREAMS,), "at least one stream is needed, or a setting `streams` of type streams"))
    if not faults:
        example = {f"config.{name}": "x" for name in _expression_settings(manifest)}
        try:
            _compile(manifest, example)
        except _ManifestError as found:
            faults += found.faults
    for name, stream in manifest.streams.items():
        for where, reading in ((("streams", name), stream), *_feeds(name, stream)):
            if isinstance(reading, SqlReading) and reading.cursor and column_of(reading.cursor.field) is None:
                faults.append(((*where, "cursor", "field"), "must be a column of the query, no expression"))
        if isinstance(stream, FilesStream) and any(delete.mode == "reconcile" for delete in stream.deletes):
            faults.append((("streams", name, "deletes"), "files say what is gone by `snapshot: true`"))
    if faults:
        raise _ManifestError(faults)


def _feeds(name: str, stream: StreamPart) -> Iterator[tuple[Loc, Listed]]:
    """What lists what is gone from a stream, or still there, each with its place in the manifest."""
    for index, delete in enumerate(stream.deletes):
        if isinstance(delete, Listed):
            yield ("streams", name, "deletes", index), delete


def _name_faults(manifest: Manifest) -> Iterator[tuple[Loc, str]]:
    """Every `{config.x}` must be a setting that the manifest declares, and no expression may name a
    secret."""
    known = {f"config.{name}" for name in manifest.config}
    open_names = {f"config.{name}" for name, setting in manifest.config.items() if not setting.secret}
    parts: list[tuple[Loc, Any, set[str]]] = [(("connection",), manifest.connection.model_dump(), known)]
    if manifest.webhook is not None:
        parts.append((("webhook",), manifest.webhook.model_dump(), known))
    if isinstance(manifest, HttpManifest):
        parts += [(("checks", n), question.model_dump(), known) for n, question in enumerate(manifest.checks)]
        for n, question in enumerate(manifest.checks):
            if question.needs is not None and question.needs not in manifest.config:
                yield ("checks", n, "needs"), f"there is no setting {question.needs}"
    for name, part in manifest.streams.items():
        place: Loc = ("streams", name)
        rest = part.model_dump(exclude={*_EXPRESSIONS, "detail"})
        parts.append((place, rest, known | {"cursor.from", "cursor.until", "each.value"}))
        parts += [((*place, field), getattr(part, field), open_names) for field in _EXPRESSIONS]
    for where, value, allowed in parts:
        for unknown in sorted(names(value) - allowed):
            yield where, f"{{{unknown}}} is not declared under config, or is a secret"
