"""Erasure (Art. 17): a person's facts are truly deleted, and what is left proves that it happened: id, time, ground,
who. The others of the household keep everything of theirs.

One erasure is one commit under the resolver's lock: the records end, their neighbourhood is resolved as after any
change, and their values leave every table of the registry. It is written down outside the database first, so that a
backup from before is told of it when it is restored.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, Final
from uuid import UUID

from sqlalchemy import Connection

from cdi.access import Credential, Role
from cdi.audit import Trail
from cdi.clock import utc_now
from cdi.errors import ConflictError, ForbiddenError, InvalidInputError, NotFoundError
from cdi.fields import Stream
from cdi.ids import new_id
from cdi.pipeline import Installation
from cdi.pipeline.erased import Marker, marker, marker_in_use
from cdi.pipeline.landing import CONTACTS, is_bare_contact
from cdi.privacy import erasure_file
from cdi.privacy.requests import Office, show_request
from cdi.privacy.retention import remove_records
from cdi.store import changes, erasures, exports, holds, privacy_requests, profiles, records
from cdi.store import retention as retention_store
from cdi.store.changes import Change
from cdi.store.db import resolver_lock
from cdi.store.erasures import BACKUP, IDENTIFIER, RECORD, Erasure, Mark, Named
from cdi.store.privacy_requests import PrivacyRequest

GROUNDS: Final[Mapping[str, str]] = {
    "no_longer_needed": "Art. 17(1)(a)",
    "consent_withdrawn": "Art. 17(1)(b)",
    "objected": "Art. 17(1)(c)",
    "unlawful": "Art. 17(1)(d)",
    "legal_duty": "Art. 17(1)(e)",
    "child": "Art. 17(1)(f)",
    "demanded": "the person's demand, its ground not said",
}
"""Why somebody is erased: a code, so that no value of the customer is kept with it."""
LISTED: Final = 100
PAGE: Final = 20_000


@dataclass(frozen=True, slots=True)
class Subject:
    """Whom an erasure is of: the profile, its customer records, and what sources said of them (touchpoints, consents,
    links)."""

    profile_id: UUID
    records: Sequence[int]
    named: Sequence[Named]
    said: Sequence[Named]
    data_owner: str
    sources: Sequence[str]

    @property
    def said_ids(self) -> list[int]:
        return [one.record_id for one in self.said]


def subject_of(connection: Connection, profile_id: UUID) -> Subject:
    """Whom this id stands for. Raises NotFoundError for one never given out, ConflictError for one that leads to
    another profile or was erased."""
    found = profiles.find_profile(connection, profile_id)
    if found is None:
        raise NotFoundError("there is no profile with this id")
    if found.retired:
        homes = profiles.successors(connection, profile_id)
        if homes:
            where = ", ".join(map(str, homes))
            raise ConflictError("this id is retired", remedy=f"Its records are in {where} now: name that profile")
        if found.retired_reason == "erased":
            raise ConflictError("this profile was erased before", remedy="Nothing is left to do")
    ids = erasures.records_of(connection, profile_id)
    return _subject(connection, profile_id, ids, found.document["data_owner"])


def _subject(connection: Connection, profile_id: UUID, ids: Sequence[int], data_owner: str) -> Subject:
    named = erasures.names_of(connection, ids)
    said = [*erasures.said_of(connection, ids), *erasures.names_of(connection, erasures.links_of(connection, named))]
    return Subject(profile_id, ids, named, said, data_owner, sorted({one.source for one in named}))


# -- before ----------------------------------------------------------------------------------------


def preview(office: Office, profile_id: UUID) -> dict[str, Any]:
    """What an erasure would remove: by table and by source; who was told of this customer; which holds forbid it; where
    the same identifiers are that would stay."""
    connection = office.connection
    subject = subject_of(connection, profile_id)
    if office.trail is not None:
        office.trail.saw([profile_id])
    by_source: dict[str, int] = {}
    for one in (*subject.named, *subject.said):
        by_source[one.source] = by_source.get(one.source, 0) + 1
    return {
        "profile": profile_id,
        "data_owner": subject.data_owner,
        "tables": erasures.count_of(connection, profile_id, subject.records, subject.said_ids),
        "sources": dict(sorted(by_source.items())),
        "records": [f"{one.source}:{one.key}" for one in subject.named[:LISTED]],
        "holds": [hold.hold_id for hold in _holds(connection, subject, office.now)],
        "told": {
            "webhooks": erasures.told_by_webhook(connection, profile_id),
            "shown_to": erasures.shown_to(connection, profile_id, LISTED),
            "exports": exports.list_folders(connection),
        },
        "elsewhere": erasures.carriers_elsewhere(connection, subject.records, LISTED),
        "four_eyes": office.installation.deployment.privacy.four_eyes,
    }


def _holds(connection: Connection, subject: Subject, now: datetime) -> Sequence[holds.Hold]:
    return holds.list_holds(connection, LISTED, standing_at=now, on=subject.records)


def ask(office: Office, profile_id: UUID, ground: str) -> dict[str, Any]:
    """Erase this profile; with four eyes, ask another officer to. The request as it stands then.

    Raises InvalidInputError, NotFoundError, ConflictError (a legal hold forbids it, or it waits already).
    """
    if ground not in GROUNDS:
        raise InvalidInputError("ground is none that the law knows", remedy=f"One of {', '.join(GROUNDS)}")
    resolver_lock(office.connection)
    subject = subject_of(office.connection, profile_id)
    waiting = privacy_requests.RequestFilter("erasure", "asked", profile_id)
    if privacy_requests.list_requests(office.connection, waiting, 1):
        raise ConflictError("this erasure was asked for already", remedy="Decide the request that waits")
    _must_not_be_held(office, subject)
    actor, now = office.caller.actor, office.now
    request_id = privacy_requests.save_request(
        office.connection, PrivacyRequest("erasure", profile_id, ground, "asked", actor, now)
    )
    if not office.installation.deployment.privacy.four_eyes:
        _do(office, request_id, subject, ground)
    return _answer(office, request_id)


def decide(office: Office, request_id: int, *, approve: bool) -> dict[str, Any]:
    """Do what was asked for, or refuse it. With four eyes not who asked.

    Raises NotFoundError, ConflictError, ForbiddenError.
    """
    resolver_lock(office.connection)
    asked = privacy_requests.find_request(office.connection, request_id, locked=True)
    if asked is None or asked.kind != "erasure":
        raise NotFoundError("there is no erasure with this id", remedy="GET /v1/privacy/requests?kind=erasure")
    if asked.state != "asked":
        raise ConflictError(f"this request is {asked.state}", remedy="Nothing is left to decide")
    if office.installation.deployment.privacy.four_eyes and asked.asked_by == office.caller.actor:
        raise ForbiddenError("an erasure takes two", remedy="Another data-protection officer decides it")
    if not approve:
        privacy_requests.decide_request(office.connection, request_id, "refused", office.caller.actor, office.now, {})
        return _answer(office, request_id)
    subject = _asked_for(office, asked)
    _must_not_be_held(office, subject)
    _do(office, request_id, subject, asked.ground)
    return _answer(office, request_id)


def _asked_for(office: Office, asked: PrivacyRequest) -> Subject:
    """Whom the request is of now: the profile may have moved since, and a record that had none may have come to one."""
    if asked.profile_id is None:
        return _subject_of_records(office, asked.about["records"])
    homes = profiles.successors(office.connection, asked.profile_id)
    found = profiles.find_profile(office.connection, asked.profile_id)
    moved = found is not None and found.retired and len(homes) == 1
    return subject_of(office.connection, homes[0] if moved else asked.profile_id)


def _subject_of_records(office: Office, record_ids: Sequence[int]) -> Subject:
    """Whom records are of that had no profile when their source demanded the erasure."""
    homes = profiles.load_memberships(office.connection, record_ids)
    if homes:
        return subject_of(office.connection, min(homes.values()))
    subject = _subject(office.connection, new_id(), record_ids, office.installation.deployment.customer_owner)
    owners = [office.installation.owner_of(source) for source in subject.sources]
    return replace(subject, data_owner=owners[0]) if owners else subject


def _must_not_be_held(office: Office, subject: Subject) -> None:
    held = _holds(office.connection, subject, office.now)
    if held:
        raise ConflictError(
            f"legal hold {', '.join(str(hold.hold_id) for hold in held)} protects this profile",
            remedy="Lift it first, or refuse the request: Art. 17(3)",
        )


def _answer(office: Office, request_id: int) -> dict[str, Any]:
    if office.trail is not None:
        office.trail.about["privacy_request"] = request_id
    return show(office.connection, request_id)


def show(connection: Connection, request_id: int) -> dict[str, Any]:
    """A request; of an erasure that was done also who has acknowledged it: by subscription whether the event that
    tells of it was taken, by folder whether the files there are without the customer."""
    told = show_request(connection, request_id)
    erasure_id, ticket = told["about"].get("erasure"), told["about"].get("clearing")
    if told["kind"] == "erasure" and erasure_id is not None:
        told["acknowledged"] = erasures.acknowledgements(connection, UUID(erasure_id))
        told["exports"] = [] if ticket is None else exports.acknowledgements(connection, ticket, told["decided_at"])
    return told


# -- the act ---------------------------------------------------------------------------------------


def _do(office: Office, request_id: int, subject: Subject, ground: str) -> None:
    """Erase, and note it as the end of this request."""
    installation, connection = office.installation, office.connection
    made = marker_in_use(connection, installation) or marker(installation.settings, make=True)
    elsewhere = erasures.carriers_elsewhere(connection, subject.records, LISTED)
    done = Erasure(
        new_id(),
        subject.profile_id,
        ground,
        office.caller.actor,
        office.now,
        made.fingerprint(),
        _marks(connection, made, subject),
    )
    counts = erasures.count_of(connection, subject.profile_id, subject.records, subject.said_ids)
    erasure_file.append(erasure_file.file_of(installation.settings), [done])
    gone = _erase(connection, installation, subject, done)
    about = {
        "erasure": str(done.erasure_id),
        "profiles": [str(profile_id) for profile_id in gone],
        "sources": list(subject.sources),
        "tables": counts,
        "elsewhere": [str(profile_id) for profile_id in elsewhere],
        "clearing": exports.last_ticket(connection),
    }
    privacy_requests.decide_request(connection, request_id, "done", office.caller.actor, office.now, about)
    if office.trail is not None:
        office.trail.saw([subject.profile_id])


def _marks(connection: Connection, made: Marker, subject: Subject) -> list[Mark]:
    marks = [
        Mark(made.incarnation(one.source, one.stream, one.key, one.incarnation), BACKUP, one.record_id)
        for one in subject.named
    ]
    marks += [
        Mark(made.customer(one.source, one.key), RECORD, one.record_id) for one in subject.named if _stays_out(one)
    ]
    left = {one.source: one.record_id for one in subject.named}
    marks += [Mark(made.record(one.source, one.stream, one.key), RECORD, left.get(one.source)) for one in subject.said]
    known = erasures.identifiers_of(connection, subject.records)
    return marks + [Mark(made.identifier(kind, value), IDENTIFIER) for kind, value in known]


def _stays_out(one: Named) -> bool:
    """Not of a key that another person has now, nor of a bare contact: others may use that number too."""
    return not one.reused and not is_bare_contact(one.stream, one.key)


def _erase(connection: Connection, installation: Installation, subject: Subject, done: Erasure) -> list[UUID]:
    """Remove all of it; the ids that end by it."""
    for source in subject.sources:
        mine = {one.key for one in subject.named if one.source == source}
        records.lock_keys(connection, source, {CONTACTS, *mine})
    mentions = retention_store.load_mentions(connection, subject.records)
    named = [*subject.named, *subject.said]
    known = erasures.identifiers_of(connection, subject.records)
    erasures.forget_words(connection, subject.records, named, known, done.decided_by, done.at)
    retention_store.forget_touchpoints(connection, subject.said_ids)
    remove_records(connection, installation, subject.records)
    ended = erasures.end_ids(connection, {subject.profile_id, *(mention.profile_id for mention in mentions)})
    now = utc_now()
    events = [Change("erased", one, subject.data_owner, list(subject.sources)) for one in ended]
    changes.append_changes(connection, events, now)
    newest = changes.last_cursor(connection)
    place = ended.index(subject.profile_id) if subject.profile_id in ended else len(ended) - 1
    erasures.save_erasure(connection, done, newest - len(ended) + 1 + place if ended else None)
    return ended


# -- a restored backup -----------------------------------------------------------------------------


def reconcile(installation: Installation) -> int:
    """Make the database and the file of erasures tell the same: erase again what the file knows of and the database
    does not (it was restored from a backup), and write down what only the database knows. How many were erased again.

    Raises ConfigurationError for a file that is damaged, or made with another key.
    """
    path = erasure_file.file_of(installation.settings)
    written = {one.erasure_id for one in erasure_file.read(path)}
    with installation.database.unit_of_work() as connection:
        if erasures.all_ids(connection) == written:
            return 0
    with installation.database.unit_of_work() as connection:
        resolver_lock(connection)  # whoever erases holds it too: the file and the table stand still
        known = erasures.all_ids(connection)
        told = {one.erasure_id: one for one in erasure_file.read(path)}
        erasure_file.append(path, erasures.load_erasures(connection, known - told.keys()))
        missing = [one for one in told.values() if one.erasure_id not in known]
        if missing:
            _replay(connection, installation, missing)
    return len(missing)


def _replay(connection: Connection, installation: Installation, missing: Sequence[Erasure]) -> None:
    made = marker(installation.settings)
    if any(one.fingerprint != made.fingerprint() for one in missing):
        raise ConflictError(
            "the file of erasures was made with another key than this deployment's",
            remedy="Put back CDI_PRIVACY_KEY (or var/privacy.key): without it nobody knows what to erase again",
        )
    found = _records_marked(connection, made, missing)
    for one in missing:
        _repeat(connection, installation, made, one, found.get(one.erasure_id, []))


def _repeat(
    connection: Connection,
    installation: Installation,
    made: Marker,
    one: Erasure,
    there: Sequence[tuple[bytes, Named]],
) -> None:
    """Erase once more what of it this database has, and note it as a request that was done."""
    profile = profiles.find_profile(connection, one.profile_id)
    owner = installation.deployment.customer_owner if profile is None else profile.document["data_owner"]
    ids = [named.record_id for _, named in there if named.kind == Stream.CUSTOMER]
    subject = _subject(connection, one.profile_id, ids, owner)
    others = [named for _, named in there if named.kind != Stream.CUSTOMER]
    said = {named.record_id: named for named in (*subject.said, *others)}
    rows = {named.source: named.record_id for _, named in there if named.kind == Stream.CUSTOMER}
    left = {hashed: rows.get(named.source) for hashed, named in there}
    left |= {made.customer(one.source, one.key): one.record_id for one in subject.named}
    again = replace(one, marks=[replace(mark, record_id=left.get(mark.hash)) for mark in one.marks])
    _erase(connection, installation, replace(subject, said=list(said.values())), again)
    now = utc_now()
    request_id = privacy_requests.save_request(
        connection,
        PrivacyRequest(
            "erasure",
            one.profile_id,
            one.ground,
            "done",
            one.decided_by,
            one.at,
            one.decided_by,
            now,
            about={
                "erasure": str(one.erasure_id),
                "replayed": True,
                "records": len(ids),
                "clearing": exports.last_ticket(connection),
            },
        ),
    )
    trail = Trail(f"{Credential.SYSTEM}:restore", Role.PRIVACY.value, "replay_erasure", changes=True)
    trail.saw([one.profile_id])
    trail.about["privacy_request"] = request_id
    trail.write(connection, now)


def _records_marked(
    connection: Connection, made: Marker, missing: Sequence[Erasure]
) -> dict[UUID, list[tuple[bytes, Named]]]:
    """By erasure and mark, the records of this database that it was of: by their hashes, for ids may mean others by
    now."""
    marked = {mark.hash: one.erasure_id for one in missing for mark in one.marks}
    found: dict[UUID, list[tuple[bytes, Named]]] = {}
    after = 0
    while page := erasures.named_records(connection, after, PAGE):
        after = page[-1].record_id
        for named in page:
            hashed = _hash_of(made, named)
            if hashed in marked:
                found.setdefault(marked[hashed], []).append((hashed, named))
    return found


def _hash_of(made: Marker, named: Named) -> bytes:
    if named.kind != Stream.CUSTOMER:
        return made.record(named.source, named.stream, named.key)
    return made.incarnation(named.source, named.stream, named.key, named.incarnation)
