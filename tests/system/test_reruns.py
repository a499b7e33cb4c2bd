"""A new model is applied while others push: it can be watched, paused, killed and gone on with, and nobody takes half
of it for the whole."""

import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from arrivals import served
from domain import (
    HaltedError,
    assert_consistent,
    count,
    documents,
    email,
    feed_of,
    home,
    live_after,
    partition,
    person,
    push,
)
from stewarding import Steward, company_in

from cdi import deployment, modelling
from cdi.clock import utc_now
from cdi.errors import ConflictError, NotFoundError
from cdi.fields import CanonicalData
from cdi.pipeline import Installation, rerun, resolve
from cdi.store import reruns
from cdi.store.db import Database

CAREFUL, BOLD = "\nmatching: {match: 0.99, review: 0.9}\n", "\nmatching: {match: 0.2, review: 0.1}\n"
COUPLES = 30


def somebody(n: int, **more: Any) -> CanonicalData:
    return person(f"Anna{chr(97 + n % 26)}", f"Krzywdzinski{chr(97 + n // 26)}", **more)


@pytest.fixture
def company(database: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Installation:
    """A careful company that keeps apart what a bold one joins; a run over it takes many small commits."""
    monkeypatch.setattr(rerun, "GENTLY", 4)
    monkeypatch.setattr(rerun, "HELD", 0.0)
    monkeypatch.setattr(rerun, "TOLD_EVERY", 0.01)
    company = company_in(tmp_path, database, CAREFUL)
    addresses = [home("Lindenweg", str(n + 1), "50667", "Köln") for n in range(COUPLES)]
    push(company, "shop", {str(n): somebody(n, addresses=addresses[n]) for n in range(COUPLES)})
    known = {n: email(f"anna{n}@gmx.de") for n in range(COUPLES)}
    push(company, "till", {str(n): somebody(n, addresses=addresses[n], emails=known[n]) for n in known})
    assert count(company, "profile where retired_at is null") > COUPLES
    return company


@pytest.fixture
def bold(company: Installation, tmp_path: Path) -> Installation:
    return company_in(tmp_path, company.database, BOLD)


def halt_after(parts: int) -> Any:
    """Progress that ends the process when so many commits of a run were made."""
    seen = [0]

    def progress(step: str, _done: int, _total: int) -> None:
        if step == "publish":
            seen[0] += 1
            if seen[0] > parts:
                raise HaltedError

    return progress


def in_the_end(company: Installation) -> tuple[Any, Any]:
    assert_consistent(company)
    assert count(company, "redo") == 0
    assert live_after(company) == {document["id"] for document in documents(company)}
    return partition(company), served(company)


def test_half_a_model_is_not_taken_for_a_whole_one(company: Installation, bold: Installation) -> None:
    """Killed on the way to a new model, and the operator thinks better of it: all is as it was."""
    before = in_the_end(company)
    with pytest.raises(HaltedError):
        resolve(bold, progress=halt_after(5))
    assert partition(company) != before[0], "nothing was applied yet"
    told = deployment.status(bold)["rerun"]
    assert (told["state"], told["reason"], told["step"]) == ("interrupted", "a new model", "publish")
    assert 0 < told["done"] < told["total"]
    resolve(company)
    assert in_the_end(company) == before
    assert deployment.status(company)["rerun"] is None


def test_a_run_that_was_killed_goes_on(company: Installation, bold: Installation) -> None:
    expected = modelling.simulate(bold)
    with pytest.raises(HaltedError):
        resolve(bold, progress=halt_after(5))
    modelling.apply_model(bold)
    assert count(company, "profile where retired_at is null") == expected.profiles
    assert modelling.simulate(bold).merges == ()
    in_the_end(bold)
    assert modelling.show(bold)["rerun"] is None


def test_a_run_waits_while_it_is_paused_and_pushes_go_on(company: Installation, bold: Installation) -> None:
    reached = threading.Event()

    def progress(step: str, done: int, _total: int) -> None:
        if step == "publish" and done:
            if not reached.is_set():
                modelling.pause(company)
            reached.set()

    with ThreadPoolExecutor(1) as pool:
        applying = pool.submit(modelling.apply_model, bold, progress)
        assert reached.wait(30)
        waits = wait_for(company, "paused")
        with pytest.raises(ConflictError, match="paused"):
            modelling.apply_model(bold)
        with pytest.raises(ConflictError, match="paused"):
            resolve(bold, full=True)
        push(company, "app", {"new": somebody(0, birth_date="1984-03-05"), "other": person("Jan", "Oduya")})
        push(company, "till", {"1": None, "2": somebody(2, emails=email("anna2@gmx.de"))})
        assert (waits["done"], waits["state"]) == (deployment.status(company)["rerun"]["done"], "paused")
        assert not applying.done()
        push(company, "app", {"later": person("Lena", "Wernicke")}, settle=False)
        wait_until(lambda: count(company, "redo") == 0)
        modelling.go_on(company)
        applying.result(timeout=60)
    assert deployment.status(bold)["rerun"] is None
    end = in_the_end(bold)
    resolve(bold, full=True)
    assert in_the_end(bold) == end, "what was pushed during the run was resolved under another model"


def wait_until(holds: Callable[[], bool]) -> None:
    for _ in range(500):
        if holds():
            return
        time.sleep(0.02)
    raise AssertionError("it does not come true")


def wait_for(company: Installation, state: str) -> dict[str, Any]:
    wait_until(lambda: (deployment.status(company)["rerun"] or {"state": "done"})["state"] == state)
    told: dict[str, Any] = deployment.status(company)["rerun"]
    return told


def test_a_paused_run_outlives_its_process(company: Installation, bold: Installation) -> None:
    with pytest.raises(HaltedError):
        resolve(bold, progress=halt_after(5))
    modelling.pause(bold)
    between = partition(company)
    resolve(bold)
    assert partition(company) == between
    assert deployment.status(bold)["rerun"]["state"] == "paused"
    modelling.go_on(bold)
    assert deployment.status(bold)["rerun"]["state"] == "interrupted"
    modelling.apply_model(bold)
    assert modelling.simulate(bold).merges == ()


def test_only_one_process_runs_over_everything(company: Installation, bold: Installation) -> None:
    with company.database.exclusive(reruns.LOCK):
        before = partition(company)
        push(bold, "app", {"new": person("Jan", "Oduya")})
        assert partition(company) == before | {frozenset({("app", "customers", "new")})}
        with pytest.raises(ConflictError, match="run over everything"):
            resolve(bold, full=True)
    resolve(bold)
    assert partition(company) != before


def test_there_is_nothing_to_pause(company: Installation) -> None:
    with pytest.raises(NotFoundError, match="no run over everything"):
        modelling.pause(company)


@pytest.fixture(autouse=True)
def the_feed_has_no_gap(company: Installation) -> Iterator[None]:
    yield
    feed_of(company)


def test_the_oldest_that_waits_is_told_with_its_age(company: Installation) -> None:
    assert deployment.status(company)["oldest_waiting"] is None
    push(company, "till", {"0": somebody(0)}, settle=False)
    first = deployment.status(company)
    assert first["waiting"] == 1
    assert (utc_now() - first["oldest_waiting"]).total_seconds() < 60
    push(company, "till", {"0": somebody(0, birth_date="1984-03-05"), "1": somebody(1)}, settle=False)
    second = deployment.status(company)
    assert (second["waiting"], second["oldest_waiting"]) == (2, first["oldest_waiting"])
    resolve(company)
    assert (deployment.status(company)["waiting"], deployment.status(company)["oldest_waiting"]) == (0, None)


def test_a_pin_that_ends_tomorrow_does_not_wait_today(company: Installation) -> None:
    steward = Steward(company)
    profile = steward.profile("till", "0")["id"]
    answer = steward.pin(profile, "language", value="pl", until=(utc_now() + timedelta(days=1)).isoformat())
    assert answer.status_code == 200, answer.text
    assert count(company, "redo") == 1
    assert (deployment.status(company)["waiting"], deployment.status(company)["oldest_waiting"]) == (0, None)
