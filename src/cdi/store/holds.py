"""Legal holds: what must not be removed while a dispute, an audit or a duty to keep it stands. Appended and lifted,
never edited.

A hold is anchored to records, so that it goes with them through merges and splits. One on a profile protects all that
is in a profile with one of its records, also what joins it later.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final
from uuid import UUID

from sqlalchemy import BigInteger, Column, Connection, Identity, Index, Table, Text, Uuid
from sqlalchemy.dialects.postgresql import ARRAY

from cdi.store.db import metadata, text
from cdi.store.sources import TIME

legal_hold = Table(
    "legal_hold",
    metadata,
    Column("hold_id", BigInteger, Identity(always=True), primary_key=True),
    Column("profile_id", Uuid),  # the profile it was placed on; none: on the record alone
    Column("record_ids", ARRAY(BigInteger), nullable=False),
    Column("reason", Text, nullable=False),
    Column("author", Text, nullable=False),
    Column("at", TIME, nullable=False),
    Column("until", TIME),
    Column("lifted_at", TIME),
    Column("lifted_by", Text),
    Column("lifted_reason", Text),
    Index("ix_legal_hold_standing", "hold_id", postgresql_where=text("lifted_at is null")),
)

HELD: Final = """
standing as (
    select hold_id, profile_id is not null as whole, unnest(record_ids) as record_id from legal_hold
    where lifted_at is null and (until is null or until > :now)
    union all select null, true, record_id from restricted_record where use = ''
),
housed as (
    select s.hold_id, m.profile_id from standing s join record r using (record_id)
    join membership m on m.record_id = coalesce(r.replaced_by, r.record_id) where s.whole
),
held as (
    select hold_id, record_id from standing
    union select h.hold_id, m.record_id from housed h join membership m using (profile_id)
    union select h.hold_id, r.record_id from housed h join membership m using (profile_id)
        join record r on r.replaced_by = m.record_id
)
"""
"""With `:now`: (hold_id, record_id) of all that a standing hold protects, and (null, record_id) of whoever restricted
the use of their data: it may be stored and nothing else (Art. 18), so neither is it removed."""


@dataclass(frozen=True, slots=True)
class Hold:
    """A legal hold with its history. `profile_id` is None for one on a record alone."""

    hold_id: int
    profile_id: UUID | None
    record_ids: Sequence[int]
    reason: str
    author: str
    at: datetime
    until: datetime | None
    lifted_at: datetime | None
    lifted_by: str | None
    lifted_reason: str | None

    def stands(self, now: datetime) -> bool:
        """Whether it protects anything at this time."""
        return self.lifted_at is None and (self.until is None or self.until > now)


COLUMNS: Final = "hold_id, profile_id, record_ids, reason, author, at, until, lifted_at, lifted_by, lifted_reason"


def place_hold(
    connection: Connection,
    profile_id: UUID | None,
    record_ids: Sequence[int],
    reason: str,
    author: str,
    until: datetime | None,
    now: datetime,
) -> int:
    """Append a hold; its id."""
    return int(
        connection.execute(
            text(
                "insert into legal_hold (profile_id, record_ids, reason, author, at, until)"
                " values (:profile, :ids, :reason, :author, :now, :until) returning hold_id"
            ),
            {
                "profile": profile_id,
                "ids": list(record_ids),
                "reason": reason,
                "author": author,
                "now": now,
                "until": until,
            },
        ).scalar_one()
    )


def lift_hold(connection: Connection, hold_id: int, reason: str, author: str, now: datetime) -> bool:
    """End a hold; False if it was lifted before."""
    result = connection.execute(
        text(
            "update legal_hold set lifted_at = :now, lifted_by = :author, lifted_reason = :reason"
            " where hold_id = :id and lifted_at is null"
        ),
        {"id": hold_id, "now": now, "author": author, "reason": reason},
    )
    return bool(result.rowcount)


def find_hold(connection: Connection, hold_id: int) -> Hold | None:
    """The hold with this id, lifted or not."""
    row = connection.execute(
        text(f"select {COLUMNS} from legal_hold where hold_id = :id"),  # noqa: S608  fixed names
        {"id": hold_id},
    ).one_or_none()
    return None if row is None else Hold(*row)


def list_holds(
    connection: Connection,
    limit: int,
    *,
    before: int | None = None,
    standing_at: datetime | None = None,
    on: Sequence[int] | None = None,
) -> list[Hold]:
    """Holds, newest first; those that stand at a time, or that protect one of the records `on` then."""
    conditions = ["(cast(:before as bigint) is null or hold_id < :before)"]
    if standing_at is not None:
        conditions.append("lifted_at is null and (until is null or until > :now)")
    if on is not None:
        conditions.append("hold_id in (select hold_id from held where record_id = any(cast(:on as bigint[])))")
    rows = connection.execute(
        text(
            f"with {HELD} select {COLUMNS} from legal_hold where {' and '.join(conditions)}"  # noqa: S608  fixed parts
            " order by hold_id desc limit :limit"
        ),
        {"before": before, "now": standing_at, "on": None if on is None else list(on), "limit": limit},
    )
    return [Hold(*row) for row in rows]


def held_among(connection: Connection, record_ids: Sequence[int], now: datetime) -> set[int]:
    """Those of these records that a standing hold or a restriction protects."""
    rows = connection.execute(
        text(f"with {HELD} select record_id from held where record_id = any(cast(:ids as bigint[]))"),  # noqa: S608
        {"ids": list(record_ids), "now": now},
    )
    return set(rows.scalars())


def all_held(connection: Connection, now: datetime) -> set[int]:
    """All records that a standing hold or a restriction protects."""
    rows = connection.execute(text(f"with {HELD} select record_id from held"), {"now": now})  # noqa: S608  fixed parts
    return set(rows.scalars())
