"""Who is calling, and what that lets them see: a key becomes a Caller with its Visibility.

A key is 32 random bytes, so a fast hash suffices to keep it; only the hash is stored.
"""

import hashlib
import secrets
from collections.abc import Sequence
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
    expires_at: datetime | None = None,
) -> str:
    """A new key, shown this once. A connector's key is for the one source that it may push to."""
    if (role is Role.CONNECTOR) != (source is not None):
        raise InvalidInputError("a connector's key names its source, other keys name none", remedy="See --source")
    key = PREFIX + secrets.token_urlsafe(32)
    account = ApiKey(name, role.value, [group.value for group in groups], owners, source, sensitive)
    accounts.save_key(connection, account, digest(key), now, expires_at)
    return key


def digest(key: str) -> bytes:
    """What is stored of a key."""
    return hashlib.sha256(key.encode()).digest()


def authenticate(
    connection: Connection, authorization: str | None, sensitive_sources: frozenset[str], now: datetime
) -> Caller:
    """The caller behind an `Authorization: Bearer …` header; raises UnauthenticatedError."""
    scheme, _, key = (authorization or "").partition(" ")
    if scheme.lower() != "bearer" or not key:
        raise UnauthenticatedError("no API key was given", remedy="Send Authorization: Bearer cdi_…")
    account = accounts.find_key(connection, digest(key.strip()), now)
    if account is None:
        raise UnauthenticatedError("this API key is unknown, expired or revoked", remedy="Ask for a new one")
    return as_caller(account, sensitive_sources)


def as_caller(account: ApiKey, sensitive_sources: frozenset[str]) -> Caller:
    """What an account may see: sensitive sources only with that scope; readers only the field groups they were
    given in full, stewards and admins all of them."""
    role = Role(account.role)
    everything = role in {Role.STEWARD, Role.ADMIN}
    return Caller(
        account.name,
        role,
        Visibility(
            hidden_sources=frozenset() if account.sensitive or role is Role.ADMIN else sensitive_sources,
            groups=frozenset(FieldGroup) if everything else frozenset(FieldGroup(g) for g in account.groups),
            owners=None if account.owners is None else frozenset(account.owners),
        ),
        account.source,
    )


def require(caller: Caller, *roles: Role) -> Caller:
    """Raises ForbiddenError unless the caller has one of these roles; admins may do everything."""
    if caller.role is not Role.ADMIN and caller.role not in roles:
        raise ForbiddenError(
            f"the role {caller.role} may not do this",
            remedy=f"It takes {' or '.join(role.value for role in roles)}",
        )
    return caller
