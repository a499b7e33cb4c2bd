"""Periods of the calendar."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cdi.periods import Period

MOMENTS = st.datetimes(datetime(1990, 1, 1), datetime(2100, 1, 1), timezones=st.just(UTC))


@pytest.mark.parametrize(
    ("text", "moment", "before"),
    [
        ("P10Y", "2026-11-26", "2016-11-26"),
        ("P6M", "2026-08-31", "2026-02-28"),
        ("P1Y", "2028-02-29", "2027-02-28"),
        ("P1Y6M2W1D", "2026-01-20", "2024-07-05"),
        ("P90D", "2026-03-01", "2025-12-01"),
    ],
)
def test_a_period_follows_the_calendar(text: str, moment: str, before: str) -> None:
    now = datetime.fromisoformat(moment).replace(tzinfo=UTC)
    assert Period.parse(text).before(now) == datetime.fromisoformat(before).replace(tzinfo=UTC)


@pytest.mark.parametrize("text", ["", "P", "10Y", "P0Y", "PT1H", "P-1Y", "P1.5Y", "ten years", "P1D2Y"])
def test_what_is_no_period_says_what_to_write(text: str) -> None:
    with pytest.raises(ValueError, match="P10Y"):
        Period.parse(text)


@given(MOMENTS, st.integers(0, 30), st.integers(0, 40), st.integers(1, 4000))
def test_a_longer_period_reaches_further_back_and_all_read_back(
    moment: datetime, years: int, months: int, days: int
) -> None:
    period = Period.parse(f"P{years}Y{months}M{days}D")
    longer = Period.parse(f"P{years + 1}Y{months}M{days}D")
    assert longer.before(moment) < period.before(moment) < moment
    assert period.before(moment) <= period.before(moment + timedelta(days=1))
    assert Period.parse(str(period)) == period
