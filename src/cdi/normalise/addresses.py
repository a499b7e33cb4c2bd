"""An address is read by the rules of its own country: where the number stands, what a postal code looks like.

A Packstation and a PO box are addresses where a parcel or a letter is fetched; nobody lives there.
"""

import re
from functools import lru_cache
from typing import Final, NamedTuple

from phonenumbers.geodata.locale import LOCALE_DATA

from cdi.normalise.text import fold, words

NUMBER_FIRST_COUNTRIES: Final = frozenset(
    {"US", "GB", "AU", "CA", "IE", "NZ", "FR", "LU", "IN", "ZA", "SG", "MC"}
)

_POSTAL_CODES: Final = {
    country: re.compile(pattern)
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
_COUNTRY_PREFIX = re.compile(r"(?:(D|A|CH|FL|F|I|NL|B|L|DK|PL|CZ|S|N|DE|AT)[- ]+)?(\d.*)", re.IGNORECASE)
_CAR_SIGNS: Final = {
    "D": "DE", "A": "AT", "F": "FR", "I": "IT", "B": "BE", "L": "LU", "S": "SE", "N": "NO", "E": "ES", "P": "PT",
    "H": "HU", "FL": "LI", "UK": "GB", "USA": "US", "BRD": "DE", "DEU": "DE", "GER": "DE", "AUT": "AT", "CHE": "CH",
    "FRA": "FR", "ITA": "IT", "ESP": "ES", "NLD": "NL", "BEL": "BE", "LUX": "LU", "DNK": "DK", "SWE": "SE",
    "NOR": "NO", "FIN": "FI", "POL": "PL", "CZE": "CZ", "SVK": "SK", "HUN": "HU", "SVN": "SI", "HRV": "HR",
    "ROU": "RO", "BGR": "BG", "GRC": "GR", "PRT": "PT", "IRL": "IE", "GBR": "GB", "TUR": "TR", "UKR": "UA",
    "RUS": "RU", "LIE": "LI", "EST": "EE", "LVA": "LV", "LTU": "LT", "CAN": "CA", "AUS": "AU", "NZL": "NZ",
    "CHN": "CN", "JPN": "JP", "IND": "IN", "EL": "GR",
}  # fmt: skip
_OTHER_COUNTRY_NAMES: Final = {
    "england": "GB", "scotland": "GB", "wales": "GB", "schottland": "GB", "grossbritannien": "GB",
    "great britain": "GB", "united kingdom": "GB", "usa": "US", "vereinigte staaten von amerika": "US",
    "united states of america": "US", "holland": "NL", "the netherlands": "NL", "bundesrepublik deutschland": "DE",
    "tschechische republik": "CZ", "czech republic": "CZ", "turkei": "TR", "turkey": "TR", "republik oesterreich": "AT",
    "suisse": "CH", "svizzera": "CH", "schweizerische eidgenossenschaft": "CH",
}  # fmt: skip


def _country_names() -> dict[str, str]:
    names: dict[str, str] = {}
    for country, by_language in LOCALE_DATA.items():
        for name in by_language.values():
            if not name.startswith("*"):
                names.setdefault(" ".join(words(name)), country)
    return names | _OTHER_COUNTRY_NAMES


_COUNTRIES: Final = _country_names()


@lru_cache(maxsize=2_000)
def country_code(text: str) -> str:
    """ISO 3166 alpha-2 of a country given as code, car sign or name in some European language; empty if unknown."""
    code = text.strip(" .").upper()
    if code in _CAR_SIGNS:
        return _CAR_SIGNS[code]
    if len(code) == 2 and code in LOCALE_DATA:
        return code
    return _COUNTRIES.get(" ".join(words(text)), "")


@lru_cache(maxsize=50_000)
def postal_code(text: str, country: str) -> tuple[str, str]:
    """A postal code in its country's spelling, and the country that it names itself ("D-12345"), else empty."""
    match = _COUNTRY_PREFIX.fullmatch(text)
    named = country_code(match[1]) if match and match[1] else ""
    code = (match[2] if match and match[1] else text).upper().strip(" .,")
    country = named or country
    bare = re.sub(r"[\s-]", "", code)
    if country == "GB" and 5 <= len(bare) <= 7:
        code = f"{bare[:-3]} {bare[-3:]}"
    elif country in {"NL", "CZ", "SK", "SE", "GR", "CA"} and len(bare) in {5, 6}:
        cut = 4 if country == "NL" else 3
        code = f"{bare[:cut]} {bare[cut:]}"
    elif country == "PL" and len(bare) == 5:
        code = f"{bare[:2]}-{bare[2:]}"
    elif country == "US" and len(bare) == 9 and bare.isdigit():
        code = f"{bare[:5]}-{bare[5:]}"
    elif country in {"DE", "AT", "CH", "FR", "IT", "ES"}:
        code = bare
    return code, named


def fits_country(code: str, country: str) -> bool:
    """Whether a postal code has the shape of its country's (True where we do not know the shape)."""
    pattern = _POSTAL_CODES.get(country)
    return pattern is None or pattern.fullmatch(code) is not None


class StreetLine(NamedTuple):
    """A street line in its parts."""

    street: str
    house_number: str
    extra: str = ""
    form: str = ""


_LETTER = r"(?:\s?[a-z](?![a-z]))?"
_NUMBER = rf"\d{{1,4}}{_LETTER}(?:\s?[-–/+&]\s?\d{{1,4}}{_LETTER}|\s?/\s?[a-z](?![a-z])){{0,3}}"
_NUMBER_LAST = re.compile(
    rf"(?P<street>[\W\d_]*[^\W\d_].*?)[\s,]+(?:nr\.?\s*|no\.?\s*)?(?P<number>{_NUMBER})(?:\s*[,;(]\s*(?P<extra>.+))?",
    re.IGNORECASE,
)
_INSIDE_THE_HOUSE = re.compile(
    r"[\s,;(]+((?:\d{1,2}\.?\s?(?:og|stock|etage|ug|dg)|eg|dg|hinterhaus|vorderhaus|hh|vh|seitenflügel|whg|wohnung|app|"
    r"apartment|appartement|aufgang|eingang|stiege|tür|top|zimmer|zi|links|rechts|bus|bte|interno|piso|planta)\b\.?.*)$",
    re.IGNORECASE,
)
_NUMBER_GLUED = re.compile(
    r"(?P<street>.*(?:str\.?|stra(?:ß|ss)e|weg|platz|gasse|allee|ring|damm))(?P<number>\d{1,4}\s?[a-z]?)",
    re.IGNORECASE,
)
_NUMBER_FIRST = re.compile(
    r"(?P<number>\d{1,6}(?:\s?[-/]\s?\d{1,6})?(?:\s?[a-z](?=[\s,])|\s(?:bis|ter|1/2)(?=[\s,]))?)[\s,]+(?P<street>[^\W\d_].*|\d+(?:st|nd|rd|th)\b.*)",
    re.IGNORECASE,
)
_UNIT = re.compile(
    r"(?P<street>.+?)[\s,]+(?P<extra>(?:apt|apartment|unit|suite|ste|flat|floor|fl|room|rm|bldg|building|lot)\b\.?\s*#?\s*[\w-]{1,8}|#\s*[\w-]{1,8})",
    re.IGNORECASE,
)
_UNIT_BEFORE = re.compile(
    r"(?P<extra>(?:apt|apartment|unit|suite|flat)\.?\s*[\w-]{1,6})[\s,]+(?P<street>\d.+)", re.IGNORECASE
)
_CARE_OF = re.compile(
    r"(?:^|[\s,;(])(c\s?/\s?o\b\.?\s*[^,;)]+|z\.?\s?hd\.?\s[^,;)]+|(?<=\d )bei\s+(?=\S)[^,;)\d]+$)",
    re.IGNORECASE,
)
_PACKSTATION = re.compile(
    r"(?P<before>.*?)\b(?P<kind>packstation|postfiliale|paketshop|paketbox)\b\s*(?:nr\.?\s*)?(?P<number>\d{1,4})?(?!\d)(?P<after>.*)",
    re.IGNORECASE,
)
_PO_BOX = re.compile(
    r"(?P<before>.*?)\b(?P<kind>postfach|p\.?\s?o\.?\s?box|post office box|case postale|casella postale|postbus|boîte postale|apartado(?: de correos)?|postboks|box postal|skrytka pocztowa)\b\.?\s*(?:nr\.?\s*|#\s*)?(?P<number>[\d ]{0,12}\d)?(?P<after>.*)",
    re.IGNORECASE,
)


def joined(*parts: str) -> str:
    """What is said in addition, each thing once."""
    return ", ".join(dict.fromkeys(part for part in (p.strip(" ,;()") for p in parts) if part))


def _fetched(text: str) -> StreetLine | None:
    """A Packstation or PO box, else None."""
    lower = text.lower()
    if "pa" in lower and (match := _PACKSTATION.fullmatch(text)):
        extra = joined(match["before"], match["after"])
        return StreetLine(match["kind"].capitalize(), match["number"] or "", extra, "packstation")
    if match := _PO_BOX.fullmatch(text):
        number = (match["number"] or "").replace(" ", "")
        return StreetLine(match["kind"], number, joined(match["before"], match["after"]), "po_box")
    return None


def tidy_number(text: str) -> str:
    """A house number as it is written on the door: "12a", "5-7", "12/3"."""
    text = re.sub(r"^(?:nr|no|hausnr|hnr)\.?\s*", "", text.strip(), flags=re.IGNORECASE)
    text = re.sub(r"\s*([-–/+&])\s*", lambda m: "-" if m[1] == "–" else m[1], text)
    return (
        re.sub(r"(\d)\s+([a-zA-Z])$", r"\1\2", re.sub(r"(\d)\s+([a-zA-Z])(?=[-/+&])", r"\1\2", text))
        .strip(" ,.-/")
        .lower()
    )


def _number_first(text: str) -> StreetLine | None:
    extra = ""
    if match := _UNIT_BEFORE.fullmatch(text):
        text, extra = match["street"], match["extra"]
    if not (match := _NUMBER_FIRST.fullmatch(text)):
        return None
    street, number = match["street"], match["number"]
    if unit := _UNIT.fullmatch(street):
        street, extra = unit["street"], joined(extra, unit["extra"])
    return StreetLine(street.strip(" ,"), tidy_number(number), extra)


def _number_last(text: str) -> StreetLine | None:
    inside = ""
    if match := _INSIDE_THE_HOUSE.search(text):
        inside, text = match[1], text[: match.start()]
    if match := _NUMBER_LAST.fullmatch(text) or _NUMBER_GLUED.fullmatch(text):
        extra = match.groupdict().get("extra") or ""
        return StreetLine(match["street"].strip(" ,"), tidy_number(match["number"]), joined(extra, inside))
    return None


@lru_cache(maxsize=100_000)
def split_street(text: str, country: str) -> StreetLine:
    """Street, number, extra (c/o, flat, floor, post number) and form of a street line, by the country's order; a
    line that says no number is all street."""
    text = text.strip(" ,;")
    if fetched := _fetched(text):
        return fetched
    extra = ""
    if care := _CARE_OF.search(text):
        extra, text = care[1].strip(" ,;"), (text[: care.start()] + " " + text[care.end() :]).strip(" ,;()")
        text = " ".join(text.split())
    readers = (
        (_number_first, _number_last) if country in NUMBER_FIRST_COUNTRIES else (_number_last, _number_first)
    )
    for read in readers:
        if line := read(text):
            return line._replace(extra=joined(extra, line.extra))
    return StreetLine(text, "", extra)


def join_number(street: str, number: str, line: StreetLine) -> StreetLine:
    """A street line whose number came apart: a number at the end of the street stays there unless it is the same."""
    if not line.house_number or line.house_number == number:
        return line._replace(house_number=number)
    if number.startswith(line.house_number) or line.extra:
        return line._replace(house_number=number)
    return StreetLine(street.strip(" ,;"), number)


_ABBREVIATIONS: Final = {
    "str": "strasse", "st": "street", "rd": "road", "ave": "avenue", "av": "avenue", "dr": "drive", "ln": "lane",
    "blvd": "boulevard", "ct": "court", "pl": "place", "sq": "square", "hwy": "highway", "pkwy": "parkway",
    "cir": "circle", "ter": "terrace", "crt": "court", "cres": "crescent",
}  # fmt: skip
_STRASSE = re.compile(r"(\w)(?:str|strase|strass)$")


@lru_cache(maxsize=100_000)
def fold_street(street: str, country: str = "") -> str:
    """The street as the engine compares it: folded, "str."/"Straße"/"-str." alike, glued ("hauptstrasse")."""
    tokens = list(words(street))
    if not tokens:
        return ""
    last = tokens[-1]
    if country not in NUMBER_FIRST_COUNTRIES and last == "pl":
        tokens[-1] = "platz"
    elif len(tokens) > 1 and last in _ABBREVIATIONS:
        tokens[-1] = _ABBREVIATIONS[last]
    else:
        tokens[-1] = _STRASSE.sub(r"\1strasse", last)
    if tokens[0] == "str":
        tokens[0] = "strasse"
    if len(tokens) > 1 and tokens[-1] == "strasse":
        return " ".join(tokens[:-2] + [tokens[-2] + "strasse"])
    return " ".join(tokens)


@lru_cache(maxsize=50_000)
def fold_city(city: str) -> str:
    """The town as the engine compares it: folded words; what stands in brackets or after a slash says less."""
    return " ".join(words(re.split(r"[(/,]", city, maxsplit=1)[0])) or " ".join(words(city))


def fold_number(number: str) -> str:
    """A house number without spaces and case."""
    return fold(number).replace(" ", "")
