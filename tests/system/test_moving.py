"""A deployment that moves takes everything with it: every id, decision, pin, review and cursor, and goes on where it
stood."""

from pathlib import Path
from typing import Any

import pytest
from domain import count, feed_of, partition, push
from sqlalchemy import text
from stewarding import Steward, company_in
from test_random_histories import History, somebody

from cdi.clock import utc_now
from cdi.pipeline import Installation
from cdi.store import embedded
from cdi.store.backup import backup, restore
from cdi.store.db import Database
from cdi.store.sources import load_checkpoint, save_checkpoint
from databases import FAST_AND_CARELESS, content

STEPS = 30


@pytest.fixture
def lived(database: Database, tmp_path: Path) -> History:
    """A company with a past: merges and splits, decisions, pins, owners by hand, open reviews."""
    (tmp_path / "here").mkdir()
    history = History(company_in(tmp_path / "here", database), 7)
    for _ in range(STEPS):
        history.step()
        history.check()
    for act in (history.pin, history.hand_over):
        act()
        history.check()
    with database.unit_of_work() as connection:
        save_checkpoint(connection, "till", "customers", {"cursor": "2026-11-20T10:00:00Z"}, utc_now())
    for what in ("decision", "pin", "assigned_owner", "review", "profile where retired_at is not null", "feed"):
        assert count(history.company, what), f"the past has no {what}"
    return history


def answers(history: History, steward: Steward) -> dict[str, tuple[int, str, str]]:
    """What every id ever given out answers."""
    told = {}
    for profile in sorted(history.held):
        answer = steward.ask(profile)
        told[str(profile)] = (answer.status_code, answer.headers.get("location", ""), answer.text)
    return told


def remembered(company: Installation, steward: Steward) -> dict[str, Any]:
    """What stewards and subscribers rely on, over HTTP."""
    reviews = [steward.get(f"reviews/{review['id']}") for review in steward.reviews()]
    return {
        "overrides": steward.get("overrides")["overrides"],
        "reviews": reviews,
        "conflicts": steward.get("conflicts")["conflicts"],
        "changes": steward.get("changes", limit=1000),
        "partition": partition(company),
    }


def goes_on(history: History, moved: Installation) -> None:
    """Everything is as it was, and life goes on from there."""
    before = answers(history, history.steward), remembered(history.company, history.steward)
    cursor = len(feed_of(history.company))
    key = history.steward.client.headers["Authorization"]
    steward = Steward(moved, "newcomer")
    assert (answers(history, steward), remembered(moved, steward)) == before
    steward.client.headers["Authorization"] = key
    assert steward.client.get("/v1/reviews").status_code == 200, "a key is good for nothing after the move"
    with moved.database.unit_of_work() as connection:
        assert load_checkpoint(connection, "till", "customers") == {"cursor": "2026-11-20T10:00:00Z"}
        ids = set(connection.execute(text("select profile_id from profile")).scalars())
    push(moved, "till", {"brand new": somebody(history.dice) | {"language": "de"}})
    assert feed_of(moved, cursor), "the feed does not go on at the cursor"
    history.company, history.steward = moved, Steward(moved, "successor")
    for _ in range(5):
        history.step()
        history.check()
    assert ids <= history.held.keys()


def test_a_restored_company_goes_on_where_it_stood(lived: History, empty_url: str, tmp_path: Path) -> None:
    backup(lived.company.database.url, tmp_path / "file")
    restore(tmp_path / "file", empty_url)
    assert content(empty_url) == content(lived.company.database.url)
    restored = Database(empty_url)
    try:
        (tmp_path / "there").mkdir()
        goes_on(lived, company_in(tmp_path / "there", restored))
    finally:
        restored.close()


def test_a_company_moves_to_another_server(lived: History, memory_path: Path, tmp_path: Path) -> None:
    backup(lived.company.database.url, tmp_path / "file")
    with embedded.running(memory_path, options=FAST_AND_CARELESS) as url:
        restore(tmp_path / "file", url)
        there = Database(url)
        try:
            (tmp_path / "there").mkdir()
            goes_on(lived, company_in(tmp_path / "there", there))
        finally:
            there.close()
