"""The questions asked of a pair of records, one a function; its docstring is what a steward reads.

A comparison answers with a level; level 0 is *not comparable* and says nothing, for missing is no evidence. Levels
form strata by what could be compared (a street and no number, an initial and no name): shares are taken within a
stratum, so that having less never looks like evidence. Every comparison is symmetric.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from cdi.matching import features
from cdi.matching.columns import (
    DOUBTFUL,
    FORMER,
    SEPARATOR,
    VERIFIED,
    Column,
    Flags,
    Objects,
    Ragged,
    RecordTable,
    encode,
)
from cdi.matching.model import LevelWeights, MatchModel
from cdi.matching.pairs import BoolArray, FloatArray, IntArray
from cdi.matching.similarity import distinct_pairs, edit_distance, name_similarity, token_similarity

Levels = NDArray[np.uint8]
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


@dataclass(frozen=True, slots=True)
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


class Subject:
    """A table under a model: what comparisons look at. Lookups that need both are made once."""

    def __init__(self, table: RecordTable, model: MatchModel) -> None:
        self.table = table
        self.model = model
        self._memo: dict[str, Any] = {}

    def shares(self, name: str, values: Objects) -> FloatArray:
        """How common each distinct value is, under the model."""
        key, frequencies = f"shares {name}", self.model.frequencies_of(name)
        known = self.table.memo.get(key)
        if known is None or known[0] is not frequencies or len(known[1]) != len(values):
            known = self.table.memo[key] = (frequencies, frequencies.of(values))
        found: FloatArray = known[1]
        return found

    def shared(self, name: str, values: Objects) -> BoolArray:
        """Which distinct contact values say nothing, under the model."""
        key = f"shared {name}"
        if key not in self._memo:
            self._memo[key] = self.model.is_shared(features.value_hashes(self.table, name, values))
        found: BoolArray = self._memo[key]
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


# --- pairs of values of fields with many values


def crossed(starts: IntArray, a: IntArray, b: IntArray) -> tuple[IntArray, IntArray, IntArray]:
    """All values of one record against all of the other: (pair, position left, position right), pairs ascending."""
    count_a, count_b = starts[a + 1] - starts[a], starts[b + 1] - starts[b]
    counts = count_a * count_b
    if counts.max(initial=0) <= 1:  # one value a record, as most have: nothing is crossed
        pair = np.flatnonzero(counts)
        return pair, starts[a[pair]], starts[b[pair]]
    pair = np.repeat(np.arange(len(a)), counts)
    within = np.arange(len(pair)) - np.repeat(np.cumsum(counts) - counts, counts)
    of_b = count_b[pair]
    return pair, starts[a][pair] + within // np.maximum(of_b, 1), starts[b][pair] + within % np.maximum(of_b, 1)


def best(pair: IntArray, levels: Levels, n: int) -> Levels:
    """Of each pair the first level that any of its values reached; 0 where none said anything."""
    result = np.zeros(n, np.uint8)
    kept = levels != IGNORED
    pair, levels = pair[kept], levels[kept]
    if len(pair) == 0:
        return result
    begins = np.flatnonzero(np.concatenate(([True], pair[1:] != pair[:-1])))
    result[pair[begins]] = np.minimum.reduceat(levels, begins)
    return result


# --- names


def given_name(subject: Subject, a: IntArray, b: IntArray) -> Answers:
    """Do the first given names agree? A shared rare name says more than a shared common one."""
    table = subject.table
    left, right = table.given.codes[a], table.given.codes[b]
    levels, shares = _names(subject, "given", table.given, left, right, GIVEN)
    _contradicting_genders(table, a, b, levels)
    _swapped(subject, a, b, levels, shares)
    _initials(table, a, b, levels)
    return Answers(levels, shares)


@dataclass(frozen=True, slots=True)
class NameLevels:
    """Level numbers that given names and surnames share."""

    exact: int
    shared_word: int
    nickname: int
    fuzzy: int
    loose: int
    both_common: int
    different: int
    initial_fits: int
    initial_differs: int
    distorted: int


GIVEN: Final = NameLevels(1, 2, 3, 4, 5, 6, 9, 10, 11, 12)
GIVEN_GENDERS, GIVEN_SWAPPED = 7, 8
FAMILY: Final = NameLevels(1, 2, 2, 3, 4, 5, 6, 7, 8, 9)


def _names(
    subject: Subject, name: str, column: Column, left: NDArray[Any], right: NDArray[Any], level: NameLevels
) -> tuple[Levels, FloatArray]:
    """Levels and frequencies of two name columns' values, looked at once a distinct pair."""
    levels = np.zeros(len(left), np.uint8)
    shares = np.full(len(left), np.nan)
    both = (left != 0) & (right != 0)
    words = features.given_words(subject.table) if name == "given" else features.family_words(subject.table)
    by_word = subject.shares(name, words.vocabulary)
    equal = both & (left == right)
    single = words.is_initial()[words.codes[:, 0]]
    levels[equal] = np.where(single[left[equal]], level.initial_fits, level.exact)
    shares[equal] = by_word[words.codes[left[equal], 0]]
    shares[equal & single[left]] = np.nan
    unequal = np.flatnonzero(both & ~equal)
    if len(unequal):
        low, high, inverse = distinct_pairs(left[unequal], right[unequal])
        pair_levels, pair_shares = _unequal_names(subject, name, column, words, by_word, low, high, level)
        levels[unequal] = pair_levels[inverse]
        shares[unequal] = pair_shares[inverse]
    return levels, shares


def _unequal_names(
    subject: Subject,
    name: str,
    column: Column,
    words: features.Words,
    by_word: FloatArray,
    low: IntArray,
    high: IntArray,
    level: NameLevels,
) -> tuple[Levels, FloatArray]:
    first, second = words.codes[low], words.codes[high]
    levels = np.full(len(low), level.different, np.uint8)
    shares = np.full(len(low), np.nan)
    _similar_names(subject, name, column, words, by_word, low, high, level, levels)
    if name == "given":
        groups = features.given_groups(subject.table)
        x, y = groups[first[:, 0]], groups[second[:, 0]]
        in_groups = np.flatnonzero((x[:, 0] != 0) & (y[:, 0] != 0))
        x, y = x[in_groups], y[in_groups]
        related = ((x[:, :, None] == y[:, None, :]) & (x[:, :, None] != 0)).any(axis=(1, 2))
        levels[in_groups[related]] = level.nickname
    one_letter = words.is_initial()
    initial = one_letter[first[:, 0]] | one_letter[second[:, 0]]
    fits = words.initials[first[:, 0]] == words.initials[second[:, 0]]
    levels[initial] = np.where(fits[initial], level.initial_fits, level.initial_differs)
    for i in range(features.WORDS):
        for j in range(features.WORDS):
            same = (first[:, i] == second[:, j]) & (first[:, i] != 0) & ~one_letter[first[:, i]]
            is_first = i == 0 and j == 0 and name == "given"
            levels[same] = np.minimum(levels[same], level.exact if is_first else level.shared_word)
            shares[same] = np.fmin(shares[same], by_word[first[same, i]])
    texts = features.compact(subject.table, name, column.values)
    joined = texts[low] == texts[high]
    levels[joined] = level.exact
    shares[joined] = np.fmin(shares[joined], by_word[first[joined, 0]])
    return levels, shares


def _similar_names(
    subject: Subject,
    name: str,
    column: Column,
    words: features.Words,
    by_word: FloatArray,
    low: IntArray,
    high: IntArray,
    level: NameLevels,
    levels: Levels,
) -> None:
    """Marks similar spellings: of the whole value, or of its first words where one has several."""
    texts = features.compact(subject.table, name, column.values)
    first, second = words.codes[low, 0], words.codes[high, 0]
    many = (words.codes[low, 1] != 0) | (words.codes[high, 1] != 0)
    x, y = texts[low], texts[high]
    x[many], y[many] = words.vocabulary[first[many]], words.vocabulary[second[many]]
    similarity = name_similarity(x, y, DISTORTED)
    near = np.flatnonzero(similarity > 0)
    distance = edit_distance(x[near], y[near], 3)
    whole = features.lengths(subject.table, f"compact {name}", texts)
    length = np.where(
        many, np.minimum(words.lengths[first], words.lengths[second]), np.minimum(whole[low], whole[high])
    )[near]
    tight = ((distance <= 1) & (length >= 3)) | ((distance == 2) & (length >= 7))
    levels[near[similarity[near] >= LOOSE]] = level.loose
    levels[near[tight]] = level.fuzzy
    same_sound = (words.sounds[first] == words.sounds[second]) & (words.sounds[first] != 0)
    levels[same_sound & (levels == level.different)] = level.loose
    p, q = by_word[first], by_word[second]
    smaller, larger = np.minimum(p, q), np.maximum(p, q)
    two_names = (
        (smaller >= COMMON) & (smaller > TYPO_SHARE * larger) & (smaller > subject.model.frequencies_of(name).rare)
    )
    similar = (levels == level.fuzzy) | (levels == level.loose)
    levels[similar & two_names] = level.both_common
    unlike = near[(levels[near] == level.different) & (distance <= 3) & (3 * distance <= 2 * length)]
    unheard = smaller[unlike] <= subject.model.frequencies_of(name).rare
    levels[unlike[unheard]] = level.distorted


LOOSE: Final = 0.85
DISTORTED: Final = 0.65
"""Names that are hardly alike may still be one, where nobody else has one of them: Wiwbkd is Wiebke."""


def _contradicting_genders(table: RecordTable, a: IntArray, b: IntArray, levels: Levels) -> None:
    x, y = table.gender[a], table.gender[b]
    contradict = (x != y) & (x != 0) & (y != 0) & (x != 3) & (y != 3)
    similar = ((levels >= GIVEN.nickname) & (levels <= GIVEN.both_common)) | (levels == GIVEN.distorted)
    levels[contradict & similar] = GIVEN_GENDERS


def _swapped(subject: Subject, a: IntArray, b: IntArray, levels: Levels, shares: FloatArray) -> None:
    """Given name and surname in each other's place."""
    table = subject.table
    different = np.flatnonzero(levels == GIVEN.different)
    swapped = different[is_swapped(table, a[different], b[different])]
    if len(swapped) == 0:
        return
    levels[swapped] = GIVEN_SWAPPED
    given, family = features.given_words(table), features.family_words(table)
    x, y = a[swapped], b[swapped]
    of_given = subject.shares("given", given.vocabulary)[given.codes[table.given.codes[x], 0]]
    of_family = subject.shares("family", family.vocabulary)[family.codes[table.family.codes[x], 0]]
    other_given = subject.shares("given", given.vocabulary)[given.codes[table.given.codes[y], 0]]
    other_family = subject.shares("family", family.vocabulary)[family.codes[table.family.codes[y], 0]]
    collision = subject.model.frequencies_of("family").collision
    shares[swapped] = np.maximum(of_given, other_given) * np.maximum(of_family, other_family) / collision


def is_swapped(table: RecordTable, a: IntArray, b: IntArray) -> BoolArray:
    """Is one record's given name the other's surname, and the other way round? One of them to the letter, the
    other at least in sound and for its first letter (Henn is no Anna)."""
    given, family = features.given_words(table), features.family_words(table)
    first, last = given.codes[:, 0], family.codes[:, 0]

    def crosswise(of_given: NDArray[Any], of_family: NDArray[Any]) -> tuple[BoolArray, BoolArray]:
        ga, gb = of_given[first][table.given.codes[a]], of_given[first][table.given.codes[b]]
        fa, fb = of_family[last][table.family.codes[a]], of_family[last][table.family.codes[b]]
        return (ga == fb) & (ga != 0), (gb == fa) & (gb != 0)

    one_sounds, other_sounds = crosswise(given.sounds, family.sounds)
    one_exact, other_exact = crosswise(given.hashes, family.hashes)
    one_begins, other_begins = crosswise(given.initials, family.initials)
    swapped: BoolArray = one_sounds & other_sounds & one_begins & other_begins & (one_exact | other_exact)
    return swapped


def _initials(table: RecordTable, a: IntArray, b: IntArray, levels: Levels) -> None:
    """Where a record has initials only, they stand for the given name."""
    if table.initials.is_empty:
        return
    given = features.given_words(table)
    first = given.initials[given.codes[:, 0]][table.given.codes]
    letters = np.fromiter((ord(v[0]) & 0xFF if v else 0 for v in table.initials.values), np.uint8)
    letter = np.where(first == 0, letters[table.initials.codes], first)
    missing = (table.given.codes[a] == 0) | (table.given.codes[b] == 0)
    comparable = missing & (letter[a] != 0) & (letter[b] != 0)
    fits = letter[a] == letter[b]
    levels[comparable] = np.where(fits[comparable], GIVEN.initial_fits, GIVEN.initial_differs)


def further_names(subject: Subject, a: IntArray, b: IntArray) -> Answers:
    """Where both have further given names: do the second ones agree?"""
    table = subject.table
    words = features.given_words(table)
    second = words.codes[:, 1][table.given.codes]
    initials = np.fromiter((ord(v[-1]) & 0xFF if v else 0 for v in table.initials.values), np.uint8)
    initial = np.where(table.given.codes != 0, initials[table.initials.codes], 0)
    x, y = second[a], second[b]
    letter = np.where(second != 0, words.initials[second], initial)
    levels = np.zeros(len(a), np.uint8)
    comparable = (letter[a] != 0) & (letter[b] != 0)
    one_letter = words.is_initial()
    short = comparable & ((x == 0) | (y == 0) | one_letter[x] | one_letter[y])
    fits = letter[a] == letter[b]
    levels[short] = np.where(fits[short], 4, 5)
    full = comparable & ~short
    levels[full] = np.where(x[full] == y[full], 1, 3)
    unequal = np.flatnonzero(full & (x != y))
    if len(unequal):
        low, high, inverse = distinct_pairs(x[unequal], y[unequal])
        similar = name_similarity(words.vocabulary[low], words.vocabulary[high], LOOSE) > 0
        levels[unequal[similar[inverse]]] = 2
    shares = np.full(len(a), np.nan)
    exact = levels == 1
    shares[exact] = _share_of_second(subject, words)[table.given.codes[a[exact]]]
    return Answers(levels, shares)


def _share_of_second(subject: Subject, words: features.Words) -> FloatArray:
    """By distinct given name: how common its second word is after its first. Heinz is rare, and follows Karl often."""
    by_word = subject.shares("given", words.vocabulary)
    doubles = features.double_names(subject.table)
    after_first = subject.shares("double given", doubles) / by_word[words.codes[:, 0]]
    listed = subject.listed("double given", doubles)
    return np.where(listed, np.minimum(after_first, 1.0), by_word[words.codes[:, 1]])


def surname(subject: Subject, a: IntArray, b: IntArray) -> Answers:
    """Do the surnames agree? Part of a double name, a birth name or a former surname counts as a shared part."""
    table = subject.table
    left, right = table.family.codes[a], table.family.codes[b]
    levels, shares = _names(subject, "family", table.family, left, right, FAMILY)
    differing = np.flatnonzero(levels == FAMILY.different)
    if len(differing):
        x, y = a[differing], b[differing]
        levels[differing[_earlier_surname(table, x, y)]] = FAMILY.shared_word
        levels[differing[is_swapped(table, x, y)]] = 0  # the given name's level says it for both
    _hinted_surnames(table, a, b, levels)
    return Answers(levels, shares)


HINT_FITS, HINT_DIFFERS = 10, 11


def _hinted_surnames(table: RecordTable, a: IntArray, b: IntArray, levels: Levels) -> None:
    """Where a record has no whole surname, or another, and its e-mail address names one: is it the other's? Not where
    both have one address, which says so already."""
    hints = features.surname_hints(table)
    if hints.is_empty:
        return
    whole = features.lengths(table, "family", table.family.values) > 1
    for one, other in ((a, b), (b, a)):
        of_one, of_other = whole[table.family.codes[one]], whole[table.family.codes[other]]
        differ = of_one & (levels == FAMILY.different)
        asked = np.flatnonzero((hints.codes[one] != 0) & of_other & (~of_one | differ))
        asked = asked[~_share_an_address(table, one[asked], other[asked])]
        fits = _is_surname(table, hints, one[asked], other[asked])
        levels[asked[fits]] = np.where(differ[asked[fits]], FAMILY.shared_word, HINT_FITS)
        levels[asked[~fits & ~of_one[asked]]] = HINT_DIFFERS


def _is_surname(table: RecordTable, hints: Column, hinted: IntArray, named: IntArray) -> BoolArray:
    """Whether the hint of one record is the surname of the other."""
    texts = features.compact(table, "family", table.family.values)
    pairs = hints.codes[hinted].astype(np.int64) << 32 | table.family.codes[named]
    distinct, inverse = np.unique(pairs, return_inverse=True)
    fits: BoolArray = name_similarity(hints.values[distinct >> 32], texts[distinct & 0xFFFFFFFF], LOOSE) > 0
    return fits[inverse]


def _share_an_address(table: RecordTable, a: IntArray, b: IntArray) -> BoolArray:
    """Whether both have one e-mail address or handle."""
    names = features.online(table)
    pair, i, j = crossed(names.starts, a, b)
    found = np.zeros(len(a), dtype=bool)
    found[pair[names.value.codes[i] == names.value.codes[j]]] = True
    return found


def _earlier_surname(table: RecordTable, a: IntArray, b: IntArray) -> BoolArray:
    """Is a birth name or former surname of one a surname of the other?"""
    if table.birth_name.is_empty and table.former_family.is_empty:
        return np.zeros(len(a), dtype=bool)
    known = surname_hashes(table)
    found = np.zeros(len(a), dtype=bool)
    pair, i, j = crossed(known.starts, a, b)
    equal = known.codes[i] == known.codes[j]
    found[pair[equal]] = True
    return found


def surname_hashes(table: RecordTable) -> Ragged:
    """All surnames of each record, words of double names, birth names and former ones, as one ragged column."""
    return table.remembered("all surnames", lambda: _surname_hashes(table))


def _surname_hashes(table: RecordTable) -> Ragged:
    words = features.family_words(table)
    n = len(table)
    by_row = words.codes[table.family.codes]
    rows = np.repeat(np.arange(n), features.WORDS)
    texts = words.vocabulary[by_row.ravel()]
    birth = table.birth_name.values[table.birth_name.codes]
    former = table.former_family.values[table.former_family.codes]
    all_rows = np.concatenate((rows, np.arange(n), table.former_family.rows()))
    all_texts = np.concatenate((texts, birth, former))
    present = np.flatnonzero(all_texts != "")
    order = present[np.argsort(all_rows[present], kind="stable")]
    column = encode(all_texts[order].tolist())
    starts = np.searchsorted(all_rows[order], np.arange(n + 1)).astype(np.int64)
    return Ragged(starts, column.codes, np.zeros(len(column.codes), np.uint8), column.values)


def generation(subject: Subject, a: IntArray, b: IntArray) -> Answers:
    """Where both say junior or senior: is it the same? It tells father and son of one name apart."""
    codes = subject.table.generation.codes
    x, y = codes[a], codes[b]
    levels = np.where((x == 0) | (y == 0), 0, np.where(x == y, 1, 2)).astype(np.uint8)
    return Answers(levels)


# --- birth date


def birth_date(subject: Subject, a: IntArray, b: IntArray) -> Answers:
    """Is it the same birth date, or one that a slip of the pen explains? A date that many have says less."""
    table = subject.table
    parts = features.birth_parts(table)
    x, y = table.birth[a], table.birth[b]
    levels = np.zeros(len(a), np.uint8)
    year_a, year_b = parts.year[a], parts.year[b]
    is_whole = features.birth_hashes(table) != 0
    whole = is_whole[a] & is_whole[b]
    levels[whole & (x == y)] = 1
    unequal = np.flatnonzero(whole & (x != y))
    levels[unequal] = _unequal_dates(x[unequal], y[unequal])
    years = ~whole & (year_a > 0) & (year_b > 0)
    levels[years] = np.where(year_a[years] == year_b[years], 7, 8)
    hints = features.year_hints(table)
    hinted_a, hinted_b = np.where(year_a > 0, year_a, hints[a]), np.where(year_b > 0, year_b, hints[b])
    hint = ((year_a > 0) != (year_b > 0)) & (hinted_a > 0) & (hinted_b > 0)
    levels[hint] = np.where(hinted_a[hint] == hinted_b[hint], 9, 10)
    digits = features.two_digit_hints(table)
    two_a, two_b = np.where(year_a > 0, year_a % 100 + 1, digits[a]), np.where(year_b > 0, year_b % 100 + 1, digits[b])
    two = ((year_a > 0) != (year_b > 0)) & (levels == 0) & (two_a > 0) & (two_b > 0)
    levels[two] = np.where(two_a[two] == two_b[two], 11, 12)
    by_hint = np.flatnonzero(levels >= 9)
    levels[by_hint[_share_an_address(table, a[by_hint], b[by_hint])]] = 0  # whose address it is, it does not tell
    shares = np.full(len(a), np.nan)
    exact = levels == 1
    if exact.any():
        dates = features.birth_dates(table)
        shares[exact] = subject.shares("birth", dates.values)[dates.codes[a[exact]]]
    return Answers(levels, shares)


def _unequal_dates(x: NDArray[np.int32], y: NDArray[np.int32]) -> Levels:
    """Levels of whole dates that differ, given as year * 10000 + month * 100 + day."""
    digits = np.zeros(len(x), np.uint8)
    for power in range(8):
        scale = 10**power
        digits += (x // scale % 10) != (y // scale % 10)
    same_year = x // 10000 == y // 10000
    swapped = same_year & (x // 100 % 100 == y % 100) & (x % 100 == y // 100 % 100)
    levels = np.full(len(x), 6, np.uint8)
    levels[same_year] = 5
    levels[x % 10000 == y % 10000] = 4
    levels[(digits == 2) | swapped] = 3
    levels[digits == 1] = 2
    return levels


# --- address

_STREET_TYPO: Final = 0.9


def address(subject: Subject, a: IntArray, b: IntArray) -> Answers:
    """Do they live, or did they ever live, at one address? Street, number and area are one question."""
    table = subject.table
    homes = table.addresses
    pair, i, j = crossed(homes.starts, a, b)
    area = _area(subject, i, j)
    street = _street(subject, i, j)
    number_i, number_j = homes.number.codes[i], homes.number.codes[j]
    number = np.where((number_i == 0) | (number_j == 0), 0, np.where(number_i == number_j, 1, 3))
    levels = _ADDRESS_LEVELS[street, number, area]
    former = ((homes.flags[i] | homes.flags[j]) & FORMER) != 0
    levels = np.where(former, np.where(levels <= 2, ADDRESS_FORMER, IGNORED), levels)
    levels[levels == 0] = IGNORED
    result = best(pair, levels.astype(np.uint8), len(a))
    shares = np.full(len(a), np.nan)
    same_city = homes.city.codes[i] == homes.city.codes[j]
    counted = same_city & (homes.city.codes[i] != 0) & (levels == result[pair]) & np.isin(levels, _AREA_LEVELS)
    by_city = subject.shares("city", homes.city.values)
    shares[pair[counted]] = by_city[homes.city.codes[i[counted]]]
    return Answers(result, shares)


def _street(subject: Subject, i: IntArray, j: IntArray) -> IntArray:
    """0 missing, 1 same, 2 with a typo, 3 other."""
    street = subject.table.addresses.street
    x, y = street.codes[i], street.codes[j]
    result = np.where((x == 0) | (y == 0), 0, np.where(x == y, 1, 3))
    other = np.flatnonzero(result == 3)
    if len(other):
        low, high, inverse = distinct_pairs(x[other], y[other])
        texts = features.compact(subject.table, "street", street.values)
        similar = name_similarity(texts[low], texts[high], _STREET_TYPO) > 0
        result[other[similar[inverse]]] = 2
    return result


def _area(subject: Subject, i: IntArray, j: IntArray) -> IntArray:
    """0 missing, 1 same, 2 near, 3 other: by postal code, and by the city's name."""
    homes = subject.table.addresses
    x, y = homes.postal_code.codes[i], homes.postal_code.codes[j]
    p, q = homes.city.codes[i], homes.city.codes[j]
    codes = (x != 0) & (y != 0)
    cities = (p != 0) & (q != 0)
    result = np.where(codes | cities, 3, 0)
    unequal = np.flatnonzero(codes & (x != y))
    if len(unequal):
        low, high, inverse = distinct_pairs(x[unequal], y[unequal])
        texts = homes.postal_code.values
        region = features.starts(subject.table, "postal code", texts, 3)
        near = (region[low] == region[high]) & (region[low] != 0)
        unlike = np.flatnonzero(~near)
        near[unlike] = edit_distance(texts[low[unlike]], texts[high[unlike]], 1) <= 1
        result[unequal[near[inverse]]] = 2
    unlike = np.flatnonzero(cities & (p != q) & (result == 3))
    if len(unlike):
        low, high, inverse = distinct_pairs(p[unlike], q[unlike])
        texts = homes.city.values
        near = name_similarity(texts[low], texts[high], _STREET_TYPO) > 0
        result[unlike[near[inverse]]] = 2
    result[cities & (p == q)] = np.where((codes & (x != y))[cities & (p == q)], 2, 1)
    result[codes & (x == y)] = 1
    return result


ADDRESS_FORMER: Final = 19


def _address_levels() -> NDArray[np.uint8]:
    """Level by street (0 missing, 1 same, 2 typo, 3 other), number (0 missing, 1 same, 3 other) and area (0
    missing, 1 same, 2 near, 3 other)."""
    levels = np.zeros((4, 4, 4), np.uint8)
    levels[:, 3, :] = levels[:, 1, :] = [(0, 16, 17, 18), (13, 1, 2, 4), (13, 2, 3, 4), (15, 6, 7, 8)]
    levels[1:3, 3, :] = (14, 5, 5, 8)
    levels[:, 0, :] = [(0, 16, 17, 18), (14, 9, 9, 12), (14, 9, 9, 12), (15, 10, 11, 12)]
    return levels


_ADDRESS_LEVELS: Final = _address_levels()
_AREA_LEVELS: Final = (6, 10, 16)


# --- contacts


def _phones(subject: Subject, name: str, column: Ragged, a: IntArray, b: IntArray) -> Answers:
    pair, i, j = crossed(column.starts, a, b)
    x, y = column.codes[i], column.codes[j]
    levels = np.full(len(pair), 3, np.uint8)
    equal = x == y
    former = ((column.flags[i] | column.flags[j]) & FORMER) != 0
    levels[equal] = np.where(former[equal], 4, 1)
    unequal = np.flatnonzero(~equal & ~former)
    if len(unequal):
        low, high, inverse = distinct_pairs(x[unequal], y[unequal])
        near = edit_distance(column.values[low], column.values[high], 2) <= 2
        levels[unequal[near[inverse]]] = 2
    levels[~equal & former] = IGNORED
    levels[_says_nothing(subject, name, column.values, column.flags, x, y, i, j)] = IGNORED
    return Answers(best(pair, levels, len(a)))


def _says_nothing(
    subject: Subject,
    name: str,
    values: Objects,
    flags: Flags,
    x: NDArray[Any],
    y: NDArray[Any],
    i: IntArray,
    j: IntArray,
) -> BoolArray:
    """A value that strangers share, or that nobody proved, neither joins nor parts."""
    shared = subject.shared(name, values)
    doubtful = ((flags[i] | flags[j]) & DOUBTFUL) != 0
    nothing: BoolArray = doubtful | shared[x] | shared[y]
    return nothing


def mobile(subject: Subject, a: IntArray, b: IntArray) -> Answers:
    """Do they share a mobile number? Most people have one of their own."""
    return _phones(subject, "mobiles", subject.table.mobiles, a, b)


def landline(subject: Subject, a: IntArray, b: IntArray) -> Answers:
    """Do they share a landline, or a number of unknown kind? A household shares it."""
    return _phones(subject, "landlines", subject.table.landlines, a, b)


def email(subject: Subject, a: IntArray, b: IntArray) -> Answers:
    """Do they share an e-mail address? Or the part before the @ (also as a handle in social media), beyond what
    their names already say?"""
    names = features.online(subject.table)
    pair, i, j = crossed(names.starts, a, b)
    x, y = names.value.codes[i], names.value.codes[j]
    unplaced = features.unplaced_handles(subject.table)
    equal = (x == y) & ~unplaced[x]
    former = ((names.flags[i] | names.flags[j]) & FORMER) != 0
    levels = np.full(len(pair), 5, np.uint8)
    levels[names.is_email[i] != names.is_email[j]] = IGNORED
    unequal = np.flatnonzero(~equal & ~former)
    if len(unequal):
        levels[unequal] = _unequal_addresses(subject, names, i[unequal], j[unequal], levels[unequal])
    levels[equal] = np.where(former[equal], 6, 1)
    levels[former & ~equal] = IGNORED
    levels[_says_nothing(subject, "online", names.value.values, names.flags, x, y, i, j)] = IGNORED
    return Answers(best(pair, levels, len(a)))


def _unequal_addresses(subject: Subject, names: features.Online, i: IntArray, j: IntArray, levels: Levels) -> Levels:
    """Levels of different addresses by what they say beyond names and beyond a domain that many have."""
    result = levels.copy()
    residues = features.residues(subject.table)
    lengths = features.lengths(subject.table, "residue", residues.values)
    own, others = residues.codes[i], residues.codes[j]
    same = (own == others) & (lengths[own] >= 2)
    result[same] = np.where(lengths[own[same]] >= LONG_RESIDUE, 2, 4)
    of_few = ~subject.listed("domain", names.domain.values)
    domains = np.where(of_few, features.lengths(subject.table, "domain", names.domain.values), 0)
    says = np.minimum(lengths[own] + domains[names.domain.codes[i]], lengths[others] + domains[names.domain.codes[j]])
    telling = np.flatnonzero(~same & (says > LONG_RESIDUE))
    if len(telling):
        x, y = names.value.codes[i[telling]], names.value.codes[j[telling]]
        low, high, inverse = distinct_pairs(x, y)
        near = edit_distance(names.value.values[low], names.value.values[high], 2) <= 2
        result[telling[near[inverse]]] = 3
    return result


LONG_RESIDUE: Final = 4


# --- identifiers


def identifiers(subject: Subject, a: IntArray, b: IntArray) -> Answers:
    """Do they carry the same number of one kind from one issuer (customer number, card, VAT id)?

    Verified numbers of a vetoed kind that contradict each other forbid a match.
    """
    table = subject.table
    column = table.identifiers
    families, types = _identifier_families(table)
    pair, i, j = crossed(column.starts, a, b)
    x, y = column.codes[i], column.codes[j]
    comparable = (families[x] == families[y]) & (types[x] != "social_handle")
    levels = np.full(len(pair), 4, np.uint8)
    levels[x == y] = 1
    unequal = np.flatnonzero(comparable & (x != y))
    if len(unequal):
        low, high, inverse = distinct_pairs(x[unequal], y[unequal])
        near = edit_distance(column.values[low], column.values[high], 1) <= 1
        levels[unequal[near[inverse]]] = 2
    verified = ((column.flags[i] & column.flags[j]) & VERIFIED) != 0
    veto = verified & np.isin(types[x], list(subject.model.vetoes)) & (x != y)
    levels[veto] = 3
    levels[~comparable] = IGNORED
    return Answers(best(pair, levels, len(a)))


def _identifier_families(table: RecordTable) -> tuple[IntArray, Objects]:
    """By distinct identifier: a number for its type and issuer, and its type."""

    def make() -> tuple[IntArray, Objects]:
        values = table.identifiers.values
        heads = [value.rpartition(SEPARATOR)[0] for value in values]
        types = np.empty(len(values), dtype=object)
        types[:] = [head.partition(SEPARATOR)[0] for head in heads]
        return np.unique(np.asarray(heads, dtype=object), return_inverse=True)[1].astype(np.int64), types

    return table.remembered("identifier families", make)


# --- organisations


def organisation(subject: Subject, a: IntArray, b: IntArray) -> Answers:
    """Is it the same organisation's name, apart from its legal form? Words count by how rare they are."""
    column = subject.table.organisation
    x, y = column.codes[a], column.codes[b]
    both = (x != 0) & (y != 0)
    levels = np.zeros(len(a), np.uint8)
    shares = np.full(len(a), np.nan)
    words = features.organisation_words(subject.table)
    by_word = subject.shares("organisation", words.vocabulary)
    equal = both & (x == y)
    levels[equal] = np.where(_other_legal_form(subject, a[equal], b[equal]), 8, 1)
    shares[equal] = np.where(words.codes != 0, by_word[words.codes], 1.0).min(axis=1)[x[equal]]
    unequal = np.flatnonzero(both & ~equal)
    if len(unequal):
        low, high, inverse = distinct_pairs(x[unequal], y[unequal])
        pair_levels, pair_shares = _unequal_organisations(subject, words, by_word, low, high)
        levels[unequal], shares[unequal] = pair_levels[inverse], pair_shares[inverse]
    return Answers(levels, shares)


def _other_legal_form(subject: Subject, a: IntArray, b: IntArray) -> BoolArray:
    """Whether both names say a legal form, and not the same: Müller AG is hardly Müller KG, however equal the rest."""
    form = subject.table.legal_form.codes
    x, y = form[a], form[b]
    different: BoolArray = (x != 0) & (y != 0) & (x != y)
    return different


def _unequal_organisations(
    subject: Subject, words: features.Words, by_word: FloatArray, low: IntArray, high: IntArray
) -> tuple[Levels, FloatArray]:
    values = subject.table.organisation.values
    texts = features.compact(subject.table, "organisation", values)
    information = np.maximum(-np.log(by_word), LEAST_INFORMATION)
    information[0] = 0
    total = information[words.codes].sum(axis=1)
    shared = np.zeros(len(low))
    shares = np.full(len(low), np.nan)
    first, second = words.codes[low], words.codes[high]
    for i in range(words.codes.shape[1]):
        same = ((first[:, i, None] == second) & (first[:, i, None] != 0)).any(axis=1)
        shared[same] += information[first[same, i]]
        shares[same] = np.fmin(shares[same], by_word[first[same, i]])
    shared += _shortened(words, information, first, second, shared)
    of_both = shared / np.sqrt(np.maximum(total[low] * total[high], 1e-9))
    of_smaller = shared / np.maximum(np.minimum(total[low], total[high]), 1e-9)
    acronyms = subject.table.remembered("acronyms", lambda: _acronyms(values))
    spelling = (token_similarity(values[low], values[high], 0.9) > 0) | (edit_distance(texts[low], texts[high], 1) <= 1)
    levels = np.full(len(low), 7, np.uint8)
    levels[of_both >= 0.3] = 6
    levels[of_both >= 0.6] = 5
    levels[(acronyms[low] == texts[high]) | (acronyms[high] == texts[low])] = 4
    levels[of_smaller >= 0.999] = 3
    levels[spelling | (of_both >= 0.9)] = 2
    levels[of_both >= 0.999] = 1
    shares[(levels == 4) | (levels >= 6)] = np.nan
    return levels, shares


def _shortened(
    words: features.Words, information: FloatArray, first: NDArray[Any], second: NDArray[Any], shared: FloatArray
) -> FloatArray:
    """What words say that one name cuts short (Instr., Gesellsch.), of names that share another word."""
    more = np.zeros(len(first))
    rows = np.flatnonzero(shared > 0)
    for i in range(first.shape[1]):
        for j in range(first.shape[1]):
            x, y = first[rows, i], second[rows, j]
            length = words.lengths
            asked = (x != y) & (np.minimum(length[x], length[y]) >= SHORTENED) & (length[x] != length[y])
            if not asked.any():
                continue
            low, high, inverse = distinct_pairs(x[asked], y[asked])
            pairs = zip(words.vocabulary[low], words.vocabulary[high], strict=True)
            begins = np.fromiter((a.startswith(b) or b.startswith(a) for a, b in pairs), bool, len(low))
            found = rows[asked][begins[inverse]]
            of_both = np.sqrt(information[x[asked]] * information[y[asked]])[begins[inverse]]
            more[found] += of_both
    return more


SHORTENED: Final = 4
"""So many letters of a word stand for it."""
LEAST_INFORMATION: Final = 0.1
"""A word that everybody has is still a word."""


def _acronyms(values: Objects) -> Objects:
    """The initials of a name with several words, "?" for others."""
    result = np.empty(len(values), dtype=object)
    split = [value.split() for value in values]
    result[:] = ["".join(word[0] for word in words) if len(words) > 1 else "?" for words in split]
    return result


# --- what is set and not learned


def kind(subject: Subject, a: IntArray, b: IntArray) -> Answers:
    """Are both persons, or both organisations? A person at an organisation is not the organisation."""
    table = subject.table
    return Answers((table.kind[a] != table.kind[b]).astype(np.uint8))


def one_source(subject: Subject, a: IntArray, b: IntArray) -> Answers:
    """Do both come from one source that has each customer once? Then they are hardly the same customer."""
    table = subject.table
    guaranteed = np.array([name in subject.model.guarantees for name in table.source_names] or [False])
    same = (table.source[a] == table.source[b]) & guaranteed[table.source[a]]
    return Answers(same.astype(np.uint8))


# --- custom attributes


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


def _near_texts(left: Objects, right: Objects) -> BoolArray:
    near: BoolArray = token_similarity(left, right, 0.8) > 0
    return near


def _near_numbers(left: Objects, right: Objects) -> BoolArray:
    """Within a tenth of the larger."""
    x, y = _numbers(left), _numbers(right)
    near: BoolArray = np.abs(x - y) <= 0.1 * np.maximum(np.abs(x), np.abs(y))
    return near


def _numbers(texts: Objects) -> FloatArray:
    def parse(text: str) -> float:
        try:
            return float(text.replace(",", "."))
        except ValueError:
            return float("nan")

    return np.fromiter(map(parse, texts), np.float64, len(texts))


# --- the list


def _explained(function: Compare) -> str:
    return " ".join((function.__doc__ or "").split())


def _comparison(
    function: Compare, levels: tuple[Level, ...], applies: Callable[[RecordTable], bool], **options: Any
) -> Comparison:
    return Comparison(function.__name__, _explained(function), levels, function, applies, **options)


COMPARISONS: Final = (
    _comparison(
        given_name,
        (
            Level("same first name", 1, 0.78, 0.02, 0.005, agrees=True),
            Level("shared name", 1, 0.04, 0.01, 0.003, agrees=True),
            Level("short form", 1, 0.04, 0.005, 0.001, agrees=True),
            Level("slightly different spelling", 1, 0.06, 0.005, 0.001, agrees=True),
            Level("similar", 1, 0.03, 0.03, 0.01),
            Level("similar, both common names", 1, 0.005, 0.03, 0.01),
            Level("similar, but genders contradict", 1, 0.002, 0.02, 0.005, opposes=True),
            Level("in the place of the surname", 1, 0.01, 0.0002, 0.00001, agrees=True),
            Level("different", 1, 0.033, 0.8798, 0.965, opposes=True),
            Level("initial fits", 2, 0.95, 0.1, 0.08, agrees=True),
            Level("initial differs", 2, 0.05, 0.9, 0.92, opposes=True),
            Level("distorted", 1, 0.01, 0.005, 0.004),
        ),
        lambda table: not (table.given.is_empty and table.initials.is_empty),
        rarity="given",
        rarity_counts_in_household=True,
        household_cap=0.05,
    ),
    _comparison(
        further_names,
        (
            Level("same", 1, 0.85, 0.05, 0.02, agrees=True),
            Level("similar", 1, 0.07, 0.03, 0.01),
            Level("different", 1, 0.08, 0.92, 0.97),
            Level("initial fits", 2, 0.93, 0.1, 0.08, agrees=True),
            Level("initial differs", 2, 0.07, 0.9, 0.92),
        ),
        lambda table: not (table.given.is_empty and table.initials.is_empty),
        rarity="given",
        rarity_counts_in_household=True,
    ),
    _comparison(
        surname,
        (
            Level("same", 1, 0.85, 0.8, 0.001, agrees=True),
            Level("shared part or earlier name", 1, 0.03, 0.04, 0.001, agrees=True),
            Level("slightly different spelling", 1, 0.05, 0.03, 0.001),
            Level("similar", 1, 0.02, 0.02, 0.01),
            Level("similar, both common names", 1, 0.005, 0.01, 0.005),
            Level("different", 1, 0.045, 0.1, 0.982),
            Level("initial fits", 2, 0.95, 0.9, 0.08, agrees=True),
            Level("initial differs", 2, 0.05, 0.1, 0.92),
            Level("distorted", 1, 0.01, 0.005, 0.004),
            Level("stands in the other's e-mail address", 3, 0.8, 0.7, 0.005),
            Level("another than in the other's e-mail address", 3, 0.2, 0.3, 0.995),
        ),
        lambda table: not table.family.is_empty,
        rarity="family",
    ),
    _comparison(
        generation,
        (
            Level("same", 1, 0.95, 0.2, 0.5, agrees=True),
            Level("one junior, one senior", 1, 0.05, 0.8, 0.5, opposes=True),
        ),
        lambda table: not table.generation.is_empty,
    ),
    _comparison(
        birth_date,
        (
            Level("same date", 1, 0.88, 0.002, 0.0001, agrees=True),
            Level("one digit differs", 1, 0.05, 0.002, 0.0005, agrees=True),
            Level("two digits differ, or day and month swapped", 1, 0.03, 0.01, 0.004),
            Level("same day and month", 1, 0.01, 0.003, 0.003),
            Level("same year", 1, 0.01, 0.04, 0.02),
            Level("different", 1, 0.02, 0.943, 0.9724, opposes=True),
            Level("same year, date unknown", 2, 0.95, 0.03, 0.02, agrees=True),
            Level("other year, date unknown", 2, 0.05, 0.97, 0.98, opposes=True),
            Level("fits the year in an e-mail", 3, 0.9, 0.03, 0.02),
            Level("differs from the year in an e-mail", 3, 0.1, 0.97, 0.98),
            Level("fits two digits in an e-mail", 4, 0.5, 0.03, 0.02),
            Level("differs from two digits in an e-mail", 4, 0.5, 0.97, 0.98),
        ),
        lambda table: bool((table.birth != 0).any()),
        rarity="birth",
        rarity_counts_in_household=True,
        household_cap=0.02,
    ),
    _comparison(
        address,
        (
            Level("same street, number and area", 1, 0.74, 0.8, 0.00002, agrees=True),
            Level("same with a typo", 1, 0.07, 0.07, 0.00001, agrees=True),
            Level("similar street and area, same number", 1, 0.02, 0.02, 0.00002, agrees=True),
            Level("same street and number, other area", 1, 0.005, 0.005, 0.0001),
            Level("same street, other number", 1, 0.03, 0.02, 0.0003),
            Level("other street, same area", 1, 0.03, 0.02, 0.005, unlike=True),
            Level("other street, near area", 1, 0.02, 0.01, 0.01, unlike=True),
            Level("other area", 1, 0.085, 0.055, 0.98447, unlike=True),
            Level("same street and area, a number missing", 2, 0.85, 0.9, 0.0003, agrees=True),
            Level("other street, same area, a number missing", 2, 0.04, 0.03, 0.005, unlike=True),
            Level("other street, near area, a number missing", 2, 0.02, 0.01, 0.01, unlike=True),
            Level("other area, a number missing", 2, 0.09, 0.06, 0.9847, unlike=True),
            Level("same street and number, area missing", 3, 0.8, 0.85, 0.0001, agrees=True),
            Level("same street, area missing", 3, 0.05, 0.05, 0.002),
            Level("other street, area missing", 3, 0.15, 0.1, 0.9979, unlike=True),
            Level("same area, street missing", 4, 0.8, 0.9, 0.005),
            Level("near area, street missing", 4, 0.05, 0.02, 0.01),
            Level("other area, street missing", 4, 0.15, 0.08, 0.985, unlike=True),
            Level("a former address agrees", 1, 0.05, 0.03, 0.00002),
        ),
        lambda table: not table.addresses.is_empty,
        rarity="city",
        unlike_cap=0.1,
    ),
    _comparison(
        mobile,
        (
            Level("same", 1, 0.7, 0.02, 0.000005, agrees=True),
            Level("one or two digits differ", 1, 0.06, 0.005, 0.0001),
            Level("different", 1, 0.22, 0.97, 0.99989),
            Level("a former number agrees", 1, 0.02, 0.005, 0.000005),
        ),
        lambda table: not table.mobiles.is_empty,
    ),
    _comparison(
        landline,
        (
            Level("same", 1, 0.7, 0.7, 0.000005, agrees=True),
            Level("one or two digits differ", 1, 0.06, 0.06, 0.0002),
            Level("different", 1, 0.22, 0.22, 0.99979),
            Level("a former number agrees", 1, 0.02, 0.02, 0.000005),
        ),
        lambda table: not table.landlines.is_empty,
    ),
    _comparison(
        email,
        (
            Level("same", 1, 0.55, 0.03, 0.000005, agrees=True),
            Level("other address, same beyond the names", 1, 0.06, 0.002, 0.00005, agrees=True),
            Level("slightly different spelling", 1, 0.03, 0.002, 0.00005),
            Level("other address, same number or few letters beyond the names", 1, 0.06, 0.01, 0.005),
            Level("different", 1, 0.3, 0.954, 0.99488),
            Level("a former address agrees", 1, 0.01, 0.002, 0.000005),
        ),
        lambda table: not features.online(table).is_empty,
    ),
    _comparison(
        organisation,
        (
            Level("same", 1, 0.5, 0.25, 0.0005, agrees=True),
            Level("slightly different spelling", 1, 0.2, 0.1, 0.0005, agrees=True),
            Level("one name contains the other", 1, 0.15, 0.2, 0.002),
            Level("initials of the other", 1, 0.03, 0.005, 0.0005),
            Level("most words shared", 1, 0.06, 0.15, 0.005, unlike=True),
            Level("some words shared", 1, 0.03, 0.25, 0.03, unlike=True),
            Level("different", 1, 0.02, 0.035, 0.961, opposes=True, unlike=True),
            Level("same, with another legal form", 1, 0.01, 0.01, 0.001),
        ),
        lambda table: not table.organisation.is_empty,
        rarity="organisation",
        unlike_cap=0.1,
    ),
    _comparison(
        identifiers,
        (
            Level("same", 1, 0.9, 0.01, 0.000005, agrees=True),
            Level("one character differs", 1, 0.03, 0.01, 0.0005),
            Level("verified and contradicting: a veto", 2, 1.0, 1.0, 1.0, opposes=True),
            Level("different", 1, 0.07, 0.98, 0.9995),
        ),
        lambda table: not table.identifiers.is_empty,
    ),
    _comparison(
        kind,
        (Level("a person and an organisation", 1, 0.02, 1.0, 1.0, opposes=True),),
        lambda table: bool((table.kind != table.kind[:1]).any()),
        learned=False,
    ),
    _comparison(
        one_source,
        (Level("both from one source that has each customer once", 1, 0.02, 1.0, 1.0),),
        lambda table: len(table) > 0,
        learned=False,
    ),
)

VETO_LEVELS: Final = {("identifiers", 3)}
"""Levels that forbid a match, whatever else agrees."""


def comparisons_of(model: MatchModel) -> tuple[Comparison, ...]:
    """All comparisons of a model: the fixed list and its custom attributes."""
    return COMPARISONS + tuple(custom(name, how) for name, how in model.custom)


def starting_weights(comparison: Comparison) -> LevelWeights:
    """The shares that a comparison has before anything was learned."""
    names = ("not comparable", *(level.name for level in comparison.levels))
    shares = [np.array([1.0] + [getattr(level, c) for level in comparison.levels]) for c in ("m", "h", "u")]
    return LevelWeights(names, *shares)


def weights_of(model: MatchModel, comparison: Comparison) -> LevelWeights:
    """What the model learned of a comparison; where it never met it (or a level, being older than that), the start."""
    known = model.weights.get(comparison.name)
    if known is None:
        return starting_weights(comparison)
    return known if len(known.levels) == len(comparison.levels) + 1 else _completed(known, comparison)


def _completed(known: LevelWeights, comparison: Comparison) -> LevelWeights:
    """What was learned of some levels, put in the place of these levels."""
    start = starting_weights(comparison)
    place = {level: i for i, level in enumerate(known.levels)}
    shares = [
        np.array([learned[place[level]] if level in place else begun[i] for i, level in enumerate(start.levels)])
        for learned, begun in ((known.m, start.m), (known.h, start.h), (known.u, start.u))
    ]
    return LevelWeights(start.levels, *shares)
