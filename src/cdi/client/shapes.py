"""What the API says, as values. Each keeps the whole answer in `document`: what a newer cdi adds is there, too."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Profile:
    """A customer as cdi serves it to this key. `golden` has an entry by attribute: `value`, `source`, `key`,
    `data_owner`, `alternatives`, and `masked` where the key may not see the value."""

    id: str
    kind: str
    data_owner: str
    version: int
    golden: Mapping[str, Any]
    records: Sequence[Mapping[str, Any]]
    document: Mapping[str, Any]

    @classmethod
    def of(cls, document: Mapping[str, Any]) -> "Profile":
        return cls(
            document["id"],
            document["kind"],
            document["data_owner"],
            document["version"],
            document["golden"],
            document["records"],
            document,
        )

    def value(self, attribute: str, part: str = "") -> Any:
        """The preferred value of an attribute, or a part of it (`value("name", "given_name")`); None if there is
        none."""
        found = self.golden.get(attribute, {}).get("value")
        return found.get(part) if part and isinstance(found, Mapping) else found


@dataclass(frozen=True, slots=True)
class Moved:
    """An id that is retired: the profiles in which its records are now (one: its survivor)."""

    id: str
    profiles: Sequence[str]


@dataclass(frozen=True, slots=True)
class Hit:
    """A profile that a record may be about: `judgement` is what resolving would come to (match, review, no_match)."""

    profile: Profile
    probability: float
    weight: float
    judgement: str
    document: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Record:
    """One record to be pushed; `data` in canonical attributes, or as the source's mapping reads it."""

    key: str
    data: Mapping[str, Any] | None = None
    stream: str | None = None
    op: str | None = None
    observed_at: str | None = None
    derived_from: str | None = None

    def as_json(self) -> dict[str, Any]:
        """What is said of it; what is None is left out."""
        said = {name: getattr(self, name) for name in self.__slots__}
        return {name: value for name, value in said.items() if value is not None}


@dataclass(frozen=True, slots=True)
class Pushed:
    """What became of a push; `affected` are profile ids (none yet if it was not waited for)."""

    accepted: int
    unchanged: int
    rejected: Sequence[Mapping[str, Any]]
    affected: Sequence[str]
    document: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Change:
    """One event of the change feed. `cursor` is where to go on after it."""

    cursor: int
    type: str
    profile_id: str
    other_ids: Sequence[str]
    version: int | None
    attributes: Sequence[str]
    data_owner: str
    at: str

    @classmethod
    def of(cls, document: Mapping[str, Any]) -> "Change":
        return cls(**{name: document[name] for name in cls.__slots__})


@dataclass(frozen=True, slots=True)
class Review:
    """A question to a steward; `etag` belongs to what was read."""

    id: int
    etag: str | None
    document: Mapping[str, Any]
