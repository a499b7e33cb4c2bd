"""What customers say should be corrected, in their own words, until the officer has decided it: the request keeps
neither the words nor a value."""

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import BigInteger, Column, Connection, ForeignKey, Table, Text
from sqlalchemy.dialects.postgresql import ARRAY

from cdi.store.db import metadata, text

correction = Table(
    "correction",
    metadata,
    Column("request_id", BigInteger, ForeignKey("privacy_request.request_id"), primary_key=True, autoincrement=False),
    Column("record_ids", ARRAY(BigInteger), nullable=False),
    Column("attribute", Text, nullable=False),
    Column("said", Text, nullable=False),
)


@dataclass(frozen=True, slots=True)
class Correction:
    """What the customer, who was these records then, says of this attribute."""

    request_id: int
    record_ids: Sequence[int]
    attribute: str
    said: str


def save_correction(connection: Connection, asked: Correction) -> None:
    """Keep it until it is decided."""
    connection.execute(
        text(
            "insert into correction (request_id, record_ids, attribute, said) values (:id, :records, :attribute, :said)"
        ),
        {
            "id": asked.request_id,
            "records": list(asked.record_ids),
            "attribute": asked.attribute,
            "said": asked.said,
        },
    )


def load_corrections(connection: Connection, request_ids: Sequence[int]) -> dict[int, Correction]:
    """By id of the request, those of these that wait."""
    rows = connection.execute(
        text(
            "select request_id, record_ids, attribute, said from correction"
            " where request_id = any(cast(:ids as bigint[]))"
        ),
        {"ids": list(request_ids)},
    )
    return {row.request_id: Correction(*row) for row in rows}


def forget_correction(connection: Connection, request_id: int) -> None:
    """It is decided."""
    connection.execute(text("delete from correction where request_id = :id"), {"id": request_id})
