"""One call: sent, and sent again where that is safe. Safe is what changes nothing (GET, a look-up), what can be done
twice (PUT, DELETE), and what carries an Idempotency-Key."""

import random
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from http import HTTPStatus
from typing import Any, Final

import httpx

from cdi.client.errors import UnreachableError, problem_of
from cdi.clock import utc_now

REPEATABLE: Final = frozenset({"GET", "HEAD", "PUT", "DELETE"})
PASSING: Final = frozenset(
    {
        HTTPStatus.TOO_MANY_REQUESTS,
        HTTPStatus.BAD_GATEWAY,
        HTTPStatus.SERVICE_UNAVAILABLE,
        HTTPStatus.GATEWAY_TIMEOUT,
        HTTPStatus.INTERNAL_SERVER_ERROR,
    }
)


@dataclass(frozen=True, slots=True)
class Retries:
    """How often a call is sent in all, and how long is waited between: twice as long each time, less a random part;
    as long as Retry-After says if it does, but never longer than `longest_wait` (seconds)."""

    tries: int = 4
    first_wait: float = 0.2
    longest_wait: float = 30.0

    def wait(self, failures: int, asked: float | None) -> float:
        """Seconds to wait after so many failures."""
        if asked is not None:
            return min(asked, self.longest_wait)
        return min(self.first_wait * 2.0 ** (failures - 1), self.longest_wait) * random.uniform(0.5, 1)  # noqa: S311


PATIENT: Final = Retries()


class Caller:
    """The connection to one cdi."""

    def __init__(self, http: httpx.Client, retries: Retries, sleep: Callable[[float], None] = time.sleep) -> None:
        self.http, self.retries, self._sleep = http, retries, sleep

    def call(
        self,
        method: str,
        path: str,
        *,
        params: Mapping[str, Any] | None = None,
        body: Any = None,
        headers: Mapping[str, str] | None = None,
        safe: bool = False,
    ) -> httpx.Response:
        """The answer to a call: 2xx or 3xx. `safe` says that a POST changes nothing.

        Raises ProblemError for an answer that is a problem, UnreachableError where there is none.
        """
        said = dict(headers or {})
        repeatable = safe or method in REPEATABLE or "Idempotency-Key" in said
        sent = {name: value for name, value in (params or {}).items() if value is not None}
        for failures in range(1, self.retries.tries + 1):
            last = not repeatable or failures == self.retries.tries
            try:
                response = self.http.request(method, path, params=sent, json=body, headers=said)
            except httpx.TransportError as error:
                if last:
                    raise UnreachableError(f"{method} {path}: {type(error).__name__}") from error
                self._sleep(self.retries.wait(failures, None))
                continue
            if response.status_code not in PASSING or last:
                break
            self._sleep(self.retries.wait(failures, _asked_wait(response)))
        if response.is_error:
            raise problem_of(response.status_code, _document(response))
        return response


def _document(response: httpx.Response) -> dict[str, Any]:
    try:
        document = response.json()
    except ValueError:
        return {}
    return document if isinstance(document, dict) else {}


def _asked_wait(response: httpx.Response) -> float | None:
    asked = response.headers.get("retry-after", "")
    if asked.isdigit():
        return float(asked)
    try:
        return max(0.0, (parsedate_to_datetime(asked) - utc_now()).total_seconds())
    except (ValueError, TypeError):
        return None
