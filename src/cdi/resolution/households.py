"""Persons who live together: a relation between clusters, never one customer."""

from dataclasses import dataclass
from typing import Final

import numpy as np
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from cdi.matching.engine import household_probability
from cdi.matching.pairs import IntArray, ScoredPairs

LIKELY: Final = 0.5
"""From this probability on a pair counts as two persons of one household."""


@dataclass(frozen=True, slots=True, eq=False)
class Households:
    """By record id (sorted): the smallest record id of its household; who lives alone has its cluster's label."""

    record_ids: IntArray
    labels: IntArray


def find_households(record_ids: IntArray, labels: IntArray, pairs: ScoredPairs) -> Households:
    """Households over clusters: `labels` is the cluster of each record id, `pairs` holds scored pairs, of which
    those that are probably two persons of one household connect their clusters."""
    order = np.argsort(record_ids)
    ids, clusters = record_ids[order], labels[order]
    likely = pairs.only(household_probability(pairs) >= LIKELY)
    left, right = clusters[np.searchsorted(ids, likely.left)], clusters[np.searchsorted(ids, likely.right)]
    known, codes = np.unique(clusters, return_inverse=True)
    different = left != right
    a, b = np.searchsorted(known, left[different]), np.searchsorted(known, right[different])
    graph = coo_array((np.ones(len(a), np.int8), (a, b)), shape=(len(known), len(known)))
    _, component = connected_components(graph, directed=False)
    smallest = np.full(int(component.max(initial=-1)) + 1, np.iinfo(np.int64).max)
    np.minimum.at(smallest, component, known)
    return Households(ids, smallest[component][codes])
