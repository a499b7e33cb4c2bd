"""Many cards as columns: read by Arrow as a file of lines, and taken apart where a cell holds several values."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray
from pyarrow import csv

from cdi.matching.cards import APART, BETWEEN, CELLS, HOMES, TEXTS, TOLD, Card
from cdi.matching.columns import Addresses, Column, Flags, Ragged, encode, missing
from cdi.matching.pairs import IntArray
from cdi.matching.texts import Values, as_indices, bytes_of, from_bytes, to_codes

BLOCK: Final = 1 << 30
"""So many bytes are read in one piece, at most; Arrow takes less than twice as many."""
WORTH_THREADS: Final = 1 << 24
"""From so many bytes on, several processors read."""

_NUMBERS: Final = {"kind": "uint8", "gender": "uint8", "birth": "int32"}
_PARSING: Final = csv.ParseOptions(delimiter=BETWEEN, quote_char=False, double_quote=False, escape_char=False)
_MEANING: Final = csv.ConvertOptions(
    column_types={name: _NUMBERS.get(name, "large_string") for name in CELLS},
    null_values=[],
    strings_can_be_null=False,
    check_utf8=False,
)


def read_many(cards: Sequence[Card], block: int = BLOCK) -> dict[str, Any]:
    """The columns of a RecordTable that these cards tell, by name; a row each, in their order."""
    cells = _cells(cards, block)
    return {
        **{name: _numbers(cells[name], kind) for name, kind in _NUMBERS.items()},
        **{name: _text(cells[name]) for name in TEXTS},
        **{name: _told(cells[name]) for name in TOLD},
        "addresses": _homes(cells),
        "attributes": _attributes(cells["attributes"]),
    }


def _cells(cards: Sequence[Card], block: int) -> dict[str, Any]:
    """By name the cells of all cards, an Arrow array each."""
    lines = "\n".join(cards).encode()
    reading = csv.ReadOptions(
        column_names=CELLS, block_size=min(block, len(lines) + 1), use_threads=len(lines) >= WORTH_THREADS
    )
    read = csv.read_csv(pa.BufferReader(lines), reading, _PARSING, _MEANING)
    assert read.num_rows == len(cards), "a card is one line"
    return {name: _in_one_piece(read.column(name)) for name in CELLS}


def _in_one_piece(column: Any) -> Any:
    return column.chunk(0) if column.num_chunks == 1 else pa.concat_arrays(column.chunks)


def _numbers(column: Any, kind: str) -> NDArray[Any]:
    return np.frombuffer(column.buffers()[1], kind)[column.offset : column.offset + len(column)].copy()


def _text(column: Any) -> Column:
    return encode(column) if _edges(column)[-1] else missing(len(column))


def _told(column: Any) -> Ragged:
    values = _split(column, _filled(column), flags=1)
    texts = encode(values.texts)
    return Ragged(values.starts(), texts.codes, values.flags(), texts.values)


def _homes(cells: Mapping[str, Any]) -> Addresses:
    street, rows = _told(cells[HOMES[0]]), _filled(cells[HOMES[0]])
    others = {name: encode(_split(cells[name], rows).texts) for name in HOMES[1:]}
    return Addresses(street.starts, street.flags, Column(street.codes, street.values), **others)


def _edges(column: Any) -> IntArray:
    """Where the bytes of each cell begin; the last entry is where all end."""
    return bytes_of(Values(column))[1]


def _filled(column: Any) -> IntArray:
    """The rows whose cell is not empty."""
    edges = _edges(column)
    return np.flatnonzero(edges[1:] > edges[:-1])


@dataclass(frozen=True, slots=True)
class _Split:
    """The values in the cells of a column, one after the other."""

    column: Any
    apart: IntArray  # the bytes between the values of a cell
    begin: IntArray  # the first byte of each value
    texts: Any  # Arrow's large strings

    def starts(self) -> IntArray:
        """Those of row r are from `starts[r]` to `starts[r + 1]`, if each cell that is not empty was taken apart."""
        edges = _edges(self.column)
        starts = np.zeros(len(edges), np.int64)
        np.cumsum(edges[1:] > edges[:-1], out=starts[1:])
        return starts + np.searchsorted(self.apart, edges)

    def flags(self) -> Flags:
        """The digit before each."""
        return bytes_of(Values(self.column))[0][self.begin] - np.uint8(ord("0"))


def _split(column: Any, rows: IntArray, flags: int = 0) -> _Split:
    """Take apart the cells of these rows, which hold at least one value each, the others being empty; so many bytes
    before each text are flags."""
    letters, edges = bytes_of(Values(column))
    apart = np.flatnonzero(letters[: edges[-1]] == ord(APART))
    begin = np.sort(np.concatenate((edges[rows], apart + 1)))
    # Each value is three pieces: the flags, the text, and what comes before the next one. Arrow copies the texts.
    pieces = np.full(3 * len(begin) + 1, edges[-1])
    pieces[:-1:3] = begin
    pieces[1::3] = begin + flags
    pieces[2::3] = np.sort(np.concatenate((edges[rows + 1], apart)))
    texts = from_bytes(letters, pieces).take(as_indices(np.arange(1, len(pieces), 3)))
    return _Split(column, apart, begin, texts)


def _attributes(column: Any) -> dict[str, Column]:
    rows = _filled(column)
    if not len(rows):
        return {}
    split = _split(column, rows)
    said = np.arange(0, len(split.texts), 2)  # each name is followed by a value
    row_of = np.searchsorted(split.starts(), said, "right") - 1
    names = split.texts.take(as_indices(said)).dictionary_encode()
    code_of, found = to_codes(names.indices), {}
    for code, name in enumerate(Values(names.dictionary)):
        named = np.flatnonzero(code_of == code)
        values = encode(split.texts.take(as_indices(said[named] + 1)))
        codes = np.zeros(len(column), np.int32)
        codes[row_of[named]] = values.codes
        found[name] = Column(codes, values.values)
    return dict(sorted(found.items()))
