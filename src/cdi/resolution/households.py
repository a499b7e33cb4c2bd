"""Persons who live together: a relation between customers, never one customer.

Two customers live together when they share a whole address, or when a scored pair says so where an address is
missing. Whether a shared address is a home or a house of many flats, the addresses of the whole table tell.
"""

import itertools
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from cdi.matching import features
from cdi.matching.columns import FORMER, RecordTable
from cdi.matching.engine import household_probability
from cdi.matching.pairs import BoolArray, FloatArray, IntArray, ScoredPairs
from cdi.matching.similarity import Hashes, combine
from cdi.resolution.components import component_of


@dataclass(frozen=True, slots=True)
class HouseholdRules:
    """`likely`: from this probability a scored pair connects two customers. `addresses_are_homes`: does a shared
    whole address suffice, or must the surname agree as well?"""

    likely: float = 0.7
    addresses_are_homes: bool = False


@dataclass(frozen=True, slots=True, eq=False)
class Households:
    """By record id (sorted): the smallest record id of its household; who lives alone has its cluster's label."""

    record_ids: IntArray
    labels: IntArray


HOME_SHARE: Final = 0.5
"""Addresses are homes when at least this share of those with a few customers have a surname in common."""
FEW: Final = 4


def addresses_are_homes(table: RecordTable, labels: IntArray) -> bool:
    """Do customers at one address mostly share a surname? Then an address is a home; in houses of many flats they
    mostly do not."""
    cluster, address = _main_addresses(table, labels)
    surname = _surname_of_cluster(table, labels)
    order = np.argsort(address, kind="stable")
    cluster, address = cluster[order], address[order]
    borders = np.flatnonzero(np.concatenate(([True], address[1:] != address[:-1], [True])))
    votes = []
    for begin, end in itertools.pairwise(borders.tolist()):
        if 2 <= end - begin <= FEW:
            names = surname[cluster[begin:end]]
            votes.append(len(np.unique(names[names != 0])) < np.count_nonzero(names))
    return bool(votes) and float(np.mean(votes)) >= HOME_SHARE


def find_households(
    table: RecordTable, labels: IntArray, pairs: ScoredPairs, rules: HouseholdRules | None = None
) -> Households:
    """Households over clusters. `labels` is the cluster of each row (its smallest record id); `pairs` are scored
    pairs that are probably of one household. Without rules the table tells whether addresses are homes.

    A customer has one home, the address that most of its records have, so that a mover does not join two
    households into one. Who is alone at home, or has none, lives where its likeliest pair does.
    """
    rules = rules or HouseholdRules(addresses_are_homes=addresses_are_homes(table, labels))
    known, cluster = np.unique(labels, return_inverse=True)
    at, address = _main_addresses(table, labels)
    if not rules.addresses_are_homes:
        address = combine(address, _surname_of_cluster(table, labels)[at])
        at, address = at[address != 0], address[address != 0]
    _, place = np.unique(address, return_inverse=True)
    home = _connected(len(known), at, place)
    guest, host = _likeliest_hosts(table, cluster, pairs, rules, home)
    home = _connected(len(known), np.concatenate((np.arange(len(known)), guest)), np.concatenate((home, home[host])))
    return Households(table.record_ids, known[home][cluster])


def _connected(n: int, left: IntArray, right: IntArray) -> IntArray:
    """By cluster number, the smallest cluster number of its component; `right` are places."""
    nodes = n + int(right.max(initial=-1)) + 1
    component = component_of(nodes, left, n + right)
    smallest = np.full(nodes, n, np.int64)
    np.minimum.at(smallest, component[:n], np.arange(n))
    return smallest[component[:n]]


def _likeliest_hosts(
    table: RecordTable, cluster: IntArray, pairs: ScoredPairs, rules: HouseholdRules, home: IntArray
) -> tuple[IntArray, IntArray]:
    """For each customer who is alone, the home that it most probably belongs to: guest and host. The chances of
    all who live there count together."""
    left, right = cluster[table.row_of(pairs.left)], cluster[table.row_of(pairs.right)]
    chance = np.log1p(-np.minimum(household_probability(pairs), 1 - 1e-12))
    guest, host = np.concatenate((left, right)), np.concatenate((right, left))
    guest, host, against = _smallest_by_pair(guest, host, np.concatenate((chance, chance)))
    alone = np.bincount(home, minlength=len(home))[home] == 1
    chosen = alone[guest] & (guest != host)
    guest, host, against = guest[chosen], host[chosen], against[chosen]
    packed, place = np.unique(guest << 32 | home[host], return_inverse=True)
    total = np.bincount(place, against, len(packed))
    guest, host = packed >> 32, packed & 0xFFFFFFFF
    likely = total <= np.log1p(-rules.likely)
    guest, host, total = guest[likely], host[likely], total[likely]
    order = np.lexsort((host, total, guest))
    first = order[np.concatenate(([True], guest[order][1:] != guest[order][:-1]))] if len(order) else order
    return guest[first], host[first]


def _smallest_by_pair(left: IntArray, right: IntArray, value: FloatArray) -> tuple[IntArray, IntArray, FloatArray]:
    """Each (left, right) once, with its smallest value."""
    order = np.lexsort((value, right, left))
    left, right, value = left[order], right[order], value[order]
    first = np.ones(len(left), dtype=bool)
    first[1:] = (left[1:] != left[:-1]) | (right[1:] != right[:-1])
    return left[first], right[first], value[first]


def _main_addresses(table: RecordTable, labels: IntArray) -> tuple[IntArray, Hashes]:
    """Each cluster with its home: the whole address that most of its records have, a namesake there counting like
    one more record; of equals the one with fewer customers. One row by postal code, one by city."""
    cluster, address, count = _cluster_addresses(table, labels)
    surname = _surname_of_cluster(table, labels)[cluster]
    one_key = np.where(address[:, 0] != 0, address[:, 0], address[:, 1])
    customers = _carriers(one_key)
    namesakes = _carriers(np.where(surname != 0, combine(one_key, np.maximum(surname, 1)), 0))
    votes = count + (namesakes > 1)
    order = np.lexsort((one_key, customers, -votes, cluster))
    order = order[np.concatenate(([True], cluster[order][1:] != cluster[order][:-1]))] if len(order) else order
    of, main = cluster[order], address[order]
    at, hashes = np.concatenate((of, of)), np.concatenate((main[:, 0], main[:, 1]))
    return at[hashes != 0], hashes[hashes != 0]


def _carriers(keys: Hashes) -> IntArray:
    """How often each key occurs; 0 for a missing one."""
    _, inverse, counts = np.unique(keys, return_inverse=True, return_counts=True)
    return np.where(keys != 0, counts[inverse], 0).astype(np.int64)


def _cluster_addresses(table: RecordTable, labels: IntArray) -> tuple[IntArray, NDArray[np.uint64], IntArray]:
    """Each (cluster, whole current address) once, with how many records have it: clusters by number, addresses as
    two hashes, by postal code and by city (0 where that is missing)."""
    _, cluster = np.unique(labels, return_inverse=True)
    rows, hashes = _whole_addresses(table)
    of = cluster[rows].astype(np.int64)
    order = np.lexsort((hashes[:, 1], hashes[:, 0], of))
    of, hashes = of[order], hashes[order]
    first = np.ones(len(of), dtype=bool)
    first[1:] = (of[1:] != of[:-1]) | (hashes[1:] != hashes[:-1]).any(axis=1)
    begins = np.flatnonzero(first)
    return of[first], hashes[first], np.diff(np.append(begins, len(of)))


def _whole_addresses(table: RecordTable) -> tuple[IntArray, NDArray[np.uint64]]:
    """Each whole current address of each row, as two hashes."""
    homes = table.addresses
    whole = _hashes(table, "street"), _hashes(table, "number")
    both = np.column_stack([combine(*whole, _hashes(table, area)) for area in ("postal_code", "city")])
    kept = (both != 0).any(axis=1) & ((homes.flags & FORMER) == 0)
    return homes.rows()[kept], both[kept]


def same_address(table: RecordTable, left: IntArray, right: IntArray) -> BoolArray:
    """Of pairs of rows of a small table, which have a whole current address in common."""
    rows, hashes = _whole_addresses(table)
    rows, hashes = np.concatenate((rows, rows)), hashes.T.ravel()
    known, place = np.unique(hashes, return_inverse=True)
    has = np.zeros((len(table), len(known)), dtype=bool)
    has[rows, place] = True
    has[:, known == 0] = False
    shared: BoolArray = np.logical_or.reduce(has[left] & has[right], axis=1)
    return shared


def _hashes(table: RecordTable, part: str) -> Hashes:
    column = getattr(table.addresses, part)
    hashes: Hashes = features.value_hashes(table, part.replace("_", " "), column.values)[column.codes]
    return hashes


def _surname_of_cluster(table: RecordTable, labels: IntArray) -> Hashes:
    """By cluster number: how the surname of its first record that has one sounds, 0 where none has."""
    words = features.family_words(table)
    sounds = words.sounds[words.codes[:, 0]][table.family.codes]
    _, cluster = np.unique(labels, return_inverse=True)
    found = np.zeros(int(cluster.max(initial=-1)) + 1, np.uint64)
    named = np.flatnonzero(sounds)[::-1]
    found[cluster[named]] = sounds[named]
    return found
