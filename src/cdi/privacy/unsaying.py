"""One attribute is taken out of what a source said, whatever its mapping: a field of the record goes if the attribute
would be another one without it. Pure."""

from collections.abc import Callable, Iterator
from typing import Any, Final, TypeAlias

from cdi.fields import CanonicalData
from cdi.ingest.contract import Native

Read: TypeAlias = Callable[[Native], CanonicalData | None]
"""What a record means; None if it cannot be read."""
Path: TypeAlias = tuple[str | int, ...]
TELLING: Final = 4
"""A text of so many characters that stands in a second field is the same value said twice."""


def unsaid(native: Native, attribute: str, read: Read) -> Native:
    """The record without the fields that say this attribute, and without those that repeat their values.

    If the attribute cannot be separated from the rest nothing is left: to keep it would be worse.
    """
    left = native
    while said := _said(left, attribute, read):
        blamed = [
            path
            for places in _places(left)
            if (meant := read(_without(left, places))) is not None and meant.get(attribute) != said
            for path in places
        ]
        if not blamed:
            return {}
        left = _without(left, blamed)
    return left


def _places(native: Native) -> list[list[Path]]:
    """Where each value stands; a telling one may stand in several fields, and goes from all of them or from none."""
    places: dict[object, list[Path]] = {}
    for path, value in _leaves(native):
        text = str(value)
        telling = len(text) >= TELLING and not isinstance(value, bool)
        places.setdefault(text if telling else path, []).append(path)
    return list(places.values())


def _said(native: Native, attribute: str, read: Read) -> Any:
    meant = read(native)
    return meant.get(attribute) if meant else None


def _leaves(value: Any, path: Path = ()) -> Iterator[tuple[Path, Any]]:
    if isinstance(value, dict):
        for name, inner in value.items():
            yield from _leaves(inner, (*path, name))
    elif isinstance(value, list):
        for place, inner in enumerate(value):
            yield from _leaves(inner, (*path, place))
    elif value is not None:
        yield path, value


def _without(native: Native, paths: list[Path]) -> Native:
    return dict(_rebuilt(native, set(paths), ()))


def _rebuilt(value: Any, gone: set[Path], path: Path) -> Any:
    """A copy; of a list the places stay, so that paths do."""
    if isinstance(value, dict):
        return {name: _rebuilt(v, gone, (*path, name)) for name, v in value.items() if (*path, name) not in gone}
    if isinstance(value, list):
        return [None if (*path, n) in gone else _rebuilt(v, gone, (*path, n)) for n, v in enumerate(value)]
    return value
