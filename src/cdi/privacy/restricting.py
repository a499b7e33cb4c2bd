"""Restriction (Art. 18) and objection (Art. 21): at once nobody downstream sees the customer any more, for every use or
for one purpose; stewards and the officer still do. Lifted, it is all there again, and the history says who and when.
"""

from collections.abc import Mapping
from typing import Any, Final
from uuid import UUID

from cdi.access import EVERY_USE
from cdi.errors import ConflictError, InvalidInputError, NotFoundError
from cdi.privacy.requests import Office, answered
from cdi.serving import live_profile
from cdi.store import changes, privacy_requests, profiles, restrictions
from cdi.store.changes import Change
from cdi.store.db import resolver_lock
from cdi.store.privacy_requests import PrivacyRequest
from cdi.store.profiles import FoundProfile

RESTRICTION: Final = "restriction"
OBJECTION: Final = "objection"
GROUNDS: Final[Mapping[str, Mapping[str, str]]] = {
    RESTRICTION: {
        "contested": "Art. 18(1)(a): the person contests that the data are right",
        "unlawful": "Art. 18(1)(b): unlawful, and the person does not want them erased",
        "claims": "Art. 18(1)(c): no longer needed, but by the person for legal claims",
        "objected": "Art. 18(1)(d): while it is looked at whose grounds outweigh",
        "demanded": "the person's demand, its ground not said",
    },
    OBJECTION: {
        "situation": "Art. 21(1): grounds of the person's own situation",
        "marketing": "Art. 21(2): direct marketing; it is never weighed",
        "demanded": "the person's demand, its ground not said",
    },
}


def restrict(office: Office, profile_id: UUID, ground: str, purpose: str | None = None) -> dict[str, Any]:
    """Close this profile: to every use, or (an objection) to one purpose. The request that holds from now on.

    Raises InvalidInputError, NotFoundError, ConflictError.
    """
    kind = RESTRICTION if purpose is None else OBJECTION
    if ground not in GROUNDS[kind]:
        raise InvalidInputError(f"this is no ground of a {kind}", remedy=f"One of {', '.join(GROUNDS[kind])}")
    if purpose is not None and not purpose.strip():
        raise InvalidInputError("an objection is to a purpose", remedy="Name it, or leave it out for every use")
    resolver_lock(office.connection)
    found = live_profile(office.connection, office.caller.visibility, profile_id)
    use = EVERY_USE if purpose is None else purpose.strip()
    members = profiles.load_members(office.connection, [profile_id])[profile_id]
    about = {"records": members} | ({} if purpose is None else {"purpose": use})
    request_id = privacy_requests.save_request(
        office.connection,
        PrivacyRequest(
            kind,
            profile_id,
            ground,
            "in_force",
            office.caller.actor,
            office.now,
            office.caller.actor,
            office.now,
            about=about,
        ),
    )
    restrictions.close_records(office.connection, members, request_id, use)
    restrictions.follow(office.connection, [profile_id])
    _announce(office, [found], "restricted")
    return answered(office, request_id, [profile_id])


def lift(office: Office, request_id: int) -> dict[str, Any]:
    """What this request closed is open again, unless another one closes it. Raises NotFoundError, ConflictError."""
    resolver_lock(office.connection)
    asked = privacy_requests.find_request(office.connection, request_id, locked=True)
    if asked is None or asked.kind not in GROUNDS:
        raise NotFoundError("there is no restriction or objection with this id", remedy="GET /v1/privacy/requests")
    if asked.state != "in_force":
        raise ConflictError(f"this is {asked.state}", remedy="Nothing is left to lift")
    homes = restrictions.open_records(office.connection, request_id)
    restrictions.follow(office.connection, homes)
    privacy_requests.end_request(office.connection, request_id, office.caller.actor, office.now)
    _announce(office, list(profiles.find_profiles(office.connection, homes).values()), "updated")
    return answered(office, request_id, homes)


def _announce(office: Office, found: list[FoundProfile], event: str) -> None:
    """Whoever has it is told to leave it alone, or that it may be used again."""
    events = [
        Change(
            event,
            one.profile_id,
            one.document["data_owner"],
            sorted(one.sources),
            one.version,
            attributes=("restriction",),
        )
        for one in found
    ]
    changes.append_changes(office.connection, events, office.now)
