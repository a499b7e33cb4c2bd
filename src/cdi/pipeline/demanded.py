"""A person demands at a vendor to be deleted here, or to be told what is kept of them, and the vendor tells us. What is
done, and for whom, is the data-protection officer's to decide; who demands to be deleted asks by a code what became of
it."""

from datetime import datetime
from typing import Final
from uuid import UUID

from sqlalchemy import Connection

from cdi.ingest.contract import AccessDemand, ErasureDemand
from cdi.store import demands, privacy_requests, profiles, records
from cdi.store.privacy_requests import PrivacyRequest, RequestFilter

UNKNOWN: Final = "deletion_demanded"
"""The ground of an alert: nobody here is known by what the vendor knows the person by; the officer finds out who it
is."""
UNKNOWN_ASKS: Final = "access_demanded"
"""The same of somebody who asks what is kept of them."""


def note_demand(connection: Connection, source: str, demand: ErasureDemand, now: datetime) -> None:
    """Let the code lead to the officer's request, which landing has made if there is a record with that key; else to an
    alert. The same told again changes nothing."""
    if demands.request_of(connection, demand.code) is not None:
        return
    erasure = _erasure_of(connection, source, demand.key)
    if erasure is not None:
        demands.save_demand(connection, demand.code, erasure, None)
        return
    alert = demands.waiting_for(connection, source, demand.key, UNKNOWN)
    if alert is None:
        alert = _ask(connection, source, "sighting", None, UNKNOWN, now)
    demands.save_demand(connection, demand.code, alert, demand.key)


def note_access(
    connection: Connection, source: str, demand: AccessDemand, fingerprint: str | None, now: datetime
) -> None:
    """The person's access waits for the officer: by their profile, else as an alert. `fingerprint` is the delivery's.
    The same told again while it waits changes nothing."""
    homes = sorted(profiles.find_homes(connection, source, [demand.key]))
    for home in homes:
        if not privacy_requests.list_requests(connection, RequestFilter("access", "asked", home), 1):
            _ask(connection, source, "access", home, "demanded", now)
    if not homes and demands.waiting_for(connection, source, demand.key, UNKNOWN_ASKS) is None:
        alert = _ask(connection, source, "sighting", None, UNKNOWN_ASKS, now)
        demands.save_demand(connection, f"access {fingerprint} {demand.key}", alert, demand.key)


def _ask(connection: Connection, source: str, kind: str, profile: UUID | None, ground: str, now: datetime) -> int:
    asked = PrivacyRequest(kind, profile, ground, "asked", f"source:{source}", now, about={"source": source})
    return privacy_requests.save_request(connection, asked)


def _erasure_of(connection: Connection, source: str, key: str) -> int | None:
    """The erasure that waits for the officer, of the record with this key or of the profile that has it."""
    for home in sorted(profiles.find_homes(connection, source, [key])):
        for waiting in privacy_requests.list_requests(connection, RequestFilter("erasure", "asked", home), 1):
            return waiting.request_id
    named = records.find_record_ids(connection, [(source, key)])
    asked = (privacy_requests.erasure_waiting(connection, record_id) for _, _, record_id in named)
    return next((request for request in asked if request is not None), None)
