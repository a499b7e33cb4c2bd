"""Schedules and periods in words for people."""

import re
from datetime import time, timedelta
from typing import Final

from babel.dates import format_time
from babel.units import format_unit

from cdi.periods import Period
from cdi.schedule import NICKNAMES, Schedule
from cdi.settings import Retention
from cdi.web.languages import Language
from cdi.web.words import N_, attribute_name

UNITS: Final = {
    "week": timedelta(weeks=1),
    "day": timedelta(days=1),
    "hour": timedelta(hours=1),
    "minute": timedelta(minutes=1),
    "second": timedelta(seconds=1),
}


ONCE: Final = re.compile(r"(?P<minute>\d{1,2}) (?P<hour>\d{1,2}) \* \* (?P<day>[*0-7])")
"""A cron expression of one time a day, or a week."""


def schedule_in_words(language: Language, schedule: str | None) -> str:
    """How often a source is read: an interval in its largest whole unit, the time of each day or week; any other cron
    expression as it stands."""
    if schedule is None:
        return language.gettext("when somebody asks for it")
    every = Schedule.parse(schedule).every
    if every is None:
        return _cron_in_words(language, schedule)
    unit = next(name for name, length in UNITS.items() if not every % length)
    span = format_unit(every // UNITS[unit], unit, locale=language.locale)
    return language.gettext("at intervals of %(span)s") % {"span": span}


def _cron_in_words(language: Language, schedule: str) -> str:
    once = ONCE.fullmatch(NICKNAMES.get(schedule, schedule))
    if once is None:
        return schedule
    at = format_time(time(int(once["hour"]), int(once["minute"])), "short", locale=language.locale)
    if once["day"] == "*":
        return language.gettext("every day at %(time)s") % {"time": at}
    day = language.locale.days["format"]["wide"][(int(once["day"]) - 1) % 7]
    return language.gettext("every %(day)s at %(time)s") % {"day": day, "time": at}


AFTER: Final = {
    "last_activity": N_("%(span)s after the last activity"),
    "last_change": N_("%(span)s after the last change"),
    "first_seen": N_("%(span)s after it was first seen"),
}


def retention_in_words(language: Language, retention: Retention | str) -> list[tuple[str, str]]:
    """How long what a source says is kept: what (empty: everything), and how long."""
    if isinstance(retention, str):
        return []
    told = []
    if retention.records:
        span = {"span": _period(language, retention.records)}
        told.append(("", language.gettext(AFTER[retention.after]) % span))
    told += [(attribute_name(language, name), _period(language, kept)) for name, kept in retention.attributes.items()]
    if retention.touchpoints:
        told.append((language.gettext("Touchpoints"), _period(language, retention.touchpoints)))
    return told


def _period(language: Language, period: Period) -> str:
    unit, months = ("year", period.months // 12) if not period.months % 12 else ("month", period.months)
    parts = ((months, unit), (period.days, "day"))
    return language.listed([format_unit(count, name, locale=language.locale) for count, name in parts if count])
