"""The one way to the database: engine, transactions, bulk writes, locks and the schema's version.

PostgreSQL is the only dialect. Nobody else commits: a door opens one unit of work for a request, a long step
one for each batch. What psycopg reports may quote a customer, so no text of its errors leaves this module.
"""

import hashlib
import logging
import os
import pkgutil
import re
import socket
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import lru_cache
from importlib import import_module
from itertools import chain, islice
from select import POLLIN, poll
from time import monotonic
from typing import Any, Final, Generic, TypeVar

import numpy as np
import orjson
import psycopg
from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from psycopg import sql
from psycopg.conninfo import conninfo_to_dict
from psycopg.rows import RowFactory, RowMaker, namedtuple_row
from psycopg.types.json import JsonbDumper
from sqlalchemy import Connection, Engine, MetaData, Table, TextClause, create_engine, event
from sqlalchemy import text as parsed
from sqlalchemy.exc import DisconnectionError
from sqlalchemy.pool import ConnectionPoolEntry

from cdi import store
from cdi.errors import BusyError, DatabaseError
from cdi.settings import Settings, bundled
from cdi.store import embedded
from cdi.store.arrays import ArrayDumper, LongTexts, LongTextsDumper, NumbersDumper
from cdi.store.faults import errors_without_values

metadata = MetaData(
    naming_convention={
        "pk": "pk_%(table_name)s",
        "fk": "fk_%(table_name)s_%(column_0_N_name)s_%(referred_table_name)s",
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "ck": "ck_%(table_name)s_%(constraint_name)s",
    }
)
"""All tables, for Core; each is defined beside the queries on it."""

OLDEST_SERVER = 150000  # PostgreSQL 15, as `server_version_num` counts
EXTENSIONS = ("pg_trgm", "fuzzystrmatch")

logging.getLogger("psycopg").setLevel(logging.CRITICAL)  # its warnings hold texts of errors

Row = Sequence[Any]


@lru_cache(maxsize=2_000)
def text(statement: str) -> TextClause:
    """SQL with `:named` parameters, read once: reading it anew took as long as running it."""
    return parsed(statement)


# -- statements that are run so often that their way counts ------------------------------------------
#
# SQLAlchemy takes two thirds of the time of a short statement, which is right for one and too much for thirty.

_PARAMETER: Final = re.compile(r"(?<![:\w\\]):(\w+)(?!:)")


@lru_cache(maxsize=2_000)
def _spelt(statement: str) -> str:
    """SQL with `:named` parameters as the driver reads it."""
    return _PARAMETER.sub(r"%(\1)s", statement.replace("%", "%%"))


def driver_of(connection: Connection) -> psycopg.Connection[Any]:
    """The driver's own connection: what is done with it is part of the same transaction."""
    driver: psycopg.Connection[Any] = connection.connection.driver_connection  # type: ignore[assignment]  # it is psycopg
    return driver


def run(connection: Connection, statement: str, parameters: Mapping[str, Any]) -> None:
    """Run a statement whose answer nobody needs."""
    driver_of(connection).cursor().execute(_spelt(statement), parameters)


def all_rows(connection: Connection, statement: str, parameters: Mapping[str, Any]) -> list[Any]:
    """What a statement answers: tuples with the names of its columns."""
    return send(connection, statement, parameters).fetchall()


def one_row(connection: Connection, statement: str, parameters: Mapping[str, Any]) -> Any:
    """The first row of what a statement answers; None where there is none."""
    return send(connection, statement, parameters).fetchone()


def send(connection: Connection, statement: str, parameters: Mapping[str, Any]) -> psycopg.Cursor[Any]:
    """A statement whose answer is fetched later from what this gives; see `without_waiting`."""
    spelt = _spelt(statement)
    return driver_of(connection).cursor(row_factory=_rows_of(spelt)).execute(spelt, parameters)


@lru_cache(maxsize=2_000)
def _rows_of(_statement: str) -> RowFactory[Any]:
    """Tuples with the names of the columns, which are read once: of each answer anew took a 25th of a small push."""
    makers: list[RowMaker[Any]] = []

    def rows(cursor: psycopg.Cursor[Any]) -> RowMaker[Any]:
        if not makers:
            if not cursor.description:
                return namedtuple_row(cursor)
            makers.append(namedtuple_row(cursor))
        return makers[0]

    return rows


T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Asked(Generic[T]):
    """A question that the server works on, and how its answer is read."""

    cursor: psycopg.Cursor[Any]
    read: Callable[[list[Any]], T]

    def answer(self) -> T:
        """Waits for it."""
        return self.read(self.cursor.fetchall())


@contextmanager
def without_waiting(connection: Connection) -> Iterator[None]:
    """What is `run` or sent in this block the server works on, one after the other, while we go on; at its end all is
    done, or the first of them that failed is raised. Only what is asked straight of the driver may be asked in it, and
    no COPY."""
    with driver_of(connection).pipeline():
        yield


class Database:
    """One PostgreSQL database, by a URL (or any connection string) as libpq reads it."""

    def __init__(self, url: str) -> None:
        self.url = _libpq(url)
        self.engine: Final[Engine] = _engine(self.url)
        self._reading = self.engine.execution_options(isolation_level="AUTOCOMMIT")
        self._beside: Final[Engine] = _engine(self.url, at_most=1)

    @contextmanager
    def unit_of_work(self) -> Iterator[Connection]:
        """One transaction: committed at the end, rolled back when anything is raised.

        Raises DatabaseError for what the database refuses or fails to do.
        """
        with errors_without_values(), self.engine.begin() as connection:
            yield connection

    @contextmanager
    def reading(self) -> Iterator[Connection]:
        """For statements that only read and need not see one moment: each is a transaction of its own, so that
        beginning and ending cost no trip to the server."""
        with errors_without_values(), self._reading.connect() as connection:
            yield connection

    @contextmanager
    def looking_up(self) -> Iterator[Connection]:
        """A second connection for whoever holds the resolver's lock, which only reads what is committed: the server
        looks up with it while it writes with the first. Others may all wait for the lock with the connections that
        there are, so this one is none of those."""
        with errors_without_values(), self._beside.connect() as connection:
            yield connection.execution_options(isolation_level="AUTOCOMMIT")

    def clear_away(self) -> None:
        """After a load of very many: let the planner know how much there is, take out what was queued on the way, and
        mark what is there to stay. Else whoever reads a page first has that to do."""
        ours = (
            "select tablename from pg_tables where schemaname = current_schema and tableowner = current_user order by 1"
        )
        with self.reading() as connection:
            for table in connection.execute(text(ours)).scalars().all():
                driver_of(connection).execute(sql.SQL("VACUUM (ANALYZE) {}").format(sql.Identifier(table)))

    @contextmanager
    def exclusive(self, name: str) -> Iterator[None]:
        """Alone in doing `name` ("run", "migration") on this database, until the end or our death.

        Raises BusyError at once if somebody else is doing it, saying who. It is a lock of the session, so a
        connection pooler between us and PostgreSQL must not work by transaction.
        """
        key = lock_key(name)
        with errors_without_values():
            defaults = _defaults(self.url) | {"application_name": _who_we_are(name)}
            connection = psycopg.connect(self.url, autocommit=True, **defaults)
        with connection:
            with errors_without_values():
                if not _first(connection.execute("SELECT pg_try_advisory_lock(%s)", [key])):
                    raise BusyError(
                        f"another {name} is running: {_holder(connection, key)}",
                        remedy="Wait for it or end it",
                    )
            try:
                yield
            finally:
                with suppress(psycopg.Error):  # who comes next must not wait until the server sees us gone
                    connection.execute("SELECT pg_advisory_unlock(%s)", [key])

    def close(self) -> None:
        """Close the idle connections."""
        self.engine.dispose()
        self._beside.dispose()


def _libpq(url: str) -> str:
    """`url` without SQLAlchemy's name of the driver."""
    for prefix in ("postgresql+psycopg://", "postgres+psycopg://"):
        if url.startswith(prefix):
            return "postgresql://" + url.removeprefix(prefix)
    return url


def _engine(url: str, at_most: int = 20) -> Engine:
    engine = create_engine(
        "postgresql+psycopg://",
        pool_size=min(at_most, 5),
        max_overflow=max(at_most - 5, 0),
        hide_parameters=True,
        json_serializer=_json_text,
        json_deserializer=orjson.loads,
    )

    @event.listens_for(engine, "do_connect")
    def _(_dialect: Any, _record: Any, arguments: list[Any], parameters: dict[str, Any]) -> None:
        # libpq reads the URL itself: several hosts, sslmode, service, passfile mean what they mean to psql.
        arguments[:] = [url]
        parameters.update(_defaults(url))

    @event.listens_for(engine, "connect")
    def _(connection: psycopg.Connection, _record: Any) -> None:
        connection.adapters.register_dumper(dict, JsonbDumper)
        connection.adapters.register_dumper(list, ArrayDumper)
        connection.adapters.register_dumper(np.ndarray, NumbersDumper)
        connection.adapters.register_dumper(LongTexts, LongTextsDumper)
        _make_room(connection)
        connection.prepare_threshold = 2
        connection.prepared_max = 500  # all statements there are, in some variants

    _watch_rested(engine)
    return engine


ROOM: Final = 1 << 20
"""Bytes that can be on their way to a server that is busy, if the system gives as much."""


def _make_room(connection: psycopg.Connection) -> None:
    """Who sends without waiting waits nevertheless where there is no room for what is sent."""
    with socket.socket(fileno=os.dup(connection.fileno())) as same:
        same.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, ROOM)


RESTED = 5.0
"""Seconds after which a connection that lay in the pool is tried before it is used."""


def _watch_rested(engine: Engine) -> None:
    """The server may have been restarted while a connection lay in the pool: then its socket has something to say,
    which costs nothing to see. A network that died says nothing; that is tried after a while."""

    @event.listens_for(engine, "checkin")
    def _(_connection: psycopg.Connection | None, record: ConnectionPoolEntry) -> None:
        record.info["since"] = monotonic()

    @event.listens_for(engine, "checkout")
    def _(connection: psycopg.Connection, record: ConnectionPoolEntry, _proxy: object) -> None:
        rested = monotonic() - record.info.get("since", monotonic())
        if rested < RESTED and not _has_something_to_say(connection):
            return
        try:
            engine.dialect.do_ping(connection)  # type: ignore[arg-type]  # psycopg's connection is one
        except psycopg.OperationalError as error:
            raise DisconnectionError from error


def _has_something_to_say(connection: psycopg.Connection) -> bool:
    socket_of = poll()
    socket_of.register(connection.fileno(), POLLIN)
    return bool(socket_of.poll(0))


def _defaults(url: str) -> dict[str, Any]:
    """What we ask of a connection where the URL does not say; a dead network is noticed within minutes.

    A statement is planned once, whatever its parameters: planning anew took longer than most of them run.
    """
    given = conninfo_to_dict(url)
    options = "-c timezone=UTC -c plan_cache_mode=force_generic_plan"
    wished = {"application_name": "cdi", "connect_timeout": 10, "keepalives_idle": 60, "options": options}
    return {name: value for name, value in wished.items() if name not in given}


def _json_text(value: Any) -> str:
    return orjson.dumps(value).decode()


# -- bulk writes -----------------------------------------------------------------------------------


def as_columns(names: Sequence[str], rows: Iterable[Row]) -> dict[str, list[Any]]:
    """Rows turned into one list a name, as parameters for `unnest`: a statement takes many rows without a temporary
    table, which would cost more than all the rest of a small batch."""
    columns = list(zip(*rows, strict=True)) or [()] * len(names)
    return {name: list(column) for name, column in zip(names, columns, strict=True)}


def copy_rows(connection: Connection, table: Table | str, columns: Sequence[str], rows: Iterable[Row]) -> int:
    """Append `rows` (values in the order of `columns`) to `table` by COPY; returns how many there were.

    Values are Python's own: str, int, float, bool, None, datetime, UUID, list for an array, dict for jsonb.
    """
    rows = iter(rows)
    first = list(islice(rows, FEW))
    if not first:
        return 0
    driver = driver_of(connection)
    name = sql.Identifier(table if isinstance(table, str) else table.name)
    fields = sql.SQL(", ").join(map(sql.Identifier, columns))
    if len(first) < FEW:
        driver.execute(_insertion(name, fields, len(columns), len(first)), list(chain.from_iterable(first)))
        return len(first)
    count = 0
    with driver.cursor() as cursor, cursor.copy(sql.SQL("COPY {} ({}) FROM STDIN").format(name, fields)) as copy:
        for row in chain(first, rows):
            copy.write_row(row)
            count += 1
    return count


def copy_lines(connection: Connection, table: str, columns: Sequence[str], lines: Iterable[str]) -> None:
    """Append lines of COPY's text format, each with its end: a fifth of the time that values of Python's own take. See
    `in_line` for texts that may hold anything."""
    driver = driver_of(connection)
    fields = sql.SQL(", ").join(map(sql.Identifier, columns))
    with (
        driver.cursor() as cursor,
        cursor.copy(sql.SQL("COPY {} ({}) FROM STDIN").format(sql.Identifier(table), fields)) as copy,
    ):
        copy.write("".join(lines))


def in_line(value: str) -> str:
    """A text as COPY's text format writes it."""
    value = value.replace("\\", "\\\\")
    if value.isprintable():
        return value
    return value.replace("\t", "\\t").replace("\n", "\\n").replace("\r", "\\r")


FEW: Final = 9
"""From so many rows on, COPY takes less than the trips to the server that it costs."""


def _insertion(table: sql.Identifier, fields: sql.Composed, width: int, rows: int) -> sql.Composed:
    row = sql.SQL("({})").format(sql.SQL(", ").join([sql.Placeholder()] * width))
    return sql.SQL("INSERT INTO {} ({}) VALUES {}").format(table, fields, sql.SQL(", ").join([row] * rows))


def take_stock(connection: Connection) -> None:
    """Let the planner know how much there is, after a load: by itself the server looks only later, and a private one
    that ends before never does. Until then it takes a table of a million rows for one of a few."""
    connection.execute(text("ANALYZE"))


# -- locks -----------------------------------------------------------------------------------------


def lock_key(name: str) -> int:
    """The number under which PostgreSQL knows the advisory lock `name`: 64 bits, signed."""
    return int.from_bytes(hashlib.blake2b(f"cdi:{name}".encode(), digest_size=8).digest(), "big", signed=True)


def resolver_lock(connection: Connection, *, shared: bool = False) -> None:
    """Be the one resolver until the end of this transaction; waits for the one before. `shared`: beside others who
    only append what nobody knows yet, and apart from whoever resolves."""
    function = "pg_advisory_xact_lock_shared" if shared else "pg_advisory_xact_lock"
    run(connection, f"SELECT {function}(:key)", {"key": lock_key("resolver")})


def see_one_moment(connection: Connection) -> None:
    """All that this transaction reads is as of its first question; this comes before that one."""
    connection.execute(text("set transaction isolation level repeatable read"))


def is_held(connection: Connection, name: str) -> bool:
    """Whether some process of this database is doing `name` now (see `Database.exclusive`)."""
    held = text(
        "SELECT EXISTS (SELECT FROM pg_locks WHERE locktype = 'advisory' AND granted AND objsubid = 1"
        " AND database = (SELECT oid FROM pg_database WHERE datname = current_database())"
        " AND (classid::bigint << 32 | objid::bigint) = :key)"
    )
    return bool(connection.execute(held, {"key": lock_key(name)}).scalar_one())


def _who_we_are(name: str) -> str:
    return f"cdi {name}, process {os.getpid()} on {socket.gethostname()}"[:63]


def _holder(connection: psycopg.Connection, key: int) -> str:
    """Who holds the lock, in the words of `_who_we_are`."""
    holder = connection.execute(
        "SELECT application_name FROM pg_locks JOIN pg_stat_activity USING (pid)"
        " WHERE locktype = 'advisory' AND granted AND objsubid = 1"
        " AND (classid::bigint << 32 | objid::bigint) = %s LIMIT 1",
        [key],
    ).fetchone()
    return holder[0] if holder else "it has just ended"


def _first(cursor: psycopg.Cursor[Any]) -> Any:
    row = cursor.fetchone()
    return row[0] if row else None


# -- opening and migrating -------------------------------------------------------------------------


@contextmanager
def open_database(settings: Settings) -> Iterator[Database]:
    """The deployment's database: the server that CDI_DATABASE_URL names, else the private one.

    Raises DatabaseError when it cannot be reached or is too old. Its schema is not looked at: see `upgrade`.
    """
    if settings.environment.database_url:
        with _opened(settings.environment.database_url) as database:
            yield database
    else:
        with embedded.running(settings.data_folder) as url, _opened(url) as database:
            yield database


@contextmanager
def _opened(url: str) -> Iterator[Database]:
    database = Database(url)
    try:
        check_server(database)
        yield database
    finally:
        database.close()


def check_server(database: Database) -> None:
    """Raises DatabaseError unless the server answers and is new enough."""
    with database.unit_of_work() as connection:
        version = int(connection.execute(text("SHOW server_version_num")).scalar_one())
        encoding = connection.execute(text("SHOW server_encoding")).scalar_one()
    if version < OLDEST_SERVER:
        raise DatabaseError(f"the server is PostgreSQL {version // 10000}", remedy="cdi needs PostgreSQL 15 or newer")
    if encoding != "UTF8":
        raise DatabaseError(f"the database is encoded in {encoding}", remedy="Create it with ENCODING 'UTF8'")


def upgrade(database: Database, revision: str = "head") -> None:
    """Bring the schema to `revision`, the newest unless named; of several at once one works, others wait."""
    current = current_revision(database)
    if revision == "head" and current == head_revision():
        return
    _check_known(current)
    _migrate(database, revision, command.upgrade)


def downgrade(database: Database, revision: str) -> None:
    """Take the schema back to `revision` ("base": to nothing); what later revisions added is lost."""
    _migrate(database, revision, command.downgrade)


def check_head(database: Database) -> None:
    """Raises DatabaseError unless the schema is the one that this program knows."""
    current, head = current_revision(database), head_revision()
    if current == head:
        return
    _check_known(current)
    raise DatabaseError(f"the database is at {current or 'nothing'} and not at {head}", remedy="Run cdi db upgrade")


def current_revision(database: Database) -> str | None:
    """Where the schema stands; None before the first migration."""
    with database.unit_of_work() as connection:
        return MigrationContext.configure(connection).get_current_revision()


@lru_cache(maxsize=1)
def head_revision() -> str | None:
    """Where this program's migrations lead; there is one head."""
    return ScriptDirectory.from_config(migrations()).get_current_head()


def _check_known(revision: str | None) -> None:
    known = {script.revision for script in ScriptDirectory.from_config(migrations()).walk_revisions()}
    if revision is not None and revision not in known:
        raise DatabaseError(f"the database is at {revision}, made by a newer cdi", remedy="Install that version of cdi")


def load_tables() -> None:
    """Import every room of the store, so that `metadata` knows all tables."""
    for module in pkgutil.iter_modules(store.__path__):
        import_module(f"cdi.store.{module.name}")


def migrations() -> Config:
    """Alembic's configuration, without a file."""
    config = Config()
    config.set_main_option("script_location", str(bundled("migrations")).replace("%", "%%"))
    return config


def _migrate(database: Database, revision: str, direction: Any) -> None:
    config = migrations()
    with errors_without_values(), database.engine.connect() as connection:
        key = {"key": lock_key("migration")}
        connection.execute(text("SELECT pg_advisory_lock(:key)"), key)
        connection.commit()
        try:
            ensure_extensions(database)
            config.attributes["connection"] = connection
            direction(config, revision)
        finally:
            connection.rollback()
            connection.execute(text("SELECT pg_advisory_unlock(:key)"), key)
            connection.commit()


def ensure_extensions(database: Database) -> None:
    """Both are *trusted*: the owner of a database may create them without being superuser."""
    with database.unit_of_work() as connection:
        present = set(connection.execute(text("SELECT extname FROM pg_extension")).scalars())
    for name in EXTENSIONS:
        if name not in present:
            try:
                with database.unit_of_work() as connection:
                    connection.execute(text(f"CREATE EXTENSION IF NOT EXISTS {name}"))
            except DatabaseError:
                remedy = f"Have its administrator run CREATE EXTENSION {name} in this database"
                raise DatabaseError(f"the PostgreSQL extension {name} is missing", remedy=remedy) from None
