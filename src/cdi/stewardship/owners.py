"""A profile is handed over: who answers for it is said by hand, with the reason, and goes with its oldest record."""

from typing import Any
from uuid import UUID

from cdi.errors import InvalidInputError
from cdi.resolution.ownership import OwnerAssignment
from cdi.serving import live_profile
from cdi.stewardship.desk import Desk, must_be_current, must_have_reason
from cdi.store import owners, profiles


def hand_over(
    desk: Desk, profile_id: UUID, owner: str | None, reason: str, if_match: str | None = None
) -> dict[str, Any]:
    """Give a profile to a data owner; None: back to the one that the rules name."""
    because = must_have_reason(reason)
    known = [one.id for one in desk.installation.deployment.owners]
    if owner is not None and owner not in known:
        raise InvalidInputError("there is no such data owner", remedy=f"cdi.yaml has {', '.join(known)}")
    desk.alone()
    found = live_profile(desk.connection, desk.visibility, profile_id)
    must_be_current(if_match, str(found.version))
    desk.must_act_for({found.document["data_owner"]})
    assign(desk, profile_id, owner, because)
    now = live_profile(desk.connection, desk.visibility, profile_id)
    return {
        "id": profile_id,
        "data_owner": now.document["data_owner"],
        "before": found.document["data_owner"],
        "ownership": now.document["ownership"],
        "version": now.version,
        "reason": because,
    }


def assign(desk: Desk, profile_id: UUID, owner: str | None, reason: str) -> None:
    """The assignment, in place of those before in the same profile, and its effect."""
    members = profiles.load_members(desk.connection, [profile_id])[profile_id]
    owners.revoke_assignments(desk.connection, members, desk.now)
    if owner is not None:
        word = OwnerAssignment(owner, min(members), desk.caller.name, reason, desk.now)
        owners.save_assignment(desk.connection, word)
    desk.resolve([min(members)])
