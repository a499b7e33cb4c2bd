"""The profile as it is served: golden record, records and owner in one document, a pure function of the facts."""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC
from typing import Any
from uuid import UUID

import orjson

from cdi.resolution.conflicts import Conflict, find_conflicts
from cdi.resolution.golden import GoldenRecord, build_golden
from cdi.resolution.ownership import OwnerAssignment, Ownership, OwnershipRule, assigned_owner, find_owner
from cdi.resolution.survivorship import Pin, RecordFacts, SurvivorshipRules


@dataclass(frozen=True, slots=True)
class ProfileRules:
    """By what a profile's values survive and its owner is found."""

    survivorship: SurvivorshipRules
    ownership: Sequence[OwnershipRule]
    customer_owner: str


@dataclass(frozen=True, slots=True)
class StewardFacts:
    """What stewards said that bears on profiles: live pins, owners by hand, records declared one customer."""

    pins: Sequence[Pin] = ()
    assignments: Sequence[OwnerAssignment] = ()
    together: Sequence[frozenset[int]] = ()

    def about(self, records: frozenset[int]) -> "StewardFacts":
        """The part that is anchored to these records."""
        return StewardFacts(
            [pin for pin in self.pins if pin.record_id in records],
            [a for a in self.assignments if a.record_id in records],
            [group for group in self.together if not group.isdisjoint(records)],
        )


@dataclass(frozen=True, slots=True)
class Assembly:
    """A profile put together: its document (without version and time), the same as JSON, and what contradicts in it."""

    document: dict[str, Any]
    written: bytes
    golden: GoldenRecord
    ownership: Ownership
    conflicts: tuple[Conflict, ...]

    @property
    def content_hash(self) -> bytes:
        """Changes exactly when the document's content does."""
        return hashlib.blake2b(self.written, digest_size=16).digest()


def assemble(
    profile_id: UUID,
    records: Sequence[RecordFacts],
    rules: ProfileRules,
    facts: StewardFacts,
) -> Assembly:
    """Build the profile that consists of these records; facts anchored to other records have no effect."""
    records = sorted(records, key=lambda record: record.record_id)
    golden = build_golden(records, rules.survivorship, facts.pins)
    assigned = assigned_owner(facts.assignments, records)
    ownership = find_owner(golden, records, rules.ownership, rules.customer_owner, assigned)
    document = {
        "id": str(profile_id),
        "kind": golden.value("kind") or "person",
        "data_owner": ownership.owner,
        "ownership": {
            "rule": ownership.rule,
            "disagreement": [{"rule": rule, "owner": owner} for rule, owner in ownership.disagreement],
        },
        "golden": golden.attributes,
        "records": [_reference(record) for record in records],
    }
    conflicts = find_conflicts(golden, records, ownership, facts.pins, facts.assignments, facts.together)
    written = orjson.dumps(document, option=orjson.OPT_SORT_KEYS)
    return Assembly(document, written, golden, ownership, conflicts)


def _reference(record: RecordFacts) -> Mapping[str, str]:
    return {
        "source": record.source,
        "stream": record.stream,
        "key": record.key,
        "observed_at": record.observed_at.astimezone(UTC).isoformat(),
        "data_owner": record.data_owner,
    }
