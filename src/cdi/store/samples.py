"""Samples of merges that nobody decided: how many of them are right. A sample is drawn once, by its seed; what stewards
say of its pairs is kept beside them."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import BigInteger, Column, Connection, Double, ForeignKey, Identity, Integer, Table, Text

from cdi.access import Visibility
from cdi.store.db import metadata, text
from cdi.store.sources import TIME

merge_sample = Table(
    "merge_sample",
    metadata,
    Column("sample_id", BigInteger, Identity(always=True), primary_key=True),
    Column("seed", BigInteger, nullable=False),
    Column("population", BigInteger, nullable=False),  # pairs that it was drawn from
    Column("author", Text, nullable=False),
    Column("at", TIME, nullable=False),
)
sampled_pair = Table(
    "sampled_pair",
    metadata,
    Column("sample_id", BigInteger, ForeignKey("merge_sample.sample_id"), primary_key=True),
    Column("place", Integer, primary_key=True),
    Column("left_record", BigInteger, nullable=False),
    Column("right_record", BigInteger, nullable=False),
    Column("weight", Double, nullable=False),
    Column("verdict", Text),
    Column("author", Text),
    Column("at", TIME),
)

# Pairs that the machine joined: scored above the threshold, in one profile, and no steward said so. A hash with the
# seed puts them in an order that is the same each time.
POPULATION = """
select p.left_id, p.right_id, p.weight
from pair p
join membership l on l.record_id = p.left_id join membership r on r.record_id = p.right_id
join record a on a.record_id = p.left_id join record b on b.record_id = p.right_id
where l.profile_id = r.profile_id and p.weight >= :match
and not a.source = any(cast(:hidden as text[])) and not b.source = any(cast(:hidden as text[]))
and (cast(:sources as text[]) is null or a.source = any(cast(:sources as text[]))
    or b.source = any(cast(:sources as text[])))
and not exists (select from decision d where d.revoked_at is null and d.verdict = 'match'
    and d.record_ids @> array[p.left_id, p.right_id])
"""

DRAW = f"""
with population as materialized ({POPULATION}),
drawn as (
    select *, row_number() over (order by hashint8extended(left_id, :seed), hashint8extended(right_id, :seed)) as place
    from population
),
kept as (
    insert into sampled_pair (sample_id, place, left_record, right_record, weight)
    select :sample, place, left_id, right_id, weight from drawn where place <= :size
)
update merge_sample set population = (select count(*) from population) where sample_id = :sample
"""  # noqa: S608  fixed conditions


@dataclass(frozen=True, slots=True)
class Drawing:
    """What a sample is drawn by. `sources`: pairs with a record of one of these; None: all pairs."""

    seed: int
    size: int
    match_weight: float
    sources: Collection[str] | None


def draw_sample(connection: Connection, visibility: Visibility, drawing: Drawing, author: str, now: datetime) -> int:
    """Draw a sample of the merges that the caller may see; its id."""
    sample = connection.execute(
        text(
            "insert into merge_sample (seed, population, author, at) values (:seed, 0, :author, :now)"
            " returning sample_id"
        ),
        {"seed": drawing.seed, "author": author, "now": now},
    ).scalar_one()
    connection.execute(
        text(DRAW),
        {
            "sample": sample,
            "seed": drawing.seed,
            "size": drawing.size,
            "match": drawing.match_weight,
            "hidden": sorted(visibility.hidden_sources),
            "sources": None if drawing.sources is None else sorted(drawing.sources),
        },
    )
    return int(sample)


def list_samples(connection: Connection, author: str | None) -> list[dict[str, Any]]:
    """Samples, newest first, of one author (None: of all), with how many of their pairs were judged, and how."""
    rows = connection.execute(
        text(
            """
            select s.sample_id as id, s.seed, s.population, s.author, s.at, count(p.place) as size,
                count(*) filter (where p.verdict = 'match') as right,
                count(*) filter (where p.verdict in ('no_match', 'household')) as wrong,
                count(*) filter (where p.verdict = 'unsure') as unsure
            from merge_sample s left join sampled_pair p using (sample_id)
            where cast(:author as text) is null or s.author = :author
            group by s.sample_id order by s.sample_id desc
            """
        ),
        {"author": author},
    ).mappings()
    return [dict(row) for row in rows]


def sampled_pairs(connection: Connection, visibility: Visibility, sample_id: int) -> Sequence[dict[str, Any]]:
    """The pairs of a sample that the caller may see, in their order."""
    rows = connection.execute(
        text(
            """
            select p.place, p.left_record, p.right_record, p.weight, p.verdict, p.author, p.at
            from sampled_pair p
            join record a on a.record_id = p.left_record join record b on b.record_id = p.right_record
            where sample_id = :id
            and not a.source = any(cast(:hidden as text[])) and not b.source = any(cast(:hidden as text[]))
            order by place
            """
        ),
        {"id": sample_id, "hidden": sorted(visibility.hidden_sources)},
    ).mappings()
    return [dict(row) for row in rows]


def judge_pair(connection: Connection, sample_id: int, place: int, verdict: str, author: str, now: datetime) -> None:
    """What a steward says of a pair of a sample; a later word takes the place of the earlier one."""
    connection.execute(
        text(
            "update sampled_pair set verdict = :verdict, author = :author, at = :now"
            " where sample_id = :sample and place = :place"
        ),
        {"sample": sample_id, "place": place, "verdict": verdict, "author": author, "now": now},
    )
