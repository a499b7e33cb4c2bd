"""/audit: who saw what and who changed what, searched; and the proof that nobody changed the log."""

from collections.abc import Sequence
from datetime import datetime, time, timedelta
from typing import Annotated, Any, Final
from urllib.parse import urlencode
from uuid import UUID

from fastapi import Query, Request, Response
from fastapi.routing import APIRoute

from cdi import audit, keys, users
from cdi.access import Role
from cdi.audit import Verification, Walked
from cdi.errors import InvalidInputError
from cdi.fields import FieldGroup
from cdi.ids import is_uuid
from cdi.store.audit import AuditFilter
from cdi.web.reviews import names_in
from cdi.web.routing import pages_router
from cdi.web.visits import Auditing, Visit
from cdi.web.words import N_, word

router = pages_router()

PAGE: Final = 50
NAMED: Final = 3
"""Of so many customers an entry tells the names; of more how many they are."""
AT_ONCE: Final = 20_000
"""So many entries are verified in one request."""

Text = Annotated[str, Query(max_length=300)]


@router.get("/audit")
def show_audit(
    visit: Auditing,
    actor: Text = "",
    action: Text = "",
    profile: Text = "",
    since: Text = "",
    until: Text = "",
    before: Annotated[int | None, Query(ge=1, le=2**62)] = None,
) -> Response:
    """The log, newest first."""
    asked = {"actor": actor, "action": action, "profile": profile, "since": since, "until": until}
    return _page(visit, {name: value.strip() for name, value in asked.items()}, before)


@router.post("/audit/verification")
def verify_audit(visit: Auditing) -> Response:
    """Walk the chain, so far as one request goes; the page goes on from there."""
    exported = visit.said("head").lower()
    checked = audit.verify(visit.connection, exported or None, _walked(visit), AT_ONCE)
    return _page(visit, {}, None, checked, exported)


def _page(
    visit: Visit,
    asked: dict[str, str],
    before: int | None,
    checked: Verification | None = None,
    exported: str = "",
) -> Response:
    asked = {name: asked.get(name, "") for name in ("actor", "action", "profile", "since", "until")}
    try:
        wanted, fault = _filter(visit, asked, before), ""
    except InvalidInputError as error:
        wanted, fault = None, visit.language.gettext(error.message)
    found = audit.list_entries(visit.connection, wanted, PAGE + 1) if wanted else []
    shown = found[:PAGE]
    ids = [str(one) for entry in shown if len(entry["profiles"]) <= NAMED for one in entry["profiles"]]
    query = urlencode({name: value for name, value in asked.items() if value})
    values = {
        "asked": asked,
        "entries": shown,
        "names": names_in(visit, ids),
        "shown": NAMED,
        "fault": fault,
        "chain": audit.chain_standing(visit.connection),
        "checked": checked,
        "exported": exported,
        "actors": _actors(visit),
        "actions": _actions(visit.request),
        "roles": {role.value: word(visit.language, "role", role.value) for role in Role},
        "all_groups": len(FieldGroup),
        "more": f"/audit?{query}&before={shown[-1]['id']}" if len(found) > PAGE else None,
        "first": f"/audit?{query}" if before else None,
    }
    visit.trail.saw(ids)
    return visit.page("audit.html", values, status=422 if fault else 200)


def _filter(visit: Visit, asked: dict[str, str], before: int | None) -> AuditFilter:
    if asked["profile"] and not is_uuid(asked["profile"]):
        raise InvalidInputError(N_("This is no id of a profile: copy it from the address of its page."))
    until = _day(visit, asked["until"])
    return AuditFilter(
        asked["actor"] or None,
        asked["action"] or None,
        UUID(asked["profile"]) if asked["profile"] else None,
        _day(visit, asked["since"]),
        until + timedelta(days=1) if until else None,
        before,
    )


def _day(visit: Visit, said: str) -> datetime | None:
    """The beginning of a day of the company's calendar."""
    if not said:
        return None
    try:
        day = datetime.strptime(said, "%Y-%m-%d").date()  # noqa: DTZ007  a day, not a moment
    except ValueError:
        raise InvalidInputError(N_("This is no day: write it as 2027-12-31.")) from None
    return datetime.combine(day, time(), visit.language.zone)


def _walked(visit: Visit) -> Walked | None:
    """How far the page before has come; None at the beginning."""
    said = {name: visit.said(name) for name in ("number", "entries", "hash")}
    if not said["number"]:
        return None
    try:
        number, entries, head = int(said["number"]), int(said["entries"]), bytes.fromhex(said["hash"]).hex()
    except ValueError:
        raise InvalidInputError("this page does not say how far the chain was walked", remedy="Begin anew") from None
    return Walked(number, head, entries, bool(visit.said("found")))


def _actors(visit: Visit) -> Sequence[str]:
    """Whom one can search for: users and keys. Others (tokens, sources, commands) can be written."""
    named = [f"user:{one['name']}" for one in users.list_users(visit.connection, visit.now)]
    return named + sorted({f"key:{one['name']}" for one in keys.list_keys(visit.connection, visit.now)})


def _actions(request: Request) -> Sequence[str]:
    """What the routes of this service are called."""
    app: Any = request.app
    return sorted({route.name for route in app.routes if isinstance(route, APIRoute)})
