"""What records say of a consent becomes one state: the strictest until reviewed, whatever the order."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cdi.resolution.consents import RESTRICTIVENESS, Review, Saying, consent_state

DAY = timedelta(days=1)
START = datetime(2026, 1, 1, tzinfo=UTC)
NOW = START + 1000 * DAY
A, B, C = 1, 2, 3


def says(record: int, status: str, day: int = 0, channel: str = "email", until: datetime | None = None) -> Saying:
    return Saying(record, "newsletter", channel, status, START + day * DAY, until)


def status(*sayings: Saying, reviews: tuple[Review, ...] = ()) -> str:
    return consent_state(sayings, reviews, "newsletter", "email", NOW).status


def test_of_one_record_the_latest_word_counts() -> None:
    assert status(says(A, "denied"), says(A, "granted", 1)) == "granted"
    assert status(says(A, "granted"), says(A, "withdrawn", 1)) == "withdrawn"
    assert status(says(A, "denied", channel="any"), says(A, "granted", 1)) == "granted"
    assert status(says(A, "granted"), says(A, "withdrawn", 1, channel="any")) == "withdrawn"


def test_of_several_records_the_strictest_counts_until_reviewed() -> None:
    both = (says(A, "granted", 5), says(B, "denied", 1))
    state = consent_state(both, (), "newsletter", "email", NOW)
    assert (state.status, state.contradicted, state.refused) == ("denied", True, True)
    reviewed = Review(A, frozenset({A, B}), START + 6 * DAY)
    state = consent_state(both, (reviewed,), "newsletter", "email", NOW)
    assert (state.status, state.contradicted, state.reviewed) == ("granted", False, reviewed)


def test_what_is_said_after_a_review_or_by_another_record_is_not_reviewed() -> None:
    reviewed = (Review(A, frozenset({A, B}), START + 6 * DAY),)
    assert status(says(A, "granted", 5), says(B, "withdrawn", 7), reviews=reviewed) == "withdrawn"
    assert status(says(A, "granted", 5), says(B, "denied", 1), says(C, "denied", 0), reviews=reviewed) == "denied"
    assert status(says(A, "withdrawn", 8), says(B, "denied", 1), reviews=reviewed) == "withdrawn"


def test_a_later_review_overrules_an_earlier_one_and_two_apart_both_stand() -> None:
    both = (says(A, "granted"), says(B, "denied"))
    first, second = Review(A, frozenset({A, B}), START + DAY), Review(B, frozenset({A, B}), START + 2 * DAY)
    assert status(*both, reviews=(first, second)) == "denied"
    apart = (Review(A, frozenset({A}), START + DAY), Review(B, frozenset({B}), START + 2 * DAY))
    assert status(*both, reviews=apart) == "denied"


def test_what_has_ended_is_no_consent() -> None:
    assert status(says(A, "granted", until=NOW - DAY)) == "expired"
    assert status(says(A, "granted", until=NOW + DAY)) == "granted"
    assert consent_state([says(A, "granted", until=NOW)], (), "newsletter", "email", NOW).refused


def test_another_purpose_or_channel_says_nothing() -> None:
    assert consent_state([says(A, "granted")], (), "newsletter", "sms", NOW).status == "none"
    assert consent_state([says(A, "granted")], (), "survey", "email", NOW).status == "none"


sayings = st.lists(
    st.builds(says, st.integers(1, 4), st.sampled_from(sorted(set(RESTRICTIVENESS) - {"expired"})), st.integers(0, 9)),
    min_size=1,
    max_size=8,
)


@given(sayings, st.randoms(use_true_random=False))
def test_the_order_decides_nothing(said: list[Saying], random: object) -> None:
    shuffled = list(said)
    random.shuffle(shuffled)  # type: ignore[attr-defined]
    assert status(*said) == status(*shuffled)


@given(sayings)
def test_nobody_is_contacted_whom_a_record_refuses_last(said: list[Saying]) -> None:
    alone = {record: status(*(s for s in said if s.record_id == record)) for record in {s.record_id for s in said}}
    assert RESTRICTIVENESS[status(*said)] == max(RESTRICTIVENESS[word] for word in alone.values())


@pytest.mark.parametrize("known", sorted(RESTRICTIVENESS))
def test_every_state_of_the_vocabulary_has_its_place(known: str) -> None:
    assert RESTRICTIVENESS[known] >= 0
