"""A span for each statement: its text with the names of its parameters, without what they were."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Final

import psycopg
from opentelemetry import trace
from sqlalchemy import event

from cdi.store.db import Database
from cdi.tracing import TRACER

LONGEST: Final = 2_000
"""Characters of a statement that are told."""


def trace_statements(database: Database) -> None:
    """From now on each statement within a traced request or batch is a span in it, by whichever way it goes. Of what is
    sent without waiting it lasts as long as the sending."""

    @event.listens_for(database.engine, "checkout")
    def _(connection: psycopg.Connection[Any], _record: Any, _proxy: Any) -> None:
        connection.cursor_factory = TracedCursor
        connection.server_cursor_factory = TracedServerCursor


class TracedCursor(psycopg.Cursor[Any]):
    """A cursor that makes a span of what it executes."""

    def execute(self, query: Any, *arguments: Any, **options: Any) -> Any:
        """As the driver does it."""
        with _span(query):
            return super().execute(query, *arguments, **options)

    def executemany(self, query: Any, *arguments: Any, **options: Any) -> None:
        """As the driver does it."""
        with _span(query):
            super().executemany(query, *arguments, **options)


class TracedServerCursor(psycopg.ServerCursor[Any]):
    """The same for rows that are streamed."""

    def execute(self, query: Any, *arguments: Any, **options: Any) -> Any:
        """As the driver does it."""
        with _span(query):
            return super().execute(query, *arguments, **options)


@contextmanager
def _span(query: Any) -> Iterator[None]:
    """A span around the block; none of what the driver puts together itself, which is no text."""
    if not isinstance(query, str) or not trace.get_current_span().is_recording():
        yield
        return
    opened = TRACER.start_span(f"sql {query.split(None, 1)[0].lower()}")
    opened.set_attributes({"db.system.name": "postgresql", "db.query.text": " ".join(query[:LONGEST].split())})
    try:
        yield
    except psycopg.Error as error:
        opened.set_attribute("error.type", type(error).__name__)
        opened.set_status(trace.StatusCode.ERROR)
        raise
    finally:
        opened.end()
