"""The private server: shared, stopped by the last, and back after anybody was killed."""

import os
import shutil
import signal
import stat
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import psutil
import psycopg
import pytest

from cdi.errors import DatabaseError
from cdi.store import embedded
from cdi.store.programs import Account, programs_for, run_as
from temporary import in_memory

QUICK = {"fsync": "off", "full_page_writes": "off"}

HOLD = """
import signal
import sys
from pathlib import Path
from cdi.store import embedded
signal.signal(signal.SIGINT, signal.default_int_handler)  # a job in the background starts with it ignored
with embedded.running(Path(sys.argv[1]), options={'fsync': 'off'}) as url:
    print(url, flush=True)
    sys.stdin.readline()
print("left", flush=True)
"""


class User:
    """Another process that uses the server until it is told to leave, or killed."""

    def __init__(self, data_folder: Path, **options: object) -> None:
        command = [sys.executable, "-c", HOLD, str(data_folder)]
        self.process = subprocess.Popen(
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            **options,
        )

    def url(self) -> str:
        line = self.process.stdout.readline().strip()
        assert line, self.process.stderr.read()
        return line

    def leave(self) -> None:
        assert self.process.communicate("\n", timeout=60)[0].strip().endswith("left")

    def kill(self) -> None:
        self.process.kill()
        self.process.communicate()


@pytest.fixture(scope="module")
def used_before() -> Iterator[Path]:
    """A data folder whose server has run before, to be copied: making one takes most of a second."""
    with tempfile.TemporaryDirectory(prefix="cdi-test-", dir=in_memory()) as made:
        with embedded.running(Path(made) / "var", options=QUICK):
            pass
        yield Path(made) / "var"


@pytest.fixture
def folder(used_before: Path, memory_path: Path) -> Iterator[Path]:
    """A data folder whose server is stopped afterwards, whatever happened."""
    subprocess.run(["cp", "-a", used_before, memory_path / "var"], check=True)
    yield memory_path / "var"
    if (memory_path / "var").is_dir():
        embedded.stop(memory_path / "var")


@pytest.fixture
def another_user(folder: Path) -> Iterator[Callable[[], User]]:
    with ExitStack() as stack:

        def begin() -> User:
            user = User(folder)
            stack.callback(user.kill)
            return user

        yield begin


def ask(url: str, question: str) -> object:
    with psycopg.connect(url, autocommit=True) as connection:
        cursor = connection.execute(question)
        return cursor.fetchone()[0] if cursor.description else None


def server_process(folder: Path) -> psutil.Process:
    return psutil.Process(int((folder / "postgres/data/postmaster.pid").read_text().split()[0]))


def lives(process: psutil.Process) -> bool:
    return process.is_running() and process.status() != psutil.STATUS_ZOMBIE


def modes_above(path: Path) -> list[int]:
    return [parent.stat().st_mode for parent in path.parents]


def test_the_server_is_there_while_it_is_used_and_not_longer(folder: Path) -> None:
    with embedded.running(folder, options=QUICK) as url:
        assert embedded.is_running(folder)
        assert ask(url, "SELECT 1") == 1
    assert not embedded.is_running(folder)
    with pytest.raises(psycopg.OperationalError):
        psycopg.connect(url)


def test_two_processes_may_be_the_first_at_once(memory_path: Path) -> None:
    users = [User(memory_path / "var") for _ in range(3)]
    try:
        assert len({user.url() for user in users}) == 1
        for user in users:
            user.leave()
        assert not embedded.is_running(memory_path / "var")
    finally:
        for user in users:
            user.kill()
        embedded.stop(memory_path / "var")


def test_what_was_written_is_there_the_next_time(folder: Path) -> None:
    with embedded.running(folder, options=QUICK) as url:
        ask(url, "CREATE TABLE kept AS SELECT 'Größe' AS word")
    with embedded.running(folder, options=QUICK) as url:
        assert ask(url, "SELECT word FROM kept") == "Größe"


def test_the_application_is_no_superuser_and_everything_is_unicode(folder: Path) -> None:
    with embedded.running(folder, options=QUICK) as url:
        assert ask(url, "SELECT current_user") == "cdi"
        assert ask(url, "SELECT rolsuper OR rolcreaterole FROM pg_roles WHERE rolname = current_user") is False
        assert ask(url, "SHOW server_encoding") == "UTF8"
        locale = "SELECT datlocprovider::text || ' ' || datlocale FROM pg_database WHERE datname = current_database()"
        assert ask(url, locale) == "b C.UTF-8"


def test_durability_is_left_on(folder: Path) -> None:
    with embedded.running(folder) as url:
        assert [ask(url, f"SHOW {name}") for name in ("fsync", "synchronous_commit", "full_page_writes")] == ["on"] * 3


def test_nobody_else_can_enter_the_folder_and_none_above_it_was_opened(folder: Path, memory_path: Path) -> None:
    before = modes_above(folder)
    with embedded.running(folder, options=QUICK):
        assert stat.S_IMODE((folder / "postgres").stat().st_mode) == 0o700
        assert stat.S_IMODE((folder / "postgres/data").stat().st_mode) == 0o700
        assert modes_above(folder) == before


def test_another_user_of_the_system_is_turned_away_at_the_socket(folder: Path) -> None:
    if os.geteuid() != 0:
        pytest.skip("needs root, to be somebody else for a moment: sudo make test")
    with embedded.running(folder, options=QUICK):
        attempt = ["ls", folder / "postgres/data/.s.PGSQL.5432"]
        result = subprocess.run(attempt, user=65534, group=65534, extra_groups=[], capture_output=True, check=False)
        assert b"Permission denied" in result.stderr


def test_another_user_of_the_system_is_turned_away_even_with_the_socket_open_to_all(folder: Path) -> None:
    if os.geteuid() != 0:
        pytest.skip("needs root, to be somebody else for a moment: sudo make test")
    nobody = Account(65534, 65534)
    with embedded.running(folder, options=QUICK | {"unix_socket_permissions": "0777"}):
        data = os.open(folder / "postgres/data", os.O_RDONLY)
        (folder / "postgres/data").chmod(0o711)
        psql = [programs_for(nobody) / "psql", f"host=/proc/self/fd/{data} user=cdi dbname=cdi", "-c", "SELECT 1"]
        answer = run_as(nobody, psql, keep=(data,))
        os.close(data)
    assert "Peer authentication failed" in answer.stderr


def test_the_server_listens_on_no_network(folder: Path) -> None:
    with embedded.running(folder, options=QUICK) as url:
        assert ask(url, "SHOW listen_addresses") == ""
        assert server_process(folder).net_connections("inet") == []


def test_two_processes_share_one_server_and_the_last_one_stops_it(folder: Path, another_user) -> None:
    first, second = another_user(), another_user()  # both start at the same time
    assert first.url() == second.url()
    server = server_process(folder)
    first.leave()
    assert lives(server)
    second.leave()
    assert not embedded.is_running(folder)


def test_a_killed_user_does_not_keep_the_server(folder: Path, another_user) -> None:
    with embedded.running(folder, options=QUICK):
        killed = another_user()
        killed.url()
        killed.kill()
    assert not embedded.is_running(folder)


def test_a_server_left_behind_by_a_killed_user_is_taken_over_and_stopped(folder: Path, another_user) -> None:
    killed = another_user()
    killed.url()
    server = server_process(folder)
    killed.kill()
    assert lives(server)
    with embedded.running(folder, options=QUICK) as url:
        assert server_process(folder) == server
        assert ask(url, "SELECT 1") == 1
    assert not lives(server)


def test_after_the_server_was_killed_nothing_committed_is_lost(folder: Path) -> None:
    with embedded.running(folder, options=QUICK) as url:
        ask(url, "CREATE TABLE kept (n int)")
        ask(url, "INSERT INTO kept SELECT generate_series(1, 1000)")
        server_process(folder).kill()
        with embedded.running(folder, options=QUICK) as again:  # even while the first user has not noticed yet
            assert ask(again, "SELECT count(*) FROM kept") == 1000
    assert not embedded.is_running(folder)


def test_after_both_were_killed_the_next_one_recovers(folder: Path, another_user) -> None:
    user = another_user()
    ask(user.url(), "CREATE TABLE kept AS SELECT generate_series(1, 1000) AS n")
    server = server_process(folder)
    server.kill()
    user.kill()
    with embedded.running(folder, options=QUICK) as url:
        assert ask(url, "SELECT count(*) FROM kept") == 1000


def test_a_stale_number_that_now_is_another_process_does_not_keep_the_server_from_starting(
    folder: Path,
) -> None:
    with embedded.running(folder, options=QUICK):
        left_by_the_dead = (folder / "postgres/data/postmaster.pid").read_text()
    account = (folder / "postgres/data").stat()
    sleeper = subprocess.Popen(["sleep", "60"], user=account.st_uid if os.geteuid() == 0 else None)
    try:
        lines = left_by_the_dead.splitlines()
        for name in ("postmaster.pid", ".s.PGSQL.5432.lock"):
            stale = folder / "postgres/data" / name
            stale.write_text("\n".join([str(sleeper.pid), *lines[1:]]) + "\n")
            os.chown(stale, account.st_uid, account.st_gid)
        with embedded.running(folder, options=QUICK) as url:
            assert ask(url, "SELECT 1") == 1
        assert sleeper.poll() is None
    finally:
        sleeper.kill()
        sleeper.wait()


def test_a_first_start_that_was_killed_half_way_begins_again(folder: Path) -> None:
    shutil.rmtree(folder / "postgres/data")
    half = folder / "postgres/data.new"
    half.mkdir(parents=True)
    (half / "PG_VERSION").write_text("18\n")
    with embedded.running(folder, options=QUICK) as url:
        assert ask(url, "SELECT 1") == 1


def test_the_folder_may_be_moved(folder: Path, memory_path: Path) -> None:
    with embedded.running(folder, options=QUICK) as url:
        ask(url, "CREATE TABLE kept AS SELECT 7 AS n")
    moved = memory_path / "elsewhere"
    folder.rename(moved)
    with embedded.running(moved, options=QUICK) as url:
        assert ask(url, "SELECT n FROM kept") == 7
    assert not embedded.is_running(moved)


def test_the_folder_may_be_moved_while_it_is_used(folder: Path, memory_path: Path) -> None:
    moved = memory_path / "elsewhere"
    with embedded.running(folder, options=QUICK):
        server = server_process(folder)
        folder.rename(moved)
    assert lives(server)  # its last user could not find it any more
    with embedded.running(moved, options=QUICK) as url:
        assert ask(url, "SELECT 1") == 1
    assert not lives(server)


def test_a_copy_of_the_folder_is_a_server_of_its_own(folder: Path, memory_path: Path) -> None:
    copy = memory_path / "copy"
    with embedded.running(folder, options=QUICK) as url:
        ask(url, "SELECT 1")
        server = server_process(folder)
        subprocess.run(["cp", "-a", folder, copy], check=True)
        assert not embedded.is_running(copy)
        with embedded.running(copy, options=QUICK) as url_of_copy:
            assert server_process(copy) != server
            assert ask(url_of_copy, "SELECT 1") == 1
        assert not embedded.is_running(copy)
        assert lives(server)


@pytest.mark.parametrize("name", ["mit Leerzeichen und Größe", 'a,b\'s "c" %d ?&=#', "x" * 100 + "/" + "y" * 60])
def test_the_folder_may_have_any_name(memory_path: Path, name: str) -> None:
    folder = memory_path / name
    with embedded.running(folder, options=QUICK) as url:
        assert ask(url, "SELECT 1") == 1
        assert (folder / "postgres/data/.s.PGSQL.5432").is_socket()
        reached = Path(psycopg.conninfo.conninfo_to_dict(url)["host"])
        assert reached.samefile(folder / "postgres/data")
    assert not embedded.is_running(folder)
    assert not reached.is_symlink()  # a short name goes with the server


def test_a_short_name_that_belongs_to_somebody_else_is_not_used(memory_path: Path, monkeypatch) -> None:
    with tempfile.TemporaryDirectory(dir="/tmp") as place:
        monkeypatch.setenv("XDG_RUNTIME_DIR", place)
        folder = memory_path / ("long" * 30)
        with embedded.running(folder, options=QUICK):
            (private,) = Path(place).iterdir()
            assert stat.S_IMODE(private.stat().st_mode) == 0o700
            private.chmod(0o777)
            with pytest.raises(DatabaseError, match="somebody else"), embedded.running(folder, options=QUICK):
                pass
    assert not embedded.is_running(folder)


def test_data_of_another_major_version_is_refused_with_the_way_out(folder: Path) -> None:
    with embedded.running(folder, options=QUICK):
        pass
    version = folder / "postgres/data/PG_VERSION"
    version.write_text("16\n")
    with pytest.raises(DatabaseError, match=r"PostgreSQL 16.*backup"), embedded.running(folder, options=QUICK):
        pass


def test_a_server_that_cannot_start_says_why_in_one_line(folder: Path) -> None:
    broken = {"shared_buffers": "1 banana"}
    with (
        pytest.raises(DatabaseError, match="shared_buffers") as caught,
        embedded.running(folder, options=broken),
    ):
        pass
    assert "\n" not in str(caught.value)
    assert not embedded.is_running(folder)


def test_own_settings_are_read_from_a_file_beside(folder: Path) -> None:
    with embedded.running(folder, options=QUICK):
        pass
    own = folder / "postgres/data/custom.conf"
    own.write_text("work_mem = '77MB'\n")
    shutil.chown(own, (folder / "postgres/data").stat().st_uid)
    with embedded.running(folder, options=QUICK) as url:
        assert ask(url, "SHOW work_mem") == "77MB"


def test_the_log_quotes_no_customer(folder: Path) -> None:
    with embedded.running(folder, options=QUICK) as url:
        ask(url, "CREATE TABLE person (email text PRIMARY KEY, born date)")
        for statement in ("INSERT INTO person VALUES ('anna@example.org')",) * 2 + ("SELECT date 'Geheimnis'",):
            try:
                ask(url, statement)
            except psycopg.Error:
                continue
    log = (folder / "postgres/log").read_text()
    assert "ready to accept connections" in log
    assert "anna@example.org" not in log
    assert "Geheimnis" not in log


def test_it_can_be_stopped_under_its_users(folder: Path) -> None:
    with embedded.running(folder, options=QUICK):
        assert embedded.stop(folder)
        assert not embedded.is_running(folder)
        assert not embedded.stop(folder)


def test_ctrl_c_stops_the_user_and_then_the_server(folder: Path, another_user) -> None:
    user = another_user()
    user.url()
    user.process.send_signal(signal.SIGINT)
    user.process.wait(timeout=60)
    assert not embedded.is_running(folder)


def test_an_error_inside_still_stops_the_server(folder: Path) -> None:
    with pytest.raises(ZeroDivisionError), embedded.running(folder, options=QUICK):
        raise ZeroDivisionError
    assert not embedded.is_running(folder)


def test_a_start_waits_for_recovery(folder: Path, monkeypatch) -> None:
    with embedded.running(folder, options=QUICK):
        assert embedded.RECOVERY_SECONDS >= 120
        server_process(folder).kill()
        begin = time.monotonic()
        with embedded.running(folder, options=QUICK) as url:
            assert ask(url, "SELECT 1") == 1
        assert time.monotonic() - begin < 30
