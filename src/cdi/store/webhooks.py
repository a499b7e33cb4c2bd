"""Subscriptions to the change feed, and the deliveries that wait.

A delivery is a row from the moment at which the feed was read for its subscription until the receiver has taken it;
the cursor moves in the same transaction. So nothing is forgotten, and at any moment the rows and the cursor together
say what is still to be delivered. Rows are made a bounded number ahead: the feed itself is the queue.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final
from uuid import UUID

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Connection,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    Table,
    Text,
    Uuid,
)
from sqlalchemy import text as parsed
from sqlalchemy.dialects.postgresql import ARRAY

from cdi.store.changes import FeedFilter
from cdi.store.db import as_columns, metadata, text
from cdi.store.sources import TIME

webhook = Table(
    "webhook",
    metadata,
    Column("webhook_id", Uuid, primary_key=True),
    Column("url", Text, nullable=False),
    Column("types", ARRAY(Text)),
    Column("owners", ARRAY(Text)),
    Column("sources", ARRAY(Text)),
    Column("made_by", Text, nullable=False),  # `key:NAME` or `token:NAME`
    Column("role", Text, nullable=False),
    Column("sensitive", Boolean, nullable=False),
    Column("purposes", ARRAY(Text)),
    Column("grants", ARRAY(Text)),  # of cdi.yaml, by which a token made it
    Column("created_at", TIME, nullable=False),
    Column("generation", Integer, nullable=False),  # of its secret: moves with each rotation
    Column("rotated_at", TIME),
    Column("fingerprint", LargeBinary, nullable=False),  # of the key that its secret was derived from
    Column("cursor", BigInteger, nullable=False),  # how far the feed has become rows
    Column("delivered", BigInteger, nullable=False),
    Column("delivered_at", TIME),
    Column("failures", Integer, nullable=False),  # in a row, over all its deliveries
    Column("rests_until", TIME),
    Column("trouble", Text),
)

webhook_delivery = Table(
    "webhook_delivery",
    metadata,
    Column("webhook_id", Uuid, ForeignKey("webhook.webhook_id", ondelete="CASCADE"), primary_key=True),
    Column("cursor", BigInteger, primary_key=True, autoincrement=False),
    Column("profile_id", Uuid, nullable=False),
    Column("attempts", Integer, nullable=False),
    Column("due_at", TIME, nullable=False),
    Column("first_tried_at", TIME),
    Column("dead_at", TIME),
    Column("error", Text),
    Index(
        "ix_webhook_delivery_profile", "webhook_id", "profile_id", "cursor", postgresql_where=parsed("dead_at is null")
    ),
    Index("ix_webhook_delivery_due", "webhook_id", "due_at", postgresql_where=parsed("dead_at is null")),
)

AHEAD: Final = 5_000
"""Deliveries of one subscription that are rows at once."""


@dataclass(frozen=True, slots=True)
class Subscription:
    """Who gets what, by whose rights, and how it goes."""

    webhook_id: UUID
    url: str
    wanted: FeedFilter
    made_by: str
    role: str
    sensitive: bool
    purposes: Sequence[str] | None
    grants: Sequence[str] | None
    created_at: datetime
    generation: int
    rotated_at: datetime | None
    fingerprint: bytes
    cursor: int
    delivered: int = 0
    delivered_at: datetime | None = None
    failures: int = 0
    rests_until: datetime | None = None
    trouble: str | None = None


COLUMNS: Final = (
    "webhook_id, url, types, owners, sources, made_by, role, sensitive, purposes, grants, created_at, generation,"
    " rotated_at, fingerprint, cursor, delivered, delivered_at, failures, rests_until, trouble"
)

STANDING: Final = """(
    case when w.made_by like 'key:%' then exists (select from api_key k where 'key:' || k.name = w.made_by
        and k.revoked_at is null and (k.expires_at is null or k.expires_at > :now))
    else coalesce(w.grants && cast(:grants as text[]), false) end)"""
"""Whoever subscribed may still ask: their key is neither revoked nor expired; of the grants that let their token in one
stands in cdi.yaml still (`:grants`)."""

HEAD: Final = """d.dead_at is null and d.due_at <= :now and not exists (
    select from webhook_delivery e where e.webhook_id = d.webhook_id and e.profile_id = d.profile_id
    and e.cursor < d.cursor and e.dead_at is null)"""
"""A delivery that is due, and before which nothing waits for its profile."""


def add_subscription(connection: Connection, subscription: Subscription) -> None:
    connection.execute(
        text(
            f"insert into webhook ({COLUMNS}) values (:webhook_id, :url, :types, :owners, :sources, :made_by,"  # noqa: S608
            " :role, :sensitive, :purposes, :grants, :created_at, :generation, null, :fingerprint, :cursor,"
            " 0, null, 0, null, null)"
        ),
        {
            "webhook_id": subscription.webhook_id,
            "url": subscription.url,
            "types": _array(subscription.wanted.types),
            "owners": _array(subscription.wanted.owners),
            "sources": _array(subscription.wanted.sources),
            "made_by": subscription.made_by,
            "role": subscription.role,
            "sensitive": subscription.sensitive,
            "purposes": _array(subscription.purposes),
            "grants": _array(subscription.grants),
            "created_at": subscription.created_at,
            "generation": subscription.generation,
            "fingerprint": subscription.fingerprint,
            "cursor": subscription.cursor,
        },
    )


def _array(words: Sequence[str] | None) -> list[str] | None:
    return None if words is None else list(words)


def subscriptions(connection: Connection, made_by: str | None = None) -> list[Subscription]:
    """All subscriptions, or those of one maker, the oldest first."""
    rows = connection.execute(
        text(
            f"select {COLUMNS} from webhook"  # noqa: S608
            " where cast(:made_by as text) is null or made_by = :made_by order by webhook_id"
        ),
        {"made_by": made_by},
    )
    return [_subscription(row) for row in rows]


def find_subscription(connection: Connection, webhook_id: UUID, *, lock: bool = False) -> Subscription | None:
    """This subscription; with `lock` nobody else changes it until the end of the transaction."""
    row = connection.execute(
        text(f"select {COLUMNS} from webhook where webhook_id = :id" + (" for update" if lock else "")),  # noqa: S608
        {"id": webhook_id},
    ).one_or_none()
    return None if row is None else _subscription(row)


def _subscription(row: Any) -> Subscription:
    wanted = FeedFilter(row.types, row.owners, row.sources)
    return Subscription(row.webhook_id, row.url, wanted, *row[5:])


def standing_subscriptions(connection: Connection, grants: Sequence[str], now: datetime) -> list[Subscription]:
    """Those whose maker may still ask, with these grants in cdi.yaml, and whose receiver does not rest."""
    rows = connection.execute(
        text(
            f"select {COLUMNS} from webhook w"  # noqa: S608
            f" where (rests_until is null or rests_until <= :now) and {STANDING} order by webhook_id"
        ),
        {"now": now, "grants": list(grants)},
    )
    return [_subscription(row) for row in rows]


def stands(connection: Connection, subscription: Subscription, grants: Sequence[str], now: datetime) -> bool:
    """Whether whoever made it may still ask, with these grants in cdi.yaml."""
    found = connection.execute(
        text(f"select {STANDING} from webhook w where webhook_id = :id"),  # noqa: S608
        {"now": now, "grants": list(grants), "id": subscription.webhook_id},
    )
    return bool(found.scalar())


def remove_subscription(connection: Connection, webhook_id: UUID) -> None:
    """It and all that waits for it."""
    connection.execute(text("delete from webhook where webhook_id = :id"), {"id": webhook_id})


def rotate_secret(connection: Connection, webhook_id: UUID, fingerprint: bytes, now: datetime) -> int:
    """The secret's next generation."""
    return int(
        connection.execute(
            text(
                "update webhook set generation = generation + 1, fingerprint = :fingerprint, failures = 0,"
                " rests_until = null, trouble = null, rotated_at = case when fingerprint = :fingerprint"
                " then cast(:now as timestamptz) end where webhook_id = :id returning generation"
            ),
            {"id": webhook_id, "fingerprint": fingerprint, "now": now},
        ).scalar_one()
    )


def go_on_from(connection: Connection, webhook_id: UUID, cursor: int) -> None:
    """What follows this cursor is delivered (again), whatever was; dead letters stay."""
    connection.execute(
        text("delete from webhook_delivery where webhook_id = :id and dead_at is null"), {"id": webhook_id}
    )
    connection.execute(
        text("update webhook set cursor = :cursor, failures = 0, rests_until = null where webhook_id = :id"),
        {"id": webhook_id, "cursor": cursor},
    )


# -- what waits --------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Backlog:
    """What waits for a subscription: rows, events that are no rows yet (whether wanted or not), dead letters, and since
    when the oldest row has waited."""

    waiting: int
    ahead: int
    dead: int
    oldest: datetime | None


def backlogs(connection: Connection, ids: Collection[UUID]) -> dict[UUID, Backlog]:
    """What waits for each of these subscriptions."""
    rows = connection.execute(
        text(
            """
            select w.webhook_id, count(d.cursor) filter (where d.dead_at is null) as waiting,
                (select last from feed_counter where single) - w.cursor as ahead,
                count(d.cursor) filter (where d.dead_at is not null) as dead,
                min(f.at) filter (where d.dead_at is null) as oldest
            from webhook w left join webhook_delivery d using (webhook_id) left join feed f on f.cursor = d.cursor
            where w.webhook_id = any(cast(:ids as uuid[])) group by w.webhook_id
            """
        ),
        {"ids": list(ids)},
    )
    return {row.webhook_id: Backlog(*row[1:]) for row in rows}


def anything_due(connection: Connection, grants: Sequence[str], now: datetime) -> bool:
    """Whether some subscription that stands with these grants has something to be delivered now, or feed to be read."""
    return bool(
        connection.execute(
            text(
                f"""
                select exists (select from webhook w
                    where (rests_until is null or rests_until <= :now) and {STANDING} and (
                        exists (select from webhook_delivery d where d.webhook_id = w.webhook_id and {HEAD})
                        or (w.cursor < (select last from feed_counter where single) and :ahead > (
                            select count(*) from webhook_delivery d
                            where d.webhook_id = w.webhook_id and d.dead_at is null))))
                """  # noqa: S608
            ),
            {"now": now, "grants": list(grants), "ahead": AHEAD},
        ).scalar_one()
    )


def room_ahead(connection: Connection, webhook_id: UUID) -> int:
    """How many more deliveries may become rows."""
    waiting = connection.execute(
        text("select count(*) from webhook_delivery where webhook_id = :id and dead_at is null"), {"id": webhook_id}
    )
    return AHEAD - int(waiting.scalar_one())


def add_deliveries(
    connection: Connection, webhook_id: UUID, changes: Sequence[dict[str, Any]], cursor: int, now: datetime
) -> None:
    """These events of the feed wait from now on, and the subscription has read as far as `cursor`. One that died
    before stays dead."""
    if changes:
        connection.execute(
            text(
                """
                insert into webhook_delivery (webhook_id, cursor, profile_id, attempts, due_at)
                select :id, cursor, profile_id, 0, :now
                from unnest(cast(:cursor as bigint[]), cast(:profile_id as uuid[])) as c(cursor, profile_id)
                on conflict do nothing
                """
            ),
            {
                "id": webhook_id,
                "now": now,
                **as_columns(("cursor", "profile_id"), ((c["cursor"], c["profile_id"]) for c in changes)),
            },
        )
    connection.execute(
        text("update webhook set cursor = :cursor where webhook_id = :id"), {"id": webhook_id, "cursor": cursor}
    )


@dataclass(frozen=True, slots=True)
class Delivery:
    """One event for one subscription, with the event as the feed tells it; if it was given up, when."""

    webhook_id: UUID
    cursor: int
    attempts: int
    first_tried_at: datetime | None
    sources: frozenset[str]
    change: dict[str, Any]
    dead_at: datetime | None = None
    error: str | None = None

    @property
    def profile_id(self) -> UUID:
        found: UUID = self.change["profile_id"]
        return found


DELIVERIES: Final = """
select d.webhook_id, d.cursor, d.attempts, d.first_tried_at, f.sources, f.type, f.profile_id, f.other_ids, f.version,
    f.attributes, f.data_owner, f.at, d.dead_at, d.error
from webhook_delivery d join feed f using (cursor, profile_id)
"""


# One walk over what waits, profile by profile: to ask of each whether another is before it takes ten times as long.
NEXT: Final = """
with first as materialized (
    select distinct on (profile_id) cursor, due_at from webhook_delivery
    where webhook_id = :id and dead_at is null order by profile_id, cursor
)
select cursor from first where due_at <= :now and cursor <> all(cast(:but as bigint[]))
order by due_at, cursor limit :limit
"""


def due_deliveries(
    connection: Connection, webhook_id: UUID, now: datetime, limit: int, but: Collection[int]
) -> list[Delivery]:
    """The next deliveries of a subscription, at most one a profile, without those that are on their way."""
    parameters = {"id": webhook_id, "now": now, "limit": limit, "but": list(but)}
    cursors = list(connection.execute(text(NEXT), parameters).scalars())
    rows = connection.execute(
        text(DELIVERIES + "where d.webhook_id = :id and d.cursor = any(cast(:cursors as bigint[]))"),
        {"id": webhook_id, "cursors": cursors},
    )
    place = {cursor: n for n, cursor in enumerate(cursors)}
    return sorted((_delivery(row) for row in rows), key=lambda delivery: place[delivery.cursor])


def _delivery(row: Any) -> Delivery:
    names = ("cursor", "type", "profile_id", "other_ids", "version", "attributes", "data_owner", "at")
    change = {name: getattr(row, name) for name in names}
    state = (row.attempts, row.first_tried_at, frozenset(row.sources), change, row.dead_at, row.error)
    return Delivery(row.webhook_id, row.cursor, *state)


def taken(connection: Connection, webhook_id: UUID, cursors: Sequence[int], now: datetime) -> None:
    """The receiver has these."""
    connection.execute(
        text(
            """
            with done as (delete from webhook_delivery
                where webhook_id = :id and cursor = any(cast(:cursors as bigint[])) returning 1)
            update webhook set delivered = delivered + (select count(*) from done), delivered_at = :now, failures = 0,
                rests_until = null, trouble = null where webhook_id = :id
            """
        ),
        {"id": webhook_id, "cursors": list(cursors), "now": now},
    )


def not_for_them(connection: Connection, webhook_id: UUID, cursors: Sequence[int]) -> None:
    """These are not delivered after all: the profile may not be seen any more."""
    connection.execute(
        text("delete from webhook_delivery where webhook_id = :id and cursor = any(cast(:cursors as bigint[]))"),
        {"id": webhook_id, "cursors": list(cursors)},
    )


@dataclass(frozen=True, slots=True)
class Failure:
    """One attempt that failed, in words without values; when it is tried again, or None: it is dead."""

    cursor: int
    error: str
    again_at: datetime | None


def failed(connection: Connection, webhook_id: UUID, failures: Sequence[Failure], now: datetime) -> None:
    """Note these attempts."""
    columns = as_columns(("cursor", "error", "again_at"), ((f.cursor, f.error, f.again_at) for f in failures))
    connection.execute(
        text(
            """
            update webhook_delivery d set attempts = d.attempts + 1, error = f.error,
                first_tried_at = coalesce(d.first_tried_at, :now), due_at = coalesce(f.again_at, d.due_at),
                dead_at = case when f.again_at is null then cast(:now as timestamptz) end
            from unnest(cast(:cursor as bigint[]), cast(:error as text[]), cast(:again_at as timestamptz[]))
                as f(cursor, error, again_at)
            where d.webhook_id = :id and d.cursor = f.cursor
            """
        ),
        {"id": webhook_id, "now": now, **columns},
    )


def note_trouble(
    connection: Connection, webhook_id: UUID, failures: int, rests_until: datetime | None, trouble: str
) -> None:
    """So many failed in a row; the receiver is left alone until then."""
    connection.execute(
        text(
            "update webhook set failures = :failures, rests_until = :rests_until, trouble = :trouble"
            " where webhook_id = :id"
        ),
        {"id": webhook_id, "failures": failures, "rests_until": rests_until, "trouble": trouble},
    )


# -- dead letters ------------------------------------------------------------------------------------


def dead_deliveries(connection: Connection, webhook_id: UUID, after: int, limit: int) -> list[Delivery]:
    """Deliveries that were given up, in the order of the feed, after this cursor."""
    rows = connection.execute(
        text(
            DELIVERIES + "where d.webhook_id = :id and d.dead_at is not null and d.cursor > :after"
            " order by d.cursor limit :limit"
        ),
        {"id": webhook_id, "after": after, "limit": limit},
    )
    return [_delivery(row) for row in rows]


def revive(connection: Connection, webhook_id: UUID, cursors: Sequence[int] | None, now: datetime) -> int:
    """Try these dead letters again (None: all), as if for the first time; how many there were."""
    result = connection.execute(
        text(
            "update webhook_delivery set dead_at = null, attempts = 0, first_tried_at = null, due_at = :now"
            " where webhook_id = :id and dead_at is not null"
            " and (cast(:cursors as bigint[]) is null or cursor = any(cast(:cursors as bigint[])))"
        ),
        {"id": webhook_id, "cursors": None if cursors is None else list(cursors), "now": now},
    )
    return int(result.rowcount)
