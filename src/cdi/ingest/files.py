"""Reading a folder into which a source drops files: oldest first, so that a newer file's row overrides; what
has been read is remembered by its content, not by its name or date.

Where the folder is (on this machine, on an SFTP server, on a web server) is the business of its place.
"""

import codecs
import hashlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

from cdi.errors import SourceError
from cdi.ingest.blueprint import FilesConnection, FilesManifest, FilesReading, with_feeds
from cdi.ingest.broken import Broken, FileError
from cdi.ingest.contract import (
    Checkpoint,
    CheckResult,
    FullScanEnd,
    Native,
    ReadContext,
    ReadEvent,
    Rejected,
    State,
)
from cdi.ingest.file_formats import columns_of, read_file
from cdi.ingest.http_files import HttpFolder
from cdi.ingest.places import UNFINISHED, Drop, Fetched, LocalFolder, Place, is_unfinished
from cdi.ingest.streams import CompiledStream
from cdi.ingest.templates import Values, fill

CHUNK: Final = 1 << 20
BATCH: Final = 10_000  # rows between two checkpoints


def place_of(connection: FilesConnection, values: Values, context: ReadContext) -> Place:
    """The place where a source's files lie, by how its address begins; raises ConfigurationError."""
    folder = str(fill(connection.folder, values))
    match urlsplit(folder).scheme:
        case "sftp":
            from cdi.ingest.sftp import SftpFolder  # noqa: PLC0415  its libraries load for a quarter of a second

            return SftpFolder(context.source, connection, values, context.folder)
        case "http" | "https":
            return HttpFolder(context.source, connection, values)
        case _:
            return LocalFolder(context.source, context.folder / folder)


@dataclass(slots=True)
class Memory:
    """What is remembered of a folder, by name: the digest of what was read, the place's own stamp of it, and of a file
    that is not settled yet how it looked and since when."""

    files: dict[str, str] = field(default_factory=dict)
    stamps: dict[str, str] = field(default_factory=dict)
    waiting: dict[str, list[str]] = field(default_factory=dict)

    @classmethod
    def of(cls, state: State | None) -> "Memory":
        """What a checkpoint holds."""
        kept = state or {}
        return cls(dict(kept.get("files", {})), dict(kept.get("stamps", {})), dict(kept.get("waiting", {})))

    def state(self) -> State:
        told: State = {"files": dict(self.files)}
        if self.stamps:
            told["stamps"] = dict(self.stamps)
        if self.waiting:
            told["waiting"] = dict(self.waiting)
        return told

    def keep(self, name: str, digest: str, stamp: str | None) -> None:
        self.files[name] = digest
        self.stamps.pop(name, None)
        if stamp is not None:
            self.stamps[name] = stamp

    def wait(self, drop: Drop, now: datetime) -> datetime:
        """Since when this file has looked as it does, by our own clock."""
        look = f"{drop.size} {drop.modified}"
        before, since = self.waiting.get(drop.name, ["", ""])
        if before != look:
            since = now.isoformat()
        self.waiting[drop.name] = [look, since]
        return datetime.fromisoformat(since)


class FilesReader:
    """Reads the streams of one folder for one run."""

    def __init__(
        self,
        manifest: FilesManifest,
        streams: Mapping[str, CompiledStream],
        values: Values,
        context: ReadContext,
    ) -> None:
        self.blueprints: Mapping[str, FilesReading] = with_feeds(manifest.streams, FilesReading)
        self.streams = streams
        self.context = context
        self.values = values
        self.place = place_of(manifest.connection, values, context)

    def read(self, name: str, state: State | None) -> Iterator[ReadEvent]:
        """The records of the files that are new or changed, and of all that come after these: a newer file must have
        the last word. Raises SourceError."""
        stream, blueprint = self.streams[name], self.blueprints[name]
        memory = Memory.of(state)
        taken = 0
        with self.place as place:
            drops = self._complete(place, name, memory)
            if not drops:
                yield Checkpoint(name, memory.state())
            new = False
            for drop in drops[-1:] if blueprint.snapshot else drops:  # of snapshots only the newest counts
                with place.fetched(drop, None if new else memory.stamps.get(drop.name)) as file:
                    digest = memory.files[drop.name] if file is None else self._digest(file, blueprint)
                    new = new or memory.files.get(drop.name) != digest
                    if new and file is not None:
                        readable = True
                        for event in self._events(drop.name, file.path, stream, blueprint):
                            yield event
                            readable = readable and not isinstance(event, Rejected)
                            taken += 1
                            if taken == self.context.limit:
                                yield Checkpoint(name, state or {})
                                return
                            if taken % BATCH == 0:
                                yield Checkpoint(name, memory.state())
                        self._demand_stillness(place, drop)
                        if blueprint.snapshot and readable:
                            yield FullScanEnd(name, gone_after=blueprint.gone_after, scan=f"{drop.name} {digest}")
                    elif blueprint.move_to is not None:
                        self._put_away(place, drop, blueprint)
                    if file is not None:
                        memory.keep(drop.name, digest, file.stamp)
                yield Checkpoint(name, memory.state())

    def _put_away(self, place: Place, drop: Drop, blueprint: FilesReading) -> None:
        """Move what an earlier run has read: that its digest is remembered proves that it was committed, so that
        nothing can be lost with it."""
        assert blueprint.move_to is not None
        place.move(drop.name, blueprint.move_to, self.context.now)
        if blueprint.marker is not None:
            place.move(drop.name + blueprint.marker, blueprint.move_to, self.context.now)

    def check(self) -> Iterator[CheckResult]:
        """Is the folder there, does each stream find a file, and has it the columns that are read?"""
        try:
            with self.place as place:
                yield CheckResult("the folder can be reached", True, place.title)
                for name in self.blueprints:
                    yield self._check_stream(place, name)
        except SourceError as error:
            yield CheckResult("the folder can be reached", False, str(error))

    def _check_stream(self, place: Place, name: str) -> CheckResult:
        blueprint, memory = self.blueprints[name], Memory()
        question = f"stream {name} finds files that it can read ({blueprint.files})"
        try:
            drops = self._complete(place, name, memory)
            for drop in drops[-1:]:
                with place.fetched(drop, None) as file:
                    assert file is not None
                    self._demand_encoding(drop.name, file.path, blueprint)
                    self._demand_columns(drop.name, file.path, self.streams[name], blueprint)
        except SourceError as error:
            return CheckResult(question, False, str(error))
        unfinished = f", {len(memory.waiting)} not finished yet" if memory.waiting else ""
        return CheckResult(question, True, f"{len(drops)} files{unfinished}")

    def _complete(self, place: Place, name: str, memory: Memory) -> list[Drop]:
        """The files of a stream that are complete, oldest first; the others are noted in `memory`."""
        blueprint = self.blueprints[name]
        pattern = str(fill(blueprint.files, self.values))
        named = pattern.endswith(UNFINISHED)  # who asks for them shall have them
        drops = [drop for drop in place.listed(pattern) if named or not is_unfinished(drop.name)]
        if not drops and not (memory.files and blueprint.move_to):
            raise SourceError(
                self.context.source,
                f"stream {name}: no file {pattern} in {place.title}",
                remedy="Put the export there, or correct `files` in the manifest",
            )
        markers = {drop.name for drop in place.listed(pattern + blueprint.marker)} if blueprint.marker else None
        complete = [drop for drop in drops if self._is_complete(drop, blueprint, markers, memory)]
        ready = {drop.name for drop in complete}
        there = {drop.name for drop in drops}
        memory.waiting = {n: kept for n, kept in memory.waiting.items() if n in there - ready}
        by_time = blueprint.order == "time"
        return sorted(complete, key=lambda d: (d.modified or 0.0 if by_time else 0.0, d.name))

    def _is_complete(self, drop: Drop, blueprint: FilesReading, markers: set[str] | None, memory: Memory) -> bool:
        """Whether its marker lies beside it, or it has stood still for long enough: by its own time, or, because the
        clock of its place may be wrong, as we have seen it over several runs."""
        now, settle = self.context.now, blueprint.settle
        if markers is not None:
            memory.wait(drop, now)
            return drop.name + str(blueprint.marker) in markers
        if not settle or drop.modified is None or now.timestamp() - drop.modified >= settle.total_seconds():
            return True
        return now - memory.wait(drop, now) >= settle

    def _demand_stillness(self, place: Place, drop: Drop) -> None:
        if not place.stands_still(drop):
            raise self._error(drop.name, "is still being written", "It will be read by the next run")

    def _events(self, name: str, path: Path, stream: CompiledStream, blueprint: FilesReading) -> Iterator[ReadEvent]:
        self._demand_encoding(name, path, blueprint)
        self._demand_columns(name, path, stream, blueprint)
        try:
            for record in read_file(path, blueprint.format):
                if isinstance(record, Broken):
                    yield _rejected(stream.name, name, record)
                else:
                    yield from stream.events(record)
        except FileError as error:
            raise self._error(name, error.message, error.remedy) from None

    def _demand_columns(self, name: str, path: Path, stream: CompiledStream, blueprint: FilesReading) -> None:
        try:
            columns = columns_of(path, blueprint.format)
        except FileError as error:
            raise self._error(name, error.message, error.remedy) from None
        missing = sorted((stream.fields or frozenset()) - set(columns or ()) - set(blueprint.optional))
        if columns is not None and missing:
            named = ", ".join(missing)
            raise self._error(
                name,
                f"has no column {named}",
                "Ask for an export with it, correct the mapping, or name it under `optional`",
            )

    def _demand_encoding(self, name: str, path: Path, blueprint: FilesReading) -> None:
        """Single-byte encodings accept nearly anything: a file that is plainly UTF-8 must not be read as
        one."""
        encoding = self._encoding(blueprint)
        if encoding not in {"binary", "utf-8", "utf-16", "utf-32"} and _is_plainly_utf8(path):
            raise self._error(name, f"is UTF-8, not {encoding}", "Write format.encoding: utf-8 in the manifest")

    def _encoding(self, blueprint: FilesReading) -> str:
        """The encoding by its one name; "binary" where the format itself knows."""
        try:
            return codecs.lookup(blueprint.format.encoding).name
        except LookupError:
            return blueprint.format.encoding

    def _digest(self, file: Fetched, blueprint: FilesReading) -> str:
        """What the file is known by: its content, as it is decoded."""
        digest = hashlib.sha256(self._encoding(blueprint).encode())
        with file.path.open("rb") as binary:
            while chunk := binary.read(CHUNK):
                digest.update(chunk)
        return digest.hexdigest()

    def _error(self, file: str, message: str, remedy: str) -> SourceError:
        return SourceError(self.context.source, f"{file} {message}", remedy=remedy)


def _rejected(stream: str, file: str, broken: Broken) -> Rejected:
    data: Native = {"file": file, "line": broken.line, "content": broken.content}
    return Rejected(stream, f"{file}, line {broken.line}: {broken.reason}", data)


def _is_plainly_utf8(path: Path) -> bool:
    """Whether the bytes are valid UTF-8 with characters beyond ASCII, which text in another encoding never
    is."""
    decoder = codecs.getincrementaldecoder("utf-8")()
    beyond_ascii = False
    with path.open("rb") as binary:
        while chunk := binary.read(CHUNK):
            beyond_ascii = beyond_ascii or not chunk.isascii()
            try:
                decoder.decode(chunk)
            except UnicodeDecodeError:
                return False
    return beyond_ascii
