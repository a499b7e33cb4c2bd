"""Records as the columns that the engine works on."""

from collections.abc import Iterable

from cdi.matching.building import table_of_cards
from cdi.matching.cards import Card
from cdi.matching.columns import RecordTable


def build_table(present: Iterable[tuple[int, str, Card]]) -> RecordTable:
    """Columns of these (record id, source, card)."""
    record_ids, sources, cards = tuple(zip(*present, strict=True)) or ((), (), ())
    return table_of_cards(record_ids, sources, cards)
