"""Models: trained from the records and from what stewards decided, measured against labelled truth, tried out before
they decide. A model that was trained decides nothing until `cdi.yaml` names it."""

import csv
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final
from uuid import UUID

import numpy as np
from sqlalchemy import Connection

from cdi.clock import utc_now
from cdi.errors import BusyError, ConflictError, InvalidInputError, NotFoundError
from cdi.matching import blocking, engine, training
from cdi.matching.chart import points, threshold_chart
from cdi.matching.columns import RecordTable
from cdi.matching.evaluation import codes_of
from cdi.matching.evaluation import evaluate as measure
from cdi.matching.labelled import Label, LabelledPairs
from cdi.matching.model import MatchModel
from cdi.matching.pairs import IntArray
from cdi.normalise.text import fold
from cdi.pipeline import Installation, resolve
from cdi.pipeline.parts import Outcome, Snapshot
from cdi.pipeline.rerun import compute, take_snapshot
from cdi.pipeline.resolving import wanted_model
from cdi.resolution.decisions import Decision, Verdict
from cdi.store import decisions, models, profiles, records, redo, reruns

Truth = dict[tuple[str, str], str]
"""(source, key) → entity."""

Progress = Callable[[str, int, int], None]

MOST_LABELS: Final = 200_000
"""So many labelled pairs of a truth file are learned from; more teach nothing new and take long."""

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


def read_truth(path: Path) -> Truth:
    """Labels from a CSV with the columns source, key and entity_id; raises InvalidInputError."""
    rows = _read(path, ("source", "key", "entity_id"))
    return {(row["source"], row["key"]): row["entity_id"] for row in rows}


def _read(path: Path, needed: tuple[str, ...]) -> list[dict[str, str]]:
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            rows = list(csv.DictReader(file))
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise InvalidInputError(f"{path} cannot be read: {type(error).__name__}", remedy="Give --truth") from None
    missing = [name for name in needed if not rows or name not in rows[0]]
    if missing:
        raise InvalidInputError(f"{path} has no column {', '.join(missing)}", remedy=f"It needs {', '.join(needed)}")
    return rows


def _golden_report(
    connection: Connection, path: Path, placed: Mapping[tuple[str, str], tuple[UUID, str]]
) -> dict[str, dict[str, float]]:
    """Of the profiles that have a true value, how many show it. A profile is held against the customer that most
    of its records belong to."""
    true = {row["entity_id"]: row for row in _read(path, ("entity_id",))}
    votes: dict[UUID, Counter[str]] = {}
    for profile, entity in placed.values():
        votes.setdefault(profile, Counter())[entity] += 1
    right: Counter[str] = Counter()
    asked: Counter[str] = Counter()
    documents = profiles.load_documents(connection, sorted(votes))
    for profile, entities in votes.items():
        expected = true.get(min(entities, key=lambda entity: (-entities[entity], entity)))
        shown = _shown(documents[profile]["golden"])
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


@dataclass(frozen=True, slots=True)
class Trained:
    """A model version that was trained, and from what."""

    name: str
    version: str
    records: int
    labelled: int
    trained_on: str


def train(
    installation: Installation,
    name: str,
    truth_file: Path | None = None,
    seed: int = 1,
    progress: Progress | None = None,
) -> Trained:
    """A new model version under `name`: by EM from the records, where there are enough of them (else from the model
    in use), corrected by stewards' decisions and by labelled pairs of `truth_file` (source,key,entity_id)."""
    say = progress or (lambda _step, _done, _total: None)
    snapshot = take_snapshot(installation)
    table = snapshot.table
    with installation.database.unit_of_work() as connection:
        start = wanted_model(connection, installation)
        decided = decisions.standing_decisions(connection)
        truth = _truth_by_record(connection, truth_file) if truth_file else {}
    model, origin = start, f"the model {start.version}"
    if training.can_train(table):
        say("train", 0, 1)
        model = training.train(table, start, blocking.Limits(), seed)
        origin = "the records"
    labelled = _joined(_labels_of_decisions(decided, table), _labels_of_truth(truth, table, model, seed))
    if len(labelled):
        from cdi.matching.labels import learn  # noqa: PLC0415  # pandas takes a second, so only here

        say("learn", 0, 1)
        model = learn(table, model, labelled, seed)
        origin += " and labels"
    with installation.database.unit_of_work() as connection:
        models.save_model(connection, name, model, f"trained on {origin}", utc_now())
    return Trained(name, model.version, len(table.record_ids), len(labelled), origin)


def _truth_by_record(connection: Connection, path: Path) -> dict[int, str]:
    truth = read_truth(path)
    return {i: truth[source, key] for source, key, i in records.find_record_ids(connection, list(truth))}


def _labels_of_decisions(decided: Sequence[Decision], table: RecordTable) -> LabelledPairs:
    """Each pair of records across a decision; a later decision on a pair outranks an earlier one."""
    meaning = {Verdict.MATCH: Label.SAME, Verdict.HOUSEHOLD: Label.HOUSEHOLD, Verdict.NO_MATCH: Label.OTHER}
    here = set(table.record_ids.tolist())
    told = {
        (min(a, b), max(a, b)): meaning[decision.verdict]
        for decision in decided
        if decision.verdict in meaning
        for a in decision.left & here
        for b in decision.right & here
        if a != b
    }
    return _labelled([(a, b, label) for (a, b), label in told.items()])


def _labelled(rows: Sequence[tuple[int, int, int]]) -> LabelledPairs:
    columns = np.array(rows, dtype=np.int64).reshape(-1, 3)
    return LabelledPairs(columns[:, 0], columns[:, 1], columns[:, 2])


def _labels_of_truth(truth: Mapping[int, str], table: RecordTable, model: MatchModel, seed: int) -> LabelledPairs:
    """Of the candidate pairs between labelled records, a sample."""
    if not truth:
        return _labelled([])
    entity = np.full(len(table.record_ids), -1, np.int64)
    known = [record for record in truth if record in set(table.record_ids.tolist())]
    entity[table.row_of(np.array(sorted(known), np.int64))] = codes_of(truth[record] for record in sorted(known))
    left, right, _ = blocking.all_pairs(table, model, blocking.Limits())
    usable = np.flatnonzero((entity[left] >= 0) & (entity[right] >= 0))
    chosen = np.random.default_rng(seed).permutation(usable)[:MOST_LABELS]
    left, right = left[chosen], right[chosen]
    label = np.where(entity[left] == entity[right], Label.SAME, Label.OTHER).astype(np.int64)
    return LabelledPairs(table.record_ids[left], table.record_ids[right], label)


def _joined(first: LabelledPairs, second: LabelledPairs) -> LabelledPairs:
    """Both, each pair once; of two labels the first counts, because a person gave it."""
    left, right, label = (
        np.concatenate(columns)
        for columns in ((first.left, second.left), (first.right, second.right), (first.label, second.label))
    )
    _, where = np.unique(np.column_stack((left, right)), axis=0, return_index=True)
    where = np.sort(where)
    return LabelledPairs(left[where], right[where], label[where])


@dataclass(frozen=True, slots=True)
class Merge:
    """Profiles that would become one."""

    profiles: tuple[UUID, ...]


@dataclass(frozen=True, slots=True)
class Split:
    """A profile whose records would part: into how many, and which (source, key) would go together."""

    profile: UUID
    parts: tuple[tuple[tuple[str, str], ...], ...]


@dataclass(frozen=True, slots=True)
class Simulation:
    """What applying a model would make different: exactly these merges and splits, and how many profiles stay."""

    model: str
    merges: tuple[Merge, ...]
    splits: tuple[Split, ...]
    unchanged: int
    profiles: int

    def as_dict(self, samples: int = 20) -> dict[str, Any]:
        """Counts, and some of each."""
        return {
            "model": self.model,
            "merges": len(self.merges),
            "splits": len(self.splits),
            "unchanged": self.unchanged,
            "profiles": self.profiles,
            "samples": {
                "merges": [list(map(str, merge.profiles)) for merge in self.merges[:samples]],
                "splits": [
                    {"profile": str(s.profile), "parts": [[f"{a}:{b}" for a, b in part] for part in s.parts]}
                    for s in self.splits[:samples]
                ],
            },
        }


def simulate(installation: Installation, name: str | None = None, progress: Progress | None = None) -> Simulation:
    """What the model of this name (None: the one that cdi.yaml names) would merge, split and leave, with the
    thresholds of cdi.yaml, before it is applied. Nothing is written. Raises ConflictError while records are due."""
    snapshot, outcome = _tried(installation, name, progress)
    with installation.database.unit_of_work() as connection:
        ids = snapshot.table.record_ids.tolist()
        homes = profiles.load_memberships(connection, ids)
        parts = _parts_of_profiles(outcome, homes)
        splits = {profile: labels for profile, labels in parts.items() if len(labels) > 1}
        named = [record for labels in splits.values() for label in labels for record in outcome.clusters[label]]
        current = records.load_current(connection, named)
    merges = []
    for members in outcome.clusters.values():
        joined = tuple(sorted({homes[record] for record in members}))
        if len(joined) > 1:
            merges.append(Merge(joined))
    told = tuple(
        Split(
            profile,
            tuple(
                tuple(
                    (current[r].source, current[r].key) for r in sorted(outcome.clusters[label]) if homes[r] == profile
                )
                for label in sorted(labels)
            ),
        )
        for profile, labels in sorted(splits.items())
    )
    moved = {profile for merge in merges for profile in merge.profiles} | set(splits)
    return Simulation(outcome.model.version, tuple(merges), told, len(parts) - len(moved), len(outcome.clusters))


def _tried(installation: Installation, name: str | None, progress: Progress | None) -> tuple[Snapshot, Outcome]:
    with installation.database.unit_of_work() as connection:
        waiting, _ = redo.backlog(connection)
        if waiting:
            raise ConflictError(f"{waiting} records wait to be resolved", remedy="Run cdi resolve first")
        model = wanted_model(connection, installation, name)
    snapshot = take_snapshot(installation)
    return snapshot, compute(installation, snapshot, model, progress or (lambda _step, _done, _total: None))


def _parts_of_profiles(outcome: Outcome, homes: Mapping[int, UUID]) -> dict[UUID, set[int]]:
    parts: dict[UUID, set[int]] = {}
    for label, members in outcome.clusters.items():
        for record in members:
            parts.setdefault(homes[record], set()).add(label)
    return parts


def apply_model(installation: Installation, progress: Progress | None = None) -> dict[str, Any]:
    """Apply the model that cdi.yaml names, to its end, while others push and read; `simulate` shows before what comes
    of it. Safe to kill: the next call goes on.

    Raises ConflictError where it is paused, BusyError where another process is at it.
    """
    with installation.database.unit_of_work() as connection:
        begun = reruns.status(connection)
    if begun is not None and begun["state"] == "paused":
        raise ConflictError("it is paused", remedy="cdi model resume lets it go on")
    if begun is not None and begun["state"] == "running":
        raise BusyError("another process is applying it", remedy="cdi model show says how far it is")
    resolved = resolve(installation, progress=progress)
    return {
        "records": resolved.records,
        "profiles_written": resolved.profiles_written,
        "feed_events": resolved.events,
        "model": show(installation)["model"],
    }


def pause(installation: Installation) -> dict[str, Any]:
    """Let the run over everything wait. Raises NotFoundError when there is none."""
    with installation.database.unit_of_work() as connection:
        return _told(connection, reruns.pause(connection, utc_now()))


def go_on(installation: Installation) -> dict[str, Any]:
    """Let a paused run go on. Raises NotFoundError when there is none."""
    with installation.database.unit_of_work() as connection:
        return _told(connection, reruns.go_on(connection))


def show(installation: Installation) -> dict[str, Any]:
    """The version that decides, the name in cdi.yaml, and how far a run over everything is."""
    with installation.database.unit_of_work() as connection:
        return {
            "model": models.active_version(connection),
            "named": installation.deployment.matching.model,
            "rerun": reruns.status(connection),
        }


def _told(connection: Connection, found: bool) -> dict[str, Any]:
    told = reruns.status(connection)
    if not found or told is None:
        raise NotFoundError("there is no run over everything", remedy="cdi model show says which model decides")
    return told


def compare_models(
    installation: Installation, truth_file: Path, names: Sequence[str], progress: Progress | None = None
) -> dict[str, dict[str, Any]]:
    """Several models on the same labels: what each would make of the records, measured like `evaluate`."""
    report: dict[str, dict[str, Any]] = {}
    for name in names:
        snapshot, outcome = _tried(installation, name, progress)
        with installation.database.unit_of_work() as connection:
            truth = _truth_by_record(connection, truth_file)
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
        truth = _truth_by_record(connection, truth_file)
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
