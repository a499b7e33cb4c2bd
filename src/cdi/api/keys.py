"""/v1/keys: who may ask the API, for admins. A key is shown once, in the answer that makes it."""

from datetime import timedelta
from typing import Annotated

from fastapi import APIRouter, Response
from pydantic import AwareDatetime, Field

from cdi import keys
from cdi.access import Role
from cdi.api.answers import answer
from cdi.api.dependencies import Admin, AuditTrail, Here, Work
from cdi.api.desk import Body, Number
from cdi.api.problems import PROBLEMS, described
from cdi.clock import utc_now
from cdi.fields import FieldGroup
from cdi.keys import NewKey

router = APIRouter(prefix="/v1/keys", tags=["keys"], responses=PROBLEMS)


class WantedKey(Body):
    """What a key shall allow. Without `owners` a steward acts for all, without `purposes` it is for any, without
    `expires_at` it never ends by itself."""

    name: Annotated[str, Field(min_length=1, max_length=200, examples=["shop screen"])]
    role: Role
    groups: Annotated[list[FieldGroup], Field(max_length=20)] = Field(default_factory=list)
    owners: Annotated[list[Annotated[str, Field(max_length=100)]] | None, Field(min_length=1, max_length=100)] = None
    source: Annotated[str | None, Field(max_length=100)] = None
    sensitive: bool = False
    purposes: Annotated[
        list[Annotated[str, Field(min_length=1, max_length=100)]] | None, Field(min_length=1, max_length=100)
    ] = None
    expires_at: AwareDatetime | None = None


@router.get("")
def list_keys(connection: Work, _caller: Admin) -> Response:
    """Every key there is or was, newest first: what it allows, and whether it stands, has expired or was revoked."""
    return answer({"keys": keys.list_keys(connection, utc_now())})


@router.post("", status_code=201)
def create_key(body: WantedKey, installation: Here, connection: Work, _caller: Admin, trail: AuditTrail) -> Response:
    """Make one. `key` of the answer is shown this once; only its hash is kept."""
    made = keys.create(connection, installation, NewKey(**body.model_dump()), utc_now())
    trail.about["key_id"] = made.key_id
    return answer({"id": made.key_id, "name": body.name.strip(), "role": body.role, "key": made.key}, 201)


class Rotation(Body):
    """How long the old key still works, in hours: time for its program to change over."""

    grace_hours: Annotated[float, Field(ge=0, le=720, examples=[24])] = 0


@router.post("/{key_id}/rotation", status_code=201, responses={409: described("The key has ended")})
def rotate_key(body: Rotation, key_id: Number, connection: Work, _caller: Admin, trail: AuditTrail) -> Response:
    """A new key that allows what this one does, and lasts as long. `key` of the answer is shown this once."""
    made = keys.rotate(connection, key_id, utc_now(), timedelta(hours=body.grace_hours))
    trail.about["new_key_id"] = made.key_id
    return answer({"id": made.key_id, "replaces": key_id, "key": made.key}, 201)


@router.delete("/{key_id}")
def revoke_key(key_id: Number, connection: Work, _caller: Admin) -> Response:
    """End it at once. One that has ended already stays so."""
    keys.revoke(connection, key_id, utc_now())
    return answer({"id": key_id, "status": "revoked"})
