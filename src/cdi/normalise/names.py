"""A name is taken apart once, where it enters: salutation, titles, given and family names, particles, suffix.

What people see keeps its spelling (case is repaired only where the source shouts); what the engine compares are
folded tokens without titles and particles.
"""

import re
from functools import lru_cache
from typing import Final, NamedTuple

from cdi.normalise.junk import is_junk_name
from cdi.normalise.nicknames import gender_of as gender_of
from cdi.normalise.nicknames import nickname_group as nickname_group
from cdi.normalise.phonetics import koelner_phonetik as koelner_phonetik
from cdi.normalise.text import fold, is_shouting, words

PARTICLES: Final = frozenset(
    [
        "von",
        "vom",
        "van",
        "de",
        "den",
        "der",
        "des",
        "dem",
        "zu",
        "zur",
        "zum",
        "und",
        "ten",
        "ter",
        "te",
        "af",
        "av",
        "di",
        "da",
        "do",
        "dos",
        "das",
        "del",
        "della",
        "dello",
        "dei",
        "degli",
        "la",
        "le",
        "les",
        "el",
        "al",
        "bin",
        "ibn",
        "ben",
        "du",
        "d",
        "l",
        "o",
        "y",
        "st",
    ]
) - {"o", "y", "st", "l", "ben", "al", "el"}
"""Words before a family name that do not tell families apart (von, van der, de la)."""

NOBILITY: Final = frozenset(
    [
        "freiherr",
        "freifrau",
        "freiin",
        "graf",
        "graefin",
        "grafin",
        "fuerst",
        "fuerstin",
        "prinz",
        "prinzessin",
        "baron",
        "baronin",
        "baronesse",
        "ritter",
        "edler",
        "edle",
        "herzog",
        "herzogin",
        "frhr",
        "fhr",
    ]
)
"""Ranks that German law made part of the family name: "Graf" counts as one only before a particle."""

_TITLES: Final = {
    "dr": "Dr.", "drs": "Drs.", "doktor": "Dr.", "doctor": "Dr.", "prof": "Prof.", "professor": "Prof.",
    "professorin": "Prof.", "pd": "PD", "priv-doz": "PD", "dipl": "Dipl.", "dipl-ing": "Dipl.-Ing.",
    "dipl-kfm": "Dipl.-Kfm.", "dipl-kffr": "Dipl.-Kffr.", "dipl-phys": "Dipl.-Phys.", "dipl-inf": "Dipl.-Inf.",
    "dipl-psych": "Dipl.-Psych.", "dipl-paed": "Dipl.-Päd.", "dipl-oec": "Dipl.-Oec.", "dipl-wirt-ing": "Dipl.-Wirt.-Ing.",
    "dipl-biol": "Dipl.-Biol.", "dipl-chem": "Dipl.-Chem.", "dipl-math": "Dipl.-Math.", "dipl-vw": "Dipl.-Vw.",
    "dipl-bw": "Dipl.-Bw.", "mag": "Mag.", "magister": "Mag.", "ing": "Ing.", "ir": "Ir.", "med": "med.", "jur": "jur.",
    "phil": "phil.", "rer": "rer.", "nat": "nat.", "pol": "pol.", "oec": "oec.", "habil": "habil.", "hc": "h.c.",
    "h.c": "h.c.", "dent": "dent.", "vet": "vet.", "theol": "theol.", "mult": "mult.", "sir": "Sir", "dame": "Dame",
    "rev": "Rev.", "dott": "Dott.", "dott.ssa": "Dott.ssa", "avv": "Avv.", "me": "Me", "ra": "RA",
    "rain": "RAin", "stb": "StB", "univ-prof": "Univ.-Prof.", "kommerzialrat": "Kommerzialrat", "kr": "KR",
    "dr-ing": "Dr.-Ing.",
}  # fmt: skip
_ONLY_AFTER_TITLE: Final = frozenset(
    [
        "med",
        "jur",
        "phil",
        "rer",
        "nat",
        "pol",
        "oec",
        "habil",
        "hc",
        "h.c",
        "dent",
        "vet",
        "theol",
        "mult",
        "ing",
    ]
)
_ONLY_WITH_DOT: Final = frozenset(
    {"me", "ir", "mag", "kr", "ra", "rev", "pd", "nat", "pol", "rain", "stb", "dame", "sir"}
)

_SALUTATIONS: Final = {
    "herr": ("Herr", "m"), "herrn": ("Herr", "m"), "hr": ("Herr", "m"), "hrn": ("Herr", "m"), "frau": ("Frau", "f"),
    "fr": ("Frau", "f"), "fraeulein": ("Frau", "f"), "frl": ("Frau", "f"), "mr": ("Mr", "m"), "mister": ("Mr", "m"),
    "mrs": ("Mrs", "f"), "ms": ("Ms", "f"), "miss": ("Miss", "f"), "mx": ("Mx", ""), "mme": ("Mme", "f"),
    "madame": ("Mme", "f"), "mlle": ("Mlle", "f"), "monsieur": ("M.", "m"), "sig": ("Sig.", "m"),
    "signor": ("Sig.", "m"), "sig.ra": ("Sig.ra", "f"), "signora": ("Sig.ra", "f"), "sr": ("Sr.", "m"),
    "sra": ("Sra.", "f"), "senor": ("Sr.", "m"), "senora": ("Sra.", "f"), "dhr": ("Dhr.", "m"), "mevr": ("Mevr.", "f"),
    "mw": ("Mevr.", "f"), "m.": ("M.", "m"), "pan": ("Pan", "m"), "pani": ("Pani", "f"), "familie": ("Familie", ""),
    "fam": ("Familie", ""), "firma": ("Firma", ""), "fa": ("Firma", ""), "herr und frau": ("Herr und Frau", ""),
    "eheleute": ("Eheleute", ""), "company": ("Firma", ""),
}  # fmt: skip
_SALUTATIONS_IN_NAMES: Final = frozenset(
    [
        "herr",
        "herrn",
        "hr",
        "frau",
        "fr",
        "fraeulein",
        "mr",
        "mister",
        "mrs",
        "ms",
        "miss",
        "mx",
        "mme",
        "madame",
        "mlle",
        "monsieur",
        "sig.ra",
        "signora",
        "familie",
        "fam",
        "firma",
        "fa",
        "eheleute",
    ]
)
_SUFFIXES: Final = {
    "jr": "jun.", "jun": "jun.", "junior": "jun.", "sr": "sen.", "sen": "sen.", "senior": "sen.", "ii": "II",
    "iii": "III", "iv": "IV", "mba": "MBA", "phd": "PhD", "ph.d": "PhD", "md": "MD", "llm": "LL.M.", "ll.m": "LL.M.",
    "msc": "M.Sc.", "m.sc": "M.Sc.", "bsc": "B.Sc.", "b.sc": "B.Sc.", "esq": "Esq.", "b.a": "B.A.", "m.a": "M.A.",
    "fh": "(FH)",
}  # fmt: skip
_BIRTH_NAME = re.compile(
    r"[\s,(]+(?:geb\.?|geborene[rn]?|gebürtig|née|nee|born|z domu|rozená|sz\.)\s+([^,()]+)\)?", re.IGNORECASE
)
FAMILY_FIRST_COUNTRIES: Final = frozenset({"HU", "CN", "JP", "KR", "VN", "TW"})

_GENDERS: Final = {
    **dict.fromkeys(
        [
            "f",
            "w",
            "weiblich",
            "female",
            "femme",
            "frau",
            "woman",
            "f.",
            "w.",
            "mujer",
            "donna",
            "vrouw",
            "femminile",
            "feminin",
            "kobieta",
        ],
        "f",
    ),
    **dict.fromkeys(
        [
            "m",
            "maennlich",
            "male",
            "homme",
            "herr",
            "man",
            "mann",
            "hombre",
            "uomo",
            "maschile",
            "masculin",
            "mezczyzna",
        ],
        "m",
    ),
    **dict.fromkeys(["x", "d", "divers", "diverse", "nonbinary", "nonbinaer", "non-binary", "other"], "x"),
}


class NameParts(NamedTuple):
    """A person's name in its parts, as people read it."""

    salutation: str = ""
    title: str = ""
    given_name: str = ""
    middle_name: str = ""
    family_name: str = ""
    suffix: str = ""
    birth_name: str = ""


def _key(token: str) -> str:
    return fold(token).strip(".,()").replace(".-", "-")


@lru_cache(maxsize=2_000)
def salutation(text: str) -> tuple[str, str]:
    """A salutation in its usual spelling and the gender that it tells; ("", "") where it is none."""
    folded = fold(text).strip()
    for candidate in (folded, folded.strip(". "), folded.replace(" & ", " und ").replace(" u. ", " und ")):
        if candidate in _SALUTATIONS:
            return _SALUTATIONS[candidate]
    first = folded.split(" ", 1)[0].strip(".,")
    return _SALUTATIONS.get(first, ("", "")) if first in _SALUTATIONS_IN_NAMES else ("", "")


@lru_cache(maxsize=1_000)
def gender(text: str) -> str:
    """ "f", "m" or "x" of a word for it in some European language; empty where it is none."""
    return _GENDERS.get(fold(text).strip(), "")


_CAPITAL_AFTER = re.compile(r"(?:^|(?<=[\s\-'’.(/]))[^\W\d_]")
_MC = re.compile(r"\bMc([a-z])")


@lru_cache(maxsize=50_000)
def decent_case(text: str) -> str:
    """A shouted or whispered name as it is usually written: "VON DER HEIDE-MÜLLER" → "von der Heide-Müller"."""
    lowered = _CAPITAL_AFTER.sub(lambda match: match.group().upper(), text.lower())
    lowered = _MC.sub(lambda match: "Mc" + match[1].upper(), lowered)
    parts = lowered.split(" ")
    return " ".join(
        part.lower() if i < len(parts) - 1 and fold(part) in PARTICLES else part
        for i, part in enumerate(parts)
    )


def _is_title(token: str, after_title: bool) -> bool:
    key = _key(token)
    if key not in _TITLES:
        return False
    if key in _ONLY_AFTER_TITLE and not after_title and "." not in token:
        return False
    return not (key in _ONLY_WITH_DOT and not token.endswith(".") and not after_title and not token.isupper())


@lru_cache(maxsize=5_000)
def canonical_title(text: str) -> str:
    """Titles in their usual spelling and the order given; what is unknown stays as it is."""
    return (
        " ".join(
            _TITLES.get(_key(token), token) for token in text.replace(".", ". ").replace(". -", ".-").split()
        )
        if text
        else ""
    )


@lru_cache(maxsize=50_000)
def strip_honours(text: str) -> tuple[str, str, str, str]:
    """A name without what stands around it: (salutation, title, name, suffix)."""
    tokens = text.replace(",", " , ").split() if "," in text else text.split()
    spoken = ""
    titles: list[str] = []
    suffixes: list[str] = []
    while len(tokens) > 1 and _key(tokens[0]) in _SALUTATIONS_IN_NAMES:
        spoken = spoken or _SALUTATIONS[_key(tokens.pop(0))][0]
    kept: list[str] = []
    after_title = False
    for token in tokens:
        after_title = _is_title(token, after_title)
        if after_title:
            titles.append(_TITLES[_key(token)])
        else:
            kept.append(token)
    while len(kept) > 1 and _key(kept[-1]) in _SUFFIXES:
        suffixes.insert(0, _SUFFIXES[_key(kept.pop())])
    name = " ".join(kept).replace(" ,", ",").strip(" ,")
    return spoken, " ".join(titles), name, " ".join(suffixes)


@lru_cache(maxsize=50_000)
def split_birth_name(text: str) -> tuple[str, str]:
    """A family name and the birth name that it mentions: "Meier geb. Schulz" → ("Meier", "Schulz")."""
    if match := _BIRTH_NAME.search(text):
        return (text[: match.start()] + text[match.end() :]).strip(" ,"), match[1].strip()
    return text, ""


def _particles_start(tokens: list[str]) -> int:
    """Where the family name begins in "given … particles family"."""
    for i in range(1, len(tokens) - 1):
        key = _key(tokens[i])
        if key in PARTICLES and tokens[i].islower():
            return i
        if key in NOBILITY and _key(tokens[i + 1]) in PARTICLES:
            return i
    return len(tokens) - 1


@lru_cache(maxsize=50_000)
def split_full(text: str, country: str = "") -> tuple[str, str]:
    """Given and family name of a full name without honours: by the comma, else by particles, else the last word."""
    family, comma, given = text.partition(",")
    if comma and given.strip():
        given_tokens = given.replace(",", " ").split()
        cut = next(
            (i for i in range(len(given_tokens)) if _key(given_tokens[i]) in PARTICLES | NOBILITY),
            len(given_tokens),
        )
        particles = " ".join(given_tokens[cut:])
        return " ".join(given_tokens[:cut]), f"{particles} {family.strip()}".strip()
    tokens = text.replace(",", " ").split()
    if len(tokens) < 2:
        single = "".join(tokens)
        return (single, "") if gender_of(single) else ("", single)
    if _key(tokens[0]) in PARTICLES and tokens[0].islower():
        return "", " ".join(tokens)
    if country in FAMILY_FIRST_COUNTRIES:
        return " ".join(tokens[1:]), tokens[0]
    start = _particles_start(tokens)
    return " ".join(tokens[:start]), " ".join(tokens[start:])


def _trailing_particles(given: str) -> tuple[str, str]:
    """Particles at the end of a given name belong to the family: "Karl von" → ("Karl", "von")."""
    tokens = given.split()
    cut = len(tokens)
    while cut > 1 and (_key(tokens[cut - 1]) in PARTICLES or _key(tokens[cut - 1]) in NOBILITY):
        cut -= 1
    return " ".join(tokens[:cut]), " ".join(tokens[cut:])


@lru_cache(maxsize=100_000)
def _is_plain(text: str) -> bool:
    """Whether a given or family name needs no work: one or two words in decent case, nothing special in them."""
    if not text.replace(" ", "").replace("-", "").isalpha() or is_shouting(text):
        return False
    tokens = text.split()
    return not is_junk_name(text) and not any(
        _key(t) in _TITLES or _key(t) in _SALUTATIONS_IN_NAMES or _key(t) in _SUFFIXES or _key(t) in PARTICLES
        or fold(t) in {"geb", "geborene", "nee", "born"}
        for t in tokens
    )  # fmt: skip


@lru_cache(maxsize=20_000)
def _without_junk(text: str) -> str:
    text = text.strip(' ,;*_#"')
    return "" if not text or is_junk_name(text) else text


def canonical_name(parts: NameParts, full: str, country: str) -> NameParts:
    """The parts of a person's name, cleaned and each in its place; `full` is taken apart where the parts are not
    given. Idempotent."""
    if not full and (not parts.given_name or _is_plain(parts.given_name)) and (
        not parts.family_name or _is_plain(parts.family_name)
    ) and (parts.given_name or parts.family_name) and not (
        parts.middle_name or parts.suffix or parts.birth_name or parts.title
    ):  # fmt: skip
        return parts._replace(salutation=salutation(parts.salutation)[0]) if parts.salutation else parts
    return _take_apart(parts, full, country)


def _take_apart(parts: NameParts, full: str, country: str) -> NameParts:
    given, family, middle = map(_without_junk, (parts.given_name, parts.family_name, parts.middle_name))
    full = _without_junk(full)
    if not given and not family and full:
        given, family = "", full
        whole = True
    else:
        whole = not given and ("," in family)
        if not family and "," in given:
            given, family, whole = "", given, True
    family, birth = split_birth_name(family)
    said_1, title_1, given, suffix_1 = strip_honours(given)
    said_2, title_2, family, suffix_2 = strip_honours(family)
    if whole:
        given, family = split_full(family, country)
    given, particles = _trailing_particles(given)
    family = f"{particles} {family}".strip()
    if all(is_shouting(text) for text in (given, family) if text) and len(given + family) >= 3:
        given, family = decent_case(given), decent_case(family)
    birth = _without_junk(parts.birth_name) or birth
    return NameParts(
        salutation=salutation(parts.salutation)[0] or said_1 or said_2,
        title=_merged(canonical_title(parts.title), title_1, title_2),
        given_name=_decent(given),
        middle_name=_decent(strip_honours(middle)[2]),
        family_name=_decent(family),
        suffix=_merged(_suffix(parts.suffix), suffix_1, suffix_2),
        birth_name=_decent(strip_honours(birth)[2]),
    )


def _suffix(text: str) -> str:
    return _SUFFIXES.get(_key(text), text)


def _merged(*texts: str) -> str:
    """Texts one after the other, each once."""
    return " ".join(dict.fromkeys(text for text in texts if text))


def _decent(text: str) -> str:
    return (
        decent_case(text) if len(text) >= 3 and is_shouting(text) and text.upper() != text.lower() else text
    )


class NameTokens(NamedTuple):
    """Folded tokens of one name, and the initials that stand for whole names."""

    tokens: tuple[str, ...]
    initials: str


@lru_cache(maxsize=100_000)
def name_tokens(text: str) -> NameTokens:
    """The folded tokens of a given or family name without particles and ranks; single letters are initials."""
    tokens = words(text)
    if any(token in NOBILITY for token in tokens[:-1]) and len(tokens) > 2:
        tokens = (
            tuple(
                t for i, t in enumerate(tokens) if t not in NOBILITY or tokens[i + 1 : i + 2] not in _BEFORE
            )
            or tokens
        )
    kept = tuple(t for t in tokens[:-1] if t not in PARTICLES) + tokens[-1:]
    return NameTokens(
        tuple(t for t in kept if len(t) > 1 or not t.isascii()),
        "".join(t for t in kept if len(t) == 1 and t.isascii() and t.isalpha()),
    )


_BEFORE: Final = frozenset((particle,) for particle in PARTICLES)
