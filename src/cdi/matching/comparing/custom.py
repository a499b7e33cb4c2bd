"""Custom attributes as comparisons, as `cdi.yaml` names them."""

from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cdi.matching.comparing.answers import (
    Answers,
    Comparison,
    Level,
    Subject,
)
from cdi.matching.pairs import BoolArray, FloatArray, IntArray
from cdi.matching.similarity import distinct_pairs, token_similarity


@lru_cache(maxsize=200)
def custom(name: str, how: str) -> Comparison:
    """A comparison of one custom attribute: exact, text or number."""

    def compare(subject: Subject, a: IntArray, b: IntArray) -> Answers:
        return _custom(subject, name, how, a, b)

    exact = Level("equal", 1, 0.8, 0.1, 0.02, agrees=True)
    near = Level("similar", 1, 0.1, 0.05, 0.02)
    other = Level("different", 1, 0.1, 0.85, 0.96)
    return Comparison(
        f"attribute {name}",
        f"Does the attribute {name} agree ({how})?",
        (exact, near, other),
        compare,
        lambda table: name in table.attributes,
        rarity=f"attribute {name}",
        rarity_counts_in_household=True,
    )


def _custom(subject: Subject, name: str, how: str, a: IntArray, b: IntArray) -> Answers:
    column = subject.table.attributes[name]
    x, y = column.codes[a], column.codes[b]
    levels = np.where((x == 0) | (y == 0), 0, np.where(x == y, 1, 3)).astype(np.uint8)
    unequal = np.flatnonzero(levels == 3)
    if len(unequal) and how != "exact":
        low, high, inverse = distinct_pairs(x[unequal], y[unequal])
        near = _near_numbers if how == "number" else _near_texts
        levels[unequal[near(column.values[low], column.values[high])[inverse]]] = 2
    shares = np.full(len(a), np.nan)
    equal = levels == 1
    shares[equal] = subject.shares(f"attribute {name}", column.values)[x[equal]]
    return Answers(levels, shares)


def _near_texts(left: NDArray[Any], right: NDArray[Any]) -> BoolArray:
    near: BoolArray = token_similarity(left, right, 0.8) > 0
    return near


def _near_numbers(left: NDArray[Any], right: NDArray[Any]) -> BoolArray:
    """Within a tenth of the larger."""
    x, y = _numbers(left), _numbers(right)
    near: BoolArray = np.abs(x - y) <= 0.1 * np.maximum(np.abs(x), np.abs(y))
    return near


def _numbers(texts: NDArray[Any]) -> FloatArray:
    def parse(text: str) -> float:
        try:
            return float(text.replace(",", "."))
        except ValueError:
            return float("nan")

    return np.fromiter(map(parse, texts), np.float64, len(texts))
