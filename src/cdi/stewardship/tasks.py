"""What stewards ask of another data owner: a value of their source is wrong; what holds in a conflict. cdi never writes
into a source: whoever answers for it does, and says here what became of it."""

from typing import Any
from uuid import UUID

from cdi.errors import ConflictError, ForbiddenError, InvalidInputError, NotFoundError
from cdi.ids import RecordKey
from cdi.resolution.values import attribute_at
from cdi.serving import key_as_seen
from cdi.stewardship.conflicts import show_conflict
from cdi.stewardship.desk import Desk
from cdi.store import conflicts, tasks
from cdi.store.tasks import Task, TaskFilter


def report_wrong_value(desk: Desk, record: RecordKey, attribute: str, said: str) -> dict[str, Any]:
    """Tell the owner of a record's source that what it says there is wrong."""
    attribute_at(attribute)
    (record_id,) = desk.records_named([record])
    owner = desk.installation.owner_of(record.source)
    return _asked(desk, Task("wrong_value", owner, record_id, attribute, _words(said), desk.caller.name, desk.now))


def ask_owner(desk: Desk, conflict_id: int, owner: str, said: str) -> dict[str, Any]:
    """Ask another owner of a conflict what holds; the conflict stays open meanwhile."""
    told = show_conflict(desk, conflict_id)
    if told["status"] != "open":
        raise ConflictError(f"this conflict is closed ({told['closed_reason']})", remedy="Nothing is left to ask")
    party = sorted({*told["owners"], told["data_owner"]})
    if owner not in party:
        raise InvalidInputError("this owner has no part in the conflict", remedy=f"Ask {', '.join(party)}")
    found = conflicts.find_conflict(desk.connection, desk.visibility, conflict_id)
    assert found is not None
    theirs = [i for i in found["record_ids"] if owner in desk.owners_of([i])]
    anchor = min(theirs or found["record_ids"])
    question = Task("question", owner, anchor, told["attribute"], _words(said), desk.caller.name, desk.now, conflict_id)
    return _asked(desk, question)


def list_tasks(desk: Desk, narrowed: TaskFilter, limit: int) -> list[dict[str, Any]]:
    """Tasks of the steward's owners, and those that the steward gave, oldest first."""
    found = tasks.list_tasks(desk.connection, desk.visibility, desk.caller.name, narrowed, limit)
    return [_told(desk, task) for task in found]


def answer_task(desk: Desk, task_id: int, answer: str) -> dict[str, Any]:
    """Say what became of it; only who acts for the owner that was asked."""
    task = _found(desk, task_id)
    if desk.owners is not None and task["owner"] not in desk.owners:
        raise ForbiddenError(f"this was asked of {task['owner']}", remedy="A steward of this owner answers it")
    if not tasks.close_task(desk.connection, task_id, _words(answer), desk.caller.name, desk.now):
        raise ConflictError("this was answered before", remedy="Nothing is left to do")
    return _found(desk, task_id)


def _asked(desk: Desk, task: Task) -> dict[str, Any]:
    return _found(desk, tasks.save_task(desk.connection, task))


def _found(desk: Desk, task_id: int) -> dict[str, Any]:
    found = list_tasks(desk, TaskFilter(task_id=task_id, status=None), 1)
    if not found:
        raise NotFoundError("there is no task with this id")
    return found[0]


def _words(said: str) -> str:
    if not said.strip():
        raise InvalidInputError("say what it is about", remedy="A few words suffice: they are kept")
    return said.strip()


def _told(desk: Desk, task: dict[str, Any]) -> dict[str, Any]:
    profile: UUID | None = task["profile"]
    told = {name: value for name, value in task.items() if name not in {"record_id", "source", "key"}}
    return told | {
        "profile": profile,
        "record": f"{task['source']}:{key_as_seen(task['key'], desk.visibility)}",
        "status": "open" if task["closed_at"] is None else "closed",
    }
