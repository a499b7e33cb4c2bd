"""What a run over everything came to, divided into parts that can be applied one by one."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import chain

import numpy as np
from numpy.typing import NDArray

from cdi.matching.columns import RecordTable
from cdi.matching.model import MatchModel
from cdi.matching.pairs import IntArray, ScoredPairs
from cdi.pipeline.publishing import Clusters, Finding
from cdi.resolution.components import component_of
from cdi.resolution.decisions import Constraints


@dataclass(frozen=True, slots=True)
class Snapshot:
    """The store at one moment: every live record, and the marks by which later changes are told."""

    table: RecordTable
    home: IntArray  # by row, the smallest record id of the profile that it is in, or its own id
    housed: NDArray[np.bool_]  # by row, whether it is in a profile
    judged_at: tuple[int, int, int]  # the mark of the last decision
    touched: int
    taken: dict[int, int]  # redo rows that this run covers


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a run over a snapshot comes to, before it is applied."""

    model: MatchModel
    keys: IntArray
    key_rows: IntArray
    pairs: ScoredPairs
    clusters: Clusters
    findings: Sequence[Finding]
    constraints: Constraints
    candidate_pairs: int


@dataclass(frozen=True, slots=True)
class Part:
    """Components that are applied in one commit: records, with their clusters, pairs and block keys."""

    record_ids: IntArray
    clusters: Clusters
    findings: Sequence[Finding]
    pairs: ScoredPairs
    keys: IntArray
    key_ids: IntArray
    newborn: bool  # none of its records is in a profile or was spoken of by a steward


def divided(snapshot: Snapshot, outcome: Outcome, at_once: int) -> Iterator[Part]:
    """Everything, divided so that no pair, cluster or old profile reaches from one part into another."""
    ids = snapshot.table.record_ids
    component = _components(snapshot, outcome)
    known = snapshot.housed | np.isin(ids, _spoken_of(outcome.constraints))
    known_component = np.bincount(component, weights=known) > 0
    # Components in order, packed into parts of about the wanted size; what is new altogether by itself.
    sizes = np.bincount(component)
    part_of_component = np.zeros(len(sizes), np.int64)
    first_free = 0
    for some in (known_component, ~known_component):
        part_of_component[some] = first_free + np.cumsum(sizes[some]) // at_once
        first_free = int(part_of_component.max(initial=-1)) + 1
    part = part_of_component[component]
    known_parts = set(part_of_component[known_component].tolist())
    pair_part = part[snapshot.table.row_of(outcome.pairs.left)]
    key_part = part[outcome.key_rows]
    labels = np.fromiter(outcome.clusters, np.int64, len(outcome.clusters))
    label_part = part[snapshot.table.row_of(labels)].tolist()
    clusters: dict[int, dict[int, frozenset[int]]] = {}
    for number, (label, members) in zip(label_part, outcome.clusters.items(), strict=True):
        clusters.setdefault(number, {})[label] = members
    findings: dict[int, list[Finding]] = {}
    for finding in outcome.findings:
        findings.setdefault(int(part[np.searchsorted(ids, finding.left)]), []).append(finding)
    rows_of = _grouped(part, np.argsort(part, kind="stable"))
    pairs_of = _grouped(pair_part, np.argsort(pair_part, kind="stable"))
    keys_of = _grouped(key_part, np.argsort(key_part, kind="stable"))
    nothing = np.zeros(0, np.int64)
    for number, rows in rows_of.items():
        some_keys = keys_of.get(number, nothing)
        yield Part(
            np.sort(ids[rows]),
            clusters.get(number, {}),
            findings.get(number, ()),
            outcome.pairs.at(pairs_of.get(number, nothing)),
            outcome.keys[some_keys],
            ids[outcome.key_rows[some_keys]],
            number not in known_parts,
        )


def _spoken_of(constraints: Constraints) -> IntArray:
    """Records that somebody declared to be one customer or several."""
    groups = [*constraints.together, *constraints.apart]
    return np.array(sorted({record for group in groups for record in group}), np.int64)


def _components(snapshot: Snapshot, outcome: Outcome) -> IntArray:
    """By row, the number of the component over new pairs, new clusters, old profiles and constraints."""
    table = snapshot.table
    n = len(table.record_ids)
    label = labels_of(snapshot, outcome)
    known = [*outcome.constraints.together, *map(frozenset, outcome.constraints.apart)]
    chains = [np.array(sorted(group), np.int64) for group in known]
    left = [table.row_of(outcome.pairs.left), np.arange(n), np.arange(n)]
    right = [table.row_of(outcome.pairs.right), np.searchsorted(table.record_ids, label), table.row_of(snapshot.home)]
    for group in chains:
        here = group[np.isin(group, table.record_ids)]
        left.append(table.row_of(here[:-1]))
        right.append(table.row_of(here[1:]))
    return component_of(n, np.concatenate(left), np.concatenate(right))


def labels_of(snapshot: Snapshot, outcome: Outcome) -> IntArray:
    """By row, the smallest record id of its new cluster."""
    sizes = np.fromiter(map(len, outcome.clusters.values()), np.int64, len(outcome.clusters))
    firsts = np.fromiter(outcome.clusters, np.int64, len(outcome.clusters))
    members = np.fromiter(chain.from_iterable(outcome.clusters.values()), np.int64, int(sizes.sum()))
    label = np.zeros(len(snapshot.table.record_ids), np.int64)
    label[snapshot.table.row_of(members)] = np.repeat(firsts, sizes)
    return label


def _grouped(part: IntArray, order: IntArray) -> dict[int, IntArray]:
    """Part → the positions that belong to it."""
    if not len(order):
        return {}
    numbers = part[order]
    borders = np.flatnonzero(np.diff(numbers)) + 1
    return {int(part[group[0]]): group for group in np.split(order, borders)}
