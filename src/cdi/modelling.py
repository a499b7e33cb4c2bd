"""How good the model in use is, measured against labelled truth."""

import csv
from collections import Counter
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any, Final
from uuid import UUID

from sqlalchemy import Connection

from cdi.errors import InvalidInputError
from cdi.matching.evaluation import codes_of
from cdi.matching.evaluation import evaluate as measure
from cdi.normalise.text import fold
from cdi.store import profiles

Truth = dict[tuple[str, str], str]
"""(source, key) → entity."""

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
