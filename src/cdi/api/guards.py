"""What holds for every request, before any route sees it: how large it may be and how many a key may make; and what
every answer says to browsers. Plain ASGI, so that it costs a request nothing worth measuring."""

import hashlib
from pathlib import Path
from typing import Final

from fastapi import FastAPI
from starlette.datastructures import Headers, MutableHeaders
from starlette.exceptions import HTTPException
from starlette.middleware.cors import CORSMiddleware
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from cdi.api.problems import problem
from cdi.api.rates import RateLimit, private_table, shared_table
from cdi.settings import Api

EXPOSED: Final = (
    "ETag",
    "Location",
    "Retry-After",
    "RateLimit-Limit",
    "RateLimit-Remaining",
    "RateLimit-Reset",
    "X-Request-Id",
)
NOT_FRAMED: Final = "frame-ancestors 'none'"
SECURITY: Final = {
    "x-content-type-options": "nosniff",
    "x-frame-options": "DENY",
    "referrer-policy": "no-referrer",
    "cross-origin-resource-policy": "same-origin",
}
DATA_POLICY: Final = f"default-src 'none'; {NOT_FRAMED}"
"""For answers that are data: nothing in them is to be run or loaded."""
PAGE_POLICY: Final = f"default-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; {NOT_FRAMED}"
DOCS_POLICY: Final = f"{PAGE_POLICY}; script-src 'self' 'unsafe-inline'"
"""Swagger UI starts from a script in its page."""


class SecurityHeaders:
    """Every answer says that it is not to be sniffed, framed or kept by others; a route's own word stands."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return

        async def guarded(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in SECURITY.items():
                    headers.setdefault(name, value)
                headers.setdefault("content-security-policy", _policy(scope["path"], headers))
                if scope["path"].startswith("/v1"):
                    headers.setdefault("cache-control", "private, no-cache" if "etag" in headers else "no-store")
                    headers.add_vary_header("Authorization")
            await send(message)

        await self.app(scope, receive, guarded)


def _policy(path: str, headers: MutableHeaders) -> str:
    if path == "/docs":
        return DOCS_POLICY
    return DATA_POLICY if "json" in headers.get("content-type", "") or path.startswith("/v1") else PAGE_POLICY


class BodyLimit:
    """A request with a larger body is refused before it is read, or while."""

    def __init__(self, app: ASGIApp, largest: int) -> None:
        self.app, self.largest = app, largest

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        announced = Headers(scope=scope).get("content-length", "")
        if announced.isdigit() and int(announced) > self.largest:
            await self._refusal()(scope, receive, send)
            return
        read = 0

        async def counted() -> Message:
            nonlocal read
            message = await receive()
            read += len(message.get("body", b""))
            if read > self.largest:
                raise HTTPException(413)
            return message

        await self.app(scope, counted, send)

    def _refusal(self) -> ASGIApp:
        return problem(413, "too-large", "Too large", f"A request has at most {self.largest >> 20} MB")


class RateLimiter:
    """Answers 429 to a key that asks more often than it may; every answer says what is left."""

    def __init__(self, app: ASGIApp, limit: RateLimit) -> None:
        self.app, self.limit = app, limit

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or not scope["path"].startswith("/v1"):
            await self.app(scope, receive, send)
            return
        allowed, left, wait = self.limit.take(_who(scope))
        seconds = str(max(1, round(wait + 0.5)) if wait else 0)

        async def told(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                headers["ratelimit-limit"] = str(self.limit.burst)
                headers["ratelimit-remaining"] = str(left)
                headers["ratelimit-reset"] = seconds
                if not allowed:
                    headers["retry-after"] = seconds
            await send(message)

        refused = problem(429, "too-many-requests", "Too many requests", "This key asks more often than it may")
        await (self.app if allowed else refused)(scope, receive, told)


def _who(scope: Scope) -> bytes:
    sent = Headers(scope=scope).get("authorization")
    address = scope["client"][0] if scope.get("client") else ""
    return hashlib.blake2b((sent or f"from {address}").encode(), digest_size=16).digest()


def install_guards(app: FastAPI, rules: Api, common: Path | None) -> None:
    """Put them around the application, as cdi.yaml says; the outermost is added last. Processes that share the folder
    `common` count requests together."""
    app.add_middleware(BodyLimit, largest=rules.largest_request_mb << 20)
    if rules.rate_limit is not None:
        table = shared_table(common) if common else private_table()
        limit = RateLimit(rules.rate_limit.per_second, rules.rate_limit.burst, table)
        app.add_middleware(RateLimiter, limit=limit)
    if rules.cors_origins:
        app.add_middleware(
            CORSMiddleware,
            allow_origins=list(rules.cors_origins),
            allow_methods=["GET", "POST", "PUT", "DELETE"],
            allow_headers=["Authorization", "Content-Type", "If-Match", "If-None-Match", "Idempotency-Key"],
            expose_headers=list(EXPOSED),
        )
    app.add_middleware(SecurityHeaders)
