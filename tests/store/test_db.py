"""Transactions, bulk writes, locks and what is said when the database refuses."""

import os
import subprocess
import sys
import threading
import time
import traceback
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from uuid import uuid4

import psycopg
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import Connection, text

from cdi.errors import BusyError, DatabaseError
from cdi.settings import Company, Deployment, Environment, Owner, Settings
from cdi.store import embedded
from cdi.store.db import (
    Database,
    all_rows,
    check_server,
    copy_lines,
    copy_rows,
    in_line,
    one_row,
    open_database,
    resolver_lock,
    run,
    send,
    without_waiting,
)

OWNER = Owner(id="central", department="Central", role="Head", contact="central@example.org")
DEPLOYMENT = Deployment(
    company=Company(name="Test", country="DE"), owners=(OWNER,), customer_owner="central", sources={}
)


@pytest.fixture
def scratch(empty_url: str) -> Iterator[Database]:
    """A database with one table."""
    database = Database(empty_url)
    with database.unit_of_work() as connection:
        connection.execute(
            text("CREATE TABLE thing (id bigint PRIMARY KEY, name text, at timestamptz, ids uuid[], document jsonb)")
        )
    yield database
    database.close()


def names(database: Database) -> list[str]:
    with database.unit_of_work() as connection:
        return names_in(connection)


def names_in(connection: Connection) -> list[str]:
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


TEXTS = st.text(st.characters(codec="utf-8", exclude_characters="\0"))


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow], deadline=None)
@given(st.lists(TEXTS, max_size=20))
def test_texts_copied_in_as_lines_come_out_as_they_were(scratch: Database, texts: list[str]) -> None:
    with scratch.unit_of_work() as connection:
        connection.execute(text("TRUNCATE thing"))
        lines = (f"{n}\t{in_line(value)}\n" for n, value in enumerate([*texts, "\\.", "\\N", "a\tb\r\n"]))
        copy_lines(connection, "thing", ("id", "name"), lines)
    assert names(scratch) == [*texts, "\\.", "\\N", "a\tb\r\n"]


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


def test_only_one_at_a_time_does_exclusive_work_and_the_other_is_named(scratch: Database) -> None:
    other = Database(scratch.url)
    with scratch.exclusive("run"):
        with other.exclusive("training"):  # other work goes on
            pass
        named = rf"another run is running: cdi run, process {os.getpid()} on"
        with pytest.raises(BusyError, match=named), other.exclusive("run"):
            pass
    with other.exclusive("run"):
        pass
    other.close()


def test_exclusive_work_of_the_killed_is_free_again(scratch: Database) -> None:
    code = (
        "import sys; from cdi.store.db import Database\n"
        "with Database(sys.argv[1]).exclusive('run'): print('at it', flush=True); sys.stdin.read()"
    )
    worker = subprocess.Popen([sys.executable, "-c", code, scratch.url], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    assert worker.stdout.readline() == b"at it\n"
    with pytest.raises(BusyError), scratch.exclusive("run"):
        pass
    worker.kill()
    worker.communicate()
    deadline = time.monotonic() + 10
    while True:
        try:
            with scratch.exclusive("run"):
                return
        except BusyError:
            assert time.monotonic() < deadline
            time.sleep(0.05)


def test_a_failure_in_exclusive_work_stays_what_it_is(scratch: Database) -> None:
    with pytest.raises(ZeroDivisionError), scratch.exclusive("run"):
        raise ZeroDivisionError


def test_what_a_load_left_is_cleared_away(scratch: Database) -> None:
    with scratch.unit_of_work() as connection:
        connection.execute(text("insert into thing (id, name) select n, n from generate_series(1, 5000) n"))
    with scratch.unit_of_work() as connection:
        connection.execute(text("delete from thing where name <> '7'"))
    scratch.clear_away()
    with scratch.unit_of_work() as connection:
        left = connection.execute(
            text(
                "select n_dead_tup, reltuples from pg_stat_user_tables join pg_class using (relname)"
                " where relname = 'thing'"
            )
        ).one()
    assert tuple(left) == (0, 1)


def test_resolvers_come_one_after_the_other(scratch: Database) -> None:
    order: list[str] = []
    holding = threading.Event()

    def second() -> None:
        holding.wait()
        with scratch.unit_of_work() as connection:
            resolver_lock(connection)
            order.append("second")

    waiting = threading.Thread(target=second)
    waiting.start()
    with scratch.unit_of_work() as connection:
        resolver_lock(connection)
        holding.set()
        time.sleep(0.2)
        order.append("first")
    waiting.join(timeout=10)
    assert order == ["first", "second"]


def test_what_goes_straight_to_the_driver_is_read_as_elsewhere(scratch: Database) -> None:
    statement = "select :name || '%' as said, cast(:n as int)::text as n, 'a:' like '%:' as like"
    with scratch.unit_of_work() as connection:
        given = {"name": "Anna", "n": 7, "more": None}
        (plain,) = connection.execute(text(statement), {name: given[name] for name in ("name", "n")}).all()
        (told,) = all_rows(connection, statement, given)
        assert (told.said, told.n, told.like) == tuple(plain) == ("Anna%", "7", True)
        assert one_row(connection, "select 1 where :never", {"never": False}) is None


def test_what_nobody_waits_for_is_done_in_its_order(scratch: Database) -> None:
    with scratch.unit_of_work() as connection:
        with without_waiting(connection):
            counted = []
            for n in range(3):
                run(connection, "INSERT INTO thing (id, name) VALUES (:n, 'x')", {"n": n})
                counted.append(send(connection, "SELECT count(*) AS n FROM thing", {}))
            assert [one.fetchone().n for one in counted] == [1, 2, 3]
            run(connection, "UPDATE thing SET name = 'y'", {})
        assert names_in(connection) == ["y", "y", "y"]
    assert names(scratch) == ["y", "y", "y"]


def test_what_nobody_waits_for_fails_before_the_unit_of_work_ends(
    scratch: Database, caplog: pytest.LogCaptureFixture
) -> None:
    refused = pytest.raises(DatabaseError, match="UniqueViolation")
    with refused as caught, scratch.unit_of_work() as connection, without_waiting(connection):
        for _ in range(2):
            run(connection, "INSERT INTO thing (id, name) VALUES (1, 'Geheim')", {})
        run(connection, "UPDATE thing SET name = 'Geheim'", {})
    assert "Geheim" not in f"{caught.value}{caplog.text}"
    assert names(scratch) == []


def test_what_fails_meanwhile_stays_what_it_is(scratch: Database, caplog: pytest.LogCaptureFixture) -> None:
    with pytest.raises(ZeroDivisionError), scratch.unit_of_work() as connection, without_waiting(connection):
        run(connection, "INSERT INTO thing (id, name) VALUES (1, 'x')", {})
        run(connection, "INSERT INTO thing (id, name) VALUES (cast(:word as bigint), 'x')", {"word": "Geheim"})
        _ = 1 / 0
    assert "Geheim" not in caplog.text
    assert names(scratch) == []


@pytest.mark.parametrize(
    "statement",
    [
        "INSERT INTO thing (id, name) VALUES (1, 'Geheim'), (1, 'Geheim')",
        "SELECT date 'Geheim'",
        "SELECT * FROM geheim",
        "INSERT INTO thing (id) VALUES (:value)",
    ],
)
def test_what_is_refused_is_told_without_the_value(scratch: Database, statement: str) -> None:
    with pytest.raises(DatabaseError) as caught, scratch.unit_of_work() as connection:
        connection.execute(text(statement), {"value": "Geheim"} if ":value" in statement else {})
    shown = "".join(traceback.format_exception(caught.value))
    assert "geheim" not in str(caught.value).lower()
    assert "Geheim'" not in shown.replace(statement, "")
    assert "refused a statement" in str(caught.value)


def test_a_broken_rule_names_table_and_rule(scratch: Database) -> None:
    named = r"UniqueViolation, 23505 on thing\.thing_pkey"
    with pytest.raises(DatabaseError, match=named), scratch.unit_of_work() as connection:
        copy_rows(connection, "thing", ("id",), [(1,), (1,)])


@pytest.mark.parametrize(
    "url",
    [
        "postgresql://cdi:Geheim@127.0.0.1:1/cdi",
        "postgresql://cdi:Geheim@no-such-host.invalid/cdi",
        "postgresql+psycopg://cdi:Geheim@/cdi?host=/no/such/folder",
    ],
)
def test_an_unreachable_server_is_told_without_the_password(url: str, tmp_path: Path) -> None:
    settings = Settings(tmp_path, DEPLOYMENT, Environment(database_url=url))
    remedy = r"cannot be reached.*CDI_DATABASE_URL"
    with pytest.raises(DatabaseError, match=remedy) as caught, open_database(settings):
        pass
    assert "Geheim" not in "".join(traceback.format_exception(caught.value))


def test_a_database_that_is_not_there_is_told(server_url: str) -> None:
    missing = Database(psycopg.conninfo.make_conninfo(server_url, dbname="no_such_database"))
    with pytest.raises(DatabaseError, match=r'"no_such_database" does not exist.*CDI_DATABASE_URL'):
        check_server(missing)


def test_a_url_that_is_none_is_told(tmp_path: Path) -> None:
    settings = Settings(tmp_path, DEPLOYMENT, Environment(database_url="mysql://Geheim@localhost/cdi"))
    with pytest.raises(DatabaseError, match="CDI_DATABASE_URL") as caught, open_database(settings):
        pass
    assert "Geheim" not in "".join(traceback.format_exception(caught.value))


def test_a_restarted_server_is_noticed_by_the_pool(scratch: Database) -> None:
    with scratch.unit_of_work() as connection:
        process = connection.execute(text("SELECT pg_backend_pid()")).scalar_one()
    with psycopg.connect(scratch.url, autocommit=True) as other:
        other.execute("SELECT pg_terminate_backend(%s, 5000)", [process])
    assert names(scratch) == []


def test_with_no_url_the_private_server_is_used(memory_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("CDI_DATABASE_URL", raising=False)
    settings = Settings(memory_path, DEPLOYMENT, Environment())
    with open_database(settings) as database, database.unit_of_work() as connection:
        assert connection.execute(text("SELECT current_database()")).scalar_one() == "cdi"
        assert (memory_path / "var/postgres/data").is_dir()
    assert not embedded.is_running(memory_path / "var")
