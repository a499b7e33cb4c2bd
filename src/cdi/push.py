"""Applications push what they know: up to 1,000 records, landed and, if they wait for it, resolved before the answer.

Pushing is idempotent by content; an Idempotency-Key makes a repeated request answer alike for a day.
"""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import datetime
from typing import Any, Final
from uuid import UUID

from sqlalchemy import Connection

from cdi.access import Caller, Role
from cdi.audit import Trail
from cdi.clock import utc_now
from cdi.errors import ForbiddenError, NotFoundError
from cdi.fields import Stream
from cdi.ingest.contract import Native, Op, Record, Rejected
from cdi.matching.loading import load_beside
from cdi.pipeline import Arriving, Installation, land
from cdi.pipeline.arrivals import content_hash
from cdi.pipeline.landing import Landed, arriving_of
from cdi.pipeline.resolving import Resolved, resolve_changed, resolve_now
from cdi.settings import PUSH
from cdi.store import idempotency, profiles
from cdi.store.db import Asked, resolver_lock, without_waiting

STREAMS: Final[Mapping[str, Stream]] = {
    "customers": Stream.CUSTOMER,
    "touchpoints": Stream.TOUCHPOINT,
    "consents": Stream.CONSENT,
    "identity_links": Stream.IDENTITY_LINK,
}
"""The streams of a source that is pushed to, each in the canonical shape of its kind."""
MANY: Final = 200
"""A push of so many records is a batch, and seldom the only one."""
FEW: Final = 20
"""So many records are landed and resolved in one commit. More are landed first, beside whoever resolves."""


@dataclass(frozen=True, slots=True)
class Pushed:
    """One record of a push. `data` is canonical for a source without a mapping, else native; `derived_from` is the
    profile that an application copied it from."""

    key: str
    data: Native
    stream: str = "customers"
    op: Op = Op.UPSERT
    observed_at: datetime | None = None
    derived_from: str | None = None


def push(
    installation: Installation,
    caller: Caller,
    name: str,
    pushed: Sequence[Pushed],
    *,
    wait: bool,
    idempotency_key: str | None = None,
) -> dict[str, Any]:
    """Take what an application says of its records; how many were new, unchanged and rejected, and with `wait` the
    profiles that they belong to now.

    Raises ForbiddenError unless the caller is the connector of this source, NotFoundError, ConflictError.
    """
    if name not in installation.deployment.sources:
        raise NotFoundError(f"there is no source {name}", remedy="cdi.yaml lists them")
    if caller.role is not Role.ADMIN and caller.source != name:
        raise ForbiddenError(f"this key may not push to {name}", remedy="Use the key of that source's connector")
    together = wait and len(pushed) <= FEW
    if len(pushed) >= MANY:  # who pushes so many will push more: compiled loops take a sixth off the next
        load_beside()
    asked = content_hash({"wait": wait, "records": [asdict(record) for record in pushed]}) if idempotency_key else b""
    trail = Trail.of(caller, "push_records", changes=True)
    trail.about |= {"source": name, "records": len(pushed)}
    due: list[int] = []
    born: set[int] = set()
    with installation.database.unit_of_work() as connection:
        if together:
            with without_waiting(connection):  # the transaction begins on the same trip
                resolver_lock(connection)  # before the keys are locked: whoever has those waits for no resolver
        now = utc_now()
        answer = None
        if idempotency_key is not None:
            answer = idempotency.earlier_answer(connection, caller.name, name, idempotency_key, asked, now)
        if answer is None:
            arriving = replace(_arriving(installation, name, pushed), resolved_here=together)
            landed, refused = _land(connection, installation, arriving, pushed, now)
            due, born = landed.due, landed.born
            answer = _figures(landed, refused, pushed)
            if idempotency_key is not None:
                idempotency.remember_answer(connection, caller.name, name, idempotency_key, asked, answer, now)
        if together:
            resolve_changed(connection, installation, frozenset(due), Resolved(), born=frozenset(born))
        with without_waiting(connection):
            trail.write(connection, now)
            homes = _ask_for_homes(connection, name, pushed) if together else None
        affected = _told(homes)
    if wait and not together:
        resolve_now(installation, due)
        with installation.database.reading() as connection:
            affected = _told(_ask_for_homes(connection, name, pushed))
    rejected = [{**item, "key": pushed[item["index"]].key} for item in answer["rejected"]]
    return answer | {"rejected": rejected, "affected": affected}


def _land(
    connection: Connection, installation: Installation, arriving: Arriving, pushed: Sequence[Pushed], now: datetime
) -> tuple[Landed, dict[int, str]]:
    refused = {n: "there is no such stream" for n, item in enumerate(pushed) if item.stream not in arriving.kinds}
    events = [
        Record(item.stream, item.key, item.data, item.op, item.observed_at)
        for n, item in enumerate(pushed)
        if n not in refused
    ]
    return land(connection, installation, arriving, events, (), now), refused


def _arriving(installation: Installation, name: str, pushed: Sequence[Pushed]) -> Arriving:
    copies = {(item.stream, item.key): item.derived_from for item in pushed if item.derived_from}
    if installation.source(name).connector == PUSH:
        return Arriving(name, STREAMS, lambda _, data: data, copies=copies)
    return arriving_of(installation, name, copies=copies)


def _figures(landed: Landed, refused: Mapping[int, str], pushed: Sequence[Pushed]) -> dict[str, Any]:
    """What is told and may be kept: counts, positions and reasons, no key and no value."""
    waiting: dict[tuple[str, str], list[int]] = {}
    for n, item in enumerate(pushed):
        waiting.setdefault((item.stream, item.key), []).append(n)
    told = dict(refused)
    for rejected in landed.rejected:
        told[_position(waiting, rejected)] = rejected.reason
    return {
        "accepted": landed.counts.versions,
        "unchanged": landed.counts.unchanged,
        "rejected": [{"index": n, "reason": reason} for n, reason in sorted(told.items())],
    }


def _position(waiting: Mapping[tuple[str, str], list[int]], item: Rejected) -> int:
    return waiting[item.stream, item.key or ""].pop(0)


def _ask_for_homes(connection: Connection, name: str, pushed: Sequence[Pushed]) -> Asked[set[UUID]]:
    """Ask for the profiles that the pushed customers belong to now."""
    keys = sorted({item.key for item in pushed if item.stream in {"customers", "contacts"}})
    return profiles.ask_for_homes_of(connection, name, keys)


def _told(homes: Asked[set[UUID]] | None) -> list[str]:
    return [] if homes is None else sorted(map(str, homes.answer()))
