"""The questions asked of a pair of records, one a function; its docstring is what a steward reads.

A comparison answers with a level; level 0 is *not comparable* and says nothing, for missing is no evidence. Levels
form strata by what could be compared (a street and no number, an initial and no name): shares are taken within a
stratum, so that having less never looks like evidence. Every comparison is symmetric.
"""

from collections.abc import Callable
from functools import lru_cache
from typing import Any, Final

import numpy as np

from cdi.matching import features
from cdi.matching.columns import (
    RecordTable,
)
from cdi.matching.comparing.addresses import address
from cdi.matching.comparing.answers import (
    Compare,
    Comparison,
    Level,
)
from cdi.matching.comparing.birth import birth_date
from cdi.matching.comparing.contacts import email, identifiers, landline, mobile
from cdi.matching.comparing.custom import custom
from cdi.matching.comparing.names import further_names, generation, given_name, surname
from cdi.matching.comparing.organisations import organisation
from cdi.matching.comparing.sources import kind, one_source
from cdi.matching.model import LevelWeights, MatchModel


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
        lambda table: not (table.family.is_empty and features.surname_hints(table).is_empty),
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
        features.tells_of_births,
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


@lru_cache(maxsize=200)
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
