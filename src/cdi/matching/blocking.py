"""Which pairs are worth comparing: a record's block keys are a pure function of the record and the model.

So a store can keep (key, record), and a pushed record meets exactly the records that a full run would show it.
Blocks are counted before pairs are made. A key that too many records have is *refused* by the model, and those
records get its finer compounds instead; what is too large even then is dropped by name, never silently.
"""

from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from typing import Final

import numpy as np
from numpy.typing import NDArray

from cdi.errors import InvalidInputError
from cdi.matching import features
from cdi.matching.columns import DOUBTFUL, Column, RecordTable
from cdi.matching.comparing.names import surname_hashes
from cdi.matching.model import MatchModel, contained
from cdi.matching.pairs import BoolArray, IntArray, distinct
from cdi.matching.similarity import MANY, Hashes, combine, compiled_is_there, hash_texts
from cdi.matching.texts import Objects, lengths_of

Rows = NDArray[np.int64]


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


# --- what keys are made of: one hash a record, 0 where missing


@dataclass(frozen=True, slots=True, eq=False)
class Parts:
    """The simple parts of block keys, one hash a record."""

    initial: Hashes
    given: Hashes
    family: Hashes
    start: Hashes
    birth: Hashes
    year: Hashes
    month_day: Hashes
    postal_code: Hashes
    city: Hashes
    street: Hashes
    house: Hashes
    organisation: Hashes


def parts_of(table: RecordTable) -> Parts:
    """The parts of block keys of each record."""
    return table.remembered("block parts", lambda: _parts(table))


def _parts(table: RecordTable) -> Parts:
    given, family = features.given_words(table), features.family_words(table)
    initials = features.value_hashes(table, "initials", _first_letters(table.initials))[table.initials.codes]
    letters = hash_texts([word[:1] for word in given.vocabulary])[given.codes[:, 0]][table.given.codes]
    organisation = features.organisation_words(table)
    birth = features.birth_parts(table)
    whole = features.birth_hashes(table)
    homes = table.addresses
    first = _first_home(table)

    def of_home(name: str, column: Column) -> Hashes:
        hashes = features.value_hashes(table, name, column.values)[column.codes]
        return np.where(first >= 0, hashes[np.maximum(first, 0)] if len(hashes) else np.uint64(0), np.uint64(0))

    street = of_home("street", homes.street)
    return Parts(
        initial=np.where(letters != 0, letters, initials),
        given=given.sounds[given.codes[:, 0]][table.given.codes],
        family=family.sounds[family.codes[:, 0]][table.family.codes],
        start=hash_texts([word[:2] for word in family.vocabulary])[family.codes[:, 0]][table.family.codes],
        birth=whole,
        year=birth.year.astype(np.uint64),
        month_day=np.where(whole != 0, birth.month * 100 + birth.day, 0).astype(np.uint64),
        postal_code=of_home("postal code", homes.postal_code),
        city=of_home("city", homes.city),
        street=street,
        house=combine(street, of_home("number", homes.number)),
        organisation=organisation.hashes[organisation.codes[:, 0]][table.organisation.codes],
    )


def _first_letters(column: Column) -> NDArray[np.object_]:
    letters = np.empty(len(column.values), dtype=object)
    letters[:] = [value[:1] for value in column.values]
    return letters


def _first_home(table: RecordTable) -> IntArray:
    """Position of each record's first address, -1 where it has none."""
    starts = table.addresses.starts
    return np.where(starts[1:] > starts[:-1], starts[:-1], -1)


# --- the rules

Entries = tuple[Rows, Hashes]


@dataclass(frozen=True, slots=True)
class Rule:
    """Records that share this are worth comparing; where too many do, they must share one of `divisors` too.

    A `chained` rule joins records that are alike in everything: each meets the next one, which is enough, and
    nothing is refused however many they are.
    """

    name: str
    entries: Callable[[RecordTable, MatchModel], Entries]
    divisors: tuple[str, ...] = ()
    chained: bool = False


def _all_rows(hashes: Hashes) -> Entries:
    rows = np.flatnonzero(hashes)
    return rows, hashes[rows]


def _compound(*names: str) -> Callable[[RecordTable, MatchModel], Entries]:
    def entries(table: RecordTable, _: MatchModel) -> Entries:
        parts = parts_of(table)
        return _all_rows(combine(*(getattr(parts, name) for name in names)))

    return entries


def _with_surnames(*names: str) -> Callable[[RecordTable, MatchModel], Entries]:
    """The compound with the sound of each surname of a record: double names, birth name, former ones."""

    def entries(table: RecordTable, _: MatchModel) -> Entries:
        rows, surnames = _surnames(table)
        parts = parts_of(table)
        hashes = combine(*(getattr(parts, name)[rows] for name in names), surnames)
        return rows[hashes != 0], hashes[hashes != 0]

    return entries


def _surnames(table: RecordTable) -> Entries:
    column = surname_hashes(table)

    def make() -> Entries:
        words, hints = features.words_of(column.values), features.surname_hints(table)
        hinted = np.flatnonzero(hints.codes)
        hint_words = features.words_of(hints.values)
        rows = np.concatenate((column.rows(), hinted))
        hint_sounds = hint_words.sounds[hint_words.codes[:, 0]][hints.codes[hinted]]
        return rows, np.concatenate((words.sounds[words.codes[:, 0]][column.codes], hint_sounds))

    return table.remembered("surname entries", make)


def _emails(table: RecordTable, model: MatchModel) -> Entries:
    names = features.online(table)
    hashes = features.value_hashes(table, "online", names.value.values)[names.value.codes]
    kept = ((names.flags & DOUBTFUL) == 0) & ~model.is_shared(hashes)
    return names.rows[kept], hashes[kept]


def _local_parts(table: RecordTable, model: MatchModel) -> Entries:
    names = features.online(table)
    whole = features.value_hashes(table, "online", names.value.values)[names.value.codes]
    hashes = features.value_hashes(table, "local", names.local.values)[names.local.codes]
    long = (lengths_of(names.local.values) >= LONG)[names.local.codes]
    kept = ((names.flags & DOUBTFUL) == 0) & ~model.is_shared(whole) & long & (hashes != 0)
    return names.rows[kept], hashes[kept]


LONG: Final = 5
"""A local part of so many letters is a block."""


def _phones(table: RecordTable, model: MatchModel) -> Entries:
    """The last digits of each phone number: they survive a wrong or missing prefix."""
    rows, hashes = [], []
    for name, column in (("mobiles", table.mobiles), ("landlines", table.landlines)):
        shared = model.is_shared(features.value_hashes(table, name, column.values))
        kept = ((column.flags & DOUBTFUL) == 0) & ~shared[column.codes]
        tails = features.value_hashes(table, f"end of {name}", _tails(column.values))
        rows.append(column.rows()[kept])
        hashes.append(tails[column.codes[kept]])
    return np.concatenate(rows), np.concatenate(hashes)


def _tails(values: Objects) -> NDArray[np.object_]:
    tails = np.empty(len(values), dtype=object)
    tails[:] = [value[-TAIL:] for value in values]
    return tails


TAIL: Final = 7
"""So many last digits of a phone number make a block."""


def _identifiers(table: RecordTable, _: MatchModel) -> Entries:
    column = table.identifiers
    return column.rows(), features.ragged_hashes(table, "identifiers", column)


def _with_names(*names: str) -> Callable[[RecordTable, MatchModel], Entries]:
    """The compound with the sound of each name of a record, given names and surnames alike: names change places."""

    def entries(table: RecordTable, _: MatchModel) -> Entries:
        rows, sounds = _names(table)
        parts = parts_of(table)
        hashes = combine(*(getattr(parts, name)[rows] for name in names), sounds)
        return rows[hashes != 0], hashes[hashes != 0]

    return entries


def _names(table: RecordTable) -> Entries:
    """The sounds of a record's first given names and of all its surnames, each once."""

    def make() -> Entries:
        rows, surnames = _surnames(table)
        given = features.given_words(table)
        sounds = given.sounds[given.codes[:, :2]][table.given.codes]
        all_rows = np.concatenate((rows, np.repeat(np.arange(len(table)), 2)))
        all_sounds = np.concatenate((surnames, sounds.ravel()))
        order = np.lexsort((all_sounds, all_rows))
        all_rows, all_sounds = all_rows[order], all_sounds[order]
        kept = all_sounds != 0
        kept[1:] &= (all_rows[1:] != all_rows[:-1]) | (all_sounds[1:] != all_sounds[:-1])
        return all_rows[kept], all_sounds[kept]

    return table.remembered("name entries", make)


def _full_name(table: RecordTable, _: MatchModel) -> Entries:
    """Given name and surname by sound, whichever stands where; and the surname with the short form's full name."""
    rows, surnames = _surnames(table)
    given = parts_of(table).given[rows]
    sounds = combine(np.minimum(given, surnames), np.maximum(given, surnames))
    words = features.given_words(table)
    by_word = features.given_groups(table)[:, : features.BLOCKED_GROUPS]
    groups = by_word[words.codes[:, 0]][table.given.codes[rows]].astype(np.uint64)
    formal = [combine(groups[:, k], surnames) for k in range(groups.shape[1])]
    hashes = np.concatenate((sounds, *formal))
    all_rows = np.tile(rows, 1 + groups.shape[1])
    return all_rows[hashes != 0], hashes[hashes != 0]


def _custom_with_names(table: RecordTable, model: MatchModel) -> Entries:
    """A custom attribute together with a name of the person or the organisation."""
    rows, sounds = _names(table)
    organisation_rows, words = _organisation_words(table, model)
    rows, sounds = np.concatenate((rows, organisation_rows)), np.concatenate((sounds, words))
    found_rows, found = [np.zeros(0, np.int64)], [np.zeros(0, np.uint64)]
    for name, _ in model.custom:
        if name in table.attributes:
            column = table.attributes[name]
            values = features.value_hashes(table, f"attribute {name}", column.values)[column.codes]
            hashes = combine(sounds, values[rows], hash_texts([name] * len(rows)))
            found_rows.append(rows[hashes != 0])
            found.append(hashes[hashes != 0])
    return np.concatenate(found_rows), np.concatenate(found)


def _organisations(table: RecordTable, _: MatchModel) -> Entries:
    texts = features.compact(table, "organisation", table.organisation.values)
    return _all_rows(features.value_hashes(table, "compact organisation", texts)[table.organisation.codes])


def _organisation_words(table: RecordTable, _: MatchModel) -> Entries:
    words = features.organisation_words(table)
    hashes = words.hashes[words.codes[table.organisation.codes]]
    rows = np.repeat(np.arange(len(table)), hashes.shape[1])
    flat = hashes.ravel()
    return rows[flat != 0], flat[flat != 0]


def _everything(table: RecordTable, model: MatchModel) -> Entries:
    """All that a record says at once, of records that say something in at least two fields."""
    parts = parts_of(table)
    names = (table.given, table.family, table.organisation, table.initials, table.birth_name)
    columns = [features.value_hashes(table, f"whole {k}", c.values)[c.codes] for k, c in enumerate(names)]
    columns += [table.birth.astype(np.uint64), parts.house, parts.postal_code, parts.city, parts.street]
    ragged = {"emails": table.emails, "mobiles": table.mobiles, "landlines": table.landlines}
    for name, column in {**ragged, "identifiers": table.identifiers}.items():
        total = np.zeros(len(table), np.uint64)
        if not column.is_empty:
            np.add.at(total, column.rows(), features.ragged_hashes(table, name, column))
        columns.append(total)
    for name, _ in model.custom:
        if name in table.attributes:
            attribute = table.attributes[name]
            columns.append(features.value_hashes(table, f"attribute {name}", attribute.values)[attribute.codes])
        else:
            columns.append(np.zeros(len(table), np.uint64))
    stacked = np.array(columns)
    rows = np.flatnonzero((stacked != 0).sum(axis=0) >= 2)
    stacked[stacked == 0] = 1
    return rows, combine(*stacked)[rows]


RULES: Final = (
    Rule("alike in everything", _everything, chained=True),
    Rule("e-mail", _emails, ("given", "family", "year", "postal_code")),
    Rule("part before the @", _local_parts, ("family", "given", "postal_code", "year")),
    Rule("end of phone", _phones, ("given", "family", "year", "house")),
    Rule("identifier", _identifiers, ("given", "family", "year", "organisation")),
    Rule("birth date", _compound("birth"), ("initial", "family", "postal_code", "city")),
    Rule("street and number", _compound("house"), ("postal_code", "city", "initial", "family")),
    Rule("postal code, name", _with_names("postal_code"), ("initial", "street", "year", "month_day")),
    Rule("city, name", _with_names("city"), ("initial", "street", "year", "month_day")),
    Rule("street, name", _with_names("street"), ("city", "postal_code", "initial", "year")),
    Rule("full name", _full_name, ("year", "city", "postal_code", "month_day", "street")),
    Rule("given name, start of surname", _compound("given", "start"), ("year", "city", "postal_code", "month_day")),
    Rule("surname", _with_surnames(), ("initial", "year", "city", "postal_code", "month_day")),
    Rule("organisation", _organisations, ("postal_code", "city", "house")),
    Rule("word of organisation", _organisation_words, ("postal_code", "house", "city", "street")),
    Rule("custom attribute, name", _custom_with_names, ("initial", "year", "postal_code", "city")),
)


DEPTH: Final = 2
"""How often a block is divided before it is given up."""


@dataclass(frozen=True, slots=True, eq=False)
class RuleKeys:
    """One rule's keys with their rows, those that are taken; `dropped` are those that are refused and not divided any
    more, with their rows."""

    rule: Rule
    keys: IntArray
    rows: Rows
    dropped: tuple[IntArray, Rows]


Refuse = Callable[[Sequence[IntArray]], Sequence[BoolArray | None]]
"""Of several groups of keys, which are refused; None for a group of which none is."""


def rule_keys(table: RecordTable, model: MatchModel, refuse: Refuse | None = None) -> Iterator[RuleKeys]:
    """The keys of each rule: coarse ones first, then the finer compounds of those that are refused.

    Without `refuse` the model decides what is refused; then a record's keys depend on it and the model alone. The rules
    are asked one by one, so that memory stays bounded; of a small table all at once, which is quicker.
    """
    step = len(RULES) if len(table) <= SMALL_TABLE else 1
    for start in range(0, len(RULES), step):
        yield from _keys_of(range(start, start + step), table, model, refuse or _refused_by(model))


SMALL_TABLE: Final = 1_000


def _refused_by(model: MatchModel) -> Refuse:
    def refuse(groups: Sequence[IntArray]) -> Sequence[BoolArray | None]:
        keys = np.concatenate(groups)
        found = model.refuses(keys)
        if not len(found):
            return [None] * len(groups)
        flags = np.split(contained(keys, found), np.cumsum([len(group) for group in groups])[:-1])
        return [refused if refused.any() else None for refused in flags]

    return refuse


def _keys_of(numbers: Sequence[int], table: RecordTable, model: MatchModel, refuse: Refuse) -> list[RuleKeys]:
    entries = [RULES[number].entries(table, model) for number in numbers]
    sizes = [len(hashes) for _, hashes in entries]
    tags = np.repeat(np.array(numbers, np.uint64) + np.uint64(1), sizes)
    keys = combine(tags, np.concatenate([hashes for _, hashes in entries])).view(np.int64)
    ends = np.cumsum(sizes).tolist()
    groups = [
        _Group(place, keys[end - size : end], rows, 0)
        for place, ((rows, _), size, end) in enumerate(zip(entries, sizes, ends, strict=True))
    ]
    return _divided([RULES[number] for number in numbers], groups, table, refuse)


@dataclass(frozen=True, slots=True, eq=False)
class _Group:
    """Keys of one rule (by its place among those asked) with their rows, and the first divisor that they can be divided
    by."""

    place: int
    keys: IntArray
    rows: Rows
    start: int

    def only(self, wanted: BoolArray) -> "_Group":
        return _Group(self.place, self.keys[wanted], self.rows[wanted], self.start)


def _divided(rules: Sequence[Rule], groups: Sequence[_Group], table: RecordTable, refuse: Refuse) -> list[RuleKeys]:
    kept: list[list[_Group]] = [[group] if rules[group.place].chained else [] for group in groups]
    dropped: list[list[_Group]] = [[] for _ in groups]
    pending = [group for group in groups if not rules[group.place].chained]
    for depth in range(DEPTH + 1):
        following: list[_Group] = []
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
    return [
        RuleKeys(rule, *_together(some), _together(gone)) for rule, some, gone in zip(rules, kept, dropped, strict=True)
    ]


def _together(groups: Sequence[_Group]) -> tuple[IntArray, Rows]:
    if len(groups) < 2:
        return (groups[0].keys, groups[0].rows) if groups else (NONE, NONE)
    return np.concatenate([g.keys for g in groups]), np.concatenate([g.rows for g in groups])


NONE: Final[IntArray] = np.zeros(0, np.int64)


def _finer(rule: Rule, parts: Parts, coarse: _Group) -> Iterator[_Group]:
    """Keys together with each of the rule's further divisors, where the record has it."""
    for number in range(coarse.start, len(rule.divisors)):
        divisor = getattr(parts, rule.divisors[number])[coarse.rows]
        tag = np.full(len(divisor), number + 1, np.uint64)
        finer = combine(coarse.keys.view(np.uint64), tag, divisor).view(np.int64)
        there = finer != 0
        yield _Group(coarse.place, finer[there], coarse.rows[there], number + 1)


def _distinct(keys: IntArray, rows: Rows) -> tuple[IntArray, Rows]:
    """Each (key, row) once, sorted by both."""
    order = np.lexsort((rows, keys))
    keys, rows = keys[order], rows[order]
    first = np.ones(len(keys), dtype=bool)
    first[1:] = (keys[1:] != keys[:-1]) | (rows[1:] != rows[:-1])
    return keys[first], rows[first]


def block_keys(table: RecordTable, model: MatchModel) -> tuple[IntArray, Rows]:
    """All block keys of all records: 64-bit keys and the row of each, sorted. Each record's keys depend on it and
    the model alone."""
    found = list(rule_keys(table, model))
    return _distinct(np.concatenate([f.keys for f in found]), np.concatenate([f.rows for f in found]))


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
