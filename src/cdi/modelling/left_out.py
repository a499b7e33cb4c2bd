"""Values that were left out when records were understood: placeholders, and what cannot be such a value. They are kept
nowhere. A study finds them again in what the sources said, and notes how many records hold each and where one stands,
never the value.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Final

from sqlalchemy import Connection

from cdi.access import Visibility, mask
from cdi.errors import BadRecordError, ConfigurationError
from cdi.fields import ATTRIBUTES
from cdi.modelling.trial import Progress
from cdi.normalise.left_out import LeftOut, left_out
from cdi.normalise.text import fold
from cdi.pipeline import Installation
from cdi.pipeline.landing import MapRecord, arriving_of, is_bare_contact
from cdi.settings import PUSH
from cdi.store import meanings
from cdi.store.meanings import Said

AT_ONCE: Final = 5_000


@dataclass(slots=True)
class Carriers:
    """Records of one source that hold a value that was left out: how many, and where it stands in one of them: the
    version, and its place among what was left out of that."""

    records: int
    version_id: int
    place: int


def count_left_out(installation: Installation, record_ids: Sequence[int], shown: int, say: Progress) -> dict[str, Any]:
    """Among these records (ascending): how many different values were left out, and the `shown` ones of most records,
    each with its field and its carriers by source."""
    reading = _Reading(installation)
    found: dict[tuple[str, str], dict[str, Carriers]] = {}
    for start in range(0, len(record_ids), AT_ONCE):
        say("look", start, len(record_ids))
        first, last = record_ids[start], record_ids[min(start + AT_ONCE, len(record_ids)) - 1]
        with installation.database.unit_of_work() as connection:
            page = meanings.load_said_between(connection, first, last)
        for said in page:
            for place, one in _firsts(reading.left_out_of(said)):
                carriers = found.setdefault((one.field, fold(one.said)), {})
                counted = carriers.setdefault(said.source, Carriers(0, said.version_id, place))
                counted.records += 1
    ranked = sorted(found.items(), key=lambda item: (-sum(c.records for c in item[1].values()), item[0]))
    told = [
        {"field": field, "sources": {name: asdict(one) for name, one in sorted(carriers.items())}}
        for (field, _), carriers in ranked[:shown]
    ]
    return {"count": len(found), "values": told}


def _firsts(found: Sequence[LeftOut]) -> Iterator[tuple[int, LeftOut]]:
    """Each value once, however often a record says it, with its place."""
    seen: set[tuple[str, str]] = set()
    for place, one in enumerate(found):
        if (name := (one.field, fold(one.said))) not in seen:
            seen.add(name)
            yield place, one


def left_out_values(
    connection: Connection, installation: Installation, visibility: Visibility, found: Mapping[str, Any]
) -> Iterator[dict[str, Any]]:
    """The values that a study found left out, as they stand in a record that still says them: `field`, `value`,
    `records`, `sources` (how many of each that may be seen). Masked for who may not see the field's group; one that no
    longer stands there, or stands only where the caller may not look, is left out."""
    reading = _Reading(installation)
    seen = [
        (one["field"], {name: c for name, c in one["sources"].items() if name not in visibility.hidden_sources})
        for one in found["values"]
    ]
    said = meanings.load_said(connection, [c["version_id"] for _, sources in seen for c in sources.values()])
    for field, sources in seen:
        value = next(filter(None, (_stands(reading, said, field, carriers) for carriers in sources.values())), None)
        if value is not None:
            group = ATTRIBUTES[field.partition(".")[0]].group
            yield {
                "field": field,
                "value": value if group is None or group in visibility.groups else mask(value),
                "records": sum(carriers["records"] for carriers in sources.values()),
                "sources": dict(
                    sorted(((n, c["records"]) for n, c in sources.items()), key=lambda one: (-one[1], one[0]))
                ),
            }


def _stands(reading: "_Reading", said: Mapping[int, Said], field: str, carriers: Mapping[str, int]) -> str | None:
    version = said.get(carriers["version_id"])
    found = reading.left_out_of(version) if version is not None else []
    one = found[carriers["place"]] if carriers["place"] < len(found) else None
    return one.said if one is not None and one.field == field else None


class _Reading:
    """Understands what sources said, once more."""

    def __init__(self, installation: Installation) -> None:
        self._installation = installation
        self._mappings: dict[str, MapRecord | None] = {}

    def left_out_of(self, said: Said) -> list[LeftOut]:
        """What was left out of this version; nothing where it cannot be told any more."""
        if is_bare_contact(said.stream, said.key):
            return []  # made of what was understood already
        if said.source not in self._mappings:
            self._mappings[said.source] = self._mapping_of(said.source)
        map_record = self._mappings[said.source]
        if map_record is None:
            return []
        try:
            mapped = map_record(said.stream, said.native)
            return list(left_out(mapped, said.canonical, self._installation.context(said.source)))
        except BadRecordError:
            return []

    def _mapping_of(self, source: str) -> Callable[[str, Any], Any] | None:
        try:
            pushed = self._installation.source(source).connector == PUSH
            return (lambda _, data: data) if pushed else arriving_of(self._installation, source).map_record
        except ConfigurationError:  # it is not in cdi.yaml any more, or not as it must be
            return None
