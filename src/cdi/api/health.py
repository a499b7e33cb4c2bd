"""Liveness and readiness: the two answers that need no key."""

from fastapi import APIRouter, Response
from fastapi.responses import JSONResponse

from cdi.api.dependencies import Here
from cdi.api.problems import problem
from cdi.errors import CdiError
from cdi.store.db import check_head

router = APIRouter(tags=["health"])


@router.get("/healthz")
def alive() -> dict[str, str]:
    """The process answers."""
    return {"status": "ok"}


@router.get("/readyz", responses={503: {"description": "Not ready"}})
def ready(installation: Here) -> Response:
    """The database answers and has the schema of this version."""
    try:
        check_head(installation.database)
    except CdiError as error:
        return problem(503, "database", "Not ready", str(error))
    return JSONResponse({"status": "ready"})
