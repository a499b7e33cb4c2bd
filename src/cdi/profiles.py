"""Find, show and explain profiles, for a caller: what API, pages and command line all ask.

Every reading passes the caller's visibility: a profile is served as it is stored only if every record in it may be
seen, else its golden record is built again from those that may.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from http import HTTPStatus
from typing import Any
from uuid import UUID

import numpy as np
from sqlalchemy import Connection

from cdi.access import Caller, Role, Visibility
from cdi.errors import InvalidInputError, NotFoundError
from cdi.fields import FieldGroup
from cdi.ids import RecordKey
from cdi.matching.evidence import Evidence, explain_each
from cdi.normalise.searching import read_typed
from cdi.pipeline import Installation
from cdi.pipeline.households import who_lives_with
from cdi.pipeline.identified import as_kept, typed_identifier
from cdi.pipeline.tables import build_table
from cdi.serving import evidence_seen, key_as_seen, locate, present
from cdi.store import conflicts, decisions, normalised, pairs, profiles, records
from cdi.store.finding import ProfileFilter, list_profiles
from cdi.store.profiles import FoundProfile, StoredText
from cdi.store.restrictions import closed_among


@dataclass(frozen=True, slots=True)
class Answer:
    """What is said of an id that was given out once: 200 with the document, 301 or 300 with where its records are
    now, 410 with the reason."""

    status: HTTPStatus
    document: dict[str, Any] | None = None
    profiles: Sequence[UUID] = ()
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Query:
    """What profiles are looked for by; all that is given must hold. `identifier` is TYPE:VALUE."""

    email: str | None = None
    phone: str | None = None
    identifier: str | None = None
    source: str | None = None
    key: str | None = None
    q: str | None = None
    data_owner: str | None = None
    updated_since: datetime | None = None


@dataclass(frozen=True, slots=True)
class Page:
    """A part of a list, and the cursor of the next (None: this was the last)."""

    items: list[dict[str, Any]]
    after: str | None


def show(connection: Connection, installation: Installation, visibility: Visibility, profile_id: UUID) -> Answer:
    """The profile with this id, or where its records went. NotFoundError only for an id never given out."""
    where = locate(connection, visibility, profile_id)
    if where.profile is None:
        return Answer(where.status, profiles=where.homes, reason=where.reason)
    return Answer(HTTPStatus.OK, present(connection, installation, visibility, where.profile))


@dataclass(frozen=True, slots=True)
class Whole:
    """The document of a profile, every value and record of it, as JSON."""

    document: bytes
    version: int


def whole(caller: Caller, stored: StoredText | None) -> Whole | None:
    """The profile as it is stored, if this reader sees every value and record of it; what is masked, built again or
    gone is for `show`."""
    if stored is None or not _sees_every_value(caller):
        return None
    if stored.closed_to or stored.sources & caller.visibility.hidden_sources:
        return None
    return Whole(stored.document.encode(), stored.version)


def _sees_every_value(caller: Caller) -> bool:
    return caller.role is not Role.CONNECTOR and caller.visibility.groups >= frozenset(FieldGroup)


def show_all(
    connection: Connection, installation: Installation, visibility: Visibility, profile_ids: Sequence[UUID]
) -> list[dict[str, Any]]:
    """What `show` says of each of these ids, in this order: its status, and the profile, or where its records are now,
    or why it ended."""
    found = profiles.find_profiles(connection, profile_ids)
    return [
        _shown(connection, installation, visibility, profile_id, found.get(profile_id)) for profile_id in profile_ids
    ]


def _shown(
    connection: Connection,
    installation: Installation,
    visibility: Visibility,
    profile_id: UUID,
    found: FoundProfile | None,
) -> dict[str, Any]:
    told: dict[str, Any] = {"id": profile_id}
    if found is None:
        return told | {"status": HTTPStatus.NOT_FOUND}
    if found.retired:
        gone = show(connection, installation, visibility, profile_id)
        return (
            told | {"status": gone.status} | ({"profiles": gone.profiles} if gone.profiles else {"reason": gone.reason})
        )
    document = present(connection, installation, visibility, found)
    if document is None:
        return told | {"status": HTTPStatus.NOT_FOUND}
    return told | {"status": HTTPStatus.OK, "profile": document}


def find(
    connection: Connection,
    installation: Installation,
    visibility: Visibility,
    query: Query,
    *,
    limit: int = 50,
    after: str | None = None,
) -> Page:
    """Profiles that answer the query: by id; with `q` the best first; with `updated_since` by the time of the change.
    Identifiers are understood as the engine understands them; `q` looks only at values that the caller may see."""
    words = () if query.q is None else read_typed(query.q)
    if query.q is not None and not words:
        return Page([], None)
    narrowed = ProfileFilter(
        carriers=list(_carriers(connection, query)),
        handles=[(kind, as_kept(installation, kind, value)) for kind, value in _handles(query)],
        words=words,
        data_owner=query.data_owner,
        updated_since=query.updated_since,
    )
    listed = list_profiles(connection, visibility, narrowed, after, limit)
    shown = [present(connection, installation, visibility, profile) for profile in listed.profiles]
    return Page([document for document in shown if document is not None], listed.after)


def _carriers(connection: Connection, query: Query) -> Iterator[list[int]]:
    """The source record asked for, if one is."""
    if (query.key is None) != (query.source is None):
        raise InvalidInputError("source and key go together", remedy="Ask for ?source=webshop&key=10023")
    if query.source is not None and query.key is not None:
        yield [record_id for _, _, record_id in records.find_record_ids(connection, [(query.source, query.key)])]


def _handles(query: Query) -> Iterator[tuple[str, str]]:
    if query.email is not None:
        yield "email", query.email
    if query.phone is not None:
        yield "phone", query.phone
    if query.identifier is not None:
        yield typed_identifier(query.identifier)


def why(connection: Connection, installation: Installation, a: RecordKey, b: RecordKey) -> Evidence:
    """The evidence for or against these two records being one customer, also where they were never compared."""
    found = {(source, key): i for source, key, i in records.find_record_ids(connection, [(a[0], a[1]), (b[0], b[1])])}
    for name in (a, b):
        if (name.source, name.key) not in found:
            raise NotFoundError(f"source {name.source} has no such customer record", remedy="Check the key")
    (evidence,) = _evidence(connection, installation, [(found[a.source, a.key], found[b.source, b.key])])
    return evidence


def explain_pair(
    connection: Connection, installation: Installation, visibility: Visibility, a: RecordKey, b: RecordKey
) -> dict[str, Any]:
    """`why`, as this caller may see it, with the data owner of each record."""
    for name in (a, b):
        if name.source in visibility.hidden_sources:
            raise NotFoundError(f"source {name.source} has no such customer record", remedy="Check the key")
        if closed_among(connection, homes(connection, [name]), visibility.uses):
            raise NotFoundError(f"source {name.source} has no such customer record", remedy="Check the key")
    evidence = why(connection, installation, a, b)
    told = evidence_seen(evidence, visibility)
    owners = {"a": installation.owner_of(a.source), "b": installation.owner_of(b.source)}
    return {"a": str(a), "b": str(b), "data_owners": owners, **told}


def homes(connection: Connection, names: Sequence[RecordKey]) -> set[UUID]:
    """The profiles in which these customer records are."""
    return {home for name in names for home in profiles.find_homes(connection, name.source, [name.key])}


def _evidence(connection: Connection, installation: Installation, asked: Sequence[tuple[int, int]]) -> list[Evidence]:
    """The evidence about each of these pairs of records, in this order."""
    if not asked:
        return []
    active = installation.models.active(connection)
    if active is None:
        raise NotFoundError("nothing has been resolved yet", remedy="Run cdi resolve")
    wanted = sorted({record_id for pair in asked for record_id in pair})
    table = build_table(normalised.load_cards(connection, wanted))
    if len(table.record_ids) < len(wanted) or any(left == right for left, right in asked):
        raise NotFoundError("one of the two records is gone, or they are the same")
    rows = table.row_of(np.array(asked).ravel()).reshape(-1, 2).tolist()
    return explain_each(table, active, [(left, right) for left, right in rows])


def explain_profile(
    connection: Connection, installation: Installation, visibility: Visibility, profile_id: UUID
) -> dict[str, Any]:
    """How this profile came together: the strongest evidence that ties each record to the others, and what
    stewards decided about them."""
    answer = show(connection, installation, visibility, profile_id)
    if answer.document is None:
        raise NotFoundError("this id is retired", remedy="Ask for the profile to see where its records are now")
    active = installation.models.active(connection)
    members = profiles.load_members(connection, [profile_id])[profile_id]
    current = records.load_current(connection, members)
    seen = [i for i in members if current[i].source not in visibility.hidden_sources]
    names = {i: f"{current[i].source}:{key_as_seen(current[i].key, visibility)}" for i in seen}
    links = []
    ties = _strongest_ties(connection, seen)
    for (left, right), evidence in zip(ties, _evidence(connection, installation, ties), strict=True):
        links.append({"a": names[left], "b": names[right], **evidence_seen(evidence, visibility)})
    return {
        "id": str(profile_id),
        "data_owner": answer.document["data_owner"],
        "model": None if active is None else active.version,
        "records": list(names.values()),
        "links": links,
        "decisions": [
            {
                "id": decision.id,
                "verdict": decision.verdict.value,
                "author": decision.author,
                "reason": decision.reason,
                "at": decision.at.isoformat(),
                "left": [names[i] for i in sorted(decision.left) if i in names],
                "right": [names[i] for i in sorted(decision.right) if i in names],
            }
            for decision in decisions.standing_decisions(connection, seen)
        ],
        "conflicts": conflicts.open_conflicts(connection, profile_id),
    }


def _strongest_ties(connection: Connection, members: Sequence[int]) -> list[tuple[int, int]]:
    """For each record the strongest stored pair that ties it to those before it: a maximum spanning tree."""
    stored = pairs.load_pairs(connection, members)
    home = {record: record for record in members}

    def root(record: int) -> int:
        while home[record] != record:
            record = home[record]
        return record

    ties = []
    strongest = sorted(
        zip(stored.weight.tolist(), stored.left.tolist(), stored.right.tolist(), strict=True), reverse=True
    )
    for _, left, right in strongest:
        a, b = root(left), root(right)
        if a != b:
            home[a] = b
            ties.append((left, right))
    return ties


def household(
    connection: Connection, installation: Installation, visibility: Visibility, profile_id: UUID
) -> dict[str, Any]:
    """The other profiles of this customer's household, as the caller may see them. NotFoundError for an id that is
    not live."""
    shown = show(connection, installation, visibility, profile_id)
    if shown.document is None:
        raise NotFoundError("this id is retired", remedy="Ask for the profile to see where its records are now")
    others = who_lives_with(connection, installation, profile_id)
    found = profiles.find_profiles(connection, others) if others else {}
    members = [present(connection, installation, visibility, found[other]) for other in others if other in found]
    return {
        "id": str(profile_id),
        "data_owner": shown.document["data_owner"],
        "members": [member for member in members if member is not None],
    }
