"""Everything again: a first load, a full run, a new model. Computed on a snapshot without the resolver's lock, then
applied component by component under it; what was touched meanwhile is left out and due again.

One process at a time does it, whoever else resolves. A run that must come to its end has a row (`store/reruns`): it
can be watched, paused, killed, and goes on with the next `resolve`.
"""

import time
from collections import deque
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from datetime import datetime
from functools import partial
from itertools import islice
from typing import Final

import numpy as np
from sqlalchemy import Connection

from cdi.clock import utc_now
from cdi.errors import BusyError, ConflictError
from cdi.matching import blocking, engine
from cdi.matching.columns import RecordTable
from cdi.matching.model import MatchModel
from cdi.matching.pairs import IntArray
from cdi.matching.training import shared_values
from cdi.pipeline.applying import Applied, Applying, with_newborn
from cdi.pipeline.comparing import forms_of, save_forms
from cdi.pipeline.installation import Installation
from cdi.pipeline.many_records import normalise_many, table_of_all
from cdi.pipeline.mapping_landed import map_what_landed
from cdi.pipeline.pace import Pace
from cdi.pipeline.parts import Outcome, Snapshot, divided, labels_of
from cdi.pipeline.resolving import (
    Judged,
    Progress,
    Resolved,
    active_model,
    form,
    rank,
    resolve_due,
    standing,
    wanted_model,
)
from cdi.pipeline.tables import build_table
from cdi.pipeline.workers import WORTH_IT, Workers
from cdi.resolution.households import addresses_are_homes
from cdi.store import decisions, first_keys, models, normalised, profiles, records, redo, reruns
from cdi.store.db import resolver_lock, take_stock, text

RERUN_FROM = 1_000
"""So many due records, when they are also a fifth of all, are resolved faster by a run over everything."""
NORMALISED_AT_ONCE = 5_000
APPLIED_AT_ONCE = 2_000
"""Records normalised or applied in one commit, while nobody is served yet."""
WRITERS: Final = 2
"""So many commits at once then: what PostgreSQL does for one, it does beside what is made ready for another."""
GENTLY = 50
"""So many at once when there are profiles that change meanwhile."""
HELD: Final = 0.05
"""Seconds that a commit takes about then: a push waits for one at most."""
TOLD_EVERY: Final = 1.0
"""Seconds between two entries of how far a run is; a pause is noticed as soon."""
NEW_MODEL, OTHER_RULES, FULL = "a new model", "other rules", "a full run"
HALF_DONE, BACKLOG = "another run was given up half done", "many records are due"


def resolve(installation: Installation, *, full: bool = False, progress: Progress | None = None) -> Resolved:
    """Work off all that is due. With `full`, or when cdi.yaml asks for another model, everything is compared and
    built again from facts. Safe to kill and to repeat.

    While another process runs over everything, or such a run is paused, only what is due is worked off; then a `full`
    one raises BusyError or ConflictError.
    """
    resolved = Resolved()
    say = progress or (lambda _step, _done, _total: None)
    map_what_landed(installation, say)
    if _task(installation, full=full) is not None:
        try:
            with installation.database.exclusive(reruns.LOCK):
                task = _task(installation, full=full)  # asked again: somebody may have done it meanwhile
                if task is not None:
                    _run_everything(installation, task, resolved, say)
        except BusyError:
            if full:
                raise
    return resolve_due(installation, resolved, say)


@dataclass(frozen=True, slots=True)
class Task:
    """A run over everything: why, and by which model; the one that decides so far unless it is to `switch`."""

    reason: str
    model: MatchModel
    rebuild: bool  # every document again, not only those of records that changed
    switch: bool


def _task(installation: Installation, *, full: bool) -> Task | None:
    """The run over everything that is to be done, if any. One that was begun is done to its end."""
    with installation.database.unit_of_work() as connection:
        resolver_lock(connection)
        model = active_model(connection, installation, utc_now())
        wanted = wanted_model(connection, installation)
        moved = (installation.deployment.matching.model, wanted.version) != models.active_base(connection)
        rules_moved = models.rules_moved(connection, installation.rules_fingerprint)
        begun = reruns.unfinished(connection)
        waiting, _ = redo.backlog(connection)
        live = records.count_live_customers(connection)
    if begun is not None and begun.paused_at is not None:
        if full:
            raise ConflictError("a run over everything is paused", remedy="cdi model resume lets it go on")
        return None
    if moved:
        return Task(NEW_MODEL, wanted, rebuild=full or rules_moved, switch=True)
    if full or rules_moved or begun is not None:
        reason = FULL if full else OTHER_RULES if rules_moved else HALF_DONE
        return Task(reason, model, rebuild=True, switch=False)
    if waiting > RERUN_FROM and waiting * 5 > live:
        return Task(BACKLOG, model, rebuild=False, switch=False)
    return None


@dataclass(slots=True)
class _Telling:
    """How far a run is, for whoever looks; and where it waits while it is paused: what is due is resolved even then."""

    installation: Installation
    say: Progress
    resolved: Resolved
    run: reruns.Rerun | None  # None: a run that needs no end, since what is due stays due
    told: float = field(default=0.0)

    def __call__(self, step: str, done: int, total: int) -> None:
        self.say(step, done, total)
        if self.run is not None and time.monotonic() - self.told >= TOLD_EVERY:
            self._tell(step, done, total)

    def wait(self, step: str, done: int, total: int) -> None:
        """Between two commits: go on, once the run is not paused."""
        self.say(step, done, total)
        if self.run is not None and time.monotonic() - self.told >= TOLD_EVERY:
            while self._tell(step, done, total):
                resolve_due(self.installation, self.resolved, self.say)
                time.sleep(TOLD_EVERY)
                self.say(step, done, total)  # who wants to stop the process says so there

    def _tell(self, step: str, done: int, total: int) -> bool:
        assert self.run is not None
        with self.installation.database.unit_of_work() as connection:
            paused = reruns.tell(connection, self.run.rerun_id, step, done, total, utc_now())
        self.told = time.monotonic()
        return paused


def _run_everything(installation: Installation, task: Task, resolved: Resolved, say: Progress) -> None:
    with Workers() as workers:
        _run_with(workers, installation, task, resolved, say)


def _run_with(workers: Workers, installation: Installation, task: Task, resolved: Resolved, say: Progress) -> None:
    telling = _Telling(installation, say, resolved, _begun(installation, task))
    gently = _somebody_is_served(installation)
    _normalise_everything(
        installation,
        workers,
        telling,
        everything=task.rebuild,
        at_once=GENTLY if gently else NORMALISED_AT_ONCE,
    )
    snapshot = take_snapshot(installation, workers)
    outcome = compute(installation, snapshot, task.model, telling)
    if not task.switch:
        _remember_drift(installation, outcome.model)
    laid = not gently and _lay_first_keys(installation, snapshot, outcome, telling)
    if laid:
        outcome = replace(outcome, keys=np.zeros(0, np.int64), key_rows=np.zeros(0, np.int64))
    applying = Applying(installation, snapshot, outcome, task.rebuild, keys_laid=laid)
    _apply_everything(workers, applying, telling, gently=gently)
    homes = addresses_are_homes(snapshot.table, labels_of(snapshot, outcome))  # it takes too long to be held up by
    with installation.database.unit_of_work() as connection:
        resolver_lock(connection)
        _finish(connection, installation, snapshot, outcome, homes, utc_now(), switch=task.switch)
        if telling.run is not None:
            reruns.finish(connection, telling.run.rerun_id, utc_now())
    if not gently and len(snapshot.table) >= WORTH_IT:
        installation.database.clear_away()
    elif not gently:
        with installation.database.unit_of_work() as connection:
            take_stock(connection)
    resolved.records += len(snapshot.taken)
    resolved.candidate_pairs += outcome.candidate_pairs


def _begun(installation: Installation, task: Task) -> reruns.Rerun | None:
    """The row of a run that must come to its end: half of it would be neither the old nor the new."""
    if not (task.rebuild or task.switch):
        return None
    named = installation.deployment.matching.model
    with installation.database.unit_of_work() as connection:
        return reruns.begin(connection, task.reason, named, task.model.version, utc_now())


def _somebody_is_served(installation: Installation) -> bool:
    with installation.database.unit_of_work() as connection:
        return profiles.any_live(connection)


def _lay_first_keys(installation: Installation, snapshot: Snapshot, outcome: Outcome, say: Progress) -> bool:
    """Lay down the block keys of a first load, unless something came in between; then each part brings its own."""
    ids = snapshot.table.record_ids
    with installation.database.unit_of_work() as connection:
        resolver_lock(connection)
        if first_keys.any_keys(connection) or not normalised.unmoved(connection, snapshot.touched, len(ids)):
            return False
        first_keys.lay_first_keys(connection, outcome.keys, ids[outcome.key_rows], partial(say, "index"))
    return True


def _apply_everything(workers: Workers, applying: Applying, telling: _Telling, *, gently: bool) -> None:
    """Part by part; several commits at once while nobody is served yet."""
    parts = list(divided(applying.snapshot, applying.outcome, GENTLY if gently else APPLIED_AT_ONCE))
    coming = with_newborn(applying.installation, parts, workers)
    pace = Pace(HELD, least=1, most=APPLIED_AT_ONCE // GENTLY if gently else 1)
    at_once, done, total = 1 if gently else WRITERS, 0, len(applying.snapshot.table.record_ids)
    under_way: deque[Future[Applied]] = deque()
    with ThreadPoolExecutor(at_once) as writers:
        while True:
            while len(under_way) >= at_once:
                applied = under_way.popleft().result()
                pace.took(applied.seconds)
                for published in applied.published:
                    telling.resolved.add(published)
                done += applied.records
            telling.wait("publish", done, total)
            if some := list(islice(coming, pace.size)):
                under_way.append(writers.submit(applying.commit, some))
            else:
                at_once = 1
                if not under_way:
                    break
    telling("publish", done, total)


def _normalise_everything(
    installation: Installation, workers: Workers, telling: _Telling, *, everything: bool, at_once: int
) -> None:
    """Normalise what is due, or every record; each chunk is one commit. What is due stays due."""
    with installation.database.unit_of_work() as connection:
        due = redo.take(connection, utc_now(), 2**31)
        todo = sorted({*due, *(records.live_customer_ids(connection) if everything else ())})
    if len(todo) >= WORTH_IT:
        for done in normalise_many(installation, workers, todo, at_once):
            telling.wait("normalise", done, len(todo))
        return
    for start in range(0, len(todo), at_once):
        telling.wait("normalise", start, len(todo))
        with installation.database.unit_of_work() as connection:
            resolver_lock(connection)
            some = todo[start : start + at_once]
            save_forms(connection, some, forms_of(connection, some))
    telling("normalise", len(todo), len(todo))


def take_snapshot(installation: Installation, workers: Workers | None = None) -> Snapshot:
    """Every live record as it is normalised now, read by `workers` if there are many; what is due meanwhile belongs to
    the next."""
    with installation.database.unit_of_work() as connection:
        connection.execute(text("set transaction isolation level repeatable read, read only"))
        taken = redo.take(connection, utc_now(), 2**31)
        touched = normalised.last_touch(connection)
        judged_at = decisions.last_mark(connection)
        table = _table_of_all(connection, installation, workers)
        home, housed = profiles.load_homes(connection, table.record_ids)
    return Snapshot(table, home, housed, judged_at, touched, taken)


def _table_of_all(connection: Connection, installation: Installation, workers: Workers | None) -> RecordTable:
    ids = normalised.normalised_ids(connection)
    if workers is not None and len(ids) >= WORTH_IT:
        return table_of_all(connection, installation.database.url, workers, ids)
    return build_table(normalised.load_cards_between(connection, ids[0], ids[-1]) if ids else ())


def compute(installation: Installation, snapshot: Snapshot, model: MatchModel, say: Progress) -> Outcome:
    """What this model makes of the snapshot; nothing is written."""
    return next(compute_each(installation, snapshot, model, [(model.match, model.review)], say))


def compute_each(
    installation: Installation,
    snapshot: Snapshot,
    model: MatchModel,
    thresholds: Sequence[tuple[float, float]],
    say: Progress,
) -> Iterator[Outcome]:
    """What this model makes of the snapshot, linking and asking at each of these (match, review) probabilities; the
    records are compared once for all of them, and nothing is written."""
    table = snapshot.table
    model = replace(model, shared=shared_values(table, model), review=min(review for _, review in thresholds))
    model = blocking.refuse_oversized(table, model, blocking.Limits())
    keys, rows = blocking.block_keys(table, model)
    found = engine.match(table, model, progress=lambda done, total: say("compare", done, total))
    with installation.database.unit_of_work() as connection:
        said = standing(connection)
    for done, (match, review) in enumerate(thresholds):
        say("cluster", done, len(thresholds))
        one = replace(model, match=match, review=review)
        pairs_of = found.pairs.only(found.pairs.weight >= one.review_weight)
        clusters, findings = form(table, one, Judged(said, pairs_of, lambda ids: _rank(installation, ids)))
        say("cluster", done + 1, len(thresholds))
        yield Outcome(one, keys, rows, pairs_of, clusters, findings, said.constraints, found.candidate_pairs)


def _rank(installation: Installation, record_ids: IntArray) -> IntArray:
    with installation.database.unit_of_work() as connection:
        return rank(connection, record_ids)


def _finish(
    connection: Connection,
    installation: Installation,
    snapshot: Snapshot,
    outcome: Outcome,
    homes: bool,
    now: datetime,
    *,
    switch: bool,
) -> None:
    """From here on the new model decides; what came during the run is resolved under it."""
    if switch:
        wanted = wanted_model(connection, installation)
        models.activate_model(connection, installation.deployment.matching.model, wanted, "cdi.yaml", now)
        _add_drift(connection, installation, outcome.model, now)
    late = normalised.touched_since(connection, snapshot.touched)
    redo.queue(connection, late, "it changed during a run over everything", now)
    models.remember_rules(connection, installation.rules_fingerprint)
    models.remember_homes(connection, homes)


def _remember_drift(installation: Installation, model: MatchModel) -> None:
    """What a look at everything found is known before anything is written that rests on it: a push in between must
    not join by a value that is everybody's, nor look for records under keys that are written no more."""
    with installation.database.unit_of_work() as connection:
        resolver_lock(connection)
        _add_drift(connection, installation, model, utc_now())


def _add_drift(connection: Connection, installation: Installation, model: MatchModel, now: datetime) -> None:
    active = installation.models.active(connection)
    assert active is not None
    shared = np.setdiff1d(model.shared, active.shared)
    models.add_drift(connection, models.SHARED, shared.view(np.int64).tolist(), now)
    refused = np.setdiff1d(model.refused, active.refused)
    models.add_drift(connection, models.REFUSED, refused.tolist(), now)
