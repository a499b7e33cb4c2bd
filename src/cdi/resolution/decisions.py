"""Stewards outrank the machine, for good: a verdict is a fact, must-link and cannot-link are its effect."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum


class Verdict(StrEnum):
    """What a steward says of two sets of records."""

    MATCH = "match"
    HOUSEHOLD = "household"
    NO_MATCH = "no_match"
    UNSURE = "unsure"

    @property
    def links(self) -> bool:
        return self is Verdict.MATCH

    @property
    def separates(self) -> bool:
        """`household` and `no_match` both keep records apart; they teach the model different classes."""
        return self in {Verdict.HOUSEHOLD, Verdict.NO_MATCH}


@dataclass(frozen=True, slots=True)
class Decision:
    """Every record of `left` and every record of `right`: one customer, or not. Append-only; revoked, not edited.

    A review's decision has one record on each side; taking records out of a profile has "these" and "not those".
    """

    id: int
    verdict: Verdict
    left: frozenset[int]
    right: frozenset[int]
    author: str
    reason: str
    at: datetime


@dataclass(frozen=True, slots=True)
class Constraints:
    """What standing decisions demand of clusters, closed under transitivity.

    `together` are disjoint groups of record ids that are one customer; `apart` are ordered pairs of record ids
    that never share a cluster.
    """

    together: tuple[frozenset[int], ...] = ()
    apart: frozenset[tuple[int, int]] = frozenset()
