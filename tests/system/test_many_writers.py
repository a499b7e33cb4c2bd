"""Writers and readers at once, over real HTTP: the profiles are those of one writer, nothing is refused or stuck, and
whoever follows the feed misses nothing and sees nothing twice."""

import socket
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from random import Random
from typing import Any

import httpx
import pytest
import uvicorn
from arrivals import assert_same_end, customers_of, hard_ones
from domain import assert_consistent, count, feed_of, live_after, person
from sqlalchemy import text

from cdi import push as pushing
from cdi.access import Caller, Role, Visibility
from cdi.app import create_app
from cdi.auth import create_key
from cdi.clock import utc_now
from cdi.pipeline import Installation, resolve
from cdi.pipeline.meeting import PART
from cdi.store.db import Database
from conftest import copy_of, installation_of

WRITERS = 8
PUSHED_COMPANY = """
company: {name: Test, country: DE, language: de}
owners:
  - {id: central, department: Kundendaten, role: Leitung, contact: c@test.example}
customer_owner: central
matching: {match: 0.5, review: 0.2}
sources:
"""
SOURCE = "  {name}: {{connector: push, data_owner: central, purpose: sale, retention: P10Y, trust: {trust}}}\n"

Push = dict[str, Any]
"""One record of a push, with the source in front."""


@pytest.fixture
def company(database: Database, tmp_path: Path) -> Installation:
    """The sample company's sources, all of them pushed to; empty."""
    return pushed_company(tmp_path / "one", database)


def pushed_company(folder: Path, database: Database) -> Installation:
    folder.mkdir()
    sources = zip(("shop", "webshop", "callcentre", "social"), (0.7, 0.8, 0.5, 0.4), strict=True)
    lines = [SOURCE.format(name=name, trust=trust) for name, trust in sources]
    (folder / "cdi.yaml").write_text(PUSHED_COMPANY + "".join(lines), encoding="utf-8")
    return installation_of(folder, database)


@pytest.fixture(scope="module")
def pushes(resolved_template: tuple[Path, str], server_url: str) -> list[Push]:
    """The hard part of the sample company's customers in canonical attributes."""
    with copy_of(server_url, resolved_template[1]) as database:
        installation = installation_of(resolved_template[0], database)
        names = set(hard_ones(installation, customers_of(installation), 250).by_name)
        with installation.database.unit_of_work() as connection:
            rows = connection.execute(
                text(
                    "select r.source, r.stream, r.key, r.observed_at, v.canonical"
                    " from record r join meaning v using (version_id) where r.live and r.kind = 'customer'"
                    " order by r.source, r.stream, r.key"
                )
            ).all()
    return [
        {
            "source": row.source,
            "key": f"{row.stream}-{row.key}",
            "data": row.canonical,
            "observed_at": row.observed_at.isoformat(),
        }
        for row in rows
        if (row.source, row.stream, row.key) in names
    ]


@contextmanager
def serving(installation: Installation) -> Iterator[Callable[[], httpx.Client]]:
    """The API on a port of loopback; the value makes clients of an administrator."""
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        server = uvicorn.Server(uvicorn.Config(create_app(installation), log_config=None))
        thread = threading.Thread(target=server.run, args=([listening],), daemon=True)
        thread.start()
        with installation.database.unit_of_work() as connection:
            key = create_key(connection, "writer", Role.ADMIN, utc_now())
        address = "http://{}:{}".format(*listening.getsockname())
        try:
            yield lambda: httpx.Client(base_url=address, headers={"Authorization": f"Bearer {key}"}, timeout=60)
        finally:
            server.should_exit = True
            thread.join()


def versions(pushes: Sequence[Push], dice: Random) -> list[Push]:
    """Some are known less well at first, some were deleted in between."""
    told: list[Push] = []
    for push in pushes:
        data = push["data"]
        if dice.random() < 0.4:
            told.append({**push, "data": {k: v for k, v in data.items() if k in {"kind", "name", "organisation"}}})
        if dice.random() < 0.2:
            told.append({**push, "op": "delete", "data": {}})
        told.append(push)
    return told


def write(client: httpx.Client, said: Sequence[Push], dice: Random) -> None:
    """Batches of a few, of one source each, in their order; some wait until they are resolved."""
    with client:
        by_source: dict[str, list[Push]] = {}
        for push in said:
            by_source.setdefault(push["source"], []).append({k: v for k, v in push.items() if k != "source"})
        while by_source:
            source = dice.choice(sorted(by_source))
            size = dice.randint(1, 12)
            now, by_source[source] = by_source[source][:size], by_source[source][size:]
            body = {"records": now, "wait": dice.random() < 0.5}
            answer = client.post(f"/v1/sources/{source}/records", json=body)
            assert answer.status_code in {200, 202}, answer.text
            assert answer.json()["rejected"] == []
            if not by_source[source]:
                del by_source[source]


def follow(client: httpx.Client, over: threading.Event, dice: Random) -> list[dict[str, Any]]:
    """The feed from its begin, in pages of any size, until nothing comes any more."""
    seen: list[dict[str, Any]] = []
    after = 0
    with client:
        while True:
            last_look = over.is_set()
            page = client.get("/v1/changes", params={"after": after, "limit": dice.randint(1, 40)}).json()
            seen += page["changes"]
            after = page["after"]
            if last_look and not page["changes"]:
                return seen


def test_eight_writers_come_to_the_same_end_as_one(
    company: Installation, pushes: list[Push], server_url: str, migrated_template: str, tmp_path: Path
) -> None:
    over = threading.Event()
    with serving(company) as client, ThreadPoolExecutor(WRITERS + 3) as pool:
        readers = [pool.submit(follow, client(), over, Random(n)) for n in range(2)]
        resolver = pool.submit(keep_resolving, company, over)
        writers = [
            pool.submit(write, client(), versions(pushes[n::WRITERS], Random(n)), Random(n)) for n in range(WRITERS)
        ]
        try:
            for writer in writers:
                writer.result(timeout=240)
        finally:
            over.set()
        resolver.result(timeout=60)
        seen = [reader.result(timeout=60) for reader in readers]
    resolve(company)
    assert_consistent(company)
    told = feed_of(company)
    for reader in seen:
        assert [change["cursor"] for change in reader] == list(range(1, len(reader) + 1))
        assert [(c["type"], c["profile_id"]) for c in reader] == [(t, str(p)) for t, p in told[: len(reader)]]
    assert live_after(company) == {row["id"] for row in profiles_of(company)}
    with copy_of(server_url, migrated_template) as database:
        alone = pushed_company(tmp_path / "alone", database)
        with serving(alone) as client:
            write(client(), pushes, Random(99))
        resolve(alone)
        assert_same_end(company, alone)


def keep_resolving(company: Installation, over: threading.Event) -> None:
    """A worker with connections of its own."""
    own = Installation(company.settings, Database(company.database.url), company.connectors)
    try:
        while not over.is_set():
            resolve(own)
            over.wait(0.05)
    finally:
        own.database.close()


def profiles_of(company: Installation) -> list[dict[str, Any]]:
    with company.database.unit_of_work() as connection:
        rows = connection.execute(text("select document from profile where retired_at is null"))
        return [row.document for row in rows]


def test_one_key_said_by_many_at_once_is_one_record(company: Installation) -> None:
    records = [
        {"key": str(n), "data": person("Anna", f"Krzywdzinski{n}", "1984-03-05"), "observed_at": "2026-01-01T00:00:00Z"}
        for n in range(20)
    ]

    def say(client: httpx.Client, wait: bool, dice: Random) -> list[int]:
        with client:
            mine = dice.sample(records, len(records))
            answers = [client.post("/v1/sources/shop/records", json={"records": mine, "wait": wait}) for _ in range(3)]
        return [answer.status_code for answer in answers]

    with serving(company) as client, ThreadPoolExecutor(WRITERS) as pool:
        said = [pool.submit(say, client(), n % 2 == 0, Random(n)) for n in range(WRITERS)]
        codes = {code for one in said for code in one.result(timeout=120)}
    assert codes <= {200, 202}
    resolve(company)
    assert count(company, "record") == count(company, "record_version") == len(records)
    assert_consistent(company)
    feed_of(company)


def test_whoever_resolves_is_not_kept_from_it_by_those_who_wait(company: Installation) -> None:
    """More batches at once than there are connections; each looks up over connections besides its own."""
    dice = Random(1)

    def somebody() -> dict[str, Any]:
        given, family = ("".join(dice.choices("abcdefghiklmnoprstuvwz", k=7)) for _ in range(2))
        return person(given, family, f"{dice.randint(1930, 2005)}-{dice.randint(1, 12):02}-{dice.randint(1, 28):02}")

    batches = [[somebody() for _ in range(PART + 1)] for _ in range(24)]

    def push_one(n: int) -> int:
        records = [pushing.Pushed(f"{n}-{i}", data) for i, data in enumerate(batches[n])]
        told = pushing.push(company, Caller("writer", Role.ADMIN, Visibility()), "shop", records, wait=True)
        return int(told["accepted"])

    with ThreadPoolExecutor(len(batches)) as writers:
        assert sum(writers.map(push_one, range(len(batches)))) == len(batches) * (PART + 1)
    assert count(company, "redo") == 0
    assert_consistent(company)
