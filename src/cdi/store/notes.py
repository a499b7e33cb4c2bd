"""What stewards say to each other about a review: comments, to whom it was given, until when it was put off. Appended,
never edited; the review itself carries what holds now."""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import BigInteger, Column, Connection, ForeignKey, Identity, Index, Table, Text

from cdi.store.db import metadata, text
from cdi.store.sources import TIME

review_note = Table(
    "review_note",
    metadata,
    Column("note_id", BigInteger, Identity(always=True), primary_key=True),
    Column("review_id", BigInteger, ForeignKey("review.review_id"), nullable=False),
    Column("kind", Text, nullable=False),  # comment, assigned, snoozed
    Column("author", Text, nullable=False),
    Column("at", TIME, nullable=False),
    Column("said", Text),
    Column("steward", Text),  # to whom it was given; null: to nobody any more
    Column("until", TIME),  # until when it was put off; null: no longer
    Index(None, "review_id"),
)


@dataclass(frozen=True, slots=True)
class Note:
    """One line under a review."""

    kind: str
    author: str
    at: datetime
    said: str | None = None
    steward: str | None = None
    until: datetime | None = None


def save_note(connection: Connection, review_id: int, note: Note) -> None:
    """Append it."""
    connection.execute(
        text(
            "insert into review_note (review_id, kind, author, at, said, steward, until)"
            " values (:review, :kind, :author, :at, :said, :steward, :until)"
        ),
        {
            "review": review_id,
            "kind": note.kind,
            "author": note.author,
            "at": note.at,
            "said": note.said,
            "steward": note.steward,
            "until": note.until,
        },
    )


def load_notes(connection: Connection, review_id: int) -> list[Note]:
    """What was said, oldest first."""
    rows = connection.execute(
        text("select kind, author, at, said, steward, until from review_note where review_id = :id order by note_id"),
        {"id": review_id},
    )
    return [Note(*row) for row in rows]
