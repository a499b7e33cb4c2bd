"""A span for each statement: its text with the names of its parameters, without what they were."""

from typing import Any, Final

from opentelemetry import trace
from sqlalchemy import event
from sqlalchemy.engine import Connection
from sqlalchemy.engine.interfaces import DBAPICursor, ExecutionContext

from cdi.store.db import Database
from cdi.tracing import TRACER

LONGEST: Final = 2_000
"""Characters of a statement that are told."""


def trace_statements(database: Database) -> None:
    """From now on each statement within a traced request or batch is a span in it."""

    @event.listens_for(database.engine, "before_cursor_execute")
    def _(
        _c: Connection, _cursor: DBAPICursor, statement: str, _p: Any, context: ExecutionContext, _many: bool
    ) -> None:
        if trace.get_current_span().is_recording():
            opened = TRACER.start_span(f"sql {statement.split(None, 1)[0].lower()}")
            opened.set_attributes(
                {"db.system.name": "postgresql", "db.query.text": " ".join(statement[:LONGEST].split())}
            )
            context.cdi_span = opened  # type: ignore[attr-defined]

    @event.listens_for(database.engine, "after_cursor_execute")
    def _(_c: Connection, _cursor: DBAPICursor, _s: str, _p: Any, context: ExecutionContext, _many: bool) -> None:
        _end(context)

    @event.listens_for(database.engine, "handle_error")
    def _(context: Any) -> None:
        _end(context.execution_context, failed=type(context.original_exception).__name__)


def _end(context: ExecutionContext | None, failed: str | None = None) -> None:
    opened: trace.Span | None = getattr(context, "cdi_span", None)
    if opened is not None:
        if failed is not None:
            opened.set_attribute("error.type", failed)
            opened.set_status(trace.StatusCode.ERROR)
        opened.end()
