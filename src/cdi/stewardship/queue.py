"""The queue of reviews: whose turn it is to answer, what is put off, what stewards say to each other, and one answer to
many."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime
from typing import Any, Final

from cdi.errors import CdiError, InvalidInputError
from cdi.resolution.decisions import Verdict
from cdi.stewardship.desk import Desk, must_have_reason
from cdi.stewardship.outcome import tried
from cdi.stewardship.reviews import decide_review, list_reviews, must_be_answerable, told_of
from cdi.store import notes, reviews
from cdi.store.notes import Note
from cdi.store.reviews import ReviewFilter

MANY: Final = 200
"""Reviews that one answer may be given to: no more than somebody can look through."""


def next_review(desk: Desk, narrowed: ReviewFilter) -> dict[str, Any] | None:
    """The review whose turn it is among these: not held by somebody else, not put off; waiting for others only if it
    is they who are asked for."""
    status = narrowed.status if narrowed.status == "waiting" else "open"
    waiting = replace(narrowed, status=status, free_for=desk.caller.name, awake_at=desk.now)
    found = list_reviews(desk, waiting, 1)
    return found[0] if found else None


def assign_review(desk: Desk, review_id: int, steward: str | None) -> dict[str, Any]:
    """Give a review to a steward by name; None: to whoever comes."""
    if steward is not None and not steward.strip():
        raise InvalidInputError("name the steward", remedy="null gives it to whoever comes")
    must_be_answerable(desk, review_id)
    reviews.assign(desk.connection, review_id, steward)
    notes.save_note(desk.connection, review_id, Note("assigned", desk.caller.name, desk.now, steward=steward))
    return told_of(desk, review_id)


def snooze_review(desk: Desk, review_id: int, until: datetime | None, reason: str = "") -> dict[str, Any]:
    """Put a review off until then; None: it is in the queue again."""
    if until is not None and until <= desk.now:
        raise InvalidInputError("until lies in the past", remedy="null puts it back into the queue")
    must_be_answerable(desk, review_id)
    reviews.snooze(desk.connection, review_id, until)
    said = reason.strip() or None
    notes.save_note(desk.connection, review_id, Note("snoozed", desk.caller.name, desk.now, said, until=until))
    return told_of(desk, review_id)


def comment_on_review(desk: Desk, review_id: int, said: str) -> dict[str, Any]:
    """Say something about a review to whoever reads it next; closed ones too."""
    if not said.strip():
        raise InvalidInputError("a comment needs words", remedy="Say it in a few words")
    told = told_of(desk, review_id)
    notes.save_note(desk.connection, review_id, Note("comment", desk.caller.name, desk.now, said.strip()))
    return told


def decide_many(
    desk: Desk, chosen: Mapping[int, str | None], verdict: Verdict, reason: str, *, dry_run: bool
) -> dict[str, Any]:
    """Give the same answer to many reviews, each under the tag under which it was seen (None: as it stands). Those to
    which it cannot be given are told with why, and stand as they are; a dry run tells the same and changes nothing."""
    if not 0 < len(chosen) <= MANY:
        raise InvalidInputError(f"name between 1 and {MANY} reviews", remedy="Narrow the list")
    because = must_have_reason(reason)
    desk.alone()
    return tried(desk, lambda: _decided(desk, chosen, verdict, because, dry_run=dry_run), dry_run=dry_run)


def _decided(
    desk: Desk, chosen: Mapping[int, str | None], verdict: Verdict, reason: str, *, dry_run: bool
) -> dict[str, Any]:
    decided: list[dict[str, Any]] = []
    refused: list[dict[str, Any]] = []
    affected: set[Any] = set()
    for review_id, etag in sorted(chosen.items()):
        try:
            with desk.connection.begin_nested():
                told = decide_review(desk, review_id, verdict, reason, etag, in_bulk=True)
        except CdiError as error:
            refused.append({"review": review_id, "problem": error.problem, "detail": str(error)})
            continue
        affected.update(told["affected"])
        decision = None if dry_run else told["id"]
        decided.append({"review": review_id, "decision": decision, "status": told["status"]})
    return {
        "dry_run": dry_run,
        "verdict": verdict.value,
        "decided": decided,
        "refused": refused,
        "profiles_affected": len(affected),
    }
