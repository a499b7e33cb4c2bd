"""/v1/profiles: show, find, explain."""

from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Header, Query, Response
from pydantic import AwareDatetime, BaseModel, ConfigDict, Field

from cdi import history, profiles
from cdi.api.answers import answer
from cdi.api.dependencies import READERS, AtDoor, AuditTrail, Here, Reader, Work
from cdi.api.moved import MOVED, moved
from cdi.api.problems import PROBLEMS
from cdi.ids import parse_record_key

router = APIRouter(prefix="/v1", tags=["profiles"], responses=PROBLEMS)

UNCHANGED: dict[int | str, dict[str, Any]] = {304: {"description": "It is as If-None-Match says"}}


@router.get("/profiles/{profile_id}", responses=MOVED | UNCHANGED)
def get_profile(
    profile_id: UUID,
    door: AtDoor,
    as_of: AwareDatetime | None = None,
    if_none_match: Annotated[str | None, Header(max_length=2_000)] = None,
) -> Response:
    """The profile: golden record with the provenance and owner of each value, its records, its data owner. With
    `as_of` (a time with its offset) as it was served then; 304 while it is as `If-None-Match` says."""
    with door.opened_for(*READERS) as inside:
        connection, visibility = inside.connection, inside.caller.visibility
        if as_of is not None:
            return answer(history.as_of(connection, door.installation, visibility, profile_id, as_of))
        found = profiles.show(connection, door.installation, visibility, profile_id)
    if found.document is None:
        return moved(profile_id, found.status, found.profiles, found.reason)
    etag = f'"{found.document["version"]}"'
    if if_none_match is not None and etag in {tag.strip().removeprefix("W/") for tag in if_none_match.split(",")}:
        return Response(status_code=304, headers={"ETag": etag})
    return answer(found.document, headers={"ETag": etag})


class Wanted(BaseModel):
    """Profiles by their ids."""

    model_config = ConfigDict(extra="forbid")

    ids: Annotated[list[UUID], Field(min_length=1, max_length=200)]


@router.post("/profiles/batch")
def get_profiles(body: Wanted, installation: Here, connection: Work, caller: Reader, trail: AuditTrail) -> Response:
    """Many profiles at once, in the order asked for: each with the status that GET would answer, and the profile, or
    where its records are now, or why it ended. An id that is unknown or may not be seen is 404."""
    told = profiles.show_all(connection, installation, caller.visibility, body.ids)
    trail.saw(each["id"] for each in told if "profile" in each)
    return answer({"profiles": told})


@router.get("/profiles")
def find_profiles(
    door: AtDoor,
    email: Annotated[str | None, Query(max_length=320)] = None,
    phone: Annotated[str | None, Query(max_length=40)] = None,
    identifier: Annotated[str | None, Query(max_length=300, examples=["loyalty_card:4711"])] = None,
    source: Annotated[str | None, Query(max_length=100)] = None,
    key: Annotated[str | None, Query(max_length=500)] = None,
    q: Annotated[str | None, Query(max_length=200)] = None,
    data_owner: Annotated[str | None, Query(max_length=100)] = None,
    updated_since: AwareDatetime | None = None,
    limit: Annotated[int, Query(ge=1, le=200)] = 50,
    after: Annotated[str | None, Query(max_length=100)] = None,
) -> Response:
    """Profiles by identifier (`email`, `phone`, or any `identifier` as TYPE:VALUE), by source record, by words or parts
    of words (`q`, the best first), by owner, by time of change; all given must hold. `after` of the answer continues
    the list (null: this was all)."""
    query = profiles.Query(email, phone, identifier, source, key, q, data_owner, updated_since)
    with door.opened_for(*READERS) as inside:
        visibility = inside.caller.visibility
        page = profiles.find(inside.connection, door.installation, visibility, query, limit=limit, after=after)
        inside.trail.saw(found["id"] for found in page.items)
    return answer({"profiles": page.items, "after": page.after})


@router.get("/profiles/{profile_id}/explain")
def explain_profile(profile_id: UUID, installation: Here, connection: Work, caller: Reader) -> Response:
    """How this profile came together: evidence, decisions, conflicts."""
    return answer(profiles.explain_profile(connection, installation, caller.visibility, profile_id))


@router.get("/profiles/{profile_id}/household")
def get_household(
    profile_id: UUID, installation: Here, connection: Work, caller: Reader, trail: AuditTrail
) -> Response:
    """The persons who live with this one; each stays a profile of its own."""
    told = profiles.household(connection, installation, caller.visibility, profile_id)
    trail.saw(member["id"] for member in told["members"])
    return answer(told)


@router.get("/explain")
def explain_pair(
    installation: Here,
    connection: Work,
    caller: Reader,
    trail: AuditTrail,
    a: Annotated[str, Query(max_length=600)],
    b: Annotated[str, Query(max_length=600)],
) -> Response:
    """Why, or why not, these two records (`source:key`) are one customer."""
    pair = parse_record_key(a), parse_record_key(b)
    told = profiles.explain_pair(connection, installation, caller.visibility, *pair)
    trail.saw(profiles.homes(connection, pair))
    return answer(told)
