"""The canonical vocabulary of a customer: one list, on the bottom floor, that every other room speaks."""

from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Final, TypeAlias

CanonicalData: TypeAlias = dict[str, Any]
"""A customer in canonical attributes: {"name": {"given_name": …}, "emails": [{"value": …}], …}."""


class Kind(StrEnum):
    """The two kinds of customer; a household is a relation between persons, never one customer."""

    PERSON = "person"
    ORGANISATION = "organisation"


class FieldGroup(StrEnum):
    """Values that are shown or masked together; a key carries the scopes of some of them."""

    IDENTITY = "identity"
    BIRTH = "birth"
    CONTACT = "contact"
    ADDRESS = "address"
    IDENTIFIER = "identifier"
    CUSTOM = "custom"


class Shape(StrEnum):
    """How an attribute is built: one value, one block of parts, a list of blocks, or a free mapping."""

    VALUE = "value"
    BLOCK = "block"
    BLOCKS = "blocks"
    MAPPING = "mapping"


@dataclass(frozen=True, slots=True)
class Attribute:
    """One attribute of a customer. `parts` are what a block consists of; `identity_parts` say when two blocks
    are the same value (a phone is the same phone whatever its use)."""

    name: str
    shape: Shape
    group: FieldGroup | None
    parts: tuple[str, ...] = ()
    identity_parts: tuple[str, ...] = ()


NAME_PARTS: Final = (
    "salutation",
    "title",
    "given_name",
    "middle_name",
    "family_name",
    "suffix",
    "birth_name",
    "full",
)
ADDRESS_PARTS: Final = (
    "street",
    "house_number",
    "extra",
    "postal_code",
    "city",
    "region",
    "country",
    "use",
    "form",
)
ADDRESS_FORMS: Final = ("home", "delivery", "billing", "packstation", "po_box")

ATTRIBUTES: Final[dict[str, Attribute]] = {
    a.name: a
    for a in (
        Attribute("kind", Shape.VALUE, None),
        Attribute("name", Shape.BLOCK, FieldGroup.IDENTITY, NAME_PARTS, NAME_PARTS[:-1]),
        Attribute(
            "organisation",
            Shape.BLOCK,
            FieldGroup.IDENTITY,
            ("name", "legal_form", "department"),
            ("name", "legal_form", "department"),
        ),
        Attribute("gender", Shape.VALUE, FieldGroup.IDENTITY),
        Attribute("language", Shape.VALUE, FieldGroup.IDENTITY),
        Attribute("birth_date", Shape.VALUE, FieldGroup.BIRTH),
        Attribute("emails", Shape.BLOCKS, FieldGroup.CONTACT, ("value", "use", "verified", "shared"), ("value",)),
        Attribute("phones", Shape.BLOCKS, FieldGroup.CONTACT, ("value", "use", "verified", "shared"), ("value",)),
        Attribute(
            "addresses",
            Shape.BLOCKS,
            FieldGroup.ADDRESS,
            ADDRESS_PARTS,
            ("street", "house_number", "postal_code", "city", "country"),
        ),
        Attribute(
            "identifiers",
            Shape.BLOCKS,
            FieldGroup.IDENTIFIER,
            ("type", "value", "issuer", "verified"),
            ("type", "value", "issuer"),
        ),
        Attribute("attributes", Shape.MAPPING, FieldGroup.CUSTOM),
    )
}

IDENTIFIER_TYPES: Final = (
    "customer_number",
    "loyalty_card",
    "vat_id",
    "register_id",
    "national_id",
    "iban",
    "social_handle",
    "device",
)


class Stream(StrEnum):
    """The kinds of record that a connector gives."""

    CUSTOMER = "customer"
    TOUCHPOINT = "touchpoint"
    CONSENT = "consent"
    IDENTITY_LINK = "identity_link"


CHANNELS: Final = ("shop", "webshop", "app", "phone", "email", "sms", "messenger", "social", "community")
TOUCHPOINT_TYPES: Final = ("order", "receipt", "call", "ticket", "message", "visit", "request", "return")
CONSENT_CHANNELS: Final = (*CHANNELS, "post", "any")
CONSENT_STATES: Final = ("granted", "denied", "withdrawn", "pending")
