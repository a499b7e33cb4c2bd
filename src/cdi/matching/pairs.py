"""Pairs as arrays: two columns of record ids and what the engine holds of each pair. No object per pair."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

IntArray = NDArray[np.int64]
FloatArray = NDArray[np.float64]
BoolArray = NDArray[np.bool_]


def distinct(values: IntArray) -> IntArray:
    """Each value once, ascending. Sorting 64-bit integers is many times faster than numpy's own `unique`, which
    hashes them, and to look whether they are in order takes next to nothing."""
    if bool((values[1:] > values[:-1]).all()):
        return values
    ordered = np.sort(values)
    kept = np.ones(len(ordered), dtype=bool)
    kept[1:] = ordered[1:] != ordered[:-1]
    return ordered[kept]


def in_order(*keys: NDArray[Any]) -> IntArray:
    """The order in which entries ascend by the first of these columns, where it is equal by the second, and so on, last
    by their places: `numpy.lexsort`, which takes many times as long as sorting integers."""
    rank = ranks(keys[0])
    for key in keys[1:]:
        rank = ranks(rank << 32 | ranks(key))
    return grouped(rank, np.arange(len(rank)))


def ranks(values: NDArray[Any]) -> IntArray:
    """For each entry how many distinct values are smaller."""
    order = np.argsort(values)
    ordered = values[order]
    found = np.zeros(len(values), np.int64)
    found[order[1:]] = np.cumsum(ordered[1:] != ordered[:-1])
    return found


def grouped(groups: IntArray, members: IntArray) -> IntArray:
    """The members group by group, ascending within each; both are below two to the power of 31."""
    return np.sort(groups << 32 | members) & 0xFFFFFFFF


def places(ordered: IntArray, values: IntArray) -> IntArray:
    """Where each value stands in an ascending array without repeats, or would stand: `numpy.searchsorted`, without a
    search where the array has no gaps."""
    if len(ordered) and ordered[-1] - ordered[0] == len(ordered) - 1:
        found: IntArray = np.clip(values - ordered[0], 0, len(ordered))
        return found
    return np.searchsorted(ordered, values)


@dataclass(frozen=True, slots=True)
class ScoredPairs:
    """Pairs of record ids (left < right, sorted, unique) with their match weights in nats (natural logarithm).

    `household` and `stranger` are the two sums: log odds against *another person of the household* and against
    *a stranger*; `weight` = -log(e^-household + e^-stranger). `contradicts` says that given name or birth date
    truly contradict, which clustering counts in full.
    """

    left: IntArray
    right: IntArray
    weight: FloatArray
    household: FloatArray
    stranger: FloatArray
    contradicts: BoolArray

    def __len__(self) -> int:
        return len(self.left)

    def only(self, wanted: BoolArray) -> "ScoredPairs":
        """The pairs for which `wanted` holds."""
        return self.at(np.flatnonzero(wanted))

    def at(self, positions: IntArray) -> "ScoredPairs":
        """The pairs at these positions."""
        return ScoredPairs(
            self.left[positions],
            self.right[positions],
            self.weight[positions],
            self.household[positions],
            self.stranger[positions],
            self.contradicts[positions],
        )
