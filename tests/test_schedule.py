"""When a source is read next: intervals, cron expressions in the company's time, and waits after failures."""

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cdi.schedule import LONGEST_WAIT, LastRun, Schedule, due_at, wait_after

BERLIN = ZoneInfo("Europe/Berlin")
START = datetime(2026, 11, 22, 10, 7, tzinfo=UTC)


@pytest.mark.parametrize(
    ("text", "after", "next_time"),
    [
        ("PT15M", "2026-11-22T10:07+00:00", "2026-11-22T10:22+00:00"),
        ("P1DT12H", "2026-11-22T10:07+00:00", "2026-11-23T22:07+00:00"),
        ("P2W", "2026-11-22T10:07+00:00", "2026-12-06T10:07+00:00"),
        ("*/15 * * * *", "2026-11-22T10:07+00:00", "2026-11-22T10:15+00:00"),
        ("0 3 * * *", "2026-11-22T10:07+00:00", "2026-11-23T02:00+00:00"),
        ("0 6 * * MON-FRI", "2026-11-21T10:00+00:00", "2026-11-23T05:00+00:00"),
        ("@daily", "2026-11-22T10:07+00:00", "2026-11-22T23:00+00:00"),
        # The night in which the clocks go forward has no half past two; the one in which they go back has two.
        ("30 2 * * *", "2026-03-28T12:00+00:00", "2026-03-29T01:00+00:00"),
        ("30 2 * * *", "2026-10-24T12:00+00:00", "2026-10-25T00:30+00:00"),
        ("30 2 * * *", "2026-10-25T00:30+00:00", "2026-10-26T01:30+00:00"),
    ],
)
def test_the_next_time(text: str, after: str, next_time: str) -> None:
    schedule = Schedule.parse(text)
    assert schedule.after(datetime.fromisoformat(after), BERLIN) == datetime.fromisoformat(next_time)


@pytest.mark.parametrize("text", ["", "P", "PT", "PT0S", "hourly", "15", "61 * * * *", "0 0 31 2 *", "* * * * * *"])
def test_what_is_no_schedule_is_told_with_what_to_write(text: str) -> None:
    with pytest.raises(ValueError, match="write an interval"):
        Schedule.parse(text)


def test_what_never_ran_is_due_at_once_and_what_was_missed_is_made_up_for_once() -> None:
    daily = Schedule.parse("0 3 * * *")
    assert due_at(daily, None, BERLIN, "shop") is None
    long_ago = LastRun(START - timedelta(days=10), START - timedelta(days=10))
    assert due_at(daily, long_ago, BERLIN, "shop") < START  # type: ignore[operator]  # it is a time
    assert due_at(daily, LastRun(START, START), BERLIN, "shop") > START  # type: ignore[operator]  # it is a time


def test_after_a_failure_a_daily_source_is_tried_again_within_minutes_and_a_hasty_one_is_slowed_down() -> None:
    for text in ("@daily", "PT1S"):
        waits = [
            (due_at(Schedule.parse(text), LastRun(START, START, n), BERLIN, "shop") or START) - START
            for n in range(1, 12)
        ]
        assert timedelta(seconds=15) <= waits[0] <= timedelta(seconds=30)
        assert timedelta(minutes=30) <= waits[-1] <= timedelta(hours=1)


@given(st.integers(1, 1000), st.text(max_size=20))
def test_waits_grow_to_a_limit_differ_and_can_be_asked_again(failures: int, seed: str) -> None:
    wait = wait_after(failures, seed)
    assert wait == wait_after(failures, seed)
    assert wait <= min(timedelta(seconds=30) * 2 ** min(failures - 1, 10), LONGEST_WAIT)
    assert 2 * wait >= min(timedelta(seconds=30) * 2 ** min(failures - 1, 10), LONGEST_WAIT)


@given(
    st.sampled_from(["*/5 * * * *", "0 3 * * *", "30 2 * * *", "PT90M"]),
    st.datetimes(datetime(2026, 1, 1), datetime(2027, 1, 1)),
)
def test_the_next_time_is_always_later(text: str, moment: datetime) -> None:
    moment = moment.replace(tzinfo=UTC)
    assert Schedule.parse(text).after(moment, BERLIN) > moment
