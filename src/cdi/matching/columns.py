"""Every field is encoded once: small integer codes and a list of distinct values. All that follows is arithmetic
on codes; a string is looked at once for each distinct value or pair of values, never once for each record or pair."""

from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from itertools import chain
from threading import RLock
from typing import TYPE_CHECKING, Any, Final, NamedTuple, TypeAlias, TypeVar

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from cdi.errors import InvalidInputError
from cdi.fields import Kind
from cdi.matching.loading import load_beside
from cdi.matching.pairs import IntArray, places
from cdi.matching.similarity import MANY
from cdi.matching.texts import Objects, Values, bytes_of, to_arrow, to_codes

if TYPE_CHECKING:  # to load what normalises takes a third of the time that a matching process needs to begin
    from cdi.normalise.record import Address, Email, NormalisedRecord, Phone

Codes = NDArray[np.int32]
Flags = NDArray[np.uint8]
Texts: TypeAlias = Sequence[str] | Any
"""A column of texts: a sequence, an array of pyarrow (null for a missing one) in one piece or in chunks, a
pyarrow.DictionaryArray, or one encoded already."""
T = TypeVar("T")

FORMER: Final = 1
"""The value stems from an earlier version of the record: it may speak for a pair, never against it."""
DOUBTFUL: Final = 2
"""Nobody proved that the value is this customer's (a guest order), or its source says that several share it."""
VERIFIED: Final = 4
"""The source vouches for the value."""

MAX_VALUES: Final = 16
"""Of a field with many values in one record, this many count; a record with more is no ordinary customer."""
MAX_LENGTH: Final = 200
"""Of a text, this many characters count."""
SEPARATOR: Final = "\x1f"
"""Between type, issuer and value of an identifier, and between name and value of an attribute."""

GENDERS: Final = {"": 0, "f": 1, "m": 2, "x": 3}
KINDS: Final = {Kind.PERSON: 0, Kind.ORGANISATION: 1}


@dataclass(frozen=True, slots=True, eq=False)
class Column:
    """One value a record: `values[codes[row]]`; code 0 is "" and means missing."""

    codes: Codes
    values: Objects

    @property
    def is_empty(self) -> bool:
        return len(self.values) == 1


@dataclass(frozen=True, slots=True, eq=False)
class Ragged:
    """Any number of values a record: those of row r are `codes[starts[r]:starts[r + 1]]`, each with flags."""

    starts: IntArray
    codes: Codes
    flags: Flags
    values: Objects

    @property
    def is_empty(self) -> bool:
        return len(self.codes) == 0

    def rows(self) -> IntArray:
        """The row of each value."""
        return _rows_of(self.starts)


@dataclass(frozen=True, slots=True, eq=False)
class Addresses:
    """Any number of addresses a record, each part a column over all addresses."""

    starts: IntArray
    flags: Flags
    street: Column
    number: Column
    postal_code: Column
    city: Column
    region: Column

    @property
    def is_empty(self) -> bool:
        return len(self.flags) == 0

    def rows(self) -> IntArray:
        """The row of each address."""
        return _rows_of(self.starts)


def _rows_of(starts: IntArray) -> IntArray:
    """By place the row whose values begin and end around it."""
    some = np.flatnonzero(starts[1:] > starts[:-1])
    if len(some) == starts[-1] - starts[0]:  # no row has two
        return some
    return np.repeat(np.arange(len(starts) - 1), np.diff(starts))


@dataclass(frozen=True, slots=True, eq=False)
class RecordTable:
    """Normalised records as columns, sorted by record id, so that no result depends on the order of input.

    `birth` holds year * 10000 + month * 100 + day, 0 for each unknown part. Sources are coded by `source_names`.
    """

    record_ids: IntArray
    source: Codes
    source_names: tuple[str, ...]
    kind: Flags
    gender: Flags
    given: Column
    initials: Column
    family: Column
    birth_name: Column
    generation: Column
    former_family: Ragged
    birth: Codes
    emails: Ragged
    mobiles: Ragged
    landlines: Ragged
    addresses: Addresses
    organisation: Column
    legal_form: Column
    identifiers: Ragged
    attributes: Mapping[str, Column]
    memo: dict[str, Any] = field(default_factory=dict, repr=False)
    making: dict[str, AbstractContextManager[Any]] = field(default_factory=dict, repr=False)

    def __len__(self) -> int:
        return len(self.record_ids)

    def row_of(self, record_ids: IntArray) -> IntArray:
        """The rows of these record ids; raises InvalidInputError when one is not in the table."""
        wanted = np.asarray(record_ids, dtype=np.int64)
        rows = np.minimum(places(self.record_ids, wanted), max(len(self) - 1, 0))
        if len(wanted) and (len(self) == 0 or not np.array_equal(self.record_ids[rows], wanted)):
            raise InvalidInputError("a record id is not in this table")
        return rows

    def remembered(self, name: str, make: Callable[[], T]) -> T:
        """What `make` derives from this table alone, made once, also where several threads ask for it."""
        if name not in self.memo:
            with self.making.setdefault(name, RLock()):
                if name not in self.memo:
                    self.memo[name] = make()
        value: T = self.memo[name]
        return value

    @classmethod
    def from_columns(
        cls,
        record_ids: IntArray,
        *,
        sources: Texts | None = None,
        kinds: NDArray[np.uint8] | None = None,
        gender: Texts | None = None,
        given: Texts | None = None,
        initials: Texts | None = None,
        family: Texts | None = None,
        birth_name: Texts | None = None,
        birth: NDArray[np.int32] | None = None,
        emails: Texts | None = None,
        mobiles: Texts | None = None,
        landlines: Texts | None = None,
        street: Texts | None = None,
        number: Texts | None = None,
        postal_code: Texts | None = None,
        city: Texts | None = None,
        organisation: Texts | None = None,
        attributes: Mapping[str, Texts] | None = None,
    ) -> "RecordTable":
        """A table from columns that are normalised already, one value a record and field, "" where missing.

        Names are tokens joined by a space; a family name of one letter is an initial; `initials` stand for the
        given name where there is none, else for further ones. Raises InvalidInputError for a repeated record id.
        """
        order, n = _order(np.asarray(record_ids, dtype=np.int64)), len(record_ids)

        def column(values: Texts | None) -> Column:
            return _missing(n) if values is None else _take(encode(values), order)

        address = {
            "street": column(street),
            "number": column(number),
            "postal_code": column(postal_code),
            "city": column(city),
        }
        names, source = _sorted_values(column(sources))
        of_gender = column(gender)
        genders = np.fromiter((GENDERS.get(g, 0) for g in of_gender.values), np.uint8, len(of_gender.values))
        return cls(
            record_ids=np.asarray(record_ids, dtype=np.int64)[order],
            source=source,
            source_names=names,
            kind=np.zeros(n, np.uint8) if kinds is None else kinds[order],
            gender=genders[of_gender.codes],
            given=column(given),
            initials=column(initials),
            family=column(family),
            birth_name=column(birth_name),
            generation=_missing(n),
            former_family=_single(_missing(n)),
            birth=np.zeros(n, np.int32) if birth is None else np.asarray(birth, np.int32)[order],
            emails=_single(column(emails)),
            mobiles=_single(column(mobiles)),
            landlines=_single(column(landlines)),
            addresses=_single_addresses(address, n),
            organisation=column(organisation),
            legal_form=_missing(n),
            identifiers=_single(_missing(n)),
            attributes={name: column(values) for name, values in sorted((attributes or {}).items())},
        )


def encode(values: Texts) -> Column:
    """Distinct values and codes; "" is code 0."""
    if isinstance(values, Column):
        return values
    if not isinstance(values, pa.Array | pa.ChunkedArray) and len(values) < FEW:
        return _encode_few(values)
    if isinstance(values, pa.DictionaryArray):
        return _of_dictionary(values)
    if isinstance(values, pa.ChunkedArray) and values.num_chunks == 1 and pa.types.is_dictionary(values.type):
        return _of_dictionary(values.chunk(0))
    if len(values) > MANY:
        load_beside()
    return _encode_many(values if isinstance(values, pa.Array | pa.ChunkedArray) else to_arrow(values))


def _encode_many(array: Any) -> Column:
    encoded = _in_one_piece(array.dictionary_encode())
    codes = to_codes(encoded.indices)
    codes += 1
    dictionary = encoded.dictionary.cast(pa.large_string())
    starts = bytes_of(Values(dictionary))[1]
    for empty in np.flatnonzero(starts[1:] == starts[:-1]).tolist():  # it is code 0, and those behind it move up
        moved = np.arange(len(dictionary) + 1, dtype=np.int32)
        moved[empty + 2 :] -= 1
        moved[empty + 1] = 0
        codes = moved[codes]
        dictionary = pa.concat_arrays([dictionary[:empty], dictionary[empty + 1 :]])
    return Column(codes, _with_missing(dictionary))


def _in_one_piece(encoded: Any) -> Any:
    """What Arrow has encoded as one array, every value of which stands in its dictionary once."""
    if isinstance(encoded, pa.DictionaryArray):
        return encoded
    return encoded.unify_dictionaries().combine_chunks() if encoded.num_chunks else pa.array([], encoded.type)


def _with_missing(dictionary: Any) -> Values:
    """The values of an Arrow array of large strings with "" before them, each cut at `MAX_LENGTH`."""
    texts = pa.concat_arrays([to_arrow([""]), dictionary])
    if np.diff(bytes_of(Values(texts))[1]).max() > MAX_LENGTH:
        texts = to_arrow([text[:MAX_LENGTH] for text in Values(texts)])
    return Values(texts)


def _of_dictionary(array: Any) -> Column:
    """Distinct values and codes of what Arrow has encoded already, whatever its dictionary holds."""
    dictionary = _encode_many(array.dictionary)
    return Column(np.append(dictionary.codes, np.int32(0))[to_codes(array.indices)], dictionary.values)


def _sorted_values(column: Column) -> tuple[tuple[str, ...], Codes]:
    """The values that occur, in order, and the place of each row's one."""
    occur = np.flatnonzero(np.bincount(column.codes, minlength=len(column.values)))
    values, place = np.unique(column.values[occur], return_inverse=True)
    codes = np.zeros(len(column.values), np.int32)
    codes[occur] = place
    return tuple(map(str, values)), codes[column.codes]


FEW: Final = 200
"""Up to so many values, a dictionary is quicker than setting up arrays."""


def _encode_few(values: Sequence[str]) -> Column:
    if not any(values):
        return _missing(len(values))
    known = {"": 0}
    codes = np.array([known.setdefault(value, len(known)) for value in values], np.int32)
    texts = np.empty(len(known), dtype=object)
    texts[:] = list(known) if max(map(len, known)) <= MAX_LENGTH else [text[:MAX_LENGTH] for text in known]
    return Column(codes, texts)


Order: TypeAlias = IntArray | slice
"""The old places of values by their new ones; a slice where each stays where it is, and nothing is copied."""
AS_IT_IS: Final = slice(None)


def _order(record_ids: IntArray) -> Order:
    if (record_ids[1:] > record_ids[:-1]).all():
        return AS_IT_IS
    order = np.argsort(record_ids, kind="stable")
    ordered = record_ids[order]
    if np.any(ordered[1:] == ordered[:-1]):
        raise InvalidInputError("a record id occurs twice", remedy="Each record needs an id of its own")
    return order


def _missing(n: int) -> Column:
    return Column(np.zeros(n, np.int32), np.array([""], dtype=object))


def _take(column: Column, order: Order) -> Column:
    return Column(column.codes[order], column.values)


def _single(column: Column) -> Ragged:
    """A column of one value a record as a ragged one."""
    present = column.codes != 0
    starts = np.concatenate(([0], np.cumsum(present))).astype(np.int64)
    codes = column.codes[np.flatnonzero(present)]  # by a mask it would take many times as long
    return Ragged(starts, codes, np.zeros(len(codes), np.uint8), column.values)


def _single_addresses(parts: dict[str, Column], n: int) -> Addresses:
    present = np.zeros(n, dtype=bool)
    for part in parts.values():
        present |= part.codes != 0
    starts = np.concatenate(([0], np.cumsum(present))).astype(np.int64)
    rows = np.flatnonzero(present)
    kept = {name: Column(part.codes[rows], part.values) for name, part in parts.items()}
    count = int(starts[-1])
    return Addresses(starts, np.zeros(count, np.uint8), region=_missing(count), **kept)


Told: TypeAlias = list[Any]
"""Values of one field, each followed by its flags: [value, flags, value, flags, …]."""


class Card(NamedTuple):
    """A record as the columns hold it, of nothing but plain values: what a store keeps for the engine."""

    kind: int
    gender: int
    birth: int
    texts: Sequence[str]  # those of _TEXTS
    former_family: Told
    emails: Told
    mobiles: Told
    landlines: Told
    identifiers: Told
    homes: list[Any]  # of each address its flags and parts: [flags, street, number, postal code, city, region, …]
    attributes: Mapping[str, str]


def card_of(record: "NormalisedRecord") -> Card:
    """The card of a record."""
    phones = [(phone, 0) for phone in record.phones] + [(phone, FORMER) for phone in record.former.phones]
    addresses = [(a, 0) for a in record.addresses] + [(a, FORMER) for a in record.former.addresses]
    homes = [(a, flag) for a, flag in addresses if a.form not in {"packstation", "po_box"}][:MAX_VALUES]
    return Card(
        kind=KINDS[record.kind],
        gender=GENDERS.get(record.gender, 0),
        birth=record.birth_year * 10000 + record.birth_month * 100 + record.birth_day,
        texts=(
            " ".join(record.given_names),
            record.initials or record.middle_initials,
            " ".join(record.family_names) or record.family_initial[:1],
            record.birth_name,
            record.generation,
            record.organisation,
            record.legal_form,
        ),
        former_family=_told([(name, FORMER) for name in record.former.family_names]),
        emails=_told(_emails(record.emails, 0) + _emails(record.former.emails, FORMER)),
        mobiles=_told([_phone(phone, flag) for phone, flag in phones if phone.mobile]),
        landlines=_told([_phone(phone, flag) for phone, flag in phones if not phone.mobile]),
        identifiers=_told(
            [(SEPARATOR.join((i.type, i.issuer, i.value)), VERIFIED if i.verified else 0) for i in record.identifiers]
        ),
        homes=[part for address, flag in homes for part in (flag, *_address_parts(address))],
        attributes=dict(record.attributes),
    )


def _told(items: list[tuple[str, int]]) -> Told:
    if not items:
        return []
    kept = list({value: flags for value, flags in reversed(items) if value}.items())[::-1][:MAX_VALUES]
    return [part for item in kept for part in item]


class _RaggedBuilder:
    """Values of a field with many values, record by record."""

    def __init__(self) -> None:
        self.counts: list[int] = []
        self.values: list[str] = []
        self.flags: list[int] = []

    def add(self, told: Sequence[Told]) -> None:
        """What some records tell of this field, one after the other."""
        self.counts.extend([len(one) // 2 for one in told])
        flat = list(chain.from_iterable(told))
        self.values.extend(flat[::2])
        self.flags.extend(flat[1::2])

    def extend(self, other: "_RaggedBuilder") -> None:
        self.counts += other.counts
        self.values += other.values
        self.flags += other.flags

    def build(self, order: Order) -> Ragged:
        column = encode(self.values)
        starts, positions = _reorder(np.asarray(self.counts, np.int64), order)
        return Ragged(starts, column.codes[positions], np.asarray(self.flags, np.uint8)[positions], column.values)


def _reorder(counts: IntArray, order: Order) -> tuple[IntArray, Order]:
    """New starts, and the old position of each value, when rows are put into `order`."""
    old_starts = _starts(counts)
    if isinstance(order, slice):
        return old_starts, AS_IT_IS
    new_counts = counts[order]
    starts = _starts(new_counts)
    positions = (
        np.arange(starts[-1]) - np.repeat(starts[:-1], new_counts) + np.repeat(old_starts[:-1][order], new_counts)
    )
    return starts, positions


def _starts(counts: IntArray) -> IntArray:
    starts = np.zeros(len(counts) + 1, np.int64)
    np.cumsum(counts, out=starts[1:])
    return starts


_TEXTS: Final = ("given", "initials", "family", "birth_name", "generation", "organisation", "legal_form")


AT_ONCE: Final = 1_000
"""So many cards wait until they are turned into columns together."""


class TableBuilder:
    """Collects normalised records, in any order, into a RecordTable."""

    def __init__(self) -> None:
        self._waiting: list[tuple[int, str, Card]] = []
        self._ids: list[int] = []
        self._sources: list[str] = []
        self._kinds: list[int] = []
        self._genders: list[int] = []
        self._births: list[int] = []
        self._texts: dict[str, list[str]] = {name: [] for name in _TEXTS}
        self._former_family = _RaggedBuilder()
        self._emails = _RaggedBuilder()
        self._mobiles = _RaggedBuilder()
        self._landlines = _RaggedBuilder()
        self._identifiers = _RaggedBuilder()
        self._address_counts: list[int] = []
        self._address_flags: list[int] = []
        self._address_parts: dict[str, list[str]] = {
            name: [] for name in ("street", "number", "postal_code", "city", "region")
        }
        self._attributes: dict[str, dict[int, str]] = {}

    def add(self, record_id: int, source: str, record: "NormalisedRecord") -> None:
        """Take one record; its id must not have been given before (`build` raises)."""
        self.add_card(record_id, source, card_of(record))

    def add_card(self, record_id: int, source: str, card: Card) -> None:
        """Take one record by its card."""
        self._waiting.append((record_id, source, card))
        if len(self._waiting) >= AT_ONCE:
            self._settle()

    def _settle(self) -> None:
        """Turn the cards that wait into columns, all at once: that takes a tenth of one by one."""
        if not self._waiting:
            return
        before = len(self._ids)
        ids, sources, cards = zip(*self._waiting, strict=True)
        self._waiting = []
        (
            kinds, genders, births, texts, former_family, emails, mobiles, landlines, identifiers, homes, attributes,
        ) = zip(*cards, strict=True)  # fmt: skip
        self._ids.extend(ids)
        self._sources.extend(sources)
        self._kinds.extend(kinds)
        self._genders.extend(genders)
        self._births.extend(births)
        for column, values in zip(self._texts.values(), zip(*texts, strict=True), strict=True):
            column.extend(values)
        self._former_family.add(former_family)
        self._emails.add(emails)
        self._mobiles.add(mobiles)
        self._landlines.add(landlines)
        self._identifiers.add(identifiers)
        self._add_homes(homes)
        for row, named in enumerate(attributes, start=before):
            for name, value in named.items():
                self._attributes.setdefault(name, {})[row] = value

    def _add_homes(self, homes: Sequence[list[Any]]) -> None:
        width = 1 + len(self._address_parts)
        self._address_counts.extend([len(one) // width for one in homes])
        flat = list(chain.from_iterable(homes))
        self._address_flags.extend(flat[::width])
        for place, part in enumerate(self._address_parts.values(), start=1):
            part.extend(flat[place::width])

    def extend(self, other: "TableBuilder") -> None:
        """Take all records of another builder (made in another process, say), in their order."""
        self._settle()
        other._settle()
        before = len(self._ids)
        for name, mine in vars(self).items():
            theirs = getattr(other, name)
            match mine:
                case _RaggedBuilder() | list():
                    mine.extend(theirs)
                case dict() if name == "_attributes":
                    for attribute, values in theirs.items():
                        moved = {before + row: value for row, value in values.items()}
                        mine.setdefault(attribute, {}).update(moved)
                case dict():
                    for part, values in mine.items():
                        values.extend(theirs[part])

    def build(self) -> RecordTable:
        """The table; raises InvalidInputError for a repeated record id."""
        self._settle()
        ids = np.asarray(self._ids, np.int64)
        order = _order(ids)
        n = len(ids)
        names = tuple(sorted(set(self._sources)))
        place = {name: code for code, name in enumerate(names)}
        sources = np.fromiter(map(place.__getitem__, self._sources), np.int32, n)
        starts, positions = _reorder(np.asarray(self._address_counts, np.int64), order)
        parts: dict[str, Any] = {n: _take(encode(values), positions) for n, values in self._address_parts.items()}
        texts: dict[str, Any] = {name: _take(encode(values), order) for name, values in self._texts.items()}
        return RecordTable(
            record_ids=ids[order],
            source=sources[order],
            source_names=names,
            kind=np.asarray(self._kinds, np.uint8)[order],
            gender=np.asarray(self._genders, np.uint8)[order],
            birth=np.asarray(self._births, np.int32)[order],
            former_family=self._former_family.build(order),
            emails=self._emails.build(order),
            mobiles=self._mobiles.build(order),
            landlines=self._landlines.build(order),
            addresses=Addresses(starts, np.asarray(self._address_flags, np.uint8)[positions], **parts),
            identifiers=self._identifiers.build(order),
            attributes={
                name: _take(encode([values.get(row, "") for row in range(n)]), order)
                for name, values in sorted(self._attributes.items())
            },
            **texts,
        )


def _emails(emails: "tuple[Email, ...]", flag: int) -> list[tuple[str, int]]:
    return [(e.value, flag | (DOUBTFUL if e.shared or e.doubtful else 0)) for e in emails]


def _phone(phone: "Phone", flag: int) -> tuple[str, int]:
    return phone.value, flag | (DOUBTFUL if phone.shared or phone.doubtful else 0)


def _address_parts(address: "Address") -> tuple[str, str, str, str, str]:
    return address.street, address.house_number, address.postal_code, address.city, address.region
