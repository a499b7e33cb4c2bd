"""A value of a database or a typed file as JSON: numbers that could lose digits, dates and times become text."""

from collections.abc import Mapping, Sequence
from datetime import date, datetime, time
from typing import Any, Final

from cdi.ingest.contract import Native

_PLAIN: Final = frozenset({str, int, float, bool, type(None)})


def as_record(columns: Sequence[str], row: Sequence[Any]) -> Native:
    """A row under the names of its columns."""
    return {
        column: value if type(value) in _PLAIN else as_json(value) for column, value in zip(columns, row, strict=True)
    }


def as_json(value: Any) -> Any:
    """One value, at any depth."""
    found: Any
    match value:
        case None | str() | int() | float() | bool():
            found = value
        case datetime() | date() | time():
            found = value.isoformat()
        case bytes() | bytearray() | memoryview():
            found = bytes(value).hex()
        case Mapping():
            found = {str(key): as_json(item) for key, item in value.items()}
        case list() | tuple() | set():
            found = [as_json(item) for item in value]
        case _:  # Decimal, UUID, timedelta, …
            found = str(value)
    return found
