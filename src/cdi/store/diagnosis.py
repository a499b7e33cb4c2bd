"""What may be wrong with the database, asked one by one; for `cdi doctor`."""

import shutil
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import unquote

from psycopg.conninfo import conninfo_to_dict
from sqlalchemy import Connection

from cdi.clock import utc_now
from cdi.errors import CdiError
from cdi.ingest.contract import CheckResult
from cdi.store.db import EXTENSIONS, Database, check_head, check_server, text

LEAST_FREE = 1024**3  # bytes
LONGEST_TRANSACTION = 3600  # seconds
LARGEST_SKEW = 5  # seconds
OLDEST_TRANSACTION_IDS = 1_000_000_000  # of the two thousand million after which PostgreSQL stops writing


def diagnose(database: Database) -> list[CheckResult]:
    """All questions with their answers; where the database cannot be reached, that one alone."""
    try:
        check_server(database)
        with database.unit_of_work() as connection:
            return [
                CheckResult("the database answers and is new enough", True, _version(connection)),
                _schema(database),
                *_questions(connection),
                *_disk(database),
            ]
    except CdiError as error:
        return [CheckResult("the database answers and is new enough", False, str(error))]


def _version(connection: Connection) -> str:
    size = connection.execute(text("SELECT pg_size_pretty(pg_database_size(current_database()))")).scalar_one()
    version = connection.execute(text("SHOW server_version")).scalar_one()
    return f"PostgreSQL {version}, {size}"


def _schema(database: Database) -> CheckResult:
    question = "its schema is this version's"
    try:
        check_head(database)
    except CdiError as error:
        return CheckResult(question, False, str(error))
    return CheckResult(question, True)


def _questions(connection: Connection) -> Iterator[CheckResult]:
    installed = set(connection.execute(text("SELECT extname FROM pg_extension")).scalars())
    missing = [name for name in EXTENSIONS if name not in installed]
    yield CheckResult("its extensions are installed", not missing, f"CREATE EXTENSION {missing[0]}" if missing else "")

    off = [name for name in ("fsync", "full_page_writes", "synchronous_commit") if _setting(connection, name) == "off"]
    yield CheckResult(
        "what is committed survives a power cut", not off, f"{', '.join(off)} = off: turn on" if off else ""
    )

    invalid = list(
        connection.execute(text("SELECT indexrelid::regclass::text FROM pg_index WHERE NOT indisvalid")).scalars()
    )
    yield CheckResult("all indexes are whole", not invalid, f"REINDEX INDEX {invalid[0]}" if invalid else "")

    damaged = connection.execute(
        text("SELECT coalesce(checksum_failures, 0) FROM pg_stat_database WHERE datname = current_database()")
    ).scalar_one()
    yield CheckResult(
        "no damaged page was ever read", not damaged, "restore a backup onto another disk" if damaged else ""
    )

    age = connection.execute(
        text("SELECT age(datfrozenxid) FROM pg_database WHERE datname = current_database()")
    ).scalar_one()
    detail = f"{age:,} transactions behind: let autovacuum run"
    yield CheckResult(
        "old rows are frozen in time", age < OLDEST_TRANSACTION_IDS, detail if age >= OLDEST_TRANSACTION_IDS else ""
    )

    oldest = connection.execute(text(OLDEST_TRANSACTION)).one_or_none()
    long = oldest is not None and oldest.seconds > LONGEST_TRANSACTION
    detail = f"process {oldest.pid} ({oldest.application_name}) for {oldest.seconds / 60:.0f} minutes" if oldest else ""
    yield CheckResult("nobody keeps a transaction open for long", not long, detail if long else "")

    skew = (connection.execute(text("SELECT clock_timestamp()")).scalar_one() - utc_now()).total_seconds()
    detail = f"they differ by {skew:.0f} seconds: run a time service on both"
    yield CheckResult("its clock and ours agree", abs(skew) < LARGEST_SKEW, detail if abs(skew) >= LARGEST_SKEW else "")


OLDEST_TRANSACTION = """
    SELECT pid, application_name, extract(epoch FROM clock_timestamp() - xact_start)::float8 AS seconds
    FROM pg_stat_activity
    WHERE datname = current_database() AND backend_type = 'client backend' AND xact_start IS NOT NULL
    AND pid <> pg_backend_pid()
    ORDER BY xact_start LIMIT 1
"""


def _setting(connection: Connection, name: str) -> str:
    return str(connection.execute(text("SELECT current_setting(:name)"), {"name": name}).scalar_one())


def _disk(database: Database) -> Iterator[CheckResult]:
    """Room on the disk, where the server is on this machine and its folder can be seen."""
    host = unquote(str(conninfo_to_dict(database.url).get("host") or ""))
    if host.startswith("/") and Path(host).is_dir():
        free = shutil.disk_usage(host).free
        detail = f"{free / 1024**3:.1f} GB are left in {host}"
        yield CheckResult("there is room on its disk", free > LEAST_FREE, detail)
