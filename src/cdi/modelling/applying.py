"""The run over everything that makes a model decide."""

from datetime import datetime
from typing import Any, Final

from sqlalchemy import Connection

from cdi.clock import utc_now
from cdi.errors import BusyError, ConflictError, NotFoundError
from cdi.modelling.trial import Progress
from cdi.pipeline import Installation, resolve
from cdi.pipeline.resolving import wanted_model
from cdi.store import jobs, models, reruns

JOB: Final = "apply the model"
"""What the worker calls it when somebody asks for it at the desk."""


def apply_model(installation: Installation, progress: Progress | None = None) -> dict[str, Any]:
    """Apply the model that cdi.yaml names, to its end, while others push and read; `simulate` shows before what comes
    of it. Safe to kill: the next call goes on.

    Raises ConflictError where it is paused, BusyError where another process is at it.
    """
    with installation.database.unit_of_work() as connection:
        begun = reruns.status(connection)
    if begun is not None and begun["state"] == "paused":
        raise ConflictError("it is paused", remedy="cdi model resume lets it go on")
    if begun is not None and begun["state"] == "running":
        raise BusyError("another process is applying it", remedy="cdi model show says how far it is")
    resolved = resolve(installation, progress=progress)
    return {
        "records": resolved.records,
        "profiles_written": resolved.profiles_written,
        "feed_events": resolved.events,
        "model": show(installation)["model"],
    }


def pause(installation: Installation) -> dict[str, Any]:
    """Let the run over everything wait. Raises NotFoundError when there is none."""
    with installation.database.unit_of_work() as connection:
        return _told(connection, reruns.pause(connection, utc_now()))


def go_on(installation: Installation) -> dict[str, Any]:
    """Let a paused run go on. Raises NotFoundError when there is none."""
    with installation.database.unit_of_work() as connection:
        return _told(connection, reruns.go_on(connection))


def show(installation: Installation) -> dict[str, Any]:
    """The version that decides, the name in cdi.yaml, and how far a run over everything is."""
    with installation.database.unit_of_work() as connection:
        return standing(connection, installation)


def standing(connection: Connection, installation: Installation) -> dict[str, Any]:
    """What `show` tells, and: the version that cdi.yaml asks for, whether it differs from the one that decides, whether
    somebody asked for it to be applied, how that failed, and how many workers there are."""
    named = installation.deployment.matching.model
    wanted = wanted_model(connection, installation)
    asked = jobs.job_states(connection).get(JOB)
    return {
        "model": models.active_version(connection),
        "named": named,
        "rerun": reruns.status(connection),
        "wanted": wanted.version,
        "differs": models.active_base(connection) != (named, wanted.version),
        "asked": asked is not None and asked.wanted_at is not None,
        "error": asked.error if asked is not None and asked.wanted_at is None else None,
        "workers": len(jobs.workers(connection)),
    }


def ask_to_apply(connection: Connection, now: datetime) -> None:
    """Have a worker apply the model that cdi.yaml names."""
    jobs.want(connection, JOB, now)


def _told(connection: Connection, found: bool) -> dict[str, Any]:
    told = reruns.status(connection)
    if not found or told is None:
        raise NotFoundError("there is no run over everything", remedy="cdi model show says which model decides")
    return told
