"""One value survives by stated rules: each rule is a sort key, the rules apply in their order, and ties end
in a stated order too, so that equal records give equal values whatever the order in which they arrived."""

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any, Final, NamedTuple, TypeAlias

from cdi.errors import ConfigurationError, InvalidInputError
from cdi.fields import Attribute, CanonicalData
from cdi.resolution.values import CUSTOM, Identity, attribute_at, completeness, core

ONLY_VALUE: Final = "only value"
AGREEMENT: Final = "agreement"
PINNED: Final = "pinned by steward"

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class RecordFacts:
    """One live source record as survivorship sees it. `observed_at` is source time, with its offset; `trust`
    is that of its source, 0 to 1; `derived_from` is the profile of which the record is an application's copy.
    """

    record_id: int
    source: str
    key: str
    observed_at: datetime
    trust: float
    data_owner: str
    canonical: CanonicalData
    stream: str = "customers"
    derived_from: str | None = None

    def __post_init__(self) -> None:
        if self.observed_at.tzinfo is None:
            raise ValueError(f"record {self.record_id}: observed_at has no offset")


@dataclass(frozen=True, slots=True)
class Pin:
    """A steward's word on one value, anchored to a record of the profile: it goes where that record goes.

    Whoever builds the golden record passes the pins that are live: an expired one is left out by the caller.
    `attribute` is one of the vocabulary or `attributes.<name>`; of a list it pins the preferred block.
    """

    attribute: str
    value: Any
    record_id: int
    author: str
    reason: str
    at: datetime
    until: datetime | None = None

    def __post_init__(self) -> None:
        attribute_at(self.attribute)


class Claim(NamedTuple):
    """One record says one value."""

    record: RecordFacts
    value: Any
    identity: Identity


class Contest(NamedTuple):
    """What a rule may look at besides the claim itself: the attribute, and how many records say each core."""

    attribute: Attribute
    holders: Mapping[Identity, int]


Key: TypeAlias = Callable[[Claim, Contest], Any]
"""What a rule makes of a claim; the smaller key wins."""


def _validated(claim: Claim, _: Contest) -> bool:
    return not (isinstance(claim.value, dict) and claim.value.get("verified") is True)


def _most_complete(claim: Claim, contest: Contest) -> tuple[int, int]:
    core, filled = completeness(contest.attribute, claim.value)
    return -core, -filled


RULES: Final[Mapping[str, Key]] = {
    "validated": _validated,
    "trust": lambda claim, _: -claim.record.trust,
    "newest": lambda claim, _: _EPOCH - claim.record.observed_at,
    "oldest": lambda claim, _: claim.record.observed_at,
    "most_frequent": lambda claim, contest: -contest.holders[core(contest.attribute, claim.value)],
    "most_complete": _most_complete,
}


class TieOrder(NamedTuple):
    """The stated order of records in which every tie ends; within one record, the value listed first."""

    newest: timedelta
    source: str
    key: str
    stream: str
    record: int

    @classmethod
    def of(cls, record: RecordFacts) -> "TieOrder":
        return cls(_EPOCH - record.observed_at, record.source, record.key, record.stream, record.record_id)


_TIES: Final = ("tie: newest", "tie: source order", "tie: key order", "tie: stream order", "tie: record order")
_SAME_RECORD: Final = "tie: listed first"


@dataclass(frozen=True, slots=True)
class SurvivorshipRules:
    """By attribute (`name`, `emails`, …, `attributes.<name>`) the rules in their order; `default` for the
    rest.

    Raises ConfigurationError for a rule or an attribute that does not exist.
    """

    default: tuple[str, ...] = ("trust", "newest")
    attributes: Mapping[str, tuple[str, ...]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for attribute, names in {"default": self.default, **self.attributes}.items():
            unknown = [name for name in names if name not in RULES]
            if unknown:
                raise ConfigurationError(
                    f"survivorship of {attribute}: no rule {', '.join(unknown)}",
                    remedy=f"There are {', '.join(RULES)}",
                )
        for attribute in self.attributes.keys() - {CUSTOM}:
            try:
                attribute_at(attribute)
            except InvalidInputError as error:
                raise ConfigurationError(f"survivorship: {error.message}", remedy=error.remedy) from error

    def of(self, attribute: str) -> tuple[str, ...]:
        """The rules for one attribute; a custom one falls back to those of `attributes`, then the default."""
        found = self.attributes.get(attribute)
        if found is None and attribute.startswith(f"{CUSTOM}."):
            found = self.attributes.get(CUSTOM)
        return self.default if found is None else found


class Ranking(NamedTuple):
    """Claims from the surviving one downwards, and what decided between the first value and the next."""

    claims: tuple[Claim, ...]
    rule: str


def rank(attribute: Attribute, claims: Sequence[Claim], rules: Sequence[str]) -> Ranking:
    """Order the claims on one attribute, of which there is at least one.

    They come in the order in which ties end: records by `TieOrder`, each record's values as it lists them.
    Sorting keeps that order where the rules see no difference.
    """
    if len(claims) == 1:
        return Ranking(tuple(claims), ONLY_VALUE)
    contest = Contest(attribute, _holders(attribute, claims) if "most_frequent" in rules else {})
    keys = [RULES[rule] for rule in rules]
    ranked = sorted(claims, key=lambda claim: [key(claim, contest) for key in keys])
    return Ranking(tuple(ranked), _decided_by(ranked, contest, rules))


def _holders(attribute: Attribute, claims: Iterable[Claim]) -> Mapping[Identity, int]:
    said = {(claim.record.record_id, core(attribute, claim.value)) for claim in claims}
    return Counter(value for _, value in said)


def _decided_by(ranked: Sequence[Claim], contest: Contest, rules: Sequence[str]) -> str:
    """The first rule, else the tie, by which the winner differs from the best claim of another value."""
    winner, *others = ranked
    rival = next((claim for claim in others if claim.identity != winner.identity), None)
    if rival is None:
        return AGREEMENT
    for rule in rules:
        if RULES[rule](winner, contest) != RULES[rule](rival, contest):
            return rule
    steps = zip(_TIES, TieOrder.of(winner.record), TieOrder.of(rival.record), strict=True)
    return next((tie for tie, mine, theirs in steps if mine != theirs), _SAME_RECORD)
