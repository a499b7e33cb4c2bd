"""What the steward's routes share: the desk they work at, and what they send and read."""

from typing import Annotated, TypeAlias

from fastapi import Depends, Header, Path, Request
from pydantic import BaseModel, ConfigDict, Field

from cdi.access import Caller, Role
from cdi.api.dependencies import AuditTrail, Here, Work, get_caller
from cdi.auth import require
from cdi.clock import utc_now
from cdi.stewardship import Desk


async def stewarding(request: Request, caller: Annotated[Caller, Depends(get_caller)]) -> Caller:
    """Lets stewards through, and admins; the data-protection officer to what only reads."""
    reads = request.method in {"GET", "HEAD"}
    return require(caller, Role.STEWARD, *([Role.PRIVACY] if reads else []))


Stewarding: TypeAlias = Annotated[Caller, Depends(stewarding)]
"""Whoever may decide."""


async def get_desk(installation: Here, connection: Work, caller: Stewarding, trail: AuditTrail) -> Desk:
    """The caller's desk, in the request's transaction."""
    return Desk(connection, installation, caller, utc_now(), trail)


AtDesk: TypeAlias = Annotated[Desk, Depends(get_desk)]

IfMatch: TypeAlias = Annotated[
    str | None, Header(alias="If-Match", max_length=200, description="The ETag of what you decide on; stale: 412")
]

IdempotencyKey: TypeAlias = Annotated[
    str | None,
    Header(
        alias="Idempotency-Key",
        min_length=1,
        max_length=200,
        description="Send the same key when you send a request again: it is done once",
    ),
]

Reason: TypeAlias = Annotated[str, Field(min_length=1, max_length=2_000)]
Number: TypeAlias = Annotated[int, Path(ge=1, le=2**63 - 1)]
"""The id of a row, in a path."""
RecordName: TypeAlias = Annotated[str, Field(max_length=600, examples=["webshop:10023"])]


class Body(BaseModel):
    """What a steward sends: an unknown name is a fault, not a silent nothing."""

    model_config = ConfigDict(extra="forbid")


def tag(etag: str) -> dict[str, str]:
    """The header of an answer that carries a version."""
    return {"ETag": f'"{etag}"'}
