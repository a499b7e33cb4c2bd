"""Tasks for a data owner: a steward says that a value of a source is wrong, or asks what holds in a conflict. They are
anchored to a record, so that they go where it goes, and closed with the answer, never edited."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import BigInteger, Column, Connection, ForeignKey, Identity, Index, Table, Text

from cdi.access import Visibility
from cdi.store.db import metadata, text
from cdi.store.sources import TIME

task = Table(
    "task",
    metadata,
    Column("task_id", BigInteger, Identity(always=True), primary_key=True),
    Column("kind", Text, nullable=False),  # wrong_value, question, erased_again
    Column("owner", Text, nullable=False),  # whose stewards shall see to it
    Column("record_id", BigInteger, ForeignKey("record.record_id"), nullable=False),
    Column("attribute", Text),
    Column("conflict_id", BigInteger, ForeignKey("conflict.conflict_id")),
    Column("said", Text, nullable=False),
    Column("author", Text, nullable=False),
    Column("at", TIME, nullable=False),
    Column("closed_at", TIME),
    Column("closed_by", Text),
    Column("answer", Text),
    Index("ix_task_open", "owner", "task_id", postgresql_where=text("closed_at is null")),
    Index(None, "record_id"),
    Index("ix_task_conflict_id", "conflict_id", postgresql_where=text("conflict_id is not null")),
)


@dataclass(frozen=True, slots=True)
class Task:
    """What is asked of an owner, before it has an id."""

    kind: str
    owner: str
    record_id: int
    attribute: str | None
    said: str
    author: str
    at: datetime
    conflict_id: int | None = None


def save_task(connection: Connection, asked: Task) -> int:
    """Append it; its id."""
    return int(
        connection.execute(
            text(
                "insert into task (kind, owner, record_id, attribute, conflict_id, said, author, at)"
                " values (:kind, :owner, :record, :attribute, :conflict, :said, :author, :at) returning task_id"
            ),
            {
                "kind": asked.kind,
                "owner": asked.owner,
                "record": asked.record_id,
                "attribute": asked.attribute,
                "conflict": asked.conflict_id,
                "said": asked.said,
                "author": asked.author,
                "at": asked.at,
            },
        ).scalar_one()
    )


def close_task(connection: Connection, task_id: int, answer: str, author: str, now: datetime) -> bool:
    """It was seen to; False when it was closed before."""
    result = connection.execute(
        text(
            "update task set closed_at = :now, closed_by = :author, answer = :answer"
            " where task_id = :id and closed_at is null"
        ),
        {"id": task_id, "answer": answer, "author": author, "now": now},
    )
    return bool(result.rowcount)


@dataclass(frozen=True, slots=True)
class TaskFilter:
    """What a list of tasks is narrowed by; None: not narrowed."""

    task_id: int | None = None
    owner: str | None = None
    author: str | None = None
    status: str | None = "open"  # open, closed; None: both
    conflict_id: int | None = None
    after: int | None = None


LIST = """
select t.task_id as id, t.kind, t.owner, t.record_id, r.source, r.key, m.profile_id as profile, t.attribute,
    t.conflict_id as conflict, t.said, t.author, t.at, t.closed_at, t.closed_by, t.answer
from task t join record r on r.record_id = t.record_id
left join membership m on m.record_id = coalesce(r.replaced_by, r.record_id)
where not r.source = any(cast(:hidden as text[]))
"""


def list_tasks(
    connection: Connection, visibility: Visibility, caller: str, narrowed: TaskFilter, limit: int
) -> list[dict[str, Any]]:
    """Tasks, oldest first, of the caller's owners and those that the caller gave, without those about a record that
    they may not see."""
    conditions: Sequence[tuple[str, str, Any]] = (
        (
            "(t.owner = any(cast(:owners as text[])) or t.author = :caller)",
            "owners",
            None if visibility.owners is None else sorted(visibility.owners),
        ),
        ("t.task_id = :id", "id", narrowed.task_id),
        ("t.owner = :owner", "owner", narrowed.owner),
        ("t.author = :author", "author", narrowed.author),
        ("t.conflict_id = :conflict", "conflict", narrowed.conflict_id),
        ("t.task_id > :after", "after", narrowed.after),
    )
    given = [(condition, name, value) for condition, name, value in conditions if value is not None]
    where = "".join(f" and {condition}" for condition, _, _ in given)
    status = {"open": " and t.closed_at is null", "closed": " and t.closed_at is not null"}.get(narrowed.status or "")
    parameters = {name: value for _, name, value in given}
    if visibility.owners is not None:
        parameters["caller"] = caller
    rows = connection.execute(
        text(f"{LIST}{where}{status or ''} order by t.task_id limit :limit"),
        parameters | {"hidden": sorted(visibility.hidden_sources), "limit": limit},
    ).mappings()
    return [dict(row) for row in rows]


def any_open(connection: Connection, record_id: int, kind: str) -> bool:
    """Whether a task of this kind about this record stands open."""
    asked = "select exists (select from task where record_id = :id and kind = :kind and closed_at is null)"
    return bool(connection.execute(text(asked), {"id": record_id, "kind": kind}).scalar_one())
