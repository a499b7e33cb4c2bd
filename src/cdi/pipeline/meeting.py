"""Records meet those with whom they share a block, and are compared with them: part by part, so that the server looks
for the next ones while those before are compared."""

from collections.abc import Generator, Iterable, Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from typing import Final

import numpy as np
from sqlalchemy import Connection

from cdi.ingest.ahead import ahead
from cdi.matching import blocking, engine
from cdi.matching.columns import RecordTable
from cdi.matching.model import MatchModel
from cdi.matching.pairs import IntArray, ScoredPairs, distinct
from cdi.pipeline.drift import CROWD
from cdi.pipeline.tables import build_table
from cdi.store import normalised
from cdi.store.db import Database
from cdi.store.normalised import Carriers

PART: Final = 170
"""So many records ask together whom they meet."""


class Known:
    """The cards that a batch has seen so far; what is asked for besides is fetched, once."""

    def __init__(self, connection: Connection, present: Iterable[normalised.Carded]) -> None:
        self._connection = connection
        self._seen = {carded[0]: carded for carded in present}

    @property
    def ids(self) -> list[int]:
        return list(self._seen)

    def learn(self, cards: Iterable[normalised.Carded]) -> None:
        """Take cards that were fetched together with something else."""
        self._seen |= {carded[0]: carded for carded in cards}

    def table(self, record_ids: Sequence[int]) -> RecordTable:
        """Those of these records that are live."""
        missing = [record_id for record_id in record_ids if record_id not in self._seen]
        if missing:
            self.learn(normalised.load_cards(self._connection, missing))
        return build_table(self._seen[record_id] for record_id in record_ids if record_id in self._seen)


@dataclass(frozen=True, slots=True)
class Met:
    """How many pairs share a block, those of them that a link or a review may come of, and the block keys that too many
    have."""

    candidates: int
    pairs: ScoredPairs
    crowded: IntArray


def meet(
    connection: Connection,
    known: Known,
    table: RecordTable,
    model: MatchModel,
    keys: IntArray,
    rows: IntArray,
    due: IntArray,
    database: Database | None,
) -> Met:
    """Compare the records of this table, of which there are some, with each other and with all others whom they meet by
    these block keys, parallel to their rows; the cards of those are known afterwards. Whoever is `due` is met as this
    transaction knows it, or not at all: with a `database`, where nothing else was changed in it, those who are met are
    looked up over another connection."""
    own = table.record_ids[rows]
    parts = [np.flatnonzero(rows // PART == n) for n in range(-(-len(table) // PART))]
    met: list[tuple[IntArray, IntArray]] = []
    found: list[ScoredPairs] = []
    told: list[IntArray] = []

    def compare(some: IntArray, others: IntArray, other_ids: IntArray) -> None:
        met.append(meeting(keys[some], own[some], others, other_ids))
        found.append(_scored(known, model, *met[-1]))

    asked = [keys[part] for part in parts]
    with _carriers(connection, asked, due, database) as answers:
        for part, others in zip(parts, answers, strict=True):
            known.learn(others.cards)
            told.append(others.keys)
            compare(part, others.keys, others.record_ids)
    compare(np.arange(len(keys)), keys, own)
    return Met(sum(len(left) for left, _ in met), engine.joined(found), _crowded(keys, told))


@contextmanager
def _carriers(
    connection: Connection, asked: Sequence[IntArray], apart: IntArray, database: Database | None
) -> Iterator[Iterator[Carriers]]:
    """Who has these keys, part by part: the next are looked up while those before are compared."""

    def looked_up(looking: Connection) -> Generator[Carriers, None, None]:
        for keys in asked:
            yield normalised.carriers(looking, keys, apart, CROWD)

    if len(asked) == 1 or database is None:
        yield looked_up(connection)
        return
    with database.looking_up() as beside, closing(ahead(looked_up(beside))) as answers:
        yield answers


def meeting(keys: IntArray, ids: IntArray, all_keys: IntArray, all_ids: IntArray) -> tuple[IntArray, IntArray]:
    """The distinct pairs (left < right, sorted) of one of some records (parallel columns, by ascending key) with one of
    others that has a key in common with it."""
    first, last = np.searchsorted(keys, all_keys, "left"), np.searchsorted(keys, all_keys, "right")
    counts = last - first
    within = np.arange(counts.sum()) - np.repeat(np.cumsum(counts) - counts, counts)
    one, other = ids[np.repeat(first, counts) + within], np.repeat(all_ids, counts)
    one, other = one[one != other], other[one != other]
    known = distinct(np.concatenate((one, other)))
    left, right = (np.searchsorted(known, ends) for ends in (np.minimum(one, other), np.maximum(one, other)))
    packed = distinct(left << 32 | right)
    return known[packed >> 32], known[packed & 0xFFFFFFFF]


def _crowded(keys: IntArray, told: Sequence[IntArray]) -> IntArray:
    """The keys that more than `CROWD` have: those that were `told` of others, part by part, and the records' own. Who
    carries a key that two parts asked for is told to both."""
    counted, sizes = blocking.count_blocks(keys)
    of_others = np.zeros(len(counted), np.int64)
    for answer in told:
        carried, carriers = blocking.count_blocks(answer)
        of_others[np.searchsorted(counted, carried)] = carriers
    return counted[sizes + of_others > CROWD]


def _scored(known: Known, model: MatchModel, left: IntArray, right: IntArray) -> ScoredPairs:
    """Those of these pairs that a link or a review may come of."""
    if not len(left):
        return engine.joined([])
    table = known.table(distinct(np.concatenate((left, right))).tolist())
    scored = engine.score(table, model, table.row_of(left), table.row_of(right))
    return scored.only(scored.weight >= model.review_weight)
