"""Who is calling, and what that lets them see: a key becomes a Caller with its Visibility.

A key is 32 random bytes, so a fast hash suffices to keep it; only the hash is stored.
"""

import hashlib
import secrets
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from sqlalchemy import Connection

from cdi.access import Caller, Role, Visibility
from cdi.errors import ForbiddenError, InvalidInputError, UnauthenticatedError
from cdi.fields import FieldGroup
from cdi.store import accounts
from cdi.store.accounts import ApiKey

PREFIX = "cdi_"


def create_key(
    connection: Connection,
    name: str,
    role: Role,
    now: datetime,
    *,
    groups: Sequence[FieldGroup] = (),
    owners: Sequence[str] | None = None,
    source: str | None = None,
    sensitive: bool = False,
    purposes: Sequence[str] | None = None,
    expires_at: datetime | None = None,
) -> str:
    """A new key, shown this once. A connector's key is for the one source that it may push to; `purposes` are what the
    key is for (None: anything)."""
    if (role is Role.CONNECTOR) != (source is not None):
        raise InvalidInputError("a connector's key names its source, other keys name none", remedy="See --source")
    key = PREFIX + secrets.token_urlsafe(32)
    account = ApiKey(name, role.value, [group.value for group in groups], owners, source, sensitive, purposes)
    accounts.save_key(connection, account, digest(key), now, expires_at)
    return key


def digest(key: str) -> bytes:
    """What is stored of a key."""
    return hashlib.sha256(key.encode()).digest()


@dataclass(frozen=True, slots=True)
class Gates:
    """What sources say of who may see them: those that are sensitive, and the purposes of those that state any."""

    sensitive: frozenset[str] = frozenset()
    purposes: Mapping[str, Collection[str]] = field(default_factory=dict)


def authenticate(
    connection: Connection, authorization: str | None, gates: Gates, now: datetime, purpose: str | None = None
) -> Caller:
    """The caller behind an `Authorization: Bearer …` header, asking for this purpose.

    Raises UnauthenticatedError, and ForbiddenError for a purpose that the key is not for.
    """
    scheme, _, key = (authorization or "").partition(" ")
    if scheme.lower() != "bearer" or not key:
        raise UnauthenticatedError("no API key was given", remedy="Send Authorization: Bearer cdi_…")
    account = accounts.find_key(connection, digest(key.strip()), now)
    if account is None:
        raise UnauthenticatedError("this API key is unknown, expired or revoked", remedy="Ask for a new one")
    return as_caller(account, gates, purpose)


def as_caller(account: ApiKey, gates: Gates, purpose: str | None = None) -> Caller:
    """What an account may see: sensitive sources only with that scope; sources only for purposes that they and the key
    have in common; readers only the field groups they were given in full, stewards and admins all of them."""
    role = Role(account.role)
    everything = role in {Role.STEWARD, Role.ADMIN}
    sensitive = frozenset() if account.sensitive or role is Role.ADMIN else gates.sensitive
    return Caller(
        account.name,
        role,
        Visibility(
            hidden_sources=sensitive | _of_other_purposes(account, gates, purpose),
            groups=frozenset(FieldGroup) if everything else frozenset(FieldGroup(g) for g in account.groups),
            owners=None if account.owners is None else frozenset(account.owners),
        ),
        account.source,
    )


def _of_other_purposes(account: ApiKey, gates: Gates, purpose: str | None) -> frozenset[str]:
    if purpose is not None and account.purposes is not None and purpose not in account.purposes:
        raise ForbiddenError("this key is not for that purpose", remedy=f"It is for {', '.join(account.purposes)}")
    wanted = account.purposes if purpose is None else [purpose]
    if wanted is None:
        return frozenset()
    return frozenset(name for name, allowed in gates.purposes.items() if not set(allowed) & set(wanted))


def require(caller: Caller, *roles: Role) -> Caller:
    """Raises ForbiddenError unless the caller has one of these roles; admins may do everything."""
    if caller.role is not Role.ADMIN and caller.role not in roles:
        raise ForbiddenError(
            f"the role {caller.role} may not do this",
            remedy=f"It takes {' or '.join(role.value for role in roles)}",
        )
    return caller
