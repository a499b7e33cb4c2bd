"""The audit log: who read personal values in full and who changed what, when and for what purpose. Ids, actions and
names of field groups; never a value. Entries are appended with what they tell of, in its transaction; afterwards one
sealer numbers them and chains them by hash. The database refuses to change or delete one.
"""

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Final
from uuid import UUID

import orjson
from sqlalchemy import BigInteger, Column, Connection, Identity, Index, LargeBinary, Table, Text, Uuid
from sqlalchemy import text as parsed
from sqlalchemy.dialects.postgresql import ARRAY, JSONB

from cdi.store.db import as_columns, lock_key, metadata, run, text
from cdi.store.sources import TIME

audit_entry = Table(
    "audit_entry",
    metadata,
    Column("entry_id", BigInteger, Identity(always=True), primary_key=True),
    Column("at", TIME, nullable=False),
    Column("actor", Text, nullable=False),
    Column("role", Text, nullable=False),
    Column("action", Text, nullable=False),
    Column("purpose", Text),
    Column("groups", ARRAY(Text), nullable=False),  # field groups that were shown in full
    Column("profiles", ARRAY(Uuid), nullable=False),
    Column("about", JSONB, nullable=False),  # other ids, names and numbers
    Column("number", BigInteger),  # its place in the chain; null: not sealed yet
    Column("hash", LargeBinary),  # over the hash before it and all of the above
    Index("ix_audit_entry_number", "number", unique=True),
    Index("ix_audit_entry_unsealed", "entry_id", postgresql_where=parsed("number IS NULL")),
    Index("ix_audit_entry_actor", "actor", "entry_id"),
    Index("ix_audit_entry_action", "action", "entry_id"),
    Index("ix_audit_entry_at", "at"),
    Index("ix_audit_entry_profiles", "profiles", postgresql_using="gin"),
)

audit_cut = Table(
    "audit_cut",
    metadata,
    Column("number", BigInteger, primary_key=True, autoincrement=False),  # the last entry that was cut off
    Column("hash", LargeBinary, nullable=False),  # its hash: what stays is chained to it
    Column("at", TIME, nullable=False),
)

BEGINNING: Final = hashlib.sha256(b"the audit log of cdi").digest()
"""What the first entry is chained to."""
BATCH: Final = 2_000


@dataclass(frozen=True, slots=True)
class Entry:
    """One act. `about` holds ids, names and numbers by name: nothing that a customer said."""

    at: datetime
    actor: str
    role: str
    action: str
    purpose: str | None = None
    groups: Sequence[str] = ()
    profiles: Sequence[UUID] = ()
    about: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Kept:
    """An entry as it is kept; `number` and `hash` once it is sealed."""

    entry_id: int
    entry: Entry
    number: int | None
    hash: bytes | None

    def chained(self, number: int, before: bytes) -> bytes:
        """The hash of this entry at this place of the chain."""
        said = self.entry
        content = [
            number,
            self.entry_id,
            said.at.astimezone(UTC).isoformat(timespec="microseconds"),
            said.actor,
            said.role,
            said.action,
            said.purpose,
            list(said.groups),
            [str(profile_id) for profile_id in said.profiles],
            dict(said.about),
        ]
        return hashlib.sha256(before + orjson.dumps(content, option=orjson.OPT_SORT_KEYS)).digest()


def append_entries(connection: Connection, entries: Sequence[Entry], *, hurry: bool = False) -> None:
    """Write them; they are there when the transaction is. In a `hurry` its commit does not wait for the disk, where
    it is a moment later (three times `wal_writer_delay` at most): for one in which nothing was changed."""
    if not entries:
        return
    run(
        connection,
        APPEND + IN_A_HURRY if hurry else APPEND,
        as_columns(
            ("at", "actor", "role", "action", "purpose", "groups", "profiles", "about"),
            (
                (
                    e.at, e.actor, e.role, e.action, e.purpose, ",".join(e.groups), ",".join(map(str, e.profiles)),
                    orjson.dumps(dict(e.about)).decode(),
                )
                for e in entries
            ),
        ),
    )  # fmt: skip


APPEND = """
insert into audit_entry (at, actor, role, action, purpose, groups, profiles, about)
select at, actor, role, action, purpose, string_to_array(groups, ','),
    cast(string_to_array(profiles, ',') as uuid[]), cast(about as jsonb)
from unnest(cast(:at as timestamptz[]), cast(:actor as text[]), cast(:role as text[]), cast(:action as text[]),
    cast(:purpose as text[]), cast(:groups as text[]), cast(:profiles as text[]), cast(:about as text[]))
    as e(at, actor, role, action, purpose, groups, profiles, about)
"""
IN_A_HURRY: Final = "cross join (select set_config('synchronous_commit', 'off', true)) as until_the_commit"

COLUMNS: Final = "entry_id, at, actor, role, action, purpose, groups, profiles, about, number, hash"


def _kept(row: Any) -> Kept:
    entry = Entry(row.at, row.actor, row.role, row.action, row.purpose, row.groups, row.profiles, row.about)
    return Kept(row.entry_id, entry, row.number, None if row.hash is None else bytes(row.hash))


# -- the chain -------------------------------------------------------------------------------------


def seal(connection: Connection) -> int:
    """Chain a batch of entries that are not yet; how many. None while another process is at it."""
    if not connection.execute(text("select pg_try_advisory_xact_lock(:key)"), {"key": lock_key("audit seal")}).scalar():
        return 0
    number, before = head(connection)
    rows = connection.execute(
        text(f"select {COLUMNS} from audit_entry where number is null order by entry_id limit :limit"),  # noqa: S608
        {"limit": BATCH},
    ).all()
    sealed = []
    for kept in map(_kept, rows):
        number += 1
        before = kept.chained(number, before)
        sealed.append((kept.entry_id, number, before))
    if sealed:
        connection.execute(
            text(
                "update audit_entry e set number = s.number, hash = s.hash"
                " from unnest(cast(:entry_id as bigint[]), cast(:number as bigint[]), cast(:hash as bytea[]))"
                " as s(entry_id, number, hash) where e.entry_id = s.entry_id"
            ),
            as_columns(("entry_id", "number", "hash"), sealed),
        )
    return len(sealed)


def head(connection: Connection) -> tuple[int, bytes]:
    """The number and hash of the last sealed entry; where there is none, the beginning."""
    row = connection.execute(
        text("select number, hash from audit_entry where number is not null order by number desc limit 1")
    ).one_or_none()
    return beginning(connection) if row is None else (row.number, bytes(row.hash))


def beginning(connection: Connection) -> tuple[int, bytes]:
    """The number and hash of the last entry that was cut off, to which the first that is kept is chained; 0 and
    BEGINNING if none was."""
    row = connection.execute(text("select number, hash from audit_cut order by number desc limit 1")).one_or_none()
    return (0, BEGINNING) if row is None else (row.number, bytes(row.hash))


# -- its end in the past ---------------------------------------------------------------------------


def alone(connection: Connection) -> None:
    """Nobody else seals or cuts until the end of this transaction."""
    connection.execute(text("select pg_advisory_xact_lock(:key)"), {"key": lock_key("audit seal")})


def last_before(connection: Connection, before: datetime) -> tuple[int, bytes] | None:
    """The number and hash of the sealed entry up to which all are older than that; None if there is none."""
    row = connection.execute(
        text(
            "select number, hash from audit_entry where number < coalesce("
            " (select min(number) from audit_entry where number is not null and at >= :before), 2 ^ 62)"
            " order by number desc limit 1"
        ),
        {"before": before},
    ).one_or_none()
    begins, _ = beginning(connection)
    return None if row is None or row.number <= begins else (row.number, bytes(row.hash))


def cut_after(connection: Connection, number: int, digest: bytes, now: datetime) -> None:
    """From now on the chain begins after this sealed entry."""
    connection.execute(
        text("insert into audit_cut (number, hash, at) values (:number, :hash, :now)"),
        {"number": number, "hash": digest, "now": now},
    )


def count_cut(connection: Connection, number: int) -> int:
    """How many entries there are up to this one."""
    counted = connection.execute(text("select count(*) from audit_entry where number <= :number"), {"number": number})
    return int(counted.scalar_one())


def delete_cut(connection: Connection) -> int:
    """Delete a batch of the entries before the beginning of the chain; how many."""
    number, _ = beginning(connection)
    deleted = connection.execute(
        text(
            "delete from audit_entry where number in"
            " (select number from audit_entry where number <= :number order by number limit :limit)"
        ),
        {"number": number, "limit": BATCH},
    )
    return int(deleted.rowcount)


def is_told(connection: Connection, action: str, about: Mapping[str, Any]) -> bool:
    """Whether an entry of the chain, or one that waits to be in it, says this of such an action."""
    number, _ = beginning(connection)
    told = connection.execute(
        text(
            "select exists (select from audit_entry where action = :action and about @> cast(:about as jsonb)"
            " and (number is null or number > :number))"
        ),
        {"action": action, "about": orjson.dumps(dict(about)).decode(), "number": number},
    )
    return bool(told.scalar())


# -- reading it ------------------------------------------------------------------------------------


def read_chain(connection: Connection, after: int | None = None) -> Iterator[Kept]:
    """Sealed entries in the order of the chain: all, or those after this number."""
    last = -(2**62) if after is None else after
    statement = text(
        f"select {COLUMNS} from audit_entry where number > :last order by number limit :limit"  # noqa: S608
    )
    while rows := connection.execute(statement, {"last": last, "limit": 5 * BATCH}).all():
        yield from map(_kept, rows)
        last = rows[-1].number


def unsealed(connection: Connection) -> tuple[int, datetime | None]:
    """How many entries wait for the sealer, and the time of the oldest."""
    row = connection.execute(text("select count(*), min(at) from audit_entry where number is null")).one()
    return row[0], row[1]


def waits(connection: Connection) -> bool:
    """Whether an entry waits for the sealer."""
    return bool(connection.execute(text("select exists (select from audit_entry where number is null)")).scalar())


# -- looking into it -------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class AuditFilter:
    """Which entries are wanted; all that is given must hold. `since` is included, `until` is not."""

    actor: str | None = None
    action: str | None = None
    profile_id: UUID | None = None
    since: datetime | None = None
    until: datetime | None = None
    before: int | None = None


def list_entries(connection: Connection, wanted: AuditFilter, limit: int) -> list[Kept]:
    """Entries, newest first."""
    conditions = {
        "actor": "actor = :actor",
        "action": "action = :action",
        "profile_id": "profiles @> array[cast(:profile_id as uuid)]",
        "since": "at >= :since",
        "until": "at < :until",
        "before": "entry_id < :before",
    }
    given = {name: value for name in conditions if (value := getattr(wanted, name)) is not None}
    where = " and ".join(conditions[name] for name in given) or "true"
    rows = connection.execute(
        text(f"select {COLUMNS} from audit_entry where {where} order by entry_id desc limit :limit"),  # noqa: S608
        {**given, "limit": limit},
    )
    return [_kept(row) for row in rows]
