"""A native record at the door: made storable, hashed, stripped of what must not be stored, and checked for what a
touchpoint or a consent must have. Pure functions."""

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any

import orjson

from cdi.errors import BadRecordError
from cdi.fields import CHANNELS, CONSENT_CHANNELS, CONSENT_STATES, TOUCHPOINT_TYPES, CanonicalData
from cdi.ingest.contract import Native
from cdi.store.records import Arrival


def content_hash(data: Native) -> bytes:
    """Equal exactly for equal content, whatever the order of its fields."""
    return hash_of(_as_json(data))


def hash_of(said: bytes) -> bytes:
    """The hash of a record's content as `as_stored` gives it."""
    return hashlib.blake2b(said, digest_size=16).digest()


def _as_json(data: Native) -> bytes:
    return orjson.dumps(data, option=orjson.OPT_SORT_KEYS)


def storable(data: Native) -> Native:
    """The record as PostgreSQL can hold it: without NUL characters and halves of characters, and with numbers
    beyond 64 bits as text. Almost every record is that already."""
    return as_stored(data)[0]


def as_stored(data: Native) -> tuple[Native, bytes]:
    """The record as it is stored (see `storable`), and the same as JSON, its fields in one order."""
    try:
        said = _as_json(data)
        if b"\\u0000" not in said:
            return data, said
    except TypeError:
        pass
    cleaned: Native = _cleaned(data)
    return cleaned, _as_json(cleaned)


def _cleaned(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {_cleaned(str(name)): _cleaned(inner) for name, inner in value.items()}
    if isinstance(value, list | tuple):
        return [_cleaned(inner) for inner in value]
    if isinstance(value, bool | float) or value is None:
        return value
    if isinstance(value, int) and abs(value) < 2**63:
        return value
    return str(value).replace("\0", "").encode("utf-8", "replace").decode("utf-8")


def rounds(arrivals: Sequence[Arrival]) -> Iterator[list[Arrival]]:
    """What arrives in rounds in which each key stands once; several of one key keep their order."""
    waiting = list(arrivals)
    while waiting:
        seen: set[tuple[str, str]] = set()
        later: list[Arrival] = []
        this_round: list[Arrival] = []
        for arrival in waiting:
            name = (arrival.stream, arrival.key)
            (later if name in seen else this_round).append(arrival)
            seen.add(name)
        yield this_round
        waiting = later


def without(data: Native, excluded: Sequence[str]) -> Native:
    """The record without excluded fields (dotted paths), which are dropped before anything is stored."""
    for path in excluded:
        head, _, rest = path.partition(".")
        if head not in data:
            continue
        inner = data[head]
        kept = {key: value for key, value in data.items() if key != head}
        data = kept | {head: without(inner, [rest])} if rest and isinstance(inner, dict) else kept
    return data


def checked_touchpoint(mapped: CanonicalData) -> CanonicalData:
    """A touchpoint with all that it must have; BadRecordError names the field that is wrong."""
    _one_of(mapped, "type", TOUCHPOINT_TYPES)
    _one_of(mapped, "channel", CHANNELS)
    moment(mapped, "at", required=True)
    return mapped


def checked_consent(mapped: CanonicalData) -> CanonicalData:
    """A consent with all that it must have; BadRecordError names the field that is wrong."""
    _one_of(mapped, "status", CONSENT_STATES)
    if not mapped.get("purpose"):
        raise BadRecordError("a consent has no purpose", remedy="Map it in the connector")
    mapped = mapped | {"channel": mapped.get("channel") or "any"}
    _one_of(mapped, "channel", CONSENT_CHANNELS)
    moment(mapped, "at", required=False)
    return mapped


def _one_of(mapped: CanonicalData, name: str, allowed: Sequence[str]) -> None:
    if mapped.get(name) not in allowed:
        raise BadRecordError(f"{name} is none of {', '.join(allowed)}", remedy="Correct the connector's mapping")


def moment(mapped: CanonicalData, name: str, *, required: bool) -> datetime | None:
    """A time with its offset, as ISO 8601; BadRecordError names the field."""
    value = mapped.get(name)
    if value is None and not required:
        return None
    try:
        parsed = datetime.fromisoformat(str(value))
    except ValueError:
        raise BadRecordError(f"{name} is not a time", remedy="Map it with ts(format, zone)") from None
    if parsed.tzinfo is None:
        raise BadRecordError(f"{name} has no time zone", remedy="Map it with ts(format, zone)")
    return parsed
