"""A commit is as large as fits into the time that others may be kept waiting, and afterwards it is their turn."""

from hypothesis import given
from hypothesis import strategies as st

from cdi.pipeline.pace import Pace, rest_after


@given(st.floats(1e-5, 0.1), st.integers(1, 50), st.integers(50, 2_000))
def test_commits_come_to_fit_into_their_time(each: float, least: int, most: int) -> None:
    """Whatever one record takes, after some commits one takes the time it may, unless its size is at a bound."""
    pace = Pace(0.1, least, most)
    for _ in range(20):
        assert least <= pace.size <= most
        pace.took(pace.size * each)
    assert pace.size in {least, most} or 0.05 < pace.size * each <= 0.1 + 1e-9


@given(st.floats(0, 1e-3))
def test_one_quick_commit_does_not_make_the_next_one_huge(seconds: float) -> None:
    pace = Pace(0.1, 10, 10_000)
    pace.took(seconds)
    assert pace.size <= 20


@given(st.floats(1e-3, 10), st.integers(1, 1_000))
def test_others_have_half_of_the_time_and_more_only_where_enough_is_done_nevertheless(took: float, done: int) -> None:
    enough = 400
    whole = took + rest_after(took, done, enough)
    assert 2 * took <= whole <= 3 * took + 1e-9
    if whole > 2 * took:
        assert done / whole >= enough * (1 - 1e-9)
    elif done / took > 2.001 * enough:
        raise AssertionError("a fast machine rests for longer")
