"""A second reading lists what is gone: by request, by query, by file; it has a cursor of its own, and what came back
since stays."""

import sqlite3
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from loopback import Asked, Told, serving
from reading import context, declared, gathered, read

from cdi.errors import ConfigurationError, SourceError
from cdi.ingest.contract import Op

HTTP = """
connector: crm
title: CRM
config: {base_url: {required: true}}
connection: {kind: rest, base_url: "{config.base_url}", retry: {tries: 1}}
streams:
  customers:
    kind: customer
    key: =id
    source_time: =ts(updated)
    request: {path: /contacts}
    records: =results
    page: {by: page, size: 2, size_into: params.limit}
    cursor: {field: updated, overlap: PT5M}
    since: {params: {since: "{cursor.from}"}}
    deletes:
      - mode: feed
        request: {path: /contacts/deleted}
        records: =results
        page: {by: page, size: 2, size_into: params.limit}
        cursor: {field: deletedAt, overlap: PT1H}
        since: {params: {since: "{cursor.from}"}}
        key: =contactId
        source_time: =ts(deletedAt)
    map: {name: {full: =name}}
"""
CONTACTS = [{"id": n, "name": "x", "updated": f"2026-11-20T10:00:0{n}Z"} for n in (1, 2, 3)]
DELETED = [{"contactId": n, "deletedAt": f"2026-11-20T11:00:0{n}Z"} for n in (4, 5, 6)]


class Crm:
    def __init__(self) -> None:
        self.contacts: list[dict[str, Any]] = list(CONTACTS)
        self.deleted: list[dict[str, Any]] = list(DELETED)
        self.asked: list[tuple[str, str | None]] = []
        self.feed_is_down = False

    def __call__(self, asked: Asked) -> Told:
        page, limit = int(asked.params["page"]), int(asked.params["limit"])
        if page == 1:
            self.asked.append((asked.path, asked.params.get("since")))
        if asked.path.endswith("deleted"):
            if self.feed_is_down:
                return Told(b"", 403)
            found, time = self.deleted, "deletedAt"
        else:
            found, time = self.contacts, "updated"
        new = [item for item in found if item[time] >= asked.params.get("since", "")[:19]]
        return Told({"results": new[(page - 1) * limit : page * limit]})


def test_a_request_lists_what_is_gone_and_is_asked_only_for_what_is_new(tmp_path: Path) -> None:
    crm, connector = Crm(), declared(tmp_path, HTTP)
    with serving(crm) as site:
        first = read(connector, tmp_path, {"base_url": site.url})
        crm.deleted.append({"contactId": 2, "deletedAt": "2026-11-21T09:00:00Z"})
        second = read(connector, tmp_path, {"base_url": site.url}, state=first.state)
    assert [(r.key, r.op) for r in first.records[3:]] == [("4", Op.DELETE), ("5", Op.DELETE), ("6", Op.DELETE)]
    assert {record.stream for record in first.records} == {"customers"}
    gone = next(record for record in second.records if record.key == "2" and record.op is Op.DELETE)
    assert gone.source_time == datetime(2026, 11, 21, 9, tzinfo=UTC)
    assert crm.asked[2:] == [
        ("/contacts", "2026-11-20T09:55:03.000+00:00"),
        ("/contacts/deleted", "2026-11-20T10:00:06.000+00:00"),
    ]
    assert not first.full_scan, "a list of what is gone proves nothing of what is there"


def test_a_feed_that_fails_loses_nothing(tmp_path: Path) -> None:
    crm, connector = Crm(), declared(tmp_path, HTTP)
    crm.feed_is_down = True
    state: Any = None
    with serving(crm) as site:
        config = {"base_url": site.url}
        with pytest.raises(SourceError, match="the credentials may not read this"):
            for event in connector.read(config, "customers", None, context(tmp_path)):
                state = getattr(event, "state", state)
        crm.feed_is_down = False
        second = gathered(connector.read(config, "customers", state, context(tmp_path)))
    assert [record.key for record in second.records if record.op is Op.DELETE] == ["4", "5", "6"]
    assert [record.key for record in second.records if record.op is Op.UPSERT] == ["1", "2", "3"], "the overlap"


def test_a_line_without_a_key_is_rejected_and_never_replayed_as_a_customer(tmp_path: Path) -> None:
    crm, connector = Crm(), declared(tmp_path, HTTP)
    crm.deleted = [{"contactId": None, "deletedAt": "2026-11-20T11:00:00Z"}]
    with serving(crm) as site:
        reading = read(connector, tmp_path, {"base_url": site.url})
    (rejected,) = reading.rejected
    assert rejected.stream == "customers.deletes.0"
    assert "customers.deletes.0" not in [stream.name for stream in connector.streams()]


def test_check_asks_the_feed_too(tmp_path: Path) -> None:
    crm, connector = Crm(), declared(tmp_path, HTTP)
    crm.feed_is_down = True
    with serving(crm) as site:
        results = connector.check({"base_url": site.url}, context(tmp_path))
    assert [(result.question, result.ok) for result in results] == [
        ("stream customers can be read", True),
        ("stream customers.deletes.0 can be read", False),
    ]


SQL = """
connector: till
title: Till
connection: {kind: sql, dsn: "sqlite:///till.db"}
streams:
  customers:
    kind: customer
    key: [=shop, =nr]
    query: select * from customer
    page: {keyset: [shop, nr]}
    change: row_hash
    deletes:
      - mode: feed
        query: select id, shop, customer as nr, at from audit where action = 'D'
        page: {keyset: [id], size: 2}
        cursor: {field: id, type: integer}
        source_time: =ts(at, 'UTC')
        erase: true
    map: {name: {full: =name}}
"""


def test_a_query_lists_what_is_gone(tmp_path: Path) -> None:
    with sqlite3.connect(tmp_path / "till.db") as till:
        till.executescript("""
            create table customer (shop text, nr integer, name text);
            create table audit (id integer primary key, shop text, customer integer, action text, at text);
            insert into customer values ('A', 1, 'x');
            insert into audit values (1, 'A', 7, 'D', '2026-11-01 10:00:00'), (2, 'B', 1, 'U', ''),
                (3, 'B', 2, 'D', '2026-11-01 11:00:00'), (4, 'B', 3, 'D', '2026-11-01 12:00:00');
        """)
        connector = declared(tmp_path, SQL)
        first = read(connector, tmp_path)
        till.execute("insert into audit values (9, 'A', 1, 'D', '2026-11-20 12:00:00')")
        till.commit()
        second = read(connector, tmp_path, state=first.state)
    till.close()
    assert [(r.key, r.op) for r in first.records] == [
        ("A/1", Op.UPSERT),
        ("A/7", Op.ERASE),
        ("B/2", Op.ERASE),
        ("B/3", Op.ERASE),
    ]
    assert [r.key for r in second.records if r.op is Op.ERASE] == ["B/3", "A/1"]
    assert all(result.ok for result in connector.check({}, context(tmp_path)))


FILES = """
connector: drop
title: Exports
connection: {kind: files, folder: drop}
streams:
  customers:
    kind: customer
    key: =Nr
    files: neu-*.csv
    format: {type: csv}
    deletes:
      - {mode: feed, files: weg-*.csv, format: {type: csv}, key: =Kunde, source_time: "=ts(Am, 'Europe/Berlin')"}
    map: {name: {full: =Name}}
"""


def test_a_file_lists_what_is_gone(tmp_path: Path) -> None:
    (tmp_path / "drop").mkdir()
    (tmp_path / "drop" / "neu-1.csv").write_text("Nr,Name\n1,x\n2,y\n", encoding="utf-8")
    (tmp_path / "drop" / "weg-1.csv").write_text("Kunde,Am\n7,2026-11-20 10:00:00\n", encoding="utf-8")
    connector = declared(tmp_path, FILES)
    first = read(connector, tmp_path)
    assert [(r.key, r.op) for r in first.records] == [("1", Op.UPSERT), ("2", Op.UPSERT), ("7", Op.DELETE)]
    assert read(connector, tmp_path, state=first.state).keys == []
    (tmp_path / "drop" / "weg-2.csv").write_text("Kunde,Am\n1,2026-11-21 10:00:00\n", encoding="utf-8")
    assert read(connector, tmp_path, state=first.state).keys == ["1"]


def test_a_feed_with_a_cursor_must_say_when_a_record_went(tmp_path: Path) -> None:
    text = HTTP.replace("        source_time: =ts(deletedAt)\n", "")
    with pytest.raises(
        ConfigurationError, match=r":\d+: streams\.customers\.deletes\.0\.source_time: is needed with a"
    ):
        declared(tmp_path, text)


def test_faults_of_a_feed_have_their_place(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match=r":\d+: streams\.customers\.deletes\.0\.key: "):
        declared(tmp_path, HTTP.replace("key: =contactId", "key: =contactId ||"))
    with pytest.raises(ConfigurationError, match=r"streams\.customers\.deletes\.0\.feed\.query: Extra inputs"):
        declared(tmp_path, HTTP.replace("key: =contactId", "query: select 1"))
