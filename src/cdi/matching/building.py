"""Cards into a RecordTable."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Final

import numpy as np

from cdi.matching.cards import Card, card_of
from cdi.matching.columns import RecordTable, by_record_id
from cdi.matching.few_cards import read_few
from cdi.matching.many_cards import read_many

if TYPE_CHECKING:
    from cdi.normalise.record import NormalisedRecord

FEW_CARDS: Final = 300
"""Up to so many cards, Python takes them apart more quickly than Arrow is set up to."""


def table_of_cards(record_ids: Sequence[int], sources: Sequence[str], cards: Sequence[Card]) -> RecordTable:
    """The table of these records (parallel columns), given in any order; raises InvalidInputError for a repeated
    record id."""
    ids = np.array(record_ids, np.int64)
    order = by_record_id(ids)
    if not isinstance(order, slice):
        ids, given = ids[order], order.tolist()
        sources, cards = [sources[place] for place in given], [cards[place] for place in given]
    names = tuple(sorted(set(sources)))
    code = {name: code for code, name in enumerate(names)}
    return RecordTable(
        record_ids=ids,
        source=np.fromiter(map(code.__getitem__, sources), np.int32, len(sources)),
        source_names=names,
        **(read_few(cards) if len(cards) <= FEW_CARDS else read_many(cards)),
    )


class TableBuilder:
    """Collects records, in any order, into a RecordTable."""

    def __init__(self) -> None:
        self._ids: list[int] = []
        self._sources: list[str] = []
        self._cards: list[Card] = []

    def add(self, record_id: int, source: str, record: "NormalisedRecord") -> None:
        """Take one record; its id must not have been given before (`build` raises)."""
        self.add_card(record_id, source, card_of(record))

    def add_card(self, record_id: int, source: str, card: Card) -> None:
        """Take one record by its card."""
        self._ids.append(record_id)
        self._sources.append(source)
        self._cards.append(card)

    def extend(self, other: "TableBuilder") -> None:
        """Take all records of another builder (made in another process, say), in their order."""
        self._ids += other._ids
        self._sources += other._sources
        self._cards += other._cards

    def build(self) -> RecordTable:
        """The table; raises InvalidInputError for a repeated record id."""
        return table_of_cards(self._ids, self._sources, self._cards)
