"""Whom a record that is not kept would be compared with: the live records in its blocks, found in the index."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final
from uuid import UUID

from sqlalchemy import Connection

from cdi.access import Visibility
from cdi.matching.columns import Card
from cdi.store.db import text
from cdi.store.normalised import read_cards

MOST_OF_A_BLOCK: Final = 500
"""A block holds at most some hundred records before the model refuses it; this bounds what one question may cost."""

MATES = """
with mates as materialized (
    select b.record_id, array_agg(asked.key) as keys
    from unnest(cast(:keys as bigint[])) as asked(key)
    cross join lateral (select record_id from block_key where key = asked.key limit :most) b
    group by b.record_id
)
select n.record_id, n.source, n.card, m.profile_id, mates.keys
from mates join membership m using (record_id) join normalised n using (record_id)
where not n.source = any(cast(:hidden as text[])) order by n.record_id
"""


@dataclass(frozen=True, slots=True)
class Mate:
    """A live record that shares a block, the profile that it is in, and the keys of the blocks that it shares."""

    record_id: int
    source: str
    profile_id: UUID
    card: Card
    keys: Sequence[int]

    def among(self, rules: Mapping[int, str]) -> tuple[str, ...]:
        """The rules, of those that made these keys, by which the two meet; in their order."""
        met = {rules[key] for key in self.keys}
        return tuple(rule for rule in dict.fromkeys(rules.values()) if rule in met)


def block_mates(connection: Connection, visibility: Visibility, keys: Sequence[int]) -> Iterator[Mate]:
    """The records with one of these block keys that the caller may see, by id."""
    rows = connection.execute(
        text(MATES), {"keys": list(keys), "most": MOST_OF_A_BLOCK, "hidden": sorted(visibility.hidden_sources)}
    ).all()
    for row, card in zip(rows, read_cards([row.card for row in rows]), strict=True):
        yield Mate(row.record_id, row.source, row.profile_id, card, row.keys)
