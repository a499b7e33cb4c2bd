"""Reviews: questions to stewards about a pair of profiles, or about one.

A review shows the two records on which the question rests. It keeps its id while the profiles around these records
merge and split, waits where the consent of other owners is missing, and is closed with the reason when it is
answered or moot.
"""

from collections.abc import Collection, Iterable, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import datetime
from typing import Any, Final, Literal
from uuid import UUID

import orjson
from sqlalchemy import BigInteger, Column, Computed, Connection, Double, Identity, Index, Integer, Table, Text, Uuid
from sqlalchemy.dialects.postgresql import ARRAY

from cdi.access import EVERYTHING, Visibility
from cdi.store.db import metadata, run, text
from cdi.store.decisions import SECOND_STEWARD
from cdi.store.sources import TIME

TURN: Final = "case when kind = 'pair' then - weight else - 1000 - weight end"
"""Who is asked by risk starts with the lowest: what is served wrongly now (a finding about one profile, a link in
doubt) comes before what is only not yet found; pairs by how likely they are one customer."""

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
    Column("turn", Double, Computed(TURN, persisted=True)),
    Column("assigned_to", Text),
    Column("snoozed_until", TIME),
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
    Index("ix_review_turn", "turn", "review_id", postgresql_where=text("status <> 'closed'")),
    Index("ix_review_age", "review_id", postgresql_where=text("status <> 'closed'")),
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
    *,
    standing: bool = True,
) -> None:
    """Make `questions` the open reviews among these profiles, about which some may be `standing`: new ones open,
    standing ones follow their records and show what is now strongest, those that are moot close with the reason. What a
    steward has answered since both records changed last is not asked again. `built` are those whose golden records were
    built: about birth dates only they were asked."""
    if not standing and not questions:
        return
    asked = [{**asdict(question), "owners": list(question.owners)} for question in questions]
    parameters = {
        "profiles": list(profile_ids), "now": now, "built": list(built), "questions": orjson.dumps(asked).decode(),
    }  # fmt: skip
    for statement in (FOLLOW, SETTLE, ARRIVE, CLOSE, LAPSE, OPEN) if standing else (OPEN,):
        run(connection, statement, parameters)


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
    assigned_to: str | None
    snoozed_until: datetime | None

    @property
    def etag(self) -> str:
        """Changes when the question or what its records say does."""
        return f"{self.version}.{self.left.record_version}.{self.right.record_version}"

    def held_by(self, now: datetime) -> str | None:
        """Who holds it now."""
        return self.claimed_by if self.claimed_until is not None and self.claimed_until > now else None


Order = Literal["age", "risk"]


@dataclass(frozen=True, slots=True)
class ReviewFilter:
    """What a list of reviews is narrowed by; None: not narrowed."""

    review_id: int | None = None
    owner: str | None = None
    kind: str | None = None
    status: str | None = None  # None: what needs an answer, open or waiting; `all`
    profile_id: UUID | None = None
    source: str | None = None
    weight_from: float | None = None
    weight_below: float | None = None
    assigned_to: Sequence[str] | None = None
    free_for: str | None = None  # held by nobody else than this steward
    agreeable_by: str | None = None  # waits for the word of this steward
    awake_at: datetime | None = None  # without those that were put off until later
    order: Order = "age"
    after: int | None = None  # the id of the review that came last, in this order
    before: int | None = None  # the list backwards, from this review on


SHOWN = """
select v.*, lp.data_owner as left_owner, rp.data_owner as right_owner, l.source as left_source, l.key as left_key,
    l.version_id as left_version, r.source as right_source, r.key as right_key, r.version_id as right_version
from review v
join profile lp on lp.profile_id = v.left_profile join profile rp on rp.profile_id = v.right_profile
join record l on l.record_id = v.left_record join record r on r.record_id = v.right_record
"""
# Outer joins: PostgreSQL leaves out the look-up of records that no condition speaks of.
COUNTED = """
select from review v
left join record l on l.record_id = v.left_record left join record r on r.record_id = v.right_record
"""

ORDERED: Final[dict[Order, str]] = {"age": "v.review_id", "risk": "v.turn, v.review_id"}
BACKWARDS: Final[dict[Order, str]] = {"age": "v.review_id desc", "risk": "v.turn desc, v.review_id desc"}
BEYOND: Final[dict[Order, str]] = {
    "age": "v.review_id > :after",
    "risk": "(v.turn, v.review_id) > (select turn, review_id from review where review_id = :after)",
}
AHEAD: Final[dict[Order, str]] = {
    "age": "v.review_id < :before",
    "risk": "(v.turn, v.review_id) < (select turn, review_id from review where review_id = :before)",
}


def _conditions(
    visibility: Visibility, narrowed: ReviewFilter, now: datetime | None
) -> tuple[list[str], dict[str, Any]]:
    """Only what is asked is in the statement: the planner then finds the index that is ordered as the list is."""
    standing = narrowed.status in {None, "open", "waiting"}
    asked: list[tuple[str, str, Any]] = [
        ("not l.source = any(cast(:hidden as text[]))", "hidden", sorted(visibility.hidden_sources) or None),
        ("not r.source = any(cast(:hidden as text[]))", "hidden", sorted(visibility.hidden_sources) or None),
        ("v.owners && cast(:owners as text[])", "owners", _list(visibility.owners)),
        ("v.review_id = :id", "id", narrowed.review_id),
        (":owner = any(v.owners)", "owner", narrowed.owner),
        ("v.kind = :kind", "kind", narrowed.kind),
        ("v.status = :status", "status", None if narrowed.status == "all" else narrowed.status),
        ("(v.left_profile = :profile or v.right_profile = :profile)", "profile", narrowed.profile_id),
        ("(l.source = :source or r.source = :source)", "source", narrowed.source),
        ("v.weight >= :weight_from", "weight_from", narrowed.weight_from),
        ("v.weight < :weight_below", "weight_below", narrowed.weight_below),
        ("v.assigned_to = any(cast(:assigned_to as text[]))", "assigned_to", _list(narrowed.assigned_to)),
        (
            "(v.claimed_by is null or v.claimed_by = :free_for or v.claimed_until <= :now)",
            "free_for",
            narrowed.free_for,
        ),
        (_agreeable(visibility), "agreeable_by", narrowed.agreeable_by),
        ("(v.snoozed_until is null or v.snoozed_until <= :awake_at)", "awake_at", narrowed.awake_at),
        (BEYOND[narrowed.order], "after", narrowed.after),
        (AHEAD[narrowed.order], "before", narrowed.before),
    ]
    given = [(condition, name, value) for condition, name, value in asked if value is not None]
    conditions = ["v.status <> 'closed'"] if standing else []
    conditions += [condition for condition, _, _ in given]
    return conditions, {name: value for _, name, value in given} | ({"now": now} if narrowed.free_for else {})


def _agreeable(visibility: Visibility) -> str:
    """Whether what was said on a review waits for `:agreeable_by`: for a second steward, which nobody is who said so
    already, or for one of the owners that the caller acts for."""
    owners = (
        f"d.awaits <> array['{SECOND_STEWARD}']" if visibility.owners is None else "d.awaits && cast(:owners as text[])"
    )
    return (
        "exists (select from decision d where d.decision_id = v.decision_id and d.awaits <> '{}'"
        f" and ({owners} or ('{SECOND_STEWARD}' = any(d.awaits)"
        " and :agreeable_by <> all(d.agreed_by || d.author))))"
    )


def _list(names: Iterable[str] | None) -> list[str] | None:
    return None if names is None else sorted(names)


def list_reviews(
    connection: Connection, visibility: Visibility, narrowed: ReviewFilter, limit: int, now: datetime | None = None
) -> list[Review]:
    """Reviews, oldest first or riskiest first, of the caller's owners, without those that show a record they may not
    see. `now` tells who holds what, where that is asked."""
    conditions, parameters = _conditions(visibility, narrowed, now)
    where = f"where {' and '.join(conditions)}" if conditions else ""
    order = (ORDERED if narrowed.before is None else BACKWARDS)[narrowed.order]
    statement = f"{SHOWN} {where} order by {order} limit :limit"
    return [_review(row) for row in connection.execute(text(statement), parameters | {"limit": limit})]


def count_reviews(
    connection: Connection, visibility: Visibility, narrowed: ReviewFilter, at_most: int, now: datetime | None = None
) -> int:
    """How many reviews a list would have; whoever counts on for ever keeps everybody waiting, so `at_most`."""
    conditions, parameters = _conditions(visibility, narrowed, now)
    where = f"where {' and '.join(conditions)}" if conditions else ""
    counted = f"select count(*) from ({COUNTED} {where} limit :limit) counted"  # noqa: S608  fixed conditions
    return int(connection.execute(text(counted), parameters | {"limit": at_most}).scalar_one())


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
        row.assigned_to,
        row.snoozed_until,
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


def find_standing(connection: Connection, kind: str, record_ids: Collection[int]) -> int | None:
    """The review of this kind that needs an answer about the profiles in which these records are; None if none does."""
    found: int | None = connection.execute(
        text(
            "select review_id from review where status <> 'closed' and kind = :kind"
            " and left_profile in (select profile_id from membership where record_id = any(cast(:ids as bigint[])))"
            " and right_profile in (select profile_id from membership where record_id = any(cast(:ids as bigint[])))"
            " order by review_id limit 1"
        ),
        {"kind": kind, "ids": sorted(record_ids)},
    ).scalar()
    return found


def doubts_about(connection: Connection, profile_id: UUID) -> list[int]:
    """The reviews that need an answer about this profile alone: whether it is one customer."""
    rows = connection.execute(
        text(
            "select review_id from review where status <> 'closed' and left_profile = :id and right_profile = :id"
            " order by review_id"
        ),
        {"id": profile_id},
    )
    return list(rows.scalars())


def assign(connection: Connection, review_id: int, steward: str | None) -> None:
    """Who shall answer it; None: whoever comes."""
    connection.execute(
        text("update review set assigned_to = :steward where review_id = :id"), {"id": review_id, "steward": steward}
    )


def snooze(connection: Connection, review_id: int, until: datetime | None) -> None:
    """Leave it out of the queue until then, and let go of it; None: back into the queue."""
    connection.execute(
        text("update review set snoozed_until = :until, claimed_by = null, claimed_until = null where review_id = :id"),
        {"id": review_id, "until": until},
    )


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
