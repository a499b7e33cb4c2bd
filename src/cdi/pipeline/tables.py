"""Records as the columns that the engine works on."""

from collections.abc import Iterable

from cdi.matching.building import TableBuilder
from cdi.matching.cards import Card
from cdi.matching.columns import RecordTable


def build_table(present: Iterable[tuple[int, str, Card]]) -> RecordTable:
    """Columns of these (record id, source, card)."""
    builder = TableBuilder()
    for record_id, source, card in present:
        builder.add_card(record_id, source, card)
    return builder.build()
