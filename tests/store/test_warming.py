"""What every push looks into is read when the service begins, as far as there is room for it."""

import threading

import numpy as np
import pytest
from sqlalchemy import text

from cdi.api.housekeeping import warm_up
from cdi.store import normalised, warming
from cdi.store.db import Database


def give_keys(database: Database) -> None:
    """Keys from one end of their range to the other."""
    keys = np.linspace(-(2**63), 2**63 - 2**40, 5_000).astype(np.int64)
    with database.unit_of_work() as connection:
        normalised.set_block_keys(connection, np.array([1]), keys, np.full(len(keys), 1))


def pages_read(database: Database) -> int:
    with database.unit_of_work() as connection:
        connection.execute(text("select pg_stat_force_next_flush()"))
        asked = "select idx_blks_hit + idx_blks_read from pg_statio_user_tables where relname = 'block_key'"
        return int(connection.execute(text(asked)).scalar_one())


def pages(database: Database) -> int:
    with database.unit_of_work() as connection:
        asked = "select pg_relation_size('ix_block_key_key_record_id') / 8192"
        return int(connection.execute(text(asked)).scalar_one())


def test_every_page_of_the_block_keys_is_read(database: Database) -> None:
    give_keys(database)
    before = pages_read(database)
    warm_up(threading.Event(), database)
    with database.unit_of_work() as connection:
        connection.execute(text("select pg_stat_force_next_flush()"))
    assert pages_read(database) - before >= pages(database)


def test_only_so_much_is_read_as_there_is_room_for(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    give_keys(database)
    with database.unit_of_work() as connection:
        assert len(warming.steps_of_warming(connection)) == warming.STEPS
        monkeypatch.setattr(warming, "SHARE", 1e-6)
        assert len(warming.steps_of_warming(connection)) < warming.STEPS


def test_a_service_that_ends_does_not_wait_for_it(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    done: list[warming.Step] = []
    monkeypatch.setattr(warming, "warm", lambda _connection, step: done.append(step))
    ended = threading.Event()
    ended.set()
    warm_up(ended, database)
    assert done == []


def test_one_process_does_it(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    done: list[warming.Step] = []
    monkeypatch.setattr(warming, "warm", lambda _connection, step: done.append(step))
    with database.exclusive("warming"):
        warm_up(threading.Event(), database)
    assert done == []
