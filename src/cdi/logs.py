"""Logs hold ids, counts and times, never a customer's values."""

import logging
import sys
from typing import Any, Final, TextIO

import orjson

from cdi.clock import utc_now

STANDARD_FIELDS = frozenset(logging.makeLogRecord({}).__dict__) | {"message", "asctime", "taskName", "color_message"}
JSON: Final = "json"


class JsonFormatter(logging.Formatter):
    """One JSON object a line: time, level, logger, message, and the `extra` that was given."""

    def format(self, record: logging.LogRecord) -> str:
        return orjson.dumps(_entry(record), default=str, option=orjson.OPT_NON_STR_KEYS).decode()


class TextFormatter(logging.Formatter):
    """The same for people: time, level, message, then name=value."""

    def format(self, record: logging.LogRecord) -> str:
        entry = _entry(record)
        head = f"{entry.pop('time')} {entry.pop('level')!s:7} {entry.pop('logger')}: {entry.pop('message')}"
        return " ".join([head, *(f"{name}={value}" for name, value in entry.items() if value is not None)])


def _entry(record: logging.LogRecord) -> dict[str, Any]:
    entry: dict[str, Any] = {
        "time": utc_now().isoformat(timespec="milliseconds"),
        "level": record.levelname.lower(),
        "logger": record.name,
        "message": record.getMessage(),
    }
    entry.update({k: v for k, v in record.__dict__.items() if k not in STANDARD_FIELDS})
    if record.exc_info and record.exc_info[0] is not None:
        # The text of a foreign exception may quote a value; its type and place may not.
        entry["exception"] = record.exc_info[0].__name__
    return entry


def configure_logging(level: str = "INFO", stream: TextIO | None = None, form: str = JSON) -> None:
    """Send every logger of the process through one handler, as JSON or as text for people."""
    handler = logging.StreamHandler(stream or sys.stderr)
    handler.setFormatter(JsonFormatter() if form == JSON else TextFormatter())
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(level)
    logging.getLogger("httpx").setLevel(logging.WARNING)  # it logs whole URLs, which may hold identifiers
    logging.getLogger("uvicorn.access").disabled = True
