"""Time enters the program here and nowhere else: pure rooms take it as an argument."""

from datetime import UTC, datetime


def utc_now() -> datetime:
    """The present moment, in UTC, with its offset."""
    return datetime.now(UTC)
