"""Everything that a review involves: the records of both profiles with what they say, and what ties them or keeps them
apart."""

import math
from typing import Any, Final

from cdi.fields import ATTRIBUTES, CanonicalData
from cdi.serving import key_as_seen
from cdi.stewardship.desk import Desk
from cdi.stewardship.reviews import found_review
from cdi.store import decisions, pairs, profiles, records
from cdi.store.records import CurrentRecord

MOST: Final = 100
"""Records that are told; a profile with more is asked about because of that."""


def look_into(desk: Desk, review_id: int) -> dict[str, Any]:
    """The records that the question rests on first; `ties`: scored pairs among them with their weight, and `decisions`
    that stand on two of them."""
    review = found_review(desk, review_id)
    members = profiles.load_members(desk.connection, sorted({review.left.profile, review.right.profile}))
    asked = [review.left.record, review.right.record]
    everyone = list(dict.fromkeys([*asked, *(record for these in members.values() for record in these)]))[:MOST]
    home = {record: profile for profile, these in members.items() for record in these}
    current = records.load_current(desk.connection, everyone)
    desk.touches(members)
    seen = [i for i in everyone if i in current and current[i].source not in desk.visibility.hidden_sources]
    names = {i: _name(desk, current[i]) for i in seen}
    stored = pairs.load_pairs(desk.connection, seen)
    return {
        "records": [told_record(desk, current[i]) | {"profile": home.get(i), "asked": i in asked} for i in seen],
        "ties": [
            {"a": names[a], "b": names[b], "weight": weight, "probability": 1 / (1 + math.exp(-max(-700.0, weight)))}
            for a, b, weight in zip(stored.left.tolist(), stored.right.tolist(), stored.weight.tolist(), strict=True)
        ],
        "decisions": [
            {
                "id": decision.id,
                "verdict": decision.verdict.value,
                "author": decision.author,
                "left": [names[i] for i in sorted(decision.left) if i in names],
                "right": [names[i] for i in sorted(decision.right) if i in names],
            }
            for decision in decisions.standing_decisions(desk.connection, seen)
        ],
    }


def told_record(desk: Desk, record: CurrentRecord) -> dict[str, Any]:
    """A record, with what it says as far as the steward may see it."""
    return {
        "record": _name(desk, record),
        "source": record.source,
        "data_owner": desk.installation.owner_of(record.source),
        "observed_at": record.observed_at,
        "trust": desk.installation.trust_of(record.source),
        "says": _said(desk, record.canonical),
    }


def _name(desk: Desk, record: CurrentRecord) -> str:
    return f"{record.source}:{key_as_seen(record.key, desk.visibility)}"


def _said(desk: Desk, canonical: CanonicalData) -> CanonicalData:
    """What of it the steward may see in full."""
    groups = desk.visibility.groups
    return {n: v for n, v in canonical.items() if ATTRIBUTES[n].group is None or ATTRIBUTES[n].group in groups}
