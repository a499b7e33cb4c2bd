"""Values that stewards pinned: each is anchored to a record, so that it has a place after a merge or split, and goes
along when the source replaces that record by another.

A pin is revoked, never edited; one with an end date ends by itself.
"""

from collections.abc import Sequence
from datetime import datetime

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
