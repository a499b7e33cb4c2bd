"""Comparisons that look at codes and numbers alone, compiled: one loop over the pairs instead of an array a step.

Each has its plain definition beside the comparison, which it equals for every input.
"""

from typing import Final

import numpy as np
from numpy.typing import NDArray

from cdi.matching.columns import FORMER, Codes, Flags
from cdi.matching.comparing.addresses import ADDRESS_FORMER, AREA_LEVELS, SAME_HOME
from cdi.matching.comparing.answers import COMMON, TYPO_SHARE, Levels
from cdi.matching.comparing.names import LOOSE
from cdi.matching.kernels import Bytes, compiled
from cdi.matching.pairs import BoolArray, FloatArray, IntArray
from cdi.matching.similarity import Hashes

Digits = NDArray[np.uint32]


@compiled
def equal_names(
    left: Codes,
    right: Codes,
    words: NDArray[np.int32],
    is_initial: BoolArray,
    by_word: FloatArray,
    exact: int,
    initial_fits: int,
) -> tuple[Levels, FloatArray, IntArray]:
    """Levels and frequencies of equal names, and which pairs have two that differ."""
    levels, shares = np.zeros(len(left), np.uint8), np.full(len(left), np.nan)
    unequal, found = np.empty(len(left), np.int64), 0
    for pair in range(len(left)):
        if left[pair] == 0 or right[pair] == 0:
            continue
        if left[pair] != right[pair]:
            unequal[found] = pair
            found += 1
            continue
        word = words[left[pair], 0]
        levels[pair] = initial_fits if is_initial[word] else exact
        if not is_initial[word]:
            shares[pair] = by_word[word]
    return levels, shares, unequal[:found].copy()


@compiled
def unequal_names(
    low: IntArray,
    high: IntArray,
    words: NDArray[np.int32],
    by_word: FloatArray,
    initials: Bytes,
    is_initial: BoolArray,
    sounds: Hashes,
    groups: NDArray[np.int32],
    compact: Codes,
    similarity: FloatArray,
    distance: IntArray,
    length: IntArray,
    rare: float,
    level: tuple[int, ...],
) -> tuple[Levels, FloatArray]:
    """Levels and frequencies of pairs of names that differ; `level` are the numbers of `names.NameLevels`."""
    exact, same_first, shared_word, nickname, fits, differs = level[0], level[1], level[2], level[3], level[8], level[9]
    levels, shares = np.empty(len(low), np.uint8), np.full(len(low), np.nan)
    for pair in range(len(low)):
        one, other = low[pair], high[pair]
        x, y = words[one, 0], words[other, 0]
        sounds_equal = sounds[x] != 0 and sounds[x] == sounds[y]
        spelt = similarity[pair], distance[pair], length[pair]
        found = _spelt_alike(sounds_equal, *spelt, by_word[x], by_word[y], rare, level)
        if len(groups) and _meet(groups[x], groups[y]):
            found = nickname
        if is_initial[x] or is_initial[y]:
            found = fits if initials[x] == initials[y] else differs
        for i in range(words.shape[1]):
            for j in range(words.shape[1]):
                word = words[one, i]
                if word != 0 and word == words[other, j] and not is_initial[word]:
                    found = min(found, same_first if i == j == 0 else shared_word)
                    shares[pair] = _smaller(shares[pair], by_word[word])
        if compact[one] == compact[other]:
            found, shares[pair] = exact, _smaller(shares[pair], by_word[x])
        levels[pair] = found
    return levels, shares


@compiled
def _spelt_alike(
    sounds_equal: bool,
    similarity: float,
    edits: int,
    letters: int,
    share: float,
    other_share: float,
    rare: float,
    level: tuple[int, ...],
) -> int:
    """The level of two names by their spelling and sound, and how common they are."""
    fuzzy, loose, both_common, different, distorted = level[4], level[5], level[6], level[7], level[10]
    smaller, larger = min(share, other_share), max(share, other_share)
    found = loose if similarity >= LOOSE or sounds_equal else different
    if (edits <= 1 and letters >= 3) or (edits == 2 and letters >= 7):
        found = fuzzy
    if found != different:
        two_names = smaller >= COMMON and smaller > TYPO_SHARE * larger and smaller > rare
        return both_common if two_names else found
    return distorted if edits <= 3 and 3 * edits <= 2 * letters and smaller <= rare else different


@compiled
def _smaller(known: float, further: float) -> float:
    """The smaller of two; the second where the first is none (nan)."""
    return known if known <= further else further


@compiled
def _meet(some: NDArray[np.int32], others: NDArray[np.int32]) -> bool:
    """Whether both lists, which end with zeros, have a number in common."""
    for one in some:
        if one == 0:
            return False
        for other in others:
            if one == other:
                return True
    return False


@compiled
def swapped(
    a: IntArray,
    b: IntArray,
    given: Codes,
    family: Codes,
    given_words: NDArray[np.int32],
    family_words: NDArray[np.int32],
    initials: tuple[Bytes, Bytes],
    sounds: tuple[Hashes, Hashes],
    hashes: tuple[Hashes, Hashes],
) -> BoolArray:
    """`names.is_swapped`; of each kind of feature that of given names, and of surnames."""
    found = np.zeros(len(a), np.bool_)
    for pair in range(len(a)):
        ga, fa = given_words[given[a[pair]], 0], family_words[family[a[pair]], 0]
        gb, fb = given_words[given[b[pair]], 0], family_words[family[b[pair]], 0]
        if initials[0][ga] == 0 or initials[0][ga] != initials[1][fb]:  # most pairs fail here
            continue
        if initials[0][gb] == 0 or initials[0][gb] != initials[1][fa]:
            continue
        one = sounds[0][ga] != 0 and sounds[0][ga] == sounds[1][fb]
        other = sounds[0][gb] != 0 and sounds[0][gb] == sounds[1][fa]
        exact = hashes[0][ga] != 0 and hashes[0][ga] == hashes[1][fb]
        exact |= hashes[0][gb] != 0 and hashes[0][gb] == hashes[1][fa]
        found[pair] = one and other and exact
    return found


@compiled
def decimal_digits(birth: Codes) -> Digits:
    """The eight digits of each birth date, four bits each: to compare them takes no division."""
    digits = np.zeros(len(birth), np.uint32)
    for row in range(len(birth)):
        rest = birth[row]
        for place in range(0, 32, 4):
            digits[row] |= np.uint32(rest % 10 << place)
            rest = rest // 10
    return digits


@compiled
def birth_levels(birth: Digits, hints: Codes, endings: Codes, a: IntArray, b: IntArray) -> Levels:
    """Levels of birth dates, years, and what e-mail addresses hint at: a year, or how it ends."""
    levels = np.zeros(len(a), np.uint8)
    for pair in range(len(a)):
        x, y = int(birth[a[pair]]), int(birth[b[pair]])
        of_x, of_y = x >> 16, y >> 16
        if _is_whole(x) and _is_whole(y):
            levels[pair] = SAME_DATE if x == y else _unequal_dates(x, y)
        elif of_x > 0 and of_y > 0:
            levels[pair] = YEARS if of_x == of_y else YEARS + 1
        elif of_x > 0:
            levels[pair] = _hinted(of_x, hints[b[pair]], endings[b[pair]])
        elif of_y > 0:
            levels[pair] = _hinted(of_y, hints[a[pair]], endings[a[pair]])
    return levels


SAME_DATE: Final = 1
YEARS: Final = 7
HINTED_YEARS: Final = 9
HINTED_ENDINGS: Final = 11
"""The levels of `birth.birth_date`; behind each of the last three stands the one that contradicts."""


@compiled
def _is_whole(date: int) -> bool:
    return bool(date >> 16 and date >> 8 & 0xFF and date & 0xFF)


@compiled
def _hinted(year: int, hint: int, ending: int) -> int:
    """Whether a year fits what the other record's e-mail address hints at; `ending` is one more than it says."""
    decade = (year >> 4 & 15) * 10 + (year & 15)
    if hint > 0:
        whole = ((year >> 12) * 10 + (year >> 8 & 15)) * 100 + decade
        return HINTED_YEARS if hint == whole else HINTED_YEARS + 1
    if ending > 0:
        return HINTED_ENDINGS if ending == decade + 1 else HINTED_ENDINGS + 1
    return 0


@compiled
def _unequal_dates(x: int, y: int) -> int:
    differ = x ^ y
    differ |= differ >> 1
    differ |= differ >> 2
    different = (differ & 0x11111111) * 0x11111111 >> 28 & 15  # the sum of its digits, of which each is 0 or 1
    same_year = x >> 16 == y >> 16
    if different == 1:
        return 2
    if different == 2 or (same_year and x >> 8 & 0xFF == y & 0xFF and x & 0xFF == y >> 8 & 0xFF):
        return 3
    if x & 0xFFFF == y & 0xFFFF:
        return 4
    return 5 if same_year else 6


@compiled
def add_terms(
    household: FloatArray,
    stranger: FloatArray,
    levels: Levels,
    of_household: FloatArray,
    of_stranger: FloatArray,
    places: IntArray,
    shared_household: FloatArray,
    shared_stranger: FloatArray,
) -> None:
    """`engine.Terms.add_to`."""
    following = 0
    for pair in range(len(levels)):
        if following < len(places) and places[following] == pair:
            household[pair] += shared_household[following]
            stranger[pair] += shared_stranger[following]
            following += 1
        else:
            household[pair] += of_household[levels[pair]]
            stranger[pair] += of_stranger[levels[pair]]


@compiled
def homes_to_measure(
    i: IntArray, j: IntArray, street: Codes, postal_code: Codes, city: Codes, region: Codes
) -> tuple[IntArray, IntArray, IntArray]:
    """Of which pairs of addresses the spelling of streets, of postal codes and of cities must be looked at."""
    streets, postal_codes, cities = np.empty(len(i), np.int64), np.empty(len(i), np.int64), np.empty(len(i), np.int64)
    of_street = of_code = of_city = 0
    for pair in range(len(i)):
        one, other = i[pair], j[pair]
        if _differ(street[one], street[other]):
            streets[of_street] = pair
            of_street += 1
        if _far_codes(postal_code[one], postal_code[other], region):
            postal_codes[of_code] = pair
            of_code += 1
        if _differ(city[one], city[other]):
            cities[of_city] = pair
            of_city += 1
    return streets[:of_street].copy(), postal_codes[:of_code].copy(), cities[:of_city].copy()


@compiled
def _differ(one: int, other: int) -> bool:
    return bool(min(one, other) > 0 and one != other)


@compiled
def _far_codes(one: int, other: int, region: Codes) -> bool:
    """Whether these postal codes differ already where they begin."""
    return _differ(one, other) and (region[one] != region[other] or region[one] == 0)


@compiled
def home_levels(
    pair: IntArray,
    i: IntArray,
    j: IntArray,
    street: Codes,
    postal_code: Codes,
    city: Codes,
    region: Codes,
    number: Codes,
    flags: Flags,
    near_streets: BoolArray,
    near_codes: BoolArray,
    near_cities: BoolArray,
    table: NDArray[np.uint8],
    by_city: FloatArray,
    n: int,
) -> tuple[Levels, FloatArray]:
    """Levels and frequencies of pairs of records by pairs of their addresses; what is near was asked by
    `homes_to_measure`. `table` has the level by street, number and area."""
    levels, shares = np.zeros(n, np.uint8), np.full(n, np.nan)
    of_street = of_code = of_city = 0
    for k in range(len(pair)):
        one, other = i[k], j[k]
        of_streets = _state(street[one], street[other])
        if of_streets == OTHER:
            of_streets = NEAR if near_streets[of_street] else OTHER
            of_street += 1
        codes, cities = _state(postal_code[one], postal_code[other]), _state(city[one], city[other])
        if codes == OTHER and _far_codes(postal_code[one], postal_code[other], region):
            codes = OTHER if not near_codes[of_code] else NEAR
            of_code += 1
        elif codes == OTHER:
            codes = NEAR
        if cities == OTHER:
            cities = NEAR if near_cities[of_city] else OTHER
            of_city += 1
        level = table[of_streets, _state(number[one], number[other]), _area(codes, cities)]
        if (flags[one] | flags[other]) & FORMER and level > 0:
            level = ADDRESS_FORMER if level <= SAME_HOME else 0
        if level > 0 and (levels[pair[k]] == 0 or level <= levels[pair[k]]):
            if level != levels[pair[k]]:
                shares[pair[k]] = np.nan
            levels[pair[k]] = level
            if level in AREA_LEVELS and cities == SAME:
                shares[pair[k]] = by_city[city[one]]
    return levels, shares


SAME, NEAR, OTHER = 1, 2, 3
"""What two streets, numbers, postal codes or cities are to each other; 0 where one is missing."""


@compiled
def _state(one: int, other: int) -> int:
    if one == 0 or other == 0:
        return 0
    return SAME if one == other else OTHER


@compiled
def _area(codes: int, cities: int) -> int:
    """Whether two places are the same or near, by their postal codes and by the names of their cities."""
    if codes == SAME or (cities == SAME and codes == 0):
        return SAME
    if NEAR in (codes, cities) or cities == SAME:
        return NEAR
    return OTHER if codes or cities else 0
