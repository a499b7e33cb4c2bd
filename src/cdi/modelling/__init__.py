"""Models: trained from the records and from what stewards decided, measured against labelled truth, tried out before
they decide. A model that was trained decides nothing until `cdi.yaml` names it."""

from cdi.modelling import studies
from cdi.modelling.applying import JOB, apply_model, ask_to_apply, go_on, pause, show, standing
from cdi.modelling.labels import Truth, read_truth
from cdi.modelling.learning import Trained, train
from cdi.modelling.left_out import left_out_values
from cdi.modelling.measuring import chart, compare_models, evaluate
from cdi.modelling.studies import (
    SampledSplit,
    list_studies,
    list_versions,
    nearest_stop,
    sampled_splits,
    shared_values,
    show_study,
    show_version,
)
from cdi.modelling.trial import Merge, Progress, Simulation, Split, simulate
from cdi.store.studies import Study

__all__ = [
    "JOB",
    "Merge",
    "Progress",
    "SampledSplit",
    "Simulation",
    "Split",
    "Study",
    "Trained",
    "Truth",
    "apply_model",
    "ask_to_apply",
    "chart",
    "compare_models",
    "evaluate",
    "go_on",
    "left_out_values",
    "list_studies",
    "list_versions",
    "nearest_stop",
    "pause",
    "read_truth",
    "sampled_splits",
    "shared_values",
    "show",
    "show_study",
    "show_version",
    "simulate",
    "standing",
    "studies",
    "train",
]
