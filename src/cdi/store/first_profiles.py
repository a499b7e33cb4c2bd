"""Profiles of records that never were in one, many at once: nothing of them is there yet, so that they are appended by
COPY."""

from collections.abc import Sequence
from datetime import datetime
from typing import NamedTuple
from uuid import UUID

from sqlalchemy import Connection

from cdi.store.db import copy_rows, text


class FirstProfile(NamedTuple):
    """A new profile with all that is kept of it. `document` is JSON without version and time, `words` are as
    `search_text` keeps them, `attributes` what the feed says that there is."""

    profile_id: UUID
    members: tuple[int, ...]
    kind: str
    data_owner: str
    sources: list[str]
    document: str
    content_hash: bytes
    words: str
    parts: str
    attributes: tuple[str, ...]


PROFILE = (
    "profile_id", "kind", "data_owner", "sources", "document", "content_hash", "version", "created_at", "updated_at",
)  # fmt: skip


def save_first_profiles(connection: Connection, profiles: Sequence[FirstProfile], now: datetime) -> None:
    """Append these profiles with their records and words. Ids are minted in the order given."""
    stamp = f',"version":1,"updated_at":"{now.isoformat()}"}}'
    copy_rows(
        connection,
        "profile",
        PROFILE,
        (
            (p.profile_id, p.kind, p.data_owner, p.sources, p.document[:-1] + stamp, p.content_hash, 1, now, now)
            for p in profiles
        ),
    )
    members = sorted((record, p.profile_id) for p in profiles for record in p.members)
    copy_rows(connection, "membership", ("record_id", "profile_id"), members)
    words = ((p.profile_id, p.words, p.parts) for p in profiles)
    copy_rows(connection, "profile_search", ("profile_id", "words", "parts"), words)


def any_known(connection: Connection, record_ids: Sequence[int]) -> bool:
    """Whether one of these records is in a profile, or ever was."""
    return bool(
        connection.execute(
            text(
                "select exists (select from membership where record_id = any(cast(:ids as bigint[])))"
                " or exists (select from carried where record_id = any(cast(:ids as bigint[])))"
            ),
            {"ids": list(record_ids)},
        ).scalar_one()
    )
