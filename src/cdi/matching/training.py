"""A model from unlabelled records: expectation maximisation with three latent classes, the same person, another
person of the same household, and strangers.

Three things keep it honest: u is estimated from random pairs whose own probability of being strangers weighs them;
agreement on given name or birth date is capped in the household class; every share is smoothed by its start.
"""

from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, replace
from functools import cached_property
from threading import Thread
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from cdi.errors import InvalidInputError
from cdi.matching import features
from cdi.matching.blocking import Limits, all_pairs, refuse_oversized
from cdi.matching.columns import Column, Ragged, RecordTable, encode
from cdi.matching.comparing.answers import Comparison, Subject
from cdi.matching.comparing.custom import custom
from cdi.matching.comparisons import COMPARISONS, comparisons_of, starting_weights, weights_of
from cdi.matching.engine import prepare, rarity_of
from cdi.matching.model import MIN_CARRIERS, Frequencies, KindWeights, LevelWeights, MatchModel, contained
from cdi.matching.pairs import BoolArray, FloatArray, IntArray, distinct
from cdi.matching.similarity import Hashes, numbered
from cdi.matching.texts import Objects

Progress = Callable[[int, int], None]

MIN_RECORDS: Final = 100
"""Fewer records teach less than the shipped model knows."""
LOOKED_AT: Final = 20_000
"""Of so many records it is seen whether enough are different."""
SAMPLED_PAIRS: Final = 200_000
RANDOM_PAIRS: Final = 200_000
ROUNDS: Final = 60
CONVERGED: Final = 1e-4
PSEUDO_PAIRS: Final = 20.0
"""So many pairs' worth of the starting shares smooth each stratum of each class."""
FLOOR: Final = 1e-9


def can_train(table: RecordTable) -> bool:
    """Are there enough records, and enough different ones, to learn from?"""
    if len(table) < MIN_RECORDS:
        return False
    some = slice(None, None, max(1, len(table) // LOOKED_AT))
    parts = (table.given.codes, table.family.codes, table.organisation.codes, table.birth)
    return len(np.unique(np.stack([part[some] for part in parts]), axis=1)[0]) >= MIN_RECORDS


def start_model(table: RecordTable | None = None, custom_attributes: tuple[tuple[str, str], ...] = ()) -> MatchModel:
    """The model before anything was learned: the starting shares of each level name the classes."""
    comparisons = COMPARISONS + tuple(custom(name, how) for name, how in custom_attributes)
    n = 10_000 if table is None else max(len(table), 10)
    return MatchModel(
        weights={c.name: starting_weights(c) for c in comparisons},
        lambda_match=min(0.5 / n, 0.05),
        lambda_household=min(0.5 / n, 0.05),
        custom=custom_attributes,
        provenance={"made_by": "starting shares"},
    )


def train(
    table: RecordTable,
    start: MatchModel | None = None,
    limits: Limits | None = None,
    seed: int = 0,
    progress: Progress | None = None,
    candidates: tuple[IntArray, IntArray] | None = None,
) -> MatchModel:
    """A model of these records, equal for equal records, start and seed.

    `start` gives thresholds, guarantees, custom attributes, and the shares that smooth the estimates. `candidates`
    are pairs of rows (left < right) chosen elsewhere, instead of those of our own blocking.
    """
    limits = limits or Limits()
    if len(table) < 2:
        raise InvalidInputError("fewer than two records cannot teach a model", remedy="Use the default model")
    start = start or start_model(table)
    model = _with_values(table, start, limits.threads)
    if candidates is None:
        model = refuse_oversized(table, model, limits)
        candidates = all_pairs(table, model, limits)[:2]
    left, right = candidates
    told: dict[str, Any] = {
        "made_by": "expectation maximisation without labels",
        "records": len(table),
        "candidate_pairs": len(left),
        "seed": seed,
    }
    persons = np.flatnonzero(table.kind == 0)
    if len(persons) > 1:
        learned, told["persons"] = _learn(table, model, (left, right), persons, limits, seed, progress)
        model = replace(
            model,
            weights=learned.weights,
            lambda_match=learned.lambda_match,
            lambda_household=learned.lambda_household,
        )
    organisations = np.flatnonzero(table.kind == 1)
    if len(organisations) >= MIN_RECORDS or len(organisations) == len(table):
        judge = replace(model.for_organisations, weights=_sister_start(model.for_organisations))
        learned, told["organisations"] = _learn(table, judge, (left, right), organisations, limits, seed, progress)
        kind = KindWeights(learned.weights, learned.lambda_match, learned.lambda_household)
        model = replace(model, organisations=kind)
    return replace(model, seed=seed, provenance=told)


def begin(table: RecordTable, start: MatchModel) -> None:
    """Begins to make what `train` needs of a table before it looks at pairs, in a thread of its own: for a caller that
    makes the candidate pairs meanwhile."""

    def make() -> None:
        _with_values(table, start, 1)
        features.make_ready(table)

    Thread(target=make, name="before training", daemon=True).start()


def _with_values(table: RecordTable, start: MatchModel, threads: int) -> MatchModel:
    """The start with what is known of single values: how common they are, and which strangers share. Made once a
    table."""
    start_of = f"{start.custom} {hash(start.shared.tobytes())}"
    with ThreadPoolExecutor(threads) as pool:
        frequencies = pool.submit(table.remembered, f"frequencies {start_of}", lambda: _frequencies(table, start))
        shared = pool.submit(table.remembered, f"shared values {start_of}", lambda: shared_values(table, start))
    return replace(start, frequencies=frequencies.result(), shared=shared.result())


def _learn(
    table: RecordTable,
    start: MatchModel,
    candidates: tuple[IntArray, IntArray],
    rows: IntArray,
    limits: Limits,
    seed: int,
    progress: Progress | None,
) -> tuple[MatchModel, dict[str, Any]]:
    """What pairs of two of these rows teach, and how it was learned."""
    rng = np.random.default_rng(seed)
    left, right = candidates
    if len(rows) < len(table):
        chosen = np.zeros(len(table), dtype=bool)
        chosen[rows] = True
        both = np.flatnonzero(chosen[left] & chosen[right])
        left, right = left[both], right[both]
    start = replace(start, weights={c.name: weights_of(start, c) for c in comparisons_of(start)})
    sample = _sample(len(left), rng)
    comparisons = tuple(c for c in comparisons_of(start) if c.applies(table) and c.learned)
    a, b = _random_pairs(len(rows), rng)
    prepare(Subject(table, start), comparisons, left, right, limits.threads)
    seen = [(left[sample], right[sample]), (rows[a], rows[b])]
    with ThreadPoolExecutor(limits.threads) as pool:
        looking = [_looked_at(table, start, comparisons, *pairs, pool) for pairs in seen]
        blocked, random = pool.map(_observed, looking)
    estimation = Estimation(
        comparisons,
        start,
        blocked=blocked,
        random=random,
        scale=len(left) / max(len(sample), 1),
        total=len(rows) * (len(rows) - 1) / 2,
        has_households=has_middle_class(table, organisations=bool(table.kind[rows[0]])),
        organisations=bool(table.kind[rows[0]]),
    )
    learned = estimation.run(progress)
    classes = 3 if estimation.has_households else 2
    return learned, {"records": len(rows), "pairs": len(sample), "classes": classes, "rounds": estimation.rounds}


SISTERS_SHARE: Final = 0.1
"""Sister organisations share a site, a phone or a domain more often than strangers, far less than one does."""

SAID_OF_SISTERS: Final = 0.7
"""What is said of an organisation (its trade, its website) is mostly said of its sisters too, and this is not learned:
else the class turns into organisations that share a word of the name and nothing else."""


def _sister_start(model: MatchModel) -> dict[str, LevelWeights]:
    """For organisations the middle class is a sister with a similar name, mostly at a place of its own."""
    weights = {c.name: weights_of(model, c) for c in comparisons_of(model)}
    shares = {name: SAID_OF_SISTERS if name.startswith("attribute ") else SISTERS_SHARE for name in weights}
    return {
        name: w if name == "organisation" else replace(w, h=_of_sisters(w.m, w.u, shares[name]))
        for name, w in weights.items()
    }


def _of_sisters(m: FloatArray, u: FloatArray, share: float) -> FloatArray:
    """Shares of levels among sisters of whom so many are like one organisation, all others like strangers."""
    return share * m + (1 - share) * u


def has_middle_class(table: RecordTable, organisations: bool) -> bool:
    """Can two persons of one household be told from one person, or sister organisations from one? What both share
    must be there, and what tells them apart."""
    if organisations:
        own = (table.addresses, table.landlines, table.emails)
        return not table.organisation.is_empty and not all(column.is_empty for column in own)
    shares = not (table.addresses.is_empty and table.landlines.is_empty)
    tells_apart = not table.given.is_empty or bool((table.birth != 0).any())
    return shares and tells_apart


def _sample(n: int, rng: np.random.Generator) -> IntArray:
    if n <= SAMPLED_PAIRS:
        return np.arange(n)
    return np.sort(rng.choice(n, SAMPLED_PAIRS, replace=False))


def _random_pairs(n: int, rng: np.random.Generator) -> tuple[IntArray, IntArray]:
    """Random pairs of rows, all of them where there are few."""
    if n * (n - 1) // 2 <= RANDOM_PAIRS:
        i, j = np.triu_indices(n, 1)
        return i.astype(np.int64), j.astype(np.int64)
    a, b = rng.integers(0, n, RANDOM_PAIRS), rng.integers(0, n, RANDOM_PAIRS)
    return a[a != b], b[a != b]


# --- the estimation


@dataclass(frozen=True, eq=False)
class Observed:
    """What was seen of pairs: distinct cases of levels and of what rare shared values add, and how often each.

    `patterns` are the distinct vectors of levels; a case has its pattern, its two rarities and its count.
    """

    patterns: NDArray[np.uint8]
    pattern: IntArray
    rarity_household: FloatArray
    rarity_stranger: FloatArray
    count: FloatArray

    @cached_property
    def levels(self) -> IntArray:
        """The level of each pattern, one row a comparison: as numbers that arrays are indexed by."""
        return np.ascontiguousarray(self.patterns.T, np.int64)


STEP: Final = 0.25
"""Rarities are told apart by so many nats, so that equal cases are counted once."""


Answered = tuple[NDArray[np.uint8], FloatArray, FloatArray]
"""Of some pairs the vectors of levels, and what rare shared values add against the household and against strangers."""


def _looked_at(
    table: RecordTable,
    model: MatchModel,
    comparisons: tuple[Comparison, ...],
    a: IntArray,
    b: IntArray,
    pool: ThreadPoolExecutor,
) -> list[Future[Answered]]:
    """The answers about these pairs, some at a time."""
    subject = Subject(table, model)

    def answered(part: slice) -> Answered:
        levels = np.zeros((len(a[part]), len(comparisons)), np.uint8)
        household, stranger = np.zeros(len(levels)), np.zeros(len(levels))
        for k, comparison in enumerate(comparisons):
            answers = comparison.compare(subject, a[part], b[part])
            levels[:, k] = answers.levels
            rarity = rarity_of(comparison, answers, model)
            household[rarity.places] += rarity.household
            stranger[rarity.places] += rarity.stranger
        return levels, household, stranger

    return [
        pool.submit(answered, slice(start, start + OBSERVED_AT_ONCE))
        for start in range(0, max(len(a), 1), OBSERVED_AT_ONCE)
    ]


def _observed(parts: Sequence[Future[Answered]]) -> Observed:
    """Answers counted."""
    columns = zip(*[part.result() for part in parts], strict=True)
    levels, household, stranger = (np.concatenate(column) for column in columns)
    patterns, pattern = _distinct_rows(levels)
    steps = [np.rint(rarity / STEP).astype(np.int64) for rarity in (household, stranger)]
    case = pattern << 24 | (steps[0] + 2048) << 12 | (steps[1] + 2048)
    cases, numbers = _in_order(case)
    count = np.bincount(numbers, minlength=len(cases))
    return Observed(
        patterns,
        cases >> 24,
        ((cases >> 12 & 4095) - 2048).astype(np.float64) * STEP,
        ((cases & 4095) - 2048).astype(np.float64) * STEP,
        count.astype(np.float64),
    )


OBSERVED_AT_ONCE: Final = 100_000


def _distinct_rows(levels: NDArray[np.uint8]) -> tuple[NDArray[np.uint8], IntArray]:
    """Distinct rows and the index of each row's one: levels packed five bits each into as few words as needed."""
    code = np.zeros(len(levels), np.int64)
    distinct = code[:1]
    for start in range(0, levels.shape[1], PACKED):
        for k in range(start, min(start + PACKED, levels.shape[1])):
            code = code << 5 | levels[:, k]
        distinct, code = _in_order(code)
    first = np.empty(len(distinct), np.int64)
    first[code[::-1]] = np.arange(len(levels))[::-1]  # what is assigned last stays
    return levels[first], code


PACKED: Final = 8
"""So many levels, and before them the number of what was packed earlier, fit into one integer."""


def _in_order(keys: IntArray) -> tuple[IntArray, IntArray]:
    """The distinct keys, ascending, and for each entry the number of its key."""
    found, numbers = numbered(keys)
    order = np.argsort(found)
    rank = np.empty(len(found), np.int64)
    rank[order] = np.arange(len(found))
    return found[order], rank[numbers]


class Estimation:
    """Expectation maximisation over the patterns of blocked and of random pairs."""

    def __init__(
        self,
        comparisons: tuple[Comparison, ...],
        model: MatchModel,
        blocked: Observed,
        random: Observed,
        scale: float,
        total: float,
        has_households: bool,
        organisations: bool = False,
    ) -> None:
        self.comparisons = comparisons
        self.start = model
        self.blocked = blocked
        self.random = random
        self.scale = scale
        self.total = total
        self.has_households = has_households
        self.organisations = organisations
        self.rounds = 0

    def run(self, progress: Progress | None) -> MatchModel:
        """Rounds of expectation and maximisation until the shares rest."""
        model = self._begin()
        for done in range(ROUNDS):
            self.rounds = done + 1
            following = self._round(model)
            if progress:
                progress(done + 1, ROUNDS)
            if _largest_change(model, following, self.comparisons) < CONVERGED:
                return following
            model = following
        return model

    def _begin(self) -> MatchModel:
        """The start, with u taken from those random pairs that the starting shares hold for strangers."""
        weights = {name: replace(w, h=w.h if self.has_households else w.u) for name, w in self.start.weights.items()}
        households = self.start.lambda_household if self.has_households else 0.0
        begun = replace(self.start, weights=weights, lambda_household=households)
        strangers = self.posteriors(begun, self.random)[2] * self.random.count
        counts = self._level_counts(self.random, strangers)
        for comparison, observed in zip(self.comparisons, counts, strict=True):
            given = weights[comparison.name]
            u = _smoothed(comparison, observed, self.start.weights[comparison.name].u, PSEUDO_PAIRS)
            weights[comparison.name] = replace(given, u=u, h=given.h if self.has_households else u)
        return replace(begun, weights=weights)

    def posteriors(self, model: MatchModel, observed: Observed) -> NDArray[np.float64]:
        """P(class | case) for M, H, U: one column a case."""
        logs = np.zeros((3, len(observed.patterns)))
        for levels, comparison in zip(observed.levels, self.comparisons, strict=True):
            weights = model.weights[comparison.name]
            for row, shares in enumerate((weights.m, weights.h, weights.u)):
                logs[row] += np.log(shares)[levels]
        lambdas = (model.lambda_match, model.lambda_household, 1 - model.lambda_match - model.lambda_household)
        logs += np.log(np.maximum(lambdas, 1e-300))[:, None]
        by_case = logs[:, observed.pattern]
        if self.has_households:
            by_case[1] -= observed.rarity_household
        by_case[2] -= observed.rarity_stranger
        by_case -= np.maximum(np.maximum(*by_case[:2]), by_case[2])  # of three rows many times as quick as by an axis
        np.exp(by_case, out=by_case)
        by_case /= by_case[0] + by_case[1] + by_case[2]
        return by_case

    def _round(self, model: MatchModel) -> MatchModel:
        blocked = self.posteriors(model, self.blocked) * self.blocked.count
        random = self.posteriors(model, self.random)[2] * self.random.count
        of_match, of_household, of_stranger = (self._level_counts(self.blocked, weights) for weights in blocked)
        of_random = self._level_counts(self.random, random)
        # A level too rare to meet among random pairs is met among blocked ones, which are part of all pairs.
        rescale = self.scale * max(random.sum(), 1.0) / self.total
        weights = dict(model.weights)
        for k, comparison in enumerate(self.comparisons):
            start = self.start.weights[comparison.name]
            strangers = np.maximum(of_random[k], of_stranger[k] * rescale)
            m = _smoothed(comparison, of_match[k], start.m, PSEUDO_PAIRS)
            if self.organisations:
                m = _capped(comparison, m, comparison.unlike_cap, "unlike")
            u = _smoothed(comparison, strangers, start.u, PSEUDO_PAIRS)
            h = u
            if self.has_households and self.organisations and comparison.name.startswith("attribute "):
                h = _of_sisters(m, u, SAID_OF_SISTERS)
            elif self.has_households:
                h = _smoothed(comparison, of_household[k], start.h, PSEUDO_PAIRS)
                if not self.organisations:
                    h = _capped(comparison, h, comparison.household_cap, "agrees")
            weights[comparison.name] = LevelWeights(start.levels, m, h, u)
        matches = max(blocked[0].sum() * self.scale, 0.5) / self.total
        households = max(blocked[1].sum() * self.scale, 0.5) / self.total if self.has_households else 0.0
        return replace(model, weights=weights, lambda_match=min(matches, 0.45), lambda_household=min(households, 0.45))

    def _level_counts(self, observed: Observed, weights: FloatArray) -> list[FloatArray]:
        """By comparison, how much weight each level carries."""
        by_pattern = np.bincount(observed.pattern, weights, len(observed.patterns))
        return [
            np.bincount(levels, by_pattern, len(comparison.levels) + 1).astype(np.float64)
            for levels, comparison in zip(observed.levels, self.comparisons, strict=True)
        ]


def _strata(comparison: Comparison) -> list[IntArray]:
    """The level numbers of each stratum."""
    numbers = np.array([level.stratum for level in comparison.levels])
    return [np.flatnonzero(numbers == stratum) + 1 for stratum in np.unique(numbers)]


def _smoothed(comparison: Comparison, counts: FloatArray, start: FloatArray, pseudo: float) -> FloatArray:
    """Shares within each stratum, with some pairs' worth of the start."""
    shares = np.ones(len(counts))
    for levels in _strata(comparison):
        begun = start[levels] / start[levels].sum()
        raw = counts[levels] + pseudo * begun
        shares[levels] = np.maximum(raw / raw.sum(), FLOOR)
    return shares


def _capped(comparison: Comparison, shares: FloatArray, cap: float, mark: str) -> FloatArray:
    """Shares with those of the marked levels bounded, so that a class stays what it is: household pairs do not turn
    into "the same person", nor pairs of one organisation into "others at its place"."""
    if cap >= 1:
        return shares
    marked = np.array([False] + [getattr(level, mark) for level in comparison.levels])
    result = shares.copy()
    for levels in _strata(comparison):
        bounded, other = levels[marked[levels]], levels[~marked[levels]]
        most = cap * (2 if comparison.levels[levels[0] - 1].stratum > 1 else 1)
        total = result[bounded].sum()
        if len(other) and total > most:
            result[bounded] *= most / total
            result[other] *= (1 - most) / result[other].sum()
    return result


def _largest_change(before: MatchModel, after: MatchModel, comparisons: tuple[Comparison, ...]) -> float:
    return (
        max(
            float(np.abs(getattr(before.weights[c.name], share) - getattr(after.weights[c.name], share)).max())
            for c in comparisons
            for share in ("m", "h", "u")
        )
        if comparisons
        else 0.0
    )


# --- how common values are


def _frequencies(table: RecordTable, start: MatchModel) -> dict[str, Frequencies]:
    given, family = features.given_words(table), features.family_words(table)
    organisation = features.organisation_words(table)
    cities = table.addresses.city
    found = {
        "given": _word_frequencies(given, table.given),
        "double given": _double_frequencies(table),
        "family": _word_frequencies(family, table.family),
        "organisation": _word_frequencies(organisation, table.organisation),
        "city": _value_frequencies(cities.codes, cities.values),
        "domain": _value_frequencies(features.online(table).domain.codes, features.online(table).domain.values),
        "birth": _birth_frequencies(table),
    }
    for name, _ in start.custom:
        if name in table.attributes:
            column = table.attributes[name]
            found[f"attribute {name}"] = _value_frequencies(column.codes, column.values)
    return found


def _word_frequencies(words: features.Words, column: Column) -> Frequencies:
    """Each record counts once for each word of its value."""
    by_value = np.bincount(column.codes, minlength=len(column.values))
    counts = np.zeros(len(words.vocabulary))
    for place in range(words.codes.shape[1]):
        np.add.at(counts, words.codes[:, place], by_value)
    counts[0] = 0
    return _table_of(counts, words.vocabulary, int(by_value[1:].sum()))


def _value_frequencies(codes: NDArray[Any], values: Objects) -> Frequencies:
    counts = np.bincount(codes, minlength=len(values)).astype(float)
    counts[0] = 0
    return _table_of(counts, values, int(counts.sum()))


def _double_frequencies(table: RecordTable) -> Frequencies:
    """How common two given names in a row are, as shares of the records that have a given name."""
    doubles = encode(features.double_names(table))
    counts = np.bincount(doubles.codes[table.given.codes], minlength=len(doubles.values)).astype(float)
    counts[0] = 0
    return _table_of(counts, doubles.values, int((table.given.codes != 0).sum()))


def _birth_frequencies(table: RecordTable) -> Frequencies:
    dates = features.birth_dates(table)
    counts = np.bincount(dates.codes, minlength=len(dates.values)).astype(float)
    counts[~features.are_whole(np.fromiter(map(int, dates.values), np.int32, len(dates.values)))] = 0
    return _table_of(counts, dates.values, int(counts.sum()))


def _table_of(counts: FloatArray, values: Objects, total: int) -> Frequencies:
    if total == 0:
        return Frequencies({}, 1.0, 1.0)
    shares = counts / total
    listed = np.flatnonzero(counts >= MIN_CARRIERS)
    rare = min(2.0 / total, 1.0)
    collision = float(np.sort(shares**2).sum())  # sorted, so that no order of values shows in the last bit
    by_value = dict(zip(values[listed].tolist(), shares[listed].tolist(), strict=True))
    return Frequencies(by_value, rare, max(collision, rare))


# --- values that strangers share

MIN_NAMES: Final = 5
MIN_NAME_SHARE: Final = 0.25


def shared_values(table: RecordTable, start: MatchModel) -> Hashes:
    """Hashes of e-mail addresses and phone numbers that many different people carry.

    People are told apart by the sound of the surname and the initial: typing errors must not look like people.
    """
    from_data = [start.shared]
    for name, column in _contacts(table):
        from_data.append(features.value_hashes(table, name, column.values)[_carried_by_many(table, column)])
    return np.unique(np.concatenate(from_data))


@dataclass(frozen=True, slots=True)
class SharedValue:
    """A contact value that joins strangers and so says nothing: its hash, how many records have it, one of them, and
    how many of each source."""

    hash: int
    records: int
    record_id: int
    sources: Mapping[str, int]


def shared_in(table: RecordTable, model: MatchModel) -> list[SharedValue]:
    """The shared values of this model that stand in the table, those of most records first."""
    found = []
    for name, column in _contacts(table):
        hashes = features.value_hashes(table, name, column.values)
        uses = np.bincount(column.codes, minlength=len(column.values))
        rows = column.rows()
        for code in np.flatnonzero(model.is_shared(hashes) & (uses > 0)).tolist():
            carriers = rows[column.codes == code]
            per_source = np.bincount(table.source[carriers], minlength=len(table.source_names)).tolist()
            sources = {name: count for name, count in zip(table.source_names, per_source, strict=True) if count}
            one = int(table.record_ids[carriers[0]])
            found.append(SharedValue(int(hashes[code].view(np.int64)), int(uses[code]), one, sources))
    return sorted(found, key=lambda value: (-value.records, value.record_id))


def rows_with(table: RecordTable, values: Hashes) -> IntArray:
    """The rows that have one of these contact values, by their hashes (ascending)."""
    found = [
        column.rows()[contained(features.value_hashes(table, name, column.values), values)[column.codes]]
        for name, column in _contacts(table)
    ]
    return distinct(np.concatenate(found))


def _contacts(table: RecordTable) -> list[tuple[str, Ragged]]:
    names = features.online(table)
    online = Ragged(names.starts, names.value.codes, names.flags, names.value.values)
    return [("online", online), ("mobiles", table.mobiles), ("landlines", table.landlines)]


def _carried_by_many(table: RecordTable, column: Ragged) -> IntArray:
    """The codes of values carried by five or more names that make a quarter of their uses."""
    if column.is_empty:
        return np.zeros(0, np.int64)
    uses = np.bincount(column.codes, minlength=len(column.values))
    often = np.flatnonzero(uses[column.codes] >= MIN_NAMES)  # few values are: of no others is it asked who has them
    people, known = _people(table, column.rows()[often])
    codes, people = column.codes[often[known]].astype(np.int64), people[known]
    uses = np.bincount(codes, minlength=len(column.values))
    enough = uses[codes] >= MIN_NAMES
    codes, people = codes[enough], people[enough]
    order = np.lexsort((people, codes))
    codes, people = codes[order], people[order]
    first = np.ones(len(codes), dtype=bool)
    first[1:] = (codes[1:] != codes[:-1]) | (people[1:] != people[:-1])
    different = np.bincount(codes[first], minlength=len(column.values))
    return np.flatnonzero((different >= MIN_NAMES) & (different >= MIN_NAME_SHARE * uses))


def _people(table: RecordTable, rows: IntArray) -> tuple[Hashes, BoolArray]:
    """What tells the customers of these rows apart, and which of them have a name."""
    given, family = features.given_words(table), features.family_words(table)
    initials = given.initials[given.codes[table.given.codes[rows], 0]].astype(np.uint64)
    surnames = family.sounds[family.codes[table.family.codes[rows], 0]]
    names = features.value_hashes(table, "organisation", table.organisation.values)
    organisations = names[table.organisation.codes[rows]]
    return (surnames * np.uint64(31) + initials) ^ organisations, (surnames != 0) | (organisations != 0)


__all__ = [
    "Estimation", "Observed", "SharedValue", "begin", "can_train", "shared_in", "shared_values", "start_model", "train",
]  # fmt: skip
