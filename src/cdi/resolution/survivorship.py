"""One value survives by stated rules: each rule is a sort key, the rules apply in their order, and ties end
in a stated order too, so that equal records give equal values whatever the order in which they arrived."""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any, Final, NamedTuple, TypeAlias

from cdi.errors import ConfigurationError, InvalidInputError
from cdi.fields import Attribute, CanonicalData
from cdi.resolution.values import CUSTOM, Identity, attribute_at, completeness

ONLY_VALUE: Final = "only value"
AGREEMENT: Final = "agreement"
PINNED: Final = "pinned by steward"

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND: Final = timedelta(microseconds=1)


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
    """One record says one value; `position` is its place in that record's own list."""

    record: RecordFacts
    value: Any
    identity: Identity
    position: int


class Contest(NamedTuple):
    """What a rule may look at besides the claim itself."""

    attribute: Attribute
    holders: Mapping[Identity, int]


Key: TypeAlias = Callable[[Claim, Contest], Any]
"""Smaller wins."""


def _age(claim: Claim, _: Contest) -> int:
    return (claim.record.observed_at - _EPOCH) // _MICROSECOND


def _newest(claim: Claim, contest: Contest) -> int:
    return -_age(claim, contest)


def _validated(claim: Claim, _: Contest) -> bool:
    return not (isinstance(claim.value, Mapping) and claim.value.get("verified") is True)


def _most_complete(claim: Claim, contest: Contest) -> tuple[int, int]:
    core, filled = completeness(contest.attribute, claim.value)
    return -core, -filled


RULES: Final[Mapping[str, Key]] = {
    "validated": _validated,
    "trust": lambda claim, _: -claim.record.trust,
    "newest": _newest,
    "oldest": _age,
    "most_frequent": lambda claim, contest: -contest.holders[claim.identity],
    "most_complete": _most_complete,
}

TIES: Final[Mapping[str, Key]] = {
    "tie: newest": _newest,
    "tie: source order": lambda claim, _: claim.record.source,
    "tie: key order": lambda claim, _: claim.record.key,
    "tie: stream order": lambda claim, _: claim.record.stream,
    "tie: record order": lambda claim, _: claim.record.record_id,
    "tie: listed first": lambda claim, _: claim.position,
}


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
    """Order the claims on one attribute; there must be at least one."""
    if len(claims) == 1:
        return Ranking(tuple(claims), ONLY_VALUE)
    contest = Contest(attribute, Counter(claim.identity for claim in claims))
    keys = [RULES[rule] for rule in rules] + list(TIES.values())
    ranked = sorted(((tuple([key(c, contest) for key in keys]), c) for c in claims), key=lambda scored: scored[0])
    return Ranking(tuple(claim for _, claim in ranked), _decided_by(ranked, [*rules, *TIES]))


def _decided_by(ranked: Sequence[tuple[tuple[Any, ...], Claim]], names: Sequence[str]) -> str:
    (best, winner), *others = ranked
    rival = next((key for key, claim in others if claim.identity != winner.identity), None)
    if rival is None:
        return AGREEMENT
    return next(name for name, mine, theirs in zip(names, best, rival, strict=True) if mine != theirs)
