"""What stewards decided, closed under transitivity; what contradicts it is named."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cdi.errors import InvalidInputError
from cdi.resolution.decisions import Constraints, Decision, Verdict, close, contradiction, overruled

NOON = datetime(2025, 3, 1, 12, tzinfo=UTC)


def decided(decision_id, verdict, left, right):
    return Decision(
        decision_id,
        Verdict(verdict),
        frozenset(left),
        frozenset(right),
        "s.keller",
        "asked the customer",
        NOON + timedelta(minutes=decision_id),
    )


def ids(decisions):
    return [decision.id for decision in decisions]


def test_nothing_decided_demands_nothing():
    assert close([]) == Constraints()
    assert close([decided(1, "unsure", [1], [2])]) == Constraints()


def test_matches_that_share_a_record_make_one_group():
    constraints = close([decided(1, "match", [1], [2]), decided(2, "match", [3], [2]), decided(3, "match", [8], [9])])
    assert constraints.together == (frozenset({1, 2, 3}), frozenset({8, 9}))


@pytest.mark.parametrize("verdict", ["no_match", "household"])
def test_whoever_is_apart_from_one_member_is_apart_from_the_whole_group(verdict):
    constraints = close([decided(1, verdict, [3], [4]), decided(2, "match", [1], [3]), decided(3, "match", [4], [5])])
    assert constraints.apart == {(1, 4), (1, 5), (3, 4), (3, 5)}


def test_taking_out_separates_all_these_from_all_those_and_says_nothing_within():
    constraints = close([decided(1, "no_match", [1, 2], [3, 4])])
    assert constraints.apart == {(1, 3), (1, 4), (2, 3), (2, 4)}
    assert constraints.together == ()


def test_a_match_across_a_standing_separation_is_refused_and_names_it():
    standing = [
        decided(1, "match", [1], [2]),
        decided(2, "match", [3], [4]),
        decided(3, "no_match", [2], [3]),
        decided(4, "no_match", [7], [8]),
    ]
    assert ids(contradiction(standing, decided(9, "match", [1], [4]))) == [3]
    assert contradiction(standing, decided(9, "match", [1], [7])) == ()


def test_a_separation_within_a_group_is_refused_and_names_the_chains_of_matches():
    standing = [
        decided(1, "match", [1], [2]),
        decided(2, "match", [2], [3]),
        decided(3, "match", [3], [4]),
        decided(4, "match", [1], [9]),
        decided(5, "match", [9], [3]),
    ]
    assert ids(contradiction(standing, decided(9, "household", [1], [3]))) == [1, 2, 4, 5]
    assert ids(contradiction(standing, decided(9, "no_match", [3], [4]))) == [3]
    assert contradiction(standing, decided(9, "no_match", [4], [7])) == ()


def test_unsure_contradicts_nothing():
    assert contradiction([decided(1, "no_match", [1], [2])], decided(2, "unsure", [1], [2])) == ()


def test_a_decision_that_contradicts_itself_or_says_nothing_is_refused():
    with pytest.raises(InvalidInputError, match="record 2 stands on both sides"):
        contradiction([], decided(1, "no_match", [1, 2], [2, 3]))
    with pytest.raises(InvalidInputError, match="both sides"):
        contradiction([], decided(1, "match", [1], []))


def test_where_a_merge_at_the_source_makes_decisions_meet_keeping_apart_wins():
    met = [decided(1, "match", [1], [2]), decided(2, "no_match", [1], [2]), decided(3, "match", [2], [3])]
    assert close(met) == Constraints((frozenset({2, 3}),), frozenset({(1, 2), (1, 3)}))
    assert ids(overruled(met)) == [1]


def test_of_two_matches_that_cannot_both_hold_the_earlier_does():
    met = [decided(1, "match", [1], [2]), decided(2, "match", [2], [3]), decided(3, "no_match", [1], [3])]
    assert close(met).together == (frozenset({1, 2}),)
    assert ids(overruled(met)) == [2]


RECORDS = st.integers(1, 7)
SIDES = st.frozensets(RECORDS, min_size=1, max_size=2)
DECISIONS = st.lists(st.tuples(st.sampled_from(list(Verdict)), SIDES, SIDES), max_size=8).map(
    lambda rows: [decided(n, *row) for n, row in enumerate(rows)]
)


@given(DECISIONS)
def test_no_two_records_are_together_and_apart(decisions):
    constraints = close(decisions)
    for group in constraints.together:
        assert not any({a, b} <= group for a, b in constraints.apart)


@given(DECISIONS)
def test_the_closure_is_transitive(decisions):
    constraints = close(decisions)
    groups = constraints.together
    assert sum(map(len, groups)) == len(frozenset().union(*groups))
    apart = {frozenset(couple) for couple in constraints.apart}
    for a, b in constraints.apart:
        assert a < b
        for group in groups:
            if a in group:
                assert all({member, b} in apart for member in group)
            if b in group:
                assert all({a, member} in apart for member in group)


@given(DECISIONS)
def test_every_separation_holds_and_every_match_that_is_not_overruled(decisions):
    constraints = close(decisions)
    without_effect = overruled(decisions)
    for decision in decisions:
        if decision.verdict.separates:
            for a in decision.left:
                assert all(a == b or (min(a, b), max(a, b)) in constraints.apart for b in decision.right)
        elif decision.verdict.links and decision not in without_effect and len(decision.records) > 1:
            assert any(decision.records <= group for group in constraints.together)


@given(DECISIONS, st.randoms())
def test_the_order_in_which_decisions_are_read_changes_nothing(decisions, random):
    shuffled = random.sample(decisions, len(decisions))
    assert close(shuffled) == close(decisions)


def admitted(decisions):
    """Those that the door lets in, one after the other."""
    standing = []
    for decision in decisions:
        try:
            refused = contradiction(standing, decision)
        except InvalidInputError:
            continue
        if not refused:
            standing.append(decision)
    return standing


@given(DECISIONS)
def test_what_the_door_lets_in_always_holds(decisions):
    assert overruled(admitted(decisions)) == ()


@given(DECISIONS, st.tuples(st.sampled_from(list(Verdict)), SIDES, SIDES))
def test_a_refused_decision_is_taken_once_what_it_contradicts_is_revoked(decisions, row):
    standing, new = admitted(decisions), decided(99, *row)
    if new.verdict.separates and new.left & new.right:
        return
    against = contradiction(standing, new)
    left_standing = [decision for decision in standing if decision not in against]
    assert contradiction(left_standing, new) == ()
    assert overruled([*left_standing, new]) == ()
    if against:
        assert new in overruled([*standing, new]) or new.verdict.separates
