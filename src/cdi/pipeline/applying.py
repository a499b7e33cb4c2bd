"""The parts of a run over everything are applied, each in a commit with some others, under the resolver's lock.

Parts whose records nobody knew before only append: their commits run beside each other, so that one is written while
another is made ready.
"""

import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TypeAlias

from sqlalchemy import Connection

from cdi.clock import utc_now
from cdi.pipeline.births import Expecting, Newborn, bear, can_be_born, derived, expecting, put_together
from cdi.pipeline.installation import Installation
from cdi.pipeline.parts import Outcome, Part, Snapshot
from cdi.pipeline.publishing import Published, publish
from cdi.pipeline.workers import WORTH_IT, Workers
from cdi.store import decisions, normalised, pairs, profiles, redo
from cdi.store.db import resolver_lock

Ready: TypeAlias = tuple[Part, Newborn | None]
"""A part, and its profiles put together if its records were in none before."""


def with_newborn(installation: Installation, parts: Sequence[Part], workers: Workers) -> Iterator[Ready]:
    """Each part, with the profiles of one that is new altogether put together: if there are many, by other processes
    while the parts before are applied."""
    new = [part for part in parts if part.newborn]
    works = (expecting(installation, part.clusters.values()) for part in new)
    many = sum(len(part.record_ids) for part in new) >= WORTH_IT
    made = workers.each(put_together, works) if many else (_put_together_here(installation, work) for work in works)
    for part in parts:
        yield part, next(made) if part.newborn else None


def _put_together_here(installation: Installation, work: Expecting) -> Newborn:
    with installation.database.unit_of_work() as connection:
        return derived(connection, work)


class _KnownAlreadyError(Exception):
    """A record of a part that seemed new was in a profile before."""


@dataclass(frozen=True, slots=True)
class Applied:
    """What a commit came to, and for how many seconds it held the lock."""

    records: int
    published: Sequence[Published]
    seconds: float


@dataclass(frozen=True, slots=True)
class Applying:
    """What a run over everything came to, on its way into the store. With `rebuild`, every document is made again; with
    `keys_laid` the block keys are there already."""

    installation: Installation
    snapshot: Snapshot
    outcome: Outcome
    rebuild: bool
    keys_laid: bool = False

    def commit(self, some: Sequence[Ready]) -> Applied:
        """Apply these parts in one commit: beside others if all of them are new, else alone."""
        if all(newborn is not None for _, newborn in some):
            try:
                return self._commit(some, beside_others=True)
            except _KnownAlreadyError:
                pass  # nothing of it was kept
        return self._commit(some, beside_others=False)

    def _commit(self, some: Sequence[Ready], *, beside_others: bool) -> Applied:
        with self.installation.database.unit_of_work() as connection:
            resolver_lock(connection, shared=beside_others)
            began = time.monotonic()
            found = [self._apply(connection, part, newborn, only_new=beside_others) for part, newborn in some]
        published = [one for one in found if one is not None]
        return Applied(sum(len(part.record_ids) for part, _ in some), published, time.monotonic() - began)

    def _apply(
        self, connection: Connection, part: Part, newborn: Newborn | None, *, only_new: bool
    ) -> Published | None:
        ids = part.record_ids.tolist()
        now = utc_now()
        if not self._as_in_snapshot(connection, ids):
            redo.queue(connection, ids, "it changed during a run over everything", now)
            return None
        born = newborn is not None and can_be_born(connection, newborn, ids)
        if only_new and not born:
            raise _KnownAlreadyError
        if not self.keys_laid:
            normalised.replace_block_keys(connection, ids, part.keys, part.key_ids)
        pairs.replace_pairs(connection, ids, part.pairs)
        taken = {record: self.snapshot.taken[record] for record in ids if record in self.snapshot.taken}
        redo.done(connection, taken)
        if newborn is not None and born:
            return bear(connection, self.installation, newborn, part.findings, now)
        return publish(
            connection,
            self.installation,
            part.clusters,
            frozenset(taken),
            self.outcome.constraints,
            now,
            findings=part.findings,
            rebuild=self.rebuild,
        )

    def _as_in_snapshot(self, connection: Connection, ids: Sequence[int]) -> bool:
        """Whether nothing about these records and their profiles moved since the snapshot, and no steward decided
        anything: decisions are few, and what they touch is resolved again afterwards."""
        here = set(ids)
        if normalised.untouched(connection, ids, self.snapshot.touched) != here:
            return False
        homes = set(profiles.load_memberships(connection, ids).values())
        members = profiles.load_members(connection, sorted(homes))
        taken = self.snapshot.taken
        if any(record not in here and record not in taken for inside in members.values() for record in inside):
            return False
        return decisions.last_mark(connection) == self.snapshot.judged_at
