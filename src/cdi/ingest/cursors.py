"""How far a stream has been read, by the source's own clock: the greatest value seen, never beyond the
present, and asked again from a little before, because sources commit late."""

from datetime import UTC, datetime, timedelta
from typing import Any, Final
from zoneinfo import ZoneInfo

from cdi.ingest.blueprint import Cursor
from cdi.ingest.contract import Native, State
from cdi.ingest.expressions import Evaluate
from cdi.ingest.transforms import as_text, moment

# Local times run through one hour twice in autumn: what is written in the second may look older than the
# first.
TWICE: Final = timedelta(hours=1)


class Position:
    """The cursor of one reading: where it began, and how far it has come."""

    def __init__(self, cursor: Cursor, field: Evaluate, state: State | None, now: datetime) -> None:
        self.cursor = cursor
        self.field = field
        self.now = now
        self.start = (state or {}).get("cursor")
        self.value: str | int | None = self.start

    def observe(self, native: Native) -> None:
        """Take note of one record; a value that cannot be read moves nothing."""
        try:
            value = self._comparable(self.field(native))
        except (ValueError, TypeError):
            return
        if value is not None and (self.value is None or self._later(value, self.value)):
            self.value = value

    def move_to(self, value: str) -> None:
        """Take over a position that the source itself names."""
        self.value = value

    def _comparable(self, raw: Any) -> str | int | None:
        text = as_text(raw)
        if text is None:
            return None
        if self.cursor.type == "integer":
            return int(text)
        if self.cursor.type == "text":
            return text
        fmt = self.cursor.format if self._needs_format(text) else None
        seen = moment(text, fmt, self.cursor.zone or "UTC").astimezone(UTC)
        return min(seen, self.now.astimezone(UTC)).isoformat(timespec="microseconds")

    def _needs_format(self, text: str) -> bool:
        """Whether `format` must be used to read the value: some sources want times written otherwise than they give
        them, and ISO is read without it."""
        if self.cursor.format is None:
            return False
        if self.cursor.format in {"unix", "unix_ms"}:
            return text.replace(".", "", 1).isdigit()
        try:
            datetime.fromisoformat(text)
        except ValueError:
            return True
        return False

    def _later(self, value: str | int, than: str | int) -> bool:
        return type(value) is not type(than) or value > than  # type: ignore[operator]  # one type on both sides

    def since(self) -> datetime | str | int | None:
        """From where to ask: a moment less its overlap, in UTC; None at the first reading."""
        if self.start is None or self.cursor.type != "datetime":
            return self.start
        overlap = self.cursor.overlap + (TWICE if self.cursor.zone not in {None, "UTC"} else timedelta(0))
        return datetime.fromisoformat(str(self.start)) - overlap

    def written(self, value: datetime | str | int) -> str | int:
        """A value as the source wants it written in a request or a comparison."""
        if not isinstance(value, datetime):
            return value
        if self.cursor.format == "unix":
            return int(value.timestamp())
        if self.cursor.format == "unix_ms":
            return int(value.timestamp() * 1000)
        local = value.astimezone(ZoneInfo(self.cursor.zone)) if self.cursor.zone else value
        return local.strftime(self.cursor.format) if self.cursor.format else local.isoformat(timespec="milliseconds")
