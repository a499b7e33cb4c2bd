"""Many cards as columns: read by Arrow as a file of lines. What stands in a cell is looked at once for each distinct
cell, never once for each card."""

from collections.abc import Mapping, Sequence
from typing import Any, Final, NamedTuple

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray
from pyarrow import csv

from cdi.matching.cards import APART, BETWEEN, CELLS, HOMES, TEXTS, TOLD, Card
from cdi.matching.columns import (
    Addresses,
    Column,
    Flags,
    Ragged,
    encode,
    in_one_piece,
    missing,
    of_distinct,
    without_empty,
)
from cdi.matching.pairs import IntArray
from cdi.matching.texts import Values, as_indices, bytes_of, from_bytes, to_arrow, to_codes

BLOCK: Final = 1 << 30
"""So many bytes are read at once, at most; Arrow takes less than twice as many."""
WORTH_THREADS: Final = 1 << 24
"""From so many bytes on, several processors read."""

_ENCODED: Final = pa.dictionary(pa.int32(), pa.large_string())
_TYPES: Final = {"kind": pa.uint8(), "gender": pa.uint8(), "birth": pa.int32()}
_PARSING: Final = csv.ParseOptions(delimiter=BETWEEN, quote_char=False, double_quote=False, escape_char=False)
_MEANING: Final = csv.ConvertOptions(
    column_types={name: _TYPES.get(name, _ENCODED) for name in CELLS},
    null_values=[],
    strings_can_be_null=False,
    check_utf8=False,
)


def read_many(cards: Sequence[Card], block: int = BLOCK) -> dict[str, Any]:
    """The columns of a RecordTable that these cards tell, by name; a row each, in their order."""
    cells = _cells(cards, block)
    return {
        **{name: _numbers(cells[name]) for name in _TYPES},
        **{name: of_distinct(cells[name]) for name in TEXTS},
        **{name: _told(cells[name]) for name in TOLD},
        "addresses": _homes(cells),
        "attributes": _attributes(cells["attributes"]),
    }


def _cells(cards: Sequence[Card], block: int) -> dict[str, Any]:
    """By name the cells of all cards, one Arrow array each: numbers, or texts with their distinct values."""
    lines = "\n".join(cards).encode()
    reading = csv.ReadOptions(
        column_names=CELLS, block_size=min(block, len(lines) + 1), use_threads=len(lines) >= WORTH_THREADS
    )
    read = csv.read_csv(pa.BufferReader(lines), reading, _PARSING, _MEANING)
    assert read.num_rows == len(cards), "a card is a line"
    return {name: _whole(read.column(name)) for name in CELLS}


def _whole(column: Any) -> Any:
    if column.num_chunks == 1:
        return column.chunk(0)
    return in_one_piece(column) if pa.types.is_dictionary(column.type) else column.combine_chunks()


def _numbers(column: Any) -> NDArray[Any]:
    width = np.dtype(f"{'u' if pa.types.is_unsigned_integer(column.type) else 'i'}{column.type.bit_width // 8}")
    return np.frombuffer(column.buffers()[1], width)[column.offset : column.offset + len(column)].copy()


class _Split(NamedTuple):
    """Distinct cells taken apart: the values of cell c are those from `starts[c]` to `starts[c + 1]`. Cell 0 is the
    empty one, which holds one empty value."""

    starts: IntArray
    flags: Flags  # of each value the digit before it, where there is one
    texts: Any  # Arrow's large strings


def _told(encoded: Any) -> Ragged:
    codes, cells = without_empty(encoded)
    if not len(cells):
        nothing = missing(0)
        return Ragged(np.zeros(len(codes) + 1, np.int64), nothing.codes, np.zeros(0, np.uint8), nothing.values)
    split = _split(cells, flagged=True)
    held = np.diff(split.starts)
    held[0] = 0
    starts = np.zeros(len(codes) + 1, np.int64)
    np.cumsum(held[codes], out=starts[1:])
    places, values = _places(split.starts[codes], starts), encode(split.texts)
    return Ragged(starts, values.codes[places], split.flags[places], values.values)


def _homes(cells: Mapping[str, Any]) -> Addresses:
    street = _told(cells[HOMES[0]])
    others = {name: _part(cells[name], street.starts) for name in HOMES[1:]}
    return Addresses(street.starts, street.flags, Column(street.codes, street.values), **others)


def _part(encoded: Any, starts: IntArray) -> Column:
    """A part of homes, of which each row has as many as the `starts` say."""
    codes, cells = without_empty(encoded)
    split = _split(cells, flagged=False)
    values = encode(split.texts)
    return Column(values.codes[_places(split.starts[codes], starts)], values.values)


def _split(cells: Any, *, flagged: bool) -> _Split:
    """Take apart distinct cells, none of them empty."""
    letters, edges = bytes_of(Values(pa.concat_arrays([to_arrow([""]), cells])))
    letters = letters[: edges[-1]]
    apart = np.flatnonzero(letters == ord(APART))
    begin = np.sort(np.concatenate((edges[:-1], apart + 1)))
    end = np.sort(np.concatenate((apart, edges[1:])))
    text = np.minimum(begin + 1, end) if flagged else begin
    # Three pieces each: the flags, the text, and what comes before the next. Arrow copies the texts from among them.
    pieces = from_bytes(letters, np.append(np.column_stack((begin, text, end)), end[-1]))
    texts = pieces.take(as_indices(np.arange(1, 3 * len(begin), 3)))
    flags = letters[begin] - ord("0") if flagged else np.zeros(len(begin), np.uint8)
    return _Split(np.arange(len(edges)) + np.searchsorted(apart, edges), flags, texts)


def _places(firsts: IntArray, starts: IntArray) -> IntArray:
    """Where the values of each row stand that begin at its `firsts` and are as many as its `starts` say."""
    counts = np.diff(starts)
    rows = np.flatnonzero(counts)
    if len(rows) == starts[-1]:  # no row has two
        return firsts[rows]
    return np.arange(starts[-1]) + np.repeat(firsts - starts[:-1], counts)


def _attributes(encoded: Any) -> dict[str, Column]:
    codes, cells = without_empty(encoded)
    if not len(cells):
        return {}
    starts, _, texts = _split(cells, flagged=False)
    firsts = np.arange(1, len(texts), 2)  # of the empty cell there is one text, then each name is followed by a value
    names = texts.take(as_indices(firsts)).dictionary_encode()
    name_codes = to_codes(names.indices)
    holder = np.searchsorted(starts, firsts, "right") - 1
    found = {}
    for code, name in enumerate(Values(names.dictionary)):
        named = np.flatnonzero(name_codes == code)
        value = np.zeros(len(starts) - 1, np.int64)
        value[holder[named]] = firsts[named] + 1
        column = encode(texts.take(as_indices(value)))
        found[name] = Column(column.codes[codes], column.values)
    return dict(sorted(found.items()))
