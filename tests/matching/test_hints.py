"""What an e-mail address, a garbled name or a suffix tells of a person, and what it does not."""

from dataclasses import replace

import numpy as np
import pytest

from cdi.matching.comparisons import COMPARISONS, weights_of
from cdi.matching.evidence import explain
from cdi.matching.model import Frequencies, LevelWeights, MatchModel
from cdi.matching.training import start_model, train
from cdi.normalise.record import Email, Identifier, NormalisedRecord
from people import population, table_of

LISTED = Frequencies({"wiebke": 0.001, "werner": 0.002, "walter": 0.002}, 1e-5, 0.001)
MODEL = replace(start_model(), frequencies={"given": LISTED})
BORN = NormalisedRecord(given_names=("anna",), family_names=("berg",), birth_year=1985, birth_month=2, birth_day=1)


def level(a: NormalisedRecord, b: NormalisedRecord, comparison: str, model: MatchModel = MODEL) -> str:
    return next((x.level for x in explain(table_of(a, b), model, 0, 1).lines if x.name == comparison), "")


def mailed(value: str, **fields: object) -> NormalisedRecord:
    return NormalisedRecord(emails=(Email(value),), **fields)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("one", "other", "expected"),
    [
        ("wiwbkd", "wiebke", "distorted"),  # two keys beside the right ones, and nobody else is called so
        ("werner", "walter", "different"),  # two names that many have
        ("uwt", "uwe", "slightly different spelling"),
        ("kurt", "sabine", "different"),
    ],
)
def test_a_garbled_name_is_told_from_another_name(one: str, other: str, expected: str) -> None:
    a, b = (NormalisedRecord(given_names=(name,)) for name in (one, other))
    assert level(a, b, "given_name") == expected


def test_two_digits_at_the_end_of_an_e_mail_may_be_a_year_of_birth() -> None:
    assert level(BORN, mailed("annaberg85@web.de"), "birth_date") == "fits two digits in an e-mail"
    assert level(BORN, mailed("annaberg31@web.de"), "birth_date") == "differs from two digits in an e-mail"
    assert level(BORN, mailed("annaberg317@web.de"), "birth_date") == "not comparable"
    handle = NormalisedRecord(identifiers=(Identifier("social_handle", "annaberg85"),))
    assert level(BORN, handle, "birth_date") == "not comparable"


def test_an_e_mail_that_both_have_hints_at_nothing() -> None:
    both = replace(BORN, emails=(Email("annaberg85@web.de"),))
    assert level(both, mailed("annaberg85@web.de"), "birth_date") == "not comparable"


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("ingrid.steinert@web.de", "stands in the other's e-mail address"),
        ("ingrid.wicke@web.de", "another than in the other's e-mail address"),
        ("ingrid77@web.de", "not comparable"),
    ],
)
def test_a_missing_surname_may_stand_in_the_e_mail(value: str, expected: str) -> None:
    named = NormalisedRecord(given_names=("ingrid",), family_names=("steinert",))
    assert level(named, mailed(value, given_names=("ingrid",)), "surname") == expected
    assert level(mailed(value, given_names=("ingrid",)), named, "surname") == expected


def test_an_e_mail_may_keep_an_earlier_surname() -> None:
    now = mailed("elke.heinrich@web.de", given_names=("elke",), family_names=("weber",))
    before = NormalisedRecord(given_names=("elke",), family_names=("heinrich",))
    assert level(now, before, "surname") == "shared part or earlier name"


def test_one_handle_in_unknown_networks_is_no_proof() -> None:
    def handle(network: str) -> NormalisedRecord:
        return NormalisedRecord(
            given_names=("ingrid",), identifiers=(Identifier("social_handle", "ingrid62", network),)
        )

    assert level(handle("photos"), handle("photos"), "email") == "same"
    for network in ("", "films"):
        assert level(handle("photos" if network else ""), handle(network), "email").startswith("other address")


def test_junior_and_senior_of_one_name_are_two() -> None:
    junior, senior = (replace(BORN, generation=suffix) for suffix in ("jun", "sen"))
    assert level(junior, senior, "generation") == "one junior, one senior"
    assert level(junior, junior, "generation") == "same"
    assert level(junior, BORN, "generation") == "not comparable"


def test_the_second_name_of_a_double_name_says_little() -> None:
    shares = {"karl": 0.01, "heinz": 0.005}
    plain = replace(MODEL, frequencies={"given": Frequencies(shares, 1e-5, 0.001)})
    double = Frequencies({"karl heinz": 0.004}, 1e-5, 0.001)
    known = replace(plain, frequencies={**plain.frequencies, "double given": double})
    record = NormalisedRecord(given_names=("karl", "heinz"))

    def said(model: MatchModel) -> float:
        return next(
            x.against_stranger for x in explain(table_of(record, record), model, 0, 1).lines if "further" in x.name
        )

    assert said(known) < said(plain)


def test_double_names_are_learned() -> None:
    people = population(200, seed=2)
    doubled = [replace(r, given_names=(*r.given_names[:1], "maria")) if r.given_names else r for r in people.records]
    found = train(table_of(*doubled)).frequencies_of("double given").shares
    assert found and all(name.endswith(" maria") for name in found)


def test_a_model_older_than_a_level_takes_its_start_for_it() -> None:
    comparison = next(c for c in COMPARISONS if c.name == "birth_date")
    full = MODEL.weights["birth_date"]
    old = LevelWeights(full.levels[:7], full.m[:7] * 0.5, full.h[:7], full.u[:7])
    completed = weights_of(replace(MODEL, weights={"birth_date": old}), comparison)
    assert completed.levels == full.levels
    np.testing.assert_array_equal(completed.m, np.concatenate((old.m, full.m[7:])))
