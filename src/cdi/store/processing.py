"""Which kinds of data there are of each source: names of attributes and streams, never a value."""

from sqlalchemy import Connection

from cdi.store.db import text

SAMPLE = """
select m.canonical from (
    select version_id from record where source = :source and kind = 'customer' and live limit :sampled
) r join meaning m using (version_id)
"""


def attributes_of(connection: Connection, source: str, sampled: int) -> set[str]:
    """The attributes that some customer records of a source say."""
    asked = text(f"select distinct jsonb_object_keys(canonical) as name from ({SAMPLE}) s")  # noqa: S608  fixed parts
    return set(connection.execute(asked, {"source": source, "sampled": sampled}).scalars())


def kinds_of(connection: Connection, source: str, sampled: int) -> list[str]:
    """Whether persons, organisations or both are among them."""
    asked = text(
        f"select distinct coalesce(canonical ->> 'kind', 'person') as kind from ({SAMPLE}) s order by 1"  # noqa: S608
    )
    return list(connection.execute(asked, {"source": source, "sampled": sampled}).scalars())


def streams_of(connection: Connection, source: str) -> list[str]:
    """The kinds of records that there are of a source: customer, touchpoint, consent."""
    kinds = ("customer", "touchpoint", "consent")
    asked = "select exists (select from record where source = :source and kind = :kind)"
    return [kind for kind in kinds if connection.execute(text(asked), {"source": source, "kind": kind}).scalar()]
