"""Text is cleaned once, at the door of this room, and folded once, for the engine.

`clean` gives what people see: whole characters, no control codes, single spaces. `fold` gives what the engine
compares: lower case, ASCII where a letter has a usual transliteration, no accents.
"""

import html
import re
import unicodedata
from functools import lru_cache
from typing import Final

CACHED: Final = 16_384  # distinct values that a rule remembers: those that recur, not those of a whole file
MAX_LENGTH: Final = 500  # no name, street or e-mail is longer; what is longer is rubbish that must cost nothing

_SPACES = re.compile(r"\s+")
_NOT_WORD = re.compile(r"[^0-9a-z\u0250-\uffff]+")


def listed(words_apart_by_spaces: str) -> frozenset[str]:
    """A set of words written as one text, which is easier to read and to review than quotes and commas."""
    return frozenset(words_apart_by_spaces.split())


def _cp1252_byte(char: str) -> int:
    """The byte that a Windows programme would have read as `char`, or 0."""
    code = ord(char)
    if code < 0x100:
        return code
    try:
        return char.encode("cp1252")[0]
    except UnicodeEncodeError:
        return 0


_CONTINUATION: Final = "".join(
    sorted({chr(b) for b in range(0x80, 0xC0)} | {bytes([b]).decode("cp1252", "ignore") for b in range(0x80, 0xC0)})
)
_MOJIBAKE = re.compile(
    rf"[ÂÃÄÅ][{re.escape(_CONTINUATION)}]"  # Latin letters
    rf"|(?:[ÎÏÐÑ][{re.escape(_CONTINUATION)}]){{2,}}"  # Greek and Cyrillic words
    rf"|â(?:€|\x80)[{re.escape(_CONTINUATION)}]"  # typographic quotes and dashes
)
_QUOTES_AND_DASHES: Final = "‘’“”•–—"


def _repaired(match: re.Match[str]) -> str:
    broken = match.group()
    following = match.string[match.end() : match.end() + 1]
    if broken[0] in "ÄÅ" and broken[1] in _QUOTES_AND_DASHES and not following.isalpha():
        return broken  # a true Ä before a closing quote or a dash
    try:
        return bytes(map(_cp1252_byte, broken)).decode("utf-8")
    except UnicodeDecodeError:
        return broken


def repair_mojibake(text: str) -> str:
    """UTF-8 that was read as Windows-1252 (`MÃ¼ller`), once or several times over, read rightly."""
    while (repaired := _MOJIBAKE.sub(_repaired, text)) != text:
        text = repaired
    return text


_ENTITY = re.compile(r"&(?:#[0-9]{1,7}|#[xX][0-9a-fA-F]{1,6}|[a-zA-Z]{2,8}[0-9]{0,2});")


def _character(match: re.Match[str]) -> str:
    """The character of an HTML entity, in whatever case the entity is written."""
    entity = match.group()
    spellings = (entity, entity.lower(), entity.upper())
    return next((plain for spelling in spellings if (plain := html.unescape(spelling)) != spelling), entity)


def _unescape(text: str) -> str:
    while (plain := _ENTITY.sub(_character, text)) != text:
        text = plain
    return text


def _visible(text: str) -> str:
    """Control, format and unassigned characters out (line breaks become spaces)."""
    return "".join(
        " " if char.isspace() else char
        for char in text
        if char.isspace() or unicodedata.category(char) not in {"Cc", "Cf", "Cs", "Co", "Cn"}
    )


def _clean_once(text: str) -> str:
    text = _unescape(text) if "&" in text else text
    text = unicodedata.normalize("NFC", repair_mojibake(text))
    return " ".join(_visible(text).split())[:MAX_LENGTH].rstrip()


def _is_whole(text: str) -> bool:
    """Whether there is nothing to repair but spaces: the usual case, told fast."""
    if not text.isprintable() or "&" in text or len(text) > MAX_LENGTH:
        return False
    return text.isascii() or (unicodedata.is_normalized("NFC", text) and not _MOJIBAKE.search(text))


def clean(text: str) -> str:
    """Whole characters (mojibake and HTML entities repaired, NFC), no control codes, single spaces, capped."""
    return " ".join(text.split()) if _is_whole(text) else _repair(text[: 2 * MAX_LENGTH])


@lru_cache(maxsize=CACHED)
def _repair(text: str) -> str:
    for _ in range(8):  # a repair may uncover another one; rubbish that never settles is left out
        if (cleaned := _clean_once(text)) == text:
            return text
        text = cleaned
    return ""


def lower(text: str) -> str:
    """Lower case, letter for letter: the Turkish İ becomes i, not i and a dot."""
    if text.isascii():
        return text.lower()
    return unicodedata.normalize("NFC", text.replace("İ", "i").lower())


_TRANSLITERATION: Final = str.maketrans(
    {
        "ä": "ae", "ö": "oe", "ü": "ue", "ß": "ss", "æ": "ae", "œ": "oe", "ø": "oe", "å": "a", "ı": "i", "ł": "l",
        "đ": "d", "ð": "d", "þ": "th", "ħ": "h", "ŀ": "l", "ŋ": "n", "ŧ": "t", "ĸ": "k", "ə": "e", "’": "'", "‘": "'",
        "`": "'", "´": "'", "‐": "-", "‑": "-", "–": "-", "—": "-",
        # Cyrillic, as passports and German newspapers write it
        "а": "a", "б": "b", "в": "v", "г": "g", "д": "d", "е": "e", "ё": "e", "ж": "zh", "з": "z", "и": "i", "й": "i",
        "к": "k", "л": "l", "м": "m", "н": "n", "о": "o", "п": "p", "р": "r", "с": "s", "т": "t", "у": "u", "ф": "f",
        "х": "kh", "ц": "ts", "ч": "ch", "ш": "sh", "щ": "shch", "ъ": "", "ы": "y", "ь": "", "э": "e", "ю": "iu",
        "я": "ia", "і": "i", "ї": "i", "є": "ie", "ґ": "g", "ў": "u", "ђ": "dj", "ј": "j", "љ": "lj", "њ": "nj",
        "ћ": "c", "џ": "dz", "ѓ": "g", "ќ": "k", "ѕ": "dz",
        # Greek, after ISO 843
        "α": "a", "β": "v", "γ": "g", "δ": "d", "ε": "e", "ζ": "z", "η": "i", "θ": "th", "ι": "i", "κ": "k", "λ": "l",
        "μ": "m", "ν": "n", "ξ": "x", "ο": "o", "π": "p", "ρ": "r", "σ": "s", "ς": "s", "τ": "t", "υ": "y", "φ": "f",
        "χ": "ch", "ψ": "ps", "ω": "o",
    }
)  # fmt: skip


def fold(text: str) -> str:
    """Lower case, umlauts as ae/oe/ue, ß as ss, Turkish, Slavic, Cyrillic and Greek letters transliterated, no
    accents. Idempotent; scripts without a usual transliteration stay as they are."""
    return text.lower() if text.isascii() else _transliterated(text)


@lru_cache(maxsize=CACHED)
def _transliterated(text: str) -> str:
    text = unicodedata.normalize("NFC", lower(text))
    text = text.replace("ού", "ou").replace("ου", "ou").translate(_TRANSLITERATION)
    if text.isascii():
        return text
    stripped = "".join(c for c in unicodedata.normalize("NFKD", text) if not unicodedata.combining(c))
    return stripped.lower().translate(_TRANSLITERATION)


def words(text: str) -> tuple[str, ...]:
    """The folded words of a text: letters and digits, everything else separates."""
    folded = fold(text)
    if folded.isalnum() and folded.isascii():
        return (folded,)
    return tuple(_NOT_WORD.sub(" ", folded.replace("'", "")).split())


def is_shouting(text: str) -> bool:
    """Whether the letters' case says nothing: all capitals or all small."""
    return text.isupper() or text.islower()
