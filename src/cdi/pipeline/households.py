"""Persons who live together: a relation derived when it is asked for, never one customer.

The rule of a run over everything is applied to the neighbourhood of one customer: whom its records meet in blocks that
tell of a home, then whom those meet who seem to live with it, until nobody new does.
"""

from collections.abc import Collection
from dataclasses import dataclass, field
from typing import Final
from uuid import UUID

import numpy as np
from sqlalchemy import Connection

from cdi.matching import blocking, engine
from cdi.matching.columns import RecordTable
from cdi.matching.model import MatchModel
from cdi.matching.pairs import IntArray, ScoredPairs
from cdi.pipeline.installation import Installation
from cdi.pipeline.tables import build_table
from cdi.resolution.households import HouseholdRules, find_households, same_address
from cdi.store import mates, models
from cdi.store.normalised import Carded

ROUNDS: Final = 4
"""Whoever lives with somebody who lives with this customer is found too; a household is no longer chain."""
TELLING: Final = frozenset(
    {
        "e-mail",
        "part before the @",
        "end of phone",
        "street and number",
        "surname",
        "postal code, name",
        "city, name",
        "street, name",
        "custom attribute, name",
    }
)
"""The rules of blocking that tell of a home."""


def who_lives_with(connection: Connection, installation: Installation, profile_id: UUID) -> list[UUID]:
    """The other profiles of this customer's household; none for an id that is not live."""
    model = installation.models.active(connection)
    if model is None:
        return []
    rules = HouseholdRules(addresses_are_homes=models.addresses_are_homes(connection))
    known = _Neighbourhood(connection, model, rules)
    known.add(mates.of_profiles(connection, [profile_id]))
    if not known.homes:
        return []
    together = {profile_id}
    for _ in range(ROUNDS):
        if not known.ask_around(together):
            break
        together = known.home_of(profile_id)
    return sorted(together - {profile_id})


@dataclass(slots=True)
class _Neighbourhood:
    """Profiles with all their records, and whom of them those that were `asked` live with or may: what of a whole table
    concerns them."""

    connection: Connection
    model: MatchModel
    rules: HouseholdRules
    asked: set[UUID] = field(default_factory=set)
    homes: dict[int, UUID] = field(default_factory=dict)
    cards: dict[int, Carded] = field(default_factory=dict)
    likely: list[ScoredPairs] = field(default_factory=list)

    def add(self, housed: Collection[tuple[UUID, Carded]]) -> None:
        """Let these records be known."""
        self.homes |= {carded[0]: home for home, carded in housed}
        self.cards |= {carded[0]: carded for _, carded in housed}

    def ask_around(self, profile_ids: set[UUID]) -> bool:
        """Let those be known whom these profiles may live with; whether there is any that was not asked for before."""
        fresh = profile_ids - self.asked
        if not fresh:
            return False
        self.asked |= fresh
        mine = [record for record, home in self.homes.items() if home in fresh]
        table, pairs = self._met(mine)
        left, right = table.row_of(pairs[:, 0]), table.row_of(pairs[:, 1])
        scored = engine.score(table, self.model, left, right)
        likely = engine.household_probability(scored) >= self.rules.likely
        self.likely.append(scored.only(likely))
        near = np.unique(pairs[likely | same_address(table, left, right)])
        if strangers := set(near.tolist()) - set(self.homes):
            self.add(mates.with_their_profiles(self.connection, sorted(strangers)))
        return True

    def _met(self, mine: list[int]) -> tuple[RecordTable, IntArray]:
        """Whom these records meet in blocks that tell of a home, with themselves, and the pairs of them."""
        own = build_table(self.cards[record] for record in mine)
        carriers: dict[int, set[int]] = {}
        for found in blocking.rule_keys(own, self.model):
            if found.rule.name in TELLING:
                for key, record in zip(found.keys.tolist(), own.record_ids[found.rows].tolist(), strict=True):
                    carriers.setdefault(key, set()).add(record)
        met = mates.home_mates(self.connection, carriers, list(self.cards))
        pairs = {
            (min(record, mate.record_id), max(record, mate.record_id))
            for mate in met
            for key in mate.keys
            for record in carriers[key] - {mate.record_id}
        }
        known = self.cards | {mate.record_id: mate.carded for mate in met if mate.carded}
        ends = sorted({*mine, *(end for pair in pairs for end in pair)})
        return build_table(known[end] for end in ends), np.array(sorted(pairs), dtype=np.int64).reshape(-1, 2)

    def home_of(self, profile_id: UUID) -> set[UUID]:
        """The household of this profile, it included, as far as is known by now."""
        table = build_table(self.cards[record] for record in sorted(self.cards))
        profile_of = [self.homes[record] for record in table.record_ids.tolist()]
        likely = engine.joined(self.likely)
        here = np.isin(likely.left, table.record_ids) & np.isin(likely.right, table.record_ids)
        found = find_households(table, _labels(table, profile_of), likely.only(here), self.rules)
        own = found.labels[profile_of.index(profile_id)]
        return {profile_of[row] for row in np.flatnonzero(found.labels == own).tolist()}


def _labels(table: RecordTable, profile_of: list[UUID]) -> IntArray:
    """By row, the smallest record id of its profile."""
    first: dict[UUID, int] = {}
    for record, home in zip(table.record_ids.tolist(), profile_of, strict=True):
        first.setdefault(home, record)
    return np.array([first[home] for home in profile_of], dtype=np.int64)
