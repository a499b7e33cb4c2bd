"""Texts go to Arrow and come back as they were."""

import subprocess
import sys
from itertools import pairwise

import numpy as np
import pyarrow as pa
from hypothesis import given, settings
from hypothesis import strategies as st

from cdi.matching.columns import RecordTable
from cdi.matching.features import compact, compact_codes, words_of
from cdi.matching.texts import Objects, Values, bytes_of, lengths_of, to_arrow, to_codes, to_objects

TEXTS = st.lists(st.text(st.characters(exclude_categories=["Cs"]), max_size=5), max_size=6)


@settings(deadline=None)
@given(TEXTS, st.integers(0, 6))
def test_there_and_back(texts: list[str], begin: int) -> None:
    array = to_arrow(texts)
    assert array.equals(pa.array(texts, pa.large_string()))
    assert to_objects(array[begin:]).tolist() == texts[begin:]


NAMES = st.lists(st.text("aß日Ł \u2009\xa0\x85\t", max_size=8), max_size=8)


@settings(deadline=None, max_examples=300)
@given(NAMES)
def test_words_of_texts_that_arrow_holds(texts: list[str]) -> None:
    """They are those of Python's texts, as are the texts without blanks."""
    plain, held = np.array(["", *texts], dtype=object), Values(to_arrow(["", *texts]))

    def told(values: Objects) -> list[object]:
        words, table = words_of(values), RecordTable.from_columns(np.zeros(0, np.int64))
        parts = (words.vocabulary[words.codes.ravel()], words.initials[words.codes], words.lengths[words.codes])
        joined, codes = compact(table, "name", values), compact_codes(table, "name", values)
        same = [[one == other for one in codes.tolist()] for other in codes.tolist()]
        return [part.tolist() for part in parts] + [list(joined), same]

    assert told(held) == told(plain)


@settings(deadline=None)
@given(st.lists(st.none() | st.text("ab", max_size=2), max_size=20), st.integers(0, 20))
def test_codes_of_what_is_missing(texts: list[str | None], begin: int) -> None:
    indices = pa.array(texts, pa.large_string())[begin:].dictionary_encode().indices
    assert to_codes(indices).tolist() == [-1 if code is None else code for code in indices.to_pylist()]


@settings(deadline=None)
@given(TEXTS, st.data())
def test_some_of_many_texts(texts: list[str], data: st.DataObject) -> None:
    """Whether a few of them are asked for, or most, or all: they are the same texts, and as long."""
    many = texts * 5
    places = data.draw(st.lists(st.integers(0, len(many) - 1), max_size=len(many)) if many else st.just([]))
    chosen = np.array(places, np.int32)
    flags = np.isin(np.arange(len(many)), chosen)
    for values in (Values(to_arrow([*many, ""])[:-1]), Values(pa.concat_arrays([to_arrow([""]), to_arrow(many)])[1:])):
        assert values[chosen].tolist() == [many[place] for place in places]
        assert values[flags].tolist() == [text for text, flag in zip(many, flags, strict=True) if flag]
        assert list(values) == values.tolist() == np.concatenate((values, [])).tolist() == many
        assert lengths_of(values).tolist() == list(map(len, many))
        letters, starts = bytes_of(values)
        assert [letters[b:e].tobytes().decode() for b, e in pairwise(starts.tolist())] == many


def test_encoding_loads_no_pandas() -> None:
    asked = "import sys; from cdi.matching.columns import encode; encode([str(i) for i in range(999)])"
    subprocess.run([sys.executable, "-c", f"{asked}; assert 'pandas' not in sys.modules"], check=True)
