"""Due records become customers: normalised, compared, clustered; then what is different is published.

One resolver works at a time. A micro-batch looks at the neighbourhood of what changed; a full run looks at
everything. Both ask the same functions, so they come to the same end.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import TypeAlias
from uuid import UUID

import numpy as np
from sqlalchemy import Connection

from cdi.clock import utc_now
from cdi.matching import blocking, engine
from cdi.matching.columns import RecordTable, TableBuilder
from cdi.matching.model import MatchModel, default_model
from cdi.matching.pairs import IntArray, ScoredPairs
from cdi.normalise.record import NormalisedRecord, normalise
from cdi.pipeline.installation import Installation
from cdi.pipeline.publishing import Published, publish
from cdi.resolution.clusters import ClusterRules, form_clusters
from cdi.resolution.decisions import Constraints, close
from cdi.store import decisions, models, normalised, pairs, records, redo
from cdi.store.db import resolver_lock

BATCH = 500
"""Records resolved in one commit."""
FULL_FROM = 1_000
"""So many due records, when they are also a fifth of all, are resolved faster by a full run."""
CHUNK = 5_000

Progress: TypeAlias = Callable[[str, int, int], None]
"""Called with the step, how much of it is done, and how much there is."""


@dataclass(slots=True)
class Resolved:
    """What a call of `resolve` did."""

    records: int = 0
    candidate_pairs: int = 0
    profiles_written: int = 0
    events: int = 0
    affected: set[UUID] = field(default_factory=set)

    def add(self, published: Published) -> None:
        self.profiles_written += published.profiles_written
        self.events += published.events
        self.affected |= published.affected


def resolve(installation: Installation, *, full: bool = False, progress: Progress | None = None) -> Resolved:
    """Work off all that is due. With `full` everything is normalised, compared and built again from facts.

    Safe to kill and to repeat: each batch is one commit, and what is due is a row until it is done.
    """
    resolved = Resolved()
    say = progress or (lambda _step, _done, _total: None)
    with installation.database.unit_of_work() as connection:
        resolver_lock(connection)
        model = current_model(connection, installation, utc_now())
        waiting, _ = redo.backlog(connection)
        live = records.count_live_customers(connection)
    if full or (waiting > FULL_FROM and waiting * 5 > live):
        return _resolve_everything(installation, model, resolved, say, rebuild=full)
    done = 0
    while True:
        with installation.database.unit_of_work() as connection:
            resolver_lock(connection)
            now = utc_now()
            taken = redo.take(connection, now, BATCH)
            if not taken:
                return resolved
            model = current_model(connection, installation, now)
            _resolve_batch(connection, installation, model, frozenset(taken), resolved, now)
            redo.done(connection, taken)
        done += len(taken)
        say("resolve", done, max(done, waiting))


def current_model(connection: Connection, installation: Installation, now: datetime) -> MatchModel:
    """The model version that decides: the one that cdi.yaml names, with its thresholds; made active if new."""
    matching = installation.deployment.matching
    active = models.active_model(connection)
    if active is not None and active[0] == matching.model:
        model = active[1]
    else:
        model = models.named_model(connection, matching.model) or default_model()
    wanted = replace(
        model.with_thresholds(matching.match, matching.review),
        guarantees=installation.unique_sources,
        custom=tuple(sorted(matching.custom.items())),
    )
    if active is None or active[1].version != wanted.version:
        models.activate_model(connection, matching.model, wanted, "cdi.yaml", now)
        if active is not None:  # conclusions under another model are due again
            redo.queue(connection, records.live_customer_ids(connection), "the model changed", now)
    return wanted


def cluster_rules(model: MatchModel) -> ClusterRules:
    """How judgements become customers under this model."""
    return ClusterRules(match=model.match_weight, review=model.review_weight)


def _resolve_batch(
    connection: Connection,
    installation: Installation,
    model: MatchModel,
    due: frozenset[int],
    resolved: Resolved,
    now: datetime,
) -> None:
    present = _normalise(connection, sorted(due))
    around = pairs.neighbourhood(connection, sorted(due), model.match_weight)
    pairs.forget_pairs(connection, sorted(due))
    table = build_table(present)
    _index(connection, model, table)
    left, right = normalised.candidates_of(connection, table.record_ids.tolist())
    scored = _score_candidates(connection, model, left, right)
    pairs.save_pairs(connection, scored)
    reached = pairs.neighbourhood(connection, sorted({*due, *around}), model.match_weight)
    clusters, constraints = _cluster(connection, model, reached)
    published = publish(connection, installation, clusters, due, constraints, now)
    resolved.records += len(due)
    resolved.candidate_pairs += len(left)
    resolved.add(published)


def _normalise(connection: Connection, due: Sequence[int]) -> list[tuple[int, str, NormalisedRecord]]:
    """Bring the normalised forms of these records up to date; those that are live."""
    current = records.load_current(connection, due)
    earlier = records.load_earlier(connection, list(current))
    present = [
        (record_id, record.source, normalise(record.canonical, tuple(earlier.get(record_id, ()))))
        for record_id, record in sorted(current.items())
    ]
    normalised.save_normalised(connection, present, [record_id for record_id in due if record_id not in current])
    return present


def build_table(present: Sequence[tuple[int, str, NormalisedRecord]]) -> RecordTable:
    """Records as columns."""
    builder = TableBuilder()
    for record_id, source, record in present:
        builder.add(record_id, source, record)
    return builder.build()


def _index(connection: Connection, model: MatchModel, table: RecordTable) -> None:
    keys, rows = blocking.block_keys(table, model)
    normalised.save_block_keys(connection, keys, table.record_ids[rows])


def _score_candidates(connection: Connection, model: MatchModel, left: IntArray, right: IntArray) -> ScoredPairs:
    """Candidate pairs that a link or a review may come of, scored."""
    ends = np.unique(np.concatenate([left, right]))
    table = build_table(list(normalised.load_normalised(connection, ends.tolist())))
    scored = engine.score(table, model, table.row_of(left), table.row_of(right))
    return scored.only(scored.weight >= model.review_weight)


def _cluster(
    connection: Connection, model: MatchModel, reached: Sequence[int]
) -> tuple[dict[int, frozenset[int]], Constraints]:
    present = list(normalised.load_normalised(connection, reached))
    table = build_table(present)
    constraints = close(decisions.standing_decisions(connection, reached))
    scored = pairs.load_pairs(connection, table.record_ids.tolist())
    return _form(table, model, scored, constraints), constraints


def _form(
    table: RecordTable, model: MatchModel, scored: ScoredPairs, constraints: Constraints
) -> dict[int, frozenset[int]]:
    def score(left: IntArray, right: IntArray) -> ScoredPairs:
        return engine.score(table, model, table.row_of(left), table.row_of(right))

    found = form_clusters(table.record_ids, scored, constraints, cluster_rules(model), score)
    return members_by_label(table.record_ids, found.labels)


def members_by_label(record_ids: IntArray, labels: IntArray) -> dict[int, frozenset[int]]:
    """Label → record ids, by ascending label."""
    order = np.lexsort((record_ids, labels))
    borders = np.flatnonzero(np.diff(labels[order])) + 1
    groups = np.split(record_ids[order], borders)
    return {int(group[0]): frozenset(group.tolist()) for group in groups if len(group)}


def _resolve_everything(
    installation: Installation, model: MatchModel, resolved: Resolved, say: Progress, *, rebuild: bool
) -> Resolved:
    taken = _normalise_everything(installation, say, everything=rebuild)
    with installation.database.unit_of_work() as connection:
        resolver_lock(connection)
        now = utc_now()
        table = build_table(list(normalised.load_all_normalised(connection)))
        found = engine.match(table, model, progress=lambda done, total: say("match", done, total))
        _write_index(connection, model, table, found.pairs)
        constraints = close(decisions.standing_decisions(connection))
        say("cluster", 0, 1)
        clusters = _form(table, model, found.pairs, constraints)
        say("publish", 0, 1)
        published = publish(connection, installation, clusters, frozenset(taken), constraints, now, rebuild=rebuild)
        redo.done(connection, taken)
        say("publish", 1, 1)
    resolved.records += len(taken)
    resolved.candidate_pairs += found.candidate_pairs
    resolved.add(published)
    return resolved


def _normalise_everything(installation: Installation, say: Progress, *, everything: bool) -> dict[int, int]:
    """Normalise what is due, or every record; each chunk is one commit. The redo rows that this covers."""
    with installation.database.unit_of_work() as connection:
        taken = redo.take(connection, utc_now(), 2**31)
        todo = sorted({*taken, *(records.live_customer_ids(connection) if everything else ())})
    for start in range(0, len(todo), CHUNK):
        with installation.database.unit_of_work() as connection:
            resolver_lock(connection)
            _normalise(connection, todo[start : start + CHUNK])
        say("normalise", min(start + CHUNK, len(todo)), len(todo))
    return taken


def _write_index(connection: Connection, model: MatchModel, table: RecordTable, scored: ScoredPairs) -> None:
    """Replace block keys and pairs by those of a full run."""
    normalised.forget_all_block_keys(connection)
    _index(connection, model, table)
    pairs.forget_all_pairs(connection)
    pairs.save_pairs(connection, scored)
