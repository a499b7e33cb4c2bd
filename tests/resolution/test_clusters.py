"""Clusters add up evidence; they depend on nothing but records, pairs and decisions."""

from dataclasses import dataclass

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cdi.matching.pairs import IntArray, ScoredPairs
from cdi.resolution.clusters import ClusterRules, Clusters, Reason, form_clusters
from cdi.resolution.decisions import Constraints


@dataclass(frozen=True)
class World:
    """What the engine would say of every pair of a few records."""

    ids: tuple[int, ...]
    weights: dict[tuple[int, int], tuple[float, bool]]

    def score(self, left: IntArray, right: IntArray) -> ScoredPairs:
        asked = sorted({(min(a, b), max(a, b)) for a, b in zip(left.tolist(), right.tolist(), strict=True)})
        return self.pairs(asked)

    def pairs(self, chosen: list[tuple[int, int]]) -> ScoredPairs:
        said = [self.weights.get(pair, (-8.0, False)) for pair in chosen]
        weight = np.array([w for w, _ in said], dtype=float)
        left, right = (np.array([pair[end] for pair in chosen], dtype=np.int64) for end in (0, 1))
        return ScoredPairs(left, right, weight, weight + 1, weight + 1, np.array([c for _, c in said], dtype=bool))

    def stored(self, rules: ClusterRules) -> ScoredPairs:
        """The pairs that blocking and scoring leave: those at or above review."""
        return self.pairs(sorted(pair for pair, (weight, _) in self.weights.items() if weight >= rules.review))


def clusters(world: World, constraints: Constraints | None = None, rules: ClusterRules | None = None) -> Clusters:
    rules = rules or ClusterRules()
    ids = np.array(world.ids, dtype=np.int64)
    return form_clusters(ids, world.stored(rules), constraints or Constraints(), rules, world.score)


def partition(found: Clusters) -> list[list[int]]:
    groups: dict[int, list[int]] = {}
    for record, label in zip(found.record_ids.tolist(), found.labels.tolist(), strict=True):
        groups.setdefault(label, []).append(record)
    assert all(min(group) == label for label, group in groups.items())
    return sorted(groups.values())


def world(n: int, **weights: float) -> World:
    """`world(3, a12=4.0)`: records 1 to n and what is said of some pairs; a c in front: they contradict."""
    said = {(int(k[1]), int(k[2])): (w, k[0] == "c") for k, w in weights.items()}
    return World(tuple(range(1, n + 1)), said)


def test_two_records_join_at_the_threshold_and_not_below() -> None:
    assert partition(clusters(world(2, a12=0.0))) == [[1, 2]]
    assert partition(clusters(world(2, a12=-0.01))) == [[1], [2]]
    assert partition(clusters(world(2, a12=1.0), rules=ClusterRules(match=1.386))) == [[1], [2]]


def test_a_chain_through_a_bridge_breaks_where_the_ends_contradict() -> None:
    found = clusters(world(3, a12=5.0, a23=3.0, c13=-9.0))
    assert partition(found) == [[1, 2], [3]]
    assert [(q.left, q.right, q.reason) for q in found.open_questions] == [(2, 3, Reason.CONTRADICTED)]


def test_having_no_contact_in_common_is_weak() -> None:
    assert partition(clusters(world(3, a12=5.0, a23=3.0, a13=-9.0))) == [[1, 2, 3]]


def test_much_evidence_in_sum_joins_what_one_link_starts() -> None:
    four = world(4, a12=6.0, a34=6.0, a13=2.0, a14=2.0, a23=2.0, c24=-3.0)
    assert partition(clusters(four)) == [[1, 2, 3, 4]]


def test_similar_profiles_become_one_question_with_the_strongest_pair() -> None:
    found = clusters(world(4, a12=6.0, a34=6.0, a13=-1.0, a24=-0.5, a14=-1.2))
    assert partition(found) == [[1, 2], [3, 4]]
    (question,) = found.open_questions
    assert (question.left, question.right, question.weight, question.reason) == (2, 4, -0.5, Reason.SIMILAR)


def test_a_pair_whose_profiles_plainly_contradict_is_no_question() -> None:
    found = clusters(world(4, a12=6.0, a34=6.0, a13=-1.0, c24=-9.0, c14=-9.0))
    assert found.open_questions == ()


def test_must_link_joins_what_nothing_joins() -> None:
    constraints = Constraints(together=(frozenset({1, 3}),))
    assert partition(clusters(world(3, c13=-9.0), constraints)) == [[1, 3], [2]]


def test_cannot_link_parts_what_all_evidence_joins_and_asks_nothing() -> None:
    found = clusters(world(2, a12=20.0), Constraints(apart=frozenset({(1, 2)})))
    assert partition(found) == [[1], [2]]
    assert found.open_questions == ()


def test_a_cannot_link_holds_through_third_records() -> None:
    found = clusters(world(3, a12=20.0, a23=10.0, a13=5.0), Constraints(apart=frozenset({(1, 3)})))
    assert partition(found) == [[1, 2], [3]]


def test_of_two_rivals_that_contradict_each_other_neither_is_taken() -> None:
    found = clusters(world(3, a12=3.0, a23=3.2, c13=-3.0))
    assert partition(found) == [[1], [2], [3]]
    assert {(q.left, q.right, q.reason) for q in found.open_questions} >= {
        (1, 2, Reason.RIVALS),
        (2, 3, Reason.RIVALS),
    }


def test_the_clearly_stronger_claim_is_no_rivalry() -> None:
    assert partition(clusters(world(3, a12=3.0, a23=5.0, c13=-6.0))) == [[1], [2, 3]]


def test_a_cluster_beyond_the_guard_is_not_made_and_is_asked() -> None:
    everybody = World(tuple(range(5)), {(a, b): (5.0, False) for a in range(5) for b in range(a + 1, 5)})
    found = clusters(everybody, rules=ClusterRules(max_size=3))
    assert max(map(len, partition(found))) <= 3
    assert {q.reason for q in found.open_questions} == {Reason.SIZE}


def test_a_component_too_large_is_cut_at_its_weakest_links() -> None:
    chain = World(tuple(range(6)), {(a, a + 1): (1.0 if a == 2 else 9.0, False) for a in range(5)})
    assert partition(clusters(chain, rules=ClusterRules(max_component=3))) == [[0, 1, 2], [3, 4, 5]]


@pytest.mark.parametrize("copies", [25, 200, 205])
def test_copies_of_one_record_fill_profiles_up_to_the_guard_and_each_two_neighbours_are_a_question(copies: int) -> None:
    """Blocking chains them, they are equally alike, and they may be too many to look at all pairs of them."""
    rules = ClusterRules(max_size=10, max_component=30)
    alike = World(tuple(range(copies)), {(i, j): (20.0, False) for j in range(copies) for i in range(j)})
    chain = alike.pairs([(i, i + 1) for i in range(copies - 1)])
    found = form_clusters(np.arange(copies), chain, Constraints(), rules, alike.score)
    profiles = partition(found)
    assert max(map(len, profiles)) == rules.max_size
    assert len(profiles) == -(-copies // rules.max_size)
    assert len(found.open_questions) == len(profiles) - 1
    assert {question.reason for question in found.open_questions} == {Reason.SIZE}


def test_no_records_no_clusters_and_unknown_records_are_left_out() -> None:
    assert partition(clusters(World((), {}))) == []
    found = form_clusters(
        np.array([1]), world(2, a12=9.0).stored(ClusterRules()), Constraints(), ClusterRules(), world(2).score
    )
    assert found.labels.tolist() == [1]


@st.composite
def worlds(draw: st.DrawFn) -> World:
    n = draw(st.integers(2, 9))
    pairs = [(a, b) for a in range(n) for b in range(a + 1, n)]
    weights = draw(
        st.lists(
            st.tuples(st.sampled_from((-9.0, -3.0, -1.0, -0.5, 0.5, 1.0, 2.0, 4.0, 8.0)), st.booleans()),
            min_size=len(pairs),
            max_size=len(pairs),
        )
    )
    ids = draw(st.permutations(range(0, 3 * n, 3)))
    order = sorted(ids)
    return World(
        tuple(ids),
        {(order[a], order[b]): (w, c and w < 0) for (a, b), (w, c) in zip(pairs, weights, strict=True) if w > -9},
    )


@st.composite
def constraints_for(draw: st.DrawFn, ids: tuple[int, ...]) -> Constraints:
    """Standing decisions that do not contradict each other."""
    shuffled = draw(st.permutations(sorted(ids)))
    cut = draw(st.integers(0, len(shuffled)))
    group = shuffled[:cut] if cut > 1 else []
    number = dict.fromkeys(group, -1)
    number |= {record: place for place, record in enumerate(shuffled) if record not in number}
    pairs = draw(st.lists(st.tuples(st.sampled_from(ids), st.sampled_from(ids)), max_size=4))
    apart = {(min(a, b), max(a, b)) for a, b in pairs if number[a] != number[b]}
    closed = set(apart)
    for a, b in apart:
        closed |= {(min(x, b), max(x, b)) for x in group if number[a] == -1}
        closed |= {(min(a, x), max(a, x)) for x in group if number[b] == -1}
    return Constraints((frozenset(group),) if group else (), frozenset(closed))


@settings(max_examples=100, deadline=None)
@given(st.data())
def test_any_order_of_input_gives_the_same_clusters(data: st.DataObject) -> None:
    drawn = data.draw(worlds())
    constraints = data.draw(constraints_for(drawn.ids))
    rules = ClusterRules()
    pairs = drawn.stored(rules)
    shuffle = np.array(data.draw(st.permutations(range(len(pairs)))), dtype=np.int64)
    one = clusters(drawn, constraints)
    mixed = ScoredPairs(*(getattr(pairs, name)[shuffle] for name in ScoredPairs.__slots__))
    other = form_clusters(np.array(sorted(drawn.ids)), mixed, constraints, rules, drawn.score)
    assert one.labels.tolist() == other.labels.tolist()
    assert one.open_questions == other.open_questions


@settings(max_examples=100, deadline=None)
@given(st.data())
def test_the_numbers_that_records_got_decide_nothing(data: st.DataObject) -> None:
    """Weights are whole numbers, so that many links tie: then the rank of the records decides, not their ids."""
    drawn = data.draw(worlds())
    drawn = World(drawn.ids, {pair: (float(round(weight)), c) for pair, (weight, c) in drawn.weights.items()})
    number = dict(zip(drawn.ids, data.draw(st.permutations([i + 500 for i in drawn.ids])), strict=True))
    moved = {tuple(sorted((number[a], number[b]))): said for (a, b), said in drawn.weights.items()}
    other = World(tuple(sorted(number.values())), moved)  # type: ignore[arg-type]
    name = {new: old for old, new in number.items()}
    rules = ClusterRules()
    found = form_clusters(
        np.array(other.ids, dtype=np.int64),
        other.stored(rules),
        Constraints(),
        rules,
        other.score,
        lambda ids: np.array([name[i] for i in ids.tolist()], dtype=np.int64),
    )
    assert partition(clusters(drawn)) == sorted(sorted(name[i] for i in group) for group in partition(found))


@settings(max_examples=100, deadline=None)
@given(st.data())
def test_no_cannot_link_pair_shares_a_cluster_and_every_must_link_pair_does(data: st.DataObject) -> None:
    drawn = data.draw(worlds())
    constraints = data.draw(constraints_for(drawn.ids))
    found = clusters(drawn, constraints)
    label = dict(zip(found.record_ids.tolist(), found.labels.tolist(), strict=True))
    assert all(label[a] != label[b] for a, b in constraints.apart)
    assert all(len({label[r] for r in group}) == 1 for group in constraints.together)
    partition(found)


@settings(max_examples=100, deadline=None)
@given(st.data())
def test_a_component_alone_gives_what_all_together_give(data: st.DataObject) -> None:
    one, other = data.draw(worlds()), data.draw(worlds())
    moved = World(
        tuple(record + 100 for record in other.ids),
        {(a + 100, b + 100): said for (a, b), said in other.weights.items()},
    )
    both = World(one.ids + moved.ids, one.weights | moved.weights)
    assert partition(clusters(both)) == sorted(partition(clusters(one)) + partition(clusters(moved)))


@settings(max_examples=100, deadline=None)
@given(worlds())
def test_what_blocking_found_beyond_review_changes_nothing(drawn: World) -> None:
    rules = ClusterRules()
    everything = drawn.pairs(sorted(drawn.weights))
    ids = np.array(sorted(drawn.ids))
    full = form_clusters(ids, everything, Constraints(), rules, drawn.score)
    assert full.labels.tolist() == clusters(drawn).labels.tolist()


@pytest.mark.parametrize("size", [3, 40])
def test_many_records_of_one_customer(size: int) -> None:
    same = World(tuple(range(size)), {(a, b): (5.0, False) for a in range(size) for b in range(a + 1, size)})
    assert partition(clusters(same)) == [list(range(size))]


@settings(max_examples=200, deadline=None)
@given(st.data())
def test_many_small_components_at_once_give_what_each_gives(data: st.DataObject) -> None:
    one, other = data.draw(worlds()), data.draw(worlds())
    moved = {(a + 100, b + 100): said for (a, b), said in other.weights.items()}
    both = World(one.ids + tuple(record + 100 for record in other.ids), one.weights | moved)
    constraints = data.draw(constraints_for(one.ids))
    rules = ClusterRules(max_size=data.draw(st.sampled_from((3, 1000))), margin=data.draw(st.sampled_from((0.5, 2.0))))
    plain = clusters(both, constraints, rules)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("cdi.resolution.clusters.MANY_PAIRS", -1)
        compiled = clusters(both, constraints, rules)
    assert compiled.labels.tolist() == plain.labels.tolist()
    assert compiled.open_questions == plain.open_questions
