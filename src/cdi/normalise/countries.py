"""A country is its ISO code; what it is called is a table, how its postal codes look is a pattern."""

import re
from functools import lru_cache
from typing import Final

from babel import Locale
from phonenumbers import SUPPORTED_REGIONS

from cdi.normalise.text import words

_CODES: Final = {
    "D": "DE", "A": "AT", "F": "FR", "I": "IT", "B": "BE", "L": "LU", "S": "SE", "N": "NO", "E": "ES", "P": "PT",
    "H": "HU", "FL": "LI", "UK": "GB", "USA": "US", "BRD": "DE", "DEU": "DE", "GER": "DE", "AUT": "AT", "CHE": "CH",
    "FRA": "FR", "ITA": "IT", "ESP": "ES", "NLD": "NL", "BEL": "BE", "LUX": "LU", "DNK": "DK", "SWE": "SE",
    "NOR": "NO", "FIN": "FI", "POL": "PL", "CZE": "CZ", "SVK": "SK", "HUN": "HU", "SVN": "SI", "HRV": "HR",
    "ROU": "RO", "BGR": "BG", "GRC": "GR", "PRT": "PT", "IRL": "IE", "GBR": "GB", "TUR": "TR", "UKR": "UA",
    "RUS": "RU", "LIE": "LI", "EST": "EE", "LVA": "LV", "LTU": "LT", "CAN": "CA", "AUS": "AU", "NZL": "NZ",
    "CHN": "CN", "JPN": "JP", "IND": "IN", "EL": "GR",
}  # fmt: skip
"""Car signs, alpha-3 and other codes in use that are not alpha-2."""
_OTHER_NAMES: Final = {
    "england": "GB", "scotland": "GB", "wales": "GB", "schottland": "GB", "grossbritannien": "GB",
    "great britain": "GB", "united kingdom": "GB", "usa": "US", "vereinigte staaten von amerika": "US",
    "united states of america": "US", "holland": "NL", "the netherlands": "NL", "bundesrepublik deutschland": "DE",
    "tschechische republik": "CZ", "czech republic": "CZ", "turkey": "TR", "republik oesterreich": "AT",
    "schweizerische eidgenossenschaft": "CH",
}  # fmt: skip


_LANGUAGES: Final = (
    "en",
    "de",
    "fr",
    "it",
    "es",
    "nl",
    "pl",
    "pt",
    "cs",
    "sk",
    "da",
    "sv",
    "fi",
    "hu",
    "ro",
    "hr",
    "tr",
)


@lru_cache(maxsize=1)
def _names() -> dict[str, str]:
    """Folded name → code; made when first asked for, not when the program starts."""
    names: dict[str, str] = {}
    for language in _LANGUAGES:
        for code, name in Locale(language).territories.items():
            if len(code) == 2:  # three digits are continents
                names.setdefault(" ".join(words(name)), code)
    return names | _OTHER_NAMES


@lru_cache(maxsize=2_000)
def country_code(text: str) -> str:
    """ISO 3166 alpha-2 of a country given as a code, a car sign or its name in some language; empty if unknown."""
    code = text.strip(" .").upper()
    if code in _CODES:
        return _CODES[code]
    if len(code) == 2 and code in SUPPORTED_REGIONS:
        return code
    return _names().get(" ".join(words(text)), "")


_POSTAL_CODES: Final = {
    country: re.compile(pattern, re.ASCII)
    for pattern, countries in {
        r"\d{5}": "DE FR IT ES FI EE HR TR UA MC SM",
        r"\d{4}": "AT CH BE DK NO LU HU BG SI LI AU NZ ZA CY",
        r"\d{5}(?:-\d{4})?": "US",
        r"\d{4} [A-Z]{2}": "NL",
        r"\d{2}-\d{3}": "PL",
        r"\d{3} \d{2}": "CZ SK SE GR",
        r"\d{4}-\d{3}": "PT",
        r"[A-Z]{1,2}\d[A-Z\d]? \d[A-Z]{2}": "GB",
        r"[A-Z]\d[A-Z] \d[A-Z]\d": "CA",
        r"\d{6}": "RO IN SG RU",
    }.items()
    for country in countries.split()
}
_GROUPS: Final = {"NL": (4, " "), "CZ": (3, " "), "SK": (3, " "), "SE": (3, " "), "GR": (3, " "), "CA": (3, " "),
                  "PL": (2, "-"), "PT": (4, "-"), "US": (5, "-"), "GB": (-3, " ")}  # fmt: skip
"""Where a country writes its codes in two groups: after how many characters, with what between."""
_WITH_COUNTRY = re.compile(r"([A-Z]{1,3})\s?-\s?(\d.*)")
_SEPARATORS = re.compile(r"[\s.\-]+")


def fits_country(code: str, country: str) -> bool:
    """Whether a postal code has the shape of its country's (True where the shape is not known)."""
    pattern = _POSTAL_CODES.get(country)
    return pattern is None or pattern.fullmatch(code) is not None


def postal_code(text: str, country: str) -> tuple[str, str]:
    """A postal code in its country's spelling, and the country that it names itself ("D-12345"), else "".

    A code of noughts or nines only is a placeholder and gives "".
    """
    code = text.upper().strip(" .,;-") if text.isascii() else ""
    named = ""
    if (match := _WITH_COUNTRY.fullmatch(code)) and (named := country_code(match[1])):
        country, code = named, match[2]
    bare = _SEPARATORS.sub("", code)
    if not bare or set(bare) <= {"0"} or set(bare) == {"9"}:
        return "", named
    if country in _GROUPS:
        cut, between = _GROUPS[country]
        grouped = f"{bare[:cut]}{between}{bare[cut:]}"
        return (grouped if fits_country(grouped, country) else code), named
    return (bare if country in _POSTAL_CODES and fits_country(bare, country) else code), named
