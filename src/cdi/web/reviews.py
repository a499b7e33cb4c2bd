"""/reviews: the queue, and one answer to many."""

from typing import Annotated, Any, Final
from urllib.parse import urlencode
from uuid import UUID

from fastapi import Path, Response

from cdi import profiles, stewardship
from cdi.errors import InvalidInputError
from cdi.resolution.decisions import Verdict
from cdi.web.queue import KINDS, STATES, Asked
from cdi.web.routing import pages_router
from cdi.web.values import customer_name
from cdi.web.visits import Stewarding, Visit
from cdi.web.words import N_

PAGE: Final = 50
COUNTED: Final = 1_000
"""Nobody needs to know exactly how many more there are."""
REASONS: Final = N_("decided together with others of its kind")

router = pages_router()


@router.get("/reviews")
def show_reviews(visit: Stewarding, after: int | None = None) -> Response:
    """The queue."""
    asked = Asked.of(visit.request.query_params)
    narrowed = asked.narrowed(visit, after=after)
    found = stewardship.list_reviews(visit.desk, narrowed, PAGE + 1)
    shown = found[:PAGE]
    return visit.page(
        "reviews.html",
        {
            "asked": asked,
            "reviews": shown,
            "names": names_in(visit, [i for review in shown for i in review["profiles"]]),
            "more": _place(asked, shown[-1]["id"]) if len(found) > PAGE else None,
            "first": _place(asked) if after else None,
            "count": stewardship.count_reviews(visit.desk, asked.narrowed(visit), COUNTED),
            "most": COUNTED,
            "kinds": {kind: visit.language.gettext(text) for kind, text in KINDS.items()},
            "states": STATES,
            "owners": [one.id for one in visit.installation.deployment.owners],
            "sources": _sources(visit),
            "saved": stewardship.list_filters(visit.desk),
            "verdicts": [verdict.value for verdict in Verdict],
        },
    )


@router.post("/reviews/together")
def decide_together(visit: Stewarding) -> Response:
    """One answer to all that were ticked: told first what it would do, then done."""
    ticked = [str(value) for value in visit.form.getlist("review")]
    chosen = {int(i): etag for i, _, etag in (one.partition("@") for one in ticked) if i.isdigit()}
    verdict, asked = verdict_of(visit), Asked.of(visit.form)
    place = _place(asked)
    if not chosen:
        return visit.back(place, visit.language.gettext(N_("No review was ticked.")), kind="warn")
    reason = visit.said("reason") or visit.language.gettext(REASONS)
    sure = visit.said("sure") == "yes"
    preview = stewardship.decide_many(visit.desk, chosen, verdict, reason, dry_run=not sure)
    count = len(preview["decided"])
    if sure:
        message = visit.language.ngettext("%(count)d review is answered.", "%(count)d reviews are answered.", count)
        return visit.back(place, message % {"count": count})
    shown = [stewardship.show_review(visit.desk, one["review"]) for one in preview["decided"]]
    values = {
        "asked": asked,
        "preview": preview,
        "ticked": ticked,
        "reason": reason,
        "verdict": verdict.value,
        "reviews": shown,
        "names": names_in(visit, [i for review in shown for i in review["profiles"]]),
        "place": place,
    }
    return visit.page("together.html", values)


@router.post("/reviews/filters")
def save_filter(visit: Stewarding) -> Response:
    """Keep the filter that stands."""
    asked, name = Asked.of(visit.form), visit.said("name")[:100]
    if not name:
        raise InvalidInputError("a filter needs a name", remedy="Give it a short one")
    stewardship.save_filter(visit.desk, name, {"query": asked.query})
    return visit.back(_place(asked), visit.language.gettext(N_("The filter is kept.")))


@router.post("/reviews/filters/{name}/forget")
def forget_filter(name: Annotated[str, Path(max_length=100)], visit: Stewarding) -> Response:
    """Drop one."""
    stewardship.forget_filter(visit.desk, name)
    return visit.back("/reviews", visit.language.gettext(N_("The filter is gone.")))


def verdict_of(visit: Visit) -> Verdict:
    """The verdict that a form carries."""
    try:
        return Verdict(visit.said("verdict"))
    except ValueError:
        raise InvalidInputError("this is no verdict", remedy="Choose one of the four") from None


def names_in(visit: Visit, profile_ids: list[str]) -> dict[str, str]:
    """What the customers of these profiles are called, as far as the visitor may see it."""
    ids = [UUID(i) for i in dict.fromkeys(profile_ids)]
    told = profiles.show_all(visit.connection, visit.installation, visit.visibility, ids)
    return {str(one["id"]): _name(visit, one.get("profile")) for one in told}


def _name(visit: Visit, document: dict[str, Any] | None) -> str:
    return customer_name(visit.language, document) if document else ""


def _place(asked: Asked, after: int | None = None) -> str:
    parts = [asked.query, urlencode({"after": after}) if after else ""]
    query = "&".join(part for part in parts if part)
    return f"/reviews?{query}" if query else "/reviews"


def _sources(visit: Visit) -> list[Any]:
    return [n for n in visit.installation.deployment.sources if n not in visit.visibility.hidden_sources]
