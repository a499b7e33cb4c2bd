"""A sheet of an Excel workbook as records: everything becomes text, as it would be in an export to CSV."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date, datetime, time
from pathlib import Path
from typing import Any
from zipfile import BadZipFile

from cdi.ingest.blueprint import ExcelFormat
from cdi.ingest.broken import Broken, FileError, named_once
from cdi.ingest.contract import Native
from cdi.ingest.transforms import as_text

Rows = Iterator[tuple[Any, ...]]


def excel_columns(path: Path, form: ExcelFormat) -> tuple[str, ...]:
    """The names in the sheet's header; raises FileError."""
    with _rows(path, form) as rows:
        return _header(rows)


def read_excel(path: Path, form: ExcelFormat) -> Iterator[Native | Broken]:
    """Every row below the header that is not empty; raises FileError."""
    with _rows(path, form) as rows:
        columns = _header(rows)
        for number, row in enumerate(rows, form.skip + 2):
            cells = [_text(cell) for cell in row]
            if not any(cells):
                continue
            beyond = [cell for cell in cells[len(columns) :] if cell]
            if beyond:
                yield Broken(number, f"{len(cells)} fields where {len(columns)} are expected", cells)
            else:
                padded = cells + [""] * (len(columns) - len(cells))
                yield dict(zip(columns, padded, strict=False))


@contextmanager
def _rows(path: Path, form: ExcelFormat) -> Iterator[Rows]:
    import openpyxl  # noqa: PLC0415  # it is slow to load, and few sources need it
    from openpyxl.utils.exceptions import InvalidFileException  # noqa: PLC0415

    try:
        book = openpyxl.load_workbook(path, read_only=True, data_only=True)
    except (BadZipFile, InvalidFileException, KeyError, ValueError):
        raise FileError("is no Excel workbook (.xlsx)", "Save it as .xlsx or as CSV") from None
    try:
        if form.sheet is not None and form.sheet not in book.sheetnames:
            raise FileError(f"has no sheet {form.sheet}", f"There are {', '.join(book.sheetnames)}")
        sheet = book[form.sheet] if form.sheet is not None else book.worksheets[0]
        yield sheet.iter_rows(min_row=form.skip + 1, values_only=True)
    finally:
        book.close()


def _header(rows: Rows) -> tuple[str, ...]:
    names = [_text(cell) for cell in next(rows, ())]
    while names and not names[-1]:
        names.pop()
    if not names:
        raise FileError("is empty", "A header is expected in the first line")
    return named_once(tuple(names))


def _text(cell: Any) -> str:
    if isinstance(cell, datetime):
        return cell.date().isoformat() if cell.time() == time() else cell.isoformat(sep=" ")
    if isinstance(cell, date | time):
        return cell.isoformat()
    return as_text(cell) or ""
