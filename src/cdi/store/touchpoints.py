"""The journey and the consents: dated facts that belong to a customer record by its source's key, or by the
sparse record that a bare phone number or address makes."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final
from uuid import UUID

import orjson
from sqlalchemy import BigInteger, Column, Connection, ForeignKey, Identity, Index, Table, Text
from sqlalchemy.dialects.postgresql import JSONB

from cdi.access import Visibility
from cdi.store.db import copy_rows, metadata, text
from cdi.store.sources import TIME

touchpoint = Table(
    "touchpoint",
    metadata,
    Column("record_id", BigInteger, ForeignKey("record.record_id"), primary_key=True, autoincrement=False),
    Column("source", Text, nullable=False),
    Column("customer_key", Text, nullable=False),
    Column("type", Text, nullable=False),
    Column("channel", Text, nullable=False),
    Column("at", TIME, nullable=False),
    Column("document", JSONB, nullable=False),
    Index(None, "source", "customer_key", "at"),
)

touchpoint_closing = Table(
    "touchpoint_closing",
    metadata,
    Column("closing_id", BigInteger, Identity(always=True), primary_key=True),
    Column("record_id", BigInteger, ForeignKey("record.record_id"), nullable=False),
    Column("author", Text, nullable=False),
    Column("outcome", Text, nullable=False),
    Column("at", TIME, nullable=False),
    Index(None, "record_id"),
)

consent = Table(
    "consent",
    metadata,
    Column("record_id", BigInteger, ForeignKey("record.record_id"), primary_key=True, autoincrement=False),
    Column("source", Text, nullable=False),
    Column("customer_key", Text, nullable=False),
    Column("purpose", Text, nullable=False),
    Column("channel", Text, nullable=False),
    Column("status", Text, nullable=False),
    Column("at", TIME),
    Column("document", JSONB, nullable=False),
    Index(None, "source", "customer_key"),
)


def replace_touchpoints(
    connection: Connection,
    source: str,
    rows: Sequence[tuple[int, str, datetime, dict[str, Any]]],
    gone: Sequence[int],
) -> None:
    """Each row: (record id, customer key, at, document with type and channel)."""
    _forget(connection, "touchpoint", [*gone, *(row[0] for row in rows)])
    copy_rows(
        connection,
        "touchpoint",
        ("record_id", "source", "customer_key", "type", "channel", "at", "document"),
        (
            (record_id, source, key, d["type"], d["channel"], at, orjson.dumps(d).decode())
            for record_id, key, at, d in rows
        ),
    )


def replace_consents(
    connection: Connection,
    source: str,
    rows: Sequence[tuple[int, str, datetime | None, dict[str, Any]]],
    gone: Sequence[int],
) -> None:
    """Each row: (record id, customer key, at, document with purpose, channel and status)."""
    _forget(connection, "consent", [*gone, *(row[0] for row in rows)])
    copy_rows(
        connection,
        "consent",
        ("record_id", "source", "customer_key", "purpose", "channel", "status", "at", "document"),
        (
            (record_id, source, key, d["purpose"], d["channel"], d["status"], at, orjson.dumps(d).decode())
            for record_id, key, at, d in rows
        ),
    )


def _forget(connection: Connection, table: str, record_ids: Sequence[int]) -> None:
    connection.execute(
        text(f"delete from {table} where record_id = any(cast(:ids as bigint[]))"),  # noqa: S608  fixed names
        {"ids": list(record_ids)},
    )


CARRIED = """
from membership m
join record r on r.record_id = m.record_id or r.replaced_by = m.record_id
join touchpoint t on t.source = r.source and t.customer_key = r.key
"""

# What a source says later than a closing outweighs it: a request may be opened again.
STANDING = """
join record said on said.record_id = t.record_id
left join lateral (
    select c.author, c.outcome, c.at from touchpoint_closing c
    where c.record_id = t.record_id and c.at >= said.observed_at order by c.closing_id desc limit 1
) closing on true
"""

TOLD = """
t.record_id, t.source, said.key, said.stream, t.type, t.channel, t.at, t.document,
closing.author as closed_by, closing.outcome, closing.at as closed_at,
closing.at is null and t.type = any(cast(:answerable as text[]))
    and not lower(coalesce(t.document ->> 'state', '')) = any(cast(:over as text[])) as open
"""

ANSWERABLE: Final = ("request", "ticket")
"""The types of touchpoint that somebody must see to, so that they are open until they are closed."""
OVER: Final = ("closed", "solved", "resolved", "done", "completed", "fulfilled", "cancelled", "canceled", "rejected")
"""What sources call the state of one that is closed."""


@dataclass(frozen=True, slots=True)
class Place:
    """A place in a journey: the next page begins after it."""

    at: datetime
    touchpoint_id: int


@dataclass(frozen=True, slots=True)
class JourneyFilter:
    """What a journey is narrowed by; None: not narrowed."""

    channel: str | None = None
    type: str | None = None
    since: datetime | None = None
    until: datetime | None = None  # before that time
    only_open: bool = False
    after: Place | None = None


@dataclass(frozen=True, slots=True)
class Touchpoint:
    """A dated interaction; `closing` says who closed it, how and when, if anybody did here."""

    touchpoint_id: int
    source: str
    key: str
    stream: str
    type: str
    channel: str
    at: datetime
    document: dict[str, Any]
    open: bool
    closing: tuple[str, str, datetime] | None


JOURNEY = f"""
select * from (
    select {TOLD} {CARRIED} {STANDING}
    where m.profile_id = :profile and not t.source = any(cast(:hidden as text[]))
    and (cast(:channel as text) is null or t.channel = :channel)
    and (cast(:type as text) is null or t.type = :type)
    and (cast(:since as timestamptz) is null or t.at >= :since)
    and (cast(:until as timestamptz) is null or t.at < :until)
    and (cast(:after_at as timestamptz) is null or (t.at, t.record_id) < (:after_at, :after_id))
) told
where open or not :only_open order by at desc, record_id desc limit :limit
"""  # noqa: S608  fixed parts


def journey(
    connection: Connection, visibility: Visibility, profile_id: UUID, narrowed: JourneyFilter, limit: int
) -> list[Touchpoint]:
    """The touchpoints of a profile over all its records, newest first."""
    after = narrowed.after
    rows = connection.execute(
        text(JOURNEY),
        {
            "profile": profile_id,
            "hidden": sorted(visibility.hidden_sources),
            "channel": narrowed.channel,
            "type": narrowed.type,
            "since": narrowed.since,
            "until": narrowed.until,
            "after_at": after.at if after else None,
            "after_id": after.touchpoint_id if after else None,
            "only_open": narrowed.only_open,
            "answerable": list(ANSWERABLE),
            "over": list(OVER),
            "limit": limit,
        },
    )
    return [_touchpoint(row) for row in rows]


def _touchpoint(row: Any) -> Touchpoint:
    closing = None if row.closed_at is None else (row.closed_by, row.outcome, row.closed_at)
    return Touchpoint(
        row.record_id, row.source, row.key, row.stream, row.type, row.channel, row.at, row.document, row.open, closing
    )


def find_touchpoint(
    connection: Connection, visibility: Visibility, touchpoint_id: int, *, lock: bool = False
) -> Touchpoint | None:
    """The touchpoint with this id, if the caller may see its source; with `lock` nobody else closes it meanwhile."""
    row = connection.execute(
        text(
            f"select {TOLD} from touchpoint t {STANDING} where t.record_id = :id"  # noqa: S608  fixed parts
            f" and not t.source = any(cast(:hidden as text[])) {'for update of t' if lock else ''}"
        ),
        {
            "id": touchpoint_id,
            "hidden": sorted(visibility.hidden_sources),
            "answerable": list(ANSWERABLE),
            "over": list(OVER),
        },
    ).one_or_none()
    return None if row is None else _touchpoint(row)


def homes(connection: Connection, touchpoint_id: int) -> list[UUID]:
    """The profiles of the customer records that this touchpoint is about."""
    rows = connection.execute(
        text(f"select distinct m.profile_id {CARRIED} where t.record_id = :id"),
        {"id": touchpoint_id},
    )
    return list(rows.scalars())


def save_closing(connection: Connection, touchpoint_id: int, author: str, outcome: str, now: datetime) -> None:
    """Append that somebody closed it."""
    connection.execute(
        text("insert into touchpoint_closing (record_id, author, outcome, at) values (:id, :author, :outcome, :now)"),
        {"id": touchpoint_id, "author": author, "outcome": outcome, "now": now},
    )


@dataclass(frozen=True, slots=True)
class ChannelUse:
    """How a customer used a channel by their own choice: how often, when last, and how much that weighs now, when a
    contact of a year ago counts half."""

    channel: str
    weight: float
    touchpoints: int
    last_at: datetime


CHANNELS_USED = f"""
select t.channel, count(*) as n, max(t.at) as last_at,
    sum(power(0.5, greatest(extract(epoch from cast(:now as timestamptz) - t.at), 0) / 31557600)) as weight
{CARRIED}
where m.profile_id = :profile and not t.source = any(cast(:hidden as text[]))
and coalesce(t.document ->> 'direction', 'inbound') <> 'outbound'
group by t.channel order by weight desc, t.channel
"""  # noqa: S608  fixed parts


def channels_used(connection: Connection, visibility: Visibility, profile_id: UUID, now: datetime) -> list[ChannelUse]:
    """The channels on which this customer came to us, the preferred one first. What we sent says nothing of it."""
    rows = connection.execute(
        text(CHANNELS_USED), {"profile": profile_id, "hidden": sorted(visibility.hidden_sources), "now": now}
    )
    return [ChannelUse(row.channel, float(row.weight), row.n, row.last_at) for row in rows]


OUTBOUND = f"""
select t.channel, t.at, t.document ->> 'purpose' as purpose {CARRIED}
where m.profile_id = :profile and t.at > :since and t.document ->> 'direction' = 'outbound'
order by t.at
"""


def contacts_since(connection: Connection, profile_id: UUID, since: datetime) -> list[tuple[str, datetime, str | None]]:
    """(channel, time, purpose if it is known) of each time that we contacted this customer, the oldest first. All
    count, whoever asks: a cap protects the customer."""
    rows = connection.execute(text(OUTBOUND), {"profile": profile_id, "since": since})
    return [(row.channel, row.at, row.purpose) for row in rows]


CONSENTS = """
select r.record_id as customer, r.source, r.key, c.purpose, c.channel, c.status, c.at, said.observed_at, c.document
from membership m
join record r on r.record_id = m.record_id or r.replaced_by = m.record_id
join consent c on c.source = r.source and c.customer_key = r.key
join record said on said.record_id = c.record_id
where m.profile_id = :profile
union all
select r.record_id, r.source, r.key, w.purpose, w.channel, w.status, w.at, w.recorded_at, w.document
from membership m
join record r on r.record_id = m.record_id or r.replaced_by = m.record_id
join consent_word w on w.record_id = r.record_id
where m.profile_id = :profile order by purpose, channel, source, customer, at
"""
"""What sources say, and what customers said to us."""


@dataclass(frozen=True, slots=True)
class StoredConsent:
    """What the source of a customer record says of a consent; `document` holds its proof."""

    customer: int
    source: str
    key: str
    purpose: str
    channel: str
    status: str
    at: datetime
    document: dict[str, Any]


def load_consents(connection: Connection, profile_id: UUID) -> list[StoredConsent]:
    """What all records of a profile say of consents. A refusal protects the customer whoever asks, so this reading
    takes no visibility: what is told of it does."""
    rows = connection.execute(text(CONSENTS), {"profile": profile_id})
    return [
        StoredConsent(r.customer, r.source, r.key, r.purpose, r.channel, r.status, r.at or r.observed_at, r.document)
        for r in rows
    ]


COUNTS = """
select profile_id, sum(touchpoints) as touchpoints, sum(consents) as consents from (
    select m.profile_id,
        (select count(*) from touchpoint t where t.source = r.source and t.customer_key = r.key) as touchpoints,
        (select count(*) from consent c where c.source = r.source and c.customer_key = r.key) as consents
    from membership m join record r on r.record_id = m.record_id or r.replaced_by = m.record_id
    where m.profile_id = any(cast(:ids as uuid[])) and not r.source = any(cast(:hidden as text[]))
) carried group by profile_id
"""


def count_by_profile(
    connection: Connection, visibility: Visibility, profile_ids: Sequence[UUID]
) -> dict[UUID, tuple[int, int]]:
    """How many touchpoints and consents each of these profiles carries."""
    rows = connection.execute(text(COUNTS), {"ids": list(profile_ids), "hidden": sorted(visibility.hidden_sources)})
    return {row.profile_id: (int(row.touchpoints), int(row.consents)) for row in rows}
