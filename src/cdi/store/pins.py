"""Values that stewards pinned: each is anchored to a record, so that it has a place after a merge or split, and goes
along when the source replaces that record by another.

A pin is revoked, never edited; one with an end date ends by itself.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import orjson
from sqlalchemy import BigInteger, Column, Connection, ForeignKey, Identity, Index, Table, Text
from sqlalchemy.dialects.postgresql import JSONB

from cdi.resolution.survivorship import Pin
from cdi.store.db import metadata, text
from cdi.store.records import ANCHORED
from cdi.store.sources import TIME

pin = Table(
    "pin",
    metadata,
    Column("pin_id", BigInteger, Identity(always=True), primary_key=True),
    Column("record_id", BigInteger, ForeignKey("record.record_id"), nullable=False),
    Column("attribute", Text, nullable=False),
    Column("value", JSONB, nullable=False),
    Column("author", Text, nullable=False),
    Column("reason", Text, nullable=False),
    Column("at", TIME, nullable=False),
    Column("until", TIME),
    Column("revoked_at", TIME),
    Column("revoked_by", Text),
    Index(None, "record_id"),
)


def save_pin(connection: Connection, pinned: Pin) -> int:
    """Append a pin; its id."""
    return int(
        connection.execute(
            text(
                "insert into pin (record_id, attribute, value, author, reason, at, until)"
                " values (:record, :attribute, cast(:value as jsonb), :author, :reason, :at, :until) returning pin_id"
            ),
            {
                "record": pinned.record_id,
                "attribute": pinned.attribute,
                "value": orjson.dumps(pinned.value).decode(),
                "author": pinned.author,
                "reason": pinned.reason,
                "at": pinned.at,
                "until": pinned.until,
            },
        ).scalar_one()
    )


def revoke_pins(connection: Connection, record_ids: Sequence[int], attribute: str, author: str, now: datetime) -> int:
    """Take back what is pinned for this attribute on these records; how many pins that were."""
    result = connection.execute(
        text(
            f"update pin set revoked_at = :now, revoked_by = :author from ({ANCHORED}) a"  # noqa: S608
            " where pin.record_id = a.anchor and attribute = :attribute"
            " and revoked_at is null and (until is null or until > :now)"
        ),
        {"ids": list(record_ids), "attribute": attribute, "author": author, "now": now},
    )
    return int(result.rowcount)


def load_pins(connection: Connection, record_ids: Sequence[int], at: datetime) -> list[Pin]:
    """The pins on these records that are live at this time, oldest first."""
    rows = connection.execute(
        text(
            "select attribute, value, a.record_id, author, reason, at, until"  # noqa: S608
            f" from pin join ({ANCHORED}) a on a.anchor = pin.record_id where at <= :at"
            " and (until is null or until > :at) and (revoked_at is null or revoked_at > :at) order by pin_id"
        ),
        {"ids": list(record_ids), "at": at},
    )
    return [Pin(*row) for row in rows]


@dataclass(frozen=True, slots=True)
class StoredPin:
    """A pin with what became of it."""

    pin_id: int
    pin: Pin
    revoked_at: datetime | None
    revoked_by: str | None


def list_pins(connection: Connection, record_ids: Sequence[int]) -> list[StoredPin]:
    """All pins ever set on these records, newest first."""
    rows = connection.execute(
        text(
            "select pin_id, attribute, value, record_id, author, reason, at, until, revoked_at, revoked_by from pin"
            " where record_id = any(cast(:ids as bigint[])) order by pin_id desc"
        ),
        {"ids": list(record_ids)},
    )
    return [_stored(row) for row in rows]


def _stored(row: Any) -> StoredPin:
    pinned = Pin(row.attribute, row.value, row.record_id, row.author, row.reason, row.at, row.until)
    return StoredPin(row.pin_id, pinned, row.revoked_at, row.revoked_by)
