"""/v1/audit: who read personal values in full and who changed what."""

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Query, Response
from pydantic import AwareDatetime

from cdi import audit
from cdi.api.answers import answer
from cdi.api.dependencies import Officer, Work
from cdi.api.problems import PROBLEMS
from cdi.store.audit import AuditFilter

router = APIRouter(prefix="/v1/audit", tags=["audit"], responses=PROBLEMS)


@router.get("")
def list_audit_entries(
    connection: Work,
    _caller: Officer,
    actor: Annotated[str | None, Query(max_length=300, examples=["key:shop screen"])] = None,
    action: Annotated[str | None, Query(max_length=100, examples=["get_profile"])] = None,
    profile: UUID | None = None,
    since: AwareDatetime | None = None,
    until: AwareDatetime | None = None,
    before: Annotated[int | None, Query(ge=1, le=2**62)] = None,
    limit: Annotated[int, Query(ge=1, le=200)] = 50,
) -> Response:
    """The audit log, newest first: ids, actions, names of field groups, purpose and actor; never a value. `since` is
    included, `until` is not; `before` of the answer continues the list (null: this was all). An entry without
    `number` waits for the sealer."""
    found = audit.list_entries(connection, AuditFilter(actor, action, profile, since, until, before), limit + 1)
    return answer({"entries": found[:limit], "before": found[limit - 1]["id"] if len(found) > limit else None})
