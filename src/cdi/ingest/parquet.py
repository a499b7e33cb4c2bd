"""A Parquet file as records, batch by batch."""

from collections.abc import Iterator
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from cdi.ingest.broken import FileError
from cdi.ingest.contract import Native
from cdi.ingest.json_values import as_json

BATCH = 5_000


def parquet_columns(path: Path) -> tuple[str, ...]:
    """The names of the columns; raises FileError."""
    return tuple(_open(path).schema_arrow.names)


def read_parquet(path: Path) -> Iterator[Native]:
    """Every row; raises FileError."""
    for batch in _open(path).iter_batches(batch_size=BATCH):
        yield from (as_json(row) for row in batch.to_pylist())


def _open(path: Path) -> pq.ParquetFile:
    try:
        return pq.ParquetFile(path)
    except pa.ArrowInvalid:
        raise FileError("is no Parquet file", "Ask for a fresh export; this one may be cut off") from None
