"""The connectors `csv_drop` and `json_drop` over a folder and over OpenSSH's SFTP: first and second reading, a file
that overrides, one that is written anew, what a full export lacks, Excel, a server that dies while it is read."""

import json
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import openpyxl
import pytest
from deployed import Deployed, deploy
from programs import Program, sftp

from cdi.errors import SourceError
from cdi.store.db import Database

pytestmark = pytest.mark.live

COLUMNS = ["Nummer", "Vorname", "Nachname", "Telefon"]
STREAMS = {
    "contacts": {
        "kind": "customer",
        "files": "contacts-*.csv",
        "format": {"type": "csv", "encoding": "cp1252", "delimiter": ";"},
        "key": "=Nummer",
        "map": {"name": {"given_name": "=Vorname", "family_name": "=Nachname"}, "phones": [{"value": "=Telefon"}]},
    },
    "cards": {
        "kind": "customer",
        "files": "cards-*.xlsx",
        "format": {"type": "excel"},
        "snapshot": True,
        "key": "=Karte",
        "map": {"name": {"full": "=Name"}, "identifiers": [{"type": "loyalty_card", "value": "=Karte"}]},
    },
}
LEADS = {
    "leads": {
        "kind": "customer",
        "files": "leads-*.jsonl",
        "format": {"type": "jsonl"},
        "key": "=id",
        "map": {"name": {"full": "=name"}},
    },
    "members": {
        "kind": "customer",
        "files": "members-*.json",
        "format": {"type": "json", "records": "members"},
        "snapshot": True,
        "key": "=nr",
        "map": {"name": {"full": "=name"}},
    },
}


@dataclass
class Drop:
    """Where files are dropped, how cdi reaches it, and the server in between, if there is one."""

    folder: Path
    config: dict[str, Any]
    server: Program | None = None

    def goes(self) -> None:
        """Its server dies, or, as where a network drive is lost, the folder is not there any more."""
        if self.server is not None:
            self.server.kill()
        elif self.folder.exists():
            self.folder.rename(self._elsewhere())

    def comes_back(self) -> None:
        if self.server is not None:
            self.server.start()
        else:
            self._elsewhere().rename(self.folder)

    def _elsewhere(self) -> Path:
        return self.folder.with_name(f"{self.folder.name}-away")

    def contacts(self, name: str, rows: Sequence[Sequence[str]]) -> None:
        lines = [";".join(row) for row in [COLUMNS, *rows]]
        (self.folder / name).write_bytes("\r\n".join(lines).encode("cp1252"))

    def cards(self, name: str, rows: Sequence[tuple[str, str]]) -> None:
        workbook = openpyxl.Workbook()
        for row in [("Karte", "Name"), *rows]:
            workbook.worksheets[0].append(row)
        workbook.save(self.folder / name)

    def leads(self, name: str, count: int) -> None:
        lines = (f'{{"id": "L{n}", "name": "Zoë Ünal {n}"}}\n' for n in range(count))
        (self.folder / name).write_text("".join(lines), encoding="utf-8")

    def members(self, month: int, names: dict[str, str]) -> None:
        listed = [{"nr": number, "name": name} for number, name in names.items()]
        document = json.dumps({"members": listed}, ensure_ascii=False)
        (self.folder / f"members-{month:02}.json").write_text(document, encoding="utf-8")


@contextmanager
def in_a_folder() -> Iterator[Drop]:
    with tempfile.TemporaryDirectory(prefix="cdi-live-") as folder:
        yield Drop(Path(folder), {"folder": folder})


@contextmanager
def over_sftp() -> Iterator[Drop]:
    with tempfile.TemporaryDirectory(prefix="cdi-live-") as folder, sftp(Path(folder)) as server:
        address = f"sftp://{server.user}@127.0.0.1:{server.program.port}{server.folder}"
        config = {"folder": address, "key": f"${{file:{server.private_key}}}", "host_key": server.host_key}
        yield Drop(server.folder, config, server.program)


@pytest.fixture(params=[in_a_folder, over_sftp], ids=["folder", "sftp"])
def drop(request: pytest.FixtureRequest) -> Iterator[Drop]:
    with request.param() as place:
        yield place


Deploy = Callable[..., Deployed]


@pytest.fixture
def deployed(database: Database, tmp_path: Path) -> Deploy:
    def of(drop: Drop, connector: str, streams: dict[str, Any], **config: str) -> Deployed:
        return deploy(tmp_path, database, connector, {**drop.config, **config, "streams": streams})

    return of


def test_dropped_files_from_the_first_reading_to_a_restart(drop: Drop, deployed: Deploy) -> None:
    drop.contacts("contacts-03.csv", [("K-1", "Jörg", "Weiß", "030 1234567"), ("K-2", "Zoë", "Müller", "")])
    drop.cards("cards-03.xlsx", [("0047", "Ann O'Hara"), ("0048", "Bo")])
    source = deployed(drop, "csv_drop", STREAMS)
    assert [check for check in source.check() if not check.ok] == []
    assert source.sync() == {"added": 4}
    assert source.live("contacts")["K-1"]["name"] == {"given_name": "Jörg", "family_name": "Weiß"}
    assert source.live("cards")["0047"]["identifiers"] == [{"type": "loyalty_card", "value": "0047"}]
    assert source.sync() == {}

    drop.contacts("contacts-04.csv", [("K-1", "Jörg", "Weiß-Blau", "030 1234567")])  # overrides
    drop.cards("cards-04.xlsx", [("0047", "Ann O'Hara")])  # a whole export: 0048 is missing
    assert source.sync() == {"changed": 1, "unchanged": 1}
    drop.cards("cards-05.xlsx", [("0047", "Ann O'Hara")])  # and again: it is gone
    assert source.sync() == {"deleted": 1, "unchanged": 1}
    drop.contacts("contacts-03.csv", [("K-1", "Jörg", "Weiß", "030 1234567"), ("K-2", "Zoë", "Neu", "")])  # anew
    source.sync()
    assert source.live("contacts")["K-2"]["name"]["family_name"] == "Neu"
    assert source.live("contacts")["K-1"]["name"]["family_name"] == "Weiß-Blau"  # the newest still has the last word
    assert set(source.live("cards")) == {"0047"}

    drop.goes()
    with pytest.raises(SourceError, match="Check that the server is up" if drop.server else "does not exist"):
        source.sync()
    drop.comes_back()
    assert source.sync() == {}
    assert set(source.live("contacts")) == {"K-1", "K-2"}


def test_json_lines_are_dropped_like_csv(drop: Drop, deployed: Deploy) -> None:
    drop.leads("leads-03.jsonl", 3)
    drop.members(3, {"M1": "Ann O'Hara", "M2": "Bo Weiß"})
    source = deployed(drop, "json_drop", LEADS)
    assert source.sync() == {"added": 5}
    assert source.live("leads")["L2"]["name"]["given_name"] == "Zoë"
    assert source.sync() == {}
    drop.leads("leads-04.jsonl", 4)
    drop.members(4, {"M1": "Ann Blau"})
    assert source.sync() == {"added": 1, "changed": 1, "unchanged": 3}
    drop.members(5, {"M1": "Ann Blau"})
    assert source.sync() == {"deleted": 1, "unchanged": 1}
    assert source.live("members")["M1"]["name"]["family_name"] == "Blau"


def test_a_place_that_is_lost_while_it_is_read_costs_nothing(drop: Drop, deployed: Deploy) -> None:
    for month in range(1, 6):
        drop.leads(f"leads-{month}.jsonl", month * 10_000)
    source = deployed(drop, "json_drop", {"leads": LEADS["leads"]})
    landed = source.sync_while_it_dies("leads", drop.goes, 10_000, everybody=50_000)
    drop.comes_back()
    assert source.sync()["added"] == 50_000 - landed
    assert source.versions() == 50_000


def test_another_host_key_and_a_wrong_key_are_refused(database: Database, deployed: Deploy) -> None:
    with over_sftp() as drop, over_sftp() as other:
        drop.leads("leads-03.jsonl", 1)
        with pytest.raises(SourceError, match="host key"):
            deployed(drop, "json_drop", {"leads": LEADS["leads"]}, host_key=other.config["host_key"]).sync()
        with pytest.raises(SourceError) as found:
            deployed(drop, "json_drop", {"leads": LEADS["leads"]}, key=other.config["key"]).sync()
        assert "PRIVATE" not in str(found.value)
