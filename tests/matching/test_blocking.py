"""Keys are a pure function of record and model; blocks are counted, divided, and never silently dropped."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cdi.errors import InvalidInputError
from cdi.fields import Kind
from cdi.matching import block_rules, blocking, engine
from cdi.matching.blocking import Limits, RuleCount
from cdi.matching.building import TableBuilder
from cdi.matching.columns import RecordTable
from cdi.matching.dividing import DEPTH
from cdi.matching.model import MatchModel
from cdi.matching.pairs import IntArray
from cdi.matching.similarity import combine, hash_texts, sound
from cdi.matching.training import start_model, train
from cdi.normalise.record import Email, Identifier, NormalisedRecord, Phone
from people import normalised_records, population, table_of

MODEL = replace(start_model(), custom=(("hobby", "text"),))


def keys_of(table: RecordTable, record_id: int) -> set[int]:
    keys, rows = blocking.block_keys(table, MODEL)
    return set(keys[rows == table.row_of(np.array([record_id]))[0]].tolist())


@settings(max_examples=40, deadline=None)
@given(normalised_records(), st.lists(normalised_records(), max_size=4))
def test_a_records_keys_depend_on_it_and_the_model_alone(
    record: NormalisedRecord, others: list[NormalisedRecord]
) -> None:
    builder = TableBuilder()
    for place, other in enumerate(others):
        builder.add(100 + place, "elsewhere", other)
    builder.add(50, "shop", record)
    assert keys_of(builder.build(), 50) == keys_of(table_of(record), 0)


def test_refused_keys_are_divided_alike_in_a_crowd_and_alone() -> None:
    people = population(300, seed=9)
    table = people.table()
    model = blocking.refuse_oversized(table, MODEL, Limits(max_block=8))
    assert len(model.refused)
    keys, rows = blocking.block_keys(table, model)
    for row in (0, 17, 111):
        alone = TableBuilder()
        alone.add(int(table.record_ids[row]), "shop", people.records[table.record_ids[row]])
        own, _ = blocking.block_keys(alone.build(), model)
        assert sorted(own.tolist()) == sorted(keys[rows == row].tolist())


@pytest.mark.parametrize("largest", [3, 5, 8, 20])
@pytest.mark.parametrize("size", [30, 200, 1_500])
def test_the_pairs_of_a_run_are_the_pairs_that_share_a_key(size: int, largest: int) -> None:
    table = population(size, seed=2).table()
    limits = Limits(max_block=largest, pairs_a_record=0.5)
    model = blocking.refuse_oversized(table, MODEL, limits)
    left, right, _ = blocking.all_pairs(table, model, limits)
    keys, rows = blocking.block_keys(table, model)
    a, b = blocking.candidate_pairs([(keys, rows)], Limits())
    np.testing.assert_array_equal(left, a)
    np.testing.assert_array_equal(right, b)
    packed = left << 32 | right
    assert (left < right).all()
    assert (np.diff(packed) > 0).all()


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 2**32), st.sampled_from([0.2, 0.5, 0.9]))
def test_what_need_not_be_kept_brings_nobody_together_whatever_is_refused(seed: int, share: float) -> None:
    chance = np.random.default_rng(seed)
    table, model = population(60, seed=int(chance.integers(50))).table(), MODEL
    for _ in range(DEPTH + 1):
        every, _ = all_keys(table, model)
        model = model.with_found(refused=every[chance.random(len(every)) < share])
    every, of_every = all_keys(table, model)
    kept, of_kept = blocking.block_keys(table, model)
    assert set(zip(kept.tolist(), of_kept.tolist(), strict=True)) < set(
        zip(every.tolist(), of_every.tolist(), strict=True)
    )
    for one, other in zip(
        blocking.candidate_pairs([(kept, of_kept)], Limits()),
        blocking.candidate_pairs([(every, of_every)], Limits()),
        strict=True,
    ):
        np.testing.assert_array_equal(one, other)


def test_an_address_that_may_be_a_handle_too_is_kept() -> None:
    table = table_of(
        NormalisedRecord(emails=(Email("instagram@firma.de"),)),
        NormalisedRecord(identifiers=(Identifier("social_handle", "firma.de", "instagram"),)),
    )
    left, right = blocking.candidate_pairs([blocking.block_keys(table, MODEL)], Limits())
    assert (left.tolist(), right.tolist()) == ([0], [1])


def all_keys(table: RecordTable, model: MatchModel) -> tuple[IntArray, IntArray]:
    found = list(blocking.rule_keys(table, model))
    keys, rows = np.concatenate([rule.keys for rule in found]), np.concatenate([rule.rows for rule in found])
    order = np.lexsort((rows, keys))
    return keys[order], rows[order]


def test_no_block_is_larger_than_allowed_and_most_true_pairs_are_kept() -> None:
    people = population(800, seed=3)
    table = people.table()
    limits = Limits(max_block=10)
    model = blocking.refuse_oversized(table, MODEL, limits)
    left, right, report = blocking.all_pairs(table, model, limits)
    chained = {rule.name for rule in block_rules.RULES if rule.chained}
    assert max(count.largest for count in report.rules if count.rule not in chained) <= 10
    i, j = np.triu_indices(len(table), 1)
    same = people.customer[i] == people.customer[j]
    true = i[same].astype(np.int64) << 32 | j[same]
    assert np.isin(true, left << 32 | right).mean() > 0.95


def test_refusing_again_changes_nothing() -> None:
    table = population(200, seed=2).table()
    once = blocking.refuse_oversized(table, MODEL, Limits(max_block=10))
    twice = blocking.refuse_oversized(table, once, Limits(max_block=10))
    np.testing.assert_array_equal(once.refused, twice.refused)


def test_too_many_pairs_are_refused_before_they_are_made() -> None:
    table = population(200, seed=2).table()
    with pytest.raises(InvalidInputError, match="more than 50 candidate pairs"):
        blocking.all_pairs(table, MODEL, Limits(max_pairs=50))


def test_what_is_too_large_even_when_divided_is_reported_with_its_value_but_not_in_its_text() -> None:
    crowd = [
        NormalisedRecord(family_names=("mueller",), emails=(Email(f"x{n}@web.de"),), birth_year=1900 + n)
        for n in range(40)
    ]
    table = table_of(*[replace(record, birth_year=0) for record in crowd])
    limits = Limits(max_block=10)
    model = blocking.refuse_oversized(table, MODEL, limits)
    _, _, report = blocking.all_pairs(table, model, limits)
    (refusal,) = report.refusals
    assert (refusal.rule, refusal.carriers) == ("surname", 40)
    assert refusal.value == "mueller"
    assert "mueller" not in repr(refusal)


def test_many_records_alike_in_everything_become_one_customer_in_bounded_time() -> None:
    person = population(1).records[0]
    table = table_of(*[person] * 3_000)
    model = train(table)
    found = engine.match(table, model)
    assert found.candidate_pairs < 10 * len(table)
    assert len(found.pairs) >= len(table) - 1


def test_records_that_say_nothing_have_no_keys() -> None:
    keys, _ = blocking.block_keys(table_of(NormalisedRecord()), MODEL)
    assert len(keys) == 0


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (
            {"given_names": ("anna",), "family_names": ("mueller",)},
            {"given_names": ("mueller",), "family_names": ("anna",)},
        ),
        (
            {"given_names": ("hans",), "family_names": ("berg",)},
            {"given_names": ("johannes",), "family_names": ("berg",)},
        ),
        ({"family_names": ("berg",), "birth_name": "wald"}, {"family_names": ("wald",)}),
        ({"emails": (Email("x17@web.de"),)}, {"emails": (Email("x17@web.de"),)}),
        ({"emails": (Email("rosinante@web.de"),)}, {"emails": (Email("rosinante@gmx.de"),)}),
        (
            {"phones": (Phone("+4915112345678", True, False),)},
            {"phones": (Phone("+5112345678", False, True),)},
        ),
        (
            {"kind": Kind.ORGANISATION, "organisation": "beispiel handel"},
            {"kind": Kind.ORGANISATION, "organisation": "handel beispiel sued"},
        ),
        (
            {"given_names": ("anna",), "attributes": (("hobby", "chess"),)},
            {"given_names": ("anna",), "attributes": (("hobby", "chess"),)},
        ),
    ],
)
def test_what_brings_two_records_together(one: dict[str, object], other: dict[str, object]) -> None:
    table = table_of(NormalisedRecord(**one), NormalisedRecord(**other))  # type: ignore[arg-type]
    left, _, _ = blocking.all_pairs(table, MODEL, Limits())
    assert len(left) == 1


def test_a_shared_contact_brings_nobody_together() -> None:
    hotline = NormalisedRecord(phones=(Phone("+493012345678", False, True, shared=True),))
    assert len(blocking.all_pairs(table_of(hotline, hotline), MODEL, Limits())[0]) == 0


def test_counts_are_told_by_rule() -> None:
    table = table_of(*[NormalisedRecord(emails=(Email("x17@web.de"),))] * 3)
    counts = {count.rule: count for count in blocking.all_pairs(table, MODEL, Limits())[2].rules}
    assert counts["e-mail"] == RuleCount("e-mail", blocks=1, pairs=3, largest=3)


@given(st.lists(st.text(), min_size=1, max_size=20))
def test_hashes_are_zero_for_nothing_alone_and_the_same_in_any_company(texts: list[str]) -> None:
    hashes = hash_texts(texts)
    assert [h == 0 for h in hashes.tolist()] == [text == "" for text in texts]
    assert [hash_texts([text])[0] for text in texts] == hashes.tolist()


def test_hashes_are_stable_because_they_are_stored() -> None:
    assert hash_texts(["mueller", "anna"]).tolist() == STABLE
    assert combine(hash_texts(["mueller"]), hash_texts([""]))[0] == 0


STABLE = [473016453907449924, 17041012848505105807]


@pytest.mark.parametrize(
    ("one", "other"), [("mueller", "muller"), ("meier", "mayer"), ("schmidt", "schmitt"), ("philip", "filip")]
)
def test_names_that_sound_alike(one: str, other: str) -> None:
    assert sound(one) == sound(other)


def test_names_that_do_not_sound_alike_and_letters_beyond_latin() -> None:
    assert sound("mueller") != sound("schmidt")
    assert sound("иван") == "иван"
