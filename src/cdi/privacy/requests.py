"""The requests of data subjects: how they are told, and the office at which they are seen to."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final
from uuid import UUID

from sqlalchemy import Connection

from cdi.access import Caller
from cdi.audit import Trail
from cdi.errors import ConflictError, NotFoundError
from cdi.pipeline import Installation
from cdi.store import privacy_requests
from cdi.store.privacy_requests import PrivacyRequest, RequestFilter

SIGHTING: Final = "sighting"
"""The kind of a request by which landing alerts the officer: of what was erased something is there again."""


@dataclass(frozen=True, slots=True)
class Office:
    """A data-protection officer at work: in one transaction, in one installation, at one moment."""

    connection: Connection
    installation: Installation
    caller: Caller
    now: datetime
    trail: Trail | None = None  # of the door by which the officer came


def list_requests(connection: Connection, wanted: RequestFilter, limit: int) -> list[dict[str, Any]]:
    """Requests as they are told, newest first."""
    return [told(request) for request in privacy_requests.list_requests(connection, wanted, limit)]


def show_request(connection: Connection, request_id: int) -> dict[str, Any]:
    """One request. Raises NotFoundError."""
    request = privacy_requests.find_request(connection, request_id)
    if request is None:
        raise NotFoundError("there is no privacy request with this id", remedy="GET /v1/privacy/requests lists them")
    return told(request)


def acknowledge(office: Office, request_id: int) -> dict[str, Any]:
    """The officer has seen to an alert: the same may be said again from now on.

    Raises NotFoundError, ConflictError.
    """
    request = privacy_requests.find_request(office.connection, request_id, locked=True)
    if request is None or request.kind != SIGHTING:
        raise NotFoundError("there is no alert with this id", remedy=f"GET /v1/privacy/requests?kind={SIGHTING}")
    if request.state != "asked":
        raise ConflictError("this alert was seen to before", remedy="Nothing is left to do")
    privacy_requests.decide_request(office.connection, request_id, "done", office.caller.actor, office.now, {})
    return show_request(office.connection, request_id)


def answered(office: Office, request_id: int, profile_ids: Iterable[UUID]) -> dict[str, Any]:
    """What was asked is seen to: the request, which the audit log names with these profiles."""
    if office.trail is not None:
        office.trail.about["privacy_request"] = request_id
        office.trail.saw(profile_ids)
    return show_request(office.connection, request_id)


def told(request: PrivacyRequest) -> dict[str, Any]:
    """A request as it is told: no value of a customer is in it."""
    return {
        "id": request.request_id,
        "kind": request.kind,
        "profile": request.profile_id,
        "ground": request.ground,
        "state": request.state,
        "asked_by": request.asked_by,
        "asked_at": request.asked_at,
        "decided_by": request.decided_by,
        "decided_at": request.decided_at,
        "ended_by": request.ended_by,
        "ended_at": request.ended_at,
        "about": request.about,
    }
