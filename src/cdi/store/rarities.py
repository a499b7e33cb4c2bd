"""What hardly any record has, asked for at once: what is not there need not be loaded kind by kind.

It may be asked early in a transaction that holds the resolver's lock: whoever adds to it makes the record due.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

from sqlalchemy import Connection

from cdi.store import decisions, erasures, restrictions
from cdi.store.db import Asked, send


@dataclass(frozen=True, slots=True)
class Rarities:
    """Whether any of some records may have it. Nobody looked: it may."""

    decided: bool = True  # a decision that stands
    copied: bool = True  # copied from a profile by an application
    pinned: bool = True  # a pin, whether or not it stands, or a rectification that may have ended
    assigned: bool = True  # an owner given by hand, whether or not that stands
    carried: bool = True  # an id before the one of now
    held: bool = True  # something newer that is kept back
    restricted: bool = True  # any restriction of whomever
    rerunning: bool = True  # a run over everything is on


UNKNOWN: Final = Rarities()

AMONG = f"""
with anchor as materialized (
    select unnest(cast(:ids as bigint[])) as record_id
    union all select record_id from record where replaced_by is not null and replaced_by = any(cast(:ids as bigint[]))
)
select
    exists (select from decision where {decisions.STANDING} {decisions.TOUCHING}) as decided,
    exists (select from record where copied_from is not null and live
        and record_id = any(cast(:ids as bigint[]))) as copied,
    exists (select from pin where record_id = any(array(select record_id from anchor)))
        or exists (select from privacy_request where kind = 'rectification' and state = 'in_force') as pinned,
    exists (select from assigned_owner where record_id = any(array(select record_id from anchor))) as assigned,
    exists (select from carried where record_id = any(cast(:ids as bigint[]))) as carried,
    exists (select from record where held_version_id is not null and live
        and record_id = any(cast(:ids as bigint[]))) as held,
    ({restrictions.ANY}) as restricted,
    exists (select from rerun where ended_at is null) as rerunning
"""  # noqa: S608  fixed texts


def ask_among(connection: Connection, record_ids: Sequence[int]) -> Asked[Rarities]:
    """What any of these records have."""
    return Asked(send(connection, AMONG, {"ids": list(record_ids)}), lambda rows: Rarities(*rows[0]))


@dataclass(frozen=True, slots=True)
class Against:
    """What may stand against what a source says now, or be settled by it."""

    erased: bytes | None  # the fingerprint of the key by which those are known who were erased; None: nobody was
    removed: bool  # anything was kept no longer: the same said again is nothing new
    rejected: bool  # anything that this source said was rejected and is not settled


AGAINST = f"""
select ({erasures.FINGERPRINT}) as erased, exists (select from retention_mark) as removed,
    exists (select from rejected where source = :source and resolved_at is null) as rejected
"""  # noqa: S608  fixed texts


def ask_against(connection: Connection, source: str) -> Asked[Against]:
    """What there is of it; for the records that this transaction has locked it stays so."""

    def read(rows: list[Any]) -> Against:
        (found,) = rows
        return Against(None if found.erased is None else bytes(found.erased), found.removed, found.rejected)

    return Asked(send(connection, AGAINST, {"source": source}), read)
