"""The users of the desk, their sessions, links that sign in once, and sign-ins that failed.

Of passwords, session tokens and links only hashes are kept.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import orjson
from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Connection,
    ForeignKey,
    Identity,
    Integer,
    LargeBinary,
    Table,
    Text,
    UniqueConstraint,
)
from sqlalchemy.dialects.postgresql import ARRAY, JSONB

from cdi.store.accounts import ApiKey
from cdi.store.db import metadata, text
from cdi.store.sources import TIME

desk_user = Table(
    "desk_user",
    metadata,
    Column("user_id", BigInteger, Identity(always=True), primary_key=True),
    Column("name", Text, nullable=False, unique=True),
    Column("password_hash", Text),  # null: signs in elsewhere, or by links only
    Column("issuer", Text),  # who vouches for this user, and under which name there
    Column("subject", Text),
    Column("role", Text, nullable=False),
    Column("groups", ARRAY(Text), nullable=False),
    Column("owners", ARRAY(Text)),
    Column("sensitive", Boolean, nullable=False, server_default="false"),
    Column("purposes", ARRAY(Text)),  # what they may use sources for; null: anything
    Column("created_at", TIME, nullable=False),
    Column("disabled_at", TIME),
    UniqueConstraint("issuer", "subject"),
)
desk_session = Table(
    "desk_session",
    metadata,
    Column("hash", LargeBinary, primary_key=True),
    Column("user_id", BigInteger, ForeignKey("desk_user.user_id", ondelete="CASCADE"), nullable=False, index=True),
    Column("created_at", TIME, nullable=False),
    Column("seen_at", TIME, nullable=False),
    Column("expires_at", TIME, nullable=False),
    Column("told", JSONB),  # what the next page says of what was just done
)
sign_in_link = Table(
    "sign_in_link",
    metadata,
    Column("hash", LargeBinary, primary_key=True),
    Column("user_id", BigInteger, ForeignKey("desk_user.user_id", ondelete="CASCADE"), nullable=False, index=True),
    Column("expires_at", TIME, nullable=False),
)
departure = Table(
    "departure",
    metadata,
    Column("state", LargeBinary, primary_key=True),  # a hash of what comes back with the browser
    Column("browser", LargeBinary, nullable=False),  # a hash of what only that browser holds
    Column("nonce", Text, nullable=False),
    Column("verifier", Text, nullable=False),
    Column("place", Text, nullable=False),
    Column("expires_at", TIME, nullable=False, index=True),
)
sign_in_failure = Table(
    "sign_in_failure",
    metadata,
    Column("who", LargeBinary, primary_key=True),  # a hash of the name or the address that failed
    Column("failures", Integer, nullable=False),
    Column("failed_at", TIME, nullable=False),
)


@dataclass(frozen=True, slots=True)
class User:
    """A user of the desk; `account` is what they may do, as for a key."""

    id: int
    account: ApiKey
    password_hash: str | None
    created_at: datetime
    disabled_at: datetime | None
    issuer: str | None = None  # of the identity provider at which they sign in

    @property
    def name(self) -> str:
        return self.account.name


@dataclass(frozen=True, slots=True)
class StoredSession:
    """A session that is valid now."""

    user: User
    seen_at: datetime
    told: Any


_COLUMNS = (
    "u.user_id, u.name, u.password_hash, u.role, u.groups, u.owners, u.sensitive, u.created_at, u.disabled_at,"
    " u.purposes, u.issuer"
)


_USERS = f"select {_COLUMNS} from desk_user u"  # noqa: S608  # a constant of ours
_SESSIONS = f"select {_COLUMNS}, s.seen_at, s.told from desk_session s join desk_user u using (user_id)"  # noqa: S608


def _user(row: Any) -> User:
    account = ApiKey(row.name, row.role, row.groups, row.owners, None, row.sensitive, row.purposes)
    return User(row.user_id, account, row.password_hash, row.created_at, row.disabled_at, row.issuer)


def save_user(connection: Connection, account: ApiKey, password_hash: str | None, now: datetime) -> int | None:
    """The id of the new user; None if there is one of this name."""
    return connection.execute(
        text(
            "insert into desk_user (name, password_hash, role, groups, owners, sensitive, created_at)"
            " values (:name, :password_hash, :role, :groups, :owners, :sensitive, :now)"
            " on conflict (name) do nothing returning user_id"
        ),
        {
            "name": account.name,
            "password_hash": password_hash,
            "role": account.role,
            "groups": list(account.groups),
            "owners": None if account.owners is None else list(account.owners),
            "sensitive": account.sensitive,
            "now": now,
        },
    ).scalar_one_or_none()


def find_user(connection: Connection, name: str) -> User | None:
    """The user of this name, disabled or not."""
    row = connection.execute(text(_USERS + " where name = :name"), {"name": name}).first()
    return None if row is None else _user(row)


def list_users(connection: Connection) -> Sequence[User]:
    """All users by name."""
    return [_user(row) for row in connection.execute(text(_USERS + " order by name"))]


def set_rights(connection: Connection, user_id: int, account: ApiKey) -> None:
    """What this user may do from now on; their name stays."""
    connection.execute(
        text(
            "update desk_user set role = :role, groups = :groups, owners = :owners, sensitive = :sensitive"
            " where user_id = :id"
        ),
        {
            "id": user_id,
            "role": account.role,
            "groups": list(account.groups),
            "owners": None if account.owners is None else list(account.owners),
            "sensitive": account.sensitive,
        },
    )


def last_seen(connection: Connection, now: datetime) -> dict[int, datetime]:
    """By id of user who has a session, when they were last seen."""
    rows = connection.execute(
        text("select user_id, max(seen_at) as at from desk_session where expires_at > :now group by user_id"),
        {"now": now},
    )
    return {row.user_id: row.at for row in rows}


def open_links(connection: Connection, now: datetime) -> dict[int, datetime]:
    """By id of user, until when a link signs them in that was not used yet."""
    rows = connection.execute(
        text("select user_id, max(expires_at) as at from sign_in_link where expires_at > :now group by user_id"),
        {"now": now},
    )
    return {row.user_id: row.at for row in rows}


def drop_links(connection: Connection, user_id: int) -> None:
    """No link signs this user in any more."""
    connection.execute(text("delete from sign_in_link where user_id = :id"), {"id": user_id})


def set_password(connection: Connection, user_id: int, password_hash: str) -> None:
    """A new password."""
    connection.execute(
        text("update desk_user set password_hash = :hash where user_id = :id"), {"hash": password_hash, "id": user_id}
    )


def set_disabled(connection: Connection, user_id: int, at: datetime | None) -> None:
    """Disable a user, which ends their sessions and links; None: enable them again."""
    connection.execute(text("update desk_user set disabled_at = :at where user_id = :id"), {"at": at, "id": user_id})
    if at is not None:
        connection.execute(text("delete from desk_session where user_id = :id"), {"id": user_id})
        connection.execute(text("delete from sign_in_link where user_id = :id"), {"id": user_id})


# -- sessions --------------------------------------------------------------------------------------


def save_session(connection: Connection, digest: bytes, user_id: int, now: datetime, expires_at: datetime) -> None:
    """A session begins; those that expired are forgotten."""
    connection.execute(text("delete from desk_session where expires_at < :now"), {"now": now})
    connection.execute(
        text(
            "insert into desk_session (hash, user_id, created_at, seen_at, expires_at)"
            " values (:hash, :user_id, :now, :now, :expires_at)"
        ),
        {"hash": digest, "user_id": user_id, "now": now, "expires_at": expires_at},
    )


def find_session(connection: Connection, digest: bytes, now: datetime, idle: timedelta) -> StoredSession | None:
    """The session with this hash, if it is valid now and its user not disabled."""
    row = connection.execute(
        text(
            _SESSIONS
            + " where s.hash = :hash and s.expires_at > :now and s.seen_at > :oldest and u.disabled_at is null"
        ),
        {"hash": digest, "now": now, "oldest": now - idle},
    ).first()
    return None if row is None else StoredSession(_user(row), row.seen_at, row.told)


def touch_session(connection: Connection, digest: bytes, now: datetime) -> None:
    """The session was used."""
    connection.execute(text("update desk_session set seen_at = :now where hash = :hash"), {"now": now, "hash": digest})


def tell_session(connection: Connection, digest: bytes, told: Any) -> None:
    """Keep what the next page says; None: it has been said."""
    connection.execute(
        text("update desk_session set told = cast(:told as jsonb) where hash = :hash"),
        {"told": None if told is None else orjson.dumps(told).decode(), "hash": digest},
    )


def delete_session(connection: Connection, digest: bytes) -> None:
    """The session is over."""
    connection.execute(text("delete from desk_session where hash = :hash"), {"hash": digest})


# -- links -----------------------------------------------------------------------------------------


def save_link(connection: Connection, digest: bytes, user_id: int, expires_at: datetime) -> None:
    """A link that signs this user in, once; it replaces the ones before."""
    connection.execute(text("delete from sign_in_link where user_id = :id"), {"id": user_id})
    connection.execute(
        text("insert into sign_in_link (hash, user_id, expires_at) values (:hash, :id, :expires_at)"),
        {"hash": digest, "id": user_id, "expires_at": expires_at},
    )


def use_link(connection: Connection, digest: bytes, now: datetime) -> User | None:
    """The user whom this link signs in, and the link is used up; None if it is unknown, used or expired."""
    used = connection.execute(
        text("delete from sign_in_link where hash = :hash returning user_id, expires_at"), {"hash": digest}
    ).first()
    if used is None or used.expires_at <= now:
        return None
    row = connection.execute(
        text(_USERS + " where user_id = :id and disabled_at is null"), {"id": used.user_id}
    ).first()
    return None if row is None else _user(row)


# -- who signs in at the identity provider ------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Departure:
    """A browser that was sent to the identity provider: what it has to bring back, and where it wanted to go."""

    browser: bytes
    nonce: str
    verifier: str
    place: str


def save_departure(
    connection: Connection, state: bytes, departing: Departure, now: datetime, expires_at: datetime
) -> None:
    """A browser is sent away; departures that expired are forgotten."""
    connection.execute(text("delete from departure where expires_at < :now"), {"now": now})
    connection.execute(
        text(
            "insert into departure (state, browser, nonce, verifier, place, expires_at)"
            " values (:state, :browser, :nonce, :verifier, :place, :expires_at)"
        ),
        {
            "state": state,
            "browser": departing.browser,
            "nonce": departing.nonce,
            "verifier": departing.verifier,
            "place": departing.place,
            "expires_at": expires_at,
        },
    )


def use_departure(connection: Connection, state: bytes, now: datetime) -> Departure | None:
    """The departure with this state, which is used up; None if it is unknown, used or expired."""
    row = connection.execute(
        text("delete from departure where state = :state returning browser, nonce, verifier, place, expires_at"),
        {"state": state},
    ).first()
    return None if row is None or row.expires_at <= now else Departure(row.browser, row.nonce, row.verifier, row.place)


def admit(connection: Connection, issuer: str, subject: str, account: ApiKey, now: datetime) -> User | None:
    """The user whom this issuer calls so, with what the account allows from now on; None if another one has the
    name."""
    values = {
        "issuer": issuer,
        "subject": subject,
        "name": account.name,
        "role": account.role,
        "groups": list(account.groups),
        "owners": None if account.owners is None else list(account.owners),
        "sensitive": account.sensitive,
        "purposes": None if account.purposes is None else list(account.purposes),
        "now": now,
    }
    connection.execute(
        text(
            "insert into desk_user (name, issuer, subject, role, groups, owners, sensitive, purposes, created_at)"
            " select :name, :issuer, :subject, :role, :groups, :owners, :sensitive, :purposes, :now"
            " where not exists (select from desk_user where name = :name)"
            " on conflict (issuer, subject) do nothing"
        ),
        values,
    )
    connection.execute(
        text(
            "update desk_user u set name = :name, role = :role, groups = :groups, owners = :owners,"
            " sensitive = :sensitive, purposes = :purposes where issuer = :issuer and subject = :subject"
            " and not exists (select from desk_user o where o.name = :name and o.user_id <> u.user_id)"
        ),
        values,
    )
    row = connection.execute(
        text(_USERS + " where issuer = :issuer and subject = :subject and name = :name"), values
    ).first()
    return None if row is None else _user(row)


# -- sign-ins that failed --------------------------------------------------------------------------


def count_failures(connection: Connection, who: Sequence[bytes], since: datetime) -> tuple[int, datetime | None]:
    """How often the worst of these failed lately, and when last."""
    row = connection.execute(
        text(
            "select failures, failed_at from sign_in_failure where who = any(:who) and failed_at > :since"
            " order by failures desc limit 1"
        ),
        {"who": list(who), "since": since},
    ).first()
    return (0, None) if row is None else (row.failures, row.failed_at)


def add_failure(connection: Connection, who: Sequence[bytes], now: datetime, since: datetime) -> None:
    """One more failure of each of these; failures from before `since` are forgotten."""
    connection.execute(text("delete from sign_in_failure where failed_at <= :since"), {"since": since})
    connection.execute(
        text(
            "insert into sign_in_failure (who, failures, failed_at) select w, 1, :now from unnest(:who) w order by w"
            " on conflict (who) do update set failures = sign_in_failure.failures + 1, failed_at = excluded.failed_at"
        ),
        {"who": sorted(set(who)), "now": now},
    )


def forget_failures(connection: Connection, who: bytes) -> None:
    """It went well."""
    connection.execute(text("delete from sign_in_failure where who = :who"), {"who": who})
