"""Case is repaired only where a source shouts or whispers; who writes properly knows better than we do."""

import re
from typing import Final

from cdi.normalise.text import clean, fold, is_shouting, listed, lower

PARTICLES: Final = listed(
    "von vom van de den der des dem zu zur zum und ten ter te af av di da do dos das los las del della dello dei degli"
    " la le les bin ibn du d"
)
"""Words before a family name that do not tell families apart (von, van der, de la); small inside a name."""
_SMALL_IN_STREETS: Final = listed("am an auf bei im in of on the the upon")

_FIRST_LETTER = re.compile(r"(?:^|(?<=[\s\-'’.(/]))[^\W\d_]")
_MC = re.compile(r"\bMc([a-z])")


def _capital(letter: str) -> str:
    """The letter's capital, where it is one letter ("ß" has none: it would come out as another text each time)."""
    upper = letter.upper()
    return upper if len(upper) == 1 else letter


def decent(text: str) -> str:
    """The text, in decent case where its own says nothing; up to three letters may be an abbreviation."""
    return decent_case(text) if len(text) > 3 and is_shouting(text) else text


def decent_case(text: str) -> str:
    """A shouted or whispered text as names are usually written: "VON DER HEIDE-MÜLLER" → "von der Heide-Müller"."""
    lowered = lower(text)
    capital = _MC.sub(
        lambda match: f"Mc{match[1].upper()}", _FIRST_LETTER.sub(lambda match: _capital(match.group()), lowered)
    )
    parts = capital.split(" ")
    for i, part in enumerate(parts[:-1]):
        if fold(part) in PARTICLES or (i > 0 and part.lower() in _SMALL_IN_STREETS):
            parts[i] = part.lower()
    return clean(" ".join(parts))
