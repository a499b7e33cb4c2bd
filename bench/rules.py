"""One list of blocking rules for both engines: columns that must all be there and be equal, as SQL and as keys."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from cdi.matching.pairs import IntArray

NAMES_SQL = "CASE WHEN given <= family THEN given || ' ' || family ELSE family || ' ' || given END"
"""Both names in alphabetical order, so that swapped ones are equal; null where one is missing."""


def _unordered_names(table: pa.Table) -> pa.ChunkedArray:
    given, family = table["given"], table["family"]
    one, other = (pc.binary_join_element_wise(a, b, " ") for a, b in ((given, family), (family, given)))
    return pc.if_else(pc.less_equal(given, family), one, other)


PARTS: dict[str, Callable[[pa.Table], pa.ChunkedArray]] = {
    "email": lambda t: t["email"],
    "mobile": lambda t: t["mobile"],
    "landline": lambda t: t["landline"],
    "birth": lambda t: t["birth"],
    "given": lambda t: t["given"],
    "family": lambda t: t["family"],
    "street": lambda t: t["street"],
    "number": lambda t: t["number"],
    "postal_code": lambda t: t["postal_code"],
    "city": lambda t: t["city"],
    "substr(given, 1, 1)": lambda t: pc.utf8_slice_codeunits(t["given"], 0, 1),
    "substr(family, 1, 3)": lambda t: pc.utf8_slice_codeunits(t["family"], 0, 3),
    "names": _unordered_names,
}
"""What rules are made of: DuckDB's expression, and the same for Arrow."""

RULES: tuple[tuple[str, ...], ...] = (
    ("email",),
    ("mobile",),
    ("landline",),
    ("given", "family"),
    ("birth", "family"),
    ("birth", "substr(given, 1, 1)"),
    ("birth", "postal_code"),
    ("postal_code", "family"),
    ("postal_code", "given"),
    ("city", "given", "substr(family, 1, 3)"),
    ("street", "number", "city"),
    ("street", "family"),
    ("street", "given", "substr(family, 1, 3)"),
    ("names", "postal_code"),
)


@dataclass(frozen=True, slots=True)
class Keys:
    """Block keys and the row of each."""

    keys: IntArray
    rows: IntArray


def block_keys(table: pa.Table) -> Keys:
    """The keys of all rules: an integer by rule and combination of values, only of combinations that occur twice."""
    codes = {name: _codes(part(table)) for name, part in PARTS.items()}
    keys, rows = [], []
    for number, rule in enumerate(RULES):
        combined = np.zeros(len(table), np.uint64)
        there = np.ones(len(table), dtype=bool)
        for name in rule:
            combined = _mixed(combined, codes[name])
            there &= codes[name] >= 0
        of_rule = np.flatnonzero(there)
        keys.append(_mixed(combined[of_rule], np.full(len(of_rule), number)).view(np.int64))
        rows.append(of_rule)
    return Keys(np.concatenate(keys), np.concatenate(rows))


def _codes(values: pa.ChunkedArray) -> NDArray[np.int64]:
    """Equal values, equal codes; -1 where missing."""
    encoded = values.combine_chunks().dictionary_encode()
    return pc.fill_null(encoded.indices, -1).to_numpy(zero_copy_only=False).astype(np.int64)


def _mixed(a: NDArray[np.uint64], b: NDArray[np.int64]) -> NDArray[np.uint64]:
    """A 64-bit hash of two columns of integers (splitmix64): two different pairs practically never meet."""
    with np.errstate(over="ignore"):
        z = a * np.uint64(0x9E3779B97F4A7C15) + b.view(np.uint64) + np.uint64(0x632BE59BD9B4E019)
        z = (z ^ (z >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
        z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
        return z ^ (z >> np.uint64(31))
