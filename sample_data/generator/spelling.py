"""The ways in which different hands write one value: typed errors, each a function of random numbers and text."""

import random
from collections.abc import Callable
from typing import Final

from . import lists

UMLAUTS: Final = {"ä": "ae", "ö": "oe", "ü": "ue", "ß": "ss", "Ä": "Ae", "Ö": "Oe", "Ü": "Ue"}
OTHERS: Final = {
    "ş": "s",
    "Ş": "S",
    "ı": "i",
    "ç": "c",
    "ś": "s",
    "ć": "c",
    "é": "e",
    "ë": "e",
    "Ö": "O",
    "ğ": "g",
}
NEIGHBOURS: Final = {
    "a": "sq", "b": "vn", "c": "xv", "d": "sf", "e": "wr", "f": "dg", "g": "fh", "h": "gj", "i": "uo", "j": "hk",
    "k": "jl", "l": "kö", "m": "nk", "n": "bm", "o": "ip", "p": "oü", "r": "et", "s": "ad", "t": "rz", "u": "zi",
    "v": "cb", "w": "qe", "x": "yc", "y": "ax", "z": "tu",
}  # fmt: skip
SOUNDS: Final = (
    ("ei", "ai"), ("ai", "ei"), ("ey", "ei"), ("ay", "ai"), ("dt", "t"), ("th", "t"), ("ph", "f"), ("ff", "f"),
    ("tt", "t"), ("mm", "m"), ("nn", "n"), ("ll", "l"), ("ss", "s"), ("ck", "k"), ("tz", "z"), ("v", "w"),
    ("c", "k"), ("ie", "i"), ("eh", "e"), ("oh", "o"), ("äh", "ä"), ("y", "i"), ("d", "t"), ("g", "k"), ("b", "p"),
)  # fmt: skip
LOOKALIKES: Final = (
    ("rn", "m"),
    ("m", "rn"),
    ("l", "1"),
    ("o", "0"),
    ("B", "8"),
    ("ü", "ii"),
    ("cl", "d"),
    ("h", "b"),
)


def ascii_fold(text: str) -> str:
    """Umlauts written out, other marks dropped: what an e-mail address is made of."""
    return "".join(UMLAUTS.get(c, OTHERS.get(c, c)) for c in text)


def in_code_page(text: str, encoding: str) -> str:
    """Letters that the code page does not have, without their marks."""
    return "".join(c if c.encode(encoding, errors="ignore") else OTHERS.get(c, "?") for c in text)


def slip_of_the_finger(rng: random.Random, text: str) -> str:
    """One letter swapped with the next, doubled, dropped or hit beside; the first letter mostly survives."""
    if len(text) < 4:
        return text
    at = rng.randrange(1, len(text) - 1)
    neighbours = NEIGHBOURS.get(text[at].lower(), text[at])
    return rng.choice(
        (
            text[:at] + text[at + 1] + text[at] + text[at + 2 :],
            text[:at] + text[at] + text[at:],
            text[:at] + text[at + 1 :],
            text[:at] + rng.choice(neighbours) + text[at + 1 :],
        )
    )


def heard_wrong(rng: random.Random, text: str) -> str:
    """One sound written another way, as on the phone."""
    return _one_replacement(rng, text, SOUNDS)


def read_wrong(rng: random.Random, text: str) -> str:
    """One shape read as another, as by a scanner."""
    return _one_replacement(rng, text, LOOKALIKES)


def _one_replacement(rng: random.Random, text: str, table: tuple[tuple[str, str], ...]) -> str:
    found = [(a, b) for a, b in table if a in text[1:]]
    if not found:
        return slip_of_the_finger(rng, text)
    before, after = rng.choice(found)
    return text[0] + text[1:].replace(before, after, 1)


def typo(rng: random.Random, text: str) -> str:
    """Any of the three, the finger most often."""
    kinds: tuple[Callable[[random.Random, str], str], ...] = (slip_of_the_finger, heard_wrong, read_wrong)
    return rng.choices(kinds, weights=(5, 4, 1))[0](rng, text)


def other_umlauts(rng: random.Random, text: str) -> str:
    """`Müller` as `Mueller` or `Muller`, `ß` as `ss`."""
    if rng.random() < 0.75:
        return "".join(UMLAUTS.get(c, c) for c in text)
    return "".join(UMLAUTS[c][0] if c in UMLAUTS and c != "ß" else UMLAUTS.get(c, c) for c in text)


def mojibake(text: str) -> str:
    """UTF-8 read as Windows-1252, where that can be."""
    try:
        return text.encode("utf-8").decode("windows-1252")
    except UnicodeError:
        return text


def street_name(rng: random.Random, street: str) -> str:
    """`Hauptstraße` in full half the time, else in one of its short forms."""
    if rng.random() < 0.5:
        return street
    short, long = rng.choice((("str.", "Str."), ("strasse", "Strasse"), ("str", "Str")))
    return street.replace("straße", short).replace("Straße", long)


def street_line(rng: random.Random, street: str, number: str) -> str:
    """Street and number in one line, the letter of the number set off now and then."""
    number = number if rng.random() < 0.8 else number.replace("a", " a").replace("b", " B")
    return f"{street} {number}".strip()


def phone(rng: random.Random, number: str, prefix_length: int) -> str:
    """`01701234567` in one of the formats that people use; national numbers stay national half the time."""
    prefix, rest = number[:prefix_length], number[prefix_length:]
    middle = len(rest) // 2
    return rng.choice(
        (
            number,
            number,
            f"{prefix} {rest}",
            f"{prefix}/{rest}",
            f"{prefix}-{rest}",
            f"{prefix} {rest[:middle]} {rest[middle:]}",
            f"+49{prefix[1:]}{rest}",
            f"+49 {prefix[1:]} {rest}",
            f"0049 {prefix[1:]} {rest}",
            f"+49 (0) {prefix[1:]}-{rest}",
        )
    )


def wrong_digit(rng: random.Random, digits: str) -> str:
    """One digit changed, or two neighbours exchanged, behind the first two."""
    places = [i for i, c in enumerate(digits) if c.isdigit()][2:-1]
    if not places:
        return digits
    at = rng.choice(places)
    if rng.random() < 0.5 and digits[at + 1].isdigit():
        return digits[:at] + digits[at + 1] + digits[at] + digits[at + 2 :]
    return digits[:at] + rng.choice("0123456789") + digits[at + 1 :]


def company_name(rng: random.Random, name: str, legal_form: str) -> str:
    """`Weber & Söhne GmbH & Co. KG` as the cashier, the buyer or the agent writes it."""
    if rng.random() < 0.2:
        name = name.replace(" & ", rng.choice((" und ", " u. ", "+")))
    if rng.random() < 0.25:
        for long, short in lists.TRADE_SHORT.items():
            name = name.replace(long, short)
    if rng.random() < 0.08:
        name = typo(rng, name)
    if rng.random() < 0.06:
        name = name.upper()
    form = rng.choice(lists.LEGAL_FORM_VARIANTS[legal_form]) if rng.random() < 0.5 else legal_form
    return f"{name} {form}".strip()
