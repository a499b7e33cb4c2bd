"""The jobs that there are. A new one is three lines: a name, when it is due, and what works it off.

- by the clock: `periodic(installation, "export", "0 4 * * *", export)`
- rows of a queue: `draining("deliver webhooks", webhooks.waits, deliver)`; the queue is a table of its own, and a row
  is gone when its work is done
"""

from datetime import datetime, timedelta

from sqlalchemy import Connection

from cdi import audit, exporting, modelling, sources, webhooks
from cdi.access import Credential, Role
from cdi.audit import Trail
from cdi.clock import utc_now
from cdi.errors import ConflictError
from cdi.jobs.job import Going, Job, Standing, Work, draining, on_request, periodic, reading
from cdi.periods import Period
from cdi.pipeline import Installation, resolve
from cdi.pipeline.timing import next_reading, reading_job, wanted_since
from cdi.privacy import retention
from cdi.settings import PUSH
from cdi.store import audit as audit_store
from cdi.store import redo
from cdi.store import sources as source_store
from cdi.store.giving_way import Beside

RUNS_KEPT = timedelta(days=90)
"""How long it is known how a source was read."""


def jobs_of(installation: Installation, beside: Beside = Beside.WORK) -> list[Job]:
    """Every job of this deployment, for a process that does this `beside`."""
    resolving = _Resolving()
    read = [name for name, system in installation.deployment.sources.items() if system.connector != PUSH]
    return [
        draining("resolve", resolving.waits, resolving.work),
        draining(
            "deliver webhooks",
            lambda connection, now: webhooks.waits(connection, installation, now),
            _deliver,
            after_kill=True,
        ),
        draining("clear exported files", exporting.waits, _clear),
        draining("seal the audit log", lambda connection, _: audit_store.waits(connection), _seal),
        periodic(installation, "forget old runs", "@daily", _forget),
        draining("study a model", modelling.studies.waits, _study),
        on_request(modelling.JOB, _apply),
        *_retention(installation, beside),
        *(reading(installation, name, _read(name)) for name in read),
    ]


def _read(name: str) -> Work:
    def read(installation: Installation, standing: Standing, going: Going) -> str:
        streams = standing.told.get(name, [])
        state = standing.sources.get(name)
        scheduled = next_reading(installation, name, state, standing.now)
        wanted = wanted_since(standing.jobs.get(reading_job(name)), state) is not None
        whole = not streams or wanted or (scheduled is not None and scheduled <= standing.now)
        counts = sources.read_source(
            installation, name, lambda _, counts: going("read", counts.read), () if whole else streams
        )
        return f"{counts.read} read, {counts.versions} new versions, {counts.rejected} rejected"

    return read


class _Resolving:
    """Resolves what is due; once at the beginning in any case, for cdi.yaml may ask for other rules or a new model."""

    def __init__(self) -> None:
        self.begun = False

    def waits(self, connection: Connection, now: datetime) -> bool:
        return not self.begun or redo.waits(connection, now)

    def work(self, installation: Installation, _: Standing, going: Going) -> str | None:
        resolved = resolve(installation, progress=going)
        self.begun = True
        done = f"{resolved.records} records, {resolved.profiles_written} profiles written"
        return done if resolved.records or resolved.profiles_written else None


def _deliver(installation: Installation, _: Standing, going: Going) -> str | None:
    return webhooks.deliver(installation, going)


def _clear(installation: Installation, _: Standing, going: Going) -> str | None:
    return exporting.clear(installation, going)


def _seal(installation: Installation, _: Standing, __: Going) -> str | None:
    audit.seal(installation.database)
    return None  # it is done all the time


def _forget(installation: Installation, _: Standing, __: Going) -> str | None:
    with installation.database.unit_of_work() as connection:
        forgotten = source_store.forget_runs(connection, utc_now() - RUNS_KEPT)
    return f"{forgotten} runs of before {RUNS_KEPT.days} days" if forgotten else None


def _study(installation: Installation, _: Standing, going: Going) -> str | None:
    return modelling.studies.work_out(installation, going)


def _apply(installation: Installation, _: Standing, going: Going) -> str | None:
    changed = modelling.apply_model(installation, going)
    return f"model {changed['model']} decides"


def _retention(installation: Installation, beside: Beside) -> list[Job]:
    """Only if cdi.yaml says when: what goes is gone."""
    runs = installation.deployment.retention
    if runs.schedule is None:
        return []
    jobs = [periodic(installation, "retention", str(runs.schedule), _remove(beside), since=utc_now())]
    if runs.audit is not None:
        jobs.append(periodic(installation, "cut the audit log", str(runs.schedule), _cut(runs.audit), since=utc_now()))
    return jobs


def _cut(kept: Period) -> Work:
    def cut(installation: Installation, _: Standing, __: Going) -> str | None:
        now = utc_now()
        trail = Trail(f"{Credential.SYSTEM}:retention", Role.ADMIN.value, audit.CUT, changes=True)
        done = audit.cut(installation.database, trail, kept.before(now), now)
        return f"{done.entries} entries up to number {done.number}, {done.hash}" if done else None

    return cut


def _remove(beside: Beside) -> Work:
    def remove(installation: Installation, _: Standing, going: Going) -> str | None:
        trail = Trail(f"{Credential.SYSTEM}:retention", Role.ADMIN.value, "retention", changes=True)
        removed = retention.run(installation, trail, going, beside=beside)
        if removed.asks:
            raise ConflictError(
                f"more is due than max_delete_share allows: {'; '.join(removed.asks)}",
                remedy="Look with cdi retention --dry-run, then cdi retention --confirm",
            )
        return f"{removed.total} removed" if removed.total else None

    return remove
