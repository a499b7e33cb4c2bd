"""The worker as its operator meets it: a process of its own that reads by schedule, backs off, and may be stopped or
killed at any moment."""

import json
import os
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psycopg
import pytest
from sluggish import MANIFEST, sluggish

from cdi.store.db import Database
from cdi.store.sources import run_states

DEPLOYMENT = """\
company: {name: Test, country: DE, language: de}
owners: [{id: retail, department: Filialen, role: Leitung, contact: a@test.example}]
customer_owner: retail
sources:
"""
TILL = """
  till:
    connector: sql
    config:
      dsn: sqlite:///till.sqlite
      streams:
        customers:
          kind: customer
          key: =id
          query: select * from customer
          page: {keyset: [id]}
          change: row_hash
          map: {name: {given_name: =first, family_name: =last}}
    data_owner: retail
    purpose: sale
    retention: P3Y
    schedule: PT1S
"""
GONE = TILL.replace("till:", "gone:").replace("till.sqlite", "gone.sqlite")
SLOW = """
  slow:
    connector: sluggish
    config: {{base_url: {url}}}
    data_owner: retail
    purpose: sale
    retention: P3Y
    schedule: P1D
"""
PATIENCE = 180.0


class Company:
    """A deployment folder on a database of its own."""

    def __init__(self, folder: Path, url: str) -> None:
        self.folder, self.url = folder, url
        self.environment = {k: v for k, v in os.environ.items() if not k.startswith("CDI_")}
        self.environment["CDI_DATABASE_URL"] = url
        with sqlite3.connect(folder / "till.sqlite") as till:
            till.execute("create table customer (id integer primary key, first text, last text)")
            till.execute("insert into customer values (1, 'Erika', 'Musterfrau'), (2, 'Jürgen', 'Probehuber')")
        (folder / "connectors/sluggish").mkdir(parents=True)
        (folder / "connectors/sluggish/connector.yaml").write_text(MANIFEST, encoding="utf-8")

    def sources(self, *entries: str) -> None:
        (self.folder / "cdi.yaml").write_text(DEPLOYMENT + "".join(entries), encoding="utf-8")

    def command(self, *words: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(  # noqa: PLW1510  the exit code is what is tested
            [sys.executable, "-m", "cdi", *words],
            cwd=self.folder,
            env=self.environment,
            capture_output=True,
            text=True,
            timeout=PATIENCE,
        )

    def status(self) -> dict[str, Any]:
        return json.loads(self.command("status", "--json").stdout)

    def rows(self, query: str) -> list[tuple[Any, ...]]:
        with psycopg.connect(self.url) as connection:
            return connection.execute(query).fetchall()

    @contextmanager
    def worker(self) -> Iterator["Working"]:
        log = self.folder / f"worker-{time.monotonic_ns()}.log"
        with log.open("w") as file:
            process = subprocess.Popen(
                [sys.executable, "-m", "cdi", "worker"], cwd=self.folder, env=self.environment, stdout=file, stderr=file
            )
        try:
            yield Working(process, log)
        finally:
            process.kill()
            process.wait()


class Working:
    """A worker's process, and what it says."""

    def __init__(self, process: subprocess.Popen[bytes], log: Path) -> None:
        self.process, self.log = process, log

    def said(self, job: str = "", what: str = "") -> list[dict[str, Any]]:
        lines = [json.loads(line) for line in self.log.read_text().splitlines() if line.startswith("{")]
        return [line for line in lines if line.get("job", "").startswith(job) and line["message"].endswith(what)]

    def until(self, holds: Callable[[], object]) -> None:
        deadline = time.monotonic() + PATIENCE
        while not holds():
            assert self.process.poll() is None, f"the worker ended: {self.log.read_text()}"
            assert time.monotonic() < deadline, self.log.read_text()
            time.sleep(0.2)

    def stop(self) -> float:
        """Ask it to stop; the seconds that it took."""
        self.process.send_signal(signal.SIGTERM)
        began = time.monotonic()
        assert self.process.wait(PATIENCE) == 0, self.log.read_text()
        return time.monotonic() - began


@pytest.fixture
def company(tmp_path: Path, server_url: str, migrated_template: str) -> Iterator[Company]:
    from databases import fresh_database, url_of

    with fresh_database(server_url, migrated_template) as name:
        yield Company(tmp_path, url_of(server_url, name))


def test_sources_are_read_by_their_schedule_and_one_that_fails_is_left_alone_for_a_while(company: Company) -> None:
    company.sources(TILL, GONE)
    with company.worker() as worker:
        worker.until(lambda: company.rows("select from profile") and len(worker.said("read till", "ended")) > 1)
        with sqlite3.connect(company.folder / "till.sqlite") as till:
            till.execute("insert into customer values (3, 'Ayşe', 'Neuling')")
        worker.until(lambda: len(company.rows("select from profile where retired_at is null")) == 3)
        status = company.status()
        till_status, gone_status = status["sources"]
        assert len(status["workers"]) == 1 and status["workers"][0].startswith(f"process {worker.process.pid} on ")
        assert till_status["schedule"] == "PT1S" and till_status["failures"] == 0
        assert till_status["lag_seconds"] < 30 and till_status["next_run_at"]
        assert gone_status["failures"] == 1 and gone_status["lag_seconds"] is None
        assert len(worker.said("read till", "ended")) > len(worker.said("read gone", "failed")) == 1
        (failed,) = worker.said("read gone", "failed")
        assert "gone.sqlite" in failed["detail"] and "retry_at" in failed
        assert worker.stop() < 20
    said = worker.log.read_text()
    assert not [value for value in ("Erika", "Musterfrau", "Probehuber", "Neuling") if value in said]


def test_of_one_source_there_is_one_reading_and_the_second_is_told_who_reads(company: Company) -> None:
    company.sources(TILL)
    with Database(company.url).exclusive("sync of till"), company.worker() as worker:
        worker.until(lambda: worker.said("read till", "busy"))
        assert (
            "another sync of till is running: cdi sync of till, process"
            in worker.said("read till", "busy")[0]["detail"]
        )
        refused = company.command("source", "run", "till")
        assert refused.returncode == 1 and f"process {os.getpid()} on" in refused.stderr
        assert not company.rows("select from sync_run")
        worker.stop()


def test_stopped_in_the_middle_it_ends_its_batch_and_the_next_goes_on(company: Company) -> None:
    with sluggish(0.1) as url:
        company.sources(SLOW.format(url=url))
        with company.worker() as worker:
            worker.until(lambda: len(company.rows("select from record")) > 20)
            assert worker.stop() < 20
            assert worker.said("read slow", "stopped")
        ((status, kept),) = company.rows("select status, (counts->>'added')::int from sync_run")
        assert status == "stopped"
        assert 20 < kept < 400 and kept == len(company.rows("select from record"))
        with company.worker() as worker:
            worker.until(lambda: worker.said("read slow", "ended"))
            worker.until(lambda: len(company.rows("select from membership")) == 400)
            assert worker.stop() < 20
    assert len(company.rows("select from record")) == len(company.rows("select from record_version")) == 400


def test_killed_in_the_middle_nothing_is_lost_and_nothing_is_doubled(company: Company) -> None:
    with sluggish(0.1) as url:
        company.sources(SLOW.format(url=url))
        with company.worker() as worker:
            worker.until(lambda: len(company.rows("select from record")) > 20)
            worker.process.kill()
            worker.process.wait()
        database = Database(company.url)
        with database.unit_of_work() as connection:
            slow = run_states(connection, ["slow"])["slow"]
        database.close()
        assert (slow.status, slow.failures, slow.known_until) == ("failed", 1, None)
        with psycopg.connect(company.url) as connection:  # as if the wait after a failure were over
            connection.execute("update sync_run set started_at = started_at - interval '1 hour'")
        with company.worker() as worker:
            worker.until(lambda: worker.said("read slow", "ended"))
            worker.until(lambda: len(company.rows("select from membership")) == 400)
            worker.stop()
    assert [status for (status,) in company.rows("select status from sync_run order by run_id")] == ["failed", "ok"]
    assert len(company.rows("select from record")) == len(company.rows("select from record_version")) == 400


@pytest.mark.skipif(signal.getsignal(signal.SIGINT) is signal.SIG_IGN, reason="whoever began this ignores Ctrl-C")
@pytest.mark.parametrize("sign", [signal.SIGINT, signal.SIGTERM])
def test_a_command_that_is_ended_in_the_middle_says_so_and_goes_on_when_it_is_run_again(
    company: Company, sign: signal.Signals
) -> None:
    with sluggish(0.1) as url:
        company.sources(SLOW.format(url=url))
        sync = [sys.executable, "-m", "cdi", "sync"]
        with subprocess.Popen(sync, cwd=company.folder, env=company.environment, stderr=subprocess.PIPE) as process:
            deadline = time.monotonic() + PATIENCE
            while not company.rows("select from record"):
                assert process.poll() is None and time.monotonic() < deadline
                time.sleep(0.05)
            process.send_signal(sign)
            said = process.communicate(timeout=PATIENCE)[1].decode()
        assert process.returncode == 130
        assert " ".join(said.split()) == "stopped; it may be run again"
        assert 0 < len(company.rows("select from record")) < 400
        assert company.command("sync").returncode == 0
        assert len(company.rows("select from record")) == 400
