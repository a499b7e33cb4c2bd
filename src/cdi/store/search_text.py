"""The words by which profiles can be found, kept in the transaction that publishes them.

A row holds them twice: all together, for the index, and by source and field group, so that what a caller may not see
is not matched either. Rows are of live profiles only, and written only when a word is different.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import TypeAlias
from uuid import UUID

import orjson
from sqlalchemy import Column, Connection, ForeignKey, Index, Table, Text, Uuid
from sqlalchemy.dialects.postgresql import JSONB

from cdi.store.arrays import LongTexts
from cdi.store.db import metadata, run

profile_search = Table(
    "profile_search",
    metadata,
    Column("profile_id", Uuid, ForeignKey("profile.profile_id"), primary_key=True),
    Column("words", Text, nullable=False),  # each with a space on both sides
    Column("parts", JSONB, nullable=False),  # {source: {field group: words}}
    Index(
        "ix_profile_search_words",
        "words",
        postgresql_using="gin",
        postgresql_ops={"words": "gin_trgm_ops"},
        # What was written last is kept apart, and read through by every search, until it is put in order: the service
        # does that every few seconds; where it is not running, whoever writes does, when there are so many kilobytes.
        postgresql_with={"gin_pending_list_limit": 16384},
    ),
)

Parts: TypeAlias = Mapping[str, Mapping[str, str]]
"""The words of a profile by source and field group, apart by spaces."""


def merged(parts: Iterable[tuple[str, Mapping[str, Mapping[str, None]]]]) -> dict[str, dict[str, str]]:
    """The words of several (source, words by group), each once by source and group."""
    found: dict[str, dict[str, dict[str, None]]] = {}
    for source, groups in parts:
        for group, words in groups.items():
            found.setdefault(source, {}).setdefault(group, {}).update(words)
    return {source: {group: " ".join(words) for group, words in groups.items()} for source, groups in found.items()}


def together(parts: Parts) -> str:
    """All words, each once, with a space on both sides."""
    words = dict.fromkeys(word for groups in parts.values() for held in groups.values() for word in held.split(" "))
    return f" {' '.join(words)} "


SAVE = """
insert into profile_search as s (profile_id, words, parts)
select profile_id, words, cast(parts as jsonb)
from unnest(cast(:profile_id as uuid[]), cast(:words as text[]), cast(:parts as text[]))
    as w(profile_id, words, parts)
on conflict (profile_id) do update set words = excluded.words, parts = excluded.parts
where s.parts <> excluded.parts
"""


def save_words(connection: Connection, profiles: Mapping[UUID, Parts]) -> None:
    """From now on these profiles are found by these words."""
    if profiles:
        said = {
            "profile_id": list(profiles),
            "words": LongTexts(together(parts).encode() for parts in profiles.values()),
            "parts": LongTexts(map(orjson.dumps, profiles.values())),
        }
        run(connection, SAVE, said)


def forget_words(connection: Connection, profile_ids: Sequence[UUID]) -> None:
    """These profiles are found by no word any more."""
    if profile_ids:
        run(
            connection,
            "delete from profile_search where profile_id = any(cast(:ids as uuid[]))",
            {"ids": list(profile_ids)},
        )


def put_in_order(connection: Connection) -> None:
    """Take what was written last into the index: of many profiles at once it takes less than profile by profile, and
    whoever writes need not wait for it."""
    run(connection, "select gin_clean_pending_list('ix_profile_search_words')", {})
