"""Two records side by side: one field a row, told equal, similar or different, with the letters that differ marked.

Pure: canonical records in, rows out. What the engine makes of a field stands in the evidence; this is what people see.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from difflib import SequenceMatcher
from enum import StrEnum
from itertools import zip_longest
from typing import Any, Final, NamedTuple, TypeAlias

from cdi.fields import CanonicalData
from cdi.resolution.values import CUSTOM

SIMILAR: Final = 0.6
"""From this share of common letters on, two values are told similar."""


class Relation(StrEnum):
    """What two values are to each other."""

    EQUAL = "equal"
    SIMILAR = "similar"
    DIFFERENT = "different"
    ONE_SIDED = "one_sided"


class Piece(NamedTuple):
    """A part of a value, and whether the other side has it otherwise."""

    text: str
    differs: bool


@dataclass(frozen=True, slots=True)
class Line:
    """One value on each side; nothing where a side has none."""

    relation: Relation
    left: Sequence[Piece]
    right: Sequence[Piece]


@dataclass(frozen=True, slots=True)
class Field:
    """One field: its word (of which kind of words, and which), and its lines."""

    kind: str
    name: str
    lines: Sequence[Line]

    @property
    def relation(self) -> Relation:
        """What speaks loudest: two values that are equal, else the most similar."""
        return min((line.relation for line in self.lines), key=list(Relation).index)


NAME_PARTS: Final = ("title", "given_name", "middle_name", "family_name", "suffix", "birth_name")
ONES: Final = ("birth_date", "gender", "language")
MANY: Final = ("emails", "phones", "addresses", "identifiers")


Write: TypeAlias = Callable[[str, Any], str]
"""How a value of an attribute is written."""


def side_by_side(left: CanonicalData, right: CanonicalData, write: Write) -> list[Field]:
    """Every field that one of the two records has, its values written by `write`."""
    fields = []
    for kind, name, read in _fields(left, right):
        ours, theirs = ([text for value in read(side) if (text := write(name, value))] for side in (left, right))
        if ours or theirs:
            fields.append(Field(kind, name, _aligned(ours, theirs)))
    return fields


Read: TypeAlias = Callable[[CanonicalData], list[Any]]
"""What a record says in a field."""


def _fields(left: CanonicalData, right: CanonicalData) -> Iterator[tuple[str, str, Read]]:
    parted = any(_part("family_name")(side) for side in (left, right))
    for part in NAME_PARTS if parted else ("full",):
        yield "part", part, _part(part)
    for name in ("organisation", *ONES):
        yield "attribute", name, _one(name)
    for name in MANY:
        yield "attribute", name, _many(name)
    for name in sorted({*(left.get(CUSTOM) or {}), *(right.get(CUSTOM) or {})}):
        yield "attribute", name, _custom(name)


def _part(part: str) -> Read:
    return lambda record: [(record.get("name") or {}).get(part)]


def _one(name: str) -> Read:
    return lambda record: [record.get(name)]


def _many(name: str) -> Read:
    return lambda record: list(record.get(name) or ())


def _custom(name: str) -> Read:
    return lambda record: [(record.get(CUSTOM) or {}).get(name)]


COMPARED: Final[Mapping[str, str]] = {
    "given_name": "given_name",
    "family_name": "surname",
    "birth_date": "birth_date",
    "emails": "email",
    "addresses": "address",
    "organisation": "organisation",
}
"""Fields that the engine compares as a whole, by the name of the comparison."""


def heeding(fields: Sequence[Field], said: Mapping[str, float]) -> list[Field]:
    """The same fields where letters and engine tell one story: what it takes for a sign of the same customer (a short
    form, a moved house) is similar, what it takes for one against it (a birth date of which two digits differ) is
    different. `said` is what each comparison adds against a stranger."""
    return [_heeding(one, said.get(COMPARED.get(one.name, ""))) for one in fields]


def _heeding(field: Field, adds: float | None) -> Field:
    if adds is None or len(field.lines) != 1:
        return field
    (line,) = field.lines
    if line.relation is Relation.DIFFERENT and adds > 0:
        return replace(field, lines=[replace(line, relation=Relation.SIMILAR)])
    if line.relation is Relation.SIMILAR and adds < 0:
        return replace(field, lines=[replace(line, relation=Relation.DIFFERENT)])
    return field


def _aligned(left: Sequence[str], right: Sequence[str]) -> list[Line]:
    """Values that are alike beside each other: of all pairs the most similar first."""
    pairs = sorted(
        ((_likeness(a, b), i, j) for i, a in enumerate(left) for j, b in enumerate(right)),
        key=lambda pair: (-pair[0], pair[1], pair[2]),
    )
    ours, theirs = list(range(len(left))), list(range(len(right)))
    lines = []
    for likeness, i, j in pairs:
        if i in ours and j in theirs and likeness >= SIMILAR:
            ours.remove(i)
            theirs.remove(j)
            lines.append(_line(left[i], right[j], likeness))
    for a, b in zip_longest(ours, theirs):
        if a is None or b is None:
            alone = [Piece(left[a], False)] if a is not None else [], [Piece(right[b], False)] if b is not None else []
            lines.append(Line(Relation.ONE_SIDED, *alone))
        else:
            lines.append(Line(Relation.DIFFERENT, [Piece(left[a], False)], [Piece(right[b], False)]))
    return lines


def _likeness(a: str, b: str) -> float:
    one, other = _folded(a), _folded(b)
    return 1.0 if one == other else min(0.99, SequenceMatcher(None, one, other, autojunk=False).ratio())


def _folded(value: str) -> str:
    return " ".join(value.casefold().split())


def _line(left: str, right: str, likeness: float) -> Line:
    if likeness == 1.0:
        return Line(Relation.EQUAL, [Piece(left, False)], [Piece(right, False)])
    ours: list[Piece] = []
    theirs: list[Piece] = []
    matcher = SequenceMatcher(None, left.casefold(), right.casefold(), autojunk=False)
    if len(left.casefold()) != len(left) or len(right.casefold()) != len(right):  # ß becomes two letters
        matcher = SequenceMatcher(None, left, right, autojunk=False)
    for what, a, b, c, d in matcher.get_opcodes():
        if b > a:
            ours.append(Piece(left[a:b], what != "equal"))
        if d > c:
            theirs.append(Piece(right[c:d], what != "equal"))
    return Line(Relation.SIMILAR, ours, theirs)
