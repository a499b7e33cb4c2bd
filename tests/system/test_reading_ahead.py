"""While one page of a source is landed the next one is read; what was read and how far it goes are one commit."""

import sqlite3
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from threading import Semaphore
from typing import Any

import pytest
from domain import ONE_TILL
from sqlalchemy import Connection, text

from cdi.ingest.ahead import ahead
from cdi.pipeline import Installation, landing, sync, syncing
from cdi.store.db import Database
from conftest import installation_of

PAGE = 10
PAGES = 4
PATIENCE = 20.0  # seconds

MANIFEST = f"""
connector: till
title: The till
connection: {{kind: sql, dsn: "sqlite:///till.sqlite"}}
streams:
  customers:
    kind: customer
    key: =id
    query: select id, family from customers
    page: {{keyset: [id], size: {PAGE}}}
    change: row_hash
    map: {{name: {{family_name: =family}}}}
"""
LANDED = """
select r.key, v.native ->> 'family', exists (select from unmapped u where u.version_id = v.version_id)
from record r join record_version v on v.version_id = r.version_id and v.record_id = r.record_id order by r.record_id
"""
SEQUENCES = (("record", "record_id"), ("record_version", "version_id"))


@pytest.fixture
def till(database: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Installation:
    """A table of four pages, each as large as a batch and large enough for COPY."""
    monkeypatch.setattr(syncing, "BATCH", PAGE)
    monkeypatch.setattr(landing, "MANY", PAGE)
    monkeypatch.setattr(landing, "VERY_MANY", PAGE)
    connector = tmp_path / "connectors" / "till" / "connector.yaml"
    connector.parent.mkdir(parents=True)
    connector.write_text(MANIFEST, encoding="utf-8")
    (tmp_path / "cdi.yaml").write_text(ONE_TILL, encoding="utf-8")
    with sqlite3.connect(tmp_path / "till.sqlite") as table:
        table.execute("create table customers (id integer primary key, family text)")
        table.executemany("insert into customers values (?, ?)", _customers())
    return installation_of(tmp_path, database)


def _customers() -> list[tuple[int, str]]:
    return [(n, f"Müller-{n}") for n in range(1, PAGE * PAGES + 1)]


def test_a_page_is_read_while_the_one_before_is_landed(till: Installation, monkeypatch: pytest.MonkeyPatch) -> None:
    at_the_door, overlapped, landed = Semaphore(0), [], []
    arrivals_of, land_arrivals = syncing.arrivals_of, syncing.land_arrivals

    def read(*said: Any) -> Any:
        arrivals = arrivals_of(*said)
        if arrivals:
            at_the_door.release()
        return arrivals

    def land(connection: Connection, installation: Any, arriving: Any, arrivals: Sequence[Any], *more: Any) -> Any:
        if arrivals and not landed:
            at_the_door.acquire(timeout=PATIENCE)  # this page itself
        if arrivals:
            landed.append(len(arrivals))
            overlapped.append(len(landed) == PAGES or at_the_door.acquire(timeout=PATIENCE))
        return land_arrivals(connection, installation, arriving, arrivals, *more)

    monkeypatch.setattr(syncing, "arrivals_of", read)
    monkeypatch.setattr(syncing, "land_arrivals", land)
    assert sync(till, "till").added == PAGE * PAGES
    assert landed == [PAGE] * PAGES
    assert all(overlapped)


def test_a_full_batch_and_its_checkpoint_are_one_commit(till: Installation, monkeypatch: pytest.MonkeyPatch) -> None:
    commits: list[tuple[int, bool]] = []
    commit = syncing._commit

    def noted(*said: Any, **more: Any) -> Any:
        commits.append((len(said[3].arrivals), said[4] is not None))
        return commit(*said, **more)

    monkeypatch.setattr(syncing, "_commit", noted)
    sync(till, "till")
    assert [of for of in commits if of[0]] == [(PAGE, True)] * PAGES


@pytest.mark.parametrize("step", [1, 3])
def test_numbers_with_gaps_are_drawn_as_well(till: Installation, step: int) -> None:
    """What others drew meanwhile is missing among a batch's own numbers."""
    with _counting_by(till, step):
        sync(till, "till")
    with till.database.unit_of_work() as connection:
        landed = [tuple(row) for row in connection.execute(text(LANDED))]
    assert landed == [(str(n), family, True) for n, family in _customers()]


@contextmanager
def _counting_by(installation: Installation, step: int) -> Iterator[None]:
    """Every identity counts by this step meanwhile."""

    def count_by(step: int) -> None:
        with installation.database.unit_of_work() as connection:
            for table, column in SEQUENCES:
                connection.execute(text(f"alter table {table} alter column {column} set increment by {step}"))

    count_by(step)
    try:
        yield
    finally:
        count_by(1)


def test_threads_take_their_usual_turns_when_nobody_reads_ahead() -> None:
    usual = sys.getswitchinterval()
    first, second = ahead(iter("ab")), ahead(_failing())
    assert (next(first), next(second)) == ("a", "a")
    assert sys.getswitchinterval() < usual
    assert list(first) == ["b"]
    assert sys.getswitchinterval() < usual  # the other reads still
    with pytest.raises(OSError, match="gone"):
        next(second)
    assert sys.getswitchinterval() == usual


def _failing() -> Iterator[str]:
    yield "a"
    raise OSError("gone")
