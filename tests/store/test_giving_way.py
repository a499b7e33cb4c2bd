"""What gives way is light, and nothing else is."""

import os
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import psutil
import pytest
from sqlalchemy import Connection, text

from cdi.store.db import Database
from cdi.store.giving_way import NICE, WRITERS, Beside, giving_way, make_light, thread_gives_way, writers_aside

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="other systems are left as they are")


ALL = os.sched_getaffinity(0) if sys.platform == "linux" else set()
THE_LAST = {max(ALL)} if ALL else ALL


def process_of(connection: Connection) -> int:
    return int(connection.execute(text("select pg_backend_pid()")).scalar_one())


def parent_of(process: int) -> int:
    return psutil.Process(process).ppid()


def weight_of_group(process: int) -> str:
    group = Path("/proc") / str(process) / "autogroup"
    return group.read_text().split()[-1] if group.exists() else str(NICE)


def test_every_connection_gives_way_and_those_of_others_do_not(database: Database) -> None:
    with giving_way(database, private=True) as apart, apart.reading() as one, apart.unit_of_work() as other:
        for connection in (one, other):
            assert os.getpriority(os.PRIO_PROCESS, process_of(connection)) == NICE
            assert weight_of_group(process_of(connection)) == str(NICE)
            assert os.sched_getaffinity(process_of(connection)) == THE_LAST
        with database.reading() as usual:
            assert os.sched_getaffinity(process_of(usual)) == ALL
            server = parent_of(process_of(usual))
            assert os.getpriority(os.PRIO_PROCESS, process_of(usual)) == os.getpriority(os.PRIO_PROCESS, server)
        light = {process_of(one), process_of(other)}
    deadline = time.monotonic() + 10
    while light & processes_of_server(database):
        assert time.monotonic() < deadline
        time.sleep(0.05)


def processes_of_server(database: Database) -> set[int]:
    with database.reading() as connection:
        return set(connection.execute(text("select pid from pg_stat_activity")).scalars())


def writers_of(server: int) -> list[int]:
    titles = {one.pid: " ".join(one.cmdline()).strip() for one in psutil.Process(server).children()}
    return [process for process, title in titles.items() if title.endswith(WRITERS)]


@pytest.mark.skipif(len(ALL) < 2, reason="there is but one processor")
def test_meanwhile_the_server_writes_on_the_processor_of_those_that_give_way(database: Database) -> None:
    with database.reading() as connection:
        server = parent_of(process_of(connection))
        writers = writers_of(server)
        assert len(writers) == len(WRITERS)
        with writers_aside(database):
            for writer in writers:
                assert os.sched_getaffinity(writer) == THE_LAST
                assert os.getpriority(os.PRIO_PROCESS, writer) == os.getpriority(os.PRIO_PROCESS, server)
            assert os.sched_getaffinity(server) == os.sched_getaffinity(process_of(connection)) == ALL
        for writer in writers:
            assert os.sched_getaffinity(writer) == ALL


@pytest.mark.skipif(len(ALL) < 2, reason="there is but one processor")
def test_afterwards_the_server_writes_where_it_may_also_if_we_may_use_less_or_were_killed_before(
    database: Database,
) -> None:
    with database.reading() as connection:
        writers = writers_of(parent_of(process_of(connection)))

    def work() -> None:
        os.sched_setaffinity(0, THE_LAST)
        for writer in writers:
            os.sched_setaffinity(writer, THE_LAST)  # left so by a run that was killed
        with writers_aside(database):
            assert [os.sched_getaffinity(writer) for writer in writers] == [THE_LAST] * len(WRITERS)

    with ThreadPoolExecutor(1) as thread:
        thread.submit(work).result()
    assert [os.sched_getaffinity(writer) for writer in writers] == [ALL] * len(WRITERS)


def test_a_server_that_is_not_ours_is_left_as_it_is(database: Database) -> None:
    with giving_way(database, private=False) as same:
        assert same is database


def test_a_thread_gives_way_beside_its_connections_and_no_other_thread_does(database: Database) -> None:
    main, weight = threading.get_native_id(), os.getpriority(os.PRIO_PROCESS, 0)

    def work() -> None:
        with thread_gives_way(Beside.WORK), giving_way(database, private=True) as apart, apart.reading() as connection:
            assert os.sched_getaffinity(0) == THE_LAST == os.sched_getaffinity(process_of(connection))
            assert os.getpriority(os.PRIO_PROCESS, 0) == max(weight, NICE)
            assert os.sched_getaffinity(main) == ALL
            assert os.getpriority(os.PRIO_PROCESS, main) == weight
        assert os.sched_getaffinity(0) == ALL

    with ThreadPoolExecutor(1) as thread:
        thread.submit(work).result()


def test_a_thread_that_others_who_answer_wait_for_is_left_as_it_is() -> None:
    weight = os.getpriority(os.PRIO_PROCESS, 0)
    with thread_gives_way(Beside.ANSWERS):
        assert os.sched_getaffinity(0) == ALL
        assert os.getpriority(os.PRIO_PROCESS, 0) == weight


GIVES_WAY = """
import sys
from pathlib import Path
from cdi.store.giving_way import Beside, thread_gives_way
group = Path("/proc/self/autogroup")
before = group.read_text()
with thread_gives_way(Beside[sys.argv[1]]):
    print(group.read_text() != before)
assert group.read_text() == before
"""


@pytest.mark.skipif(not Path("/proc/self/autogroup").exists(), reason="without groups the weight of the thread counts")
@pytest.mark.parametrize(
    ("beside", "own_session", "lighter"), [("NOTHING", True, True), ("NOTHING", False, False), ("WORK", True, False)]
)
def test_a_session_gives_way_if_all_that_is_in_it_does(beside: str, own_session: bool, lighter: bool) -> None:
    program = [sys.executable, "-c", GIVES_WAY, beside]
    told = subprocess.run(program, start_new_session=own_session, check=True, capture_output=True, text=True).stdout
    assert told.strip() == str(lighter)


def test_a_process_that_is_no_server_is_left_alone() -> None:
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as other:
        before = os.getpriority(os.PRIO_PROCESS, other.pid)
        make_light(other.pid)
        assert os.getpriority(os.PRIO_PROCESS, other.pid) == before
        assert os.sched_getaffinity(other.pid) == ALL
        other.kill()
    make_light(other.pid)  # it is gone
