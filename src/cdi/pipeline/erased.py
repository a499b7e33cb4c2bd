"""What was erased is known again by keyed hashes: the record is refused when its source sends it, and its owner told;
its identifiers in other records only alert the data-protection officer.

The key is not in the database, so that nobody who has a copy of it can try out whose erasure it was.
"""

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final
from uuid import UUID

from sqlalchemy import Connection

from cdi.errors import ConfigurationError
from cdi.fields import CanonicalData, Stream
from cdi.ingest.contract import Op
from cdi.master_key import master_key
from cdi.pipeline.installation import Installation
from cdi.settings import Settings
from cdi.store import erasures, privacy_requests, tasks
from cdi.store.erasures import IDENTIFIER, RECORD, Known
from cdi.store.privacy_requests import PrivacyRequest, RequestFilter
from cdi.store.records import Arrival, NewVersion
from cdi.store.tasks import Task

FILE: Final = "privacy.key"
VARIABLE: Final = "CDI_PRIVACY_KEY"
REFUSED: Final = "this person was erased: delete the record at the source"
BY: Final = "system:landing"


@dataclass(frozen=True, slots=True, repr=False)
class Marker:
    """Makes the keyed hashes."""

    key: bytes

    def customer(self, source: str, key: str) -> bytes:
        """Of a customer record, whatever its stream is called."""
        return self._hash("customer", source, key)

    def incarnation(self, source: str, stream: str, key: str, number: int) -> bytes:
        """Of a customer record as a backup has it, whoever else its source gave the key to before or since."""
        return self._hash("incarnation", source, stream, key, str(number))

    def record(self, source: str, stream: str, key: str) -> bytes:
        """Of a touchpoint or a consent."""
        return self._hash("record", source, stream, key)

    def identifier(self, kind: str, value: str) -> bytes:
        """Of an e-mail address, a number or any other identifier, as it is compared."""
        return self._hash("identifier", kind, value)

    def content(self, source: str, stream: str, key: str, content_hash: bytes) -> bytes:
        """Of a record as it was said."""
        return self._hash("content", source, stream, key, content_hash.hex())

    def fingerprint(self) -> bytes:
        """What is stored to notice that another key is in use."""
        return self._hash("fingerprint")

    def _hash(self, *parts: str) -> bytes:
        said = b"".join(len(part.encode()).to_bytes(4, "big") + part.encode() for part in parts)
        return hashlib.blake2b(said, key=self.key, digest_size=16).digest()


def marker(settings: Settings, *, make: bool = False) -> Marker:
    """With the deployment's key: CDI_PRIVACY_KEY, else the file `var/privacy.key`, which is made when there is none and
    `make` says so. Raises ConfigurationError."""
    given, path = settings.environment.privacy_key, settings.data_folder / FILE
    key = master_key(given, VARIABLE, path, "the key by which what was erased is known again", make=make)
    return Marker(hashlib.blake2b(key, digest_size=32).digest())


def marker_in_use(connection: Connection, installation: Installation) -> Marker | None:
    """The marker, if anything was erased; see `marker_by`."""
    return marker_by(installation, erasures.fingerprint(connection))


def marker_by(installation: Installation, fingerprint: bytes | None) -> Marker | None:
    """The marker that has this fingerprint, None for none. Raises ConfigurationError for a key that is not the one in
    use: what was erased would come back."""
    if fingerprint is None:
        return None
    made = marker(installation.settings)
    if made.fingerprint() != fingerprint:
        raise ConfigurationError(
            "what was erased is known by another key than this one", remedy=f"Put back the {VARIABLE} (or {FILE})"
        )
    return made


# -- what arrives ----------------------------------------------------------------------------------


def erased_among(connection: Connection, made: Marker, source: str, arrivals: Sequence[Arrival]) -> Mapping[int, Known]:
    """By position, those of these arrivals that are of somebody who was erased."""
    hashes = [
        made.customer(source, arrival.key)
        if arrival.kind == Stream.CUSTOMER
        else made.record(source, arrival.stream, arrival.key)
        for arrival in arrivals
    ]
    known = erasures.known_among(connection, hashes, RECORD)
    return {n: known[hashed] for n, hashed in enumerate(hashes) if hashed in known}


def naming_erased(connection: Connection, made: Marker, source: str, news: Sequence[NewVersion]) -> Mapping[int, Known]:
    """By position, those touchpoints, consents and identity links among the news that name somebody who was erased."""
    hashes = {
        n: [made.customer(source, key) for key in _customers_named(item)]
        for n, item in enumerate(news)
        if item.arrival.kind != Stream.CUSTOMER and item.arrival.op is Op.UPSERT
    }
    if not hashes:
        return {}
    known = erasures.known_among(connection, [one for each in hashes.values() for one in each], RECORD)
    return {n: known[one] for n, each in hashes.items() for one in each if one in known}


def _customers_named(item: NewVersion) -> list[str]:
    said = item.canonical
    names = ("from", "to") if item.arrival.kind == Stream.IDENTITY_LINK else ("customer_key",)
    return [str(said[name]) for name in names if said.get(name)]


def tell_owner(
    connection: Connection, installation: Installation, source: str, returned: Iterable[Known], now: datetime
) -> None:
    """The owner of the source learns that it still has somebody who was erased: one open task a record. If nothing is
    left here that a task could stand on, the officer learns it."""
    owner = installation.owner_of(source)
    nowhere = set()
    for known in {one.hash: one for one in returned}.values():
        if known.record_id is None:
            nowhere.add(known.erasure_id)
        elif not tasks.any_open(connection, known.record_id, "erased_again"):
            tasks.save_task(connection, Task("erased_again", owner, known.record_id, None, _words(source), BY, now))
    for erasure_id in nowhere:
        _alert(connection, "returned", {"erasure": str(erasure_id), "source": source}, now)


def _words(source: str) -> str:
    return f"{source} sent a record of a person who was erased: it was refused. Delete it at the source"


def note_identifiers(
    connection: Connection, made: Marker, source: str, said: Iterable[CanonicalData], now: datetime
) -> None:
    """Alert the officer if one of these customers carries an identifier of somebody who was erased."""
    hashes = {made.identifier(kind, value) for canonical in said for kind, value in identifiers_in(canonical)}
    if hashes:
        for erasure_id in {k.erasure_id for k in erasures.known_among(connection, hashes, IDENTIFIER).values()}:
            _alert(connection, "identifier", {"erasure": str(erasure_id), "source": source}, now)


def identifiers_in(canonical: CanonicalData) -> Iterable[tuple[str, str]]:
    """(type, value) of the identifiers of a canonical record."""
    for attribute, kind in (("emails", "email"), ("phones", "phone")):
        yield from ((kind, str(block["value"])) for block in canonical.get(attribute) or () if block.get("value"))
    for block in canonical.get("identifiers") or ():
        if block.get("value"):
            yield str(block.get("type")), str(block["value"])


def _alert(connection: Connection, ground: str, about: Mapping[str, Any], now: datetime) -> None:
    """A request that waits for the officer; the same is not said twice while it waits."""
    waiting = privacy_requests.list_requests(connection, RequestFilter("sighting", "asked"), 1_000)
    if not any(one.about == about and one.ground == ground for one in waiting):
        privacy_requests.save_request(
            connection, PrivacyRequest("sighting", None, ground, "asked", BY, now, about=about)
        )


def asked_by_source(
    connection: Connection, source: str, records: Sequence[int], homes: Mapping[int, UUID], now: datetime
) -> None:
    """The source said that the persons of these records must be erased: a request for the officer each, by the profile
    that they are in, or by the record where nobody has found out yet whose it is."""
    asked: list[tuple[UUID | None, list[int]]] = []
    for profile_id in sorted(set(homes.values())):
        if not privacy_requests.list_requests(connection, RequestFilter("erasure", "asked", profile_id), 1):
            asked.append((profile_id, sorted(i for i, home in homes.items() if home == profile_id)))
    for record_id in sorted(set(records) - homes.keys()):
        if privacy_requests.erasure_waiting(connection, record_id) is None:
            asked.append((None, [record_id]))
    for whose, about in asked:
        told = {"source": source, "records": about}
        request = PrivacyRequest("erasure", whose, "demanded", "asked", f"source:{source}", now, about=told)
        privacy_requests.save_request(connection, request)
