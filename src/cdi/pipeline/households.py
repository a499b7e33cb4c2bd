"""Persons who live together: a relation derived when it is asked for, never one customer."""

from uuid import UUID

import numpy as np
from sqlalchemy import Connection

from cdi.matching import engine
from cdi.matching.columns import RecordTable
from cdi.matching.pairs import IntArray, ScoredPairs
from cdi.pipeline.installation import Installation
from cdi.pipeline.tables import build_table
from cdi.resolution.households import HouseholdRules, find_households
from cdi.store import models, normalised
from cdi.store import profiles as profile_store

ROUNDS = 2
"""Who lives with somebody who lives with this customer is found too; a household is no longer chain."""


def who_lives_with(connection: Connection, installation: Installation, profile_id: UUID) -> list[UUID]:
    """The other profiles of this customer's household; none for an id that is not live."""
    model = installation.models.active(connection)
    mine = profile_store.load_members(connection, [profile_id]).get(profile_id, [])
    if model is None or not mine:
        return []
    reached = set(mine)
    for _ in range(ROUNDS):
        left, right = normalised.candidates_of(connection, sorted(reached))
        reached |= {*left.tolist(), *right.tolist()}
        homes = profile_store.load_memberships(connection, sorted(reached))
        whole = profile_store.load_members(connection, sorted(set(homes.values())))
        reached = {record for members in whole.values() for record in members}
    table = build_table(normalised.load_cards(connection, sorted(reached)))
    homes = profile_store.load_memberships(connection, table.record_ids.tolist())
    left, right = normalised.candidates_of(connection, table.record_ids.tolist())
    inside = np.isin(left, table.record_ids) & np.isin(right, table.record_ids)
    scored = engine.score(table, model, table.row_of(left[inside]), table.row_of(right[inside]))
    return _together(table, scored, homes, profile_id, models.addresses_are_homes(connection))


def _together(
    table: RecordTable, scored: ScoredPairs, homes: dict[int, UUID], profile_id: UUID, addresses_are_homes: bool
) -> list[UUID]:
    likely = scored.only(engine.household_probability(scored) >= HouseholdRules().likely)
    found = find_households(
        table, _labels(table, homes), likely, HouseholdRules(addresses_are_homes=addresses_are_homes)
    )
    profile_of = [homes[record] for record in table.record_ids.tolist()]
    own = found.labels[profile_of.index(profile_id)]
    return sorted({profile_of[row] for row in np.flatnonzero(found.labels == own).tolist()} - {profile_id})


def _labels(table: RecordTable, homes: dict[int, UUID]) -> IntArray:
    """By row, the smallest record id of its profile."""
    first: dict[UUID, int] = {}
    for record in table.record_ids.tolist():
        first.setdefault(homes[record], record)
    return np.array([first[homes[record]] for record in table.record_ids.tolist()], dtype=np.int64)
