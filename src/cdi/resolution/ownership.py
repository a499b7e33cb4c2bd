"""Every profile has one data owner, by a stated order: assigned by hand, else the first rule that holds, else
the company's central customer owner. Rules that would have named somebody else are reported, never hidden."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from cdi.resolution.golden import GoldenRecord
from cdi.resolution.survivorship import RecordFacts
from cdi.resolution.values import fold, is_empty

BY_HAND: Final = "assigned by hand"
CENTRAL: Final = "customer owner"


@dataclass(frozen=True, slots=True)
class OwnershipRule:
    """Names the owner of a profile for which all conditions given hold; without a condition it always holds.

    `has_source`: a live record of one of these. `attribute`: a path into the golden record (`kind`,
    `addresses.country`, `attributes.segment`) whose golden value is there and, if given, `equals` this text,
    whatever its case.
    """

    name: str
    owner: str
    has_source: tuple[str, ...] = ()
    attribute: str | None = None
    equals: str | None = None

    def holds(self, golden: GoldenRecord, records: Iterable[RecordFacts]) -> bool:
        if self.has_source and not any(record.source in self.has_source for record in records):
            return False
        if self.attribute is None:
            return True
        value = golden.value(self.attribute)
        return not is_empty(value) if self.equals is None else fold(value) == fold(self.equals)


@dataclass(frozen=True, slots=True)
class OwnerAssignment:
    """A steward's word on who owns a profile, anchored to a record of it: it goes where that record goes."""

    owner: str
    record_id: int
    author: str
    reason: str
    at: datetime


@dataclass(frozen=True, slots=True)
class Ownership:
    """The owner of a profile, the rule that named them, and the (rule, owner) of rules that also hold and
    name somebody else."""

    owner: str
    rule: str
    disagreement: tuple[tuple[str, str], ...] = ()


def find_owner(
    golden: GoldenRecord,
    records: Sequence[RecordFacts],
    rules: Sequence[OwnershipRule],
    customer_owner: str,
    assigned: str | None = None,
) -> Ownership:
    """Who answers for this profile. A hand-over ends all disagreement."""
    if assigned is not None:
        return Ownership(assigned, BY_HAND)
    holding = [rule for rule in rules if rule.holds(golden, records)]
    if not holding:
        return Ownership(customer_owner, CENTRAL)
    first, *others = holding
    return Ownership(first.owner, first.name, tuple((r.name, r.owner) for r in others if r.owner != first.owner))


def assigned_owner(assignments: Iterable[OwnerAssignment], records: Iterable[RecordFacts]) -> str | None:
    """The owner given by hand to one of these records: of several the newest, then by author and record."""
    members = {record.record_id for record in records}
    standing = [assignment for assignment in assignments if assignment.record_id in members]
    newest = max(standing, key=lambda a: (a.at, a.author, a.record_id), default=None)
    return None if newest is None else newest.owner
