"""What hangs together by edges. scipy loads for a third of a second and 40 MB, so only where there is work for it."""

import numpy as np
from numpy.typing import NDArray

from cdi.matching.similarity import compiled_pays


def component_of(n: int, left: NDArray[np.int64], right: NDArray[np.int64]) -> NDArray[np.int64]:
    """By node, the number of its component; the nodes are 0 to n - 1."""
    if compiled_pays(len(left)):
        from cdi.matching import kernels  # noqa: PLC0415  # loads numba, so only where it pays

        return kernels.components(n, left, right)
    from scipy.sparse import coo_array  # noqa: PLC0415  # see above
    from scipy.sparse.csgraph import connected_components  # noqa: PLC0415

    graph = coo_array((np.ones(len(left), np.int8), (left, right)), shape=(n, n))
    return np.asarray(connected_components(graph, directed=False)[1], np.int64)
