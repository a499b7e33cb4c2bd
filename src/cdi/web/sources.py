"""/sources: every source system, how it is and who answers for it; and what it takes to connect another."""

import re
from typing import Annotated, Any, Final

from fastapi import Query, Response

from cdi import sources
from cdi.access import Role
from cdi.errors import CdiError, ConfigurationError
from cdi.pipeline import Installation
from cdi.settings import NAME
from cdi.sources import Said
from cdi.web.routing import pages_router
from cdi.web.spans import schedule_in_words
from cdi.web.visits import Administering, Reading, Visit
from cdi.web.words import N_

router = pages_router()

Short = Annotated[str, Query(max_length=100)]

MATURITY: Final = {
    "live-tested": N_("tested with the real system"),
    "mock-tested": N_("tested with answers as documented"),
    "spec-only": N_("written from its documentation"),
    "own": N_("of this installation"),
}


@router.get("/sources")
def show_sources(visit: Reading) -> Response:
    """The sources that this person may see; what is wrong first."""
    found = sources.list_health(visit.connection, visit.installation, visit.caller)
    rejected = sources.count_rejected(visit.connection, [one["name"] for one in found])
    for one in found:
        one["rejected"] = rejected[one["name"]]
        one["schedule_words"] = schedule_in_words(visit.language, one["schedule"])
    found.sort(key=lambda one: (not one["failures"], not one["late"], not one["rejected"]))
    return visit.page("sources.html", {"sources": found, "may_operate": visit.caller.role is Role.ADMIN})


@router.get("/sources/connect-one")  # no source can be called so: its name has no hyphen
def show_connecting(
    visit: Administering, connector: Short = "", name: Short = "", owner: Short = "", schedule: Short = "PT1H"
) -> Response:
    """Which connectors there are; of the one that is chosen, the lines to write and the commands that write them."""
    written, fault = _written(visit)
    known = sources.list_connectors(written.connectors)
    chosen = next((one for one in known if one["name"] == connector), None)
    asked = {"connector": connector, "name": name or connector, "owner": owner, "schedule": schedule}
    drawn: sources.Draft | None = None
    if chosen and not fault:
        try:
            said = Said(owner=owner or None, schedule=schedule or None)
            drawn = sources.draft(written.settings, written.connectors, asked["name"], connector, said)
        except CdiError as error:
            fault = str(error)
    values: dict[str, Any] = {
        "known": known,
        "chosen": chosen,
        "maturity": {key: visit.language.gettext(text) for key, text in MATURITY.items()},
        "asked": asked,
        "draft": drawn,
        "fault": fault,
        "owners": [("", visit.language.gettext("as for all customers"))]
        + [(one.id, one.department) for one in written.deployment.owners],
        "unsaid": _unsaid(written),
        "broken": written.connectors.broken,
        "commands": _commands(asked) if drawn else [],
    }
    return visit.page("connecting.html", values)


def _written(visit: Visit) -> tuple[Installation, str]:
    """The installation by its files as they are now, or as it was read, and what is wrong with them."""
    try:
        return sources.as_written(visit.installation), ""
    except ConfigurationError as error:
        return visit.installation, str(error)


def _unsaid(written: Installation) -> list[dict[str, Any]]:
    """The sources of which cdi.yaml leaves something unsaid, with the places."""
    told = []
    for name, system in written.deployment.sources.items():
        places = [written.settings.place("sources", name, *path.split(".")) for path in system.unsaid()]
        if places:
            told.append({"name": name, "places": places})
    return told


def _commands(asked: dict[str, str]) -> list[str]:
    name = asked["name"] if re.fullmatch(NAME, asked["name"]) else "NAME"
    more = [f"--owner {asked['owner']}"] if asked["owner"] else []
    more += [f'--schedule "{asked["schedule"]}"'] if asked["schedule"] else []
    return [
        " ".join([f"cdi source new {name} --from {asked['connector']}", *more]),
        f"cdi source check {name}",
        f"cdi source preview {name}",
        f"cdi source run {name}",
    ]
