"""How many of the merges that nobody decided are right: a random sample of them, judged by a steward."""

import secrets
from typing import Any, Final

from cdi.access import Role
from cdi.errors import InvalidInputError, NotFoundError
from cdi.matching.evaluation import wilson
from cdi.resolution.decisions import Verdict
from cdi.stewardship.desk import Desk
from cdi.stewardship.involved import told_record
from cdi.store import profiles, records, samples
from cdi.store.samples import Drawing

LARGEST: Final = 1_000
"""Pairs of a sample: more than anybody judges."""


def draw_sample(desk: Desk, size: int, seed: int | None = None) -> dict[str, Any]:
    """Draw `size` pairs of records that the machine made one customer, of the steward's owners. The same seed over the
    same merges draws the same pairs; without one it is drawn by chance."""
    if not 1 <= size <= LARGEST:
        raise InvalidInputError(
            f"a sample has 1 to {LARGEST} pairs", remedy="200 tell a precision within a few per cent"
        )
    active = desk.installation.models.active(desk.connection)
    if active is None:
        raise NotFoundError("nothing has been resolved yet", remedy="Run cdi resolve")
    sources = desk.installation.deployment.sources
    mine = None if desk.owners is None else [n for n in sources if desk.installation.owner_of(n) in desk.owners]
    drawing = Drawing(secrets.randbelow(2**31) if seed is None else seed, size, active.match_weight, mine)
    sample_id = samples.draw_sample(desk.connection, desk.visibility, drawing, desk.caller.name, desk.now)
    return show_sample(desk, sample_id)


def list_samples(desk: Desk) -> list[dict[str, Any]]:
    """The steward's samples, newest first; an admin sees all."""
    author = None if desk.caller.role is Role.ADMIN else desk.caller.name
    return [_told(sample) for sample in samples.list_samples(desk.connection, author)]


def show_sample(desk: Desk, sample_id: int) -> dict[str, Any]:
    """A sample with its pairs, and the precision that it tells."""
    found = next((sample for sample in list_samples(desk) if sample["id"] == sample_id), None)
    if found is None:
        raise NotFoundError("there is no sample with this id")
    pairs = samples.sampled_pairs(desk.connection, desk.visibility, sample_id)
    names = desk.names_of(record for pair in pairs for record in (pair["left_record"], pair["right_record"]))
    shown = [
        {
            "place": pair["place"],
            "left": names[pair["left_record"]],
            "right": names[pair["right_record"]],
            "weight": pair["weight"],
            "verdict": pair["verdict"],
            "author": pair["author"],
            "at": pair["at"],
        }
        for pair in pairs
    ]
    return found | {"pairs": shown}


def look_at_pair(desk: Desk, sample_id: int, place: int) -> dict[str, Any]:
    """The two records of a pair as they are now, and the profile of each; `records` has fewer than two where one is
    gone. Raises NotFoundError for a pair that there is not."""
    pairs = samples.sampled_pairs(desk.connection, desk.visibility, show_sample(desk, sample_id)["id"])
    pair = next((pair for pair in pairs if pair["place"] == place), None)
    if pair is None:
        raise NotFoundError("the sample has no such pair")
    both = [pair["left_record"], pair["right_record"]]
    current, homes = records.load_current(desk.connection, both), profiles.load_memberships(desk.connection, both)
    desk.touches(homes.values())
    return {
        "place": place,
        "weight": pair["weight"],
        "verdict": pair["verdict"],
        "records": [told_record(desk, current[i]) | {"profile": homes.get(i)} for i in both if i in current],
    }


def judge_pair(desk: Desk, sample_id: int, place: int, verdict: Verdict) -> dict[str, Any]:
    """Say whether a pair of the sample is one customer. It measures and changes nothing: whoever finds a wrong merge
    takes the records apart."""
    told = show_sample(desk, sample_id)
    if all(pair["place"] != place for pair in told["pairs"]):
        raise NotFoundError("the sample has no such pair")
    samples.judge_pair(desk.connection, sample_id, place, verdict.value, desk.caller.name, desk.now)
    return show_sample(desk, sample_id)


def _told(sample: dict[str, Any]) -> dict[str, Any]:
    """With the share that is right among those that were judged, and between what it lies (95 %)."""
    right, judged = sample["right"], sample["right"] + sample["wrong"]
    interval = wilson(right, judged) if judged else None
    precision = None if interval is None else {"share": right / judged, "low": interval.low, "high": interval.high}
    return sample | {"precision": precision}
