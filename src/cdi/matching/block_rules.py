"""The rules of blocking: what records must share to be worth comparing, as hashes, 0 where something is missing."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from cdi.matching import features
from cdi.matching.columns import DOUBTFUL, Column, RecordTable
from cdi.matching.comparing.names import surname_hashes
from cdi.matching.model import MatchModel
from cdi.matching.pairs import BoolArray, IntArray
from cdi.matching.similarity import Hashes, combine, hash_texts
from cdi.matching.texts import Objects, lengths_of

Rows = NDArray[np.int64]


@dataclass(frozen=True, slots=True, eq=False)
class Parts:
    """The simple parts of block keys, one hash a record."""

    initial: Hashes
    given: Hashes
    family: Hashes
    start: Hashes
    birth: Hashes
    year: Hashes
    month_day: Hashes
    postal_code: Hashes
    city: Hashes
    street: Hashes
    house: Hashes
    organisation: Hashes


def parts_of(table: RecordTable) -> Parts:
    """The parts of block keys of each record."""
    return table.remembered("block parts", lambda: _parts(table))


def _parts(table: RecordTable) -> Parts:
    given, family = features.given_words(table), features.family_words(table)
    initials = features.value_hashes(table, "initials", _first_letters(table.initials))[table.initials.codes]
    letters = hash_texts([word[:1] for word in given.vocabulary])[given.codes[:, 0]][table.given.codes]
    organisation = features.organisation_words(table)
    birth = features.birth_parts(table)
    whole = features.birth_hashes(table)
    homes = table.addresses
    first = _first_home(table)

    def of_home(name: str, column: Column) -> Hashes:
        hashes = features.value_hashes(table, name, column.values)[column.codes]
        return np.where(first >= 0, hashes[np.maximum(first, 0)] if len(hashes) else np.uint64(0), np.uint64(0))

    street = of_home("street", homes.street)
    return Parts(
        initial=np.where(letters != 0, letters, initials),
        given=given.sounds[given.codes[:, 0]][table.given.codes],
        family=family.sounds[family.codes[:, 0]][table.family.codes],
        start=hash_texts([word[:2] for word in family.vocabulary])[family.codes[:, 0]][table.family.codes],
        birth=whole,
        year=birth.year.astype(np.uint64),
        month_day=np.where(whole != 0, birth.month * 100 + birth.day, 0).astype(np.uint64),
        postal_code=of_home("postal code", homes.postal_code),
        city=of_home("city", homes.city),
        street=street,
        house=combine(street, of_home("number", homes.number)),
        organisation=organisation.hashes[organisation.codes[:, 0]][table.organisation.codes],
    )


def _first_letters(column: Column) -> NDArray[np.object_]:
    letters = np.empty(len(column.values), dtype=object)
    letters[:] = [value[:1] for value in column.values]
    return letters


def _first_home(table: RecordTable) -> IntArray:
    """Position of each record's first address, -1 where it has none."""
    starts = table.addresses.starts
    return np.where(starts[1:] > starts[:-1], starts[:-1], -1)


Entries = tuple[Rows, Hashes]


@dataclass(frozen=True, slots=True)
class Rule:
    """Records that share this are worth comparing; where too many do, they must share one of `divisors` too.

    A `chained` rule joins records that are alike in everything: each meets the next one, which is enough, and
    nothing is refused however many they are.
    """

    name: str
    entries: Callable[[RecordTable, MatchModel], Entries]
    divisors: tuple[str, ...] = ()
    chained: bool = False


def _all_rows(hashes: Hashes) -> Entries:
    rows = np.flatnonzero(hashes)
    return rows, hashes[rows]


def _compound(*names: str) -> Callable[[RecordTable, MatchModel], Entries]:
    def entries(table: RecordTable, _: MatchModel) -> Entries:
        parts = parts_of(table)
        return _all_rows(combine(*(getattr(parts, name) for name in names)))

    return entries


def _with_surnames(*names: str) -> Callable[[RecordTable, MatchModel], Entries]:
    """The compound with the sound of each surname of a record: double names, birth name, former ones."""

    def entries(table: RecordTable, _: MatchModel) -> Entries:
        rows, surnames = surnames_of(table)
        parts = parts_of(table)
        hashes = combine(*(getattr(parts, name)[rows] for name in names), surnames)
        return rows[hashes != 0], hashes[hashes != 0]

    return entries


def surnames_of(table: RecordTable) -> Entries:
    """The sounds of all surnames of each record; 0 where one has none."""
    column = surname_hashes(table)

    def make() -> Entries:
        words, hints = features.words_of(column.values), features.surname_hints(table)
        hinted = np.flatnonzero(hints.codes)
        hint_words = features.words_of(hints.values)
        rows = np.concatenate((column.rows(), hinted))
        hint_sounds = hint_words.sounds[hint_words.codes[:, 0]][hints.codes[hinted]]
        return rows, np.concatenate((words.sounds[words.codes[:, 0]][column.codes], hint_sounds))

    return table.remembered("surname entries", make)


def _emails(table: RecordTable, model: MatchModel) -> Entries:
    names = features.online(table)
    hashes = features.value_hashes(table, "online", names.value.values)[names.value.codes]
    kept = ((names.flags & DOUBTFUL) == 0) & ~model.is_shared(hashes)
    return names.rows[kept], hashes[kept]


def _local_parts(table: RecordTable, model: MatchModel) -> Entries:
    names = features.online(table)
    whole = features.value_hashes(table, "online", names.value.values)[names.value.codes]
    hashes = features.value_hashes(table, "local", names.local.values)[names.local.codes]
    long = (lengths_of(names.local.values) >= LONG)[names.local.codes]
    kept = ((names.flags & DOUBTFUL) == 0) & ~model.is_shared(whole) & long & (hashes != 0)
    return names.rows[kept], hashes[kept]


LONG: Final = 5
"""A local part of so many letters is a block."""


def _phones(table: RecordTable, model: MatchModel) -> Entries:
    """The last digits of each phone number: they survive a wrong or missing prefix."""
    rows, hashes = [], []
    for name, column in (("mobiles", table.mobiles), ("landlines", table.landlines)):
        shared = model.is_shared(features.value_hashes(table, name, column.values))
        kept = ((column.flags & DOUBTFUL) == 0) & ~shared[column.codes]
        tails = features.value_hashes(table, f"end of {name}", _tails(column.values))
        rows.append(column.rows()[kept])
        hashes.append(tails[column.codes[kept]])
    return np.concatenate(rows), np.concatenate(hashes)


def _tails(values: Objects) -> NDArray[np.object_]:
    tails = np.empty(len(values), dtype=object)
    tails[:] = [value[-TAIL:] for value in values]
    return tails


TAIL: Final = 7
"""So many last digits of a phone number make a block."""


def _identifiers(table: RecordTable, _: MatchModel) -> Entries:
    column = table.identifiers
    return column.rows(), features.ragged_hashes(table, "identifiers", column)


def _with_names(*compound: str) -> Callable[[RecordTable, MatchModel], Entries]:
    """The compound with the sound of each name of a record, given names and surnames alike: names change places."""

    def entries(table: RecordTable, _: MatchModel) -> Entries:
        names = names_of(table)
        parts = parts_of(table)
        hashes = combine(*(getattr(parts, name)[names.rows] for name in compound), names.sounds)
        return names.rows[hashes != 0], hashes[hashes != 0]

    return entries


@dataclass(frozen=True, slots=True, eq=False)
class Names:
    """The sounds of a record's first given names and of all its surnames, each once, sorted by row and sound; and which
    of them each of `surnames_of` and the first given name of each row is, -1 for none."""

    rows: Rows
    sounds: Hashes
    of_surnames: IntArray
    of_given: IntArray


def names_of(table: RecordTable) -> Names:
    """The names of all records."""
    return table.remembered("name entries", lambda: _names(table))


def _names(table: RecordTable) -> Names:
    rows, surnames = surnames_of(table)
    given = features.given_words(table)
    sounds = given.sounds[given.codes[:, :2]][table.given.codes]
    all_rows = np.concatenate((rows, np.repeat(np.arange(len(table)), 2)))
    all_sounds = np.concatenate((surnames, sounds.ravel()))
    order = np.lexsort((all_sounds, all_rows))
    all_rows, all_sounds = all_rows[order], all_sounds[order]
    there = all_sounds != 0
    kept = there.copy()
    kept[1:] &= (all_rows[1:] != all_rows[:-1]) | (all_sounds[1:] != all_sounds[:-1])
    place = np.empty(len(order), np.int64)
    place[order] = np.where(there, np.cumsum(kept) - 1, -1)
    return Names(all_rows[kept], all_sounds[kept], place[: len(rows)], place[len(rows) :: 2])


@dataclass(frozen=True, slots=True, eq=False)
class FullNames:
    """Given name and surname by sound, whichever stands where; and the surname with the short form's full name: the
    hash of each, which of `surnames_of` it is made with, and whether it is of the second kind."""

    hashes: Hashes
    surnames: IntArray
    formal: BoolArray


def full_names_of(table: RecordTable) -> FullNames:
    """The full names of all records."""
    return table.remembered("full names", lambda: _full_names(table))


def _full_names(table: RecordTable) -> FullNames:
    rows, surnames = surnames_of(table)
    given = parts_of(table).given[rows]
    sounds = combine(np.minimum(given, surnames), np.maximum(given, surnames))
    words = features.given_words(table)
    by_word = features.given_groups(table)[:, : features.BLOCKED_GROUPS]
    groups = by_word[words.codes[:, 0]][table.given.codes[rows]].astype(np.uint64)
    formal = [combine(groups[:, k], surnames) for k in range(groups.shape[1])]
    hashes = np.concatenate((sounds, *formal))
    places = np.tile(np.arange(len(rows)), 1 + groups.shape[1])
    there = hashes != 0
    return FullNames(hashes[there], places[there], np.flatnonzero(there) >= len(rows))


def _full_name(table: RecordTable, _: MatchModel) -> Entries:
    names = full_names_of(table)
    return surnames_of(table)[0][names.surnames], names.hashes


def _custom_with_names(table: RecordTable, model: MatchModel) -> Entries:
    """A custom attribute together with a name of the person or the organisation."""
    names = names_of(table)
    organisation_rows, words = _organisation_words(table, model)
    rows, sounds = np.concatenate((names.rows, organisation_rows)), np.concatenate((names.sounds, words))
    found_rows, found = [np.zeros(0, np.int64)], [np.zeros(0, np.uint64)]
    for name, _ in model.custom:
        if name in table.attributes:
            column = table.attributes[name]
            values = features.value_hashes(table, f"attribute {name}", column.values)[column.codes]
            hashes = combine(sounds, values[rows], hash_texts([name] * len(rows)))
            found_rows.append(rows[hashes != 0])
            found.append(hashes[hashes != 0])
    return np.concatenate(found_rows), np.concatenate(found)


def _organisations(table: RecordTable, _: MatchModel) -> Entries:
    texts = features.compact(table, "organisation", table.organisation.values)
    return _all_rows(features.value_hashes(table, "compact organisation", texts)[table.organisation.codes])


def _organisation_words(table: RecordTable, _: MatchModel) -> Entries:
    words = features.organisation_words(table)
    hashes = words.hashes[words.codes[table.organisation.codes]]
    rows = np.repeat(np.arange(len(table)), hashes.shape[1])
    flat = hashes.ravel()
    return rows[flat != 0], flat[flat != 0]


def _everything(table: RecordTable, model: MatchModel) -> Entries:
    """All that a record says at once, of records that say something in at least two fields."""
    parts = parts_of(table)
    names = (table.given, table.family, table.organisation, table.initials, table.birth_name)
    columns = [features.value_hashes(table, f"whole {k}", c.values)[c.codes] for k, c in enumerate(names)]
    columns += [table.birth.astype(np.uint64), parts.house, parts.postal_code, parts.city, parts.street]
    ragged = {"emails": table.emails, "mobiles": table.mobiles, "landlines": table.landlines}
    for name, column in {**ragged, "identifiers": table.identifiers}.items():
        total = np.zeros(len(table), np.uint64)
        if not column.is_empty:
            np.add.at(total, column.rows(), features.ragged_hashes(table, name, column))
        columns.append(total)
    for name, _ in model.custom:
        if name in table.attributes:
            attribute = table.attributes[name]
            columns.append(features.value_hashes(table, f"attribute {name}", attribute.values)[attribute.codes])
        else:
            columns.append(np.zeros(len(table), np.uint64))
    stacked = np.array(columns)
    rows = np.flatnonzero((stacked != 0).sum(axis=0) >= 2)
    stacked[stacked == 0] = 1
    return rows, combine(*stacked)[rows]


RULES: Final = (
    Rule("alike in everything", _everything, chained=True),
    Rule("e-mail", _emails, ("given", "family", "year", "postal_code")),
    Rule("part before the @", _local_parts, ("family", "given", "postal_code", "year")),
    Rule("end of phone", _phones, ("given", "family", "year", "house")),
    Rule("identifier", _identifiers, ("given", "family", "year", "organisation")),
    Rule("birth date", _compound("birth"), ("initial", "family", "postal_code", "city")),
    Rule("street and number", _compound("house"), ("postal_code", "city", "initial", "family")),
    Rule("postal code, name", _with_names("postal_code"), ("initial", "street", "year", "month_day")),
    Rule("city, name", _with_names("city"), ("initial", "street", "year", "month_day")),
    Rule("street, name", _with_names("street"), ("city", "postal_code", "initial", "year")),
    Rule("full name", _full_name, ("year", "city", "postal_code", "month_day", "street")),
    Rule("given name, start of surname", _compound("given", "start"), ("year", "city", "postal_code", "month_day")),
    Rule("surname", _with_surnames(), ("initial", "year", "city", "postal_code", "month_day")),
    Rule("organisation", _organisations, ("postal_code", "city", "house")),
    Rule("word of organisation", _organisation_words, ("postal_code", "house", "city", "street")),
    Rule("custom attribute, name", _custom_with_names, ("initial", "year", "postal_code", "city")),
)
