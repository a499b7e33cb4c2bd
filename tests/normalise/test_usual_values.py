"""The short way for usual values gives what the rules of each kind give; what it cannot know it leaves to them."""

import itertools
import random
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from cdi.normalise import canonical, contacts, names
from cdi.normalise.canonical import Context, canonicalise
from cdi.normalise.dates import parse_date
from cdi.normalise.honours import salutation, titles_in
from cdi.normalise.junk import is_junk_number
from cdi.normalise.text import clean
from cdi.normalise.usual import usual_address, usual_date, usual_email, usual_name, usual_phone

MANY = settings(max_examples=2_000, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))

COUNTRIES = st.sampled_from(["DE", "AT", "CH", "GB", "US", "FR", "NL", "HU", "IT", ""])
HALF = st.sampled_from(
    [
        "Hans", "Günter", "GÜNTER", "müller", "Müller", "Hans Müller", "HANS", "Anna-Lena", "ANNA-LENA", "von Berg",
        "Max", "Mustermann", "MUSTERMANN", "Null", "NULL", "Jean Luc", "Graf", "VON", "Dr. Hans", "M.", "Ö", "ÖZ",
        "Weiß", "WEISS", "WEIß", "STRAẞE", "İpek", "İPEK", "ǅ", "ŉ", "doe", "Test", "Beispiel GmbH", " Eva ", "Eva\t",
        "MÃ¼ller", "Fa1kmayr", "Ta,ja", "e\u0301va", "D'Arc", "MCDONALD", "Kunde", "Herr", "Firma", "Jun.", "",
    ]
)  # fmt: skip
SPOKEN = st.sampled_from(["Herr", "Frau", "FRAU", "Herr Dr.", "Firma", "Fa.", "Mr", "Sr", "unbekannt", " Herr ", ""])
LETTERS = "abcABCäöüßÄÖÜéıİ'’-. ,()/&0123456789@+#\u0308\u200b\xa0\t中Жŉ"
ANY = st.one_of(st.text(alphabet=LETTERS, max_size=25), st.text(max_size=12), st.none(), st.integers(), st.booleans())
STREET = st.one_of(
    ANY,
    st.tuples(
        st.sampled_from(
            ["Hauptstr.", "HAUPTSTRASSE", "am see", "Am  See", "Straße des 17. Juni", "Postfach", "Packstation",
             "Nr.", "Unbekannt", "Weg bei", "Zum Hof EG", "L'Allee", "Main St", "Bahnhofstraße, Hof", "X", "."]
        ),
        st.sampled_from(["", " ", "  ", ", "]),
        st.sampled_from(["", "5", "5a", "5A", "0", "05", "12345", "5-7", "5 a", "5\u00a0", "½"]),
    ).map("".join),
)  # fmt: skip
TOWN = st.one_of(
    ANY, st.sampled_from(["Köln", "KÖLN", "köln", "Halle (Saale)", "10115 Berlin", "unbekannt", "Ulm, Donau"])
)
CODE = st.one_of(ANY, st.sampled_from(["50667", "D-50667", "1010", "1234 AB", "00000", "99999", "SW1A 1AA", "506 67"]))
COUNTRY_SAID = st.one_of(st.none(), st.sampled_from(["DE", "Deutschland", "at", "Narnia", "USA", " D ", ""]))
EMAIL = st.one_of(
    ANY,
    st.emails(),
    st.tuples(
        st.sampled_from(
            ["eva", "Eva.Braun", "e_b-c", ".eva", "eva.", "e..b", "noemail", "kunde", "aaa", "a" * 65, "x"]
        ),
        st.sampled_from(["@", "@@", " @", "[at]", "(at) "]),
        st.sampled_from(
            ["web.de", "WEB.de", "test.de", "x-y.co.uk", "-a.de", "a-.de", "aaa.de", "kunde.de", "a.b", "k.de"]
        ),
    ).map("".join),
)
PHONE = st.one_of(
    ANY,
    st.text(alphabet="0123456789+()/- \u2011\t", max_size=24),
    st.tuples(
        st.sampled_from(["0", "+49", "0049", "+49 (0)", "(0)", "1", "+1", "00", "+4", "0180", "tel:0"]),
        st.integers(0, 10**12).map(str),
    ).map("".join),
)
DATE = st.one_of(
    ANY,
    st.dates().map(str),
    st.dates().map(lambda day: f"{day:%d.%m.%Y}"),
    st.tuples(st.integers(0, 40), st.integers(0, 14), st.integers(0, 2200)).map(
        lambda t: "{:02}.{:02}.{:04}".format(*t)
    ),
    st.tuples(st.integers(0, 2200), st.integers(0, 14), st.integers(0, 40)).map(
        lambda t: "{:04}-{:02}-{:02}".format(*t)
    ),
)


def by_the_rules(monkeypatch: pytest.MonkeyPatch, data: dict[str, Any], context: Context) -> dict[str, Any]:
    """What a customer is canonically where nothing takes the short way."""
    with monkeypatch.context() as patched:
        for name in ("usual_name", "usual_date", "usual_email", "usual_phone", "usual_address"):
            patched.setattr(canonical, name, lambda *_: None)
        patched.setattr(names, "_is_settled", lambda _: False)
        patched.setattr(contacts, "_possible", lambda *_: "")
        names._settled.cache_clear()
        try:
            return canonicalise(data, context)
        finally:
            names._settled.cache_clear()


@MANY
@given(
    st.fixed_dictionaries(
        {},
        optional={
            "kind": st.sampled_from(["person", "organisation"]),
            "name": st.fixed_dictionaries({}, optional={"given_name": HALF, "family_name": HALF, "salutation": SPOKEN}),
            "organisation": st.sampled_from(["", "Beispiel GmbH", "Hans Müller"]),
            "birth_date": DATE,
            "emails": st.lists(st.one_of(EMAIL, st.fixed_dictionaries({"value": EMAIL}, optional={"verified": ANY}))),
            "phones": st.lists(st.one_of(PHONE, st.fixed_dictionaries({"value": PHONE}, optional={"use": ANY}))),
            "addresses": st.lists(
                st.fixed_dictionaries(
                    {},
                    optional={"street": STREET, "house_number": ANY, "postal_code": CODE, "city": TOWN,
                              "country": COUNTRY_SAID},
                ),
                max_size=3,
            ),
        },
    ),
    COUNTRIES,
    st.sampled_from([None, True, False]),
)  # fmt: skip
def test_the_short_way_leads_to_the_same_customer(data: dict[str, Any], country: str, day_first: bool | None) -> None:
    context = Context(country, "de", day_first)
    with pytest.MonkeyPatch.context() as monkeypatch:
        expected = by_the_rules(monkeypatch, data, context)
    assert list(canonicalise(data, context).items()) == list(expected.items())


@MANY
@given(EMAIL)
def test_a_usual_email_is_read_as_any(said: Any) -> None:
    usual = usual_email(said)
    assert usual is None or usual == contacts.parse_email(clean(said))


@MANY
@given(PHONE, COUNTRIES)
def test_a_usual_phone_is_read_as_any(said: Any, country: str) -> None:
    usual = usual_phone(said, country)
    assert usual is None or usual == contacts.parse_phone(clean(said), country)


@MANY
@given(DATE, st.sampled_from([None, True, False]), COUNTRIES)
def test_a_usual_date_is_read_as_any(said: Any, day_first: bool | None, country: str) -> None:
    usual = usual_date(said, day_first)
    assert usual is None or usual == parse_date(clean(said), country, day_first)


@pytest.mark.parametrize("country", ["DE", "AT", "CH", "FR", "GB", "US", "RU", "JP", "BR", "GG", "IT", ""])
def test_numbers_that_fit_no_plan_are_what_the_library_makes_of_them(
    country: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A possible number that nobody was ever given keeps its typing error: at home, with its code, and dialled."""
    chance, codes = random.Random(country), ("49", "43", "41", "33", "44", "1", "7", "39", "81")
    said: list[str] = []
    for _ in range(300):
        code, digits = chance.choice(codes), str(chance.randrange(10**4, 10 ** chance.randint(5, 12)))
        said += [f"0{digits}", f"+{code}{digits}", f"+{code}0{digits}", f"00{code}{digits}"]
    read = [contacts.number_of(bare, country) for bare in said]
    monkeypatch.setattr(contacts, "_possible", lambda *_: "")
    monkeypatch.setattr(contacts, "_keeps", lambda *_: False)
    assert read == [contacts.number_of(bare, country) for bare in said]


def test_the_usual_is_read_the_short_way() -> None:
    """These are the values that it is for; where they took the long way, nothing but time would tell."""
    assert usual_name({"salutation": "Frau", "given_name": "EVA", "family_name": "Müller"}) == (
        {"salutation": "Frau", "given_name": "Eva", "family_name": "Müller"},
        "f",
    )
    assert usual_date("31.12.1980", None) == usual_date("1980-12-31", None) == "1980-12-31"
    assert usual_email("Eva.Mueller@web.de") == "eva.mueller@web.de"
    assert usual_phone("0170/4711081", "DE") == "+491704711081"
    said = {"street": "Hauptstr. 5a", "postal_code": "50667", "city": "Köln"}
    wanted = {"street": "Hauptstr.", "house_number": "5a", "postal_code": "50667", "city": "Köln", "country": "DE"}
    assert usual_address(said, "DE") == wanted
    assert usual_address({**said, "street": "Hauptstr.", "house_number": "5a"}, "DE") == wanted


def test_placeholders_are_told_by_their_last_digits() -> None:
    """Every number of up to five digits, and long ones that end as placeholders do, against the rule written out."""

    def plainly(digits: str) -> bool:
        core, tail, up = digits.lstrip("0"), digits[-7:], "01234567890123456789"
        return (
            len(set(core)) <= 1
            or len(set(tail)) == 1
            or digits.endswith("000000")
            or core in up
            or (len(tail) == 7 and (tail in up or tail in up[::-1]))
        )

    short = ("".join(digits) for length in range(6) for digits in itertools.product("0123456789", repeat=length))
    ends = [run[n : n + 7] for run in ("01234567890123456789", "98765432109876543210", "1" * 8) for n in range(12)]
    long = (f"{before}{end}" for before in ("", "0", "0170", "55", "000") for end in [*ends, "1000000", "0000005"])
    for digits in itertools.chain(short, long, ["٣٣٣٣", "٣"]):
        assert is_junk_number(digits) == plainly(digits), digits


def test_a_salutation_that_was_read_is_read_as_it_is() -> None:
    """That one pass is enough for two plain names rests on it."""
    for said in ("Herr", "Hr.", "Frau", "Frl", "Mr", "Mrs", "Ms", "Mx", "Mme", "Mlle", "m", "Sig", "Sig.ra", "sr",
                 "sra", "dhr", "mw", "pan", "pani", "fam", "fa", "eheleute", "Herr & Frau"):  # fmt: skip
        usual = salutation(said)[0]
        assert usual
        assert salutation(usual)[0] == usual
        assert titles_in(usual) == ""
