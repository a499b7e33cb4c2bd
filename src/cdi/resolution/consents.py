"""What the records of a customer say of a consent becomes one state.

Of one record its latest word counts. Of several that contradict each other the most restrictive counts, until a
steward has said whose word does; what is said later is not reviewed yet. It is derived whenever it is asked for, so
that after a split each part has its own again.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

ANY: Final = "any"
"""The channel of a consent that holds for every channel."""
NONE: Final = "none"
EXPIRED: Final = "expired"
RESTRICTIVENESS: Final = {"granted": 0, "pending": 1, EXPIRED: 2, "withdrawn": 3, "denied": 4}


@dataclass(frozen=True, slots=True)
class Saying:
    """What one customer record says: `record_id` is that record, `at` when it was said, `until` when it ends."""

    record_id: int
    purpose: str
    channel: str
    status: str
    at: datetime
    until: datetime | None = None


@dataclass(frozen=True, slots=True)
class Review:
    """A steward's word: of what the records of `covers` say, that of `record_id` counts."""

    record_id: int
    covers: frozenset[int]
    at: datetime


@dataclass(frozen=True, slots=True)
class ConsentState:
    """What holds for a purpose on a channel: `counts` is the saying that decides (None: nobody says anything),
    `contradicted` whether records disagree and nobody has reviewed it, `reviewed` the word that decided."""

    status: str
    counts: Saying | None = None
    contradicted: bool = False
    reviewed: Review | None = None

    @property
    def refused(self) -> bool:
        return RESTRICTIVENESS.get(self.status, 0) > RESTRICTIVENESS["pending"]


def consent_state(
    sayings: Iterable[Saying], reviews: Sequence[Review], purpose: str, channel: str, now: datetime
) -> ConsentState:
    """The state of a purpose on a channel, from what the records of one profile say; `reviews` are those about this
    purpose and channel that are anchored in the profile, the oldest first."""
    latest = _latest_of_each(sayings, purpose, channel)
    standing = _standing(reviews)
    voices = [saying for saying in latest if not _silenced(saying, standing)]
    if not voices:
        return ConsentState(NONE)
    strictest = max(voices, key=lambda saying: (RESTRICTIVENESS[_status(saying, now)], saying.at, saying.record_id))
    allowing = {_status(saying, now) == "granted" for saying in voices}
    reviewed = next((review for review in standing if review.record_id == strictest.record_id), None)
    return ConsentState(_status(strictest, now), strictest, len(allowing) > 1, reviewed)


def _latest_of_each(sayings: Iterable[Saying], purpose: str, channel: str) -> list[Saying]:
    """By record what it said last of this channel, by name or as one of all."""
    latest: dict[int, Saying] = {}
    for saying in sayings:
        if saying.purpose == purpose and saying.channel in {channel, ANY}:
            known = latest.get(saying.record_id)
            if known is None or _order(saying) > _order(known):
                latest[saying.record_id] = saying
    return list(latest.values())


def _order(saying: Saying) -> tuple[datetime, bool, int]:
    return saying.at, saying.channel != ANY, RESTRICTIVENESS.get(saying.status, 0)


def _status(saying: Saying, now: datetime) -> str:
    ended = saying.status == "granted" and saying.until is not None and saying.until <= now
    return EXPIRED if ended else saying.status


def _standing(reviews: Sequence[Review]) -> list[Review]:
    """Those that no later one overruled: it covered their record and chose another."""
    standing: list[Review] = []
    for review in reversed(reviews):
        if not any(review.record_id in later.covers for later in standing):
            standing.append(review)
    return standing


def _silenced(saying: Saying, standing: Sequence[Review]) -> bool:
    """Whether a steward preferred another record's word to this one."""
    if any(review.record_id == saying.record_id for review in standing):
        return False
    return any(saying.record_id in review.covers and saying.at <= review.at for review in standing)
