"""A PostgreSQL server that is not ours: the oldest one that is installed on this machine."""

import os
import pwd
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from temporary import in_memory


@contextmanager
def foreign_server() -> Iterator[str]:
    """The URL of its database `postgres`; skips where none is installed."""
    versions = [path for path in Path("/usr/lib/postgresql").glob("*/bin") if int(path.parent.name) >= 15]
    if not versions:
        pytest.skip("no other PostgreSQL is installed; to run this too: apt-get install postgresql-15")
    programs = min(versions, key=lambda path: int(path.parent.name))
    nobody = pwd.getpwnam("nobody")
    switch = {"user": nobody.pw_uid, "group": nobody.pw_gid, "extra_groups": []} if os.geteuid() == 0 else {}
    with tempfile.TemporaryDirectory(prefix="pg-", dir=in_memory()) as folder:
        data = Path(folder) / "data"
        data.mkdir(mode=0o700)
        if switch:
            for path in (Path(folder), data):
                os.chown(path, nobody.pw_uid, nobody.pw_gid)

        def run(program: str, *arguments: str) -> None:
            command = [programs / program, "-D", data, *arguments]
            with (Path(folder) / "log").open("ab") as log:
                subprocess.run(command, check=True, stdout=log, stderr=log, cwd="/", **switch)

        run("initdb", "--auth=trust", "-U", "owner", "--encoding=UTF8", "--no-locale", "--no-sync")
        run("pg_ctl", "-w", "-l", f"{data}/log", "-o", f"-k {folder} -c listen_addresses='' -c fsync=off", "start")
        try:
            yield f"postgresql://owner@/postgres?host={folder}"
        finally:
            run("pg_ctl", "-w", "-m", "immediate", "stop")
