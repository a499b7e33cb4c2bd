"""Ids of profiles: carried, retired, brought back, and never given to other records."""

from http import HTTPStatus
from itertools import count
from uuid import UUID

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cdi.resolution.golden import GoldenRecord
from cdi.resolution.identity import Event, EventType, ProfileState, answer_for, carry_ids, events


def uid(number):
    return UUID(int=number)


P, Q, R, NEW = uid(1), uid(2), uid(3), uid(100)


def carried_on(clusters, carried, last_carried=None, changed=()):
    """carry_ids where the smaller record id and the smaller profile id are the older ones."""
    fresh = count(100)
    records = {record for cluster in clusters for record in cluster}
    profiles = {*carried.values(), *(p for ps in (last_carried or {}).values() for p in ps)}
    plan = carry_ids(
        {label: frozenset(cluster) for label, cluster in enumerate(clusters)},
        carried,
        last_carried or {},
        frozenset(changed),
        {record: record for record in records},
        {profile: profile.int for profile in profiles},
        lambda: uid(next(fresh)),
    )
    return [plan.ids[label] for label in range(len(clusters))], plan


def test_a_new_record_gets_a_new_id():
    ids, plan = carried_on([{1}], {})
    assert ids == [NEW]
    assert (plan.created, plan.retired, plan.revived) == ((NEW,), {}, ())


def test_what_does_not_change_keeps_its_ids():
    ids, plan = carried_on([{1, 2}, {3}], {1: P, 2: P, 3: Q})
    assert ids == [P, Q]
    assert (plan.created, plan.retired, plan.revived) == ((), {}, ())


def test_a_merge_keeps_the_oldest_id_and_the_other_redirects():
    ids, plan = carried_on([{1, 2, 3}], {1: Q, 2: Q, 3: P})
    assert ids == [P]
    assert plan.retired == {Q: (P,)}


def test_a_split_leaves_the_id_with_the_larger_part():
    ids, _ = carried_on([{1}, {2, 3}], {1: P, 2: P, 3: P})
    assert ids == [NEW, P]


def test_of_equal_parts_the_one_that_did_not_change_keeps_the_id():
    assert carried_on([{1}, {2}], {1: P, 2: P}, changed={1})[0] == [NEW, P]
    assert carried_on([{1}, {2}], {1: P, 2: P}, changed={2})[0] == [P, NEW]


def test_of_equal_parts_that_did_not_change_the_one_with_the_oldest_record_keeps_it():
    assert carried_on([{2, 4}, {1, 3}], {1: P, 2: P, 3: P, 4: P})[0] == [NEW, P]


def test_records_that_change_sides_leave_their_id_behind():
    ids, plan = carried_on([{1}, {2, 3, 4}], {1: P, 2: P, 3: Q, 4: Q}, changed={2})
    assert ids == [P, Q]
    assert plan.retired == {}


def test_a_profile_ends_with_its_last_record():
    _, plan = carried_on([{2}], {1: P, 2: Q})
    assert plan.retired == {P: ()}


def test_an_id_that_loses_every_vote_points_to_all_places_where_its_records_lie():
    ids, plan = carried_on([{1, 3}, {2}], {1: Q, 2: Q, 3: P}, changed={2})
    assert ids == [P, NEW]
    assert plan.retired == {Q: (P, NEW)}


def test_a_part_that_is_taken_out_again_gets_back_its_id():
    ids, plan = carried_on([{1}, {2, 3}], {1: P, 2: P, 3: P}, {2: [Q], 3: [Q]}, changed={2, 3})
    assert ids == [NEW, P], "the plurality comes first"
    ids, plan = carried_on([{1, 4, 5}, {2, 3}], dict.fromkeys(range(1, 6), P), {2: [Q], 3: [Q]})
    assert ids == [P, Q]
    assert (plan.created, plan.revived) == ((), (Q,))


def test_an_id_whose_records_lie_in_both_parts_does_not_come_back():
    ids, _ = carried_on([{1, 4, 2}, {3}], dict.fromkeys(range(1, 5), P), {2: [Q], 3: [Q]})
    assert ids == [P, NEW]


def test_an_id_one_of_whose_records_lies_in_a_profile_that_is_not_touched_does_not_come_back():
    ids, _ = carried_on([{1, 4}, {3}], {1: P, 3: P, 4: P}, {3: [Q], 77: [Q]})
    assert ids == [P, NEW]


def test_the_id_carried_last_comes_back_before_an_earlier_one():
    history = {2: [R, Q], 3: [R]}
    assert carried_on([{1, 4, 5}, {2, 3}], dict.fromkeys(range(1, 6), P), history)[0] == [P, R]
    assert carried_on([{1, 3, 4, 5}, {2}], dict.fromkeys(range(1, 6), P), history)[0] == [P, Q]


def test_a_record_that_comes_back_after_its_deletion_brings_its_profile_back():
    ids, plan = carried_on([{1, 9}], {}, {1: [P]})
    assert ids == [P]
    assert plan.revived == (P,)


def test_an_id_that_lives_is_not_brought_back():
    ids, _ = carried_on([{1, 2}, {3}], {1: P, 2: P, 3: P}, {3: [P]})
    assert ids == [P, NEW]


def test_new_ids_are_minted_in_the_order_of_the_oldest_records():
    assert carried_on([{5}, {2, 9}, {3}], {})[0] == [uid(102), uid(100), uid(101)]


@pytest.mark.parametrize(
    ("live", "lies_in", "erased", "status", "profiles", "reason"),
    [
        (True, [], False, HTTPStatus.OK, (Q,), ""),
        (False, [P, P], False, HTTPStatus.MOVED_PERMANENTLY, (P,), ""),
        (False, [R, P], False, HTTPStatus.MULTIPLE_CHOICES, (P, R), ""),
        (False, [], False, HTTPStatus.GONE, (), "retired"),
        (False, [P], True, HTTPStatus.GONE, (), "erased"),
    ],
)
def test_every_id_ever_given_out_is_answered(live, lies_in, erased, status, profiles, reason):
    answer = answer_for(Q, live=live, lies_in=lies_in, erased=erased)
    assert (answer.status, answer.profiles, answer.reason) == (status, profiles, reason)


# A registry that lives: random partitions of random live records, one after the other.

PARTITION = st.lists(st.one_of(st.none(), st.integers(0, 3)), min_size=7, max_size=7)


class Registry:
    """What a store keeps of ids: who carries which, and who carried which when it retired."""

    def __init__(self):
        self.fresh = count(1)
        self.home = {}  # every record that ever lived → the id that it carries or carried last
        self.live = set()
        self.clusters = {}  # live id → its records
        self.history = {}  # record → the retired ids it carried, newest first
        self.ever = {}  # id → all records that ever carried it

    def recluster(self, groups, reverse=False):
        """`groups`: record → group, None where it is gone at its source."""
        parts = {}
        for record, group in enumerate(groups):
            if group is not None:
                parts.setdefault(group, set()).add(record)
        items = sorted(parts.items(), reverse=reverse)
        alive = {record for part in parts.values() for record in part}
        plan = carry_ids(
            {label: frozenset(part) for label, part in items},
            {record: self.home[record] for record in self.live},
            {
                r: h
                for r in sorted(alive, reverse=reverse)
                if (h := [p for p in self.history.get(r, []) if p not in self.clusters])
            },
            frozenset(),
            {record: record for record in range(7)},
            {profile: profile.int for profile in self.ever},
            lambda: uid(next(self.fresh)),
        )
        for retired in plan.retired:
            for record, profile in self.home.items():
                if profile == retired:
                    self.history[record] = [
                        retired,
                        *(p for p in self.history.get(record, []) if p != retired),
                    ]
        self.clusters = {plan.ids[label]: frozenset(part) for label, part in parts.items()}
        self.home |= {record: profile for profile, part in self.clusters.items() for record in part}
        self.live = alive
        return plan

    def remember(self):
        for profile, part in self.clusters.items():
            self.ever.setdefault(profile, set()).update(part)


@settings(max_examples=150)
@given(st.lists(PARTITION, min_size=1, max_size=8))
def test_through_any_history_ids_are_unique_follow_their_records_and_resolve(history):
    registry = Registry()
    for groups in history:
        plan = registry.recluster(groups)
        assert len(registry.clusters) == len(plan.ids), "no two clusters share an id"
        for profile, part in registry.clusters.items():
            if profile in registry.ever:
                assert part & registry.ever[profile], "an id is never given to other records"
            assert (profile in plan.created) == (profile not in registry.ever)
        registry.remember()
        for profile in registry.ever:
            lies_in = [registry.home[r] for r in registry.live if profile in registry.history.get(r, ())]
            answer = answer_for(profile, live=profile in registry.clusters, lies_in=lies_in)
            assert set(answer.profiles) <= registry.clusters.keys()
            assert answer.profiles or not any(registry.home[r] == profile for r in registry.live)


@given(st.lists(PARTITION, min_size=1, max_size=6))
def test_the_order_in_which_clusters_come_changes_nothing(history):
    first, second = Registry(), Registry()
    for groups in history:
        first.recluster(groups)
        second.recluster(groups, reverse=True)
        first.remember()
        second.remember()
        assert first.clusters == second.clusters


@given(st.lists(PARTITION, min_size=1, max_size=5))
def test_clustering_again_to_the_same_effect_changes_no_id(history):
    registry = Registry()
    for groups in history:
        registry.recluster(groups)
        registry.remember()
    before = registry.clusters
    plan = registry.recluster(history[-1])
    assert registry.clusters == before
    assert (plan.created, plan.retired, plan.revived) == ((), {}, ())


@given(PARTITION, st.integers(0, 3), st.integers(0, 3))
def test_a_merge_undone_gives_every_part_its_id_back(groups, one, other):
    """Where the older profile is also the larger part, so that the vote and the age agree."""
    registry = Registry()
    registry.recluster(groups)
    registry.remember()
    before = registry.clusters
    sizes = {group: (-groups.count(group), groups.index(group)) for group in (one, other) if group in groups}
    if len(sizes) == 2:
        one, other = sorted(sizes, key=sizes.get)
        older, younger = (registry.home[groups.index(group)] for group in (one, other))
        if older.int > younger.int:
            return
    registry.recluster([one if group == other else group for group in groups])
    registry.remember()
    registry.recluster(groups)
    assert registry.clusters == before


# The change feed.


def state(*records, owner="sales", **values):
    entries = {name: {"value": value, "alternatives": []} for name, value in values.items()}
    return ProfileState(frozenset(records), owner, GoldenRecord(entries))


def test_a_first_profile_is_created():
    assert events({}, {P: state(1, gender="f")}) == (Event(EventType.CREATED, P, (), ("gender",), "sales"),)


def test_what_is_the_same_says_nothing():
    assert events({P: state(1, gender="f")}, {P: state(1, gender="f")}) == ()


def test_changed_values_are_named_and_never_told():
    (event,) = events({P: state(1, gender="f", language="de")}, {P: state(1, gender="x", language="de")})
    assert event == Event(EventType.UPDATED, P, (), ("gender",), "sales")


def test_a_record_more_without_another_value_is_an_update():
    (event,) = events({P: state(1, gender="f")}, {P: state(1, 2, gender="f")})
    assert (event.type, event.attributes) == (EventType.UPDATED, ())


def test_another_provenance_of_the_same_values_is_an_update_without_a_changed_attribute():
    seen_again = GoldenRecord({"gender": {"value": "f", "alternatives": [], "source": "webshop"}})
    (event,) = events({P: state(1, gender="f")}, {P: ProfileState(frozenset({1}), "sales", seen_again)})
    assert (event.type, event.attributes) == (EventType.UPDATED, ())


def test_a_merge_is_told_by_both_ids():
    told = events({P: state(1), Q: state(2)}, {P: state(1, 2)})
    assert told == (
        Event(EventType.MERGED, P, (Q,), (), "sales"),
        Event(EventType.RETIRED, Q, (P,), (), "sales"),
    )


def test_a_split_is_told_by_both_ids():
    told = events({P: state(1, 2)}, {P: state(1), NEW: state(2)})
    assert told == (
        Event(EventType.CREATED, NEW, (), (), "sales"),
        Event(EventType.SPLIT, P, (NEW,), (), "sales"),
    )


def test_an_id_that_comes_back_is_revived():
    told = events({P: state(1, 2)}, {P: state(1), Q: state(2)}, revived={Q})
    assert [(event.type, event.profile) for event in told] == [(EventType.REVIVED, Q), (EventType.SPLIT, P)]


def test_a_record_that_changes_sides_splits_one_profile_and_updates_the_other():
    told = events({P: state(1, 2), Q: state(3)}, {P: state(1), Q: state(2, 3)})
    assert [(event.type, event.profile, event.others) for event in told] == [
        (EventType.SPLIT, P, (Q,)),
        (EventType.UPDATED, Q, ()),
    ]


def test_the_last_record_gone_retires_without_another_id():
    assert events({P: state(1)}, {}) == (Event(EventType.RETIRED, P, (), (), "sales"),)


def test_another_owner_is_told_besides():
    told = events({P: state(1, gender="f")}, {P: state(1, gender="x", owner="service")})
    assert [(event.type, event.owner) for event in told] == [
        (EventType.UPDATED, "service"),
        (EventType.OWNER_CHANGED, "service"),
    ]
    assert len(events({P: state(1)}, {P: state(1, owner="service")})) == 1
