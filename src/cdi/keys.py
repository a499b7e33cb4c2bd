"""API keys: made, listed, rotated, revoked, by whoever runs the installation; what a key is, is shown once."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection

from cdi.access import Role
from cdi.auth import create_key, digest
from cdi.errors import ConflictError, InvalidInputError, NotFoundError
from cdi.fields import FieldGroup
from cdi.pipeline import Installation
from cdi.store import accounts


@dataclass(frozen=True, slots=True)
class NewKey:
    """What a key shall allow; `owners` and `purposes` None: all."""

    name: str
    role: Role
    groups: Sequence[FieldGroup] = ()
    owners: Sequence[str] | None = None
    source: str | None = None
    sensitive: bool = False
    purposes: Sequence[str] | None = None
    expires_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class MadeKey:
    """A key and the id by which it is listed and revoked."""

    key_id: int
    key: str


def create(connection: Connection, installation: Installation, wanted: NewKey, now: datetime) -> MadeKey:
    """The new key. Raises InvalidInputError for what no key can be, NotFoundError for an owner or a source that
    cdi.yaml does not have."""
    if not wanted.name.strip() or not wanted.name.isprintable():
        raise InvalidInputError("a key needs a name", remedy="Say who uses it: the audit log calls them so")
    if wanted.expires_at is not None and wanted.expires_at <= now:
        raise InvalidInputError("this key would have expired already", remedy="Give it an end in the future")
    if wanted.source is not None and wanted.source not in installation.deployment.sources:
        raise NotFoundError("there is no such source", remedy="cdi.yaml lists them under sources")
    installation.demand_owners(wanted.owners or ())
    key = create_key(
        connection,
        wanted.name.strip(),
        wanted.role,
        now,
        groups=wanted.groups,
        owners=wanted.owners,
        source=wanted.source,
        sensitive=wanted.sensitive,
        purposes=wanted.purposes,
        expires_at=wanted.expires_at,
    )
    return MadeKey(accounts.key_id(connection, digest(key)), key)


def list_keys(connection: Connection, now: datetime) -> list[dict[str, Any]]:
    """Every key there is or was, newest first: what it allows and how it stands, never what it is."""
    return [asdict(key) | {"status": key.status(now)} for key in accounts.list_keys(connection)]


def rotate(connection: Connection, key_id: int, now: datetime, grace: timedelta = timedelta(0)) -> MadeKey:
    """A new key that allows what this one does and lasts as long as it was to last. The old one ends after `grace`, in
    which whoever uses it changes over, or sooner if it was to. Raises NotFoundError, ConflictError for one that has
    ended."""
    old = next((key for key in accounts.list_keys(connection) if key.id == key_id), None)
    if old is None:
        raise NotFoundError("there is no key with this id")
    if old.status(now) != "standing":
        raise ConflictError("this key has ended", remedy="Make a new one")
    new = create_key(
        connection,
        old.name,
        Role(old.role),
        now,
        groups=[FieldGroup(group) for group in old.groups],
        owners=old.owners,
        source=old.source,
        sensitive=old.sensitive,
        purposes=old.purposes,
        expires_at=None if old.expires_at is None else now + (old.expires_at - old.created_at),
    )
    if grace:
        accounts.end_by(connection, key_id, now + grace)
    else:
        accounts.revoke_by_id(connection, key_id, now)
    return MadeKey(accounts.key_id(connection, digest(new)), new)


def revoke(connection: Connection, key_id: int, now: datetime) -> None:
    """End a key at once; one that has ended already stays so. Raises NotFoundError."""
    if not accounts.revoke_by_id(connection, key_id, now):
        raise NotFoundError("there is no key with this id")
