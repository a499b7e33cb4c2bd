"""Every field is encoded once: small integer codes and a list of distinct values. All that follows is arithmetic
on codes; a string is looked at once for each distinct value or pair of values, never once for each record or pair."""

from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from threading import RLock
from typing import Any, Final, TypeAlias, TypeVar

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from cdi.errors import InvalidInputError
from cdi.fields import Kind
from cdi.matching.loading import load_beside
from cdi.matching.pairs import IntArray, places
from cdi.matching.similarity import MANY
from cdi.matching.texts import Objects, Values, bytes_of, to_arrow, to_codes

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
"""Between type, issuer and value of an identifier."""

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
        order, n = by_record_id(np.asarray(record_ids, dtype=np.int64)), len(record_ids)

        def column(values: Texts | None) -> Column:
            return missing(n) if values is None else _take(encode(values), order)

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
            generation=missing(n),
            former_family=_single(missing(n)),
            birth=np.zeros(n, np.int32) if birth is None else np.asarray(birth, np.int32)[order],
            emails=_single(column(emails)),
            mobiles=_single(column(mobiles)),
            landlines=_single(column(landlines)),
            addresses=_single_addresses(address, n),
            organisation=column(organisation),
            legal_form=missing(n),
            identifiers=_single(missing(n)),
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
        return missing(len(values))
    known = {"": 0}
    codes = np.array([known.setdefault(value, len(known)) for value in values], np.int32)
    texts = np.empty(len(known), dtype=object)
    texts[:] = list(known) if max(map(len, known)) <= MAX_LENGTH else [text[:MAX_LENGTH] for text in known]
    return Column(codes, texts)


Order: TypeAlias = IntArray | slice
"""The old places of values by their new ones; a slice where each stays where it is, and nothing is copied."""
AS_IT_IS: Final = slice(None)


def by_record_id(record_ids: IntArray) -> Order:
    """The order in which these ids ascend; raises InvalidInputError for a repeated one."""
    if (record_ids[1:] > record_ids[:-1]).all():
        return AS_IT_IS
    order = np.argsort(record_ids, kind="stable")
    ordered = record_ids[order]
    if np.any(ordered[1:] == ordered[:-1]):
        raise InvalidInputError("a record id occurs twice", remedy="Each record needs an id of its own")
    return order


def missing(n: int) -> Column:
    """A column of which so many rows say nothing."""
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
    return Addresses(starts, np.zeros(count, np.uint8), region=missing(count), **kept)
