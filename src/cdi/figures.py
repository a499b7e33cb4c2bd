"""How the whole stands, in figures that hold no customer's values: what every desk shows at the start of the day."""

from datetime import datetime, timedelta
from typing import Any, Final
from zoneinfo import ZoneInfo

from sqlalchemy import Connection

from cdi.pipeline import Installation
from cdi.store import figures

DAYS: Final = 14


def standing(connection: Connection, installation: Installation, now: datetime) -> dict[str, Any]:
    """Records, profiles and the duplicates found among them; reviews answered on each of the last days, and the share
    of judged pairs in which steward and model said the same (None: nothing was judged)."""
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
        "days": [{"day": day, "answered": answered[day].answered if day in answered else 0} for day in days],
        "judged": judged,
        "agreement": sum(one.agreed for one in answered.values()) / judged if judged else None,
    }
