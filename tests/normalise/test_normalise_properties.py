"""What holds for every input, also for rubbish: idempotence, exact round trips, bounded time, no traceback."""

import json
import time
from collections.abc import Iterator
from dataclasses import asdict
from typing import Any

import phonenumbers
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from cdi.errors import BadRecordError
from cdi.fields import ATTRIBUTES
from cdi.matching.cards import card_of
from cdi.normalise.contacts import parse_phone, phone_line
from cdi.normalise.dates import date_parts, parse_date
from cdi.normalise.names import koelner_phonetik, name_tokens
from cdi.normalise.record import Context, canonicalise, normalise
from cdi.normalise.streets import split_street
from cdi.normalise.text import clean, fold, words

COUNTRIES = st.sampled_from(["DE", "AT", "CH", "GB", "US", "FR", "NL", "PL", "HU", "TR", ""])
LETTERS = "abcdefgAÄöüßéçŁıİ'’-. ,()/&0123456789@+#;Ã¼Â€\u0308\u200b\x00Жδ中"
NAMEY = st.sampled_from(
    [
        "Hans", "MÜLLER", "müller-lüdenscheidt", "von", "der", "Graf", "Freiherr", "zu", "Dr.", "Prof.", "med.", "Herr",
        "Frau", "geb.", "Jr.", "GmbH", "& Co. KG", "und", "Null", "unbekannt", "A.", "O'Brien", "Anna", "Müller,",
        "(Hans)", "Max", "Mustermann", "Firma", "III", "-", "", "de", "la", "MCDONALD", "e.V.", "AG", "nee", "ǅ",
        "ŉ", "ß", "SS",
    ]
)  # fmt: skip
STREETY = st.sampled_from(
    [
        "Hauptstr.", "HAUPTSTRASSE", "5", "5a", "5-7", "12/3", "Nr.", "c/o", "Meier", "Packstation", "145", "12345678",
        "Postfach", "PO Box", "3. OG", "links", "Flat 3", "Apt 4B", ",", "12347", "Berlin", "bei",
        "Straße des 17. Juni",
        "Main St", "bis", "0", "-", "(Hof)", "unbekannt", "#5", "z. Hd.", "D-12347 Berlin", "Hauptstr.5",
    ]
)  # fmt: skip
TEXT = st.one_of(
    st.text(alphabet=LETTERS, max_size=40),
    st.text(max_size=30),
    st.lists(NAMEY, max_size=6).map(" ".join),
    st.lists(STREETY, max_size=6).map(" ".join),
)
SCALAR = st.one_of(st.none(), st.booleans(), st.integers(), st.floats(), TEXT)
DATE = st.one_of(
    TEXT,
    st.dates().map(str),
    st.tuples(st.integers(0, 40), st.sampled_from("./-"), st.integers(0, 14), st.integers(0, 2200)).map(
        lambda t: f"{t[0]}{t[1]}{t[2]}{t[1]}{t[3]}"
    ),
    st.integers(0, 99999999).map(str),
)
PHONE = st.one_of(TEXT, st.text(alphabet="0123456789+()/- ", max_size=20))
EMAIL = st.one_of(TEXT, st.emails(), st.text(alphabet="ab.@-+_<> ", max_size=20))


def block(parts: dict[str, st.SearchStrategy[Any]]) -> st.SearchStrategy[dict[str, Any]]:
    return st.fixed_dictionaries({}, optional=parts)


def parts_of(attribute: str, value: st.SearchStrategy[Any]) -> dict[str, st.SearchStrategy[Any]]:
    return dict.fromkeys(ATTRIBUTES[attribute].parts, value)


CUSTOMER = block(
    {
        "kind": st.one_of(st.sampled_from(["person", "organisation", "Firma", "b2b"]), SCALAR),
        "name": st.one_of(SCALAR, block(parts_of("name", SCALAR))),
        "organisation": st.one_of(SCALAR, block(parts_of("organisation", SCALAR))),
        "gender": SCALAR,
        "language": SCALAR,
        "birth_date": st.one_of(SCALAR, DATE),
        "emails": st.one_of(EMAIL, st.lists(st.one_of(EMAIL, block(parts_of("emails", st.one_of(SCALAR, EMAIL)))))),
        "phones": st.one_of(PHONE, st.lists(st.one_of(PHONE, block(parts_of("phones", st.one_of(SCALAR, PHONE)))))),
        "addresses": st.lists(block(parts_of("addresses", SCALAR)), max_size=3),
        "identifiers": st.lists(
            block(
                {
                    "type": st.one_of(st.sampled_from(["iban", "vat_id", "social_handle", "register_id"]), SCALAR),
                    "value": SCALAR,
                    "issuer": SCALAR,
                    "verified": SCALAR,
                }
            ),
            max_size=3,
        ),
        "attributes": st.dictionaries(TEXT, st.one_of(SCALAR, st.lists(SCALAR, max_size=3)), max_size=3),
    }
)
MANY = settings(max_examples=500, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))
MORE = settings(MANY, max_examples=10_000)


@MANY
@given(CUSTOMER, COUNTRIES)
def test_canonical_customers_pass_through_unchanged(data: dict[str, Any], country: str) -> None:
    context = Context(country=country)
    canonical = canonicalise(data, context)
    assert canonicalise(canonical, context) == canonical


@pytest.mark.slow
@MORE
@given(CUSTOMER, COUNTRIES)
@example({"addresses": [{"street": "ß000"}]}, "DE")  # a letter without a capital of its own
def test_many_more_canonical_customers_pass_through_unchanged(data: dict[str, Any], country: str) -> None:
    context = Context(country=country)
    canonical = canonicalise(data, context)
    assert canonicalise(canonical, context) == canonical


@MANY
@given(CUSTOMER, st.lists(CUSTOMER, max_size=2), COUNTRIES)
def test_nothing_that_is_normalised_would_break_a_card(
    data: dict[str, Any], earlier: list[dict[str, Any]], country: str
) -> None:
    """What tells the cells of a card apart stands in no value, so that none has to be changed to be kept."""
    context = Context(country=country)
    former = tuple(canonicalise(version, context) for version in earlier)
    assert not set(BREAKING) & set(letters_of(asdict(normalise(canonicalise(data, context), former))))


BREAKING = "\0\t\n\r\x1d"


def letters_of(said: Any) -> Iterator[str]:
    """Every letter of every text in there."""
    match said:
        case str():
            yield from said
        case dict():
            yield from letters_of(tuple(said.values()))
        case tuple():
            for part in said:
                yield from letters_of(part)


@MANY
@given(st.text())
def test_folding_twice_is_folding_once(text: str) -> None:
    assert fold(fold(text)) == fold(text)


@MANY
@given(TEXT)
def test_clean_text_stays_clean(text: str) -> None:
    assert clean(clean(text)) == clean(text)


@given(TEXT)
def test_case_and_accents_make_no_other_words(text: str) -> None:
    assert words(fold(text)) == words(text)


@MANY
@given(DATE, COUNTRIES, st.one_of(st.none(), st.booleans()))
def test_a_read_date_exists_and_reads_as_itself(text: str, country: str, day_first: bool | None) -> None:
    iso = parse_date(text, country, day_first)
    assert parse_date(iso, country, day_first) == iso
    year, month, day = date_parts(iso)
    assert not iso or (1500 <= year < 2100 and 0 <= month <= 12 and 0 <= day <= 31)


@given(TEXT)
def test_a_phonetic_code_is_digits_with_vowels_only_in_front(text: str) -> None:
    code = koelner_phonetik(text)
    assert set(code) <= set("012345678")
    assert "0" not in code[1:]
    assert koelner_phonetik(fold(text)) == code


@given(TEXT)
def test_initials_and_tokens_share_no_letters(text: str) -> None:
    tokens, initials = name_tokens(text)
    assert all(len(token) > 1 or not token.isascii() for token in tokens)
    assert initials.isalpha() or not initials


@given(st.lists(STREETY, max_size=5).map(" ".join), COUNTRIES)
def test_a_house_number_has_a_digit_and_no_spaces_around(text: str, country: str) -> None:
    number = split_street(text, country).house_number
    assert number == number.strip()
    assert not number or any(map(str.isdigit, number))


EXAMPLES = [
    example
    for country in ("DE", "AT", "CH", "GB", "US", "FR", "IT", "ES", "PL", "NL", "SE", "HU", "TR", "RU", "AU")
    for kind in (phonenumbers.PhoneNumberType.MOBILE, phonenumbers.PhoneNumberType.FIXED_LINE)
    if (example := phonenumbers.example_number_for_type(country, kind)) is not None
]


@MANY
@given(
    st.sampled_from(EXAMPLES),
    st.text(alphabet="0123456789", min_size=4, max_size=4),
    st.sampled_from(
        [
            phonenumbers.PhoneNumberFormat.NATIONAL,
            phonenumbers.PhoneNumberFormat.INTERNATIONAL,
            phonenumbers.PhoneNumberFormat.E164,
        ]
    ),
)
def test_numbers_are_read_as_the_phone_library_reads_them(example: Any, last: str, written: int) -> None:
    digits = ("0" if example.italian_leading_zero else "") + str(example.national_number)[:-4] + last
    number = phonenumbers.parse(f"+{example.country_code}{digits}")
    if not phonenumbers.is_valid_number(number):
        return
    country = phonenumbers.region_code_for_number(number)
    read = parse_phone(phonenumbers.format_number(number, written), country)
    assert read in {phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164), ""}
    mobile, landline = phone_line(read)
    kind = phonenumbers.number_type(number)
    if read and kind == phonenumbers.PhoneNumberType.MOBILE:
        assert not landline
    if read and kind == phonenumbers.PhoneNumberType.FIXED_LINE:
        assert not mobile


MEGABYTE = 1_000_000


@pytest.mark.parametrize(
    "rubbish",
    [
        "a" * MEGABYTE, "Müller " * (MEGABYTE // 7), "1 " * (MEGABYTE // 2), ", " * (MEGABYTE // 2), "1" * MEGABYTE,
        "a1 " * (MEGABYTE // 3), "&amp;" * (MEGABYTE // 5), "Ã" * MEGABYTE, "ÃƒÂ" * (MEGABYTE // 3), "\x00" * MEGABYTE,
        "a@" * (MEGABYTE // 2), "a." * (MEGABYTE // 2) + "@b.de", "(" * MEGABYTE, "Dr. " * (MEGABYTE // 4),
        "von " * (MEGABYTE // 4), "geb. " * (MEGABYTE // 5), "c/o " * (MEGABYTE // 4), "nr. 1, " * (MEGABYTE // 7),
        "\u0308" * MEGABYTE, "e\u0301" * (MEGABYTE // 2), "GmbH & Co. " * (MEGABYTE // 11), "\ud800" * MEGABYTE,
    ],
)  # fmt: skip
@pytest.mark.parametrize("country", ["DE", "GB"])
def test_a_megabyte_of_rubbish_in_every_field_costs_little(rubbish: str, country: str) -> None:
    data = {
        "kind": rubbish,
        "name": dict.fromkeys(ATTRIBUTES["name"].parts, rubbish),
        "organisation": dict.fromkeys(ATTRIBUTES["organisation"].parts, rubbish),
        "gender": rubbish,
        "language": rubbish,
        "birth_date": rubbish,
        "emails": rubbish,
        "phones": rubbish,
        "addresses": [dict.fromkeys(ATTRIBUTES["addresses"].parts, rubbish)],
        "identifiers": [dict.fromkeys(("type", "value", "issuer"), rubbish)],
        "attributes": {rubbish: rubbish},
    }
    started = time.process_time()
    canonical = canonicalise(data, Context(country=country))
    record = normalise(canonical)
    assert time.process_time() - started < 1.0
    assert len(json.dumps(canonical)) < 100_000
    assert len(card_of(record)) < 100_000


def test_a_million_of_anything_is_cut_or_refused_at_once() -> None:
    million = {
        "emails": ["a@b.de"] * MEGABYTE,
        "addresses": [{"city": "Ulm"}] * MEGABYTE,
        "attributes": {str(i): "x" * 9 for i in range(MEGABYTE)},
    }
    started = time.process_time()
    canonical = canonicalise(million, Context())
    with pytest.raises(BadRecordError):
        canonicalise({"name": {str(i): "a" for i in range(1000)}}, Context())
    assert time.process_time() - started < 1.0
    assert len(json.dumps(canonical)) < 100_000


ANYTHING = st.recursive(
    st.one_of(SCALAR, st.binary(max_size=5)),
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(TEXT, inner, max_size=3)),
    max_leaves=8,
)


@MANY
@given(st.one_of(ANYTHING, st.dictionaries(st.sampled_from(sorted(ATTRIBUTES)), ANYTHING, max_size=4)))
def test_nested_rubbish_is_refused_by_field_or_read(rubbish: Any) -> None:
    try:
        canonical = canonicalise(rubbish, Context())
    except BadRecordError:
        return
    normalise(canonical)
