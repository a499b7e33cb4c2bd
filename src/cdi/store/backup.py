"""A database as one file, and back: everything or nothing, by PostgreSQL's own programs.

The file holds customers' data: only its owner may read it. It is of PostgreSQL's *custom* format, so that any
`pg_restore` of version 18 or newer reads it too.
"""

import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path
from typing import IO

from psycopg.conninfo import conninfo_to_dict, make_conninfo

from cdi.errors import ConflictError, DatabaseError, InvalidInputError
from cdi.store.db import Database, ensure_extensions, text
from cdi.store.programs import own_programs

LOCK_WAIT = "60s"
"""How long a backup waits for a migration that holds a table."""

HEADER_LINES = 60
NEWER_SETTINGS = (b"SET transaction_timeout = 0;\n",)
"""What pg_dump 18 sets and servers before 17 do not know; it means nothing during a restore."""

TABLES_THERE = """
    SELECT count(*) FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
    WHERE c.relkind IN ('r', 'p', 'v', 'm', 'S') AND n.nspname NOT IN ('pg_catalog', 'information_schema')
    AND n.nspname NOT LIKE 'pg\\_%'
    AND NOT EXISTS (SELECT FROM pg_depend d WHERE d.objid = c.oid AND d.deptype = 'e')
"""


def backup(database_url: str, file: Path) -> None:
    """Write the whole database to `file` as it is at this moment; work may go on meanwhile.

    The file is there only when it is complete. Raises DatabaseError; InvalidInputError if `file` cannot be written.
    """
    partial = file.with_name(f"{file.name}.partial")
    try:
        os.close(os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600))
        partial.chmod(0o600)
    except OSError as error:
        raise InvalidInputError(f"{file} cannot be written ({error.strerror})") from None
    options = ["--format=custom", "--no-owner", "--no-privileges", "--exclude-extension=*"]
    options += [f"--lock-wait-timeout={LOCK_WAIT}", f"--file={partial}"]
    try:
        result = _run("pg_dump", options, database_url)
        if result.returncode != 0:
            raise _failure("the backup could not be written", result.stderr)
        partial.replace(file)
    finally:
        partial.unlink(missing_ok=True)


def restore(file: Path, database_url: str) -> None:
    """Read what `backup` wrote into an empty database, in one transaction.

    Raises InvalidInputError if `file` is no backup, ConflictError if the database is not empty, DatabaseError
    if it fails; in each case the database is left as it was.
    """
    _check_file(file)
    database = Database(database_url)
    try:
        with database.exclusive("restore"):
            with database.unit_of_work() as connection:
                if connection.execute(text(TABLES_THERE)).scalar_one():
                    remedy = "Restore into a new deployment folder or a newly created database"
                    raise ConflictError("the database to restore into is not empty", remedy=remedy)
            ensure_extensions(database)
            _read_into(file, database_url)
            with database.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
                connection.execute(text("ANALYZE"))  # plans are bad until the statistics are there
    finally:
        database.close()


def shell(database_url: str) -> int:
    """psql on this database, the system's own if there is one (it edits lines better); returns its exit status."""
    target, environment = _target(database_url)
    psql = shutil.which("psql") or str(own_programs() / "psql")
    return subprocess.call([psql, target], env=environment)  # noqa: S603 - a shell is what was asked for


def _read_into(file: Path, database_url: str) -> None:
    """pg_restore writes the script and psql reads it, with what old servers do not know taken out between.

    COMMIT is said only after all was written: if anyone dies before, psql reaches the end without it.
    """
    target, environment = _target(database_url)
    write = [str(own_programs() / "pg_restore"), "--no-owner", "--no-privileges", "--file=-", str(file)]
    read = [str(own_programs() / "psql"), "--no-psqlrc", "--quiet", "--output=/dev/null"]
    read += ["--set=ON_ERROR_STOP=1", f"--dbname={target}"]
    with (
        tempfile.TemporaryFile() as complaints,
        subprocess.Popen(read, stdin=subprocess.PIPE, stderr=complaints, env=environment) as reader,  # noqa: S603
        subprocess.Popen(write, stdout=subprocess.PIPE, stderr=complaints, env=environment) as writer,  # noqa: S603
    ):
        assert writer.stdout and reader.stdin
        with suppress(BrokenPipeError):  # psql ended at an error
            reader.stdin.write(b"BEGIN;\n")
            _pass_on(writer.stdout, reader.stdin)
            if writer.wait() == 0:
                reader.stdin.write(b"COMMIT;\n")
            reader.stdin.close()
        writer.stdout.close()
        failed = [program.args for program in (reader, writer) if program.wait() != 0]
        complaints.seek(0)
        said = complaints.read().decode("utf-8", "replace")
    if failed:
        raise _failure("the backup could not be read", said)


def _pass_on(source: IO[bytes], sink: IO[bytes]) -> None:
    for _ in range(HEADER_LINES):
        line = source.readline()
        if line not in NEWER_SETTINGS:
            sink.write(line)
    shutil.copyfileobj(source, sink, 1024 * 1024)


def _check_file(file: Path) -> None:
    try:
        with file.open("rb") as opened:
            beginning = opened.read(5)
    except OSError as error:
        raise InvalidInputError(f"{file} cannot be read ({error.strerror})") from None
    if beginning != b"PGDMP":
        raise InvalidInputError(f"{file} is no backup", remedy="Give a file that cdi db backup wrote")


def _run(program: str, options: Iterable[str], database_url: str) -> "subprocess.CompletedProcess[str]":
    target, environment = _target(database_url)
    return subprocess.run(  # noqa: S603 - our own programs, no shell
        [str(own_programs() / program), *options, f"--dbname={target}"],
        env=environment,
        capture_output=True,
        text=True,
        errors="replace",
        check=False,
    )


def _target(database_url: str) -> tuple[str, dict[str, str]]:
    """Where to connect, and the environment that holds the password: a command line is seen by everyone."""
    parts = conninfo_to_dict(Database(database_url).url)
    password = parts.pop("password", None)
    return make_conninfo("", **parts), os.environ | ({"PGPASSWORD": str(password)} if password else {})


def _failure(what: str, said: str) -> DatabaseError:
    """What a program said, up to where it may quote a row."""
    lines = [line for line in said.splitlines() if "error:" in line or "ERROR:" in line]
    reason = lines[0].partition("error: ")[2] or lines[0] if lines else "no reason was given"
    remedy = "The server is newer than this cdi; use its own pg_dump" if "version mismatch" in reason else ""
    return DatabaseError(f"{what}: {_without_values(reason)}", remedy=remedy)


def _without_values(message: str) -> str:
    """Of an error of the server only that there was one: its text may quote a value."""
    ours, server, _ = message.partition("ERROR:")
    return f"{ours.rstrip(': ')} (refused by the server)".strip() if server else message
