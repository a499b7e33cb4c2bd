"""/v1/tasks: what stewards ask of other data owners."""

from typing import Annotated, Literal

from fastapi import APIRouter, Query, Response
from pydantic import Field

from cdi import stewardship
from cdi.api.answers import answer
from cdi.api.desk import AtDesk, Body, Number, Reason, RecordName
from cdi.api.problems import CHANGE_PROBLEMS
from cdi.ids import parse_record_key
from cdi.store.tasks import TaskFilter

router = APIRouter(prefix="/v1/tasks", tags=["tasks"], responses=CHANGE_PROBLEMS)


class WrongValue(Body):
    """What is wrong in a record, for the owner of its source."""

    record: RecordName
    attribute: Annotated[str, Field(max_length=200, examples=["birth_date"])]
    said: Reason


class Answer(Body):
    """What became of it."""

    answer: Reason


@router.get("")
def list_tasks(
    desk: AtDesk,
    owner: Annotated[str | None, Query(max_length=100)] = None,
    author: Annotated[str | None, Query(max_length=200)] = None,
    status: Literal["open", "closed", "all"] = "open",
    conflict: Annotated[int | None, Query(ge=1, le=2**62)] = None,
    after: Annotated[int | None, Query(ge=0, le=2**62)] = None,
    limit: Annotated[int, Query(ge=1, le=200)] = 50,
) -> Response:
    """What was asked of the caller's owners, and what the caller asked, oldest first."""
    narrowed = TaskFilter(
        owner=owner, author=author, status=None if status == "all" else status, conflict_id=conflict, after=after
    )
    found = stewardship.list_tasks(desk, narrowed, limit + 1)
    return answer({"tasks": found[:limit], "after": found[limit - 1]["id"] if len(found) > limit else None})


@router.post("", status_code=201)
def report_wrong_value(body: WrongValue, desk: AtDesk) -> Response:
    """Tell the owner of a source that a value of it is wrong: cdi never writes into a source, its owner does."""
    record = parse_record_key(body.record)
    return answer(stewardship.report_wrong_value(desk, record, body.attribute, body.said), 201)


@router.post("/{task_id}/answer")
def answer_task(task_id: Number, body: Answer, desk: AtDesk) -> Response:
    """Say what became of it, and close it."""
    return answer(stewardship.answer_task(desk, task_id, body.answer))
