"""Liveness and readiness: the two answers that need no key."""

from fastapi import APIRouter, Response
from fastapi.responses import JSONResponse

from cdi.api.dependencies import Here
from cdi.api.problems import problem
from cdi.errors import CdiError
from cdi.store.db import check_head, check_server

router = APIRouter(tags=["health"])


@router.get("/healthz")
def alive() -> dict[str, str]:
    """The process answers."""
    return {"status": "ok"}


@router.get("/readyz", responses={503: {"description": "Not ready"}})
def ready(installation: Here) -> Response:
    """The database answers, and has the schema of this version; else `errors` says which of the two does not hold."""
    for what, holds in (("database", check_server), ("schema", check_head)):
        try:
            holds(installation.database)
        except CdiError as error:
            fault = {"where": what, "what": str(error)}
            return problem(503, "database", "Not ready", str(error), errors=[fault])
    return JSONResponse({"status": "ready"})
