"""An organisation is its core name; its legal form says what it is, not who it is."""

import re
from functools import lru_cache
from typing import Final, NamedTuple

from cdi.normalise.text import CACHED, words

# display form: the ways it is written, folded, words apart by spaces. Longer ones are tried first.
_FORMS: Final[dict[str, str]] = {
    "GmbH & Co. KGaA": "gmbh co kgaa, gmbh u co kgaa, gmbh und co kgaa",
    "GmbH & Co. KG": "gmbh co kg, gmbh u co kg, gmbh und co kg, gmbh cokg, gmbh co",
    "GmbH & Co. OHG": "gmbh co ohg, gmbh und co ohg",
    "UG (haftungsbeschränkt) & Co. KG": "ug haftungsbeschraenkt co kg, ug co kg, ug und co kg",
    "AG & Co. KG": "ag co kg, ag und co kg",
    "AG & Co. KGaA": "ag co kgaa, ag und co kgaa",
    "SE & Co. KG": "se co kg, se und co kg",
    "SE & Co. KGaA": "se co kgaa, se und co kgaa",
    "gGmbH": "ggmbh, gemeinnuetzige gmbh",
    "GmbH": "gmbh, g m b h, gesellschaft mit beschraenkter haftung, ges m b h, gesmbh, mbh, m b h",
    "UG (haftungsbeschränkt)": "ug haftungsbeschraenkt, ug haftungsbeschr, ug",
    "AG": "ag, a g, aktiengesellschaft",
    "KGaA": "kgaa, kg a a",
    "KG": "kg, k g, kommanditgesellschaft, und co kg, co kg",
    "OHG": "ohg, o h g, offene handelsgesellschaft",
    "GbR": "gbr, g b r, gesellschaft buergerlichen rechts",
    "e.K.": "e k, ek, e kfm, e kfr, eingetragener kaufmann, eingetragene kauffrau",
    "e.V.": "e v, ev, eingetragener verein",
    "eG": "eg, e g, eingetragene genossenschaft",
    "& Co.": "co, u co, und co, and co, cie, et cie, compagnie",
    "PartG mbB": "partg mbb, partgmbb, partg, part g mbb, partnerschaft mbb",
    "SE": "se, societas europaea",
    "Sàrl": "sarl, s a r l, gmbh sarl",
    "Ltd": "ltd, limited, co ltd, ltd co, company limited, pty ltd, pty limited, private limited, pvt ltd",
    "plc": "plc, p l c, public limited company",
    "LLP": "llp, l l p",
    "LP": "lp, l p",
    "LLC": "llc, l l c, limited liability company",
    "Inc": "inc, incorporated",
    "Corp": "corp, corporation",
    "SA": "sa, s a, societe anonyme, sociedad anonima",
    "SAS": "sas, s a s, sasu",
    "EURL": "eurl",
    "SNC": "snc, s n c",
    "SpA": "spa, s p a",
    "Srl": "srl, s r l",
    "SL": "sl, s l, s l u, slu",
    "Lda": "lda",
    "BV": "bv, b v, besloten vennootschap",
    "NV": "nv, n v, naamloze vennootschap",
    "VOF": "vof, v o f",
    "A/S": "a s, aps",
    "AB": "ab",
    "AS": "as",
    "Oy": "oy, oyj",
    "Sp. z o.o.": "sp z o o, sp zoo, spolka z o o",
    "s.r.o.": "s r o, sro, spol s r o",
    "a.s.": "akciova spolecnost",
    "d.o.o.": "d o o, doo",
    "Kft.": "kft",
    "Zrt.": "zrt",
}

_BY_WORDS: Final = {
    tuple(spelling.split()): form for form, spellings in _FORMS.items() for spelling in spellings.split(", ")
}
_LONGEST: Final = max(map(len, _BY_WORDS))
# These are also words, given names or surnames: they count at the end of a name whose other words are no person's,
# that is, only where the caller knows that the text is an organisation's name.
_WEAK: Final = frozenset(
    {"AB", "AS", "A/S", "SA", "SE", "SL", "LP", "NV", "eG", "SNC", "Oy", "Lda", "SpA", "AG", "SAS"}
)
_CASED_FORM = re.compile(r"(?:^|\s)(?:AG|SE|SA|SAS|NV|S\.A\.|S\.p\.A\.|SpA|eG|AB|A/S|Oy)(?=$|[\s,.)])")
_CONNECTING: Final = frozenset({"und", "and", "et", "the", "die", "der", "das", "u"})


class OrganisationName(NamedTuple):
    """A name in two parts: the folded core and the legal form in its usual spelling, either may be empty."""

    core: str
    legal_form: str


def _form_at_end(tokens: tuple[str, ...]) -> tuple[int, str]:
    """How many last words are a legal form, and which."""
    for length in range(min(_LONGEST, len(tokens)), 0, -1):
        if form := _BY_WORDS.get(tokens[-length:]):
            return length, form
    return 0, ""


def _form_inside(tokens: tuple[str, ...]) -> tuple[int, int, str]:
    """The longest strong legal form that stands anywhere: (start, length, form)."""
    for length in range(min(_LONGEST, len(tokens)), 0, -1):
        for start in range(len(tokens) - length + 1):
            form = _BY_WORDS.get(tokens[start : start + length])
            if form and form not in _WEAK and len("".join(tokens[start : start + length])) > 2:
                return start, length, form
    return 0, 0, ""


def _before_address(tokens: tuple[str, ...]) -> tuple[int, int, str]:
    """The first legal form that an address follows ("allianz se koeniginstrasse 28"): (start, length, form)."""
    numbered = max((i for i, token in enumerate(tokens) if token.isdigit()), default=0)
    for start in range(1, numbered):
        for length in range(min(_LONGEST, numbered - start), 0, -1):
            if form := _BY_WORDS.get(tokens[start : start + length]):
                return start, length, form
    return 0, 0, ""


@lru_cache(maxsize=CACHED)
def split_organisation(name: str) -> OrganisationName:
    """The core and the legal form of an organisation's name ("Beispiel Handel GmbH & Co. KG" → "beispiel handel",
    "GmbH & Co. KG"). What follows the form is an address if it has a number, else a part of the name ("… GmbH
    Niederlassung Ulm"). A name that is nothing but a legal form keeps it as its core."""
    tokens = words(name)
    length, form = _form_at_end(tokens)
    start, after = len(tokens) - length, len(tokens)
    if not length:
        start, length, form = _before_address(tokens)
    if not length:
        start, length, form = _form_inside(tokens)
        after = start + length
    rest = tokens[:start] + tokens[after:] if length else tokens
    core = tuple(token for token in rest if token not in _CONNECTING) or rest
    if not core:
        return OrganisationName(" ".join(tokens), form)
    return OrganisationName(" ".join(core), form)


@lru_cache(maxsize=CACHED)
def looks_like_organisation(text: str) -> bool:
    """Whether a text that may be a person's name carries a legal form."""
    tokens = words(text)
    if len(tokens) < 2:
        return False
    length, form = _form_at_end(tokens)
    if length and length < len(tokens) and form not in _WEAK:
        return True
    return bool(_form_inside(tokens)[1]) or _CASED_FORM.search(text) is not None


@lru_cache(maxsize=1_000)
def legal_form(text: str) -> str:
    """The usual spelling of a legal form that stands alone; the text itself where it is unknown."""
    return _BY_WORDS.get(words(text), text)


_NOT_ALNUM = re.compile(r"[^0-9A-Z]+")
_VAT_SHAPE = re.compile(r"[A-Z]{2}[0-9A-Z]{5,13}|CHE[0-9]{9}(?:MWST|TVA|IVA)?")
_REGISTER = re.compile(r"(?:.*?\b)?(HRA|HRB|GNR|PR|VR|GSR)\s*[-.:]?\s*(\d{1,7})\s*([A-Z]{1,3})?\b.*", re.IGNORECASE)


@lru_cache(maxsize=CACHED)
def vat_id(text: str, country: str = "") -> str:
    """A VAT number in capitals without separators and with its country; empty for what has not its shape."""
    bare = _NOT_ALNUM.sub("", text.upper())
    if bare.isdigit() and country and 7 <= len(bare) <= 12:
        bare = country + bare
    return bare if _VAT_SHAPE.fullmatch(bare) else ""


@lru_cache(maxsize=CACHED)
def register_number(text: str) -> str:
    """A register number as "HRB 12345 B" where it is a German one, else in capitals with single spaces."""
    if match := _REGISTER.fullmatch(text):
        return " ".join(part for part in (match[1].upper(), match[2].lstrip("0"), (match[3] or "").upper()) if part)
    return text.upper() if text.isascii() else text
