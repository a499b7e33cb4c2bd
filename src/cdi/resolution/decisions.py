"""Stewards outrank the machine, for good: a verdict is a fact, must-link and cannot-link are its effect."""

from collections import deque
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from cdi.errors import InvalidInputError
from cdi.ids import pair


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
    """Every record of `left` and every record of `right`: one customer, or not. Append-only; revoked, not
    edited.

    A review answered with a match names the two records that it shows, one answered with a separation all records
    of both profiles; taking records out of a profile has "these" and "not those".
    """

    id: int
    verdict: Verdict
    left: frozenset[int]
    right: frozenset[int]
    author: str
    reason: str
    at: datetime

    @property
    def records(self) -> frozenset[int]:
        return self.left | self.right


@dataclass(frozen=True, slots=True)
class Constraints:
    """What standing decisions demand of clusters, closed under transitivity.

    `together` are disjoint groups of record ids that are one customer; `apart` are ordered pairs of record
    ids that never share a cluster.
    """

    together: tuple[frozenset[int], ...] = ()
    apart: frozenset[tuple[int, int]] = frozenset()


def close(decisions: Iterable[Decision], copies: Iterable[tuple[int, int]] = ()) -> Constraints:
    """The effect of standing decisions. Groups grow over shared records; a cannot-link with one member of a
    group separates the whole group. A copy (record, original) goes with its original wherever no decision
    keeps the two apart.

    Decisions that contradict each other are refused at the door, but a merge reported by a source can make
    two of them meet. Then keeping apart wins, because a false merge harms more than a missed one: see
    `overruled`.
    """
    separating, linking, _ = _weigh(decisions)
    groups = _Groups(linking)
    for copy, original in sorted(copies):
        joined = {*groups.of(copy), *groups.of(original)}
        if not any(a in joined and b in joined for decision in separating for a, b in _separated(decision)):
            groups.join((copy, original))
    apart = {
        pair(a, b)
        for decision in separating
        for left, right in _separated(decision)
        for a in groups.of(left)
        for b in groups.of(right)
    }
    together = sorted(groups.several(), key=min)
    return Constraints(tuple(together), frozenset(apart))


def overruled(decisions: Iterable[Decision]) -> tuple[Decision, ...]:
    """Standing matches without effect, because others keep apart what they would join: for a review."""
    return _weigh(decisions)[2]


def contradiction(standing: Iterable[Decision], new: Decision) -> tuple[Decision, ...]:
    """The standing decisions that must be revoked before `new` can hold; empty where nothing speaks against
    it.

    Against a match: those that keep apart two records which it would join. Against a separation: every chain
    of matches, shortest first, that makes one customer of what it would separate. Raises InvalidInputError
    for a decision that contradicts itself or says nothing.
    """
    if new.verdict is Verdict.UNSURE:
        return ()
    if not new.left or not new.right:
        raise InvalidInputError("a decision needs records on both sides")
    separating, linking, _ = _weigh(standing)
    if new.verdict.links:
        joined = _Groups([*linking, new]).of(min(new.left))
        return tuple(d for d in separating if any(a in joined and b in joined for a, b in _separated(d)))
    both = new.left & new.right
    if both:
        raise InvalidInputError(f"record {min(both)} stands on both sides, and nothing is apart from itself")
    against = _chains(linking, new)
    return tuple(decision for decision in linking if decision in against)


class _Groups:
    """Disjoint groups of records that matches make one customer."""

    def __init__(self, linking: Iterable[Decision] = ()) -> None:
        self._group: dict[int, set[int]] = {}
        for decision in linking:
            self.join(decision.records)

    def of(self, record: int) -> Collection[int]:
        return self._group.get(record, (record,))

    def join(self, records: Collection[int]) -> None:
        groups = {id(g): g for g in (self._group.setdefault(record, {record}) for record in records)}
        largest, *others = sorted(groups.values(), key=len, reverse=True)
        for other in others:
            largest |= other
            self._group.update(dict.fromkeys(other, largest))

    def several(self) -> Iterator[frozenset[int]]:
        distinct = {id(group): group for group in self._group.values()}
        return (frozenset(group) for group in distinct.values() if len(group) > 1)


def _weigh(decisions: Iterable[Decision]) -> tuple[list[Decision], list[Decision], tuple[Decision, ...]]:
    """Separations, matches that hold, and matches that they overrule: each in the order of their time."""
    ordered = sorted(decisions, key=lambda decision: (decision.at, decision.id))
    separating = [decision for decision in ordered if decision.verdict.separates]
    rivals: dict[int, set[int]] = {}
    for decision in separating:
        for a, b in _separated(decision):
            rivals.setdefault(a, set()).add(b)
            rivals.setdefault(b, set()).add(a)
    groups, linking, without_effect = _Groups(), list[Decision](), list[Decision]()
    for decision in ordered:
        if decision.verdict.links and decision.left and decision.right:
            joined = {member for record in decision.records for member in groups.of(record)}
            if any(not joined.isdisjoint(rivals.get(member, ())) for member in joined):
                without_effect.append(decision)
            else:
                linking.append(decision)
                groups.join(decision.records)
    return separating, linking, tuple(without_effect)


def _separated(decision: Decision) -> Iterator[tuple[int, int]]:
    return ((a, b) for a in decision.left for b in decision.right if a != b)


def _chains(linking: Collection[Decision], new: Decision) -> set[Decision]:
    """All decisions on chains from one side of `new` to the other; no two chains share a decision."""
    found: set[Decision] = set()
    while chain := _shortest_chain([d for d in linking if d not in found], new.left, new.right):
        found |= chain
    return found


def _shortest_chain(linking: Iterable[Decision], start: Iterable[int], goal: Collection[int]) -> set[Decision]:
    by_record: dict[int, list[Decision]] = {}
    for decision in linking:
        for record in decision.records:
            by_record.setdefault(record, []).append(decision)
    came_by: dict[int, tuple[int, Decision] | None] = dict.fromkeys(sorted(start))
    waiting = deque(came_by)
    while waiting:
        record = waiting.popleft()
        if record in goal:
            return _walk_back(came_by, record)
        for decision in by_record.get(record, ()):
            for reached in sorted(decision.records - came_by.keys()):
                came_by[reached] = (record, decision)
                waiting.append(reached)
    return set()


def _walk_back(came_by: Mapping[int, tuple[int, Decision] | None], record: int) -> set[Decision]:
    chain: set[Decision] = set()
    while step := came_by[record]:
        record, decision = step
        chain.add(decision)
    return chain
