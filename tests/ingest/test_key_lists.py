"""A second reading lists the keys of all that is there, every so often: what is in none is gone, as after a full
reading; nothing else is concluded from it."""

import sqlite3
from datetime import timedelta
from pathlib import Path

import pytest
from loopback import Asked, Told, serving
from reading import NOW, declared, read

from cdi.errors import ConfigurationError, SourceError

SQL = """
connector: till
title: Till
connection: {kind: sql, dsn: "sqlite:///till.db"}
streams:
  customers:
    kind: customer
    key: =nr
    query: select * from customer
    page: {keyset: [nr], size: 2}
    cursor: {field: changed, zone: UTC, format: "%Y-%m-%d %H:%M:%S", overlap: PT1H}
    deletes:
      - mode: keys
        query: select nr from customer
        page: {keyset: [nr], size: 2}
        max_share: 0.2
    map: {name: {full: =name}}
"""


@pytest.fixture
def till(tmp_path: Path) -> Path:
    with sqlite3.connect(tmp_path / "till.db") as connection:
        connection.execute("create table customer (nr integer primary key, name text, changed text)")
        rows = [(n, f"N{n}", f"2026-11-0{n} 10:00:00") for n in range(1, 6)]
        connection.executemany("insert into customer values (?, ?, ?)", rows)
    connection.close()
    return tmp_path


def test_keys_are_listed_once_a_day_beside_what_changed(till: Path) -> None:
    connector = declared(till, SQL)
    first = read(connector, till)
    assert (first.seen, first.full_scan) == (["1", "2", "3", "4", "5"], True)
    soon = read(connector, till, state=first.state, now=NOW + timedelta(hours=1))
    assert (soon.keys, soon.seen, soon.full_scan) == (["5"], [], False)
    later = read(connector, till, state=soon.state, now=NOW + timedelta(days=1))
    assert (later.keys, later.seen, later.full_scan) == (["5"], ["1", "2", "3", "4", "5"], True)
    (stream,) = connector.streams()
    assert stream.scans and stream.detects_deletes


def test_a_line_without_a_key_proves_nothing_gone(till: Path) -> None:
    unreadable = SQL.replace(
        "select nr from customer", "select nr, case nr when 2 then '' else nr end as known from customer"
    )
    connector = declared(till, unreadable.replace("mode: keys", "mode: keys\n        key: =known"))
    reading = read(connector, till)
    assert (reading.seen, reading.full_scan) == (["1", "3", "4", "5"], False)
    assert [rejected.stream for rejected in reading.rejected] == ["customers.deletes.0"]


HTTP = """
connector: crm
title: CRM
config: {base_url: {required: true}}
connection: {kind: rest, base_url: "{config.base_url}", retry: {tries: 1}}
streams:
  customers:
    kind: customer
    key: =id
    request: {path: /contacts}
    records: =results
    cursor: {field: updated, overlap: PT5M}
    since: {params: {since: "{cursor.from}"}}
    deletes:
      - mode: keys
        request: {path: /contacts/ids}
        records: "=ids[].{id: @}"
        total: =count
        gone_after: 2
    map: {name: {full: =name}}
"""


@pytest.mark.parametrize(("count", "proved"), [(3, True), (4, False)])
def test_a_request_lists_keys_and_must_list_as_many_as_it_says(tmp_path: Path, count: int, proved: bool) -> None:
    def crm(asked: Asked) -> Told:
        if asked.path.endswith("ids"):
            return Told({"ids": [1, 2, 7], "count": count})
        return Told({"results": [{"id": 1, "name": "x", "updated": "2026-11-20T10:00:00Z"}]})

    with serving(crm) as site:
        reading = read(declared(tmp_path, HTTP), tmp_path, {"base_url": site.url})
    assert (reading.keys, reading.seen, reading.full_scan) == (["1"], ["1", "2", "7"], proved)


def test_a_list_that_fails_concludes_nothing_and_loses_nothing(tmp_path: Path) -> None:
    def crm(asked: Asked) -> Told:
        if asked.path.endswith("ids"):
            return Told(b"", 403)
        return Told({"results": [{"id": 1, "name": "x", "updated": "2026-11-20T10:00:00Z"}]})

    with serving(crm) as site, pytest.raises(SourceError, match="may not read this"):
        read(declared(tmp_path, HTTP), tmp_path, {"base_url": site.url})


def test_a_list_of_keys_has_no_cursor(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="cursor"):
        declared(tmp_path, HTTP.replace("gone_after: 2", "cursor: {field: updated}\n        since: {params: {a: b}}"))
