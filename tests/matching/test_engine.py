"""A pair's weight depends on the two records and the model, and on nothing else."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cdi.errors import InvalidInputError
from cdi.fields import Kind
from cdi.matching import engine
from cdi.matching.building import TableBuilder
from cdi.matching.columns import RecordTable
from cdi.matching.comparing.answers import Subject
from cdi.matching.comparing.custom import custom
from cdi.matching.comparisons import COMPARISONS, comparisons_of
from cdi.matching.evidence import Evidence, explain
from cdi.matching.model import MatchModel, default_model
from cdi.matching.training import start_model
from cdi.normalise.record import Address, Email, Former, Identifier, NormalisedRecord, Phone
from people import normalised_records, population, table_of

MODEL = replace(start_model(), custom=(("hobby", "text"),), guarantees=frozenset({"source0"}))


def evidence(a: NormalisedRecord, b: NormalisedRecord, model: MatchModel = MODEL) -> Evidence:
    return explain(table_of(a, b), model, 0, 1)


def level(a: NormalisedRecord, b: NormalisedRecord, comparison: str, model: MatchModel = MODEL) -> str:
    """What this comparison answers; "" where it had nothing to compare in the whole table."""
    return next((line.level for line in evidence(a, b, model).lines if line.name == comparison), "")


def test_every_comparison_explains_itself_to_a_steward() -> None:
    for comparison in comparisons_of(MODEL):
        assert comparison.explanation.rstrip().endswith(("?", ".")), f"{comparison.name} has no docstring"
        assert len(comparison.explanation) > 20


def test_starting_shares_add_up_to_one_within_each_stratum_as_far_as_they_can_be_seen() -> None:
    for comparison in (*COMPARISONS, custom("hobby", "text")):
        if not comparison.learned:
            continue
        for share in ("m", "h", "u"):
            total = sum(getattr(x, share) for x in comparison.levels if x.stratum == 1 and "former" not in x.name)
            assert total == pytest.approx(1, abs=0.021), (comparison.name, share)


@settings(max_examples=60, deadline=None)
@given(normalised_records(), normalised_records())
def test_comparing_is_symmetric(a: NormalisedRecord, b: NormalisedRecord) -> None:
    one = Subject(table_of(a, b), MODEL)
    left, right = np.array([0]), np.array([1])
    for comparison in comparisons_of(MODEL):
        if comparison.applies(one.table):
            there, back = comparison.compare(one, left, right), comparison.compare(one, right, left)
            assert there.levels[0] == back.levels[0], comparison.name
            if there.shares is not None and back.shares is not None:
                np.testing.assert_equal(there.shares, back.shares)


@settings(max_examples=60, deadline=None)
@given(normalised_records(), normalised_records())
def test_evidence_adds_up_to_the_two_sums_and_these_to_the_weight(a: NormalisedRecord, b: NormalisedRecord) -> None:
    table = table_of(a, b)
    told, scored = explain(table, MODEL, 1, 0), engine.score(table, MODEL, np.array([1]), np.array([0]))
    assert told.household == pytest.approx(told.prior_household + sum(x.against_household for x in told.lines))
    assert told.stranger == pytest.approx(told.prior_stranger + sum(x.against_stranger for x in told.lines))
    assert told.weight == pytest.approx(-np.logaddexp(-told.household, -told.stranger))
    assert (told.household, told.stranger, told.weight) == (
        scored.household[0],
        scored.stranger[0],
        scored.weight[0],
    )
    assert told.probability == pytest.approx(1 / (1 + np.exp(-told.weight)))


@settings(max_examples=40, deadline=None)
@given(normalised_records(), normalised_records(), st.lists(normalised_records(), max_size=6), st.randoms())
def test_a_score_is_the_same_in_any_table_that_holds_the_pair(
    a: NormalisedRecord, b: NormalisedRecord, others: list[NormalisedRecord], random: object
) -> None:
    alone = engine.score(table_of(a, b), MODEL, np.array([0]), np.array([1]))
    builder = TableBuilder()
    for place, other in enumerate(others):
        builder.add(10 + place, "elsewhere", other)
    builder.add(101, "source1", b)
    builder.add(100, "source0", a)
    crowd = builder.build()
    among = engine.score(crowd, MODEL, crowd.row_of(np.array([101])), crowd.row_of(np.array([100])))
    assert alone.weight[0] == among.weight[0]
    assert alone.contradicts[0] == among.contradicts[0]
    told = explain(crowd, MODEL, *crowd.row_of(np.array([101, 100])).tolist())
    assert explain(table_of(a, b), MODEL, 0, 1) == replace(told, left=0, right=1)


def test_missing_values_are_no_evidence() -> None:
    nothing = NormalisedRecord()
    told = evidence(nothing, NormalisedRecord(given_names=("anna",), birth_year=1980))
    assert [(x.against_household, x.against_stranger) for x in told.lines] == [(0.0, 0.0)] * len(told.lines)


PERSON = NormalisedRecord(given_names=("anna",), family_names=("mueller",), birth_year=1980, birth_month=2, birth_day=1)


@pytest.mark.parametrize(
    ("change", "comparison", "expected"),
    [
        ({}, "given_name", "same first name"),
        ({"given_names": ("anna", "maria")}, "given_name", "same first name"),
        ({"given_names": ("maria", "anna")}, "given_name", "shared name"),
        ({"given_names": ("annna",)}, "given_name", "slightly different spelling"),
        ({"given_names": ("kurt",)}, "given_name", "different"),
        ({"given_names": (), "initials": "a"}, "given_name", "initial fits"),
        ({"given_names": (), "initials": "k"}, "given_name", "initial differs"),
        ({"given_names": ()}, "given_name", "not comparable"),
        ({"given_names": ("mueller",), "family_names": ("anna",)}, "given_name", "in the place of the surname"),
        ({"given_names": ("mueller",), "family_names": ("anna",)}, "surname", "not comparable"),
        ({"family_names": ("mueller", "berg")}, "surname", "shared part or earlier name"),
        ({"family_names": ("berg",), "birth_name": "mueller"}, "surname", "shared part or earlier name"),
        ({"family_names": ("berg",), "former": Former(("mueller",))}, "surname", "shared part or earlier name"),
        ({"birth_day": 2, "birth_month": 1}, "birth_date", "two digits differ, or day and month swapped"),
        ({"birth_year": 1981}, "birth_date", "one digit differs"),
        ({"birth_month": 0, "birth_day": 0}, "birth_date", "same year, date unknown"),
        ({"birth_year": 0}, "birth_date", "not comparable"),
    ],
)
def test_names_and_dates(change: dict[str, object], comparison: str, expected: str) -> None:
    assert level(PERSON, replace(PERSON, **change), comparison) == expected  # type: ignore[arg-type]


def test_short_forms_are_a_level_and_not_equality() -> None:
    assert level(
        NormalisedRecord(given_names=("hans",)), NormalisedRecord(given_names=("johannes",)), "given_name"
    ) == ("short form")


def test_a_year_in_an_e_mail_is_a_hint_of_the_birth_date() -> None:
    hint = NormalisedRecord(emails=(Email("mueller1980@web.de"),))
    assert level(PERSON, hint, "birth_date") == "fits the year in an e-mail"
    other = NormalisedRecord(emails=(Email("mueller1955@web.de"),))
    assert level(PERSON, other, "birth_date") == "differs from the year in an e-mail"


HOME = Address("hauptstrasse", "5", "10115", "berlin")


@pytest.mark.parametrize(
    ("other", "expected"),
    [
        (HOME, "same street, number and area"),
        (replace(HOME, street="hauptstrase"), "same with a typo"),
        (replace(HOME, house_number="7"), "same street, other number"),
        (replace(HOME, house_number=""), "same street and area, a number missing"),
        (replace(HOME, street="ringweg"), "other street, same area"),
        (replace(HOME, street="ringweg", postal_code="10117", city=""), "other street, near area"),
        (replace(HOME, postal_code="80331", city="muenchen"), "same street and number, other area"),
        (replace(HOME, postal_code="", city=""), "same street and number, area missing"),
        (replace(HOME, street="", house_number=""), "same area, street missing"),
        (Address("ringweg", "9", "80331", "muenchen"), "other area"),
    ],
)
def test_street_number_and_area_are_one_question(other: Address, expected: str) -> None:
    a, b = NormalisedRecord(addresses=(HOME,)), NormalisedRecord(addresses=(other,))
    assert level(a, b, "address") == expected


def test_the_best_of_several_addresses_counts() -> None:
    moved = NormalisedRecord(addresses=(Address("ringweg", "9", "80331", "muenchen"), HOME))
    assert level(NormalisedRecord(addresses=(HOME,)), moved, "address") == "same street, number and area"


def test_former_values_speak_for_a_pair_and_never_against_it() -> None:
    now = NormalisedRecord(addresses=(HOME,), emails=(Email("x17@web.de"),))
    elsewhere = Address("ringweg", "9", "80331", "muenchen")
    before = NormalisedRecord(former=Former(emails=(Email("x17@web.de"),), addresses=(HOME,)))
    assert level(now, before, "address") == "a former address agrees"
    assert level(now, before, "email") == "a former address agrees"
    town = NormalisedRecord(former=Former(addresses=(Address("", "", "", "muenchen"),)))
    assert level(NormalisedRecord(addresses=(Address("ringweg", "", "", ""),)), town, "address") == "not comparable"
    other = NormalisedRecord(former=Former(emails=(Email("y99@web.de"),), addresses=(elsewhere,)))
    assert level(now, other, "address") == level(now, other, "email") == "not comparable"


@pytest.mark.parametrize(
    ("one", "other", "expected"),
    [
        ("am77@web.de", "am77@web.de", "same"),
        ("am77@web.de", "mueller77@gmx.de", "other address, same number or few letters beyond the names"),
        ("rosinante@web.de", "rosinante@gmx.de", "other address, same beyond the names"),
        ("anna.m77@web.de", "mueller77@gmx.de", "other address, same number or few letters beyond the names"),
        ("anna.mueller@web.de", "anna.mueller@gmx.de", "different"),
        ("rosinante@web.de", "rossinante@web.de", "slightly different spelling"),
    ],
)
def test_an_e_mail_counts_by_what_it_says_beyond_the_names(one: str, other: str, expected: str) -> None:
    a, b = (replace(PERSON, emails=(Email(value),)) for value in (one, other))
    assert level(a, b, "email") == expected


def test_a_handle_meets_the_part_before_the_at() -> None:
    a = NormalisedRecord(identifiers=(Identifier("social_handle", "rosinante"),))
    b = NormalisedRecord(emails=(Email("rosinante@web.de"),))
    assert level(a, b, "email") == "other address, same beyond the names"
    unlike = NormalisedRecord(emails=(Email("dulcinea@web.de"),))
    assert level(a, unlike, "email") == "not comparable"


def test_a_value_that_several_share_says_nothing() -> None:
    shared = NormalisedRecord(emails=(Email("info@firma.de", shared=True),))
    assert level(shared, NormalisedRecord(emails=(Email("info@firma.de"),)), "email") == "not comparable"


def test_phones_by_kind_of_line() -> None:
    mobile = NormalisedRecord(phones=(Phone("+4915112345678", mobile=True, landline=False),))
    slip = NormalisedRecord(phones=(Phone("+4915112345687", mobile=True, landline=False),))
    assert level(mobile, mobile, "mobile") == "same"
    assert level(mobile, slip, "mobile") == "one or two digits differ"
    assert level(mobile, slip, "landline") == ""


def test_verified_numbers_that_contradict_forbid_a_match() -> None:
    def with_vat(value: str, verified: bool) -> NormalisedRecord:
        return replace(PERSON, addresses=(HOME,), identifiers=(Identifier("vat_id", value, "", verified),))

    told = evidence(with_vat("de111111111", True), with_vat("de222222222", True))
    assert next(x for x in told.lines if x.name == "identifiers").level == "verified and contradicting: a veto"
    assert told.weight < -10
    assert evidence(with_vat("de111111111", False), with_vat("de222222222", False)).weight > told.weight + 10
    lenient = replace(MODEL, vetoes=())
    assert evidence(with_vat("de111111111", True), with_vat("de222222222", True), lenient).weight > told.weight + 10


def test_one_source_that_has_each_customer_once_speaks_against_its_own_pairs() -> None:
    builder = TableBuilder()
    for place in range(3):
        builder.add(place, "source0" if place < 2 else "other", PERSON)
    table = builder.build()
    scored = engine.score(table, MODEL, np.array([0, 0]), np.array([1, 2]))
    assert scored.weight[0] < scored.weight[1] - 3


def test_a_person_at_an_organisation_is_not_the_organisation() -> None:
    company = NormalisedRecord(Kind.ORGANISATION, organisation="beispiel handel", addresses=(HOME,))
    told = evidence(replace(PERSON, addresses=(HOME,)), company)
    assert next(x for x in told.lines if x.name == "kind").level == "a person and an organisation"


@pytest.mark.parametrize(
    ("one", "other", "expected"),
    [
        ("beispiel handel", "beispiel handel", "same"),
        ("beispiel handel", "handel beispiel", "same"),
        ("beispiel handel", "beispil handel", "slightly different spelling"),
        ("beispiel handel", "beispiel handel nord", "one name contains the other"),
        ("beispiel handel", "bh", "initials of the other"),
        ("beispiel handel", "muster logistik", "different"),
    ],
)
def test_organisations(one: str, other: str, expected: str) -> None:
    a, b = (NormalisedRecord(Kind.ORGANISATION, organisation=name) for name in (one, other))
    model = default_model()
    assert level(a, b, "organisation", model) == expected


@pytest.mark.parametrize(
    ("how", "one", "other", "expected"),
    [
        ("exact", "painter", "painter", "equal"),
        ("exact", "painter", "paintr", "different"),
        ("text", "painter", "paintr", "similar"),
        ("number", "100", "104", "similar"),
        ("number", "100", "1o4", "different"),
    ],
)
def test_custom_attributes(how: str, one: str, other: str, expected: str) -> None:
    a, b = (NormalisedRecord(attributes=(("trade", value),)) for value in (one, other))
    assert level(a, b, "attribute trade", replace(MODEL, custom=(("trade", how),))) == expected


def test_a_rare_name_says_more_than_a_common_one() -> None:
    table = population(200, seed=3).table()
    frequencies = {"anna": 0.05}
    model = replace(
        MODEL,
        frequencies={"given": replace_frequencies(frequencies, rare=0.0005, collision=0.01)},
    )
    common, rare = NormalisedRecord(given_names=("anna",)), NormalisedRecord(given_names=("zenobia",))
    assert evidence(rare, rare, model).weight > evidence(common, common, model).weight + 2
    assert len(table) > 200


def replace_frequencies(shares: dict[str, float], rare: float, collision: float) -> object:
    from cdi.matching.model import Frequencies

    return Frequencies(shares, rare, collision)


def test_explain_names_the_rules_that_bring_a_pair_together_and_none_for_strangers() -> None:
    assert evidence(PERSON, PERSON).blocks
    stranger = NormalisedRecord(given_names=("kurt",), family_names=("berg",), birth_year=1955)
    assert evidence(PERSON, stranger).blocks == ()


def test_match_equals_scoring_the_candidates_and_does_not_depend_on_chunks_or_threads() -> None:
    table = population(150, seed=5).table()
    one = engine.match(table, MODEL, engine.Limits(chunk=10_000, threads=1))
    many = engine.match(table, MODEL, engine.Limits(chunk=37, threads=2))
    np.testing.assert_array_equal(one.pairs.left, many.pairs.left)
    np.testing.assert_array_equal(one.pairs.weight, many.pairs.weight)
    assert one.candidate_pairs == many.candidate_pairs > len(one.pairs) > 0
    assert (one.pairs.weight >= MODEL.review_weight).all()


def test_progress_reaches_its_total() -> None:
    seen: list[tuple[int, int]] = []
    table = population(60, seed=1).table()
    found = engine.match(table, MODEL, engine.Limits(chunk=50), progress=lambda *x: seen.append(x))
    assert seen[-1] == (found.candidate_pairs, found.candidate_pairs)


def test_no_records_and_one_record_have_no_pairs() -> None:
    for table in (table_of(), table_of(PERSON)):
        assert engine.match(table, MODEL).candidate_pairs == 0


def test_a_record_id_may_not_occur_twice() -> None:
    builder = TableBuilder()
    builder.add(1, "shop", PERSON)
    builder.add(1, "shop", PERSON)
    with pytest.raises(InvalidInputError, match="occurs twice"):
        builder.build()


def test_rows_are_found_by_record_id() -> None:
    builder = TableBuilder()
    for record_id in (30, 10, 20):
        builder.add(record_id, "shop", PERSON)
    table = builder.build()
    assert table.record_ids.tolist() == [10, 20, 30]
    assert table.row_of(np.array([30, 10])).tolist() == [2, 0]
    with pytest.raises(InvalidInputError):
        table.row_of(np.array([15]))


def test_columns_and_records_make_the_same_table() -> None:
    built = table_of(replace(PERSON, addresses=(HOME,), emails=(Email("am77@web.de"),)), NormalisedRecord())
    columns = RecordTable.from_columns(
        np.array([0, 1]),
        sources=["source0", "source1"],
        given=["anna", ""],
        family=["mueller", ""],
        birth=np.array([19800201, 0], np.int32),
        emails=["am77@web.de", ""],
        street=["hauptstrasse", ""],
        number=["5", ""],
        postal_code=["10115", ""],
        city=["berlin", ""],
    )
    for name in ("given", "family"):
        one, other = getattr(built, name), getattr(columns, name)
        assert one.values[one.codes].tolist() == other.values[other.codes].tolist()
    assert built.addresses.starts.tolist() == columns.addresses.starts.tolist()
    assert built.emails.starts.tolist() == columns.emails.starts.tolist()
    scored = [engine.score(t, MODEL, np.array([0]), np.array([1])).weight[0] for t in (built, columns)]
    assert scored[0] == scored[1]


def test_a_guest_orders_e_mail_says_nothing_and_one_of_unknown_standing_counts() -> None:
    from_file, guest = (
        replace(PERSON, emails=(Email("am77@web.de", doubtful=doubtful),)) for doubtful in (False, True)
    )
    assert level(from_file, from_file, "email") == "same"
    assert level(from_file, guest, "email") == "not comparable"
