"""A client of cdi's API for applications: synchronous, typed, with retries that are safe and the change feed as an
iterator. It needs httpx and nothing else of cdi, so that an application may import it without the engine.

    with Client("https://cdi.example", key) as cdi:
        hits = cdi.lookup({"emails": [{"value": "anna@example.org"}]})
"""

from cdi.client.calling import Retries
from cdi.client.cdi import Client
from cdi.client.errors import (
    CdiClientError,
    ConflictError,
    ForbiddenError,
    GoneError,
    InvalidError,
    MovedError,
    NotFoundError,
    ProblemError,
    StaleError,
    TooManyRequestsError,
    UnauthenticatedError,
    UnavailableError,
    UnreachableError,
)
from cdi.client.shapes import Change, Hit, Moved, Profile, Pushed, Record, Review
from cdi.client.verifying import Delivery, verify_webhook
from cdi.signatures import WrongSignatureError

__all__ = [
    "CdiClientError",
    "Change",
    "Client",
    "ConflictError",
    "Delivery",
    "ForbiddenError",
    "GoneError",
    "Hit",
    "InvalidError",
    "Moved",
    "MovedError",
    "NotFoundError",
    "ProblemError",
    "Profile",
    "Pushed",
    "Record",
    "Retries",
    "Review",
    "StaleError",
    "TooManyRequestsError",
    "UnauthenticatedError",
    "UnavailableError",
    "UnreachableError",
    "WrongSignatureError",
    "verify_webhook",
]
