"""Keys that need not be kept: whoever shares one shares another too, which is coarser.

Who has the same full name at the same postal code has one of its names there as well. So where the key of (postal code,
name) is taken, that of (full name, postal code) brings nobody else together. In a table of a million records that is a
third of all keys, each of which would be written, looked up and stored. No two cover each other: what covers is divided
by less, or is a name at a place, undivided, which nothing covers.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Final, TypeAlias

import numpy as np

from cdi.matching.block_rules import (
    Rows,
    full_names_of,
    names_of,
    parts_of,
    surnames_of,
)
from cdi.matching.columns import RecordTable
from cdi.matching.dividing import Divided, Group
from cdi.matching.pairs import BoolArray, IntArray

PLACES: Final = {"postal_code": "postal code, name", "city": "city, name", "street": "street, name"}
"""By part of an address, the rule of those who have a name in common there."""
BESIDES: Final = {
    "birth date": ("year", "month_day"),
    "street and number": ("street",),
    "alike in everything": (
        "initial",
        "given",
        "family",
        "year",
        "month_day",
        "postal_code",
        "city",
        "street",
        "house",
    ),
}
"""What those share besides their divisors who share a key of these rules."""


@dataclass(frozen=True, slots=True, eq=False)
class Cover:
    """Whoever shares an entry of a rule, divided by all that it `needs`, shares an entry of this other rule: which one,
    by entry of the first; -1 for none."""

    rule: str
    entries: IntArray
    needs: frozenset[str] = frozenset()


Taken: TypeAlias = dict[tuple[str, str], BoolArray]
"""By rule and divisor ("" for none), of which entries the key is taken."""


def needed(found: Sequence[Divided], table: RecordTable) -> list[Group]:
    """The groups of these rules' keys, all of them, without the keys that others cover."""
    taken, indexes = _taken(found), _Indexes.of(table)
    kept = []
    for divided in found:
        groups = [group for group in divided.kept if len(group.keys)]
        rows = _rows_of_entries(groups, divided.entries)
        told = COVERS.get(divided.rule.name)
        covers = list(told(_Entries(rows, table, indexes))) if told and groups else []
        for group in groups:
            covered = _covered(divided.rule.name, group, covers, taken)
            kept.append(group if covered is None else group.only(~covered))
    return kept


def _taken(found: Sequence[Divided]) -> Taken:
    taken: Taken = {}
    for divided in found:
        for group in divided.kept:
            if len(group.divisors) < 2 and len(group.keys):
                flags = np.zeros(divided.entries, dtype=bool)
                flags[group.entries] = True
                taken[divided.rule.name, "".join(group.divisors)] = flags
    return taken


def _rows_of_entries(groups: Sequence[Group], entries: int) -> Rows:
    """The row of each entry that has a key; of the others it does not matter."""
    rows = np.zeros(entries, np.int64)
    for group in groups:
        rows[group.entries] = group.rows
    return rows


def _covered(rule: str, group: Group, covers: Sequence[Cover], taken: Taken) -> BoolArray | None:
    """Which of its keys are covered; None for none."""
    found = []
    shared = {*group.divisors, *BESIDES.get(rule, ())}
    for cover in covers:
        if cover.needs.issubset(group.divisors):
            entries = cover.entries[group.entries]
            for divisor in ("", *sorted(shared - cover.needs)):
                if (flags := taken.get((cover.rule, divisor))) is not None:
                    found.append(flags[entries] & (entries >= 0))
    if len(group.divisors) == 2 and (flags := taken.get((rule, group.divisors[1]))) is not None:
        found.append(flags[group.entries])
    if not found:
        return None
    covered: BoolArray = np.logical_or.reduce(found)
    return covered


@dataclass(frozen=True, slots=True, eq=False)
class _Indexes:
    """Where things of one order stand in another; -1 where they do not, and at the end a -1, which stands for none."""

    surnames: IntArray
    """By `surnames_of`: the entry of the rule of surnames."""
    names_of_surnames: IntArray
    """By `surnames_of`: which of `names_of` it is."""
    first_surname: IntArray
    """By row: which of `surnames_of` the first word of its family name is."""
    at: dict[str, IntArray]
    """By part of an address, by `names_of`: the entry of the rule of names there."""

    @classmethod
    def of(cls, table: RecordTable) -> "_Indexes":
        """Those of this table."""
        parts, names, (rows, sounds) = parts_of(table), names_of(table), surnames_of(table)
        same = np.flatnonzero((sounds != 0) & (sounds == parts.family[rows]))
        first = np.full(len(table) + 1, -1)
        first[rows[same]] = same
        at = {part: _places(getattr(parts, part)[names.rows] != 0) for part in PLACES}
        return cls(_places(sounds != 0), np.append(names.of_surnames, -1), first, at)


@dataclass(frozen=True, slots=True, eq=False)
class _Entries:
    """The entries of a rule, which are of these rows of the table."""

    rows: Rows
    table: RecordTable
    indexes: _Indexes

    def at_places(self, of_names: IntArray) -> Iterator[Cover]:
        """These of `names_of`, parallel to the entries, at each place."""
        for part, place in self.indexes.at.items():
            yield Cover(PLACES[part], place[of_names], frozenset({part}))


def _of_everything(entries: _Entries) -> Iterator[Cover]:
    parts = parts_of(entries.table)
    for rule, there in (
        ("birth date", parts.birth != 0),
        ("street and number", parts.house != 0),
        ("given name, start of surname", (parts.given != 0) & (parts.start != 0)),
    ):
        yield Cover(rule, _places(there)[entries.rows])


def _of_birth_dates(entries: _Entries) -> Iterator[Cover]:
    surnames = entries.indexes.surnames[entries.indexes.first_surname[entries.rows]]
    yield Cover("surname", surnames, frozenset({"family"}))


def _of_streets_and_numbers(entries: _Entries) -> Iterator[Cover]:
    first = entries.indexes.names_of_surnames[entries.indexes.first_surname[entries.rows]]
    for cover in entries.at_places(first):
        yield replace(cover, needs=(cover.needs | {"family"}) - {"street"})


def _of_full_names(entries: _Entries) -> Iterator[Cover]:
    full, indexes = full_names_of(entries.table), entries.indexes
    yield from entries.at_places(indexes.names_of_surnames[full.surnames])
    yield from entries.at_places(np.where(full.formal, -1, names_of(entries.table).of_given[entries.rows]))
    yield Cover("surname", np.where(full.formal, indexes.surnames[full.surnames], -1))


def _of_given_names(entries: _Entries) -> Iterator[Cover]:
    return entries.at_places(names_of(entries.table).of_given[entries.rows])


def _of_surnames(entries: _Entries) -> Iterator[Cover]:
    indexes = entries.indexes
    return entries.at_places(indexes.names_of_surnames[np.flatnonzero(indexes.surnames >= 0)])


def _of_names_at(part: str) -> Callable[[_Entries], Iterator[Cover]]:
    def covers(entries: _Entries) -> Iterator[Cover]:
        here = np.flatnonzero(entries.indexes.at[part] >= 0)
        return (cover for cover in entries.at_places(here) if part not in cover.needs)

    return covers


COVERS: Final[dict[str, Callable[[_Entries], Iterator[Cover]]]] = {
    "alike in everything": _of_everything,
    "birth date": _of_birth_dates,
    "street and number": _of_streets_and_numbers,
    "full name": _of_full_names,
    "given name, start of surname": _of_given_names,
    "surname": _of_surnames,
    **{rule: _of_names_at(part) for part, rule in PLACES.items()},
}


def _places(there: BoolArray) -> IntArray:
    """The places of those that are there among themselves, -1 for the others and at the end."""
    places = np.full(len(there) + 1, -1)
    here = np.flatnonzero(there)
    places[here] = np.arange(len(here))
    return places
