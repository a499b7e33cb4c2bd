"""What a comparison is and what it answers: a level, of which 0 is *not comparable* and says nothing."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from threading import RLock
from typing import Any, Final, TypeVar

import numpy as np
from numpy.typing import NDArray

from cdi.matching import features
from cdi.matching.columns import (
    RecordTable,
)
from cdi.matching.model import MatchModel
from cdi.matching.pairs import BoolArray, FloatArray, IntArray
from cdi.matching.similarity import compiled_is_there
from cdi.matching.texts import Objects

Levels = NDArray[np.uint8]
Told = TypeVar("Told", FloatArray, BoolArray)
IGNORED: Final = 255
"""Inside a comparison of many values with many: these two values say nothing."""


@dataclass(frozen=True, slots=True)
class Level:
    """One answer. `stratum` says what could be compared; m, h, u are starting shares (see LevelWeights).

    `agrees` marks full agreement (the caps on households count it), `opposes` true contradiction, `unlike` what two
    records of one organisation seldom show (the caps on organisations count it).
    """

    name: str
    stratum: int
    m: float
    h: float
    u: float
    agrees: bool = False
    opposes: bool = False
    unlike: bool = False


@dataclass(frozen=True, slots=True)
class Answers:
    """Level of each pair, and how common the shared value is (nan where no value is shared)."""

    levels: Levels
    shares: FloatArray | None = None

    def only(self, chosen: IntArray) -> "Answers":
        """The answers for some of the pairs."""
        return Answers(self.levels[chosen], None if self.shares is None else self.shares[chosen])


Compare = Callable[["Subject", IntArray, IntArray], Answers]


@dataclass(frozen=True, eq=False)
class Comparison:
    """One question: its name, what it means to a steward, its levels from 1, and the function that answers it.

    `rarity` names the frequency table that its shared values are looked up in; `rarity_counts_in_household` says
    whether a rare shared value also speaks against *another person of the household* (a given name does, a
    surname does not). `household_cap` bounds the share of household pairs on agreeing levels, `unlike_cap` that of
    pairs of one organisation on levels marked so. `applies` says whether a table has anything to compare. `learned`
    is False where the weights are set and not trained.
    """

    name: str
    explanation: str
    levels: tuple[Level, ...]
    compare: Compare
    applies: Callable[[RecordTable], bool]
    rarity: str = ""
    rarity_counts_in_household: bool = False
    household_cap: float = 1.0
    unlike_cap: float = 1.0
    learned: bool = True

    @cached_property
    def opposes(self) -> BoolArray:
        """By level: does such an answer truly contradict?"""
        return np.array([False] + [level.opposes for level in self.levels])


class Subject:
    """A table under a model: what comparisons look at. Lookups that need both are made once."""

    def __init__(self, table: RecordTable, model: MatchModel) -> None:
        self.table = table
        self.model = model
        self._memo: dict[str, Any] = {}

    def shares(self, name: str, values: Objects) -> FloatArray:
        """How common each distinct value is, under the model."""
        frequencies = self.model.frequencies_of(name)
        return self._by_value(f"shares {name}", frequencies, values, lambda: frequencies.of(values))

    def shared(self, name: str, values: Objects) -> BoolArray:
        """Which distinct contact values say nothing, under the model."""

        def make() -> BoolArray:
            return self.model.is_shared(features.value_hashes(self.table, name, values))

        return self._by_value(f"shared {name}", self.model.shared, values, make)

    def _by_value(self, key: str, of: object, values: Objects, make: Callable[[], Told]) -> Told:
        """What `make` says of each distinct value under a part of the model; made once, also where several threads ask,
        until it is asked under another one."""
        with self.table.making.setdefault(key, RLock()):
            known = self.table.memo.get(key)
            if known is None or known[0] is not of or len(known[1]) != len(values):
                known = self.table.memo[key] = (of, make())
        found: Told = known[1]
        return found

    def listed(self, name: str, values: Objects) -> BoolArray:
        """Which distinct values are so common that the model lists them."""
        key = f"listed {name}"
        if key not in self._memo:
            shares = self.model.frequencies_of(name).shares
            self._memo[key] = np.fromiter(map(shares.__contains__, values), bool, len(values))
        found: BoolArray = self._memo[key]
        return found


COMMON: Final = 1e-4
TYPO_SHARE: Final = 0.02
"""A misspelling is rarer than its name by more than this; two similar names that are not are two names."""


def crossed(starts: IntArray, a: IntArray, b: IntArray) -> tuple[IntArray, IntArray, IntArray]:
    """All values of one record against all of the other: (pair, position left, position right), pairs ascending."""
    if compiled_is_there(len(a)):
        from cdi.matching import grouping  # noqa: PLC0415  # loads numba, so only where it pays

        return grouping.crossed(starts, a, b)
    count_a, count_b = starts[a + 1] - starts[a], starts[b + 1] - starts[b]
    counts = count_a * count_b
    pair = np.repeat(np.arange(len(a)), counts)
    within = np.arange(len(pair)) - np.repeat(np.cumsum(counts) - counts, counts)
    of_b = count_b[pair]
    return pair, starts[a][pair] + within // np.maximum(of_b, 1), starts[b][pair] + within % np.maximum(of_b, 1)


def best(pair: IntArray, levels: Levels, n: int) -> Levels:
    """Of each pair the first level that any of its values reached; 0 where none said anything."""
    result = np.zeros(n, np.uint8)
    if bool((pair[1:] > pair[:-1]).all()):  # each has one
        result[pair] = levels * (levels != IGNORED)
        return result
    kept = np.flatnonzero(levels != IGNORED)
    pair, levels = pair[kept], levels[kept]
    if len(pair) == 0:
        return result
    begins = np.flatnonzero(np.concatenate(([True], pair[1:] != pair[:-1])))
    result[pair[begins]] = np.minimum.reduceat(levels, begins)
    return result
