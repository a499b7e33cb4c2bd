"""Reviews: questions to stewards about a pair of profiles, or about one.

A review shows the two records on which the question rests. It keeps its id while the profiles around these records
merge and split, waits where the consent of other owners is missing, and is closed with the reason when it is
answered or moot.
"""

from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from datetime import datetime
from typing import Any
from uuid import UUID

import orjson
from sqlalchemy import BigInteger, Column, Connection, Double, Identity, Index, Integer, Table, Text, Uuid
from sqlalchemy.dialects.postgresql import ARRAY

from cdi.access import EVERYTHING, Visibility
from cdi.store.db import metadata, text
from cdi.store.sources import TIME

review = Table(
    "review",
    metadata,
    Column("review_id", BigInteger, Identity(always=True), primary_key=True),
    Column("kind", Text, nullable=False),  # pair, or a finding: birth_date, identity_jump, doubtful_link, …
    Column("left_profile", Uuid, nullable=False),
    Column("right_profile", Uuid, nullable=False),  # equal to left for a question about one profile
    Column("left_record", BigInteger, nullable=False),
    Column("right_record", BigInteger, nullable=False),
    Column("weight", Double, nullable=False),
    Column("reason", Text, nullable=False),
    Column("owners", ARRAY(Text), nullable=False),
    Column("status", Text, nullable=False),  # open, waiting (for the consent of other owners), closed
    Column("version", Integer, nullable=False, server_default="1"),
    Column("opened_at", TIME, nullable=False),
    Column("claimed_by", Text),
    Column("claimed_until", TIME),
    Column("decision_id", BigInteger),  # the decision that waits, or that closed it
    Column("closed_at", TIME),
    Column("closed_reason", Text),
    Index(
        "uq_review_open",
        "left_profile",
        "right_profile",
        "kind",
        unique=True,
        postgresql_where=text("status in ('open', 'waiting')"),
    ),
    Index("ix_review_decision_id", "decision_id", postgresql_where=text("decision_id is not null")),
    Index("ix_review_left_profile", "left_profile", postgresql_where=text("status <> 'closed'")),
    Index("ix_review_right_profile", "right_profile", postgresql_where=text("status <> 'closed'")),
)


@dataclass(frozen=True, slots=True)
class Question:
    """A review that should be open. Profiles are ordered (left < right), or equal for a question about one."""

    kind: str
    left_profile: UUID
    right_profile: UUID
    left_record: int
    right_record: int
    weight: float
    reason: str
    owners: Sequence[str]


def replace_reviews(
    connection: Connection,
    profile_ids: Sequence[UUID],
    built: Sequence[UUID],
    questions: Sequence[Question],
    now: datetime,
) -> None:
    """Make `questions` the open reviews among these profiles: new ones open, standing ones follow their records and
    show what is now strongest, those that are moot close with the reason. What a steward has answered since both
    records changed last is not asked again. `built` are those whose golden records were built: about birth dates
    only they were asked."""
    profiles = {"profiles": list(profile_ids)}
    standing = connection.execute(text(STANDING), profiles).scalar_one()
    if not standing and not questions:  # most changes ask nothing
        return
    asked = [{**asdict(question), "owners": list(question.owners)} for question in questions]
    parameters = profiles | {"now": now, "built": list(built), "questions": orjson.dumps(asked).decode()}
    for statement in (FOLLOW, SETTLE, ARRIVE, CLOSE, LAPSE, OPEN) if standing else (OPEN,):
        connection.execute(text(statement), parameters)


STANDING = """
select exists (select from review where status <> 'closed' and left_profile = any(cast(:profiles as uuid[])))
    or exists (select from review where status <> 'closed' and right_profile = any(cast(:profiles as uuid[])))
"""

QUESTION = """
with question as materialized (
    select * from json_to_recordset(cast(:questions as json)) as q(kind text, left_profile uuid, right_profile uuid,
        left_record bigint, right_record bigint, weight double precision, reason text, owners text[])
)
"""

# Reviews of these profiles whose records lie elsewhere now are set aside under the profiles where they lie (so that
# no two stand under one pair while they move), or closed when the question has answered itself.
FOLLOW = """
with now_in as (
    select v.review_id, v.left_profile = v.right_profile as about_one, l.profile_id as l, r.profile_id as r
    from review v
    left join membership l on l.record_id = v.left_record
    left join membership r on r.record_id = v.right_record
    where v.status in ('open', 'waiting')
    and (v.left_profile = any(cast(:profiles as uuid[])) or v.right_profile = any(cast(:profiles as uuid[])))
),
fate as (
    select review_id, l > r as turned, least(l, r) as first, greatest(l, r) as second, case
        when l is null or r is null then 'moot: a record is gone'
        when not about_one and l = r then 'moot: both are one profile now'
        when about_one and l <> r then 'moot: the records are two profiles now'
    end as moot
    from now_in
),
closed as (
    update review v set status = 'closed', closed_at = :now, closed_reason = f.moot, version = v.version + 1
    from fate f where f.review_id = v.review_id and f.moot is not null
    returning v.review_id
)
update review v set status = 'moved ' || v.status, left_profile = f.first, right_profile = f.second,
    left_record = case when f.turned then v.right_record else v.left_record end,
    right_record = case when f.turned then v.left_record else v.right_record end,
    version = v.version + 1
from fate f where f.review_id = v.review_id and f.moot is null
and (f.first, f.second) <> (v.left_profile, v.right_profile)
"""

# Of several that came to stand under one pair, the one that waits for consent goes on, else the oldest.
SETTLE = """
with rivals as (
    select review_id, row_number() over (
        partition by kind, left_profile, right_profile
        order by status like '%waiting' desc, status like 'moved%', review_id) as place
    from review where status <> 'closed'
    and (left_profile = any(cast(:profiles as uuid[])) or right_profile = any(cast(:profiles as uuid[])))
)
update review v set status = 'closed', closed_at = :now, closed_reason = 'moot: another review asks the same'
from rivals r where r.review_id = v.review_id and r.place > 1
"""

ARRIVE = """
update review set status = replace(status, 'moved ', '') where status <> 'closed' and status like 'moved %'
and (left_profile = any(cast(:profiles as uuid[])) or right_profile = any(cast(:profiles as uuid[])))
"""

CLOSE = f"""
{QUESTION}
update review v set status = 'closed', closed_at = :now, closed_reason = 'moot: the records changed'
where v.status = 'open'
and (v.left_profile = any(cast(:profiles as uuid[])) or v.right_profile = any(cast(:profiles as uuid[])))
and (v.kind <> 'birth_date' or v.left_profile = any(cast(:built as uuid[])))
and not exists (select from question q where q.kind = v.kind
    and q.left_profile = v.left_profile and q.right_profile = v.right_profile)
"""  # noqa: S608  a fixed list

# What waited for consent and is moot now has no effect any more.
LAPSE = """
update decision d set revoked_at = :now, revoked_by = 'cdi', revoked_reason = v.closed_reason
from review v where v.decision_id = d.decision_id and v.status = 'closed' and v.closed_at = :now
and d.awaits <> '{}' and d.revoked_at is null
and (v.left_profile = any(cast(:profiles as uuid[])) or v.right_profile = any(cast(:profiles as uuid[])))
"""

# Of several questions of one kind about the same profiles the strongest is asked; the others follow when it is
# answered. The very decision that overrules a link does not answer whether the link was right. A review that waits
# for consent keeps the records that its decision is about.
OPEN = f"""
{QUESTION}
insert into review as v (kind, left_profile, right_profile, left_record, right_record, weight, reason, owners, status,
    opened_at)
select kind, left_profile, right_profile, left_record, right_record, weight, reason, owners, 'open', :now
from (
select distinct on (kind, left_profile, right_profile) q.* from question q
where not exists (
    select from decision d where d.revoked_at is null and d.awaits = '{{}}'
    and (q.kind <> 'overruled' or d.verdict = 'unsure')
    and d.record_ids @> array[q.left_record, q.right_record]
    and (q.left_record = any(d.left_ids) and q.right_record = any(d.right_ids)
        or q.right_record = any(d.left_ids) and q.left_record = any(d.right_ids))
    and not exists (select from record_version w where w.record_id in (q.left_record, q.right_record)
        and w.recorded_at > d.at))
order by kind, left_profile, right_profile, weight desc, left_record, right_record
) asked order by weight desc, left_record, right_record
on conflict (left_profile, right_profile, kind) where status in ('open', 'waiting') do update set
    left_record = excluded.left_record, right_record = excluded.right_record, weight = excluded.weight,
    reason = excluded.reason, owners = excluded.owners, version = v.version + 1
where v.status = 'open' and (v.left_record, v.right_record, v.weight, v.reason, v.owners)
    is distinct from (excluded.left_record, excluded.right_record, excluded.weight, excluded.reason, excluded.owners)
"""  # noqa: S608  a fixed list


def open_waiting(connection: Connection, question: Question, now: datetime) -> int:
    """The review of this pair, opened if there is none; it shows these records. Its id."""
    return int(
        connection.execute(
            text(
                """
                insert into review as v (kind, left_profile, right_profile, left_record, right_record, weight, reason,
                    owners, status, opened_at)
                values (:kind, :left_profile, :right_profile, :left_record, :right_record, :weight, :reason,
                    :owners, 'open', :now)
                on conflict (left_profile, right_profile, kind) where status in ('open', 'waiting') do update set
                    left_record = excluded.left_record, right_record = excluded.right_record
                returning review_id
                """
            ),
            {
                "kind": question.kind,
                "left_profile": question.left_profile,
                "right_profile": question.right_profile,
                "left_record": question.left_record,
                "right_record": question.right_record,
                "weight": question.weight,
                "reason": question.reason,
                "owners": list(question.owners),
                "now": now,
            },
        ).scalar_one()
    )


def wait_for_consent(connection: Connection, review_id: int, decision_id: int) -> None:
    """A decision was made that other owners must agree to; whoever held the review lets go of it."""
    connection.execute(
        text(
            "update review set status = 'waiting', decision_id = :decision, claimed_by = null, claimed_until = null,"
            " version = version + 1 where review_id = :id"
        ),
        {"id": review_id, "decision": decision_id},
    )


def reopen(connection: Connection, review_id: int) -> None:
    """The decision that waited was taken back: the question stands again (until it proves moot)."""
    connection.execute(
        text(
            "update review set status = 'open', decision_id = null, version = version + 1"
            " where review_id = :id and status = 'waiting'"
        ),
        {"id": review_id},
    )


def close_review(connection: Connection, review_id: int, reason: str, decision_id: int | None, now: datetime) -> None:
    """The question is answered."""
    connection.execute(
        text(
            "update review set status = 'closed', closed_at = :now, closed_reason = :reason, decision_id = :decision,"
            " claimed_by = null, claimed_until = null, version = version + 1 where review_id = :id"
        ),
        {"id": review_id, "reason": reason, "decision": decision_id, "now": now},
    )


def claim(connection: Connection, review_id: int, who: str, until: datetime, now: datetime) -> bool:
    """Hold an open or waiting review until then; False when somebody else holds it."""
    result = connection.execute(
        text(
            "update review set claimed_by = :who, claimed_until = :until where review_id = :id and status <> 'closed'"
            " and (claimed_by is null or claimed_by = :who or claimed_until <= :now)"
        ),
        {"id": review_id, "who": who, "until": until, "now": now},
    )
    return bool(result.rowcount)


def release(connection: Connection, review_id: int) -> None:
    """Nobody holds it any more."""
    connection.execute(
        text("update review set claimed_by = null, claimed_until = null where review_id = :id"), {"id": review_id}
    )


@dataclass(frozen=True, slots=True)
class ReviewSide:
    """One side of a review: the profile, and the record that the question rests on."""

    profile: UUID
    data_owner: str
    record: int
    source: str
    key: str
    record_version: int  # the version of the record that counts now


@dataclass(frozen=True, slots=True)
class Review:
    """A review as stewards meet it."""

    id: int
    kind: str
    left: ReviewSide
    right: ReviewSide
    weight: float
    reason: str
    owners: Sequence[str]
    status: str
    version: int
    opened_at: datetime
    claimed_by: str | None
    claimed_until: datetime | None
    decision_id: int | None
    closed_at: datetime | None
    closed_reason: str | None

    @property
    def etag(self) -> str:
        """Changes when the question or what its records say does."""
        return f"{self.version}.{self.left.record_version}.{self.right.record_version}"

    def held_by(self, now: datetime) -> str | None:
        """Who holds it now."""
        return self.claimed_by if self.claimed_until is not None and self.claimed_until > now else None


@dataclass(frozen=True, slots=True)
class ReviewFilter:
    """What a list of reviews is narrowed by; None: not narrowed."""

    review_id: int | None = None
    owner: str | None = None
    kind: str | None = None
    status: str | None = None  # None: what needs an answer, open or waiting; `all`
    profile_id: UUID | None = None
    after: int | None = None


LIST = """
select v.*, lp.data_owner as left_owner, rp.data_owner as right_owner, l.source as left_source, l.key as left_key,
    l.version_id as left_version, r.source as right_source, r.key as right_key, r.version_id as right_version
from review v
join profile lp on lp.profile_id = v.left_profile join profile rp on rp.profile_id = v.right_profile
join record l on l.record_id = v.left_record join record r on r.record_id = v.right_record
where not l.source = any(cast(:hidden as text[])) and not r.source = any(cast(:hidden as text[]))
and (cast(:owners as text[]) is null or v.owners && cast(:owners as text[]))
and (cast(:id as bigint) is null or v.review_id = :id)
and (cast(:owner as text) is null or :owner = any(v.owners))
and (cast(:kind as text) is null or v.kind = :kind)
and case :status when 'unanswered' then v.status <> 'closed' when 'all' then true else v.status = :status end
and (cast(:profile as uuid) is null or v.left_profile = :profile or v.right_profile = :profile)
and (cast(:after as bigint) is null or v.review_id > :after)
order by v.review_id limit :limit
"""


def list_reviews(connection: Connection, visibility: Visibility, narrowed: ReviewFilter, limit: int) -> list[Review]:
    """Reviews, oldest first, of the caller's owners, without those that show a record they may not see."""
    rows = connection.execute(
        text(LIST),
        {
            "hidden": sorted(visibility.hidden_sources),
            "owners": None if visibility.owners is None else sorted(visibility.owners),
            "id": narrowed.review_id,
            "owner": narrowed.owner,
            "kind": narrowed.kind,
            "status": narrowed.status or "unanswered",
            "profile": narrowed.profile_id,
            "after": narrowed.after,
            "limit": limit,
        },
    )
    return [_review(row) for row in rows]


def _review(row: Any) -> Review:
    return Review(
        row.review_id,
        row.kind,
        ReviewSide(row.left_profile, row.left_owner, row.left_record, row.left_source, row.left_key, row.left_version),
        ReviewSide(
            row.right_profile, row.right_owner, row.right_record, row.right_source, row.right_key, row.right_version
        ),
        row.weight,
        row.reason,
        row.owners,
        row.status,
        row.version,
        row.opened_at,
        row.claimed_by,
        row.claimed_until,
        row.decision_id,
        row.closed_at,
        row.closed_reason,
    )


def find_review(connection: Connection, visibility: Visibility, review_id: int) -> Review | None:
    """The review with this id, whoever owns it; None when there is none that the caller may see."""
    found = list_reviews(
        connection, replace(visibility, owners=None), ReviewFilter(review_id=review_id, status="all"), 1
    )
    return found[0] if found else None


def find_answered(connection: Connection, decision_id: int) -> Review | None:
    """The review that this decision answered, or for which it waits; None for one that nobody asked."""
    review_id = connection.execute(
        text("select review_id from review where decision_id = :id order by review_id desc limit 1"),
        {"id": decision_id},
    ).scalar()
    return None if review_id is None else find_review(connection, EVERYTHING, review_id)


def question_figures(connection: Connection) -> dict[str, int]:
    """How many reviews and conflicts are open."""
    row = connection.execute(
        text(
            "select (select count(*) from review where status in ('open', 'waiting')) as reviews,"
            " (select count(*) from conflict where status = 'open') as conflicts,"
            " (select count(*) from conflict where status = 'open' and kind = 'owner') as owner_conflicts"
        )
    ).one()
    return {"reviews": row.reviews, "conflicts": row.conflicts, "owner_conflicts": row.owner_conflicts}
