"""A street line is read by the order of its country: "Hauptstr. 5a" or "12 High Street, Flat 3".

A Packstation and a PO box are places where parcels and letters are fetched; nobody lives there.
"""

import re
from functools import lru_cache
from typing import Final, NamedTuple

from cdi.normalise.casing import decent
from cdi.normalise.junk import is_junk
from cdi.normalise.text import CACHED, fold, listed, lower, words

NUMBER_FIRST_COUNTRIES: Final = frozenset({"US", "GB", "AU", "CA", "IE", "NZ", "FR", "LU", "IN", "ZA", "SG", "MC"})
MAX_STREET: Final = 160  # more is no street, and keeps every pattern below cheap


class StreetLine(NamedTuple):
    """A street line in its parts; `form` is "packstation", "po_box" or empty."""

    street: str
    house_number: str = ""
    extra: str = ""
    form: str = ""


def _pattern(text: str) -> re.Pattern[str]:
    return re.compile(text, re.IGNORECASE)


_LETTER = r"(?:\s?[a-z](?![a-z]))?"
_NUMBER = rf"[0-9]{{1,4}}{_LETTER}(?:\s?[-–/+&]\s?[0-9]{{1,4}}{_LETTER}|\s?/\s?[a-z](?![a-z])){{0,3}}"
_NUMBER_LAST = _pattern(
    r"(?P<street>[\W\d_]*[^\W\d_].*?)[\s,]+(?:(?:nr|no)\b\.?\s*)?"
    rf"(?P<number>{_NUMBER})(?:\s*[,;(]\s*(?P<extra>.+))?"
)
_NUMBER_GLUED = _pattern(
    r"(?P<street>.*(?:str\.?|stra(?:ß|ss)e|weg|platz|gasse|allee|ring|damm))(?P<number>[0-9]{1,4}\s?[a-z]?)"
)
_INSIDE_THE_HOUSE = _pattern(
    r"[\s,;(]+((?:[0-9]{1,2}\.?\s?(?:og|stock|etage|ug|dg)|eg|dg|hinterhaus|vorderhaus|hh|vh|seitenflügel|whg|wohnung"
    r"|app|apartment|appartement|aufgang|eingang|stiege|tür|top|zimmer|zi|links|rechts|bus|bte|interno|piso|planta)"
    r"\b\.?.*)$"
)
_NUMBER_FIRST = _pattern(
    r"(?P<number>[0-9]{1,6}(?:\s?[-/]\s?[0-9]{1,6})?(?:[a-z](?=[\s,])|\s(?:bis|ter|quater|1/2)(?=[\s,]))?)"
    r"[\s,]+(?P<street>[^\W\d_].*|[0-9]+(?:st|nd|rd|th)\b.*)"
)
_UNIT = _pattern(
    r"(?P<street>.+?)[\s,]+(?P<extra>(?:apt|apartment|unit|suite|ste|flat|floor|fl|room|rm|bldg|building|lot)"
    r"\b\.?\s*#?\s*[\w-]{1,8}|#\s*[\w-]{1,8})"
)
_UNIT_BEFORE = _pattern(r"(?P<extra>(?:apt|apartment|unit|suite|flat)\b\.?\s*[\w-]{1,6})[\s,]+(?P<street>[0-9].+)")
_CARE_OF = _pattern(
    r"(?:^|[\s,;(])(c\s?/\s?o\b\.?\s*[^,;)]+|z\.?\s?hd\b\.?\s[^,;)]+|(?<=[0-9] )bei\s+(?=\S)[^,;)\d]+$)"
)
_PACKSTATION = _pattern(
    r"(?P<before>.*?)\b(?P<kind>packstation|postfiliale|paketshop|paketbox)\b\s*(?:nr\b\.?\s*)?"
    r"(?P<number>[0-9]{1,4}(?![0-9]))?(?P<after>.*)"
)
_PO_BOX = _pattern(
    r"(?P<before>.*?)\b(?P<kind>postfach|p\.?\s?o\.?\s?box|post office box|case postale|casella postale|postbus"
    r"|boîte postale|apartado(?: de correos)?|postboks|box postal|skrytka pocztowa)\b\.?\s*(?:nr\b\.?\s*|#\s*)?"
    r"(?P<number>[0-9 ]{0,12}[0-9])?(?P<after>.*)"
)


def joined(*parts: str) -> str:
    """What is said in addition, each thing once."""
    if not any(parts):
        return ""
    said = (piece.strip(" ;()") for part in parts for piece in part.split(","))
    return ", ".join(dict.fromkeys(piece for piece in said if piece and not is_junk(piece)))


def _fetched(text: str) -> StreetLine | None:
    """A Packstation or PO box, else None."""
    if match := _PACKSTATION.fullmatch(text):
        extra = joined(match["before"], match["after"])
        return StreetLine(match["kind"].capitalize(), match["number"] or "", extra, "packstation")
    if match := _PO_BOX.fullmatch(text):
        number = (match["number"] or "").replace(" ", "")
        return StreetLine(match["kind"], number, joined(match["before"], match["after"]), "po_box")
    return None


_NUMBER_WORDS = _pattern(r"^(?:(?:nr|no|hausnr|hnr|hausnummer)\b[\s.,–-]*)+")
_AROUND: Final = " ,.-–/#&+()"
_BETWEEN_NUMBERS = re.compile(r"\s*([-–/+&])\s*")
_BETWEEN: Final = {"-": "-", "–": "-", "/": "/", "+": "+", "&": "+"}
_DOOR_NUMBER = re.compile(r"[0-9]+[0-9a-z/+.\- ½]*")
_SPACED_LETTER = re.compile(r"([0-9])\s+([a-zA-Z])(?=$|[-/+&])")


@lru_cache(maxsize=CACHED)
def tidy_number(text: str) -> str:
    """A house number as it is written on the door: "12a", "5-7", "12/3"; empty for "0"."""
    text = _NUMBER_WORDS.sub("", text[:20].strip(_AROUND)).strip(_AROUND)
    text = _BETWEEN_NUMBERS.sub(lambda match: _BETWEEN[match[1]], text)
    text = lower(_SPACED_LETTER.sub(r"\1\2", text).strip(_AROUND))
    return "" if text.strip("0") == "" else text


def _number_first(text: str) -> StreetLine | None:
    extra = ""
    if match := _UNIT_BEFORE.fullmatch(text):
        text, extra = match["street"], match["extra"]
    if not (match := _NUMBER_FIRST.fullmatch(text)):
        return None
    street, number = match["street"], match["number"]
    if unit := _UNIT.fullmatch(street):
        street, extra = unit["street"], joined(extra, unit["extra"])
    return StreetLine(street, tidy_number(number), extra)


def _number_last(text: str) -> StreetLine | None:
    inside = ""
    if match := _INSIDE_THE_HOUSE.search(text):
        inside, text = match[1], text[: match.start()]
    if match := _NUMBER_LAST.fullmatch(text):
        return StreetLine(match["street"], tidy_number(match["number"]), joined(match["extra"] or "", inside))
    if match := _NUMBER_GLUED.fullmatch(text):
        return StreetLine(match["street"], tidy_number(match["number"]), inside)
    return None


USUAL_NUMBER: Final = re.compile(r"[1-9][0-9]{0,3}[a-z]?")
_USUAL = re.compile(rf"([^\W\d_][^\W\d_ .'’-]*(?:[ .'’-]+[^\W\d_]+)*\.?) ({USUAL_NUMBER.pattern})")
_UNUSUAL_WORDS: Final = listed(
    "packstation postfiliale paketshop paketbox postfach box postbus apartado postboks postale pocztowa correos postal"
    " bei nr no eg dg hinterhaus vorderhaus hh vh seitenflügel whg wohnung app apartment appartement aufgang eingang"
    " stiege tür top zimmer zi links rechts bus bte interno piso planta hd zhd"
)


_MARKS = re.compile(r"[0-9,;(/#]")


def usual_line(text: str, country: str) -> StreetLine | None:
    """The short way for "Hauptstr. 5a" and for a street without a number, which most lines are."""
    if country in NUMBER_FIRST_COUNTRIES:
        return None
    if not _UNUSUAL_WORDS.isdisjoint(text.lower().replace(".", " ").split()):
        return None
    if match := _USUAL.fullmatch(text):
        return StreetLine(match[1], match[2])
    return None if _MARKS.search(text) else StreetLine(text)


def split_street(text: str, country: str) -> StreetLine:
    """Street, number, extra (c/o, flat, floor, post number) and form of a street line, by the country's order; a
    line that says no number is all street."""
    text = text[:MAX_STREET].strip(" ,;")
    return usual_line(text, country) or _split_with_care(text, country)


def _split_with_care(text: str, country: str) -> StreetLine:
    if fetched := _fetched(text):
        return fetched
    extra = ""
    if care := _CARE_OF.search(text):
        extra = care[1].strip(" ,;")
        text = " ".join(f"{text[: care.start()]} {text[care.end() :]}".split()).strip(" ,;()")
    readers = (_number_first, _number_last) if country in NUMBER_FIRST_COUNTRIES else (_number_last, _number_first)
    for read in readers:
        if line := read(text):
            return StreetLine(line.street.strip(" ,;"), line.house_number, joined(extra, line.extra))
    return StreetLine(text, "", extra)


def read_street(street: str, number: str, extra: str, country: str) -> StreetLine:
    """A street line with what other fields say: the number that stands apart wins, and is taken off the street where
    the street repeats it. Idempotent."""
    usual = usual_line(street, country) if street and not extra and not number else None
    if usual and usual.house_number and not is_junk(usual.street):
        return StreetLine(decent(usual.street), usual.house_number)
    street = "" if is_junk(street) else street[:MAX_STREET].strip(" ,;")
    number, extra = _door(number, extra)
    if street and not number and not any(map(str.isalpha, street)):
        number, extra = _door(street, extra)  # a number in the street's field
        street = ""
    line = StreetLine(street, number, joined(extra))
    while line.street and (shorter := _shortened(line, country)) != line:
        line = shorter
    return line._replace(street="" if is_junk(line.street) else decent(line.street))


def _door(number: str, extra: str) -> tuple[str, str]:
    """A house number, or what it says instead (the name of the house) among the extra."""
    tidy = tidy_number(number) if number else ""
    return (tidy, extra) if not tidy or _DOOR_NUMBER.fullmatch(tidy) else ("", joined(extra, tidy))


def _shortened(line: StreetLine, country: str) -> StreetLine:
    read = split_street(line.street, country)
    extra = joined(line.extra, read.extra)
    if read.form:
        number = line.house_number if line.form else read.house_number or line.house_number
        return StreetLine(read.street, number, extra, read.form)
    if read.house_number and line.house_number and not line.house_number.startswith(read.house_number):
        return line  # the street's own name ends in a number ("Straße 52"), or two fields contradict
    if not any(map(str.isalpha, read.street)):
        return line
    return StreetLine(read.street, line.house_number or read.house_number, extra, line.form)


_LAST_WORDS: Final = {
    "str": "strasse", "st": "street", "rd": "road", "ave": "avenue", "av": "avenue", "dr": "drive", "ln": "lane",
    "blvd": "boulevard", "ct": "court", "crt": "court", "pl": "place", "sq": "square", "hwy": "highway",
    "pkwy": "parkway", "cir": "circle", "ter": "terrace", "tce": "terrace", "cres": "crescent", "cl": "close",
}  # fmt: skip
_FIRST_WORDS: Final = {"st": "sankt", "str": "strasse", "gr": "grosse", "kl": "kleine", "bgm": "buergermeister"}
_DIRECTIONS: Final = {"north": "n", "south": "s", "east": "e", "west": "w"}
_ENDINGS: Final = {"str": "strasse", "strase": "strasse", "strass": "strasse", "stasse": "strasse", "pl": "platz"}


def _whole_ending(word: str) -> str:
    """ "hauptstr" → "hauptstrasse", "marktpl" → "marktplatz"."""
    for ending, whole in _ENDINGS.items():
        if word.endswith(ending) and len(word) >= len(ending) + 3:
            return word[: -len(ending)] + whole
    return word


@lru_cache(maxsize=CACHED)
def fold_street(street: str, country: str = "") -> str:
    """The street as the engine compares it: folded, "str.", "Straße" and "-str." alike ("hauptstrasse")."""
    tokens = list(words(street))
    if not tokens:
        return ""
    if country in NUMBER_FIRST_COUNTRIES:
        tokens = [_DIRECTIONS.get(token, token) for token in tokens]
    elif len(tokens) > 1:
        tokens[0] = _FIRST_WORDS.get(tokens[0], tokens[0])
    last = tokens[-1]
    if len(tokens) > 1 and last == "pl" and country not in NUMBER_FIRST_COUNTRIES:
        last = "platz"
    elif len(tokens) > 1 and last in _LAST_WORDS:
        last = _LAST_WORDS[last]
    elif country not in NUMBER_FIRST_COUNTRIES:
        last = _whole_ending(last)
    if last == "strasse" and len(tokens) > 1:
        return " ".join([*tokens[:-2], f"{tokens[-2]}strasse"])
    return " ".join([*tokens[:-1], last])


def fold_number(number: str) -> str:
    """A house number as the engine compares it: without spaces and case."""
    return fold(number).replace(" ", "")
