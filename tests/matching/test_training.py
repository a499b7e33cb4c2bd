"""The estimator finds what generated the data, and stays calm where there is little to learn."""

from dataclasses import replace

import numpy as np
import pytest

from cdi.errors import InvalidInputError
from cdi.fields import Kind
from cdi.matching import engine, training
from cdi.matching.comparing.answers import Answers, Comparison, Level
from cdi.matching.model import LevelWeights, MatchModel
from cdi.matching.training import Estimation, Observed, begin, can_train, shared_values, start_model, train
from cdi.normalise.record import Email, NormalisedRecord, Phone
from cdi.resolution.clusters import ClusterRules, form_clusters
from cdi.resolution.decisions import Constraints
from people import population, table_of


def question(name: str, cap: float = 1.0) -> Comparison:
    """A comparison of three levels whose starting shares only name the classes."""
    is_family = name in {"surname", "address", "landline"}
    levels = (
        Level("same", 1, 0.9, 0.9 if is_family else 0.04, 0.02, agrees=True),
        Level("similar", 1, 0.06, 0.06 if is_family else 0.02, 0.03),
        Level("different", 1, 0.04, 0.04 if is_family else 0.94, 0.95, opposes=True),
    )
    return Comparison(name, name, levels, lambda *_: Answers(np.zeros(0, np.uint8)), lambda _: True, household_cap=cap)


QUESTIONS = tuple(question(name) for name in ("given_name", "birth_date", "mobile", "surname", "address", "landline"))
TRUE = {
    "m": np.array(
        [[0.80, 0.15, 0.05], [0.90, 0.06, 0.04], [0.7, 0.1, 0.2], [0.85, 0.1, 0.05], [0.7, 0.1, 0.2], [0.8, 0.05, 0.15]]
    ),
    "h": np.array(
        [
            [0.02, 0.06, 0.92],
            [0.01, 0.04, 0.95],
            [0.03, 0.02, 0.95],
            [0.8, 0.1, 0.1],
            [0.75, 0.1, 0.15],
            [0.85, 0.05, 0.1],
        ]
    ),
    "u": np.array(
        [
            [0.02, 0.05, 0.93],
            [0.002, 0.02, 0.978],
            [0.001, 0.01, 0.989],
            [0.01, 0.03, 0.96],
            [0.004, 0.02, 0.976],
            [0.001, 0.005, 0.994],
        ]
    ),
}
SHARES = {"m": 0.05, "h": 0.04, "u": 0.91}


def observed(rng: np.random.Generator, count: int, shares: dict[str, float]) -> Observed:
    """Pairs drawn from known parameters."""
    classes = rng.choice(["m", "h", "u"], count, p=[shares[c] for c in "mhu"])
    levels = np.zeros((count, len(QUESTIONS)), np.uint8)
    for name in "mhu":
        rows = np.flatnonzero(classes == name)
        for k in range(len(QUESTIONS)):
            levels[rows, k] = rng.choice([1, 2, 3], len(rows), p=TRUE[name][k])
            levels[rows[rng.random(len(rows)) < 0.3], k] = 0  # missing at random is no evidence
    patterns, pattern, count_of = np.unique(levels, axis=0, return_inverse=True, return_counts=True)
    zeros = np.zeros(len(patterns))
    del pattern
    return Observed(patterns, np.arange(len(patterns)), zeros, zeros, count_of.astype(float))


def start() -> MatchModel:
    weights = {}
    for asked in QUESTIONS:
        columns = (np.array([1.0] + [getattr(level, c) for level in asked.levels]) for c in ("m", "h", "u"))
        weights[asked.name] = LevelWeights(("not comparable", "same", "similar", "different"), *columns)
    return MatchModel(weights=weights, lambda_match=0.1, lambda_household=0.1)


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_expectation_maximisation_recovers_the_parameters_that_generated_the_data(seed: int) -> None:
    rng = np.random.default_rng(seed)
    count = 150_000
    blocked = observed(rng, count, SHARES)
    random = observed(rng, count, SHARES)  # here every pair is a candidate, so both are of one kind
    found = Estimation(QUESTIONS, start(), blocked, random, scale=1.0, total=count, has_households=True).run(None)
    for k, asked in enumerate(QUESTIONS):
        weights = found.weights[asked.name]
        np.testing.assert_allclose(weights.m[1:], TRUE["m"][k], atol=0.03)
        np.testing.assert_allclose(weights.h[1:], TRUE["h"][k], atol=0.04)
        np.testing.assert_allclose(weights.u[1:], TRUE["u"][k], atol=0.01)
    assert found.lambda_match == pytest.approx(SHARES["m"], abs=0.005)
    assert found.lambda_household == pytest.approx(SHARES["h"], abs=0.005)


def test_households_cannot_turn_into_the_same_person() -> None:
    rng = np.random.default_rng(0)
    capped = tuple(question(name, cap=0.05) if name == "given_name" else question(name) for name in start().weights)
    no_households = {"m": 0.3, "h": 0.0, "u": 0.7}
    pairs = observed(rng, 50_000, no_households)
    found = Estimation(capped, start(), pairs, pairs, scale=1.0, total=50_000, has_households=True).run(None)
    assert found.weights["given_name"].h[1] <= 0.05 + 1e-9


def test_training_is_the_same_for_any_order_of_input_and_for_equal_seeds() -> None:
    people = population(250, seed=4)
    one = train(people.table(), seed=7)
    shuffled = train(people.table(np.random.default_rng(1).permutation(len(people.records))), seed=7)
    assert one.version == shuffled.version
    assert MatchModel.from_json(one.to_json()).version == one.version


def test_what_is_begun_beside_changes_nothing() -> None:
    begun, start = population(300, seed=3).table(), start_model()
    begin(begun, start)
    alone = train(population(300, seed=3).table(), start, seed=2)
    assert train(begun, start, seed=2).version == alone.version


def test_households_are_not_merged_and_customers_are_found_without_labels() -> None:
    people = population(900, seed=11)
    table = people.table()
    model = train(table)
    found = engine.match(table, model)

    def score(left: np.ndarray, right: np.ndarray) -> object:
        return engine.score(table, model, table.row_of(left), table.row_of(right))

    clusters = form_clusters(table.record_ids, found.pairs, Constraints(), ClusterRules(), score)  # type: ignore[arg-type]
    i, j = np.triu_indices(len(table), 1)
    together = clusters.labels[i] == clusters.labels[j]
    same = people.customer[i] == people.customer[j]
    precision, recall = (together & same).sum() / together.sum(), (together & same).sum() / same.sum()
    assert precision > 0.97
    assert recall > 0.9
    of_household = together & (people.household[i] == people.household[j]) & ~same
    assert of_household.sum() < 0.02 * together.sum()


def test_the_start_decides_what_there_is_no_data_for() -> None:
    model = train(population(120, seed=2).table())
    begun = start_model().weights["organisation"]
    assert model.weights["organisation"].m == pytest.approx(begun.m)


def test_thresholds_guarantees_and_custom_attributes_come_from_the_start() -> None:
    begin = replace(start_model(), custom=(("hobby", "exact"),), guarantees=frozenset({"shop"})).with_thresholds(
        0.8, 0.3
    )
    model = train(population(120, seed=2).table(), begin)
    assert (model.match, model.review) == (0.8, 0.3)
    assert (model.custom, model.guarantees) == (begin.custom, begin.guarantees)


def test_without_address_and_landline_there_are_two_classes() -> None:
    people = population(200, seed=3)
    bare = [replace(r, addresses=(), phones=r.phones[:1]) for r in people.records]
    model = train(table_of(*bare))
    assert not model.has_households
    assert model.provenance["persons"]["classes"] == 2


def test_a_phone_of_many_names_says_nothing_and_is_known_by_its_hash_alone() -> None:
    hotline = Phone("+493012345678", mobile=False, landline=True)
    people = population(60, seed=5).records
    records = [replace(r, phones=(*r.phones[:1], hotline)) for r in people]
    model = train(table_of(*records))
    assert len(model.shared) == 1
    assert "12345678" not in model.to_json()


def test_typing_errors_do_not_make_a_value_shared() -> None:
    names = ("mueller", "muller", "mueler", "muellr", "muelller", "mueller")
    mine = [NormalisedRecord(given_names=("anna",), family_names=(n,), emails=(Email("a@b.de"),)) for n in names]
    assert len(shared_values(table_of(*mine), start_model())) == 0


def test_a_model_holds_nobodys_rare_value() -> None:
    people = population(300, seed=6)
    rare = NormalisedRecord(given_names=("zenobia",), family_names=("unikat",), emails=(Email("zen@unikat.example"),))
    text = train(table_of(*people.records, rare, rare)).to_json()
    assert not {"zenobia", "unikat", "zen@unikat.example"} & set(text.replace('"', " ").split())


def test_little_is_not_enough_and_nothing_is_an_error() -> None:
    assert not can_train(population(10).table())
    assert can_train(population(150).table())
    with pytest.raises(InvalidInputError, match="two records"):
        train(table_of(NormalisedRecord()))


def test_all_null_and_all_equal_records_teach_without_falling_over() -> None:
    for record in (NormalisedRecord(), population(1).records[0]):
        table = table_of(*[record] * 200)
        model = train(table)
        assert np.isfinite(engine.match(table, model).pairs.weight).all()


def test_organisations_are_learned_apart_from_persons() -> None:
    rng = np.random.default_rng(8)
    firms = [
        NormalisedRecord(Kind.ORGANISATION, organisation=f"{stem} {branch}", phones=(Phone(f"+4930{n}", False, True),))
        for stem in ("beispiel", "muster", "nordlicht", "suedwind", "bergbau", "talblick", "hafen", "insel")
        for branch in ("handel", "logistik", "technik", "bau", "druck", "service", "foto", "reisen")
        for n in [rng.integers(10**6, 10**7)]
        for _ in range(2)
    ]
    model = train(table_of(*population(60, seed=1).records, *firms))
    assert model.organisations is not None
    assert model.for_organisations.weights is not model.weights
    assert len(firms) >= training.MIN_RECORDS
