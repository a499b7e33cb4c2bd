"""What happened to a profile, and what it was: from the facts, the feed and the documents that were served."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final
from uuid import UUID

from sqlalchemy import Connection

from cdi.access import Visibility
from cdi.errors import GoneError, InvalidInputError, NotFoundError
from cdi.pipeline import Installation
from cdi.resolution.golden import GoldenRecord, changed_attributes
from cdi.serving import decision_seen, names_seen, present_at, seen_at_all
from cdi.store import decisions, history, profiles
from cdi.store.history import Moment, PastEvent

INSTANT: Final = timedelta(microseconds=1)
"""The database knows no shorter time: this much earlier is just before."""


@dataclass(frozen=True, slots=True)
class Past:
    """A part of a history, and where the next, older one begins (None: this was the last)."""

    data_owner: str
    entries: list[dict[str, Any]]
    before: str | None


def as_of(
    connection: Connection, installation: Installation, visibility: Visibility, profile_id: UUID, at: datetime
) -> dict[str, Any]:
    """The profile as cdi served it at that time.

    Raises NotFoundError for an id that was not given out yet, GoneError for one that was retired then or is erased.
    """
    found = profiles.find_profile(connection, profile_id)
    if found is None:
        raise NotFoundError("there is no profile with this id")
    if found.retired_reason == "erased":
        raise GoneError("This profile was erased, and so was its past", reason="erased")
    if not visibility.uses.isdisjoint(found.closed_to):
        raise NotFoundError("there is no profile with this id")
    document = present_at(connection, installation, visibility, profile_id, at)
    if document is not None:
        return document
    born = history.created_at(connection, profile_id)
    if history.document_at(connection, profile_id, at) is None and born is not None and born <= at:
        raise GoneError("This id was retired at that time", reason="retired")
    raise NotFoundError("there was no profile with this id at that time")


def past(
    connection: Connection,
    installation: Installation,
    visibility: Visibility,
    profile_id: UUID,
    before: str | None,
    limit: int,
) -> Past:
    """What happened to a profile, live or retired, newest first: merges, splits, changed values, owners, and what
    stewards decided and pinned. Nothing tells of records that the caller may not see."""
    found = profiles.find_profile(connection, profile_id)
    if found is None or not visibility.sees(found.sources, found.closed_to):
        raise NotFoundError("there is no profile with this id")
    start = _moment(before)
    moments = history.load_moments(connection, profile_id, visibility.hidden_sources, start, limit + 1)
    page = moments[:limit]
    teller = _Teller(connection, installation, visibility, profile_id)
    return Past(
        found.document["data_owner"],
        teller.tell(page),
        _cursor(page[-1]) if len(moments) > limit else None,
    )


@dataclass(frozen=True, slots=True)
class _Teller:
    connection: Connection
    installation: Installation
    visibility: Visibility
    profile_id: UUID

    def tell(self, moments: Sequence[Moment]) -> list[dict[str, Any]]:
        ids = {what: [m.id for m in moments if m.what == what] for what in {m.what for m in moments}}
        events = history.load_events(self.connection, ids.get("event", []))
        pinned = history.load_pin_facts(self.connection, [*ids.get("pin", []), *ids.get("unpin", [])])
        owners = history.load_owner_facts(self.connection, ids.get("owner", []))
        anchors = {fact["record_id"] for fact in [*pinned.values(), *owners.values()]}
        seen = names_seen(self.connection, self.visibility, anchors)
        told = []
        for moment in moments:
            match moment.what:
                case "event":
                    entry = self._event(moment.at, events[moment.id])
                case "pin" | "unpin":
                    entry = self._pin(moment.what, pinned[moment.id], seen)
                case "owner":
                    entry = self._owner(owners[moment.id], seen)
                case _:
                    entry = self._decision(moment)
            if entry is not None:
                told.append({"at": moment.at, **entry})
        return told

    def _event(self, at: datetime, event: PastEvent) -> dict[str, Any] | None:
        """What the feed said, with the values before and after as the caller saw them."""
        after = self._view(at)
        earlier = self._view(at - INSTANT)
        old = GoldenRecord(earlier["golden"]) if earlier else GoldenRecord()
        new = GoldenRecord(after["golden"]) if after else GoldenRecord()
        changed = changed_attributes(old, new) if event.type != "retired" else ()
        same_records = earlier is not None and after is not None and earlier["records"] == after["records"]
        if event.type == "updated" and not changed and same_records and self.visibility.hidden_sources:
            return None
        return {
            "type": event.type,
            "profiles": seen_at_all(self.connection, self.visibility, event.other_ids),
            "version": event.version,
            "data_owner": event.data_owner,
            "changes": [
                {"attribute": path, "before": _value(old, path), "after": _value(new, path)} for path in changed
            ],
        }

    def _view(self, at: datetime) -> dict[str, Any] | None:
        return present_at(self.connection, self.installation, self.visibility, self.profile_id, at)

    def _decision(self, moment: Moment) -> dict[str, Any] | None:
        stored = decisions.find_decision(self.connection, moment.id)
        if stored is None:
            return None
        told = decision_seen(self.connection, self.visibility, stored)
        if not (told["left"] or told["right"]):
            return None
        kind = {"agreement": "decision_agreed", "revocation": "decision_revoked"}.get(moment.what, "decision")
        return {"type": kind, "decision": told}

    def _pin(self, what: str, fact: dict[str, Any], seen: dict[int, str]) -> dict[str, Any] | None:
        if fact["record_id"] not in seen:
            return None
        told = {"attribute": fact["attribute"], "record": seen[fact["record_id"]]}
        if what == "unpin":
            return {"type": "unpinned", **told, "author": fact["revoked_by"]}
        return {"type": "pinned", **told, **{k: fact[k] for k in ("author", "reason", "until")}}

    def _owner(self, fact: dict[str, Any], seen: dict[int, str]) -> dict[str, Any] | None:
        if fact["record_id"] not in seen:
            return None
        return {"type": "handed_over", **{k: fact[k] for k in ("owner", "author", "reason")}}


def _value(golden: GoldenRecord, path: str) -> Any:
    entry = golden.entry(path)
    return None if entry is None else entry["value"]


def _cursor(moment: Moment) -> str:
    return f"{moment.at.isoformat()}~{moment.what}~{moment.id}"


def _moment(cursor: str | None) -> Moment | None:
    if cursor is None:
        return None
    try:
        at, what, number = cursor.split("~")
        return Moment(datetime.fromisoformat(at), what, int(number))
    except ValueError:
        raise InvalidInputError("before is no cursor of this list", remedy="Send what the last answer gave") from None
