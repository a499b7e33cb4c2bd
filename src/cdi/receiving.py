"""What source systems tell by webhook is taken in one transaction: the delivery, its records and what they make due.
Only then the vendor hears that it arrived, so that nothing is lost whenever we die; one that comes again has no effect.

A thin delivery says only that there is something new: its streams stay due until a run has read them.
"""

import logging
import threading
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from cdi.audit import by_source
from cdi.clock import utc_now
from cdi.errors import BusyError, CdiError, ConfigurationError, NotFoundError
from cdi.ingest.contract import ErasureDemand, HandshakeAnswer, Listening, ReadContext, WebhookRequest
from cdi.pipeline import Installation, land, sync
from cdi.pipeline.demanded import note_access, note_demand
from cdi.pipeline.landing import arriving_of
from cdi.pipeline.resolving import resolve_now
from cdi.store import received
from cdi.store.sources import Counts

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Received:
    """What became of a delivery: `repeated` if it had been dealt with already; the customer records that are `due` now,
    the streams to be read again, and the answer that the vendor waits for, if it is one of its own."""

    counts: Counts = field(default_factory=Counts)
    repeated: bool = False
    due: tuple[int, ...] = ()
    read_again: tuple[str, ...] = ()
    answer: Mapping[str, str] | None = None

    def as_dict(self) -> dict[str, Any]:
        """What the vendor is told: figures, no key and no value."""
        if self.answer is not None:
            return dict(self.answer)
        return {
            "repeated": self.repeated,
            "accepted": self.counts.versions,
            "unchanged": self.counts.unchanged,
            "rejected": self.counts.rejected,
            "read_again": list(self.read_again),
        }


def receive(installation: Installation, source: str, request: WebhookRequest) -> Received:
    """Take what a source system delivers. Raises WebhookRefusedError unless it is the vendor's, and NotFoundError where
    nothing is received."""
    connector, config = _listening(installation, source)
    now = utc_now()
    context = ReadContext(installation.folder, now, source)
    try:
        result = connector.webhook(config, request, context)
    except ConfigurationError as error:
        raise _nothing_received(source, error) from None
    if not (result.records or result.rejected or result.read_again or result.accesses):
        return Received()
    answer = None if result.demand is None else _where_to_ask(installation, result.demand)
    with installation.database.unit_of_work() as connection:
        known = received.remember(connection, source, result.event_id, result.fingerprint, result.read_again, now)
        if known is None:
            return Received(repeated=True, answer=answer)
        landed = land(connection, installation, arriving_of(installation, source), result.records, result.rejected, now)
        if result.demand is not None:
            note_demand(connection, source, result.demand, now)
        for asked in result.accesses:
            note_access(connection, source, asked, result.fingerprint, now)
        received.note_counts(connection, known, landed.counts)
        trail = by_source(source, "receive_delivery")
        trail.about["delivery_id"] = known
        trail.write(connection, now)
    return Received(landed.counts, due=tuple(landed.due), read_again=result.read_again, answer=answer)


def _where_to_ask(installation: Installation, demand: ErasureDemand) -> Mapping[str, str]:
    """What a vendor that tells of a demand to be deleted hands on to the person."""
    page = f"{installation.settings.environment.address}/my-data/deletions/{demand.code}"
    return {"url": page, "confirmation_code": demand.code}


def answer_handshake(installation: Installation, source: str, params: Mapping[str, str]) -> HandshakeAnswer:
    """What a vendor wants to hear before it sends anything; raises like `receive`."""
    connector, config = _listening(installation, source)
    try:
        return connector.handshake(config, params)
    except ConfigurationError as error:
        raise _nothing_received(source, error) from None


def _listening(installation: Installation, source: str) -> tuple[Listening, dict[str, Any]]:
    system = installation.deployment.sources.get(source)
    read = system is not None and system.connector in installation.connectors.names()
    connector: Any = installation.connector(source) if read else None
    if not isinstance(connector, Listening):
        raise NotFoundError(f"the source {source} receives no webhooks")
    try:
        return connector, installation.config(source)
    except ConfigurationError as error:
        raise _nothing_received(source, error) from None


def _nothing_received(source: str, why: ConfigurationError) -> NotFoundError:
    """A stranger learns nothing of our settings; the engineer does, from the log."""
    log.warning("webhook not received", extra={"source": source, "reason": str(why)})
    return NotFoundError(f"the source {source} receives no webhooks")


class Afterwards:
    """What a delivery leaves to be done once it has been answered. All of it is due in the database, too: what is not
    done here, because somebody else reads or we are ended, is done by the next run."""

    def __init__(self, installation: Installation) -> None:
        self.installation = installation
        self._lock = threading.Lock()
        self._reading: set[str] = set()

    def __call__(self, source: str, delivered: Received) -> None:
        """Resolve what the delivery brought, and read what it pointed to; many deliveries at once cause one reading."""
        try:
            resolve_now(self.installation, delivered.due)
            while delivered.read_again and (streams := self._take(source)):
                try:
                    sync(self.installation, source, only=streams)
                finally:
                    self._reading.discard(source)
        except BusyError:
            log.info("somebody else is reading", extra={"source": source})
        except CdiError as error:
            log.warning("left to the next run", extra={"source": source, "reason": str(error)})

    def _take(self, source: str) -> list[str]:
        """The streams that are due, if nobody here is reading the source already."""
        with self._lock:
            if source in self._reading:
                return []
            with self.installation.database.unit_of_work() as connection:
                streams = received.due(connection, source).get(source, [])
            if streams:
                self._reading.add(source)
            return streams
