"""What became different is published: ids follow their records, golden records are built from facts, reviews and
conflicts open and close, and the feed says what happened. All in the caller's transaction."""

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from functools import lru_cache
from itertools import islice
from types import MappingProxyType
from typing import Any, Final, Protocol, TypeAlias
from uuid import UUID

from sqlalchemy import Connection

from cdi.ids import new_id
from cdi.normalise.searching import searchable
from cdi.pipeline.installation import Installation
from cdi.resolution.decisions import Constraints
from cdi.resolution.document import Assembly, StewardFacts, assemble
from cdi.resolution.golden import GoldenRecord
from cdi.resolution.identity import Event, IdentityPlan, ProfileState, carry_ids, events
from cdi.resolution.survivorship import RecordFacts
from cdi.store import changes, owners, pins, profiles, records, restrictions, reviews, search_text
from cdi.store import conflicts as store_conflicts
from cdi.store.db import Asked, without_waiting
from cdi.store.profiles import Homes, ProfileWrite
from cdi.store.rarities import UNKNOWN, Rarities
from cdi.store.records import CurrentRecord
from cdi.store.standing import ask_about

CHUNK = 2_000
AT_ONCE: Final = 100
"""So many profiles are written by one statement: the server writes them while the next are put together."""

Clusters: TypeAlias = Mapping[int, frozenset[int]]
"""Label → record ids."""


@dataclass(frozen=True, slots=True)
class Finding:
    """Two records that a steward should look at again, for a reason that clustering found."""

    kind: str
    left: int
    right: int
    weight: float
    reason: str


@dataclass(slots=True)
class Published:
    """What a resolution made different."""

    profiles_written: int = 0
    events: int = 0
    affected: frozenset[UUID] = frozenset()


def publish(
    connection: Connection,
    installation: Installation,
    clusters: Clusters,
    changed: frozenset[int],
    constraints: Constraints,
    now: datetime,
    *,
    findings: Sequence[Finding] = (),
    asked_about: frozenset[int] | None = None,
    rebuild: bool = False,
    rare: Rarities = UNKNOWN,
    keep_past: bool = True,
    current: Mapping[int, CurrentRecord] = MappingProxyType({}),
    homes: Homes | None = None,
) -> Published:
    """Make these clusters the profiles of their records.

    `clusters` must cover every live record of every profile that is touched; `changed` are the records that
    became different, gone ones included. `findings` are all that stewards should be asked about the records of
    `asked_about` (None: about any of these). With `rebuild` every document is built again, not only those that
    changed records touch. `rare`: what the caller knows that none of these records has. Without `keep_past` the
    documents from before are not kept of profiles that had one of the changed records. `current`: facts of live
    records that are at hand; those of others are loaded. `homes`: the profiles of all these records, if they are at
    hand.
    """
    scope = frozenset(changed).union(*clusters.values())
    if homes is None:
        homes = profiles.ask_for_homes(connection, sorted(scope)).answer()
    before = {record: homes.of[record] for record in sorted(scope) if record in homes.of}
    old_profiles = _by_profile(before)
    forgotten = frozenset() if keep_past else frozenset(before[record] for record in changed if record in before)
    gone = changed.union(before) - frozenset().union(*clusters.values())
    replaced = records.replaced_among(connection, sorted(gone)) if gone else {}
    changed = changed.union(replaced.values())
    plan, states = _carry(connection, clusters, before, old_profiles, changed, replaced, rare, homes.states)
    after = {record: plan.ids[label] for label, members in clusters.items() for record in members}
    due = {
        plan.ids[label]: members
        for label, members in clusters.items()
        if rebuild or members & changed or old_profiles.get(plan.ids[label]) != members
    }
    touched = sorted({*due, *plan.retired})
    if rare.pinned:
        pins.end_rectified(connection, sorted(scope), now)
    facts = StewardFacts(
        pins.load_pins(connection, sorted(scope), now) if rare.pinned else [],
        owners.load_assignments(connection, sorted(scope), now) if rare.assigned else [],
        constraints.together,
    )
    about = {*touched, *(home for record, home in after.items() if asked_about is None or record in asked_about)}
    lived = frozenset(each for each in touched if each in states and not states[each].retired)
    parts = list(_chunks(due.items(), CHUNK))
    with without_waiting(connection):
        asked = ask_about(connection, sorted(about), touched)
        first = [_ask_for_stored(connection, part, lived, current) for part in parts[:1]]
        questions = questions_about(connection, installation, findings, after, rare)
    standing = asked.answer()
    told_before = {each: _as_told(each, states, old_profiles) for each in lived.difference(due)}
    built = _Built(lived, states)
    with without_waiting(connection):
        for part in parts:
            golden, loaded = first.pop() if first else _ask_for_stored(connection, part, lived, current)
            told_before |= {
                each: _as_told(each, states, old_profiles, GoldenRecord(said)) for each, said in golden.answer().items()
            }
            here = {**current, **loaded.answer()}
            for some in _chunks(part, AT_ONCE):
                writes, words = built.add(installation, some, here, facts)
                profiles.write_profiles(connection, writes, now, forgotten)
                search_text.save_words(connection, words)
        profiles.move_records(connection, before, after, now)
        profiles.retire_profiles(connection, _reasons(plan), now, forgotten)
        if rare.restricted:
            restrictions.follow(connection, list(due))
        search_text.forget_words(connection, list(plan.retired))
        questions += built.questions
        reviews.replace_reviews(connection, sorted(about), touched, questions, now, standing=standing.reviews)
        store_conflicts.replace_conflicts(connection, touched, built.conflicts, now, standing=standing.conflicts)
        said = events(told_before, built.told, plan.revived, replaced)
        _announce(connection, said, built, now)
    return Published(len(built.versions), len(said), frozenset(built.told))


@dataclass(slots=True)
class _Built:
    """What comes of putting profiles together, one after the other: what the feed tells of each, what contradicts in
    it, the version that it gets if it is different, and its sources."""

    seen_before: Collection[UUID]
    states: Mapping[UUID, profiles.ProfileState]
    told: dict[UUID, ProfileState] = field(default_factory=dict)
    conflicts: list[store_conflicts.Contradiction] = field(default_factory=list)
    questions: list[reviews.Question] = field(default_factory=list)
    versions: dict[UUID, int] = field(default_factory=dict)
    sources: dict[UUID, tuple[str, ...]] = field(default_factory=dict)

    def add(
        self,
        installation: Installation,
        some: Sequence[tuple[UUID, frozenset[int]]],
        current: Mapping[int, CurrentRecord],
        facts: StewardFacts,
    ) -> tuple[list[ProfileWrite], dict[UUID, search_text.Parts]]:
        """Put these profiles together; what is to be written, and the words by which each is found."""
        writes: list[ProfileWrite] = []
        words: dict[UUID, search_text.Parts] = {}
        for profile_id, members in some:
            records_of = [current[record] for record in sorted(members)]
            about = [record_facts(installation, record) for record in records_of]
            assembly = assemble(profile_id, about, installation.rules, facts.about(members))
            state, seen = self.states.get(profile_id), profile_id in self.seen_before
            self.told[profile_id] = _told(members, assembly.document, seen_before=seen)
            self.sources[profile_id] = tuple(sorted({record.source for record in records_of}))
            self.conflicts += contradictions(profile_id, assembly)
            self.questions += findings_of(profile_id, assembly)
            content_hash = assembly.content_hash
            if state is None or state.retired or state.content_hash != content_hash:
                version = self.versions[profile_id] = 1 if state is None else state.version + 1
                writes.append(_write(profile_id, version, assembly, content_hash, self.sources[profile_id]))
            words[profile_id] = search_text.merged((r.source, searchable(r.canonical, r.key)) for r in records_of)
        return writes, words

    def version_of(self, profile_id: UUID) -> int | None:
        """The version that this profile has now."""
        state = self.states.get(profile_id)
        return self.versions.get(profile_id, None if state is None else state.version)


def _by_profile(membership: Mapping[int, UUID]) -> dict[UUID, frozenset[int]]:
    held: dict[UUID, set[int]] = {}
    for record, profile_id in membership.items():
        held.setdefault(profile_id, set()).add(record)
    return {profile_id: frozenset(members) for profile_id, members in held.items()}


def _carry(
    connection: Connection,
    clusters: Clusters,
    before: Mapping[int, UUID],
    old_profiles: Mapping[UUID, frozenset[int]],
    changed: frozenset[int],
    replaced: Mapping[int, int],
    rare: Rarities,
    known: Mapping[UUID, profiles.ProfileState],
) -> tuple[IdentityPlan, dict[UUID, profiles.ProfileState]]:
    """Ids for all clusters; only those that moved need the vote, the others keep what they have. With what is known
    of all ids there were, also of those that the records bore once: of those that they bear now it is `known`."""
    same = {
        label: before[min(members)]
        for label, members in clusters.items()
        if min(members) in before and old_profiles[before[min(members)]] == members
    }
    kept = set(same.values())
    moving = {label: members for label, members in clusters.items() if label not in same}
    moved = [record for members in moving.values() for record in members]
    carried = {record: old for record, old in before.items() if old not in kept}
    last = profiles.load_last_carried(connection, moved) if rare.carried else {}
    named = {*carried.values(), *(old for ids in last.values() for old in ids)}
    states = {**known, **profiles.load_states(connection, named.difference(known))}
    ages = {state.profile_id: state.minted for state in states.values()}
    record_age = {record: record for record in {*moved, *carried}}
    plan = carry_ids(moving, carried, last, changed, record_age, ages, new_id)
    ids = same | plan.ids
    home = {record: ids[label] for label, members in clusters.items() for record in members}
    retired = {
        old: tuple(sorted({*homes, *(home[replaced[r]] for r in old_profiles[old] if replaced.get(r) in home)}))
        for old, homes in plan.retired.items()
    }
    return IdentityPlan(ids, plan.created, retired, plan.revived), states


def _chunks(items: Iterable[Any], size: int) -> Iterator[list[Any]]:
    iterator = iter(items)
    while part := list(islice(iterator, size)):
        yield part


def _ask_for_stored(
    connection: Connection,
    part: Sequence[tuple[UUID, frozenset[int]]],
    lived: Collection[UUID],
    known: Mapping[int, CurrentRecord],
) -> tuple[Asked[dict[UUID, dict[str, Any]]], Asked[dict[int, CurrentRecord]]]:
    """Ask for the golden records so far of those of these profiles that lived, and for the facts of all their records
    that are not known."""
    missing = [record for _, members in part for record in members if record not in known]
    return (
        profiles.ask_for_golden(connection, [profile_id for profile_id, _ in part if profile_id in lived]),
        records.ask_for_current(connection, missing),
    )


class Sources(Protocol):
    """What is said of sources: how much they count and who answers for them."""

    def trust_of(self, source: str) -> float: ...

    def owner_of(self, source: str) -> str: ...


def record_facts(sources: Sources, record: CurrentRecord) -> RecordFacts:
    """A stored record as survivorship sees it: with the trust and the owner of its source."""
    return RecordFacts(
        record_id=record.record_id,
        source=record.source,
        key=record.key,
        observed_at=record.observed_at,
        trust=sources.trust_of(record.source),
        data_owner=sources.owner_of(record.source),
        canonical=record.canonical,
        stream=record.stream,
        derived_from=record.derived_from,
    )


def _write(
    profile_id: UUID, version: int, assembly: Assembly, content_hash: bytes, sources: Sequence[str]
) -> ProfileWrite:
    return ProfileWrite(
        profile_id,
        version,
        assembly.document["kind"],
        assembly.ownership.owner,
        sources,
        assembly.written,
        content_hash,
    )


def _as_told(
    profile_id: UUID,
    states: Mapping[UUID, profiles.ProfileState],
    old_profiles: Mapping[UUID, frozenset[int]],
    golden: GoldenRecord | None = None,
) -> ProfileState:
    """What the feed compares with; of an id that ends now it says no attribute."""
    members, owner = old_profiles.get(profile_id, frozenset()), states[profile_id].data_owner
    return ProfileState(members, owner, golden or GoldenRecord())


def _told(members: frozenset[int], document: Mapping[str, Any], *, seen_before: bool) -> ProfileState:
    """What the feed compares. Of a new profile it says only which attributes there are, so that a first load of
    millions does not hold every document in memory."""
    golden = GoldenRecord(document["golden"])
    if not seen_before:
        golden = _outline(tuple(path for path, _ in golden.entries()))
    return ProfileState(members, document["data_owner"], golden)


@lru_cache(maxsize=1_000)
def _outline(paths: tuple[str, ...]) -> GoldenRecord:
    entry = {"value": True, "alternatives": []}
    outline: dict[str, Any] = {path: entry for path in paths if "." not in path}
    custom = {path.partition(".")[2]: entry for path in paths if "." in path}
    return GoldenRecord(outline | ({"attributes": custom} if custom else {}))


def _reasons(plan: IdentityPlan) -> dict[UUID, str]:
    words = {0: "retired", 1: "merged"}
    return {old: words.get(len(homes), "split") for old, homes in plan.retired.items()}


def contradictions(profile_id: UUID, assembly: Assembly) -> list[store_conflicts.Contradiction]:
    """What contradicts in a profile, but for its birth dates, which are a question."""
    return [
        store_conflicts.Contradiction(profile_id, c.key, c.kind, c.attribute, c.owners, c.record_ids, c.detail)
        for c in assembly.conflicts
        if c.kind != "birth_date"
    ]


def findings_of(profile_id: UUID, assembly: Assembly) -> list[reviews.Question]:
    """Two truly different birth dates in one profile are a question to a steward, not a tie to be broken."""
    return [
        reviews.Question(
            "birth_date",
            profile_id,
            profile_id,
            conflict.record_ids[0],
            conflict.record_ids[-1],
            0.0,
            "two birth dates that cannot both be true",
            conflict.owners,
        )
        for conflict in assembly.conflicts
        if conflict.kind == "birth_date"
    ]


def questions_about(
    connection: Connection,
    installation: Installation,
    findings: Sequence[Finding],
    after: Mapping[int, UUID],
    rare: Rarities = UNKNOWN,
) -> list[reviews.Question]:
    """What clustering found, as questions about profiles; and records of which something newer is kept back."""
    held = records.held_among(connection, sorted(after)) if rare.held else []
    told = [
        *findings,
        *(Finding("identity_jump", i, i, 0.0, "the source says it is another person now") for i in held),
    ]
    ends = sorted({record for finding in told for record in (finding.left, finding.right) if record in after})
    source = {record: name.source for record, name in records.load_names(connection, ends).items()} if ends else {}
    questions = []
    for finding in told:
        if finding.left in after and finding.right in after:
            (left, one), (right, other) = sorted((after[record], record) for record in (finding.left, finding.right))
            owners = sorted({installation.owner_of(source[record]) for record in (one, other)})
            questions.append(
                reviews.Question(finding.kind, left, right, one, other, finding.weight, finding.reason, owners)
            )
    return questions


def _announce(connection: Connection, said: Sequence[Event], built: _Built, now: datetime) -> None:
    changes.append_changes(
        connection,
        [
            changes.Change(
                event.type.value,
                event.profile,
                event.owner,
                built.sources.get(event.profile, ()),
                built.version_of(event.profile),
                event.others,
                event.attributes,
            )
            for event in said
        ],
        now,
    )
