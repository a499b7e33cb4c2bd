"""A few values take a quicker way than many; both come to the same."""

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from cdi.matching.columns import FEW, encode
from cdi.matching.similarity import HANDFUL, combine, hash_texts

TEXTS = st.lists(st.text(alphabet=st.sampled_from("aäßzO'. -_@079ıш"), max_size=12), max_size=30)
FILLING = [f"filling{n}" for n in range(FEW)]


@settings(deadline=None)
@given(TEXTS)
def test_a_few_values_are_encoded_as_many_are(values: list[str]) -> None:
    few, many = encode(values), encode([*values, *FILLING])
    assert few.codes.tolist() == many.codes[: len(values)].tolist()
    assert few.values.tolist() == many.values[: len(few.values)].tolist()


@settings(deadline=None)
@given(st.lists(st.one_of(st.text(max_size=40), st.text("äa", min_size=500, max_size=3_000)), max_size=HANDFUL))
def test_a_handful_of_texts_has_the_hashes_that_many_have(texts: list[str]) -> None:
    assert hash_texts(texts).tolist() == hash_texts([*texts, *FILLING])[: len(texts)].tolist()


@settings(deadline=None)
@given(st.lists(st.tuples(*[st.integers(0, 2**64 - 1) | st.just(0)] * 3), min_size=1, max_size=HANDFUL))
def test_a_handful_of_records_has_the_keys_that_many_have(rows: list[tuple[int, int, int]]) -> None:
    many = np.array(rows + [(1, 2, 3)] * FEW, dtype=np.uint64).T
    assert combine(*many[:, : len(rows)]).tolist() == combine(*many)[: len(rows)].tolist()
