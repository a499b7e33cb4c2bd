"""What sources say is landed as facts: a batch of records, its checkpoint and what becomes due are one commit.

Landing is idempotent on (source, key, content): the same batch twice changes nothing.
"""

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any, Final, TypeAlias

import orjson
from sqlalchemy import Connection

from cdi.errors import BadRecordError
from cdi.fields import IDENTIFIER_TYPES, CanonicalData, Stream
from cdi.ingest.contract import Native, Op, Record, Rejected
from cdi.ingest.manifest import DeclaredConnector
from cdi.normalise.record import canonicalise
from cdi.pipeline import erased, removed
from cdi.pipeline.arrivals import (
    as_stored,
    checked_consent,
    checked_touchpoint,
    content_hash,
    hash_of,
    moment,
    rounds,
    storable,
    without,
)
from cdi.pipeline.erased import Marker
from cdi.pipeline.installation import Installation
from cdi.resolution.another_person import is_another_person
from cdi.resolution.copies import news_of_copy
from cdi.store import first_versions, meanings, rarities, redo
from cdi.store import profiles as profile_store
from cdi.store import records as record_store
from cdi.store import sources as source_store
from cdi.store import touchpoints as touchpoint_store
from cdi.store.db import without_waiting
from cdi.store.records import Arrival, NewVersion, SavedVersion
from cdi.store.sources import Counts

CONTACTS = "contacts"
"""The stream of sparse customer records, made of a bare phone number or address that a touchpoint left."""

CHANGED: Final = "the source changed it"
MANY: Final = 100
"""From so many new records on, COPY takes less than one statement for all."""
VERY_MANY: Final = 2_000
"""So many new customers in one batch of a reading are mapped afterwards."""

MapRecord: TypeAlias = Callable[[str, Native], CanonicalData]


@dataclass(frozen=True, slots=True)
class Arriving:
    """Where a batch comes from: its source, the kinds of its streams, and the mapping that understands them.

    `copies`: by (stream, key), the profile that an application says it copied the record from. `map_later`: very many
    customers that are new land as they were said, and are mapped afterwards (`mapping_landed`), by other processes:
    what is no Python of a connector's own can travel there. `begins`: its streams had nothing when this reading began,
    and of all that arrives it has been asked whether the mapping can read it. `resolved_here`: the caller resolves in
    the same transaction what becomes due by its own change, so that this need not be queued. `reads_all`: the streams
    of which the mapping can read whatever comes.
    """

    source: str
    kinds: Mapping[str, Stream]
    map_record: MapRecord
    run_id: int | None = None
    copies: Mapping[tuple[str, str], str] = field(default_factory=dict)
    map_later: bool = False
    begins: bool = False
    resolved_here: bool = False
    reads_all: Collection[str] = ()


def arriving_of(
    installation: Installation,
    source: str,
    run_id: int | None = None,
    copies: Mapping[tuple[str, str], str] | None = None,
) -> Arriving:
    """Where records of this source come from: its streams, understood by its connector's mapping."""
    connector, config = installation.connector(source), installation.config(source)
    kinds = {stream.name: stream.kind for stream in connector.streams()}
    declared = connector if isinstance(connector, DeclaredConnector) else None
    reads_all = [name for name in kinds if declared.reads_all(name, config)] if declared else []
    return Arriving(
        source,
        kinds,
        lambda name, data: connector.map(name, data, config),
        run_id,
        copies or {},
        declared is not None,
        reads_all=reads_all,
    )


@dataclass(slots=True)
class Landed:
    """What landing a batch came to: its figures, what was rejected, and the customer records that are due now. Of few
    records it tells which of these are `born`: the record was made with the one thing that was said of it. `refused` is
    what is of persons who were erased: nothing of it is kept. `marker` is there if anybody was; `removed` is there if
    anything was kept no longer: the same said again is unchanged. What is taken `heals` what was rejected before."""

    counts: Counts
    rejected: list[Rejected] = field(default_factory=list)
    due: list[int] = field(default_factory=list)
    born: set[int] = field(default_factory=set)
    refused: list[Rejected] = field(default_factory=list)
    marker: Marker | None = None
    removed: Marker | None = None
    heals: bool = True


def land(
    connection: Connection,
    installation: Installation,
    arriving: Arriving,
    records: Iterable[Record],
    rejected: Sequence[Rejected],
    now: datetime,
) -> Landed:
    """See `land_arrivals`."""
    return land_arrivals(
        connection, installation, arriving, arrivals_of(installation, arriving, records, now), rejected, now
    )


def land_arrivals(
    connection: Connection,
    installation: Installation,
    arriving: Arriving,
    arrivals: Sequence[Arrival],
    rejected: Sequence[Rejected],
    now: datetime,
) -> Landed:
    """Append what is new among what arrives, keep what cannot be taken, and queue what is due, in the caller's
    transaction. A record that its mapping cannot read is rejected; the rest goes on."""
    with without_waiting(connection):
        record_store.lock_keys(connection, arriving.source, _locks(arrivals))
        asked = rarities.ask_against(connection, arriving.source)
    against = asked.answer()
    exclude = installation.source(arriving.source).exclude
    kept = [replace(item, data=storable(without(item.data, exclude))) for item in rejected]
    landed = Landed(Counts(read=len(arrivals) + len(rejected)), kept)
    landed.marker = erased.marker_by(installation, against.erased)
    landed.removed = erased.marker(installation.settings) if against.removed else None
    landed.heals = against.rejected
    for one_a_key in rounds(_without_erased(connection, installation, arriving.source, arrivals, landed, now)):
        _land_round(connection, installation, arriving, one_a_key, landed, now)
    kept_back = [(item, content_hash(item.data).hex()) for item in landed.rejected]
    source_store.save_rejected(connection, arriving.source, kept_back, now)
    landed.rejected += landed.refused
    landed.counts.rejected = len(landed.rejected)
    landed.counts.unchanged = landed.counts.read - landed.counts.rejected - landed.counts.versions
    return landed


def _without_erased(
    connection: Connection,
    installation: Installation,
    source: str,
    arrivals: Sequence[Arrival],
    landed: Landed,
    now: datetime,
) -> Sequence[Arrival]:
    """What arrives, without what is of persons who were erased: it is refused, and the source's owner told."""
    if landed.marker is None:
        return arrivals
    known = erased.erased_among(connection, landed.marker, source, arrivals)
    back = {
        n: one for n, one in known.items() if arrivals[n].op is Op.UPSERT
    }  # that it is gone there is as it should be
    landed.refused += [Rejected(arrivals[n].stream, erased.REFUSED, {}, arrivals[n].key) for n in back]
    erased.tell_owner(connection, installation, source, back.values(), now)
    return [arrival for n, arrival in enumerate(arrivals) if n not in known]


def _naming_nobody_erased(
    connection: Connection,
    installation: Installation,
    source: str,
    news: Sequence[NewVersion],
    landed: Landed,
    now: datetime,
) -> list[NewVersion]:
    """The news, without touchpoints and consents of persons who were erased."""
    if landed.marker is None:
        return list(news)
    known = erased.naming_erased(connection, landed.marker, source, news)
    landed.refused += [Rejected(news[n].arrival.stream, erased.REFUSED, {}, news[n].arrival.key) for n in known]
    erased.tell_owner(connection, installation, source, known.values(), now)
    kept = [item for n, item in enumerate(news) if n not in known]
    customers = [item.canonical for item in kept if item.arrival.kind == Stream.CUSTOMER]
    erased.note_identifiers(connection, landed.marker, source, customers, now)
    return kept


def _locks(arrivals: Sequence[Arrival]) -> set[str]:
    """What must be this batch's alone: its keys, and, where it may touch others than it names (a touchpoint's bare
    contact, a record that was replaced), all that does so in this source."""
    customers_only = all(arrival.kind == Stream.CUSTOMER for arrival in arrivals)
    return {arrival.key for arrival in arrivals} | (set() if customers_only else {CONTACTS})


def _land_round(
    connection: Connection,
    installation: Installation,
    arriving: Arriving,
    arrivals: Sequence[Arrival],
    landed: Landed,
    now: datetime,
) -> None:
    found = _news_among(connection, arriving, arrivals)
    found = removed.without_removed(connection, landed.removed, arriving.source, found)
    first = [arrival for arrival, is_first in found if is_first and _stands_alone(arrival)]
    if len(first) >= MANY:
        _land_first(connection, installation, arriving, first, landed, now)
        found = [(arrival, is_first) for arrival, is_first in found if not (is_first and _stands_alone(arrival))]
    news: list[NewVersion] = []
    for arrival, _ in found:
        try:
            news.append(NewVersion(arrival, canonical_of(installation, arriving, arrival)))
        except BadRecordError as error:
            landed.rejected.append(Rejected(arrival.stream, str(error), arrival.native, arrival.key))
    news = _naming_nobody_erased(connection, installation, arriving.source, news, landed, now)
    if not news:
        return
    again = [arrival for arrival, is_first in found if not is_first]
    _map_those_before(connection, installation, arriving, again, now)
    news = _without_echo(connection, _held_back(connection, arriving.source, news, again))
    saved, added = record_store.save_versions(connection, arriving.source, news, arriving.run_id, now)
    landed.counts += added
    if landed.heals:
        source_store.heal_rejected(connection, arriving.source, [(a.arrival.stream, a.arrival.key) for a in saved], now)
    customers = [v for v in saved if v.arrival.kind == Stream.CUSTOMER and (v.counts_now or v.held)]
    landed.due += [version.record_id for version in customers]
    landed.born |= {version.record_id for version in customers if version.is_new}
    landed.born -= {version.record_id for version in customers if not version.is_new}  # said twice: it has a past
    if not arriving.resolved_here:
        redo.queue(connection, [version.record_id for version in customers], CHANGED, now)
    current = [version for version in saved if version.counts_now]
    _ask_for_erasures(connection, arriving.source, current, now)
    land_effects(connection, installation, arriving, current, now)


def _ask_for_erasures(connection: Connection, source: str, current: Sequence[SavedVersion], now: datetime) -> None:
    """That a source demands an erasure is a legal act, for the officer to decide; the record ends meanwhile."""
    demanded = [v.record_id for v in current if v.arrival.op is Op.ERASE and v.arrival.kind == Stream.CUSTOMER]
    if demanded:
        homes = profile_store.load_memberships(connection, demanded)
        erased.asked_by_source(connection, source, demanded, homes, now)


def _news_among(connection: Connection, arriving: Arriving, arrivals: Sequence[Arrival]) -> list[tuple[Arrival, bool]]:
    """Those that say something new, and whether their key is named for the first time."""
    if arriving.begins and not record_store.any_named(connection, arriving.source, [a.key for a in arrivals]):
        return [(arrival, True) for arrival in arrivals if arrival.op is Op.UPSERT]
    return [(arrivals[n], is_first) for n, is_first in record_store.find_news(connection, arriving.source, arrivals)]


def land_effects(
    connection: Connection,
    installation: Installation,
    arriving: Arriving,
    current: Sequence[SavedVersion],
    now: datetime,
) -> None:
    """What versions that count now say of others than their own record: touchpoints, consents, replaced records."""
    _land_touchpoints(connection, installation, arriving, current, now)
    _land_consents(connection, installation, arriving, current, now)
    _land_identity_links(connection, arriving.source, current, now)


def _stands_alone(arrival: Arrival) -> bool:
    """Whether a record that is named for the first time concerns nothing but itself."""
    return arrival.kind == Stream.CUSTOMER and arrival.op is Op.UPSERT and arrival.derived_from is None


def _land_first(
    connection: Connection,
    installation: Installation,
    arriving: Arriving,
    arrivals: Sequence[Arrival],
    landed: Landed,
    now: datetime,
) -> None:
    """Many customers that are named for the first time: nothing before them has to be asked for."""
    later = arriving.map_later and len(arrivals) >= VERY_MANY
    readable: list[Arrival] = []
    canonical: list[str] = []
    for arrival in arrivals:
        try:
            if not later:
                canonical.append(orjson.dumps(canonical_of(installation, arriving, arrival)).decode())
            elif not arriving.begins and arrival.stream not in arriving.reads_all:
                arriving.map_record(arrival.stream, arrival.native)
            readable.append(arrival)
        except BadRecordError as error:
            landed.rejected.append(Rejected(arrival.stream, str(error), arrival.native, arrival.key))
    if landed.marker is not None and canonical:
        erased.note_identifiers(connection, landed.marker, arriving.source, map(orjson.loads, canonical), now)
    first = first_versions.save_first_versions(connection, arriving.source, readable, arriving.run_id, now)
    if later:
        streams = [arrival.stream for arrival in readable]
        first_versions.leave_unmapped(connection, arriving.source, first, streams, now)
    else:
        meanings.save_meanings(connection, dict(zip(first.version_ids, canonical, strict=True)))
        first_versions.queue_first(connection, first.record_ids, CHANGED, now)
        landed.due += first.record_ids
    if landed.heals:
        source_store.heal_rejected(connection, arriving.source, [(a.stream, a.key) for a in readable], now)
    landed.counts.added += len(readable)


def _map_those_before(
    connection: Connection,
    installation: Installation,
    arriving: Arriving,
    again: Sequence[Arrival],
    now: datetime,
) -> None:
    """What is said anew of records that landed in bulk and are not mapped yet is compared with what they mean."""
    if not arriving.map_later or not again:
        return
    before = meanings.load_unmapped_of(connection, arriving.source, [(a.stream, a.key) for a in again])
    taken = meanings.take_unmapped(connection, [version.version_id for version in before])
    context, meant = installation.context(arriving.source), dict.fromkeys(sorted(taken), "{}")
    for version in before:
        if version.version_id in taken:
            with suppress(BadRecordError):  # it was readable when it landed: the mapping is another one by now
                canonical = canonicalise(arriving.map_record(version.stream, version.native), context)
                meant[version.version_id] = orjson.dumps(canonical).decode()
    meanings.save_meanings(connection, meant)
    redo.queue(connection, list(taken.values()), CHANGED, now)


def _held_back(
    connection: Connection, source: str, news: Sequence[NewVersion], again: Sequence[Arrival]
) -> list[NewVersion]:
    """What seems to be about another person than the record was about is kept back until a steward decides. `again`
    are those that were named before."""
    customers = [arrival for arrival in again if arrival.kind == Stream.CUSTOMER and arrival.op is Op.UPSERT]
    if not customers:
        return list(news)
    facts = record_store.load_facts_of(connection, source, [(a.stream, a.key) for a in customers])
    return [
        replace(item, held=is_another_person(before, item.canonical))
        if (before := facts.get((item.arrival.stream, item.arrival.key))) and item.arrival.op is Op.UPSERT
        else item
        for item in news
    ]


def _without_echo(connection: Connection, news: Sequence[NewVersion]) -> list[NewVersion]:
    """An application's copy of a profile keeps only what it says that the profile did not say."""
    copied = {item.arrival.derived_from for item in news if item.arrival.derived_from}
    if not copied:
        return list(news)
    originals = profile_store.load_originals(connection, sorted(copied))
    return [_echo_removed(item, originals.get(item.arrival.derived_from or "")) for item in news]


def _echo_removed(item: NewVersion, original: profile_store.Original | None) -> NewVersion:
    if original is None or item.held:
        return item
    said = {name: entry["value"] for name, entry in original.golden.items() if "value" in entry}
    if is_another_person(said, item.canonical):
        return item  # whatever the application says that it copied, this is somebody else
    return replace(item, canonical=news_of_copy(item.canonical, original.golden), copied_from=original.anchor)


def _land_identity_links(connection: Connection, source: str, current: Sequence[SavedVersion], now: datetime) -> None:
    """The source says that a record was replaced by another: the old one ends and points to the new one."""
    for version in current:
        if version.arrival.kind == Stream.IDENTITY_LINK and version.arrival.op is Op.UPSERT:
            old, new = str(version.canonical.get("from") or ""), str(version.canonical.get("to") or "")
            moved = record_store.replace_record(connection, source, old, new)
            redo.queue(connection, moved, "the source merged it", now)


def arrivals_of(
    installation: Installation, arriving: Arriving, records: Iterable[Record], now: datetime
) -> list[Arrival]:
    """What a source said, as it stands at the door of the store."""
    exclude = installation.source(arriving.source).exclude
    # A clock that runs ahead must not freeze the record: no source knows more than now, give or take. A time beyond
    # that is none, and what was said counts as said now, so that the next word with a right time is newer.
    latest = now + installation.deployment.clock_tolerance
    return [_arrival(arriving, exclude, record, latest, now) for record in records]


def _arrival(arriving: Arriving, exclude: Sequence[str], record: Record, latest: datetime, now: datetime) -> Arrival:
    data, said = as_stored(without(record.data, exclude))
    source_time = record.source_time if record.source_time and record.source_time <= latest else None
    return Arrival(
        stream=record.stream,
        key=record.key,
        kind=arriving.kinds[record.stream].value,
        op=record.op,
        native=data,
        said=said,
        content_hash=hash_of(said),
        source_time=source_time,
        observed_at=source_time or now,
        derived_from=arriving.copies.get((record.stream, record.key)),
    )


def those_readable(arriving: Arriving, arrivals: Sequence[Arrival]) -> tuple[list[Arrival], list[Rejected]]:
    """Arrivals that the mapping can read, and the others with the reason why not."""
    readable: list[Arrival] = []
    rejected: list[Rejected] = []
    for arrival in arrivals:
        try:
            if arrival.op is Op.UPSERT and arrival.stream not in arriving.reads_all:
                arriving.map_record(arrival.stream, arrival.native)
            readable.append(arrival)
        except BadRecordError as error:
            rejected.append(Rejected(arrival.stream, str(error), arrival.native, arrival.key))
    return readable, rejected


def is_readable(installation: Installation, arriving: Arriving, record: Record, now: datetime) -> bool:
    """Whether the mapping can read this record as it is now."""
    try:
        for arrival in arrivals_of(installation, arriving, [record], now):
            canonical_of(installation, arriving, arrival)
    except BadRecordError:
        return False
    return True


def canonical_of(installation: Installation, arriving: Arriving, arrival: Arrival) -> CanonicalData:
    """What a record means by its mapping. Raises BadRecordError naming the field."""
    if arrival.op is not Op.UPSERT:
        return {}
    mapped = arriving.map_record(arrival.stream, arrival.native)
    match arrival.kind:
        case Stream.CUSTOMER:
            return canonicalise(mapped, installation.context(arriving.source))
        case Stream.TOUCHPOINT:
            return checked_touchpoint(mapped)
        case Stream.CONSENT:
            return checked_consent(mapped)
    return mapped


def _land_touchpoints(
    connection: Connection,
    installation: Installation,
    arriving: Arriving,
    current: Sequence[SavedVersion],
    now: datetime,
) -> None:
    mine = [version for version in current if version.arrival.kind == Stream.TOUCHPOINT]
    if not mine:
        return
    there, gone = _split(mine)
    keys = _customer_keys(connection, installation, arriving, there, now)
    rows: list[tuple[int, str, datetime, dict[str, Any]]] = []
    for version, key in zip(there, keys, strict=True):
        at = moment(version.canonical, "at", required=True)
        assert at is not None
        rows.append((version.record_id, key, at, _own_fields(version.canonical)))
    touchpoint_store.replace_touchpoints(connection, arriving.source, rows, gone)


def _land_consents(
    connection: Connection,
    installation: Installation,
    arriving: Arriving,
    current: Sequence[SavedVersion],
    now: datetime,
) -> None:
    mine = [version for version in current if version.arrival.kind == Stream.CONSENT]
    if not mine:
        return
    there, gone = _split(mine)
    keys = _customer_keys(connection, installation, arriving, there, now)
    rows: list[tuple[int, str, datetime | None, dict[str, Any]]] = [
        (v.record_id, key, moment(v.canonical, "at", required=False), _own_fields(v.canonical))
        for v, key in zip(there, keys, strict=True)
    ]
    touchpoint_store.replace_consents(connection, arriving.source, rows, gone)


def _split(versions: Sequence[SavedVersion]) -> tuple[list[SavedVersion], list[int]]:
    there = [version for version in versions if version.arrival.op is Op.UPSERT]
    return there, [version.record_id for version in versions if version.arrival.op is not Op.UPSERT]


def _own_fields(canonical: CanonicalData) -> dict[str, Any]:
    return {k: v for k, v in canonical.items() if k not in {"customer_key", "contact"} and v is not None}


def _customer_keys(
    connection: Connection,
    installation: Installation,
    arriving: Arriving,
    versions: Sequence[SavedVersion],
    now: datetime,
) -> list[str]:
    """The customer key of each touchpoint or consent. One that names only a number or an address makes a sparse
    customer record of its source, keyed by that identifier and resolved like any other."""
    keys: list[str] = []
    sparse: dict[str, Arrival] = {}
    for version in versions:
        key = version.canonical.get("customer_key")
        if not key:
            contact = canonicalise(version.canonical.get("contact") or {}, installation.context(arriving.source))
            key = contact_key(contact)
            if key:
                sparse.setdefault(key, _sparse_arrival(key, contact, version.arrival))
        keys.append(str(key or ""))
    if sparse:
        identity = Arriving(arriving.source, {CONTACTS: Stream.CUSTOMER}, lambda _, data: data, arriving.run_id)
        _land_round(connection, installation, identity, list(sparse.values()), Landed(Counts()), now)
    return keys


def contact_key(contact: CanonicalData) -> str | None:
    """The canonical identifier by which a bare contact is known: its e-mail, else its phone, else a handle."""
    for attribute, prefix in (("emails", "email"), ("phones", "phone")):
        if contact.get(attribute):
            return f"{prefix}:{contact[attribute][0]['value']}"
    if contact.get("identifiers"):
        first = contact["identifiers"][0]
        return f"{first['type']}:{first['value']}"
    return None


def is_bare_contact(stream: str, key: str) -> bool:
    """Whether a customer record was made of a bare contact: a source may have a stream of this name too."""
    kind, colon, _ = key.partition(":")
    return stream == CONTACTS and bool(colon) and kind in {"email", "phone", *IDENTIFIER_TYPES}


def _sparse_arrival(key: str, contact: CanonicalData, cause: Arrival) -> Arrival:
    data, said = as_stored(contact)
    return Arrival(CONTACTS, key, Stream.CUSTOMER, Op.UPSERT, data, said, hash_of(said), None, cause.observed_at)
