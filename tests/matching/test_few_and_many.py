"""A few values take a quicker way than many; both come to the same."""

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from cdi.matching import features
from cdi.matching.columns import FEW, encode

TEXTS = st.lists(st.text(alphabet=st.sampled_from("aäßzO'. -_@079ıш"), max_size=12), max_size=30)
FILLING = [f"filling{n}" for n in range(FEW)]


@settings(deadline=None)
@given(TEXTS)
def test_a_few_values_are_encoded_as_many_are(values: list[str]) -> None:
    few, many = encode(values), encode([*values, *FILLING])
    assert few.codes.tolist() == many.codes[: len(values)].tolist()
    assert few.values.tolist() == many.values[: len(few.values)].tolist()


@settings(deadline=None)
@given(TEXTS)
def test_a_few_local_parts_tell_what_many_tell(values: list[str]) -> None:
    for pattern in (features._WORD, features._TWO_DIGITS):
        few = features._found(pattern, np.array(values, dtype=object))
        many = features._found(pattern, np.array([*values, *FILLING], dtype=object))
        assert list(few) == many.to_pylist()[: len(values)]


@settings(deadline=None)
@given(TEXTS)
def test_a_few_addresses_are_cut_as_many_are(values: list[str]) -> None:
    few = features._cut_at_the_sign(np.array(values, dtype=object))
    many = features._cut_at_the_sign(np.array([*values, *FILLING], dtype=object))
    assert [list(part) for part in few] == [part.to_pylist()[: len(values)] for part in many]
