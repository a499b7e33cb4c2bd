"""/sources/NAME: one source system: how it is, what its runs counted, what could not be taken and why; asked, looked at
and read from here."""

from collections.abc import Iterator, Mapping
from typing import Annotated, Any, Final
from urllib.parse import urlencode

from fastapi import Path, Query, Response

from cdi import sources
from cdi.access import Role
from cdi.errors import CdiError, ConfigurationError, ForbiddenError, InvalidInputError
from cdi.ingest.contract import CheckResult
from cdi.pipeline import Installation
from cdi.settings import PUSH
from cdi.web.routing import pages_router
from cdi.web.spans import retention_in_words, schedule_in_words
from cdi.web.visits import Administering, Reading, Visit

router = pages_router()

RUNS: Final = 20
REJECTED: Final = 20
AT_ONCE: Final = 500
"""So many rejected records are tried again in one request."""
PREVIEWED: Final = 3

Name = Annotated[str, Path(max_length=100)]
Cursor = Annotated[int | None, Query(ge=1, le=2**62)]


@router.get("/sources/{source}")
def show_source(visit: Reading, source: Name, before: Cursor = None) -> Response:
    """How it is and how its runs went; htmx asks for this part again while something goes on."""
    frame = _frame(visit, source)
    now: sources.Standing = frame["standing"]
    system = visit.installation.source(source)
    runs = sources.runs(visit.connection, visit.installation, visit.caller, source, RUNS + 1, before)
    shown = runs[:RUNS]
    last = runs[0] if runs and before is None else None
    values = frame | {
        "runs": [_run(one, running=now.timing["running"] and one is last) for one in shown],
        "advice": [] if now.reading or before else _advice(visit, source, now, last, frame["rejected_count"]),
        "more": f"/sources/{source}?before={shown[-1]['run_id']}" if len(runs) > RUNS else None,
        "first": f"/sources/{source}" if before else None,
        "schedule_words": schedule_in_words(visit.language, now.timing["schedule"]),
        "kept": retention_in_words(visit.language, system.retention),
    }
    return visit.page("source.html", values, fragment="standing")


@router.post("/sources/{source}/run")
def run_source(visit: Administering, source: Name) -> Response:
    """The worker shall read it now."""
    sources.ask_for_reading(visit.connection, visit.installation, visit.caller, source, visit.now)
    return visit.back(f"/sources/{source}", visit.language.gettext("It is read as soon as a worker is free."))


@router.get("/sources/{source}/rejected")
def show_rejected(
    visit: Reading,
    source: Name,
    reason: Annotated[str | None, Query(max_length=2_000)] = None,
    after: Cursor = None,
) -> Response:
    """What could not be taken, and why; what it said for those who may see it."""
    asked = (visit.connection, visit.installation, visit.caller, source)
    found = sources.list_rejected(*asked, REJECTED + 1, reason=reason or None, after=after)
    shown = found[:REJECTED]
    for one in shown:
        one["fields"] = list(flat(one["native"])) if one["native"] is not None else []
    query = f"?{urlencode({'reason': reason})}&" if reason else "?"
    values = _frame(visit, source) | {
        "rejected": shown,
        "reasons": sources.rejection_reasons(*asked),
        "reason": reason or "",
        "more": f"/sources/{source}/rejected{query}after={shown[-1]['rejected_id']}" if len(found) > REJECTED else None,
        "first": f"/sources/{source}/rejected{query.rstrip('?&')}" if after else None,
    }
    return visit.page("source_rejected.html", values)


@router.post("/sources/{source}/rejected")
def replay_rejected(visit: Administering, source: Name) -> Response:
    """Try those again that are named, or the first that wait, by the mapping as the files say it now."""
    _read_by_us(visit, source)
    named = [int(one) for one in visit.form.getlist("rejected") if isinstance(one, str) and one.isdecimal()]
    waiting = sources.list_rejected(visit.connection, visit.installation, visit.caller, source, AT_ONCE)
    only = named or [one["rejected_id"] for one in waiting]
    done = sources.replay_rejected(_written(visit), source, only[:AT_ONCE])
    message = visit.language.ngettext(
        "%(num)s record is taken now, %(left)s are still rejected.",
        "%(num)s records are taken now, %(left)s are still rejected.",
        done.taken,
    ) % {"num": done.taken, "left": done.still_rejected}
    return visit.back(f"/sources/{source}/rejected", message, kind="warn" if done.still_rejected else "done")


@router.get("/sources/{source}/check")
def show_check(visit: Administering, source: Name) -> Response:
    """What a check asks, and the button that begins it."""
    return visit.page("source_check.html", _frame(visit, source) | {"results": None})


@router.post("/sources/{source}/check")
def check_source(visit: Administering, source: Name) -> Response:
    """Ask the source system what must hold; nothing is read from it, nothing is written."""
    _read_by_us(visit, source)
    try:
        results = sources.check(_written(visit), source)
    except CdiError as error:
        results = [CheckResult("the source can be asked", False, str(error))]
    return visit.page("source_check.html", _frame(visit, source) | {"results": results})


@router.get("/sources/{source}/preview")
def show_preview(visit: Administering, source: Name) -> Response:
    """What a preview shows, and the button that makes it."""
    return visit.page("source_preview.html", _frame(visit, source) | {"preview": None, "fault": ""})


@router.post("/sources/{source}/preview")
def preview_source(visit: Administering, source: Name) -> Response:
    """The first records as the source says them beside what its mapping makes of them; nothing is written."""
    _read_by_us(visit, source)
    if not sources.may_see_verbatim(visit.installation, visit.caller, source):
        raise ForbiddenError("what this source says is for those who act for its data owner")
    try:
        found, fault = sources.preview(_written(visit), source, PREVIEWED), ""
    except CdiError as error:
        found, fault = None, str(error)
    return visit.page("source_preview.html", _frame(visit, source) | {"preview": found, "fault": fault, "flat": flat})


def flat(value: Any, path: str = "") -> Iterator[tuple[str, str]]:
    """A record as lines: the path of each value that is there, and the value."""
    if isinstance(value, Mapping):
        for name, inner in value.items():
            yield from flat(inner, f"{path}.{name}" if path else str(name))
    elif isinstance(value, list):
        for place, inner in enumerate(value):
            yield from flat(inner, f"{path}[{place}]")
    elif value is not None and value != "":
        yield path, str(value).lower() if isinstance(value, bool) else str(value)


def _frame(visit: Visit, source: str) -> dict[str, Any]:
    """What all pages of a source have. Raises NotFoundError for one that this person may not see."""
    now = sources.standing(visit.connection, visit.installation, visit.caller, source, visit.now)
    system = visit.installation.source(source)
    return {
        "source": source,
        "system": system,
        "owner": visit.installation.deployment.owner(system.data_owner),
        "standing": now,
        "health": {**now.timing, "last_run": now.last_run},
        "rejected_count": sources.count_rejected(visit.connection, [source])[source],
        "pushed": system.connector == PUSH,
        "may_operate": visit.caller.role is Role.ADMIN,
    }


def _written(visit: Visit) -> Installation:
    """The installation by its files as they are now: an engineer who has just changed a mapping wants to see that one.
    What is wrong with them is told as wrong input."""
    try:
        return sources.as_written(visit.installation)
    except ConfigurationError as error:
        raise InvalidInputError(error.message, remedy=error.remedy) from None


def _advice(
    visit: Visit, source: str, now: sources.Standing, last: dict[str, Any] | None, rejected: int
) -> list[sources.Advice]:
    """What whoever runs the installation does next; others are not told of files and settings."""
    if visit.caller.role is not Role.ADMIN:
        return []
    try:
        written = sources.as_written(visit.installation)
    except ConfigurationError as error:
        return [sources.Advice("settings", str(error))]
    return list(sources.advise(visit.installation, written, source, now, last, rejected))


def _read_by_us(visit: Visit, source: str) -> None:
    """Raises NotFoundError, and InvalidInputError for a source that is pushed to: there is nothing to ask it."""
    sources.demand_visible(visit.installation, visit.caller, source)
    if visit.installation.source(source).connector == PUSH:
        raise InvalidInputError(f"the source {source} is pushed to", remedy="Its application sends its records again")


def _run(one: dict[str, Any], *, running: bool) -> dict[str, Any]:
    """A run as it is shown. One that says it is running while nobody is at it was interrupted."""
    status = one["status"]
    if status == "running" and not running:
        status = "interrupted"
    seconds = (one["ended_at"] - one["started_at"]).total_seconds() if one["ended_at"] else None
    return {**one, "status": status, "seconds": seconds}
