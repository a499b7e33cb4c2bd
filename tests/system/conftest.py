"""The sample company, resolved once a session and copied for each test; and small companies of a test's own."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import psycopg
import pytest
from desks import DeskInBrowser, chromium, served
from fastapi.testclient import TestClient
from playwright.sync_api import Browser

from cdi import deployment, sample, sources
from cdi.access import Role
from cdi.app import create_app
from cdi.auth import create_key
from cdi.clock import utc_now
from cdi.fields import FieldGroup
from cdi.ingest.registry import find_connectors
from cdi.pipeline import Installation, resolve
from cdi.pipeline.installation import connector_folders
from cdi.settings import Environment, Settings, load_deployment
from cdi.store.db import Database
from databases import fresh_database, url_of


def installation_of(folder: Path, database: Database) -> Installation:
    """An installation in this folder on this database."""
    settings = Settings(folder.resolve(), load_deployment(folder / "cdi.yaml"), Environment())
    return Installation(settings, database, find_connectors(connector_folders(settings)))


@contextmanager
def copy_of(server_url: str, template: str) -> Iterator[Database]:
    with fresh_database(server_url, template) as name:
        database = Database(url_of(server_url, name))
        try:
            yield database
        finally:
            database.close()


@pytest.fixture(scope="session")
def resolved_template(
    server_url: str, migrated_template: str, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[Path, str]]:
    """A folder with the sample company and the name of a database in which it is resolved."""
    folder = tmp_path_factory.mktemp("handelshaus")
    deployment.create_folder(folder)
    with copy_of(server_url, migrated_template) as database:
        installation = installation_of(folder, database)
        with sample.running(installation.settings):
            synced = sources.sync_sources(installation)
        assert not synced.errors
        resolve(installation)
        database.close()
        with psycopg.connect(database.url) as connection:
            name = connection.info.dbname
        yield folder, name


@pytest.fixture
def handelshaus(resolved_template: tuple[Path, str], server_url: str, tmp_path: Path) -> Iterator[Installation]:
    """The sample company, synced and resolved; folder and database are this test's own."""
    _, template = resolved_template
    deployment.create_folder(tmp_path / "company")
    with copy_of(server_url, template) as database:
        yield installation_of(tmp_path / "company", database)


@pytest.fixture
def company(database: Database, tmp_path: Path) -> Installation:
    """A company with two sources that are pushed to, `till` and `shop`, with different owners; empty."""
    (tmp_path / "cdi.yaml").write_text(SMALL_COMPANY, encoding="utf-8")
    return installation_of(tmp_path, database)


SMALL_COMPANY = """
company: {name: Test, country: DE, language: de}
owners:
  - {id: retail, department: Filialen, role: Leitung, contact: a@test.example}
  - {id: online, department: Onlinehandel, role: Leitung, contact: b@test.example}
  - {id: central, department: Kundendaten, role: Leitung, contact: c@test.example}
customer_owner: central
sources:
  till: {connector: push, data_owner: retail, purpose: sale, retention: P10Y, trust: 0.6}
  shop: {connector: push, data_owner: online, purpose: sale, retention: P10Y, trust: 0.8}
  secret: {connector: push, data_owner: online, purpose: sale, retention: P1Y, trust: 0.5, sensitivity: sensitive}
"""


class Doors:
    """HTTP clients of one installation, by role."""

    def __init__(self, installation: Installation) -> None:
        self.installation = installation
        self.app = create_app(installation)

    def as_(
        self,
        role: Role,
        *groups: FieldGroup,
        sensitive: bool = False,
        source: str | None = None,
        owners: Sequence[str] | None = None,
        purposes: Sequence[str] | None = None,
        name: str = "",
    ) -> TestClient:
        with self.installation.database.unit_of_work() as connection:
            key = create_key(
                connection,
                name or f"test {role}",
                role,
                utc_now(),
                groups=groups,
                sensitive=sensitive,
                source=source,
                owners=owners,
                purposes=purposes,
            )
        return TestClient(self.app, headers={"Authorization": f"Bearer {key}"}, raise_server_exceptions=False)

    def stranger(self) -> TestClient:
        return TestClient(self.app, raise_server_exceptions=False)


@pytest.fixture
def doors(handelshaus: Installation) -> Doors:
    """The sample company's API."""
    return Doors(handelshaus)


@pytest.fixture
def officer(doors: Doors) -> TestClient:
    """The data-protection officer of whichever company has these doors."""
    return doors.as_(Role.PRIVACY, name="d.schutz")


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """One Chromium for the tests of a file; each window of it knows nothing of the others.

    Its driver keeps a loop of events running in this thread, which the tests of other files must not find.
    """
    with chromium() as running:
        yield running


@pytest.fixture
def desk(handelshaus: Installation, browser: Browser) -> Iterator[DeskInBrowser]:
    """The sample company's desk in a browser; its database is this test's own."""
    with served(create_app(handelshaus)) as url:
        yield DeskInBrowser(handelshaus, url, browser)


@pytest.fixture(scope="module")
def shared_desk(
    resolved_template: tuple[Path, str], server_url: str, tmp_path_factory: pytest.TempPathFactory, browser: Browser
) -> Iterator[DeskInBrowser]:
    """The sample company's desk in a browser, for tests that only look."""
    folder = tmp_path_factory.mktemp("desk")
    deployment.create_folder(folder / "company")
    with copy_of(server_url, resolved_template[1]) as database:
        installation = installation_of(folder / "company", database)
        with served(create_app(installation)) as url:
            yield DeskInBrowser(installation, url, browser)
