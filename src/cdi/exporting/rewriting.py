"""An exported file without some of its rows: the others stay as they were written, byte for byte where the format lets
them, and the file is replaced at once."""

import csv
import os
import shutil
from collections.abc import Callable, Collection, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Final, TypeAlias

import orjson
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from cdi.errors import InvalidInputError
from cdi.exporting.files import Format, open_private, settle

ID: Final = "id"
Copy: TypeAlias = Callable[[Path, Path, Collection[str]], int]
"""Writes the rows of one file whose id is none of these into another; how many were left out."""


def rewrite_without(path: Path, form: Format, ids: Collection[str]) -> int:
    """Take the rows with these ids out of an exported file; how many there were. A file without any is not touched.

    Raises FileNotFoundError, and InvalidInputError for a file that is not what its name says.
    """
    if not ids:
        return 0
    draft = path.with_name(f".{path.name}.without.part")
    try:
        gone = COPIES[form](path, draft, ids)
        if gone:
            _like(path, draft)
            settle(draft, path)
        return gone
    except (ValueError, KeyError, TypeError, csv.Error, pa.ArrowException):
        raise InvalidInputError(
            f"{path} is no file that an export wrote, and rows have to leave it", remedy="Repair it, or delete it"
        ) from None
    finally:
        draft.unlink(missing_ok=True)


def _like(path: Path, draft: Path) -> None:
    """Whoever may read the one may read the other."""
    held = path.stat()
    shutil.copymode(path, draft)
    with suppress(PermissionError):
        os.chown(draft, held.st_uid, held.st_gid)


def _csv(path: Path, draft: Path, ids: Collection[str]) -> int:
    gone = 0
    with (
        path.open(encoding="utf-8", newline="") as file,
        os.fdopen(open_private(draft), "w", encoding="utf-8", newline="") as out,
    ):
        rows, writer = csv.reader(file), csv.writer(out)
        head = next(rows, [])
        place = head.index(ID)
        writer.writerow(head)
        for row in rows:
            if row[place : place + 1] and row[place] in ids:
                gone += 1
            else:
                writer.writerow(row)
    return gone


def _jsonl(path: Path, draft: Path, ids: Collection[str]) -> int:
    gone = 0
    with path.open("rb") as file, os.fdopen(open_private(draft), "wb") as out:
        for line in file:
            if orjson.loads(line)[ID] in ids:
                gone += 1
            else:
                out.write(line)
    return gone


def _parquet(path: Path, draft: Path, ids: Collection[str]) -> int:
    gone = 0
    unwanted = pa.array(sorted(ids), pa.string())
    with (
        pq.ParquetFile(path) as file,
        os.fdopen(open_private(draft), "wb") as out,
        pq.ParquetWriter(out, file.schema_arrow) as writer,
    ):
        for batch in file.iter_batches():
            kept = batch.filter(pc.invert(pc.is_in(batch.column(ID), value_set=unwanted)))
            gone += len(batch) - len(kept)
            writer.write_batch(kept)
    return gone


COPIES: Final[Mapping[Format, Copy]] = {Format.CSV: _csv, Format.JSONL: _jsonl, Format.PARQUET: _parquet}
