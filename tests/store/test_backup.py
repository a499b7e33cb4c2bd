"""A backup brings everything back, on this server or another, or leaves things as they were."""

import stat
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from foreign import foreign_server
from sqlalchemy import text

from cdi.errors import ConflictError, DatabaseError, InvalidInputError
from cdi.store.backup import backup, restore
from cdi.store.db import Database, check_head, metadata, upgrade
from databases import content


@pytest.fixture
def full(database: Database) -> Database:
    """All tables, and one of our own with rows of every awkward kind."""
    with database.unit_of_work() as connection:
        connection.execute(
            text("CREATE TABLE kept (id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, word text, document jsonb)")
        )
        connection.execute(text("CREATE INDEX kept_word ON kept USING gin (word gin_trgm_ops)"))
        words = "INSERT INTO kept (word, document) SELECT 'Größe \\t' || n, jsonb_build_object('ß', n)"
        connection.execute(text(f"{words} FROM generate_series(1, 2000) n"))
    return database


def test_a_restored_database_is_the_same(full: Database, empty_url: str, tmp_path: Path) -> None:
    file = tmp_path / "Sicherung vom Freitag.cdi"
    backup(full.url, file)
    restore(file, empty_url)
    assert content(empty_url) == content(full.url)
    assert len(content(empty_url)["kept"]) == 2000
    assert set(metadata.tables) <= set(content(empty_url))
    restored = Database(empty_url)
    check_head(restored)
    upgrade(restored)
    with restored.unit_of_work() as connection:  # what counts goes on counting where it stopped
        assert connection.execute(text("INSERT INTO kept (word) VALUES ('next') RETURNING id")).scalar_one() == 2001
    restored.close()


def test_it_moves_to_an_older_server_and_back(full: Database, empty_url: str, tmp_path: Path) -> None:
    with foreign_server() as url:
        backup(full.url, tmp_path / "out")
        restore(tmp_path / "out", url)
        assert content(url) == content(full.url)
        backup(url, tmp_path / "back")
        restore(tmp_path / "back", empty_url)
        assert content(empty_url) == content(full.url)


def test_only_its_owner_can_read_a_backup(full: Database, tmp_path: Path) -> None:
    backup(full.url, tmp_path / "file")
    assert stat.S_IMODE((tmp_path / "file").stat().st_mode) == 0o600


def test_a_backup_is_there_whole_or_not_at_all(full: Database, tmp_path: Path) -> None:
    backup(full.url, tmp_path / "file")
    before = (tmp_path / "file").read_bytes()
    with pytest.raises(DatabaseError, match="could not be written"):
        backup("postgresql://cdi@127.0.0.1:1/cdi", tmp_path / "file")
    assert (tmp_path / "file").read_bytes() == before
    assert [path.name for path in tmp_path.iterdir()] == ["file"]


def test_a_place_that_cannot_be_written_is_named(full: Database, tmp_path: Path) -> None:
    with pytest.raises(InvalidInputError, match="no/such/folder"):
        backup(full.url, tmp_path / "no/such/folder/file")


def test_nothing_is_restored_over_something(full: Database, database: Database, tmp_path: Path) -> None:
    backup(full.url, tmp_path / "file")
    before = content(full.url)
    with pytest.raises(ConflictError, match=r"not empty.*new deployment folder"):
        restore(tmp_path / "file", full.url)
    assert content(full.url) == before


@pytest.mark.parametrize("damage", ["no backup at all", "a backup cut short", "a backup with a hole", "nothing"])
def test_a_damaged_file_leaves_the_database_empty(full: Database, empty_url: str, tmp_path: Path, damage: str) -> None:
    file = tmp_path / "file"
    backup(full.url, file)
    whole = file.read_bytes()
    middle = len(whole) // 2
    file.write_bytes(
        {
            "no backup at all": b"id;name\n1;Anna\n",
            "a backup cut short": whole[:-2000],
            "a backup with a hole": whole[:middle] + bytes(3000) + whole[middle + 3000 :],
            "nothing": b"",
        }[damage]
    )
    with pytest.raises((InvalidInputError, DatabaseError)) as caught:
        restore(file, empty_url)
    assert "\n" not in str(caught.value)
    assert content(empty_url) == {"indexes": []}


def test_a_missing_file_is_named(empty_url: str, tmp_path: Path) -> None:
    with pytest.raises(InvalidInputError, match="no_such_file"):
        restore(tmp_path / "no_such_file", empty_url)


RESTORE = """
import sys
from pathlib import Path
from cdi.store.backup import restore
restore(Path(sys.argv[1]), sys.argv[2])
"""


def test_who_is_killed_while_restoring_leaves_nothing_behind(full: Database, empty_url: str, tmp_path: Path) -> None:
    with full.unit_of_work() as connection:
        connection.execute(text("CREATE TABLE bulk AS SELECT md5(n::text) AS word FROM generate_series(1, 200000) n"))
    backup(full.url, tmp_path / "file")
    worker = subprocess.Popen([sys.executable, "-c", RESTORE, str(tmp_path / "file"), empty_url])
    watcher = Database(empty_url)
    while not sessions(watcher, "query LIKE 'COPY public.bulk%' AND state = 'active'"):
        assert worker.poll() is None, "the restore was over before it could be killed"
    worker.kill()
    worker.wait()
    deadline = time.monotonic() + 30
    while sessions(watcher, "true") and time.monotonic() < deadline:
        time.sleep(0.05)
    assert content(empty_url) == {"indexes": []}
    restore(tmp_path / "file", empty_url)
    assert len(content(empty_url)["bulk"]) == 200000
    watcher.close()


def sessions(database: Database, condition: str) -> int:
    """How many others are connected to this database and do that."""
    question = f"SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND {condition}"
    with database.unit_of_work() as connection:
        return connection.execute(text(f"{question} AND pid <> pg_backend_pid()")).scalar_one()


def test_a_password_is_on_no_command_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[str] = []
    run = subprocess.run

    def watched(command: list[str], **options: object) -> object:
        seen.extend(command)
        return run(command, **options)

    monkeypatch.setattr(subprocess, "run", watched)
    with pytest.raises(DatabaseError) as caught:
        backup("postgresql://cdi:Geheim@127.0.0.1:1/cdi", tmp_path / "file")
    assert seen
    assert "Geheim" not in " ".join(seen) + str(caught.value)


@pytest.fixture(autouse=True)
def nothing_left(tmp_path: Path) -> Iterator[None]:
    yield
    assert not list(tmp_path.glob("*.partial"))
