"""What each rule makes of one raw value: a new case is a new line in cases/*.csv."""

import csv
from collections.abc import Callable
from pathlib import Path

import pytest

from cdi.normalise.addresses import fold_city
from cdi.normalise.names import koelner_phonetik, name_tokens
from cdi.normalise.organisations import split_organisation
from cdi.normalise.record import Context, canonicalise
from cdi.normalise.streets import fold_street
from cdi.normalise.text import fold

CASES = Path(__file__).parent / "cases"


def canonical(data: dict[str, object], country: str) -> dict[str, object]:
    return canonicalise(data, Context(country=country))


def shown(parts: dict[str, object]) -> str:
    return "; ".join(f"{part}={value}" for part, value in parts.items())


def person(part: str) -> Callable[[str, str], str]:
    """A part of a name, and what it became: the name's parts, or the organisation that it was."""

    def read(raw: str, country: str) -> str:
        got = canonical({"name": {part: raw}}, country)
        organisation = got.get("organisation", {})
        parts = {"organisation": organisation["name"], **organisation} if organisation else {}
        parts.pop("name", None)
        gender = {"gender": got["gender"]} if part == "salutation" and "gender" in got else {}
        return shown({**got.get("name", {}), **parts, **gender})

    return read


def single(attribute: str) -> Callable[[str, str], str]:
    def read(raw: str, country: str) -> str:
        got = canonical({attribute: raw}, country)
        return shown({attribute: got[attribute]}) if attribute in got else ""

    return read


def listed(attribute: str) -> Callable[[str, str], str]:
    def read(raw: str, country: str) -> str:
        return " ".join(item["value"] for item in canonical({attribute: raw}, country).get(attribute, []))

    return read


def address(part: str) -> Callable[[str, str], str]:
    def read(raw: str, country: str) -> str:
        return " | ".join(map(shown, canonical({"addresses": [{part: raw}]}, country).get("addresses", [])))

    return read


def identifier(kind: str) -> Callable[[str, str], str]:
    def read(raw: str, country: str) -> str:
        got = canonical({"identifiers": [{"type": kind, "value": raw}]}, country)
        return " ".join(item["value"] for item in got.get("identifiers", []))

    return read


READERS: dict[str, Callable[[str, str], str]] = {
    **{part: person(part) for part in ("full", "given_name", "family_name", "salutation", "title")},
    **{attribute: single(attribute) for attribute in ("gender", "language")},
    "date": lambda raw, country: str(canonical({"birth_date": raw}, country).get("birth_date", "")),
    "phone": listed("phones"),
    "email": listed("emails"),
    **{part: address(part) for part in ("street", "city", "postal_code", "country")},
    **{
        kind: identifier(kind)
        for kind in ("vat_id", "register_id", "iban", "social_handle", "customer_number", "loyalty_card")
    },
    "organisation": lambda raw, _: "core={}; form={}".format(*split_organisation(raw)),
    "fold": lambda raw, _: fold(raw),
    "street_key": fold_street,
    "city_key": lambda raw, _: fold_city(raw),
    "phonetic": lambda raw, _: koelner_phonetik(raw),
    "given_tokens": lambda raw, _: " ".join(name_tokens(raw).tokens),
    "family_tokens": lambda raw, _: " ".join(name_tokens(raw).tokens),
}


def cases() -> list[tuple[str, str, str, str]]:
    rows = []
    for path in sorted(CASES.glob("*.csv")):
        with path.open(encoding="utf-8", newline="") as file:
            rows += [(r["field"], r["country"], r["raw"], r["expected"]) for r in csv.DictReader(file)]
    return rows


@pytest.mark.parametrize(("field", "country", "raw", "expected"), cases())
def test_a_raw_value_becomes_what_the_case_says(field: str, country: str, raw: str, expected: str) -> None:
    assert READERS[field](raw, country) == expected
