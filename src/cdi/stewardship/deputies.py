"""Absences: what is given to somebody who is away is their deputy's turn. A deputy sees and may no more than before."""

from dataclasses import asdict
from datetime import datetime
from typing import Any

from cdi.access import Role
from cdi.errors import ForbiddenError, InvalidInputError, NotFoundError
from cdi.stewardship.desk import Desk
from cdi.store import deputies
from cdi.store.deputies import Absence


def mine(desk: Desk) -> list[str]:
    """Whose reviews are this steward's turn: their own, and those of whom they stand in for now."""
    return [desk.caller.name, *deputies.represented_by(desk.connection, desk.caller.name, desk.now)]


def name_deputy(
    desk: Desk, deputy: str, until: datetime, since: datetime | None = None, steward: str | None = None
) -> dict[str, Any]:
    """Say who stands in for the caller (an admin: for any steward) for a time."""
    away = steward or desk.caller.name
    if away != desk.caller.name and desk.caller.role is not Role.ADMIN:
        raise ForbiddenError("a steward names their own deputy", remedy="An admin names one for others")
    start = since or desk.now
    if until <= max(start, desk.now):
        raise InvalidInputError("the absence ends before it begins", remedy="until lies after since, and ahead")
    if deputy == away:
        raise InvalidInputError("nobody stands in for themselves", remedy="Name somebody else")
    absence = deputies.save_absence(desk.connection, away, deputy, start, until, desk.caller.name, desk.now)
    return _found(desk, absence)


def list_absences(desk: Desk) -> list[dict[str, Any]]:
    """Absences that last or will come."""
    return [asdict(absence) for absence in deputies.load_absences(desk.connection, desk.now)]


def end_absence(desk: Desk, absence_id: int) -> None:
    """Somebody is back: they say so, or an admin."""
    absence = _found(desk, absence_id)
    if desk.caller.role is not Role.ADMIN and desk.caller.name not in {absence["steward"], absence["author"]}:
        raise ForbiddenError("a steward ends their own absence", remedy="An admin ends others'")
    deputies.revoke_absence(desk.connection, absence_id, desk.now)


def _found(desk: Desk, absence_id: int) -> dict[str, Any]:
    found: list[Absence] = deputies.load_absences(desk.connection, desk.now)
    absence = next((one for one in found if one.id == absence_id), None)
    if absence is None:
        raise NotFoundError("there is no such absence, or it is over")
    return asdict(absence)
