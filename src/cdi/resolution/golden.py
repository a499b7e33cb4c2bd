"""A golden record is a pure function of its records, the rules and the live pins; each value says where it
comes from and who answers for it. Building it again, in any order, after any merge and un-merge, gives the
same.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Final, TypeAlias

from cdi.fields import ATTRIBUTES, Attribute, Shape
from cdi.resolution.survivorship import PINNED, Claim, Pin, RecordFacts, SurvivorshipRules, rank
from cdi.resolution.values import CUSTOM, Identity, attribute_at, identity, is_substantial, tidy

Entry: TypeAlias = dict[str, Any]
"""One golden value, ready for JSON: value, source, key, observed_at, rule, data_owner, sources, alternatives.
"""

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
    by_id = {record.record_id: record for record in records}
    pinned = standing_pins(pin for pin in pins if pin.record_id in by_id)
    attributes: dict[str, Entry] = {}
    for attribute in ATTRIBUTES.values():
        if attribute.shape is Shape.MAPPING:
            entry: Entry | None = _custom_entries(records, by_id, rules, pinned)
        else:
            entry = _entry(attribute, records, by_id, rules, pinned.get(attribute.name))
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
    return tuple(sorted(path for path in old.keys() | new.keys() if _said(old.get(path)) != _said(new.get(path))))


def _said(entry: Entry | None) -> list[Any]:
    return [] if entry is None else [entry["value"], *(other["value"] for other in entry["alternatives"])]


def _custom_entries(
    records: Sequence[RecordFacts],
    by_id: Mapping[int, RecordFacts],
    rules: SurvivorshipRules,
    pinned: Mapping[str, Pin],
) -> Entry:
    paths = {f"{CUSTOM}.{name}" for record in records for name in record.canonical.get(CUSTOM) or ()}
    paths |= {path for path in pinned if path.startswith(f"{CUSTOM}.")}
    entries = {path: _entry(attribute_at(path), records, by_id, rules, pinned.get(path)) for path in sorted(paths)}
    return {path.removeprefix(f"{CUSTOM}."): entry for path, entry in entries.items() if entry}


def _entry(
    attribute: Attribute,
    records: Sequence[RecordFacts],
    by_id: Mapping[int, RecordFacts],
    rules: SurvivorshipRules,
    pin: Pin | None,
) -> Entry | None:
    claims = _claims(attribute, records)
    if not claims:
        return _pinned_entry(attribute, pin, by_id, {}) if pin else None
    ranked, rule = rank(attribute, claims, rules.of(attribute.name))
    holders: dict[Identity, list[Claim]] = {}
    for claim in ranked:
        holders.setdefault(claim.identity, []).append(claim)
    if pin:
        return _pinned_entry(attribute, pin, by_id, holders)
    preferred, *others = holders.values()
    entry = _provenance(preferred[0])
    return entry | {
        "rule": rule,
        "sources": [_witness(claim) for claim in preferred],
        "alternatives": [_alternative(held) for held in others],
    }


def _pinned_entry(
    attribute: Attribute, pin: Pin, by_id: Mapping[int, RecordFacts], holders: Mapping[Identity, list[Claim]]
) -> Entry:
    same = identity(attribute, pin.value)
    return {
        "value": pin.value,
        "source": STEWARD,
        "key": pin.author,
        "observed_at": _iso(pin.at),
        "data_owner": by_id[pin.record_id].data_owner,
        "rule": PINNED,
        "pinned": {
            "author": pin.author,
            "reason": pin.reason,
            "at": _iso(pin.at),
            "until": pin.until and _iso(pin.until),
        },
        "sources": [_witness(claim) for claim in holders.get(same, ())],
        "alternatives": [_alternative(held) for other, held in holders.items() if other != same],
    }


def _claims(attribute: Attribute, records: Sequence[RecordFacts]) -> list[Claim]:
    """What the records say of an attribute, without stubs where somebody says more, and without the echo of
    copies where somebody else says it."""
    claims = [claim for record in records for claim in _said_by(record, attribute)]
    if len(claims) < 2:
        return claims
    claims = [claim for claim in claims if is_substantial(attribute, claim.value)] or claims
    originals = {claim.identity for claim in claims if claim.record.derived_from is None}
    return [claim for claim in claims if claim.record.derived_from is None or claim.identity not in originals]


def _said_by(record: RecordFacts, attribute: Attribute) -> Iterable[Claim]:
    said = _values(record, attribute)
    found: dict[Identity, Claim] = {}
    for position, raw in enumerate(said):
        value = tidy(attribute, raw)
        if value is not None:
            same = identity(attribute, value)
            found.setdefault(same, Claim(record, value, same, position))
    return found.values()


def _values(record: RecordFacts, attribute: Attribute) -> Sequence[Any]:
    head, _, custom = attribute.name.partition(".")
    value = record.canonical.get(head)
    if not value:
        return ()
    if custom:
        return (value.get(custom),)
    return value if attribute.shape is Shape.BLOCKS else (value,)


def _alternative(held: Sequence[Claim]) -> Entry:
    return _provenance(held[0]) | {"sources": [_witness(claim) for claim in held]}


def _provenance(claim: Claim) -> Entry:
    return {"value": claim.value} | _witness(claim)


def _witness(claim: Claim) -> Entry:
    record = claim.record
    witness = {
        "source": record.source,
        "key": record.key,
        "observed_at": _iso(record.observed_at),
        "data_owner": record.data_owner,
    }
    return witness if record.stream == "customers" else witness | {"stream": record.stream}


def _iso(moment: datetime) -> str:
    return moment.astimezone(UTC).isoformat()
