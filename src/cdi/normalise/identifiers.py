"""An identifier is a number that somebody gave to one customer; each type has its own spelling and check."""

import re
from collections.abc import Callable
from typing import Final

from cdi.normalise.junk import is_junk, is_junk_number
from cdi.normalise.organisations import register_number, vat_id
from cdi.normalise.text import lower

_NOT_ALNUM = re.compile(r"[^0-9A-Z]+")


def iban(text: str) -> str:
    """An IBAN in capitals without spaces; empty where its check digits are wrong."""
    bare = _NOT_ALNUM.sub("", text.upper())
    if not 15 <= len(bare) <= 34 or not bare[:2].isalpha() or not bare[2:4].isdigit():
        return ""
    digits = "".join(str(int(char, 36)) for char in bare[4:] + bare[:4])
    return bare if int(digits) % 97 == 1 else ""


def social_handle(text: str) -> str:
    """A handle without its @ and without the address of the network: "https://x.com/@Anna/" → "anna"."""
    return lower(text.rstrip("/@ ").rpartition("/")[2].strip("@ "))


_BY_TYPE: Final[dict[str, Callable[[str], str]]] = {
    "iban": iban,
    "register_id": register_number,
    "social_handle": social_handle,
}
_COUNTED_UP: Final = frozenset({"customer_number", "register_id"})
"""Given out one after the other, so that 12345 is a number like any other."""


def canonical_identifier(kind: str, value: str, country: str) -> str:
    """An identifier in the usual spelling of its type; empty for a placeholder or one that fails its check."""
    canonical = vat_id(value, country) if kind == "vat_id" else _BY_TYPE.get(kind, str)(value)
    if is_junk(canonical) or not canonical.strip("0"):
        return ""
    counted = kind in _COUNTED_UP or len(canonical) <= 4 or not canonical.isdigit()
    return canonical if counted or not is_junk_number(canonical) else ""
