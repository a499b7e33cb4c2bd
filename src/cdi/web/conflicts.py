"""/conflicts: values and owners that contradict, and what settles them."""

from datetime import datetime, time, timedelta
from typing import Annotated, Any, Final

from fastapi import Path, Response

from cdi import stewardship
from cdi.errors import InvalidInputError
from cdi.ids import parse_record_key
from cdi.stewardship import Settlement
from cdi.store.conflicts import ConflictFilter
from cdi.store.tasks import TaskFilter
from cdi.web.reviews import names_in
from cdi.web.routing import pages_router
from cdi.web.values import told_value
from cdi.web.visits import Stewarding, Visit
from cdi.web.words import N_, word

PAGE: Final = 50
KINDS: Final = {
    "value": N_("Values of different owners"),
    "owner": N_("Who answers for this customer"),
    "pin": N_("Two pins"),
    "birth_date": N_("Two dates of birth"),
}
WRITTEN: Final = frozenset({"birth_date", "gender", "language"})
"""Attributes whose value can be written down; others are chosen from what a record says."""

router = pages_router()

Number = Annotated[int, Path(ge=1, le=2**63 - 1)]


@router.get("/conflicts")
def show_conflicts(
    visit: Stewarding, after: int | None = None, kind: str = "", owner: str = "", status: str = "open"
) -> Response:
    """What contradicts, oldest first."""
    standing = status if status in {"open", "closed"} else "open"
    narrowed = ConflictFilter(owner=owner or None, kind=kind or None, status=standing, after=after)
    found = stewardship.list_conflicts(visit.desk, narrowed, PAGE + 1)
    shown = found[:PAGE]
    query = f"kind={kind}&owner={owner}&status={standing}"
    return visit.page(
        "conflicts.html",
        {
            "conflicts": shown,
            "names": names_in(visit, [str(one["profile"]) for one in shown]),
            "titles": {str(one["id"]): _title(visit, one) for one in shown},
            "kinds": {name: visit.language.gettext(text) for name, text in KINDS.items()},
            "owners": [one.id for one in visit.installation.deployment.owners],
            "asked": {"kind": kind, "owner": owner, "status": standing},
            "more": f"/conflicts?{query}&after={shown[-1]['id']}" if len(found) > PAGE else None,
            "first": f"/conflicts?{query}" if after else None,
        },
    )


@router.get("/conflicts/{conflict_id}")
def show_conflict(conflict_id: Number, visit: Stewarding) -> Response:
    """One conflict, with what each side says."""
    conflict = stewardship.show_conflict(visit.desk, conflict_id)
    sides = stewardship.say_of_conflict(visit.desk, conflict_id)
    head = str(conflict["attribute"] or "").partition(".")[0]
    for side in sides:
        side["texts"] = [told_value(visit.language, head, value) for value in side["values"]]
    tasks = stewardship.list_tasks(visit.desk, TaskFilter(conflict_id=conflict_id, status=None), PAGE)
    party = sorted({*conflict["owners"], conflict["data_owner"]})
    mine = visit.visibility.owners
    return visit.page(
        "conflict.html",
        {
            "conflict": conflict,
            "title": _title(visit, conflict),
            "name": names_in(visit, [str(conflict["profile"])])[str(conflict["profile"])],
            "sides": sides,
            "tasks": tasks,
            "writes": head in WRITTEN,
            "others": [one for one in party if mine is None or one not in mine],
            "owners": sorted((o.id for o in visit.installation.deployment.owners), key=lambda one: one not in party),
            "party": party,
            "first_day": visit.now.astimezone(visit.language.zone).date() + timedelta(days=1),
        },
    )


@router.post("/conflicts/{conflict_id}/resolution")
def settle(conflict_id: Number, visit: Stewarding) -> Response:
    """Pin what was chosen or written, or name the owner who answers."""
    conflict = stewardship.show_conflict(visit.desk, conflict_id)
    stewardship.settle_conflict(visit.desk, conflict_id, _settlement(visit, conflict["kind"]))
    return visit.back("/conflicts", visit.language.gettext(N_("The conflict is settled.")))


@router.post("/conflicts/{conflict_id}/question")
def ask(conflict_id: Number, visit: Stewarding) -> Response:
    """Ask another owner; the conflict stays open."""
    task = stewardship.ask_owner(visit.desk, conflict_id, visit.said("owner"), visit.said("said"))
    message = visit.language.gettext(N_("%(owner)s is asked.")) % {"owner": visit.pages.owner_name(task["owner"])}
    return visit.back(f"/conflicts/{conflict_id}", message)


@router.post("/tasks/{task_id}/answer")
def answer_task(task_id: Number, visit: Stewarding) -> Response:
    """Say what became of what was asked."""
    task = stewardship.answer_task(visit.desk, task_id, visit.said("answer"))
    place = f"/conflicts/{task['conflict']}" if task["conflict"] else "/tasks"
    return visit.back(place, visit.language.gettext(N_("The answer is kept.")))


@router.get("/tasks")
def show_tasks(visit: Stewarding) -> Response:
    """What was asked of my owners, and what I asked."""
    found = stewardship.list_tasks(visit.desk, TaskFilter(), PAGE)
    names = names_in(visit, [str(task["profile"]) for task in found if task["profile"]])
    mine = visit.visibility.owners
    return visit.page("tasks.html", {"tasks": found, "names": names, "mine": mine})


def _settlement(visit: Visit, kind: str) -> Settlement:
    reason = visit.said("reason")
    if not reason:
        raise InvalidInputError("a decision needs a reason", remedy="Say it in a few words: they are kept")
    if kind == "owner":
        return Settlement(reason, owner=visit.said("owner"))
    chosen = visit.said("record")
    record = parse_record_key(chosen) if chosen and chosen != "written" else None
    value = visit.said("value") or None
    return Settlement(reason, None if record else value, record, day_said(visit))


def day_said(visit: Visit, name: str = "until") -> datetime | None:
    """The day that a field of the form names, from its beginning; None if none is."""
    said = visit.said(name)
    if not said:
        return None
    try:
        day = datetime.strptime(said, "%Y-%m-%d").date()  # noqa: DTZ007  a day of the company's calendar
    except ValueError:
        raise InvalidInputError("this is no day", remedy="Write it as 2027-12-31, or leave it out") from None
    return datetime.combine(day, time(), visit.language.zone)


def _title(visit: Visit, conflict: dict[str, Any]) -> str:
    if conflict["attribute"]:
        return word(visit.language, "attribute", conflict["attribute"].rpartition(".")[2])
    return visit.language.gettext(KINDS.get(conflict["kind"], conflict["kind"]))
