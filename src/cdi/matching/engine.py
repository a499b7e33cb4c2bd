"""The one way through this room: a table and a model in, scored pairs out, in chunks of bounded memory.

A pair's score depends on its two records and the model alone, never on the table around them: a batch, a single
push and a lookup give the same weight.
"""

import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from typing import Final

import numpy as np

from cdi.matching.blocking import BlockReport, Limits, all_pairs
from cdi.matching.columns import RecordTable
from cdi.matching.comparing.answers import Answers, Comparison, Subject
from cdi.matching.comparisons import VETO_LEVELS, comparisons_of, weights_of
from cdi.matching.model import VETO, MatchModel
from cdi.matching.pairs import FloatArray, IntArray, ScoredPairs, distinct
from cdi.matching.similarity import MANY

__all__ = ["Limits", "MatchResult", "Progress", "match", "score"]

Progress = Callable[[int, int], None]
"""Called with (done, total) candidate pairs."""

RARITY: float = 8.0
"""A rare shared value adds at most this, in nats; beyond it says nothing that its level does not."""
RAREST, COMMONEST = np.exp(-RARITY), np.exp(RARITY)


@dataclass(frozen=True, slots=True)
class MatchResult:
    """`pairs` are worth a link or a review; `households` are probably two persons of one household."""

    pairs: ScoredPairs
    households: ScoredPairs
    candidate_pairs: int
    seconds: dict[str, float]
    blocks: BlockReport


@dataclass(frozen=True, slots=True)
class Terms:
    """What one comparison adds for each pair, against *another person of the household* and *a stranger*."""

    household: FloatArray
    stranger: FloatArray


def terms_of(comparison: Comparison, answers: Answers, model: MatchModel) -> Terms:
    """The two terms of one comparison for each pair."""
    weights = weights_of(model, comparison)
    household = weights.against_household[answers.levels]
    stranger = weights.against_stranger[answers.levels]
    if answers.shares is not None:
        of_household, of_stranger = rarity_terms(comparison, answers, model)
        household += of_household
        stranger += of_stranger
    for name, level in VETO_LEVELS:
        if name == comparison.name:
            vetoed = answers.levels == level
            household[vetoed] = VETO
            stranger[vetoed] = VETO
    return Terms(household, stranger)


def rarity_terms(comparison: Comparison, answers: Answers, model: MatchModel) -> tuple[FloatArray, FloatArray]:
    """What a shared value adds for being rarer (or takes for being more common) than shared values are: against the
    household, and against strangers.

    Strangers share a value by chance alone. In a household a part of the agreement is no chance (a son has his
    father's name), and that part is as likely for a rare name: only the rest counts.
    """
    if answers.shares is None:
        nothing = np.zeros(len(answers.levels))
        return nothing, nothing
    collision = model.frequencies_of(comparison.rarity).collision
    ratio = np.minimum(np.maximum(answers.shares / collision, RAREST), COMMONEST)
    ratio[np.isnan(ratio)] = 1.0
    stranger = -np.log(ratio)
    if not model.has_households:
        return stranger, stranger
    if not comparison.rarity_counts_in_household:
        return np.zeros(len(ratio)), stranger
    by_chance = weights_of(model, comparison).by_chance[answers.levels]
    return -np.log(1 - by_chance + by_chance * ratio), stranger


@dataclass(frozen=True, slots=True)
class Compared:
    """Pairs of rows (`low` < `high`) and what each comparison answered: what scores and evidence are made of."""

    subject: Subject
    low: IntArray
    high: IntArray
    answers: Sequence[tuple[Comparison, Answers]]

    def __len__(self) -> int:
        return len(self.low)

    def at(self, places: IntArray) -> "Compared":
        """Some of these pairs, in this order."""
        answers = [(comparison, answer.only(places)) for comparison, answer in self.answers]
        return Compared(self.subject, self.low[places], self.high[places], answers)

    def scored(self) -> ScoredPairs:
        """Their scores; two organisations are judged by what is known of such pairs."""
        model, table = self.subject.model, self.subject.table
        household, stranger = np.empty(len(self)), np.empty(len(self))
        contradicts = np.zeros(len(self), dtype=bool)
        organisations = (table.kind[self.low] & table.kind[self.high]) == 1
        for chosen, of_kind in ((~organisations, model), (organisations, model.for_organisations)):
            rows = np.flatnonzero(chosen)
            if len(rows):
                of_these = self if len(rows) == len(self) else self.at(rows)
                household[rows], stranger[rows] = of_these._sums(of_kind)
        for comparison, answers in self.answers:
            contradicts |= comparison.opposes[answers.levels]
        weight = -np.logaddexp(-household, -stranger)
        ids = table.record_ids
        return ScoredPairs(ids[self.low], ids[self.high], weight, household, stranger, contradicts)

    def _sums(self, judge: MatchModel) -> tuple[FloatArray, FloatArray]:
        household, stranger = np.full(len(self), judge.prior_household), np.full(len(self), judge.prior_stranger)
        for comparison, answers in self.answers:
            terms = terms_of(comparison, answers, judge)
            household += terms.household
            stranger += terms.stranger
        return household, stranger


def compare(subject: Subject, comparisons: Sequence[Comparison], low: IntArray, high: IntArray) -> Compared:
    """Ask all this of these pairs of rows, `low` < `high`."""
    return Compared(subject, low, high, [(asked, asked.compare(subject, low, high)) for asked in comparisons])


def applicable(table: RecordTable, model: MatchModel) -> tuple[Comparison, ...]:
    """The comparisons of the model that this table has anything for."""
    return tuple(c for c in comparisons_of(model) if c.applies(table))


def score(table: RecordTable, model: MatchModel, left_rows: IntArray, right_rows: IntArray) -> ScoredPairs:
    """Scores of any pairs of rows, whether blocking brings them together or not; sorted by record ids, each once."""
    low, high = np.minimum(left_rows, right_rows), np.maximum(left_rows, right_rows)
    packed = distinct(low.astype(np.int64) << 32 | high.astype(np.int64))
    limits = Limits()
    if len(packed) > MANY:  # for each thread its part, at least
        limits = replace(limits, chunk=min(limits.chunk, -(-len(packed) // limits.threads)))
    return joined(list(_scored_chunks(table, model, packed >> 32, packed & 0xFFFFFFFF, limits)))


def match(
    table: RecordTable,
    model: MatchModel,
    limits: Limits | None = None,
    progress: Progress | None = None,
    candidates: tuple[IntArray, IntArray] | None = None,
) -> MatchResult:
    """Scores of all candidate pairs of a table, of which those at or above the review threshold are kept.

    `candidates` are pairs of rows (left < right) chosen elsewhere, instead of those of our own blocking.
    """
    limits = limits or Limits()
    began = time.perf_counter()
    left, right, report = all_pairs(table, model, limits) if candidates is None else (*candidates, BlockReport())
    blocked = time.perf_counter()
    kept: list[ScoredPairs] = []
    homes: list[ScoredPairs] = []
    done = 0
    for scored in _scored_chunks(table, model, left, right, limits):
        done += len(scored)
        kept.append(scored.only(scored.weight >= model.review_weight))
        if model.has_households:
            homes.append(scored.only(household_probability(scored) >= 0.5))
        if progress:
            progress(done, len(left))
    seconds = {"block": blocked - began, "compare": time.perf_counter() - blocked}
    return MatchResult(joined(kept), joined(homes), len(left), seconds, report)


def _scored_chunks(
    table: RecordTable, model: MatchModel, left: IntArray, right: IntArray, limits: Limits
) -> Iterator[ScoredPairs]:
    """Chunks in order, some of them worked on at once."""
    subject = Subject(table, model)
    comparisons = applicable(table, model)
    starts = range(0, len(left), limits.chunk)

    def work(start: int) -> ScoredPairs:
        stop = start + limits.chunk
        return compare(subject, comparisons, left[start:stop], right[start:stop]).scored()

    if len(starts) < 2 or limits.threads < 2:
        yield from map(work, starts)
        return
    prepare(subject, comparisons, left, right, limits.threads)
    with ThreadPoolExecutor(limits.threads) as pool:
        yield from pool.map(work, starts)


def prepare(
    subject: Subject, comparisons: tuple[Comparison, ...], left: IntArray, right: IntArray, threads: int
) -> None:
    """Looks at some of the pairs, so that what all need of the table is there, made for several comparisons at once."""
    with ThreadPoolExecutor(threads) as pool:
        list(pool.map(lambda comparison: comparison.compare(subject, left[:SOME], right[:SOME]), comparisons))


SOME: Final = 1_000


def household_probability(scored: ScoredPairs) -> FloatArray:
    """How probable is it that the two are different persons of one household?"""
    largest = np.maximum(0, np.maximum(-scored.household, -scored.stranger))
    household = np.exp(-scored.household - largest)
    total = np.exp(-largest) + household + np.exp(-scored.stranger - largest)
    probability: FloatArray = household / total
    return probability


def joined(parts: list[ScoredPairs]) -> ScoredPairs:
    """All pairs of several lists, in their order."""
    if not parts:
        none, zero = np.zeros(0, np.int64), np.zeros(0)
        return ScoredPairs(none, none, zero, zero, zero, np.zeros(0, dtype=bool))
    return ScoredPairs(*(np.concatenate([getattr(part, name) for part in parts]) for name in ScoredPairs.__slots__))
