"""Every failure that a user can do something about has a class here, with its HTTP status.

A message names what is wrong and what to do, in one line; it never holds a customer's values.
"""

from collections.abc import Mapping, Sequence
from http import HTTPStatus
from typing import Any, ClassVar


class CdiError(Exception):
    """A failure with a message for its user; children fix `status` and the problem type."""

    status: ClassVar[HTTPStatus] = HTTPStatus.INTERNAL_SERVER_ERROR
    problem: ClassVar[str] = "internal"
    title: ClassVar[str] = "Internal error"

    def __init__(self, message: str, *, remedy: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.remedy = remedy

    def __str__(self) -> str:
        return f"{self.message}. {self.remedy}" if self.remedy else self.message

    @property
    def extensions(self) -> Mapping[str, Any]:
        """What a problem document says besides the message, for programs."""
        return {}


class ConfigurationError(CdiError):
    """`cdi.yaml`, a connector's manifest or the environment is wrong; the message names file and line."""

    problem = "configuration"
    title = "Wrong configuration"


class SourceError(CdiError):
    """A source system could not be read: unreachable, unauthorised, or not as its connector expects."""

    status = HTTPStatus.BAD_GATEWAY
    problem = "source-failed"
    title = "Source system failed"

    def __init__(self, source: str, message: str, *, remedy: str = "") -> None:
        super().__init__(f"source {source}: {message}", remedy=remedy)
        self.source = source


class BadRecordError(CdiError):
    """One record cannot be taken as it is; it goes to *rejected* and the rest go on."""

    status = HTTPStatus.UNPROCESSABLE_ENTITY
    problem = "bad-record"
    title = "Record rejected"


class InvalidInputError(CdiError):
    """A request, a file or an argument that cannot be understood."""

    status = HTTPStatus.UNPROCESSABLE_ENTITY
    problem = "invalid-input"
    title = "Invalid input"


class UnauthenticatedError(CdiError):
    """No key or token, or one that is unknown, expired or revoked."""

    status = HTTPStatus.UNAUTHORIZED
    problem = "unauthenticated"
    title = "Not signed in"


class IdentityProviderError(CdiError):
    """The OpenID Connect provider that cdi.yaml names does not answer, or not as it should."""

    status = HTTPStatus.SERVICE_UNAVAILABLE
    problem = "identity-provider"
    title = "Identity provider unavailable"


class ForbiddenError(CdiError):
    """The caller is known and may not do this."""

    status = HTTPStatus.FORBIDDEN
    problem = "forbidden"
    title = "Not allowed"


class NotFoundError(CdiError):
    """There is nothing under this name that the caller may see."""

    status = HTTPStatus.NOT_FOUND
    problem = "not-found"
    title = "Not found"


class GoneError(CdiError):
    """The profile ended: erased, or its last record went."""

    status = HTTPStatus.GONE
    problem = "gone"
    title = "Gone"

    def __init__(self, message: str, *, reason: str) -> None:
        super().__init__(message)
        self.reason = reason

    @property
    def extensions(self) -> Mapping[str, Any]:
        return {"reason": self.reason}


class CursorGoneError(CdiError):
    """A cursor of the change feed from which it cannot be continued."""

    status = HTTPStatus.GONE
    problem = "cursor-gone"
    title = "The feed cannot go on from there"


class ConflictError(CdiError):
    """The request contradicts what stands: a decision, a claim, a running job."""

    status = HTTPStatus.CONFLICT
    problem = "conflict"
    title = "Conflict"


class ContradictionError(ConflictError):
    """A decision that standing ones contradict; they are named, to be revoked first."""

    problem = "contradiction"
    title = "Contradicted by standing decisions"

    def __init__(self, message: str, *, decisions: Sequence[int]) -> None:
        super().__init__(message, remedy="Revoke them first: DELETE /v1/overrides/{id}")
        self.decisions = decisions

    @property
    def extensions(self) -> Mapping[str, Any]:
        return {"decisions": list(self.decisions)}


class StaleError(CdiError):
    """What the caller wants to change is no longer as they saw it (`If-Match` names an older version)."""

    status = HTTPStatus.PRECONDITION_FAILED
    problem = "stale"
    title = "Changed meanwhile"


class PreconditionRequiredError(CdiError):
    """A change that needs `If-Match` came without it."""

    status = HTTPStatus.PRECONDITION_REQUIRED
    problem = "precondition-required"
    title = "If-Match is required"


class BusyError(ConflictError):
    """Another process is doing exclusive work (a run, a migration); it is named."""

    problem = "busy"
    title = "Already running"


class StoppedError(CdiError):
    """Work ended between two batches because it was asked to; what was done stays, and the next run goes on there."""

    status = HTTPStatus.SERVICE_UNAVAILABLE
    problem = "stopped"
    title = "Stopped"


class DatabaseError(CdiError):
    """PostgreSQL could not be started or reached, or its schema is not at this version."""

    status = HTTPStatus.SERVICE_UNAVAILABLE
    problem = "database"
    title = "Database unavailable"
