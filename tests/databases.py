"""Databases that a test has for itself."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from uuid import uuid4

import psycopg

FAST_AND_CARELESS = {"fsync": "off", "synchronous_commit": "off", "full_page_writes": "off"}
"""For databases that nobody will miss; in production all three stay on."""

Content = dict[str, list[str]]


def content(url: str) -> Content:
    """All rows of all tables as text, in order, and the indexes."""
    with psycopg.connect(url) as connection:
        tables = connection.execute("SELECT tablename FROM pg_tables WHERE schemaname = 'public' ORDER BY 1").fetchall()
        rows = {
            name: [row[0] for row in connection.execute(f'SELECT t::text FROM "{name}" t ORDER BY 1')]
            for (name,) in tables
        }
        indexes = connection.execute(
            "SELECT indexdef FROM pg_indexes WHERE schemaname = 'public' ORDER BY 1"
        ).fetchall()
    return rows | {"indexes": [row[0] for row in indexes]}


def url_of(server_url: str, name: str) -> str:
    """The URL of the database `name` on that server."""
    return psycopg.conninfo.make_conninfo(server_url, dbname=name)


@contextmanager
def fresh_database(server_url: str, template: str = "template1") -> Iterator[str]:
    """The name of a new database, a copy of `template`; it is dropped at the end."""
    name = f"test_{uuid4().hex}"
    with psycopg.connect(server_url, autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE {name} TEMPLATE {template} STRATEGY FILE_COPY")
    try:
        yield name
    finally:
        _drop(server_url, name)


def _drop(server_url: str, name: str) -> None:
    """Autovacuum may be at work in it, which its owner may not end: that passes."""
    for patience in (0.1, 0.3, 1.0, 3.0, None):
        try:
            with psycopg.connect(server_url, autocommit=True) as connection:
                connection.execute(f"DROP DATABASE {name} WITH (FORCE)")
            return
        except psycopg.errors.InsufficientPrivilege:
            if patience is None:
                raise
            time.sleep(patience)
