"""The shipped model is asked about tables of all sizes: of fewer pairs a larger share is one customer."""

import pytest

from cdi.matching.model import MOST_LIKELY, default_model


def test_a_table_as_large_as_that_of_its_training_changes_nothing() -> None:
    model = default_model()
    same = model.for_records(int(model.provenance["records"]))
    assert same.prior_stranger == pytest.approx(model.prior_stranger)
    assert same.version == model.version


def test_the_fewer_records_the_likelier_is_a_pair_one_customer() -> None:
    model = default_model()
    priors = [model.for_records(n).prior_stranger for n in (1_000_000, 60_000, 10_000, 1_000)]
    assert priors == sorted(priors)
    assert priors[0] < priors[-1]


def test_ten_records_are_not_taken_for_one_customer() -> None:
    assert default_model().for_records(10).lambda_match <= MOST_LIKELY
    assert default_model().for_records(0).lambda_match <= MOST_LIKELY


def test_organisations_follow() -> None:
    model = default_model()
    few, many = model.for_records(500).for_organisations, model.for_organisations
    assert few.lambda_match > many.lambda_match
