"""Where the records of a customer contradict each other about a consent, a steward says whose word counts.

Such a word is a fact, anchored to the record whose word counts, so that it has a place after a merge or split. It
speaks of the records that there were (`covers`); what another one says is not reviewed yet.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import BigInteger, Column, Connection, ForeignKey, Identity, Index, Table, Text
from sqlalchemy.dialects.postgresql import ARRAY

from cdi.store.db import metadata, text
from cdi.store.sources import TIME

consent_review = Table(
    "consent_review",
    metadata,
    Column("consent_review_id", BigInteger, Identity(always=True), primary_key=True),
    Column("record_id", BigInteger, ForeignKey("record.record_id"), nullable=False),
    Column("covers", ARRAY(BigInteger), nullable=False),
    Column("purpose", Text, nullable=False),
    Column("channel", Text, nullable=False),
    Column("author", Text, nullable=False),
    Column("reason", Text, nullable=False),
    Column("at", TIME, nullable=False),
    Index(None, "record_id"),
)


@dataclass(frozen=True, slots=True)
class ConsentReview:
    """A steward's word: of what `covers` say about this purpose on this channel, the word of `record_id` counts."""

    record_id: int
    covers: frozenset[int]
    purpose: str
    channel: str
    author: str
    reason: str
    at: datetime


def save_review(connection: Connection, review: ConsentReview) -> None:
    """Append it."""
    connection.execute(
        text(
            "insert into consent_review (record_id, covers, purpose, channel, author, reason, at)"
            " values (:record, :covers, :purpose, :channel, :author, :reason, :at)"
        ),
        {
            "record": review.record_id,
            "covers": sorted(review.covers),
            "purpose": review.purpose,
            "channel": review.channel,
            "author": review.author,
            "reason": review.reason,
            "at": review.at,
        },
    )


def load_reviews(connection: Connection, record_ids: Sequence[int]) -> list[ConsentReview]:
    """What stewards said that is anchored to one of these records; the latest last."""
    rows = connection.execute(
        text(
            "select record_id, covers, purpose, channel, author, reason, at from consent_review"
            " where record_id = any(cast(:ids as bigint[])) order by consent_review_id"
        ),
        {"ids": list(record_ids)},
    )
    return [
        ConsentReview(r.record_id, frozenset(r.covers), r.purpose, r.channel, r.author, r.reason, r.at) for r in rows
    ]
