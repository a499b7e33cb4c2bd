"""Do e-mail addresses, phones and identifiers agree?"""

from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from cdi.matching import features
from cdi.matching.columns import (
    DOUBTFUL,
    FORMER,
    SEPARATOR,
    VERIFIED,
    Flags,
    Ragged,
    RecordTable,
)
from cdi.matching.comparing.answers import (
    IGNORED,
    Answers,
    Levels,
    Subject,
    best,
    crossed,
)
from cdi.matching.pairs import BoolArray, IntArray
from cdi.matching.similarity import distinct_pairs, edit_distances
from cdi.matching.texts import Objects


def _phones(subject: Subject, name: str, column: Ragged, a: IntArray, b: IntArray) -> Answers:
    pair, i, j = crossed(column.starts, a, b)
    x, y = column.codes[i], column.codes[j]
    equal = x == y
    former = ((column.flags[i] | column.flags[j]) & FORMER) != 0
    levels = np.where(equal, np.where(former, np.uint8(4), np.uint8(1)), np.uint8(3))
    unequal = np.flatnonzero(~equal & ~former)
    if len(unequal):
        low, high, inverse = distinct_pairs(x[unequal], y[unequal])
        near = edit_distances(column.values, low, high, 2) <= 2
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
    levels = np.where(equal, np.where(former, np.uint8(6), np.uint8(1)), levels)
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
        near = edit_distances(names.value.values, low, high, 2) <= 2
        result[telling[near[inverse]]] = 3
    return result


LONG_RESIDUE: Final = 4


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
        near = edit_distances(column.values, low, high, 1) <= 1
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
