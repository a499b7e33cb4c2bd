"""What is gone at its source leaves its profile, by each of the ways in which a source can say so; and no broken export
empties the house. (Webhooks that say it are in `test_receiving`.)"""

import sqlite3
from collections.abc import Iterator
from pathlib import Path

import pytest
from domain import assert_consistent, count, profile_of
from sqlalchemy import text

from cdi.errors import SourceError
from cdi.pipeline import Installation, resolve, sync
from cdi.store.db import Database
from conftest import installation_of

TILL = """
connector: till
title: Till
connection: {kind: sql, dsn: "sqlite:///till.db"}
streams:
  customers:
    kind: customer
    key: =nr
    source_time: =ts(changed, 'UTC')
    query: select * from customer
    page: {keyset: [nr], size: 50}
    change: row_hash
    deletes: DELETES
    map: {name: {given_name: =given, family_name: =family}, emails: [{value: =mail}]}
"""
DROP = """
connector: drop
title: Drop
connection: {kind: files, folder: drop}
streams:
  customers:
    kind: customer
    key: =nr
    files: "*.csv"
    format: {type: csv}
    snapshot: true
    map: {name: {given_name: =given, family_name: =family}, emails: [{value: =mail}]}
"""
CDI = """
company: {name: Test, country: DE, language: de}
owners: [{id: retail, department: Filialen, role: Leitung, contact: a@test.example}]
customer_owner: retail
sources:
  SOURCE: {connector: SOURCE, data_owner: retail, purpose: sale, retention: P10Y}
"""
FLAG = "[{mode: flag, when: state == 'gone'}, {mode: flag, when: state == 'redacted', erase: true}]"
RECONCILE = "[{mode: reconcile, max_share: 0.2}]"
FEED = """
      - mode: feed
        query: select * from graveyard
        page: {keyset: [id]}
        source_time: =ts(at, 'UTC')"""


class Till:
    """The source system, as its own staff change it."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.do(
            "create table customer (nr integer primary key, given text, family text, mail text, state text, changed)"
        )
        self.do("create table graveyard (id integer primary key, nr integer, at text)")

    def do(self, statement: str, *values: object) -> None:
        with sqlite3.connect(self.path) as connection:
            connection.execute(statement, values)
        connection.close()

    def sell_to(self, number: int, changed: str = "2026-11-01 10:00:00") -> None:
        self.do(
            "insert or replace into customer values (?, ?, ?, ?, 'ok', ?)",
            number,
            f"Vorname{number}",
            f"Nachname{number}",
            f"kunde{number}@web.de",
            changed,
        )


@pytest.fixture
def folder(tmp_path: Path) -> Iterator[Path]:
    (tmp_path / "company" / "drop").mkdir(parents=True)
    yield tmp_path / "company"


@pytest.fixture
def till(folder: Path) -> Till:
    return Till(folder / "till.db")


def company_of(folder: Path, database: Database, manifest: str, source: str = "till") -> Installation:
    (folder / "connectors" / source).mkdir(parents=True, exist_ok=True)
    (folder / "connectors" / source / "connector.yaml").write_text(manifest, encoding="utf-8")
    (folder / "cdi.yaml").write_text(CDI.replace("SOURCE", source), encoding="utf-8")
    return installation_of(folder, database)


def read(installation: Installation, source: str = "till") -> None:
    sync(installation, source)
    resolve(installation)
    assert_consistent(installation)


def ops_of(installation: Installation, key: str) -> list[str]:
    with installation.database.unit_of_work() as connection:
        rows = connection.execute(
            text("select op from record_version join record using (record_id) where key = :key order by 1"),
            {"key": key},
        )
        return list(rows.scalars())


def export(many: int) -> list[str]:
    """The lines of a file with so many customers."""
    return ["nr,given,family,mail", *(f"{n},Vorname{n},Nachname{n},kunde{n}@web.de" for n in range(many))]


def test_a_flag_says_it(folder: Path, till: Till, database: Database) -> None:
    company = company_of(folder, database, TILL.replace("DELETES", FLAG))
    for number in (1, 2, 3):
        till.sell_to(number)
    read(company)
    till.do("update customer set state = 'gone' where nr = 1")
    till.do("update customer set state = 'redacted' where nr = 2")
    read(company)
    assert [profile_of(company, "till", key) is None for key in "123"] == [True, True, False]
    assert ops_of(company, "1") == ["delete", "upsert"]
    assert ops_of(company, "2") == ["erase", "upsert"]
    till.do("update customer set state = 'ok' where nr = 1")
    read(company)
    assert profile_of(company, "till", "1") is not None


def test_a_list_of_what_is_gone_says_it_and_what_came_back_stays(folder: Path, till: Till, database: Database) -> None:
    company = company_of(folder, database, TILL.replace("DELETES", FEED))
    for number in (1, 2):
        till.sell_to(number)
    read(company)
    till.do("delete from customer where nr = 1")
    till.do("insert into graveyard values (1, 1, '2026-11-05 10:00:00')")
    read(company)
    assert profile_of(company, "till", "1") is None
    till.sell_to(1, changed="2026-11-06 10:00:00")
    read(company)
    assert profile_of(company, "till", "1") is not None, "the old list is read again, and is old"
    read(company)
    assert profile_of(company, "till", "1") is not None
    assert ops_of(company, "1") == ["delete", "upsert", "upsert"]


def test_a_full_reading_says_it_but_never_of_too_many_at_once(folder: Path, till: Till, database: Database) -> None:
    company = company_of(folder, database, TILL.replace("DELETES", RECONCILE))
    for number in range(1, 21):
        till.sell_to(number)
    read(company)
    till.do("delete from customer where nr <= 4")
    read(company)
    assert count(company, "record where live") == 16
    till.do("delete from customer where nr <= 8")
    with pytest.raises(
        SourceError,
        match=r"4 of 16 records of customers are missing, over 20%: none was deleted\. Check the source; if it is"
        r" right, raise max_share of customers in the manifest and sync again",
    ):
        read(company)
    assert count(company, "record where live") == 16


def test_a_whole_export_says_it(folder: Path, database: Database) -> None:
    company = company_of(folder, database, DROP, "drop")
    lines = export(40)
    (folder / "drop" / "2026-11-01.csv").write_text("\n".join(lines), encoding="utf-8")
    read(company, "drop")
    for day in (2, 3):  # one that lacks somebody may have been cut off
        assert count(company, "record where live") == 40
        (folder / "drop" / f"2026-11-0{day}.csv").write_text("\n".join(lines[:-2]), encoding="utf-8")
        read(company, "drop")
    assert count(company, "record where live") == 38
    assert profile_of(company, "drop", "39") is None
    (folder / "drop" / "2026-11-04.csv").write_text("\n".join(lines[:10]), encoding="utf-8")
    with pytest.raises(SourceError, match=r"29 of 38 records .* raise sources\.drop\.max_delete_share"):
        read(company, "drop")
    assert count(company, "record where live") == 38
    assert count(company, "missing_key") == 0


def test_who_is_in_the_next_export_again_was_never_gone(folder: Path, database: Database) -> None:
    company = company_of(folder, database, DROP, "drop")
    lines = export(40)
    for day, last in enumerate((41, 40, 41, 40, 41)):  # every other one lacks somebody
        (folder / "drop" / f"2026-11-0{day}.csv").write_text("\n".join(lines[:last]), encoding="utf-8")
        read(company, "drop")
        assert count(company, "record where live") == 40
    assert ops_of(company, "39") == ["upsert"]


def test_the_same_export_read_again_is_no_second_one(folder: Path, database: Database) -> None:
    """We were killed between the end of the scan and what is remembered of the file."""
    company = company_of(folder, database, DROP, "drop")
    lines = export(40)
    for day, last in enumerate((41, 40)):
        (folder / "drop" / f"2026-11-0{day}.csv").write_text("\n".join(lines[:last]), encoding="utf-8")
        read(company, "drop")
    with company.database.unit_of_work() as connection:
        connection.execute(text("delete from checkpoint"))
    read(company, "drop")
    assert count(company, "record where live") == 40
    (folder / "drop" / "2026-11-02.csv").write_text("\n".join(lines[:40]), encoding="utf-8")
    read(company, "drop")
    assert count(company, "record where live") == 39


def test_a_list_of_keys_says_it_where_changes_alone_are_read(folder: Path, till: Till, database: Database) -> None:
    keys = """
      - mode: keys
        query: select nr from customer
        page: {keyset: [nr], size: 7}"""
    by_cursor = 'cursor: {field: changed, zone: UTC, format: "%Y-%m-%d %H:%M:%S", overlap: PT1H}'
    manifest = TILL.replace("change: row_hash", by_cursor).replace("DELETES", keys)
    company = company_of(folder, database, manifest)
    for number in range(1, 41):
        till.sell_to(number, changed=f"2026-11-01 10:00:{number:02}")
    read(company)
    till.do("delete from customer where nr in (3, 40)")
    read(company)
    assert count(company, "record where live") == 40, "keys are asked for once a day"
    with company.database.unit_of_work() as connection:
        connection.execute(text("update checkpoint set state = state #- '{customers.deletes.0,scanned_at}'"))
    read(company)
    assert [profile_of(company, "till", key) is None for key in ("3", "40", "4")] == [True, True, False]
    assert count(company, "record where live") == 38
    assert count(company, "record_version") == 42
    assert count(company, "scan_key") == 0


def test_a_source_may_ask_for_several_full_readings_or_for_one_export(
    folder: Path, till: Till, database: Database
) -> None:
    twice = "[{mode: reconcile, gone_after: 2}]"
    company = company_of(folder, database, TILL.replace("DELETES", twice))
    for number in range(1, 41):
        till.sell_to(number)
    read(company)
    till.do("delete from customer where nr = 1")
    read(company)
    assert count(company, "record where live") == 40
    read(company)
    assert count(company, "record where live") == 39


def test_an_export_may_be_believed_at_once(folder: Path, database: Database) -> None:
    company = company_of(folder, database, DROP.replace("snapshot: true", "snapshot: true\n    gone_after: 1"), "drop")
    lines = export(40)
    for day, last in enumerate((41, 40)):
        (folder / "drop" / f"2026-11-0{day}.csv").write_text("\n".join(lines[:last]), encoding="utf-8")
        read(company, "drop")
    assert count(company, "record where live") == 39


def test_who_says_nothing_deletes_nothing(folder: Path, till: Till, database: Database) -> None:
    company = company_of(folder, database, TILL.replace("DELETES", "[]"))
    for number in (1, 2):
        till.sell_to(number)
    read(company)
    till.do("delete from customer")
    read(company)
    assert count(company, "record where live") == 2
    assert count(company, "scan_key") == 0
