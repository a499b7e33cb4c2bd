"""What is kept no longer goes: by the rules of cdi.yaml, batch by batch, each one commit in which the record ends, its
profile is resolved anew as after any change of a source, and its values leave every table. Readers never wait.

A legal hold protects, a share that seems too large is asked about first, and what went is proved by ids.
"""

import math
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from functools import partial
from typing import Any, Final, TypeAlias
from uuid import UUID

from sqlalchemy import Connection

from cdi.audit import Trail
from cdi.clock import utc_now
from cdi.errors import BadRecordError, NotFoundError
from cdi.fields import CanonicalData
from cdi.ids import new_id
from cdi.ingest.contract import Native
from cdi.normalise.record import canonicalise
from cdi.periods import Period
from cdi.pipeline import Installation
from cdi.pipeline.landing import CONTACTS, arriving_of, is_bare_contact
from cdi.pipeline.pace import Pace, rest_after
from cdi.pipeline.removed import mark as mark_removed
from cdi.pipeline.resolving import Progress, Resolved, resolve_changed
from cdi.privacy.unsaying import unsaid
from cdi.settings import PUSH, Deployment
from cdi.store import due, exports, holds, records
from cdi.store import retention as store
from cdi.store.db import resolver_lock
from cdi.store.due import Counted, Due
from cdi.store.giving_way import Beside, giving_way, thread_gives_way, writers_aside
from cdi.store.retention import SaidVersion

RECORDS: Final = "records"
TOUCHPOINTS: Final = "touchpoints"
HELD: Final = 0.3
"""Seconds that a batch takes about: so long whoever pushes waits for the resolver's lock."""
LEAST: Final = 100
ENOUGH_A_SECOND: Final = 400
"""Faster it need not be: 100,000 are gone in a little over four minutes, and the other time is for readers."""
FEW: Final = 25
"""So many may go without being asked about, whatever share they are."""
MOST: Final = 500
LISTED: Final = 100

EXACT_BELOW: Final = 100_000
"""So many records are counted while somebody waits for a page; of more a sample is asked."""
SAMPLE: Final = 20_000
"""Rows that a sample is drawn from a table, page by page: some hundred pages."""
TRIED: Final = 200
"""Of each rule so many of the sample are asked whether anything was heard of the customer since."""
ENOUGH: Final = 20
"""So many of a sample must be found to say how many there are: with 20 a third more or less."""
ABOUT: Final = "about"
FEWER: Final = "fewer"

Act: TypeAlias = Callable[[Connection, Sequence[int]], None]


@dataclass(frozen=True, slots=True)
class Rule:
    """One rule of cdi.yaml: `what` of a source (records, touchpoints, or an attribute) is kept for `period` after
    `after`."""

    source: str
    what: str
    period: Period
    after: str

    def __str__(self) -> str:
        return f"{self.what} {self.period} after {self.after}"


def rules_of(deployment: Deployment, source: str | None = None) -> list[Rule]:
    """All rules in the order in which they are applied: whole records first."""
    if source is not None and source not in deployment.sources:
        raise NotFoundError(f"there is no source {source}", remedy="cdi.yaml lists them")
    rules = []
    for name, system in deployment.sources.items():
        kept = system.kept
        if source not in {None, name}:
            continue
        if kept.records is not None:
            rules.append(Rule(name, RECORDS, kept.records, kept.after))
        rules += [Rule(name, attribute, period, kept.after) for attribute, period in kept.attributes.items()]
        if kept.touchpoints is not None:
            rules.append(Rule(name, TOUCHPOINTS, kept.touchpoints, "its own date"))
    return rules


def _asked(rule: Rule, now: datetime) -> Due:
    limit = rule.period.before(now)
    if rule.what == TOUCHPOINTS:
        return Due(rule.source, None, limit)
    return Due(rule.source, rule.after, limit, None if rule.what == RECORDS else rule.what)


# -- the dry run -----------------------------------------------------------------------------------


def preview(
    connection: Connection, installation: Installation, now: datetime, source: str | None = None, listed: int = LISTED
) -> dict[str, Any]:
    """What a run would remove now, by rule, with why: the first `listed` records by name, and how many there are.
    Nothing is changed."""
    rules = rules_of(installation.deployment, source)
    counted = due.count_due(connection, [_asked(rule, now) for rule in rules], now, listed)
    kept = {kind: due.count_kept(connection, kind) for kind in {rule.what == TOUCHPOINTS for rule in rules}}
    totals = [kept[rule.what == TOUCHPOINTS].get(rule.source, 0) for rule in rules]
    return _told(connection, installation, now, rules, counted, totals)


def glance(connection: Connection, installation: Installation, now: datetime, listed: int) -> dict[str, Any]:
    """The same in a time that does not grow with what there is: of very many records a sample is asked. Then the answer
    is `rough`, the listed ones are any of what is due, and of each rule `due_is` and `of_is` tell whether these are
    `about` so many, or `fewer`."""
    if due.rows_known(connection) < EXACT_BELOW:
        return preview(connection, installation, now, listed=listed)
    rules = rules_of(installation.deployment)
    asked = [_asked(rule, now) for rule in rules]
    held = sorted(holds.all_held(connection, now))
    found, totals, exactness = [], [], []
    for one, drawn in zip(asked, due.sample_due(connection, asked, SAMPLE, TRIED), strict=True):
        going = due.find_due(connection, one, now, drawn.some).due
        protected = due.find_due(connection, one, now, held).held if held else []
        tried = len(drawn.some) / drawn.old if drawn.old else 1
        count, due_is = _estimate(len(going), drawn.weight / tried)
        total, of_is = _estimate(drawn.seen, drawn.weight)
        found.append(Counted(count, len(protected), going[:listed]))
        totals.append(total)
        exactness.append({"due_is": due_is, "of_is": of_is})
    told = _told(connection, installation, now, rules, found, totals)
    told["rules"] = [
        {**rule, **exact, "asks_first": rule["asks_first"] and exact["due_is"] == ABOUT}
        for rule, exact in zip(told["rules"], exactness, strict=True)
    ]
    return told | {"rough": True}


def _estimate(found: int, weight: float) -> tuple[int, str]:
    """How many there are if each that was found in a sample stands for so many (two digits of it, more are not known);
    where too few were found to say so, what they are fewer than."""
    if found >= ENOUGH:
        return _rounded(found * weight, 2, round), ABOUT
    return _rounded((found + 1 + 2 * math.sqrt(found + 1)) * weight, 1, math.ceil), FEWER


def _rounded(value: float, digits: int, to_whole: Callable[[float], int]) -> int:
    unit: int = 10 ** max(0, math.floor(math.log10(value)) + 1 - digits)
    return to_whole(value / unit) * unit


def _told(
    connection: Connection,
    installation: Installation,
    now: datetime,
    rules: Sequence[Rule],
    counted: Sequence[Counted],
    totals: Sequence[int],
) -> dict[str, Any]:
    named = {one.record_id: one for one in due.describe(connection, [i for found in counted for i in found.first])}
    told = [
        {
            "source": rule.source,
            "what": rule.what,
            "rule": str(rule),
            "period": str(rule.period),
            "after": rule.after,
            "data_owner": installation.owner_of(rule.source),
            "kept_since": rule.period.before(now),
            "due": found.due,
            "held": found.held,
            "of": total,
            "asks_first": _is_too_much(installation, rule, found.due, total),
            "records": [
                {
                    "record": f"{one.source}:{one.key}",
                    "stream": one.stream,
                    "profile": one.profile_id,
                    "last_activity": one.last_activity,
                }
                for one in (named[i] for i in found.first)
            ],
        }
        for rule, found, total in zip(rules, counted, totals, strict=True)
    ]
    return {"at": now, "schedule": _schedule(installation), "rules": told}


def _schedule(installation: Installation) -> str | None:
    schedule = installation.deployment.retention.schedule
    return None if schedule is None else str(schedule)


def _is_too_much(installation: Installation, rule: Rule, count: int, total: int) -> bool:
    return count > installation.source(rule.source).max_delete_share * total and count > FEW


def list_runs(connection: Connection, limit: int) -> list[dict[str, Any]]:
    """What runs removed, newest first: source, rule, how many, when, by whom."""
    return store.list_runs(connection, limit)


# -- the run ---------------------------------------------------------------------------------------


@dataclass(slots=True)
class Removed:
    """What a run did: by rule how many went and how many are held; the rules that ask first."""

    run_id: UUID
    began_at: datetime
    rules: list[dict[str, Any]] = field(default_factory=list)
    asks: list[str] = field(default_factory=list)
    ended_at: datetime | None = None

    @property
    def total(self) -> int:
        return sum(rule["removed"] for rule in self.rules)


def run(
    installation: Installation,
    trail: Trail,
    say: Progress,
    source: str | None = None,
    *,
    confirmed: bool = False,
    beside: Beside = Beside.WORK,
) -> Removed:
    """Remove what is due now. Of a rule by which more would go than `max_delete_share` of its source nothing does
    unless it is `confirmed`. May be killed at any moment and run again. Beside a server of ours it gives way to others,
    by what this process does `beside`."""
    if not installation.has_own_server:
        return _run(installation, trail, say, source, confirmed)
    with (
        giving_way(installation.database, private=True) as database,
        writers_aside(database),
        thread_gives_way(beside),
    ):
        return _run(replace(installation, database=database), trail, say, source, confirmed)


def _run(installation: Installation, trail: Trail, say: Progress, source: str | None, confirmed: bool) -> Removed:
    removed = Removed(new_id(), utc_now())
    for rule in rules_of(installation.deployment, source):
        now = utc_now()
        with installation.database.unit_of_work() as connection:
            found = due.find_due(connection, _asked(rule, now), now)
            total = due.count_kept(connection, rule.what == TOUCHPOINTS).get(rule.source, 0)
        told: dict[str, Any] = {"source": rule.source, "rule": str(rule), "removed": 0, "held": len(found.held)}
        removed.rules.append(told)
        if _is_too_much(installation, rule, len(found.due), total) and not confirmed:
            removed.asks.append(f"{rule.source}: {rule}: {len(found.due)} of {total} are due")
            continue
        for done in _batches(installation, removed.run_id, trail.actor, rule, found.due):
            told["removed"] += done
            say(f"{rule.source}: {rule.what}", told["removed"], len(found.due))
    if removed.total:
        counts = {f"{rule['source']}: {rule['rule']}": rule["removed"] for rule in removed.rules if rule["removed"]}
        trail.about |= {"run": str(removed.run_id), **counts}
        with installation.database.unit_of_work() as connection:
            trail.write(connection, utc_now())
    removed.ended_at = utc_now()
    return removed


def _batches(installation: Installation, run_id: UUID, author: str, rule: Rule, ids: Sequence[int]) -> Iterator[int]:
    """Remove these in small commits; after each, how many went."""
    pace = Pace(HELD, least=LEAST, most=MOST)
    act = _act_of(installation, rule)
    start = 0
    while start < len(ids):
        part = ids[start : start + pace.size]
        start += len(part)
        with installation.database.unit_of_work() as connection:
            resolver_lock(connection)  # before the keys are locked, as in a push
            began, now = time.monotonic(), utc_now()
            records.lock_keys(connection, rule.source, {CONTACTS, *store.load_keys(connection, part)})
            # a source may have spoken, a hold been placed meanwhile
            going = due.find_due(connection, _asked(rule, now), now, part).due
            if going:
                act(connection, going)
                store.save_evidence(connection, run_id, author, rule.source, rule.what, str(rule), going, now)
        took = time.monotonic() - began
        pace.took(took)
        yield len(going)
        if start < len(ids):
            time.sleep(rest_after(took, len(part), ENOUGH_A_SECOND))


def _act_of(installation: Installation, rule: Rule) -> Act:
    def act(connection: Connection, record_ids: Sequence[int]) -> None:
        match rule.what:
            case "records":
                mark_removed(connection, installation, record_ids)
                remove_records(connection, installation, record_ids)
            case "touchpoints":
                mark_removed(connection, installation, record_ids)
                store.forget_touchpoints(connection, record_ids)
            case attribute:
                remove_attribute(connection, installation, rule.source, attribute, record_ids)

    return act


def remove_records(connection: Connection, installation: Installation, record_ids: Sequence[int]) -> None:
    """These customer records end and are forgotten, in the caller's transaction, under the resolver's lock."""
    mentions = store.load_mentions(connection, record_ids)
    exports.queue_clearing(connection, record_ids, utc_now())
    names = store.end_records(connection, record_ids)
    resolve_changed(connection, installation, frozenset(record_ids), Resolved(), keep_past=False)
    store.forget_customers(connection, record_ids, names)
    store.scrub_documents(connection, mentions)


def remove_attribute(
    connection: Connection, installation: Installation, source: str, attribute: str, record_ids: Sequence[int]
) -> None:
    """These records never said this attribute. One that a bare contact made is nothing without it."""
    names = records.load_names(connection, record_ids)
    bare = [i for i in record_ids if is_bare_contact(names[i].stream, names[i].key)]
    if bare:
        remove_records(connection, installation, bare)
    rest = sorted(set(record_ids) - set(bare))
    if not rest:
        return
    read = _reader(installation, source)
    versions = [
        SaidVersion(
            said.version_id,
            said.stream,
            unsaid(said.native, attribute, partial(read, said.stream)),
            {name: value for name, value in said.canonical.items() if name != attribute},
        )
        for said in store.load_said(connection, rest)
    ]
    exports.queue_clearing(connection, rest, utc_now())
    store.rewrite_said(connection, versions)
    store.forget_pins(connection, rest, attribute)
    resolve_changed(connection, installation, frozenset(rest), Resolved())
    store.scrub_attribute(connection, store.load_mentions(connection, rest), attribute)


def _reader(installation: Installation, source: str) -> Callable[[str, Native], CanonicalData | None]:
    """What a record of this source means; None if its mapping cannot read it."""
    context = installation.context(source)
    pushed = installation.source(source).connector == PUSH
    mapped = (lambda _, native: native) if pushed else arriving_of(installation, source).map_record

    def read(stream: str, native: Native) -> CanonicalData | None:
        try:
            return canonicalise(mapped(stream, native), context)
        except BadRecordError:
            return None

    return read
