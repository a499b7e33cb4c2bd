"""Studies: what a model would make different at every threshold, worked out once by a worker and looked at afterwards
as often as anybody likes. Nothing that decides is written, and a study holds ids and figures only."""

from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, Final
from uuid import UUID

import numpy as np
from sqlalchemy import Connection

from cdi.access import Visibility, mask
from cdi.clock import utc_now
from cdi.errors import ConfigurationError, NotFoundError
from cdi.fields import FieldGroup
from cdi.matching import blocking, engine
from cdi.matching.chart import ThresholdPoint, points
from cdi.matching.columns import RecordTable
from cdi.matching.evaluation import codes_of
from cdi.matching.labelled import Label
from cdi.matching.model import MatchModel
from cdi.matching.pairs import IntArray
from cdi.matching.similarity import hash_texts
from cdi.matching.training import shared_in
from cdi.modelling.labels import labels_of_decisions, truth_by_record
from cdi.modelling.left_out import count_left_out
from cdi.modelling.trial import Progress
from cdi.pipeline import Installation
from cdi.pipeline.comparing import normal_forms
from cdi.pipeline.parts import Outcome, Snapshot, labels_of
from cdi.pipeline.rerun import compute_each, take_snapshot
from cdi.pipeline.resolving import wanted_model
from cdi.store import decisions, models, profiles, records, redo, studies
from cdi.store.studies import Study

STOPS: Final = tuple(round(step / 100, 2) for step in range(5, 100, 5))
"""The probabilities at which a study says what linking from there would change."""
SAMPLES: Final = 6
SHARED_SHOWN: Final = 20
TRUTH: Final = "truth.csv"


def ask(installation: Installation, connection: Connection, name: str, author: str, now: datetime) -> None:
    """Have a model of this name studied by the next free worker. Raises ConfigurationError when there is none."""
    wanted_model(connection, installation, name)
    studies.ask(connection, name, author, now)


def waits(connection: Connection, now: datetime) -> bool:
    """Whether a study is to be worked out now: what is due is resolved first, so that it speaks of all records."""
    return studies.oldest_waiting(connection) is not None and not redo.waits(connection, now)


def work_out(installation: Installation, progress: Progress) -> str | None:
    """Work out the study that waits longest; says what came of it. Killed, it is begun again."""
    with installation.database.unit_of_work() as connection:
        study = studies.oldest_waiting(connection)
        if study is None:
            return None
        try:
            model = wanted_model(connection, installation, study.model)
        except ConfigurationError:
            studies.withdraw(connection, study.id)
            return f"there is no model {study.model} any more"

    def say(step: str, done: int, total: int) -> None:
        with installation.database.unit_of_work() as connection:
            studies.tell(connection, study.id, step, done, total)
        progress(step, done, total)

    found = _studied(installation, model, say)
    with installation.database.unit_of_work() as connection:
        studies.finish(connection, study.id, model.version, found, utc_now())
    return f"model {study.model}, version {model.version}"


def _studied(installation: Installation, model: MatchModel, say: Progress) -> dict[str, Any]:
    say("read", 0, 0)
    snapshot = take_snapshot(installation)
    stops = sorted({*STOPS, model.match})
    thresholds = [(stop, min(stop, model.review)) for stop in stops]
    told: list[dict[str, Any]] = []
    lowest: Outcome | None = None
    for outcome in compute_each(installation, snapshot, model, thresholds, say):
        told.append(_stop(installation, snapshot, outcome))
        lowest = lowest or outcome
    assert lowest is not None
    return {
        "records": len(snapshot.table),
        "candidate_pairs": lowest.candidate_pairs,
        "match": model.match,
        "review": model.review,
        "stops": told,
        "measured": _measured(installation, snapshot.table, lowest),
        "shared": [asdict(value) for value in shared_in(snapshot.table, lowest.model)[:SHARED_SHOWN]],
        "shared_count": len(lowest.model.shared),
        "refused_count": len(lowest.model.refused),
        "left_out": count_left_out(installation, snapshot.table.record_ids.tolist(), SHARED_SHOWN, say),
    }


def _stop(installation: Installation, snapshot: Snapshot, outcome: Outcome) -> dict[str, Any]:
    """What linking from one probability changes: exactly, and some of it."""
    label, home = labels_of(snapshot, outcome), snapshot.home
    met = np.unique(np.column_stack((label, home)), axis=0)
    clusters, homes_of = np.unique(met[:, 0], return_counts=True)
    homes, clusters_of = np.unique(met[:, 1], return_counts=True)
    merged, split = clusters[homes_of > 1], homes[clusters_of > 1]
    moved = np.union1d(met[np.isin(met[:, 0], merged), 1], split)
    some_merged = [met[met[:, 0] == one, 1] for one in _spread(merged)]
    some_split = [(one, _parts(snapshot, label, one)) for one in _spread(split)]
    with installation.database.unit_of_work() as connection:
        asked = [int(one) for group in some_merged for one in group] + [int(one) for one, _ in some_split]
        named = profiles.load_memberships(connection, asked)
    return {
        "match": outcome.model.match,
        "profiles": len(clusters),
        "merges": len(merged),
        "splits": len(split),
        "unchanged": len(homes) - len(moved),
        "questions": len(outcome.findings),
        "samples": {
            "merges": [[str(named[int(one)]) for one in group if int(one) in named] for group in some_merged],
            "splits": [{"profile": str(named[int(one)]), "parts": p} for one, p in some_split if int(one) in named],
        },
    }


def _spread(found: IntArray) -> Iterator[int]:
    """A few of them, from the whole."""
    return map(int, found[:: max(1, len(found) // SAMPLES)][:SAMPLES])


def _parts(snapshot: Snapshot, label: IntArray, home: int) -> list[list[int]]:
    """The record ids of a profile, as they would go together."""
    rows = np.flatnonzero(snapshot.home == home)
    return [snapshot.table.record_ids[rows[label[rows] == one]].tolist() for one in np.unique(label[rows])]


def _measured(installation: Installation, table: RecordTable, lowest: Outcome) -> dict[str, Any] | None:
    """Precision and recall of the links at each probability: by the labelled truth beside cdi.yaml if there is one,
    else by what stewards decided; None where nobody said anything."""
    truth_file = installation.folder / TRUTH
    if truth_file.is_file():
        return _by_truth(installation, table, lowest, truth_file)
    with installation.database.unit_of_work() as connection:
        said = labels_of_decisions(decisions.standing_decisions(connection), table)
    if not len(said):
        return None
    scored = engine.score(table, lowest.model, table.row_of(said.left), table.row_of(said.right))
    place = np.lexsort((said.right, said.left))  # the engine answers in the order of the records
    same = (said.label == Label.SAME)[place]
    return {"by": "decisions", "pairs": len(said), "points": _curve(points(scored.weight, same, int(same.sum())))}


def _by_truth(installation: Installation, table: RecordTable, lowest: Outcome, truth_file: Path) -> dict[str, Any]:
    with installation.database.unit_of_work() as connection:
        truth = truth_by_record(connection, truth_file)
    entity = np.full(len(table), -1, np.int64)
    known = np.array([record in truth for record in table.record_ids.tolist()], dtype=bool)
    entity[known] = codes_of(truth[record] for record in table.record_ids[known].tolist())
    left, right = entity[table.row_of(lowest.pairs.left)], entity[table.row_of(lowest.pairs.right)]
    labelled = (left >= 0) & (right >= 0)
    _, sizes = np.unique(entity[known], return_counts=True)
    true_pairs = blocking.pairs_in(sizes)
    found = points(lowest.pairs.weight[labelled], (left == right)[labelled], true_pairs)
    return {"by": "truth", "pairs": int(true_pairs), "points": _curve(found)}


def _curve(found: Sequence[ThresholdPoint]) -> list[dict[str, float]]:
    return [asdict(point) | {"f1": point.f1} for point in found if point.probability >= STOPS[0]]


# -- looking at them -------------------------------------------------------------------------------


def list_studies(connection: Connection) -> list[Study]:
    """Those that wait, and the newest of each model version."""
    return studies.list_studies(connection)


def show_study(connection: Connection, study_id: int) -> dict[str, Any]:
    """What a study found; records and values are ids: see `samples_at` and `shared_values`. Raises NotFoundError."""
    found = studies.load_found(connection, study_id)
    if found is None:
        raise NotFoundError("there is no such study, or it is not worked out yet", remedy="Ask for one")
    return found


def nearest_stop(found: dict[str, Any], match: float) -> dict[str, Any]:
    """What linking from about this probability would change."""
    stop: dict[str, Any] = min(found["stops"], key=lambda one: abs(one["match"] - match))
    return stop


@dataclass(frozen=True, slots=True)
class SampledSplit:
    """A profile that would part: the (source, key) names of its records as they would go together."""

    profile: UUID
    parts: Sequence[Sequence[str]]


def sampled_splits(connection: Connection, stop: dict[str, Any]) -> list[SampledSplit]:
    """The splits of a stop's sample, with the records' names; those that are gone are left out."""
    told = stop["samples"]["splits"]
    names = records.load_names(connection, [record for split in told for part in split["parts"] for record in part])
    return [
        SampledSplit(
            UUID(split["profile"]),
            [[f"{names[r].source}:{names[r].key}" for r in part if r in names] for part in split["parts"]],
        )
        for split in told
    ]


def shared_values(connection: Connection, visibility: Visibility, found: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """The shared values that a study found, as they stand in a record that carries them: `value`, `kind` (emails,
    phones), `records`, `sources` (how many of each that may be seen). Masked for who may not see contacts. One that no
    longer stands there, or stands only where the caller may not look, is left out."""
    in_full = FieldGroup.CONTACT in visibility.groups
    example = {one["record_id"] for one in found["shared"]}
    normal = {record_id: record for record_id, _, record in normal_forms(connection, sorted(example))}
    for one in found["shared"]:
        record = normal.get(one["record_id"])
        sources = {name: n for name, n in one.get("sources", {}).items() if name not in visibility.hidden_sources}
        if record is None or (one.get("sources") and not sources):
            continue
        carried = [("emails", e.value) for e in record.emails] + [("phones", p.value) for p in record.phones]
        for kind, value in carried:
            if int(hash_texts([value])[0].view(np.int64)) == one["hash"]:
                shown = value if in_full else mask(value)
                records_seen = sum(sources.values()) or one["records"]
                yield {"kind": kind, "value": shown, "records": records_seen, "sources": sources}


def list_versions(connection: Connection) -> list[models.ModelVersion]:
    """All versions of models, newest first, with how they were made."""
    return models.list_versions(connection)


def show_version(connection: Connection, version: str) -> MatchModel:
    """One version. Raises NotFoundError."""
    found = models.load_version(connection, version)
    if found is None:
        raise NotFoundError("there is no such version of a model")
    return found
