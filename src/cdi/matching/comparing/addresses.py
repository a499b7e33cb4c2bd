"""Do two persons live at one place, or near each other?"""

from collections.abc import Callable
from typing import Final

import numpy as np
from numpy.typing import NDArray

from cdi.matching import features
from cdi.matching.columns import (
    FORMER,
    Column,
    RecordTable,
)
from cdi.matching.comparing.answers import (
    IGNORED,
    Answers,
    Subject,
    best,
    crossed,
)
from cdi.matching.pairs import BoolArray, IntArray
from cdi.matching.similarity import compiled_is_there, distinct_pairs, edit_distances, name_similarities

_STREET_TYPO: Final = 0.9


def address(subject: Subject, a: IntArray, b: IntArray) -> Answers:
    """Do they live, or did they ever live, at one address? Street, number and area are one question."""
    table = subject.table
    homes = table.addresses
    pair, i, j = crossed(homes.starts, a, b)
    if compiled_is_there(len(i)):
        return _of_many(subject, pair, i, j, len(a))
    area = _area(subject, i, j)
    street = _street(subject, i, j)
    number_i, number_j = homes.number.codes[i], homes.number.codes[j]
    number = np.where((number_i == 0) | (number_j == 0), 0, np.where(number_i == number_j, 1, 3))
    levels = ADDRESS_LEVELS[street, number, area]
    former = ((homes.flags[i] | homes.flags[j]) & FORMER) != 0
    levels = np.where(former & (levels > 0), np.where(levels <= SAME_HOME, ADDRESS_FORMER, IGNORED), levels)
    levels[levels == 0] = IGNORED
    result = best(pair, levels.astype(np.uint8), len(a))
    shares = np.full(len(a), np.nan)
    same_city = homes.city.codes[i] == homes.city.codes[j]
    counted = same_city & (homes.city.codes[i] != 0) & (levels == result[pair]) & np.isin(levels, AREA_LEVELS)
    by_city = subject.shares("city", homes.city.values)
    shares[pair[counted]] = by_city[homes.city.codes[i[counted]]]
    return Answers(result, shares)


def _of_many(subject: Subject, pair: IntArray, i: IntArray, j: IntArray, n: int) -> Answers:
    from cdi.matching.comparing import loops  # noqa: PLC0415  # loads numba, so only where it pays

    table, homes = subject.table, subject.table.addresses
    streets, postal_codes, cities = homes.street, homes.postal_code, homes.city
    region = features.starts(table, "postal code", postal_codes.values, 3)
    codes = (streets.codes, postal_codes.codes, cities.codes, region)
    asked = loops.homes_to_measure(i, j, *codes)

    def near(column: Column, places: IntArray, measure: Callable[[IntArray, IntArray], BoolArray]) -> BoolArray:
        low, high, inverse = distinct_pairs(column.codes[i[places]], column.codes[j[places]])
        return measure(low, high)[inverse]

    compact = features.compact(table, "street", streets.values)
    alike = (
        near(streets, asked[0], lambda low, high: name_similarities(compact, low, high, _STREET_TYPO) > 0),
        near(postal_codes, asked[1], lambda low, high: edit_distances(postal_codes.values, low, high, 1) <= 1),
        near(cities, asked[2], lambda low, high: name_similarities(cities.values, low, high, _STREET_TYPO) > 0),
    )
    by_city = subject.shares("city", cities.values)
    numbers, flags = homes.number.codes, homes.flags
    return Answers(*loops.home_levels(pair, i, j, *codes, numbers, flags, *alike, ADDRESS_LEVELS, by_city, n))


def _street(subject: Subject, i: IntArray, j: IntArray) -> IntArray:
    """0 missing, 1 same, 2 with a typo, 3 other."""
    street = subject.table.addresses.street
    x, y = street.codes[i], street.codes[j]
    result = np.where((x == 0) | (y == 0), 0, np.where(x == y, 1, 3))
    other = np.flatnonzero(result == 3)
    if len(other):
        low, high, inverse = distinct_pairs(x[other], y[other])
        texts = features.compact(subject.table, "street", street.values)
        similar = name_similarities(texts, low, high, _STREET_TYPO) > 0
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
        near[unlike] = edit_distances(texts, low[unlike], high[unlike], 1) <= 1
        result[unequal[near[inverse]]] = 2
    unlike = np.flatnonzero(cities & (p != q) & (result == 3))
    if len(unlike):
        low, high, inverse = distinct_pairs(p[unlike], q[unlike])
        texts = homes.city.values
        near = name_similarities(texts, low, high, _STREET_TYPO) > 0
        result[unlike[near[inverse]]] = 2
    result[cities & (p == q)] = np.where((codes & (x != y))[cities & (p == q)], 2, 1)
    result[codes & (x == y)] = 1
    return result


ADDRESS_FORMER: Final = 19
SAME_HOME: Final = 2
"""Up to this level a former address says that it was shared."""


def _address_levels() -> NDArray[np.uint8]:
    """Level by street (0 missing, 1 same, 2 typo, 3 other), number (0 missing, 1 same, 3 other) and area (0
    missing, 1 same, 2 near, 3 other)."""
    levels = np.zeros((4, 4, 4), np.uint8)
    levels[:, 3, :] = levels[:, 1, :] = [(0, 16, 17, 18), (13, 1, 2, 4), (13, 2, 3, 4), (15, 6, 7, 8)]
    levels[1:3, 3, :] = (14, 5, 5, 8)
    levels[:, 0, :] = [(0, 16, 17, 18), (14, 9, 9, 12), (14, 9, 9, 12), (15, 10, 11, 12)]
    return levels


ADDRESS_LEVELS: Final = _address_levels()
AREA_LEVELS: Final = (6, 10, 16)


def share_an_address(table: RecordTable, a: IntArray, b: IntArray) -> BoolArray:
    """Whether both have one e-mail address or handle."""
    names = features.online(table)
    pair, i, j = crossed(names.starts, a, b)
    found = np.zeros(len(a), dtype=bool)
    found[pair[names.value.codes[i] == names.value.codes[j]]] = True
    return found
