"""Transactions, bulk writes, locks and what is said when the database refuses."""

import threading
from datetime import UTC, datetime
from uuid import uuid4

import pytest
from sqlalchemy import text

from cdi.errors import BusyError, DatabaseError
from cdi.store.db import Database, check_head, check_server, copy_rows, resolver_lock, upgrade


@pytest.fixture
def scratch(empty_url: str) -> Database:
    """A database with one table."""
    database = Database(empty_url)
    with database.unit_of_work() as connection:
        connection.execute(
            text(
                "CREATE TABLE thing (id bigint PRIMARY KEY, name text, at timestamptz, ids uuid[], document jsonb)"
            )
        )
    yield database
    database.close()


def names(database: Database) -> list[str]:
    with database.unit_of_work() as connection:
        return list(connection.execute(text("SELECT name FROM thing ORDER BY id")).scalars())


def test_a_unit_of_work_is_kept_as_a_whole(scratch: Database) -> None:
    with scratch.unit_of_work() as connection:
        connection.execute(text("INSERT INTO thing (id, name) VALUES (1, 'kept')"))
    assert names(scratch) == ["kept"]


def test_a_unit_of_work_that_fails_leaves_nothing(scratch: Database) -> None:
    with pytest.raises(ZeroDivisionError), scratch.unit_of_work() as connection:
        connection.execute(text("INSERT INTO thing (id, name) VALUES (1, 'lost')"))
        raise ZeroDivisionError
    assert names(scratch) == []


def test_rows_copied_in_come_out_as_they_were(scratch: Database) -> None:
    moment = datetime(2024, 2, 29, 12, 30, tzinfo=UTC)
    ids = [uuid4(), uuid4()]
    document = {"name": "Müller\t\\N\n\"'", "list": [1, None, "x"], "empty": {}}
    rows = [(1, "Müller\t\\N\n\"'", moment, ids, document), (2, None, None, [], None)]
    with scratch.unit_of_work() as connection:
        assert copy_rows(connection, "thing", ("id", "name", "at", "ids", "document"), rows) == 2
    with scratch.unit_of_work() as connection:
        assert [tuple(row) for row in connection.execute(text("SELECT * FROM thing ORDER BY id"))] == rows


def test_rows_copied_in_belong_to_the_unit_of_work(scratch: Database) -> None:
    with pytest.raises(ZeroDivisionError), scratch.unit_of_work() as connection:
        copy_rows(connection, "thing", ("id",), [(1,)])
        raise ZeroDivisionError
    assert names(scratch) == []
