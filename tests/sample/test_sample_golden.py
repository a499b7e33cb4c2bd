"""The truth of the sample company survives under its own rules: whoever finds the right records, through the real
connectors and the survivorship rules of `cdi.yaml`, finds the true values too."""

import csv
from collections import defaultdict
from pathlib import Path

import pytest

from cdi import sample
from cdi.clock import utc_now
from cdi.fields import Stream
from cdi.ingest.contract import Op, ReadContext, Record
from cdi.ingest.registry import find_connectors
from cdi.normalise.record import Context, canonicalise
from cdi.resolution.golden import GoldenRecord, build_golden
from cdi.resolution.survivorship import RecordFacts, SurvivorshipRules
from cdi.settings import Environment, Settings, bundled, load_deployment, resolve_secrets

COMPARED = {
    "kind": {"kind": "kind"},
    "name": {"name.given_name": "given_name", "name.family_name": "family_name"},
    "organisation": {"organisation.name": "organisation"},
    "birth date": {"birth_date": "birth_date"},
    "e-mail": {"emails.value": "email"},
    "phone": {"phones.value": "phone"},
    "address": {f"addresses.{part}": part for part in ("street", "house_number", "postal_code", "city")},
}


@pytest.fixture(scope="module")
def records(sample_folder) -> dict[str, list[RecordFacts]]:
    """By true customer, the records that the four connectors read."""
    with (sample_folder / "truth.csv").open(encoding="utf-8", newline="") as file:
        entity = {(row["source"], row["key"]): row["entity_id"] for row in csv.DictReader(file)}
    found: dict[str, list[RecordFacts]] = defaultdict(list)
    patch = pytest.MonkeyPatch()
    patch.delenv(sample.WEBSHOP_URL, raising=False)
    settings = Settings(sample_folder, load_deployment(sample_folder / "cdi.yaml"), Environment())
    with sample.running(settings):
        for number, (name, record, canonical) in enumerate(_read(settings)):
            source = settings.deployment.sources[name]
            facts = RecordFacts(
                number, name, record.key, record.source_time, source.trust, source.data_owner, canonical, record.stream
            )
            found[entity.pop((name, record.key))].append(facts)
    patch.undo()
    assert not entity, "records of the truth that no connector reads"
    return found


def _read(settings: Settings):
    connectors = find_connectors([bundled("connectors"), settings.folder / "connectors"])
    for name, source in settings.deployment.sources.items():
        config = resolve_secrets(source.config, settings.folder)
        connector = connectors.get(source.connector, config)
        for info in connector.streams():
            if info.kind is not Stream.CUSTOMER:
                continue
            context = ReadContext(settings.folder, utc_now(), name)
            events = connector.read(config, info.name, None, context)
            latest = {event.key: event for event in events if isinstance(event, Record)}
            for record in latest.values():
                if record.op is Op.UPSERT:
                    yield name, record, canonicalise(connector.map(info.name, record.data, config), Context())


@pytest.fixture(scope="module")
def golden(records, sample_folder) -> dict[str, GoldenRecord]:
    said = load_deployment(sample_folder / "cdi.yaml").survivorship
    rules = SurvivorshipRules(said.default, said.attributes)
    return {entity: build_golden(facts, rules) for entity, facts in records.items()}


def truth(folder: Path) -> list[dict[str, str]]:
    with (folder / "truth_golden.csv").open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


@pytest.mark.parametrize("what", COMPARED)
def test_the_true_value_survives(golden, sample_folder, what):
    columns = COMPARED[what]
    known = [row for row in truth(sample_folder) if any(row[column] for column in columns.values())]
    right = sum(
        all(
            (golden[row["entity_id"]].value(path) or "") == row[column]
            for path, column in columns.items()
            if row[column]
        )
        for row in known
    )
    assert len(known) > 50
    assert right >= 0.97 * len(known), f"{right} of {len(known)}"


def test_the_truth_is_silent_where_no_record_speaks(golden, sample_folder):
    for row in truth(sample_folder):
        for path, column in (("birth_date", "birth_date"), ("emails.value", "email"), ("addresses.street", "street")):
            assert row[column] or golden[row["entity_id"]].value(path) is None, row["entity_id"]


def test_survivorship_has_something_to_decide(records):
    """The sources contradict each other often enough for a wrong rule to show."""
    together = [facts for facts in records.values() if len(facts) > 1]
    for attribute, part in (("name", "family_name"), ("addresses", "street"), ("emails", "value")):
        contradicting = sum(
            len({str(_said(f.canonical.get(attribute), part)) for f in facts} - {""}) > 1 for facts in together
        )
        assert contradicting > 0.05 * len(together), attribute


def _said(value: object, part: str) -> object:
    block = value[0] if isinstance(value, list) and value else value
    return block.get(part, "") if isinstance(block, dict) else ""


def test_owners_disagree_about_as_many_customers_as_the_generator_says(golden, sample_folder):
    with (sample_folder / "truth_conflicts.csv").open(encoding="utf-8", newline="") as file:
        listed = {row["entity_id"] for row in csv.DictReader(file)}
    rules = load_deployment(sample_folder / "cdi.yaml").ownership
    claimed = {
        entity
        for entity, values in golden.items()
        if len({r.owner for r in rules if r.attribute and values.value(r.attribute) == r.equals}) > 1
    }
    assert claimed == listed
