"""API keys: stored as a hash, shown once, can expire and be revoked."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import BigInteger, Boolean, Column, Connection, Identity, LargeBinary, Table, Text
from sqlalchemy.dialects.postgresql import ARRAY

from cdi.store.db import all_rows, metadata, text
from cdi.store.sources import TIME

api_key = Table(
    "api_key",
    metadata,
    Column("key_id", BigInteger, Identity(always=True), primary_key=True),
    Column("name", Text, nullable=False),
    Column("hash", LargeBinary, nullable=False, unique=True),
    Column("role", Text, nullable=False),
    Column("groups", ARRAY(Text), nullable=False),
    Column("owners", ARRAY(Text)),
    Column("source", Text),
    Column("sensitive", Boolean, nullable=False, server_default="false"),
    Column("created_at", TIME, nullable=False),
    Column("expires_at", TIME),
    Column("revoked_at", TIME),
    Column("purposes", ARRAY(Text)),  # what it is for; null: any purpose
)


@dataclass(frozen=True, slots=True)
class ApiKey:
    """What a key allows; the key itself is not kept."""

    name: str
    role: str
    groups: Sequence[str]
    owners: Sequence[str] | None
    source: str | None
    sensitive: bool
    purposes: Sequence[str] | None = None  # what it is for; None: any


def save_key(connection: Connection, key: ApiKey, digest: bytes, now: datetime, expires_at: datetime | None) -> None:
    connection.execute(
        text(
            "insert into api_key"
            " (name, hash, role, groups, owners, source, sensitive, purposes, created_at, expires_at)"
            " values (:name, :hash, :role, :groups, :owners, :source, :sensitive, :purposes, :now, :expires_at)"
        ),
        {
            "name": key.name,
            "hash": digest,
            "role": key.role,
            "groups": list(key.groups),
            "owners": None if key.owners is None else list(key.owners),
            "source": key.source,
            "sensitive": key.sensitive,
            "purposes": None if key.purposes is None else list(key.purposes),
            "now": now,
            "expires_at": expires_at,
        },
    )


def find_keys(connection: Connection, digests: Collection[bytes], now: datetime) -> dict[bytes, ApiKey]:
    """The keys with these hashes, those that are valid now."""
    rows = all_rows(
        connection,
        "select hash, name, role, groups, owners, source, sensitive, purposes from api_key"
        " where hash = any(:hashes) and revoked_at is null and (expires_at is null or expires_at > :now)",
        {"hashes": list(digests), "now": now},
    )
    return {bytes(row.hash): ApiKey(*row[1:]) for row in rows}


@dataclass(frozen=True, slots=True)
class ListedKey:
    """A key as it is told of: everything but what it is."""

    id: int
    name: str
    role: str
    groups: Sequence[str]
    owners: Sequence[str] | None
    source: str | None
    sensitive: bool
    purposes: Sequence[str] | None
    created_at: datetime
    expires_at: datetime | None
    revoked_at: datetime | None

    def status(self, now: datetime) -> str:
        """standing, expired or revoked."""
        if self.revoked_at is not None:
            return "revoked"
        return "expired" if self.expires_at is not None and self.expires_at <= now else "standing"


def list_keys(connection: Connection) -> list[ListedKey]:
    """All keys, newest first."""
    rows = connection.execute(
        text(
            "select key_id, name, role, groups, owners, source, sensitive, purposes, created_at, expires_at, revoked_at"
            " from api_key order by key_id desc"
        )
    )
    return [ListedKey(*row) for row in rows]


def key_id(connection: Connection, digest: bytes) -> int:
    """The id of the key with this hash, which there is."""
    found = connection.execute(text("select key_id from api_key where hash = :hash"), {"hash": digest})
    return int(found.scalar_one())


def end_by(connection: Connection, key_id: int, at: datetime) -> None:
    """This key ends then, or sooner if it was to."""
    connection.execute(
        text("update api_key set expires_at = least(expires_at, :at) where key_id = :key_id"),
        {"key_id": key_id, "at": at},
    )


def revoke_by_id(connection: Connection, key_id: int, now: datetime) -> bool:
    """Revoke this key; one that was revoked before stays as it was. Whether there is such a key."""
    result = connection.execute(
        text("update api_key set revoked_at = coalesce(revoked_at, :now) where key_id = :key_id"),
        {"key_id": key_id, "now": now},
    )
    return bool(result.rowcount)


def revoke_key(connection: Connection, name: str, now: datetime) -> int:
    """Revoke every standing key of this name; how many there were."""
    result = connection.execute(
        text("update api_key set revoked_at = :now where name = :name and revoked_at is null"),
        {"name": name, "now": now},
    )
    return int(result.rowcount)
