"""A record's card says what the record says, and a few cards are read as many are."""

from dataclasses import fields, is_dataclass
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cdi.errors import InvalidInputError
from cdi.fields import Kind
from cdi.matching.building import FEW_CARDS, table_of_cards
from cdi.matching.cards import CELLS, card_of
from cdi.matching.columns import DOUBTFUL, FORMER, MAX_LENGTH, MAX_VALUES, VERIFIED
from cdi.matching.few_cards import read_few
from cdi.matching.many_cards import read_many
from cdi.normalise.record import Address, Email, Former, Identifier, NormalisedRecord, Phone
from people import population, row_of, values_at

ODD = st.one_of(
    st.text(st.sampled_from("aä中\t\n\r\x1d\x1f\0\"'\\,; \ufeff\x85\u2028"), max_size=6),
    st.text(max_size=6),
    st.sampled_from(["", "NULL", "NA", "nan", "0", "\ufeff", '""', '"', "\\N", "x" * 201, "ä" * 150, "ä" * 201]),
)
FLAGS = st.booleans()
FORMS = st.sampled_from(["", "house", "packstation", "po_box"])
EMAILS = st.builds(Email, ODD, FLAGS, FLAGS, FLAGS)
PHONES = st.builds(Phone, ODD, FLAGS, FLAGS, FLAGS, FLAGS, FLAGS)
ADDRESSES = st.builds(Address, ODD, ODD, ODD, ODD, ODD, ODD, FORMS)


def some(values: st.SearchStrategy[Any]) -> st.SearchStrategy[tuple[Any, ...]]:
    return st.one_of(
        st.lists(values, max_size=3),
        st.lists(values, min_size=1, max_size=2).map(lambda few: few * MAX_VALUES),
        st.lists(values, min_size=MAX_VALUES, max_size=MAX_VALUES + 3),
    ).map(tuple)


RECORDS = st.builds(
    NormalisedRecord,
    kind=st.sampled_from(Kind),
    given_names=some(ODD),
    family_names=some(ODD),
    birth_name=ODD,
    initials=ODD,
    gender=st.sampled_from(["", "f", "m", "x", "?"]),
    birth_year=st.integers(0, 2100),
    birth_month=st.integers(0, 12),
    birth_day=st.integers(0, 31),
    emails=some(EMAILS),
    phones=some(PHONES),
    addresses=some(ADDRESSES),
    organisation=ODD,
    legal_form=ODD,
    identifiers=some(st.builds(Identifier, ODD, ODD, ODD, FLAGS)),
    attributes=some(st.tuples(ODD, ODD)),
    former=st.builds(Former, some(ODD), some(EMAILS), some(PHONES), some(ADDRESSES)),
    family_initial=ODD,
    middle_initials=ODD,
    generation=ODD,
)


def blanked(text: str) -> str:
    for character in "\0\t\n\r\x1d":
        text = text.replace(character, " ")
    return text


def kept(text: str) -> str:
    return blanked(text)[:MAX_LENGTH]


def told(items: list[tuple[str, int]]) -> list[tuple[str, int]]:
    """Each value once, where it stands last, with the flags that it has first."""
    known = [(blanked(value), flags) for value, flags in items if value]
    values = [value for value, _ in known]
    last = [value for place, value in enumerate(values) if value not in values[place + 1 :]]
    return [(value[:MAX_LENGTH], known[values.index(value)][1]) for value in last[:MAX_VALUES]]


def doubted(contact: Email | Phone) -> int:
    return DOUBTFUL if contact.shared or contact.doubtful else 0


def expected(record: NormalisedRecord) -> dict[str, Any]:
    """What a row of a table says of this record."""
    former = record.former
    phones = [(p, doubted(p)) for p in record.phones] + [(p, FORMER | doubted(p)) for p in former.phones]
    emails = [(e.value, doubted(e)) for e in record.emails]
    emails += [(e.value, FORMER | doubted(e)) for e in former.emails]
    homes = [(a, 0) for a in record.addresses] + [(a, FORMER) for a in former.addresses]
    numbers = [("\x1f".join((i.type, i.issuer, i.value)), VERIFIED * i.verified) for i in record.identifiers]
    return {
        "kind": int(record.kind == Kind.ORGANISATION),
        "gender": {"f": 1, "m": 2, "x": 3}.get(record.gender, 0),
        "birth": record.birth_year * 10000 + record.birth_month * 100 + record.birth_day,
        "given": kept(" ".join(record.given_names)),
        "initials": kept(record.initials or record.middle_initials),
        "family": kept(" ".join(record.family_names) or record.family_initial[:1]),
        "birth_name": kept(record.birth_name),
        "generation": kept(record.generation),
        "organisation": kept(record.organisation),
        "legal_form": kept(record.legal_form),
        "former_family": told([(name, FORMER) for name in former.family_names]),
        "emails": told(emails),
        "mobiles": told([(phone.value, flags) for phone, flags in phones if phone.mobile]),
        "landlines": told([(phone.value, flags) for phone, flags in phones if not phone.mobile]),
        "identifiers": told(numbers),
        "addresses": [
            (flags, *map(kept, (a.street, a.house_number, a.postal_code, a.city, a.region)))
            for a, flags in homes
            if a.form not in {"packstation", "po_box"}
        ][:MAX_VALUES],
        "attributes": {
            name: kept(value) for name, value in {blanked(n): v for n, v in record.attributes}.items() if value
        },
    }


def plainly(columns: Any) -> Any:
    """Columns as nothing but lists, the codes of their values included."""
    if isinstance(columns, dict):
        return {name: plainly(column) for name, column in columns.items()}
    if is_dataclass(columns):
        return {field.name: plainly(getattr(columns, field.name)) for field in fields(columns)}
    return columns.tolist()


@settings(deadline=None)
@given(st.lists(RECORDS, min_size=1, max_size=6))
def test_a_few_cards_are_read_as_many_are(records: list[NormalisedRecord]) -> None:
    cards = [card_of(record) for record in records]
    assert plainly(read_few(cards)) == plainly(read_many(cards))


@settings(deadline=None)
@given(st.lists(RECORDS, max_size=6))
def test_a_card_says_what_its_record_says(records: list[NormalisedRecord]) -> None:
    cards = [card_of(record) for record in records]
    table = table_of_cards(range(len(cards)), [""] * len(cards), cards)
    assert [row_of(table, row) for row in range(len(table))] == [expected(record) for record in records]


@settings(deadline=None)
@given(RECORDS)
def test_a_card_is_one_line_with_all_its_cells(record: NormalisedRecord) -> None:
    card = card_of(record)
    assert not set("\0\n\r") & set(card)
    assert card.count("\t") == len(CELLS) - 1


def test_what_is_read_in_several_pieces_is_the_same() -> None:
    cards = [card_of(record) for record in population(300, seed=3).records]
    assert plainly(read_many(cards, block=10_000)) == plainly(read_many(cards)) == plainly(read_few(cards))


@pytest.mark.parametrize("count", [0, 1, FEW_CARDS, FEW_CARDS + 1])
def test_cards_in_any_order_make_one_table(count: int) -> None:
    cards = [card_of(record) for record in population(300, seed=4).records[:count]]
    ids, sources = [7 * n - 100 for n in range(count)], [f"source{n % 3}" for n in range(count)]
    order = np.random.default_rng(1).permutation(count).tolist()
    table = table_of_cards(ids, sources, cards)
    mixed = table_of_cards(*([column[n] for n in order] for column in (ids, sources, cards)))
    assert mixed.record_ids.tolist() == table.record_ids.tolist() == ids
    assert mixed.source_names == table.source_names == tuple(sorted(set(sources)))
    assert [table.source_names[code] for code in table.source] == sources
    assert [row_of(mixed, n) for n in range(count)] == [row_of(table, n) for n in range(count)]


def test_a_record_id_is_given_once() -> None:
    with pytest.raises(InvalidInputError):
        table_of_cards([1, 2, 1], [""] * 3, [card_of(NormalisedRecord())] * 3)


def test_values_are_told_with_their_flags() -> None:
    card = card_of(NormalisedRecord(emails=(Email("anna@web.de"), Email("info@web.de", shared=True))))
    assert values_at(table_of_cards([1], [""], [card]).emails, 0) == [("anna@web.de", 0), ("info@web.de", DOUBTFUL)]
