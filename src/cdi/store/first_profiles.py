"""Profiles of records that never were in one, many at once: nothing of them is there yet, so that they are appended by
COPY."""

from collections.abc import Sequence
from datetime import datetime
from typing import NamedTuple
from uuid import UUID

from sqlalchemy import Connection

from cdi.store.db import copy_lines, in_line, text


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


class Lines(NamedTuple):
    """New profiles as COPY's text format writes them, made where there is time for it; a profile's line is cut where
    the time of its writing comes in."""

    documents: list[tuple[str, str]]
    words: list[str]
    members: list[tuple[int, UUID]]


PROFILE = (
    "profile_id", "document", "kind", "data_owner", "sources", "content_hash", "version", "created_at", "updated_at",
)  # fmt: skip


def lines_of(profiles: Sequence[FirstProfile]) -> Lines:
    """These profiles as lines, in their order."""
    return Lines(
        [(f"{p.profile_id}\t{in_line(p.document[:-1])}", _rest_of(p)) for p in profiles],
        [f"{p.profile_id}\t{in_line(p.words)}\t{in_line(p.parts)}\n" for p in profiles],
        sorted((record, p.profile_id) for p in profiles for record in p.members),
    )


def _rest_of(p: FirstProfile) -> str:
    quoted = (source.replace("\\", "\\\\").replace('"', '\\"') for source in p.sources)
    sources = "{" + ",".join(f'"{source}"' for source in quoted) + "}"
    return f"{p.kind}\t{in_line(p.data_owner)}\t{in_line(sources)}\t\\\\x{p.content_hash.hex()}\t1"


def save_first_profiles(connection: Connection, lines: Lines, now: datetime) -> None:
    """Append these profiles with their records and words. Ids are minted in the order given."""
    stamp = f',"version":1,"updated_at":"{now.isoformat()}"}}\t'
    end = f"\t{now}\t{now}\n"
    copy_lines(connection, "profile", PROFILE, (f"{head}{stamp}{rest}{end}" for head, rest in lines.documents))
    members = (f"{record}\t{profile_id}\n" for record, profile_id in lines.members)
    copy_lines(connection, "membership", ("record_id", "profile_id"), members)
    copy_lines(connection, "profile_search", ("profile_id", "words", "parts"), lines.words)


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
