"""What customers said of a consent to us, and not to a source system: given or withdrawn through one call, for all that
is known of them at that moment.

Such a word is a fact, kept once for each of their records, so that after a split each part has it.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

import orjson
from sqlalchemy import BigInteger, Column, Connection, ForeignKey, Identity, Index, Table, Text
from sqlalchemy.dialects.postgresql import JSONB

from cdi.store.db import copy_rows, metadata, text
from cdi.store.sources import TIME

consent_word = Table(
    "consent_word",
    metadata,
    Column("consent_word_id", BigInteger, Identity(always=True), primary_key=True),
    Column("record_id", BigInteger, ForeignKey("record.record_id"), nullable=False),
    Column("purpose", Text, nullable=False),
    Column("channel", Text, nullable=False),
    Column("status", Text, nullable=False),
    Column("at", TIME, nullable=False),
    Column("recorded_at", TIME, nullable=False),
    Column("document", JSONB, nullable=False),  # who took it, and its method, legal basis and proof
    Index(None, "record_id"),
)


@dataclass(frozen=True, slots=True)
class ConsentWord:
    """What a customer said: for a purpose on a channel (`any`: on all), `granted` or `withdrawn`."""

    purpose: str
    channel: str
    status: str
    at: datetime
    document: dict[str, Any]


def save_words(connection: Connection, record_ids: Sequence[int], words: Sequence[ConsentWord], now: datetime) -> None:
    """Append what was said, for each of these records."""
    copy_rows(
        connection,
        "consent_word",
        ("record_id", "purpose", "channel", "status", "at", "recorded_at", "document"),
        (
            (record_id, word.purpose, word.channel, word.status, word.at, now, orjson.dumps(word.document).decode())
            for word in words
            for record_id in record_ids
        ),
    )


PROOF = """
with mine as (
    select r.record_id, r.source, r.key from membership m
    join record r on r.record_id = m.record_id or r.replaced_by = m.record_id
    where m.profile_id = :profile and not r.source = any(cast(:hidden as text[]))
)
select mine.source, mine.key, said.stream, said.key as said_key, v.op, v.native, mean.canonical,
    coalesce(v.source_time, v.observed_at) as at, v.recorded_at
from mine join consent c on c.source = mine.source and c.customer_key = mine.key
join record said on said.record_id = c.record_id join record_version v on v.record_id = c.record_id
left join meaning mean on mean.version_id = v.version_id
union all
select mine.source, mine.key, null, null, 'said', w.document,
    jsonb_build_object('purpose', w.purpose, 'channel', w.channel, 'status', w.status) || w.document,
    w.at, w.recorded_at
from mine join consent_word w using (record_id)
order by recorded_at, at, source, key
"""


@dataclass(frozen=True, slots=True)
class Said:
    """One word on a consent as it reached us: by a version of a source's record (`stream`, `said_key`), or to us (both
    None). `native` is what was said verbatim, `canonical` what it means."""

    source: str
    key: str
    stream: str | None
    said_key: str | None
    op: str
    native: dict[str, Any]
    canonical: dict[str, Any] | None
    at: datetime
    recorded_at: datetime


def load_proof(connection: Connection, profile_id: UUID, hidden: frozenset[str]) -> list[Said]:
    """Every word on a consent that reached us of this customer, in the order in which it did; also what was said anew
    later."""
    rows = connection.execute(text(PROOF), {"profile": profile_id, "hidden": sorted(hidden)})
    return [Said(*row) for row in rows]
