"""Labels correct what was learned without them, and no more than they can prove.

Two logistic regressions of the Record Linkage Toolkit look at the labelled pairs: one tells the same person from
another person of the household, one from a stranger. Their features are the model's own sum and one indicator a
level; the coefficients become additions to the levels' weights, so that evidence stays a sum. They are held back
twice: by a penalty on every addition, and by pairs of which the model was exactly right. How far to go is decided on
labels that were left out; where nothing is gained there, the model stays as it is.

Labelled pairs may have been chosen by their answer, say as many matches as others. When there are far more (or far
fewer) matches among them than among the candidate pairs, labels say which evidence counts and the records say how
many matches there are: the prior is set to give the candidate pairs as many as before.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, Final

import numpy as np
import pandas as pd

from cdi.errors import InvalidInputError
from cdi.matching.blocking import Limits, all_pairs
from cdi.matching.bridge import NAMES, level_indicators, scores_in_order
from cdi.matching.columns import RecordTable
from cdi.matching.comparisons import comparisons_of, weights_of
from cdi.matching.engine import score
from cdi.matching.labelled import Label, LabelledPairs
from cdi.matching.model import KindWeights, LevelWeights, MatchModel, probability_of
from cdi.matching.pairs import BoolArray, FloatArray, IntArray

MIN_LABELS: Final = 20
"""So many pairs of the same customer, and so many others, are needed before anything is learned."""
PENALTIES: Final = (0.3, 0.03)
"""How freely additions may grow (the inverse strength of the penalty); tried on labels that were left out."""
FOLDS: Final = 5
SUM_SCALE: Final = 10.0
"""The model's own sum enters ten times as large, so that the penalty does not hold back its coefficient."""
LARGEST_SUM: Final = 15.0
PSEUDO_SUMS: Final[FloatArray] = np.arange(-6.0, 6.5, 0.5)
ANCHORS: Final = 100_000
"""Of so many candidate pairs at most the expected matches are counted."""
MOST_ODDS: Final = 2.0
"""The odds of a match among labels and among candidates may differ by this factor because the model is wrong; beyond,
the labels were chosen by their answer."""
PSEUDO_PAIRS: Final = 20
"""At each of these sums, so many pairs of which the model was exactly right."""


def learn(table: RecordTable, model: MatchModel, labelled: LabelledPairs, seed: int = 0) -> MatchModel:
    """The model corrected by labelled pairs of this table's records; persons and organisations each by their own.

    Thresholds, frequencies and all that is not a level's weight stay. After learning, a level's m, h and u are
    what gives its two weights, no longer exactly shares. Raises InvalidInputError for too few labels.
    """
    left, right = table.row_of(labelled.left), table.row_of(labelled.right)
    organisations = (table.kind[left] == 1) & (table.kind[right] == 1)
    told: dict[str, Any] = {"made_by": "labels", "start": model.version, "start_provenance": dict(model.provenance)}
    corrected = model
    for name, chosen in (("persons", ~organisations), ("organisations", organisations)):
        part = LabelledPairs(labelled.left[chosen], labelled.right[chosen], labelled.label[chosen])
        if _enough(part):
            corrected, told[name] = _corrected(table, model, corrected, part, name == "organisations", seed)
    if not {"persons", "organisations"} & set(told):
        same = int((labelled.label == Label.SAME).sum())
        raise InvalidInputError(
            f"{same} labels of the same customer and {len(labelled) - same} of others are too few",
            remedy=f"Label at least {MIN_LABELS} pairs of each",
        )
    return replace(corrected, provenance=told, seed=seed)


def _enough(labelled: LabelledPairs) -> bool:
    same = int((labelled.label == Label.SAME).sum())
    return min(same, len(labelled) - same) >= MIN_LABELS


def _corrected(
    table: RecordTable, model: MatchModel, into: MatchModel, labelled: LabelledPairs, organisations: bool, seed: int
) -> tuple[MatchModel, dict[str, Any]]:
    """`into` with the weights of one kind of customer corrected, and how that was done."""
    judge = model.for_organisations if organisations else model
    data = _Data.of(table, model, judge, labelled)
    candidates = _Candidates.of(table, model, organisations, seed)
    weight = _weight_of_answers(data.same, candidates.expected)
    unchanged = _left_out_losses(replace(data, levels=data.levels.iloc[:, :0]), PENALTIES[0], seed)
    losses = {penalty: _left_out_losses(data, penalty, seed) for penalty in PENALTIES}
    best = _most_cautious({penalty: loss * weight for penalty, loss in losses.items()})
    gain = (unchanged - losses[best]) * weight
    told: dict[str, Any] = {
        "labels": {label.name.lower(): int((data.label == label).sum()) for label in Label if label is not Label.OTHER},
        "loss_before": round(float((unchanged * weight).mean()), 5),
        "loss_after": round(float((losses[best] * weight).mean()), 5),
        "penalty": best,
        "chosen_by_answer": bool(weight.max() > 1),
    }
    if gain.mean() <= _chance(gain):
        return into, told | {"changed": False}
    everyone = np.ones(len(labelled), dtype=bool)
    against_household = _fit(data, Label.HOUSEHOLD, everyone, best)
    against_stranger = _fit(data, Label.STRANGER, everyone, best)
    kind = _rewritten(judge, against_household, against_stranger)
    if weight.max() > 1:
        kind = _anchored(table, judge, kind, candidates)
    told |= {"changed": True, "slopes": [round(against_household.slope, 3), round(against_stranger.slope, 3)]}
    if organisations and model.organisations is not None:
        return replace(into, organisations=kind), told
    return replace(
        into, weights=kind.weights, lambda_match=kind.lambda_match, lambda_household=kind.lambda_household
    ), told


@dataclass(frozen=True, slots=True)
class _Data:
    """Labelled pairs as the regressions see them: the model's two sums, indicators of levels, and labels that are
    never OTHER."""

    household: FloatArray
    stranger: FloatArray
    levels: pd.DataFrame
    label: IntArray

    @property
    def same(self) -> BoolArray:
        same: BoolArray = self.label == Label.SAME
        return same

    @classmethod
    def of(cls, table: RecordTable, model: MatchModel, judge: MatchModel, labelled: LabelledPairs) -> "_Data":
        pairs = pd.MultiIndex.from_arrays([labelled.left, labelled.right], names=NAMES)
        scored = scores_in_order(table, model, pairs)
        of_household = (scored.stranger > scored.household) & judge.has_households
        guess = np.where(of_household, Label.HOUSEHOLD, Label.STRANGER)
        label = np.where(labelled.label == Label.OTHER, guess, labelled.label)
        if not judge.has_households:
            label = np.where(label == Label.HOUSEHOLD, Label.STRANGER, label)
        levels = level_indicators(table, judge, pairs)
        learned = {comparison.name for comparison in comparisons_of(judge) if comparison.learned}
        levels = levels.loc[:, [column for column in levels.columns if column[0] in learned]]
        household, stranger = (np.clip(s, -LARGEST_SUM, LARGEST_SUM) for s in (scored.household, scored.stranger))
        return cls(household, stranger, levels.loc[:, levels.any()], label.astype(np.int64))


@dataclass(frozen=True, slots=True)
class _Correction:
    """A sum becomes slope * sum + intercept + the additions of its levels."""

    slope: float
    intercept: float
    additions: Mapping[tuple[str, ...], float]

    def applied(self, sums: FloatArray, levels: pd.DataFrame) -> FloatArray:
        additions = np.array([self.additions.get(tuple(column), 0.0) for column in levels.columns.tolist()])
        applied: FloatArray = self.slope * sums + self.intercept + levels.to_numpy(dtype=np.float64) @ additions
        return applied


NO_CORRECTION: Final = _Correction(1.0, 0.0, {})


def _fit(data: _Data, against: Label, chosen: BoolArray, penalty: float) -> _Correction:
    """What tells the same customer from `against`, of the chosen pairs."""
    from recordlinkage import LogisticRegressionClassifier  # noqa: PLC0415  # takes 2 s and 170 MB, so only here

    rows = chosen & (data.same | (data.label == against))
    same = data.same[rows]
    if min(same.sum(), (~same).sum()) < MIN_LABELS // 2:
        return NO_CORRECTION
    sums = (data.household if against is Label.HOUSEHOLD else data.stranger)[rows]
    pseudo_sums, pseudo_same = _pseudo_pairs()
    features = np.zeros((len(sums) + len(pseudo_sums), 1 + data.levels.shape[1]))
    features[:, 0] = np.concatenate((sums, pseudo_sums)) * SUM_SCALE
    features[: len(sums), 1:] = data.levels.to_numpy()[rows]
    number = pd.RangeIndex(len(features))
    index = pd.MultiIndex.from_arrays([number, number], names=NAMES)
    vectors = pd.DataFrame(features, index=index)
    classifier = LogisticRegressionClassifier(C=penalty, max_iter=2_000)
    classifier.fit(vectors, index[np.concatenate((same, pseudo_same))])
    coefficients = np.asarray(classifier.coefficients, dtype=np.float64)
    columns = list(map(tuple, data.levels.columns.tolist()))
    additions = dict(zip(columns, coefficients[1:].tolist(), strict=True))
    return _Correction(float(coefficients[0] * SUM_SCALE), float(classifier.intercept), additions)


def _most_cautious(losses: Mapping[float, FloatArray]) -> float:
    """The strongest penalty that does not do worse than the best one by more than chance: the rule of one standard
    error (Breiman, Friedman, Olshen and Stone, Classification and Regression Trees, 1984)."""
    best = min(losses, key=lambda penalty: float(losses[penalty].mean()))
    as_good = [p for p, loss in losses.items() if (loss - losses[best]).mean() <= _chance(loss - losses[best])]
    return min(as_good)


def _chance(differences: FloatArray) -> float:
    """What chance alone does to their mean: its standard error."""
    return float(differences.std() / len(differences) ** 0.5)


def _pseudo_pairs() -> tuple[FloatArray, BoolArray]:
    """Sums without levels, and labels as often right as these sums say."""
    same = [np.arange(PSEUDO_PAIRS) < round(PSEUDO_PAIRS / (1 + np.exp(-value))) for value in PSEUDO_SUMS]
    return np.repeat(PSEUDO_SUMS, PSEUDO_PAIRS), np.concatenate(same)


def _left_out_losses(data: _Data, penalty: float, seed: int) -> FloatArray:
    """By pair, the loss of a correction that has not seen it."""
    fold = np.random.default_rng(seed).permutation(len(data.label)) % FOLDS
    losses = np.zeros(len(fold))
    for number in range(FOLDS):
        out = fold == number
        household = _fit(data, Label.HOUSEHOLD, ~out, penalty).applied(data.household[out], data.levels[out])
        stranger = _fit(data, Label.STRANGER, ~out, penalty).applied(data.stranger[out], data.levels[out])
        losses[out] = _losses(household, stranger, data.same[out])
    return losses


def _losses(household: FloatArray, stranger: FloatArray, same: BoolArray) -> FloatArray:
    """By pair, minus the logarithm of the probability that the two sums give to what is true."""
    weight = -np.logaddexp(-household, -stranger)
    losses: FloatArray = np.logaddexp(0, np.where(same, -weight, weight))
    return losses


@dataclass(frozen=True, slots=True)
class _Candidates:
    """Some candidate pairs of one kind of customer, as rows, and their weights under the model that is corrected."""

    left: IntArray
    right: IntArray
    weight: FloatArray

    @property
    def expected(self) -> float:
        """The share of them that the model takes for one customer."""
        return float(probability_of(self.weight).mean()) if len(self.weight) else 0.5

    @classmethod
    def of(cls, table: RecordTable, model: MatchModel, organisations: bool, seed: int) -> "_Candidates":
        left, right, _ = all_pairs(table, model, Limits())
        of_kind = ((table.kind[left] == 1) & (table.kind[right] == 1)) == organisations
        chosen = np.flatnonzero(of_kind)
        chosen = np.random.default_rng(seed).choice(chosen, min(len(chosen), ANCHORS), replace=False)
        left, right = left[np.sort(chosen)], right[np.sort(chosen)]
        return cls(left, right, score(table, model, left, right).weight)


def _weight_of_answers(same: BoolArray, expected: float) -> FloatArray:
    """By label, how many of its kind it stands for: 1 where matches are about as many as expected, else what makes
    them so."""
    share = float(same.mean())
    ratio = (share / (1 - share)) / max(expected / (1 - expected), 1e-9)
    if 1 / MOST_ODDS <= ratio <= MOST_ODDS:
        return np.ones(len(same))
    weights: FloatArray = np.where(same, expected / share, (1 - expected) / (1 - share))
    return weights


def _anchored(table: RecordTable, judge: MatchModel, kind: KindWeights, candidates: _Candidates) -> KindWeights:
    """The same weights with the prior that gives the candidate pairs as many matches as before."""
    changed = replace(
        judge,
        weights=kind.weights,
        lambda_match=kind.lambda_match,
        lambda_household=kind.lambda_household,
        organisations=None,
    )
    shift = _shift_to_equal(candidates.weight, score(table, changed, candidates.left, candidates.right).weight)
    others = (1 / kind.lambda_match - 1) * math.exp(-shift)
    match = 1 / (1 + others)
    household = kind.lambda_household / kind.lambda_match * math.exp(-shift)
    return KindWeights(kind.weights, match, match * household)


def _shift_to_equal(before: FloatArray, after: FloatArray) -> float:
    """What to add to `after` so that as many pairs are expected to match as in `before`."""
    wanted, low, high = float(probability_of(before).sum()), -20.0, 20.0
    for _ in range(60):
        middle = (low + high) / 2
        low, high = (middle, high) if probability_of(after + middle).sum() < wanted else (low, middle)
    return (low + high) / 2


def _rewritten(judge: MatchModel, household: _Correction, stranger: _Correction) -> KindWeights:
    """The corrections as a model: m stays, h and u give the new weights, the priors move."""
    weights: dict[str, LevelWeights] = dict(judge.weights)
    for comparison in comparisons_of(judge):
        if not comparison.learned:
            continue
        old = weights_of(judge, comparison)
        keys = [(comparison.name, level) for level in old.levels]
        to_stranger = stranger.slope * old.against_stranger + [stranger.additions.get(key, 0.0) for key in keys]
        to_household = household.slope * old.against_household + [household.additions.get(key, 0.0) for key in keys]
        u = old.m * np.exp(-to_stranger)
        h = old.m * np.exp(-to_household) if judge.has_households else u
        weights[comparison.name] = LevelWeights(old.levels, old.m, h, u)
    prior_stranger = stranger.slope * judge.prior_stranger + stranger.intercept
    per_stranger = np.exp(-prior_stranger)
    per_household = 0.0
    if judge.has_households:
        per_household = np.exp(-(household.slope * judge.prior_household + household.intercept))
    match = float(1 / (1 + per_stranger + per_household))
    return KindWeights(weights, match, match * float(per_household))
