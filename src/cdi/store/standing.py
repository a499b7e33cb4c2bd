"""How the store stands, in figures that are cheap enough to be asked every few seconds; and one that is not."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from sqlalchemy import Connection

from cdi.store.db import Asked, send, text


@dataclass(frozen=True, slots=True)
class Questions:
    """Open questions to stewards of one kind: how many, and since when the oldest waits."""

    open: int
    oldest: datetime | None


@dataclass(frozen=True, slots=True)
class Standing:
    """Whether there is any review, or any conflict, that needs an answer about some profiles."""

    reviews: bool
    conflicts: bool


ABOUT = """
select exists (select from review where status <> 'closed' and left_profile = any(cast(:homes as uuid[])))
    or exists (select from review where status <> 'closed' and right_profile = any(cast(:homes as uuid[]))) as reviews,
    exists (select from conflict where status = 'open' and profile_id = any(cast(:built as uuid[]))) as conflicts
"""


def ask_about(connection: Connection, homes: Sequence[UUID], built: Sequence[UUID]) -> Asked[Standing]:
    """What there is: reviews about `homes`, conflicts in those that are `built`. Most changes meet neither."""
    asked = send(connection, ABOUT, {"homes": list(homes), "built": list(built)})
    return Asked(asked, lambda rows: Standing(*rows[0]))


def open_questions(connection: Connection) -> dict[str, Questions]:
    """Reviews and conflicts that nobody has answered."""
    rows = connection.execute(
        text(
            "select 'review' as kind, count(*) as open, min(opened_at) as oldest from review"
            " where status in ('open', 'waiting')"
            " union all select 'conflict', count(*), min(opened_at) from conflict where status = 'open'"
        )
    )
    return {row.kind: Questions(row.open, row.oldest) for row in rows}


def standing_rejections(connection: Connection) -> dict[str, int]:
    """By source, the records that were rejected and have not come right since."""
    rows = connection.execute(
        text("select source, count(*) as n from rejected where resolved_at is null group by source")
    )
    return {row.source: row.n for row in rows}


@dataclass(frozen=True, slots=True)
class Deliveries:
    """Deliveries to webhooks: how many wait, since when the oldest of them is tried, how many were given up, and how
    far the slowest subscription is behind the feed, in events."""

    waiting: int
    oldest_tried: datetime | None
    dead: int
    behind: int


def deliveries(connection: Connection) -> Deliveries:
    """How the deliveries of all subscriptions stand together."""
    row = connection.execute(
        text(
            "select count(*) filter (where dead_at is null) as waiting,"
            " min(first_tried_at) filter (where dead_at is null) as oldest, count(dead_at) as dead,"
            " coalesce((select max(cursor) from feed), 0)"
            " - coalesce((select min(cursor) from webhook), (select max(cursor) from feed), 0) as behind"
            " from webhook_delivery"
        )
    ).one()
    return Deliveries(row.waiting, row.oldest, row.dead, max(0, row.behind))


def profile_sizes(connection: Connection) -> Mapping[int, int]:
    """How many live profiles have so many records. It reads every membership: a third of a second for a million."""
    rows = connection.execute(
        text(
            "select size, count(*) as n from (select count(*) as size from membership group by profile_id) sizes"
            " group by size"
        )
    )
    return {row.size: row.n for row in rows}
