"""How alike two texts are, compiled: texts of ASCII are compared where they stand, and no Python text is made of any.

The same measures as rapidfuzz's, which stays the plain definition: optimal string alignment and Jaro–Winkler. A pair
with a text that goes beyond ASCII, or has too many letters, is left to it.
"""

from typing import Final

import numpy as np

from cdi.matching.kernels import Bytes, compiled
from cdi.matching.pairs import FloatArray, IntArray
from cdi.matching.similarity import LEFT_OVER, STEPS, Hashes

LONGEST: Final = 64
"""A text of more letters is left to the plain definition."""


LEFT: Final = np.uint64(0xFFFFFFFFFFFFFFFF)
"""What stands for the letters of a text that is left to the plain definition."""
KINDS: Final = 32
"""Letters are told apart by their last bits alone, where it is only seen what cannot be."""


@compiled
def letter_sets(letters: Bytes, starts: IntArray) -> Hashes:
    """Which letters each text has, as a set of 64 bits: one for the first of a kind, one for the second, and so on,
    some of which have a bit in common. To see that two texts are far apart, none of them is read."""
    sets, seen = np.zeros(len(starts) - 1, np.uint64), np.empty(KINDS, np.int64)
    for text in range(len(sets)):
        begin, end = starts[text], starts[text + 1]
        whole = np.uint8(0)
        seen[:] = 0
        for i in range(begin, min(end, begin + LONGEST)):
            whole |= letters[i]
            kind = letters[i] % KINDS
            bit = 2 * kind + seen[kind] % 2 + seen[kind] // 2 * KINDS  # the third and fourth share those of another
            sets[text] |= np.uint64(1) << np.uint64(bit % 64)
            seen[kind] += 1
        if end - begin > LONGEST or whole >= 128:
            sets[text] = LEFT
    return sets


@compiled
def _letters_apart(one: np.uint64, other: np.uint64) -> int:
    """How many letters one text has and not the other, at least: each edit makes two at most."""
    bits = one ^ other
    bits -= bits >> np.uint64(1) & np.uint64(0x5555555555555555)
    bits = (bits & np.uint64(0x3333333333333333)) + (bits >> np.uint64(2) & np.uint64(0x3333333333333333))
    bits = bits + (bits >> np.uint64(4)) & np.uint64(0x0F0F0F0F0F0F0F0F)
    return int(bits * np.uint64(0x0101010101010101) >> np.uint64(56))


@compiled
def edit_distances(
    letters: Bytes, starts: IntArray, sets: Hashes, low: IntArray, high: IntArray, at_most: int
) -> IntArray:
    """Insertions, deletions, substitutions and swaps of neighbours between the texts of these numbers; `at_most` + 1
    for more, -1 for a pair that is left over. `sets` are their letters (`letter_sets`)."""
    found = np.empty(len(low), np.int64)
    rows = np.empty((3, 2 * at_most + 3), np.int64)
    for pair in range(len(low)):
        one, other = sets[low[pair]], sets[high[pair]]
        if LEFT in (one, other):
            found[pair] = LEFT_OVER
        elif _letters_apart(one, other) > 2 * at_most:
            found[pair] = at_most + 1
        else:
            a, a_end = starts[low[pair]], starts[low[pair] + 1]
            b, b_end = starts[high[pair]], starts[high[pair] + 1]
            found[pair] = _edits(letters, a, a_end, b, b_end, at_most, rows)
    return found


@compiled
def _edits(letters: Bytes, a: int, a_end: int, b: int, b_end: int, at_most: int, rows: IntArray) -> int:
    """The distance of two texts; beyond `at_most` it is not counted.

    Of the table of distances three rows are kept, and of row i the places i - `at_most` to i + `at_most` alone, with a
    border that says *too far* on both sides."""
    while a < a_end and b < b_end and letters[a] == letters[b]:
        a += 1
        b += 1
    while a < a_end and b < b_end and letters[a_end - 1] == letters[b_end - 1]:
        a_end -= 1
        b_end -= 1
    n, m, too_far = a_end - a, b_end - b, at_most + 1
    if abs(n - m) > at_most:
        return too_far
    if n == 0 or m == 0:
        return max(n, m)
    rows[:] = too_far
    for j in range(at_most + 1):
        rows[0, at_most + j + 1] = j
    least = 0
    for i in range(1, n + 1):
        least_before, least = least, _fill_row(letters, a, b, m, i, at_most, rows)
        if least > at_most and least_before >= at_most:
            return too_far
    return int(rows[n % 3, m - n + at_most + 1])


@compiled
def _fill_row(letters: Bytes, a: int, b: int, m: int, i: int, at_most: int, rows: IntArray) -> int:
    """Reckons row i from the two before; the least distance in it."""
    least, too_far = at_most + 1, at_most + 1
    here, before, further = i % 3, (i - 1) % 3, (i - 2) % 3
    for d in range(1, 2 * at_most + 2):
        j = i + d - at_most - 1
        cost = too_far
        if j == 0:
            cost = i
        elif 0 < j <= m:
            cost = rows[before, d] + (letters[a + i - 1] != letters[b + j - 1])
            cost = min(cost, rows[here, d - 1] + 1, rows[before, d + 1] + 1)
            swaps = i > 1 and j > 1 and letters[a + i - 1] == letters[b + j - 2]
            if swaps and letters[a + i - 2] == letters[b + j - 1]:
                cost = min(cost, rows[further, d] + 1)
        rows[here, d] = min(cost, too_far)
        least = min(least, rows[here, d])
    return least


@compiled
def name_similarities(
    letters: Bytes, starts: IntArray, sets: Hashes, low: IntArray, high: IntArray, at_least: float
) -> FloatArray:
    """Jaro–Winkler similarity in 0 to 1 of the texts of these numbers; 0 where it is below `at_least`, -1 for a pair
    that is left over. `sets` are their letters (`letter_sets`)."""
    found = np.empty(len(low), np.float64)
    places = np.zeros(128, np.uint64)
    least = _jaro_needed(at_least, PREFIX)
    for pair in range(len(low)):
        one, other = sets[low[pair]], sets[high[pair]]
        if LEFT in (one, other):
            found[pair] = LEFT_OVER
            continue
        a, n = starts[low[pair]], starts[low[pair] + 1] - starts[low[pair]]
        b, m = starts[high[pair]], starts[high[pair] + 1] - starts[high[pair]]
        if n > 0 and m > 0 and _jaro_of(n, m, (n + m - _letters_apart(one, other)) // 2, 0) < least - NEARLY:
            found[pair] = 0.0
        else:
            found[pair] = _jaro_winkler(letters, a, n, b, m, at_least, places)
    return found


BOOSTED: Final = 0.7
PREFIX: Final = 4
WEIGHT: Final = 0.1
"""An equal beginning of up to so many letters makes names so similar more so, each by this part of the rest."""


@compiled
def _jaro_needed(at_least: float, prefix: int) -> float:
    """How similar by Jaro's measure texts with an equal beginning of so many letters must be."""
    boosted = (at_least - prefix * WEIGHT) / (1.0 - prefix * WEIGHT)
    return max(boosted, min(at_least, BOOSTED))


@compiled
def _jaro_winkler(letters: Bytes, a: int, n: int, b: int, m: int, at_least: float, places: Hashes) -> float:
    prefix = 0
    while prefix < min(n, m, PREFIX) and letters[a + prefix] == letters[b + prefix]:
        prefix += 1
    similarity = _jaro(letters, a, n, b, m, _jaro_needed(at_least, prefix), places)
    if similarity > BOOSTED:
        similarity += prefix * WEIGHT * (1.0 - similarity)
    similarity = np.rint(similarity * STEPS) / STEPS
    return similarity if similarity >= at_least else 0.0


@compiled
def _jaro(letters: Bytes, a: int, n: int, b: int, m: int, at_least: float, places: Hashes) -> float:
    """`places` has by letter a bit for each place where the second text has it; it is empty before and after. What is
    clearly below `at_least` is 0."""
    if n == 0 or m == 0:
        return 1.0 if n == m else 0.0
    one, all_bits = np.uint64(1), ~np.uint64(0)
    for j in range(m):
        places[letters[b + j]] |= one << np.uint64(j)
    window = max(max(n, m) // 2 - 1, 0)
    of_a, of_b, common = np.uint64(0), np.uint64(0), 0  # the letters that have found each other
    for i in range(n):
        near = all_bits << np.uint64(max(i - window, 0)) & all_bits >> np.uint64(63 - min(i + window, 63))
        open_ = places[letters[a + i]] & near & ~of_b
        if open_:
            of_a, of_b, common = of_a | one << np.uint64(i), of_b | open_ & (~open_ + one), common + 1
    for j in range(m):
        places[letters[b + j]] = np.uint64(0)
    if common == 0 or _jaro_of(n, m, common, 0) < at_least - NEARLY:
        return 0.0
    moved, j = 0, 0
    for i in range(n):
        if of_a >> np.uint64(i) & one:
            while not of_b >> np.uint64(j) & one:
                j += 1
            moved += letters[a + i] != letters[b + j]
            j += 1
    return _jaro_of(n, m, common, moved // 2)


NEARLY: Final = 1e-6
"""What is below a bound by more than this is so for sure, however it is rounded."""


@compiled
def _jaro_of(n: int, m: int, common: int, swaps: int) -> float:
    """The similarity of texts of these lengths with so many common letters; 0 for none."""
    if common == 0:
        return 0.0
    return (common / n + common / m + (common - swaps) / common) / 3.0
