"""What is set and not learned: what kind of customer, and from which source."""

import numpy as np

from cdi.matching.comparing.answers import (
    Answers,
    Subject,
)
from cdi.matching.pairs import IntArray


def kind(subject: Subject, a: IntArray, b: IntArray) -> Answers:
    """Are both persons, or both organisations? A person at an organisation is not the organisation."""
    table = subject.table
    return Answers((table.kind[a] != table.kind[b]).astype(np.uint8))


def one_source(subject: Subject, a: IntArray, b: IntArray) -> Answers:
    """Do both come from one source that has each customer once? Then they are hardly the same customer."""
    table = subject.table
    guaranteed = np.array([name in subject.model.guarantees for name in table.source_names] or [False])
    if not guaranteed.any():
        return Answers(np.zeros(len(a), np.uint8))
    same = (table.source[a] == table.source[b]) & guaranteed[table.source[a]]
    return Answers(same.astype(np.uint8))
