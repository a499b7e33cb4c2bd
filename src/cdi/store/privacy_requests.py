"""What data subjects ask for (or the law asks of us) and what became of it: the proof that remains. It holds ids, names
from cdi.yaml, codes, counts and times, never a value of a customer; that is why nothing in it is free text."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from uuid import UUID

from psycopg.types.json import Jsonb
from sqlalchemy import BigInteger, Column, Connection, Identity, Index, Table, Text, Uuid
from sqlalchemy.dialects.postgresql import JSONB

from cdi.store.db import metadata, text
from cdi.store.sources import TIME

privacy_request = Table(
    "privacy_request",
    metadata,
    Column("request_id", BigInteger, Identity(always=True), primary_key=True),
    Column("kind", Text, nullable=False),  # erasure, restriction, objection, access, rectification, …
    Column("profile_id", Uuid),  # whom it is about; null where it is about many
    Column("ground", Text, nullable=False),  # a code: why it is asked
    Column("state", Text, nullable=False),  # asked, done, refused, in_force, lifted
    Column("asked_by", Text, nullable=False),
    Column("asked_at", TIME, nullable=False),
    Column("decided_by", Text),
    Column("decided_at", TIME),
    Column("ended_by", Text),  # who lifted what was in force
    Column("ended_at", TIME),
    Column("about", JSONB, nullable=False),  # ids, names from cdi.yaml, codes, counts
    Index(None, "profile_id"),
    Index(
        "ix_privacy_request_rectified",
        "request_id",
        postgresql_where=text("kind = 'rectification' and state = 'in_force'"),
    ),
)


@dataclass(frozen=True, slots=True)
class PrivacyRequest:
    """One request. `about` takes ids, names that stand in cdi.yaml or the program, codes and numbers; nothing else."""

    kind: str
    profile_id: UUID | None
    ground: str
    state: str
    asked_by: str
    asked_at: datetime
    decided_by: str | None = None
    decided_at: datetime | None = None
    ended_by: str | None = None
    ended_at: datetime | None = None
    about: Mapping[str, Any] = field(default_factory=dict)
    request_id: int | None = None  # None: not saved yet


COLUMNS = (
    "kind, profile_id, ground, state, asked_by, asked_at, decided_by, decided_at, ended_by, ended_at, about, request_id"
)


def save_request(connection: Connection, asked: PrivacyRequest) -> int:
    """Append it; its id."""
    return int(
        connection.execute(
            text(
                "insert into privacy_request (kind, profile_id, ground, state, asked_by, asked_at, decided_by,"
                " decided_at, about) values (:kind, :profile, :ground, :state, :asked_by, :asked_at, :decided_by,"
                " :decided_at, :about) returning request_id"
            ),
            {
                "kind": asked.kind,
                "profile": asked.profile_id,
                "ground": asked.ground,
                "state": asked.state,
                "asked_by": asked.asked_by,
                "asked_at": asked.asked_at,
                "decided_by": asked.decided_by,
                "decided_at": asked.decided_at,
                "about": Jsonb(dict(asked.about)),
            },
        ).scalar_one()
    )


def decide_request(
    connection: Connection, request_id: int, state: str, decided_by: str, now: datetime, about: Mapping[str, Any]
) -> None:
    """It was decided (and done, or refused); `about` is added to what stands there."""
    connection.execute(
        text(
            "update privacy_request set state = :state, decided_by = :by, decided_at = :now, about = about || :about"
            " where request_id = :id"
        ),
        {"id": request_id, "state": state, "by": decided_by, "now": now, "about": Jsonb(dict(about))},
    )


def end_request(connection: Connection, request_id: int, ended_by: str, now: datetime) -> None:
    """What was in force is lifted."""
    connection.execute(
        text("update privacy_request set state = 'lifted', ended_by = :by, ended_at = :now where request_id = :id"),
        {"id": request_id, "by": ended_by, "now": now},
    )


def find_request(connection: Connection, request_id: int, *, locked: bool = False) -> PrivacyRequest | None:
    """One of them; `locked` until the end of the transaction, for what is decided on it."""
    lock = " for update" if locked else ""
    row = connection.execute(
        text(f"select {COLUMNS} from privacy_request where request_id = :id{lock}"),  # noqa: S608
        {"id": request_id},
    ).one_or_none()
    return None if row is None else PrivacyRequest(*row)


@dataclass(frozen=True, slots=True)
class RequestFilter:
    """What a list of requests is narrowed by; None: not narrowed."""

    kind: str | None = None
    state: str | None = None
    profile_id: UUID | None = None
    before: int | None = None


def list_requests(connection: Connection, wanted: RequestFilter, limit: int) -> list[PrivacyRequest]:
    """The newest first."""
    conditions = {
        "kind": ("kind = :kind", wanted.kind),
        "state": ("state = :state", wanted.state),
        "profile": ("profile_id = :profile", wanted.profile_id),
        "before": ("request_id < :before", wanted.before),
    }
    given = {name: each for name, each in conditions.items() if each[1] is not None}
    where = "".join(f" and {condition}" for condition, _ in given.values())
    rows = connection.execute(
        text(f"select {COLUMNS} from privacy_request where true{where} order by request_id desc limit :limit"),  # noqa: S608
        {name: value for name, (_, value) in given.items()} | {"limit": limit},
    )
    return [PrivacyRequest(*row) for row in rows]


def erasure_waiting(connection: Connection, record_id: int) -> int | None:
    """The erasure that waits for the officer, of a record that had no profile when it was demanded."""
    return connection.execute(
        text(
            "select request_id from privacy_request where kind = 'erasure' and state = 'asked' and profile_id is null"
            " and about -> 'records' @> to_jsonb(cast(:record_id as bigint)) limit 1"
        ),
        {"record_id": record_id},
    ).scalar()
