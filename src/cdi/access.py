"""What a caller may see: a value that `auth` makes and every reading function of the store takes.

Visibility belongs inside the query: rows that a caller may not see are not loaded.
"""

from dataclasses import dataclass
from enum import StrEnum

from cdi.fields import FieldGroup


class Role(StrEnum):
    """What a caller is there for."""

    READER = "reader"
    CONNECTOR = "connector"
    STEWARD = "steward"
    ADMIN = "admin"


@dataclass(frozen=True, slots=True)
class Visibility:
    """The part of the store that one caller may read.

    `hidden_sources` are sources whose records (and what was derived from them) stay unseen; `groups` are the
    field groups whose values are shown in full, all others are masked; `owners` limits what a steward may
    change (None: every owner).
    """

    hidden_sources: frozenset[str] = frozenset()
    groups: frozenset[FieldGroup] = frozenset(FieldGroup)
    owners: frozenset[str] | None = None

    @property
    def sees_all_sources(self) -> bool:
        return not self.hidden_sources


EVERYTHING = Visibility()
"""For the operator at the command line, who holds the database anyway."""


@dataclass(frozen=True, slots=True)
class Caller:
    """Who is asking: the name for the audit trail, the role, and what that lets them see."""

    name: str
    role: Role
    visibility: Visibility
    source: str | None = None  # the one source a connector key may push to
