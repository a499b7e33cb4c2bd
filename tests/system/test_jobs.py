"""What the worker promises of every job: one at a time wherever workers run, again after a growing wait, nothing that
was asked for forgotten."""

import threading
import time
from collections.abc import Callable
from datetime import timedelta

import pytest
from domain import count, email, person, push
from sqlalchemy import text

from cdi.clock import utc_now
from cdi.errors import DatabaseError, SourceError
from cdi.jobs import Happening, Worker, jobs_of
from cdi.jobs.job import Going, Job, Standing, draining, periodic
from cdi.jobs.worker import LOOK_EVERY
from cdi.pipeline import Installation
from cdi.store import jobs as job_store
from cdi.store import received
from cdi.store import sources as source_store
from cdi.store.jobs import JobState
from cdi.store.sources import Counts


def working(
    installation: Installation, jobs: list[Job], until: Callable[[], bool], workers: int = 1
) -> list[Happening]:
    """What happened while so many workers worked, until this held."""
    told: list[Happening] = []
    stop = threading.Event()
    running = [threading.Thread(target=Worker(installation, jobs, told.append, stop).run) for _ in range(workers)]
    for thread in running:
        thread.start()
    deadline = time.monotonic() + 30
    while not until() and time.monotonic() < deadline:
        time.sleep(0.05)
    held = until()
    stop.set()
    for thread in running:
        thread.join(30)
    assert held, told
    return told


def state_of(installation: Installation, name: str) -> JobState | None:
    with installation.database.unit_of_work() as connection:
        return job_store.job_states(connection).get(name)


def sometime_ago(installation: Installation, name: str) -> None:
    """As if the job had last been begun two days ago."""
    with installation.database.unit_of_work() as connection:
        shift = "started_at = started_at - interval '2 days', ended_at = ended_at - interval '2 days'"
        connection.execute(text(f"update job set {shift} where name = :name"), {"name": name})


def test_what_is_pushed_without_waiting_is_resolved_by_the_worker(company: Installation) -> None:
    push(company, "till", {"1": person("Erika", "Musterfrau", emails=email("e@test.example"))}, settle=False)
    push(company, "shop", {"a": person("Erika", "Musterfrau", emails=email("e@test.example"))}, settle=False)
    told = working(company, jobs_of(company), lambda: count(company, "membership") == 2)
    assert count(company, "redo") == 0
    ended = [happening for happening in told if (happening.job, happening.what) == ("resolve", "ended")]
    assert ended and "2 records" in ended[0].detail


def test_a_job_by_the_clock_is_done_once_by_however_many_workers(company: Installation) -> None:
    done: list[float] = []

    def work(_: Installation, __: Standing, ___: Going) -> None:
        done.append(time.monotonic())
        time.sleep(0.3)

    job = periodic(company, "export", "P1D", work)
    began = time.monotonic()
    working(company, [job], lambda: time.monotonic() > began + 3 * LOOK_EVERY, workers=3)
    assert len(done) == 1
    sometime_ago(company, "export")
    working(company, [job], lambda: len(done) > 1, workers=2)
    assert len(done) == 2, "what was missed is made up for once"


def test_a_job_that_fails_is_left_alone_for_a_while_and_its_failures_are_counted(company: Installation) -> None:
    tried: list[int] = []

    def work(_: Installation, __: Standing, ___: Going) -> None:
        tried.append(1)
        raise SourceError("shop", "it is not there", remedy="Switch it on")

    job = draining("deliver", lambda *_: True, work)
    began = time.monotonic()
    told = working(company, [job], lambda: time.monotonic() > began + 3 * LOOK_EVERY)
    (failed,) = [happening for happening in told if happening.what == "failed"]
    state = state_of(company, "deliver")
    assert len(tried) == 1 and state is not None and state.failures == 1
    assert state.error == failed.detail == "source shop: it is not there. Switch it on"
    assert failed.retry_at is not None and timedelta(seconds=5) < failed.retry_at - utc_now() < timedelta(seconds=30)
    # Another worker, begun now, knows of it too.
    working(company, [job], lambda: time.monotonic() > began + 5 * LOOK_EVERY)
    assert len(tried) == 1
    sometime_ago(company, "deliver")
    working(company, [job], lambda: len(tried) == 2)
    state = state_of(company, "deliver")
    assert state is not None and state.failures == 2


def test_an_unforeseen_failure_is_told_without_its_text(
    company: Installation, caplog: pytest.LogCaptureFixture
) -> None:
    def work(_: Installation, __: Standing, ___: Going) -> None:
        raise ValueError("Erika Musterfrau")

    job = periodic(company, "export", "P1D", work)
    told = working(
        company,
        [job],
        lambda: (state_of(company, "export") or JobState(utc_now(), None, 0, None, None)).error is not None,
    )
    assert [happening.detail for happening in told if happening.what == "failed"] == ["unexpected ValueError"]


def test_a_job_that_was_killed_counts_as_failed(company: Installation) -> None:
    now = utc_now()
    with company.database.unit_of_work() as connection:
        job_store.begin(connection, "export", now)
    done: list[int] = []
    job = periodic(company, "export", "P1D", lambda *_: done.append(1))
    began = time.monotonic()
    working(company, [job], lambda: time.monotonic() > began + 2 * LOOK_EVERY)
    assert not done
    sometime_ago(company, "export")
    working(company, [job], lambda: bool(done))
    state = state_of(company, "export")
    assert state is not None and state.failures == 0 and state.ended_at is not None


def test_a_job_that_is_asked_for_is_begun_at_once(company: Installation) -> None:
    done: list[int] = []
    job = periodic(company, "export", "P1D", lambda *_: done.append(1))
    working(company, [job], lambda: len(done) == 1)
    with company.database.unit_of_work() as connection:
        job_store.want(connection, "export", utc_now())
    working(company, [job], lambda: len(done) == 2)
    began = time.monotonic()
    working(company, [job], lambda: time.monotonic() > began + 2 * LOOK_EVERY)
    assert len(done) == 2


def test_a_job_that_was_stopped_goes_on_when_the_worker_is_back(company: Installation) -> None:
    batches: list[int] = []
    finished: list[int] = []

    def work(_: Installation, __: Standing, going: Going) -> None:
        for batch in range(20):
            time.sleep(0.05)
            batches.append(batch)
            going("batch", batch, 20)
        finished.append(1)

    job = periodic(company, "export", "P1D", work)
    told = working(company, [job], lambda: len(batches) > 3)
    assert [happening.what for happening in told] == ["began", "stopped"]
    assert not finished and len(batches) < 20
    working(company, [job], lambda: bool(finished))


def test_the_database_may_be_away_for_a_moment(company: Installation, monkeypatch: pytest.MonkeyPatch) -> None:
    done: list[int] = []
    seen, away = Standing.seen, [2]

    def look(*arguments: object) -> Standing:
        if away[0]:
            away[0] -= 1
            raise DatabaseError("the server is being restarted")
        return seen(*arguments)  # type: ignore[arg-type]  # passed on as they came

    monkeypatch.setattr(Standing, "seen", look)
    working(company, [periodic(company, "export", "P1D", lambda *_: done.append(1))], lambda: bool(done))
    assert away == [0]


def test_old_runs_are_forgotten_but_not_how_a_source_stands(company: Installation) -> None:
    now = utc_now()
    with company.database.unit_of_work() as connection:
        for days, error in ((400, None), (300, None), (200, "it is not there"), (150, "it is not there")):
            run = source_store.start_run(connection, "till", now - timedelta(days=days))
            source_store.end_run(connection, run, Counts(), now - timedelta(days=days), error)
    before = _standing(company)
    working(company, jobs_of(company), lambda: count(company, "sync_run") == 3)
    assert _standing(company) == before


def _standing(installation: Installation) -> source_store.RunState:
    with installation.database.unit_of_work() as connection:
        return source_store.run_states(connection, ["till"])["till"]


def test_workers_can_be_seen(company: Installation) -> None:
    def seen() -> bool:
        with company.database.unit_of_work() as connection:
            return len(job_store.workers(connection)) > 0 and "process" in job_store.workers(connection)[0]

    assert not seen()
    working(company, [], seen)


def test_what_a_delivery_points_to_is_due_at_once(company: Installation) -> None:
    with company.database.unit_of_work() as connection:
        received.remember(connection, "till", "event-1", None, ["customers"], utc_now())
        standing = Standing.seen(connection, company, utc_now())
    assert standing.told == {"till": ["customers"]}
