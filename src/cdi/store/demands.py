"""Demands of persons to be deleted, told by a vendor: each by the code with which the person asks what became of it,
with the request that it came to. And who asks what is kept of them and is not known here, by a code that nobody is
told."""

from collections.abc import Sequence

from sqlalchemy import BigInteger, Column, Connection, ForeignKey, Table, Text

from cdi.store.db import metadata, text

erasure_demand = Table(
    "erasure_demand",
    metadata,
    Column("code", Text, primary_key=True),
    Column("request_id", BigInteger, ForeignKey("privacy_request.request_id"), nullable=False, index=True),
    Column("who", Text),  # by what the vendor knows the person, until somebody has found out who it is
)


def save_demand(connection: Connection, code: str, request_id: int, who: str | None) -> None:
    """The code leads to this request from now on."""
    connection.execute(
        text("insert into erasure_demand (code, request_id, who) values (:code, :request_id, :who)"),
        {"code": code, "request_id": request_id, "who": who},
    )


def request_of(connection: Connection, code: str) -> int | None:
    """The request that a code leads to."""
    asked = text("select request_id from erasure_demand where code = :code")
    return connection.execute(asked, {"code": code}).scalar()


def waiting_for(connection: Connection, source: str, who: str, ground: str) -> int | None:
    """The alert of this ground that waits because this person, whom nobody knew, demanded the same of this source
    before."""
    asked = text(
        "select request_id from erasure_demand join privacy_request using (request_id)"
        " where who = :who and state = 'asked' and ground = :ground and about ->> 'source' = :source limit 1"
    )
    return connection.execute(asked, {"source": source, "who": who, "ground": ground}).scalar()


def load_who(connection: Connection, request_ids: Sequence[int]) -> dict[int, str]:
    """By request, by what the vendor knows the person; of those who are still to be found."""
    rows = connection.execute(
        text(
            "select distinct request_id, who from erasure_demand"
            " where request_id = any(cast(:ids as bigint[])) and who is not null"
        ),
        {"ids": list(request_ids)},
    )
    return {row.request_id: row.who for row in rows}


def forget_who(connection: Connection, request_id: int) -> None:
    """The request is seen to."""
    connection.execute(
        text("update erasure_demand set who = null where request_id = :request_id"), {"request_id": request_id}
    )
