"""A name is taken apart once, where it enters: salutation, titles, given and family names, particles, suffix.

What people see keeps its spelling (case is repaired only where the source shouts); what the engine compares are
folded tokens without titles and particles.
"""

import re
from functools import lru_cache
from typing import Final, NamedTuple

from cdi.normalise.casing import PARTICLES, decent_case
from cdi.normalise.honours import HONOURS, honours_in, salutation, suffix, titles, titles_in
from cdi.normalise.junk import is_junk_name, is_junk_person
from cdi.normalise.nicknames import gender_of, nickname_group
from cdi.normalise.phonetics import koelner_phonetik
from cdi.normalise.text import CACHED, fold, is_shouting, listed, words

__all__ = ["NOBILITY", "PARTICLES", "NameParts", "NameTokens", "canonical_name", "gender", "gender_of",
           "generation", "koelner_phonetik", "name_tokens", "nickname_group", "salutation", "split_full"]  # fmt: skip

NOBILITY: Final = listed(
    "freiherr freifrau freiin graf graefin grafin fuerst fuerstin prinz prinzessin baron baronin baronesse ritter edler"
    " edle herzog herzogin frhr fhr"
)
"""Ranks that German law made part of the family name; one counts as a rank only before a particle."""

FAMILY_FIRST_COUNTRIES: Final = frozenset({"HU", "CN", "JP", "KR", "VN", "TW"})
CONNECTING: Final = frozenset({"und", "and", "u", "et", "y", "e", "geb", "geborene", "nee"})

_GENDERS: Final = {
    **dict.fromkeys(listed("f w weiblich female femme frau woman mujer donna vrouw femminile feminin kobieta"), "f"),
    **dict.fromkeys(listed("m maennlich male homme herr man mann hombre uomo maschile masculin mezczyzna"), "m"),
    **dict.fromkeys(listed("x d divers diverse nonbinary nonbinaer non-binary other"), "x"),
}


@lru_cache(maxsize=1_000)
def gender(text: str) -> str:
    """ "f", "m" or "x" of a word for it in some European language; empty where it is none."""
    return _GENDERS.get(fold(text).strip(" ."), "")


class NameParts(NamedTuple):
    """A person's name in its parts, as people read it, in the order of `fields.NAME_PARTS`."""

    salutation: str = ""
    title: str = ""
    given_name: str = ""
    middle_name: str = ""
    family_name: str = ""
    suffix: str = ""
    birth_name: str = ""


_BIRTH_NAME = re.compile(
    r"(?:(?:^|[\s,(]+)(?:geb\.|geborene[rn]?(?=\s))|[\s,(]+(?:geb|gebürtig|née|nee|born|z domu|rozená)(?=\s))"
    r"\s*([^,()]+)\)?",
    re.IGNORECASE,
)


@lru_cache(maxsize=CACHED)
def _split_birth_name(text: str) -> tuple[str, str]:
    """A family name and the birth name that it mentions: "Meier geb. Schulz" → ("Meier", "Schulz")."""
    if match := _BIRTH_NAME.search(text):
        return f"{text[: match.start()]} {text[match.end() :]}".strip(" ,"), match[1].strip(" ,")
    return text, ""


_NOT_PLAIN: Final = HONOURS | CONNECTING | PARTICLES | NOBILITY | listed("doe test user wurst bar")


def _is_particle(token: str) -> bool:
    return fold(token).strip(".") in PARTICLES


def _is_rank(tokens: list[str], i: int) -> bool:
    """Whether a word is a rank of nobility: "Graf" is one before a particle and a surname elsewhere."""
    return fold(tokens[i]).strip(".") in NOBILITY and i + 1 < len(tokens) and _is_particle(tokens[i + 1])


def _family_start(tokens: list[str]) -> int:
    """Where the family name begins in "given … particles family"."""
    for i in range(1, len(tokens) - 1):
        if (_is_particle(tokens[i]) and tokens[i].islower() and tokens[i] != "und") or _is_rank(tokens, i):
            return i
    return len(tokens) - 1


@lru_cache(maxsize=CACHED)
def split_full(text: str, country: str = "") -> tuple[str, str]:
    """Given and family name of a full name without honours: by the comma, else by particles, else the last word
    (the first one where the country puts the family first)."""
    family, comma, given = text.partition(",")
    tokens = given.replace(",", " ").split()
    if comma and tokens:
        cut = next((i for i in range(1, len(tokens)) if _is_particle(tokens[i]) or _is_rank(tokens, i)), len(tokens))
        return " ".join(tokens[:cut]), " ".join([*tokens[cut:], *family.split()])
    tokens = family.split()
    if len(tokens) < 2:
        return (tokens[0], "") if tokens and _is_given(tokens[0]) else ("", " ".join(tokens))
    if _is_particle(tokens[0]) and tokens[0].islower():
        return "", " ".join(tokens)
    if country in FAMILY_FIRST_COUNTRIES:
        return " ".join(tokens[1:]), tokens[0]
    start = _family_start(tokens)
    return " ".join(tokens[:start]), " ".join(tokens[start:])


def _is_given(token: str) -> bool:
    """Whether a word is known as a given name."""
    return bool(gender_of(token) or nickname_group(token))


def _holds_both(text: str) -> bool:
    """Whether a field that should hold half a name holds a whole one: told by the comma, or by a first word that is
    a given name before a last one that is none."""
    if "," in text.strip(","):
        return True
    tokens = text.split()
    return len(tokens) > 1 and _is_given(tokens[0]) and not _is_given(tokens[-1]) and len(tokens[-1].strip(".")) > 1


def _said_once(given: str, family: str) -> tuple[str, str]:
    """Half a name that the field of the other half repeats: ("Hans Müller", "Müller") → ("Hans", "Müller")."""
    words_given, words_family = fold(given).split(), fold(family).split()
    if 0 < len(words_family) < len(words_given) and words_given[-len(words_family) :] == words_family:
        given = " ".join(given.split()[: -len(words_family)])
    elif 0 < len(words_given) < len(words_family) and words_family[: len(words_given)] == words_given:
        family = " ".join(family.split()[len(words_given) :])
    return given, family


def _particles_moved(given: str, family: str) -> tuple[str, str]:
    """Particles at the end of a given name belong to the family: ("Karl von", "Berg") → ("Karl", "von Berg")."""
    tokens = given.split()
    cut = len(tokens)
    while cut > 1 and (_is_particle(tokens[cut - 1]) or fold(tokens[cut - 1]) in NOBILITY) and family:
        cut -= 1
    return " ".join(tokens[:cut]), " ".join([*tokens[cut:], *family.split()])


@lru_cache(maxsize=CACHED)
def is_plain(text: str) -> bool:
    """Whether a given or family name needs no work: words in decent case with nothing special among them."""
    if not text.replace(" ", "").replace("-", "").isalpha() or is_shouting(text) or is_junk_name(text):
        return False
    tokens = fold(text).split()
    return len(tokens) <= 3 and _NOT_PLAIN.isdisjoint(tokens)


@lru_cache(maxsize=CACHED)
def _without_junk(text: str) -> str:
    text = text.strip(' ,;*_#"/')
    return "" if not text or is_junk_name(text) else text


def _decent(text: str) -> str:
    return decent_case(text) if len(text) >= 3 and is_shouting(text) else text


def _in_addition(said: str, *found: str) -> str:
    """What is said already, and what was found besides, once."""
    for text in found:
        if text and not set(text.split()) <= set(said.split()):
            said = f"{said} {text}".strip()
    return said


def canonical_name(parts: NameParts, full: str, country: str) -> NameParts:
    """The parts of a person's name, cleaned and each in its place; `full` is taken apart where given and family name
    are not said. Idempotent."""
    given, family = parts.given_name, parts.family_name
    if (
        given and family and is_plain(given) and is_plain(family)
        and not (parts.middle_name or parts.suffix or parts.birth_name or parts.title)
        and not (" " in given and given.endswith(family))
    ):  # fmt: skip
        return parts._replace(salutation=salutation(parts.salutation)[0]) if parts.salutation else parts
    return _settled(parts, full, country)


@lru_cache(maxsize=CACHED)
def _settled(parts: NameParts, full: str, country: str) -> NameParts:
    parts = _take_apart(parts, full, country)
    for _ in range(MAX_PASSES):
        if _is_settled(parts) or (again := _take_apart(parts, "", country)) == parts:
            break
        parts = again
    return parts


def _is_settled(parts: NameParts) -> bool:
    """Whether one pass was enough: two plain words, which a second one would leave as they are."""
    _, title, given, middle, family, suffix, birth = parts
    return (
        not (title or middle or suffix or birth or " " in given or " " in family)
        and is_plain(given)
        and is_plain(family)
    )


MAX_PASSES: Final = 8  # each takes something away; a name that needs more is rubbish


def _take_apart(parts: NameParts, full: str, country: str) -> NameParts:
    if is_junk_person(f"{parts.given_name} {parts.family_name}") or is_junk_person(full):
        parts, full = parts._replace(given_name="", family_name=""), ""
    given, middle, family = map(_without_junk, (parts.given_name, parts.middle_name, parts.family_name))
    whole = not given and not family
    family, birth = _split_birth_name(_without_junk(full) if whole else family)
    before_given, before_family = honours_in(given, alone=True), honours_in(family)
    given, family = _halves(before_given.name, before_family.name, whole, country)
    if len(given + family) >= 3 and is_shouting(given + family):
        given, family = decent_case(given), decent_case(family)
    return NameParts(
        salutation=salutation(parts.salutation)[0] or before_given.salutation or before_family.salutation,
        title=_in_addition(titles(parts.title), titles_in(parts.salutation), before_given.title, before_family.title),
        given_name=_decent(given),
        middle_name=_decent(honours_in(middle).name),
        family_name=_decent(family),
        suffix=_in_addition(suffix(parts.suffix), before_given.suffix, before_family.suffix),
        birth_name=_decent(honours_in(_without_junk(parts.birth_name) or birth).name),
    )


def _halves(given: str, family: str, whole: bool, country: str) -> tuple[str, str]:
    """Given and family name, where one field may hold both."""
    if not given and (whole or _holds_both(family)):
        given, family = split_full(family, country)
    elif not family and _holds_both(given):
        given, family = split_full(given, country)
    given, family = _said_once(given.strip(" ,"), family.strip(" ,"))
    return _particles_moved(given, family)


_GENERATIONS: Final = {"jun": "jun", "jr": "jun", "sen": "sen", "sr": "sen", "ii": "ii", "iii": "iii", "iv": "iv"}


@lru_cache(maxsize=1_000)
def generation(suffix: str) -> str:
    """ "jun", "sen", "ii" where a suffix says it, else empty."""
    return next((_GENERATIONS[word] for word in words(suffix) if word in _GENERATIONS), "")


class NameTokens(NamedTuple):
    """Folded tokens of one name, and the initials that stand for whole names."""

    tokens: tuple[str, ...]
    initials: str


@lru_cache(maxsize=CACHED)
def name_tokens(text: str) -> NameTokens:
    """The folded tokens of a given or family name without particles and ranks; single letters are initials."""
    said = words(text)
    if _OUTSIDE_NAMES.isdisjoint(said) and min(map(len, said), default=2) > 1:
        return NameTokens(said, "")
    names = [token for token in said if token not in CONNECTING or len(token) == 1]
    kept = [
        token for i, token in enumerate(names) if i == len(names) - 1 or not (token in PARTICLES or _is_rank(names, i))
    ]
    whole = tuple(token for token in kept if len(token) > 1 or not token.isascii())
    return NameTokens(
        whole, "".join(token for token in kept if token.isascii() and token.isalpha() and len(token) == 1)
    )


_OUTSIDE_NAMES: Final = CONNECTING | PARTICLES | NOBILITY
