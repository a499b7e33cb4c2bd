"""An address is read by the rules of its own country: its name for the country, its postal codes, its street lines."""

import re
from functools import lru_cache
from typing import Final, NamedTuple

from cdi.fields import ADDRESS_FORMS
from cdi.normalise.casing import decent
from cdi.normalise.countries import country_code, fits_country, postal_code
from cdi.normalise.junk import is_junk
from cdi.normalise.streets import read_street
from cdi.normalise.text import CACHED, lower, words


class AddressParts(NamedTuple):
    """The parts of an address as people read them, in the order of `fields.ADDRESS_PARTS`."""

    street: str = ""
    house_number: str = ""
    extra: str = ""
    postal_code: str = ""
    city: str = ""
    region: str = ""
    country: str = ""
    use: str = ""
    form: str = ""


_CODE_AND_CITY: Final = re.compile(r"((?:[A-Z]{1,3}\s?-\s?)?[0-9]{4,5})\s+([^\W\d].*)")
_AT_THE_END: Final = re.compile(r"(.*[^\W\d_].*?)[,;]\s*((?:[A-Z]{1,3}\s?-\s?)?[0-9]{4,5}\s+[^\W\d][^,;]*)")


MAX_PASSES: Final = 8  # each takes something away; an address that needs more is rubbish
_USUAL: Final = re.compile(r"(?:[1-9][0-9]{0,3}[a-z]?)?\n[0-9]*\n[^0-9\n]*\n(?:[^\W\d_][^,;\n]*)?")


def canonical_address(said: AddressParts, default_country: str) -> AddressParts | None:
    """The parts cleaned and each in its place; None where nothing is left. Idempotent.

    The country is the one said or named by the postal code, else the default one if the postal code fits it.
    """
    parts = _inplace(said, default_country)
    if not _is_usual(parts):
        parts = _settled(parts, default_country)
    return parts if any(parts[:6]) or parts.country == country_code(said.country) != "" else None


def _is_usual(parts: AddressParts) -> bool:
    """Whether one pass was enough: nothing stands where a second one could take it for something else."""
    if parts.extra or parts.form:
        return False
    street, number, _, code, city, *_ = parts
    return _USUAL.fullmatch(f"{number}\n{code}\n{city}\n{street}") is not None


def is_settled_street(street: str) -> bool:
    """Whether no second pass could take a street that has its number for something else."""
    return _is_usual(AddressParts(street=street))


def _settled(parts: AddressParts, default_country: str) -> AddressParts:
    for _ in range(MAX_PASSES):
        if (again := _inplace(parts, default_country)) == parts:
            break
        parts = again
    return parts


def _inplace(said: AddressParts, default_country: str) -> AddressParts:
    street, code, city = said.street, said.postal_code, place(said.city)
    if not code and not city and (match := _AT_THE_END.fullmatch(street[:200])):
        street, city = match[1], match[2]
    if not code and (match := _CODE_AND_CITY.fullmatch(city)):
        code, city = match[1], place(match[2])
    code, country = code_and_country(code, said.country, default_country)
    street, number, extra, form = read_street(street, said.house_number, said.extra, country)
    region = place(said.region) if said.region else ""
    use = lower(said.use) if said.use else ""
    if not form and (use or said.form):
        form = next((said_form for said_form in (lower(said.form), use) if said_form in ADDRESS_FORMS), "")
    return AddressParts(street, number, extra, code, city, region, country, use, form)


@lru_cache(maxsize=CACHED)
def code_and_country(code: str, said_country: str, default_country: str) -> tuple[str, str]:
    said = country_code(said_country) if said_country else ""
    code, by_code = postal_code(code, said or default_country) if code else ("", "")
    if said == "DE" and len(code) == 4 and code.isdigit():
        code = f"0{code}"  # a leading zero that a spreadsheet ate
    country = said or by_code or (default_country if not code or fits_country(code, default_country) else "")
    return code, country


@lru_cache(maxsize=CACHED)
def place(text: str) -> str:
    """A town or region; what has no letter is none."""
    text = text.strip(" ,;")
    return "" if is_junk(text) or not any(map(str.isalpha, text)) else decent(text)


_SAYS_LESS: Final = re.compile(r"[(/,]")


@lru_cache(maxsize=CACHED)
def fold_city(city: str) -> str:
    """The town as the engine compares it: folded words; what stands in brackets or after a slash says less."""
    return " ".join(words(_SAYS_LESS.split(city, maxsplit=1)[0])) or " ".join(words(city))
