"""/model: which model decides, how good it is, what another threshold or version would change, and how far a run
that applies one is."""

import math
from collections.abc import Mapping, Sequence
from typing import Annotated, Any, Final
from uuid import UUID

from fastapi import Query, Response

from cdi import modelling, profiles
from cdi.errors import InvalidInputError
from cdi.matching.model import LevelWeights, MatchModel
from cdi.web.charts import Curve
from cdi.web.evidence_words import comparison_word, level_word
from cdi.web.pages import wants_fragment
from cdi.web.routing import pages_router
from cdi.web.values import customer_name
from cdi.web.visits import Administering, Visit
from cdi.web.words import N_

router = pages_router()

DEFAULT: Final = "default"
Percent = Annotated[int | None, Query(ge=1, le=99)]
Version = Annotated[str, Query(max_length=64)]

STEPS: Final[Mapping[str, str]] = {
    "waiting": N_("waits for a worker"),
    "read": N_("reads the records"),
    "start": N_("begins"),
    "normalise": N_("normalises the records"),
    "compare": N_("compares pairs of records"),
    "cluster": N_("forms customers"),
    "look": N_("looks for values that were left out"),
    "index": N_("writes the index by which records are found"),
    "publish": N_("writes the profiles"),
}
TOLD: Final[Mapping[str, str]] = {
    "made_by": N_("Made by"),
    "records": N_("Records"),
    "candidate_pairs": N_("Candidate pairs"),
    "seed": N_("Seed"),
    "start": N_("Started from version"),
    "labels": N_("Labelled pairs"),
}
"""What is told of how a version was made."""
MADE_BY: Final[Mapping[str, str]] = {
    "expectation maximisation without labels": N_("learning from the records, without labels"),
    "labels": N_("learning from labelled pairs"),
    "starting shares": N_("starting values"),
}


@router.get("/model")
def show_model(visit: Administering, study: int | None = None, match: Percent = None) -> Response:
    """Everything about the model."""
    return visit.page("model.html", _standing(visit) | _studied(visit, study, match))


@router.get("/model/standing")
def show_standing(visit: Administering) -> Response:
    """How far things are, asked for every second as long as they move; then the page is drawn anew."""
    values = _standing(visit)
    if values["moving"] and wants_fragment(visit.request):
        return visit.page("model.html", values, fragment="standing")
    return visit.back("/model")


@router.get("/model/change")
def show_change(visit: Administering, study: int, match: Percent = None) -> Response:
    """What linking from a probability would change."""
    values = _standing(visit) | _studied(visit, study, match)
    return visit.page("model.html", values, fragment="change")


@router.post("/model/studies")
def ask_for_study(visit: Administering) -> Response:
    """Have a model tried out."""
    name = visit.said("model")[:100] or visit.installation.deployment.matching.model
    modelling.studies.ask(visit.installation, visit.connection, name, visit.caller.name, visit.now)
    return visit.back("/model", visit.language.gettext("The model is tried out; nothing is changed by it."))


@router.post("/model/run")
def steer_run(visit: Administering) -> Response:
    """Apply the model that cdi.yaml names, or let the run wait or go on."""
    wanted = visit.said("do")
    if wanted == "apply":
        modelling.ask_to_apply(visit.connection, visit.now)
        return visit.back("/model", visit.language.gettext("The next free worker applies the model."))
    if wanted == "pause":
        modelling.pause(visit.installation)
        return visit.back("/model", visit.language.gettext("The run waits. What it has applied stays."))
    if wanted == "resume":
        modelling.go_on(visit.installation)
        return visit.back("/model", visit.language.gettext("The run goes on."))
    raise InvalidInputError("there is no such choice")


@router.get("/model/versions")
def compare_versions(visit: Administering, first: Version, second: Version = "") -> Response:
    """How a version was made, beside another: what each answer of each comparison counts."""
    known = {one.version: one for one in modelling.list_versions(visit.connection)}
    chosen = [v for v in dict.fromkeys((first, second)) if v]
    bodies = [modelling.show_version(visit.connection, version) for version in chosen]
    ended = [one for one in modelling.list_studies(visit.connection) if one.ended_at]
    values = {
        "versions": list(known.values()),
        "chosen": [known[v] for v in chosen],
        "made": [_made(visit, known[v].provenance) for v in chosen],
        "thresholds": [(body.match, body.review) for body in bodies],
        "studies": [
            next((_told(visit, one) for one in ended if one.version == v or one.model == known[v].name), None)
            for v in chosen
        ],
        "weights": _weights(visit, bodies),
        "first": first,
        "second": second,
    }
    return visit.page("model_versions.html", values)


def _standing(visit: Visit) -> dict[str, Any]:
    standing = modelling.standing(visit.connection, visit.installation)
    waiting = [one for one in modelling.list_studies(visit.connection) if one.ended_at is None]
    rerun = standing["rerun"]
    return {
        "standing": standing,
        "waiting": waiting,
        "steps": {name: visit.language.gettext(text) for name, text in STEPS.items()},
        "moving": bool(waiting or standing["asked"] or (rerun and rerun["state"] == "running")),
        "matching": visit.installation.deployment.matching,
    }


def _studied(visit: Visit, study_id: int | None, percent: int | None) -> dict[str, Any]:
    """The versions, and the study that is looked at: the one asked for, else that of the version that decides, else
    the newest."""
    versions = modelling.list_versions(visit.connection)
    ended = [one for one in modelling.list_studies(visit.connection) if one.ended_at]
    active = next((one for one in versions if one.active), None)
    study = next((one for one in ended if one.id == study_id), None) or next(
        (one for one in ended if active and one.version == active.version), ended[0] if ended else None
    )
    names = dict.fromkeys([visit.installation.deployment.matching.model, DEFAULT, *(one.name for one in versions)])
    values: dict[str, Any] = {
        "versions": versions,
        "active": active,
        "made": _made(visit, active.provenance) if active else [],
        "names": list(names),
        "studies": ended,
        "study": study,
        "found": None,
    }
    if study is None:
        return values
    found = modelling.show_study(visit.connection, study.id)
    match = percent / 100 if percent else found["match"]
    stop = modelling.nearest_stop(found, match)
    splits = modelling.sampled_splits(visit.connection, stop)
    return values | {
        "found": found,
        "stop": stop,
        "now_stop": modelling.nearest_stop(found, found["match"]),
        "curve": _curve(visit, found["measured"]),
        "measure": _measure_at(found["measured"], stop["match"]),
        "splits": splits,
        "customers": _names(visit, [i for group in stop["samples"]["merges"] for i in group], splits),
        "shared": list(modelling.shared_values(visit.connection, visit.visibility, found)),
        "left_out": _left_out(visit, found.get("left_out")),
    }


def _left_out(visit: Visit, found: Mapping[str, Any] | None) -> list[dict[str, Any]] | None:
    """What was left out; None for a study that did not look."""
    if found is None:
        return None
    return list(modelling.left_out_values(visit.connection, visit.installation, visit.visibility, found))


def _curve(visit: Visit, measured: Mapping[str, Any] | None) -> dict[str, Any] | None:
    """Precision, recall and F1 as lines, and the lowest value that the chart shows."""
    if measured is None:
        return None
    points = measured["points"]
    at = [point["probability"] for point in points]
    lines = [
        Curve(visit.language.gettext(name), at, [point[key] for point in points], tone, dashes)
        for name, key, tone, dashes in (
            (N_("Precision"), "precision", "accent", ""),
            (N_("Recall"), "recall", "warn", "6 4"),
            (N_("F1"), "f1", "good", "2 3"),
        )
    ]
    lowest = min(value for one in lines for value in one.values)
    return {"lines": lines, "low": min(0.8, math.floor(lowest * 5) / 5)}


def _measure_at(measured: Mapping[str, Any] | None, match: float) -> Mapping[str, float] | None:
    if measured is None:
        return None
    point: Mapping[str, float] = min(measured["points"], key=lambda one: abs(one["probability"] - match))
    return point


def _names(visit: Visit, merged: Sequence[str], splits: Sequence[modelling.SampledSplit]) -> dict[str, str]:
    """What the customers of a sample are called; those that are no more are left out."""
    ids = list(dict.fromkeys([*map(UUID, merged), *(split.profile for split in splits)]))
    visit.trail.saw(ids)
    told = profiles.show_all(visit.connection, visit.installation, visit.visibility, ids)
    return {str(one["id"]): customer_name(visit.language, one["profile"]) for one in told if "profile" in one}


def _told(visit: Visit, study: modelling.Study) -> dict[str, Any]:
    """What a study found for the threshold in cdi.yaml, with how good the links were there."""
    found = modelling.show_study(visit.connection, study.id)
    stop = modelling.nearest_stop(found, found["match"])
    return stop | {"measure": _measure_at(found["measured"], stop["match"])}


def _made(visit: Visit, provenance: Mapping[str, Any]) -> list[tuple[str, str]]:
    """How a version was made, in words and figures."""
    told = []
    for key, name in TOLD.items():
        value = provenance.get(key)
        if isinstance(value, int) and key != "seed":
            told.append((visit.language.gettext(name), visit.language.number(value)))
        elif value not in (None, "") and not isinstance(value, dict | list):
            text = MADE_BY.get(str(value))
            told.append((visit.language.gettext(name), visit.language.gettext(text) if text else str(value)))
    return told


def _weights(visit: Visit, bodies: Sequence[MatchModel]) -> list[dict[str, Any]]:
    """By comparison and level, what it adds in each of these models against a stranger, in nats."""
    told = []
    for comparison in dict.fromkeys(name for body in bodies for name in body.weights):
        of_each = [body.weights.get(comparison) for body in bodies]
        levels = dict.fromkeys(level for one in of_each if one for level in one.levels[1:])
        rows = [
            {
                "level": level_word(visit.language, level),
                "adds": [_adds(one, level) for one in of_each],
            }
            for level in levels
        ]
        told.append({"name": comparison_word(visit.language, comparison), "rows": rows})
    return told


def _adds(weights: LevelWeights | None, level: str) -> float | None:
    if weights is None or level not in weights.levels:
        return None
    return float(weights.against_stranger[weights.levels.index(level)])
