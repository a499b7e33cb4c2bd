"""What lands in bulk lands as it was said and is mapped afterwards: nobody can tell it from what was mapped at once."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from domain import ONE_TILL, assert_consistent, count
from sqlalchemy import text

from cdi.deployment import status
from cdi.errors import SourceError
from cdi.pipeline import Installation, landing, mapping_landed, resolve, sync
from cdi.sources import replay
from cdi.store.db import Database
from conftest import installation_of

MANIFEST = """
connector: till
title: The till's export
connection: {kind: files, folder: data}
streams:
  customers:
    kind: customer
    files: "*.csv"
    format: {type: csv}
    key: =id
    map:
      name: {given_name: =given, family_name: =family}
      emails: [{value: =mail}]
      birth_date: =born
"""
PEOPLE = 40
MEANT = """
select r.key, r.live, m.canonical from record r join meaning m using (version_id) order by r.key
"""


def _file(folder: Path, name: str, rows: list[tuple[str, ...]]) -> None:
    lines = "".join(",".join(row) + "\n" for row in [("id", "given", "family", "mail", "born"), *rows])
    (folder / "data" / name).write_text(lines, encoding="utf-8")


def _customer(n: int) -> tuple[str, ...]:
    return (f"k\\{n:03d}", f"ANNA{n}", "Müller", f"A{n}@Web.de", f"{1 + n % 28}.2.1980")


@pytest.fixture
def till(database: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Installation]:
    """A folder with forty customers, in which ten are very many."""
    monkeypatch.setattr(landing, "MANY", 10)
    monkeypatch.setattr(landing, "VERY_MANY", 10)
    connector = tmp_path / "connectors" / "till" / "connector.yaml"
    connector.parent.mkdir(parents=True)
    connector.write_text(MANIFEST, encoding="utf-8")
    (tmp_path / "cdi.yaml").write_text(ONE_TILL, encoding="utf-8")
    (tmp_path / "data").mkdir()
    _file(tmp_path, "1.csv", [_customer(n) for n in range(PEOPLE)])
    yield installation_of(tmp_path, database)


def _rows(installation: Installation, query: str) -> list[tuple[Any, ...]]:
    with installation.database.unit_of_work() as connection:
        return [tuple(row) for row in connection.execute(text(query))]


def _anew(installation: Installation) -> None:
    with installation.database.unit_of_work() as connection:
        connection.execute(text("truncate record, record_version, meaning, unmapped, redo, checkpoint cascade"))


@pytest.mark.parametrize("elsewhere", [False, True])
def test_what_is_mapped_afterwards_means_what_it_would_have_meant_at_once(
    till: Installation, monkeypatch: pytest.MonkeyPatch, elsewhere: bool
) -> None:
    monkeypatch.setattr(mapping_landed, "PAGE", 7)
    if elsewhere:
        monkeypatch.setattr(mapping_landed, "WORTH_IT", 10)
    assert sync(till, "till").added == PEOPLE
    assert (count(till, "meaning"), count(till, "redo"), count(till, "unmapped")) == (0, 0, PEOPLE)
    assert status(till)["waiting"] == PEOPLE
    mapping_landed.map_what_landed(till, lambda _step, _done, _total: None)
    assert (count(till, "redo"), count(till, "unmapped")) == (PEOPLE, 0)
    afterwards = _rows(till, MEANT)
    assert resolve(till).records == PEOPLE
    assert_consistent(till)
    monkeypatch.setattr(landing, "VERY_MANY", 1_000)
    _anew(till)
    assert sync(till, "till").added == PEOPLE
    assert (count(till, "redo"), count(till, "unmapped")) == (PEOPLE, 0)
    assert _rows(till, MEANT) == afterwards
    assert afterwards[0][2]["emails"] == [{"value": "a0@web.de"}]


def test_a_reused_key_is_noticed_though_its_first_person_was_not_mapped_yet(till: Installation) -> None:
    sync(till, "till")
    rows = [_customer(n) for n in range(PEOPLE)]
    rows[3] = (rows[3][0], "Bernd", "Schulze", "b@web.de", "9.9.1955")
    rows[4] = (rows[4][0], "ANNA4", "Müller", "new@web.de", rows[4][4])
    _file(till.folder, "2.csv", rows)
    counts = sync(till, "till")
    assert (counts.held, counts.changed, counts.unchanged) == (1, 1, PEOPLE - 2)
    assert count(till, "unmapped") == PEOPLE - 2
    assert resolve(till).records == PEOPLE
    assert_consistent(till)
    ((kept,),) = _rows(till, "select m.canonical from record r join meaning m using (version_id) where key = 'k\\003'")
    assert kept["name"]["given_name"] == "Anna3"


def test_what_the_mapping_of_today_cannot_read_is_rejected_and_can_be_replayed(till: Installation) -> None:
    sync(till, "till")
    manifest = till.folder / "connectors" / "till" / "connector.yaml"
    manifest.write_text(MANIFEST.replace("=born", "\"=ts(born, '%Y', 'Europe/Berlin')\""), encoding="utf-8")
    today = installation_of(till.folder, till.database)
    resolve(today)
    assert count(today, "record where live") == 0
    assert status(today)["sources"][0]["rejected"] == PEOPLE
    manifest.write_text(MANIFEST, encoding="utf-8")
    repaired = installation_of(till.folder, till.database)
    replay(repaired, "till")
    resolve(repaired)
    assert count(repaired, "record where live") == PEOPLE
    assert_consistent(repaired)


def test_what_cannot_be_read_is_rejected_when_it_lands(till: Installation) -> None:
    manifest = till.folder / "connectors" / "till" / "connector.yaml"
    manifest.write_text(MANIFEST.replace("=born", "\"=ts(born, '%d.%m.%Y', 'Europe/Berlin')\""), encoding="utf-8")
    _file(till.folder, "1.csv", [*[_customer(n) for n in range(PEOPLE)], ("odd", "Udo", "Klein", "", "never")])
    counts = sync(installation_of(till.folder, till.database), "till")
    assert (counts.added, counts.rejected) == (PEOPLE, 1)
    ((reason,),) = _rows(till, "select reason from rejected")
    assert "birth_date" in reason and "never" not in reason


def test_records_of_a_source_that_is_named_no_more_wait_and_harm_nobody(till: Installation) -> None:
    sync(till, "till")
    (till.folder / "cdi.yaml").write_text(ONE_TILL.partition("sources:")[0] + "sources: {}\n", encoding="utf-8")
    without = installation_of(till.folder, till.database)
    assert resolve(without).records == 0
    assert count(without, "unmapped") == PEOPLE
    (till.folder / "cdi.yaml").write_text(ONE_TILL, encoding="utf-8")
    assert resolve(installation_of(till.folder, till.database)).records == PEOPLE


def test_two_at_once_map_each_record_once(till: Installation) -> None:
    sync(till, "till")
    with till.database.exclusive("mapping of what landed"):
        assert resolve(till).records == 0  # the other one does it
    assert resolve(till).records == PEOPLE
    with pytest.raises(SourceError):
        (till.folder / "data" / "1.csv").unlink()
        sync(till, "till")
