"""The requests of data subjects: how they are told, and the office at which they are seen to."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final
from uuid import UUID

from sqlalchemy import Connection

from cdi.access import Caller
from cdi.audit import Trail
from cdi.errors import ConflictError, NotFoundError
from cdi.pipeline import Installation
from cdi.store import demands, privacy_requests
from cdi.store.privacy_requests import PrivacyRequest, RequestFilter

SIGHTING: Final = "sighting"
"""The kind of a request by which landing alerts the officer: of what was erased something is there again."""
SEEN_TO: Final = frozenset({SIGHTING, "access"})
"""Kinds of requests that end when the officer says so: an alert, and the access that a source told of, once what is
kept was handed over."""


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
    found = privacy_requests.list_requests(connection, wanted, limit)
    who = demands.load_who(connection, [one.request_id for one in found if one.request_id is not None])
    return [told(request) | _known_as(who, request) for request in found]


def show_request(connection: Connection, request_id: int) -> dict[str, Any]:
    """One request. Raises NotFoundError."""
    request = privacy_requests.find_request(connection, request_id)
    if request is None:
        raise NotFoundError("there is no privacy request with this id", remedy="GET /v1/privacy/requests lists them")
    return told(request) | _known_as(demands.load_who(connection, [request_id]), request)


def _known_as(who: Mapping[int, str], request: PrivacyRequest) -> dict[str, str]:
    """Whom an alert is about, as the vendor that told of it knows them: kept apart from the request, until it is seen
    to."""
    known = None if request.request_id is None else who.get(request.request_id)
    return {} if known is None else {"known_as": known}


def acknowledge(office: Office, request_id: int) -> dict[str, Any]:
    """The officer has seen to an alert or an access: the same may be said again from now on.

    Raises NotFoundError, ConflictError.
    """
    request = privacy_requests.find_request(office.connection, request_id, locked=True)
    if request is None or request.kind not in SEEN_TO:
        raise NotFoundError("there is no alert with this id", remedy=f"GET /v1/privacy/requests?kind={SIGHTING}")
    if request.state != "asked":
        raise ConflictError("this was seen to before", remedy="Nothing is left to do")
    privacy_requests.decide_request(office.connection, request_id, "done", office.caller.actor, office.now, {})
    demands.forget_who(office.connection, request_id)
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


@dataclass(frozen=True, slots=True)
class Demand:
    """What a person hears who demanded at a vendor to be deleted here: no value of theirs, nor whether we know them."""

    state: str  # asked, done or refused
    asked_at: datetime
    decided_at: datetime | None


def demand_of(connection: Connection, code: str) -> Demand | None:
    """What became of the demand with this confirmation code; None if there is none."""
    request_id = demands.request_of(connection, code)
    request = None if request_id is None else privacy_requests.find_request(connection, request_id)
    return None if request is None else Demand(request.state, request.asked_at, request.decided_at)
