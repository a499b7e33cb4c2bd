"""Values that stewards pinned: each is anchored to a record, so that it has a place after a merge or split, and goes
along when the source replaces that record by another.

A pin is revoked, never edited; one with an end date ends by itself. One that rectifies what a record says is revoked
when the record says something else there.
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
    Column("while_version", BigInteger),  # stands while its record says there what it said in this version
    Column("request_id", BigInteger, ForeignKey("privacy_request.request_id")),  # the rectification that it is part of
    Index(None, "record_id"),
    Index("ix_pin_request_id", "request_id", postgresql_where=text("request_id is not null and revoked_at is null")),
)


def save_pin(connection: Connection, pinned: Pin, rectifies: int | None = None) -> int:
    """Append a pin; its id. One that is part of a rectification, `rectifies`, stands until its record says something
    else there than it says now."""
    return int(
        connection.execute(
            text(
                "insert into pin (record_id, attribute, value, author, reason, at, until, request_id, while_version)"
                " values (:record, :attribute, cast(:value as jsonb), :author, :reason, :at, :until, :request,"
                " (select version_id from record where record_id = :record and cast(:request as bigint) is not null))"
                " returning pin_id"
            ),
            {
                "record": pinned.record_id,
                "attribute": pinned.attribute,
                "value": orjson.dumps(pinned.value).decode(),
                "author": pinned.author,
                "reason": pinned.reason,
                "at": pinned.at,
                "until": pinned.until,
                "request": rectifies,
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


def is_rectified(connection: Connection, record_ids: Sequence[int], attribute: str) -> bool:
    """Whether a rectification of this attribute is in force on one of these records."""
    return bool(
        connection.execute(
            text(
                f"select exists (select from pin join ({ANCHORED}) a on a.anchor = pin.record_id"  # noqa: S608
                " where attribute = :attribute and request_id is not null and revoked_at is null)"
            ),
            {"ids": list(record_ids), "attribute": attribute},
        ).scalar_one()
    )


SAID = """case when p.attribute like 'attributes.%'
    then {0}.canonical -> 'attributes' -> substr(p.attribute, length('attributes.') + 1)
    else {0}.canonical -> p.attribute end"""
RECTIFIED = f"""
update pin p set revoked_at = :now, revoked_by = 'source:' || r.source
from record anchor join record r on r.record_id = coalesce(anchor.replaced_by, anchor.record_id)
left join meaning m on m.version_id = r.version_id
where p.request_id is not null and p.revoked_at is null and anchor.record_id = p.record_id
and r.record_id = any(cast(:ids as bigint[])) and (not r.live or m.version_id is not null
    and {SAID.format("m")} is distinct from
        (select {SAID.format("w")} from meaning w where w.version_id = p.while_version))
"""  # noqa: S608
ENDED = """
update privacy_request q set state = 'lifted', ended_at = :now,
    ended_by = coalesce((select revoked_by from pin p where p.request_id = q.request_id
        order by revoked_at desc limit 1), 'retention')
where kind = 'rectification' and state = 'in_force'
and not exists (select from pin p where p.request_id = q.request_id and p.revoked_at is null)
"""


def end_rectified(connection: Connection, record_ids: Sequence[int], now: datetime) -> None:
    """What these records say something else of now is pinned no longer, and a rectification of which no pin stands
    (the last may have been taken back, or be kept no longer) has ended."""
    for statement in (RECTIFIED, ENDED):
        connection.execute(text(statement), {"ids": list(record_ids), "now": now})


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
