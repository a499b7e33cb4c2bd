"""Customers ask for a correction. Nobody has checked what they say, so it changes nothing until the officer has looked:
then it becomes a rectification, or is refused, and the words are forgotten."""

from typing import Any, Final
from uuid import UUID

from cdi.errors import ConflictError, InvalidInputError, NotFoundError
from cdi.fields import ATTRIBUTES, Shape
from cdi.privacy import rectifying
from cdi.privacy.requests import Office, answered, told
from cdi.store import corrections, privacy_requests, profiles
from cdi.store.corrections import Correction
from cdi.store.db import resolver_lock
from cdi.store.privacy_requests import PrivacyRequest, RequestFilter

CORRECTION: Final = "correction"
CORRECTABLE: Final = tuple(
    name for name, attribute in ATTRIBUTES.items() if attribute.shape is not Shape.MAPPING and name != "kind"
)
LONGEST: Final = 1_000
"""Characters that one may say."""
MOST: Final = 20
"""More do not wait at once of one customer."""


def ask(office: Office, profile_id: UUID, attribute: str, said: str) -> dict[str, Any]:
    """What this customer says should stand at this attribute: a request that waits for the officer.

    Raises InvalidInputError, ConflictError if too many wait.
    """
    if attribute not in CORRECTABLE:
        raise InvalidInputError("there is no such attribute", remedy=f"One of {', '.join(CORRECTABLE)}")
    if not said.strip() or len(said) > LONGEST:
        raise InvalidInputError("a correction says what is right, in at most 1000 characters")
    waiting = RequestFilter(CORRECTION, "asked", profile_id)
    if len(privacy_requests.list_requests(office.connection, waiting, MOST)) == MOST:
        raise ConflictError("as many corrections wait as can", remedy="The officer looks at them first")
    members = profiles.load_members(office.connection, [profile_id])[profile_id]
    request = PrivacyRequest(
        CORRECTION,
        profile_id,
        rectifying.GROUND,
        "asked",
        office.caller.actor,
        office.now,
        about={"attribute": attribute},
    )
    request_id = privacy_requests.save_request(office.connection, request)
    corrections.save_correction(office.connection, Correction(request_id, members, attribute, said.strip()))
    return answered(office, request_id, [profile_id])


def list_waiting(office: Office, profile_id: UUID) -> list[dict[str, Any]]:
    """What this customer asks to be corrected and nobody has decided, with their words, oldest first."""
    found = privacy_requests.list_requests(office.connection, RequestFilter(CORRECTION, "asked", profile_id), MOST)
    words = corrections.load_corrections(office.connection, [one.request_id for one in found if one.request_id])
    return [told(one) | {"said": words[one.request_id].said} for one in reversed(found) if one.request_id in words]


def show(office: Office, request_id: int) -> dict[str, Any]:
    """One that waits, with the customer's words; one that is decided without. Raises NotFoundError."""
    request, kept = _found(office, request_id)
    assert request.profile_id is not None
    return answered(office, request_id, [request.profile_id]) | {"said": kept.said if kept else None}


def decide(office: Office, request_id: int, verdict: str, value: Any = None, reason: str = "") -> dict[str, Any]:
    """`approve`: what they say is right (`value`: as it is to be written) and is rectified from now on, for `reason`;
    `done`: it was seen to otherwise; `refuse`. The words are forgotten.

    Raises InvalidInputError, NotFoundError, ConflictError (it is decided, or no source says anything wrong there).
    """
    resolver_lock(office.connection)
    request, kept = _found(office, request_id, locked=True)
    if request.state != "asked" or kept is None or request.profile_id is None:
        raise ConflictError(f"this is {request.state}", remedy="Nothing is left to decide")
    if verdict not in {"approve", "done", "refuse"}:
        raise InvalidInputError("this is no verdict", remedy="One of approve, done, refuse")
    about: dict[str, Any] = {}
    if verdict == "approve":
        right = kept.said if value in (None, "") else value
        about["rectification"] = rectifying.rectify(office, request.profile_id, kept.attribute, right, reason)["id"]
    corrections.forget_correction(office.connection, request_id)
    state = "refused" if verdict == "refuse" else "done"
    privacy_requests.decide_request(office.connection, request_id, state, office.caller.actor, office.now, about)
    return answered(office, request_id, [request.profile_id])


def _found(office: Office, request_id: int, *, locked: bool = False) -> tuple[PrivacyRequest, Correction | None]:
    request = privacy_requests.find_request(office.connection, request_id, locked=locked)
    if request is None or request.kind != CORRECTION:
        raise NotFoundError("there is no correction with this id", remedy=f"GET /v1/privacy/requests?kind={CORRECTION}")
    return request, corrections.load_corrections(office.connection, [request_id]).get(request_id)
