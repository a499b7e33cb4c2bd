"""Links by which customers open the view of their own data, and the session that each opens once.

Of tokens only hashes are kept. A link is for the records that its profile had when it was made: who else's records come
to be in that profile later is none of this customer's business.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from sqlalchemy import BigInteger, Column, Connection, Identity, LargeBinary, Table, Text, Uuid
from sqlalchemy.dialects.postgresql import ARRAY

from cdi.store.db import metadata, text
from cdi.store.sources import TIME

customer_link = Table(
    "customer_link",
    metadata,
    Column("link_id", BigInteger, Identity(always=True), primary_key=True),
    Column("hash", LargeBinary, nullable=False, unique=True),
    Column("profile_id", Uuid, nullable=False),
    Column("record_ids", ARRAY(BigInteger), nullable=False),
    Column("made_by", Text, nullable=False),
    Column("made_at", TIME, nullable=False),
    Column("expires_at", TIME, nullable=False, index=True),
    Column("opened_at", TIME),  # set once: it does not open again
    Column("session", LargeBinary, unique=True),  # a hash of what the browser holds; null: none, or it has ended
    Column("session_until", TIME),
    Column("shut_at", TIME),  # the profile is no longer what it was: it opens for nobody
)


@dataclass(frozen=True, slots=True)
class CustomerLink:
    """Whose view it opens; `record_ids`, ascending, are what that customer was when it was made."""

    link_id: int
    profile_id: UUID
    record_ids: Sequence[int]
    session_until: datetime | None = None


COLUMNS = "link_id, profile_id, record_ids, session_until"


def save_link(
    connection: Connection,
    kept: bytes,
    profile_id: UUID,
    made_by: str,
    now: datetime,
    expires_at: datetime,
) -> int:
    """Its id; it is for the records that the profile has now. Links that can open nothing any more are forgotten."""
    connection.execute(
        text("delete from customer_link where expires_at < :now and coalesce(session_until, :now) <= :now"),
        {"now": now},
    )
    return int(
        connection.execute(
            text(
                "insert into customer_link (hash, profile_id, record_ids, made_by, made_at, expires_at)"
                " select :hash, :profile, coalesce(array_agg(record_id order by record_id), '{}'), :by, :now,"
                " :expires_at from membership where profile_id = :profile returning link_id"
            ),
            {
                "hash": kept,
                "profile": profile_id,
                "by": made_by,
                "now": now,
                "expires_at": expires_at,
            },
        ).scalar_one()
    )


def open_link(
    connection: Connection, kept: bytes, session: bytes, now: datetime, until: datetime
) -> CustomerLink | None:
    """Use the link up for this session; None if it is unknown, used, expired or shut. Of two at once one has it."""
    row = connection.execute(
        text(
            "update customer_link set opened_at = :now, session = :session, session_until = :until"  # noqa: S608
            " where hash = :hash and opened_at is null and shut_at is null and expires_at > :now"
            f" returning {COLUMNS}"
        ),
        {"hash": kept, "session": session, "now": now, "until": until},
    ).one_or_none()
    return None if row is None else CustomerLink(*row)


def find_session(connection: Connection, session: bytes, now: datetime) -> CustomerLink | None:
    """The link whose session this is; None if it is over."""
    row = connection.execute(
        text(f"select {COLUMNS} from customer_link where session = :session and session_until > :now"),  # noqa: S608
        {"session": session, "now": now},
    ).one_or_none()
    return None if row is None else CustomerLink(*row)


def end_session(connection: Connection, link_id: int) -> None:
    """Nobody sees anything by this link any more."""
    connection.execute(text("update customer_link set session = null where link_id = :id"), {"id": link_id})


def shut_link(connection: Connection, link_id: int, now: datetime) -> bool:
    """The link and its session are over because the profile changed; whether that is news."""
    row = connection.execute(
        text(
            "update customer_link set session = null, shut_at = :now where link_id = :id and shut_at is null"
            " returning link_id"
        ),
        {"id": link_id, "now": now},
    ).one_or_none()
    return row is not None
