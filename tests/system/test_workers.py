"""Processes that work for another end with it, also when it is killed."""

import os
import signal
import subprocess
import sys
import time

import psutil

from cdi.pipeline.workers import Workers

KEEPS_WORKERS = """
import os
from cdi.pipeline.workers import Workers
if __name__ == "__main__":
    with Workers() as workers:
        print(*set(workers.each(abs, [-1, -2])), flush=True)
        input()
"""


def test_work_comes_back_in_the_order_in_which_it_was_given() -> None:
    with Workers() as workers:
        assert list(workers.each(abs, range(-50, 0))) == list(range(50, 0, -1))


def test_workers_end_with_a_process_that_is_killed() -> None:
    process = subprocess.Popen([sys.executable, "-c", KEEPS_WORKERS], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    assert process.stdout is not None
    assert process.stdout.readline()
    family = psutil.Process(process.pid).children(recursive=True)
    assert family
    os.kill(process.pid, signal.SIGKILL)
    process.wait()
    deadline = time.monotonic() + 30
    while any(each.is_running() and each.status() != psutil.STATUS_ZOMBIE for each in family):
        assert time.monotonic() < deadline, "a worker outlives the process that it worked for"
        time.sleep(0.1)
