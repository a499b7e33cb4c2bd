"""The main job on the sample company: four sources in, one golden record a customer out."""

import csv
import sqlite3
from datetime import datetime
from pathlib import Path

import pytest
from domain import assert_consistent, count, documents, feed_of
from naive_golden import naive_golden
from sqlalchemy import text

from cdi import deployment, modelling, sample, sources
from cdi.pipeline import Installation, resolve
from cdi.pipeline.publishing import record_facts
from cdi.store import profiles, records


@pytest.fixture
def again(handelshaus: Installation) -> Installation:
    """The sample company, with everything run a second time."""
    with sample.running(handelshaus.settings):
        synced = sources.sync_sources(handelshaus)
    assert not synced.errors
    assert all(counts.versions == 0 and counts.rejected == 0 for counts in synced.counts.values())
    assert sum(counts.unchanged for counts in synced.counts.values()) > 0
    resolved = resolve(handelshaus)
    assert (resolved.records, resolved.profiles_written, resolved.events) == (0, 0, 0)
    return handelshaus


def test_four_sources_become_about_two_thousand_customers(handelshaus: Installation) -> None:
    summary = deployment.status(handelshaus)
    assert [s["name"] for s in summary["sources"]] == ["shop", "webshop", "callcentre", "social"]
    assert all(s["records"] > 500 and s["rejected"] == 0 for s in summary["sources"])
    assert 1_800 < summary["profiles"] < 2_400
    assert summary["waiting"] == 0
    assert_consistent(handelshaus)


def test_profiles_and_golden_values_are_right(handelshaus: Installation) -> None:
    with handelshaus.database.unit_of_work() as connection:
        report = modelling.evaluate(connection, handelshaus.folder / "truth.csv")
    assert report["missing_records"] == 0
    assert report["pairwise"]["f1"] >= 0.90
    assert report["pairwise"]["precision"] >= 0.97
    for attribute in ("name", "birth_date", "email", "address"):
        assert report["golden"][attribute]["right"] >= 0.95, attribute


def test_owner_conflicts_are_those_that_the_company_has(handelshaus: Installation) -> None:
    with (handelshaus.folder / "truth_conflicts.csv").open(encoding="utf-8") as file:
        expected = {row["entity_id"] for row in csv.DictReader(file)}
    truth = modelling.read_truth(handelshaus.folder / "truth.csv")
    with handelshaus.database.unit_of_work() as connection:
        entity_of = {p: truth.get((s, k)) for s, k, p in profiles.all_memberships(connection) if (s, k) in truth}
        rows = connection.execute(text("select profile_id from conflict where kind = 'owner' and status = 'open'"))
        found = [entity_of[row.profile_id] for row in rows]
    assert len(expected) >= 20
    assert sorted(found) == sorted(expected)


def test_a_second_run_changes_nothing(again: Installation) -> None:
    assert_consistent(again)


def test_every_golden_value_has_its_provenance_and_is_what_the_rules_say(handelshaus: Installation) -> None:
    survivorship = handelshaus.rules.survivorship
    with handelshaus.database.unit_of_work() as connection:
        ids = records.live_customer_ids(connection)
        current = records.load_current(connection, ids)
        members = profiles.load_members(connection, list(set(profiles.load_memberships(connection, ids).values())))
    owner_of = {name: system.data_owner for name, system in handelshaus.deployment.sources.items()}
    for document in documents(handelshaus):
        facts = [
            record_facts(handelshaus, current[record])
            for profile, inside in members.items()
            if str(profile) == document["id"]
            for record in inside
        ]
        expected = naive_golden(facts, survivorship)
        shown = dict(entries(document["golden"]))
        assert {name: entry["value"] for name, entry in shown.items()} == {
            name: entry["value"] for name, entry in entries(expected)
        }
        for name, entry in shown.items():
            assert entry["rule"], name
            assert entry["data_owner"] == owner_of[entry["source"]], name
            assert datetime.fromisoformat(entry["observed_at"]).tzinfo is not None, name
            assert any(r.source == entry["source"] and r.key == entry["key"] for r in facts), name


def entries(golden: dict) -> list[tuple[str, dict]]:
    found = []
    for name, entry in golden.items():
        if "value" in entry:
            found.append((name, entry))
        else:
            found += [(f"{name}.{inner}", value) for inner, value in entry.items()]
    return found


def test_a_full_run_comes_to_the_same_end(handelshaus: Installation) -> None:
    before = documents(handelshaus)
    resolved = resolve(handelshaus, full=True)
    assert resolved.events == 0
    assert documents(handelshaus) == before


def test_touchpoints_and_consents_find_their_customer(handelshaus: Installation) -> None:
    assert count(handelshaus, "touchpoint") > 1_000
    assert count(handelshaus, "consent") > 500
    with sqlite3.connect(handelshaus.folder / "data/shop/pos.sqlite") as shop:
        deleted = {str(key) for (key,) in shop.execute("select customer_id from customer where deleted = 1")}
    with handelshaus.database.unit_of_work() as connection:
        lost = connection.execute(
            text(
                "select t.source, t.customer_key from touchpoint t where not exists (select from record r"
                " where r.source = t.source and r.key = t.customer_key and r.kind = 'customer' and r.live)"
            )
        ).all()
    assert {row.source for row in lost} <= {"shop"}
    assert {row.customer_key for row in lost} <= deleted


def test_the_feed_tells_of_every_profile_once(handelshaus: Installation) -> None:
    told = feed_of(handelshaus)
    created = [profile for kind, profile in told if kind == "created"]
    assert len(created) == len(set(created))
    alive = {document["id"] for document in documents(handelshaus)}
    assert alive <= {str(profile) for profile in created}


def test_a_new_deployment_folder_is_never_written_over(tmp_path: Path) -> None:
    deployment.create_folder(tmp_path / "x")
    with pytest.raises(Exception, match="is a deployment already"):
        deployment.create_folder(tmp_path / "x")
