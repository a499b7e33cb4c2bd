"""A few cards as columns: taken apart by Python, which is quicker than to set up a reader of many."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cdi.matching.cards import APART, BETWEEN, CELLS, HOMES, TEXTS, TOLD, Card
from cdi.matching.columns import Addresses, Column, Flags, Ragged, encode
from cdi.matching.pairs import IntArray

Cells = tuple[str, ...]
"""A cell of each card."""


def read_few(cards: Sequence[Card]) -> dict[str, Any]:
    """The columns of a RecordTable that these cards tell, by name; a row each, in their order."""
    rows = [card.split(BETWEEN) for card in cards]
    cells: dict[str, Cells] = dict(zip(CELLS, zip(*rows, strict=True) if rows else [()] * len(CELLS), strict=True))
    return {
        "kind": _numbers(cells["kind"], np.uint8),
        "gender": _numbers(cells["gender"], np.uint8),
        "birth": _numbers(cells["birth"], np.int32),
        **{name: encode(cells[name]) for name in TEXTS},
        **{name: _told(cells[name]) for name in TOLD},
        "addresses": _homes(cells),
        "attributes": _attributes(cells["attributes"]),
    }


def _numbers(cells: Cells, kind: type[np.generic]) -> NDArray[Any]:
    return np.fromiter(map(int, cells), kind, len(cells))


def _told(cells: Cells) -> Ragged:
    starts, values = _starts(cells), _values(list(filter(None, cells)))
    texts = encode([value[1:] for value in values])
    return Ragged(starts, texts.codes, _flags(values), texts.values)


def _homes(cells: Mapping[str, Cells]) -> Addresses:
    told = cells[HOMES[0]]  # a flag stands there where there is a home, so that it is not empty
    streets = _values(list(filter(None, told)))
    parts = {
        name: encode(_values([cell for cell, street in zip(cells[name], told, strict=True) if street]))
        for name in HOMES[1:]
    }
    street = encode([street[1:] for street in streets])
    return Addresses(_starts(told), _flags(streets), street, **parts)


def _starts(cells: Cells) -> IntArray:
    """Where the values of each card begin; the last entry is where all end."""
    starts = np.zeros(len(cells) + 1, np.int64)
    if any(cells):
        np.cumsum([cell.count(APART) + 1 if cell else 0 for cell in cells], out=starts[1:])
    return starts


def _values(cells: Sequence[str]) -> list[str]:
    """The values of these cells, one after the other."""
    return APART.join(cells).split(APART) if cells else []


def _flags(values: Sequence[str]) -> Flags:
    return np.array([int(value[0]) for value in values], np.uint8)


def _attributes(cells: Cells) -> dict[str, Column]:
    named: dict[str, list[str]] = {}
    for row, cell in enumerate(cells):
        if cell:
            parts = cell.split(APART)
            for name, value in zip(parts[::2], parts[1::2], strict=True):
                named.setdefault(name, [""] * len(cells))[row] = value
    return {name: encode(values) for name, values in sorted(named.items())}
