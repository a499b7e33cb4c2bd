"""A first load, put together by several processes and appended at once, comes to what a run over everything makes."""

from collections.abc import Callable
from typing import Any

import pytest
from domain import HaltedError, assert_consistent, email, feed_of, home, person, push
from sqlalchemy import text

from cdi.fields import CanonicalData
from cdi.pipeline import Installation, rerun, resolve

GIVEN = ("Anna", "Bernd", "Clara", "Dieter", "Elke", "Frank", "Greta")
KEPT = (
    "select profile_id, document, content_hash, data_owner, sources, kind, version from profile order by 1",
    "select profile_id, words, parts from profile_search order by 1",
    "select profile_id, kind, attribute, status, owners, record_ids from conflict order by 1, 2, 3",
    "select kind, left_profile, right_profile, status, reason from review order by 1, 2, 3",
    "select left_id, right_id, weight from pair order by 1, 2",
    "select key, record_id from block_key order by 1, 2",
    "select record_id, source, card from normalised order by 1",
    "select record_id, type, value from handle order by 1, 2, 3",
)


def _customers(count: int, *, born: int) -> dict[str, CanonicalData]:
    return {
        f"{n}": person(
            GIVEN[n % 7],
            f"Muster{n // 7:03d}",
            f"{born + n % 40}-0{1 + n % 9}-1{n % 9}",
            emails=email(f"{GIVEN[n % 7].lower()}.{n}@example.org"),
            addresses=home("Hauptstraße", str(1 + n % 90), f"{20000 + n % 500}", "Neustadt"),
            gender="female" if (n + born) % 5 else "male",
        )
        for n in range(count)
    }


def _kept(company: Installation) -> list[list[Any]]:
    return [_rows(company, query) for query in KEPT]


def _rows(company: Installation, query: str) -> list[Any]:
    with company.database.unit_of_work() as connection:
        return [tuple(row) for row in connection.execute(text(query))]


def test_the_block_keys_of_a_record_lie_together(company: Installation) -> None:
    """What a record carries goes with it: from one page, not from as many as it has keys."""
    push(company, "till", _customers(1_100, born=1950), settle=False)
    resolve(company)
    page = "(cast(cast(ctid as text) as point))[0]"
    ((pages, keys),) = _rows(
        company,
        f"select max(pages), min(keys) from (select count(distinct {page}) pages, count(*) keys"
        " from block_key group by record_id) r",
    )
    assert keys > 5
    assert pages <= 2


@pytest.mark.parametrize("elsewhere", [False, pytest.param(True, marks=pytest.mark.slow)])
def test_a_first_load_is_what_a_run_over_everything_makes(
    company: Installation, monkeypatch: pytest.MonkeyPatch, elsewhere: bool
) -> None:
    monkeypatch.setattr(rerun, "APPLIED_AT_ONCE", 300)
    if elsewhere:
        monkeypatch.setattr(rerun, "WORTH_IT", 100)
    push(company, "till", _customers(800, born=1950), settle=False)
    push(company, "shop", _customers(300, born=1950) | {"odd": person("Anna", "Muster000", "1950-01-10")}, settle=False)
    push(
        company,
        "shop",
        {"x": person("Bernd", "Muster000", "1971-02-21", emails=email("bernd.1@example.org"))},
        settle=False,
    )
    first = resolve(company)
    assert_consistent(company)
    kept = _kept(company)
    assert [said for said, _ in feed_of(company)] == ["created"] * first.profiles_written
    assert kept[2], "the load has conflicts"
    for _ in range(2):  # the second time in this process alone
        again = resolve(company, full=True)
        assert (again.profiles_written, again.events) == (0, 0)
        assert _kept(company) == kept
        monkeypatch.setattr(rerun, "WORTH_IT", 10_000)


INDEXES = "select indexname, indexdef from pg_indexes where tablename = 'block_key' order by 1"
NAMES = "select relname from pg_class where relname like '%laid%'"


def _everything(company: Installation) -> list[list[Any]]:
    """What a run over everything says there should be, once it has nothing to change."""
    kept = _kept(company)
    assert resolve(company, full=True).events == 0
    return kept


def _at(step: str, act: Callable[[], None]) -> Callable[[str, int, int], None]:
    """Progress that does something when it first hears of this step."""
    waiting = [act]

    def progress(heard: str, _done: int, _total: int) -> None:
        if heard == step and waiting:
            waiting.pop()()

    return progress


def _halt() -> None:
    raise HaltedError


def test_block_keys_that_are_laid_all_at_once_are_found_as_before(company: Installation) -> None:
    before = _rows(company, INDEXES)
    push(company, "till", _customers(1_100, born=1950), settle=False)
    resolve(company)
    assert _rows(company, INDEXES) == before
    assert _rows(company, NAMES) == []
    kept = _everything(company)
    assert _kept(company) == kept
    push(company, "shop", {"same": _customers(1, born=1950)["0"]})
    homes = "select count(distinct profile_id) from membership join record using (record_id) where key in ('0', 'same')"
    assert _rows(company, homes) == [(1,)]


@pytest.mark.parametrize("step", ["index", "publish"])
def test_a_first_load_killed_while_keys_are_laid_or_after_goes_on(company: Installation, step: str) -> None:
    push(company, "till", _customers(1_100, born=1950), settle=False)
    with pytest.raises(HaltedError):
        resolve(company, progress=_at(step, _halt))
    assert bool(_rows(company, "select from block_key limit 1")) == (step == "publish")
    resolve(company)
    assert_consistent(company)
    kept = _everything(company)
    assert _kept(company) == kept
    assert _rows(company, NAMES) == []


def test_what_changes_before_the_keys_are_laid_has_its_own(company: Installation) -> None:
    """One record says something else and one ends while the first load is computed: neither is found by what it was."""
    push(company, "till", _customers(1_100, born=1950), settle=False)
    moved = person("Jan", "Oduya", "1984-03-05")

    def meanwhile() -> None:
        push(company, "till", {"7": moved, "8": None})

    resolve(company, progress=_at("cluster", meanwhile))
    assert_consistent(company)
    keys = _rows(company, KEPT[5])
    resolve(company, full=True)
    assert _rows(company, KEPT[5]) == keys
    assert not _rows(company, "select from block_key where record_id not in (select record_id from normalised)")
