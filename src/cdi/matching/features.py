"""What comparisons and block keys need of each distinct value (its words, its sound, its hash), made once a table.

A feature depends on the value alone, never on the table around it, so that equal records have equal features
in a file of a million and in a lookup of one.
"""

import re
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Final

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from cdi.matching.columns import (
    FORMER,
    SEPARATOR,
    Codes,
    Column,
    Flags,
    Ragged,
    RecordTable,
    Texts,
    encode,
)
from cdi.matching.pairs import BoolArray, IntArray
from cdi.matching.similarity import MANY, Hashes, combine, compiled_pays, hash_texts, numbered, sound_hashes
from cdi.matching.texts import (
    Objects,
    Values,
    bytes_of,
    from_bytes,
    initials_of,
    lengths_of,
    may_have_blanks,
    to_arrow,
    with_others,
)
from cdi.normalise.nicknames import nickname_group

WORDS = 3
"""So many words of a name are looked at one by one."""
ORGANISATION_WORDS = 8
"""So many words of an organisation's name are looked at one by one."""
NICKNAME_GROUPS = 8
"""A given name counts in at most so many groups of short forms; hardly one is in more."""
BLOCKED_GROUPS = 4
"""By so many of them records are brought together."""


@dataclass(frozen=True, eq=False)
class Words:
    """The words of each distinct value: `codes[value, k]` into `vocabulary`, 0 where there is none."""

    codes: NDArray[np.int32]
    vocabulary: Objects
    initials: NDArray[np.uint8]
    lengths: IntArray

    @cached_property
    def hashes(self) -> Hashes:
        """By vocabulary: a hash of the word."""
        return hash_texts(self.vocabulary)

    @cached_property
    def sounds(self) -> Hashes:
        """By vocabulary: a hash of how the word sounds."""
        return sound_hashes(self.vocabulary)

    def is_initial(self) -> BoolArray:
        """By vocabulary: is it one letter?"""
        one_letter: BoolArray = self.lengths == 1
        return one_letter


def words_of(values: Objects, at_most: int = WORDS) -> Words:
    """Each value split at blanks, its first words encoded, hashed and sounded out."""
    several = np.flatnonzero(may_have_blanks(values)) if isinstance(values, Values) else np.arange(len(values))
    split: list[str] = []
    ends = [0]
    for value in values[several]:  # no list of words is kept: many thousands would set off the collector of garbage
        split += value.split()[:at_most]
        ends.append(len(split))
    counts: IntArray = np.diff(np.array(ends)).astype(np.int64)
    rows = np.repeat(several, counts)
    place = np.arange(len(rows)) - np.repeat(np.cumsum(counts) - counts, counts)
    if isinstance(values, Values):
        column = encode(pa.concat_arrays([with_others(values, several, [""] * len(several)).array, to_arrow(split)]))
        whole = column.codes[: len(values)]
        words = column.codes[len(values) :]
    else:
        column = encode(split)
        whole, words = np.zeros(len(values), np.int32), column.codes
    codes = np.zeros((len(values), at_most), np.int32)
    codes[:, 0] = whole
    codes[rows, place] = words
    vocabulary = column.values
    return Words(codes, vocabulary, initials_of(vocabulary), lengths_of(vocabulary))


def nickname_groups(vocabulary: Objects) -> NDArray[np.int32]:
    """The first groups of short forms that each word belongs to, 0 where there is none; one row a word."""
    groups = np.zeros((len(vocabulary), NICKNAME_GROUPS), np.int32)
    for row, word in enumerate(vocabulary):
        if found := nickname_group(word):
            some = sorted(found)[:NICKNAME_GROUPS]
            groups[row, : len(some)] = some
    return groups


def given_groups(table: RecordTable) -> NDArray[np.int32]:
    """The groups of short forms of each word of the given names."""
    return table.remembered("nicknames", lambda: nickname_groups(given_words(table).vocabulary))


def given_words(table: RecordTable) -> Words:
    """Words of the given names, by distinct value of the column."""
    return table.remembered("given words", lambda: words_of(table.given.values))


def first_letters(table: RecordTable) -> NDArray[np.uint8]:
    """By record: how its given name begins, or where it has none its first initial; 0 where neither is there."""

    def make() -> NDArray[np.uint8]:
        given, initials = given_words(table), table.initials
        first = given.initials[given.codes[:, 0]][table.given.codes]
        letters = initials_of(initials.values)
        return np.where(first == 0, letters[initials.codes], first)

    return table.remembered("first letters", make)


def second_letters(table: RecordTable) -> NDArray[np.uint8]:
    """By record: how its second given name begins, or where it has none but a first one its last initial; else 0."""

    def make() -> NDArray[np.uint8]:
        given, initials = given_words(table), table.initials
        second = given.codes[:, 1][table.given.codes]
        letters = np.fromiter((ord(v[-1]) & 0xFF if v else 0 for v in initials.values), np.uint8)
        initial = np.where(table.given.codes != 0, letters[initials.codes], np.uint8(0))
        return np.where(second != 0, given.initials[second], initial)

    return table.remembered("second letters", make)


def double_names(table: RecordTable) -> Objects:
    """The first two given names of each distinct value, joined; "" where there are not two."""

    def make() -> Objects:
        words = given_words(table)
        texts = np.full(len(words.codes), "", dtype=object)
        two = np.flatnonzero(words.codes[:, 1])
        one, other = words.vocabulary[words.codes[two, 0]], words.vocabulary[words.codes[two, 1]]
        texts[two] = one + " " + other
        return texts

    return table.remembered("double names", make)


def family_words(table: RecordTable) -> Words:
    """Words of the surnames, by distinct value of the column."""
    return table.remembered("family words", lambda: words_of(table.family.values))


def organisation_words(table: RecordTable) -> Words:
    """Words of the organisations' core names, by distinct value of the column."""
    return table.remembered("organisation words", lambda: words_of(table.organisation.values, ORGANISATION_WORDS))


def lengths(table: RecordTable, name: str, values: Objects) -> IntArray:
    """How many letters each distinct value of a column has."""
    return table.remembered(f"lengths {name}", lambda: lengths_of(values))


def starts(table: RecordTable, name: str, values: Objects, length: int) -> NDArray[np.int32]:
    """A code for the first letters of each distinct value; 0 for a shorter one."""

    def make() -> NDArray[np.int32]:
        return encode([value[:length] if len(value) >= length else "" for value in values]).codes

    return table.remembered(f"starts {name}", make)


def value_hashes(table: RecordTable, name: str, values: Objects) -> Hashes:
    """A hash for each distinct value of a column."""
    return table.remembered(f"hashes {name}", lambda: hash_texts(values))


def compact(table: RecordTable, name: str, values: Objects) -> Objects:
    """Each distinct value without blanks: "hans peter" and "hanspeter" are one name."""

    def make() -> Objects:
        if isinstance(values, Values):
            several = np.flatnonzero(may_have_blanks(values))
            return with_others(values, several, [value.replace(" ", "") for value in values[several]])
        texts = np.empty(len(values), dtype=object)
        texts[:] = [value.replace(" ", "") for value in values]
        return texts

    return table.remembered(f"compact {name}", make)


def compact_codes(table: RecordTable, name: str, values: Objects) -> Codes:
    """By distinct value a code that those have in common which are equal without blanks."""
    return table.remembered(f"compact codes {name}", lambda: encode(compact(table, name, values)).codes)


@dataclass(frozen=True, slots=True, eq=False)
class Online:
    """E-mail addresses and handles of all records: the whole value and its local part. A handle's whole value is
    `network@handle`, and `@handle` where nobody said in which network."""

    starts: IntArray
    flags: Flags
    value: Column
    local: Column
    is_email: NDArray[np.bool_]
    domain: Column
    rows: IntArray

    @property
    def is_empty(self) -> bool:
        return len(self.flags) == 0


def online(table: RecordTable) -> Online:
    """E-mail addresses and social handles in one: people use one name of their own in many places."""
    return table.remembered("online", lambda: _online(table))


def _online(table: RecordTable) -> Online:
    emails, identifiers = table.emails, table.identifiers
    is_handle = np.fromiter(
        (value.startswith("social_handle" + SEPARATOR) for value in identifiers.values), bool, len(identifiers.values)
    )
    chosen = is_handle[identifiers.codes]
    if not chosen.any():
        return _only_emails(emails)
    handles = [
        value.rpartition(SEPARATOR)[2].lower().lstrip("@") if is_handle[i] else ""
        for i, value in enumerate(identifiers.values)
    ]
    handle_texts = np.empty(len(handles), dtype=object)
    handle_texts[:] = handles
    local_texts = np.empty(len(emails.values), dtype=object)
    local_texts[:] = [value.partition("@")[0] for value in emails.values]
    email_rows, handle_rows = emails.rows(), identifiers.rows()[chosen]
    rows = np.concatenate((email_rows, handle_rows))
    order = np.argsort(rows, kind="stable")
    handle_codes = identifiers.codes[chosen]
    domain_texts = np.empty(len(emails.values), dtype=object)
    domain_texts[:] = [value.rpartition("@")[2] for value in emails.values]
    nowhere = np.full(len(handles), "", dtype=object)
    at_handles = np.empty(len(handles), dtype=object)
    at_handles[:] = [
        f"{value.split(SEPARATOR)[1]}@{handle}" if handle else ""
        for handle, value in zip(handles, identifiers.values, strict=True)
    ]
    value = _joined(emails.values, emails.codes, at_handles, handle_codes, order)
    local = _joined(local_texts, emails.codes, handle_texts, handle_codes, order)
    domain = _joined(domain_texts, emails.codes, nowhere, handle_codes, order)
    is_email = np.concatenate((np.ones(len(email_rows), bool), np.zeros(len(handle_rows), bool)))[order]
    flags = np.concatenate((emails.flags, identifiers.flags[chosen]))[order]
    starts = np.searchsorted(rows[order], np.arange(len(table) + 1)).astype(np.int64)
    return Online(starts, flags, value, local, is_email, domain, rows[order])


def _only_emails(emails: Ragged) -> Online:
    """What `_online` makes of a table without handles."""
    local, domain = _both_encoded(*_cut_at_the_sign(emails.values))
    return Online(
        emails.starts,
        emails.flags,
        Column(emails.codes, emails.values),
        Column(local.codes[emails.codes], local.values),
        np.ones(len(emails.codes), bool),
        Column(domain.codes[emails.codes], domain.values),
        emails.rows(),
    )


def _both_encoded(one: Texts, other: Texts) -> tuple[Column, Column]:
    """Two columns encoded, at once where that takes longer than to begin threads."""
    if len(one) <= MANY:
        return encode(one), encode(other)
    with ThreadPoolExecutor(2) as pool:
        encoded, further = pool.submit(encode, one), pool.submit(encode, other)
    return encoded.result(), further.result()


def _cut_at_the_sign(emails: Objects) -> tuple[Texts, Texts]:
    """What stands before the first @ of each, and behind its last."""
    if not compiled_pays(len(emails)):
        return [value.partition("@")[0] for value in emails], [value.rpartition("@")[2] for value in emails]
    from cdi.matching import kernels  # noqa: PLC0415  # loads numba, so only where it pays

    before, behind = kernels.cut_at_the_sign(*bytes_of(emails))
    return from_bytes(*before), from_bytes(*behind)


def unplaced_handles(table: RecordTable) -> BoolArray:
    """Which whole values are handles in an unknown network: two people may have one in two networks."""

    def make() -> BoolArray:
        letters, starts = bytes_of(online(table).value.values)
        begins = starts[:-1]
        found = begins < starts[1:]
        found[found] = letters[begins[found]] == ord("@")
        return found

    return table.remembered("unplaced handles", make)


def residues(table: RecordTable) -> Column:
    """What each local part says beyond the names of its own record, by position in `online`."""

    def make() -> Column:
        names, given, family = online(table), table.given, table.family
        values = (names.local.values, given.values, family.values)
        codes = (names.local.codes, given.codes[names.rows], family.codes[names.rows])
        return _many_residues(values, codes) if compiled_pays(len(names.rows)) else encode(_residues(values, codes))

    return table.remembered("residues", make)


OfThree = tuple[Objects, Objects, Objects]
CodesOfThree = tuple[NDArray[Any], NDArray[Any], NDArray[Any]]


def _residues(values: OfThree, codes: CodesOfThree) -> list[str]:
    texts = (column[of_rows] for column, of_rows in zip(values, codes, strict=True))
    return [residue(*three) for three in zip(*texts, strict=True)]


def _many_residues(values: OfThree, codes: CodesOfThree) -> Column:
    from cdi.matching import kernels  # noqa: PLC0415  # loads numba, so only where it pays

    local, given, family = (bytes_of(column) for column in values)
    lengths = np.diff(local[1])

    def work(rows: slice) -> tuple[Any, BoolArray]:
        x, y, z = (of[rows] for of in codes)
        letters, ends = np.empty(int(lengths[x].sum()), np.uint8), np.zeros(len(x) + 1, np.int64)
        left_over = kernels.residues(*local, *given, *family, x, y, z, letters, ends[1:])
        return from_bytes(letters, ends), left_over

    half = len(codes[0]) // 2
    with ThreadPoolExecutor(2) as pool:
        texts, left_over = zip(*pool.map(work, (slice(half), slice(half, None))), strict=True)
    column = encode(pa.chunked_array(texts))

    def plain(rows: IntArray) -> list[str]:
        left, right, further = (of[rows] for of in codes)
        return _residues(values, (left, right, further))

    return _with_plain(column, np.concatenate(left_over), plain)


def _with_plain(column: Column, left_over: BoolArray, plain: Callable[[IntArray], list[str]]) -> Column:
    """A column of which compiled loops left some rows to their plain definition."""
    rows = np.flatnonzero(left_over)
    if not len(rows):
        return column
    both = encode(pa.concat_arrays([to_arrow(column.values), to_arrow(plain(rows))]))
    codes = both.codes[: len(column.values)][column.codes]
    codes[rows] = both.codes[len(column.values) :]
    return Column(codes, both.values)


def surname_hints(table: RecordTable) -> Column:
    """By record: what its e-mail address (or else a handle) says beyond its own names, if that may be a surname: one
    that is missing, or an earlier one; else "". ("ingrid.steinert@web.de", Ingrid) hints at "steinert"."""
    return table.remembered("surname hints", lambda: _surname_hints(table))


def _surname_hints(table: RecordTable) -> Column:
    names, left = online(table), residues(table)
    words = _first_words(left.values)
    of_place = words.codes[left.codes]
    places = np.flatnonzero(((names.flags & FORMER) == 0) & (of_place != 0))
    places = places[np.lexsort((-places, names.is_email[places]))]  # what is assigned last stays: the first e-mail
    codes = np.zeros(len(table), np.int32)
    codes[names.rows[places]] = of_place[places]
    return Column(codes, words.values)


_WORD: Final = re.compile(r"[^\W\d_]{4,}")
LETTERS_OF_A_WORD: Final = 4
"""Fewer letters in a row are no surname."""


def _first_words(values: Objects) -> Column:
    """The first word of each value; "" where it has none."""
    if not compiled_pays(len(values)):
        return encode(list(map(_first_word, values)))
    from cdi.matching import kernels  # noqa: PLC0415  # loads numba, so only where it pays

    letters, ends, left_over = kernels.first_words(*bytes_of(values), LETTERS_OF_A_WORD)
    column = encode(from_bytes(letters, ends))
    return _with_plain(column, left_over, lambda rows: list(map(_first_word, values[rows])))


def _first_word(value: str) -> str:
    match = _WORD.search(value)
    return match[0] if match else ""


_RUNS: Final = re.compile(r"[^\W\d_]+|\d+")


def residue(local: str, given: str, family: str) -> str:
    """What is left of a local part without a person's names (or how they begin), initials and punctuation.

    ("guenter.schmidt85x", "guenter", "schmidt") is "85x"; ("olafkrau14", "olaf", "kraus") is "14".
    """
    names = given.split() + family.split()
    for name in names:
        place = local.find(name[:3]) if len(name) >= 3 else -1
        if place >= 0:
            end, length = place + 3, 3
            while length < len(name) and local[end : end + 1] == name[length]:
                end, length = end + 1, length + 1
            local = f"{local[:place]} {local[end:]}"
    local = local.strip(" ._-")
    if not local or local.isdigit():
        return local
    initials = {name[0] for name in names}
    left = [part for part in _RUNS.findall(local) if len(part) > len(names) or not initials.issuperset(part)]
    return "".join(left)


def _joined(a_values: Objects, a_codes: Codes, b_values: Objects, b_codes: Codes, order: IntArray) -> Column:
    """One column of two, its distinct values encoded anew."""
    values = encode(np.concatenate((a_values, b_values)).tolist())
    codes = np.concatenate((values.codes[: len(a_values)][a_codes], values.codes[len(a_values) :][b_codes]))
    return Column(codes[order].astype(np.int32), values.values)


@dataclass(frozen=True, slots=True, eq=False)
class BirthParts:
    """Year, month and day by record, 0 where unknown."""

    year: NDArray[np.int32]
    month: NDArray[np.int32]
    day: NDArray[np.int32]


def birth_parts(table: RecordTable) -> BirthParts:
    """The parts of each record's birth date."""
    birth = table.birth
    return table.remembered("birth", lambda: BirthParts(birth // 10000, birth // 100 % 100, birth % 100))


def birth_dates(table: RecordTable) -> Column:
    """Birth dates as texts: the number that `RecordTable.birth` holds."""

    def make() -> Column:
        found, numbers = numbered(table.birth.astype(np.int64))
        texts = np.empty(len(found), dtype=object)
        texts[:] = list(map(str, found.tolist()))
        return Column(numbers.astype(np.int32), texts)

    return table.remembered("birth dates", make)


def year_hints(table: RecordTable) -> NDArray[np.int32]:
    """By record: the birth year that one of its current e-mail addresses or handles hints at, else 0."""
    return table.remembered("year hints", lambda: _year_hints(table))


def _year_hints(table: RecordTable) -> NDArray[np.int32]:
    names = online(table)
    by_value = _years_in(names.local.values)
    hints = np.zeros(len(table), np.int32)
    counts = (names.flags & FORMER) == 0
    hints[names.rows[counts][::-1]] = by_value[names.local.codes[counts]][::-1]
    return hints


def two_digit_hints(table: RecordTable) -> NDArray[np.int32]:
    """By record: the two digits that one of its current e-mail addresses ends with (before the @), plus one; else 0.

    Many people put their year of birth there. Handles are left out: networks number those whose name is taken.
    """
    return table.remembered("two digits", lambda: _two_digit_hints(table))


def _two_digit_hints(table: RecordTable) -> NDArray[np.int32]:
    names = online(table)
    by_place = _two_digits_in(names.local.values)[names.local.codes]
    counts = ((names.flags & FORMER) == 0) & names.is_email & (by_place != 0)
    hints = np.zeros(len(table), np.int32)
    hints[names.rows[counts][::-1]] = by_place[counts][::-1]
    return hints


def tells_of_births(table: RecordTable) -> bool:
    """Does any record say when somebody was born, or hint at it?"""
    return bool((table.birth != 0).any() or year_hints(table).any() or two_digit_hints(table).any())


_TWO_DIGITS: Final = re.compile(r"(?:^|[^0-9])([0-9]{2})[^0-9]*$")


def _two_digits_in(locals_: Objects) -> NDArray[np.int32]:
    if not compiled_pays(len(locals_)):
        return np.fromiter(map(_two_digits, locals_), np.int32, len(locals_))
    from cdi.matching import kernels  # noqa: PLC0415  # loads numba, so only where it pays

    return kernels.two_digits(*bytes_of(locals_))


def _two_digits(local: str) -> int:
    """The last number in a local part, plus one, if it has two digits; else 0."""
    match = _TWO_DIGITS.search(local)
    return int(match[1]) + 1 if match else 0


def _years_in(locals_: Objects) -> NDArray[np.int32]:
    if not compiled_pays(len(locals_)):
        return np.fromiter(map(_year_in, locals_), np.int32, len(locals_))
    from cdi.matching import kernels  # noqa: PLC0415  # loads numba, so only where it pays

    found = kernels.years(*bytes_of(locals_))
    left_over = np.flatnonzero(found < 0)
    found[left_over] = list(map(_year_in, locals_[left_over]))
    return found


_FOUR_DIGITS: Final = re.compile("[0-9]{4}")


def _year_in(local: str) -> int:
    """The year of 1920 to 2019 that stands in a local part as four digits of their own."""
    if not _FOUR_DIGITS.search(local):
        return 0
    digits = ""
    for letter in local + " ":
        if letter.isdigit():
            digits += letter
            continue
        if len(digits) == 4 and digits.isascii() and 1920 <= int(digits) <= 2019:
            return int(digits)
        digits = ""
    return 0


def whole_births(table: RecordTable) -> BoolArray:
    """By record: are year, month and day of its birth all known?"""
    return table.remembered("whole births", lambda: are_whole(table.birth))


def are_whole(birth: NDArray[np.int32]) -> BoolArray:
    """Of which birth dates are year, month and day all known?"""
    day_of_year = birth % 10000
    return (birth > day_of_year) & (day_of_year >= 100) & (day_of_year % 100 > 0)


def birth_hashes(table: RecordTable) -> Hashes:
    """A hash of each record's whole birth date, 0 where a part is missing."""

    return table.remembered(
        "birth hashes", lambda: combine(np.where(whole_births(table), table.birth, 0).astype(np.uint64))
    )


def ragged_hashes(table: RecordTable, name: str, column: Ragged) -> Hashes:
    """A hash for each value of a ragged column, by position."""
    return value_hashes(table, name, column.values)[column.codes]


def make_ready(table: RecordTable) -> None:
    """Makes what comparisons of persons need of the table, so that it is there when they ask."""
    for make in (given_groups, surname_hints, year_hints, two_digit_hints, first_letters, second_letters, birth_dates):
        make(table)
    for name, column in (("given", table.given), ("family", table.family)):
        compact_codes(table, name, column.values)
