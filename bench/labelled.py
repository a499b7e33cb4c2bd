"""What a thousand labels are worth: pairs drawn within four fifths of the true customers, the whole file clustered,
pairs with both ends in the held-back fifth judged, with and without the labels."""

from dataclasses import dataclass
from pathlib import Path
from statistics import mean

import numpy as np

from bench import results
from cdi.dedupe import DedupeRequest, read_records
from cdi.ingest.tables import open_table
from cdi.matching.blocking import Limits, all_pairs
from cdi.matching.columns import RecordTable
from cdi.matching.engine import match, score
from cdi.matching.evaluation import codes_of, pairwise
from cdi.matching.labelled import Label, LabelledPairs
from cdi.matching.labels import learn
from cdi.matching.model import MatchModel
from cdi.matching.pairs import BoolArray, IntArray, ScoredPairs
from cdi.matching.training import start_model, train
from cdi.resolution.clusters import ClusterRules, form_clusters
from cdi.resolution.decisions import Constraints

FILES = {"de_customers_20k": (), "historical_50k_dev": (("birth_place", "text"), ("occupation", "text"))}
"""Files to measure on, and their custom attributes."""

SEEDS = range(5)
LABELS = 1_000
HEAD = ("file", "labels", "F1 without labels", "F1 with labels", "by seed, with labels")
WAYS = {"at random": False, "half of them matches": True}


@dataclass(frozen=True, slots=True)
class _Case:
    table: RecordTable
    model: MatchModel
    truth: IntArray

    def labels(self, held_back: BoolArray, balanced: bool, rng: np.random.Generator) -> LabelledPairs:
        left, right, _ = all_pairs(self.table, self.model, Limits())
        free = np.flatnonzero(~held_back[left] & ~held_back[right])
        same = self.truth[left[free]] == self.truth[right[free]]
        parts = (free[same], free[~same]) if balanced else (free,)
        chosen = np.concatenate([rng.choice(part, LABELS // len(parts), replace=False) for part in parts])
        label = np.where(self.truth[left[chosen]] == self.truth[right[chosen]], Label.SAME, Label.OTHER)
        ids = self.table.record_ids
        return LabelledPairs(ids[left[chosen]], ids[right[chosen]], label.astype(np.int64))

    def f1(self, model: MatchModel, held_back: BoolArray) -> float:
        def scores(left: IntArray, right: IntArray) -> ScoredPairs:
            return score(self.table, model, self.table.row_of(left), self.table.row_of(right))

        found = match(self.table, model)
        rules = ClusterRules(match=model.match_weight, review=model.review_weight)
        clusters = form_clusters(self.table.record_ids, found.pairs, Constraints(), rules, scores)
        return pairwise(clusters.labels[held_back], self.truth[held_back]).measure.f1


def measure(folder: Path, command: str) -> None:
    """All files that are there; a row a file and a way of drawing labels."""
    rows = []
    for name, custom in FILES.items():
        if not (folder / name).is_dir():
            continue
        case = _case(folder / name, custom)
        rows += [[name, f"{LABELS:,} {way}", *_over_seeds(case, balanced)] for way, balanced in WAYS.items()]
    results.write(
        "Accuracy with labels (held-back fifth, mean of five seeds)", command, None, results.table(HEAD, rows)
    )


def _case(folder: Path, custom: tuple[tuple[str, str], ...]) -> _Case:
    records, truth = folder / "records.csv", open_table(folder / "truth.csv")
    entity = {row[0]: row[1] for row in truth.rows()}
    source = open_table(records)
    at = source.columns.index("record_id")
    table = read_records(DedupeRequest(records=records))
    model = train(table, start_model(table, custom), seed=1)
    return _Case(table, model, codes_of([entity[row[at]] for row in source.rows()]))


def _over_seeds(case: _Case, balanced: bool) -> list[str]:
    without, learned = [], []
    customers = np.unique(case.truth)
    for seed in SEEDS:
        rng = np.random.default_rng(seed)
        held_back = np.isin(case.truth, rng.choice(customers, len(customers) // 5, replace=False))
        corrected = learn(case.table, case.model, case.labels(held_back, balanced, rng), seed)
        without.append(case.f1(case.model, held_back))
        learned.append(case.f1(corrected, held_back))
    return [f"{mean(without):.4f}", f"**{mean(learned):.4f}**", ", ".join(f"{f1:.4f}" for f1 in learned)]
