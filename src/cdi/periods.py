"""How long something may be kept: a period of the calendar (ISO 8601: P10Y, P18M, P90D). Pure: the present moment is an
argument."""

import re
from calendar import monthrange
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

PERIOD: Final = re.compile(r"P(?=\d)(?:(\d{1,3})Y)?(?:(\d{1,4})M)?(?:(\d{1,4})W)?(?:(\d{1,5})D)?")
HELP: Final = "write a period as P10Y (years), P18M (months) or P90D (days)"


@dataclass(frozen=True, slots=True)
class Period:
    """`text` as it was written. Months are the calendar's: from 31 August it is half a year back to 28 February."""

    text: str
    months: int
    days: int

    @classmethod
    def parse(cls, text: str) -> "Period":
        """The period that this text means; raises ValueError that says what to write."""
        match = PERIOD.fullmatch(text.strip())
        if match is None:
            raise ValueError(f"{text!r} is no period; {HELP}")
        years, months, weeks, days = (int(number or 0) for number in match.groups())
        period = cls(text.strip(), 12 * years + months, 7 * weeks + days)
        if not (period.months or period.days):
            raise ValueError(f"{text!r} is no time at all; {HELP}")
        return period

    def before(self, moment: datetime) -> datetime:
        """The time from which it is just this long until `moment`."""
        index = moment.year * 12 + moment.month - 1 - self.months
        year, month = max(index // 12, 1), index % 12 + 1
        day = min(moment.day, monthrange(year, month)[1])
        try:
            return moment.replace(year=year, month=month, day=day) - timedelta(days=self.days)
        except OverflowError:
            return datetime.min.replace(tzinfo=moment.tzinfo)

    def __str__(self) -> str:
        return self.text
