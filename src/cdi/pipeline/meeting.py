"""Records meet those with whom they share a block, and are compared with them: part by part, so that the server looks
for the next ones while those before are compared."""

from collections.abc import Generator, Iterable, Iterator, Sequence
from contextlib import AbstractContextManager, closing, contextmanager
from dataclasses import dataclass, replace
from typing import Final

import numpy as np
from sqlalchemy import Connection

from cdi.ingest.ahead import ahead
from cdi.matching import blocking, engine
from cdi.matching.columns import RecordTable
from cdi.matching.model import MatchModel, contained
from cdi.matching.pairs import IntArray, ScoredPairs, distinct
from cdi.pipeline.drift import CROWD
from cdi.pipeline.tables import build_table
from cdi.store import normalised
from cdi.store.normalised import Carriers

PART: Final = 200
"""So many records ask together whom they meet."""


class Known:
    """The cards that a batch has seen so far; what is asked for besides is fetched, once."""

    def __init__(self, connection: Connection, present: Iterable[normalised.Carded]) -> None:
        self._connection = connection
        self._seen = {carded[0]: carded for carded in present}

    @property
    def ids(self) -> list[int]:
        return list(self._seen)

    def cards(self, record_ids: Iterable[int]) -> list[normalised.Carded]:
        """Those of these records that were seen."""
        return [self._seen[record_id] for record_id in record_ids if record_id in self._seen]

    def learn(self, cards: Iterable[normalised.Carded]) -> None:
        """Take cards that were fetched together with something else."""
        self._seen |= {carded[0]: carded for carded in cards}

    def table(self, record_ids: Sequence[int]) -> RecordTable:
        """Those of these records that are live."""
        missing = [record_id for record_id in record_ids if record_id not in self._seen]
        if missing:
            self.learn(normalised.load_cards(self._connection, missing))
        return build_table(self.cards(record_ids))


@dataclass(frozen=True, slots=True)
class Met:
    """How many pairs share a block, those of them that a link or a review may come of, and the block keys that too many
    have."""

    candidates: int
    pairs: ScoredPairs
    crowded: IntArray


@dataclass(frozen=True, slots=True)
class Before:
    """Whom some records met before the resolver's lock was held, the cards that were seen, and the mark after which
    records were normalised later."""

    mark: int
    known: Known
    met: Met


@dataclass(frozen=True, slots=True)
class Asking:
    """The records of a table under a model, with their block keys and, parallel to these, their rows; and over which
    connection others are asked for, whose cards are known afterwards."""

    connection: Connection
    known: Known
    table: RecordTable
    model: MatchModel
    keys: IntArray
    rows: IntArray


def meet(
    asking: Asking,
    due: IntArray,
    beside: AbstractContextManager[Connection] | None,
    only: IntArray | None = None,
) -> Met:
    """Compare the records that ask, of which there are some, with each other and with all others whom they meet by
    their block keys. Whoever is `due` is met as this transaction knows it, or not at all: those who are met may be
    looked up over another connection `beside` this one, if nothing else was changed in it. `only`: pairs of these
    rows (ascending) alone, with whomever."""
    known, table, keys, rows = asking.known, asking.table, asking.keys, asking.rows
    own = table.record_ids[rows]
    parts = list(_parts(rows, np.arange(len(table)) if only is None else only))
    met: list[tuple[IntArray, IntArray]] = []
    found: list[ScoredPairs] = []
    told: list[IntArray] = []

    def compare(left: IntArray, right: IntArray) -> None:
        met.append((left, right))
        found.append(_scored(known, asking.model, left, right))

    asked = [keys[part] for part in parts]
    with _carriers(asking.connection, asked, due, beside) as answers:
        for part, others in zip(parts, answers, strict=True):
            known.learn(others.cards)
            told.append(others.keys)
            compare(*meeting(keys[part], own[part], others.keys, others.record_ids))
    left, right = meeting(keys, own, keys, own)
    if only is not None:
        ids = table.record_ids[only]
        wanted = contained(left, ids) | contained(right, ids)
        left, right = left[wanted], right[wanted]
    compare(left, right)
    return Met(sum(len(left) for left, _ in met), engine.joined(found), _crowded(keys, told))


def _parts(rows: IntArray, only: IntArray) -> Iterator[IntArray]:
    """The places of these rows, some rows at a time."""
    for start in range(0, len(only), PART):
        yield np.flatnonzero(contained(rows, only[start : start + PART]))


@contextmanager
def _carriers(
    connection: Connection,
    asked: Sequence[IntArray],
    apart: IntArray,
    beside: AbstractContextManager[Connection] | None,
) -> Iterator[Iterator[Carriers]]:
    """Who has these keys, part by part: the next are looked up while those before are compared."""

    def looked_up(looking: Connection) -> Generator[Carriers, None, None]:
        for keys in asked:
            yield normalised.carriers(looking, keys, apart, CROWD)

    if len(asked) == 1 or beside is None:
        yield looked_up(connection)
        return
    with beside as looking, closing(ahead(looked_up(looking))) as answers:
        yield answers


def meet_late(asking: Asking, before: Before, moved: Sequence[int]) -> Met:
    """Whom the records that ask meet now: whom they met `before`, without those who ended since, and those who
    `moved` since, as they are now."""
    connection, known, met = asking.connection, asking.known, before.met
    own = asking.table.record_ids
    others = np.setdiff1d(np.concatenate((met.pairs.left, met.pairs.right)), own)
    same = np.setdiff1d(normalised.kept_among(connection, others.tolist()), moved)
    known.learn(before.known.cards(same.tolist()))
    standing = np.union1d(own, same)
    found = met.pairs.only(contained(met.pairs.left, standing) & contained(met.pairs.right, standing))
    if not moved:
        return replace(met, pairs=found)
    movers = normalised.carriers_among(connection, asking.keys, moved)
    known.learn(movers.cards)
    left, right = meeting(asking.keys, own[asking.rows], movers.keys, movers.record_ids)
    later = _scored(known, asking.model, left, right)
    return replace(met, candidates=met.candidates + len(left), pairs=engine.joined([found, later]))


def meet_anew(asking: Asking, due: IntArray, met: Met, differing: IntArray) -> Met:
    """Whom the records that ask meet, of which only these rows have other block keys than when they `met`."""
    if not len(differing):
        return met
    again = meet(asking, due, None, differing)
    ids = asking.table.record_ids[differing]
    same = met.pairs.only(~contained(met.pairs.left, ids) & ~contained(met.pairs.right, ids))
    crowded = np.union1d(again.crowded, met.crowded[contained(met.crowded, distinct(asking.keys))])
    return Met(met.candidates + again.candidates, engine.joined([same, again.pairs]), crowded)


def differing_rows(one: tuple[IntArray, IntArray], other: tuple[IntArray, IntArray]) -> IntArray:
    """The rows that have other block keys in one of these (keys, rows) than in the other."""
    keys, rows = np.concatenate((one[0], other[0])), np.concatenate((one[1], other[1]))
    order = np.lexsort((rows, keys))
    keys, rows = keys[order], rows[order]
    twice = (keys[1:] == keys[:-1]) & (rows[1:] == rows[:-1])
    both = np.append(twice, False) | np.insert(twice, 0, False)
    return distinct(rows[~both])


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
