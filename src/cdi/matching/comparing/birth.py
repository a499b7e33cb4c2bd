"""Do two birth dates agree?"""

import numpy as np
from numpy.typing import NDArray

from cdi.matching import features
from cdi.matching.columns import RecordTable
from cdi.matching.comparing.addresses import share_an_address
from cdi.matching.comparing.answers import (
    Answers,
    Levels,
    Subject,
)
from cdi.matching.pairs import IntArray
from cdi.matching.similarity import compiled_is_there


def birth_date(subject: Subject, a: IntArray, b: IntArray) -> Answers:
    """Is it the same birth date, or one that a slip of the pen explains? A date that many have says less."""
    table = subject.table
    levels = _levels(table, a, b)
    by_hint = np.flatnonzero(levels >= 9)
    levels[by_hint[share_an_address(table, a[by_hint], b[by_hint])]] = 0  # whose address it is, it does not tell
    shares = np.full(len(a), np.nan)
    exact = np.flatnonzero(levels == 1)
    if len(exact):
        dates = features.birth_dates(table)
        shares[exact] = subject.shares("birth", dates.values)[dates.codes[a[exact]]]
    return Answers(levels, shares)


def _levels(table: RecordTable, a: IntArray, b: IntArray) -> Levels:
    if compiled_is_there(len(a)):
        from cdi.matching.comparing import loops  # noqa: PLC0415  # loads numba, so only where it pays

        digits = table.remembered("birth digits", lambda: loops.decimal_digits(table.birth))
        return loops.birth_levels(digits, features.year_hints(table), features.two_digit_hints(table), a, b)
    parts = features.birth_parts(table)
    x, y = table.birth[a], table.birth[b]
    levels = np.zeros(len(a), np.uint8)
    year_a, year_b = parts.year[a], parts.year[b]
    is_whole = features.whole_births(table)
    whole = is_whole[a] & is_whole[b]
    levels[whole & (x == y)] = 1
    unequal = np.flatnonzero(whole & (x != y))
    levels[unequal] = _unequal_dates(x[unequal], y[unequal])
    years = ~whole & (year_a > 0) & (year_b > 0)
    levels[years] = np.where(year_a[years] == year_b[years], 7, 8)
    _hinted_years(table, a, b, levels)
    return levels


def _hinted_years(table: RecordTable, a: IntArray, b: IntArray, levels: Levels) -> None:
    """Where one of the two has no year of birth, what its e-mail address hints at: a year, or else two digits."""
    year, hints, digits = features.birth_parts(table).year, features.year_hints(table), features.two_digit_hints(table)
    one = np.flatnonzero((year[a] > 0) != (year[b] > 0))
    of_a, of_b = year[a[one]], year[b[one]]
    x, y = np.where(of_a > 0, of_a, hints[a[one]]), np.where(of_b > 0, of_b, hints[b[one]])
    told = (x > 0) & (y > 0)
    levels[one[told]] = np.where(x == y, 9, 10)[told]
    x, y = (np.where(of > 0, of % 100 + 1, digits[rows[one]]) for of, rows in ((of_a, a), (of_b, b)))
    told = (levels[one] == 0) & (x > 0) & (y > 0)
    levels[one[told]] = np.where(x == y, 11, 12)[told]


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
