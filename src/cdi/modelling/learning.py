"""A new model version, from the records and from what people said of them."""

from dataclasses import dataclass
from pathlib import Path

from cdi.clock import utc_now
from cdi.matching import blocking, training
from cdi.modelling.labels import joined, labels_of_decisions, labels_of_truth, truth_by_record
from cdi.modelling.trial import Progress
from cdi.pipeline import Installation
from cdi.pipeline.rerun import take_snapshot
from cdi.pipeline.resolving import wanted_model
from cdi.store import decisions, models


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
        truth = truth_by_record(connection, truth_file) if truth_file else {}
    model, origin = start, f"the model {start.version}"
    if training.can_train(table):
        say("train", 0, 1)
        model = training.train(table, start, blocking.Limits(), seed)
        origin = "the records"
    labelled = joined(labels_of_decisions(decided, table), labels_of_truth(truth, table, model, seed))
    if len(labelled):
        from cdi.matching.labels import learn  # noqa: PLC0415  # pandas takes a second, so only here

        say("learn", 0, 1)
        model = learn(table, model, labelled, seed)
        origin += " and labels"
    with installation.database.unit_of_work() as connection:
        models.save_model(connection, name, model, f"trained on {origin}", utc_now())
    return Trained(name, model.version, len(table.record_ids), len(labelled), origin)
