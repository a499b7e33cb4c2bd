"""Which kinds of data there are of each source: names of attributes and streams, never a value."""

from typing import Final

from sqlalchemy import Connection

from cdi.store.db import text

SAMPLE = """
select m.canonical from (
    select version_id from record where source = :source and current and kind = 'customer' and live
    order by key limit :sampled
) r join meaning m using (version_id)
"""
# In the order of keys, as their index has them: records of one source lie together, behind those of the others.

STREAMS: Final = {
    "customer": """select true from record where source = :source and current and kind = 'customer'
        order by key limit 1""",
    "touchpoint": "select exists (select from touchpoint where source = :source)",
    "consent": "select exists (select from consent where source = :source)",
}


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
    """The kinds of records that there are of a source: customer, touchpoint, consent. Each is looked for where an index
    by source finds it, or finds that there is none."""
    return [kind for kind, asked in STREAMS.items() if connection.execute(text(asked), {"source": source}).scalar()]
