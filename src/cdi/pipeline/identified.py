"""Customer records by what is known of a customer: an identifier is understood as the engine understands it, whoever
asks and whatever for."""

from sqlalchemy import Connection

from cdi.errors import InvalidInputError
from cdi.normalise.record import Context, canonicalise, normalise
from cdi.pipeline.installation import Installation
from cdi.store import normalised


def carriers_of(connection: Connection, installation: Installation, kind: str, value: str) -> list[int]:
    """The records that carry this e-mail address (`email`), phone number (`phone`) or identifier of any other type."""
    kept = as_kept(installation, kind, value)
    return [record for handle in kept for record in normalised.find_by_handle(connection, [kind], handle)]


def as_kept(installation: Installation, kind: str, value: str) -> list[str]:
    """What is looked for in the place of this identifier: its form as the engine keeps it; nothing for one that it
    would not take."""
    company = installation.deployment.company
    return _normalised(kind, value, Context(country=company.country, language=company.language))


def typed_identifier(text: str) -> tuple[str, str]:
    """TYPE:VALUE in its parts. Raises InvalidInputError."""
    kind, colon, value = text.partition(":")
    if not (kind and colon and value):
        raise InvalidInputError("identifier is not TYPE:VALUE", remedy="Ask for ?identifier=loyalty_card:4711")
    return kind, value


def _normalised(kind: str, value: str, context: Context) -> list[str]:
    match kind:
        case "email":
            return [email.value for email in normalise(canonicalise({"emails": [{"value": value}]}, context)).emails]
        case "phone":
            return [phone.value for phone in normalise(canonicalise({"phones": [{"value": value}]}, context)).phones]
    said = {"identifiers": [{"type": kind, "value": value}]}
    return [identifier.value for identifier in normalise(canonicalise(said, context)).identifiers]
