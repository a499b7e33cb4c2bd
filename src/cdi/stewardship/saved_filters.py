"""Filters of the queue under a name, for the steward who keeps them."""

from collections.abc import Mapping
from typing import Any, Final

from cdi.errors import InvalidInputError, NotFoundError
from cdi.stewardship.desk import Desk
from cdi.store import saved_filters

MOST: Final = 50
"""Nobody finds their way among more."""


def list_filters(desk: Desk) -> list[dict[str, Any]]:
    """What the steward keeps, by name."""
    kept = saved_filters.load_filters(desk.connection, desk.caller.name)
    return [{"name": name, "filter": asked} for name, asked in kept.items()]


def save_filter(desk: Desk, name: str, asked: Mapping[str, Any]) -> dict[str, Any]:
    """Keep a filter under a name, in place of what was kept there."""
    kept = saved_filters.load_filters(desk.connection, desk.caller.name)
    if name not in kept and len(kept) >= MOST:
        raise InvalidInputError(f"you keep {MOST} filters already", remedy="Drop one that you do not need")
    saved_filters.save_filter(desk.connection, desk.caller.name, name, asked, desk.now)
    return {"name": name, "filter": dict(asked)}


def forget_filter(desk: Desk, name: str) -> None:
    """Drop it."""
    if not saved_filters.forget_filter(desk.connection, desk.caller.name, name):
        raise NotFoundError("you keep no filter of this name")
