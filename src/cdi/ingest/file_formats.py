"""A file as native records: each line that is broken is told apart from the rest, which go on.

Everything in a table is text; numbers and types are the mapping's business.
"""

import csv
import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from cdi.ingest.blueprint import (
    CsvFormat,
    ExcelFormat,
    Format,
    JsonFormat,
    JsonLinesFormat,
    ParquetFormat,
    XmlFormat,
)
from cdi.ingest.broken import Broken, FileError, named_once
from cdi.ingest.contract import Native
from cdi.ingest.excel import excel_columns, read_excel
from cdi.ingest.expressions import compile_expression
from cdi.ingest.parquet import parquet_columns, read_parquet
from cdi.ingest.xml_records import read_xml


def read_file(path: Path, form: Format) -> Iterator[Native | Broken]:
    """Every record of one file, as a stream. Raises FileError when the file as a whole cannot be read."""
    with _as_file_error(form.encoding):
        match form:
            case CsvFormat():
                yield from _csv(path, form)
            case JsonLinesFormat():
                yield from _json_lines(path, form)
            case JsonFormat():
                yield from _json(path, form)
            case XmlFormat():
                yield from read_xml(path, form)
            case ExcelFormat():
                yield from read_excel(path, form)
            case ParquetFormat():
                yield from read_parquet(path)


def columns_of(path: Path, form: Format) -> tuple[str, ...] | None:
    """The names of a table's columns; None for formats whose records name their own fields. Raises FileError."""
    with _as_file_error(form.encoding):
        match form:
            case ExcelFormat():
                return excel_columns(path, form)
            case ParquetFormat():
                return parquet_columns(path)
            case CsvFormat(columns=None):
                with _text(path, form.encoding, newline="") as text:
                    return _header(_rows(text, form))
            case CsvFormat():
                return form.columns
            case _:
                return None


@contextmanager
def _as_file_error(encoding: str) -> Iterator[None]:
    """What Python says of a whole file, without the bytes that it would quote."""
    try:
        yield
    except UnicodeError:
        raise FileError(f"is not {encoding}", "State its true encoding in the manifest (format.encoding)") from None
    except LookupError:
        raise FileError(
            f"cannot be read: {encoding} is no known encoding", "Write for instance utf-8 or cp1252"
        ) from None
    except OSError as error:
        raise FileError(f"cannot be read ({type(error).__name__})", "Check the rights of the file") from None


def _text(path: Path, encoding: str, newline: str | None = None) -> IO[str]:
    # A byte order mark is not part of the first column's name.
    return path.open(
        encoding="utf-8-sig" if encoding.lower().replace("_", "-") == "utf-8" else encoding, newline=newline
    )


# -- CSV -----------------------------------------------------------------------------------------------------


def _csv(path: Path, form: CsvFormat) -> Iterator[Native | Broken]:
    with _text(path, form.encoding, newline="") as text:
        rows = _rows(text, form)
        columns = form.columns or _header(rows)
        width = len(columns)
        for line, row in rows:
            if isinstance(row, Broken):
                yield row
            elif len(row) == width:
                yield dict(zip(columns, row, strict=True))
            elif row:
                yield Broken(line, f"{len(row)} fields where {width} are expected", row)


Rows = Iterator[tuple[int, list[str] | Broken]]


def _header(rows: Rows) -> tuple[str, ...]:
    _, header = next(rows, (0, None))
    if header is None:
        raise FileError("is empty", "A header is expected in the first line")
    if isinstance(header, Broken):
        raise FileError("has no readable header", "Check delimiter and quote in the manifest")
    return named_once(tuple(header))


def _rows(text: IO[str], form: CsvFormat) -> Rows:
    """Rows with the line they begin at. A quote that never ends must not swallow what follows: its lines are
    then read one by one."""
    lines = _Lines(text)
    for _ in range(form.skip):
        next(lines, None)
    reader = _reader(lines, form)
    width = len(form.columns) if form.columns else None
    while True:
        lines.forget()
        try:
            row = next(reader)
        except StopIteration:
            return
        except csv.Error as error:
            yield from _line_by_line(lines, form, str(error))
            reader = _reader(lines, form)
            continue
        if width is None:
            width = len(row)
        if len(row) != width and len(lines.taken) > 1:
            yield from _line_by_line(lines, form, f"{len(row)} fields where {width} are expected")
        else:
            yield lines.begin, row


def _line_by_line(lines: "_Lines", form: CsvFormat, reason: str) -> Rows:
    for number, line in enumerate(list(lines.taken), lines.begin):
        try:
            yield number, next(_reader(iter([line]), form), [])
        except csv.Error:
            yield number, Broken(number, reason, line.rstrip("\r\n"))


def _reader(lines: Iterator[str], form: CsvFormat) -> Iterator[list[str]]:
    if not form.quote:
        return csv.reader(lines, delimiter=form.delimiter, quoting=csv.QUOTE_NONE)
    return csv.reader(lines, delimiter=form.delimiter, quotechar=form.quote, strict=True)


class _Lines:
    """The lines of a file, keeping those of the row that is being read."""

    def __init__(self, text: IO[str]) -> None:
        self.text = text
        self.number = 0
        self.taken: list[str] = []

    @property
    def begin(self) -> int:
        return self.number - len(self.taken) + 1

    def forget(self) -> None:
        self.taken.clear()

    def __iter__(self) -> "_Lines":
        return self

    def __next__(self) -> str:
        line = next(self.text)
        self.number += 1
        self.taken.append(line)
        return line


# -- JSON ----------------------------------------------------------------------------------------------------


def _json_lines(path: Path, form: JsonLinesFormat) -> Iterator[Native | Broken]:
    with _text(path, form.encoding) as text:
        for number, line in enumerate(text, 1):
            if not line.strip():
                continue
            try:
                record = json.loads(line)
            except ValueError:
                yield Broken(number, "is not JSON", line.rstrip("\r\n"))
                continue
            yield record if isinstance(record, dict) else Broken(number, "is no JSON object", record)


def _json(path: Path, form: JsonFormat) -> Iterator[Native | Broken]:
    with _text(path, form.encoding) as text:
        try:
            document = json.load(text)
        except ValueError as error:
            if isinstance(error, UnicodeError):
                raise
            raise FileError("is not JSON", "Ask for a fresh export; this one may be cut off") from None
    records = compile_expression(form.records.removeprefix("="), {}).evaluate(document)
    if not isinstance(records, list):
        raise FileError(f"holds no list at {form.records}", "Correct format.records in the manifest")
    for number, record in enumerate(records, 1):
        yield record if isinstance(record, dict) else Broken(number, "is no JSON object", record)
