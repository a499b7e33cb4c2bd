"""Few nodes are looked at one by one, many as a matrix: what hangs together is the same."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from cdi.resolution.components import FEW, component_of

NODES = 12
EDGES = st.lists(st.tuples(st.integers(0, NODES - 1), st.integers(0, NODES - 1)), max_size=20)


@given(EDGES)
def test_few_nodes_have_the_components_that_they_have_among_many(edges: list[tuple[int, int]]) -> None:
    left, right = np.array(edges, dtype=np.int64).reshape(-1, 2).T
    few, many = component_of(NODES, left, right), component_of(FEW + 1, left, right)
    assert few.tolist() == many[:NODES].tolist()
    assert [few[a] for a, _ in edges] == [few[b] for _, b in edges]
