"""Which pairs are worth comparing: a record's block keys are a pure function of the record and the model.

So a store can keep (key, record), and a pushed record meets exactly the records that a full run would show it.
Blocks are counted before pairs are made. A key that too many records have is *refused* by the model, and those
records get its finer compounds instead; what is too large even then is dropped by name, never silently.
"""

from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from typing import Final

import numpy as np

from cdi.errors import InvalidInputError
from cdi.matching.block_rules import Rows, Rule
from cdi.matching.columns import RecordTable
from cdi.matching.covering import needed
from cdi.matching.dividing import Group, Refuse, divided_keys
from cdi.matching.model import MatchModel, contained
from cdi.matching.pairs import BoolArray, IntArray, distinct
from cdi.matching.similarity import MANY, compiled_is_there


@dataclass(frozen=True, slots=True)
class Limits:
    """What one run may take: records in a block, pairs a record that one rule may make (in a table of `PLENTY`
    records; fewer in a larger one, so that pairs grow no faster than records), pairs in all, pairs in memory at
    once, threads."""

    max_block: int = 60
    pairs_a_record: float = 8.0
    max_pairs: int = 400_000_000
    chunk: int = 250_000
    threads: int = 2


@dataclass(frozen=True, slots=True)
class RuleCount:
    """What one rule makes: its blocks of two and more, their pairs, and the records of the largest."""

    rule: str
    blocks: int
    pairs: int
    largest: int


@dataclass(frozen=True, slots=True)
class Refusal:
    """A block that is too large even when divided: its rule, how many records have it, one of them, and what
    they share (for the operator's eyes, never for a log)."""

    rule: str
    carriers: int
    record_id: int
    value: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class BlockReport:
    """How the candidate pairs came about: by rule, how many keys were divided, and what was refused."""

    rules: tuple[RuleCount, ...] = ()
    divided: int = 0
    refusals: tuple[Refusal, ...] = ()


@dataclass(frozen=True, slots=True, eq=False)
class RuleKeys:
    """One rule's keys with their rows, those that are taken; `dropped` are those that are refused and not divided any
    more, with their rows."""

    rule: Rule
    keys: IntArray
    rows: Rows
    dropped: tuple[IntArray, Rows]


def rule_keys(table: RecordTable, model: MatchModel, refuse: Refuse | None = None) -> Iterator[RuleKeys]:
    """The keys of each rule, see `divided_keys`; those too that need not be kept."""
    for found in divided_keys(table, model, refuse):
        yield RuleKeys(found.rule, *_together(found.kept), _together(found.dropped))


def _together(groups: Sequence[Group]) -> tuple[IntArray, Rows]:
    if len(groups) < 2:
        return (groups[0].keys, groups[0].rows) if groups else (NONE, NONE)
    return np.concatenate([g.keys for g in groups]), np.concatenate([g.rows for g in groups])


NONE: Final[IntArray] = np.zeros(0, np.int64)


def _distinct(keys: IntArray, rows: Rows) -> tuple[IntArray, Rows]:
    """Each (key, row) once, sorted by both."""
    order = np.lexsort((rows, keys))
    keys, rows = keys[order], rows[order]
    first = np.ones(len(keys), dtype=bool)
    first[1:] = (keys[1:] != keys[:-1]) | (rows[1:] != rows[:-1])
    return keys[first], rows[first]


def block_keys(table: RecordTable, model: MatchModel) -> tuple[IntArray, Rows]:
    """The block keys of all records that are worth keeping: 64-bit keys and the row of each, sorted. Each record's keys
    depend on it and the model alone. Two records have one in common exactly if any rule brings them together."""
    return _distinct(*_together(needed(list(divided_keys(table, model)), table)))


def count_blocks(keys: IntArray) -> tuple[IntArray, IntArray]:
    """Distinct keys and how many records have each."""
    ordered = np.sort(keys)
    begins = np.flatnonzero(np.concatenate(([True], ordered[1:] != ordered[:-1]))) if len(keys) else ordered[:0]
    return ordered[begins], np.diff(np.append(begins, len(keys)))


def pairs_in(sizes: IntArray) -> int:
    """How many pairs blocks of these sizes make."""
    return int((sizes.astype(np.int64) * (sizes.astype(np.int64) - 1) // 2).sum())


def refuse_oversized(table: RecordTable, model: MatchModel, limits: Limits) -> MatchModel:
    """The model with every key refused that more than `limits.max_block` of these records have. What it already
    refuses stays refused."""

    budget = limits.pairs_a_record * len(table) * min(1.0, (PLENTY / max(len(table), 1)) ** 0.75)

    found = [model.refused]

    def oversized(group: IntArray) -> BoolArray | None:
        keys, sizes = count_blocks(group)
        refused = keys[(sizes > _largest_within(sizes, budget, limits)) | contained(keys, model.refused)]
        found.append(refused)
        return contained(group, refused) if len(refused) else None

    gathering = _gathered(rule_keys(table, model, lambda groups: list(map(oversized, groups))), table, limits)
    refused = replace(model, refused=distinct(np.concatenate(found)), drifted_from="", drift=0)
    table.remembered(_name_of_pairs(refused, limits), lambda: gathering.result(table, refused))
    return refused


PLENTY: Final = 100_000
"""Up to so many records, comparing too much costs nothing that anybody would notice."""


def _largest_within(sizes: IntArray, budget: float, limits: Limits) -> int:
    """The size of block up to which all blocks together stay within the budget of pairs."""
    counts = np.bincount(np.minimum(sizes, limits.max_block + 1), minlength=limits.max_block + 2)[:-1]
    of_size = np.arange(len(counts))
    pairs = np.cumsum(counts * (of_size * (of_size - 1) // 2))
    return max(SMALL, int(np.searchsorted(pairs, budget, side="right")) - 1)


SMALL: Final = 6
"""A block of so few records is always taken."""


def candidate_pairs(entries: Iterable[tuple[IntArray, Rows]], limits: Limits) -> tuple[Rows, Rows]:
    """The distinct pairs of rows that share a key, left < right, sorted. `entries` are keys and their rows, rule by
    rule, of which some are worked on at once.

    Counted before they are made: raises InvalidInputError when a rule would make more than `limits.max_pairs`.
    """
    made: list[IntArray] = []
    waiting: deque[Future[IntArray]] = deque()
    with ThreadPoolExecutor(limits.threads) as pool:
        for keys, rows in entries:
            waiting.append(pool.submit(lambda *entry: _pairs_of(_blocks_of(*entry), limits, 0), keys, rows))
            if len(waiting) > limits.threads:  # no more keys in memory than are worked on, and those of one rule more
                made.append(waiting.popleft().result())
        made += [of_rule.result() for of_rule in waiting]
    packed = _ordered(made)
    return packed >> 32, packed & 0xFFFFFFFF


def all_pairs(table: RecordTable, model: MatchModel, limits: Limits) -> tuple[Rows, Rows, BlockReport]:
    """The candidate pairs of a whole table, rule by rule so that memory stays bounded, and how they came about."""
    return table.remembered(_name_of_pairs(model, limits), lambda: _all_pairs(table, model, limits))


def _name_of_pairs(model: MatchModel, limits: Limits) -> str:
    return f"pairs {hash((model.refused.tobytes(), model.shared.tobytes(), model.custom))} {limits.max_pairs}"


def _all_pairs(table: RecordTable, model: MatchModel, limits: Limits) -> tuple[Rows, Rows, BlockReport]:
    return _gathered(rule_keys(table, model), table, limits).result(table, model)


def _gathered(rules: Iterator[RuleKeys], table: RecordTable, limits: Limits) -> "_Gathering":
    """The pairs of all rules; in a large table those of one are made while the keys of the next are."""
    gathering = _Gathering(limits)
    if len(table) <= MANY or limits.threads < 2:
        for of_rule in rules:
            gathering.add(of_rule)
        return gathering
    with ThreadPoolExecutor(1) as beside:
        adding: Future[None] = beside.submit(lambda: None)
        for of_rule in rules:
            adding.result()
            adding = beside.submit(gathering.add, of_rule)
        adding.result()
    return gathering


class _Gathering:
    """Pairs of all rules so far, each once, and what there is to report."""

    def __init__(self, limits: Limits) -> None:
        self.limits = limits
        self.gathered = np.zeros(0, np.int64)
        self.waiting: list[IntArray] = []
        self.counts: list[RuleCount] = []
        self.dropped: list[tuple[str, IntArray, Rows]] = []

    def add(self, found: RuleKeys) -> None:
        """Make the pairs of one more rule; counted before."""
        blocks = _blocks_of(found.keys, found.rows)
        sizes = blocks.sizes
        made = _chains(blocks) if found.rule.chained else _pairs_of(blocks, self.limits, len(self.gathered))
        largest = int(sizes.max(initial=min(1, len(found.keys))))
        self.counts.append(RuleCount(found.rule.name, len(sizes), len(made), largest))
        self.waiting.append(made)
        self.dropped.append((found.rule.name, *found.dropped))
        if sum(map(len, self.waiting)) > self.limits.chunk * 16:
            self._settle()

    def _settle(self) -> None:
        parts, self.waiting, self.gathered = [self.gathered, *self.waiting], [], self.gathered[:0]
        self.gathered = _ordered(parts)

    def result(self, table: RecordTable, model: MatchModel) -> tuple[Rows, Rows, BlockReport]:
        self._settle()
        report = BlockReport(tuple(self.counts), len(model.refused), _refusals(table, self.dropped))
        return self.gathered >> 32, self.gathered & 0xFFFFFFFF, report


@dataclass(frozen=True, slots=True, eq=False)
class _Blocks:
    """The rows of keys that two or more records have: those of block b are `rows[begins[b]:begins[b + 1]]`."""

    begins: IntArray
    rows: Rows

    @property
    def sizes(self) -> IntArray:
        """How many rows each block has."""
        return np.diff(self.begins)


def _blocks_of(keys: IntArray, rows: Rows) -> _Blocks:
    """The rows of equal keys, in their order within a block."""
    if len(keys) > MANY:
        from cdi.matching import grouping  # noqa: PLC0415  # loads numba, so only where it pays

        return _Blocks(*grouping.blocks_of(keys, rows))
    order = np.argsort(keys, kind="stable")
    keys, rows = keys[order], rows[order]
    first = np.ones(len(keys) + 1, dtype=bool)
    first[1:-1] = keys[1:] != keys[:-1]
    shared = ~(first[:-1] & first[1:])
    begins = np.flatnonzero(first[:-1][shared])
    return _Blocks(np.append(begins, np.count_nonzero(shared)), rows[shared])


def _pairs_of(blocks: _Blocks, limits: Limits, already: int) -> IntArray:
    """Pairs of rows of equal keys, packed in one integer each, not yet distinct over blocks."""
    begins, rows, sizes = blocks.begins, blocks.rows, blocks.sizes
    if already + pairs_in(sizes) > limits.max_pairs:
        raise InvalidInputError(
            f"blocking would make more than {limits.max_pairs} candidate pairs",
            remedy="Raise the limit of pairs or lower the limit of records in a block",
        )
    if len(rows) > MANY:
        from cdi.matching import grouping  # noqa: PLC0415  # loads numba, so only where it pays

        return grouping.pairs_of_blocks(begins, rows, np.empty(pairs_in(sizes), np.int64))
    made = [np.zeros(0, np.int64)]
    for size in distinct(sizes).tolist():
        i, j = np.triu_indices(size, 1)
        of_size = begins[:-1][sizes == size]
        step = max(1, (1 << 22) // len(i))
        for start in range(0, len(of_size), step):
            block = rows[of_size[start : start + step, None] + np.arange(size)]
            left, right = block[:, i], block[:, j]
            made.append((np.minimum(left, right) << 32 | np.maximum(left, right))[left != right].ravel())
    return np.concatenate(made)


def _ordered(made: list[IntArray]) -> IntArray:
    """All of these packed pairs, each once, ascending."""
    if compiled_is_there(sum(map(len, made))):
        from cdi.matching import grouping  # noqa: PLC0415  # loads numba, so only where it pays

        return grouping.ordered_pairs(made)
    return distinct(np.concatenate([np.zeros(0, np.int64), *made]))


def _chains(blocks: _Blocks) -> IntArray:
    """Of each block, every record with the next one."""
    last = np.zeros(len(blocks.rows), dtype=bool)
    last[blocks.begins[1:] - 1] = True
    here = np.flatnonzero(~last)
    return blocks.rows[here] << 32 | blocks.rows[here + 1]


def _refusals(table: RecordTable, dropped: list[tuple[str, IntArray, Rows]]) -> tuple[Refusal, ...]:
    """The largest blocks that were given up."""
    found = []
    for name, keys, rows in dropped:
        _, first, sizes = np.unique(keys, return_index=True, return_counts=True)
        largest = np.argsort(-sizes, kind="stable")[:SHOWN]
        found += [
            Refusal(name, int(size), int(table.record_ids[row]), _words_of_record(table, int(row)))
            for size, row in zip(sizes[largest], rows[first[largest]], strict=True)
        ]
    return tuple(sorted(found, key=lambda refusal: (-refusal.carriers, refusal.rule, refusal.record_id))[:SHOWN])


SHOWN: Final = 20
"""So many refusals are named in a report."""


def _words_of_record(table: RecordTable, row: int) -> str:
    columns = (table.given, table.family, table.organisation)
    return " ".join(column.values[column.codes[row]] for column in columns if column.codes[row])


def shared_keys(table: RecordTable, model: MatchModel, left: IntArray, right: IntArray) -> list[tuple[str, ...]]:
    """For each pair of rows the names of the rules that bring them together; empty: they were never compared."""
    names: list[list[str]] = [[] for _ in left]
    for found in rule_keys(table, model):
        keys_of = _by_row(found, set(left.tolist()) | set(right.tolist()))
        for told, a, b in zip(names, left.tolist(), right.tolist(), strict=True):
            if not keys_of[a].isdisjoint(keys_of[b]):
                told.append(found.rule.name)
    return [tuple(told) for told in names]


def _by_row(found: RuleKeys, rows: Iterable[int]) -> dict[int, set[int]]:
    keys: dict[int, set[int]] = {row: set() for row in rows}
    for key, row in zip(found.keys.tolist(), found.rows.tolist(), strict=True):
        if row in keys:
            keys[row].add(key)
    return keys
