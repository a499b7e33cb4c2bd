"""Where the next export goes on: a cursor of the change feed, in a file of the operator's."""

from dataclasses import dataclass
from pathlib import Path

import orjson

from cdi.errors import ConflictError, InvalidInputError
from cdi.exporting.files import write_whole


@dataclass(frozen=True, slots=True)
class Since:
    """What was exported before: everything up to this cursor, under these terms (in words that name no value)."""

    cursor: int
    terms: str

    def keep(self, path: Path) -> None:
        """Put it down for the next time."""
        write_whole(path, orjson.dumps({"cursor": self.cursor, "terms": self.terms}, option=orjson.OPT_APPEND_NEWLINE))


def known_state(path: Path) -> Since | None:
    """What the file says; None if there is none yet. Raises InvalidInputError for a file that is no such state."""
    try:
        said = orjson.loads(path.read_bytes())
        return Since(int(said["cursor"]), str(said["terms"]))
    except FileNotFoundError:
        return None
    except (ValueError, KeyError, TypeError):
        raise InvalidInputError(
            f"{path} is no state of an export", remedy="Name another file, or delete it for a whole export"
        ) from None


def since(path: Path, terms: str) -> int | None:
    """The cursor to go on from; None for a whole export.

    Raises ConflictError when what was exported before was something else: what is missing would never come.
    """
    state = known_state(path)
    if state is not None and state.terms != terms:
        raise ConflictError(
            f"{path} belongs to another export ({state.terms}), this one is {terms}",
            remedy="Name another state file; the first export with it is a whole one",
        )
    return None if state is None else state.cursor
