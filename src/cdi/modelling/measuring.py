"""Profiles, golden values and models against labelled truth."""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any, Final
from uuid import UUID

import numpy as np
from sqlalchemy import Connection

from cdi.errors import InvalidInputError
from cdi.matching import blocking, engine
from cdi.matching.chart import points, threshold_chart
from cdi.matching.evaluation import codes_of
from cdi.matching.evaluation import evaluate as measure
from cdi.matching.pairs import IntArray
from cdi.modelling.labels import read_rows, read_truth, truth_by_record
from cdi.modelling.trial import Progress, tried
from cdi.normalise.text import fold
from cdi.pipeline import Installation
from cdi.pipeline.rerun import take_snapshot
from cdi.pipeline.resolving import wanted_model
from cdi.store import profiles

LOWEST: Final = 0.005
"""Below this probability no threshold is drawn."""

COMPARED: Final = {
    "name": ("given_name", "family_name"),
    "birth_date": ("birth_date",),
    "email": ("email",),
    "address": ("street", "house_number", "postal_code", "city"),
}
"""By golden attribute, the columns of the truth that must all be right."""


def evaluate(connection: Connection, truth_file: Path, golden_file: Path | None = None) -> dict[str, Any]:
    """Clusters pairwise and B-cubed against `truth_file` (source,key,entity_id), and golden values against
    `golden_file` (entity_id and true values; `truth_golden.csv` beside the truth when there is one)."""
    truth = read_truth(truth_file)
    placed = {(source, key): profile for source, key, profile in profiles.all_memberships(connection)}
    labelled = [name for name in truth if name in placed]
    if not labelled:
        raise InvalidInputError(f"{truth_file}: none of its records is known here", remedy="Run cdi sync first")
    found = measure(codes_of(placed[name] for name in labelled), codes_of(truth[name] for name in labelled))
    report: dict[str, Any] = {
        "records": found.records,
        "customers": found.customers,
        "profiles": len({placed[name] for name in labelled}),
        "missing_records": len(truth) - len(labelled),
        "pairwise": _measured(found.pairwise),
        "bcubed": _measured(found.bcubed),
    }
    golden_file = golden_file or truth_file.with_name("truth_golden.csv")
    if golden_file.is_file():
        report["golden"] = _golden_report(
            connection, golden_file, {name: (placed[name], truth[name]) for name in labelled}
        )
    return report


def _measured(found: Any) -> dict[str, float]:
    return {**asdict(found), "f1": found.f1}


def _golden_report(
    connection: Connection, path: Path, placed: Mapping[tuple[str, str], tuple[UUID, str]]
) -> dict[str, dict[str, float]]:
    """Of the profiles that have a true value, how many show it. A profile is held against the customer that most
    of its records belong to."""
    true = {row["entity_id"]: row for row in read_rows(path, ("entity_id",))}
    votes: dict[UUID, Counter[str]] = {}
    for profile, entity in placed.values():
        votes.setdefault(profile, Counter())[entity] += 1
    right: Counter[str] = Counter()
    asked: Counter[str] = Counter()
    golden = profiles.load_golden(connection, sorted(votes))
    for profile, entities in votes.items():
        expected = true.get(min(entities, key=lambda entity: (-entities[entity], entity)))
        shown = _shown(golden[profile])
        for attribute, columns in COMPARED.items():
            if expected is None or not any(expected.get(column) for column in columns) or attribute not in shown:
                continue
            asked[attribute] += 1
            right[attribute] += all(
                not expected.get(c) or fold(expected[c]) == fold(shown[attribute].get(c) or "") for c in columns
            )
    return {a: {"profiles": asked[a], "right": right[a] / asked[a]} for a in COMPARED if asked[a]}


def _shown(golden: Mapping[str, Any]) -> dict[str, Mapping[str, Any]]:
    """Golden values under the truth's names; what a profile does not have is left out."""
    shown: dict[str, Mapping[str, Any]] = {}
    if "name" in golden:
        shown["name"] = golden["name"]["value"]
    if "birth_date" in golden:
        shown["birth_date"] = {"birth_date": golden["birth_date"]["value"]}
    if "emails" in golden:
        shown["email"] = {"email": golden["emails"]["value"]["value"]}
    if "addresses" in golden:
        shown["address"] = golden["addresses"]["value"]
    return shown


def compare_models(
    installation: Installation, truth_file: Path, names: Sequence[str], progress: Progress | None = None
) -> dict[str, dict[str, Any]]:
    """Several models on the same labels: what each would make of the records, measured like `evaluate`."""
    report: dict[str, dict[str, Any]] = {}
    for name in names:
        snapshot, outcome = tried(installation, name, progress)
        with installation.database.unit_of_work() as connection:
            truth = truth_by_record(connection, truth_file)
        ids = snapshot.table.record_ids
        label = np.zeros(len(ids), np.int64)
        for first, members in outcome.clusters.items():
            label[snapshot.table.row_of(np.array(sorted(members), np.int64))] = first
        known = np.array([record in truth for record in ids.tolist()])
        entities: IntArray = codes_of(truth[record] for record in ids[known].tolist())
        found = measure(label[known], entities)
        report[name] = {
            "version": outcome.model.version,
            "pairwise": _measured(found.pairwise),
            "bcubed": _measured(found.bcubed),
            "clusters": _measured(found.clusters),
            "intervals": asdict(found.intervals),
        }
    return report


def chart(
    installation: Installation, truth_file: Path, name: str | None = None, progress: Progress | None = None
) -> str:
    """A page with precision, recall and F1 of the links at every threshold, against labelled truth."""
    with installation.database.unit_of_work() as connection:
        model = wanted_model(connection, installation, name)
        truth = truth_by_record(connection, truth_file)
    table = take_snapshot(installation).table
    entity = np.full(len(table.record_ids), -1, np.int64)
    known = np.array([record in truth for record in table.record_ids.tolist()])
    entity[known] = codes_of(truth[record] for record in table.record_ids[known].tolist())
    found = engine.match(table, model.with_thresholds(model.match, LOWEST), progress=_steps(progress)).pairs
    left, right = entity[table.row_of(found.left)], entity[table.row_of(found.right)]
    labelled = (left >= 0) & (right >= 0)
    _, sizes = np.unique(entity[known], return_counts=True)
    measured = points(found.weight[labelled], (left == right)[labelled], blocking.pairs_in(sizes))
    title = f"Thresholds of model {name or installation.deployment.matching.model} ({model.version})"
    return threshold_chart(title, measured, model.match, model.review)


def _steps(progress: Progress | None) -> Callable[[int, int], None] | None:
    return None if progress is None else lambda done, total: progress("compare", done, total)
