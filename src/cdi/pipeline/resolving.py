"""Due records become customers: normalised, compared, clustered; then what is different is published.

One resolver works at a time. A micro-batch looks at the neighbourhood of what changed; a full run (`rerun`) looks at
everything. Both ask the same functions, so they come to the same end.
"""

import time
from collections.abc import Callable, Sequence
from contextlib import nullcontext
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Final, TypeAlias
from uuid import UUID

import numpy as np
from sqlalchemy import Connection

from cdi.clock import utc_now
from cdi.errors import ConfigurationError
from cdi.matching import engine
from cdi.matching.columns import RecordTable
from cdi.matching.model import MatchModel, default_model
from cdi.matching.pairs import IntArray, ScoredPairs
from cdi.measured import BATCH_SECONDS
from cdi.pipeline.comparing import Prepared, as_compared, compare, prepare
from cdi.pipeline.installation import Installation
from cdi.pipeline.pace import Pace
from cdi.pipeline.publishing import Clusters, Finding, Published, publish
from cdi.resolution.clusters import ClusterRules, Question, Rank, Reason, form_clusters
from cdi.resolution.decisions import Constraints, Decision, close, overruled
from cdi.store import decisions, models, normalised, pairs, profiles, rarities, records, redo, reruns
from cdi.store.db import Database, resolver_lock, without_waiting
from cdi.store.rarities import UNKNOWN, Rarities
from cdi.tracing import span

DEFAULT: Final = "default"
"""The name of the shipped model."""
BATCH = 500
"""Records resolved in one commit at most."""
SHORT_BATCH: Final = 25
HELD: Final = 0.1
"""Seconds that a batch of what is due takes about, if it has more than `SHORT_BATCH` records."""
TOLD_EVERY: Final = 1.0
"""Seconds between two countings of what waits."""

REASONS: Final = {
    Reason.SIMILAR: "similar, but not certainly one customer",
    Reason.CONTRADICTED: "two records match, but the others speak against it",
    Reason.RIVALS: "others have an equal claim",
    Reason.SIZE: "together they would be more records than one customer has",
}

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


def resolve_due(installation: Installation, resolved: Resolved, say: Progress) -> Resolved:
    """Work off what is due, batch by batch; each is one commit, and what is due is a row until it is done.

    Who waits for an answer is not kept waiting: a batch is as large as fits into `HELD`.
    """
    done = waiting = 0
    counted = -TOLD_EVERY
    pace = Pace(HELD, least=SHORT_BATCH, most=BATCH)
    while True:
        with installation.database.unit_of_work() as connection:
            resolver_lock(connection)
            began, now = time.monotonic(), utc_now()
            taken = redo.take(connection, now, pace.size)
            if not taken:
                return resolved
            resolve_batch(connection, installation, frozenset(taken), resolved, now, alone=True)
            redo.done(connection, taken)
            if began - counted >= TOLD_EVERY:  # counting takes as long as there is much to count
                waiting, counted = done + len(taken) + redo.backlog(connection)[0], began
        done += len(taken)
        pace.took(time.monotonic() - began)
        say("resolve", done, max(done, waiting))


def resolve_now(installation: Installation, record_ids: Sequence[int]) -> Resolved:
    """Resolve these records before anything else that is due; those that another resolver took meanwhile are
    done."""
    resolved = Resolved()
    for start in range(0, len(record_ids), BATCH):
        some = record_ids[start : start + BATCH]
        prepared = prepare(installation, some)
        with installation.database.unit_of_work() as connection:
            resolver_lock(connection)
            if taken := redo.take_these(connection, some):
                resolve_batch(
                    connection, installation, frozenset(taken), resolved, utc_now(), alone=True, prepared=prepared
                )
                redo.done(connection, taken)
    return resolved


def resolve_changed(
    connection: Connection,
    installation: Installation,
    due: frozenset[int],
    resolved: Resolved,
    *,
    born: frozenset[int] = frozenset(),
    keep_past: bool = True,
) -> None:
    """Resolve what changed in this transaction, under the resolver's lock, so that it need not be a row that is due.
    Of what is `born`, its record was made in this transaction too. `keep_past`: see `publish`."""
    if due:
        queued = redo.take_these(connection, sorted(due - born))
        resolve_batch(connection, installation, due, resolved, utc_now(), born, keep_past=keep_past)
        redo.done(connection, queued)


def resolve_batch(
    connection: Connection,
    installation: Installation,
    due: frozenset[int],
    resolved: Resolved,
    now: datetime,
    born: frozenset[int] = frozenset(),
    *,
    keep_past: bool = True,
    heard: bool = True,
    alone: bool = False,
    prepared: Prepared | None = None,
) -> None:
    """Resolve these records against the whole store, in the caller's transaction, under the resolver's lock. Those of
    them that are `born` in this transaction have no past that would have to be asked for. `keep_past`: see
    `publish`. Where nothing new was `heard` of them, but for what stewards decided, they are as they were compared
    before, unless they wait for that. `alone`: the transaction does nothing else. `prepared`: what was found of them
    before the lock was held."""
    with span("resolver batch", records=len(due)), BATCH_SECONDS.time():
        _resolve_batch(connection, installation, due, born, resolved, now, keep_past, heard, alone, prepared)


def _resolve_batch(
    connection: Connection,
    installation: Installation,
    due: frozenset[int],
    born: frozenset[int],
    resolved: Resolved,
    now: datetime,
    keep_past: bool,
    heard: bool,
    alone: bool,
    prepared: Prepared | None,
) -> None:
    model = active_model(connection, installation, now)
    beside = installation.database if alone else None
    compared = None if heard else as_compared(connection, model, due)
    if compared is None:
        compared = compare(connection, model, due, born, now, beside, prepared)
    resolved.candidate_pairs += compared.candidates
    model, known = compared.model, compared.known
    ended = due.difference(known.ids)  # whom they were connected to is in `around`
    with without_waiting(connection):
        pairs.save_pairs(connection, compared.pairs)
        around = sorted(due.union(compared.around) - ended)
        asked_around = pairs.ask_for_surroundings(connection, around, model.match_weight)
    wider, core = asked_around.answer()
    concerned = sorted(due.union(wider))
    with without_waiting(connection):
        asked = pairs.ask_for_pairs(connection, wider)
        asked_rarities = rarities.ask_among(connection, concerned)
        asked_homes = profiles.ask_for_homes(connection, concerned)
        members = known.table(wider)
    scored, rare, homes = asked.answer(), asked_rarities.answer(), asked_homes.answer()
    judged = Judged(standing(connection, wider, rare), scored, _ranks(connection, beside))
    with without_waiting(connection):  # the server writes them while clusters form
        normalised.set_block_keys(connection, *compared.indexed)
        clusters, findings = form(members, model, judged)
    if rare.rerunning:
        reruns.leave_to_the_end(connection, sorted(core | ended))
    about_core = [finding for finding in findings if finding.left in core or finding.right in core]
    published = publish(
        connection,
        installation,
        clusters,
        due,
        judged.constraints,
        now,
        findings=about_core,
        asked_about=core,
        rare=rare,
        keep_past=keep_past,
        current=compared.facts,
        homes=homes,
    )
    resolved.records += len(due)
    resolved.add(published)


def active_model(connection: Connection, installation: Installation, now: datetime) -> MatchModel:
    """The model version that decides; before the first, the one that cdi.yaml names is made active."""
    model = installation.models.active(connection)
    if model is None:
        wanted = wanted_model(connection, installation)
        models.activate_model(connection, installation.deployment.matching.model, wanted, "the first", now)
        return wanted
    return model


def wanted_model(connection: Connection, installation: Installation, name: str | None = None) -> MatchModel:
    """The model that cdi.yaml names (or this one), with the thresholds, guarantees and custom comparisons that
    cdi.yaml states. Raises ConfigurationError when there is none of that name."""
    matching = installation.deployment.matching
    name = name or matching.model
    known = default_model() if name == DEFAULT else models.named_model(connection, name)
    if known is None:
        there = ", ".join([DEFAULT, *models.names(connection)])
        raise ConfigurationError(f"there is no model {name}", remedy=f"There are {there}; cdi train makes one")
    return replace(
        known.with_thresholds(matching.match, matching.review),
        guarantees=installation.unique_sources,
        custom=tuple(sorted(matching.custom.items())),
    )


def cluster_rules(model: MatchModel) -> ClusterRules:
    """How judgements become customers under this model."""
    usual = ClusterRules(match=model.match_weight, review=model.review_weight)
    return replace(usual, worth_asking=min(usual.worth_asking, model.review_weight - model.match_weight))


@dataclass(frozen=True, slots=True)
class Standing:
    """What stewards decided about some records, and what applications and sources said of them."""

    decisions: Sequence[Decision]
    constraints: Constraints


def standing(connection: Connection, record_ids: Sequence[int] | None = None, rare: Rarities = UNKNOWN) -> Standing:
    """Decisions closed over groups; a copy goes with the profile that it was copied from unless a steward keeps
    the two apart."""
    decided = decisions.standing_decisions(connection, record_ids) if rare.decided else []
    ids = records.live_customer_ids(connection) if record_ids is None else record_ids
    copies = records.copies_among(connection, ids) if rare.copied else []
    return Standing(decided, close(decided, copies))


@dataclass(frozen=True, slots=True)
class Judged:
    """All that clusters are formed from, besides the records."""

    said: Standing
    pairs: ScoredPairs
    rank: Rank

    @property
    def constraints(self) -> Constraints:
        return self.said.constraints


def rank(connection: Connection, record_ids: IntArray) -> IntArray:
    """The ranks of these records by source, key and stream, which no order of arrival decides."""
    names = records.load_names(connection, record_ids.tolist())
    ordered = sorted(names, key=lambda i: (names[i].source, names[i].key, names[i].stream, i))
    place = {record: n for n, record in enumerate(ordered)}
    return np.array([place[record] for record in record_ids.tolist()], dtype=np.int64)


def _ranks(connection: Connection, beside: Database | None) -> Rank:
    """`rank`, of records that are all committed over another connection `beside` this one, which has other things to
    do."""

    def ranked(record_ids: IntArray) -> IntArray:
        with nullcontext(connection) if beside is None else beside.looking_up() as looking:
            return rank(looking, record_ids)

    return ranked


def form(table: RecordTable, model: MatchModel, judged: Judged) -> tuple[Clusters, list[Finding]]:
    """Clusters of the records of the table, and what stewards should look at again."""

    def score(left: IntArray, right: IntArray) -> ScoredPairs:
        return engine.score(table, model, table.row_of(left), table.row_of(right))

    found = form_clusters(table.record_ids, judged.pairs, judged.constraints, cluster_rules(model), score, judged.rank)
    clusters = members_by_label(table.record_ids, found.labels)
    return clusters, [
        *_similar(found.open_questions),
        *_doubtful(table, model, judged.said.decisions),
        *_overruled(judged.said.decisions),
    ]


def _similar(asked: Sequence[Question]) -> list[Finding]:
    """Clusters that are similar but not certainly one customer."""
    return [
        Finding("size" if q.reason is Reason.SIZE else "pair", q.left, q.right, q.weight, REASONS[q.reason])
        for q in asked
    ]


def _doubtful(table: RecordTable, model: MatchModel, decided: Sequence[Decision]) -> list[Finding]:
    """Links by stewards whose records no longer look alike at all: do they still hold?"""
    here = set(table.record_ids.tolist())
    findings = []
    for decision in decided:
        pairs_of = [(a, b) for a in decision.left & here for b in decision.right & here]
        if not decision.verdict.links or not pairs_of:
            continue
        ends = np.array(sorted(pairs_of), dtype=np.int64)
        scored = engine.score(table, model, table.row_of(ends[:, 0]), table.row_of(ends[:, 1]))
        best = int(scored.weight.argmax())
        if scored.contradicts.all() and scored.weight[best] < model.review_weight:
            a, b = ends[best].tolist()
            findings.append(Finding("doubtful_link", a, b, float(scored.weight[best]), "a steward linked them"))
    return findings


def _overruled(decided: Sequence[Decision]) -> list[Finding]:
    """Links by stewards that later facts made impossible: keeping apart wins, and somebody should look."""
    return [
        Finding("overruled", min(d.left), min(d.right), 0.0, "a link by a steward is outweighed by others")
        for d in overruled(decided)
    ]


def members_by_label(record_ids: IntArray, labels: IntArray) -> dict[int, frozenset[int]]:
    """Label → record ids, by ascending label."""
    order = np.lexsort((record_ids, labels))
    borders = np.flatnonzero(np.diff(labels[order])) + 1
    groups = np.split(record_ids[order], borders)
    return {int(group[0]): frozenset(group.tolist()) for group in groups if len(group)}
