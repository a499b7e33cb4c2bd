"""Records that are due are normalised and compared with those whom they share a block with.

Most of that needs no lock. Of many records that were pushed it is done before the resolver's lock is taken, while
another resolver may be at work, and who became different meanwhile is looked at again once it is held (`Prepared`). So
they wait for each other only while they write. A block that the two filled together is refused when it is asked for
next.
"""

from collections.abc import Mapping, Sequence
from contextlib import nullcontext
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Final

import numpy as np
from sqlalchemy import Connection

from cdi.matching import blocking, engine
from cdi.matching.cards import card_of
from cdi.matching.columns import RecordTable
from cdi.matching.model import MatchModel
from cdi.matching.pairs import IntArray, ScoredPairs, distinct
from cdi.matching.training import rows_with
from cdi.normalise.record import NormalisedRecord, normalise
from cdi.pipeline.drift import ask_for_suspects, refuse_blocks, watch_shared_values
from cdi.pipeline.installation import Installation
from cdi.pipeline.meeting import Asking, Before, Known, Met, differing_rows, meet, meet_anew, meet_late
from cdi.store import normalised, pairs, records, redo, reruns
from cdi.store.db import Database, is_held, without_waiting
from cdi.store.normalised import Carded
from cdi.store.records import CurrentRecord

NOBODY: Final = np.zeros(0, np.int64)
MOVED_AT_MOST: Final = 4_000
"""If more records than that became different meanwhile, to compare anew takes no longer."""


@dataclass(frozen=True, slots=True)
class Compared:
    """What came of comparing some records: the model that told, what is known by now, the facts of those that are live,
    all that were connected to them before, how many pairs there were and those that a link or a review may come of; and
    the records, block keys, and carriers of these, of what is to be indexed anew."""

    model: MatchModel
    known: Known
    facts: Mapping[int, CurrentRecord] = field(default_factory=dict)
    around: Sequence[int] = ()
    candidates: int = 0
    pairs: ScoredPairs = field(default_factory=lambda: engine.joined([]))
    indexed: tuple[IntArray, IntArray, IntArray] = (NOBODY, NOBODY, NOBODY)


@dataclass(frozen=True, slots=True)
class Forms:
    """Records as they are now: the facts of those that are live, and (record id, source, record) and cards of them."""

    facts: Mapping[int, CurrentRecord]
    present: Sequence[tuple[int, str, NormalisedRecord]]
    cards: Sequence[Carded]


@dataclass(frozen=True, slots=True)
class Prepared:
    """What was found of records that are due before the lock was held: under which tickets they were due, which version
    of each that is live counted, the model, the records and their block keys, and whom they met."""

    tickets: Mapping[int, int]
    versions: Mapping[int, int]
    model: MatchModel
    forms: Forms
    table: RecordTable
    indexed: tuple[IntArray, IntArray]
    before: Before


def as_compared(connection: Connection, model: MatchModel, due: frozenset[int]) -> Compared | None:
    """These records as they were compared last; None if one of them has ended or waits to be compared anew."""
    if redo.any_among(connection, sorted(due)):
        return None
    cards = normalised.load_cards(connection, sorted(due))
    return Compared(model, Known(connection, cards)) if len(cards) == len(due) else None


def prepare(installation: Installation, record_ids: Sequence[int]) -> Prepared | None:
    """Compare those of these records that are due before the lock is held; None where that is not worth it."""
    with installation.database.reading() as connection:
        if is_held(connection, reruns.LOCK):  # it gives records other block keys, which nothing tells
            return None
        tickets, mark = redo.take_these(connection, record_ids), normalised.last_touch(connection)
        model = installation.models.active(connection)
        ids = sorted(tickets)
        versions = records.live_versions(connection, ids)
        if model is None or not versions:
            return None
        forms = forms_of(connection, ids)
        if forms.facts.keys() != versions.keys():
            return None
        known = Known(connection, forms.cards)
        table = known.table(known.ids)
        indexed = blocking.block_keys(table, model)
        met = meet(Asking(connection, known, table, model, *indexed), np.array(ids), nullcontext(connection))
    return Prepared(tickets, versions, model, forms, table, indexed, Before(mark, known, met))


def compare(
    connection: Connection,
    model: MatchModel,
    due: frozenset[int],
    born: frozenset[int],
    now: datetime,
    database: Database | None,
    prepared: Prepared | None = None,
) -> Compared:
    """Compare these records anew, as they are now, under the resolver's lock. With a `database`, where nothing else was
    changed in this transaction, those who are met are looked up over another connection."""
    ids = sorted(due)
    moved = None if prepared is None else _moved(connection, prepared, model, due)
    still = None if moved is None else prepared
    told = still.model if still else model
    around = pairs.uproot(connection, sorted(due - born), model.match_weight)
    forms = still.forms if still else forms_of(connection, ids, born)
    with without_waiting(connection):
        save_forms(connection, ids, forms)
        asked = ask_for_suspects(connection, ids)
        known = Known(connection, forms.cards)
        table = still.table if still else known.table(known.ids)
        indexed = still.indexed if still else _block_keys(table, told)
    suspects = asked.answer()
    if not forms.cards:  # what has ended meets nobody
        return Compared(model, known, forms.facts, around)
    watched = watch_shared_values(connection, model, suspects, now)
    asking = Asking(connection, known, table, told, *indexed)
    if still and moved is not None:
        met = meet_late(replace(asking, model=model), still.before, moved)
    else:
        beside = None if database is None else database.looking_up()
        met = meet(asking, np.array(ids), beside)
    compared = _Anew(connection, known, table, np.array(ids))
    indexed, met = compared.under(watched, told, indexed, met)
    narrowed = refuse_blocks(connection, watched, met.crowded, now)
    (keys, rows), met = compared.under(narrowed, watched, indexed, met)
    kept = table.record_ids, keys, table.record_ids[rows]
    return Compared(narrowed, known, forms.facts, around, met.candidates, met.pairs, kept)


@dataclass(frozen=True, slots=True)
class _Anew:
    """Records of a table that are compared again where a model that found out more says something else of them."""

    connection: Connection
    known: Known
    table: RecordTable
    due: IntArray

    def under(
        self, model: MatchModel, before: MatchModel, indexed: tuple[IntArray, IntArray], met: Met
    ) -> tuple[tuple[IntArray, IntArray], Met]:
        """Their block keys and whom they meet under this model; with those under the model `before` it."""
        if model is before:
            return indexed, met
        keys = _block_keys(self.table, model)
        found = rows_with(self.table, np.setdiff1d(model.shared, before.shared))
        differing = distinct(np.concatenate((differing_rows(indexed, keys), found)))
        return keys, meet_anew(Asking(self.connection, self.known, self.table, model, *keys), self.due, met, differing)


def _block_keys(table: RecordTable, model: MatchModel) -> tuple[IntArray, IntArray]:
    return blocking.block_keys(table, model) if len(table) else (NOBODY, NOBODY)


def _moved(connection: Connection, prepared: Prepared, model: MatchModel, due: frozenset[int]) -> list[int] | None:
    """The other records that were normalised since these were compared; None if what was found does not hold any more
    of all of them."""
    ids = sorted(due)
    if not model.grew_from(prepared.model) or redo.take_these(connection, ids) != prepared.tickets:
        return None
    if records.live_versions(connection, ids) != prepared.versions:
        return None
    moved = normalised.touched_since(connection, prepared.before.mark, MOVED_AT_MOST + 1)
    return None if len(moved) > MOVED_AT_MOST or not due.isdisjoint(moved) else moved


def forms_of(connection: Connection, record_ids: Sequence[int], born: frozenset[int] = frozenset()) -> Forms:
    """These records as they are now. Of those that are `born` in this transaction there is no earlier version."""
    facts = records.load_current(connection, record_ids)
    present = normal_forms(connection, record_ids, born, facts)
    return Forms(facts, present, [(record_id, source, card_of(record)) for record_id, source, record in present])


def save_forms(connection: Connection, record_ids: Sequence[int], forms: Forms) -> None:
    """Bring what is kept of these records up to date."""
    normalised.save_normalised(connection, forms.present, forms.cards, ended_among(record_ids, forms.present))


def normal_forms(
    connection: Connection,
    record_ids: Sequence[int],
    born: frozenset[int] = frozenset(),
    current: Mapping[int, CurrentRecord] | None = None,
) -> list[tuple[int, str, NormalisedRecord]]:
    """(record id, source, record) of those of these records that are live, by id, as their facts are now."""
    if current is None:
        current = records.load_current(connection, record_ids)
    earlier = records.load_earlier(connection, [record_id for record_id in current if record_id not in born])
    return [
        (record_id, record.source, normalise(record.canonical, tuple(earlier.get(record_id, ()))))
        for record_id, record in sorted(current.items())
    ]


def ended_among(record_ids: Sequence[int], present: Sequence[tuple[int, str, NormalisedRecord]]) -> list[int]:
    """Those of these records that are not present any more."""
    there = {record_id for record_id, _, _ in present}
    return [record_id for record_id in record_ids if record_id not in there]
