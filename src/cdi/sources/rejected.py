"""What a source said and could not be taken: why, and, for who may see it, what it said."""

from collections.abc import Sequence
from dataclasses import asdict
from typing import Any, Final

from sqlalchemy import Connection

from cdi.access import Caller, Role, mask_key
from cdi.fields import FieldGroup
from cdi.pipeline import Installation
from cdi.sources.connected import demand_visible
from cdi.store import sources, standing

MOST_REASONS: Final = 20


def list_rejected(
    connection: Connection,
    installation: Installation,
    caller: Caller,
    name: str,
    limit: int,
    *,
    reason: str | None = None,
    after: int | None = None,
) -> list[dict[str, Any]]:
    """What stands rejected of a source, oldest first, of one `reason` if it is named; `after` continues a list.

    What the source said is `native`, verbatim; None with `masked` for who may not see it: no field group tells what it
    holds, for no mapping has understood it.
    """
    demand_visible(installation, caller, name)
    shown = may_see_verbatim(installation, caller, name)
    found = sources.open_rejected(connection, name, reason=reason, after=after, limit=limit)
    return [_told(asdict(one), shown=shown) for one in found]


def rejection_reasons(
    connection: Connection, installation: Installation, caller: Caller, name: str
) -> list[tuple[str, int]]:
    """Why records of a source stand rejected, and how many for each of the twenty most frequent reasons."""
    demand_visible(installation, caller, name)
    return sources.rejection_reasons(connection, name, MOST_REASONS)


def count_rejected(connection: Connection, names: Sequence[str]) -> dict[str, int]:
    """How many records of each of these sources stand rejected."""
    counts = standing.standing_rejections(connection)
    return {name: counts.get(name, 0) for name in names}


def may_see_verbatim(installation: Installation, caller: Caller, name: str) -> bool:
    """What a source says before it is understood is for those who may see every field group and act for its data
    owner, and for its own connector."""
    if caller.role is Role.CONNECTOR:
        return name == caller.source
    seen = caller.visibility
    acts = seen.owners is None or installation.owner_of(name) in seen.owners
    return acts and seen.groups >= frozenset(FieldGroup)


def _told(one: dict[str, Any], *, shown: bool) -> dict[str, Any]:
    if shown:
        return {**one, "masked": False}
    return {**one, "native": None, "key": one["key"] and mask_key(one["key"]), "masked": True}
