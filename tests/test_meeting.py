"""Whom records meet by their block keys, and which keys are crowded, equal their plain definitions."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from cdi.pipeline import meeting
from cdi.pipeline.drift import CROWD

KEYED = st.sets(st.tuples(st.integers(-3, 3), st.integers(1, 9)), max_size=20)


def columns(keyed: set[tuple[int, int]]) -> tuple[np.ndarray, np.ndarray]:
    keys, ids = np.array(sorted(keyed), np.int64).reshape(-1, 2).T.copy()
    return keys, ids


@given(KEYED, KEYED)
def test_records_meet_those_with_whom_they_share_a_key(
    mine: set[tuple[int, int]], others: set[tuple[int, int]]
) -> None:
    left, right = meeting.meeting(*columns(mine), *columns(others))
    shared = {(min(a, b), max(a, b)) for key, a in mine for other, b in others if key == other and a != b}
    assert list(zip(left.tolist(), right.tolist(), strict=True)) == sorted(shared)


@given(st.lists(st.tuples(st.integers(0, 3), st.integers(0, CROWD)), max_size=4), st.lists(st.integers(0, 3)))
def test_a_key_is_crowded_by_all_who_have_it(told: list[tuple[int, int]], own: list[int]) -> None:
    """Two parts that ask for one key are told of the same others."""
    others = dict(told)
    answers = [np.repeat(key, others[key]) for key, _ in told if key in own]
    expected = [key for key in sorted(set(own)) if own.count(key) + others.get(key, 0) > CROWD]
    assert meeting._crowded(np.array(own, np.int64), answers).tolist() == expected
