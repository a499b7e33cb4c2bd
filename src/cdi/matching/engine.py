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
from cdi.matching.comparing.answers import Answers, Comparison, Levels, Subject
from cdi.matching.comparisons import VETO_LEVELS, comparisons_of, weights_of
from cdi.matching.model import VETO, MatchModel
from cdi.matching.pairs import FloatArray, IntArray, ScoredPairs, distinct
from cdi.matching.similarity import MANY, compiled_is_there

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
    """What one comparison adds against *another person of the household* and *a stranger*: by level, and of the pairs
    at these places, which share a value that is rarer or more common than others, what it adds for them."""

    levels: Levels
    household: FloatArray
    stranger: FloatArray
    places: IntArray
    shared_household: FloatArray
    shared_stranger: FloatArray

    def by_pair(self) -> tuple[FloatArray, FloatArray]:
        """Both terms of each pair."""
        household, stranger = self.household[self.levels], self.stranger[self.levels]
        household[self.places], stranger[self.places] = self.shared_household, self.shared_stranger
        return household, stranger

    def add_to(self, household: FloatArray, stranger: FloatArray) -> None:
        """Adds the terms of each pair to its two sums."""
        if compiled_is_there(len(household)):
            from cdi.matching.comparing import loops  # noqa: PLC0415  # loads numba, so only where it pays

            terms = (self.levels, self.household, self.stranger)
            loops.add_terms(household, stranger, *terms, self.places, self.shared_household, self.shared_stranger)
            return
        of_household, of_stranger = self.by_pair()
        household += of_household
        stranger += of_stranger


def terms_of(comparison: Comparison, answers: Answers, model: MatchModel) -> Terms:
    """The two terms of one comparison for each pair."""
    weights = weights_of(model, comparison)
    household, stranger = weights.against_household, weights.against_stranger
    vetoed = [level for name, level in VETO_LEVELS if name == comparison.name]
    if vetoed:
        household, stranger = household.copy(), stranger.copy()
        household[vetoed] = stranger[vetoed] = VETO
    rarity = rarity_of(comparison, answers, model)
    levels = answers.levels[rarity.places]
    shared = (household[levels] + rarity.household, stranger[levels] + rarity.stranger)
    return Terms(answers.levels, household, stranger, rarity.places, *shared)


@dataclass(frozen=True, slots=True)
class Rarity:
    """Of the pairs at these places, which share a value, what it adds for being rarer (or takes for being more common)
    than shared values are: against the household, and against strangers."""

    places: IntArray
    household: FloatArray
    stranger: FloatArray


NOTHING: Final[FloatArray] = np.zeros(0)
NO_RARITY: Final = Rarity(np.zeros(0, np.int64), NOTHING, NOTHING)


def rarity_of(comparison: Comparison, answers: Answers, model: MatchModel) -> Rarity:
    """How much rarer than others are the values that pairs share?

    Strangers share a value by chance alone. In a household a part of the agreement is no chance (a son has his
    father's name), and that part is as likely for a rare name: only the rest counts.
    """
    if answers.shares is None:
        return NO_RARITY
    places = np.flatnonzero(~np.isnan(answers.shares))
    collision = model.frequencies_of(comparison.rarity).collision
    ratio = np.minimum(np.maximum(answers.shares[places] / collision, RAREST), COMMONEST)
    stranger = -np.log(ratio)
    if not model.has_households:
        return Rarity(places, stranger, stranger)
    if not comparison.rarity_counts_in_household:
        return Rarity(places, np.zeros(len(places)), stranger)
    by_chance = weights_of(model, comparison).by_chance[answers.levels[places]]
    return Rarity(places, -np.log(1 - by_chance + by_chance * ratio), stranger)


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
        household, stranger = self._sums(model)
        organisations = np.flatnonzero(table.kind[self.low] & table.kind[self.high] == 1)
        if len(organisations):
            household[organisations], stranger[organisations] = self.at(organisations)._sums(model.for_organisations)
        contradicts = np.zeros(len(self), dtype=bool)
        for comparison, answers in self.answers:
            if comparison.opposes.any():
                contradicts |= comparison.opposes[answers.levels]
        weight = -np.logaddexp(-household, -stranger)
        ids = table.record_ids
        return ScoredPairs(ids[self.low], ids[self.high], weight, household, stranger, contradicts)

    def _sums(self, judge: MatchModel) -> tuple[FloatArray, FloatArray]:
        household, stranger = np.full(len(self), judge.prior_household), np.full(len(self), judge.prior_stranger)
        for comparison, answers in self.answers:
            terms_of(comparison, answers, judge).add_to(household, stranger)
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
            likely = scored.only((scored.household <= NEARLY) & (scored.household <= scored.stranger + NEARLY))
            homes.append(likely.only(household_probability(likely) >= 0.5))
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
    """Looks at some of the pairs, so that what all need of the table is there, made for several comparisons at once;
    once a table, for what another model needs anew is soon made."""

    def look() -> bool:
        with ThreadPoolExecutor(threads) as pool:
            list(pool.map(lambda comparison: comparison.compare(subject, left[:SOME], right[:SOME]), comparisons))
        return True

    subject.table.remembered(f"prepared {[comparison.name for comparison in comparisons]}", look)


SOME: Final = 1_000


NEARLY: Final = 1e-6
"""A household is at least as probable as not only where both other sums are no larger, but for rounding."""


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
