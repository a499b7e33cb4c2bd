"""What a route needs, as named types: its signature tells who may call it and what it works on."""

from collections.abc import Awaitable, Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Annotated, Final, TypeAlias

from fastapi import Depends, Query, Request
from fastapi.routing import APIRoute
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer
from sqlalchemy import Connection
from starlette.concurrency import run_in_threadpool

from cdi.access import Caller, Role
from cdi.api.observed import name_caller
from cdi.audit import Trail, trail_of_request
from cdi.auth import PREFIX, Presented, authenticate, require
from cdi.clock import utc_now
from cdi.openid import IdentityProvider
from cdi.pipeline import Installation

BEARER = HTTPBearer(
    auto_error=False,
    description="An API key (`cdi key create NAME --role reader`), or a token of the OpenID Connect provider that"
    " cdi.yaml names",
)


async def get_installation(request: Request) -> Installation:
    """The one installation that this process serves. What waits for nothing is a coroutine: it costs no thread."""
    installation: Installation = request.app.state.installation
    return installation


Here: TypeAlias = Annotated[Installation, Depends(get_installation)]


Credentials: TypeAlias = Annotated[HTTPAuthorizationCredentials | None, Depends(BEARER)]


async def get_presented(request: Request, credentials: Credentials) -> Presented:
    """The key, or what the token says: of a token's issuer something may have to be asked, so this comes before a
    connection of the database is taken."""
    if credentials is None or not (sent := credentials.credentials.strip()):
        return Presented()
    provider: IdentityProvider | None = request.app.state.identity_provider
    if provider is None or sent.startswith(PREFIX):
        return Presented(key=sent)
    return Presented(claims=await run_in_threadpool(provider.claims, sent))


Shown: TypeAlias = Annotated[Presented, Depends(get_presented)]


def get_connection(request: Request, installation: Here, _checked: Shown) -> Iterator[Connection]:
    """One unit of work for the request: committed before the answer is sent, rolled back on an error. What the caller
    did is written to the audit log in it, so that nothing is answered or changed without its entry."""
    with installation.database.unit_of_work() as connection:
        yield connection
        trail: Trail | None = getattr(request.state, "trail", None)
        if trail is not None:
            trail.write(connection, utc_now())


Work: TypeAlias = Annotated[Connection, Depends(get_connection, scope="function")]
Purpose: TypeAlias = Annotated[
    str | None,
    Query(
        alias="purpose",
        min_length=1,
        max_length=100,
        description="What the answer is used for: sources that may not be used for it are left out",
    ),
]


def get_caller(
    request: Request, installation: Here, connection: Work, presented: Shown, asked_for: Purpose = None
) -> Caller:
    """Who calls, and for what; 401 without a valid key or token. From here on the request has a trail, unless its
    route is one of `UNAUDITED`."""
    caller = _caller(request, installation, connection, presented, asked_for)
    if request.scope["route"].name not in UNAUDITED:
        request.state.trail = _trail(request, installation, caller)
    return caller


def _caller(
    request: Request, installation: Installation, connection: Connection, presented: Presented, purpose: str | None
) -> Caller:
    openid = installation.deployment.openid
    caller = authenticate(connection, presented, openid, installation.gates, utc_now(), purpose)
    name_caller(request.scope, caller.name)
    return caller


UNAUDITED: Final[Mapping[str, str]] = {
    "list_sources": "figures of sources",
    "list_runs": "figures of syncs",
    "list_deliveries": "figures of deliveries",
    "read_changes": "ids and names of attributes",
    "list_keys": "what keys allow",
}
"""Routes with a caller that change nothing and answer with no customer's value, and what they answer with instead. All
others are in the audit log, also those that are yet to be written."""
READING_POSTS: Final = frozenset({"look_up_profiles", "get_profiles"})
"""Routes that are posted to because of what is sent, and change nothing."""
PAGING: Final = frozenset({"limit", "after", "before", "purpose"})


def _trail(request: Request, installation: Installation, caller: Caller) -> Trail:
    route: APIRoute = request.scope["route"]
    declared = {field.alias for field in route.dependant.query_params}
    return trail_of_request(
        caller,
        installation.deployment,
        route.name,
        changes=request.method not in {"GET", "HEAD"} and route.name not in READING_POSTS,
        path=request.path_params,
        criteria=declared.intersection(request.query_params) - PAGING,
        purpose=request.query_params.get("purpose"),
    )


async def get_trail(request: Request, _caller: Annotated[Caller, Depends(get_caller)]) -> Trail:
    """The trail of this request, for routes whose answer names profiles that its path does not."""
    trail: Trail = request.state.trail
    return trail


AuditTrail: TypeAlias = Annotated[Trail, Depends(get_trail)]


@dataclass(frozen=True, slots=True)
class Inside:
    """What a route works on behind the door."""

    connection: Connection
    caller: Caller
    trail: Trail


@dataclass(frozen=True, slots=True)
class Door:
    """A request of which nothing has been looked at: for routes that only read, and are asked so often that each change
    of thread and each trip to the database counts."""

    request: Request
    installation: Installation
    presented: Presented
    purpose: str | None

    @contextmanager
    def opened_for(self, *roles: Role) -> Iterator[Inside]:
        """Who calls; 401 and 403 as everywhere. Each statement sees what is committed, as in any transaction of ours;
        the last one writes the audit log, so that nothing is answered without its entry."""
        with self.installation.database.reading() as connection:
            caller = require(_caller(self.request, self.installation, connection, self.presented, self.purpose), *roles)
            trail = _trail(self.request, self.installation, caller)
            yield Inside(connection, caller, trail)
            trail.write(connection, utc_now())


async def get_door(request: Request, installation: Here, presented: Shown, asked_for: Purpose = None) -> Door:
    """The request, before anything is read."""
    return Door(request, installation, presented, asked_for)


AtDoor: TypeAlias = Annotated[Door, Depends(get_door)]
READERS: Final = (Role.READER, Role.STEWARD, Role.PRIVACY)
"""The roles that may read profiles."""


def get_caller_apart(request: Request, installation: Here, presented: Shown) -> Caller:
    """Who calls, for a use case that has transactions of its own: the look-up of the key is over before."""
    with installation.database.reading() as connection:
        return _caller(request, installation, connection, presented, None)


def allowed_apart(*roles: Role) -> Callable[[Caller], Awaitable[Caller]]:
    """`allowed`, for a use case that has transactions of its own."""

    async def check(caller: Annotated[Caller, Depends(get_caller_apart)]) -> Caller:
        return require(caller, *roles)

    return check


def allowed(*roles: Role) -> Callable[[Caller], Awaitable[Caller]]:
    """A dependency that lets these roles through, and admins; 403 for others."""

    async def check(caller: Annotated[Caller, Depends(get_caller)]) -> Caller:
        return require(caller, *roles)

    return check


Reader: TypeAlias = Annotated[Caller, Depends(allowed(*READERS))]
"""Whoever may read profiles."""
Connecting: TypeAlias = Annotated[Caller, Depends(allowed(Role.CONNECTOR, Role.READER, Role.STEWARD, Role.PRIVACY))]
"""Whoever may look at sources; a connector only at its own."""
Officer: TypeAlias = Annotated[Caller, Depends(allowed(Role.PRIVACY))]
"""Who answers for data protection."""
Admin: TypeAlias = Annotated[Caller, Depends(allowed(Role.ADMIN))]
"""Whoever runs the installation."""
