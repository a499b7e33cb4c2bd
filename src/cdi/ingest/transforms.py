"""The named functions that an expression in a manifest may call, beside those of JMESPath itself.

Each takes one value first and passes an empty one through as None. They bring a value out of its wrapping (a
date out of a format, text out of HTML); making it canonical is the next room's work.
"""

import hashlib
import html
import re
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from decimal import Decimal, InvalidOperation
from functools import lru_cache
from typing import Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from cdi.ingest.expressions import is_false

Tables = Mapping[str, Mapping[str, str]]

_TAG = re.compile(r"<(?:[^>\"']|\"[^\"]*\"|'[^']*')*>")
_UNIX = {"unix": 1, "unix_ms": 1000}
_NEGATIVE_WORDS = frozenset({"", "0", "false", "f", "no", "n", "nein", "off", "aus"})


class TransformError(ValueError):
    """A value that a function cannot take; the message never holds the value."""


def functions(tables: Tables) -> dict[str, Callable[..., Any]]:
    """Every named function; `lookup` reads the manifest's own `tables`."""

    def lookup(value: Any, table: str, default: Any = None) -> Any:
        """What `table` says for this value, compared without regard to case; else `default`."""
        if table not in folded:
            raise TransformError(f"no table {table!r} in the manifest")
        return folded[table].get(str(value).strip().casefold(), default) if not is_false(value) else default

    folded = {name: {str(k).strip().casefold(): v for k, v in entries.items()} for name, entries in tables.items()}
    return {
        "cents": cents,
        "choose": choose,
        "coalesce": coalesce,
        "date": date,
        "decimal": decimal,
        "digest": digest,
        "flag": flag,
        "lookup": lookup,
        "pick": pick,
        "replace": replace,
        "split": split,
        "split_name": split_name,
        "strip_html": strip_html,
        "text": as_text,
        "trim": trim,
        "ts": ts,
        "upper": upper,
        "lower": lower,
    }


def as_text(value: Any) -> str | None:
    """A value as text: 7 and 7.0 are "7", true is "true", null and nested values are nothing."""
    if isinstance(value, str):
        return value or None
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float):
        return str(int(value)) if value.is_integer() else repr(value)
    return str(value) if isinstance(value, int) else None


def cents(value: Any) -> str | None:
    """An amount counted in hundredths as a decimal number: 1990 is "19.90"."""
    text = as_text(value)
    return None if text is None else str(_number(text).scaleb(-2).quantize(Decimal("0.01")))


def decimal(value: Any, mark: str = ".") -> str | None:
    """A number as text with a point, whatever its decimal mark and grouping: decimal("1.234,50", ",") is
    "1234.50"."""
    text = as_text(value)
    if text is None or not text.strip():
        return None
    grouping = "," if mark == "." else "."
    return str(_number(re.sub(r"[\s'’]", "", text).replace(grouping, "").replace(mark, ".")))


def _number(text: str) -> Decimal:
    try:
        number = Decimal(text)
    except InvalidOperation:
        raise TransformError("not a number") from None
    if not number.is_finite():
        raise TransformError("not a number")
    return number


def choose(condition: Any, then: Any, otherwise: Any = None) -> Any:
    """`then` where the condition holds (as JMESPath counts truth), else `otherwise`."""
    return otherwise if is_false(condition) else then


def coalesce(*values: Any) -> Any:
    """The first value that is not empty."""
    return next((value for value in values if not is_false(value)), None)


def date(value: Any, *formats: str) -> str | None:
    """A calendar date as YYYY-MM-DD, by the first of `formats` (strptime) that fits; as given where none
    does."""
    text = as_text(value)
    if text is None:
        return None
    for fmt in formats:
        try:
            return _parsed(text, fmt).date().isoformat()
        except ValueError:
            continue
    return text


def ts(value: Any, *how: str) -> str | None:
    """A moment as ISO 8601 with its offset: ts(value), ts(value, format), ts(value, zone) or ts(value,
    format, zone).

    The format is strptime's (%d.%m.%Y %H:%M), "unix" or "unix_ms"; without one ISO 8601 is read. The zone
    (Europe/Berlin) is that of times which carry no offset; of an hour that exists twice the first is meant.
    Raises TransformError when the value is no time, or has no offset and no zone was named.
    """
    text = as_text(value)
    if text is None or not text.strip():
        return None
    fmt = next((word for word in how if "%" in word or word in _UNIX), None)
    zone = next((word for word in how if word != fmt), None)
    return _written_moment(text.strip(), fmt, zone)


@lru_cache(maxsize=65_536)
def _written_moment(text: str, fmt: str | None, zone: str | None) -> str:
    return moment(text, fmt, zone).isoformat()


@lru_cache(maxsize=65_536)
def moment(text: str, fmt: str | None, zone: str | None) -> datetime:
    """A text as a moment with its offset; raises TransformError."""
    try:
        read = _read_moment(text, fmt)
    except (ValueError, OverflowError, OSError):
        raise TransformError(f"a time that does not fit {fmt or 'ISO 8601'}") from None
    if read.tzinfo is not None:
        return read
    if zone is None:
        raise TransformError("a time without an offset: name its zone as the last argument of ts")
    # An hour that the clock skipped is moved to the one that existed, by way of UTC.
    return read.replace(tzinfo=_zone(zone)).astimezone(UTC).astimezone(_zone(zone))


def _read_moment(text: str, fmt: str | None) -> datetime:
    if fmt is None:
        return datetime.fromisoformat(text)
    if fmt in _UNIX:
        return datetime.fromtimestamp(float(text) / _UNIX[fmt], UTC)
    return datetime.strptime(text, fmt)  # noqa: DTZ007  # the zone is the caller's to state


@lru_cache(maxsize=65_536)
def _parsed(text: str, fmt: str) -> datetime:
    return datetime.strptime(text.strip(), fmt)  # noqa: DTZ007  # a calendar date has no zone


@lru_cache(maxsize=64)
def _zone(name: str) -> ZoneInfo:
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError):
        raise TransformError(f"no time zone {name!r}; write one such as Europe/Berlin") from None


def digest(value: Any) -> str | None:
    """A short stable fingerprint of a text (trimmed, lower case), for a key where the source gives none."""
    text = as_text(value)
    return None if text is None else hashlib.sha256(text.strip().casefold().encode()).hexdigest()[:32]


def flag(value: Any) -> bool | None:
    """A yes or no however it is written: 1, "ja", "true", "Y"; null stays null."""
    if value is None or isinstance(value, bool):
        return value
    return str(value).strip().casefold() not in _NEGATIVE_WORDS


def pick(items: Any, key: str, *names: str) -> Any:
    """From a list of `{key: name, "value"|"values": …}` the first value under one of `names`.

    This is how lead forms, user fields and meta data are often written.
    """
    if not isinstance(items, list):
        return None
    for name in names:
        for item in items:
            if isinstance(item, dict) and item.get(key) == name:
                found = item.get("values", item.get("value"))
                return found[0] if isinstance(found, list) and found else found or None
    return None


def replace(value: Any, old: str, new: str) -> str | None:
    """The text with every `old` replaced by `new`."""
    text = as_text(value)
    return None if text is None else text.replace(old, new)


def split(value: Any, separator: str) -> list[str] | None:
    """A text as the list of its parts, trimmed, empty ones left out."""
    text = as_text(value)
    return None if text is None else [part.strip() for part in text.split(separator) if part.strip()]


def split_name(value: Any) -> dict[str, str] | None:
    """A whole name in two parts: "Family, Given" at its comma, else the last word is the family name.

    A rough cut for sources that have nothing better; `name: {full: …}` leaves it to the next room, which
    knows more."""
    text = as_text(value)
    if text is None or not text.strip():
        return None
    family, comma, given = (part.strip() for part in text.partition(","))
    if not comma:
        *given_words, family = text.split()
        given = " ".join(given_words)
    return {"given_name": given, "family_name": family}


def strip_html(value: Any) -> str | None:
    """The text without its markup."""
    text = as_text(value)
    return None if text is None else " ".join(html.unescape(_TAG.sub(" ", text)).split()) or None


def trim(value: Any) -> str | None:
    """The text without white space at its ends."""
    text = as_text(value)
    return None if text is None else text.strip() or None


def upper(value: Any) -> str | None:
    """The text in capitals."""
    text = as_text(value)
    return None if text is None else text.upper()


def lower(value: Any) -> str | None:
    """The text in small letters."""
    text = as_text(value)
    return None if text is None else text.lower()
