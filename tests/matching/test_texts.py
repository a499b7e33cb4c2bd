"""Texts go to Arrow and come back as they were."""

import subprocess
import sys

import pyarrow as pa
from hypothesis import given, settings
from hypothesis import strategies as st

from cdi.matching.texts import to_arrow, to_codes, to_flags, to_objects, without_nulls

TEXTS = st.lists(st.text(st.characters(exclude_categories=["Cs"]), max_size=5), max_size=6)


@settings(deadline=None)
@given(TEXTS, st.integers(0, 6))
def test_there_and_back(texts: list[str], begin: int) -> None:
    array = to_arrow(texts)
    assert array.equals(pa.array(texts, pa.large_string()))
    assert to_objects(array[begin:]).tolist() == texts[begin:]


@settings(deadline=None)
@given(st.lists(st.none() | st.text("ab", max_size=2), max_size=20), st.integers(0, 20))
def test_what_is_missing(texts: list[str | None], begin: int) -> None:
    array = pa.array(texts, pa.large_string())[begin:]
    assert to_objects(without_nulls(array)).tolist() == [text or "" for text in texts[begin:]]
    indices = array.dictionary_encode().indices
    assert to_codes(indices).tolist() == [-1 if code is None else code for code in indices.to_pylist()]


@settings(deadline=None)
@given(st.lists(st.booleans(), max_size=20), st.integers(0, 20))
def test_truth_values(flags: list[bool], begin: int) -> None:
    assert to_flags(pa.array(flags, pa.bool_())[begin:]).tolist() == flags[begin:]


def test_encoding_loads_no_pandas() -> None:
    asked = "import sys; from cdi.matching.columns import encode; encode([str(i) for i in range(999)])"
    subprocess.run([sys.executable, "-c", f"{asked}; assert 'pandas' not in sys.modules"], check=True)
