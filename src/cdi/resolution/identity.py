"""An id is a promise: it is minted once, follows its records by one rule, and is never given to others.

After each re-clustering every old id votes for the new cluster that holds the plurality of its records; a
cluster takes the oldest id that voted for it; the other ids retire. A cluster for which nobody voted gets
back the retired id that its records last carried, where all of them are in it again, else a new one. One rule
for merge, split, full run and new model.
"""

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from http import HTTPStatus
from types import MappingProxyType
from typing import Any, TypeAlias
from uuid import UUID

from cdi.resolution.golden import GoldenRecord, changed_attributes

Label: TypeAlias = int
"""The name of a cluster within one run of clustering; it means nothing afterwards."""
Clusters: TypeAlias = Mapping[Label, frozenset[int]]


@dataclass(frozen=True, slots=True)
class IdentityPlan:
    """Which id each cluster carries, and what became of the ids before.

    `created` were minted, `revived` had retired and live again. `retired` maps an id that ends to the ids of
    the profiles in which its records lie now: one, several, or none when its last record went.
    """

    ids: dict[Label, UUID]
    created: tuple[UUID, ...]
    retired: dict[UUID, tuple[UUID, ...]]
    revived: tuple[UUID, ...]


def carry_ids(
    new_clusters: Clusters,
    carried: Mapping[int, UUID],
    last_carried: Mapping[int, Sequence[UUID]],
    changed: Collection[int],
    record_age: Mapping[int, Any],
    profile_age: Mapping[UUID, Any],
    mint: Callable[[], UUID],
) -> IdentityPlan:
    """Give every cluster its id.

    `carried`: record → the id that it carried until now, for *all* records of every profile that is touched,
    those that are gone included. `last_carried`: live record → the retired ids that it carried when they
    retired, newest first; for an id named there it lists all live records of that id, those outside of the
    clusters too: where they lie apart, the id does not come back. `changed`: records that changed, or that a
    steward took out. The ages (smaller is older) cover all records of the clusters and all ids named. `mint`
    is called once for each new id, in the order of the clusters' oldest records.
    """
    clusters = _in_order(new_clusters, record_age)
    held = _records_by_id(carried)
    ids = _elect(clusters, held, changed, record_age, profile_age)
    nameless = {label: records for label, records in clusters.items() if label not in ids}
    revived = _bring_back(nameless, last_carried, held.keys(), profile_age)
    created = {label: mint() for label in nameless if label not in revived}
    ids |= revived | created
    home = {record: ids[label] for label, records in clusters.items() for record in records}
    living = set(ids.values())
    retired = {
        old: tuple(sorted({home[record] for record in records if record in home}))
        for old, records in held.items()
        if old not in living
    }
    return IdentityPlan(ids, tuple(created.values()), retired, tuple(revived.values()))


def _in_order(clusters: Clusters, record_age: Mapping[int, Any]) -> Clusters:
    """Clusters by their oldest record, so that the outcome depends on nothing else."""
    return dict(sorted(clusters.items(), key=lambda item: min((record_age[record], record) for record in item[1])))


def _with_replaced(home: Mapping[int, UUID], replaced: Mapping[int, int]) -> dict[int, UUID]:
    """A record that its source replaced by another is at home where that one is."""
    return {**home, **{old: home[new] for old, new in replaced.items() if old not in home and new in home}}


def _records_by_id(carried: Mapping[int, UUID]) -> dict[UUID, set[int]]:
    held: dict[UUID, set[int]] = {}
    for record, profile in carried.items():
        held.setdefault(profile, set()).add(record)
    return held


def _bring_back(
    nameless: Clusters,
    last_carried: Mapping[int, Sequence[UUID]],
    taken: Collection[UUID],
    profile_age: Mapping[UUID, Any],
) -> dict[Label, UUID]:
    """The retired ids whose records are together in a cluster without an id: the one carried last, then the
    oldest."""
    holders: dict[UUID, set[int]] = {}
    for record, profiles in last_carried.items():
        for profile in profiles:
            holders.setdefault(profile, set()).add(record)
    back: dict[Label, UUID] = {}
    for label, records in nameless.items():
        choices = [
            (depth, profile_age[profile], profile)
            for record in records
            for depth, profile in enumerate(last_carried.get(record, ()))
            if profile not in taken and holders[profile] <= records
        ]
        if choices:
            back[label] = min(choices)[-1]
    return back


def _elect(
    clusters: Clusters,
    held: Mapping[UUID, Collection[int]],
    changed: Collection[int],
    record_age: Mapping[int, Any],
    profile_age: Mapping[UUID, Any],
) -> dict[Label, UUID]:
    """Every id votes once; a cluster takes the oldest id that voted for it."""
    home = {record: label for label, records in clusters.items() for record in records}
    votes: dict[Label, list[UUID]] = {}
    for profile, records in held.items():
        parts: dict[Label, list[int]] = {}
        for record in records:
            if record in home:
                parts.setdefault(home[record], []).append(record)
        if parts:
            votes.setdefault(_plurality(parts, changed, record_age), []).append(profile)
    return {label: min(profiles, key=lambda p: (profile_age[p], p)) for label, profiles in votes.items()}


def _plurality(parts: Mapping[Label, list[int]], changed: Collection[int], record_age: Mapping[int, Any]) -> Label:
    """The largest part; of equals the one that did not change, then the one with the oldest record."""

    def standing(label: Label) -> tuple[int, bool, Any]:
        part = parts[label]
        return -len(part), any(r in changed for r in part), min((record_age[r], r) for r in part)

    return min(parts, key=standing)


@dataclass(frozen=True, slots=True)
class Answer:
    """What is said of an id that was once given out: 200 live, 301 its records lie in one profile, 300 in
    several, 410 with the reason when none of them lives."""

    status: HTTPStatus
    profiles: tuple[UUID, ...] = ()
    reason: str = ""


def answer_for(asked: UUID, *, live: bool, lies_in: Iterable[UUID], erased: bool = False) -> Answer:
    """`lies_in` are the profiles in which the records lie now that a retired id held when it retired."""
    if live:
        return Answer(HTTPStatus.OK, (asked,))
    profiles = tuple(sorted(set(lies_in)))
    if erased or not profiles:
        return Answer(HTTPStatus.GONE, reason="erased" if erased else "retired")
    return Answer(HTTPStatus.MOVED_PERMANENTLY if len(profiles) == 1 else HTTPStatus.MULTIPLE_CHOICES, profiles)


class EventType(StrEnum):
    """What the change feed says of a profile, in the order in which one commit says it."""

    CREATED = "created"
    REVIVED = "revived"
    MERGED = "merged"
    SPLIT = "split"
    UPDATED = "updated"
    OWNER_CHANGED = "owner_changed"
    RETIRED = "retired"


@dataclass(frozen=True, slots=True)
class ProfileState:
    """What the feed compares of a profile: its live records, its owner and its golden record."""

    records: frozenset[int]
    owner: str
    golden: GoldenRecord


@dataclass(frozen=True, slots=True)
class Event:
    """One line of the change feed: names and ids, never a value.

    `others`: of `merged` (and `created`, `revived`) the ids that retired into this one, of `split` and
    `retired` the ids under which its records live on. `attributes`: the paths of the attributes whose values
    changed.
    """

    type: EventType
    profile: UUID
    others: tuple[UUID, ...]
    attributes: tuple[str, ...]
    owner: str


States: TypeAlias = Mapping[UUID, ProfileState]


def events(
    before: States,
    after: States,
    revived: Collection[UUID] = (),
    replaced: Mapping[int, int] = MappingProxyType({}),
) -> tuple[Event, ...]:
    """What became different between two states of the same neighbourhood, in the order in which the feed says
    it.

    A profile that is new is `created`, or `revived` when its id had retired; one that is gone is `retired`.
    One that lives on is `merged` when it took records of an id that retired, `split` when records of it live
    on elsewhere, both if both; `updated` when neither, but its records or its golden record differ; and,
    besides, `owner_changed` when another owner answers for it. What is the same says nothing. A record that its
    source replaced by another (`replaced`) lives on where that one is.
    """
    now = _with_replaced(_homes(after), replaced)
    lost_to = {profile: _elsewhere(profile, state, now) for profile, state in before.items()}
    taken: dict[UUID, list[UUID]] = {}
    for profile in sorted(before.keys() - after.keys()):
        for other in lost_to[profile]:
            taken.setdefault(other, []).append(profile)
    found: list[Event] = []
    for profile in before.keys() | after.keys():
        old, new = before.get(profile), after.get(profile)
        lost, took = lost_to.get(profile, ()), tuple(taken.get(profile, ()))
        if new is None:
            assert old is not None
            found.append(Event(EventType.RETIRED, profile, lost, (), old.owner))
        elif old is None:
            kind = EventType.REVIVED if profile in revived else EventType.CREATED
            found.append(Event(kind, profile, took, changed_attributes(GoldenRecord(), new.golden), new.owner))
        else:
            found += _changes(profile, old, new, took, lost)
    order = list(EventType)
    return tuple(sorted(found, key=lambda event: (order.index(event.type), event.profile)))


def _changes(
    profile: UUID, old: ProfileState, new: ProfileState, took: tuple[UUID, ...], lost: tuple[UUID, ...]
) -> Iterator[Event]:
    if old == new and not took:
        return
    attributes = changed_attributes(old.golden, new.golden)
    if took:
        yield Event(EventType.MERGED, profile, took, attributes, new.owner)
    if lost:
        yield Event(EventType.SPLIT, profile, lost, attributes, new.owner)
    if not (took or lost) and (old.records, old.golden) != (new.records, new.golden):
        yield Event(EventType.UPDATED, profile, (), attributes, new.owner)
    if old.owner != new.owner:
        yield Event(EventType.OWNER_CHANGED, profile, (), (), new.owner)


def _homes(states: States) -> dict[int, UUID]:
    return {record: profile for profile, state in states.items() for record in state.records}


def _elsewhere(profile: UUID, state: ProfileState, homes: Mapping[int, UUID]) -> tuple[UUID, ...]:
    """The other profiles in which its records are at home."""
    found = {homes[record] for record in state.records if record in homes}
    return tuple(sorted(found - {profile}))
