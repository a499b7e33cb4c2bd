"""The worker looks every second for what is due, and has it worked off in threads, each job by one worker only.

The lock of a job is an advisory one of its session: who dies lets go of it at once. Before a job is begun it is looked
again, under the lock, whether it is due still: another worker may have just done it.
"""

import logging
import threading
import time
from collections.abc import Callable, Sequence
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from datetime import datetime
from typing import Final, TypeAlias

from cdi.clock import utc_now
from cdi.errors import BusyError, CdiError, DatabaseError, StoppedError
from cdi.ids import new_id
from cdi.jobs.job import Going, Job, Standing
from cdi.pipeline import Installation
from cdi.schedule import wait_after
from cdi.store import jobs as job_store

LOOK_EVERY: Final = 1.0
"""Seconds between two looks."""
READ_AT_ONCE: Final = 4
"""Sources that one worker reads at the same time."""
GRACE: Final = 25.0
"""Seconds that a job has for the end of its batch once the worker was asked to stop."""
BUSY_WAIT: Final = 5.0
"""Seconds until what somebody else is doing is looked at again."""
DATABASE_PATIENCE: Final = 120.0
"""Seconds without the database after which the worker gives up, for whoever started it to start it anew."""
TELL_EVERY: Final = 5.0
"""Seconds between two lines on how far a job has come."""

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Happening:
    """What became of a job: `began`, `goes on`, `ended`, `failed`, `stopped`, `busy`; in words that hold no value of a
    customer."""

    job: str
    what: str
    detail: str = ""
    retry_at: datetime | None = None


Tell: TypeAlias = Callable[[Happening], None]


class Worker:
    """Works off the jobs of one installation until it is asked to stop."""

    def __init__(
        self, installation: Installation, jobs: Sequence[Job], tell: Tell, stop: threading.Event | None = None
    ) -> None:
        self.installation = installation
        self.jobs = jobs
        self.stop = stop or threading.Event()
        self._tell = tell
        self._threads: dict[str, threading.Thread] = {}
        self._not_before: dict[str, float] = {}  # by job, on our own clock: what failed before a row could say so
        self._failures: dict[str, int] = {}

    def run(self) -> list[str]:
        """Work until `stop` is set. Returns the jobs that did not come to the end of their batch in time: they are
        ended with the process, and go on at their last commit.

        Raises DatabaseError when the database stays away.
        """
        with ExitStack() as stack:
            stack.enter_context(self.installation.database.exclusive(f"worker {new_id().hex[-8:]}"))  # to be seen
            seen = time.monotonic()
            while not self.stop.is_set():
                try:
                    self._look()
                    seen = time.monotonic()
                except DatabaseError as error:
                    log.warning("the database does not answer", extra={"reason": error.message})
                    if time.monotonic() - seen > DATABASE_PATIENCE:
                        raise
                self.stop.wait(LOOK_EVERY)
        deadline = time.monotonic() + GRACE
        for thread in list(self._threads.values()):
            thread.join(max(0.0, deadline - time.monotonic()))
        return [name for name, thread in self._threads.items() if thread.is_alive()]

    def _look(self) -> None:
        """Begin what is due and is not being done here."""
        with self.installation.database.unit_of_work() as connection:
            standing = Standing.seen(connection, self.installation, utc_now())
            times = {job.name: job.due(connection, standing) for job in self.jobs if self._is_free(job)}
        due = [job for job in self.jobs if _is_due(times.get(job.name), standing)]
        reading = sum(self._is_running(job) for job in self.jobs if not job.keeps_book)
        for job in sorted(due, key=lambda job: times[job.name] or standing.now):
            if not job.keeps_book and (reading := reading + 1) > READ_AT_ONCE:
                continue  # it stays due, and is the next one by its time
            thread = threading.Thread(target=self._do, args=(job,), name=job.name, daemon=True)
            self._threads[job.name] = thread
            thread.start()

    def _is_running(self, job: Job) -> bool:
        thread = self._threads.get(job.name)
        return thread is not None and thread.is_alive()

    def _is_free(self, job: Job) -> bool:
        return not self._is_running(job) and time.monotonic() >= self._not_before.get(job.name, 0.0)

    def _do(self, job: Job) -> None:
        """Do one job, and tell what became of it; nothing is raised."""
        try:
            with self.installation.database.exclusive(f"job {job.name}"):
                self._do_alone(job)
        except BusyError as error:
            self._pause(job, BUSY_WAIT)
            self._tell(Happening(job.name, "busy", error.message))
        except StoppedError:
            self._tell(Happening(job.name, "stopped", "between two batches; what was done stays"))
        except CdiError as error:
            self._failed(job, str(error))
        except Exception as error:  # a job may fail in any way; its text may quote a value, its type may not
            log.exception("unexpected", extra={"job": job.name})
            self._failed(job, f"unexpected {type(error).__name__}")

    def _do_alone(self, job: Job) -> None:
        now = utc_now()
        with self.installation.database.unit_of_work() as connection:
            standing = Standing.seen(connection, self.installation, now)
            if not _is_due(job.due(connection, standing), standing):
                return
            if job.keeps_book:
                job_store.begin(connection, job.name, now)
        self._tell(Happening(job.name, "began"))
        try:
            done = job.work(self.installation, standing, Going(self.stop, self._progress(job)))
        except (StoppedError, BusyError):
            self._note_end(job, None, again=True)
            raise
        except CdiError as failure:
            self._note_end(job, str(failure))
            raise
        except Exception as failure:
            self._note_end(job, f"unexpected {type(failure).__name__}")
            raise
        self._note_end(job, None)
        self._failures.pop(job.name, None)
        self._tell(Happening(job.name, "ended", done or ""))

    def _note_end(self, job: Job, error: str | None, *, again: bool = False) -> None:
        if not job.keeps_book:
            return
        with self.installation.database.unit_of_work() as connection:
            job_store.end(connection, job.name, utc_now(), error)
            if again:
                job_store.want(connection, job.name, utc_now())

    def _progress(self, job: Job) -> Callable[[str, int, int], None]:
        told = time.monotonic()

        def progress(step: str, done: int, of: int) -> None:
            nonlocal told
            if time.monotonic() - told > TELL_EVERY:
                told = time.monotonic()
                self._tell(Happening(job.name, "goes on", f"{step}: {done}" + (f" of {of}" if of else "")))

        return progress

    def _failed(self, job: Job, message: str) -> None:
        failures = self._failures[job.name] = self._failures.get(job.name, 0) + 1
        now = utc_now()
        retry_at = now + wait_after(failures, f"{job.name} {now}")
        with suppress(DatabaseError), self.installation.database.unit_of_work() as connection:
            standing = Standing.seen(connection, self.installation, now)
            retry_at = job.due(connection, standing) or retry_at  # what the rows say is what others are told
        self._pause(job, max((retry_at - now).total_seconds(), LOOK_EVERY))
        self._tell(Happening(job.name, "failed", message, retry_at))

    def _pause(self, job: Job, seconds: float) -> None:
        self._not_before[job.name] = time.monotonic() + seconds


def _is_due(when: datetime | None, standing: Standing) -> bool:
    return when is not None and when <= standing.now
