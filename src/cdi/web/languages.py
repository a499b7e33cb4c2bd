"""The languages of the desk: its messages, and how numbers and times are written.

A message is written in English where it is used; `locales/LANGUAGE/PAGE.po` translates it. The catalogues are compiled
when they are loaded.
"""

import gettext
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, tzinfo
from decimal import Decimal, InvalidOperation
from io import BytesIO
from pathlib import Path
from typing import Final

from babel import dates, numbers, units
from babel.core import Locale, negotiate_locale
from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po
from babel.support import Translations

from cdi.clock import utc_now
from cdi.periods import Period

LOCALES: Final = Path(__file__).parent / "locales"
LANGUAGES: Final[Mapping[str, str]] = {"de": "Deutsch", "en": "English"}
"""What each language calls itself."""


def load_messages(language: str, folder: Path = LOCALES) -> gettext.NullTranslations:
    """All catalogues of a language as one; English needs none."""
    merged = Translations()
    for path in sorted((folder / language).glob("*.po")):
        with path.open("rb") as file:
            catalogue = read_po(file, locale=language)
        compiled = BytesIO()
        write_mo(compiled, catalogue)
        compiled.seek(0)
        merged.merge(Translations(compiled))  # type: ignore[no-untyped-call]
    return merged


@dataclass(frozen=True, slots=True)
class Language:
    """One language, in the time zone of the company."""

    code: str
    messages: gettext.NullTranslations
    zone: tzinfo

    @property
    def locale(self) -> Locale:
        return Locale.parse("en_GB" if self.code == "en" else self.code)

    def gettext(self, message: str) -> str:
        """The message in this language."""
        return self.messages.gettext(message)

    def ngettext(self, one: str, many: str, count: int) -> str:
        """The message for one or for many, in this language."""
        return self.messages.ngettext(one, many, count)

    def number(self, value: float) -> str:
        """12,345 or 12.345."""
        return str(numbers.format_decimal(value, locale=self.locale))

    def signed(self, value: float) -> str:
        """+4.0 or −10,5: with its sign and one digit after the point."""
        return str(numbers.format_decimal(value, "+#,##0.0;−#,##0.0", locale=self.locale))

    def percent(self, share: float) -> str:
        """A share of one as per cent, with one digit after the point unless it is whole."""
        return str(numbers.format_percent(share, "#,##0.#%" if self.code == "en" else "#,##0.# %", locale=self.locale))

    def money(self, amount: str | float, currency: str) -> str:
        """An amount with its currency; as it was said where it is no number."""
        try:
            return str(numbers.format_currency(Decimal(str(amount)), currency, locale=self.locale))
        except (InvalidOperation, numbers.UnknownCurrencyError):
            return f"{amount} {currency}"

    def day(self, value: date | datetime | str) -> str:
        """5 Mar 2026 or 05.03.2026."""
        parsed = _day(value, self.zone)
        return str(dates.format_date(parsed, "medium", locale=self.locale))

    def long_day(self, value: datetime) -> str:
        """Thursday, 5 March 2026."""
        return str(dates.format_date(_day(value, self.zone), "full", locale=self.locale))

    def moment(self, value: datetime | str) -> str:
        """Day and time, in the company's time zone."""
        return str(dates.format_datetime(_moment(value), "medium", tzinfo=self.zone, locale=self.locale))

    def ago(self, value: datetime | str) -> str:
        """How long ago it is (or until then), in its largest unit."""
        return str(dates.format_timedelta(_moment(value) - utc_now(), add_direction=True, locale=self.locale))

    def period(self, text: str) -> str:
        """P10Y as 10 years; 1 month and 3 days."""
        period = Period.parse(text)
        years, months = divmod(period.months, 12)
        parts = ((years, "year"), (months, "month"), (period.days, "day"))
        return self.listed([str(units.format_unit(n, unit, locale=self.locale)) for n, unit in parts if n])

    def listed(self, words: Sequence[str]) -> str:
        """a, b and c."""
        conjunction = self.gettext("and")
        return f" {conjunction} ".join(part for part in (", ".join(words[:-1]), "".join(words[-1:])) if part)


def _moment(value: datetime | str) -> datetime:
    return datetime.fromisoformat(value) if isinstance(value, str) else value


def _day(value: date | datetime | str, zone: tzinfo) -> date:
    if isinstance(value, str):
        return date.fromisoformat(value) if len(value) == 10 else _moment(value).astimezone(zone).date()
    return value.astimezone(zone).date() if isinstance(value, datetime) else value


def wanted_language(chosen: str | None, accepted: str, fallback: str) -> str:
    """The code of the language for a visitor: the one chosen, else the best that the browser asks for."""
    if chosen in LANGUAGES:
        return str(chosen)
    asked = [part.partition(";")[0].strip() for part in accepted.split(",") if part.strip()]
    found = negotiate_locale(asked, list(LANGUAGES), sep="-")
    return found or (fallback if fallback in LANGUAGES else "en")
