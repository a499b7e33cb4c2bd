"""What can go wrong, as the problem documents of the API tell it."""

from collections.abc import Mapping, Sequence
from http import HTTPStatus
from typing import Any, Final


class CdiClientError(Exception):
    """Whatever went wrong between an application and cdi."""


class UnreachableError(CdiClientError):
    """No answer: the network, the name, the certificate, the time. Whether the request was worked off is not known."""


class MovedError(CdiClientError):
    """The id is retired; `profiles` are those in which its records are now (one: its survivor)."""

    def __init__(self, profiles: Sequence[str]) -> None:
        self.profiles = list(profiles)
        super().__init__(f"this id is retired; its records are in {len(self.profiles)} profiles now")


class ProblemError(CdiClientError):
    """An answer that is a problem (RFC 9457). `kind` is the last part of its type, as in `GET /problems`."""

    def __init__(self, status: int, document: Mapping[str, Any]) -> None:
        self.status = status
        self.document = dict(document)
        self.kind = str(document.get("type", "")).rpartition("/")[2] or "unknown"
        self.detail = str(document.get("detail") or document.get("title") or "")
        super().__init__(f"{status} {self.kind}: {self.detail}")


class UnauthenticatedError(ProblemError):
    """The key is unknown, expired or revoked (401)."""


class ForbiddenError(ProblemError):
    """The key may not do this (403)."""


class NotFoundError(ProblemError):
    """There is nothing of this name that the key may see (404)."""


class ConflictError(ProblemError):
    """It contradicts what stands (409)."""


class GoneError(ProblemError):
    """The profile ended, or the feed cannot go on from the cursor (410)."""


class StaleError(ProblemError):
    """It changed meanwhile, or If-Match is missing (412, 428)."""


class InvalidError(ProblemError):
    """The request is not as documented (400, 413, 415, 422); sending it again does not help."""


class TooManyRequestsError(ProblemError):
    """The key asks more often than it may, also after waiting (429)."""


class UnavailableError(ProblemError):
    """A failure of the service (5xx)."""


BY_STATUS: Final[Mapping[int, type[ProblemError]]] = {
    HTTPStatus.BAD_REQUEST: InvalidError,
    HTTPStatus.UNAUTHORIZED: UnauthenticatedError,
    HTTPStatus.FORBIDDEN: ForbiddenError,
    HTTPStatus.NOT_FOUND: NotFoundError,
    HTTPStatus.CONFLICT: ConflictError,
    HTTPStatus.GONE: GoneError,
    HTTPStatus.PRECONDITION_FAILED: StaleError,
    HTTPStatus.PRECONDITION_REQUIRED: StaleError,
    HTTPStatus.REQUEST_ENTITY_TOO_LARGE: InvalidError,
    HTTPStatus.UNSUPPORTED_MEDIA_TYPE: InvalidError,
    HTTPStatus.UNPROCESSABLE_ENTITY: InvalidError,
    HTTPStatus.TOO_MANY_REQUESTS: TooManyRequestsError,
}


def problem_of(status: int, document: Mapping[str, Any]) -> ProblemError:
    """The error that this answer is."""
    kind = BY_STATUS.get(status, UnavailableError if status >= HTTPStatus.INTERNAL_SERVER_ERROR else ProblemError)
    return kind(status, document)
