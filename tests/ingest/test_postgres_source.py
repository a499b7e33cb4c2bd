"""The SQL kind against a real PostgreSQL: typed columns, cursors of true times, a session that cannot write."""

from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import psycopg
import pytest
from psycopg.conninfo import conninfo_to_dict
from reading import NOW, context, declared, read
from sqlalchemy.engine import URL

from cdi.errors import SourceError
from cdi.ingest.manifest import DeclaredConnector

MANIFEST = """
connector: test
title: Test
config: {dsn: {secret: true, required: true}}
connection: {kind: sql, dsn: "{config.dsn}", statement_timeout: PT1S}
streams:
  customers:
    kind: customer
    key: [=branch, =nr]
    source_time: =ts(changed)
    query: select * from customer
    page: {keyset: [branch, nr], size: 2}
    cursor: {field: changed, overlap: PT10M}
    deletes: [{mode: flag, when: gone}, {mode: reconcile}]
    map:
      name: {full: =name}
      identifiers: [{type: loyalty_card, value: =card}]
      attributes: {balance: =balance, tags: "=join(',', extra.tags)"}
  sales:
    kind: touchpoint
    key: =id
    query: select id, customer, sold from sale
    page: {keyset: [id], size: 2}
    cursor: {field: sold, overlap: PT1H, zone: Europe/Berlin}
    map: {customer_key: =customer, type: receipt, channel: shop, at: "=ts(sold, 'Europe/Berlin')"}
"""
TABLES = """
create table customer (branch text, nr bigint, name text, card uuid, balance numeric(20, 4), gone boolean, extra jsonb,
    changed timestamptz not null, primary key (branch, nr));
insert into customer values
    ('A', 1, 'Müller', '00000000-0000-0000-0000-000000000007', 12345678901234.5670, false, '{"tags": ["x", "y"]}',
     '2026-11-01 10:00:00+01'),
    ('A', 2, 'Meier', null, 0, true, '{"tags": []}', '2026-11-02 10:00:00+01'),
    ('B', 1, 'Weiß', null, null, false, '{"tags": []}', '2026-11-03 10:00:00+01');
create table sale (id bigint primary key, customer text, sold timestamp not null);
insert into sale values (1, 'A/1', '2026-11-01 10:00:00'), (2, 'A/1', '2026-11-02 10:00:00'),
    (3, 'A/1', '2026-11-03 10:00:00');
"""


@pytest.fixture
def url(empty_url: str) -> URL:
    """The source's database, as SQLAlchemy writes its address."""
    with psycopg.connect(empty_url, autocommit=True) as connection:
        connection.execute(TABLES)
    parts = conninfo_to_dict(empty_url)
    place = {"host": str(parts["host"]), "port": str(parts["port"])}
    return URL.create("postgresql+psycopg", str(parts["user"]), database=str(parts["dbname"]), query=place)


@pytest.fixture
def dsn(url: URL) -> str:
    return url.render_as_string(hide_password=False)


@pytest.fixture
def connector(tmp_path: Path) -> DeclaredConnector:
    return declared(tmp_path, MANIFEST)


@pytest.fixture
def change(empty_url: str) -> Callable[[str], None]:
    """Runs a statement as somebody who may write."""

    def run(statement: str) -> None:
        with psycopg.connect(empty_url, autocommit=True) as connection:
            connection.execute(statement.encode())

    return run


def test_typed_columns_lose_nothing(connector: DeclaredConnector, dsn: str) -> None:
    reading = read(connector, Path(), {"dsn": dsn})
    assert reading.keys == ["A/1", "A/2", "B/1"]
    assert [str(record.op) for record in reading.records] == ["upsert", "delete", "upsert"]
    assert connector.map("customers", reading.records[0].data, {}) == {
        "name": {"full": "Müller"},
        "identifiers": [{"type": "loyalty_card", "value": "00000000-0000-0000-0000-000000000007"}],
        "attributes": {"balance": "12345678901234.5670", "tags": "x,y"},
    }
    assert reading.records[0].source_time is not None
    assert reading.records[0].source_time.isoformat() == "2026-11-01T09:00:00+00:00"


@pytest.mark.parametrize(("stream", "last"), [("customers", "B/1"), ("sales", "3")])
def test_a_cursor_of_true_times_reads_what_is_new(
    connector: DeclaredConnector, dsn: str, stream: str, last: str
) -> None:
    first = read(connector, Path(), {"dsn": dsn}, stream=stream)
    assert len(first.records) == 3
    assert read(connector, Path(), {"dsn": dsn}, stream=stream, state=first.state).keys == [last]


def test_what_is_gone_is_missing_in_the_next_full_reading(
    connector: DeclaredConnector, dsn: str, change: Callable[[str], None]
) -> None:
    first = read(connector, Path(), {"dsn": dsn})
    change("delete from customer where nr = 1 and branch = 'A'")
    later = read(connector, Path(), {"dsn": dsn}, state=first.state, now=NOW + timedelta(days=1))
    assert later.full_scan
    assert later.keys == ["A/2", "B/1"]


def test_the_session_cannot_write(tmp_path: Path, dsn: str, change: Callable[[str], None]) -> None:
    change("create function grab() returns bigint language sql as 'delete from sale returning id'")
    connector = declared(
        tmp_path, MANIFEST.replace("select id, customer, sold from sale", "select *, grab() from sale")
    )
    with pytest.raises(SourceError, match="read-only transaction"):
        read(connector, tmp_path, {"dsn": dsn}, stream="sales")


def test_a_statement_that_takes_too_long_is_cancelled(tmp_path: Path, dsn: str) -> None:
    connector = declared(tmp_path, MANIFEST.replace("sold from sale", "sold, pg_sleep(5) from sale"))
    with pytest.raises(SourceError, match="statement timeout") as failure:
        read(connector, tmp_path, {"dsn": dsn}, stream="sales")
    assert "index" in failure.value.remedy


@pytest.mark.parametrize("wrong", [{"database": "nosuchdatabase"}, {"username": "nobody"}], ids=str)
def test_a_database_that_cannot_be_reached_is_told_in_one_line(
    connector: DeclaredConnector, url: URL, wrong: dict[str, str]
) -> None:
    config = {"dsn": url.set(**wrong).render_as_string(hide_password=False)}  # type: ignore[arg-type]  # names above
    with pytest.raises(SourceError, match="source quelle: the database refused") as failure:
        read(connector, Path(), config)
    assert "\n" not in str(failure.value)
    assert "Check that the server runs" in failure.value.remedy
    assert [result.ok for result in connector.check(config, context(Path()))] == [False]
