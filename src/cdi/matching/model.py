"""A model version is everything that the engine decides by: frozen, versioned by its content, and free of any
customer's rare value (frequencies are kept of values that at least five records carry, all others only as hashes)."""

import base64
import hashlib
import itertools
import json
import math
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from importlib import resources
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from cdi.errors import InvalidInputError
from cdi.matching.pairs import BoolArray, FloatArray, IntArray, distinct
from cdi.matching.similarity import Hashes
from cdi.matching.texts import Objects

FORMAT: Final = 1
MIN_CARRIERS: Final = 5
"""A value enters a frequency table when at least so many records carry it."""
MOST_LIKELY: Final = 0.02
"""However few records there are, no larger share of their pairs is taken to be one customer beforehand."""
VETO: Final = -30.0
"""What a hard veto adds against both classes: no sum of other terms outweighs it."""
UNLIKELY: Final = 1e-12


@dataclass(frozen=True, eq=False)
class LevelWeights:
    """Of one comparison, by level; level 0 is *not comparable* and says nothing.

    `m`: of pairs of the same customer that could be compared like this, what share has this level?
    `h`: the same of two persons of one household. `u`: the same of two strangers.
    """

    levels: tuple[str, ...]
    m: FloatArray
    h: FloatArray
    u: FloatArray

    @cached_property
    def against_household(self) -> FloatArray:
        """log(m / h) by level."""
        return np.log(self.m / self.h)

    @cached_property
    def against_stranger(self) -> FloatArray:
        """log(m / u) by level."""
        return np.log(self.m / self.u)

    @cached_property
    def by_chance(self) -> FloatArray:
        """u / h by level: of agreements in a household, what share would come about between strangers too?"""
        return np.minimum(self.u / self.h, 1.0)


@dataclass(frozen=True, slots=True, eq=False)
class Frequencies:
    """How common the values of one field are: the share of records that carry a value, for common values.

    `rare` is the share taken for a value that is not listed; `collision` is how often two strangers have the
    same value by chance (the sum of squared shares).
    """

    shares: Mapping[str, float]
    rare: float
    collision: float

    def of(self, values: Sequence[str] | Objects) -> FloatArray:
        """The share of each value."""
        found = map(self.shares.get, values, itertools.repeat(self.rare))
        return np.fromiter(found, np.float64, len(values))


NOTHING_SHARED: Final[Hashes] = np.zeros(0, np.uint64)
NOTHING_REFUSED: Final[IntArray] = np.zeros(0, np.int64)
NO_FREQUENCIES: Final = Frequencies({}, 1.0, 1.0)


@dataclass(frozen=True, slots=True, eq=False)
class KindWeights:
    """What is learned of pairs of one kind of customer; for organisations the "household" is the group of
    organisations that one belongs to."""

    weights: Mapping[str, LevelWeights]
    lambda_match: float
    lambda_household: float


@dataclass(frozen=True, eq=False)
class MatchModel:
    """What decides whether two records are one customer.

    `lambda_match`, `lambda_household`: of all pairs of records, what share is one customer, or two persons of
    one household? `organisations` holds the same for pairs of two organisations (None: as for persons).
    `match`, `review`: link at this probability and above, ask a steward from that one.
    `shared` are hashes of contact values that join strangers and so say nothing; `refused` are the block keys
    that too many records have. `custom` names attributes to compare and how; `guarantees` are the sources that
    have one record a customer; `vetoes` are identifier types whose verified contradiction forbids a match.
    `drift` counts what was found about the model of version `drifted_from` while data grew (see `with_found`).
    """

    weights: Mapping[str, LevelWeights]
    lambda_match: float
    lambda_household: float
    organisations: KindWeights | None = None
    match: float = 0.5
    review: float = 0.2
    frequencies: Mapping[str, Frequencies] = field(default_factory=dict)
    shared: Hashes = field(default_factory=lambda: np.zeros(0, np.uint64))
    refused: IntArray = field(default_factory=lambda: np.zeros(0, np.int64))
    custom: tuple[tuple[str, str], ...] = ()
    guarantees: frozenset[str] = frozenset()
    vetoes: tuple[str, ...] = ("national_id", "register_id", "vat_id")
    provenance: Mapping[str, Any] = field(default_factory=dict)
    seed: int = 0
    drifted_from: str = ""
    drift: int = 0

    @property
    def has_households(self) -> bool:
        """False when trained with two classes, where the household sum says nothing."""
        return self.lambda_household > 0

    @property
    def prior_household(self) -> float:
        """Log odds that a pair is one customer and not two of a household, before anything was compared."""
        return math.log(self.lambda_match / max(self.lambda_household, UNLIKELY * self.lambda_match))

    @property
    def prior_stranger(self) -> float:
        """Log odds that a pair is one customer and not two strangers, before anything was compared."""
        return math.log(self.lambda_match / (1 - self.lambda_match - self.lambda_household))

    @property
    def match_weight(self) -> float:
        """The weight in nats from which a pair is linked."""
        return log_odds(self.match)

    @property
    def review_weight(self) -> float:
        """The weight in nats from which a pair is worth a steward's look."""
        return log_odds(self.review)

    def frequencies_of(self, name: str) -> Frequencies:
        """How common the values of this field are."""
        return self.frequencies.get(name, NO_FREQUENCIES)

    def is_shared(self, hashes: Hashes) -> BoolArray:
        """Which of these hashed values say nothing because strangers share them."""
        return contained(hashes, self.shared)

    def refuses(self, keys: IntArray) -> IntArray:
        """The distinct ones of these block keys that too many records have."""
        if len(keys) > len(self.refused):
            return self.refused[contained(self.refused, np.sort(keys))]
        asked = distinct(keys)
        return asked[contained(asked, self.refused)]

    def with_thresholds(self, match: float, review: float) -> "MatchModel":
        """The same model linking and asking at other probabilities; raises InvalidInputError."""
        if not 0 < review <= match < 1:
            raise InvalidInputError("thresholds must be 0 < review <= match < 1")
        return replace(self, match=match, review=review, drifted_from="", drift=0)

    def with_found(self, *, shared: Hashes = NOTHING_SHARED, refused: IntArray = NOTHING_REFUSED) -> "MatchModel":
        """The model with more that says nothing because strangers share it, and more block keys that too many have:
        values that were not known of before."""
        return replace(
            self,
            shared=with_more(self.shared, shared),
            refused=with_more(self.refused, refused),
            drifted_from=self.drifted_from or self.version,
            drift=self.drift + len(shared) + len(refused),
        )

    def grew_from(self, earlier: "MatchModel") -> bool:
        """Whether this is that model, with nothing else than perhaps more that `with_found` told it."""
        if self is earlier:
            return True
        return (self.drifted_from or self.version) == (earlier.drifted_from or earlier.version) and (
            self.drift >= earlier.drift
        )

    @cached_property
    def for_organisations(self) -> "MatchModel":
        """The model as it decides on pairs of two organisations."""
        own = self.organisations
        if own is None:
            return self
        return replace(
            self,
            weights=own.weights,
            lambda_match=own.lambda_match,
            lambda_household=own.lambda_household,
            organisations=None,
        )

    def for_records(self, records: int) -> "MatchModel":
        """The model for a table of another size than the one it was trained on, when nothing more is known: each record
        is taken to have as many others of its customer and household as there, so of fewer pairs a larger share is."""
        trained_on = int(self.provenance.get("records", records))
        factor = trained_on / max(records, 1)

        def scaled(share: float) -> float:
            return min(share * factor, max(share, MOST_LIKELY))

        own = self.organisations
        if own is not None:
            own = replace(
                own,
                lambda_match=scaled(own.lambda_match),
                lambda_household=scaled(own.lambda_household),
            )
        return replace(
            self,
            lambda_match=scaled(self.lambda_match),
            lambda_household=scaled(self.lambda_household),
            organisations=own,
            drifted_from="",
            drift=0,
        )

    @cached_property
    def version(self) -> str:
        """A short hash of all that decides: equal for equal models, on every machine. Of one that drifted, that of the
        model before, and by how much: `8668dc81b4d0+12`."""
        if self.drifted_from:
            return f"{self.drifted_from}+{self.drift}" if self.drift else self.drifted_from
        content = self._content()
        del content["provenance"]
        return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()[:12]

    def to_json(self) -> str:
        """The model as JSON text, which `from_json` turns back into an equal model."""
        return json.dumps({"version": self.version, **self._content()}, indent=1, ensure_ascii=False)

    def _content(self) -> dict[str, Any]:
        return {
            "format": FORMAT,
            "match": self.match,
            "review": self.review,
            "persons": _kind_content(self),
            "organisations": None if self.organisations is None else _kind_content(self.organisations),
            "frequencies": {
                name: {"rare": f.rare, "collision": f.collision, "shares": dict(sorted(f.shares.items()))}
                for name, f in sorted(self.frequencies.items())
            },
            "shared": _packed(self.shared.view(np.int64)),
            "refused": _packed(self.refused),
            "custom": [list(item) for item in self.custom],
            "guarantees": sorted(self.guarantees),
            "vetoes": list(self.vetoes),
            "provenance": dict(self.provenance),
            "seed": self.seed,
        }

    @classmethod
    def from_json(cls, text: str) -> "MatchModel":
        """The model that `to_json` wrote; raises InvalidInputError when it is not one."""
        try:
            content = json.loads(text)
            if content["format"] != FORMAT:
                raise InvalidInputError("this model has another format", remedy="Train a new one with cdi train")
            persons = _kind_weights(content["persons"])
            organisations = content["organisations"]
            return cls(
                weights=persons.weights,
                lambda_match=persons.lambda_match,
                lambda_household=persons.lambda_household,
                organisations=None if organisations is None else _kind_weights(organisations),
                match=content["match"],
                review=content["review"],
                frequencies={
                    name: Frequencies(f["shares"], f["rare"], f["collision"])
                    for name, f in content["frequencies"].items()
                },
                shared=_unpacked(content["shared"]).view(np.uint64),
                refused=_unpacked(content["refused"]),
                custom=tuple((name, how) for name, how in content["custom"]),
                guarantees=frozenset(content["guarantees"]),
                vetoes=tuple(content["vetoes"]),
                provenance=content["provenance"],
                seed=content["seed"],
            )
        except (KeyError, TypeError, ValueError) as error:
            raise InvalidInputError(f"this is not a model ({type(error).__name__})") from None


def _kind_content(kind: "MatchModel | KindWeights") -> dict[str, Any]:
    return {
        "lambda_match": kind.lambda_match,
        "lambda_household": kind.lambda_household,
        "weights": {
            name: {
                level: {"m": float(w.m[i]), "h": float(w.h[i]), "u": float(w.u[i])}
                for i, level in enumerate(w.levels)
                if i > 0
            }
            for name, w in kind.weights.items()
        },
    }


def _kind_weights(content: Mapping[str, Any]) -> KindWeights:
    weights = {name: _level_weights(levels) for name, levels in content["weights"].items()}
    return KindWeights(weights, content["lambda_match"], content["lambda_household"])


def _level_weights(levels: Mapping[str, Mapping[str, float]]) -> LevelWeights:
    columns = [np.array([1.0] + [shares[c] for shares in levels.values()]) for c in ("m", "h", "u")]
    return LevelWeights(("not comparable", *levels), *columns)


def _packed(values: IntArray) -> str:
    return base64.b64encode(zlib.compress(values.astype("<i8").tobytes(), 6)).decode()


def _unpacked(text: str) -> IntArray:
    return np.frombuffer(zlib.decompress(base64.b64decode(text)), "<i8").astype(np.int64)


def log_odds(probability: float) -> float:
    """The weight in nats that means this probability."""
    return math.log(probability / (1 - probability))


def probability_of(weight: FloatArray) -> FloatArray:
    """The probability that a weight in nats means."""
    bounded = np.clip(weight, -700, 700)
    probability: FloatArray = 1 / (1 + np.exp(-bounded))
    return probability


def contained(values: NDArray[Any], sorted_set: NDArray[Any]) -> BoolArray:
    """Which values are in a sorted array."""
    if len(sorted_set) == 0:
        return np.zeros(len(values), dtype=bool)
    places = np.minimum(np.searchsorted(sorted_set, values), len(sorted_set) - 1)
    found: BoolArray = sorted_set[places] == values
    return found


def with_more(sorted_set: NDArray[Any], more: NDArray[Any]) -> NDArray[Any]:
    """A sorted array with a few more values, each once; it may be so long that sorting it anew would be felt."""
    new = np.unique(more)
    new = new[~contained(new, sorted_set)]
    return np.insert(sorted_set, np.searchsorted(sorted_set, new), new)


def default_model() -> MatchModel:
    """The model that ships with the program, made by `bench/default_model.py` from generated populations."""
    text = resources.files("cdi.matching").joinpath("models", "default.json").read_text(encoding="utf-8")
    return MatchModel.from_json(text)
