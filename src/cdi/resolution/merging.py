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
    margin: float,
    rivalry: float,
    max_size: int,
) -> tuple[IntArray, NDArray[np.uint8]]:
    """Component c has the nodes of `starts[c]` to `starts[c + 1]` and all its pairs, the strongest first, from
    `pair_starts[c]` to `pair_starts[c + 1]`; `left` and `right` are places within the component.

    For each node the place of the first node of its cluster; for each pair what became of it.
    """
    labels = np.empty(starts[-1], np.int64)
    outcome = np.zeros(len(left), np.uint8)
    for c in range(len(starts) - 1):
        nodes = starts[c + 1] - starts[c]
        run = slice(pair_starts[c], pair_starts[c + 1])
        sums, claims = np.zeros((nodes, nodes)), np.zeros((nodes, nodes))
        for p in range(run.start, run.stop):
            sums[left[p], right[p]] = sums[right[p], left[p]] = said[p]
            claims[left[p], right[p]] = claims[right[p], left[p]] = claim[p]
        root, size, alive = np.arange(nodes), np.ones(nodes, np.int64), np.ones(nodes, np.bool_)
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
        labels[starts[c] : starts[c + 1]] = root
    return labels, outcome
