"""What an engineer does next about a source, where something is wrong or left undone: in order of weight."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Literal, TypeAlias

from cdi.errors import CdiError
from cdi.pipeline import Installation
from cdi.settings import PUSH
from cdi.sources.asking import Standing
from cdi.sources.written import has_changed

Step: TypeAlias = Literal[
    "unsaid", "settings", "failed", "interrupted", "no_worker", "overdue", "rejected", "restart", "never", "unscheduled"
]


@dataclass(frozen=True, slots=True)
class Advice:
    """One thing to be done. `detail` is what the system said: a place in cdi.yaml, the message of a failure; never a
    customer's value."""

    step: Step
    detail: str = ""
    count: int = 0


def advise(
    installation: Installation,
    written: Installation,
    name: str,
    now: Standing,
    last: dict[str, Any] | None,
    rejected: int,
) -> Iterator[Advice]:
    """What is to be done about this source: as it stands `now`, by its `last` run, and by what is `written` in the
    deployment's files, which this process may not have read yet."""
    system = installation.source(name)
    if system.connector != PUSH:
        faults = list(_faults(written, name))
        yield from faults
        if not faults:
            yield from _by_runs(now, last)
        if has_changed(installation, written, name):
            yield Advice("restart")
    if rejected:
        yield Advice("rejected", count=rejected)
    if system.connector != PUSH and system.schedule is None:
        yield Advice("unscheduled")


def _by_runs(now: Standing, last: dict[str, Any] | None) -> Iterator[Advice]:
    if now.timing["running"]:
        return
    if last is not None and now.timing["failures"]:
        interrupted = last["status"] == "running" or not last["error"]
        yield Advice("interrupted") if interrupted else Advice("failed", str(last["error"]), now.timing["failures"])
    if not now.workers and (now.asked_at or now.timing["schedule"]):
        yield Advice("no_worker")
    elif now.timing["late"]:
        yield Advice("overdue")
    if last is None and not now.timing["schedule"] and not now.asked_at:
        yield Advice("never")


def _faults(written: Installation, name: str) -> Iterator[Advice]:
    if name not in written.deployment.sources:
        return
    unsaid = written.source(name).unsaid()
    if unsaid:
        places = (written.settings.place("sources", name, *path.split(".")) for path in unsaid)
        yield Advice("unsaid", ", ".join(places), len(unsaid))
        return
    try:
        written.config(name)
    except CdiError as error:
        yield Advice("settings", str(error))
