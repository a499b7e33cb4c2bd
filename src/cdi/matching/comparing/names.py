"""Do the names of two persons agree?"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from cdi.matching import features
from cdi.matching.columns import (
    Column,
    Ragged,
    RecordTable,
    encode,
)
from cdi.matching.comparing.addresses import share_an_address
from cdi.matching.comparing.answers import (
    COMMON,
    TYPO_SHARE,
    Answers,
    Levels,
    Subject,
    crossed,
)
from cdi.matching.pairs import BoolArray, FloatArray, IntArray
from cdi.matching.similarity import (
    Hashes,
    compiled_is_there,
    distinct_pairs,
    edit_distances,
    hash_texts,
    name_similarities,
    name_similarity,
    numbered,
    sound_hashes,
    worth_loading,
)
from cdi.matching.texts import Objects


def given_name(subject: Subject, a: IntArray, b: IntArray) -> Answers:
    """Do the first given names agree? A shared rare name says more than a shared common one."""
    table = subject.table
    left, right = table.given.codes[a], table.given.codes[b]
    levels, shares = _names(subject, "given", table.given, left, right, GIVEN)
    _contradicting_genders(table, a, b, levels)
    _swapped(subject, a, b, levels, shares)
    _initials(table, a, b, levels)
    return Answers(levels, shares)


class NameLevels(NamedTuple):
    """Level numbers that given names and surnames share; `same_first` is that of several words with an equal first."""

    exact: int
    same_first: int
    shared_word: int
    nickname: int
    fuzzy: int
    loose: int
    both_common: int
    different: int
    initial_fits: int
    initial_differs: int
    distorted: int


GIVEN: Final = NameLevels(1, 1, 2, 3, 4, 5, 6, 9, 10, 11, 12)
GIVEN_GENDERS, GIVEN_SWAPPED = 7, 8
FAMILY: Final = NameLevels(1, 2, 2, 2, 3, 4, 5, 6, 7, 8, 9)


def _names(
    subject: Subject, name: str, column: Column, left: NDArray[Any], right: NDArray[Any], level: NameLevels
) -> tuple[Levels, FloatArray]:
    """Levels and frequencies of two name columns' values, looked at once a distinct pair."""
    words = features.given_words(subject.table) if name == "given" else features.family_words(subject.table)
    by_word = subject.shares(name, words.vocabulary)
    levels, shares, unequal = _equal_names(words, by_word, left, right, level)
    if len(unequal):
        low, high, inverse = distinct_pairs(left[unequal], right[unequal])
        pair_levels, pair_shares = _unequal_names(subject, name, column, words, by_word, low, high, level)
        levels[unequal] = pair_levels[inverse]
        shares[unequal] = pair_shares[inverse]
    return levels, shares


def _equal_names(
    words: features.Words, by_word: FloatArray, left: NDArray[Any], right: NDArray[Any], level: NameLevels
) -> tuple[Levels, FloatArray, IntArray]:
    """Levels and frequencies of equal names, and which pairs have two that differ."""
    is_initial = words.is_initial()
    if compiled_is_there(len(left)):
        from cdi.matching.comparing import loops  # noqa: PLC0415  # loads numba, so only where it pays

        return loops.equal_names(left, right, words.codes, is_initial, by_word, level.exact, level.initial_fits)
    levels = np.zeros(len(left), np.uint8)
    shares = np.full(len(left), np.nan)
    both = (left != 0) & (right != 0)
    equal = both & (left == right)
    single = is_initial[words.codes[:, 0]]
    levels[equal] = np.where(single[left[equal]], level.initial_fits, level.exact)
    shares[equal] = by_word[words.codes[left[equal], 0]]
    shares[equal & single[left]] = np.nan
    return levels, shares, np.flatnonzero(both & ~equal)


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
    spelt = _spelt(subject.table, name, column, words, low, high)
    rare = subject.model.frequencies_of(name).rare
    groups = features.given_groups(subject.table) if name == "given" else NO_GROUPS
    compact = features.compact_codes(subject.table, name, column.values)
    if compiled_is_there(len(low)):
        from cdi.matching.comparing import loops  # noqa: PLC0415  # loads numba, so only where it pays

        return loops.unequal_names(
            *(low, high, words.codes, by_word, words.initials, words.is_initial(), words.sounds, groups, compact),
            *(spelt.similarity, spelt.distance, spelt.length, rare, tuple(level)),
        )
    first, second = words.codes[low], words.codes[high]
    levels = np.full(len(low), level.different, np.uint8)
    shares = np.full(len(low), np.nan)
    _similar_names(spelt, words, by_word, first[:, 0], second[:, 0], rare, level, levels)
    if len(groups):
        x, y = groups[first[:, 0]], groups[second[:, 0]]
        in_groups = np.flatnonzero((x[:, 0] != 0) & (y[:, 0] != 0))
        x, y = x[in_groups], y[in_groups]
        related = ((x[:, :, None] == y[:, None, :]) & (x[:, :, None] != 0)).any(axis=(1, 2))
        levels[in_groups[related]] = level.nickname
    one_letter = words.is_initial()
    initial = one_letter[first[:, 0]] | one_letter[second[:, 0]]
    fits = words.initials[first[:, 0]] == words.initials[second[:, 0]]
    levels[initial] = np.where(fits[initial], level.initial_fits, level.initial_differs)
    several = np.flatnonzero((first[:, 1] != 0) | (second[:, 1] != 0))
    for i, j in np.ndindex(_most_words(first), _most_words(second)):
        among = slice(None) if i == j == 0 else several  # most have one word
        x, y = first[among, i], second[among, j]
        same = (x == y) & (x != 0) & ~one_letter[x]
        place = np.flatnonzero(same) if i == j == 0 else several[same]
        levels[place] = np.minimum(levels[place], level.same_first if i == j == 0 else level.shared_word)
        shares[place] = np.fmin(shares[place], by_word[first[place, i]])
    joined = compact[low] == compact[high]
    levels[joined] = level.exact
    shares[joined] = np.fmin(shares[joined], by_word[first[joined, 0]])
    return levels, shares


NO_GROUPS: Final = np.zeros((0, features.NICKNAME_GROUPS), np.int32)
"""Surnames have no short forms."""


def _most_words(codes: NDArray[np.int32]) -> int:
    """How many words the longest of these names has."""
    return int((codes != 0).any(axis=0).sum())


@dataclass(frozen=True, slots=True)
class _Spelt:
    """Of pairs of names how similar they are (0 where hardly), how many edits lie between them (four for more than
    three, and where they are hardly similar), and how many letters the shorter one has. The whole names are compared,
    or the first words where one has several."""

    similarity: FloatArray
    distance: IntArray
    length: IntArray


def _spelt(
    table: RecordTable, name: str, column: Column, words: features.Words, low: IntArray, high: IntArray
) -> _Spelt:
    texts = features.compact(table, name, column.values)
    first, second = words.codes[low, 0], words.codes[high, 0]
    many = (words.codes[low, 1] != 0) | (words.codes[high, 1] != 0)
    spellings = _Spellings(texts, words.vocabulary, low, high, first, second, many)
    similarity = spellings.similarity(np.arange(len(low)))
    near = np.flatnonzero(similarity > 0)
    distance = np.full(len(low), 4, np.int64)
    distance[near] = spellings.distance(near)
    whole = features.lengths(table, f"compact {name}", texts)
    length = np.where(
        many, np.minimum(words.lengths[first], words.lengths[second]), np.minimum(whole[low], whole[high])
    )
    return _Spelt(similarity, distance, length)


def _similar_names(
    spelt: _Spelt,
    words: features.Words,
    by_word: FloatArray,
    first: NDArray[np.int32],
    second: NDArray[np.int32],
    rare: float,
    level: NameLevels,
    levels: Levels,
) -> None:
    """Marks similar spellings."""
    distance, length = spelt.distance, spelt.length
    levels[spelt.similarity >= LOOSE] = level.loose
    levels[((distance <= 1) & (length >= 3)) | ((distance == 2) & (length >= 7))] = level.fuzzy
    same_sound = (words.sounds[first] == words.sounds[second]) & (words.sounds[first] != 0)
    levels[same_sound & (levels == level.different)] = level.loose
    p, q = by_word[first], by_word[second]
    smaller, larger = np.minimum(p, q), np.maximum(p, q)
    two_names = (smaller >= COMMON) & (smaller > TYPO_SHARE * larger) & (smaller > rare)
    similar = (levels == level.fuzzy) | (levels == level.loose)
    levels[similar & two_names] = level.both_common
    unlike = (levels == level.different) & (distance <= 3) & (3 * distance <= 2 * length)
    levels[unlike & (smaller <= rare)] = level.distorted


@dataclass(frozen=True, slots=True)
class _Spellings:
    """Pairs of names to be spelt: whole, without blanks; or by their first words, where `many` says so."""

    texts: Objects
    vocabulary: Objects
    low: IntArray
    high: IntArray
    first: NDArray[np.int32]
    second: NDArray[np.int32]
    many: BoolArray

    def similarity(self, chosen: IntArray) -> FloatArray:
        """How similar the names of these pairs are; 0 where hardly."""
        found = np.zeros(len(chosen))
        for values, low, high, places in self._parts(chosen):
            found[places] = name_similarities(values, low, high, DISTORTED)
        return found

    def distance(self, chosen: IntArray) -> IntArray:
        """How many edits lie between the names of these pairs, more than three counted as four."""
        found = np.zeros(len(chosen), np.int64)
        for values, low, high, places in self._parts(chosen):
            found[places] = edit_distances(values, low, high, 3)
        return found

    def _parts(self, chosen: IntArray) -> Iterator[tuple[Objects, IntArray, IntArray, IntArray]]:
        many = self.many[chosen]
        for places, values, left, right in (
            (np.flatnonzero(~many), self.texts, self.low, self.high),
            (np.flatnonzero(many), self.vocabulary, self.first, self.second),
        ):
            if len(places):
                pairs = chosen[places]
                yield values, left[pairs].astype(np.int64), right[pairs].astype(np.int64), places


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
    if worth_loading(len(a)):  # of fewer pairs not all words are sounded out
        from cdi.matching.comparing import loops  # noqa: PLC0415  # loads numba, so only where it pays

        kinds = (given.initials, family.initials), (given.sounds, family.sounds), (given.hashes, family.hashes)
        return loops.swapped(a, b, table.given.codes, table.family.codes, given.codes, family.codes, *kinds)
    first, last = given.codes[:, 0], family.codes[:, 0]

    ga, gb = (first[table.given.codes[rows]] for rows in (a, b))
    fa, fb = (last[table.family.codes[rows]] for rows in (a, b))

    x, y = given.initials[ga], given.initials[gb]
    likely = np.flatnonzero((x == family.initials[fb]) & (x != 0) & (y == family.initials[fa]) & (y != 0))
    swapped = np.zeros(len(a), dtype=bool)
    if not len(likely):  # most pairs fail here, so the rest is asked of few
        return swapped
    for both, alike in ((np.logical_or, hash_texts), (np.logical_and, sound_hashes)):
        one = _alike(alike, given.vocabulary[ga[likely]], family.vocabulary[fb[likely]])
        other = _alike(alike, given.vocabulary[gb[likely]], family.vocabulary[fa[likely]])
        likely = likely[both(one, other)]
    swapped[likely] = True
    return swapped


def _alike(measure: Callable[[Objects], Hashes], one: Objects, other: Objects) -> BoolArray:
    """Whether these words are alike, pair by pair, and not missing. They are few: nothing is made of all words."""
    x, y = measure(one), measure(other)
    found: BoolArray = (x == y) & (x != 0)
    return found


def _initials(table: RecordTable, a: IntArray, b: IntArray, levels: Levels) -> None:
    """Where a record has initials only, they stand for the given name."""
    if table.initials.is_empty:
        return
    letter = features.first_letters(table)
    missing = np.flatnonzero((table.given.codes[a] == 0) | (table.given.codes[b] == 0))
    x, y = letter[a[missing]], letter[b[missing]]
    comparable = (x != 0) & (y != 0)
    fits = np.where(x == y, GIVEN.initial_fits, GIVEN.initial_differs)
    levels[missing[comparable]] = fits[comparable]


def further_names(subject: Subject, a: IntArray, b: IntArray) -> Answers:
    """Where both have further given names: do the second ones agree?"""
    table = subject.table
    words = features.given_words(table)
    letter = features.second_letters(table)
    levels = np.zeros(len(a), np.uint8)
    comparable = np.flatnonzero((letter[a] != 0) & (letter[b] != 0))  # few records have a further name
    p, q = a[comparable], b[comparable]
    second = words.codes[:, 1]
    x, y = second[table.given.codes[p]], second[table.given.codes[q]]
    one_letter = words.is_initial()
    short = (x == 0) | (y == 0) | one_letter[x] | one_letter[y]
    fits = letter[p] == letter[q]
    levels[comparable] = np.where(short, np.where(fits, 4, 5), np.where(x == y, 1, 3))
    differ = ~short & (x != y)
    unequal, x, y = comparable[differ], x[differ], y[differ]
    if len(unequal):
        low, high, inverse = distinct_pairs(x, y)
        similar = name_similarities(words.vocabulary, low, high, LOOSE) > 0
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
        asked = np.flatnonzero(hints.codes[one] != 0)
        of_one, of_other = whole[table.family.codes[one[asked]]], whole[table.family.codes[other[asked]]]
        differ = of_one & (levels[asked] == FAMILY.different)
        open_ = np.flatnonzero(of_other & (~of_one | differ))
        open_ = open_[~share_an_address(table, one[asked[open_]], other[asked[open_]])]
        asked, differ, of_one = asked[open_], differ[open_], of_one[open_]
        fits = _is_surname(table, hints, one[asked], other[asked])
        levels[asked[fits]] = np.where(differ[fits], FAMILY.shared_word, HINT_FITS)
        levels[asked[~fits & ~of_one]] = HINT_DIFFERS


def _is_surname(table: RecordTable, hints: Column, hinted: IntArray, named: IntArray) -> BoolArray:
    """Whether the hint of one record is the surname of the other."""
    texts = features.compact(table, "family", table.family.values)
    distinct, inverse = numbered(hints.codes[hinted].astype(np.int64) << 32 | table.family.codes[named])
    fits: BoolArray = name_similarity(hints.values[distinct >> 32], texts[distinct & 0xFFFFFFFF], LOOSE) > 0
    return fits[inverse]


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
