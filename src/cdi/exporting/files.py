"""A file that is there when it is complete: written under a temporary name, readable by its owner only, and renamed."""

import csv
import os
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Any, Final, TypeAlias

import orjson
import pyarrow as pa
import pyarrow.parquet as pq

from cdi.exporting.columns import WHOLE_NUMBERS
from cdi.spreadsheets import harmless


class Format(StrEnum):
    """How a file is written."""

    CSV = "csv"
    JSONL = "jsonl"
    PARQUET = "parquet"


_NAME: Final = re.compile(rf"(?P<what>[a-z]+)-(?:all|\d+)-(?P<until>\d+)\.(?P<form>{'|'.join(Format)})")


@dataclass(frozen=True, slots=True)
class ExportedFile:
    """A file of an export of `what` (profiles, changes): as it was at the cursor `until` of the change feed."""

    path: Path
    form: Format
    until: int


def place_of(folder: Path, what: str, since: int | None, until: int, form: Format) -> Path:
    """Where an export of what became different after `since` (None: of everything) is written."""
    return folder / f"{what}-{'all' if since is None else since}-{until}.{form}"


def files_in(folder: Path, what: str) -> Iterator[ExportedFile]:
    """The files of exports of `what` in this folder."""
    for path in folder.glob(f"{what}-*"):
        if (named := _NAME.fullmatch(path.name)) and named["what"] == what and path.is_file():
            yield ExportedFile(path, Format(named["form"]), int(named["until"]))


def drop_drafts(folder: Path, what: str) -> None:
    """What exports of `what`, or the clearing of their files, have left that were killed."""
    for draft in folder.glob(f".{what}-*.part"):
        draft.unlink(missing_ok=True)


Rows: TypeAlias = Sequence[Mapping[str, Any]]
Write: TypeAlias = Callable[[Rows, Rows], None]
"""Takes some documents, and the same as flat rows."""


@contextmanager
def files(paths: Mapping[Format, Path], columns: Sequence[str]) -> Iterator[Write]:
    """Files of these formats; they appear together at the end, and none of them if anything is raised."""
    drafts = {form: path.with_name(f".{path.name}.part") for form, path in paths.items()}
    try:
        with ExitStack() as stack:
            writers = [stack.enter_context(WRITERS[form](draft, columns)) for form, draft in drafts.items()]

            def write(documents: Rows, rows: Rows) -> None:
                for writer in writers:
                    writer(documents, rows)

            yield write
        for form, draft in drafts.items():
            settle(draft, paths[form])
    finally:
        for draft in drafts.values():
            draft.unlink(missing_ok=True)


def write_whole(path: Path, content: bytes) -> None:
    """A small file, in place of the one before at once."""
    draft = path.with_name(f".{path.name}.part")
    with os.fdopen(open_private(draft), "wb") as file:
        file.write(content)
    settle(draft, path)


def settle(draft: Path, path: Path) -> None:
    """On the disk before it has its name, and its name too."""
    for settled in (draft, draft.parent):
        descriptor = os.open(settled, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
        if settled == draft:
            draft.replace(path)


def open_private(path: Path) -> int:
    """A new file for its owner only, open for writing; what a killed export left is gone."""
    path.unlink(missing_ok=True)
    return os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)


@contextmanager
def _csv(path: Path, columns: Sequence[str]) -> Iterator[Write]:
    with os.fdopen(open_private(path), "w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(columns)

        def write(_: Rows, rows: Rows) -> None:
            writer.writerows([harmless(row.get(column)) for column in columns] for row in rows)

        yield write


@contextmanager
def _jsonl(path: Path, _columns: Sequence[str]) -> Iterator[Write]:
    with os.fdopen(open_private(path), "wb") as file:

        def write(documents: Rows, _: Rows) -> None:
            file.writelines(orjson.dumps(document, option=orjson.OPT_APPEND_NEWLINE) for document in documents)

        yield write


@contextmanager
def _parquet(path: Path, columns: Sequence[str]) -> Iterator[Write]:
    schema = pa.schema([(name, pa.int64() if name in WHOLE_NUMBERS else pa.string()) for name in columns])
    with os.fdopen(open_private(path), "wb") as file, pq.ParquetWriter(file, schema) as writer:

        def write(_: Rows, rows: Rows) -> None:
            arrays = [
                pa.array([_cell(name, row.get(name)) for row in rows], schema.field(name).type) for name in columns
            ]
            writer.write_table(pa.Table.from_arrays(arrays, schema=schema))

        yield write


def _cell(column: str, value: Any) -> Any:
    if value is None or column in WHOLE_NUMBERS or isinstance(value, str):
        return value
    return str(value).lower() if isinstance(value, bool) else str(value)


WRITERS: Final = {Format.CSV: _csv, Format.JSONL: _jsonl, Format.PARQUET: _parquet}
