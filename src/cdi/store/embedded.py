"""The private PostgreSQL server: whoever uses it holds a lock on a file, and so does the server itself.

The kernel drops a lock when its holder dies, however it dies. So no list of processes can be stale, no number
of a process can be mistaken for another, and a server without users is stopped by the next one that leaves.

    <data folder>/postgres/     mode 0700
        lock                    held while the server is being started or stopped
        server.lock             held by the server's processes as long as one of them lives
        handles/                one locked file for each user of the server
        data/                   PostgreSQL's files, its configuration and its socket
        log                     what the server says
"""

import fcntl
import logging
import os
import shutil
import signal
import subprocess
import time
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from urllib.parse import quote

import psutil
import psycopg

from cdi.errors import DatabaseError
from cdi.ids import new_id
from cdi.store import socket_path, tuning
from cdi.store.programs import (
    CLEAN_ENVIRONMENT,
    Account,
    account_for,
    account_with_name,
    programs_for,
    run_as,
    user_name,
)

SUPERUSER = "postgres"
ROLE = "cdi"
"""The application's role and the name of its database."""

RECOVERY_SECONDS = 120.0
"""How long a start may take: recovering a big database after a crash is slow, and killing it helps nobody."""

STOP_SECONDS = 60.0
PORT = 5432  # names the socket; nothing listens on the network
SOCKET = f".s.PGSQL.{PORT}"
LARGEST_LOG = 10 * 1024 * 1024

logger = logging.getLogger(__name__)


@contextmanager
def running(data_folder: Path, *, options: Mapping[str, str] = {}) -> Iterator[str]:
    """The server of this deployment, started if it is not running, as a URL for the application's role.

    All processes of a deployment share one server; when the last one leaves, it is stopped. `options` are
    settings of PostgreSQL for this start, for tests. Raises DatabaseError when the server cannot be started.
    """
    server = _Server(_own_folder(data_folder))
    with ExitStack() as stack:
        with server.locked():
            stack.callback(server.leave, *server.enter())
            server.ensure_started(options)
        yield server.url(ROLE, ROLE)


def stop(data_folder: Path) -> bool:
    """Stop the server, whoever still uses it; False if it was not running."""
    folder = data_folder / "postgres"
    if not folder.is_dir():
        return False
    server = _Server(folder)
    with server.locked():
        return server.stop()


def is_running(data_folder: Path) -> bool:
    """Whether the server of this deployment runs now, started by us or by anyone else."""
    folder = data_folder / "postgres"
    return folder.is_dir() and _Server(folder).alive()


def _own_folder(data_folder: Path) -> Path:
    _make_folder(data_folder, 0o755)
    folder = data_folder / "postgres"
    _make_folder(folder, 0o700)
    return folder


def _make_folder(folder: Path, mode: int) -> None:
    if folder.is_dir():
        return
    if not folder.parent.is_dir():
        _make_folder(folder.parent, 0o755)
    with suppress(FileExistsError):
        folder.mkdir(mode)
        _give_to_owner_of(folder.parent, folder)


def _give_to_owner_of(folder: Path, path: Path) -> None:
    """What root makes in someone else's folder belongs to that one, who will want to use it without root."""
    if os.geteuid() == 0:
        owner = folder.stat()
        os.chown(path, owner.st_uid, owner.st_gid, follow_symlinks=False)


class _Server:
    """The files of one private server and what is done with them."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder.resolve()
        self.data = self.folder / "data"
        self.log = self.folder / "log"
        self.account = account_for(self.folder)
        self.folder.chmod(0o700)

    # -- locks -------------------------------------------------------------------------------------

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Alone in starting and stopping; waits for whoever is at it."""
        file = self._open("lock")
        try:
            deadline = time.monotonic() + RECOVERY_SECONDS + STOP_SECONDS
            while not _try_lock(file):
                if time.monotonic() > deadline:
                    raise DatabaseError(f"another process has been starting or stopping {self.folder} for minutes")
                time.sleep(0.05)
            yield
        finally:
            os.close(file)

    def enter(self) -> tuple[Path, int]:
        """A handle of ours: a file that is locked through its descriptor until `leave` or our end."""
        folder = self.folder / "handles"
        _make_folder(folder, 0o700)
        handle = folder / f"{os.getpid()}-{new_id()}"
        descriptor = self._open(f"handles/{handle.name}")
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        return handle, descriptor

    def leave(self, handle: Path, descriptor: int) -> None:
        """Give the handle back; the last one stops the server."""
        if not self.folder.is_dir():  # moved or removed meanwhile: the next one there finds the handle dead
            os.close(descriptor)
            return
        with self.locked():
            handle.unlink(missing_ok=True)
            os.close(descriptor)
            if not self._in_use():
                self.stop()

    def _in_use(self) -> bool:
        """Whether any handle is held; those of the dead are removed."""
        used = False
        for handle in (self.folder / "handles").iterdir():
            file = os.open(handle, os.O_RDWR)
            if _try_lock(file):
                handle.unlink()
            else:
                used = True
            os.close(file)
        return used

    def alive(self) -> bool:
        """Whether any process of the server lives, seen from any container that shares the folder."""
        file = self._open("server.lock")
        free = _try_lock(file, fcntl.LOCK_SH)  # shared, so that two who look do not take each other for it
        os.close(file)
        return not free

    def _open(self, name: str) -> int:
        path = self.folder / name
        try:
            return os.open(path, os.O_RDWR | os.O_NOFOLLOW)
        except FileNotFoundError:
            file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW, 0o600)
            _give_to_owner_of(self.folder, path)
            return file

    # -- starting ----------------------------------------------------------------------------------

    def ensure_started(self, options: Mapping[str, str]) -> None:
        if self.alive() and self._answers(time.monotonic() + RECOVERY_SECONDS, None):
            return
        self._wait_for_orphans()
        programs = programs_for(self.account)
        if not (self.data / "PG_VERSION").exists():
            self._initialise(programs, options)
        self._check_version(programs)
        self._configure()
        self._launch(programs, options)
        self._ensure_role_and_database()

    def _wait_for_orphans(self) -> None:
        """After the first process of a server was killed, the others need a moment to notice and go."""
        deadline = time.monotonic() + STOP_SECONDS
        while self.alive():
            if time.monotonic() > deadline:
                raise DatabaseError(
                    f"processes of a broken server still use {self.data}", remedy="End them and try again"
                )
            time.sleep(0.05)

    def _initialise(self, programs: Path, options: Mapping[str, str]) -> None:
        """Make an empty cluster beside and rename it, so that `data` is always a whole one."""
        building = self.folder / "data.new"
        shutil.rmtree(building, ignore_errors=True)
        building.mkdir(mode=0o700)
        maker = account_with_name(self.account)
        _give(building, maker)
        with _reachable(building, self.account) as (path, keep):
            command: list[str | Path] = [programs / "initdb", "-D", path, "-U", SUPERUSER]
            command += ["--encoding=UTF8", "--locale=C.UTF-8"]
            command += ["--locale-provider=builtin", "--auth-local=peer", "--auth-host=reject"]
            command += ["--no-sync"] if options.get("fsync") == "off" else []
            result = run_as(maker, command, keep=keep)
        if result.returncode != 0:
            raise DatabaseError(f"the database could not be created in {self.folder}: {_last_line(result.stderr)}")
        if maker != self.account:
            _give_all(building, self.account)
        building.rename(self.data)

    def _check_version(self, programs: Path) -> None:
        theirs = (self.data / "PG_VERSION").read_text().strip()
        ours = run_as(self.account, [programs / "postgres", "--version"]).stdout.split()[-1].split(".")[0]
        if theirs != ours:
            raise DatabaseError(
                f"{self.data} was written by PostgreSQL {theirs}, and this cdi brings PostgreSQL {ours}",
                remedy="Write a backup with the cdi that brought it, then restore that into a new folder",
            )

    def _configure(self) -> None:
        if os.geteuid() == 0 and self.data.stat().st_uid != self.account.uid:  # moved here, or changed hands
            _give_all(self.data, self.account)
        custom = (self.data / tuning.CUSTOM).exists()
        memory, shared = tuning.memory_of_machine(), tuning.shared_memory_of_machine()
        rules, names = tuning.authentication(SUPERUSER, ROLE, {"root", user_name()} | self._owner_name())
        self._write("postgresql.conf", tuning.server_configuration(PORT, memory, shared, custom))
        self._write("pg_hba.conf", rules)
        self._write("pg_ident.conf", names)
        # No process of this server lives, so what the last one left is stale, whoever has its number now.
        for name in ("postmaster.pid", SOCKET, f"{SOCKET}.lock"):
            (self.data / name).unlink(missing_ok=True)

    def _owner_name(self) -> set[str]:
        with suppress(KeyError):
            return {self.folder.owner()}
        return set()

    def _write(self, name: str, text: str) -> None:
        """Replace a file of the server's folder, never following a link that might lie there."""
        path = self.data / f"{name}.new"
        path.unlink(missing_ok=True)
        with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="utf-8") as file:
            file.write(text)
        _give(path, self.account)
        path.rename(self.data / name)

    def _launch(self, programs: Path, options: Mapping[str, str]) -> None:
        user, group, groups = self.account.switch
        alive = self._open("server.lock")
        fcntl.flock(alive, fcntl.LOCK_EX)
        with _reachable(self.data, self.account) as (path, keep), self._open_log() as log:
            command = [str(programs / "postgres"), "-D", path, "-c", f"cluster_name={self._mark()}"]
            for name, value in options.items():
                command += ["-c", f"{name}={value}"]
            process = subprocess.Popen(  # noqa: S603 - our own program and paths, no shell
                command,
                env=CLEAN_ENVIRONMENT,
                cwd="/",
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                pass_fds=(alive, *keep),
                start_new_session=True,  # Ctrl-C is for us, not for the server
                umask=0o077,
                user=user,
                group=group,
                extra_groups=groups,
            )
        os.close(alive)  # the server holds it now
        try:
            self._wait_until_ready(process)
        except BaseException:
            process.send_signal(signal.SIGINT)
            process.wait()
            raise

    def _wait_until_ready(self, process: "subprocess.Popen[bytes]") -> None:
        if not self._answers(time.monotonic() + RECOVERY_SECONDS, process):
            raise DatabaseError(
                f"the private PostgreSQL server did not start: {_last_line(self._tail())}",
                remedy=f"See {self.log}",
            )
        logger.info("embedded server started", extra={"server_process": process.pid})

    def _answers(self, deadline: float, process: "subprocess.Popen[bytes] | None") -> bool:
        """Wait until the server takes connections; False when it ended or the time is up."""
        while time.monotonic() < deadline:
            try:
                psycopg.connect(self.url(SUPERUSER, "postgres"), connect_timeout=10).close()
                return True
            except psycopg.OperationalError:
                if process.poll() is not None if process else not self.alive():
                    return False
            time.sleep(0.05)
        return False

    def _ensure_role_and_database(self) -> None:
        with psycopg.connect(self.url(SUPERUSER, "postgres"), autocommit=True) as connection:
            if not connection.execute("SELECT 1 FROM pg_roles WHERE rolname = %s", [ROLE]).fetchone():
                connection.execute(f"CREATE ROLE {ROLE} LOGIN NOSUPERUSER NOCREATEROLE CREATEDB")
            if not connection.execute("SELECT 1 FROM pg_database WHERE datname = %s", [ROLE]).fetchone():
                connection.execute(f"CREATE DATABASE {ROLE} OWNER {ROLE}")

    @contextmanager
    def _open_log(self) -> Iterator[int]:
        if self.log.exists() and self.log.stat().st_size > LARGEST_LOG:
            self.log.rename(self.folder / "log.old")
        file = self._open("log")
        try:
            os.lseek(file, 0, os.SEEK_END)
            fcntl.fcntl(file, fcntl.F_SETFL, os.O_APPEND)
            yield file
        finally:
            os.close(file)

    def _tail(self) -> str:
        with self.log.open("rb") as file:
            file.seek(max(0, self.log.stat().st_size - 4096))
            return file.read().decode("utf-8", "replace")

    # -- reaching and stopping ---------------------------------------------------------------------

    def url(self, role: str, database: str) -> str:
        """A URL as libpq reads it; its host is the folder of the socket."""
        host = quote(str(socket_path.folder_for(self.data / SOCKET)), safe="")
        return f"postgresql://{role}@/{database}?host={host}&port={PORT}"

    def stop(self) -> bool:
        """Stop the server in an orderly way; if it will not, let it recover at its next start."""
        if not self.alive():
            return False
        process = self._first_process()
        if process is None:
            logger.warning("embedded server left running: it belongs to another container")
            return False
        for request, patience in ((signal.SIGINT, STOP_SECONDS), (signal.SIGQUIT, 10.0)):
            with suppress(psutil.NoSuchProcess):
                process.send_signal(request)
            if self._gone_within(patience):
                socket_path.forget(self.data / SOCKET)
                logger.info("embedded server stopped")
                return True
        raise DatabaseError(f"the private PostgreSQL server (process {process.pid}) does not stop")

    def _gone_within(self, seconds: float) -> bool:
        deadline = time.monotonic() + seconds
        while self.alive():
            if time.monotonic() > deadline:
                return False
            time.sleep(0.02)
        return True

    def _first_process(self) -> psutil.Process | None:
        """The server's first process, found by its mark; None if only another container can see it.

        Not by `postmaster.pid`: in another container its number may be that of anything.
        """
        mark = f"cluster_name={self._mark()}"
        for process in psutil.process_iter():
            with suppress(psutil.Error):
                if mark in process.cmdline():
                    return process
        return None

    def _mark(self) -> str:
        """A name for this very folder, seen in the list of processes; a copy of the folder has another."""
        identity = self.data.stat()
        return f"cdi-{identity.st_dev:x}-{identity.st_ino:x}"


def _try_lock(file: int, kind: int = fcntl.LOCK_EX) -> bool:
    try:
        fcntl.flock(file, kind | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


@contextmanager
def _reachable(folder: Path, account: Account) -> Iterator[tuple[str, tuple[int, ...]]]:
    """A path under which a program of `account` reaches `folder`, and the descriptors it must inherit for it.

    Folders above may be closed to that user and their modes are not ours to change; an open descriptor is a
    way in that needs no way through.
    """
    if account.switch[0] is None:
        yield str(folder), ()
        return
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        yield f"/proc/self/fd/{descriptor}", (descriptor,)
    finally:
        os.close(descriptor)


def _give(path: Path, account: Account) -> None:
    if os.geteuid() == 0:
        os.chown(path, account.uid, account.gid, follow_symlinks=False)


def _give_all(folder: Path, account: Account) -> None:
    for path in (folder, *folder.rglob("*")):
        _give(path, account)


def _last_line(text: str) -> str:
    """What a program said last that is worth repeating."""
    lines = [line for line in text.splitlines() if line.strip()]
    telling = [line for line in lines if "FATAL" in line or "error" in line.lower() or "PANIC" in line]
    return (telling or lines or ["it said nothing"])[-1].strip()
