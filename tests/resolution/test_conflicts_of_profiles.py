"""What deserves a steward's time, and what must not cost it."""

from datetime import UTC, date, datetime
from itertools import permutations

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from cdi.resolution.conflicts import find_conflicts, truly_different_birth_dates
from cdi.resolution.golden import build_golden
from cdi.resolution.ownership import OwnerAssignment, OwnershipRule, assigned_owner, find_owner
from cdi.resolution.survivorship import Pin, RecordFacts, SurvivorshipRules

NOON = datetime(2025, 3, 1, 12, tzinfo=UTC)
RULES = (
    OwnershipRule("gold customers", "vip-desk", attribute="attributes.segment", equals="gold"),
    OwnershipRule("online customers", "e-commerce", has_source=("webshop",)),
    OwnershipRule("social customers", "marketing", has_source=("social",)),
)


def record(record_id, source="shop", *, derived_from=None, **canonical):
    return RecordFacts(
        record_id, source, str(record_id), NOON, 0.5, f"{source}-owner", canonical, derived_from=derived_from
    )


def conflicts_of(*records, pins=(), assignments=(), together=()):
    golden = build_golden(records, SurvivorshipRules(), pins)
    ownership = find_owner(golden, records, RULES, "customer-office", assigned_owner(assignments, records))
    return find_conflicts(golden, records, ownership, pins, assignments, together)


def pinned(attribute, value, record_id, author="s.keller"):
    return Pin(attribute, value, record_id, author, "asked the customer", NOON)


def test_an_ordinary_profile_has_none():
    assert conflicts_of(record(1, gender="f", birth_date="1980-05-04"), record(2, "webshop", gender="F")) == ()


def test_rules_that_disagree_make_exactly_one_owner_conflict():
    records = [record(1, "webshop", attributes={"segment": "gold"}), record(2, "social")]
    (conflict,) = conflicts_of(*records)
    assert (conflict.kind, conflict.attribute) == ("owner", None)
    assert conflict.owners == ("vip-desk", "e-commerce", "marketing")
    assert conflict.detail == {"rules": ["gold customers", "online customers", "social customers"]}
    assert conflict.record_ids == (1, 2)


def test_a_hand_over_ends_the_owner_conflict():
    records = [record(1, "webshop", attributes={"segment": "gold"})]
    assert conflicts_of(*records, assignments=[OwnerAssignment("legal", 1, "s", "r", NOON)]) == ()


def test_two_hand_overs_that_clash_after_a_merge_are_a_conflict():
    records = [record(1), record(2)]
    assignments = [
        OwnerAssignment("legal", 1, "s.keller", "r", NOON),
        OwnerAssignment("vip-desk", 2, "m.vogt", "r", NOON),
    ]
    (conflict,) = conflicts_of(*records, assignments=assignments)
    assert (conflict.kind, conflict.owners, conflict.record_ids) == ("owner", ("legal", "vip-desk"), (1, 2))
    assert conflicts_of(records[0], assignments=assignments) == ()


def test_two_truly_different_birth_dates_are_found_even_within_one_source():
    (conflict,) = conflicts_of(
        record(1, birth_date="1980-05-04"),
        record(2, birth_date="1983-11-27"),
        record(3, birth_date="1980-05-04"),
        record(4),
    )
    assert (conflict.kind, conflict.record_ids) == ("birth_date", (1, 2, 3))


def test_birth_dates_are_answered_by_a_pin_or_by_a_steward_s_match():
    records = [record(1, birth_date="1980-05-04"), record(2, birth_date="1983-11-27")]
    assert conflicts_of(*records, pins=[pinned("birth_date", "1980-05-04", 1)]) == ()
    assert conflicts_of(*records, together=[frozenset({1, 2, 9})]) == ()
    assert len(conflicts_of(*records, together=[frozenset({1, 9})])) == 1


def test_owners_that_contradict_each_other_on_a_fact_are_a_conflict():
    (conflict,) = conflicts_of(record(1, gender="f"), record(2, "webshop", gender="M"), record(3, gender="x"))
    assert (conflict.kind, conflict.attribute, conflict.record_ids) == ("value", "gender", (1, 2))
    assert conflict.owners == ("shop-owner", "webshop-owner")
    assert conflict.detail == {"sources": ["shop", "webshop"]}


def test_one_owner_s_own_contradiction_is_settled_by_survivorship():
    assert conflicts_of(record(1, gender="f"), record(2, gender="m")) == ()


def test_what_moves_in_life_is_no_conflict():
    assert (
        conflicts_of(
            record(1, name={"given_name": "Anna", "family_name": "Müller"}, emails=[{"value": "a@b.de"}]),
            record(2, "webshop", name={"given_name": "Anna", "family_name": "Berg"}, emails=[{"value": "c@d.de"}]),
        )
        == ()
    )


def test_a_copy_contradicts_nobody():
    assert conflicts_of(record(1, gender="f"), record(2, "app", gender="m", derived_from="a-profile")) == ()


def test_pins_that_clash_after_a_merge_are_a_conflict_until_the_profile_splits():
    pins = [pinned("gender", "f", 1, "s.keller"), pinned("gender", "m", 2, "m.vogt")]
    (conflict,) = conflicts_of(record(1), record(2, "webshop"), pins=pins)
    assert (conflict.kind, conflict.attribute, conflict.record_ids) == ("pin", "gender", (1, 2))
    assert conflict.detail == {"authors": ["m.vogt", "s.keller"]}
    assert conflicts_of(record(1), pins=pins) == ()
    assert conflicts_of(record(1), record(2), pins=[pinned("gender", "f", 1), pinned("gender", "F", 2)]) == ()


def test_a_conflict_keeps_its_key_over_rebuilds_and_unrelated_records():
    records = [
        record(1, birth_date="1980-05-04", gender="f"),
        record(2, "webshop", birth_date="1983-11-27", gender="m", attributes={"segment": "gold"}),
    ]
    keys = {conflict.key for conflict in conflicts_of(*records)}
    assert len(keys) == 3
    for order in permutations([*records, record(3, birth_date="1983-11-27"), record(4, gender="m")]):
        assert {conflict.key for conflict in conflicts_of(*order)} == keys


def test_another_contradiction_has_another_key():
    first = conflicts_of(record(1, birth_date="1980-05-04"), record(2, birth_date="1983-11-27"))
    second = conflicts_of(record(1, birth_date="1980-05-04"), record(3, birth_date="1983-11-27"))
    assert first[0].key != second[0].key


def test_a_conflict_tells_no_value():
    records = [
        record(1, gender="f", birth_date="1980-05-04"),
        record(2, "webshop", gender="m", birth_date="1983-11-27"),
    ]
    told = repr(conflicts_of(*records))
    assert "1980" not in told and "1983" not in told and "'m'" not in told


@pytest.mark.parametrize(
    ("a", "b", "why"),
    [
        ("1980-05-04", "1980-05-04", "equal"),
        ("1980-05-04", "1980-05-14", "one digit"),
        ("1980-05-04", "1980-06-04", "one digit"),
        ("1978-05-04", "1987-05-04", "neighbours swapped"),
        ("1980-05-13", "1980-05-31", "neighbours swapped"),
        ("1980-05-04", "1980-04-05", "day and month swapped"),
        ("1965-05-04", "2065-05-04", "wrong century"),
        ("1900-01-01", "1980-05-04", "placeholder"),
        ("1970-01-01", "1983-11-27", "placeholder"),
        ("1899-12-30", "1983-11-27", "the zero of spreadsheets"),
        ("1980-01-01", "1980-05-04", "only the year was known"),
        ("1980", "1980-05-04", "only the year is known"),
        ("1980-05", "1980-05-27", "the day is missing"),
        ("", "1980-05-04", "missing"),
        ("04.05.1980", "1983-11-27", "not a date that we can read"),
    ],
)
def test_a_slip_is_no_other_birth_date(a, b, why):
    assert not truly_different_birth_dates(a, b), why
    assert not truly_different_birth_dates(b, a), why


@pytest.mark.parametrize(
    ("a", "b"),
    [
        ("1980-05-04", "1983-11-27"),
        ("1980-05-04", "2008-05-04"),
        ("1980-05-04", "1980-11-27"),
        ("1952-01-01", "1980-05-04"),
        ("1952", "1980-05-04"),
        ("1980-05", "1980-11-27"),
    ],
)
def test_two_persons_birth_dates_are_truly_different(a, b):
    assert truly_different_birth_dates(a, b)
    assert truly_different_birth_dates(b, a)


DATES = st.dates(date(1910, 1, 1), date(2020, 12, 31))


@given(DATES, DATES)
def test_the_order_of_the_two_dates_does_not_matter(a, b):
    assert truly_different_birth_dates(str(a), str(b)) == truly_different_birth_dates(str(b), str(a))


@given(DATES, st.integers(0, 7), st.integers(0, 9))
def test_one_mistyped_digit_never_makes_another_birth_date(born, place, digit):
    digits = born.strftime("%Y%m%d")
    typed = digits[:place] + str(digit) + digits[place + 1 :]
    assert not truly_different_birth_dates(str(born), f"{typed[:4]}-{typed[4:6]}-{typed[6:]}")


@given(DATES, DATES)
def test_dates_that_differ_in_more_digits_than_any_slip_are_different(a, b):
    assume(sum(x != y for x, y in zip(f"{a:%Y%m%d}", f"{b:%Y%m%d}", strict=True)) > 4)
    assume((1, 1) not in {(a.month, a.day), (b.month, b.day)} and date(1911, 11, 11) not in {a, b})
    assert truly_different_birth_dates(str(a), str(b))
