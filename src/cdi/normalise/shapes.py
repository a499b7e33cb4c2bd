"""Sloppy input is brought to its shape or refused by the name of its field; its value is never repeated."""

import math
from collections.abc import Mapping
from datetime import date
from typing import Any, Final

from cdi.errors import BadRecordError
from cdi.normalise.text import clean

MAX_BLOCKS: Final = 50  # no customer has more e-mails or addresses in one record; what has more is rubbish
MAX_ATTRIBUTES: Final = 200
_TRUE: Final = frozenset({"true", "1", "yes", "ja", "y", "j", "oui", "si"})


def bad_shape(field: str, wanted: str) -> BadRecordError:
    """The error for a field whose shape cannot be read."""
    return BadRecordError(f"field {field} has an impossible shape", remedy=f"Give {wanted}")


def text(value: Any, field: str) -> str:
    """The clean text of a single value; numbers as they are read (a float without fraction as an integer)."""
    if type(value) is str:
        return clean(value)
    if value is None or isinstance(value, bool):
        return ""
    if isinstance(value, float):
        return _number(value)
    if isinstance(value, int):
        return str(value) if abs(value) < 10**30 else ""
    if isinstance(value, str):
        return clean(str(value))
    if isinstance(value, date):
        return value.isoformat()
    raise bad_shape(field, "one text")


def _number(value: float) -> str:
    if not math.isfinite(value) or abs(value) >= 1e18:
        return ""
    return str(int(value)) if value.is_integer() else str(value)


def flag(value: Any, field: str) -> bool:
    """A yes or no: a boolean, 0/1, or the word for it."""
    if isinstance(value, bool):
        return value
    return text(value, field).lower() in _TRUE


def block(value: Any, field: str, parts: frozenset[str], plain: str) -> Mapping[str, Any]:
    """A block as a mapping of its known parts; a plain text is taken as its part `plain`."""
    if value is None:
        return {}
    if isinstance(value, dict):
        if not parts.issuperset(value):
            raise BadRecordError(
                f"field {field} has an unknown part", remedy=f"Known parts: {', '.join(sorted(parts))}"
            )
        return value
    if isinstance(value, (list, tuple, set, frozenset, bytes)):
        raise bad_shape(field, "one block of parts")
    return {plain: value}


def blocks(value: Any, field: str, parts: frozenset[str], plain: str) -> list[Mapping[str, Any]]:
    """A list of blocks; a single block or plain texts are taken as such."""
    if value is None:
        return []
    items = value if isinstance(value, (list, tuple)) else [value]
    return [
        item if type(item) is dict and parts.issuperset(item) else block(item, field, parts, plain)
        for item in items[:MAX_BLOCKS]
    ]
