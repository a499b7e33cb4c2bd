"""What a customer looks like after cleaning: shapes, kinds, placeholders, and what the engine gets to see."""

import pytest

from cdi.errors import BadRecordError
from cdi.fields import Kind
from cdi.normalise.contacts import email_local_residue, phone_tail
from cdi.normalise.dates import column_day_first
from cdi.normalise.names import gender_of, nickname_group
from cdi.normalise.record import Address, Context, Email, NormalisedRecord, canonicalise
from cdi.normalise.record import normalise as normalised

GERMANY = Context(country="DE")


def canonical(context: Context = GERMANY, **data: object) -> dict[str, object]:
    return canonicalise(data, context)


def test_sloppy_shapes_are_read() -> None:
    assert canonical(emails="Hans@Web.de", phones=["0170 4711081"], name="Müller, Hans") == {
        "kind": "person",
        "name": {"given_name": "Hans", "family_name": "Müller"},
        "emails": [{"value": "hans@web.de"}],
        "phones": [{"value": "+491704711081"}],
    }
    assert canonical(addresses="Hauptstr. 5")["addresses"] == [
        {"street": "Hauptstr.", "house_number": "5", "country": "DE"}
    ]
    assert canonical(emails={"value": "hans@web.de", "use": "Private"})["emails"] == [
        {"value": "hans@web.de", "use": "private"}
    ]


@pytest.mark.parametrize(
    ("data", "field"),
    [
        ({"name": ["geheim"]}, "name"),
        ({"name": {"given_name": ["geheim"]}}, "name.given_name"),
        ({"name": {"given_name": {"geheim": 1}}}, "name.given_name"),
        ({"birth_date": ["geheim"]}, "birth_date"),
        ({"emails": [["geheim"]]}, "emails"),
        ({"phones": [{"value": {"geheim": "geheim"}}]}, "phones"),
        ({"addresses": [{"street": ["geheim"]}]}, "addresses.street"),
        ({"identifiers": [{"value": ["geheim"]}]}, "identifiers.value"),
        ({"attributes": ["geheim"]}, "attributes"),
        ({"attributes": {"size": {"geheim": "geheim"}}}, "attributes"),
        ({"organisation": ["geheim"]}, "organisation"),
        ({"gender": {"geheim": 1}}, "gender"),
        ({"geheim": "geheim"}, "attribute"),
        ({"name": {"geheim": "geheim"}}, "name"),
    ],
)
def test_an_impossible_shape_is_refused_by_its_field_and_without_its_value(data: dict[str, object], field: str) -> None:
    with pytest.raises(BadRecordError) as refused:
        canonicalise(data, GERMANY)
    assert field in str(refused.value)
    assert "geheim" not in str(refused.value)


def test_numbers_are_read_as_text() -> None:
    got = canonical(
        phones=[1704711081], addresses=[{"street": "Hauptstr. 5", "postal_code": 12347.0}], birth_date=19801231
    )
    assert got["phones"] == [{"value": "+491704711081"}]
    assert got["addresses"][0]["postal_code"] == "12347"  # type: ignore[index]
    assert got["birth_date"] == "1980-12-31"


def test_a_postal_code_without_its_nought_is_mended_only_where_the_country_is_said() -> None:
    said = canonical(addresses=[{"postal_code": 1067, "city": "Dresden", "country": "DE"}])
    assert said["addresses"] == [{"postal_code": "01067", "city": "Dresden", "country": "DE"}]
    unsaid = canonical(addresses=[{"postal_code": "1010", "city": "Wien"}])
    assert unsaid["addresses"] == [{"postal_code": "1010", "city": "Wien"}]


def test_the_same_contact_twice_is_one_with_all_that_was_said_of_it() -> None:
    got = canonical(
        emails=[{"value": "HANS@web.de"}, {"value": "hans@web.de", "use": "private", "verified": "ja"}],
        phones=["0170 4711081", {"value": "+49 170 4711081", "shared": True}],
    )
    assert got["emails"] == [{"value": "hans@web.de", "use": "private", "verified": True}]
    assert got["phones"] == [{"value": "+491704711081", "shared": True}]


def test_a_local_number_is_dialled_from_where_the_customer_lives() -> None:
    got = canonical(phones=["0664 1840561"], addresses=[{"city": "Wien", "country": "Österreich"}])
    assert got["phones"] == [{"value": "+436641840561"}]


@pytest.mark.parametrize(
    ("data", "kind"),
    [
        ({"name": {"family_name": "Müller"}}, "person"),
        ({"organisation": {"name": "Müller GmbH"}}, "organisation"),
        ({"name": {"full": "Müller GmbH"}}, "organisation"),
        ({"name": {"salutation": "Firma", "family_name": "Müller Bau"}}, "organisation"),
        ({"kind": "b2b", "name": {"full": "Müller Bau"}}, "organisation"),
        ({"organisation": {"name": "Müller GmbH"}, "name": {"full": "Anna Kurz"}}, "person"),
        ({"kind": "company", "organisation": {"name": "Müller"}, "name": {"full": "Anna Kurz"}}, "organisation"),
        ({"emails": "anna@web.de"}, "person"),
    ],
)
def test_the_kind_is_decided_by_names_and_legal_form(data: dict[str, object], kind: str) -> None:
    assert canonicalise(data, GERMANY)["kind"] == kind


def test_a_persons_own_name_in_the_companys_field_is_no_organisation() -> None:
    got = canonical(name={"given_name": "Anna", "family_name": "Kurz"}, organisation={"name": "Anna Kurz"})
    assert "organisation" not in got


def test_gender_is_what_is_said_else_what_the_salutation_tells() -> None:
    assert canonical(name={"salutation": "Frau", "family_name": "Kurz"})["gender"] == "f"
    assert canonical(gender="divers", name={"salutation": "Frau", "family_name": "Kurz"})["gender"] == "x"
    assert "gender" not in canonical(name={"salutation": "Familie", "family_name": "Kurz"})


@pytest.mark.parametrize(
    "data",
    [
        {"emails": ["test@test.de", "noemail@shop.de", "undefined"]},
        {"phones": ["0000", "11111", "0170 1234567", "none"]},
        {"birth_date": "01.01.1900"},
        {"name": {"given_name": "undefined", "family_name": "n/a"}},
        {"name": {"given_name": "Max", "family_name": "Mustermann"}},
        {"addresses": [{"street": "unbekannt", "city": "-", "postal_code": "00000"}]},
        {"identifiers": [{"type": "device", "value": "undefined"}, {"type": "loyalty_card", "value": "0000"}]},
        {"attributes": {"size": "n/a"}},
        {},
    ],
)
def test_placeholders_leave_nothing_that_could_join_two_customers(data: dict[str, object]) -> None:
    got = canonicalise(data, GERMANY)
    assert got == {"kind": "person"}
    assert normalised(got) == NormalisedRecord()


def test_the_engine_sees_a_customer_folded_and_in_parts() -> None:
    record = normalised(
        canonical(
            name={"title": "Dr.", "given_name": "Anna M.", "family_name": "von Müller-Groß", "birth_name": "Schön"},
            birth_date="31.12.1980",
            emails=[{"value": "Anna+shop@googlemail.com", "verified": True}],
            phones=["0170 4711081", "030 901820"],
            addresses=[{"street": "Lange Str. 5 A", "postal_code": "12347", "city": "Köln", "use": "delivery"}],
            identifiers=[{"type": "loyalty_card", "value": "AB-123 x", "issuer": "Kaufhaus"}],
            attributes={"shoe_size": 38, "tags": ["b", "a"]},
        )
    )
    assert (record.given_names, record.middle_initials, record.initials) == (("anna",), "m", "")
    assert (record.family_names, record.birth_name) == (("mueller", "gross"), "schoen")
    assert (record.birth_year, record.birth_month, record.birth_day) == (1980, 12, 31)
    assert record.emails == (Email("anna@gmail.com", verified=True),)
    assert [(phone.mobile, phone.landline) for phone in record.phones] == [(True, False), (False, True)]
    assert record.addresses == (Address("langestrasse", "5a", "12347", "koeln", "", "DE", "delivery"),)
    assert [(i.type, i.value, i.issuer) for i in record.identifiers] == [("loyalty_card", "ab123x", "kaufhaus")]
    assert record.attributes == (("shoe_size", "38"), ("tags", "a b"))


def test_initials_stand_for_names_only_where_nothing_else_is_said() -> None:
    record = normalised(canonical(name={"given_name": "A. B.", "family_name": "M."}))
    assert (record.given_names, record.initials, record.middle_initials) == ((), "ab", "")
    assert (record.family_names, record.family_initial) == ((), "m")


@pytest.mark.parametrize(
    ("name", "generation"),
    [
        ("Hans Klein jun.", "jun"),
        ("Hans Klein Jr.", "jun"),
        ("Hans Klein Senior", "sen"),
        ("William Gates III", "iii"),
        ("Anna Huber MBA", ""),
    ],
)
def test_father_and_son_are_told_apart_by_their_generation(name: str, generation: str) -> None:
    assert normalised(canonical(name=name)).generation == generation


def test_an_organisation_is_its_core_name() -> None:
    record = normalised(canonical(organisation={"name": "BEISPIEL Handel G.m.b.H."}))
    assert (record.kind, record.organisation, record.legal_form) == (Kind.ORGANISATION, "beispiel handel", "gmbh")


def test_former_values_are_those_that_the_current_version_has_not() -> None:
    current = canonical(name={"family_name": "Neu"}, emails=["b@web.de"], phones=["0170 4711081"])
    older = canonical(name={"family_name": "Alt"}, emails=["a@web.de", "b@web.de"], phones=["0049 170 4711081"])
    oldest = canonical(name={"family_name": "Alt"}, addresses=[{"street": "Gasse 1", "postal_code": "12347"}])
    former = normalised(current, (older, oldest)).former
    assert former.family_names == ("alt",)
    assert former.emails == (Email("a@web.de"),)
    assert former.phones == ()
    assert former.addresses == (Address("gasse", "1", "12347", country="DE"),)


@pytest.mark.parametrize(
    ("values", "day_first"),
    [
        (["03/04/1980", "31/12/1999"], True),
        (["03/04/1980", "12/31/1999"], False),
        (["03/04/1980", "1980-12-31", "", "rubbish"], None),
        (["31.12.1999", "12/31/1999", "30.01.2000"], True),
        (["99/99/9999", "00/13/1999"], None),
    ],
)
def test_a_column_tells_the_order_of_day_and_month(values: list[str], day_first: bool | None) -> None:
    assert column_day_first(values) is day_first


def test_the_columns_order_decides_ambiguous_dates() -> None:
    american = Context(country="DE", day_first=False)
    assert canonical(american, birth_date="03/04/1980")["birth_date"] == "1980-03-04"
    assert canonical(american, birth_date="31/12/1999")["birth_date"] == "1999-12-31"


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("Hans", "Johannes"), ("Uschi", "Ursula"), ("Sepp", "Josef"), ("Bill", "William"), ("Günter", "Günther"),
        ("Katrin", "Kathrin"), ("Mehmet", "Mohammed"), ("Sascha", "Alexander"), ("Gabi", "Gabriele"), ("Bob", "Robert"),
    ],
)  # fmt: skip
def test_forms_of_a_name_share_a_group(one: str, other: str) -> None:
    assert nickname_group(one) & nickname_group(other)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("Mario", "Marion"), ("Christian", "Christiane"), ("Michael", "Michaela"), ("Alexander", "Alexandra"),
        ("Andreas", "Andrea"), ("Peter", "Petra"), ("Anna", "Maria"), ("Jörg", "Jürgen"), ("Hans", "Heinz"),
        ("Stefan", "Stefanie"), ("Martin", "Martina"), ("Gabriel", "Gabriele"), ("xyz", "xyz"),
    ],
)  # fmt: skip
def test_names_of_brothers_and_sisters_share_none(one: str, other: str) -> None:
    assert not nickname_group(one) & nickname_group(other)


@pytest.mark.parametrize(
    ("name", "gender"),
    [
        ("Uschi", "f"),
        ("Günter", "m"),
        ("Hans-Peter", "m"),
        ("Anna Maria", "f"),
        ("Kim", ""),
        ("Andrea", ""),
        ("Xq", ""),
    ],
)
def test_a_given_name_tells_its_usual_gender(name: str, gender: str) -> None:
    assert gender_of(name) == gender


@pytest.mark.parametrize(
    ("local", "names", "residue", "year"),
    [
        ("hans.mueller", ("hans", "mueller"), "", 0),
        ("h.mueller1957", ("hans", "mueller"), "1957", 1957),
        ("müller_85x", ("hans", "mueller"), "85x", 0),
        ("sonnenblume", ("hans", "mueller"), "sonnenblume", 0),
        ("hmueller", ("hans", "mueller"), "", 0),
        ("1985", (), "1985", 1985),
    ],
)
def test_what_is_left_of_an_address_after_its_owners_names(
    local: str, names: tuple[str, ...], residue: str, year: int
) -> None:
    assert email_local_residue(local, names) == (residue, year)


def test_a_numbers_tail_survives_a_wrong_prefix() -> None:
    assert phone_tail("+493411223344") == phone_tail("+49301223344") == "1223344"
    assert phone_tail("12") == ""
