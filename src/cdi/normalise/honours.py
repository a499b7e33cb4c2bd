"""What stands around a name is not the name: salutations, academic titles, suffixes, each with one usual spelling."""

import re
from functools import lru_cache
from typing import Final, NamedTuple

from cdi.normalise.text import CACHED, fold, listed

_TITLES: Final = {
    "dr": "Dr.", "drs": "Drs.", "dres": "Dres.", "doktor": "Dr.", "doctor": "Dr.", "prof": "Prof.",
    "professor": "Prof.", "professorin": "Prof.", "univ-prof": "Univ.-Prof.", "pd": "PD", "dipl": "Dipl.",
    "dipl-ing": "Dipl.-Ing.", "dipl-kfm": "Dipl.-Kfm.", "dipl-kffr": "Dipl.-Kffr.", "dipl-phys": "Dipl.-Phys.",
    "dipl-inf": "Dipl.-Inf.", "dipl-psych": "Dipl.-Psych.", "dipl-paed": "Dipl.-Päd.", "dipl-oec": "Dipl.-Oec.",
    "dipl-wirt-ing": "Dipl.-Wirt.-Ing.", "dipl-biol": "Dipl.-Biol.", "dipl-chem": "Dipl.-Chem.",
    "dipl-math": "Dipl.-Math.", "dipl-vw": "Dipl.-Vw.", "dipl-bw": "Dipl.-Bw.", "dr-ing": "Dr.-Ing.",
    "mag": "Mag.", "magister": "Mag.", "ing": "Ing.", "ir": "Ir.", "med": "med.", "jur": "jur.", "phil": "phil.",
    "rer": "rer.", "nat": "nat.", "pol": "pol.", "oec": "oec.", "habil": "habil.", "hc": "h.c.", "h.c": "h.c.",
    "dent": "dent.", "vet": "vet.", "theol": "theol.", "mult": "mult.", "sir": "Sir", "dame": "Dame", "rev": "Rev.",
    "dott": "Dott.", "dott.ssa": "Dott.ssa", "avv": "Avv.", "ra": "RA", "rain": "RAin", "stb": "StB", "kr": "KR",
    "kommerzialrat": "Kommerzialrat",
}  # fmt: skip
_ONLY_AFTER_A_TITLE: Final = listed("med jur phil rer nat pol oec habil hc h.c dent vet theol mult")
_ALSO_NAMES: Final = listed("ing ir mag kr ra rev pd nat pol rain stb dame sir dipl drs")
"""Count as titles only with a dot or in capitals; else they may be somebody's name."""

_SALUTATIONS: Final = {
    **dict.fromkeys(("herr", "herrn", "hr", "hrn"), ("Herr", "m")),
    **dict.fromkeys(("frau", "fr", "fraeulein", "frl"), ("Frau", "f")),
    **dict.fromkeys(("mr", "mister"), ("Mr", "m")),
    "mrs": ("Mrs", "f"), "ms": ("Ms", "f"), "miss": ("Miss", "f"), "mx": ("Mx", ""),
    **dict.fromkeys(("mme", "madame"), ("Mme", "f")),
    "mlle": ("Mlle", "f"), "monsieur": ("M.", "m"), "m": ("M.", "m"),
    **dict.fromkeys(("sig", "signor", "signore"), ("Sig.", "m")),
    **dict.fromkeys(("sig.ra", "signora"), ("Sig.ra", "f")),
    **dict.fromkeys(("sr", "senor"), ("Sr.", "m")),
    **dict.fromkeys(("sra", "senora"), ("Sra.", "f")),
    "dhr": ("Dhr.", "m"), "mevr": ("Mevr.", "f"), "mw": ("Mevr.", "f"), "pan": ("Pan", "m"), "pani": ("Pani", "f"),
    **dict.fromkeys(("familie", "fam"), ("Familie", "")),
    **dict.fromkeys(("firma", "fa", "company"), ("Firma", "")),
    **dict.fromkeys(("eheleute", "ehepaar"), ("Eheleute", "")),
    **dict.fromkeys(("herr und frau", "frau und herr"), ("Herr und Frau", "")),
}  # fmt: skip
_SALUTATIONS_INSIDE_NAMES: Final = listed(
    "herr herrn hr frau fraeulein mr mister mrs ms miss mx mme madame mlle monsieur sig.ra signora familie fam firma"
    " eheleute ehepaar"
)

_SUFFIXES: Final = {
    "jr": "Jr.", "sr": "Sr.",
    **dict.fromkeys(("jun", "junior"), "jun."),
    **dict.fromkeys(("sen", "senior"), "sen."),
    "ii": "II", "iii": "III", "iv": "IV", "mba": "MBA", "phd": "PhD", "ph.d": "PhD", "md": "MD", "llm": "LL.M.",
    "ll.m": "LL.M.", "msc": "M.Sc.", "m.sc": "M.Sc.", "bsc": "B.Sc.", "b.sc": "B.Sc.", "b.a": "B.A.", "m.a": "M.A.",
    "esq": "Esq.", "(fh": "(FH)", "fh": "(FH)",
}  # fmt: skip


class Honours(NamedTuple):
    """A name and what stood around it."""

    salutation: str
    title: str
    name: str
    suffix: str


def _key(token: str) -> str:
    return fold(token).strip(".,").rstrip(")").replace(".-", "-")


@lru_cache(maxsize=2_000)
def salutation(text: str) -> tuple[str, str]:
    """A salutation in its usual spelling and the gender that it tells; ("", "") where it is none."""
    folded = " ".join(fold(text).replace("&", "und").replace("u.", "und").split()).strip(" .,")
    if folded in _SALUTATIONS:
        return _SALUTATIONS[folded]
    first = folded.partition(" ")[0].strip(".,")
    return _SALUTATIONS[first] if first in _SALUTATIONS_INSIDE_NAMES else ("", "")


HONOURS: Final = frozenset(_TITLES) | _SALUTATIONS_INSIDE_NAMES | frozenset(_SUFFIXES)
"""Folded words that may be a salutation, a title or a suffix rather than a name."""


def _is_title(token: str, after_a_title: bool) -> bool:
    key = _key(token)
    if key not in _TITLES:
        return False
    if after_a_title:
        return True
    if key in _ONLY_AFTER_A_TITLE:
        return False  # "Phil. Müller" is Philipp
    return key not in _ALSO_NAMES or token.endswith(".") or token.isupper()


@lru_cache(maxsize=CACHED)
def honours_in(text: str, *, alone: bool = False) -> Honours:
    """A name without what stands around it. A name that is nothing but honours is left as it is ("Herr" is a surname
    too), unless a salutation `alone` is told to be one (nobody's given name is "Frau")."""
    if alone and _key(text) in _SALUTATIONS_INSIDE_NAMES:
        return Honours(_SALUTATIONS[_key(text)][0], "", "", "")
    tokens = text.replace("Dr.med.", "Dr. med.").replace("Prof.Dr.", "Prof. Dr.").split()
    spoken = ""
    while len(tokens) > 1 and _key(tokens[0]) in _SALUTATIONS_INSIDE_NAMES:
        found = _SALUTATIONS[_key(tokens.pop(0))][0]
        spoken = spoken or found
    found_titles: list[str] = []
    kept: list[str] = []
    after_a_title = False
    for token in tokens:
        after_a_title = _is_title(token, after_a_title)
        if after_a_title:
            found_titles.append(_TITLES[_key(token)])
        else:
            kept.append(token)
    found_suffixes: list[str] = []
    while len(kept) > 1 and _key(kept[-1]) in _SUFFIXES:
        found_suffixes.insert(0, _SUFFIXES[_key(kept.pop())])
    if not kept or not any(map(str.isalnum, "".join(kept))):
        return Honours("", "", text, "")
    return Honours(spoken, " ".join(found_titles), " ".join(kept).strip(" ,"), " ".join(found_suffixes))


@lru_cache(maxsize=2_000)
def titles_in(text: str) -> str:
    """The titles that a salutation mentions: "Herr Dr." → "Dr."."""
    return " ".join(_TITLES[_key(token)] for token in text.split()[1:] if _is_title(token, after_a_title=False))


@lru_cache(maxsize=5_000)
def titles(text: str) -> str:
    """Titles in their usual spelling and the order given; what is no known title stays as it is."""
    spaced = re.sub(r"\.(?=[^\s\-.])", ". ", text)
    joined = " ".join(_TITLES.get(_key(token), token) for token in text.split())
    apart = [_TITLES.get(_key(token), "") for token in spaced.split()]
    return " ".join(apart) if all(apart) else joined


@lru_cache(maxsize=2_000)
def suffix(text: str) -> str:
    """A suffix in its usual spelling; what is no known one stays as it is."""
    return " ".join(_SUFFIXES.get(_key(token), token) for token in text.split())
