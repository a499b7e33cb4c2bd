"""One delivery sent, within limits of time and size, to an address that was judged; never further than that address.

Asynchronous, unlike the rest of the program: hundreds of receivers may keep us waiting, and an answer that drips in
byte by byte can be ended in time.
"""

import asyncio
import socket
import ssl
import time
from collections.abc import Mapping
from dataclasses import dataclass
from http import HTTPStatus
from typing import Final

import httpx

from cdi.errors import InvalidInputError
from cdi.settings import Webhooks
from cdi.webhooks.addresses import Target, find_target

LARGEST_ANSWER: Final = 65_536
"""Bytes of an answer that are read, and dropped, so that the connection can be used again."""
TARGET_KEPT: Final = 30.0
"""Seconds for which it is known where a host lies."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of an attempt; `error` in words that hold nothing of the answer, empty if it was taken."""

    status: int | None
    error: str
    wait: float | None = None  # seconds that the receiver asks for
    milliseconds: int = 0

    @property
    def taken(self) -> bool:
        return not self.error


class Sender:
    """The connections to one receiver; use it in an `async with`."""

    def __init__(self, url: str, rules: Webhooks, trust: ssl.SSLContext) -> None:
        self.url, self.rules = url, rules
        self._target: Target | None = None
        self._until = 0.0
        # The address stands in the URL, so a connection must never be shared with another host: one client a receiver.
        self._client = httpx.AsyncClient(
            verify=trust,
            trust_env=False,
            follow_redirects=False,
            timeout=rules.timeout.total_seconds(),
            limits=httpx.Limits(max_connections=rules.at_once, max_keepalive_connections=rules.at_once),
        )

    async def __aenter__(self) -> "Sender":
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._client.aclose()

    async def send(self, body: bytes, headers: Mapping[str, str]) -> Outcome:
        """Send it; nothing is raised for what the receiver does or fails to do."""
        began = time.monotonic()
        seconds = self.rules.timeout.total_seconds()
        try:
            async with asyncio.timeout(seconds):
                status, wait = await self._post(body, headers)
        except (TimeoutError, httpx.TimeoutException):
            return Outcome(None, f"no answer within {seconds:g} s")
        except InvalidInputError as error:
            return Outcome(None, str(error))
        except socket.gaierror:
            return Outcome(None, "its host name is unknown")
        except httpx.TransportError as error:
            return Outcome(None, _trouble(error))
        except (OSError, ValueError, httpx.InvalidURL) as error:  # a name that cannot be one, say: only this receiver's
            return Outcome(None, f"it cannot be called ({type(error).__name__})")
        took = round((time.monotonic() - began) * 1000)
        return Outcome(status, _refusal(status), wait, took)

    async def _post(self, body: bytes, headers: Mapping[str, str]) -> tuple[int, float | None]:
        target = await self._found()
        *others, last = target.addresses
        for address in others:
            try:
                return await self._post_to(target, address, body, headers)
            except httpx.ConnectError:
                continue
        return await self._post_to(target, last, body, headers)

    async def _found(self) -> Target:
        if self._target is None or time.monotonic() > self._until:
            self._target = await find_target(self.url, self.rules.allowed_networks)
            self._until = time.monotonic() + TARGET_KEPT
        return self._target

    async def _post_to(
        self, target: Target, address: str, body: bytes, headers: Mapping[str, str]
    ) -> tuple[int, float | None]:
        request = self._client.build_request(
            "POST",
            target.url(address),
            content=body,
            headers={**headers, "host": target.authority},
            extensions={"sni_hostname": target.host, "timeout": self._client.timeout.as_dict()},
        )
        response = await self._client.send(request, stream=True)
        try:
            read = 0
            async for chunk in response.aiter_raw():
                read += len(chunk)
                if read > LARGEST_ANSWER:
                    break
        finally:
            await response.aclose()
        return response.status_code, _asked_wait(response)


def trusted() -> ssl.SSLContext:
    """Whose certificates are believed; SSL_CERT_FILE names a company's own."""
    return httpx.create_ssl_context()


def _asked_wait(response: httpx.Response) -> float | None:
    asked = response.headers.get("retry-after", "")
    return float(asked) if asked.isascii() and asked.isdigit() and len(asked) < 10 else None


def _refusal(status: int) -> str:
    if HTTPStatus.OK <= status < HTTPStatus.MULTIPLE_CHOICES:
        return ""
    if status < HTTPStatus.BAD_REQUEST:
        return f"it answered {status}: redirects are not followed, subscribe with the final url"
    return f"it answered {status}"


def _trouble(error: httpx.TransportError) -> str:
    told = str(error).lower()
    if "certificate" in told:
        return "its TLS certificate is not valid for its host"
    return f"the connection failed ({type(error).__name__})"
