"""Two values are the same when what identifies them folds alike, whatever their spelling and their use."""

import json
from collections.abc import Mapping
from typing import Any, Final, TypeAlias

from cdi.errors import InvalidInputError
from cdi.fields import ATTRIBUTES, Attribute, FieldGroup, Shape

Identity: TypeAlias = tuple[str, ...]

CUSTOM: Final = "attributes"
_FLAGS: Final = frozenset({"use", "form", "verified", "shared"})  # they say how a value is used, not what it is
_SUBSTANCE: Final[Mapping[str, tuple[str, ...]]] = {
    "name": ("given_name", "middle_name", "family_name", "birth_name", "full"),
    "organisation": ("name",),
    "addresses": ("street", "postal_code", "city"),
}
_CORE: Final[Mapping[str, tuple[str, ...]]] = {
    "name": ("given_name", "family_name"),
    "organisation": ("name",),
    "addresses": ("street", "house_number", "postal_code", "city"),
}


def attribute_at(path: str) -> Attribute:
    """The attribute named by `path`: one of the vocabulary, or `attributes.<name>` for a custom one.

    Raises InvalidInputError.
    """
    head, _, custom = path.partition(".")
    if head == CUSTOM and custom:
        return Attribute(path, Shape.VALUE, FieldGroup.CUSTOM)
    known = ATTRIBUTES.get(path)
    if known is None or known.shape is Shape.MAPPING:
        raise InvalidInputError(
            f"there is no attribute {path!r}", remedy=f"Name one of {', '.join(ATTRIBUTES)}.<custom name>"
        )
    return known


def fold(value: object) -> str:
    """Text for comparing: lower case, single spaces; a missing value is empty; JSON for what is not text."""
    if isinstance(value, str):
        return " ".join(value.casefold().split())
    if value is None:
        return ""
    return json.dumps(value, sort_keys=True, ensure_ascii=False, default=str).casefold()


def is_empty(value: object) -> bool:
    """Nothing was said: missing, blank, or a list or mapping without members. `False` and 0 are values."""
    if isinstance(value, str):
        return not value or value.isspace()
    return value is None or (not value and isinstance(value, list | tuple | dict))


def tidy(attribute: Attribute, value: Any) -> Any:
    """The value without its empty parts; None where nothing is left that says something."""
    if attribute.shape is Shape.VALUE or not isinstance(value, dict):
        return None if is_empty(value) else value
    block = {part: said for part, said in value.items() if not is_empty(said)}
    if "value" in attribute.parts:
        return block if "value" in block else None
    return block if block.keys() - _FLAGS else None


def identity(attribute: Attribute, value: Any) -> Identity:
    """What makes a value the same value: its identity parts, folded; all its parts where it has none of
    those."""
    if attribute.shape is Shape.VALUE or not isinstance(value, dict):
        return (fold(value),)
    found = tuple([fold(value.get(part)) for part in attribute.identity_parts])
    if any(found):
        return found
    return tuple([fold(value.get(part)) for part in attribute.parts if part not in _FLAGS])


def core(attribute: Attribute, value: Any) -> Identity:
    """What two values share that say the same in the main: the core parts, folded, so that a salutation or a
    country more makes no other name or address; the identity where an attribute has no core."""
    parts = _CORE.get(attribute.name)
    found = tuple([fold(value.get(part)) for part in parts]) if parts and isinstance(value, dict) else ()
    return found if any(found) else identity(attribute, value)


def is_substantial(attribute: Attribute, value: Any) -> bool:
    """False for a stub: a salutation without a name, a country without an address."""
    needed = _SUBSTANCE.get(attribute.name)
    if needed is None or not isinstance(value, dict):
        return True
    return any(value.get(part) for part in needed)


def completeness(attribute: Attribute, value: Any) -> tuple[int, int]:
    """How much a value says: first its core parts (a word 2, an initial 1, missing 0), then all filled parts.

    A birth date counts its known pieces, so that a full date says more than a year; other plain values are
    equal.
    """
    if attribute.name == "birth_date":
        return sum(1 for piece in str(value).split("-") if piece.strip("0")), 0
    if not isinstance(value, dict):
        return 1, 0
    core = sum(_fullness(part, value.get(part)) for part in _CORE.get(attribute.name, attribute.identity_parts))
    return core, sum(1 for part in attribute.parts if part not in _FLAGS and not is_empty(value.get(part)))


def _fullness(part: str, said: object) -> int:
    words = fold(said).replace(".", " ").split()
    if not words:
        return 0
    abbreviated = part in {"given_name", "family_name"} and all(len(word) == 1 for word in words)
    return 1 if abbreviated else 2
