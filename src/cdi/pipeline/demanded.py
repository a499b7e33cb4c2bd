"""A person demands at a vendor to be deleted here, and the vendor tells us. Whether it is done, and to whom, is the
data-protection officer's to decide; the person asks by a code what became of it."""

from datetime import datetime
from typing import Final

from sqlalchemy import Connection

from cdi.ingest.contract import ErasureDemand
from cdi.store import demands, privacy_requests, profiles, records
from cdi.store.privacy_requests import PrivacyRequest, RequestFilter

UNKNOWN: Final = "deletion_demanded"
"""The ground of an alert: nobody here is known by what the vendor knows the person by; the officer finds out who it
is."""


def note_demand(connection: Connection, source: str, demand: ErasureDemand, now: datetime) -> None:
    """Let the code lead to the officer's request, which landing has made if there is a record with that key; else to an
    alert. The same told again changes nothing."""
    if demands.request_of(connection, demand.code) is not None:
        return
    erasure = _erasure_of(connection, source, demand.key)
    if erasure is not None:
        demands.save_demand(connection, demand.code, erasure, None)
        return
    alert = demands.waiting_for(connection, source, demand.key)
    if alert is None:
        about = {"source": source}
        asked = PrivacyRequest("sighting", None, UNKNOWN, "asked", f"source:{source}", now, about=about)
        alert = privacy_requests.save_request(connection, asked)
    demands.save_demand(connection, demand.code, alert, demand.key)


def _erasure_of(connection: Connection, source: str, key: str) -> int | None:
    """The erasure that waits for the officer, of the record with this key or of the profile that has it."""
    for home in sorted(profiles.find_homes(connection, source, [key])):
        for waiting in privacy_requests.list_requests(connection, RequestFilter("erasure", "asked", home), 1):
            return waiting.request_id
    named = records.find_record_ids(connection, [(source, key)])
    waiting_for = (privacy_requests.erasure_waiting(connection, record_id) for _, _, record_id in named)
    return next((request for request in waiting_for if request is not None), None)
