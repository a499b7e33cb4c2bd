"""A database is read page by page without writing, and what it says arrives as JSON, whole and in its own digits."""

import sqlite3
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from uuid import UUID

import pytest
from reading import NOW, context, declared, read

from cdi.errors import ConfigurationError, SourceError
from cdi.ingest.contract import Checkpoint, Op
from cdi.ingest.json_values import as_json
from cdi.ingest.sql import forbid_writing

CUSTOMERS = """
connector: test
title: Test
config: {path: {default: shop.db}}
connection: {kind: sql, dsn: "sqlite:///{config.path}"}
streams:
  customers:
    kind: customer
    key: =id
    query: select * from customer
    page: {keyset: [id], size: 2}
    change: row_hash
    deletes: [{mode: flag, when: gone == `1`}, {mode: reconcile}]
    map: {name: {full: =name}}
"""
RECEIPTS = """
connector: test
title: Test
connection: {kind: sql, dsn: "sqlite:///shop.db"}
streams:
  customers:
    kind: touchpoint
    key: =nr
    query: select * from receipt
    page: {keyset: [nr], size: 2}
    cursor: {field: sold_at, zone: Europe/Berlin, format: "%Y-%m-%d %H:%M:%S", overlap: PT10M}
    map: {customer_key: =customer, type: receipt, channel: shop, at: "=ts(sold_at, 'Europe/Berlin')"}
"""


@pytest.fixture
def shop(tmp_path: Path) -> Iterator[sqlite3.Connection]:
    connection = sqlite3.connect(tmp_path / "shop.db")
    connection.executescript("""
        create table customer (id integer primary key, name text, gone integer not null default 0);
        insert into customer values (1, 'Müller', 0), (2, 'Meier', 1), (3, null, 0), (4, '0815', 0), (5, 'Weiß', 0);
        create table receipt (nr integer primary key, customer integer, sold_at text);
    """)
    yield connection
    connection.close()


@pytest.mark.usefixtures("shop")
def test_every_row_is_read_once_over_all_pages(tmp_path: Path) -> None:
    reading = read(declared(tmp_path, CUSTOMERS), tmp_path)
    assert reading.keys == ["1", "2", "3", "4", "5"]
    assert [record.op for record in reading.records] == [Op.UPSERT, Op.DELETE, Op.UPSERT, Op.UPSERT, Op.UPSERT]
    assert reading.records[3].data["name"] == "0815"
    assert reading.checkpoints == 4
    assert reading.full_scan


def test_rows_that_come_and_go_meanwhile_shift_nothing(tmp_path: Path, shop: sqlite3.Connection) -> None:
    keys = []
    for event in declared(tmp_path, CUSTOMERS).read({}, "customers", None, context(tmp_path)):
        if hasattr(event, "key"):
            keys.append(event.key)
        if keys == ["1", "2"] and isinstance(event, Checkpoint):
            shop.executescript("delete from customer where id = 1; insert into customer values (6, 'Neu', 0)")
    assert keys == ["1", "2", "3", "4", "5", "6"]


def test_a_page_that_is_exactly_full_is_not_the_last(tmp_path: Path, shop: sqlite3.Connection) -> None:
    shop.executescript("delete from customer where id = 5")
    assert read(declared(tmp_path, CUSTOMERS), tmp_path).keys == ["1", "2", "3", "4"]


def test_an_empty_table_is_no_error(tmp_path: Path, shop: sqlite3.Connection) -> None:
    shop.executescript("delete from customer")
    reading = read(declared(tmp_path, CUSTOMERS), tmp_path)
    assert reading.records == []
    assert reading.full_scan


def test_a_row_without_a_key_proves_nothing_gone(tmp_path: Path, shop: sqlite3.Connection) -> None:
    shop.executescript("update customer set name = '' where id = 3")
    reading = read(declared(tmp_path, CUSTOMERS.replace("key: =id", "key: =name")), tmp_path)
    assert len(reading.rejected) == 1
    assert not reading.full_scan


def test_composite_keys_page_in_their_order(tmp_path: Path, shop: sqlite3.Connection) -> None:
    shop.executescript("""
        create table card (branch text, nr integer, holder text, primary key (branch, nr));
        insert into card values ('A', 1, 'x'), ('A', 2, 'x'), ('A/B', 1, 'x'), ('B', 1, 'x'), ('B', 3, 'x');
    """)
    text = CUSTOMERS.replace("from customer", "from card").replace("keyset: [id]", "keyset: [branch, nr]")
    text = text.replace("key: =id", "key: [=branch, =nr]").replace("{mode: flag, when: gone == `1`}, ", "")
    reading = read(declared(tmp_path, text.replace("=name", "=holder")), tmp_path)
    assert reading.keys == ["A/1", "A/2", "A%2FB/1", "B/1", "B/3"]


def sell(shop: sqlite3.Connection, *receipts: tuple[int, str]) -> None:
    shop.executemany("insert into receipt values (?, 1, ?)", receipts)
    shop.commit()


def test_a_cursor_reads_what_is_new_and_what_was_committed_late(tmp_path: Path, shop: sqlite3.Connection) -> None:
    sell(shop, (1, "2026-11-20 09:00:00"), (2, "2026-11-20 10:00:00"), (3, "2026-11-20 12:00:00"))
    connector = declared(tmp_path, RECEIPTS)
    first = read(connector, tmp_path)
    assert first.keys == ["1", "2", "3"]
    # Local times may run through one hour twice, so an hour is added to the overlap of ten minutes.
    sell(shop, (4, "2026-11-20 11:00:00"), (5, "2026-11-20 13:00:00"), (6, "2026-11-20 10:49:00"))
    second = read(connector, tmp_path, state=first.state)
    assert second.keys == ["3", "4", "5"]
    assert read(connector, tmp_path, state=second.state).keys == ["3", "5"]


def test_what_is_sold_in_the_hour_that_exists_twice_is_not_lost(tmp_path: Path, shop: sqlite3.Connection) -> None:
    sell(shop, (1, "2026-10-25 02:50:00"))
    connector = declared(tmp_path, RECEIPTS)
    first = read(connector, tmp_path, now=datetime(2026, 10, 25, 1, 0, tzinfo=UTC))
    sell(shop, (2, "2026-10-25 02:10:00"))  # twenty minutes later
    assert "2" in read(connector, tmp_path, state=first.state).keys


def test_equal_times_across_a_page_border_are_all_read(tmp_path: Path, shop: sqlite3.Connection) -> None:
    sell(shop, *[(n, "2026-11-20 10:00:00") for n in range(1, 8)])
    connector = declared(tmp_path, RECEIPTS)
    first = read(connector, tmp_path)
    assert len(first.records) == 7
    assert len(read(connector, tmp_path, state=first.state).records) == 7


def test_a_cursor_of_true_times_is_compared_as_such(tmp_path: Path, shop: sqlite3.Connection) -> None:
    shop.executescript("alter table receipt add column seq integer")
    sell_many = [(n, 1, "", n) for n in range(1, 6)]
    shop.executemany("insert into receipt values (?, ?, ?, ?)", sell_many)
    shop.commit()
    text = RECEIPTS.replace(
        'cursor: {field: sold_at, zone: Europe/Berlin, format: "%Y-%m-%d %H:%M:%S", overlap: PT10M}',
        "cursor: {field: seq, type: integer}",
    )
    connector = declared(tmp_path, text)
    first = read(connector, tmp_path)
    assert first.state is not None
    assert first.state["cursor"] == 5
    assert read(connector, tmp_path, state=first.state).keys == ["5"]


@pytest.mark.usefixtures("shop")
def test_the_session_cannot_write(tmp_path: Path) -> None:
    text = CUSTOMERS.replace("select * from customer", "delete from customer returning *")
    with pytest.raises(SourceError):
        read(declared(tmp_path, text), tmp_path)
    assert len(read(declared(tmp_path, CUSTOMERS), tmp_path).records) == 5


def test_a_file_that_is_missing_is_told_and_not_made(tmp_path: Path) -> None:
    with pytest.raises(SourceError, match=r"source quelle: the file nowhere\.db does not exist"):
        read(declared(tmp_path, CUSTOMERS), tmp_path, {"path": "nowhere.db"})
    assert not (tmp_path / "nowhere.db").exists()


def test_a_file_that_is_no_database_is_told(tmp_path: Path) -> None:
    (tmp_path / "shop.db").write_text("Kundennummer;Name\n" * 100)
    with pytest.raises(SourceError, match="source quelle: the database refused: file is not a database"):
        read(declared(tmp_path, CUSTOMERS), tmp_path)


@pytest.mark.usefixtures("shop")
@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        ("from customer", "from kunden", "no such table: kunden"),
        ("full: =name", "full: =nachname", "the query gives no column nachname"),
        ("keyset: [id]", "keyset: [nr]", "no such column: nr"),
        ("key: =id", "key: =nr", "the query gives no column nr"),
        ("select *", "selct *", "syntax error"),
        ("keyset: [id]", "keyset: [gone]", "keyset gone is not unique or null"),
    ],
)
def test_what_does_not_fit_is_told_in_one_line(tmp_path: Path, old: str, new: str, told: str) -> None:
    text = CUSTOMERS.replace(old, new).replace("size: 2", "size: 1")
    with pytest.raises(SourceError, match=told) as failure:
        read(declared(tmp_path, text), tmp_path)
    assert "\n" not in str(failure.value)
    assert failure.value.remedy
    (reachable, query) = declared(tmp_path, text).check({}, context(tmp_path))
    assert reachable.ok
    assert not query.ok or "not unique" in told


@pytest.mark.usefixtures("shop")
def test_check_asks_every_question(tmp_path: Path) -> None:
    results = declared(tmp_path, CUSTOMERS).check({}, context(tmp_path))
    assert [result.ok for result in results] == [True, True]


def test_an_unknown_driver_is_told(tmp_path: Path) -> None:
    text = CUSTOMERS.replace('"sqlite:///{config.path}"', "nosuchdb://host/shop")
    with pytest.raises(ConfigurationError, match="driver for nosuchdb"):
        read(declared(tmp_path, text), tmp_path)


@pytest.mark.usefixtures("shop")
def test_a_preview_stops_at_its_limit(tmp_path: Path) -> None:
    reading = read(declared(tmp_path, CUSTOMERS), tmp_path, limit=3)
    assert len(reading.records) == 3
    assert not reading.full_scan


@pytest.mark.parametrize(
    ("value", "json"),
    [
        (Decimal("12345678901234567890.10"), "12345678901234567890.10"),
        (date(2024, 2, 29), "2024-02-29"),
        (datetime(2026, 3, 1, 13, 5, tzinfo=UTC), "2026-03-01T13:05:00+00:00"),
        (timedelta(hours=1), "1:00:00"),
        (UUID(int=7), "00000000-0000-0000-0000-000000000007"),
        (b"\x00\xff", "00ff"),
        ([Decimal("1.0")], ["1.0"]),
        (49301234567890123, 49301234567890123),
        (True, True),
    ],
)
def test_database_values_become_json_without_losing_anything(value: object, json: object) -> None:
    assert as_json(value) == json


@pytest.mark.parametrize(
    ("dialect", "statements"),
    [
        ("postgresql", ["SET TRANSACTION READ ONLY", "SET LOCAL statement_timeout = 60000"]),
        ("mariadb", ["SET SESSION TRANSACTION READ ONLY", "SET SESSION max_statement_time = 60.0"]),
        ("mysql", ["SET SESSION TRANSACTION READ ONLY", "SET SESSION max_execution_time = 60000"]),
        ("sqlite", []),
    ],
)
def test_sessions_are_read_only_in_the_words_of_each_database(dialect: str, statements: list[str]) -> None:
    assert forbid_writing(dialect, timedelta(minutes=1)) == statements


def test_the_time_of_the_run_is_remembered(tmp_path: Path, shop: sqlite3.Connection) -> None:
    assert shop
    assert read(declared(tmp_path, CUSTOMERS), tmp_path).state == {"scanned_at": NOW.isoformat()}
