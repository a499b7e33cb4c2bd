"""One handler speaks for all errors, in one shape: RFC 9457 problem details."""

import logging
from http import HTTPStatus
from typing import Any, Final

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from pydantic import BaseModel
from starlette.exceptions import HTTPException

from cdi.errors import CdiError

LOG = logging.getLogger("cdi.api")
MEDIA_TYPE = "application/problem+json"


class Problem(BaseModel):
    """What went wrong (RFC 9457)."""

    type: str
    title: str
    status: int
    detail: str | None = None
    reason: str | None = None
    decisions: list[int] | None = None
    errors: list[dict[str, Any]] | None = None


BY_STATUS: Final = {
    400: "bad-request",
    401: "unauthenticated",
    403: "forbidden",
    404: "not-found",
    405: "method-not-allowed",
    413: "too-large",
    415: "unsupported-media-type",
    422: "invalid-input",
    429: "too-many-requests",
}
"""The problem type of what the framework answers by itself."""


def problem(status: int, kind: str, title: str, detail: str | None = None, **more: Any) -> JSONResponse:
    """A problem document; `kind` is one of the catalogue in the docs."""
    body = {"type": f"/problems/{kind}", "title": title, "status": int(status), "detail": detail, **more}
    headers = {"WWW-Authenticate": "Bearer"} if status == HTTPStatus.UNAUTHORIZED else None
    shown = {name: value for name, value in body.items() if value is not None}
    return JSONResponse(shown, status_code=int(status), media_type=MEDIA_TYPE, headers=headers)


def install_handlers(app: FastAPI) -> None:
    """Answer every error of the application as a problem document."""

    @app.exception_handler(CdiError)
    def _(_request: Request, error: CdiError) -> JSONResponse:
        return problem(error.status, error.problem, error.title, str(error), **error.extensions)

    @app.exception_handler(RequestValidationError)
    def _(_request: Request, error: RequestValidationError) -> JSONResponse:
        # Where and what, never the value that was sent.
        faults = [{"where": ".".join(map(str, fault["loc"])), "what": fault["msg"]} for fault in error.errors()]
        return problem(422, "invalid-input", "Invalid input", "The request is not as documented", errors=faults)

    @app.exception_handler(HTTPException)
    def _(_request: Request, error: HTTPException) -> JSONResponse:
        phrase = HTTPStatus(error.status_code).phrase
        kind = BY_STATUS.get(error.status_code, "bad-request" if error.status_code < 500 else "internal")
        answer = problem(error.status_code, kind, phrase)
        answer.headers.update(error.headers or {})
        return answer

    @app.exception_handler(UnicodeEncodeError)
    def _(_request: Request, _error: UnicodeEncodeError) -> JSONResponse:
        return problem(422, "invalid-input", "Invalid input", "A text holds halves of characters")

    @app.exception_handler(Exception)
    def _(request: Request, error: Exception) -> JSONResponse:
        LOG.error("unexpected error", extra=_about(request, error))
        return problem(500, "internal", "Internal error", "The error was logged")


def _about(request: Request, error: Exception) -> dict[str, str | None]:
    request_id = getattr(request.state, "request_id", None)
    return {"error": type(error).__name__, "method": request.method, "request_id": request_id}


def described(description: str) -> dict[str, Any]:
    """A problem as the OpenAPI document describes it."""
    return {"model": Problem, "description": description, "content": {MEDIA_TYPE: {}}}


PROBLEMS: dict[int | str, dict[str, Any]] = {
    status: described(HTTPStatus(status).phrase) for status in (400, 401, 403, 404, 413, 422, 429, 503)
}
"""The problems that every route may answer with, for the OpenAPI document."""
CHANGE_PROBLEMS: dict[int | str, dict[str, Any]] = PROBLEMS | {
    status: described(HTTPStatus(status).phrase) for status in (409, 412, 428)
}
"""The same for routes by which stewards change something."""
