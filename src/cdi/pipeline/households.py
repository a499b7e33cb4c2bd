"""Persons who live together: a relation derived when it is asked for, never one customer.

The rule of a run over everything is applied to the neighbourhood of one customer: whom its records meet in their
blocks, then whom those meet who seem to live with it, until nobody new does.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Final
from uuid import UUID

import numpy as np
from sqlalchemy import Connection

from cdi.matching import engine
from cdi.matching.columns import RecordTable
from cdi.matching.model import MatchModel
from cdi.matching.pairs import IntArray, ScoredPairs
from cdi.pipeline.installation import Installation
from cdi.pipeline.tables import build_table
from cdi.resolution.households import HouseholdRules, find_households
from cdi.store import models, normalised
from cdi.store import profiles as profile_store

ROUNDS: Final = 4
"""Whoever lives with somebody who lives with this customer is found too; a household is no longer chain."""


def who_lives_with(connection: Connection, installation: Installation, profile_id: UUID) -> list[UUID]:
    """The other profiles of this customer's household; none for an id that is not live."""
    model = installation.models.active(connection)
    mine = profile_store.load_members(connection, [profile_id]).get(profile_id, [])
    if model is None or not mine:
        return []
    rules = HouseholdRules(addresses_are_homes=models.addresses_are_homes(connection))
    known = _Neighbourhood(connection, model, rules)
    together = {profile_id}
    for _ in range(ROUNDS):
        if not known.ask_around(together):
            break
        together = known.home_of(profile_id)
    return sorted(together - {profile_id})


@dataclass(slots=True)
class _Neighbourhood:
    """Profiles of which all mates are known (`asked`), with these mates: what of a whole table concerns them."""

    connection: Connection
    model: MatchModel
    rules: HouseholdRules
    asked: set[UUID] = field(default_factory=set)
    homes: dict[int, UUID] = field(default_factory=dict)
    pairs: set[tuple[int, int]] = field(default_factory=set)

    def ask_around(self, profile_ids: Iterable[UUID]) -> bool:
        """Let the mates of these profiles' records be known; whether there is any that was not asked for before."""
        fresh = set(profile_ids) - self.asked
        if not fresh:
            return False
        self.asked |= fresh
        members = profile_store.load_members(self.connection, sorted(fresh))
        left, right = normalised.candidates_of(self.connection, sorted(i for some in members.values() for i in some))
        self.pairs.update(zip(left.tolist(), right.tolist(), strict=True))
        met = profile_store.load_memberships(self.connection, sorted({*left.tolist(), *right.tolist()}))
        strangers = set(met.values()) - set(self.homes.values()) - fresh
        members |= profile_store.load_members(self.connection, sorted(strangers)) if strangers else {}
        self.homes.update((record, home) for home, inside in members.items() for record in inside)
        return True

    def home_of(self, profile_id: UUID) -> set[UUID]:
        """The household of this profile, it included, as far as is known by now."""
        table = build_table(normalised.load_cards(self.connection, sorted(self.homes)))
        profile_of = [self.homes[record] for record in table.record_ids.tolist()]
        found = find_households(table, _labels(table, profile_of), self._likely(table), self.rules)
        own = found.labels[profile_of.index(profile_id)]
        return {profile_of[row] for row in np.flatnonzero(found.labels == own).tolist()}

    def _likely(self, table: RecordTable) -> ScoredPairs:
        pairs = np.array(sorted(self.pairs), dtype=np.int64).reshape(-1, 2)
        pairs = pairs[np.isin(pairs, table.record_ids).all(axis=1)]
        scored = engine.score(table, self.model, table.row_of(pairs[:, 0]), table.row_of(pairs[:, 1]))
        return scored.only(engine.household_probability(scored) >= self.rules.likely)


def _labels(table: RecordTable, profile_of: list[UUID]) -> IntArray:
    """By row, the smallest record id of its profile."""
    first: dict[UUID, int] = {}
    for record, home in zip(table.record_ids.tolist(), profile_of, strict=True):
        first.setdefault(home, record)
    return np.array([first[home] for home in profile_of], dtype=np.int64)
