"""The connector `sql` on PostgreSQL and on MariaDB, with the same streams declared in cdi.yaml: keys of two columns,
a cursor, a change, deletions, a server that dies in the middle."""

import os
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest
import sqlalchemy as sa
from deployed import Deployed, deploy
from programs import Program, mariadb

from cdi.errors import SourceError
from cdi.store import embedded
from cdi.store.db import Database

pytestmark = pytest.mark.live

STREAMS = {
    "customers": {
        "kind": "customer",
        "key": ["=branch", "=number"],
        "query": "select branch, number, first_name, last_name, mail, gone from customer",
        "page": {"keyset": ["branch", "number"], "size": 100},
        "change": "row_hash",
        "deletes": [{"mode": "flag", "when": "gone == `1`"}, {"mode": "reconcile"}],
        "map": {"name": {"given_name": "=first_name", "family_name": "=last_name"}, "emails": [{"value": "=mail"}]},
    },
    "receipts": {
        "kind": "touchpoint",
        "key": "=id",
        "query": "select * from receipt",
        "page": {"keyset": ["id"]},
        "cursor": {"field": "sold_at", "zone": "Europe/Berlin", "format": "%Y-%m-%d %H:%M:%S", "overlap": "P1D"},
        "map": {
            "customer_key": "=customer",
            "type": "receipt",
            "channel": "shop",
            "at": "=ts(sold_at, 'Europe/Berlin')",
            "amount": "=decimal(total)",
        },
    },
}
TABLES = (
    "create table customer (branch char(2), number integer, first_name varchar(80), last_name varchar(80),"
    " mail varchar(80), gone integer not null default 0, primary key (branch, number))",
    "create table receipt (id integer primary key, customer varchar(20), sold_at {moment}, total decimal(10, 2))",
)


@dataclass
class Shop:
    """A database of a company's own: who owns it writes, a reader reads."""

    owner: str
    reader: str
    moment: str
    kill: Callable[[], None]
    start: Callable[[], None]

    def write(self, *statements: str) -> None:
        engine = sa.create_engine(self.owner)
        with engine.begin() as connection:
            for statement in statements:
                connection.exec_driver_sql(statement)
        engine.dispose()

    def fill(self) -> None:
        self.write(*(table.format(moment=self.moment) for table in TABLES))
        rows = ", ".join(f"('{b}', {n}, 'Jörg', 'Weiß {n}', 'j{n}@haus.example', 0)" for b in "AB" for n in range(300))
        self.write(f"insert into customer values {rows}")
        self.write("insert into receipt values (1, 'A/1', '2026-10-25 02:30:00', 19.90)")


@contextmanager
def on_mariadb() -> Iterator[Shop]:
    with tempfile.TemporaryDirectory(prefix="cdi-live-") as folder, mariadb(Path(folder)) as server:
        where = f"127.0.0.1:{server.port}/shop"
        root = sa.create_engine(f"mysql+pymysql://root@127.0.0.1:{server.port}/mysql")
        with root.begin() as connection:
            connection.exec_driver_sql("create database shop character set utf8mb4")
            connection.exec_driver_sql("create user reader@127.0.0.1 identified by 'geheim'")
            connection.exec_driver_sql("grant select on shop.* to reader@127.0.0.1")
        root.dispose()
        program: Program = server
        owner, reader = f"mysql+pymysql://root@{where}", f"mysql+pymysql://reader@{where}"
        yield Shop(owner, reader, "datetime", program.kill, program.start)


@contextmanager
def on_postgresql() -> Iterator[Shop]:
    with tempfile.TemporaryDirectory(prefix="cdi-live-") as folder:
        running = embedded.running(Path(folder))
        url = running.__enter__()
        try:
            driver = url.replace("postgresql://", "postgresql+psycopg://")
            states = {"running": running}

            def kill() -> None:
                embedded.stop(Path(folder))

            def start() -> None:
                states["running"].__exit__(None, None, None)
                states["running"] = embedded.running(Path(folder))
                states["running"].__enter__()

            yield Shop(driver, driver, "timestamp", kill, start)  # this server lets its one user in without a password
        finally:
            states["running"].__exit__(None, None, None)


@pytest.fixture(params=[on_postgresql, on_mariadb], ids=["postgresql", "mariadb"])
def shop(request: pytest.FixtureRequest) -> Iterator[Shop]:
    with request.param() as made:
        made.fill()
        yield made


@pytest.fixture
def deployed(shop: Shop, database: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Deployed:
    monkeypatch.setitem(os.environ, "SHOP_PASSWORD", "geheim")
    config = {"dsn": shop.reader, "password": "${env:SHOP_PASSWORD}", "streams": STREAMS}
    return deploy(tmp_path, database, "sql", config)


def test_any_database_from_the_first_reading_to_a_restart(shop: Shop, deployed: Deployed) -> None:
    assert [check for check in deployed.check() if not check.ok] == []
    assert deployed.sync() == {"added": 601}
    assert deployed.live("customers")["B/299"] == {
        "kind": "person",
        "name": {"given_name": "Jörg", "family_name": "Weiß 299"},
        "emails": [{"value": "j299@haus.example"}],
    }
    assert deployed.live("receipts")["1"]["at"] == "2026-10-25T02:30:00+02:00"
    assert deployed.live("receipts")["1"]["amount"] in {"19.9", "19.90"}
    assert deployed.sync() == {"unchanged": 601}

    shop.write(
        "update customer set mail = 'neu@haus.example' where branch = 'A' and number = 7",
        "update customer set gone = 1 where branch = 'A' and number = 8",
        "delete from customer where branch = 'B' and number > 289",
        "insert into receipt values (2, 'A/7', '2026-10-24 12:00:00', 5), (3, 'A/7', '2026-10-26 12:00:00', 5)",
    )
    assert deployed.sync() == {"added": 2, "changed": 1, "deleted": 11, "unchanged": 589}
    assert deployed.live("customers")["A/7"]["emails"] == [{"value": "neu@haus.example"}]
    assert len(deployed.live("customers")) == 589

    shop.kill()
    with pytest.raises(SourceError, match="Check that the server runs") as found:
        deployed.sync()
    assert "geheim" not in str(found.value)
    shop.start()
    assert "added" not in deployed.sync()
    assert deployed.versions() == 601 + 14


def test_a_server_that_dies_while_it_is_read_costs_nothing(shop: Shop, deployed: Deployed) -> None:
    landed = deployed.sync_while_it_dies("customers", shop.kill, 200, everybody=600)
    shop.start()
    assert deployed.sync() == {"added": 601 - landed, "unchanged": landed}
    assert deployed.versions() == 601
