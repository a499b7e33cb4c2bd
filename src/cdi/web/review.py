"""/reviews/{id}: one question, all that bears on it, and the answer. Whoever opens it holds it; the answer to htmx is
the next review, so that deciding and going on are one request."""

from collections.abc import Mapping
from datetime import datetime, time, timedelta
from functools import partial
from typing import Annotated, Any, Final

from fastapi import Path, Query, Response

from cdi import profiles, stewardship
from cdi.errors import CdiError, ConflictError, NotFoundError, StaleError
from cdi.ids import parse_record_key
from cdi.resolution.decisions import Verdict
from cdi.resolution.values import CUSTOM
from cdi.web.error_words import told_error
from cdi.web.evidence_words import comparison_word, level_word
from cdi.web.identity_graph import Edge, Node, identity_graph
from cdi.web.pages import source_name, wants_fragment
from cdi.web.queue import KINDS, QUESTIONS, Asked
from cdi.web.reviews import names_in, verdict_of
from cdi.web.routing import pages_router
from cdi.web.side_by_side import Field, heeding, side_by_side
from cdi.web.values import told_value
from cdi.web.visits import Stewarding, Visit
from cdi.web.waterfalls import waterfalls
from cdi.web.words import N_

router = pages_router()

Number = Annotated[int, Path(ge=1, le=2**63 - 1)]
KEYS: Final = {"match": "m", "household": "h", "no_match": "n", "unsure": "u"}
ICONS: Final = {"match": "equal", "household": "household", "no_match": "different", "unsure": "clock"}
COMPARED: Final = N_("seen side by side at the desk")
TAKEN_BACK: Final = N_("taken back at the desk")
FEED: Final[Mapping[str, str]] = {
    "created": N_("a profile is created"),
    "updated": N_("a profile has other values"),
    "merged": N_("a profile is merged into another"),
    "split": N_("a profile is split"),
    "retired": N_("a profile ends"),
    "revived": N_("a profile lives again"),
    "owner_changed": N_("a profile has another data owner"),
}


@router.get("/reviews/next")
def go_to_next(visit: Stewarding, after: int | None = None, before: int | None = None) -> Response:
    """To the review whose turn it is, after (or before) this one if one is named, which is let go of."""
    asked = Asked.of(visit.request.query_params)
    for left in (after, before):
        if left is not None:
            _let_go(visit, left)
    following = stewardship.next_review(visit.desk, asked.narrowed(visit, after=after, before=before))
    return visit.back(_place(asked, following["id"]) if following else _queue(asked))


@router.get("/reviews/{review_id}/following")
def look_ahead(review_id: Number, visit: Stewarding) -> Response:
    """What is next after this one, for a page to have at hand while this one is read: held by nobody, so that the
    answer to the decision still says whose turn it is. 204 where there is none."""
    asked = Asked.of(visit.request.query_params)
    following = stewardship.next_review(visit.desk, asked.narrowed(visit, after=review_id))
    if following is None:
        return Response(status_code=204)
    return visit.page("review.html", _shown(visit, following["id"], asked, hold=False), fragment="review")


@router.get("/reviews/{review_id}")
def show_review(review_id: Number, visit: Stewarding) -> Response:
    """The review; whoever opens it holds it, unless somebody else does."""
    asked = Asked.of(visit.request.query_params)
    return visit.page("review.html", _shown(visit, review_id, asked), fragment="review")


@router.post("/reviews/{review_id}/decision")
def decide(review_id: Number, visit: Stewarding) -> Response:
    """Answer it, and go on with the next."""
    asked, verdict = Asked.of(visit.form), verdict_of(visit)
    reason = visit.said("reason") or visit.language.gettext(COMPARED)
    following = stewardship.next_review(visit.desk, asked.narrowed(visit, after=review_id))
    try:
        with visit.connection.begin_nested():
            told = stewardship.decide_review(visit.desk, review_id, verdict, reason, visit.said("etag") or None)
    except (ConflictError, StaleError) as error:
        return _refused(visit, review_id, asked, error)
    said = _said_of(visit, told["status"], verdict)
    if following and stewardship.show_review(visit.desk, following["id"])["status"] != following["status"]:
        following = stewardship.next_review(visit.desk, asked.narrowed(visit))  # the answer settled that one, too
    if following is None:
        following = stewardship.next_review(visit.desk, asked.narrowed(visit))
    undo = f"/reviews/{review_id}/undo"
    if following is None:
        return visit.back(_queue(asked), said, undo=undo)
    place = _place(asked, following["id"])
    if not wants_fragment(visit.request):
        return visit.back(place, said, undo=undo)
    values = _shown(visit, following["id"], asked) | {"done": {"kind": "done", "text": said, "undo": undo}}
    answer = visit.page("review.html", values, fragment="review")
    answer.headers["hx-push-url"] = place
    return answer


@router.post("/reviews/{review_id}/undo")
def undo(review_id: Number, visit: Stewarding) -> Response:
    """Take the answer back, and look at the question again."""
    told = stewardship.undo_decision(visit.desk, review_id, visit.language.gettext(TAKEN_BACK))
    again = told["review"]
    message = visit.language.gettext(N_("The decision is taken back."))
    return visit.back(f"/reviews/{again['id']}" if again else "/reviews", message)


@router.get("/reviews/{review_id}/outcome")
def show_outcome(
    review_id: Number, visit: Stewarding, verdict: Annotated[Verdict, Query()] = Verdict.MATCH
) -> Response:
    """What an answer would do, without doing it."""
    values: dict[str, Any] = {"review_id": review_id, "verdict": verdict.value, "verdicts": KEYS, "refused": None}
    try:
        with visit.connection.begin_nested():
            preview = stewardship.preview_decision(visit.desk, review_id, verdict, "?")
    except ConflictError as error:
        return visit.page(
            "outcome.html", values | {"refused": told_error(visit.language, error.message)}, fragment="outcome"
        )
    before = [_golden_texts(visit, part["golden"]) for part in preview["before"]]
    after = [_golden_texts(visit, part["golden"]) for part in preview["after"]]
    attributes = list(dict.fromkeys(name for texts in (*before, *after) for name in texts))
    rows = [
        {
            "attribute": name,
            "before": [texts.get(name, "") for texts in before],
            "after": [texts.get(name, "") for texts in after],
        }
        for name in attributes
    ]
    feed: dict[str, int] = {}
    for event in preview["feed"]:
        feed[event["type"]] = feed.get(event["type"], 0) + 1
    told = [(visit.language.gettext(FEED.get(kind, kind)), count) for kind, count in feed.items()]
    return visit.page("outcome.html", values | {"preview": preview, "rows": rows, "feed": told}, fragment="outcome")


@router.post("/reviews/{review_id}/claim")
def keep_holding(review_id: Number, visit: Stewarding) -> Response:
    """Hold it for ten more minutes; asked for by the page as long as it is open."""
    stewardship.claim_review(visit.desk, review_id)
    return Response(status_code=204)


@router.post("/reviews/{review_id}/assignee")
def assign(review_id: Number, visit: Stewarding) -> Response:
    """Give it to somebody, or to whoever comes."""
    steward = visit.said("steward") or None
    stewardship.assign_review(visit.desk, review_id, steward)
    given = visit.language.gettext(N_("Given to %(steward)s.")) % {"steward": steward} if steward else ""
    return visit.back(_here(visit, review_id), given or visit.language.gettext(N_("Given to whoever comes.")))


@router.post("/reviews/{review_id}/snooze")
def snooze(review_id: Number, visit: Stewarding) -> Response:
    """Put it off for some days (none: it is in the queue again), and go on."""
    days = visit.said("days")
    until = None
    if days.isdigit() and 0 < int(days) <= 365:
        day = visit.now.astimezone(visit.language.zone).date() + timedelta(days=int(days))
        until = datetime.combine(day, time(6), visit.language.zone)
    stewardship.snooze_review(visit.desk, review_id, until, visit.said("said"))
    if until is None:
        return visit.back(_here(visit, review_id), visit.language.gettext(N_("It is in the queue again.")))
    message = visit.language.gettext(N_("Put off until %(day)s.")) % {"day": visit.language.day(until)}
    query = Asked.of(visit.form).query
    return visit.back(f"/reviews/next?after={review_id}" + (f"&{query}" if query else ""), message)


@router.post("/reviews/{review_id}/comments")
def comment(review_id: Number, visit: Stewarding) -> Response:
    """Tell the next one something."""
    stewardship.comment_on_review(visit.desk, review_id, visit.said("said"))
    return visit.back(_here(visit, review_id), visit.language.gettext(N_("The comment is kept.")))


@router.post("/reviews/{review_id}/wrong")
def report_wrong_value(review_id: Number, visit: Stewarding) -> Response:
    """Tell the owner of a source that a value is wrong."""
    record = parse_record_key(visit.said("record"))
    task = stewardship.report_wrong_value(visit.desk, record, visit.said("attribute"), visit.said("said"))
    owner = visit.pages.owner_name(task["owner"])
    message = visit.language.gettext(N_("%(owner)s is told.")) % {"owner": owner}
    return visit.back(_here(visit, review_id), message)


def _shown(visit: Visit, review_id: int, asked: Asked, *, hold: bool = True) -> dict[str, Any]:
    """Everything about a review that needs an answer; who shall `hold` it does, if nobody else holds it."""
    review = stewardship.show_review(visit.desk, review_id)
    held_by = review["claimed_by"]
    mine = held_by in {None, visit.caller.name}
    if hold and review["status"] != "closed" and mine:
        review |= stewardship.claim_review(visit.desk, review_id)
    involved = stewardship.look_into(visit.desk, review_id)
    sides = [record for record in involved["records"] if record["asked"]]
    evidence = _evidence(visit, review)
    gettext = visit.language.gettext
    return {
        "review": review,
        "asked": asked,
        "answerable": review["status"] != "closed" and mine,
        "held_by": None if mine else held_by,
        "question": gettext(QUESTIONS.get(review["kind"], KINDS["pair"])),
        "kind": gettext(KINDS.get(review["kind"], KINDS["pair"])),
        "names": names_in(visit, review["profiles"]),
        "sides": _in_order(sides, review),
        "fields": _fields(visit, _in_order(sides, review), evidence),
        "falls": waterfalls(evidence) if evidence else [],
        "nats": visit.language.signed,
        "comparison_word": lambda name: comparison_word(visit.language, name),
        "level_word": lambda level: level_word(visit.language, level),
        "involved": involved,
        "graph": _graph(visit, review, involved),
        "waiting": stewardship.count_reviews(visit.desk, asked.narrowed(visit), 1_000),
        "verdicts": KEYS,
        "foreseen": _foreseen(review),
        "icons": ICONS,
        "here": _place(asked, review_id),
        "done": None,
    }


def _foreseen(review: dict[str, Any]) -> str:
    """The answer whose outcome is shown at once: what somebody has said and waits, else that they are one."""
    waits = review["status"] == "waiting" and review["decision"]
    return str(review["decision"]["verdict"] if waits else Verdict.MATCH.value)


def _golden_texts(visit: Visit, golden: Mapping[str, Any]) -> dict[str, str]:
    """Every attribute of a golden record with its preferred value; custom ones under their own names."""
    entries = {**{name: entry for name, entry in golden.items() if name != CUSTOM}, **(golden.get(CUSTOM) or {})}
    return {name: told_value(visit.language, name, entry.get("value")) for name, entry in entries.items()}


def _in_order(sides: list[dict[str, Any]], review: dict[str, Any]) -> list[dict[str, Any]]:
    return sorted(sides, key=lambda side: side["record"] != review["left"]["record"])


def _fields(visit: Visit, sides: list[dict[str, Any]], evidence: dict[str, Any] | None) -> list[Field]:
    if len(sides) != 2:
        return []
    fields = side_by_side(sides[0]["says"], sides[1]["says"], partial(told_value, visit.language))
    lines = evidence["lines"] if evidence else []
    return heeding(fields, {line["name"]: line["against_stranger"] for line in lines})


def _evidence(visit: Visit, review: dict[str, Any]) -> dict[str, Any] | None:
    pair = [parse_record_key(review[side]["record"]) for side in ("left", "right")]
    try:
        return profiles.explain_pair(visit.connection, visit.installation, visit.visibility, pair[0], pair[1])
    except NotFoundError:  # one record alone, or gone meanwhile
        return None


def _graph(visit: Visit, review: dict[str, Any], involved: dict[str, Any]) -> Any:
    groups: dict[Any, list[Node]] = {}
    for record in involved["records"]:
        name = f"{source_name(record['source'])} {record['record'].partition(':')[2]}"
        groups.setdefault(record["profile"], []).append(
            Node(record["record"], _initials(record["source"]), record["asked"])
        )
        record["name"] = name
    homes = {record["record"]: record["profile"] for record in involved["records"]}
    edges = []
    for tie in involved["ties"]:
        kind = "linked" if homes[tie["a"]] == homes[tie["b"]] else "asked"
        edges.append(Edge(tie["a"], tie["b"], kind, visit.language.percent(round(tie["probability"], 3))))
    for decision in involved["decisions"]:
        kind = "same" if decision["verdict"] == "match" else "apart"
        if decision["verdict"] != "unsure":
            edges += [
                Edge(a, b, kind, decision["author"]) for a in decision["left"] for b in decision["right"] if a != b
            ]
    title = visit.language.gettext(N_("The records involved and what ties them"))
    ordered = sorted(groups, key=lambda profile: str(profile) != str(review["left"]["profile"]))
    return identity_graph(title, [groups[profile] for profile in ordered], edges)


def _initials(source: str) -> str:
    words = source.split("_")
    return "".join(word[:1] for word in words[:2]).upper() if len(words) > 1 else source[:2].upper()


def _refused(visit: Visit, review_id: int, asked: Asked, error: CdiError) -> Response:
    """The same review, with what stands against the answer."""
    place = _place(asked, review_id)
    review = stewardship.show_review(visit.desk, review_id)
    text = told_error(visit.language, error.message)
    if review["claimed_by"] not in {None, visit.caller.name}:
        text = visit.language.gettext(N_("%(steward)s holds this review.")) % {"steward": review["claimed_by"]}
    elif review["status"] == "closed":
        text = visit.language.gettext(N_("This review was answered meanwhile."))
    elif isinstance(error, StaleError):
        text = visit.language.gettext(N_("A record changed since you opened this review. Look at it again."))
    if not wants_fragment(visit.request):
        return visit.back(place, text, kind="warn")
    values = _shown(visit, review_id, asked) | {"done": {"kind": "warn", "text": text, "undo": None}}
    return visit.page("review.html", values, fragment="review")


def _said_of(visit: Visit, status: str, verdict: Verdict) -> str:
    gettext = visit.language.gettext
    if status == "waiting":
        return gettext(N_("Kept: it takes effect when the others agree."))
    return {
        Verdict.MATCH: gettext(N_("Decided: same customer.")),
        Verdict.HOUSEHOLD: gettext(N_("Decided: same household, two customers.")),
        Verdict.NO_MATCH: gettext(N_("Decided: different customers.")),
        Verdict.UNSURE: gettext(N_("Left open until a record changes.")),
    }[verdict]


def _let_go(visit: Visit, review_id: int) -> None:
    """Release a review that the visitor holds; what cannot be released needs none."""
    try:
        with visit.connection.begin_nested():
            if stewardship.show_review(visit.desk, review_id)["claimed_by"] == visit.caller.name:
                stewardship.release_review(visit.desk, review_id)
    except (ConflictError, NotFoundError):
        return


def _here(visit: Visit, review_id: int) -> str:
    return _place(Asked.of(visit.form), review_id)


def _place(asked: Asked, review_id: int) -> str:
    return f"/reviews/{review_id}?{asked.query}" if asked.query else f"/reviews/{review_id}"


def _queue(asked: Asked) -> str:
    return f"/reviews?{asked.query}" if asked.query else "/reviews"
