"""A profile and a change as one flat row: the preferred value of each attribute by its parts, with the source and the
data owner that it came from. What a table cannot hold (other values, records, provenance in full) is in JSON Lines."""

from collections.abc import Iterator, Mapping
from typing import Any, Final

import orjson

from cdi.fields import ATTRIBUTES, Attribute, Shape

ABOUT: Final = ("id", "status", "now_in", "kind", "data_owner", "version", "updated_at")
CHANGE_COLUMNS: Final = (
    "cursor", "type", "profile_id", "other_ids", "version", "attributes", "data_owner", "at",
)  # fmt: skip
WHOLE_NUMBERS: Final = frozenset({"cursor", "version"})
_DESCRIBED: Final = [attribute for attribute in ATTRIBUTES.values() if attribute.name != "kind"]


def _columns_of(attribute: Attribute) -> Iterator[str]:
    if attribute.shape is Shape.MAPPING:
        yield attribute.name
        return
    if attribute.parts:
        yield from (f"{attribute.name}.{part}" for part in attribute.parts)
    else:
        yield attribute.name
    yield from (f"{attribute.name}.source", f"{attribute.name}.data_owner")


PROFILE_COLUMNS: Final = (*ABOUT, *(column for attribute in _DESCRIBED for column in _columns_of(attribute)))


def profile_row(told: Mapping[str, Any]) -> dict[str, Any]:
    """The columns of a profile that have a value; of one that is not live, what is known of where it went."""
    row = {name: told.get(name) for name in ABOUT} | {"now_in": " ".join(told.get("now_in", ()))}
    golden = told.get("golden", {})
    for attribute in _DESCRIBED:
        entry = golden.get(attribute.name)
        if entry is None:
            continue
        if attribute.shape is Shape.MAPPING:
            row[attribute.name] = orjson.dumps({name: each["value"] for name, each in entry.items()}).decode()
            continue
        value = entry["value"]
        row |= {f"{attribute.name}.source": entry["source"], f"{attribute.name}.data_owner": entry["data_owner"]}
        if attribute.parts:
            row |= {f"{attribute.name}.{part}": value.get(part) for part in attribute.parts}
        else:
            row[attribute.name] = value
    return row


def change_row(told: Mapping[str, Any]) -> dict[str, Any]:
    """A change; lists become words with spaces between."""
    return {
        **told,
        "profile_id": str(told["profile_id"]),
        "other_ids": " ".join(map(str, told["other_ids"])),
        "attributes": " ".join(told["attributes"]),
        "at": told["at"].isoformat(),
    }
