"""Measures are checked against what recordlinkage and plain enumeration of all pairs say."""

from itertools import combinations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cdi.errors import InvalidInputError
from cdi.matching.evaluation import (
    UNKNOWN,
    BlockingRecall,
    Interval,
    PairCounts,
    bcubed,
    clusterwise,
    codes_of,
    evaluate,
    household_pairs,
    labelled_pairs,
    pairwise,
    sample_intervals,
    wilson,
)

two_labellings = st.integers(0, 40).flatmap(
    lambda n: st.tuples(
        st.lists(st.integers(0, 6), min_size=n, max_size=n),
        st.lists(st.integers(0, 6), min_size=n, max_size=n),
    )
)


def array(values: list[int]) -> np.ndarray:
    return np.array(values, dtype=np.int64)


def pairs_of(labels: list[int]) -> set[tuple[int, int]]:
    return {(a, b) for a, b in combinations(range(len(labels)), 2) if labels[a] == labels[b]}


@given(two_labellings)
def test_pair_counts_are_those_of_enumerated_pairs(labellings):
    clusters, truth = labellings
    found, true = pairs_of(clusters), pairs_of(truth)
    assert pairwise(array(clusters), array(truth)) == PairCounts(len(found), len(true), len(found & true))


def test_recordlinkage_measures_the_same():
    import recordlinkage

    rng = np.random.default_rng(3)
    clusters, truth = rng.integers(0, 60, 200), rng.integers(0, 50, 200)
    measured = pairwise(clusters, truth).measure
    found = pd.MultiIndex.from_tuples(sorted(pairs_of(list(clusters))))
    true = pd.MultiIndex.from_tuples(sorted(pairs_of(list(truth))))
    assert measured.precision == pytest.approx(recordlinkage.precision(true, found))
    assert measured.recall == pytest.approx(recordlinkage.recall(true, found))
    assert measured.f1 == pytest.approx(recordlinkage.fscore(true, found))


@given(two_labellings)
def test_bcubed_is_the_mean_over_records(labellings):
    clusters, truth = labellings
    shares = []
    for i in range(len(truth)):
        cluster = {j for j in range(len(truth)) if clusters[j] == clusters[i]}
        customer = {j for j in range(len(truth)) if truth[j] == truth[i]}
        shares.append((len(cluster & customer) / len(cluster), len(cluster & customer) / len(customer)))
    precision, recall = np.mean(shares, axis=0) if shares else (1.0, 1.0)
    measured = bcubed(array(clusters), array(truth))
    assert (measured.precision, measured.recall) == pytest.approx((precision, recall))


@given(two_labellings)
def test_whole_clusters_are_counted_from_both_sides(labellings):
    clusters, truth = labellings
    found = {frozenset(np.flatnonzero(array(clusters) == c)) for c in clusters}
    true = {frozenset(np.flatnonzero(array(truth) == c)) for c in truth}
    measured = clusterwise(array(clusters), array(truth))
    assert measured.precision == pytest.approx(len(found & true) / len(found) if found else 1.0)
    assert measured.recall == pytest.approx(len(found & true) / len(true) if true else 1.0)


def test_a_million_records_in_one_cluster_are_only_counted():
    one, many = np.zeros(1_000_000, dtype=np.int64), np.arange(1_000_000)
    assert pairwise(one, many) == PairCounts(499_999_500_000, 0, 0)
    assert pairwise(one, one).measure.f1 == 1.0


def test_records_of_unknown_truth_count_nowhere():
    evaluation = evaluate(array([0, 0, 0, 1]), array([5, 5, UNKNOWN, UNKNOWN]))
    assert evaluation.records == 2
    assert evaluation.pairwise.f1 == evaluation.bcubed.f1 == evaluation.clusters.f1 == 1.0


def test_labels_of_different_length_are_refused():
    with pytest.raises(InvalidInputError, match="3 cluster labels cannot be compared with 2"):
        evaluate(array([0, 0, 0]), array([1, 1]))


def test_blocking_recall_is_counted_from_chunks():
    truth = array([0, 0, 0, 1, 1, UNKNOWN])
    recall = BlockingRecall(truth)
    recall.see(array([0, 0]), array([1, 3]))
    recall.see(array([3, 4]), array([4, 5]))
    assert recall.value == pytest.approx(2 / 4)
    assert recall.candidates == 4


@given(st.lists(st.tuples(*[st.integers(0, 3)] * 4), max_size=25))
def test_household_pairs_are_pairs_of_different_customers(rows):
    found_h, found_c, true_h, true_c = (array([row[i] for row in rows]) for i in range(4))
    found_h, true_h = found_h - 1, true_h - 1  # the first label becomes "unknown"
    everyone = [i for i in range(len(rows)) if true_h[i] != UNKNOWN]
    found = {
        (a, b) for a, b in combinations(everyone, 2) if found_h[a] == found_h[b] != UNKNOWN and found_c[a] != found_c[b]
    }
    true = {(a, b) for a, b in combinations(everyone, 2) if true_h[a] == true_h[b] and true_c[a] != true_c[b]}
    counted = household_pairs(found_h, found_c, true_h, true_c)
    assert counted == PairCounts(len(found), len(true), len(found & true))


def test_labelled_pairs_count_by_what_they_stand_for():
    found, true = np.array([True, True, False]), np.array([True, False, True])
    assert labelled_pairs(found, true) == PairCounts(2, 2, 1)
    assert labelled_pairs(found, true, np.array([3.0, 1.0, 5.0])) == PairCounts(4, 8, 3)


def test_wilson_as_in_the_textbook():
    # 81 of 263 (Newcombe 1998, table I): 0.2553 to 0.3662
    interval = wilson(81, 263)
    assert (interval.low, interval.high) == pytest.approx((0.2553, 0.3662), abs=5e-5)
    assert wilson(0, 0) == Interval(0.0, 1.0)


def test_intervals_of_samples_hold_the_measure_of_all():
    """Of 200 samples of 300 customers, about 95 % of the intervals contain the whole file's figure."""
    rng = np.random.default_rng(11)
    truth = np.repeat(np.arange(4000), rng.integers(1, 6, 4000))
    clusters = truth.copy()
    split = rng.random(len(truth)) < 0.06
    clusters[split] = 10_000 + np.arange(split.sum())
    merged = rng.random(len(truth)) < 0.04
    clusters[merged] = truth[rng.permutation(len(truth))][merged]
    whole = pairwise(clusters, truth).measure
    held = 0
    for _ in range(200):
        mask = np.isin(truth, rng.choice(4000, 300, replace=False))
        interval = sample_intervals(clusters[mask], truth[mask]).recall
        held += interval.low <= whole.recall <= interval.high
    assert 180 <= held <= 199


def test_no_error_seen_is_not_certainty():
    truth = np.repeat(np.arange(50), 2)
    interval = sample_intervals(truth, truth).precision
    assert interval.high == 1.0
    assert 0.9 < interval.low < 0.95


def test_codes_number_labels_by_first_appearance():
    assert codes_of(["b", "a", "b"]).tolist() == [0, 1, 0]
