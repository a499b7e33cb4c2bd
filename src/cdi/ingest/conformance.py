"""The tests that every connector must pass. An author needs three lines, in a file that pytest finds:

    from cdi.ingest.conformance import Conformance
    class TestMyConnector(Conformance):
        folder = Path("connectors/my_connector")

They read what stands in `fixtures/fixture.yaml` of that folder: a small source system (answers of an API, tables of a
database, or files) and what the connector must make of it.
"""

import json
import logging
import shutil
import sqlite3
import tempfile
import threading
import traceback
from collections.abc import Collection, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from difflib import unified_diff
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, ClassVar, Final, TypeAlias
from urllib.parse import parse_qsl, unquote, urlsplit

import yaml

from cdi.errors import CdiError
from cdi.ingest.blueprint import HttpManifest, Retry
from cdi.ingest.contract import (
    Checkpoint,
    CheckResult,
    FullScanEnd,
    Op,
    ReadContext,
    ReadEvent,
    Record,
    Rejected,
    State,
)
from cdi.ingest.manifest import DeclaredConnector, load_connector
from cdi.settings import SECRET_REFERENCE

NOW = datetime(2026, 11, 21, 12, 0, tzinfo=UTC)
SECTIONS = ("Set up", "What it reads", "Traps", "Maturity")

Exchange: TypeAlias = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Fixture:
    """A small source system and what must come of it. `origin` says where the shape of its answers was taken from."""

    origin: str
    config: dict[str, Any]
    expected: dict[str, list[dict[str, Any]]]
    exchanges: tuple[Exchange, ...] = ()
    sql: str | None = None
    files: bool = False


def load_fixture(folder: Path) -> Fixture:
    """The fixture of a connector's folder."""
    said = yaml.safe_load((folder / "fixtures" / "fixture.yaml").read_text(encoding="utf-8"))
    return Fixture(
        origin=said["origin"],
        config=said["config"],
        expected=said["expected"],
        exchanges=tuple(said.get("exchanges", ())),
        sql=said.get("sql"),
        files=(folder / "fixtures" / "files").is_dir(),
    )


@dataclass(frozen=True, slots=True)
class Failure:
    """How a server fails: `once` for each question, or always."""

    name: str
    status: int
    content: bytes = b"{}"
    content_type: str = "application/json"
    once: bool = False

    def __str__(self) -> str:
        return self.name


FAILURES_THAT_PASS: Final = (
    Failure("an error 503 that passes", 503, once=True),
    Failure("a refusal 429 that passes", 429, once=True),
    Failure("an answer that is cut off once", 200, b'{"data": [{"id": 1, "na', once=True),
)
FAILURES_THAT_STAY: Final = (
    Failure("an error 500", 500),
    Failure("a refusal 403", 403),
    Failure("a page of HTML", 200, b"<html><body>Please sign in</body></html>", "text/html"),
)


@contextmanager
def running(folder: Path, failure: Failure | None = None) -> Iterator[tuple[DeclaredConnector, dict[str, Any], Path]]:
    """The connector beside its small source system: its settings, and the deployment folder to read in."""
    connector, fixture = _hurried(load_connector(folder / "connector.yaml")), load_fixture(folder)
    with tempfile.TemporaryDirectory() as place:
        deployment = Path(place)
        if fixture.sql is not None:
            with sqlite3.connect(deployment / "source.sqlite") as connection:
                connection.executescript(fixture.sql)
            connection.close()
        if fixture.files:
            shutil.copytree(folder / "fixtures" / "files", deployment / "files")
        with _serving(fixture.exchanges, failure) as url:
            config = _with_url(fixture.config, url)
            yield connector.of_source(config), config, deployment


def _hurried(connector: DeclaredConnector) -> DeclaredConnector:
    """The same connector without the waits that are meant for a source with other guests."""
    manifest = connector.manifest
    if not isinstance(manifest, HttpManifest):
        return connector
    retry = Retry(tries=4, first_wait=timedelta(milliseconds=1), longest_wait=timedelta(milliseconds=1))
    connection = manifest.connection.model_copy(update={"retry": retry, "requests_per_second": None})
    return DeclaredConnector(manifest.model_copy(update={"connection": connection}), connector.folder)


def _with_url(config: Any, url: str) -> Any:
    if isinstance(config, dict):
        return {name: _with_url(value, url) for name, value in config.items()}
    return config.replace("{url}", url) if isinstance(config, str) else config


class Conformance:
    """One suite for every connector; each method is one promise that a connector makes."""

    folder: ClassVar[Path]

    def test_the_manifest_has_no_fault_and_no_literal_secret(self) -> None:
        connector = load_connector(self.folder / "connector.yaml")
        assert connector.name == self.folder.name, f"it calls itself {connector.name}, its folder {self.folder.name}"
        for name in connector.secret_settings:
            default = connector.manifest.config[name].default
            assert default is None or SECRET_REFERENCE.search(str(default)), f"{name} has a literal default"

    def test_its_page_says_what_an_engineer_needs(self) -> None:
        page = (self.folder / "README.md").read_text(encoding="utf-8")
        missing = [section for section in SECTIONS if f"## {section}" not in page]
        assert not missing, f"README.md has no section {', '.join(missing)}"
        maturity = load_connector(self.folder / "connector.yaml").maturity
        assert maturity in page, f"README.md does not say its maturity, {maturity}"
        assert load_fixture(self.folder).origin, "fixtures/fixture.yaml does not say its origin"

    def test_reading_from_nothing_gives_what_is_expected(self) -> None:
        expected = load_fixture(self.folder).expected
        with running(self.folder) as (connector, config, place):
            there = {stream.name for stream in connector.streams()}
            assert set(expected) == there, f"expected has {_listed(expected)}; the streams are {_listed(there)}"
            for stream, records in expected.items():
                reading = _read(connector, config, place, stream)
                rejected = [rejected.reason for rejected in reading.rejected]
                assert rejected == [], f"stream {stream} rejects: {'; '.join(rejected)}"
                told = _told(connector, config, reading)
                assert told == records, f"stream {stream} (- expected, + read)\n{_difference(records, told)}"

    def test_a_second_reading_brings_nothing_new(self) -> None:
        with running(self.folder) as (connector, config, place):
            for stream in connector.streams():
                first = _read(connector, config, place, stream.name)
                second = _read(connector, config, place, stream.name, first.state)
                new = _contents(second) - _contents(first)
                assert not new, f"stream {stream.name}: {len(new)} records of the second reading are new"
                moved = (second.state or {}).get("cursor") != (first.state or {}).get("cursor")
                assert not moved, f"stream {stream.name}: its cursor moved though nothing was new"

    def test_killed_at_any_checkpoint_nothing_is_lost(self) -> None:
        with running(self.folder) as (connector, config, place):
            for stream in connector.streams():
                whole = _contents(_read(connector, config, place, stream.name))
                for kept, state in _checkpoints(connector, config, place, stream.name):
                    rest = _contents(_read(connector, config, place, stream.name, state))
                    lost = len(whole - kept - rest)
                    assert kept | rest == whole, f"stream {stream.name}: after a kill {lost} records are lost"

    def test_what_is_gone_is_told_only_by_those_who_can(self) -> None:
        with running(self.folder) as (connector, config, place):
            for stream in connector.streams():
                reading = _read(connector, config, place, stream.name)
                deleted = any(record.op is not Op.UPSERT for record in reading.records)
                told = reading.full_scan or deleted
                assert stream.detects_deletes or not told, f"stream {stream.name} deletes, and declares no `deletes`"

    def test_a_source_that_is_not_there_is_told_in_one_line(self) -> None:
        with running(self.folder) as (connector, config, place):
            shutil.rmtree(place / "files", ignore_errors=True)
            (place / "source.sqlite").unlink(missing_ok=True)
            dead = {
                name: "http://127.0.0.1:9" if str(value).startswith("http://127.0.0.1") else value
                for name, value in config.items()
            }
            for stream in connector.streams():
                _demand_one_line(connector, dead, place, stream.name, "a source that is not there")
                break  # one is enough: waiting for a dead host takes its time
            good = all(result.ok for result in connector.check(dead, _context(place)))
            assert not good, "its checks are good though the source is not there"

    def test_an_answer_that_fails_once_is_asked_for_again(self) -> None:
        fixture = load_fixture(self.folder)
        if not fixture.exchanges:
            return
        with running(self.folder) as (connector, config, place):
            whole = {
                stream.name: _contents(_read(connector, config, place, stream.name)) for stream in connector.streams()
            }
        for failure in FAILURES_THAT_PASS:
            with running(self.folder, failure) as (connector, config, place):
                for stream, records in whole.items():
                    read = _contents(_read(connector, config, place, stream))
                    assert read == records, f"stream {stream}: {len(records - read)} records are lost after {failure}"

    def test_an_answer_that_is_none_is_told_in_one_line(self) -> None:
        if not load_fixture(self.folder).exchanges:
            return
        for failure in FAILURES_THAT_STAY:
            with running(self.folder, failure) as (connector, config, place):
                _demand_one_line(connector, config, place, connector.streams()[0].name, str(failure))

    def test_every_check_is_good(self) -> None:
        with running(self.folder) as (connector, config, place):
            failed = [result for result in connector.check(config, _context(place)) if not result.ok]
            assert failed == [], "; ".join(f"{result.question}: {result.detail}" for result in failed)

    def test_no_value_reaches_the_log(self) -> None:
        with running(self.folder) as (connector, config, place), _logged() as lines:
            values = set()
            for stream in connector.streams():
                for record in _read(connector, config, place, stream.name).records:
                    values |= set(_texts(record.data))
        told, written = "\n".join(lines), (self.folder / "connector.yaml").read_text(encoding="utf-8")
        # Words of the manifest, such as a part of a path, are nobody's value.
        logged = [value for value in values if len(value) > 5 and value in told and value not in written]
        assert not logged, f"{len(logged)} values of records stand in the log"


def conform(folder: Path, only: Collection[str] = ()) -> list[CheckResult]:
    """The suite without pytest: each promise with its answer, and what is wrong where it is not kept; of `only` these
    promises, where some are named."""

    class Suite(Conformance):
        pass

    Suite.folder = folder
    promises = [name for name in vars(Conformance) if name.startswith("test_")]
    return [_kept(Suite(), name) for name in promises if not only or _question(name) in only]


def _question(name: str) -> str:
    return name.removeprefix("test_").replace("_", " ")


def _kept(suite: Conformance, name: str) -> CheckResult:
    question = _question(name)
    try:
        getattr(suite, name)()
    except FileNotFoundError as error:
        return CheckResult(question, False, f"{Path(error.filename or '').name} is missing")
    except KeyError as error:
        return CheckResult(question, False, f"fixtures/fixture.yaml does not say {error}")
    except (AssertionError, CdiError, yaml.YAMLError) as error:
        return CheckResult(question, False, str(error) or "it does not hold")
    except Exception as error:  # whatever it is, it is this connector's
        return CheckResult(question, False, f"{type(error).__name__} at line {_line(error)} of the suite")
    return CheckResult(question, True)


def _line(error: Exception) -> int:
    frames = traceback.extract_tb(error.__traceback__)
    return next((frame.lineno or 0 for frame in reversed(frames) if frame.filename == __file__), 0)


def _listed(names: Iterable[str]) -> str:
    return ", ".join(sorted(names)) or "none"


def _difference(expected: Any, told: Any) -> str:
    left, right = ([*_as_yaml(records)] for records in (expected, told))
    return "\n".join(
        line for line in unified_diff(left, right, lineterm="", n=1) if not line.startswith(("---", "+++"))
    )


def _as_yaml(records: Any) -> list[str]:
    return str(yaml.safe_dump(records, allow_unicode=True, sort_keys=True, width=120)).splitlines()


def _demand_one_line(connector: DeclaredConnector, config: dict[str, Any], place: Path, stream: str, what: str) -> None:
    try:
        _read(connector, config, place, stream)
    except CdiError as error:
        assert "\n" not in str(error), f"stream {stream}: the message has several lines"
        assert error.remedy, f"stream {stream}: the message names no remedy"
    else:
        raise AssertionError(f"stream {stream} was read in spite of {what}")


@dataclass(slots=True)
class _Reading:
    records: list[Record]
    rejected: list[Rejected]
    state: State | None = None
    full_scan: bool = False


def _context(place: Path) -> ReadContext:
    return ReadContext(place, NOW, "conformance")


def _events(
    connector: DeclaredConnector, config: dict[str, Any], place: Path, stream: str, state: State | None
) -> Iterator[ReadEvent]:
    return connector.read(config, stream, json.loads(json.dumps(state)), _context(place))


def _read(
    connector: DeclaredConnector, config: dict[str, Any], place: Path, stream: str, state: State | None = None
) -> _Reading:
    reading = _Reading([], [])
    for event in _events(connector, config, place, stream, state):
        match event:
            case Record():
                reading.records.append(event)
            case Rejected():
                reading.rejected.append(event)
            case Checkpoint():
                reading.state = event.state
            case FullScanEnd():
                reading.full_scan = True
    return reading


def _checkpoints(
    connector: DeclaredConnector, config: dict[str, Any], place: Path, stream: str
) -> Iterator[tuple[set[str], State]]:
    """At each checkpoint of one reading, what was committed with it."""
    kept, waiting = set[str](), set[str]()
    for event in _events(connector, config, place, stream, None):
        if isinstance(event, Record):
            waiting.add(_content(event))
        elif isinstance(event, Checkpoint):
            kept |= waiting
            yield set(kept), event.state


def _content(record: Record) -> str:
    return json.dumps([record.key, record.op, record.data], sort_keys=True, ensure_ascii=False)


def _contents(reading: _Reading) -> set[str]:
    return {_content(record) for record in reading.records}


def _told(connector: DeclaredConnector, config: dict[str, Any], reading: _Reading) -> list[dict[str, Any]]:
    """The reading in the form of a fixture: parts that are empty and what is usual are left out."""
    told = []
    for record in reading.records:
        canonical = connector.map(record.stream, record.data, config)
        line: dict[str, Any] = {"key": record.key}
        if record.op is not Op.UPSERT:
            line["op"] = str(record.op)
        if record.source_time is not None:
            line["source_time"] = record.source_time.isoformat()
        line["canonical"] = {name: value for name, value in canonical.items() if value is not None}
        told.append(line)
    return told


def _texts(value: Any) -> Iterator[str]:
    if isinstance(value, dict):
        for item in value.values():
            yield from _texts(item)
    elif isinstance(value, list):
        for item in value:
            yield from _texts(item)
    elif isinstance(value, str):
        yield value


@contextmanager
def _logged() -> Iterator[list[str]]:
    lines: list[str] = []

    class Keep(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            lines.append(str(record.__dict__))

    logger, handler = logging.getLogger("cdi"), Keep()
    level, propagate = logger.level, logger.propagate
    logger.addHandler(handler)
    logger.setLevel(logging.DEBUG)
    logger.propagate = False  # what is looked at here is nobody else's
    try:
        yield lines
    finally:
        logger.removeHandler(handler)
        logger.setLevel(level)
        logger.propagate = propagate


@contextmanager
def _serving(exchanges: tuple[Exchange, ...], failure: Failure | None = None) -> Iterator[str]:
    """Answers as the fixture says: the exchange that names the most of what was asked; 404 where none fits."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(exchanges, failure))
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def _handler(exchanges: tuple[Exchange, ...], failure: Failure | None) -> type[BaseHTTPRequestHandler]:
    failed: set[str] = set()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        disable_nagle_algorithm = True

        def do_GET(self) -> None:
            self._answer("GET")

        def do_POST(self) -> None:
            self._answer("POST")

        def log_message(self, format: str, *args: Any) -> None:
            """Says nothing."""

        def _answer(self, method: str) -> None:
            parts = urlsplit(self.path)
            raw = self.rfile.read(int(self.headers.get("content-length") or 0))
            asked = {
                "method": method,
                "path": unquote(parts.path),
                "params": dict(parse_qsl(parts.query, keep_blank_values=True)),
                "headers": {name.lower(): value for name, value in self.headers.items()},
                "body": _document(raw),
            }
            fitting = [e for e in exchanges if _fits(e["request"], asked)]
            best = max(fitting, key=_precision, default=None)
            answer: Mapping[str, Any] = best["answer"] if best else {"status": 404, "body": {}}
            question = f"{method} {self.path} {raw!r}"
            if failure is not None and not (failure.once and question in failed):
                failed.add(question)
                self._send(failure.status, {"Content-Type": failure.content_type}, failure.content)
                return
            headers = {"Content-Type": "application/json", **answer.get("headers", {})}
            self._send(answer.get("status", 200), headers, json.dumps(answer.get("body")).encode())

        def _send(self, status: int, headers: Mapping[str, Any], content: bytes) -> None:
            self.send_response(status)
            for name, value in {**headers, "Content-Length": str(len(content))}.items():
                self.send_header(name, str(value).replace("{url}", f"http://{self.headers['host']}"))
            self.end_headers()
            self.wfile.write(content)

    return Handler


def _document(raw: bytes) -> Any:
    try:
        return json.loads(raw)
    except ValueError:
        return dict(parse_qsl(raw.decode())) or None


def _fits(wanted: Any, asked: Any) -> bool:
    """Whether everything that the fixture names was asked so; what it does not name is free."""
    if isinstance(wanted, dict):
        return isinstance(asked, dict) and all(_fits(value, asked.get(name)) for name, value in wanted.items())
    return bool(wanted == asked)


def _precision(exchange: Exchange) -> tuple[int, int]:
    """How much an exchange names: first of what tells pages apart, then of the rest."""
    request = exchange["request"]
    paging = {name: request.get(name) for name in ("params", "body") if name in request}
    return len(list(_leaves(paging))), len(list(_leaves(request)))


def _leaves(value: Any) -> Iterator[Any]:
    if isinstance(value, dict):
        for item in value.values():
            yield from _leaves(item)
    else:
        yield value
