"""Talking to one HTTP API politely and safely: to its own host only, TLS verified, with time and size limits,
waiting when asked to, trying again what may pass and never what may not.

Logs hold method, path template, status and time; no address with parameters, no body, no token.
"""

import logging
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from email.utils import parsedate_to_datetime
from pathlib import Path
from typing import Any, Final, TypeVar
from urllib.parse import urlsplit

import httpx
import orjson
from tenacity import RetryCallState, Retrying, retry_if_exception_type, stop_after_attempt
from tenacity.wait import wait_random_exponential

from cdi.clock import utc_now
from cdi.errors import ConfigurationError, SourceError
from cdi.ingest.blueprint import HttpConnection
from cdi.ingest.http_auth import Authenticator
from cdi.ingest.places import Keeping

log = logging.getLogger(__name__)
Given = TypeVar("Given")
Body = TypeVar("Body")

LOOPBACK: Final = frozenset({"localhost", "127.0.0.1", "::1"})
REDIRECTS: Final = 5
DRIPS: Final = 10  # times the timeout: how long one answer may take as a whole
SLOWEST: Final = 10_000  # bytes a second at which a file may come
LONGEST_ASKED_WAIT: Final = 300.0
"""Seconds; a source that asks for more is left to the next run."""


@dataclass(frozen=True, slots=True)
class Call:
    """One request, ready to send. `place` is its path as the manifest writes it, for logs and messages."""

    method: str
    url: str
    place: str
    params: Mapping[str, Any]
    headers: Mapping[str, str]
    body: Any = None


@dataclass(frozen=True, slots=True)
class Answer:
    """A successful answer with its JSON document."""

    document: Any
    headers: Mapping[str, str]
    links: Mapping[str, str]


class _PassingError(Exception):
    """A failure that may be gone in a moment."""

    def __init__(self, message: str, wait: float | None = None) -> None:
        super().__init__(message)
        self.wait = wait


class RefusedError(SourceError):
    """The server answered, and refused; `answered` is its status."""

    def __init__(self, source: str, message: str, *, remedy: str, answered: int) -> None:
        super().__init__(source, message, remedy=remedy)
        self.answered = answered


class HttpSession:
    """A connection to one API for one run; close it, or use it in a `with`."""

    def __init__(self, source: str, connection: HttpConnection, base_url: str, auth: Authenticator) -> None:
        self.source = source
        self.connection = connection
        self.base_url = base_url.rstrip("/")
        self.origin = _origin(self.base_url)
        self.auth = auth
        self._bucket = TokenBucket(connection.requests_per_second)
        self._demand_safe_address()
        loopback = self.origin[1] in LOOPBACK
        self.client = httpx.Client(
            timeout=connection.timeout.total_seconds(),
            verify=not loopback,
            trust_env=not loopback,
            follow_redirects=False,
            headers={"accept": "application/json", "user-agent": "cdi", **connection.headers},
        )

    def __enter__(self) -> "HttpSession":
        return self

    def __exit__(self, *_: object) -> None:
        self.client.close()

    def _demand_safe_address(self) -> None:
        scheme, host, _ = self.origin
        if scheme not in {"http", "https"} or not host:
            raise ConfigurationError(
                f"source {self.source}: base_url is no web address",
                remedy="Write for instance https://shop.example",
            )
        if scheme == "http" and host not in LOOPBACK and not self.connection.plain_http:
            raise ConfigurationError(
                f"source {self.source}: base_url is not encrypted",
                remedy="Write https://, or connection.plain_http: true in the manifest of a trusted network",
            )

    def url(self, path: str) -> str:
        """The address of a path of this API, or an absolute address if it is on the same host; else
        SourceError."""
        address = path if "://" in path else f"{self.base_url}/{path.lstrip('/')}"
        if _origin(address) != self.origin:
            raise SourceError(
                self.source,
                "the server points to another host",
                remedy="Only the host of base_url is ever called",
            )
        return address

    def send(self, call: Call, passing: Callable[[Any], bool] | None = None) -> Answer:
        """The answer to one call. `passing` tells from a document whether it is an error that passes.

        Raises SourceError that names the remedy.
        """
        return self._answered(call, lambda: self._send_once(call, passing))

    def download(self, call: Call, target: Path, most_bytes: int) -> Mapping[str, str] | None:
        """Put what is there into `target`; the headers of the answer, or None if it is as the call's conditions know.

        Raises SourceError that names the remedy.
        """
        found = self._answered(call, lambda: self._download_once(call, target, most_bytes))
        return found.headers if found.status_code != httpx.codes.NOT_MODIFIED else None

    def _answered(self, call: Call, once: Callable[[], tuple[int, Given | None]]) -> Given:
        renewed = False
        while True:
            status, answer = self._until_answered(call, once)
            if answer is not None:
                return answer
            if status == httpx.codes.UNAUTHORIZED and not renewed and self.auth.renewable:
                self.auth.forget()
                renewed = True
                continue
            raise self._refused(call, status)

    def _until_answered(self, call: Call, once: Callable[[], tuple[int, Given | None]]) -> tuple[int, Given | None]:
        retry = self.connection.retry
        backoff = wait_random_exponential(
            multiplier=retry.first_wait.total_seconds(), max=retry.longest_wait.total_seconds()
        )

        def wait(state: RetryCallState) -> float:
            asked = getattr(state.outcome.exception() if state.outcome else None, "wait", None)
            return float(asked) if asked is not None else backoff(state)

        attempts = Retrying(
            stop=stop_after_attempt(retry.tries),
            wait=wait,
            retry=retry_if_exception_type(_PassingError),
            sleep=time.sleep,
            reraise=True,
        )
        try:
            return attempts(once)
        except _PassingError as error:
            raise SourceError(
                self.source,
                f"{call.method} {call.place}: {error} (tried {retry.tries} times)",
                remedy=f"Check that {self.origin[1]} is up; the next run goes on where this one ended",
            ) from None

    def _send_once(self, call: Call, passing: Callable[[Any], bool] | None) -> tuple[int, Answer | None]:
        response, content = self._watched(call, lambda response: self._body(call, response))
        return self._judged(call, response, content, passing)

    def _download_once(self, call: Call, target: Path, most_bytes: int) -> tuple[int, httpx.Response | None]:
        response, _ = self._watched(call, lambda response: self._into_file(call, response, target, most_bytes))
        self._demand_no_failure(call, response)
        there = response.is_success or response.status_code == httpx.codes.NOT_MODIFIED
        return response.status_code, response if there else None

    def _watched(self, call: Call, take: Callable[[httpx.Response], Body]) -> tuple[httpx.Response, Body]:
        """One exchange within the limits, noted in the log; what may pass is told as such."""
        self._bucket.take()
        began = time.monotonic()
        try:
            response, content = self._exchange(call, {**self.auth.headers(self), **call.headers}, take)
        except httpx.TimeoutException:
            raise _PassingError("no answer in time") from None
        except httpx.TransportError as error:
            raise _PassingError(_connection_trouble(error)) from None
        took = round((time.monotonic() - began) * 1000)
        log.debug(
            "request",
            extra={
                "source": self.source,
                "method": call.method,
                "path": call.place,
                "status": response.status_code,
                "ms": took,
            },
        )
        return response, content

    def _judged(
        self, call: Call, response: httpx.Response, content: bytes, passing: Callable[[Any], bool] | None
    ) -> tuple[int, Answer | None]:
        self._demand_no_failure(call, response)
        if not response.is_success:
            return response.status_code, None
        try:
            document = orjson.loads(content) if content.strip() else None
        except ValueError:
            raise _PassingError("the answer is not JSON (an error page, or cut off)") from None
        if passing is not None and passing(document):
            raise _PassingError("the server is throttling", self._asked_wait(call, response))
        links = {name: link["url"] for name, link in response.links.items() if name and "url" in link}
        return response.status_code, Answer(document, response.headers, links)

    def _demand_no_failure(self, call: Call, response: httpx.Response) -> None:
        """A failure of the server's may be gone in a moment."""
        if response.status_code in {408, 429} or response.status_code >= 500:
            raise _PassingError(f"the server answered {response.status_code}", self._asked_wait(call, response))

    def _exchange(
        self, call: Call, headers: Mapping[str, str], take: Callable[[httpx.Response], Body]
    ) -> tuple[httpx.Response, Body]:
        """One exchange, following redirects on the same host; `take` reads the body of the last answer."""
        request = self.client.build_request(
            call.method, call.url, params=dict(call.params) or None, headers=dict(headers), json=call.body
        )
        for _ in range(REDIRECTS):
            response = self.client.send(request, stream=True)
            try:
                if response.next_request is None:
                    return response, take(response)
                request = response.next_request
                self.url(str(request.url))
            finally:
                response.close()
        raise SourceError(self.source, f"{call.place}: redirected too often", remedy="Correct base_url in cdi.yaml")

    def _body(self, call: Call, response: httpx.Response) -> bytes:
        limit = self.connection.max_response_mb * 1_048_576
        deadline = time.monotonic() + DRIPS * self.connection.timeout.total_seconds()
        chunks, size = [], 0
        for chunk in response.iter_bytes():
            size += len(chunk)
            if time.monotonic() > deadline:
                raise _PassingError("the answer drips too slowly")
            if size > limit:
                raise SourceError(
                    self.source,
                    f"{call.place}: the answer is larger than {self.connection.max_response_mb} MB",
                    remedy="Make the pages smaller, or raise connection.max_response_mb",
                )
            chunks.append(chunk)
        return b"".join(chunks)

    def _into_file(self, call: Call, response: httpx.Response, target: Path, most_bytes: int) -> None:
        if not response.is_success:
            return
        size, began = 0, time.monotonic()
        patience = DRIPS * self.connection.timeout.total_seconds()
        with Keeping(self.source, call.place, target) as file:
            for chunk in response.iter_bytes():
                size += len(chunk)
                if time.monotonic() - began > patience + size / SLOWEST:
                    raise _PassingError("the answer drips too slowly")
                if size > most_bytes:
                    raise SourceError(
                        self.source,
                        f"{call.place} is larger than {most_bytes >> 20} MB",
                        remedy="Ask for smaller files, or raise connection.max_file_mb",
                    )
                file.write(chunk)

    def _asked_wait(self, call: Call, response: httpx.Response) -> float | None:
        """How long the server asks to wait, in seconds: a number, a date, or the moment of a reset."""
        asked = response.headers.get("retry-after")
        seconds = _seconds_until(asked, utc_now()) if asked else None
        if seconds is None and response.headers.get("x-ratelimit-remaining") == "0":
            reset = response.headers.get("x-ratelimit-reset", "")
            seconds = float(reset) - time.time() if reset.isdigit() and float(reset) > 1e9 else None
        if seconds is None:
            return None
        if seconds > LONGEST_ASKED_WAIT:
            raise SourceError(
                self.source,
                f"{call.place}: the server asks to wait {round(seconds)} s",
                remedy="Its limit is used up; the next run goes on where this one ended",
            )
        return max(seconds, 0.0)

    def _refused(self, call: Call, status: int) -> "RefusedError":
        what, remedy = _REFUSALS.get(status, (f"the server answered {status}", "Check the request in the manifest"))
        return RefusedError(self.source, f"{call.method} {call.place}: {what}", remedy=remedy, answered=status)


_REFUSALS: Final = {
    400: (
        "the server does not accept the request (400)",
        "Check the request in the manifest against the API's version",
    ),
    401: ("the server refused the credentials (401)", "Check user, key or token of this source in cdi.yaml"),
    403: ("the credentials may not read this (403)", "Grant the right to read it to these credentials"),
    404: ("there is no such address (404)", "Check base_url in cdi.yaml and the path in the manifest"),
}


def _origin(url: str) -> tuple[str, str, int | None]:
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        return "", "", None
    return parts.scheme, (parts.hostname or "").lower(), port or {"http": 80, "https": 443}.get(parts.scheme)


def _connection_trouble(error: httpx.TransportError) -> str:
    told = str(error).lower()
    if "certificate" in told:
        return "its TLS certificate is not valid"
    if "name or service" in told or "getaddrinfo" in told or "name resolution" in told:
        return "its host name is unknown"
    if "refused" in told:
        return "nothing listens at its address"
    return f"the connection failed ({type(error).__name__})"


def _seconds_until(asked: str, now: datetime) -> float | None:
    if asked.strip().isdigit():
        return float(asked)
    try:
        return (parsedate_to_datetime(asked) - now).total_seconds()
    except (ValueError, TypeError):
        return None


class TokenBucket:
    """Never more than so many requests a second, evenly spread."""

    def __init__(self, per_second: float | None) -> None:
        self.pause = 0.0 if per_second is None else 1 / per_second
        self._next = 0.0

    def take(self) -> None:
        """Wait until the next request is allowed."""
        now = time.monotonic()
        if now < self._next:
            time.sleep(self._next - now)
        self._next = max(now, self._next) + self.pause
