"""A date is read by what it says itself, then by its column, then by its country; never by today's date."""

import re
from collections.abc import Iterable
from typing import Final

from cdi.normalise.junk import is_placeholder_date
from cdi.normalise.text import fold

MONTH_FIRST_COUNTRIES: Final = frozenset({"US", "PH", "PR", "GU", "FM", "MH", "PW", "AS", "VI", "MP"})
YEARS: Final = range(1500, 2100)
TWO_DIGIT_PIVOT: Final = 20  # 00-20 are 2000-2020, 21-99 are 1921-1999: a fixed line, so that a result never ages

_ISO = re.compile(r"(\d{4})[-/.](\d{1,2})[-/.](\d{1,2})(?:[T ].*)?", re.ASCII)
_YEAR_MONTH = re.compile(r"(\d{4})(?:-(\d{2}))?", re.ASCII)
_NUMERIC = re.compile(r"(\d{1,2})\s?([./\-])\s?(\d{1,2})\s?[./\-]\s?(\d{4}|\d{2})(?:[T ,].*)?", re.ASCII)
_COMPACT = re.compile(r"\d{8}", re.ASCII)
_DAY_NAME = re.compile(r"(\d{1,2})(?:st|nd|rd|th)?[. ]{0,2}(?:of )?([a-z]{3,9})[., ]{0,2}(\d{4})", re.ASCII)
_NAME_DAY = re.compile(r"([a-z]{3,9})[. ]{0,2}(\d{1,2})(?:st|nd|rd|th)?[., ]{1,2}(\d{4})", re.ASCII)

_MONTH_STEMS: Final = {
    "jan": 1, "jaen": 1, "gen": 1, "ene": 1, "feb": 2, "fev": 2, "mar": 3, "maer": 3, "mrz": 3, "apr": 4, "avr": 4,
    "abr": 4, "mai": 5, "may": 5, "mag": 5, "mei": 5, "jun": 6, "juin": 6, "giu": 6, "jul": 7, "juil": 7, "lug": 7,
    "aug": 8, "aou": 8, "ago": 8, "sep": 9, "set": 9, "okt": 10, "oct": 10, "out": 10, "ott": 10, "nov": 11,
    "dez": 12, "dec": 12, "dic": 12,
}  # fmt: skip
_DAYS: Final = (0, 31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31)


def _iso(year: int, month: int, day: int) -> str:
    """The ISO text of a date that exists, else empty."""
    if year not in YEARS or not 1 <= month <= 12 or not 1 <= day <= _DAYS[month]:
        return ""
    if month == 2 and day == 29 and (year % 4 != 0 or (year % 100 == 0 and year % 400 != 0)):
        return ""
    return f"{year:04d}-{month:02d}-{day:02d}"


def _as_known(year: int, month: int, day: int) -> str:
    """The ISO text of a date of which the month or the day may be unknown (0)."""
    if day or year not in YEARS or not 0 <= month <= 12:
        return _iso(year, month, day)
    return f"{year:04d}-{month:02d}" if month else f"{year:04d}"


def _full_year(text: str) -> int:
    year = int(text)
    if len(text) == 2:
        return year + (2000 if year <= TWO_DIGIT_PIVOT else 1900)
    return year


def _month_number(name: str) -> int:
    return _MONTH_STEMS.get(name[:4]) or _MONTH_STEMS.get(name[:3], 0)


def _compact(digits: str, day_first: bool) -> str:
    """YYYYMMDD where that is a plausible birth date, else DDMMYYYY (or MMDDYYYY)."""
    if "1850" <= digits[:4] <= "2099" and (iso := _iso(int(digits[:4]), int(digits[4:6]), int(digits[6:]))):
        return iso
    return _ordered(int(digits[:2]), int(digits[2:4]), int(digits[4:]), day_first)


def _ordered(first: int, second: int, year: int, day_first: bool) -> str:
    if day_first:
        return _iso(year, second, first) or _iso(year, first, second)
    return _iso(year, first, second) or _iso(year, second, first)


def _named(text: str) -> str:
    folded = fold(text)
    if match := _DAY_NAME.fullmatch(folded):
        return _iso(int(match[3]), _month_number(match[2]), int(match[1]))
    if match := _NAME_DAY.fullmatch(folded):
        return _iso(int(match[3]), _month_number(match[1]), int(match[2]))
    return ""


def _read(text: str, day_first: bool | None, month_first_country: bool) -> str:
    if match := _ISO.fullmatch(text):
        return _as_known(int(match[1]), int(match[2]), int(match[3]))
    if match := _NUMERIC.fullmatch(text):
        first, second, year = int(match[1]), int(match[3]), _full_year(match[4])
        if day_first is None:
            day_first = match[2] == "." or not month_first_country
        return _ordered(first, second, year, day_first)
    if _COMPACT.fullmatch(text):
        return _compact(text, not month_first_country if day_first is None else day_first)
    if match := _YEAR_MONTH.fullmatch(text):
        return _as_known(int(match[1]), int(match[2] or 0), 0)
    return _named(text)


def parse_date(text: str, country: str = "", day_first: bool | None = None) -> str:
    """ISO text of a birth date ("1999-12-31", or as much as is known: "1999-12", "1999"); empty for what is no
    date or a placeholder. `day_first` decides ambiguous ones, else the country does."""
    if len(text) > 40:
        return ""
    iso = _read(text.strip(), day_first, country in MONTH_FIRST_COUNTRIES)
    return "" if is_placeholder_date(iso) else iso


def column_day_first(values: Iterable[str]) -> bool | None:
    """Whether a column writes the day before the month, told by its values that can be read in one way only;
    None where no value tells."""
    day_first = month_first = 0
    for value in values:
        if match := _NUMERIC.fullmatch(value.strip()[:40]):
            first, second = int(match[1]), int(match[3])
            day_first += 12 < first <= 31 and 1 <= second <= 12
            month_first += 1 <= first <= 12 < second <= 31
    if day_first == month_first:
        return None
    return day_first > month_first


def date_parts(iso: str) -> tuple[int, int, int]:
    """Year, month and day of an ISO text; 0 for what it does not say."""
    year, _, rest = iso.partition("-")
    month, _, day = rest.partition("-")
    return int(year or 0), int(month or 0), int(day or 0)
