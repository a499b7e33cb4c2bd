"""/v1/conflicts, and what settles them: pinned values."""

from datetime import datetime
from typing import Annotated, Any, Literal
from uuid import UUID

from fastapi import APIRouter, Query, Response
from pydantic import AwareDatetime, Field

from cdi import stewardship
from cdi.api.answers import answer
from cdi.api.desk import AtDesk, Body, IfMatch, Number, Reason, RecordName, tag
from cdi.api.problems import CHANGE_PROBLEMS
from cdi.ids import parse_record_key
from cdi.stewardship import Settlement
from cdi.store.conflicts import ConflictFilter

router = APIRouter(prefix="/v1", tags=["conflicts"], responses=CHANGE_PROBLEMS)


class Choice(Body):
    """The value that holds, as such or as one record (`source:key`) says it, until its end date if it has one."""

    reason: Reason
    value: Any = None
    record: RecordName | None = None
    until: AwareDatetime | None = None

    def settlement(self, owner: str | None = None) -> Settlement:
        record = None if self.record is None else parse_record_key(self.record)
        until: datetime | None = self.until
        return Settlement(self.reason, self.value, record, until, owner)


class Resolution(Choice):
    """How a conflict is settled: a value or a record to pin; of a conflict of owners, the owner."""

    owner: Annotated[str | None, Field(max_length=100)] = None


class Question(Body):
    """What another owner of a conflict is asked."""

    owner: Annotated[str, Field(max_length=100)]
    said: Reason


@router.get("/conflicts")
def list_conflicts(
    desk: AtDesk,
    owner: Annotated[str | None, Query(max_length=100)] = None,
    kind: Annotated[str | None, Query(max_length=100)] = None,
    status: Literal["open", "closed"] | None = "open",
    profile: UUID | None = None,
    after: Annotated[int | None, Query(ge=0, le=2**62)] = None,
    limit: Annotated[int, Query(ge=1, le=200)] = 50,
) -> Response:
    """Values and owners that contradict, of the caller's owners, oldest first; `after` is where to go on."""
    narrowed = ConflictFilter(owner=owner, kind=kind, status=status, profile_id=profile, after=after)
    found = stewardship.list_conflicts(desk, narrowed, limit + 1)
    return answer({"conflicts": found[:limit], "after": found[limit - 1]["id"] if len(found) > limit else None})


@router.get("/conflicts/{conflict_id}")
def get_conflict(conflict_id: Number, desk: AtDesk) -> Response:
    """One conflict, with what each of its records says there."""
    sides = stewardship.say_of_conflict(desk, conflict_id)
    return answer(stewardship.show_conflict(desk, conflict_id) | {"says": sides})


@router.post("/conflicts/{conflict_id}/resolution")
def settle_conflict(conflict_id: Number, body: Resolution, desk: AtDesk) -> Response:
    """Pin the value that holds, or name the owner. It closes, and stays closed."""
    return answer(stewardship.settle_conflict(desk, conflict_id, body.settlement(body.owner)))


@router.post("/conflicts/{conflict_id}/question")
def ask_owner(conflict_id: Number, body: Question, desk: AtDesk) -> Response:
    """Ask another owner what holds: a task for them; the conflict stays open meanwhile."""
    return answer(stewardship.ask_owner(desk, conflict_id, body.owner, body.said))


@router.put("/profiles/{profile_id}/pins/{attribute}")
def pin_value(profile_id: UUID, attribute: str, body: Choice, desk: AtDesk, if_match: IfMatch = None) -> Response:
    """Pin a value that no conflict asks about: it stands whatever sources send."""
    told = stewardship.pin_value(desk, profile_id, attribute, body.settlement(), if_match)
    return answer(told, headers=tag(str(told["version"])))


@router.delete("/profiles/{profile_id}/pins/{attribute}")
def unpin_value(profile_id: UUID, attribute: str, desk: AtDesk, if_match: IfMatch = None) -> Response:
    """Let the rules decide again."""
    told = stewardship.unpin_value(desk, profile_id, attribute, if_match)
    return answer(told, headers=tag(str(told["version"])))
