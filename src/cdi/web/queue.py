"""How a steward narrows the queue of reviews: as it stands in the address, in forms, and in the use case."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields, replace
from typing import Any, Final, get_args
from urllib.parse import urlencode

from cdi import stewardship
from cdi.matching.model import log_odds
from cdi.store.reviews import Order, ReviewFilter
from cdi.web.visits import Visit
from cdi.web.words import N_

KINDS: Final[Mapping[str, str]] = {
    "pair": N_("Two profiles that are alike"),
    "birth_date": N_("Two dates of birth"),
    "identity_jump": N_("A known key, another person"),
    "doubtful_link": N_("A link in doubt"),
    "overruled": N_("A link that others contradict"),
    "size": N_("More records than any customer has"),
    "split": N_("Records to be taken out"),
}
QUESTIONS: Final[Mapping[str, str]] = {
    "pair": N_("Are these one customer?"),
    "birth_date": N_("Two dates of birth: are these one customer?"),
    "identity_jump": N_("The source says another person under a known key: is it the same one?"),
    "doubtful_link": N_("These no longer look alike: are they one customer?"),
    "overruled": N_("Other decisions contradict this link: are these one customer?"),
    "size": N_("More records than any customer has: are these one customer?"),
    "split": N_("Shall these records be taken out of the profile?"),
}
AGREE: Final = "agree"
"""What others said, and this steward is to say too."""
STATES: Final = ("open", AGREE, "waiting", "closed", "all")


@dataclass(frozen=True, slots=True)
class Asked:
    """What the queue is narrowed by; empty: not narrowed. Probabilities are per cent."""

    owner: str = ""
    kind: str = ""
    source: str = ""
    least: str = ""
    below: str = ""
    status: str = "open"
    order: str = "risk"
    mine: str = ""
    later: str = ""  # those that were put off, too

    @classmethod
    def of(cls, given: Mapping[str, Any]) -> "Asked":
        """What an address or a form says; what is not understood is left out."""
        known = {f.name: str(given.get(f.name) or f.default)[:100] for f in fields(cls)}
        asked = cls(**known)
        return replace(
            asked,
            status=asked.status if asked.status in STATES else "open",
            order=asked.order if asked.order in get_args(Order) else "risk",
            least=asked.least if _share(asked.least) is not None else "",
            below=asked.below if _share(asked.below) is not None else "",
        )

    @property
    def query(self) -> str:
        """What of it differs from the usual, as a part of an address."""
        usual = Asked()
        return urlencode({n: v for n, v in asdict(self).items() if v != getattr(usual, n)})

    def narrowed(self, visit: Visit, **more: Any) -> ReviewFilter:
        """The same for the use case."""
        return ReviewFilter(
            owner=self.owner or None,
            kind=self.kind or None,
            source=self.source or None,
            status="waiting" if self.status == AGREE else self.status,
            agreeable_by=visit.caller.name if self.status == AGREE else None,
            weight_from=_weight(self.least),
            weight_below=_weight(self.below),
            assigned_to=stewardship.mine(visit.desk) if self.mine else None,
            awake_at=None if self.later else visit.now,
            order="age" if self.order == "age" else "risk",
            **more,
        )


def _share(text: str) -> float | None:
    try:
        share = float(text.replace(",", ".")) / 100
    except ValueError:
        return None
    return share if 0 < share < 1 else None


def _weight(text: str) -> float | None:
    share = _share(text)
    return None if share is None else log_odds(share)
