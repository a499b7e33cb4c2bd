"""What was kept no longer stays away: the same said again, as in the next full reading, is nothing new. It is known by
keyed hashes of what was said, so that a source which says anything else of the customer is heard."""

from collections.abc import Sequence

from sqlalchemy import Connection

from cdi.ingest.contract import Op
from cdi.pipeline.erased import Marker, marker
from cdi.pipeline.installation import Installation
from cdi.store import retention
from cdi.store.records import Arrival


def mark(connection: Connection, installation: Installation, record_ids: Sequence[int]) -> None:
    """What these records, their touchpoints and consents say now is known again when it is said again."""
    made = marker(installation.settings, make=True)
    said = retention.load_contents(connection, record_ids)
    retention.save_marks(connection, [made.content(*one) for one in said])


def without_removed(
    connection: Connection, made: Marker | None, source: str, found: Sequence[tuple[Arrival, bool]]
) -> list[tuple[Arrival, bool]]:
    """The news (each with whether its key is named for the first time), without what was removed as it is said now."""
    if made is None:
        return list(found)
    hashes = {
        n: made.content(source, arrival.stream, arrival.key, arrival.content_hash)
        for n, (arrival, is_first) in enumerate(found)
        if is_first and arrival.op is Op.UPSERT
    }
    known = retention.known_marks(connection, list(hashes.values()))
    return [one for n, one in enumerate(found) if hashes.get(n) not in known]
