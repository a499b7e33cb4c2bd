"""What is closed to which use: restrictions (Art. 18) and objections (Art. 21). They are on records, so that they go
with them through merges and splits; a profile is closed to a use as long as one of its records is.

`profile.closed_to` follows in the same transaction, so that every query of readers can ask it.
"""

from collections.abc import Collection, Sequence
from uuid import UUID

from sqlalchemy import BigInteger, Column, Connection, ForeignKey, Index, Table, Text

from cdi.store.db import copy_rows, metadata, run, text

restricted_record = Table(
    "restricted_record",
    metadata,
    Column("record_id", BigInteger, ForeignKey("record.record_id"), primary_key=True, autoincrement=False),
    Column("request_id", BigInteger, ForeignKey("privacy_request.request_id"), primary_key=True, autoincrement=False),
    Column("use", Text, nullable=False),  # a purpose; '': every use
    Index(None, "request_id"),
)


def close_records(connection: Connection, record_ids: Sequence[int], request_id: int, use: str) -> None:
    """From now on these records are closed to this use."""
    copy_rows(
        connection,
        "restricted_record",
        ("record_id", "request_id", "use"),
        ((record_id, request_id, use) for record_id in record_ids),
    )


def open_records(connection: Connection, request_id: int) -> list[UUID]:
    """What this request closed is closed by it no more; the profiles that the records are in."""
    rows = connection.execute(
        text(
            "with gone as (delete from restricted_record where request_id = :id returning record_id)"
            " select distinct m.profile_id from gone join membership m using (record_id)"
        ),
        {"id": request_id},
    )
    return sorted(rows.scalars())


FOLLOW = """
update profile p set closed_to = found.uses from (
    select a.profile_id, coalesce(array_agg(distinct r.use) filter (where r.use is not null), '{}') as uses
    from unnest(cast(:ids as uuid[])) as a(profile_id)
    left join membership m using (profile_id) left join restricted_record r using (record_id)
    group by a.profile_id
) found where p.profile_id = found.profile_id and p.retired_at is null and p.closed_to <> found.uses
"""
ANY = "select exists (select from restricted_record) or exists (select from profile where closed_to <> '{}'::text[])"


def follow(connection: Connection, profile_ids: Collection[UUID]) -> None:
    """These profiles are closed to what their records are closed to now."""
    if profile_ids:
        run(connection, FOLLOW, {"ids": list(profile_ids)})


def closed_among(connection: Connection, profile_ids: Collection[UUID], uses: Collection[str]) -> set[UUID]:
    """Those of these profiles that are closed to one of these uses."""
    if not profile_ids or not uses:
        return set()
    rows = connection.execute(
        text(
            "select profile_id from profile where closed_to <> '{}'::text[] and closed_to && cast(:uses as text[])"
            " and profile_id = any(cast(:ids as uuid[]))"
        ),
        {"ids": list(profile_ids), "uses": sorted(uses)},
    )
    return set(rows.scalars())
