"""What a column means: by its name in two languages, by its neighbours, and only then by what its values look like."""

import pytest

from cdi.errors import InvalidInputError
from cdi.fields import ATTRIBUTES, Shape
from cdi.normalise.headers import (
    KNOWN,
    ROLES,
    Assembler,
    Target,
    folded,
    guess_country,
    guess_targets,
    parse_path,
    read_mapping,
)


def meanings(*header: str, **samples: list[str]) -> dict[str, str]:
    columns = dict.fromkeys(header, ()) | samples
    return {column: target.path for column, target in guess_targets(columns).items()}


def test_every_known_name_has_a_path_that_exists():
    for name, target in KNOWN.items():
        assert folded(name) == name
        if target.path not in ROLES:
            attribute, _, _ = parse_path(target.path)
            assert attribute in ATTRIBUTES


@pytest.mark.parametrize(
    ("column", "path"),
    [
        ("Vorname", "name.given_name"),
        ("first_name", "name.given_name"),
        ("firstName", "name.given_name"),
        ("LAST NAME", "name.family_name"),
        ("Nachname", "name.family_name"),
        ("surname", "name.family_name"),
        ("Geburtsdatum", "birth_date"),
        ("dob", "birth_date"),
        ("Straße", "addresses.street"),
        ("PLZ", "addresses.postal_code"),
        ("zip code", "addresses.postal_code"),
        ("E-Mail", "emails"),
        ("eMail", "emails"),
        ("customer_email", "emails"),
        ("Kunden-E-Mail", "emails"),
        ("Handy", "phones.mobile"),
        ("Firma", "organisation.name"),
        ("billing_street", "addresses.billing.street"),
        ("Rechnungs-PLZ", "addresses.billing.postal_code"),
        ("delivery city", "addresses.delivery.city"),
        ("ssn", "identifiers.national_id"),
    ],
)
def test_columns_are_known_by_name(column, path):
    assert meanings(column) == {column: path}


def test_what_is_not_known_is_left_out():
    assert meanings("Id", "Umsatz", "email_opt_in", "Bemerkung", "age") == {}


def test_a_similar_name_needs_values_that_fit():
    assert meanings(postcode_fake=["fy2 0ll", "se13 6nn"]) == {"postcode_fake": "addresses.postal_code"}
    assert meanings(postcode_known=["yes", "no"]) == {}
    assert meanings(email_private2=["a@b.de", ""]) == {"email_private2": "emails"}


def test_name_alone_may_be_a_person_or_a_company():
    assert meanings(Name=["Anna Graf", "Eva Haas"]) == {"Name": "name.full"}
    assert meanings(Name=["Graf GmbH", "Haas AG", "Pohl"]) == {"Name": "organisation.name"}
    assert meanings("Vorname", Name=["Graf"]) == {"Vorname": "name.given_name", "Name": "name.family_name"}


def test_the_first_of_two_columns_for_one_thing_wins_but_phones_add_up():
    assert meanings("full_name", "first_and_surname") == {"full_name": "name.full"}
    assert meanings("phone", "Telefon") == {"phone": "phones", "Telefon": "phones"}


def test_the_country_is_told_by_postal_codes_or_words():
    def country(**samples: list[str]) -> str:
        return guess_country(samples, guess_targets(samples))

    assert country(postcode=["G87 7DJ", "fy2 0ll"]) == "GB"
    assert country(postal_code=["K1A 0B1"]) == "CA"
    assert country(zipcode=["00000"]) == "US"
    assert country(suburb=["ceduna"], postcode=["6065"]) == "AU"
    assert country(plz=["04880"]) == "DE"


def test_rows_become_canonical_data():
    header = ["Vorname", "Nachname", "Straße", "PLZ", "Liefer-PLZ", "Tel", "Handy", "Telefon", "ustid", "Beruf", "x"]
    assembler = Assembler(header, guess_targets(dict.fromkeys(header, ())))
    row = ["Anna", " ", "Weg 1", "01234", "99999", "1", "2", "3", "DE1", "Köchin", "?"]
    assert assembler.assemble(row) == {
        "name": {"given_name": "Anna"},
        "addresses": [{"street": "Weg 1", "postal_code": "01234"}, {"postal_code": "99999", "use": "delivery"}],
        "phones": [{"value": "1"}, {"value": "2", "use": "mobile"}, {"value": "3"}],
        "identifiers": [{"value": "DE1", "type": "vat_id"}],
        "attributes": {"occupation": "Köchin"},
    }


def test_a_birth_date_in_three_columns_is_one():
    header = ["by", "bm", "bd"]
    assembler = Assembler(header, guess_targets(dict.fromkeys(header, ())))
    assert assembler.assemble(["1949", "7", "22"]) == {"birth_date": "1949-07-22"}


def test_a_full_name_counts_only_where_nothing_finer_is_known():
    header = ["full_name", "first_name"]
    assembler = Assembler(header, guess_targets(dict.fromkeys(header, ())))
    assert assembler.assemble(["Anna Graf", "Anna"])["name"] == {"given_name": "Anna"}
    assert assembler.assemble(["Anna Graf", ""])["name"] == {"full": "Anna Graf"}


def test_a_row_with_a_company_and_no_person_is_an_organisation():
    header = ["Firma", "Ansprechpartner"]
    assembler = Assembler(header, guess_targets(dict.fromkeys(header, ())))
    assert assembler.assemble(["Graf GmbH", ""])["kind"] == "organisation"
    assert "kind" not in assembler.assemble(["Graf GmbH", "Anna Graf"])


def test_paths_reach_every_part_of_the_vocabulary():
    for attribute in ATTRIBUTES.values():
        for part in attribute.parts if attribute.name != "identifiers" else ():
            assert parse_path(f"{attribute.name}.{part}") == (attribute.name, "", part)
        if attribute.shape is Shape.VALUE:
            assert parse_path(attribute.name) == (attribute.name, "", "")
    assert parse_path("phones.mobile") == ("phones", "mobile", "value")
    assert parse_path("addresses.delivery.city") == ("addresses", "delivery", "city")
    assert parse_path("identifiers.vat_id.value") == ("identifiers", "vat_id", "value")


@pytest.mark.parametrize(
    "path", ["", "name", "nonsense", "name.first", "birth_date.hour", "identifiers", "identifiers.shoe", "addresses"]
)
def test_paths_that_lead_nowhere_are_refused(path):
    with pytest.raises(InvalidInputError, match="is not a canonical path"):
        parse_path(path)


def test_a_mapping_file_may_name_roles_and_comparisons():
    text = "id: record_id\nx: ignore\nn: {path: attributes.size, comparison: number}\nt: attributes.text\n"
    assert read_mapping(text, "map.yaml") == {
        "id": Target("record_id"),
        "x": None,
        "n": Target("attributes.size", "number"),
        "t": Target("attributes.text", "text"),
    }
