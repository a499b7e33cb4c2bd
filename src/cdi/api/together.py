"""GET /v1/profiles/{id} as it is asked most: requests that wait at the same moment are read together.

A change of thread, a trip to the database and the look-up of a key cost more than the profile; here they are paid for
all that wait. Only what needs no work is answered here, the stored document of a live profile of which the caller may
see everything; every other request goes on to the route, which answers in full, errors too.
"""

import asyncio
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Final, TypeAlias
from uuid import UUID

from starlette.datastructures import Headers
from starlette.responses import Response
from starlette.types import ASGIApp, Receive, Scope, Send

from cdi.access import Caller
from cdi.api.observed import name_caller, name_route
from cdi.audit import Trail, write_all
from cdi.auth import PREFIX, callers_of, digest
from cdi.clock import utc_now
from cdi.pipeline import Installation
from cdi.profiles import Whole, whole
from cdi.store.db import without_waiting
from cdi.store.profiles import StoredText, ask_for_texts
from cdi.tracing import span

PROFILES: Final = "/v1/profiles/"
TEMPLATE: Final = "/v1/profiles/{profile_id}"
MOST: Final = 64
"""So many are read together at most: the first of them waits for the last."""


@dataclass(frozen=True, slots=True)
class _Asked:
    """Which profile, and the hash of the key that asks."""

    key: bytes
    profile_id: UUID


@dataclass(frozen=True, slots=True)
class _Told:
    """The profile, and who asked for it."""

    whole: Whole
    caller: Caller


_Waiting: TypeAlias = list[tuple[_Asked, "asyncio.Future[_Told | None]"]]


class ReadTogether:
    """One batch is read at a time, in a thread of its own; what is asked meanwhile is the next batch."""

    def __init__(self, app: ASGIApp, installation: Installation) -> None:
        self.app, self.installation = app, installation
        self._thread = ThreadPoolExecutor(1, "profiles")
        self._waiting: _Waiting = []
        self._reading = False

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        asked = _asked(scope)
        told = None if asked is None else await self._read(asked)
        if told is None:
            await self.app(scope, receive, send)
            return
        name_route(scope, TEMPLATE)
        name_caller(scope, told.caller.name)
        await _answer(told.whole, Headers(scope=scope).get("if-none-match"))(scope, receive, send)

    def _read(self, asked: _Asked) -> "asyncio.Future[_Told | None]":
        loop = asyncio.get_running_loop()
        told: asyncio.Future[_Told | None] = loop.create_future()
        self._waiting.append((asked, told))
        if not self._reading:
            self._reading = True
            loop.call_soon(self._begin)  # what has arrived by now comes along
        return told

    def _begin(self) -> None:
        batch, self._waiting = self._waiting[:MOST], self._waiting[MOST:]
        work = asyncio.get_running_loop().run_in_executor(self._thread, self._load, [asked for asked, _ in batch])
        work.add_done_callback(lambda done: self._end(batch, done))

    def _end(self, batch: _Waiting, done: "asyncio.Future[Sequence[_Told | None]]") -> None:
        failed = done.cancelled() or done.exception() is not None
        found: Sequence[_Told | None] = [None] * len(batch) if failed else done.result()  # the route says what is wrong
        for (_, waiting), told in zip(batch, found, strict=True):
            if not waiting.done():  # who asked may have gone
                waiting.set_result(told)
        self._reading = bool(self._waiting)
        if self._reading:
            self._begin()

    def _load(self, batch: Sequence[_Asked]) -> Sequence[_Told | None]:
        """Two trips: who asks, and what for; then the audit log, before anything is told."""
        database, gates, now = self.installation.database, self.installation.gates, utc_now()
        with (
            span("profiles read together", count=len(batch)),
            database.reading() as connection,
            without_waiting(connection),
        ):
            asked_for = ask_for_texts(connection, {asked.profile_id for asked in batch})
            callers = callers_of(connection, {asked.key for asked in batch}, gates, now)
            stored = asked_for.answer()
            told = [_told(callers.get(asked.key), stored.get(asked.profile_id)) for asked in batch]
            given = [(one.caller, asked.profile_id) for one, asked in zip(told, batch, strict=True) if one is not None]
            write_all(connection, [_trail(caller, profile_id) for caller, profile_id in given], now)
        return told


def _told(caller: Caller | None, stored: StoredText | None) -> _Told | None:
    shown = None if caller is None else whole(caller, stored)
    return None if caller is None or shown is None else _Told(shown, caller)


def _trail(caller: Caller, profile_id: UUID) -> Trail:
    trail = Trail.of(caller, "get_profile")
    trail.saw([profile_id])
    return trail


def _asked(scope: Scope) -> _Asked | None:
    """What is asked for, if it is nothing but a profile by its id."""
    if scope["type"] != "http" or scope["method"] != "GET" or scope["query_string"]:
        return None
    path: str = scope["path"]
    if not path.startswith(PROFILES) or len(path) != len(PROFILES) + 36:
        return None
    sent = next((value for name, value in scope["headers"] if name == b"authorization"), b"")
    scheme, _, key = sent.partition(b" ")
    if scheme.lower() != b"bearer" or not key.strip().startswith(
        PREFIX.encode()
    ):  # a token's issuer may have to be asked
        return None
    try:
        return _Asked(digest(key.decode("ascii").strip()), UUID(path[len(PROFILES) :]))
    except ValueError:
        return None


def _answer(whole: Whole, if_none_match: str | None) -> Response:
    etag = f'"{whole.version}"'
    if if_none_match is not None and etag in {tag.strip().removeprefix("W/") for tag in if_none_match.split(",")}:
        return Response(status_code=304, headers={"ETag": etag})
    return Response(whole.document, headers={"ETag": etag}, media_type="application/json")
