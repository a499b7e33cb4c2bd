"""The users of the desk as those see them who run the installation: who there is and what each may do; shut out, and
let in again. How users come in is told in `signing_in`."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Connection

from cdi.access import Caller, Credential, Role
from cdi.errors import ConflictError, InvalidInputError
from cdi.fields import FieldGroup
from cdi.pipeline import Installation
from cdi.store import users
from cdi.store.accounts import ApiKey
from cdi.store.users import User


def list_users(connection: Connection, now: datetime) -> list[dict[str, Any]]:
    """All users by name: what they may do, whether they have a password or sign in at an `issuer`, since when they are
    disabled, when they were last seen if they are signed in, and until when a link that was not used yet signs them
    in."""
    seen, links = users.last_seen(connection, now), users.open_links(connection, now)
    return [
        {
            "name": user.name,
            "role": user.account.role,
            "owners": user.account.owners,
            "groups": user.account.groups,
            "sensitive": user.account.sensitive,
            "password": user.password_hash is not None,
            "issuer": user.issuer,
            "created_at": user.created_at,
            "disabled_at": user.disabled_at,
            "seen_at": seen.get(user.id),
            "link_until": links.get(user.id),
        }
        for user in users.list_users(connection)
    ]


def change_rights(
    connection: Connection,
    installation: Installation,
    by: Caller,
    user: User,
    *,
    role: Role,
    groups: Sequence[FieldGroup] = (),
    owners: Sequence[str] | None = None,
    sensitive: bool = False,
) -> None:
    """What a user may do from now on, in standing sessions too. Raises NotFoundError for an owner that there is not,
    InvalidInputError, ConflictError for one's own rights."""
    if role in {Role.CONNECTOR, Role.LINKS}:
        raise InvalidInputError("a program does not sit at the desk", remedy="Give it a key: cdi key create")
    if user.issuer is not None:
        raise ConflictError(
            "their rights come from the identity provider", remedy="openid.grants in cdi.yaml say which"
        )
    _demand_other(by, user)
    installation.demand_owners(owners or ())
    rights = ApiKey(user.name, role.value, [group.value for group in groups], owners, None, sensitive)
    users.set_rights(connection, user.id, rights)


def disable(connection: Connection, by: Caller, user: User, now: datetime) -> None:
    """Shut a user out at once: sessions and links end. Raises ConflictError for oneself."""
    _demand_other(by, user)
    users.set_disabled(connection, user.id, now)


def enable(connection: Connection, user: User) -> None:
    """Let a disabled user in again."""
    users.set_disabled(connection, user.id, None)


def withdraw_link(connection: Connection, user: User) -> None:
    """A link that was given to this user signs nobody in any more."""
    users.drop_links(connection, user.id)


def _demand_other(by: Caller, user: User) -> None:
    """Nobody locks themselves out: there might be nobody to let them in again."""
    if by.credential is Credential.USER and by.name == user.name:
        raise ConflictError("you cannot do this to yourself", remedy="Another administrator can, or cdi user")
