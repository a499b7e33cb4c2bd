"""Kölner Phonetik: German names that sound alike get the same digits (Hans Joachim Postel, 1969)."""

from functools import lru_cache
from typing import Final

from cdi.normalise.text import CACHED, fold

_ALWAYS: Final = {
    **dict.fromkeys("aeijouy", "0"),
    "h": "",
    "b": "1",
    **dict.fromkeys("fvw", "3"),
    **dict.fromkeys("gkq", "4"),
    "l": "5",
    **dict.fromkeys("mn", "6"),
    "r": "7",
    **dict.fromkeys("sz", "8"),
}


def _code(previous: str, letter: str, following: str) -> str:
    if letter in _ALWAYS:
        return _ALWAYS[letter]
    if letter == "p":
        return "3" if following == "h" else "1"
    if letter in "dt":
        return "8" if following and following in "csz" else "2"
    if letter == "x":
        return "8" if previous and previous in "ckq" else "48"
    if letter == "c":
        hard_before = "ahkloqrux" if not previous else "ahkoqux"
        hard = following != "" and following in hard_before and not (previous and previous in "sz")
        return "4" if hard else "8"
    return ""


@lru_cache(maxsize=CACHED)
def koelner_phonetik(token: str) -> str:
    """The phonetic code of a name; empty where it has no letters. "Müller-Lüdenscheidt" → "65752682"."""
    letters = [char for char in fold(token) if "a" <= char <= "z"]
    codes = [
        _code(previous, letter, following)
        for previous, letter, following in zip(["", *letters], letters, [*letters[1:], ""], strict=False)
    ]
    joined = "".join(codes)
    single = [digit for i, digit in enumerate(joined) if i == 0 or digit != joined[i - 1]]
    return "".join(single[:1] + [digit for digit in single[1:] if digit != "0"])
