"""A deployment with one source, read as its operator would: `cdi sync` against a real program, into a real database."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import yaml
from sqlalchemy import text

from cdi.clock import utc_now
from cdi.errors import SourceError
from cdi.ingest.contract import CheckResult, ReadContext, Record
from cdi.ingest.registry import find_connectors
from cdi.pipeline import Installation
from cdi.pipeline.installation import connector_folders
from cdi.pipeline.syncing import Progress, sync
from cdi.settings import Environment, Settings, bundled, load_deployment
from cdi.store.db import Database

SOURCE = "quelle"


@dataclass
class Deployed:
    """A deployment whose only source is the program under test."""

    installation: Installation

    def check(self) -> list[CheckResult]:
        connector, config = self.installation.connector(SOURCE), self.installation.config(SOURCE)
        return connector.check(config, self._context())

    def sync(self, progress: Progress | None = None) -> dict[str, int]:
        """What one run did, in records; what is zero is left out."""
        counts = sync(self.installation, SOURCE, progress)
        assert not counts.rejected, self.rejected()
        told = {name: getattr(counts, name) for name in ("added", "changed", "deleted", "unchanged")}
        return {name: number for name, number in told.items() if number}

    def live(self, stream: str) -> dict[str, dict[str, Any]]:
        """By key the canonical form of every record that is not gone; parts without a value are left out."""
        query = text(
            "select key, canonical from record join meaning using (version_id)"
            " where source = :source and stream = :stream and live"
        )
        with self.installation.database.unit_of_work() as connection:
            rows = connection.execute(query, {"source": SOURCE, "stream": stream}).all()
        return {key: {name: value for name, value in said.items() if value is not None} for key, said in rows}

    def keys(self, stream: str) -> set[str]:
        """The records that are not gone, also those of a first reading that are not mapped yet."""
        query = text("select key from record where source = :source and stream = :stream and current and live")
        with self.installation.database.unit_of_work() as connection:
            return set(connection.execute(query, {"source": SOURCE, "stream": stream}).scalars())

    def sync_while_it_dies(self, stream: str, kill: Callable[[], None], after: int, everybody: int) -> int:
        """A run during which the source is killed, once `after` records have landed: how many of the stream had by
        then. A part of `everybody`, or there was no middle to die in."""
        with pytest.raises(SourceError):
            self.sync(lambda _, counts: kill() if counts.added >= after else None)
        landed = len(self.keys(stream))
        assert after <= landed < everybody
        return landed

    def operations(self, stream: str) -> dict[str, str]:
        """By key what the source says has happened to its records."""
        connector, config = self.installation.connector(SOURCE), self.installation.config(SOURCE)
        events = connector.read(config, stream, None, self._context())
        return {event.key: str(event.op) for event in events if isinstance(event, Record)}

    def _context(self) -> ReadContext:
        return ReadContext(self.installation.folder, utc_now(), SOURCE)

    def read_everything_again(self) -> None:
        """As if the day were over after which the whole source is read anew."""
        with self.installation.database.unit_of_work() as connection:
            connection.execute(text("update checkpoint set state = state - 'scanned_at'"))

    def rejected(self) -> list[str]:
        """Why records could not be taken."""
        with self.installation.database.unit_of_work() as connection:
            return list(connection.execute(text("select reason from rejected")).scalars())

    def versions(self, stream: str | None = None) -> int:
        """Every version of every record (of a stream) that was ever written."""
        query = text(
            "select count(*) from record_version join record using (record_id)"
            " where cast(:stream as text) is null or stream = :stream"
        )
        with self.installation.database.unit_of_work() as connection:
            return int(connection.execute(query, {"stream": stream}).scalar_one())


def deploy(folder: Path, database: Database, connector: str, config: Mapping[str, Any]) -> Deployed:
    """A deployment in `folder` whose only source reads with these settings."""
    system = {
        "connector": connector,
        "config": dict(config),
        "data_owner": "retail",
        "purpose": "Tests",
        "retention": "P1Y",
        "max_delete_share": 1.0,
    }
    document = {
        "company": {"name": "Test", "country": "DE", "language": "de"},
        "owners": [{"id": "retail", "department": "Filialen", "role": "Leitung", "contact": "a@test.example"}],
        "customer_owner": "retail",
        "sources": {SOURCE: system},
    }
    (folder / "cdi.yaml").write_text(yaml.safe_dump(document, allow_unicode=True), encoding="utf-8")
    settings = Settings(folder.resolve(), load_deployment(folder / "cdi.yaml"), Environment())
    return Deployed(Installation(settings, database, find_connectors(connector_folders(settings))))


def with_pages_of_ten(folder: Path, connector: str, of_a_hundred: str) -> None:
    """In this deployment the shipped connector reads ten records a page, so that few records make many pages;
    `of_a_hundred` is how it says a hundred."""
    manifest = (bundled("connectors") / connector / "connector.yaml").read_text(encoding="utf-8")
    assert of_a_hundred in manifest
    own = folder / "connectors" / connector
    own.mkdir(parents=True)
    manifest = manifest.replace(of_a_hundred, of_a_hundred.replace("100", "10"))
    (own / "connector.yaml").write_text(manifest, encoding="utf-8")
