"""Figures of the whole installation that cost little: large tables as the planner knows them, small ones exact."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Final

from sqlalchemy import Connection

from cdi.store.db import text

EXACT_BELOW: Final = 100_000
"""So many rows are counted in some milliseconds; more are told as the last analysis saw them."""

KNOWN = """
select coalesce(max(c.reltuples) filter (where c.relname = 'membership'), -1) as records,
    coalesce(max(c.reltuples) filter (where c.relname = 'profile'), -1) as profiles,
    coalesce((select null_frac from pg_stats where schemaname = current_schema() and tablename = 'profile'
        and attname = 'retired_at'), 1) as live
from pg_class c where c.oid in (to_regclass('membership'), to_regclass('profile'))
"""
COUNTED = """
select (select count(*) from membership) as records,
    (select count(*) from profile where retired_at is null) as profiles
"""
ANSWERED = """
select cast(closed_at at time zone :zone as date) as day, count(*) as answered,
    count(*) filter (where kind = 'pair' and closed_reason <> 'decided: unsure') as judged,
    count(*) filter (where kind = 'pair' and closed_reason <> 'decided: unsure'
        and (closed_reason = 'decided: match') = (weight >= 0)) as agreed
from review where status = 'closed' and closed_at >= :since and closed_reason like 'decided: %' group by 1 order by 1
"""


@dataclass(frozen=True, slots=True)
class Sizes:
    """Records that lie in profiles, and live profiles; `rough` if they were not counted one by one."""

    records: int
    profiles: int
    rough: bool


@dataclass(frozen=True, slots=True)
class AnsweredDay:
    """Reviews answered on a day; of those about a pair that were judged, how many as the model leant."""

    day: date
    answered: int
    judged: int
    agreed: int


def sizes(connection: Connection) -> Sizes:
    """How much there is."""
    known = connection.execute(text(KNOWN)).one()
    if known.records >= EXACT_BELOW:
        return Sizes(int(known.records), round(known.profiles * known.live), rough=True)
    counted = connection.execute(text(COUNTED)).one()
    return Sizes(counted.records, counted.profiles, rough=False)


def answered_by_day(connection: Connection, since: datetime, zone: str) -> Sequence[AnsweredDay]:
    """What stewards answered since then, on days in this time zone; a day without an answer is left out."""
    rows = connection.execute(text(ANSWERED), {"since": since, "zone": zone})
    return [AnsweredDay(row.day, row.answered, row.judged, row.agreed) for row in rows]
