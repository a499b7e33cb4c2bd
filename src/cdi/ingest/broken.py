"""What can be wrong with a file: the whole of it, or one record."""

from dataclasses import dataclass
from typing import Any


class FileError(Exception):
    """The file as a whole cannot be read; the message says why and holds none of its values."""

    def __init__(self, message: str, remedy: str) -> None:
        super().__init__(message)
        self.message = message
        self.remedy = remedy


@dataclass(frozen=True, slots=True)
class Broken:
    """A line that is no record: where it stands, why, and what stands there."""

    line: int
    reason: str
    content: Any


def named_once(names: tuple[str, ...]) -> tuple[str, ...]:
    """The names of a table's columns, trimmed; raises FileError where one stands twice."""
    trimmed = tuple(name.strip() for name in names)
    doubled = sorted({name for name in trimmed if trimmed.count(name) > 1 and name})
    if doubled:
        remedy = "Ask for an export in which every column has a name of its own"
        raise FileError(f"names the column {', '.join(doubled)} twice", remedy)
    return trimmed
