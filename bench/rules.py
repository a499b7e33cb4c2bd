"""One list of blocking rules for both engines: columns that must all be there and be equal, as SQL and as keys.

Every rule makes pairs in proportion to the records: what many share by chance in a large file (a common full name, a
birth date with an initial) is asked together with something else, so that neither engine compares what neither could
ever link.
"""

from collections.abc import Iterator
from typing import Final

import numpy as np
from numpy.typing import NDArray

from cdi.matching.columns import Column, Ragged, RecordTable, encode
from cdi.matching.pairs import IntArray
from cdi.matching.similarity import numbered

RARE: Final = 6
"""Full names of at most so many records bring these together by themselves."""

COMPUTED: Final = {
    "names": "CASE WHEN given <= family THEN given || '|' || family ELSE family || '|' || given END",
    "rare_name": f"CASE WHEN count(*) OVER (PARTITION BY given, family) <= {RARE} THEN given || '|' || family END",
    "birth_year": "nullif(birth // 10000, 0)",
}
"""Columns made for the rules, as DuckDB's expressions over the normalised ones (`birth` is a number there): both names
in alphabetical order, so that swapped ones are equal; both names where few have them; null where a part is missing."""

RULES: tuple[tuple[str, ...], ...] = (
    ("email",),
    ("mobile",),
    ("landline",),
    ("rare_name",),
    ("given", "family", "city"),
    ("given", "family", "birth_year"),
    ("birth", "family"),
    ("birth", "given"),
    ("birth", "postal_code"),
    ("postal_code", "family"),
    ("postal_code", "given", "substr(family, 1, 1)"),
    ("city", "given", "substr(family, 1, 3)"),
    ("street", "number", "city"),
    ("street", "given", "substr(family, 1, 3)"),
    ("names", "postal_code"),
)

Part = tuple[NDArray[np.int32] | IntArray, int]
"""A number by row, 0 where missing, and how many numbers there are."""


def block_keys(table: RecordTable) -> Iterator[tuple[IntArray, IntArray]]:
    """Of each rule the keys and their rows: a number for each combination of values."""
    parts = _parts(table)
    for rule in RULES:
        there = np.logical_and.reduce([parts[name][0] != 0 for name in rule])
        rows = np.flatnonzero(there)
        keys, size = np.zeros(len(rows), np.int64), 1
        for name in rule:
            codes, count = parts[name]
            keys *= count
            keys += codes[rows]
            size *= count
        assert size < 1 << 63, "the values of this rule do not fit into one integer"
        yield keys, rows


def _parts(table: RecordTable) -> dict[str, Part]:
    """What rules are made of, under the names that they have in SQL."""
    homes, first = table.addresses, table.addresses.rows()
    given, family = table.given, table.family
    names = encode([*given.values, *family.values]).codes.astype(np.int64)
    of_given, of_family = names[: len(given.values)][given.codes], names[len(given.values) :][family.codes]
    both = (given.codes != 0) & (family.codes != 0)
    count = int(names.max(initial=0)) + 1
    unordered = np.minimum(of_given, of_family) * count + np.maximum(of_given, of_family)
    ordered = of_given * count + of_family
    return {
        "email": _of_first(table, table.emails),
        "mobile": _of_first(table, table.mobiles),
        "landline": _of_first(table, table.landlines),
        "birth": (table.birth, 100_000_000),
        "birth_year": (table.birth // 10_000, 10_000),
        "given": _of(given),
        "family": _of(family),
        "street": _of(homes.street, first, len(table)),
        "number": _of(homes.number, first, len(table)),
        "postal_code": _of(homes.postal_code, first, len(table)),
        "city": _of(homes.city, first, len(table)),
        "substr(family, 1, 1)": _of(_beginning(family, 1)),
        "substr(family, 1, 3)": _of(_beginning(family, 3)),
        "names": (np.where(both, unordered, 0), count * count),
        "rare_name": (np.where(both & _rare(np.where(both, ordered, 0)), ordered, 0), count * count),
    }


def _of(column: Column, rows: IntArray | None = None, records: int = 0) -> Part:
    """The codes of a column of the table, or of one that only some rows have."""
    if rows is None:
        return column.codes, len(column.values)
    codes = np.zeros(records, np.int32)
    codes[rows] = column.codes
    return codes, len(column.values)


def _of_first(table: RecordTable, column: Ragged) -> Part:
    return _of(Column(column.codes, column.values), column.rows(), len(table))


def _beginning(column: Column, length: int) -> Column:
    by_value = encode([value[:length] for value in column.values])
    return Column(by_value.codes[column.codes], by_value.values)


def _rare(values: IntArray) -> NDArray[np.bool_]:
    """Which values at most `RARE` rows have."""
    found, numbers = numbered(values)
    return (np.bincount(numbers, minlength=len(found)) <= RARE)[numbers]
