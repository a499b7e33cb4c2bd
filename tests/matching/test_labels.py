"""Labels correct what a model got wrong, leave alone what it got right, and keep evidence a sum."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from cdi.errors import InvalidInputError
from cdi.matching import bridge
from cdi.matching.columns import RecordTable
from cdi.matching.engine import score
from cdi.matching.labelled import Label, LabelledPairs
from cdi.matching.labels import MIN_LABELS, learn
from cdi.matching.model import MatchModel, log_odds
from cdi.matching.training import train

RECORDS = 1_200
"""Two of each customer."""


def people(seed: int) -> RecordTable:
    """Given name, surname, city and a membership number; every customer twice, one number in eight mistyped."""
    rng = np.random.default_rng(seed)
    customers = RECORDS // 2
    letters = np.array(list("abdefghiklmnoprst"))

    def words(kinds: int, length: int) -> np.ndarray:
        return np.array(["".join(rng.choice(letters, length)) for _ in range(kinds)], dtype=object)

    given, family, city = (rng.choice(words(kinds, n), customers) for kinds, n in ((150, 6), (300, 8), (20, 7)))
    number = np.array([str(n) for n in rng.integers(10**6, 10**7, customers)], dtype=object)
    again = number.copy()
    wrong = rng.random(customers) < 1 / 8
    again[wrong] = number[rng.permutation(customers)][wrong]
    return RecordTable.from_columns(
        np.arange(RECORDS),
        given=np.tile(given, 2).tolist(),
        family=np.tile(family, 2).tolist(),
        city=np.tile(city, 2).tolist(),
        attributes={"number": np.concatenate((number, again)).tolist()},
    )


@pytest.fixture(scope="module")
def table() -> RecordTable:
    return people(4)


@pytest.fixture(scope="module")
def trained(table) -> MatchModel:
    start = MatchModel(weights={}, lambda_match=1e-3, lambda_household=1e-3, custom=(("number", "exact"),))
    return train(table, start, seed=1)


@pytest.fixture(scope="module")
def pairs(table, trained) -> pd.MultiIndex:
    return bridge.candidate_index(table, trained)


def is_same(pairs: pd.MultiIndex) -> np.ndarray:
    left, right = (pairs.get_level_values(i).to_numpy() for i in (0, 1))
    return left % (RECORDS // 2) == right % (RECORDS // 2)


def labelled(pairs: pd.MultiIndex, count: int, seed: int, other: Label = Label.OTHER) -> LabelledPairs:
    chosen = pairs[np.sort(np.random.default_rng(seed).choice(len(pairs), min(count, len(pairs)), replace=False))]
    label = np.where(is_same(chosen), Label.SAME, other).astype(np.int64)
    return LabelledPairs(chosen.get_level_values(0).to_numpy(), chosen.get_level_values(1).to_numpy(), label)


def loss(table: RecordTable, model: MatchModel, pairs: pd.MultiIndex) -> float:
    weight = bridge.match_weights(table, model, pairs)["weight"].to_numpy()
    return float(np.logaddexp(0, np.where(is_same(pairs), -weight, weight)).mean())


def spoiled(model: MatchModel) -> MatchModel:
    """A model that believes a different city speaks for a match."""
    weights = dict(model.weights)
    address = weights["address"]
    u = address.u.copy()
    u[address.m < address.u] = address.m[address.m < address.u] * 1e-2
    weights["address"] = replace(address, u=u, h=u if not model.has_households else address.h)
    return replace(model, weights=weights)


def test_a_wrong_weight_is_corrected(table, trained, pairs):
    wrong = spoiled(trained)
    labels = labelled(pairs, 600, 2)
    learned = learn(table, wrong, labels)
    assert learned.provenance["persons"]["changed"]
    held_back = pairs[~pairs.isin(pd.MultiIndex.from_arrays([labels.left, labels.right]))]
    assert loss(table, learned, held_back) < loss(table, wrong, held_back) * 0.7


def test_a_good_model_is_not_made_worse(table, trained, pairs):
    before = loss(table, trained, pairs)
    for seed in range(3):
        assert loss(table, learn(table, trained, labelled(pairs, 400, seed)), pairs) <= before * 1.05


def test_labels_chosen_by_their_answer_do_not_move_the_prior(table, trained, pairs):
    """With as many matches as others among the labels, no more candidate pairs become matches."""
    rng = np.random.default_rng(5)
    wrong, same = spoiled(trained), is_same(pairs)
    few = np.concatenate([rng.choice(np.flatnonzero(mask), 150, replace=False) for mask in (same, ~same)])
    learned = learn(table, wrong, labelled(pairs[np.sort(few)], 300, 1))
    expected = [
        float((1 / (1 + np.exp(-bridge.match_weights(table, model, pairs)["weight"]))).sum())
        for model in (wrong, learned)
    ]
    assert expected[1] <= expected[0] * 1.3


def test_evidence_stays_a_sum(table, trained, pairs):
    from cdi.matching.evidence import explain

    learned = learn(table, spoiled(trained), labelled(pairs, 600, 2))
    for left, right in pairs[:20]:
        evidence = explain(table, learned, left, right)
        against_stranger = evidence.prior_stranger + sum(line.against_stranger for line in evidence.lines)
        against_household = evidence.prior_household + sum(line.against_household for line in evidence.lines)
        scored = score(table, learned, np.array([left]), np.array([right]))
        assert against_stranger == pytest.approx(float(scored.stranger[0]))
        assert against_household == pytest.approx(float(scored.household[0]))
        assert float(scored.weight[0]) == pytest.approx(-np.logaddexp(-against_household, -against_stranger))


def test_what_was_learned_is_written_down_and_survives_json(table, trained, pairs):
    learned = learn(table, spoiled(trained), labelled(pairs, 600, 2))
    assert learned.provenance["made_by"] == "labels"
    assert learned.provenance["start"] == spoiled(trained).version
    assert sum(learned.provenance["persons"]["labels"].values()) == min(600, len(pairs))
    assert MatchModel.from_json(learned.to_json()).version == learned.version
    assert learned.match_weight == log_odds(trained.match)


def test_equal_labels_and_seed_give_the_equal_model(table, trained, pairs):
    labels = labelled(pairs, 300, 3)
    assert learn(table, spoiled(trained), labels, 7).version == learn(table, spoiled(trained), labels, 7).version


def test_too_few_labels_are_refused(table, trained, pairs):
    few = labelled(pairs[is_same(pairs)], 2 * MIN_LABELS, 1)
    with pytest.raises(InvalidInputError, match="0 of others are too few"):
        learn(table, trained, few)


def test_the_bridge_speaks_pandas(table, trained, pairs):
    vectors = bridge.comparison_vectors(table, trained, pairs)
    indicators = bridge.level_indicators(table, trained, pairs)
    assert list(vectors.index.names) == ["left", "right"]
    assert indicators.index.equals(vectors.index)
    assert (indicators.T.groupby(level=0).sum().T <= 1).all().all()
    assert (pairs.get_level_values(0) < pairs.get_level_values(1)).all()


def test_weights_come_in_the_order_asked_for(table, trained, pairs):
    some = pairs[[5, 1, 3, 1]]
    swapped = pd.MultiIndex.from_arrays([some.get_level_values(1), some.get_level_values(0)])
    weights = bridge.match_weights(table, trained, some)["weight"].to_numpy()
    alone = [bridge.match_weights(table, trained, some[i : i + 1])["weight"].iloc[0] for i in range(4)]
    assert weights == pytest.approx(alone)
    assert weights == pytest.approx(bridge.match_weights(table, trained, swapped)["weight"].to_numpy())


def test_naive_bayes_of_the_toolkit_learns_from_our_vectors(table, trained, pairs):
    from recordlinkage import NaiveBayesClassifier

    indicators = bridge.level_indicators(table, trained, pairs)
    indicators = indicators.loc[:, indicators.nunique() > 1]
    indicators.columns = [f"{comparison}: {level}" for comparison, level in indicators.columns]
    truth = pairs[is_same(pairs)]
    found = NaiveBayesClassifier(binarize=0.5).fit_predict(indicators, truth)
    assert len(found.intersection(truth)) / len(truth) > 0.8
