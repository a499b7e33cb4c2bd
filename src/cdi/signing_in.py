"""How people come to the desk: with a password, with a link that works once, or by the word of the identity provider;
what follows is a session.

A session becomes the same Caller as a key, so pages and API see through the same eyes. Tokens are 32 random bytes, of
which a fast hash is kept; passwords are kept as argon2id. Who fails often waits longer each time, by name and by
address, whether the name exists or not.
"""

import hashlib
import hmac
import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cache
from typing import Any, Final

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError
from sqlalchemy import Connection

from cdi.access import Caller, Credential, Role
from cdi.audit import Trail
from cdi.auth import Gates, as_caller, digest, granted
from cdi.errors import ConflictError, ForbiddenError, InvalidInputError, NotFoundError, UnauthenticatedError
from cdi.fields import FieldGroup
from cdi.openid import IdentityProvider
from cdi.settings import Environment
from cdi.store import users
from cdi.store.accounts import ApiKey
from cdi.store.users import Departure, User

IDLE: Final = timedelta(hours=2)
"""A session that is not used for so long is over."""
LONGEST: Final = timedelta(hours=12)
"""A session is over after so long, however busy."""
LINK: Final = timedelta(hours=1)
AWAY: Final = timedelta(minutes=10)
"""So long somebody may take to sign in at the identity provider."""
SHORTEST_PASSWORD: Final = 12
LONGEST_PASSWORD: Final = 1_000
FREE_TRIES: Final = 5
LONGEST_WAIT: Final = timedelta(minutes=15)
REMEMBERED: Final = timedelta(hours=1)
"""How long failures count."""
AT_THE_DESK: Final = frozenset({Role.READER, Role.STEWARD, Role.PRIVACY, Role.ADMIN})
DEMO: Final = "demo"
NOBODY: Final = "nobody"
"""What the audit log calls whoever was refused under a name that nobody has."""
SEEN_ANEW: Final = timedelta(minutes=1)

_HASHER = PasswordHasher()


@dataclass(frozen=True, slots=True)
class Session:
    """A person at the desk: who they are, the token their browser holds, and what the next page is to tell them."""

    token: str
    caller: Caller
    told: Sequence[Any] = ()
    issuer: str | None = None
    """Of the identity provider at which they signed in."""


def create_user(
    connection: Connection,
    name: str,
    role: Role,
    now: datetime,
    *,
    password: str | None = None,
    groups: Sequence[FieldGroup] = (),
    owners: Sequence[str] | None = None,
    sensitive: bool = False,
) -> None:
    """A new user of the desk; without a password they sign in by link. Raises InvalidInputError, ConflictError."""
    if role not in AT_THE_DESK:
        raise InvalidInputError("a connector does not sit at the desk", remedy="Give it a key: cdi key create")
    if not name.strip() or name != name.strip() or len(name) > 100:
        raise InvalidInputError("a user needs a name of at most 100 characters, without blanks around it")
    account = ApiKey(name, role.value, [group.value for group in groups], owners, None, sensitive)
    kept = None if password is None else hashed(password)
    if users.save_user(connection, account, kept, now) is None:
        raise ConflictError("there is a user of this name", remedy="Choose another, or see cdi user list")


def hashed(password: str) -> str:
    """What is kept of a password. Raises InvalidInputError for one that is too short or too long."""
    if not SHORTEST_PASSWORD <= len(password) <= LONGEST_PASSWORD:
        raise InvalidInputError(
            f"a password has {SHORTEST_PASSWORD} to {LONGEST_PASSWORD} characters", remedy="Several words do well"
        )
    return _HASHER.hash(password)


def named_user(connection: Connection, name: str) -> User:
    """The user of this name. Raises NotFoundError."""
    user = users.find_user(connection, name)
    if user is None:
        raise NotFoundError(f"there is no user {name}", remedy="cdi user list shows them")
    return user


def issue_link(connection: Connection, name: str, now: datetime) -> str:
    """A token that signs this user in once, within the hour."""
    user = named_user(connection, name)
    if user.disabled_at is not None:
        raise ConflictError(f"the user {name} is disabled", remedy=f"cdi user enable {name}")
    if user.issuer is not None:
        raise ConflictError(f"the user {name} signs in at the identity provider", remedy="A link is for other users")
    token = secrets.token_urlsafe(32)
    users.save_link(connection, digest(token), user.id, now + LINK)
    return token


def link_of(environment: Environment, token: str) -> str:
    """The address at which the desk takes the token of a link."""
    return f"{environment.address}/sign-in/link?token={token}"


def demo_link(connection: Connection, now: datetime) -> str:
    """A token that signs in the demo steward of the sample company, who may do everything."""
    if users.find_user(connection, DEMO) is None:
        create_user(connection, DEMO, Role.ADMIN, now)
    return issue_link(connection, DEMO, now)


def sign_in_with_link(connection: Connection, token: str, now: datetime) -> str:
    """The token of a new session; the link is used up. Raises UnauthenticatedError."""
    user = users.use_link(connection, digest(token), now)
    if user is None:
        raise UnauthenticatedError("this link was used already or is too old", remedy="Ask for a new one")
    return _begin(connection, user, now, "link")


def note_refused(connection: Connection, user: User | None, by: str, now: datetime) -> None:
    """Let the audit log know that somebody was not let in, `by` password, link or provider. A name that nobody has is
    not kept: it may be a password that was typed into the wrong field."""
    actor = NOBODY if user is None else f"{Credential.USER}:{user.name}"
    Trail(
        actor, "none" if user is None else user.account.role, "sign_in_refused", changes=True, about={"by": by}
    ).write(connection, now)


@dataclass(frozen=True, slots=True)
class Refusal:
    """A sign-in that failed; `wait` is how long the next try has to wait (nothing: it was the name or the password)."""

    wait: timedelta = timedelta(0)


def sign_in_with_password(
    connection: Connection, name: str, password: str, address: str, now: datetime
) -> str | Refusal:
    """The token of a new session, or why not. A refusal is an answer and no error: that it happened has to be kept."""
    who = [_who("name", name), _who("address", address)]
    failures, failed_at = users.count_failures(connection, who, now - REMEMBERED)
    wait = _wait(failures)
    if failed_at is not None and now < failed_at + wait:
        return Refusal(failed_at + wait - now)
    user = users.find_user(connection, name)
    kept = user.password_hash if user is not None and user.disabled_at is None else None
    if not _fits(kept or _nobodys_hash(), password[: LONGEST_PASSWORD + 1]) or user is None or kept is None:
        users.add_failure(connection, who, now, now - REMEMBERED)
        note_refused(connection, user, "password", now)
        return Refusal()
    users.forget_failures(connection, who[0])
    if _HASHER.check_needs_rehash(kept):
        users.set_password(connection, user.id, _HASHER.hash(password))
    return _begin(connection, user, now, "password")


def send_away(
    connection: Connection, provider: IdentityProvider, back: str, place: str, browser: str, now: datetime
) -> str:
    """Where this browser signs in at the identity provider; it comes back to `back`, and then to `place` of the desk.
    `browser` is what only it and we know. Raises IdentityProviderError."""
    state, nonce, verifier = (secrets.token_urlsafe(32) for _ in range(3))
    address = provider.authorization_address(back, state, nonce, verifier)
    departing = Departure(digest(browser), nonce, verifier, place)
    users.save_departure(connection, digest(state), departing, now, now + AWAY)
    return address


def welcome_back(
    connection: Connection,
    provider: IdentityProvider,
    secret: str | None,
    returned: Mapping[str, str],
    back: str,
    browser: str,
    now: datetime,
) -> tuple[str, str]:
    """The token of a new session for whom the identity provider sent back with `state` and `code`, and the place where
    they wanted to go. What they may do is what the grants of cdi.yaml say of the claims, from now on.

    Raises UnauthenticatedError, ForbiddenError, ConflictError, IdentityProviderError: whoever answers them commits, so
    that what was brought is used up.
    """
    departed = users.use_departure(connection, digest(returned.get("state", "")), now)
    if departed is None or not hmac.compare_digest(departed.browser, digest(browser)):
        raise UnauthenticatedError("this sign-in was not begun in this browser, or too long ago", remedy="Begin anew")
    if "code" not in returned:
        raise UnauthenticatedError("the identity provider did not let you in", remedy="Begin anew, or ask there")
    claims = provider.redeem(returned["code"], back, departed.verifier, secret)
    if not hmac.compare_digest(str(claims.get("nonce", "")).encode(), departed.nonce.encode()):
        raise UnauthenticatedError("what the identity provider says belongs to another sign-in", remedy="Begin anew")
    account = granted(provider.rules, claims)
    if Role(account.role) not in AT_THE_DESK:
        raise ForbiddenError("a connector does not sit at the desk", remedy="Its token is for the API")
    user = users.admit(connection, provider.rules.issuer, str(claims["sub"]), account, now)
    if user is None:
        raise ConflictError(
            f"another user is called {account.name}", remedy="openid.name_claim in cdi.yaml can name another claim"
        )
    if user.disabled_at is not None:
        raise ForbiddenError("you are shut out from this desk", remedy="An administrator can let you in again")
    return _begin(connection, user, now, "provider"), departed.place


def find_session(connection: Connection, token: str, gates: Gates, now: datetime) -> Session | None:
    """The session behind the token that a browser sent; None if there is none or it is over."""
    kept = digest(token)
    stored = users.find_session(connection, kept, now, IDLE)
    if stored is None:
        return None
    if now - stored.seen_at > SEEN_ANEW:
        users.touch_session(connection, kept, now)
    return Session(
        token, as_caller(stored.user.account, gates, credential=Credential.USER), stored.told or (), stored.user.issuer
    )


def tell(connection: Connection, session: Session, messages: Sequence[Any]) -> None:
    """Keep what the next page tells this person; nothing: it has been told."""
    users.tell_session(connection, digest(session.token), list(messages) or None)


def sign_out(connection: Connection, token: str) -> None:
    """The session is over."""
    users.delete_session(connection, digest(token))


def new_secret() -> str:
    """For the cookie of a browser that is not signed in."""
    return secrets.token_urlsafe(32)


def form_token(secret: str) -> str:
    """What a form carries to show that it comes from a page of ours: made from what only this browser and we know."""
    return hmac.new(secret.encode(), b"form", hashlib.sha256).hexdigest()


def is_form_token(secret: str, given: str) -> bool:
    """Whether a form carries what it must."""
    return hmac.compare_digest(form_token(secret).encode(), given.encode())


def _begin(connection: Connection, user: User, now: datetime, by: str) -> str:
    trail = Trail(f"{Credential.USER}:{user.name}", user.account.role, "sign_in", changes=True, about={"by": by})
    trail.write(connection, now)
    token = secrets.token_urlsafe(32)
    users.save_session(connection, digest(token), user.id, now, now + LONGEST)
    return token


def _fits(kept: str, password: str) -> bool:
    try:
        return _HASHER.verify(kept, password)
    except (VerificationError, InvalidHashError):
        return False


@cache
def _nobodys_hash() -> str:
    """So that a name that does not exist takes as long as one that does."""
    return _HASHER.hash(secrets.token_urlsafe(32))


def _who(kind: str, value: str) -> bytes:
    return hashlib.blake2b(f"{kind}:{value.lower()}".encode(), digest_size=16).digest()


def _wait(failures: int) -> timedelta:
    """Nothing for the first tries, then twice as long each time."""
    if failures < FREE_TRIES:
        return timedelta(0)
    return min(LONGEST_WAIT, timedelta(seconds=2 ** min(20, failures - FREE_TRIES + 2)))
