"""A file of records is read as text, row by row and as often as wanted; nothing of it is kept in memory.

CSV (encoding and delimiter are found out) and Parquet. A phone number keeps its leading zero because nothing
here ever becomes a number.
"""

import codecs
import csv
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from math import isnan
from pathlib import Path
from typing import Final, TypeAlias

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from cdi.errors import InvalidInputError

LONGEST_FIELD: Final = 16 * 2**20
SNIFFED: Final = 2**18  # bytes looked at to find the delimiter
DELIMITERS: Final = ",;\t|"
BATCH: Final = 20_000
MIXED: Final = "cdi-windows-1252"

Row = list[str]


def open_table(path: Path) -> "TextTable":
    """The table in a file; what it is, is told by its first bytes."""
    try:
        with path.open("rb") as file:
            start = file.read(SNIFFED)
    except OSError as error:
        raise InvalidInputError(f"{path} cannot be read: {error.strerror}") from None
    if start.startswith(b"PAR1"):
        return _open_parquet(path)
    if start.startswith((b"PK\x03\x04", b"\xd0\xcf\x11\xe0", b"\x1f\x8b")):
        raise InvalidInputError(f"{path} is compressed or an Excel file", remedy="Save it as CSV or Parquet")
    return _open_csv(path, start)


@dataclass(frozen=True, slots=True)
class CsvTable:
    """Text with a delimiter. Bytes that are not UTF-8 are read as Windows-1252, one by one, so that a file
    to which two programmes wrote in two encodings is read rightly too."""

    path: Path
    columns: tuple[str, ...]
    delimiter: str
    encoding: str

    def rows(self) -> Iterator[Row]:
        width = len(self.columns)
        with self.path.open(encoding=self.encoding, errors=MIXED, newline="") as file:
            reader = csv.reader(file, delimiter=self.delimiter)
            try:
                next(reader, None)
                for row in reader:
                    if len(row) != width:
                        if not row:
                            continue
                        row = _fitted(row, width, self.path, reader.line_num)  # noqa: PLW2901
                    yield row
            except csv.Error:
                raise InvalidInputError(
                    f"{self.path}, line {reader.line_num}: a field of over {LONGEST_FIELD >> 20} MB",
                    remedy="Look for a quote that is opened and never closed",
                ) from None


def _fitted(row: Row, width: int, path: Path, line: int) -> Row:
    if len(row) > width and any(row[width:]):
        raise InvalidInputError(
            f"{path}, line {line}: {len(row)} fields, but the header has {width}",
            remedy="A field that contains the delimiter must be quoted",
        )
    return (row + [""] * (width - len(row)))[:width]


def _open_csv(path: Path, start: bytes) -> CsvTable:
    encoding = _encoding(start)
    text = start.decode(encoding, errors="ignore" if encoding.startswith("utf-16") else MIXED)
    if not text.strip("\ufeff \t\r\n\0"):
        raise InvalidInputError(f"{path} is empty", remedy="Give a CSV file with a header and one record a line")
    whole = len(start) < SNIFFED
    delimiter = _delimiter(text if whole else text[: text.rfind("\n") + 1] or text)
    with path.open(encoding=encoding, errors=MIXED, newline="") as file:
        try:
            header = next(csv.reader(file, delimiter=delimiter))
        except csv.Error:
            raise InvalidInputError(f"{path} has no readable header", remedy="Give it a line of names") from None
    return CsvTable(path, _named(header, path), delimiter, encoding)


def _encoding(start: bytes) -> str:
    if start.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        return "utf-16"
    return "utf-8-sig"


def _delimiter(text: str) -> str:
    """The one that divides the most lines into as many fields as the header has; of equals, the one with
    most."""
    lines = text.splitlines(keepends=True)[:200]

    def quality(delimiter: str) -> tuple[float, int]:
        try:
            widths = [len(row) for row in csv.reader(lines, delimiter=delimiter) if row]
        except csv.Error:
            return 0.0, 0
        if not widths or widths[0] < 2:
            return 0.0, 0
        return round(sum(w == widths[0] for w in widths) / len(widths), 1), widths[0]

    return max(DELIMITERS, key=quality)


def _named(header: Sequence[str], path: Path) -> tuple[str, ...]:
    names = [name.strip() or f"column_{i}" for i, name in enumerate(header, start=1)]
    twice = sorted({name for name in names if names.count(name) > 1}) if len(set(names)) < len(names) else []
    if twice:
        raise InvalidInputError(f"{path}: two columns are called {twice[0]!r}", remedy="Give each its own name")
    return tuple(names)


@dataclass(frozen=True, slots=True)
class ParquetTable:
    """Columns of any simple type, as text: 7.0 is "7", a date is ISO, null is empty."""

    path: Path
    columns: tuple[str, ...]

    def rows(self) -> Iterator[Row]:
        with pq.ParquetFile(self.path) as file:
            for batch in file.iter_batches(batch_size=BATCH, columns=list(self.columns)):
                for row in zip(*(_as_text(column) for column in batch.columns), strict=True):
                    yield list(row)


def _open_parquet(path: Path) -> ParquetTable:
    try:
        with pq.ParquetFile(path) as file:
            schema = file.schema_arrow
    except (pa.ArrowException, OSError):
        raise InvalidInputError(f"{path} is a damaged Parquet file", remedy="Write it again") from None
    simple = [field.name for field in schema if not pa.types.is_nested(field.type)]
    if not simple:
        raise InvalidInputError(f"{path} has no column of simple values")
    return ParquetTable(path, _named(simple, path))


def _as_text(column: pa.Array) -> list[str]:
    if pa.types.is_floating(column.type):
        return ["" if v is None or isnan(v) else str(int(v)) if v.is_integer() else repr(v) for v in column.to_pylist()]
    if pa.types.is_binary(column.type) or pa.types.is_large_binary(column.type):
        return ["" if v is None else v.decode("utf-8", errors=MIXED) for v in column.to_pylist()]
    texts: list[str] = pc.fill_null(column.cast(pa.string()), "").to_pylist()
    return texts


TextTable: TypeAlias = CsvTable | ParquetTable
"""Named columns of text. `rows()` starts from the first row each time; every row is as wide as the header."""


def write_table(path: Path, columns: Sequence[str], rows: Iterator[Sequence[str]], delimiter: str = ",") -> None:
    """Rows of text into CSV (UTF-8), or Parquet if the file's name ends so; the file appears when it is whole."""
    with _appearing_whole(path) as unfinished:
        if path.suffix == ".parquet":
            _write_parquet(unfinished, columns, rows)
            return
        with unfinished.open("w", encoding="utf-8", newline="") as file:
            writer = csv.writer(file, delimiter=delimiter, lineterminator="\n")
            writer.writerow(columns)
            writer.writerows(rows)


def write_text(path: Path, text: str) -> None:
    """Text into a file that appears when it is whole."""
    with _appearing_whole(path) as unfinished:
        unfinished.write_text(text, encoding="utf-8")


@contextmanager
def _appearing_whole(path: Path) -> Iterator[Path]:
    unfinished = path.with_name(f".{path.name}.part")
    try:
        yield unfinished
        unfinished.replace(path)
    except OSError as error:
        raise InvalidInputError(f"{path} cannot be written: {error.strerror}") from None
    finally:
        unfinished.unlink(missing_ok=True)


def _write_parquet(path: Path, columns: Sequence[str], rows: Iterator[Sequence[str]]) -> None:
    schema = pa.schema([(name, pa.string()) for name in columns])
    with pq.ParquetWriter(path, schema) as writer:
        while chunk := [row for row, _ in zip(rows, range(BATCH), strict=False)]:
            writer.write_table(pa.table(list(map(list, zip(*chunk, strict=True))), schema=schema))


def _as_windows_1252(error: UnicodeError) -> tuple[str, int]:
    if not isinstance(error, UnicodeDecodeError):
        raise error
    broken = error.object[error.start : error.end]
    return broken.decode("cp1252", errors="replace"), error.end


codecs.register_error(MIXED, _as_windows_1252)
csv.field_size_limit(LONGEST_FIELD)
