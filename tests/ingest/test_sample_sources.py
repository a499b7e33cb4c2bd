"""Shipped connectors, with the streams that its cdi.yaml declares, read the sample company's till, its call centre and
its social media without a loss."""

import csv
import json
import sqlite3
from collections import Counter
from typing import Any

import pytest
from reading import context, read

from cdi.fields import Stream
from cdi.ingest.contract import Op
from cdi.ingest.registry import Registry, find_connectors
from cdi.settings import bundled, load_deployment

SAMPLE = bundled("sample_data")
SYSTEMS = load_deployment(SAMPLE / "cdi.yaml").sources
SOURCES = {name: system.config for name, system in SYSTEMS.items() if name != "webshop"}


@pytest.fixture(scope="module")
def registry() -> Registry:
    return find_connectors([bundled("connectors")])


def connector_of(registry: Registry, source: str) -> Any:
    return registry.get(SYSTEMS[source].connector, SOURCES[source])


def streams(registry: Registry) -> list[tuple[str, str, Stream]]:
    return [(name, s.name, s.kind) for name in SOURCES for s in connector_of(registry, name).streams()]


def canonical(registry: Registry, name: str, stream: str) -> dict[str, dict[str, Any]]:
    connector = connector_of(registry, name)
    reading = read(connector, SAMPLE, SOURCES[name], stream=stream)
    return {r.key: connector.map(stream, r.data, SOURCES[name]) for r in reading.records if r.op is Op.UPSERT}


def test_every_source_runs_on_a_shipped_connector(registry: Registry) -> None:
    assert registry.broken == {}
    assert [system.connector for system in SYSTEMS.values()] == ["sql", "shopware6", "csv_drop", "json_drop"]
    assert not (SAMPLE / "connectors").exists()


def test_every_record_of_every_stream_is_read_and_mapped(registry: Registry) -> None:
    for name, stream, kind in streams(registry):
        reading = read(connector_of(registry, name), SAMPLE, SOURCES[name], stream=stream)
        assert reading.records, (name, stream)
        assert reading.rejected == [], (name, stream)
        mapped = [connector_of(registry, name).map(stream, r.data, SOURCES[name]) for r in reading.records]
        assert all(mapped), (name, stream)
        if kind is Stream.TOUCHPOINT:
            assert all(m["customer_key"] or m["contact"] for m in mapped), (name, stream)


def test_every_check_is_good(registry: Registry) -> None:
    for name, config in SOURCES.items():
        assert [r for r in connector_of(registry, name).check(config, context(SAMPLE)) if not r.ok] == []


def test_the_keys_are_those_of_the_truth(registry: Registry) -> None:
    with (SAMPLE / "truth.csv").open(encoding="utf-8", newline="") as file:
        truth = {(row["source"], row["key"]) for row in csv.DictReader(file)}
    expected = {source: {key for s, key in truth if s == source} for source in ("shop", "callcentre", "social")}
    assert set(canonical(registry, "shop", "customers")) == expected["shop"]
    assert set(canonical(registry, "callcentre", "customers")) == expected["callcentre"]
    leads = set(canonical(registry, "social", "leads"))
    contacts = set(canonical(registry, "social", "contacts"))
    assert leads | contacts == expected["social"]
    assert not leads & contacts


def test_the_till_gives_what_its_table_holds(registry: Registry) -> None:
    with sqlite3.connect(f"file:{SAMPLE / 'data/shop/pos.sqlite'}?mode=ro", uri=True) as connection:
        connection.row_factory = sqlite3.Row
        rows = connection.execute("select * from customer where deleted = 0").fetchall()
        gone = connection.execute("select count(*) from customer where deleted = 1").fetchone()[0]
        receipts = connection.execute("select count(*) from receipt").fetchone()[0]
    found = canonical(registry, "shop", "customers")
    for row in rows:
        customer = found[str(row["customer_id"])]
        assert customer.get("name", {}).get("family_name") == row["last_name"]
        assert [phone["value"] for phone in customer.get("phones", [])] == list(
            dict.fromkeys(number for number in (row["phone"], row["mobile"]) if number)
        )
        assert customer.get("attributes", {}).get("segment") == row["club_level"]
        if row["birthday"]:
            day, month, year = row["birthday"].split(".")
            assert customer["birth_date"] == f"{year}-{month}-{day}"
    reading = read(connector_of(registry, "shop"), SAMPLE, SOURCES["shop"])
    assert Counter(record.op for record in reading.records)[Op.DELETE] == gone
    assert len(canonical(registry, "shop", "receipts")) == receipts


def test_a_later_export_of_the_call_centre_overrides_an_earlier_one(registry: Registry) -> None:
    reading = read(connector_of(registry, "callcentre"), SAMPLE, SOURCES["callcentre"])
    repeated = [key for key, count in Counter(reading.keys).items() if count > 1]
    assert repeated
    newest: dict[str, str] = {}
    for path in sorted((SAMPLE / "data/callcentre").glob("contacts-*.csv")):
        with path.open(encoding="cp1252", newline="") as file:
            newest |= {row["Kontaktnummer"]: row["Nachname"] for row in csv.DictReader(file, delimiter=";")}
    assert {record.key: record.data["Nachname"] for record in reading.records} == newest


def test_a_lead_gives_its_form_and_its_consents(registry: Registry) -> None:
    lines = (SAMPLE / "data/social/leads.jsonl").read_text(encoding="utf-8").splitlines()
    leads = canonical(registry, "social", "leads")
    consents = canonical(registry, "social", "lead_consents")
    for native in map(json.loads, lines):
        fields = {field["name"]: field["values"][0] for field in native["field_data"]}
        lead = leads[native["id"]]
        assert [mail["value"] for mail in lead.get("emails", [])] == ([fields["email"]] if "email" in fields else [])
        assert lead.get("name", {}).get("full") == fields.get("full_name")
        for response in native["custom_disclaimer_responses"]:
            consent = consents[f"{native['id']}/{response['checkbox_key']}"]
            assert consent["status"] == ("granted" if response["is_checked"] else "denied")


def test_a_message_belongs_to_the_person_not_to_the_page(registry: Registry) -> None:
    contacts = set(canonical(registry, "social", "contacts"))
    messages = canonical(registry, "social", "messages").values()
    assert {message["customer_key"] for message in messages} <= contacts
    assert {message["direction"] for message in messages} == {"inbound", "outbound"}


def test_the_second_reading_of_files_gives_nothing(registry: Registry) -> None:
    for name, stream, _ in streams(registry):
        connector = connector_of(registry, name)
        first = read(connector, SAMPLE, SOURCES[name], stream=stream)
        second = read(connector, SAMPLE, SOURCES[name], stream=stream, state=first.state)
        if "folder" in SOURCES[name]:
            assert second.records == []
        assert {r.key for r in second.records} <= {r.key for r in first.records}
