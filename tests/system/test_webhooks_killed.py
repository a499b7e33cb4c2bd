"""A receiver that fails one in five, and a worker that is killed three times: each change arrives at least once, in
order for its profile, truly signed; whoever reads the feed meanwhile by cursor misses none of it."""

import threading
import time
from pathlib import Path
from typing import Any

import pytest
from domain import count, push
from fastapi.testclient import TestClient
from killable import SAID, start
from receiver import receiving
from test_webhooks_out import LOOPBACK, customers, feed, subscribe

from cdi.access import Role
from cdi.pipeline import Installation
from cdi.store.db import Database
from conftest import SMALL_COMPANY, Doors, installation_of

PATIENCE = 240.0


@pytest.fixture
def company(database: Database, tmp_path: Path) -> Installation:
    (tmp_path / "cdi.yaml").write_text(SMALL_COMPANY + LOOPBACK, encoding="utf-8")
    return installation_of(tmp_path, database)


@pytest.mark.slow
def test_killed_workers_lose_nothing_of_ten_thousand(company: Installation) -> None:
    told = deliver_all(company, 2_000, 5)
    print(told)


def deliver_all(company: Installation, people: int, versions: int) -> dict[str, Any]:
    """Push while the worker delivers and is killed; everything above holds. How fast it was."""
    client = Doors(company).as_(Role.READER)
    followed: list[int] = []
    done = threading.Event()
    with receiving() as receiver:
        receiver.answer = lambda n: 500 if n % 5 == 0 else 200
        subscribe(client, receiver)
        reader = threading.Thread(target=follow, args=(client, followed, done))
        reader.start()
        worker = start(company.folder, company.database.url, ("worker",))
        try:
            for version in range(versions):
                before = len(receiver.taken)
                push(company, "till", customers(people, version), settle=False)
                if 0 < version < 4:
                    wait_for(lambda before=before: len(receiver.taken) > before, company)  # in the middle of delivering
                    worker.kill()
                    worker.join()
                    worker = start(company.folder, company.database.url, ("worker",))
                wait_for(lambda: count(company, "redo") == 0, company)
            began, before = time.monotonic(), len(receiver.taken)
            wait_for(lambda: all_delivered(company), company)
            seconds = time.monotonic() - began
        finally:
            worker.terminate()
            worker.join()
            done.set()
            reader.join()
    events = feed(company)
    assert len(events) >= people * versions * 0.9
    assert sorted(receiver.cursors()) == events, "each change arrived"
    assert receiver.in_order_by_profile() and receiver.forged == []
    assert followed == events, "the feed was read whole, in order, without a repetition"
    return {"events": len(events), "requests": receiver.requests, "last": len(receiver.taken) - before, "in": seconds}


def all_delivered(company: Installation) -> bool:
    """Asked in this order: the other way round the last deliveries could be queued between the two questions."""
    return (
        count(company, "webhook where cursor < (select last from feed_counter)") == 0
        and count(company, "webhook_delivery") == 0
    )


def wait_for(holds: Any, company: Installation) -> None:
    deadline = time.monotonic() + PATIENCE
    while not holds():
        assert time.monotonic() < deadline, (company.folder / SAID).read_text()
        time.sleep(0.05)


def follow(client: TestClient, followed: list[int], done: threading.Event) -> None:
    after = 0
    while True:
        last_look = done.is_set()
        page = client.get("/v1/changes", params={"after": after, "limit": 37}).json()
        followed += [change["cursor"] for change in page["changes"]]
        after = page["after"]
        if last_look and not page["more"]:
            return
        time.sleep(0 if page["more"] else 0.05)
