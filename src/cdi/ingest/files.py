"""Reading a folder into which a source drops files: oldest first, so that a newer file's row overrides; what
has been read is remembered by its content, not by its name or date."""

import codecs
import hashlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from cdi.errors import SourceError
from cdi.ingest.blueprint import FilesManifest, FilesStream
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
from cdi.ingest.streams import CompiledStream
from cdi.ingest.templates import Values, fill

CHUNK: Final = 1 << 20
BATCH: Final = 10_000  # rows between two checkpoints


@dataclass(frozen=True, slots=True)
class Drop:
    """One file as it lies in the folder."""

    path: Path
    modified: float
    size: int

    def stands_still(self) -> bool:
        """Whether nobody has written to it since it was listed."""
        now = self.path.stat()
        return (now.st_mtime, now.st_size) == (self.modified, self.size)


class FilesReader:
    """Reads the streams of one folder for one run."""

    def __init__(
        self,
        manifest: FilesManifest,
        streams: Mapping[str, CompiledStream],
        values: Values,
        context: ReadContext,
    ) -> None:
        self.blueprints: Mapping[str, FilesStream] = manifest.streams
        self.streams = streams
        self.context = context
        self.values = values
        self.folder = context.folder / str(fill(manifest.connection.folder, values))

    def read(self, name: str, state: State | None) -> Iterator[ReadEvent]:
        """The records of the files that are new or changed, and of all that come after these; raises
        SourceError."""
        stream, blueprint = self.streams[name], self.blueprints[name]
        seen: dict[str, str] = dict((state or {}).get("files", {}))
        drops = self._listed(name, blueprint)
        digests = {drop.path.name: _digest(drop.path, self._encoding(blueprint)) for drop in drops}
        pending = _pending(drops, digests, seen, snapshot=blueprint.snapshot)
        taken = 0
        for drop in pending:
            readable = True
            for event in self._events(drop, stream, blueprint):
                yield event
                readable = readable and not isinstance(event, Rejected)
                taken += 1
                if taken == self.context.limit:
                    yield Checkpoint(name, state or {})
                    return
                if taken % BATCH == 0:
                    yield Checkpoint(name, {"files": seen})
            if not drop.stands_still():
                raise self._error(drop.path.name, "is still being written", "It will be read by the next run")
            if blueprint.snapshot and readable:
                yield FullScanEnd(name)
            seen = {**seen, drop.path.name: digests[drop.path.name]}
            yield Checkpoint(name, {"files": seen})
        if not pending:
            yield Checkpoint(name, {"files": seen})

    def check(self) -> Iterator[CheckResult]:
        """Is the folder there, does each stream find a file, and has it the columns that are read?"""
        if not self.folder.is_dir():
            yield CheckResult("the folder exists", False, f"{self.folder} is no folder")
            return
        yield CheckResult("the folder exists", True, str(self.folder))
        for name, blueprint in self.blueprints.items():
            question = f"stream {name} finds files that it can read ({blueprint.files})"
            try:
                drops = self._listed(name, blueprint)
                for drop in drops[-1:]:
                    self._demand_encoding(drop.path, blueprint)
                    self._demand_columns(drop.path, self.streams[name], blueprint)
            except SourceError as error:
                yield CheckResult(question, False, str(error))
            else:
                yield CheckResult(question, True, f"{len(drops)} files")

    def _listed(self, name: str, blueprint: FilesStream) -> list[Drop]:
        """The files of a stream that are complete, oldest first."""
        if not self.folder.is_dir():
            raise SourceError(
                self.context.source,
                f"the folder {self.folder.name} does not exist",
                remedy=f"Make {self.folder} or correct `folder` in cdi.yaml",
            )
        pattern = str(fill(blueprint.files, self.values))
        drops = []
        for path in self.folder.glob(pattern):
            stat = path.stat()
            drop = Drop(path, stat.st_mtime, stat.st_size)
            if path.is_file() and self._is_complete(drop, blueprint):
                drops.append(drop)
        if not drops:
            raise SourceError(
                self.context.source,
                f"stream {name}: no file {pattern} in {self.folder.name}",
                remedy=f"Put the export into {self.folder} or correct `files` in the manifest",
            )
        by_time = blueprint.order == "time"
        return sorted(drops, key=lambda d: (d.modified, d.path.name) if by_time else (0.0, d.path.name))

    def _is_complete(self, drop: Drop, blueprint: FilesStream) -> bool:
        if blueprint.marker is not None:
            return drop.path.with_name(drop.path.name + blueprint.marker).exists()
        return self.context.now.timestamp() - drop.modified >= blueprint.settle.total_seconds() or not blueprint.settle

    def _events(self, drop: Drop, stream: CompiledStream, blueprint: FilesStream) -> Iterator[ReadEvent]:
        name = drop.path.name
        self._demand_encoding(drop.path, blueprint)
        self._demand_columns(drop.path, stream, blueprint)
        try:
            for record in read_file(drop.path, blueprint.format):
                if isinstance(record, Broken):
                    yield _rejected(stream.name, name, record)
                else:
                    yield from stream.events(record)
        except FileError as error:
            raise self._error(name, error.message, error.remedy) from None

    def _demand_columns(self, path: Path, stream: CompiledStream, blueprint: FilesStream) -> None:
        try:
            columns = columns_of(path, blueprint.format)
        except FileError as error:
            raise self._error(path.name, error.message, error.remedy) from None
        missing = sorted((stream.fields or frozenset()) - set(columns or ()) - set(blueprint.optional))
        if columns is not None and missing:
            named = ", ".join(missing)
            raise self._error(
                path.name,
                f"has no column {named}",
                "Ask for an export with it, correct the mapping, or name it under `optional`",
            )

    def _demand_encoding(self, path: Path, blueprint: FilesStream) -> None:
        """Single-byte encodings accept nearly anything: a file that is plainly UTF-8 must not be read as
        one."""
        encoding = self._encoding(blueprint)
        if encoding not in {"binary", "utf-8", "utf-16", "utf-32"} and _is_plainly_utf8(path):
            raise self._error(path.name, f"is UTF-8, not {encoding}", "Write format.encoding: utf-8 in the manifest")

    def _encoding(self, blueprint: FilesStream) -> str:
        """The encoding by its one name; "binary" where the format itself knows."""
        try:
            return codecs.lookup(blueprint.format.encoding).name
        except LookupError:
            return blueprint.format.encoding

    def _error(self, file: str, message: str, remedy: str) -> SourceError:
        return SourceError(self.context.source, f"{file} {message}", remedy=remedy)


def _pending(drops: list[Drop], digests: Mapping[str, str], seen: Mapping[str, str], *, snapshot: bool) -> list[Drop]:
    """From the first file that is new or changed on, everything: a newer file must have the last word.

    Of snapshots only the newest counts.
    """
    if snapshot:
        drops = drops[-1:]
    fresh = (index for index, drop in enumerate(drops) if seen.get(drop.path.name) != digests[drop.path.name])
    return drops[next(fresh, len(drops)) :]


def _rejected(stream: str, file: str, broken: Broken) -> Rejected:
    data: Native = {"file": file, "line": broken.line, "content": broken.content}
    return Rejected(stream, f"{file}, line {broken.line}: {broken.reason}", data)


def _digest(path: Path, encoding: str) -> str:
    digest = hashlib.sha256(encoding.encode())
    with path.open("rb") as binary:
        while chunk := binary.read(CHUNK):
            digest.update(chunk)
    return digest.hexdigest()


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
