"""A golden record is a pure function of its records, the rules and the live pins; each value says where it
comes from and who answers for it. Building it again, in any order, after any merge and un-merge, gives the
same.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Final, TypeAlias

from cdi.fields import ATTRIBUTES, Attribute, Shape
from cdi.resolution.survivorship import ONLY_VALUE, PINNED, Claim, Pin, RecordFacts, SurvivorshipRules, TieOrder, rank
from cdi.resolution.values import CUSTOM, Identity, attribute_at, identity, is_substantial, tidy

Entry: TypeAlias = dict[str, Any]
"""One golden value, ready for JSON: value, source, key, observed_at, rule, data_owner, sources, alternatives.
"""

Witnesses: TypeAlias = Mapping[int, Entry]
"""Record id → where it comes from: source, key, observed_at, data_owner."""

STEWARD: Final = "steward"
"""The `source` of a pinned value; its `key` is the steward who pinned it."""


@dataclass(frozen=True, slots=True)
class GoldenRecord:
    """The surviving values of one customer: attribute → entry; custom ones under `attributes`, by name."""

    attributes: dict[str, Entry] = field(default_factory=dict)

    def entry(self, path: str) -> Entry | None:
        """The entry of an attribute, `attributes.<name>` for a custom one."""
        head, _, custom = path.partition(".")
        found = self.attributes.get(head)
        return found.get(custom) if found and head == CUSTOM else found

    def value(self, path: str) -> Any:
        """The golden value under a path, None where there is none: `kind`, `addresses.country`,
        `attributes.segment`."""
        if path.startswith(f"{CUSTOM}."):
            entry = self.entry(path)
            return entry and entry["value"]
        head, _, part = path.partition(".")
        entry = self.attributes.get(head)
        value = entry and entry.get("value")
        if not part:
            return value
        return value.get(part) if isinstance(value, Mapping) else None

    def entries(self) -> Iterable[tuple[str, Entry]]:
        """All entries with their paths."""
        for name, entry in self.attributes.items():
            if name == CUSTOM:
                yield from ((f"{CUSTOM}.{custom}", inner) for custom, inner in entry.items())
            else:
                yield name, entry


def build_golden(records: Sequence[RecordFacts], rules: SurvivorshipRules, pins: Iterable[Pin] = ()) -> GoldenRecord:
    """The golden record of a profile's live records. Pins anchored to other records have no effect here."""
    ordered = sorted(records, key=TieOrder.of)
    witnesses = {record.record_id: _witness(record) for record in ordered}
    pinned = standing_pins(pin for pin in pins if pin.record_id in witnesses)
    attributes: dict[str, Entry] = {}
    said = frozenset().union(*(record.canonical for record in records))
    for attribute in ATTRIBUTES.values():
        if not pinned and attribute.name not in said:
            continue
        if attribute.shape is Shape.MAPPING:
            entry: Entry | None = _custom_entries(ordered, witnesses, rules, pinned)
        else:
            entry = _entry(attribute, ordered, witnesses, rules, pinned.get(attribute.name))
        if entry:
            attributes[attribute.name] = entry
    return GoldenRecord(attributes)


def standing_pins(pins: Iterable[Pin]) -> dict[str, Pin]:
    """By attribute the pin that holds: of several the newest, then by author and record."""
    ordered = sorted(pins, key=lambda pin: (pin.at, pin.author, pin.record_id))
    return {pin.attribute: pin for pin in ordered}


def changed_attributes(before: GoldenRecord, after: GoldenRecord) -> tuple[str, ...]:
    """Paths of attributes whose value or other live values differ; provenance alone is no change."""
    old, new = dict(before.entries()), dict(after.entries())
    return tuple(sorted(path for path in old.keys() | new.keys() if _told(old.get(path)) != _told(new.get(path))))


def _told(entry: Entry | None) -> list[Any]:
    return [] if entry is None else [entry["value"], *(other["value"] for other in entry["alternatives"])]


def _custom_entries(
    records: Sequence[RecordFacts],
    witnesses: Witnesses,
    rules: SurvivorshipRules,
    pinned: Mapping[str, Pin],
) -> Entry:
    paths = {f"{CUSTOM}.{name}" for record in records for name in record.canonical.get(CUSTOM) or ()}
    paths |= {path for path in pinned if path.startswith(f"{CUSTOM}.")}
    entries = {path: _entry(attribute_at(path), records, witnesses, rules, pinned.get(path)) for path in sorted(paths)}
    return {path.removeprefix(f"{CUSTOM}."): entry for path, entry in entries.items() if entry}


def _entry(
    attribute: Attribute,
    records: Sequence[RecordFacts],
    witnesses: Witnesses,
    rules: SurvivorshipRules,
    pin: Pin | None,
) -> Entry | None:
    said = list(_said(attribute, records))
    if pin is None and len(said) < 2:
        return _lone_entry(*said[0], witnesses) if said else None
    claims = _claims(attribute, said)
    if not claims:
        return _pinned_entry(attribute, pin, witnesses, {}) if pin else None
    ranked, rule = rank(attribute, claims, rules.of(attribute.name))
    holders: dict[Identity, list[Claim]] = {}
    for claim in ranked:
        holders.setdefault(claim.identity, []).append(claim)
    if pin:
        return _pinned_entry(attribute, pin, witnesses, holders)
    preferred, *others = holders.values()
    return {
        "value": preferred[0].value,
        **witnesses[preferred[0].record.record_id],
        "rule": rule,
        "sources": _sources(preferred, witnesses),
        "alternatives": [_alternative(held, witnesses) for held in others],
    }


def _lone_entry(record: RecordFacts, value: Any, witnesses: Witnesses) -> Entry:
    """Most attributes of most profiles: nobody else says anything."""
    witness = witnesses[record.record_id]
    return {"value": value, **witness, "rule": ONLY_VALUE, "sources": [dict(witness)], "alternatives": []}


def _pinned_entry(
    attribute: Attribute, pin: Pin, witnesses: Witnesses, holders: Mapping[Identity, Sequence[Claim]]
) -> Entry:
    same = identity(attribute, pin.value)
    return {
        "value": pin.value,
        "source": STEWARD,
        "key": pin.author,
        "observed_at": _iso(pin.at),
        "data_owner": witnesses[pin.record_id]["data_owner"],
        "rule": PINNED,
        "pinned": {
            "author": pin.author,
            "reason": pin.reason,
            "at": _iso(pin.at),
            "until": pin.until and _iso(pin.until),
        },
        "sources": _sources(holders.get(same, ()), witnesses),
        "alternatives": [_alternative(held, witnesses) for other, held in holders.items() if other != same],
    }


def _claims(attribute: Attribute, said: Iterable[tuple[RecordFacts, Any]]) -> list[Claim]:
    """What counts of what the records say: a repeated value once a record, no stubs where somebody says more,
    and not the echo of copies where somebody else says it."""
    first: dict[tuple[int, Identity], Claim] = {}
    for record, value in said:
        same = identity(attribute, value)
        first.setdefault((record.record_id, same), Claim(record, value, same))
    claims = list(first.values())
    claims = [claim for claim in claims if is_substantial(attribute, claim.value)] or claims
    originals = {claim.identity for claim in claims if claim.record.derived_from is None}
    return [claim for claim in claims if claim.record.derived_from is None or claim.identity not in originals]


def _said(attribute: Attribute, records: Iterable[RecordFacts]) -> Iterator[tuple[RecordFacts, Any]]:
    """Each record's values, in its own order."""
    for record in records:
        for raw in _values(record, attribute):
            value = tidy(attribute, raw)
            if value is not None:
                yield record, value


def _values(record: RecordFacts, attribute: Attribute) -> Sequence[Any]:
    if attribute.name.startswith(CUSTOM):
        return ((record.canonical.get(CUSTOM) or {}).get(attribute.name.removeprefix(f"{CUSTOM}.")),)
    value = record.canonical.get(attribute.name)
    return (value or ()) if attribute.shape is Shape.BLOCKS else (value,)


def _alternative(held: Sequence[Claim], witnesses: Witnesses) -> Entry:
    best = held[0]
    return {"value": best.value, **witnesses[best.record.record_id], "sources": _sources(held, witnesses)}


def _sources(held: Iterable[Claim], witnesses: Witnesses) -> list[Entry]:
    return [dict(witnesses[claim.record.record_id]) for claim in held]


def _witness(record: RecordFacts) -> Entry:
    """Where a value comes from; the stream only where it is not the one of customers."""
    witness = {
        "source": record.source,
        "key": record.key,
        "observed_at": _iso(record.observed_at),
        "data_owner": record.data_owner,
    }
    return witness if record.stream == "customers" else witness | {"stream": record.stream}


def _iso(moment: datetime) -> str:
    return moment.astimezone(UTC).isoformat()
