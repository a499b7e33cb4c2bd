"""People for tests: a small population with typed errors whose truth is known, and strategies for single records."""

from dataclasses import dataclass, fields, replace
from typing import Any

import numpy as np
from hypothesis import strategies as st

from cdi.fields import Kind
from cdi.matching.building import TableBuilder
from cdi.matching.columns import Addresses, Column, Ragged, RecordTable
from cdi.normalise.record import Address, Email, Identifier, NormalisedRecord, Phone

GIVEN = [
    "anna",
    "maria",
    "hans",
    "josef",
    "karl",
    "ulrich",
    "sabine",
    "petra",
    "jens",
    "uwe",
    "lena",
    "paul",
    "otto",
    "frieda",
    "emil",
    "clara",
    "anton",
    "greta",
    "moritz",
    "helga",
    "ruth",
    "kurt",
    "doris",
    "bernd",
    "heike",
    "silke",
    "marco",
    "nadine",
    "tobias",
    "elke",
]
FAMILY = [
    stem + ending
    for stem in [
        "berg",
        "hof",
        "wald",
        "stein",
        "bach",
        "feld",
        "brunn",
        "heim",
        "rosen",
        "linden",
        "eichel",
        "kirch",
        "neu",
        "alt",
        "ober",
    ]
    for ending in ("mann", "er", "maier", "huber", "ing", "ke", "sen", "ler", "ner", "wig")
]
STREETS = [
    s + "strasse"
    for s in [
        "haupt",
        "bahnhof",
        "garten",
        "schul",
        "berg",
        "dorf",
        "ring",
        "linden",
        "wiesen",
        "wald",
        "muehlen",
        "kirch",
    ]
]
CITIES = ["aalen", "bonn", "coburg", "dachau", "essen", "fulda", "gera", "hanau", "ilmenau", "jena"]


@dataclass(frozen=True)
class Population:
    """Records with the number of their customer and household."""

    records: tuple[NormalisedRecord, ...]
    customer: np.ndarray
    household: np.ndarray

    def table(self, order: np.ndarray | None = None) -> RecordTable:
        """The records as columns, added in this order; a record's id is its place in the population."""
        builder = TableBuilder()
        for place in range(len(self.records)) if order is None else order.tolist():
            builder.add(place, "shop", self.records[place])
        return builder.build()


def population(customers: int, seed: int = 0, errors: float = 0.12) -> Population:
    """Persons in households of one to four, each with one to four records."""
    rng = np.random.default_rng(seed)
    records, customer, household = [], [], []
    number = home = 0
    while number < customers:
        family = FAMILY[int(len(FAMILY) * rng.random() ** 1.5)]
        address = Address(
            street=str(rng.choice(STREETS)),
            house_number=str(rng.integers(1, 90)),
            postal_code=str(10_000 + 7 * rng.integers(0, 300)),
            city=str(rng.choice(CITIES)),
            country="DE",
        )
        landline = f"+4930{rng.integers(10**6, 10**7)}"
        for _ in range(int(rng.choice([1, 1, 2, 3, 4]))):
            person = NormalisedRecord(
                given_names=(str(rng.choice(GIVEN)),),
                family_names=(family,),
                birth_year=int(rng.integers(1930, 2005)),
                birth_month=int(rng.integers(1, 13)),
                birth_day=int(rng.integers(1, 29)),
                emails=(Email(f"{rng.choice(GIVEN)}{rng.integers(10, 9999)}@{rng.choice(['web.de', 'gmx.de'])}"),),
                phones=(
                    Phone(f"+49151{rng.integers(10**7, 10**8)}", mobile=True, landline=False),
                    Phone(landline, mobile=False, landline=True),
                ),
                addresses=(address,),
            )
            for _ in range(int(rng.choice([1, 2, 2, 3, 4]))):
                records.append(written_down(person, rng, errors))
                customer.append(number)
                household.append(home)
            number += 1
        home += 1
    return Population(tuple(records), np.array(customer), np.array(household))


def written_down(person: NormalisedRecord, rng: np.random.Generator, errors: float) -> NormalisedRecord:
    """What one source wrote of a person: gaps and slips of the pen."""
    record = person
    if rng.random() < errors:
        record = replace(record, given_names=(slip(record.given_names[0], rng),))
    if rng.random() < errors:
        record = replace(record, family_names=(slip(record.family_names[0], rng),))
    if rng.random() < 0.4:
        record = replace(record, birth_year=0, birth_month=0, birth_day=0)
    if rng.random() < 0.4:
        record = replace(record, emails=())
    if rng.random() < 0.4:
        record = replace(record, phones=record.phones[: int(rng.integers(0, 2))])
    if rng.random() < 0.25:
        record = replace(record, addresses=())
    return record


def slip(name: str, rng: np.random.Generator) -> str:
    """One letter doubled, lost or changed."""
    place = int(rng.integers(0, len(name)))
    return name[:place] + str(rng.choice(["", name[place] * 2, "e", "n"])) + name[place + 1 :]


digits = st.text("0123456789", min_size=7, max_size=9)
names = st.sampled_from(
    ("", "a", "anna", "anne", "ana", "hans", "johannes", "mueller", "muller", "meier", "hans peter")
)


@st.composite
def normalised_records(draw: st.DrawFn) -> NormalisedRecord:
    """Any record that the normaliser could make, from few values so that pairs meet."""
    phones = [
        Phone(f"+49{number}", mobile=kind, landline=not kind)
        for number, kind in draw(st.lists(st.tuples(digits, st.booleans()), max_size=2))
    ]
    emails = draw(
        st.lists(st.sampled_from(("anna.mueller@web.de", "am1980@web.de", "am1980@gmx.de", "hans81@y.de")), max_size=2)
    )
    addresses = [
        Address(street=street, house_number=number, postal_code=code, city=city)
        for street, number, code, city in draw(
            st.lists(
                st.tuples(
                    st.sampled_from(("", "hauptstrasse", "hauptstrase", "ringweg")),
                    st.sampled_from(("", "1", "12a")),
                    st.sampled_from(("", "10115", "10117", "80331")),
                    st.sampled_from(("", "berlin", "muenchen")),
                ),
                max_size=2,
            )
        )
    ]
    identifiers = [
        Identifier(kind, value, verified=verified)
        for kind, value, verified in draw(
            st.lists(
                st.tuples(
                    st.sampled_from(("vat_id", "loyalty_card", "social_handle")),
                    st.sampled_from(("de123456", "de123457", "anna80")),
                    st.booleans(),
                ),
                max_size=2,
            )
        )
    ]
    given, family = draw(names), draw(names)
    return NormalisedRecord(
        kind=draw(st.sampled_from(list(Kind))),
        given_names=tuple(given.split()),
        family_names=tuple(family.split()),
        initials=draw(st.sampled_from(("", "a", "h"))),
        gender=draw(st.sampled_from(("", "f", "m", "x"))),
        generation=draw(st.sampled_from(("", "jun", "sen"))),
        birth_year=draw(st.sampled_from((0, 1980, 1981))),
        birth_month=draw(st.sampled_from((0, 1, 12))),
        birth_day=draw(st.sampled_from((0, 1, 12))),
        emails=tuple(Email(value) for value in dict.fromkeys(emails)),
        phones=tuple(phones),
        addresses=tuple(addresses),
        organisation=draw(st.sampled_from(("", "beispiel handel", "bh", "beispiel logistik"))),
        identifiers=tuple(identifiers),
        attributes=draw(st.sampled_from(((), (("hobby", "chess"),), (("hobby", "cheese"),)))),
    )


def table_of(*records: NormalisedRecord) -> RecordTable:
    """These records with ids 0, 1, …"""
    builder = TableBuilder()
    for place, record in enumerate(records):
        builder.add(place, f"source{place % 2}", record)
    return builder.build()


def values_at(column: Ragged, row: int) -> list[tuple[str, int]]:
    """The values of a row with their flags."""
    here = slice(column.starts[row], column.starts[row + 1])
    return list(zip(column.values[column.codes[here]].tolist(), column.flags[here].tolist(), strict=True))


def row_of(table: RecordTable, row: int) -> dict[str, Any]:
    """All that a table says of a record, but who it is."""
    said: dict[str, Any] = {}
    for field in fields(table):
        column = getattr(table, field.name)
        match column:
            case Column():
                said[field.name] = column.values[column.codes[row]]
            case Ragged():
                said[field.name] = values_at(column, row)
            case Addresses():
                said[field.name] = homes_at(column, row)
    named = {name: column.values[column.codes[row]] for name, column in table.attributes.items()}
    numbers = {name: int(getattr(table, name)[row]) for name in ("kind", "gender", "birth")}
    return said | numbers | {"attributes": {name: value for name, value in named.items() if value}}


def homes_at(homes: Addresses, row: int) -> list[tuple[int, str, str, str, str, str]]:
    """The addresses of a row: flags, street, number, postal code, city, region."""
    here = slice(homes.starts[row], homes.starts[row + 1])
    parts = (homes.street, homes.number, homes.postal_code, homes.city, homes.region)
    return list(zip(homes.flags[here].tolist(), *(p.values[p.codes[here]].tolist() for p in parts), strict=True))
