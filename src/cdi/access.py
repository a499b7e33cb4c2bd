"""What a caller may see: a value that `auth` makes and every reading function of the store takes.

Visibility belongs inside the query: rows that a caller may not see are not loaded.
"""

from collections.abc import Mapping, Set
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from cdi.fields import ATTRIBUTES, FieldGroup


class Role(StrEnum):
    """What a caller is there for."""

    READER = "reader"
    CONNECTOR = "connector"
    LINKS = "links"  # an application that sends customers to what is kept of them
    STEWARD = "steward"
    PRIVACY = "privacy"  # the data-protection officer
    ADMIN = "admin"


class Credential(StrEnum):
    """By what a caller is known: names of one kind say nothing of names of another."""

    KEY = "key"  # an API key, by its name
    TOKEN = "token"  # noqa: S105 - an identity provider's, by the claim that cdi.yaml names
    USER = "user"  # somebody who signed in at the desk
    OPERATOR = "operator"  # somebody at the command line, who holds the database anyway
    SOURCE = "source"  # a source system that tells by itself what is new
    LINK = "link"  # a customer who looks at their own data, by the id of the link that they came by
    SYSTEM = "system"  # the program, by its own schedule


EVERY_USE = ""
"""What a restricted profile is closed to; one whose customer objected is closed to purposes by name."""


@dataclass(frozen=True, slots=True)
class Visibility:
    """The part of the store that one caller may read.

    `hidden_sources` are sources whose records (and what was derived from them) stay unseen; `groups` are the
    field groups whose values are shown in full, all others are masked; `owners` limits what a steward may
    change (None: every owner). `uses` are what the caller asks for: a profile that is closed to one of them is not
    there.
    """

    hidden_sources: frozenset[str] = frozenset()
    groups: frozenset[FieldGroup] = frozenset(FieldGroup)
    owners: frozenset[str] | None = None
    uses: frozenset[str] = frozenset()

    def sees(self, sources: Set[str], closed_to: Set[str]) -> bool:
        """Whether a profile with records of these sources, closed to these uses, is there for the caller."""
        return not sources <= self.hidden_sources and self.uses.isdisjoint(closed_to)


EVERYTHING = Visibility()
"""For the operator at the command line, who holds the database anyway."""


@dataclass(frozen=True, slots=True)
class Caller:
    """Who is asking: the name for the audit trail, the role, and what that lets them see. `sensitive` and `purposes`
    (None: any) are what hid sources, `grants` what let a token in, for what shall be decided again later."""

    name: str
    role: Role
    visibility: Visibility
    source: str | None = None  # the one that a connector may push to, or of whose customers links may be made
    credential: Credential = Credential.KEY
    sensitive: bool = False
    purposes: tuple[str, ...] | None = None
    grants: tuple[str, ...] = ()

    @property
    def actor(self) -> str:
        """Who did it, for the audit log: `key:shop screen`, `token:9f3c`, `user:anna`."""
        return f"{self.credential}:{self.name}"


def masked(golden: Mapping[str, Any], groups: frozenset[FieldGroup]) -> dict[str, Any]:
    """Golden values as a caller with the scopes of these field groups sees them; provenance stays readable."""
    shown = {
        name: entry if ATTRIBUTES[name].group is None or ATTRIBUTES[name].group in groups else _mask_entry(entry)
        for name, entry in golden.items()
    }
    if FieldGroup.CONTACT in groups:
        return shown
    return {name: _mask_keys(entry) for name, entry in shown.items()}


def _mask_entry(entry: Mapping[str, Any]) -> dict[str, Any]:
    if "value" not in entry:  # custom attributes: entries by name
        return {name: _mask_entry(inner) for name, inner in entry.items()}
    hidden = dict(entry) | {"value": mask(entry["value"]), "masked": True}
    hidden.pop("pinned", None)
    if "alternatives" in entry:
        hidden["alternatives"] = [_mask_entry(other) for other in entry["alternatives"]]
    return hidden


def _mask_keys(entry: Any) -> Any:
    """The key of a record that a bare contact made is that contact."""
    if isinstance(entry, Mapping):
        return {
            name: mask_key(inner) if name == "key" and isinstance(inner, str) else _mask_keys(inner)
            for name, inner in entry.items()
        }
    return [_mask_keys(inner) for inner in entry] if isinstance(entry, list) else entry


def mask_key(key: str) -> str:
    """A record's key as shown to those who may not see contact values: some keys are an address or a number."""
    kind, colon, value = key.partition(":")
    return f"{kind}:{mask(value)}" if colon else key


def mask(value: Any) -> Any:
    """Enough of a value to recognise it, too little to use it: m***@gmx.de, ***89, 1975-**-**."""
    if isinstance(value, Mapping):
        return {part: inner if part in UNMASKED_PARTS else mask(inner) for part, inner in value.items()}
    if isinstance(value, bool) or value is None:
        return value
    text = str(value)
    if "@" in text:
        local, _, domain = text.rpartition("@")
        return f"{local[:1]}***@{domain}"
    if text[:1] == "+" or text.isdigit():
        return f"***{text[-2:]}" if len(text) > 4 else "***"
    if len(text) == 10 and text[4] == text[7] == "-":
        return f"{text[:4]}-**-**"
    return f"{text[:1]}***" if len(text) > 1 else "***"


UNMASKED_PARTS = frozenset({"use", "verified", "shared", "type", "country", "form", "legal_form", "salutation"})
