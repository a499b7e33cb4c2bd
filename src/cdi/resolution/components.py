"""What hangs together by edges. scipy loads for a third of a second and 40 MB, so only where there is work for it."""

from typing import Final

import numpy as np
from numpy.typing import NDArray

from cdi.matching.similarity import compiled_pays


def component_of(n: int, left: NDArray[np.int64], right: NDArray[np.int64]) -> NDArray[np.int64]:
    """By node, the number of its component, counted by their first nodes; the nodes are 0 to n - 1."""
    if n + len(left) <= FEW:
        return _of_few(n, left.tolist(), right.tolist())
    if compiled_pays(len(left)):
        from cdi.matching import kernels  # noqa: PLC0415  # loads numba, so only where it pays

        return kernels.components(n, left, right)
    from scipy.sparse import coo_array  # noqa: PLC0415  # see above
    from scipy.sparse.csgraph import connected_components  # noqa: PLC0415

    graph = coo_array((np.ones(len(left), np.int8), (left, right)), shape=(n, n))
    return np.asarray(connected_components(graph, directed=False)[1], np.int64)


FEW: Final = 500
"""Up to so many nodes and edges, looking at them one by one is quicker than setting up a matrix."""


def _of_few(n: int, left: list[int], right: list[int]) -> NDArray[np.int64]:
    root = list(range(n))

    def top(node: int) -> int:
        while root[node] != node:
            root[node] = root[root[node]]
            node = root[node]
        return node

    for x, y in zip(left, right, strict=True):
        one, other = top(x), top(y)
        root[max(one, other)] = min(one, other)
    number: dict[int, int] = {}
    return np.array([number.setdefault(top(node), len(number)) for node in range(n)], np.int64)
