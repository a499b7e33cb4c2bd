"""What every push looks into is read when the service begins, as far as there is room for it."""

import threading
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
from domain import email, person, push
from sqlalchemy import Connection, text
from stewarding import company_in

from cdi.api.housekeeping import warm_up
from cdi.pipeline import Installation
from cdi.store import normalised, warming
from cdi.store.db import Database

UPPER = 3
"""Pages of a small index that hold no entries, at most: not all of them are on the way to one."""


@pytest.fixture
def company(database: Database, tmp_path: Path) -> Installation:
    return company_in(tmp_path, database, more="")


def give_keys(database: Database) -> None:
    """Keys from one end of their range to the other."""
    keys = np.linspace(-(2**63), 2**63 - 2**40, 5_000).astype(np.int64)
    with database.unit_of_work() as connection:
        normalised.set_block_keys(connection, np.array([1]), keys, np.full(len(keys), 1))


def read_of(connection: Connection, name: str) -> int:
    """Pages of a table or an index that were asked for so far."""
    connection.execute(text("select pg_stat_force_next_flush()"))
    asked = """
        select coalesce(sum(heap_blks_hit + heap_blks_read), 0) from pg_statio_user_tables where relname = :name
        union all
        select coalesce(sum(idx_blks_hit + idx_blks_read), 0) from pg_statio_user_indexes where indexrelname = :name
    """
    return sum(connection.execute(text(asked), {"name": name}).scalars())


def pages(connection: Connection, name: str) -> int:
    asked = "select pg_relation_size(cast(:name as regclass)) / 8192"
    return int(connection.execute(text(asked), {"name": name}).scalar_one())


def reads(database: Database, names: Sequence[str]) -> dict[str, int]:
    with database.unit_of_work() as connection:
        connection.execute(text("select pg_stat_force_next_flush()"))
    with database.unit_of_work() as connection:
        return {name: read_of(connection, name) for name in names}


@pytest.mark.parametrize("piece", [1, warming.PIECE])
def test_every_page_of_what_a_push_looks_into_is_read(
    company: Installation, piece: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    database = company.database
    annas = {f"{n}": person(f"Anna{n}", "Krzywdzinski", "1984-03-05", emails=email(f"a{n}@gmx.de")) for n in range(200)}
    push(company, "till", annas)
    give_keys(database)
    monkeypatch.setattr(warming, "PIECE", piece)
    names = [warming.KEY_INDEX, *warming.TABLES]
    before = reads(database, names)
    warm_up(threading.Event(), database)
    after = reads(database, names)
    with database.unit_of_work() as connection:
        for name in names:
            upper = UPPER if name == warming.KEY_INDEX else 0
            assert after[name] - before[name] >= pages(connection, name) - upper > 0, name


def test_names_no_index_that_there_is_not(company: Installation) -> None:
    with company.database.unit_of_work() as connection:
        for name in warming.INDEXES:
            assert pages(connection, name) > 0


def test_only_so_much_is_read_as_there_is_room_for(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    give_keys(database)
    monkeypatch.setattr(warming, "PIECE", 1)
    with database.unit_of_work() as connection:
        memory = connection.execute(text("select pg_size_bytes(current_setting('shared_buffers'))")).scalar_one()
        monkeypatch.setattr(warming, "SHARE", 5 * 8192 / memory)
        steps = warming.steps_of_warming(connection)
    assert 1 < len(steps) < 8
    assert sum(step.size for step in steps) <= 5 * 8192


def test_a_service_that_ends_does_not_wait_for_it(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    give_keys(database)
    done: list[warming.Step] = []
    monkeypatch.setattr(warming, "warm", lambda _connection, step: done.append(step))
    ended = threading.Event()
    ended.set()
    warm_up(ended, database)
    assert done == []


def test_one_process_does_it(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    give_keys(database)
    done: list[warming.Step] = []
    monkeypatch.setattr(warming, "warm", lambda _connection, step: done.append(step))
    with database.exclusive("warming"):
        warm_up(threading.Event(), database)
    assert done == []
    warm_up(threading.Event(), database)
    assert done
