"""Rows of equal keys brought together, and pairs of rows brought into order, without sorting: what is looked for is
divided into parts that fit into the processor's cache, and each part is gone through there.

Compiled like `kernels`; who imports this module pays for numba.
"""

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Final

import numpy as np
from numpy.typing import NDArray

from cdi.matching.kernels import compiled
from cdi.matching.pairs import IntArray
from cdi.matching.similarity import Hashes

Numbers = NDArray[np.int32]

SPREAD: Final = np.uint64(0x9E3779B97F4A7C15)
"""Multiplied with it, keys that lie close differ in their first bits."""
IN_A_PART: Final = 256
"""So many keys in a part, or a few more, stay in the cache."""
MOST_PARTS: Final = 16
"""Parts are at most two to the power of this: more would not stay in the cache while they are filled."""


@compiled
def _power_for(count: int, least: int) -> int:
    """The smallest power of two that is not below either."""
    power = least
    while power < count:
        power *= 2
    return power


@compiled
def _divided(keys: IntArray, rows: IntArray, power: int) -> tuple[IntArray, Hashes, Numbers]:
    """Keys and rows part by part, in their order; where each part begins, and where all end."""
    begins = np.zeros((1 << power) + 1, np.int64)
    shift = np.uint64(64 - power)
    for i in range(len(keys)):
        begins[((np.uint64(keys[i]) * SPREAD) >> shift) + np.uint64(1)] += 1
    for part in range(len(begins) - 1):
        begins[part + 1] += begins[part]
    place = begins[:-1].copy()
    in_parts, of_rows = np.empty(len(keys), np.uint64), np.empty(len(keys), np.int32)
    for i in range(len(keys)):
        key = np.uint64(keys[i])
        to = (key * SPREAD) >> shift
        in_parts[place[to]], of_rows[place[to]] = key, rows[i]
        place[to] += 1
    return begins, in_parts, of_rows


@compiled
def _number_keys(keys: Hashes, table: Numbers, known: Hashes, sizes: Numbers, numbers: Numbers) -> int:
    """Counts the keys of one part: by entry the number of its key, by number the key's entries; how many keys there
    are. `table` has a power of two of places, at least twice as many as there are entries."""
    table[:] = -1
    mask = np.uint64(len(table) - 1)
    found = 0
    for i in range(len(keys)):
        place = ((keys[i] * SPREAD) >> np.uint64(20)) & mask
        while table[place] >= 0 and known[table[place]] != keys[i]:
            place = (place + np.uint64(1)) & mask
        if table[place] < 0:
            table[place], known[found], sizes[found] = found, keys[i], 0
            found += 1
        numbers[i] = table[place]
        sizes[numbers[i]] += 1
    return found


@compiled
def blocks_of(keys: IntArray, rows: IntArray) -> tuple[IntArray, IntArray]:
    """The rows of keys that two or more entries have, block by block, in each block in their order; and where each
    block begins, the last entry being where all end."""
    power = 1
    while len(keys) >> power > IN_A_PART and power < MOST_PARTS:
        power += 1
    parts, in_parts, of_rows = _divided(keys, rows, power)
    largest = np.diff(parts).max()
    table = np.empty(_power_for(2 * largest, 2), np.int32)
    known, place = np.empty(largest, np.uint64), np.empty(largest, np.int64)
    sizes, numbers = np.empty(largest, np.int32), np.empty(largest, np.int32)
    found, begins = np.empty(len(keys), np.int64), np.zeros(len(keys) // 2 + 1, np.int64)
    blocks = 0
    for part in range(len(parts) - 1):
        begin, end = parts[part], parts[part + 1]
        used = table[: _power_for(2 * (end - begin), 2)]
        for number in range(_number_keys(in_parts[begin:end], used, known, sizes, numbers)):
            if sizes[number] > 1:
                place[number] = begins[blocks]
                begins[blocks + 1] = begins[blocks] + sizes[number]
                blocks += 1
        for i in range(begin, end):
            number = numbers[i - begin]
            if sizes[number] > 1:
                found[place[number]] = of_rows[i]
                place[number] += 1
    return begins[: blocks + 1].copy(), found[: begins[blocks]].copy()


@compiled
def pairs_of_blocks(begins: IntArray, rows: IntArray, packed: IntArray) -> IntArray:
    """The pairs of different rows of each block, smaller row first, packed in one integer each; `packed` has room."""
    made = 0
    for block in range(len(begins) - 1):
        for i in range(begins[block], begins[block + 1]):
            for j in range(i + 1, begins[block + 1]):
                if rows[i] != rows[j]:
                    packed[made] = min(rows[i], rows[j]) << 32 | max(rows[i], rows[j])
                    made += 1
    return packed[:made]


@compiled
def numbered(keys: IntArray) -> tuple[IntArray, IntArray]:
    """The distinct keys in the order in which they are met, and for each entry the number of its key."""
    table = np.full(_power_for(2 * len(keys), 2), np.int32(-1))
    mask = np.uint64(len(table) - 1)
    known, numbers = np.empty(len(keys), np.int64), np.empty(len(keys), np.int64)
    found = 0
    for i in range(len(keys)):
        mixed = np.uint64(keys[i]) * SPREAD
        place = (mixed ^ (mixed >> np.uint64(32))) & mask
        while table[place] >= 0 and known[table[place]] != keys[i]:
            place = (place + np.uint64(1)) & mask
        if table[place] < 0:
            table[place], known[found] = found, keys[i]
            found += 1
        numbers[i] = table[place]
    return known[:found], numbers


@compiled
def crossed(starts: IntArray, a: IntArray, b: IntArray) -> tuple[IntArray, IntArray, IntArray]:
    """All values of one record against all of the other: (pair, position left, position right), pairs ascending."""
    total = 0
    for k in range(len(a)):
        total += (starts[a[k] + 1] - starts[a[k]]) * (starts[b[k] + 1] - starts[b[k]])
    pair, left, right = np.empty(total, np.int64), np.empty(total, np.int64), np.empty(total, np.int64)
    made = 0
    for k in range(len(a)):
        for i in range(starts[a[k]], starts[a[k] + 1]):
            for j in range(starts[b[k]], starts[b[k] + 1]):
                pair[made], left[made], right[made] = k, i, j
                made += 1
    return pair, left, right


def ordered_pairs(parts: Sequence[IntArray]) -> IntArray:
    """Packed pairs of rows, given in several arrays, each once, ascending."""
    arrays = [np.concatenate(parts)] if len(parts) > AT_ONCE else parts
    given = (*arrays, *[np.zeros(0, np.int64)] * (AT_ONCE - len(arrays)))
    begins, divided, shift = _divided_pairs(given)
    half = int(np.searchsorted(begins, len(divided) // 2))
    with ThreadPoolExecutor(2) as pool:
        ranges = ((0, half), (half, len(begins) - 1))
        return np.concatenate(list(pool.map(lambda of: _ordered_parts(divided, begins, shift, *of), ranges)))


AT_ONCE: Final = 20
"""So many arrays are given to a loop together: after each call it may have to wait for a thread that runs Python."""


def _ordered_parts(divided: IntArray, begins: IntArray, shift: int, first: int, last: int) -> IntArray:
    """The pairs of some parts in order, each once, written over these parts."""
    return divided[begins[first] :][: _order_parts(divided, begins, shift, first, last)]


FIRST_BITS: Final = 12
"""Pairs are divided by so many first bits of their left rows."""


@compiled
def _divided_pairs(parts: tuple[IntArray, ...]) -> tuple[IntArray, IntArray, int]:
    """Where each part of the pairs begins, the pairs part by part, and by how many bits they are shifted to tell it."""
    largest, count = np.int64(0), 0
    for pairs in parts:
        count += len(pairs)
        for pair in pairs:
            largest = max(largest, pair)
    shift = 32
    while largest >> shift >> FIRST_BITS:
        shift += 1
    begins, divided = np.zeros((largest >> shift) + 2, np.int64), np.empty(count, np.int64)
    for pairs in parts:
        for pair in pairs:
            begins[(pair >> shift) + 1] += 1
    for part in range(len(begins) - 1):
        begins[part + 1] += begins[part]
    place = begins.copy()
    for pairs in parts:
        for pair in pairs:
            divided[place[pair >> shift]] = pair
            place[pair >> shift] += 1
    return begins, divided, shift


@compiled
def _order_parts(divided: IntArray, begins: IntArray, shift: int, first: int, last: int) -> int:
    """Brings the pairs of these parts into order, each once, one part behind the other, from where the first one
    begins; how many there are in the end."""
    made = begins[first]
    ends = np.empty((1 << (shift - 32)) + 1, np.int64)
    largest = np.diff(begins).max()
    ordered = np.empty(largest, np.int64)
    first_row = np.int64(first) * (len(ends) - 1)
    for part in range(first, last):
        pairs = divided[begins[part] : begins[part + 1]]
        ends[:] = 0
        for pair in pairs:
            ends[(pair >> 32) - first_row + 1] += 1
        for row in range(len(ends) - 1):
            ends[row + 1] += ends[row]
        for pair in pairs:
            ordered[ends[(pair >> 32) - first_row]] = pair
            ends[(pair >> 32) - first_row] += 1
        begin = 0
        for row in range(len(ends) - 1):
            made = _write_ordered(ordered[begin : ends[row]], divided, made)
            begin = ends[row]
        first_row += len(ends) - 1
    return int(made - begins[first])


@compiled
def _write_ordered(some: IntArray, target: IntArray, place: int) -> int:
    """Writes these values from a place on, ascending, each once; where the next one goes."""
    if len(some) > FEW:
        some.sort()
    else:
        for i in range(1, len(some)):
            value, j = some[i], i
            while j > 0 and some[j - 1] > value:
                some[j] = some[j - 1]
                j -= 1
            some[j] = value
    for i in range(len(some)):
        if i == 0 or some[i] != some[i - 1]:
            target[place] = some[i]
            place += 1
    return place


FEW: Final = 32
"""So many values are brought into order one by one."""
