"""A database for whoever asks: an empty copy of a migrated one, made in a fraction of a second.

`CDI_TEST_DATABASE_URL` runs the same tests on another server; its user must be allowed to create databases.
"""

import os
import tempfile
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

from cdi.store import embedded
from cdi.store.db import Database, upgrade
from databases import FAST_AND_CARELESS, fresh_database, url_of
from temporary import in_memory


@pytest.fixture(scope="session")
def server_url() -> Iterator[str]:
    """A server for this session (with xdist: this worker), as a user who may create databases."""
    given = os.environ.get("CDI_TEST_DATABASE_URL")
    if given:
        yield given
        return
    with (
        tempfile.TemporaryDirectory(prefix="cdi-test-", dir=in_memory()) as folder,
        embedded.running(Path(folder), options=FAST_AND_CARELESS) as url,
    ):
        with psycopg.connect(url.replace("cdi@/cdi", "postgres@/postgres"), autocommit=True) as connection:
            connection.execute("ALTER ROLE cdi CREATEDB")
        yield url


@pytest.fixture(scope="session")
def migrated_template(server_url: str) -> Iterator[str]:
    """The name of a database at head, which others are copied from."""
    with fresh_database(server_url) as name:
        database = Database(url_of(server_url, name))
        upgrade(database)
        database.close()
        yield name


@pytest.fixture
def database(server_url: str, migrated_template: str) -> Iterator[Database]:
    """A database of one's own: all tables, no rows."""
    with fresh_database(server_url, migrated_template) as name:
        database = Database(url_of(server_url, name))
        yield database
        database.close()


@pytest.fixture
def empty_url(server_url: str) -> Iterator[str]:
    """The URL of a database without tables."""
    with fresh_database(server_url) as name:
        yield url_of(server_url, name)


@pytest.fixture
def memory_path() -> Iterator[Path]:
    """Like `tmp_path`, short, and in memory if there is enough."""
    with tempfile.TemporaryDirectory(prefix="cdi-test-", dir=in_memory()) as folder:
        yield Path(folder)
