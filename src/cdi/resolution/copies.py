"""An application that read a profile and sends it back says nothing new: what equals the profile is no evidence and
no provenance of its own."""

from collections.abc import Iterator, Mapping
from typing import Any

from cdi.fields import ATTRIBUTES, CanonicalData, Shape
from cdi.resolution.values import attribute_at, identity


def news_of_copy(copy: CanonicalData, golden: Mapping[str, Any]) -> CanonicalData:
    """What a copy says that the golden record of its profile (and its alternatives) does not."""
    news: CanonicalData = {}
    for name, said in copy.items():
        attribute = ATTRIBUTES.get(name)
        if attribute is None or name == "kind":
            continue
        entry = golden.get(name) or {}
        if attribute.shape is Shape.MAPPING:
            own = {k: v for k, v in said.items() if not _known(f"{name}.{k}", v, entry.get(k) or {})}
            news |= {name: own} if own else {}
        elif attribute.shape is Shape.BLOCKS:
            own_blocks = [block for block in said if not _known(name, block, entry)]
            news |= {name: own_blocks} if own_blocks else {}
        elif not _known(name, said, entry):
            news[name] = said
    return news


def _known(path: str, value: Any, entry: Mapping[str, Any]) -> bool:
    attribute = attribute_at(path)
    said = identity(attribute, value)
    return any(identity(attribute, other) == said for other in _values(entry))


def _values(entry: Mapping[str, Any]) -> Iterator[Any]:
    if "value" in entry:
        yield entry["value"]
        yield from (other["value"] for other in entry["alternatives"])
