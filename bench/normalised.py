"""Both engines are given the same normalised records, so that what is measured is matching and nothing else.

One Parquet file: a column a field, one value each, null where missing; `entity` is the truth and no engine reads it.
"""

import sys
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from itertools import islice
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from bench.fields import FIELDS
from bench.population import generate
from cdi.ingest.tables import TextTable, open_table
from cdi.normalise.headers import Assembler, guess_targets
from cdi.normalise.record import Context, NormalisedRecord, canonicalise, normalise

CHUNK = 20_000


def generated(records: int, seed: int, folder: Path) -> Path:
    """Normalised records of a generated population, made once for each size and seed."""
    path = folder / f"generated_{records}_{seed}.parquet"
    if not path.exists():
        print(f"making {records:,} customer records with seed {seed}", file=sys.stderr)
        population = generate(records, seed)
        names = list(population.columns)
        rows = [population.columns[name].tolist() for name in names]
        _write(path, names, zip(*rows, strict=True), population.entity.tolist())
    return path


def from_files(records: Path, truth: Path, folder: Path, name: str) -> Path:
    """Normalised records of a labelled file, made once."""
    path = folder / f"{name}.parquet"
    if not path.exists():
        table = open_table(records)
        entities = _entities(table, open_table(truth))
        _write(path, list(table.columns), map(tuple, table.rows()), entities)
    return path


def _entities(table: TextTable, truth: TextTable) -> list[int]:
    codes: dict[str, int] = {}
    entity_of = {row[0]: codes.setdefault(row[1], len(codes)) for row in truth.rows()}
    at = table.columns.index("record_id")
    return [entity_of[row[at]] for row in table.rows()]


def _write(path: Path, names: list[str], rows: Iterator[tuple[str, ...]], entities: list[int]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    unfinished = path.with_suffix(".part")
    types = {"birth": pa.int32()}
    schema = pa.schema(
        [("record_id", pa.int64()), ("entity", pa.int64())] + [(f, types.get(f, pa.string())) for f in FIELDS]
    )
    chunks = iter(lambda: list(islice(rows, CHUNK)), [])
    start = 0
    with pq.ParquetWriter(unfinished, schema) as writer, ProcessPoolExecutor(2) as pool:
        for columns in pool.map(_normalised, ((names, chunk) for chunk in chunks)):
            stop = start + len(columns[0])
            writer.write_table(pa.table([list(range(start, stop)), entities[start:stop], *columns], schema=schema))
            start = stop
    unfinished.replace(path)


def _normalised(task: tuple[list[str], Sequence[tuple[str, ...]]]) -> list[list[object]]:
    names, rows = task
    targets = guess_targets({name: [row[i] for row in rows[:1000]] for i, name in enumerate(names)})
    assembler, context = Assembler(names, targets), Context()
    source = names.index("source")
    flat = [_flat(row[source], normalise(canonicalise(assembler.assemble(row), context))) for row in rows]
    return [list(column) for column in zip(*flat, strict=True)]


def _flat(source: str, record: NormalisedRecord) -> tuple[object, ...]:
    """The record's first value of each field, in the order of FIELDS."""
    mobiles = [phone.value for phone in record.phones if phone.mobile]
    landlines = [phone.value for phone in record.phones if not phone.mobile]
    address = record.addresses[0] if record.addresses else None
    birth = record.birth_year * 10_000 + record.birth_month * 100 + record.birth_day
    values = (
        source,
        record.gender,
        " ".join(record.given_names),
        record.initials,
        " ".join(record.family_names),
        birth,
        record.emails[0].value if record.emails else "",
        mobiles[0] if mobiles else "",
        landlines[0] if landlines else "",
        address.street if address else "",
        address.house_number if address else "",
        address.postal_code if address else "",
        address.city if address else "",
    )
    return tuple(value or None for value in values)
