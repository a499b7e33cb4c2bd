"""Every request is measured, logged and traced, by the template of its route: `/v1/profiles/{profile_id}`, never the
path or the query that were sent, which may name a customer."""

import logging
import os
import time
from typing import Any, Final

from opentelemetry import context, propagate
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from cdi.measured import REQUEST_SECONDS
from cdi.tracing import span

LOG: Final = logging.getLogger("cdi.requests")
METHODS: Final = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
UNLOGGED: Final = frozenset({"/healthz", "/readyz", "/metrics"})
UNMATCHED: Final = "unmatched"


def name_caller(scope: Any, name: str) -> None:
    """Remember who calls, for the log."""
    scope.setdefault("state", {})["caller"] = name


def name_route(scope: Any, template: str) -> None:
    """Remember the template of a route that answers without the router."""
    scope.setdefault("state", {})["template"] = template


class Observed:
    """Around everything else, so that what is refused is seen too."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        began, status = time.perf_counter(), 500
        request_id = os.urandom(8).hex()
        scope.setdefault("state", {})["request_id"] = request_id

        async def told(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                message["headers"] = [*message.get("headers", ()), (b"x-request-id", request_id.encode())]
            await send(message)

        traced = _traceparent(scope)  # most are not, and to look for a parent takes longer than to see that
        parent = context.attach(propagate.extract(traced)) if traced else None
        try:
            with span("request") as opened:
                try:
                    await self.app(scope, receive, told)
                finally:
                    method, route = _method(scope), _template(scope)
                    if opened.is_recording():
                        opened.update_name(f"{method} {route}")
                        opened.set_attributes(
                            {
                                "http.request.method": method,
                                "http.route": route,
                                "http.response.status_code": status,
                                "cdi.request_id": request_id,
                            }
                        )
        finally:
            if parent is not None:
                context.detach(parent)
            seconds = time.perf_counter() - began
            REQUEST_SECONDS.labels(method, route, f"{status // 100}xx").observe(seconds)
            if route not in UNLOGGED:
                LOG.info(
                    "request",
                    extra={
                        "request_id": request_id,
                        "method": method,
                        "route": route,
                        "status": status,
                        "milliseconds": round(seconds * 1000, 2),
                        "caller": scope["state"].get("caller"),
                    },
                )


def _traceparent(scope: Scope) -> dict[str, str]:
    return {name.decode(): value.decode("latin-1") for name, value in scope["headers"] if name == b"traceparent"}


def _method(scope: Scope) -> str:
    return scope["method"] if scope["method"] in METHODS else "other"


def _template(scope: Scope) -> str:
    found = scope["state"].get("template") or getattr(scope.get("route"), "path", None)
    return str(found) if found else UNMATCHED
