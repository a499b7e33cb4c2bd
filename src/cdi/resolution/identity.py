"""An id is a promise: it is minted once, follows its records by one rule, and is never given to other
records.

After each re-clustering every old id votes for the new cluster that holds the plurality of its records; a
cluster takes the oldest id that voted for it; the other ids retire. A cluster for which nobody voted gets
back the retired id that its records last carried, else a new one. One rule for merge, split, full run and new
model.
"""

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from http import HTTPStatus
from itertools import count
from typing import Any, TypeAlias
from uuid import UUID

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
    those that are gone included. `last_carried`: record → the retired ids that it carried before, newest
    first. `changed`: records that changed since. The ages (smaller is older) cover all records of the
    clusters and all ids named. `mint` is called once for each new id, in the order of the clusters' oldest
    records.
    """
    clusters = _in_order(new_clusters, record_age)
    held = _records_by_id(carried)
    ids = _elect(clusters, held, changed, record_age, profile_age)
    live = set(held)
    revived: list[UUID] = []
    for depth in count():
        nameless = {label: records for label, records in clusters.items() if label not in ids}
        if not nameless or not any(
            len(last_carried.get(r, ())) > depth for rs in nameless.values() for r in rs
        ):
            break
        once = _records_by_id(
            {
                r: last_carried[r][depth]
                for rs in nameless.values()
                for r in rs
                if len(last_carried.get(r, ())) > depth
            }
        )
        free = {profile: records for profile, records in once.items() if profile not in live}
        back = _elect(nameless, free, changed, record_age, profile_age)
        ids |= back
        live |= set(back.values())
        revived += back.values()
    created = {label: mint() for label in clusters if label not in ids}
    ids |= created
    home = {record: ids[label] for label, records in clusters.items() for record in records}
    retired = {
        old: tuple(sorted({home[record] for record in records if record in home}))
        for old, records in held.items()
        if old not in set(ids.values())
    }
    return IdentityPlan(ids, tuple(created.values()), retired, tuple(revived))


def _in_order(clusters: Clusters, record_age: Mapping[int, Any]) -> Clusters:
    """Clusters by their oldest record, so that the outcome depends on nothing else."""
    return dict(
        sorted(clusters.items(), key=lambda item: min((record_age[record], record) for record in item[1]))
    )


def _records_by_id(carried: Mapping[int, UUID]) -> dict[UUID, set[int]]:
    held: dict[UUID, set[int]] = {}
    for record, profile in carried.items():
        held.setdefault(profile, set()).add(record)
    return held


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


def _plurality(
    parts: Mapping[Label, list[int]], changed: Collection[int], record_age: Mapping[int, Any]
) -> Label:
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
    return Answer(
        HTTPStatus.MOVED_PERMANENTLY if len(profiles) == 1 else HTTPStatus.MULTIPLE_CHOICES, profiles
    )


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
    """What the feed compares of a profile: its live records, its owner, and its document's content by
    attribute."""

    records: frozenset[int]
    owner: str
    content: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Event:
    """One line of the change feed: names and ids, never a value. `others`: for `merged` the ids that retired
    into this one, for `split` and `retired` the ids under which its records live on."""

    type: EventType
    profile: UUID
    others: tuple[UUID, ...]
    attributes: tuple[str, ...]
    owner: str


def events(
    before: Mapping[UUID, ProfileState], after: Mapping[UUID, ProfileState], revived: Collection[UUID] = ()
) -> tuple[Event, ...]:
    """What became different between two states of the same neighbourhood, profile by profile.

    A profile that is new is `created`, or `revived` when its id had retired; one that is gone is `retired`.
    One that lives on is `merged` when it took records of an id that retired, `split` when records of it live
    on elsewhere, both if both; `updated` when neither, but its records or its content differ; and, besides,
    `owner_changed` when another owner answers for it. What is the same says nothing.
    """
    found = [
        event
        for profile in before.keys() | after.keys()
        for event in _events_of(profile, before, after, revived)
    ]
    order = list(EventType)
    return tuple(sorted(found, key=lambda event: (order.index(event.type), event.profile)))


def _events_of(
    profile: UUID,
    before: Mapping[UUID, ProfileState],
    after: Mapping[UUID, ProfileState],
    revived: Collection[UUID],
) -> Iterable[Event]:
    old, new = before.get(profile), after.get(profile)
    if new is None:
        assert old is not None
        yield Event(EventType.RETIRED, profile, _sharing(old, after, profile), (), old.owner)
        return
    ended = {other: state for other, state in before.items() if other not in after}
    took = _sharing(new, ended, profile)
    if old is None:
        kind = EventType.REVIVED if profile in revived else EventType.CREATED
        yield Event(kind, profile, took, tuple(sorted(new.content)), new.owner)
        return
    attributes = tuple(
        sorted(
            name
            for name in old.content.keys() | new.content.keys()
            if old.content.get(name) != new.content.get(name)
        )
    )
    lost = _sharing(old, after, profile)
    if took:
        yield Event(EventType.MERGED, profile, took, attributes, new.owner)
    if lost:
        yield Event(EventType.SPLIT, profile, lost, attributes, new.owner)
    if not took and not lost and (attributes or old.records != new.records):
        yield Event(EventType.UPDATED, profile, (), attributes, new.owner)
    if old.owner != new.owner:
        yield Event(EventType.OWNER_CHANGED, profile, (), (), new.owner)


def _sharing(state: ProfileState, others: Mapping[UUID, ProfileState], itself: UUID) -> tuple[UUID, ...]:
    """The other profiles that hold one of its records."""
    return tuple(
        sorted(
            o for o, other in others.items() if o != itself and not state.records.isdisjoint(other.records)
        )
    )
