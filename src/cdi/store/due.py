"""What is due to go by the rules of retention: found, counted, or drawn from a sample where counting takes too long."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import groupby
from typing import Any, Final
from uuid import UUID

from sqlalchemy import Connection

from cdi.store.db import as_columns, text
from cdi.store.holds import HELD

SINCE: Final[Mapping[str, str]] = {
    "first_seen": "r.first_seen <= {limit}",
    "last_change": "r.observed_at <= {limit}",
    "last_activity": """r.observed_at <= {limit} and not exists (
        select from touchpoint t where t.source = r.source and t.customer_key = r.key and t.at > {limit})
    and not exists (select from consent c join record said using (record_id)
        where c.source = r.source and c.customer_key = r.key and coalesce(c.at, said.observed_at) > {limit})
    and not exists (select from consent_word w where w.record_id = r.record_id and w.at > {limit})""",
}
"""By the event after which records are kept, the condition that it was not later than `{limit}`."""
RECORDS: Final = """
from {rules}record r where r.source = {source} and r.kind = 'customer' and r.key <> '' and """
HOLDING: Final = """ and r.live and exists (select from record_version v join meaning m using (version_id)
    where v.record_id = r.record_id and m.canonical ? {attribute})"""
TOUCHPOINTS: Final = """
from {rules}touchpoint t join record r using (record_id)
left join record customer on customer.source = t.source and customer.key = t.customer_key
    and customer.kind = 'customer'
where t.source = {source} and t.at <= {limit}"""
AMONG: Final = " and r.record_id = any(cast(:ids as bigint[]))"


@dataclass(frozen=True, slots=True)
class Due:
    """What one rule asks for: of a source, its touchpoints of `limit` or before, or its customer records for which
    what they are kept `after` was then; with `attribute` those of them that are live and any version of which says
    it."""

    source: str
    after: str | None  # None: touchpoints, after their own date
    limit: datetime
    attribute: str | None = None

    @property
    def _held_by(self) -> str:
        return "r.record_id" if self.after else "customer.record_id"  # touchpoints are held with their customer

    def _form(self) -> str:
        """What it is found by, but for what differs from source to source."""
        records = f"{RECORDS}{SINCE[self.after]}{HOLDING if self.attribute else ''}" if self.after else TOUCHPOINTS
        return f"r.record_id, {self._held_by} as held_by {records}"


@dataclass(frozen=True, slots=True)
class Found:
    """What a rule says should go: `due` goes, `held` is protected by a legal hold. Record ids, ascending."""

    due: list[int]
    held: list[int]


def find_due(connection: Connection, asked: Due, now: datetime, among: Sequence[int] | None = None) -> Found:
    """What should go, ended records too."""
    form = asked._form().format(rules="", source=":source", limit=":limit", attribute=":attribute")
    rows = connection.execute(
        text(
            f"with {HELD}, found as (select {form}{'' if among is None else AMONG}) select record_id,"  # noqa: S608  fixed parts
            " bool_or(held_by in (select record_id from held)) as held from found group by record_id order by 1"
        ),
        {
            "source": asked.source,
            "limit": asked.limit,
            "attribute": asked.attribute,
            "now": now,
            "ids": None if among is None else list(among),
        },
    ).all()
    return Found([row.record_id for row in rows if not row.held], [row.record_id for row in rows if row.held])


@dataclass(frozen=True, slots=True)
class DueRecord:
    """A record of a list of what is due: its name, the profile it is in, and when it was last heard of."""

    record_id: int
    source: str
    stream: str
    key: str
    profile_id: UUID | None
    last_activity: datetime


def describe(connection: Connection, record_ids: Sequence[int]) -> list[DueRecord]:
    """These records as they are told, ascending."""
    rows = connection.execute(
        text(
            """
            select r.record_id, r.source, r.stream, r.key, m.profile_id, greatest(r.observed_at,
                (select max(t.at) from touchpoint t where t.source = r.source and t.customer_key = r.key)) as active
            from record r left join membership m on m.record_id = coalesce(r.replaced_by, r.record_id)
            where r.record_id = any(cast(:ids as bigint[])) order by r.record_id
            """
        ),
        {"ids": list(record_ids)},
    )
    return [DueRecord(*row) for row in rows]


# -- how many --------------------------------------------------------------------------------------

RULES: Final = """
rule as materialized (
    select * from unnest(cast(:numbers as int[]), cast(:sources as text[]), cast(:limits as timestamptz[]),
        cast(:attributes as text[])) as rule(number, source, since, attribute)
)"""


@dataclass(frozen=True, slots=True)
class Counted:
    """How much of what a rule is about should go, how much a hold protects, and the `first` of what should go."""

    due: int = 0
    held: int = 0
    first: Sequence[int] = ()


def count_due(connection: Connection, asked: Sequence[Due], now: datetime, listed: int) -> list[Counted]:
    """For each of these rules how much it finds; what differs by source alone is found in one reading of the table."""
    counted = [Counted()] * len(asked)
    for form, rules in _by_form(asked):
        found = form.format(rules="rule, ", source="rule.source", limit="rule.since", attribute="rule.attribute")
        rows = connection.execute(
            text(
                f"""
                with {HELD}, {RULES}, found as (select rule.number, {found}), each as (
                    select number, record_id, bool_or(held_by in (select record_id from held)) as protected
                    from found group by number, record_id
                )
                select number, count(*) filter (where not protected) as due, count(*) filter (where protected) as held,
                    (array_agg(record_id order by record_id) filter (where not protected))[1 : :listed] as first
                from each group by number
                """  # noqa: S608  fixed parts
            ),
            {**rules, "now": now, "listed": listed},
        )
        for row in rows:
            counted[row.number] = Counted(row.due, row.held, row.first or ())
    return counted


def _by_form(asked: Sequence[Due]) -> Iterator[tuple[str, dict[str, Any]]]:
    """The rules that are found alike, as columns; `numbers` are their places."""
    numbered = sorted(((one._form(), number, one) for number, one in enumerate(asked)), key=lambda each: each[:2])
    for form, group in groupby(numbered, key=lambda each: each[0]):
        yield form, _columns((number, one) for _, number, one in group)


def _columns(rules: Iterable[tuple[int, Due]]) -> dict[str, Any]:
    rows = ((number, one.source, one.limit, one.attribute) for number, one in rules)
    return as_columns(("numbers", "sources", "limits", "attributes"), rows)


def count_kept(connection: Connection, touchpoints: bool) -> dict[str, int]:
    """By source, how many customer records (ended ones too) or touchpoints there are."""
    customers = "select source, count(*) as kept from record where kind = 'customer' and key <> '' group by source"
    asked = "select source, count(*) as kept from touchpoint group by source" if touchpoints else customers
    return {row.source: row.kept for row in connection.execute(text(asked))}


# -- how many, roughly -----------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Sampled:
    """Of a sample of the table: how much of it a rule is about, how much of that is `old`, that is, would go if nothing
    was heard of the customer since, and some of it at random. Each of the sample stands for `weight` of the table."""

    seen: int = 0
    old: int = 0
    some: Sequence[int] = ()
    weight: float = 1


# The same pages each time: the figures do not flicker, and who looks again finds the pages in memory.
SAMPLE: Final = """
with {rules},
size as (select greatest(reltuples, 1) as rows from pg_class where oid = to_regclass('{table}')),
drawn as materialized (
    select * from {table} tablesample system ((select least(100, 100 * :sample / rows) from size)) repeatable (0)
)
select rule.number, count(record_id) as seen, count(record_id) filter (where {time} <= since) as old,
    (select rows from size) / greatest((select count(*) from drawn), 1) as weight,
    (array_agg(record_id order by hashint8(record_id)) filter (where {time} <= since))[1 : :some] as some
from rule left join drawn on drawn.source = rule.source and {about} group by number
"""
CUSTOMERS: Final = "drawn.kind = 'customer' and drawn.key <> ''"
SAMPLED: Final[Mapping[str | None, Mapping[str, str]]] = {
    None: {"table": "touchpoint", "about": "true", "time": "drawn.at"},
    "first_seen": {"table": "record", "about": CUSTOMERS, "time": "drawn.first_seen"},
    "last_change": {"table": "record", "about": CUSTOMERS, "time": "drawn.observed_at"},
    "last_activity": {"table": "record", "about": CUSTOMERS, "time": "drawn.observed_at"},
}


def sample_due(connection: Connection, asked: Sequence[Due], sample: int, some: int) -> list[Sampled]:
    """For each of these rules, what about `sample` rows of its table say, with `some` of them."""
    sampled = [Sampled()] * len(asked)
    for after in sorted({one.after for one in asked}, key=str):
        rules = _columns((number, one) for number, one in enumerate(asked) if one.after == after)
        statement = text(SAMPLE.format(rules=RULES, **SAMPLED[after]))
        for row in connection.execute(statement, {**rules, "sample": sample, "some": some}):
            sampled[row.number] = Sampled(row.seen, row.old, row.some or (), row.weight)
    return sampled


def rows_known(connection: Connection) -> int:
    """How many records the last analysis saw; -1 before the first."""
    known = text("select reltuples from pg_class where oid = to_regclass('record')")
    return int(connection.execute(known).scalar_one())
