"""What people said of pairs: light, so that knowing labels does not load what learns from them."""

from dataclasses import dataclass
from enum import IntEnum

from cdi.matching.pairs import IntArray


class Label(IntEnum):
    """What is known of a pair. OTHER: not the same customer, and nobody said whether of one household."""

    SAME = 0
    HOUSEHOLD = 1
    STRANGER = 2
    OTHER = 3


@dataclass(frozen=True, slots=True)
class LabelledPairs:
    """Pairs of record ids, each once, with their `Label`."""

    left: IntArray
    right: IntArray
    label: IntArray

    def __len__(self) -> int:
        return len(self.label)
