"""Compiled loops equal their plain definitions for every input."""

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from cdi.matching import features, kernels

NAMES = st.lists(st.text("abcdeäß", max_size=6), max_size=3).map(" ".join)
LOCALS = st.lists(
    st.one_of(st.text("abcdeäß", max_size=6), st.sampled_from([".", "_", "-", " ", "19", "1985", "7", "²", "٣", "A"])),
    max_size=6,
).map("".join)


def objects(texts: list[str]) -> np.ndarray:
    found = np.empty(len(texts), dtype=object)
    found[:] = texts
    return found


@settings(deadline=None, max_examples=300)
@given(st.lists(st.tuples(LOCALS, NAMES, NAMES), min_size=1, max_size=8))
def test_what_is_left_of_local_parts(rows: list[tuple[str, str, str]]) -> None:
    local, first, last = (objects(list(column)) for column in zip(*rows, strict=True))
    codes = np.arange(len(rows), dtype=np.int32)
    many = features._many_residues((local, first, last), (codes, codes, codes))
    assert many.values[many.codes].tolist() == [features.residue(*row) for row in rows]


@settings(deadline=None, max_examples=300)
@given(
    st.lists(
        st.lists(st.sampled_from(["a", "1", "9", "85", "1985", "2019", "2020", ".", "²", "٣", "ä"]), max_size=6),
        min_size=1,
        max_size=8,
    )
)
def test_years_in_local_parts(parts: list[list[str]]) -> None:
    texts = objects(["".join(part) for part in parts])
    found = kernels.years(*kernels.letters_of(texts))
    plain = [features._year_in(text) for text in texts]
    assert [p if f < 0 else f for f, p in zip(found.tolist(), plain, strict=True)] == plain


def test_long_texts_are_left_to_the_plain_definition() -> None:
    local, name = objects(["a" * 1000 + "1"]), objects(["a" * 1000])
    code = np.zeros(1, np.int32)
    many = features._many_residues((local, name, name), (code, code, code))
    assert many.values[many.codes[0]] == features.residue(local[0], name[0], name[0])
