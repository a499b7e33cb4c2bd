"""The merging of many small components at once, compiled. It equals `clusters._Merging`, component by component.

Who imports this module pays for numba: only a run with many components does.
"""

from typing import Final

import numpy as np
from numpy.typing import NDArray

from cdi.matching.kernels import compiled
from cdi.matching.pairs import BoolArray, FloatArray, IntArray

MOST: Final = 64
"""Components of more records are merged one by one."""
Outcomes = NDArray[np.uint8]
MERGED, CONTRADICTED, SIZE, RIVALS = 0, 1, 2, 3
"""What became of a link."""


@compiled
def _has_rival(
    sums: FloatArray, claims: FloatArray, alive: BoolArray, between: int, side: int, margin: float, rivalry: float
) -> bool:
    for k in range(len(alive)):
        close = abs(claims[between, k] - claims[between, side]) < margin
        if alive[k] and k not in (between, side) and sums[between, k] > 0 and close and sums[side, k] <= -rivalry:
            return True
    return False


@compiled
def _join(
    sums: FloatArray, claims: FloatArray, alive: BoolArray, root: IntArray, size: IntArray, x: int, y: int
) -> None:
    for matrix in (sums, claims):
        matrix[x] += matrix[y]
        matrix[:, x] = matrix[x]
    for k in range(len(root)):
        if root[k] == y:
            root[k] = x
    size[x] += size[y]
    alive[y] = False


@compiled
def merge_all(
    starts: IntArray,
    pair_starts: IntArray,
    left: IntArray,
    right: IntArray,
    weight: FloatArray,
    claim: FloatArray,
    said: FloatArray,
    labels: IntArray,
    outcome: Outcomes,
    first: int,
    last: int,
    margin: float,
    rivalry: float,
    max_size: int,
) -> None:
    """Component c has the nodes of `starts[c]` to `starts[c + 1]` and all its pairs, the strongest first, from
    `pair_starts[c]` to `pair_starts[c + 1]`; `left` and `right` are places within the component.

    Writes of the components from `first` on, to before `last`: for each node the place of the first node of its
    cluster, for each pair what became of it, where it was not merged.
    """
    all_sums, all_claims = np.empty((MOST, MOST)), np.empty((MOST, MOST))
    all_sizes, all_alive = np.empty(MOST, np.int64), np.empty(MOST, np.bool_)
    for c in range(first, last):
        nodes = starts[c + 1] - starts[c]
        run = slice(pair_starts[c], pair_starts[c + 1])
        sums, claims = all_sums[:nodes, :nodes], all_claims[:nodes, :nodes]
        sums[:], claims[:] = 0.0, 0.0
        for p in range(run.start, run.stop):
            sums[left[p], right[p]] = sums[right[p], left[p]] = said[p]
            claims[left[p], right[p]] = claims[right[p], left[p]] = claim[p]
        root, size, alive = labels[starts[c] : starts[c + 1]], all_sizes[:nodes], all_alive[:nodes]
        root[:], size[:], alive[:] = np.arange(nodes), 1, True
        for p in range(run.start, run.stop):
            if weight[p] < 0 or said[p] == -np.inf:
                continue
            x, y = min(root[left[p]], root[right[p]]), max(root[left[p]], root[right[p]])
            if x == y:
                continue
            if sums[x, y] <= 0:
                outcome[p] = CONTRADICTED
            elif size[x] + size[y] > max_size:
                outcome[p] = SIZE
            elif _has_rival(sums, claims, alive, x, y, margin, rivalry) or _has_rival(
                sums, claims, alive, y, x, margin, rivalry
            ):
                outcome[p] = RIVALS
            else:
                _join(sums, claims, alive, root, size, x, y)


@compiled
def ordered(part: IntArray, pair_starts: IntArray, claim: FloatArray, ends: IntArray) -> IntArray:
    """The order in which pairs stand part by part, in each by falling claims, and where these tie by rising ends."""
    order, place = np.empty(len(part), np.int64), pair_starts.copy()
    for pair in range(len(part)):
        first, i = pair_starts[part[pair]], place[part[pair]]
        place[part[pair]] += 1
        while i > first and (claim[pair], -ends[pair]) > (claim[order[i - 1]], -ends[order[i - 1]]):
            order[i] = order[i - 1]
            i -= 1
        order[i] = pair
    return order


@compiled
def missing_pairs(starts: IntArray, members: IntArray, left: IntArray, right: IntArray, largest: int) -> IntArray:
    """The pairs of members of one component that are not among these edges, packed, in any order. Component c has the
    members `starts[c]` to `starts[c + 1]`, ascending, as the edges do; of one with more than `largest` no pair is
    wanted."""
    begins = np.zeros(members.max() + 2, np.int64)
    for node in left:
        if node + 1 < len(begins):
            begins[node + 1] += 1
    for node in range(len(begins) - 1):
        begins[node + 1] += begins[node]
    sizes = np.diff(starts)
    sizes[sizes > largest] = 0
    pairs, made = np.empty((sizes * (sizes - 1) // 2).sum(), np.int64), 0
    for c in np.flatnonzero(sizes):
        for i in range(starts[c], starts[c + 1]):
            edge, end = begins[members[i]], begins[members[i] + 1]
            for j in range(i + 1, starts[c + 1]):
                while edge < end and right[edge] < members[j]:
                    edge += 1
                if edge == end or right[edge] != members[j]:
                    pairs[made], made = members[i] << 32 | members[j], made + 1
    return pairs[:made]


def load() -> None:
    """Calls each loop with nothing, so that it is there when it is wanted."""
    whole, weights = np.zeros(0, np.int64), np.zeros(0)
    starts, outcome = np.zeros(1, np.int64), np.zeros(0, np.uint8)
    merge_all(starts, starts, whole, whole, weights, weights, weights, whole, outcome, 0, 0, 0.0, 0.0, 1)
    ordered(whole, starts, weights, whole)
    missing_pairs(np.zeros(2, np.int64), np.zeros(1, np.int64), whole, whole, 1)
