"""Which values a source said and the canonical record has not: placeholders ("unbekannt", 0000, test@test.de), and what
cannot be such a value. A value is left out when a record that says nothing else says nothing.
"""

from collections.abc import Iterator, Mapping
from typing import Any, Final, NamedTuple

from cdi.fields import ATTRIBUTES, CanonicalData, Shape
from cdi.normalise.canonical import Context, canonicalise
from cdi.normalise.shapes import block, blocks, text


class LeftOut(NamedTuple):
    """A value that was left out: the field (`phones`, `name.given_name`, `addresses.street`), and what was said."""

    field: str
    said: str


_WHOLE_NAME: Final = ("given_name", "family_name", "full")
_TELLING: Final = {
    "name": (*_WHOLE_NAME, "middle_name", "birth_name"),
    "organisation": ("name",),
    "addresses": ("street", "postal_code", "city"),
}
"""The parts that say something by themselves."""
_PLAIN: Final = {"name": "full", "organisation": "name", "addresses": "street"}
"""What a block said as a plain text is."""


def left_out(said: CanonicalData, kept: CanonicalData, context: Context) -> Iterator[LeftOut]:
    """The values of `said`, which a mapping made, that are not in `kept`, which `canonicalise` made of it. Whatever was
    kept, also in another place, is not asked about again."""
    for attribute, value in said.items():
        for field, alone in _missing(attribute, value, kept):
            told = _text_of(alone)
            if told and canonicalise({attribute: alone}, context).keys() <= {"kind"}:
                yield LeftOut(field, told)


def _missing(attribute: str, value: Any, kept: CanonicalData) -> Iterator[tuple[str, Any]]:
    """What of an attribute may have been left out: the field, and the attribute as it would be with nothing else."""
    if not value or attribute == "kind":
        return
    match ATTRIBUTES[attribute].shape:
        case Shape.VALUE:
            if attribute not in kept:
                yield attribute, value
        case Shape.MAPPING:
            there = kept.get(attribute, {})
            yield from ((f"{attribute}.{name}", {name: one}) for name, one in value.items() if name not in there)
        case Shape.BLOCK:
            yield from _missing_parts(attribute, value, kept)
        case Shape.BLOCKS:
            yield from _missing_items(attribute, value, kept)


def _missing_parts(attribute: str, value: Any, kept: CanonicalData) -> Iterator[tuple[str, Any]]:
    said, there = block(value, attribute, _parts_of(attribute), _PLAIN[attribute]), kept.get(attribute, {})
    if attribute == "name" and not ("organisation" in kept or any(part in there for part in _WHOLE_NAME)):
        whole = {part: said[part] for part in _WHOLE_NAME if said.get(part)}
        if len(whole) > 1:  # Max Mustermann: each by itself is a name
            yield attribute, whole
            return
    for part in _TELLING[attribute]:
        known = part in there or (part == "full" and any(name in there for name in _WHOLE_NAME))
        if said.get(part) and not known:
            yield f"{attribute}.{part}", {part: said[part]}


def _missing_items(attribute: str, value: Any, kept: CanonicalData) -> Iterator[tuple[str, Any]]:
    items, there = (
        blocks(value, attribute, _parts_of(attribute), _PLAIN.get(attribute, "value")),
        kept.get(attribute, ()),
    )
    if attribute not in _TELLING:
        if len(items) > len(there):
            yield from ((_field_of(attribute, item), [item]) for item in items)
        return
    for part in _TELLING[attribute]:
        saying = [item[part] for item in items if item.get(part)]
        if len(saying) > sum(part in item for item in there):
            yield from ((f"{attribute}.{part}", [{part: one}]) for one in saying)


def _parts_of(attribute: str) -> frozenset[str]:
    return frozenset(ATTRIBUTES[attribute].parts)


def _field_of(attribute: str, item: Mapping[str, Any]) -> str:
    return f"{attribute}.{item['type']}" if item.get("type") else attribute


def _text_of(alone: Any) -> str:
    """What was said, as one text; empty where nothing was."""
    if isinstance(alone, list):
        return " ".join(filter(None, map(_text_of, alone)))
    if isinstance(alone, dict):
        if "value" in alone:
            return _text_of(alone["value"])
        return " ".join(filter(None, map(_text_of, alone.values())))
    return text(alone, "value")
