"""Everything again: a first load, a full run, a new model. Computed on a snapshot without the resolver's lock, then
applied component by component under it; what was touched meanwhile is left out and due again."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime

import numpy as np
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components
from sqlalchemy import Connection

from cdi.clock import utc_now
from cdi.matching import blocking, engine
from cdi.matching.columns import RecordTable
from cdi.matching.model import MatchModel
from cdi.matching.pairs import IntArray, ScoredPairs
from cdi.pipeline.installation import Installation
from cdi.pipeline.publishing import Clusters, Finding, publish
from cdi.pipeline.resolving import (
    Judged,
    Progress,
    Resolved,
    active_model,
    form,
    normalise_records,
    rank,
    resolve_due,
    standing,
    wanted_model,
)
from cdi.pipeline.tables import build_table
from cdi.resolution.decisions import Constraints
from cdi.resolution.households import addresses_are_homes
from cdi.store import decisions, models, normalised, pairs, profiles, records, redo
from cdi.store.db import resolver_lock, text

RERUN_FROM = 1_000
"""So many due records, when they are also a fifth of all, are resolved faster by a run over everything."""
NORMALISED_AT_ONCE = 5_000
APPLIED_AT_ONCE = 2_000
"""Records applied in one commit: how long a push may have to wait."""


def resolve(installation: Installation, *, full: bool = False, progress: Progress | None = None) -> Resolved:
    """Work off all that is due. With `full`, or when cdi.yaml asks for another model, everything is compared and
    built again from facts. Safe to kill and to repeat."""
    resolved = Resolved()
    say = progress or (lambda _step, _done, _total: None)
    with installation.database.unit_of_work() as connection:
        resolver_lock(connection)
        model = active_model(connection, installation, utc_now())
        wanted = wanted_model(connection, installation)
        moved = (installation.deployment.matching.model, wanted.version) != models.active_base(connection)
        rules_moved = models.rules_moved(connection, installation.rules_fingerprint)
        waiting, _ = redo.backlog(connection)
        live = records.count_live_customers(connection)
    if full or moved or rules_moved or (waiting > RERUN_FROM and waiting * 5 > live):
        _run_everything(
            installation, wanted if moved else model, resolved, say, rebuild=full or rules_moved, switch=moved
        )
    return resolve_due(installation, resolved, say)


@dataclass(frozen=True, slots=True)
class Snapshot:
    """The store at one moment: every live record, and the marks by which later changes are told."""

    table: RecordTable
    home: IntArray  # by row, the smallest record id of the profile that it is in, or its own id
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


def _run_everything(
    installation: Installation,
    model: MatchModel,
    resolved: Resolved,
    say: Progress,
    *,
    rebuild: bool,
    switch: bool,
) -> None:
    _normalise_everything(installation, say, everything=rebuild or switch)
    snapshot = take_snapshot(installation)
    outcome = compute(installation, snapshot, model, say)
    if not switch:
        _remember_refusals(installation, outcome.model)
    parts = list(_parts(snapshot, outcome))
    done = 0
    for part in parts:
        with installation.database.unit_of_work() as connection:
            resolver_lock(connection)
            _apply(connection, installation, snapshot, outcome, part, resolved, utc_now(), rebuild=rebuild)
        done += len(part.record_ids)
        say("publish", done, len(snapshot.table.record_ids))
    with installation.database.unit_of_work() as connection:
        resolver_lock(connection)
        _finish(connection, installation, snapshot, outcome, utc_now(), switch=switch)
    resolved.records += len(snapshot.taken)
    resolved.candidate_pairs += outcome.candidate_pairs


def _normalise_everything(installation: Installation, say: Progress, *, everything: bool) -> None:
    """Normalise what is due, or every record; each chunk is one commit. What is due stays due."""
    with installation.database.unit_of_work() as connection:
        due = redo.take(connection, utc_now(), 2**31)
        todo = sorted({*due, *(records.live_customer_ids(connection) if everything else ())})
    for start in range(0, len(todo), NORMALISED_AT_ONCE):
        with installation.database.unit_of_work() as connection:
            resolver_lock(connection)
            normalise_records(connection, todo[start : start + NORMALISED_AT_ONCE])
        say("normalise", min(start + NORMALISED_AT_ONCE, len(todo)), len(todo))


def take_snapshot(installation: Installation) -> Snapshot:
    """Every live record as it is normalised now; what is due meanwhile belongs to the next."""
    with installation.database.unit_of_work() as connection:
        connection.execute(text("set transaction isolation level repeatable read, read only"))
        taken = redo.take(connection, utc_now(), 2**31)
        touched = normalised.last_touch(connection)
        judged_at = decisions.last_mark(connection)
        table = build_table(normalised.load_all_normalised(connection))
        home = profiles.load_homes(connection, table.record_ids)
    return Snapshot(table, home, judged_at, touched, taken)


def compute(installation: Installation, snapshot: Snapshot, model: MatchModel, say: Progress) -> Outcome:
    """What this model makes of the snapshot; nothing is written."""
    table = snapshot.table
    model = blocking.refuse_oversized(table, model, blocking.Limits())
    keys, rows = blocking.block_keys(table, model)
    found = engine.match(table, model, progress=lambda done, total: say("compare", done, total))
    with installation.database.unit_of_work() as connection:
        said = standing(connection)
    say("cluster", 0, 1)
    clusters, findings = form(table, model, Judged(said, found.pairs, lambda ids: _rank(installation, ids)))
    say("cluster", 1, 1)
    return Outcome(model, keys, rows, found.pairs, clusters, findings, said.constraints, found.candidate_pairs)


def _rank(installation: Installation, record_ids: IntArray) -> IntArray:
    with installation.database.unit_of_work() as connection:
        return rank(connection, record_ids)


@dataclass(frozen=True, slots=True)
class Part:
    """Components that are applied in one commit: records, with their clusters, pairs and block keys."""

    record_ids: IntArray
    clusters: Clusters
    pairs: ScoredPairs
    keys: IntArray
    key_ids: IntArray


def _parts(snapshot: Snapshot, outcome: Outcome) -> Iterator[Part]:
    """Everything, divided so that no pair, cluster or old profile reaches from one part into another."""
    ids = snapshot.table.record_ids
    component = _components(snapshot, outcome)
    order = np.argsort(component, kind="stable")
    sizes = np.bincount(component)
    # Components in order, packed into parts of about the wanted size.
    part_of_component = np.cumsum(sizes) // APPLIED_AT_ONCE
    part = part_of_component[component]
    pair_part = part[snapshot.table.row_of(outcome.pairs.left)]
    key_part = part[outcome.key_rows]
    label_part = {label: int(part[np.searchsorted(ids, label)]) for label in outcome.clusters}
    clusters: dict[int, dict[int, frozenset[int]]] = {}
    for label, members in outcome.clusters.items():
        clusters.setdefault(label_part[label], {})[label] = members
    rows_of = _grouped(part, order)
    pairs_of = _grouped(pair_part, np.argsort(pair_part, kind="stable"))
    keys_of = _grouped(key_part, np.argsort(key_part, kind="stable"))
    nothing = np.zeros(0, np.int64)
    for number, rows in rows_of.items():
        some_keys = keys_of.get(number, nothing)
        yield Part(
            np.sort(ids[rows]),
            clusters.get(number, {}),
            outcome.pairs.at(pairs_of.get(number, nothing)),
            outcome.keys[some_keys],
            ids[outcome.key_rows[some_keys]],
        )


def _components(snapshot: Snapshot, outcome: Outcome) -> IntArray:
    """By row, the number of the component over new pairs, new clusters, old profiles and constraints."""
    table = snapshot.table
    n = len(table.record_ids)
    label = _labels(snapshot, outcome)
    known = [*outcome.constraints.together, *map(frozenset, outcome.constraints.apart)]
    chains = [np.array(sorted(group), np.int64) for group in known]
    left = [table.row_of(outcome.pairs.left), np.arange(n), np.arange(n)]
    right = [table.row_of(outcome.pairs.right), np.searchsorted(table.record_ids, label), table.row_of(snapshot.home)]
    for chain in chains:
        here = chain[np.isin(chain, table.record_ids)]
        left.append(table.row_of(here[:-1]))
        right.append(table.row_of(here[1:]))
    edges = np.concatenate(left), np.concatenate(right)
    graph = coo_array((np.ones(len(edges[0]), np.int8), edges), shape=(n, n))
    return np.asarray(connected_components(graph, directed=False)[1], np.int64)


def _labels(snapshot: Snapshot, outcome: Outcome) -> IntArray:
    """By row, the smallest record id of its new cluster."""
    label = np.zeros(len(snapshot.table.record_ids), np.int64)
    for first, members in outcome.clusters.items():
        label[snapshot.table.row_of(np.array(sorted(members), np.int64))] = first
    return label


def _grouped(part: IntArray, order: IntArray) -> dict[int, IntArray]:
    """Part → the positions that belong to it."""
    if not len(order):
        return {}
    numbers = part[order]
    borders = np.flatnonzero(np.diff(numbers)) + 1
    return {int(part[group[0]]): group for group in np.split(order, borders)}


def _apply(
    connection: Connection,
    installation: Installation,
    snapshot: Snapshot,
    outcome: Outcome,
    part: Part,
    resolved: Resolved,
    now: datetime,
    *,
    rebuild: bool,
) -> None:
    ids = part.record_ids.tolist()
    if not _as_in_snapshot(connection, snapshot, ids):
        redo.queue(connection, ids, "it changed during a run over everything", now)
        return
    normalised.forget_block_keys(connection, ids)
    normalised.save_block_keys(connection, part.keys, part.key_ids)
    pairs.forget_pairs(connection, ids)
    pairs.save_pairs(connection, part.pairs)
    here = set(ids)
    taken = {record: ticket for record, ticket in snapshot.taken.items() if record in here}
    published = publish(
        connection,
        installation,
        part.clusters,
        frozenset(taken),
        outcome.constraints,
        now,
        findings=[finding for finding in outcome.findings if finding.left in here],
        rebuild=rebuild,
    )
    redo.done(connection, taken)
    resolved.add(published)


def _as_in_snapshot(connection: Connection, snapshot: Snapshot, ids: Sequence[int]) -> bool:
    """Whether nothing about these records and their profiles moved since the snapshot, and no steward decided
    anything: decisions are few, and what they touch is resolved again afterwards."""
    here = set(ids)
    if normalised.untouched(connection, ids, snapshot.touched) != here:
        return False
    homes = set(profiles.load_memberships(connection, ids).values())
    members = profiles.load_members(connection, sorted(homes))
    gone = {record for record in snapshot.taken if record not in here}
    if any(set(inside) - here - gone for inside in members.values()):
        return False
    return decisions.last_mark(connection) == snapshot.judged_at


def _finish(
    connection: Connection,
    installation: Installation,
    snapshot: Snapshot,
    outcome: Outcome,
    now: datetime,
    *,
    switch: bool,
) -> None:
    """From here on the new model decides; what came during the run is resolved under it."""
    if switch:
        wanted = wanted_model(connection, installation)
        models.activate_model(connection, installation.deployment.matching.model, wanted, "cdi.yaml", now)
        _add_refusals(connection, installation, outcome.model, now)
    late = normalised.touched_since(connection, snapshot.touched)
    redo.queue(connection, late, "it changed during a run over everything", now)
    models.remember_rules(connection, installation.rules_fingerprint)
    models.remember_homes(connection, addresses_are_homes(snapshot.table, _labels(snapshot, outcome)))


def _remember_refusals(installation: Installation, model: MatchModel) -> None:
    """Before block keys are written that leave these out, so that nobody looks for records under them."""
    with installation.database.unit_of_work() as connection:
        resolver_lock(connection)
        _add_refusals(connection, installation, model, utc_now())


def _add_refusals(connection: Connection, installation: Installation, model: MatchModel, now: datetime) -> None:
    active = installation.models.active(connection)
    assert active is not None
    refused = np.setdiff1d(model.refused, active.refused)
    models.add_drift(connection, models.REFUSED, refused.tolist(), now)
