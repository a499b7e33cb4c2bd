"""When something that recurs is due: every so often, or at the times of a cron expression; and how long to wait after
a failure. Pure: the present moment is an argument."""

import hashlib
import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, tzinfo
from typing import Final

from cronsim import CronSim, CronSimError

INTERVAL: Final = re.compile(r"P(?=.)(?:(\d+)W)?(?:(\d+)D)?(?:T(?=\d)(?:(\d+)H)?(?:(\d+)M)?(?:(\d+)S)?)?")
_UNITS: Final = ("weeks", "days", "hours", "minutes", "seconds")
NICKNAMES: Final = {"@hourly": "0 * * * *", "@daily": "0 0 * * *", "@weekly": "0 0 * * 0", "@monthly": "0 0 1 * *"}
HELP: Final = 'write an interval (PT15M, PT1H, P1D) or a cron expression ("0 3 * * *": daily at three)'

FIRST_WAIT: Final = timedelta(seconds=30)
LONGEST_WAIT: Final = timedelta(hours=1)


@dataclass(frozen=True, slots=True)
class Schedule:
    """`text` as it was written; `every` for an interval, else it is a cron expression of five fields."""

    text: str
    every: timedelta | None = None

    @classmethod
    def parse(cls, text: str) -> "Schedule":
        """The schedule that this text means; raises ValueError that says what to write."""
        text = text.strip()
        if match := INTERVAL.fullmatch(text):
            every = timedelta(**{unit: int(n) for unit, n in zip(_UNITS, match.groups(), strict=True) if n})
            if every < timedelta(seconds=1):
                raise ValueError(f"{text} is no time at all; {HELP}")
            return cls(text, every)
        if len(_cron(text).split()) != 5:
            raise ValueError(f"{text!r} is no schedule; {HELP}")
        try:
            next(CronSim(_cron(text), datetime(2000, 1, 1, tzinfo=UTC)))
        except CronSimError as error:
            raise ValueError(f"{text!r} is no schedule: {str(error).lower()}; {HELP}") from None
        except StopIteration:
            raise ValueError(f"{text!r} never comes; {HELP}") from None
        return cls(text)

    def after(self, moment: datetime, zone: tzinfo = UTC) -> datetime:
        """The first time after `moment`, in UTC. A cron expression is in `zone`: a time that a change of the clocks
        leaves out comes when the clocks have moved, one that exists twice comes once."""
        if self.every is not None:
            return moment + self.every
        return next(CronSim(_cron(self.text), moment.astimezone(zone))).astimezone(UTC)

    def __str__(self) -> str:
        return self.text


def _cron(text: str) -> str:
    return NICKNAMES.get(text, text)


@dataclass(frozen=True, slots=True)
class LastRun:
    """How it last went: when it was begun, when it ended, and how many failures in a row stand."""

    started_at: datetime
    ended_at: datetime | None
    failures: int = 0


def due_at(schedule: Schedule, last: LastRun | None, zone: tzinfo, name: str) -> datetime | None:
    """When it is due next; None: at once, because it never ran. What was missed is made up for once. After a failure
    it is tried again when `wait_after` is over, whatever the schedule says."""
    if last is None:
        return None
    if last.failures:
        return (last.ended_at or last.started_at) + wait_after(last.failures, f"{name} {last.started_at.isoformat()}")
    return schedule.after(last.started_at, zone)


def wait_after(failures: int, seed: str, first: timedelta = FIRST_WAIT, longest: timedelta = LONGEST_WAIT) -> timedelta:
    """How long to wait after so many failures in a row: `first`, then twice as long each time up to `longest`, of which
    up to a half is left out, so that what failed together is not tried again together. The same for the same `seed`, so
    that everybody who asks is told the same time."""
    whole = min(first * (1 << min(failures - 1, 20)), longest)
    share = int.from_bytes(hashlib.blake2b(seed.encode(), digest_size=4).digest(), "big") / 2**32
    return whole * (1 - share / 2)
