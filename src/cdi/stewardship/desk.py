"""The desk at which a steward works: who they are, what they may touch, and how what they say takes effect."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Connection

from cdi.access import Caller, Visibility
from cdi.audit import Trail
from cdi.errors import ContradictionError, ForbiddenError, InvalidInputError, NotFoundError, StaleError
from cdi.ids import RecordKey
from cdi.pipeline import Installation, Resolved
from cdi.pipeline.resolving import resolve_batch
from cdi.resolution.decisions import Decision, Verdict, contradiction
from cdi.serving import decision_seen, names_seen
from cdi.store import decisions, profiles, records
from cdi.store.db import resolver_lock
from cdi.store.decisions import StoredDecision


@dataclass(frozen=True, slots=True)
class Desk:
    """A steward at work: in one transaction, in one installation, at one moment."""

    connection: Connection
    installation: Installation
    caller: Caller
    now: datetime
    trail: Trail | None = None  # of the door by which the steward came

    @property
    def visibility(self) -> Visibility:
        return self.caller.visibility

    @property
    def owners(self) -> frozenset[str] | None:
        """The owners that this steward acts for; None: all."""
        return self.caller.visibility.owners

    def alone(self) -> None:
        """Nobody else resolves or decides until the end of this transaction: taken before anything is read that a
        decision rests on, and before any row is locked."""
        resolver_lock(self.connection)

    # -- who may do what ---------------------------------------------------------------------------

    def owners_of(self, record_ids: Iterable[int]) -> frozenset[str]:
        """The data owners of the sources of these records."""
        names = records.load_names(self.connection, sorted(set(record_ids)))
        return frozenset(self.installation.owner_of(name.source) for name in names.values())

    def must_act_for(self, owners: Collection[str]) -> None:
        """Raises ForbiddenError unless the steward acts for one of these owners."""
        if self.owners is not None and self.owners.isdisjoint(owners):
            raise ForbiddenError(
                f"this belongs to {', '.join(sorted(owners))}", remedy="A steward of these owners may do it"
            )

    def consent_missing(self, owners: Collection[str]) -> list[str]:
        """The owners whose stewards must agree before records of these owners become one customer by this
        steward's word. ForbiddenError where the company refuses such merges."""
        if self.owners is None:
            return []
        others = sorted(set(owners) - self.owners)
        policy = self.installation.deployment.stewardship.cross_owner
        if others and policy == "refuse":
            raise ForbiddenError(
                f"a merge with records of {', '.join(others)} is refused by stewardship.cross_owner",
                remedy="Somebody who acts for all of these owners may do it",
            )
        return others if policy == "consent" else []

    # -- what is meant -----------------------------------------------------------------------------

    def records_named(self, names: Sequence[RecordKey]) -> list[int]:
        """The customer records of these names; NotFoundError for one that does not exist or may not be seen."""
        found = {
            (source, key): record_id
            for source, key, record_id in records.find_record_ids(self.connection, [(n.source, n.key) for n in names])
            if source not in self.visibility.hidden_sources
        }
        for position, name in enumerate(names, 1):
            if (name.source, name.key) not in found:
                raise NotFoundError(
                    f"the {position}. record named is no customer record of source {name.source}",
                    remedy="Name records as SOURCE:KEY",
                )
        return sorted({found[name.source, name.key] for name in names})

    def names_of(self, record_ids: Iterable[int]) -> dict[int, str]:
        """`source:key` of those of these records that the steward may see."""
        return names_seen(self.connection, self.visibility, record_ids)

    # -- how it takes effect -----------------------------------------------------------------------

    def must_not_contradict(self, verdict: Verdict, left: Collection[int], right: Collection[int]) -> None:
        """Raises ContradictionError naming the standing decisions that speak against this one."""
        new = Decision(0, verdict, frozenset(left), frozenset(right), self.caller.name, "", self.now)
        against = contradiction(decisions.linked_decisions(self.connection, sorted(new.records)), new)
        if against:
            ids = [decision.id for decision in against]
            raise ContradictionError(f"standing decisions say otherwise: {', '.join(map(str, ids))}", decisions=ids)

    def resolve(self, record_ids: Iterable[int], *, heard: bool = True) -> Resolved:
        """Resolve these records and their neighbourhood now, in this transaction; `heard`: see `resolve_batch`."""
        resolved = Resolved()
        due = frozenset(record_ids)
        if due:
            resolve_batch(self.connection, self.installation, due, resolved, self.now, heard=heard)
        return resolved

    def told(self, stored: StoredDecision) -> dict[str, Any]:
        """A decision as it is answered; records that the steward may not see are left out."""
        return decision_seen(self.connection, self.visibility, stored)

    def touches(self, profile_ids: Iterable[UUID]) -> None:
        """What is done here is about these profiles: for the audit log."""
        if self.trail is not None:
            self.trail.saw(profile_ids)

    def affected(self, resolved: Resolved) -> dict[str, Any]:
        """The profiles that an act changed, each with its data owner."""
        self.touches(resolved.affected)
        visible = [
            found
            for profile_id in sorted(resolved.affected)
            if (found := profiles.find_profile(self.connection, profile_id)) is not None
            and self.visibility.sees(found.sources, found.closed_to)
        ]
        return {
            "affected": [found.profile_id for found in visible],
            "data_owners": {str(found.profile_id): found.document["data_owner"] for found in visible},
        }


def must_be_current(given: str | None, current: str) -> None:
    """Raises StaleError when `If-Match` names another version than the one that stands."""
    tags = {tag.strip().removeprefix("W/").strip('"') for tag in (given or "*").split(",")}
    if not tags & {"*", current}:
        raise StaleError("it has changed since you read it", remedy="Read it again and decide on what it says now")


def must_have_reason(reason: str) -> str:
    """The reason, without blanks around it; InvalidInputError when there is none."""
    if not reason.strip():
        raise InvalidInputError("a decision needs a reason", remedy="Say it in a few words: they are kept")
    return reason.strip()


def homes_of(desk: Desk, record_ids: Iterable[int]) -> Mapping[int, UUID]:
    """The profiles in which these records are."""
    return profiles.load_memberships(desk.connection, sorted(set(record_ids)))
