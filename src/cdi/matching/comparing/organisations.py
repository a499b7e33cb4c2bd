"""Do the names of two organisations agree?"""

from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from cdi.matching import features
from cdi.matching.comparing.answers import (
    Answers,
    Levels,
    Subject,
)
from cdi.matching.pairs import BoolArray, FloatArray, IntArray
from cdi.matching.similarity import distinct_pairs, edit_distance, token_similarity
from cdi.matching.texts import Objects


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
