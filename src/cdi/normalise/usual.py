"""The short way for what most records look like: a name in two plain words, a street with its number, an ISO date.

Each reading here gives what the rules of its kind give, or None where they have to look themselves; a property test
holds both to the same answers. Only values that recur (names, streets, towns, providers of mail) are remembered.
"""

import re
from collections.abc import Mapping
from functools import lru_cache
from typing import Any, Final

from cdi.normalise import contacts, names
from cdi.normalise.addresses import code_and_country, is_settled_street, place
from cdi.normalise.casing import decent, decent_case
from cdi.normalise.honours import titles_in
from cdi.normalise.junk import is_junk, is_junk_domain, is_junk_local, is_junk_name
from cdi.normalise.streets import NUMBER_FIRST_COUNTRIES, USUAL_NUMBER, usual_line
from cdi.normalise.text import CACHED, clean, fold, is_shouting

# -- names ---------------------------------------------------------------------------------------------------

_NAMED: Final = frozenset({"salutation", "given_name", "family_name"})


def usual_name(said: Any) -> tuple[dict[str, str], str] | None:
    """A person's name of two plain halves (or shouted ones), and the gender that its salutation tells."""
    if type(said) is not dict or not _NAMED.issuperset(said):
        return None
    given, family, spoken = said.get("given_name"), said.get("family_name"), said.get("salutation", "")
    if type(given) is not str or type(family) is not str or type(spoken) is not str:
        return None
    salutation, gender, no_title = _salutation(spoken) if spoken else ("", "", True)
    given, given_is_plain = _half(given)
    family, family_is_plain = _half(family)
    if given_is_plain and family_is_plain:
        fits = not (" " in given and given.endswith(family))
    else:
        fits = no_title and " " not in given and " " not in family
    if not fits or salutation is None or not given or not family:
        return None
    if salutation:
        return {"salutation": salutation, "given_name": given, "family_name": family}, gender
    return {"given_name": given, "family_name": family}, gender


@lru_cache(maxsize=CACHED)
def _half(said: str) -> tuple[str, bool]:
    """Half a name, clean and in decent case, and whether it was so already; empty where it needs more than that."""
    half = clean(said)
    if names.is_plain(half):
        return half, True
    if len(half) < 3 or " " in half or not is_shouting(half) or is_junk_name(half):
        return "", False
    decent_half = decent_case(half)
    return (decent_half if names.is_plain(decent_half) and fold(decent_half) == fold(half) else ""), False


@lru_cache(maxsize=2_000)
def _salutation(said: str) -> tuple[str | None, str, bool]:
    """A salutation in its usual spelling (None for a firm's), its gender, and whether it mentions no title."""
    spoken = clean(said)
    usual, _ = names.salutation(spoken)
    return (None if usual == "Firma" else usual), names.salutation(usual)[1], not titles_in(spoken)


# -- dates ---------------------------------------------------------------------------------------------------

_YEARS: Final = frozenset(f"{year}" for year in range(1911, 2099))
_DAYS: Final = frozenset(
    f"{month:02d}-{day:02d}"
    for month, days in enumerate((31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31), 1)
    for day in range(1, days + 1)
)


def usual_date(said: Any, day_first: bool | None) -> str | None:
    """A day of the calendar, written 1980-12-31 or 31.12.1980."""
    if type(said) is not str or len(said) != 10:
        return None
    if said[4] == "-":
        return said if said[5:] in _DAYS and said[:4] in _YEARS else None
    if said[2] == "." and said[5] == "." and day_first is not False:
        year, day = said[6:], f"{said[3:5]}-{said[:2]}"
        return f"{year}-{day}" if day in _DAYS and year in _YEARS else None
    return None


# -- contacts ------------------------------------------------------------------------------------------------

_LOCAL: Final = re.compile(r"[a-z0-9]+(?:[._-][a-z0-9]+)*")
_DOMAIN: Final = re.compile(r"(?:[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?\.){1,6}[a-z][a-z0-9-]{1,30}")


def usual_email(said: Any) -> str | None:
    """An address of letters, digits, dots and dashes; empty for one that nobody reads."""
    if type(said) is not str or len(said) > 254 or not said.isascii():
        return None
    address = said.lower()
    local, _, domain = address.partition("@")
    if len(local) > 64 or not (stem := _stem(domain)) or not _LOCAL.fullmatch(local):
        return None
    return "" if is_junk_local(local, stem) else address


@lru_cache(maxsize=CACHED)
def _stem(domain: str) -> str:
    """The first label of a domain with mailboxes; empty where more has to be asked."""
    return domain.partition(".")[0] if _DOMAIN.fullmatch(domain) and not is_junk_domain(domain) else ""


def usual_phone(said: Any, country: str) -> str | None:
    """The E.164 number of digits and separators, which no cleaning would change; empty for what is no number."""
    if type(said) is not str or len(said) > contacts.MAX_PHONE_LENGTH:
        return None
    bare = contacts.bare_number(said)
    return contacts.number_of(bare, country) if bare else None


# -- addresses -----------------------------------------------------------------------------------------------

_PLACED: Final = frozenset({"street", "house_number", "postal_code", "city", "country"})


def usual_address(said: Mapping[str, Any], default_country: str) -> dict[str, str] | None:
    """A street of letters with its number (behind it or apart), a postal code of digits and a town."""
    if not _PLACED.issuperset(said):
        return None
    street, code, city = said.get("street"), said.get("postal_code"), said.get("city")
    number, said_country = said.get("house_number"), said.get("country", "")
    if number is None and type(street) is str:
        street, _, number = street.rpartition(" ")
    if not (type(street) is type(number) is type(code) is type(city) is type(said_country) is str):
        return None
    street, city = _street(street), _town(city)
    code, country = _code(code, said_country, default_country)
    if not (street and city and code and _is_usual_number(number)) or country in NUMBER_FIRST_COUNTRIES:
        return None
    address = {"street": street, "house_number": number, "postal_code": code, "city": city}
    if country:
        address["country"] = country
    return address


@lru_cache(maxsize=CACHED)
def _street(said: str) -> str:
    """The name of a street; empty where it holds or needs more than its name."""
    line = usual_line(f"{said} 1", "")
    if line is None or line.street != said or clean(said) != said or is_junk(said):
        return ""
    name = decent(said)
    return name if is_settled_street(name) else ""


@lru_cache(maxsize=CACHED)
def _is_usual_number(said: str) -> bool:
    return USUAL_NUMBER.fullmatch(said) is not None


@lru_cache(maxsize=CACHED)
def _town(said: str) -> str:
    """A town as people write it; empty where there is a digit in it."""
    town = place(clean(said))
    return "" if any("0" <= sign <= "9" for sign in town) else town


@lru_cache(maxsize=CACHED)
def _code(said: str, said_country: str, default_country: str) -> tuple[str, str]:
    """A postal code of digits and the country; empty where it is another kind of code."""
    code, country = code_and_country(clean(said), clean(said_country), default_country)
    return (code if code.isascii() and code.isdigit() else ""), country
