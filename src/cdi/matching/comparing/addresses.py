"""Do two persons live at one place, or near each other?"""

from typing import Final

import numpy as np
from numpy.typing import NDArray

from cdi.matching import features
from cdi.matching.columns import (
    FORMER,
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
from cdi.matching.similarity import distinct_pairs, edit_distances, name_similarities

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
    levels = np.where(former & (levels > 0), np.where(levels <= 2, ADDRESS_FORMER, IGNORED), levels)
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


def share_an_address(table: RecordTable, a: IntArray, b: IntArray) -> BoolArray:
    """Whether both have one e-mail address or handle."""
    names = features.online(table)
    pair, i, j = crossed(names.starts, a, b)
    found = np.zeros(len(a), dtype=bool)
    found[pair[names.value.codes[i] == names.value.codes[j]]] = True
    return found
