"""What a customer's records said, all versions of them: read for whoever asks what is kept of them."""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import Connection

from cdi.store.db import text

VERSIONS = """
select r.source, r.stream, r.key, r.kind, r.live, v.version_id = r.version_id as counts,
    v.version_id is not distinct from r.held_version_id as kept_back, v.op, v.source_time,
    v.observed_at, v.recorded_at, v.native as verbatim, m.canonical as understood
from record r join record_version v using (record_id) left join meaning m on m.version_id = v.version_id
where r.record_id = any(cast(:ids as bigint[])) order by r.source, r.stream, r.key, r.record_id, v.version_id
"""


def load_versions(connection: Connection, record_ids: Sequence[int]) -> list[dict[str, Any]]:
    """Every version of these records that is kept, verbatim and as understood; `counts` marks the one that holds."""
    return [dict(row) for row in connection.execute(text(VERSIONS), {"ids": list(record_ids)}).mappings()]
