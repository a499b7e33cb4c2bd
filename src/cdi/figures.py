"""How the whole stands, in figures that hold no customer's values: what every desk shows at the start of the day."""

from datetime import date, datetime, timedelta
from typing import Any, Final
from zoneinfo import ZoneInfo

from sqlalchemy import Connection

from cdi.pipeline import Installation
from cdi.store import figures
from cdi.store.figures import AnsweredDay

DAYS: Final = 14


def standing(connection: Connection, installation: Installation, now: datetime) -> dict[str, Any]:
    """Records, profiles and the duplicates found among them; reviews answered on each of the last days, and the share
    of judged pairs in which steward and model said the same, on each and on all of them (None: nothing was judged)."""
    sizes = figures.sizes(connection)
    zone = installation.deployment.company.timezone
    today = now.astimezone(ZoneInfo(zone)).date()
    days = [today - timedelta(days=back) for back in range(DAYS - 1, -1, -1)]
    begin = datetime.combine(days[0], datetime.min.time(), ZoneInfo(zone))
    answered = {one.day: one for one in figures.answered_by_day(connection, begin, zone)}
    judged = sum(one.judged for one in answered.values())
    return {
        "records": sizes.records,
        "profiles": sizes.profiles,
        "duplicates": max(0, sizes.records - sizes.profiles),
        "rough": sizes.rough,
        "days": [_told(day, answered.get(day)) for day in days],
        "judged": judged,
        "agreement": sum(one.agreed for one in answered.values()) / judged if judged else None,
    }


def _told(day: date, seen: AnsweredDay | None) -> dict[str, Any]:
    return {
        "day": day,
        "answered": seen.answered if seen else 0,
        "agreement": seen.agreed / seen.judged if seen and seen.judged else None,
    }
