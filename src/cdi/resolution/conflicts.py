"""A conflict is worth a steward's time: owners that disagree, facts that cannot both be true, words of
stewards that clash. What a life changes (a surname, an address, a phone) is none, and neither is a typo."""

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import combinations
from typing import Any, Final

from cdi.fields import ATTRIBUTES
from cdi.resolution.golden import GoldenRecord
from cdi.resolution.ownership import BY_HAND, OwnerAssignment, Ownership
from cdi.resolution.survivorship import Pin, RecordFacts
from cdi.resolution.values import attribute_at, fold, identity


@dataclass(frozen=True, slots=True)
class Conflict:
    """Something contradictory in one profile.

    `kind`: `owner` (ownership rules or hand-overs name several), `birth_date` (two true ones: perhaps two
    persons, to be reviewed), `value` (owners contradict each other on `attribute`), `pin` (two live pins
    clash). `record_ids` are those that contradict, `owners` the owners concerned; `detail` holds names, never
    values. `key` is the same after every rebuild as long as the same contradiction stands.
    """

    kind: str
    attribute: str | None
    record_ids: tuple[int, ...]
    owners: tuple[str, ...]
    key: str
    detail: dict[str, Any] = field(default_factory=dict)


def find_conflicts(
    golden: GoldenRecord,
    records: Sequence[RecordFacts],
    ownership: Ownership,
    pins: Iterable[Pin] = (),
    assignments: Iterable[OwnerAssignment] = (),
    together: Iterable[Collection[int]] = (),
) -> tuple[Conflict, ...]:
    """The conflicts of one profile, at most one of a kind and attribute.

    `together` are the groups that stewards declared to be one customer: within one, different birth dates are
    answered. A pinned value is answered too.
    """
    members = {record.record_id: record for record in records}
    pinned = {path for path, entry in golden.entries() if "pinned" in entry}
    return (
        *_owner_conflict(ownership, tuple(sorted(members)), [a for a in assignments if a.record_id in members]),
        *(() if "birth_date" in pinned else _birth_date_conflict(records, [frozenset(g) for g in together])),
        *(c for name in _TRUTHS if name not in pinned for c in _value_conflict(name, records)),
        *_pin_conflicts([pin for pin in pins if pin.record_id in members], members),
    )


def truly_different_birth_dates(a: str, b: str) -> bool:
    """Two ISO dates that no slip explains: no typo of one digit or two neighbours, no swapped day and month,
    no wrong century, no placeholder. The first of January may stand for a known year; what is missing is not
    compared.
    """
    first, second = _parse_date(a), _parse_date(b)
    if first is None or second is None or first in _PLACEHOLDERS or second in _PLACEHOLDERS:
        return False
    if _only_year(first) or _only_year(second):
        first, second = (first[0], 1, 1), (second[0], 1, 1)
    elif not (first[2] and second[2]):
        first, second = (*first[:2], 1), (*second[:2], 1)
    (year, month, day), (other_year, other_month, other_day) = first, second
    if (year, month, day) == (other_year, other_day, other_month):
        return False
    if (month, day) == (other_month, other_day) and abs(year - other_year) == 100:
        return False
    return not _one_slip(_digits(first), _digits(second))


_Date = tuple[int, int, int]
_PLACEHOLDERS: Final[frozenset[_Date]] = frozenset(
    {(year, 1, 1) for year in (1, 1753, 1800, 1899, 1900, 1901, 1970, 2000)}
    | {
        (1899, 12, 30),
        (1899, 12, 31),
        (1111, 11, 11),
        (1911, 11, 11),
        (2222, 2, 2),
        (9999, 9, 9),
        (9999, 12, 31),
    }
)


def _parse_date(text: str) -> _Date | None:
    """Year, month and day, 0 where unknown; None for what is no date."""
    pieces = text.strip().split("-")
    if len(pieces) > 3 or not all(piece.isdecimal() and piece.isascii() for piece in pieces) or len(pieces[0]) != 4:
        return None
    year, month, day = [int(piece) for piece in (*pieces, "0", "0")[:3]]
    return (year, month, day) if year else None


def _only_year(date: _Date) -> bool:
    return not date[1] or date[1:] == (1, 1)


def _digits(date: _Date) -> str:
    return "{:04}{:02}{:02}".format(*date)


def _one_slip(a: str, b: str) -> bool:
    differing = [i for i, (x, y) in enumerate(zip(a, b, strict=True)) if x != y]
    if len(differing) <= 1:
        return True
    i, *rest = differing
    return rest == [i + 1] and a[i] == b[i + 1] and a[i + 1] == b[i]


def _genders_contradict(a: str, b: str) -> bool:
    return {fold(a)[:1], fold(b)[:1]} == {"f", "m"}


def _kinds_contradict(a: str, b: str) -> bool:
    return fold(a) != fold(b)


_TRUTHS: Final[Mapping[str, Callable[[Any, Any], bool]]] = {
    "kind": _kinds_contradict,
    "gender": _genders_contradict,
}
"""Attributes of which only one value can be true, and when two contradict."""


def _owner_conflict(
    ownership: Ownership, members: tuple[int, ...], assignments: Sequence[OwnerAssignment]
) -> Iterator[Conflict]:
    if ownership.rule == BY_HAND:
        owners = tuple(sorted({assignment.owner for assignment in assignments}))
        if len(owners) > 1:
            anchors = tuple(sorted({assignment.record_id for assignment in assignments}))
            authors = sorted({assignment.author for assignment in assignments})
            yield Conflict("owner", None, anchors, owners, _key("owner", anchors), {"authors": authors})
    elif ownership.disagreement:
        rules = [ownership.rule, *(rule for rule, _ in ownership.disagreement)]
        owners = tuple(dict.fromkeys([ownership.owner, *(owner for _, owner in ownership.disagreement)]))
        yield Conflict("owner", None, members, owners, _key("owner", rules), {"rules": rules})


def _birth_date_conflict(records: Sequence[RecordFacts], together: Sequence[frozenset[int]]) -> Iterator[Conflict]:
    def answered(a: RecordFacts, b: RecordFacts) -> bool:
        return any(a.record_id in group and b.record_id in group for group in together)

    yield from _contradiction(
        "birth_date",
        "birth_date",
        records,
        lambda a, b: truly_different_birth_dates(str(a), str(b)),
        lambda a, b: not answered(a, b),
    )


def _value_conflict(attribute: str, records: Sequence[RecordFacts]) -> Iterator[Conflict]:
    yield from _contradiction(
        "value", attribute, records, _TRUTHS[attribute], lambda a, b: a.data_owner != b.data_owner
    )


def _contradiction(
    kind: str,
    attribute: str,
    records: Sequence[RecordFacts],
    contradict: Callable[[Any, Any], bool],
    counts: Callable[[RecordFacts, RecordFacts], bool],
) -> Iterator[Conflict]:
    """One conflict of all records of which two say what cannot both be true; copies are no evidence."""
    told = [(r, r.canonical[attribute]) for r in records if r.canonical.get(attribute) and r.derived_from is None]
    if len({fold(value) for _, value in told}) < 2:
        return
    against = {
        record.record_id: (record, fold(value))
        for (a, x), (b, y) in combinations(told, 2)
        if contradict(x, y) and counts(a, b)
        for record, value in ((a, x), (b, y))
    }
    if not against:
        return
    parties = [against[record_id] for record_id in sorted(against)]
    first_of = {value: record.record_id for record, value in reversed(parties)}
    yield Conflict(
        kind,
        attribute,
        tuple(sorted(against)),
        tuple(sorted({record.data_owner for record, _ in parties})),
        _key(f"{kind}:{attribute}", sorted(first_of.values())),
        {"sources": sorted({record.source for record, _ in parties})},
    )


def _pin_conflicts(pins: Sequence[Pin], members: Mapping[int, RecordFacts]) -> Iterator[Conflict]:
    by_attribute: dict[str, list[Pin]] = {}
    for pin in pins:
        by_attribute.setdefault(pin.attribute, []).append(pin)
    for path, rivals in sorted(by_attribute.items()):
        attribute = attribute_at(path) if path not in ATTRIBUTES else ATTRIBUTES[path]
        if len({identity(attribute, pin.value) for pin in rivals}) > 1:
            anchors = sorted({pin.record_id for pin in rivals})
            yield Conflict(
                "pin",
                path,
                tuple(anchors),
                tuple(sorted({members[anchor].data_owner for anchor in anchors})),
                _key(f"pin:{path}", anchors),
                {"authors": sorted({pin.author for pin in rivals})},
            )


def _key(head: str, parts: Iterable[object]) -> str:
    return f"{head}:{','.join(map(str, parts))}"
