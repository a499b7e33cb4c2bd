"""SIGKILL at any moment of a sync or a resolve: nothing is lost or doubled, and the next run comes to the state of one
that nobody disturbed."""

import re
import shutil
import sqlite3
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from random import Random

import killable
import pytest
from arrivals import asked, served
from domain import assert_consistent, count, feed_of, live_after, partition
from sqlalchemy import text
from test_faults import thin_out

from cdi import deployment
from cdi.pipeline import Installation
from cdi.store.db import Database
from conftest import installation_of
from databases import fresh_database, url_of

Stage = tuple[str, ...]
STAGES: tuple[tuple[str, Sequence[Stage]], ...] = (
    ("as it is", (("sync",), ("resolve",))),
    ("sources changed", (("sync",), ("resolve",))),
    ("another model", (("resolve",),)),
    ("once more", (("resolve", "--full"),)),
)


@dataclass(frozen=True)
class Effort:
    """What a command takes when nobody disturbs it."""

    seconds: float
    statements: int


@dataclass(frozen=True)
class Company:
    """A company whose program is run, and killed."""

    folder: Path
    url: str

    def finish(self, words: Stage) -> Effort:
        """Run it to its end. Whoever was killed lets go of its locks within moments."""
        for _ in range(40):
            began = time.monotonic()
            process = killable.start(self.folder, self.url, words)
            process.join(120)
            if process.exitcode == 0:
                statements = int((self.folder / killable.ASKED).read_text())
                return Effort(time.monotonic() - began, statements)
            said = (self.folder / killable.SAID).read_text()
            assert "another sync" in said.splitlines()[-1], said
            time.sleep(0.1)
        raise AssertionError("a killed process holds its lock for ever")

    def kill(self, words: Stage, effort: Effort, dice: Random, *, by_clock: bool) -> bool:
        """Run it and kill it on the way; False when it was done before."""
        if by_clock:
            process = killable.start(self.folder, self.url, words)
            process.join(effort.seconds * dice.uniform(0.02, 1.0))
        else:
            process = killable.start(self.folder, self.url, words, die_at=dice.randint(1, effort.statements))
            process.join(120)
        done = process.exitcode == 0
        process.kill()
        process.join()
        return not done

    def change(self, name: str) -> None:
        """What happens in the world before a stage."""
        if name == "sources changed":
            change_sources(self.folder)
        if name == "another model":
            path = self.folder / "cdi.yaml"
            path.write_text(path.read_text(encoding="utf-8").replace("match: 0.5", "match: 0.35"), encoding="utf-8")


def change_sources(folder: Path) -> None:
    """Some move, some are deleted, some come to share a name and an address with others."""
    with sqlite3.connect(folder / "data/shop/pos.sqlite") as shop:
        ids = [row[0] for row in shop.execute("select customer_id from customer where deleted = 0 order by 1")]
        moved = "update customer set street = 'Neue Gasse 7', city = 'Lübeck', zip = '23552', updated_at = ?"
        shop.executemany(f"{moved} where customer_id = ?", [("2026-11-20 10:00:00", i) for i in ids[::5]])
        namesakes = "update customer set (first_name, last_name, birthday, email) = (select first_name, last_name,"
        namesakes += " birthday, email from customer where customer_id = ?), updated_at = ? where customer_id = ?"
        twins = zip(ids[1::20], ids[2::20], strict=False)
        shop.executemany(namesakes, [(a, "2026-11-20 11:00:00", b) for a, b in twins])
        shop.executemany("delete from customer where customer_id = ?", [(i,) for i in ids[3::60]])


@contextmanager
def company_in(folder: Path, template: Path, server_url: str, migrated: str) -> Iterator[Company]:
    shutil.copytree(template, folder)
    with fresh_database(server_url, migrated) as name:
        yield Company(folder, url_of(server_url, name))


@dataclass(frozen=True)
class State:
    """What must be equal, however one came there."""

    partition: set[frozenset[tuple[str, str, str]]]
    served: list[str]
    asked: set[tuple[str, frozenset[str]]]
    versions: dict[tuple[str, str, str], list[str]]
    figures: dict[str, int]


def state_of(company: Company) -> State:
    database = Database(company.url)
    try:
        installation = installation_of(company.folder, database)
        check(installation)
        return State(
            partition(installation),
            [without_times(told) for told in served(installation)],
            asked(installation),
            versions(installation),
            {what: count(installation, what) for what in ("record", "touchpoint", "consent", "normalised", "pair")},
        )
    finally:
        database.close()


def without_times(told: str) -> str:
    """Records whose source knows no time bear that of their arrival, which differs from run to run."""
    return re.sub(r"'observed_at': '[^']*'", "", told)


def versions(installation: Installation) -> dict[tuple[str, str, str], list[str]]:
    """What each record said, in order."""
    found: dict[tuple[str, str, str], list[str]] = {}
    with installation.database.unit_of_work() as connection:
        rows = connection.execute(
            text(
                "select r.source, r.stream, r.key, v.op || encode(v.content_hash, 'hex') as said"
                " from record r join record_version v using (record_id) order by v.version_id"
            )
        )
        for row in rows:
            found.setdefault((row.source, row.stream, row.key), []).append(row.said)
    return found


def check(installation: Installation) -> None:
    """Nothing waits, and the feed leads to what there is, through every profile there ever was."""
    assert_consistent(installation)
    assert count(installation, "redo") == 0
    assert count(installation, "scan_key") == 0
    with installation.database.unit_of_work() as connection:
        rows = connection.execute(text("select profile_id, retired_at is null as live from profile")).all()
    assert live_after(installation) == {str(row.profile_id) for row in rows if row.live}
    assert {profile for _, profile in feed_of(installation)} == {row.profile_id for row in rows}


@pytest.fixture(scope="module")
def template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("kills") / "company"
    deployment.create_folder(folder)
    thin_out(folder)
    return folder


@dataclass(frozen=True)
class Undisturbed:
    """After each stage its state; and what each command took."""

    states: dict[str, State]
    took: dict[tuple[str, Stage], Effort]


@pytest.fixture(scope="module")
def undisturbed(
    template: Path, server_url: str, migrated_template: str, tmp_path_factory: pytest.TempPathFactory
) -> Undisturbed:
    folder = tmp_path_factory.mktemp("undisturbed") / "company"
    states, took = {}, {}
    with company_in(folder, template, server_url, migrated_template) as company:
        for name, commands in STAGES:
            company.change(name)
            for words in commands:
                took[name, words] = company.finish(words)
            states[name] = state_of(company)
    assert len({frozenset(state.partition) for state in states.values()}) >= 3, "the stages do nothing"
    return Undisturbed(states, took)


def disturb(company: Company, undisturbed: Undisturbed, kills: Sequence[int], dice: Random, *, by_clock: bool) -> int:
    """Each command is killed so many times at random moments and then left in peace; how many died at work."""
    died = 0
    left = iter(kills)
    for name, commands in STAGES:
        company.change(name)
        for words in commands:
            for _ in range(next(left)):
                died += company.kill(words, undisturbed.took[name, words], dice, by_clock=by_clock)
            company.finish(words)
        assert state_of(company) == undisturbed.states[name], f"{name}: another end than undisturbed"
    return died


def test_killed_five_times_it_comes_to_the_same_end(
    undisturbed: Undisturbed, template: Path, server_url: str, migrated_template: str, tmp_path: Path
) -> None:
    with company_in(tmp_path / "company", template, server_url, migrated_template) as company:
        assert disturb(company, undisturbed, (1, 1, 1, 1, 1, 0), Random(5), by_clock=False) == 5


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(5))
def test_killed_fifty_times_it_comes_to_the_same_end(
    undisturbed: Undisturbed, template: Path, server_url: str, migrated_template: str, tmp_path: Path, seed: int
) -> None:
    with company_in(tmp_path / "company", template, server_url, migrated_template) as company:
        assert disturb(company, undisturbed, (2, 2, 1, 2, 2, 1), Random(seed), by_clock=seed % 2 == 0) > 4
