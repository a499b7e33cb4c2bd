"""What is known of pairs of records: by a file of labelled truth, by what stewards decided."""

import csv
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final

import numpy as np
from sqlalchemy import Connection

from cdi.errors import InvalidInputError
from cdi.matching import blocking
from cdi.matching.columns import RecordTable
from cdi.matching.evaluation import codes_of
from cdi.matching.labelled import Label, LabelledPairs
from cdi.matching.model import MatchModel
from cdi.resolution.decisions import Decision, Verdict
from cdi.store import records

Truth = dict[tuple[str, str], str]
"""(source, key) → entity."""

MOST_LABELS: Final = 200_000
"""So many labelled pairs of a truth file are learned from; more teach nothing new and take long."""


def read_truth(path: Path) -> Truth:
    """Labels from a CSV with the columns source, key and entity_id; raises InvalidInputError."""
    rows = read_rows(path, ("source", "key", "entity_id"))
    return {(row["source"], row["key"]): row["entity_id"] for row in rows}


def read_rows(path: Path, needed: tuple[str, ...]) -> list[dict[str, str]]:
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            rows = list(csv.DictReader(file))
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise InvalidInputError(f"{path} cannot be read: {type(error).__name__}", remedy="Give --truth") from None
    missing = [name for name in needed if not rows or name not in rows[0]]
    if missing:
        raise InvalidInputError(f"{path} has no column {', '.join(missing)}", remedy=f"It needs {', '.join(needed)}")
    return rows


def truth_by_record(connection: Connection, path: Path) -> dict[int, str]:
    truth = read_truth(path)
    return {i: truth[source, key] for source, key, i in records.find_record_ids(connection, list(truth))}


def labels_of_decisions(decided: Sequence[Decision], table: RecordTable) -> LabelledPairs:
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


def labels_of_truth(truth: Mapping[int, str], table: RecordTable, model: MatchModel, seed: int) -> LabelledPairs:
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


def joined(first: LabelledPairs, second: LabelledPairs) -> LabelledPairs:
    """Both, each pair once; of two labels the first counts, because a person gave it."""
    left, right, label = (
        np.concatenate(columns)
        for columns in ((first.left, second.left), (first.right, second.right), (first.label, second.label))
    )
    _, where = np.unique(np.column_stack((left, right)), axis=0, return_index=True)
    where = np.sort(where)
    return LabelledPairs(left[where], right[where], label[where])
