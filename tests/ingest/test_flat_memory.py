"""A source four times as large takes as much memory: pages and lines go through, and nothing of them stays."""

import json
import sqlite3
import tracemalloc
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from loopback import Asked, Told, serving
from reading import context, declared

from cdi.ingest.contract import Record

STREAM = "{kind: customer, key: =id, map: {name: {full: =name}}, "
SQL = f"""
connector: big
title: Big
config: {{size: {{default: "0"}}}}
connection: {{kind: sql, dsn: "sqlite:///{{config.size}}.db"}}
streams:
  customers: {STREAM} query: select * from person,
    page: {{keyset: [id], size: 500}}, change: row_hash, deletes: [{{mode: reconcile}}]}}
"""
HTTP = f"""
connector: big
title: Big
config: {{base_url: {{required: true}}, size: {{default: "0"}}}}
connection: {{kind: rest, base_url: "{{config.base_url}}"}}
streams:
  customers: {STREAM} request: {{path: /people, params: {{size: "{{config.size}}"}}}}, records: items,
    page: {{by: page}}, deletes: [{{mode: reconcile}}]}}
"""
FILES = f"""
connector: big
title: Big
config: {{size: {{default: "0"}}}}
connection: {{kind: files, folder: .}}
streams:
  customers: {STREAM} files: "{{config.size}}.FORMAT", format: {{type: FORMAT}}, snapshot: true}}
"""
SMALL, LARGE = 5_000, 20_000
PADDING = "x" * 100


def people(size: int) -> Iterator[dict[str, str]]:
    return ({"id": str(n), "name": f"{PADDING} {n}"} for n in range(size))


def peak(read_all: Callable[[int], None], size: int) -> int:
    tracemalloc.start()
    try:
        read_all(size)
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


def assert_flat(read_all: Callable[[int], None]) -> None:
    read_all(SMALL)  # what is loaded once is loaded
    assert peak(read_all, LARGE) < 1.3 * peak(read_all, SMALL) + 500_000


def reader_of(folder: Path, manifest: str, **config: str) -> Callable[[int], None]:
    connector = declared(folder, manifest)

    def read_all(size: int) -> None:
        events = connector.read({**config, "size": str(size)}, "customers", None, context(folder))
        assert sum(isinstance(event, Record) for event in events) == size

    return read_all


def test_a_database(tmp_path: Path) -> None:
    for size in (SMALL, LARGE):
        with sqlite3.connect(tmp_path / f"{size}.db") as db:
            db.execute("create table person (id integer primary key, name text)")
            db.executemany("insert into person values (:id, :name)", people(size))
        db.close()
    assert_flat(reader_of(tmp_path, SQL))


def test_an_api(tmp_path: Path) -> None:
    def pages(asked: Asked) -> Told:
        begin = (int(asked.params["page"]) - 1) * 500
        here = range(begin, min(begin + 500, int(asked.params["size"])))
        return Told({"items": [{"id": n, "name": f"{PADDING} {n}"} for n in here]})

    with serving(pages) as site:

        class Forgetful(list):  # the server's own memory of what it was asked is not what is measured
            def append(self, _: object) -> None:
                pass

        site.asked = Forgetful()
        assert_flat(reader_of(tmp_path, HTTP, base_url=site.url))


@pytest.mark.parametrize("form", ["csv", "jsonl"])
def test_a_file(tmp_path: Path, form: str) -> None:
    for size in (SMALL, LARGE):
        with (tmp_path / f"{size}.{form}").open("w", encoding="utf-8") as file:
            file.write("id,name\n" if form == "csv" else "")
            for person in people(size):
                file.write(",".join(person.values()) + "\n" if form == "csv" else json.dumps(person) + "\n")
    assert_flat(reader_of(tmp_path, FILES.replace("FORMAT", form)))
