"""Who is calling, and what that lets them see: a key, or a token of the identity provider, becomes a Caller with its
Visibility.

A key is 32 random bytes, so a fast hash suffices to keep it; only the hash is stored.
"""

import hashlib
import secrets
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any, Final

from sqlalchemy import Connection

from cdi.access import EVERY_USE, Caller, Credential, Role, Visibility
from cdi.errors import ForbiddenError, InvalidInputError, UnauthenticatedError
from cdi.fields import FieldGroup
from cdi.settings import Grant, OpenId, fault_of_source
from cdi.store import accounts
from cdi.store.accounts import ApiKey

PREFIX = "cdi_"
MIGHTIEST: Final = (Role.ADMIN, Role.PRIVACY, Role.STEWARD, Role.READER, Role.CONNECTOR, Role.LINKS)
LONGEST_NAME: Final = 200


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
    """A new key, shown this once. A connector's key is for the one source that it may push to, a key for links may be
    for the customers of one; `purposes` are what the key is for (None: anything)."""
    if (fault := fault_of_source(role, source)) is not None:
        raise InvalidInputError(fault, remedy="See --source")
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


@dataclass(frozen=True, slots=True)
class Presented:
    """What a request shows of who sends it: an API key, or what a token says that has been checked."""

    key: str | None = None
    claims: Mapping[str, Any] | None = None


def authenticate(
    connection: Connection,
    presented: Presented,
    openid: OpenId | None,
    gates: Gates,
    now: datetime,
    purpose: str | None = None,
) -> Caller:
    """The caller who presented this, asking for this purpose.

    Raises UnauthenticatedError; ForbiddenError for a purpose that the key or token is not for, and for a token that
    no grant speaks of.
    """
    if openid is not None and presented.claims is not None:
        held = _held(openid, presented.claims)
        caller = as_caller(granted(openid, presented.claims), gates, purpose, Credential.TOKEN)
        return replace(caller, grants=tuple(grant.name for grant in held))
    if presented.key is None:
        raise UnauthenticatedError("no API key was given", remedy="Send Authorization: Bearer cdi_…")
    hashed = digest(presented.key)
    account = accounts.find_keys(connection, [hashed], now).get(hashed)
    if account is None:
        raise UnauthenticatedError("this API key is unknown, expired or revoked", remedy="Ask for a new one")
    return as_caller(account, gates, purpose)


# -- what a token allows ---------------------------------------------------------------------------


def granted(openid: OpenId, claims: Mapping[str, Any]) -> ApiKey:
    """What the claims of a token allow: of the grants that hold, those of the mightiest role, together.

    Raises ForbiddenError if none holds, or if the claim that names the caller is missing.
    """
    name = claims.get(openid.name_claim)
    if not isinstance(name, str) or not 0 < len(name) <= LONGEST_NAME or not name.isprintable():
        raise ForbiddenError(f"this token says no {openid.name_claim}", remedy="cdi.yaml names it: openid.name_claim")
    joined = _held(openid, claims)
    if not joined:
        raise ForbiddenError(
            "this token is valid and nothing is granted to it", remedy="cdi.yaml says under openid.grants to whom"
        )
    return _allowed(name, joined)


def granted_still(openid: OpenId | None, name: str, grants: Collection[str]) -> ApiKey | None:
    """What is left of what these grants (by their names) allowed, as cdi.yaml says now; None: nothing."""
    joined = [grant for grant in (openid.grants if openid else ()) if grant.name in grants]
    return _allowed(name, joined) if joined else None


def _held(openid: OpenId, claims: Mapping[str, Any]) -> list[Grant]:
    held = [grant for grant in openid.grants if grant.holds in _said(claims, grant.claim)]
    role = next((role for role in MIGHTIEST if any(grant.role == role for grant in held)), None)
    return [grant for grant in held if grant.role == role]


def _allowed(name: str, joined: Sequence[Grant]) -> ApiKey:
    """What grants of one role allow together."""
    return ApiKey(
        name,
        joined[0].role,
        sorted({group.value for grant in joined for group in grant.groups}),
        _together(grant.owners for grant in joined),
        next((grant.source for grant in joined), None),
        any(grant.sensitive for grant in joined),
        _together(grant.purposes for grant in joined),
    )


def _said(claims: Mapping[str, Any], path: str) -> Collection[str]:
    """The texts of a claim, by its name or by a dotted path."""
    value: Any = claims.get(path)
    if value is None:
        value = claims
        for part in path.split("."):
            value = value.get(part) if isinstance(value, Mapping) else None
    said = value if isinstance(value, list) else [value]
    return [each for each in said if isinstance(each, str)]


def _together(lists: Iterable[Sequence[str] | None]) -> list[str] | None:
    """All that any of them names; None (no limit) if one of them names none."""
    names: set[str] = set()
    for each in lists:
        if each is None:
            return None
        names |= set(each)
    return sorted(names)


# -- what an account may see -----------------------------------------------------------------------


def callers_of(connection: Connection, keys: Collection[bytes], gates: Gates, now: datetime) -> dict[bytes, Caller]:
    """Who is behind these hashes of keys, asking for all that their keys are for; unknown ones are left out."""
    return {key: as_caller(account, gates) for key, account in accounts.find_keys(connection, keys, now).items()}


def as_caller(
    account: ApiKey, gates: Gates, purpose: str | None = None, credential: Credential = Credential.KEY
) -> Caller:
    """What an account may see: sensitive sources only with that scope; sources only for purposes that they and the key
    have in common; readers only the field groups they were given in full, everybody else all of them; admins and
    data-protection officers sensitive sources too."""
    role = Role(account.role)
    everything = role in {Role.STEWARD, Role.PRIVACY, Role.ADMIN}
    sensitive = frozenset() if account.sensitive or role in {Role.PRIVACY, Role.ADMIN} else gates.sensitive
    return Caller(
        account.name,
        role,
        Visibility(
            hidden_sources=sensitive | _of_other_purposes(account, gates, purpose),
            groups=frozenset(FieldGroup) if everything else frozenset(FieldGroup(g) for g in account.groups),
            owners=None if account.owners is None else frozenset(account.owners),
            uses=_uses(role, _purposes(account, purpose)),
        ),
        account.source,
        credential,
        account.sensitive,
        _purposes(account, purpose),
    )


def _purposes(account: ApiKey, purpose: str | None) -> tuple[str, ...] | None:
    if purpose is not None:
        return (purpose,)
    return None if account.purposes is None else tuple(account.purposes)


def _uses(role: Role, purposes: tuple[str, ...] | None) -> frozenset[str]:
    """What the answer is used for, as far as customers may have closed themselves to it: a purpose, if it is one; for
    those who neither decide nor answer for data protection every use."""
    one = frozenset(purposes) if purposes is not None and len(purposes) == 1 else frozenset()
    return one | (frozenset({EVERY_USE}) if role in {Role.READER, Role.CONNECTOR} else frozenset())


def _of_other_purposes(account: ApiKey, gates: Gates, purpose: str | None) -> frozenset[str]:
    if purpose is not None and account.purposes is not None and purpose not in account.purposes:
        raise ForbiddenError("this key is not for that purpose", remedy=f"It is for {', '.join(account.purposes)}")
    wanted = _purposes(account, purpose)
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
