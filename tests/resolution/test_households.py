"""Who lives together: found by homes and by pairs, one home a customer, never merged into one."""

from dataclasses import replace

import numpy as np
import pytest

from cdi.matching import block_rules, blocking, engine
from cdi.matching.columns import RecordTable
from cdi.matching.dividing import DEPTH
from cdi.matching.engine import household_probability
from cdi.matching.pairs import ScoredPairs
from cdi.matching.training import start_model, train
from cdi.normalise.record import Address, NormalisedRecord
from cdi.pipeline.households import TELLING
from cdi.resolution.clusters import ClusterRules, form_clusters
from cdi.resolution.decisions import Constraints
from cdi.resolution.households import HouseholdRules, addresses_are_homes, find_households
from people import population, table_of

HOME = Address("hauptstrasse", "5", "10115", "berlin")
AWAY = Address("ringweg", "9", "80331", "muenchen")
NO_PAIRS = ScoredPairs(*(np.zeros(0, t) for t in (np.int64, np.int64, float, float, float, bool)))


def person(given: str, family: str, *addresses: Address) -> NormalisedRecord:
    return NormalisedRecord(given_names=(given,), family_names=(family,), addresses=addresses)


def homes(table: RecordTable, labels: list[int], pairs: ScoredPairs = NO_PAIRS, **rules: object) -> list[int]:
    found = find_households(table, np.array(labels), pairs, HouseholdRules(**rules) if rules else None)  # type: ignore[arg-type]
    return found.labels.tolist()


def pair(left: int, right: int, household: float, stranger: float) -> ScoredPairs:
    weight = -np.logaddexp(-household, -stranger)
    columns = ([left], [right], [weight], [household], [stranger], [True])
    return ScoredPairs(*(np.array(column) for column in columns))


def test_mother_and_daughter_live_together_and_stay_two_customers() -> None:
    table = table_of(person("anna", "berg", HOME), person("lena", "berg", HOME), person("kurt", "wald", AWAY))
    assert homes(table, [0, 1, 2]) == [0, 0, 2]


def test_in_a_house_of_many_flats_the_surname_must_agree() -> None:
    table = table_of(person("anna", "berg", HOME), person("lena", "berg", HOME), person("kurt", "wald", HOME))
    assert homes(table, [0, 1, 2], addresses_are_homes=False) == [0, 0, 2]
    assert homes(table, [0, 1, 2], addresses_are_homes=True) == [0, 0, 0]


def test_the_addresses_tell_whether_they_are_homes() -> None:
    people = population(300, seed=1)
    assert addresses_are_homes(people.table(), people.customer)
    flats = [replace(r, family_names=(f"name{c}",)) for r, c in zip(people.records, people.customer, strict=True)]
    assert not addresses_are_homes(table_of(*flats), people.customer)


def test_a_mover_has_one_home_and_joins_no_two_households() -> None:
    table = table_of(
        person("anna", "berg", HOME),
        person("anna", "berg", HOME),
        person("anna", "berg", AWAY),
        person("lena", "berg", HOME),
        person("kurt", "wald", AWAY),
    )
    assert homes(table, [0, 0, 0, 3, 4], addresses_are_homes=True) == [0, 0, 0, 0, 4]


def test_who_has_no_address_lives_where_its_likeliest_pair_does() -> None:
    table = table_of(person("anna", "berg", HOME), person("lena", "berg"), person("kurt", "wald", AWAY))
    likely, unlikely = pair(0, 1, -4.0, 1.0), pair(0, 1, 1.0, -4.0)
    assert household_probability(likely)[0] > 0.9
    assert homes(table, [0, 1, 2], likely) == [0, 0, 2]
    assert homes(table, [0, 1, 2], unlikely) == [0, 1, 2]


def test_nobody_lives_nowhere() -> None:
    assert homes(table_of(), []) == []
    assert homes(table_of(person("anna", "berg")), [0]) == [0]


def test_households_of_a_population_are_found() -> None:
    people = population(900, seed=5)
    table = people.table()
    model = train(table)
    found = engine.match(table, model)
    clusters = form_clusters(
        table.record_ids,
        found.pairs,
        Constraints(),
        ClusterRules(),
        lambda a, b: engine.score(table, model, table.row_of(a), table.row_of(b)),
    )
    labels = find_households(table, clusters.labels, found.households).labels
    i, j = np.triu_indices(len(table), 1)
    other = clusters.labels[i] != clusters.labels[j]
    together = (labels[i] == labels[j]) & other
    true = (people.household[i] == people.household[j]) & (people.customer[i] != people.customer[j])
    assert (together & true).sum() / together.sum() > 0.9
    assert (together & true).sum() / true.sum() > 0.8


def test_a_home_is_told_by_rules_of_blocking_that_there_are() -> None:
    assert set(TELLING) <= {rule.name for rule in block_rules.RULES}


@pytest.mark.parametrize("seed", range(8))
def test_whoever_shares_a_block_that_tells_of_a_home_shares_one_that_is_kept(seed: int) -> None:
    chance = np.random.default_rng(seed)
    table, model = population(80, seed=seed).table(), start_model()
    for _ in range(DEPTH + 1):
        keys = np.concatenate([found.keys for found in blocking.rule_keys(table, model)])
        model = model.with_found(refused=np.unique(keys[chance.random(len(keys)) < 0.5]))
    telling = [found for found in blocking.rule_keys(table, model) if found.rule.name in TELLING]
    keys, rows = (np.concatenate([getattr(found, name) for found in telling]) for name in ("keys", "rows"))
    kept, of_kept = blocking.block_keys(table, model)
    asked = np.isin(kept, keys)
    for all_of_them, found in zip(
        blocking.candidate_pairs([(keys, rows)], blocking.Limits()),
        blocking.candidate_pairs([(kept[asked], of_kept[asked])], blocking.Limits()),
        strict=True,
    ):
        np.testing.assert_array_equal(all_of_them, found)
