"""The change feed: the ordered list of what became different. Thin events: ids and names, never values.

Cursors come from a counter row that is taken as the last statement under the resolver's lock, so the feed has no
gap and a reader never skips a row whose transaction commits late.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final
from uuid import UUID

from sqlalchemy import (
    BigInteger,
    Boolean,
    CheckConstraint,
    Column,
    Connection,
    Index,
    Integer,
    Table,
    Text,
    Uuid,
)
from sqlalchemy.dialects.postgresql import ARRAY

from cdi.access import Visibility
from cdi.errors import CursorGoneError
from cdi.store.db import as_columns, metadata, run, text
from cdi.store.sources import TIME

feed = Table(
    "feed",
    metadata,
    Column("cursor", BigInteger, primary_key=True, autoincrement=False),
    Column("type", Text, nullable=False),
    Column("profile_id", Uuid, nullable=False),
    Column("other_ids", ARRAY(Uuid), nullable=False),
    Column("version", Integer),
    Column("attributes", ARRAY(Text), nullable=False),
    Column("data_owner", Text, nullable=False),
    Column("sources", ARRAY(Text), nullable=False),
    Column("at", TIME, nullable=False),
    Index(None, "profile_id", "cursor"),
)

feed_counter = Table(
    "feed_counter",
    metadata,
    Column("single", Boolean, primary_key=True),
    Column("last", BigInteger, nullable=False),
    CheckConstraint("single", name="one_row"),
)


@dataclass(frozen=True, slots=True)
class Change:
    """One event, before it has its cursor."""

    type: str
    profile_id: UUID
    data_owner: str
    sources: Sequence[str]
    version: int | None = None
    other_ids: Sequence[UUID] = ()
    attributes: Sequence[str] = ()


def append_changes(connection: Connection, changes: Sequence[Change], now: datetime) -> None:
    """Give these events the next cursors, in order. The caller holds the resolver's lock."""
    if not changes:
        return
    said = as_columns(
        ("type", "profile_id", "other_ids", "version", "attributes", "data_owner", "sources"),
        (
            (
                c.type, c.profile_id, ",".join(map(str, c.other_ids)), c.version, ",".join(c.attributes), c.data_owner,
                ",".join(c.sources),
            )
            for c in changes
        ),
    )  # fmt: skip
    run(connection, APPEND, {"n": len(changes), "now": now, **said})


APPEND = """
with counter as (update feed_counter set last = last + :n where single returning last)
insert into feed (cursor, type, profile_id, other_ids, version, attributes, data_owner, sources, at)
select last - :n + position, type, profile_id, cast(string_to_array(other_ids, ',') as uuid[]), version,
    string_to_array(attributes, ','), data_owner, string_to_array(sources, ','), :now
from counter, unnest(cast(:type as text[]), cast(:profile_id as uuid[]), cast(:other_ids as text[]),
    cast(:version as int[]), cast(:attributes as text[]), cast(:data_owner as text[]), cast(:sources as text[]))
    with ordinality as c(type, profile_id, other_ids, version, attributes, data_owner, sources, position)
"""


EVENT_TYPES: Final = (
    "created", "updated", "merged", "split", "retired", "revived", "owner_changed", "restricted", "erased",
)  # fmt: skip
WINDOW: Final = 50_000
"""Events that one reading looks at, at most: who asks for what is rare gets an answer, and where to go on."""


@dataclass(frozen=True, slots=True)
class FeedFilter:
    """What is wanted of the feed; None: all of it. A profile is of a source if it has a record of it that the caller
    may see."""

    types: Sequence[str] | None = None
    owners: Sequence[str] | None = None
    sources: Sequence[str] | None = None


@dataclass(frozen=True, slots=True)
class FeedPage:
    """Events in order, the cursor to go on from, whether there was more to look at when this was read, and the cursor
    of the newest event of all."""

    changes: list[dict[str, Any]]
    after: int
    more: bool
    newest: int


def read_changes(
    connection: Connection, visibility: Visibility, after: int, limit: int, wanted: FeedFilter = FeedFilter()
) -> FeedPage:
    """Events after this cursor, in order, of profiles of which the caller may see a record.

    Raises CursorGoneError for a cursor that this feed never gave out.
    """
    last = last_cursor(connection)
    check_cursor(after, last)
    until = min(last, after + WINDOW)
    hidden = visibility.hidden_sources
    rows = connection.execute(
        text(READ),
        {
            "after": after,
            "until": until,
            "limit": limit + 1,
            "hidden": sorted(hidden),
            "uses": sorted(visibility.uses),
            "types": _listed(wanted.types),
            "owners": _listed(wanted.owners),
            "sources": None if wanted.sources is None else sorted(set(wanted.sources) - hidden),
        },
    ).mappings()
    found = [dict(row) for row in rows]
    if len(found) > limit:
        return FeedPage(found[:limit], found[limit - 1]["cursor"], True, last)
    return FeedPage(found, until, until < last, last)


CLOSED = """(type <> 'restricted' and profile_id in (
    select profile_id from profile where closed_to <> '{}'::text[] and closed_to && cast(:uses as text[])))"""
"""Of a profile that is closed to the caller's use the feed says only that it is."""
READ = f"""
select cursor, type, profile_id, other_ids, version, attributes, data_owner, at from feed
where cursor > :after and cursor <= :until and (sources = '{{}}' or not sources <@ cast(:hidden as text[]))
and not {CLOSED}
and (cast(:types as text[]) is null or type = any(cast(:types as text[])))
and (cast(:owners as text[]) is null or data_owner = any(cast(:owners as text[])))
and (cast(:sources as text[]) is null or sources && cast(:sources as text[]))
order by cursor limit :limit
"""  # noqa: S608  fixed parts


def _listed(words: Sequence[str] | None) -> list[str] | None:
    return None if words is None else list(words)


def last_cursor(connection: Connection) -> int:
    """The cursor of the newest event; 0 before the first."""
    return int(connection.execute(text("select coalesce(max(last), 0) from feed_counter")).scalar_one())


def check_cursor(cursor: int, newest: int) -> None:
    """Raises CursorGoneError for a cursor later than the newest: the feed never gave it out."""
    if cursor > newest:
        raise CursorGoneError(
            "this feed never gave out that cursor: the database was restored from an older backup, or is another one",
            remedy="Begin anew: take a new cursor, then all profiles (GET /v1/profiles, cdi export without --since)",
        )


def last_events(
    connection: Connection, visibility: Visibility, after: int, until: int, limit: int
) -> list[tuple[int, UUID]]:
    """Profiles of which something is said in this part of the feed, each once, with the cursor of the last word on it;
    in that order. Only those of which the caller could ever see a record."""
    rows = connection.execute(
        text(
            """
            select f.cursor, f.profile_id from feed f where f.cursor > :after and f.cursor <= :until
            and not exists (select from feed g where g.profile_id = f.profile_id and g.cursor > f.cursor
                and g.cursor <= :until)
            and exists (select from feed e where e.profile_id = f.profile_id and e.cursor <= :until
                and (e.sources = '{}' or not e.sources <@ cast(:hidden as text[])))
            order by f.cursor limit :limit
            """
        ),
        {"after": after, "until": until, "limit": limit, "hidden": sorted(visibility.hidden_sources)},
    )
    return [(row.cursor, row.profile_id) for row in rows]
