"""Compiled loops are loaded by a thread of its own while a large table is read and encoded, which takes as long and
leaves the interpreter free."""

import gc
from functools import cache
from threading import Thread

import numpy as np

from cdi.matching.texts import bytes_of


@cache
def load_beside() -> None:
    """Begins to load, once a process; who needs a loop before it is there waits for it."""
    Thread(target=_load_without_collecting, name="compiled loops").start()


def _load_without_collecting() -> None:
    """What is loaded stays: to look for garbage among it, now or later, would only hold up who works beside."""
    collects = gc.isenabled()
    gc.disable()
    try:
        _load()
    finally:
        gc.freeze()
        if collects:
            gc.enable()


def _load() -> None:
    """Calls each loop with nothing, by the types of arrays that it is called with later."""
    from cdi.matching import grouping, kernels, spelling  # noqa: PLC0415  # loads numba: that is what this is for
    from cdi.matching.comparing import addresses, loops, names  # noqa: PLC0415

    texts, whole, codes = bytes_of([""]), np.zeros(0, np.int64), np.zeros(0, np.int32)
    weights, table = np.ones(1, np.uint64), np.zeros(128, np.uint8)
    grouping.pairs_of_blocks(*grouping.blocks_of(whole, whole), whole)
    grouping.ordered_pairs([whole])
    grouping.numbered(whole)
    grouping.crossed(np.zeros(1, np.int64), whole, whole)
    kernels.hash_texts(*texts, weights)
    kernels.sound_hashes(*texts, table, weights)
    kernels.cut_at_the_sign(*texts)
    kernels.residues(*texts, *texts, *texts, codes, codes, codes, table, whole)
    kernels.first_words(*texts, 1)
    kernels.two_digits(*texts)
    kernels.years(*texts)
    kernels.components(0, whole, whole)
    words, hashes, none = np.zeros((1, 3), np.int32), (weights, weights), np.zeros(1, np.bool_)
    loops.equal_names(codes, codes, words, none, np.ones(1), 1, 1)
    some = (np.ones(1), table, none, weights, names.NO_GROUPS, codes)
    loops.unequal_names(whole, whole, words, *some, np.ones(0), whole, whole, 1.0, tuple(names.GIVEN))
    loops.swapped(whole, whole, codes, codes, words, words, (table, table), hashes, hashes)
    loops.birth_levels(loops.decimal_digits(codes), codes, codes, whole, whole)
    homes = (whole, whole, codes, codes, codes, codes)
    loops.homes_to_measure(*homes)
    loops.home_levels(
        whole, *homes, codes, np.zeros(0, np.uint8), none, none, none, addresses.ADDRESS_LEVELS, np.ones(1), 0
    )
    sums = np.zeros(0)
    loops.add_terms(sums, sums, np.zeros(0, np.uint8), sums, sums, whole, sums, sums)
    sets = spelling.letter_sets(*texts)
    spelling.edit_distances(*texts, sets, whole, whole, 1)
    spelling.name_similarities(*texts, sets, whole, whole, 1.0)
