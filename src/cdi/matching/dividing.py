"""Blocks that too many records share are divided: their keys give way to finer compounds with a further part."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from cdi.matching.block_rules import RULES, Parts, Rows, Rule, parts_of
from cdi.matching.columns import RecordTable
from cdi.matching.model import MatchModel, contained
from cdi.matching.pairs import BoolArray, IntArray
from cdi.matching.similarity import combine

DEPTH: Final = 2
"""How often a block is divided before it is given up."""
SMALL_TABLE: Final = 1_000

Refuse = Callable[[Sequence[IntArray]], Sequence[BoolArray | None]]
"""Of several groups of keys, which are refused; None for a group of which none is."""


@dataclass(frozen=True, slots=True, eq=False)
class Group:
    """Keys of one rule (by its place among those asked) with their rows, the entries of the rule that they were made
    of, and the divisors that they were divided by, in the rule's order."""

    place: int
    keys: IntArray
    rows: Rows
    entries: IntArray
    divisors: tuple[str, ...] = ()

    def only(self, wanted: BoolArray) -> "Group":
        """Those of its keys."""
        return Group(self.place, self.keys[wanted], self.rows[wanted], self.entries[wanted], self.divisors)


@dataclass(frozen=True, slots=True, eq=False)
class Divided:
    """One rule's keys: those that are taken, in groups, and those that are refused and not divided any more; and how
    many entries the rule has."""

    rule: Rule
    kept: Sequence[Group]
    dropped: Sequence[Group]
    entries: int


def divided_keys(table: RecordTable, model: MatchModel, refuse: Refuse | None = None) -> Iterator[Divided]:
    """The keys of each rule: coarse ones first, then the finer compounds of those that are refused.

    Without `refuse` the model decides what is refused; then a record's keys depend on it and the model alone. The rules
    are asked one by one, so that memory stays bounded; of a small table all at once, which is quicker.
    """
    step = len(RULES) if len(table) <= SMALL_TABLE else 1
    for start in range(0, len(RULES), step):
        yield from _keys_of(RULES[start : start + step], start, table, model, refuse or _refused_by(model))


def _refused_by(model: MatchModel) -> Refuse:
    def refuse(groups: Sequence[IntArray]) -> Sequence[BoolArray | None]:
        keys = np.concatenate(groups)
        found = model.refuses(keys)
        if not len(found):
            return [None] * len(groups)
        flags = np.split(contained(keys, found), np.cumsum([len(group) for group in groups])[:-1])
        return [refused if refused.any() else None for refused in flags]

    return refuse


def _keys_of(
    rules: Sequence[Rule], first: int, table: RecordTable, model: MatchModel, refuse: Refuse
) -> Sequence[Divided]:
    """The keys of these rules, the first of which has this number."""
    entries = [rule.entries(table, model) for rule in rules]
    sizes = [len(hashes) for _, hashes in entries]
    tags = np.repeat(np.arange(first + 1, first + len(rules) + 1, dtype=np.uint64), sizes)
    keys = combine(tags, np.concatenate([hashes for _, hashes in entries])).view(np.int64)
    ends = np.cumsum(sizes).tolist()
    groups = [
        Group(place, keys[end - size : end], rows, np.arange(size))
        for place, ((rows, _), size, end) in enumerate(zip(entries, sizes, ends, strict=True))
    ]
    kept, dropped = _divided(rules, groups, table, refuse)
    return [Divided(*parts) for parts in zip(rules, kept, dropped, sizes, strict=True)]


Groups = Sequence[Sequence[Group]]
"""By place of their rule."""


def _divided(
    rules: Sequence[Rule], groups: Sequence[Group], table: RecordTable, refuse: Refuse
) -> tuple[Groups, Groups]:
    """The groups that are taken and those that are dropped."""
    kept: list[list[Group]] = [[group] if rules[group.place].chained else [] for group in groups]
    dropped: list[list[Group]] = [[] for _ in groups]
    pending = [group for group in groups if not rules[group.place].chained]
    for depth in range(DEPTH + 1):
        following: list[Group] = []
        for group, refused in zip(pending, refuse([group.keys for group in pending]) if pending else (), strict=True):
            if refused is None:
                kept[group.place].append(group)
                continue
            kept[group.place].append(group.only(~refused))
            coarse = group.only(refused)
            finer = [] if depth == DEPTH else list(_finer(rules[group.place], parts_of(table), coarse))
            following += finer
            divided = np.zeros(len(table), dtype=bool)
            for fine in finer:
                divided[fine.rows] = True
            dropped[group.place].append(coarse.only(~divided[coarse.rows]))
        pending = following
    return kept, dropped


def _finer(rule: Rule, parts: Parts, coarse: Group) -> Iterator[Group]:
    """Keys together with each of the rule's further divisors, where the record has it."""
    start = rule.divisors.index(coarse.divisors[-1]) + 1 if coarse.divisors else 0
    for number in range(start, len(rule.divisors)):
        name = rule.divisors[number]
        divisor = getattr(parts, name)[coarse.rows]
        tag = np.full(len(divisor), number + 1, np.uint64)
        finer = combine(coarse.keys.view(np.uint64), tag, divisor).view(np.int64)
        there = finer != 0
        yield Group(coarse.place, finer[there], coarse.rows[there], coarse.entries[there], (*coarse.divisors, name))
