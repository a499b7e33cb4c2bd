"""The OpenSourcePOS connector on a MariaDB server, with the tables as OpenSourcePOS's migrations leave them: first
reading, second without a change, a change, deletions, an erasure, a server that dies in the middle."""

import os
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

import pymysql
import pytest
import sqlalchemy as sa
from deployed import Deployed, deploy
from programs import Program, mariadb

from cdi.errors import SourceError
from cdi.ingest.sql import forbid_writing
from cdi.store.db import Database

pytestmark = pytest.mark.live

# Names and types of the columns after OpenSourcePOS's migrations up to 3.4; its other columns are of no interest here.
TABLES = (
    """create table ospos_people (
    first_name varchar(255) not null, last_name varchar(255) not null, gender int(1) default null,
    phone_number varchar(255) not null, email varchar(255) not null, address_1 varchar(255) not null,
    address_2 varchar(255) not null, city varchar(255) not null, state varchar(255) not null, zip varchar(255) not null,
    country varchar(255) not null, comments text not null, person_id int(10) not null auto_increment,
    primary key (person_id)) engine=innodb default charset=utf8mb4""",
    """create table ospos_customers (
    person_id int(10) not null, company_name varchar(255) default null, account_number varchar(255) default null,
    taxable int(1) not null default 1, tax_id varchar(32) not null default '', deleted int(1) not null default 0,
    consent int(1) not null default 0, date timestamp not null default current_timestamp,
    primary key (person_id), unique key (account_number),
    foreign key (person_id) references ospos_people (person_id)) engine=innodb default charset=utf8mb4""",
    """create table ospos_sales (
    sale_time timestamp not null default current_timestamp, customer_id int(10) default null,
    invoice_number varchar(32) default null, sale_id int(10) not null auto_increment,
    sale_status tinyint(2) not null default 0, primary key (sale_id), unique key (invoice_number),
    foreign key (customer_id) references ospos_customers (person_id)) engine=innodb default charset=utf8mb4""",
    """create table ospos_sales_payments (
    payment_id int(11) not null auto_increment, sale_id int(10) not null, payment_type varchar(40) not null,
    payment_amount decimal(15,2) not null, cash_refund decimal(15,2) not null default 0, primary key (payment_id),
    foreign key (sale_id) references ospos_sales (sale_id)) engine=innodb default charset=utf8mb4""",
)


@dataclass
class Till:
    """A till's database: the server, and how the till itself writes to it."""

    server: Program

    def write(self, *statements: str) -> None:
        with self._connection("root", "", autocommit=True) as connection, connection.cursor() as cursor:
            for statement in statements:
                cursor.execute(statement)

    def _connection(self, user: str, password: str, **more: Any) -> pymysql.Connection:  # type: ignore[type-arg]
        return pymysql.connect(
            host="127.0.0.1", port=self.server.port, user=user, password=password, database="ospos", **more
        )

    def create(self) -> None:
        connection = pymysql.connect(host="127.0.0.1", port=self.server.port, user="root", autocommit=True)
        with connection, connection.cursor() as cursor:
            cursor.execute("create database ospos character set utf8mb4")
            cursor.execute("create user reader@127.0.0.1 identified by 'geheim'")
        self.write("set foreign_key_checks = 0", *TABLES)
        self.write(*(f"grant select on ospos.ospos_{name} to reader@127.0.0.1" for name in READ))

    def add(self, number: int, first: str, last: str, **customer: str) -> None:
        mail = f"{first.lower()}@haus.example"
        address = f"'Weg {number}', '', 'Köln', '', '01067', 'DE'"
        person = f"'{first}', '{last}', 1, '030 12345', '{mail}', {address}, '', {number}"
        columns = ", ".join(["person_id", *customer])
        values = ", ".join([str(number), *(f"'{value}'" for value in customer.values())])
        self.write(
            f"insert into ospos_people values ({person})",
            f"insert into ospos_customers ({columns}) values ({values})",
        )


READ = ("people", "customers", "sales", "sales_payments")


@pytest.fixture
def till() -> Iterator[Till]:
    # A path short enough for a socket, which the folders of pytest are not.
    with tempfile.TemporaryDirectory(prefix="cdi-live-") as folder, mariadb(Path(folder)) as server:
        shop = Till(server)
        shop.create()
        yield shop


@pytest.fixture
def deployed(till: Till, database: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Deployed:
    monkeypatch.setitem(os.environ, "TILL_DSN", f"mysql+pymysql://reader:geheim@127.0.0.1:{till.server.port}/ospos")
    return deploy(tmp_path, database, "opensourcepos", {"dsn": "${env:TILL_DSN}"})


def test_opensourcepos_from_the_first_reading_to_a_restart(till: Till, deployed: Deployed) -> None:
    till.add(1, "Jörg", "Weißmüller", account_number="0047", consent="1", tax_id="DE129273398")
    till.add(2, "Zoë", "Ünal", company_name="Müller & Söhne 🎉")
    till.add(3, "Anna", "Gone")
    till.write(
        "insert into ospos_sales (sale_id, sale_time, customer_id, invoice_number)"
        " values (10, '2026-10-25 02:30:00', 1, 'R-10'), (11, '2026-07-01 12:00:00', null, null)",
        "insert into ospos_sales_payments (sale_id, payment_type, payment_amount)"
        " values (10, 'Bar', 20.00), (10, 'EC', 9.90)",
        "update ospos_sales_payments set cash_refund = 10 where payment_type = 'Bar'",
    )
    assert [check for check in deployed.check() if not check.ok] == []
    assert deployed.sync() == {"added": 7}
    customers = deployed.live("customers")
    assert customers["1"]["name"] == {"given_name": "Jörg", "family_name": "Weißmüller"}
    assert customers["1"]["identifiers"] == [
        {"type": "loyalty_card", "value": "0047"},
        {"type": "vat_id", "value": "DE129273398"},
    ]
    assert customers["2"]["organisation"] == {"name": "Müller & Söhne 🎉"}
    assert deployed.live("consents")["1"]["status"] == "granted"
    sale = deployed.live("sales")["10"]
    assert (sale["customer_key"], sale["amount"], sale["subject"]) == ("1", "19.90", "R-10")
    assert sale["at"] == "2026-10-25T02:30:00+02:00"

    assert "changed" not in deployed.sync()
    assert deployed.versions() == 7

    till.write("update ospos_people set last_name = 'Weiß' where person_id = 1")  # no column of time moves
    till.write("update ospos_customers set deleted = 1 where person_id = 3")
    till.write("delete from ospos_customers where person_id = 2")  # an administrator's statement: no mark is left
    assert deployed.sync() == {"changed": 1, "deleted": 4, "unchanged": 2}
    customers = deployed.live("customers")
    assert {key: said["name"]["family_name"] for key, said in customers.items()} == {"1": "Weiß"}

    till.server.kill()
    with pytest.raises(SourceError, match="Check that the server runs"):
        deployed.sync()
    till.server.start()
    assert "changed" not in deployed.sync()
    assert deployed.versions() == 12


def test_a_deletion_that_scrambles_the_data_is_an_erasure(till: Till, deployed: Deployed) -> None:
    till.add(1, "Jörg", "Weißmüller")
    deployed.sync()
    # What the till does on deleting where `enforce_privacy` is set.
    till.write(
        "update ospos_people set first_name = '1', last_name = '1', phone_number = '', email = '', address_1 = '',"
        " city = '', zip = '', country = '' where person_id = 1",
        "update ospos_customers set deleted = 1, consent = 0, account_number = null where person_id = 1",
    )
    assert deployed.operations("customers") == {"1": "erase"}


def test_a_server_that_dies_while_it_is_read_costs_nothing(till: Till, deployed: Deployed) -> None:
    """More than two pages; the server is killed when the first has landed."""
    people = ", ".join(f"('A', 'B{n}', 1, '', '', '', '', '', '', '', '', '', {n})" for n in range(1, 12_001))
    till.write(f"insert into ospos_people values {people}")
    till.write("insert into ospos_customers (person_id) select person_id from ospos_people")

    landed = deployed.sync_while_it_dies("customers", till.server.kill, 5_000, everybody=12_000)
    till.server.start()
    assert deployed.sync() == {"added": 24_000 - landed, "unchanged": landed}
    assert len(deployed.keys("customers")) == 12_000
    assert deployed.versions() == 24_000


def test_our_session_cannot_write_where_the_login_may_nor_read_for_ever(till: Till) -> None:
    till.write("grant all on ospos.* to reader@127.0.0.1")
    url = f"mysql+pymysql://reader:geheim@127.0.0.1:{till.server.port}/ospos"
    with sa.create_engine(url).connect() as connection:
        for statement in forbid_writing("mariadb", timedelta(seconds=1)):
            connection.execute(sa.text(statement))
        with pytest.raises(sa.exc.DBAPIError, match="READ ONLY"):
            connection.execute(sa.text("delete from ospos_people"))
        with pytest.raises(sa.exc.DBAPIError, match="max_statement_time"):
            connection.execute(sa.text("select sleep(5)"))


def test_a_wrong_password_is_told(till: Till, deployed: Deployed, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(os.environ, "TILL_DSN", f"mysql+pymysql://reader:falsch@127.0.0.1:{till.server.port}/ospos")
    with pytest.raises(SourceError, match="user and password") as found:
        deployed.sync()
    assert "falsch" not in str(found.value)
