"""Schedules in words for people."""

from datetime import timedelta
from typing import Final

from babel.units import format_unit

from cdi.schedule import Schedule
from cdi.web.languages import Language

UNITS: Final = {
    "week": timedelta(weeks=1),
    "day": timedelta(days=1),
    "hour": timedelta(hours=1),
    "minute": timedelta(minutes=1),
    "second": timedelta(seconds=1),
}


def schedule_in_words(language: Language, schedule: str | None) -> str:
    """How often a source is read: an interval in its largest whole unit, a cron expression as it stands."""
    if schedule is None:
        return language.gettext("when somebody asks for it")
    every = Schedule.parse(schedule).every
    if every is None:
        return schedule
    unit = next(name for name, length in UNITS.items() if not every % length)
    span = format_unit(every // UNITS[unit], unit, locale=language.locale)
    return language.gettext("at intervals of %(span)s") % {"span": span}
