"""Clusters none of whose records was ever in a profile: a first load. Nothing before them has to be asked for, so that
other processes put their profiles together, and this one appends them.

They come to what `publish` comes to; where anything is known of their records, `publish` does it.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import NamedTuple
from uuid import UUID

import orjson
from sqlalchemy import Connection

from cdi.ids import new_id
from cdi.normalise.searching import searchable
from cdi.pipeline.installation import Accountable, Installation
from cdi.pipeline.many_records import database_at
from cdi.pipeline.publishing import Finding, Published, contradictions, findings_of, questions_about, record_facts
from cdi.resolution.document import ProfileRules, StewardFacts, assemble
from cdi.resolution.golden import GoldenRecord, changed_attributes
from cdi.store import changes, conflicts, first_profiles, records, reviews, search_text
from cdi.store.first_profiles import FirstProfile


class Expecting(NamedTuple):
    """Clusters that become profiles under these new ids, and what decides what these will say."""

    url: str
    rules: ProfileRules
    sources: Accountable
    clusters: Sequence[tuple[UUID, tuple[int, ...]]]


@dataclass(frozen=True, slots=True)
class Newborn:
    """Profiles put together before there is a place for them, with what contradicts in them."""

    lines: first_profiles.Lines
    created: Sequence[changes.Change]
    conflicts: Sequence[conflicts.Contradiction]
    questions: Sequence[reviews.Question]


def expecting(installation: Installation, clusters: Iterable[frozenset[int]]) -> Expecting:
    """The work of putting these clusters' profiles together; ids are minted by their oldest records."""
    ordered = sorted(tuple(sorted(members)) for members in clusters)
    return Expecting(
        installation.database.url,
        installation.rules,
        installation.accountable,
        [(new_id(), members) for members in ordered],
    )


def put_together(work: Expecting) -> Newborn:
    """`derived`, in a process of its own."""
    with database_at(work.url).unit_of_work() as connection:
        return derived(connection, work)


def derived(connection: Connection, work: Expecting) -> Newborn:
    """The profiles as the facts are now; a record that ended meanwhile takes its cluster out."""
    current = records.load_current(connection, [record for _, members in work.clusters for record in members])
    made: list[FirstProfile] = []
    contradicting: list[conflicts.Contradiction] = []
    asked: list[reviews.Question] = []
    for profile_id, members in work.clusters:
        facts = [current[record] for record in members if record in current]
        if len(facts) != len(members):
            continue
        about = [record_facts(work.sources, record) for record in facts]
        assembly = assemble(profile_id, about, work.rules, StewardFacts())
        words = search_text.merged((record.source, searchable(record.canonical, record.key)) for record in facts)
        contradicting += contradictions(profile_id, assembly)
        asked += findings_of(profile_id, assembly)
        made.append(
            FirstProfile(
                profile_id,
                members,
                assembly.document["kind"],
                assembly.ownership.owner,
                sorted({record.source for record in facts}),
                assembly.written.decode(),
                assembly.content_hash,
                search_text.together(words),
                orjson.dumps(words).decode(),
                changed_attributes(GoldenRecord(), GoldenRecord(assembly.document["golden"])),
            )
        )
    made.sort(key=lambda profile: profile.profile_id)
    created = [changes.Change("created", p.profile_id, p.data_owner, p.sources, 1, (), p.attributes) for p in made]
    return Newborn(first_profiles.lines_of(made), created, contradicting, asked)


def can_be_born(connection: Connection, newborn: Newborn, record_ids: Sequence[int]) -> bool:
    """Whether these profiles are all that becomes of these records, none of which was ever in one."""
    covered = {record for record, _ in newborn.lines.members}
    return covered == set(record_ids) and not first_profiles.any_known(connection, record_ids)


def bear(
    connection: Connection,
    installation: Installation,
    newborn: Newborn,
    findings: Sequence[Finding],
    now: datetime,
) -> Published:
    """Append these profiles, in the caller's transaction, under the resolver's lock."""
    ids = sorted(change.profile_id for change in newborn.created)
    first_profiles.save_first_profiles(connection, newborn.lines, now)
    questions = [*newborn.questions, *questions_about(connection, installation, findings, dict(newborn.lines.members))]
    reviews.replace_reviews(connection, ids, ids, questions, now, standing=False)
    conflicts.replace_conflicts(connection, ids, list(newborn.conflicts), now, standing=False)
    changes.append_changes(connection, newborn.created, now)
    return Published(len(ids), len(ids), frozenset(ids))
