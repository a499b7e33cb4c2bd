"""While data grow, a value may turn out to be shared by strangers, a block to be over its budget. What is found is
appended to the model version that decides, and what it touches is due again."""

from collections.abc import Sequence
from datetime import datetime
from typing import Final

import numpy as np
from sqlalchemy import Connection

from cdi.matching.blocking import Limits
from cdi.matching.model import MatchModel, contained
from cdi.matching.pairs import IntArray
from cdi.matching.training import MIN_NAMES, shared_values
from cdi.pipeline.tables import build_table
from cdi.store import models, normalised, redo
from cdi.store.db import Asked

CROWD: Final = 2 * Limits().max_block
"""A block is refused in passing when it has twice the budget; a full run refuses what is over it. Refusing at the
budget itself would move the model with nearly every batch."""
MOST_CARRIERS: Final = 2_000
"""So many carriers of a value are enough to tell whether they are one person."""


def ask_for_suspects(connection: Connection, due: Sequence[int]) -> Asked[list[tuple[str, str]]]:
    """Values of these records that so many carry that they may be strangers; see `watch_shared_values`."""
    return normalised.ask_for_crowded_handles(connection, due, MIN_NAMES)


def watch_shared_values(
    connection: Connection, model: MatchModel, suspects: Sequence[tuple[str, str]], now: datetime
) -> MatchModel:
    """The model, after a look at these (type, value), which many records carry."""
    if not suspects:
        return model
    carriers = normalised.carriers_of(connection, suspects, MOST_CARRIERS)
    table = build_table(normalised.load_cards(connection, carriers))
    shared = shared_values(table, model)
    found = shared[~contained(shared, model.shared)]
    if not len(found):
        return model
    models.add_drift(connection, models.SHARED, found.view(np.int64).tolist(), now)
    redo.queue(connection, carriers, "a value turned out to be shared by strangers", now)
    return model.with_found(shared=found)


def refuse_blocks(connection: Connection, model: MatchModel, crowded: IntArray, now: datetime) -> MatchModel:
    """The model, after a look at block keys that turned out to be crowded."""
    found = crowded[~contained(crowded, model.refused)]
    if not len(found):
        return model
    models.add_drift(connection, models.REFUSED, found.tolist(), now)
    touched = normalised.records_in_blocks(connection, found.tolist())
    redo.queue(connection, touched, "a block went over its budget", now)
    return model.with_found(refused=found)
