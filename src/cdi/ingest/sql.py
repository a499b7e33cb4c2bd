"""Reading a database: one query a stream, paged by its key so that rows which move or appear meanwhile shift
nothing, in a session that cannot write."""

import re
import sqlite3
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime, timedelta
from itertools import pairwise
from operator import itemgetter
from typing import Any, Final
from urllib.parse import quote

import sqlalchemy as sa
from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import ArgumentError, DBAPIError, NoSuchModuleError, SQLAlchemyError

from cdi.errors import ConfigurationError, SourceError
from cdi.ingest.blueprint import SqlConnection, SqlManifest, SqlReading, with_feeds
from cdi.ingest.contract import Checkpoint, CheckResult, FullScanEnd, Native, ReadContext, ReadEvent, Rejected, State
from cdi.ingest.cursors import Position
from cdi.ingest.json_values import as_record
from cdi.ingest.streams import CompiledStream
from cdi.ingest.templates import Values, fill, fill_if_given

_MISSING: Final = re.compile(r"no such (table|column|function)")
"""How SQLite says that a query is wrong; other databases have an error of its own for it."""
_COLUMN: Final = re.compile(r"^=?([A-Za-z_][A-Za-z0-9_]*)$")


class SqlReader:
    """Reads the streams of one database for one run."""

    def __init__(
        self,
        manifest: SqlManifest,
        streams: Mapping[str, CompiledStream],
        values: Values,
        context: ReadContext,
    ) -> None:
        self.connection: SqlConnection = manifest.connection
        self.blueprints: Mapping[str, SqlReading] = with_feeds(manifest.streams, SqlReading)
        self.streams = streams
        self.context = context
        self.url = _url(
            str(fill(manifest.connection.dsn, values)), fill_if_given(self.connection.password, values), context
        )

    def read(self, name: str, state: State | None) -> Iterator[ReadEvent]:
        """The rows of one stream, page by page; raises SourceError."""
        stream, blueprint = self.streams[name], self.blueprints[name]
        full = stream.scan_is_due(state, self.context.now)
        position = _position(stream, None if full else state, self.context.now)
        with self._connected() as connection:
            taken, readable = 0, True
            for page in self._pages(connection, stream, blueprint, position):
                for row in page:
                    for event in stream.events(row):
                        readable = readable and not isinstance(event, Rejected)
                        yield event
                    if position is not None:
                        position.observe(row)
                    taken += 1
                    if taken == self.context.limit:
                        yield Checkpoint(name, state or {})
                        return
                yield Checkpoint(name, state or {})
        if full and readable and stream.reconcile is not None:
            yield FullScanEnd(name, stream.reconcile.max_share, stream.reconcile.gone_after)
        yield Checkpoint(name, _end_state(position, state, full, self.context.now))

    def check(self) -> Iterator[CheckResult]:
        """Can the database be reached, does every query run, and are the columns there that the mapping
        reads?"""
        try:
            with self._connected() as connection:
                yield CheckResult("the database answers", True, self.url.get_backend_name())
                for name, blueprint in self.blueprints.items():
                    yield self._check_query(connection, name, blueprint)
        except SourceError as error:
            yield CheckResult("the database answers", False, str(error))

    def _check_query(self, connection: sa.Connection, name: str, blueprint: SqlReading) -> CheckResult:
        question = f"the query of stream {name} runs and gives the columns that are read"
        try:
            with _as_source_error(self.context.source):
                rows = connection.execute(_page(blueprint, [], None, limit=1))
            self._demand_columns(self.streams[name], tuple(rows.keys()), blueprint.page.keyset)
        except SourceError as error:
            return CheckResult(question, False, str(error))
        return CheckResult(question, True)

    @contextmanager
    def _connected(self) -> Iterator[sa.Connection]:
        engine = _engine(self.url)
        try:
            with _as_source_error(self.context.source), engine.connect() as connection:
                for statement in forbid_writing(_dialect(connection), self.connection.statement_timeout):
                    connection.execute(sa.text(statement))
                yield connection
        finally:
            engine.dispose()

    def _pages(
        self,
        connection: sa.Connection,
        stream: CompiledStream,
        blueprint: SqlReading,
        position: Position | None,
    ) -> Iterator[Iterator[Native]]:
        since = _since(stream, position)
        size, keyset = blueprint.page.size, blueprint.page.keyset
        after: list[Any] = []
        while True:
            # One row more than the page: it tells whether there is another page, and whether keys repeat at the border.
            result = connection.execute(_page(blueprint, after, since, size + 1))
            columns = tuple(result.keys())
            self._demand_columns(stream, columns, keyset)
            rows = result.fetchall()
            self._demand_unique(stream.name, rows, columns, keyset)
            if rows:
                yield (as_record(columns, row) for row in rows[:size])
            if len(rows) <= size:
                return
            after = [rows[size - 1][columns.index(column)] for column in keyset]

    def _demand_unique(
        self, stream: str, rows: Sequence[sa.Row[Any]], columns: Sequence[str], keyset: Sequence[str]
    ) -> None:
        """Rows that share a key would fall between two pages, and be taken for gone."""
        key = itemgetter(*(columns.index(column) for column in keyset))
        keys = [key(row) for row in rows]
        if any(a == b for a, b in pairwise(keys)) or any(k is None or (type(k) is tuple and None in k) for k in keys):
            raise SourceError(
                self.context.source,
                f"stream {stream}: keyset {', '.join(keyset)} is not unique or null",
                remedy="Name columns under page.keyset that are unique together and never empty",
            )

    def _demand_columns(self, stream: CompiledStream, given: Sequence[str], keyset: Sequence[str]) -> None:
        missing = sorted(((stream.fields or frozenset()) | set(keyset)) - set(given))
        if missing:
            raise SourceError(
                self.context.source,
                f"stream {stream.name}: the query gives no column {', '.join(missing)}",
                remedy="Name it in the query (select … as …) or correct the mapping",
            )


def _position(stream: CompiledStream, state: State | None, now: datetime) -> Position | None:
    if stream.cursor is None or stream.cursor_field is None:
        return None
    return Position(stream.cursor, stream.cursor_field, state, now)


def _end_state(position: Position | None, state: State | None, full: bool, now: datetime) -> State:
    ended: State = dict(state or {})
    if position is not None and position.value is not None:
        ended["cursor"] = position.value
    if full:
        ended["scanned_at"] = now.isoformat()
    return ended


def _since(stream: CompiledStream, position: Position | None) -> tuple[str, Any] | None:
    """The column to compare and the value to compare it with, as the database holds it."""
    begin = position.since() if position is not None else None
    if position is None or begin is None or stream.cursor is None:
        return None
    column = stream.cursor.field.removeprefix("=")
    if isinstance(begin, datetime) and stream.cursor.format is None:
        return column, begin
    return column, position.written(begin)


def _page(blueprint: SqlReading, after: Sequence[Any], since: tuple[str, Any] | None, limit: int) -> sa.Select[Any]:
    """One page of the manifest's query: rows after the last key, in key order."""
    keyset = blueprint.page.keyset
    columns: list[sa.ColumnClause[Any]] = [sa.column(name) for name in keyset]
    query = sa.text(f"({blueprint.query.strip().rstrip(';')}) AS page")
    page = sa.select(sa.text("*")).select_from(query).order_by(*columns).limit(limit)
    if since is not None:
        # Without a type of ours, so that a text is compared as what the column is, also on PostgreSQL.
        page = page.where(sa.column(since[0]) >= sa.bindparam(None, since[1], type_=sa.types.NullType()))
    if after:
        page = page.where(_beyond(columns, after))
    return page


def _beyond(columns: Sequence[sa.ColumnClause[Any]], after: Sequence[Any]) -> sa.ColumnElement[bool]:
    """Greater in dictionary order, spelled out because not every database compares rows."""
    first, value = columns[0], after[0]
    if len(columns) == 1:
        return sa.and_(first > value)
    same_so_far = sa.and_(first == value, _beyond(columns[1:], after[1:]))
    return sa.or_(first > value, same_so_far)


def _url(dsn: str, password: str | None, context: ReadContext) -> URL:
    try:
        url = make_url(dsn)
    except ArgumentError:
        raise ConfigurationError(
            f"source {context.source}: dsn is no database URL",
            remedy="Write for instance mysql+pymysql://reader:…@host/shop or sqlite:///data/pos.sqlite",
        ) from None
    if url.get_backend_name() == "sqlite" and url.database:
        path = context.folder / url.database
        if not path.is_file():
            raise SourceError(
                context.source,
                f"the file {path.name} does not exist",
                remedy=f"It is expected in {path.parent}",
            )
        return url.set(database=str(path))
    if password and url.password:
        raise ConfigurationError(
            f"source {context.source}: dsn and password both name a password",
            remedy="Leave it out of dsn; password: ${env:NAME} is its place",
        )
    return url.set(password=password) if password else url


def _engine(url: URL) -> sa.Engine:
    if url.get_backend_name() == "sqlite":
        read_only = f"file:{quote(url.database or '')}?mode=ro"
        return sa.create_engine("sqlite://", creator=lambda: sqlite3.connect(read_only, uri=True))
    try:
        return sa.create_engine(url, pool_pre_ping=True)
    except (NoSuchModuleError, ModuleNotFoundError, ArgumentError):
        raise ConfigurationError(
            f"no driver for {url.drivername} is installed",
            remedy="Install the Python package of the driver that the dsn names (after the +)",
        ) from None


def forbid_writing(dialect: str, timeout: timedelta) -> list[str]:
    """What makes a session read only and limits each statement, in the words of the database. SQLite's file is
    opened read only instead."""
    milliseconds = int(timeout.total_seconds() * 1000)
    match dialect:
        case "postgresql":
            return ["SET TRANSACTION READ ONLY", f"SET LOCAL statement_timeout = {milliseconds}"]
        case "mariadb":
            return [
                "SET SESSION TRANSACTION READ ONLY",
                f"SET SESSION max_statement_time = {milliseconds / 1000}",
            ]
        case "mysql":
            return ["SET SESSION TRANSACTION READ ONLY", f"SET SESSION max_execution_time = {milliseconds}"]
        case _:
            return []


def _dialect(connection: sa.Connection) -> str:
    """MariaDB reached by a MySQL driver is MariaDB still."""
    return "mariadb" if getattr(connection.dialect, "is_mariadb", False) else connection.dialect.name


@contextmanager
def _as_source_error(source: str) -> Iterator[None]:
    """A database's complaint without the statement and its values, which SQLAlchemy would add."""
    try:
        yield
    except DBAPIError as error:
        raise SourceError(source, f"the database refused: {_complaint(error)}", remedy=_remedy(error)) from None
    except SQLAlchemyError as error:
        raise SourceError(source, f"the database could not be read ({type(error).__name__})") from None


def _complaint(error: DBAPIError) -> str:
    """The first line of the driver's message, without anything in quotes that is not a name."""
    text = str(error.orig).strip().splitlines()[0] if str(error.orig).strip() else type(error.orig).__name__
    return re.sub(r"'[^']*'", "'…'", text)[:200]


def _remedy(error: DBAPIError) -> str:
    told = str(error.orig).lower()
    if "timeout" in told or "execution time" in told or "max_statement_time" in told:
        return "Give the keyset and the cursor an index, make the query cheaper, or raise connection.statement_timeout"
    if error.connection_invalidated or (isinstance(error, sa.exc.OperationalError) and not _MISSING.search(told)):
        return "Check that the server runs and that host, user and password in cdi.yaml are right"
    return "Check the query in the connector's manifest against the tables of the database"


def column_of(expression: str) -> str | None:
    """The column that an expression is, or None where it is more than a column."""
    match = _COLUMN.match(expression)
    return match[1] if match else None
