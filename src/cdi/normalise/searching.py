"""Free text, on both sides: the words by which a customer can be found, and how what somebody typed is read. The two
follow one rule, so that whatever is shown can be typed again: folded, apart by spaces, names by their sound too."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Final

from cdi.fields import CanonicalData, FieldGroup
from cdi.normalise.phonetics import koelner_phonetik
from cdi.normalise.text import CACHED, MAX_LENGTH, clean, fold

RECORD_KEY: Final = "key"
"""Beside the field groups, the group of what is no value: the key of the record."""
MOST_WORDS: Final = 8
"""So many words of what was typed count."""

_PUNCTUATION: Final = ".,;:()~\"'"  # a tilde marks a sound
_PHONE = re.compile(r"[+(]?[\d(][\d\s()/.-]*")
_GERMAN_DATE = re.compile(r"(\d{1,2})\.(\d{1,2})\.(\d{4})")
_LETTERS = re.compile(r"[a-z]{2,}")
_SPOKEN = re.compile(r"[a-z'-]+")
_RARE: Final = str.maketrans("012345678", "qxjyvwzkf")


@dataclass(frozen=True, slots=True)
class Word:
    """A typed word. `whole` is it as such; `fragment` what must occur somewhere; `sounds` the Kölner Phonetik of its
    parts, none where it has no letters."""

    whole: str
    fragment: str
    sounds: tuple[str, ...] = ()


def searchable(canonical: CanonicalData, key: str) -> dict[str, dict[str, None]]:
    """The words by which a record can be found, each once, by the field group whose scope it takes to see them."""
    found: dict[str, dict[str, None]] = {}
    for group, words in _told(canonical, key):
        if words:
            found.setdefault(group, {}).update(dict.fromkeys(words))
    return found


def _told(canonical: CanonicalData, key: str) -> Iterator[tuple[str, Sequence[str]]]:
    """The words of each value, with its field group."""
    for block in ("name", "organisation"):
        for part, value in (canonical.get(block) or {}).items():
            if part not in _UNSAID:
                yield _IDENTITY, _spoken(str(value))
    if born := canonical.get("birth_date"):
        yield _BIRTH, _written(str(born))
    for attribute, group in _LISTED:
        for item in canonical.get(attribute) or ():
            yield group, _words(str(item["value"]))
    for address in canonical.get("addresses") or ():
        for part, words_of in _PLACED:
            yield _ADDRESS, words_of(str(address.get(part) or ""))
    # The key of a record that a bare contact made is that contact.
    yield (_CONTACT if ":" in key else RECORD_KEY), _words(key)


_IDENTITY: Final = FieldGroup.IDENTITY.value
_BIRTH: Final = FieldGroup.BIRTH.value
_CONTACT: Final = FieldGroup.CONTACT.value
_ADDRESS: Final = FieldGroup.ADDRESS.value
_UNSAID: Final = frozenset({"salutation", "full"})
_LISTED: Final = (("emails", _CONTACT), ("phones", _CONTACT), ("identifiers", FieldGroup.IDENTIFIER.value))


@lru_cache(maxsize=CACHED)  # names and cities repeat themselves
def _spoken(name: str) -> tuple[str, ...]:
    """The words of a name, each with how it sounds."""
    return tuple(each for word in _words(name) for each in (word, *(f"~{sound}" for sound in sounds_of(word))))


@lru_cache(maxsize=CACHED)  # dates, streets and their numbers repeat themselves
def _written(value: str) -> tuple[str, ...]:
    """The words of what is no name."""
    return tuple(_words(value))


_PLACED: Final = (("street", _written), ("house_number", _written), ("postal_code", _written), ("city", _spoken))


def _words(text: str) -> list[str]:
    stripped = [word.strip(_PUNCTUATION) for word in fold(text[:MAX_LENGTH]).split()]
    return [word for word in stripped if word.isalnum() or any(map(str.isalnum, word))]


def sounds_of(word: str) -> tuple[str, ...]:
    """The Kölner Phonetik of the parts of a word, its digits as rare letters: numbers are full of digits, and an index
    of trigrams would find too much. A single consonant says too little, and what is no word has no sound."""
    if not _SPOKEN.fullmatch(word):
        return ()
    codes = (koelner_phonetik(part) for part in _LETTERS.findall(word))
    return tuple(dict.fromkeys(code.translate(_RARE) for code in codes if len(code) > 1))


def read_typed(text: str) -> tuple[Word, ...]:
    """What somebody typed, word by word: "Müller Köln 1975", a phone number however it is written (its digits, without
    the zero that +49 replaces), 5.3.1975 as the date that it is."""
    typed = clean(text)
    if typed[:1] in {"+", "0", "("} and _PHONE.fullmatch(typed) and not _GERMAN_DATE.fullmatch(typed):
        digits = "".join(char for char in typed if char.isdigit())
        return (_number(digits),) if digits.strip("0") else ()
    dated = _GERMAN_DATE.sub(lambda m: f"{m[3]}-{int(m[2]):02}-{int(m[1]):02}", typed)
    return tuple(dict.fromkeys(map(_word, _words(dated))))[:MOST_WORDS]


def _word(word: str) -> Word:
    return _number(word) if word.isdigit() else Word(word, word, () if "@" in word else sounds_of(word))


def _number(digits: str) -> Word:
    return Word(digits, digits.lstrip("0") or digits)
