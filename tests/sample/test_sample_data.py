"""The sample company is what its generator makes, has the promised size, and is not easy."""

import csv
import sqlite3
from collections import Counter
from pathlib import Path

import pytest

from cdi.settings import load_deployment

generator = pytest.importorskip(
    "sample_data.generator.company", reason="the generator runs from a checkout: python -m pytest in its root"
)
plain_matcher = pytest.importorskip("sample_data.generator.plain_matcher")


@pytest.fixture(scope="module")
def made(tmp_path_factory) -> Path:
    """The company, made anew from its seed."""
    folder = tmp_path_factory.mktemp("company")
    generator.generate(folder, generator.SEED)
    return folder


def contents(folder: Path) -> dict[str, bytes | list[str]]:
    """Every file by name; a database as the statements that make it, for its bytes tell the version of SQLite."""
    files = [path for part in ("data", "truth*.csv") for path in folder.glob(part)]
    files += [path for path in folder.glob("data/**/*") if path.is_file()]
    return {str(p.relative_to(folder)): _content(p) for p in files if p.is_file()}


def _content(path: Path) -> bytes | list[str]:
    if path.suffix != ".sqlite":
        return path.read_bytes()
    database = sqlite3.connect(f"file:{path}?mode=ro", uri=True)
    try:
        return list(database.iterdump())
    finally:
        database.close()


def rows(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def test_the_same_seed_makes_the_same_bytes(made, tmp_path):
    generator.generate(tmp_path, generator.SEED)
    mine = {p.relative_to(made): p.read_bytes() for p in made.rglob("*") if p.is_file()}
    theirs = {p.relative_to(tmp_path): p.read_bytes() for p in tmp_path.rglob("*") if p.is_file()}
    assert mine == theirs


def test_another_seed_makes_another_company(made, tmp_path):
    generator.generate(tmp_path, generator.SEED + 1)
    assert (made / "truth.csv").read_bytes() != (tmp_path / "truth.csv").read_bytes()


def test_what_is_shipped_is_what_the_generator_makes(made, sample_folder):
    shipped, fresh = contents(sample_folder), contents(made)
    assert shipped.keys() == fresh.keys()
    assert [name for name in fresh if shipped[name] != fresh[name]] == []


def test_it_has_the_promised_size(made):
    truth = rows(made / "truth.csv")
    assert 4_000 <= len(truth) <= 5_000
    assert 1_900 <= len({row["entity_id"] for row in truth}) <= 2_100
    assert {row["source"] for row in truth} == {"shop", "webshop", "callcentre", "social"}
    assert len({(row["source"], row["key"]) for row in truth}) == len(truth)
    assert sum(path.stat().st_size for path in made.rglob("*") if path.is_file()) < 6_000_000


def test_every_live_record_is_in_the_truth_and_no_deleted_one(made):
    truth = {(row["source"], row["key"]) for row in rows(made / "truth.csv")}
    assert {(record.source, record.key) for record in plain_matcher.read(made / "data")} == truth


def test_the_golden_truth_has_every_customer_once(made):
    golden = [row["entity_id"] for row in rows(made / "truth_golden.csv")]
    assert sorted(golden) == sorted({row["entity_id"] for row in rows(made / "truth.csv")})


def test_the_plain_matcher_does_not_get_far(made, sample_folder):
    plain = plain_matcher.score(made)
    assert plain.f1 <= 0.75
    readme = (sample_folder / "README.md").read_text(encoding="utf-8")
    assert f"| plain matcher: F1 | {plain.f1:.3f} |" in readme


def test_all_traps_are_in_it(made):
    database = sqlite3.connect(made / "data/shop/pos.sqlite")
    at_the_till = [row[0] for row in database.execute("SELECT birthday FROM customer WHERE birthday IS NOT NULL")]
    database.close()
    assert "01.01.1900" in at_the_till
    records = list(plain_matcher.read(made / "data"))
    entity = {(row["source"], row["key"]): row["entity_id"] for row in rows(made / "truth.csv")}
    emails: dict[str, set[str]] = {}
    for record in records:
        emails.setdefault(record.email, set()).add(entity[record.source, record.key])
    assert "test@test.de" in emails
    shared = [who for email, who in emails.items() if email and len(who) > 1]
    assert len(shared) > 30
    in_callcentre = Counter(who for (source, _), who in entity.items() if source == "callcentre")
    assert max(in_callcentre.values()) > 1


def test_a_later_export_of_the_call_centre_overrides_an_earlier(made):
    def exported(month: str) -> dict[str, dict[str, str]]:
        path = made / f"data/callcentre/contacts-{month}.csv"
        with path.open(encoding="windows-1252", newline="") as file:
            return {row["Kontaktnummer"]: row for row in csv.DictReader(file, delimiter=";")}

    first = exported("2026-09")
    for month, name in (("2026-10", ".10.2026 "), ("2026-11", ".11.2026 ")):
        later = exported(month)
        assert all(name in row["Geändert am"] for row in later.values())
        assert any(key in first and first[key] != later[key] for key in later)
        assert any(key not in first for key in later)


class TestOwnersWhoDisagree:
    def test_at_least_twenty_are_listed(self, made):
        assert len(rows(made / "truth_conflicts.csv")) == generator.DISPUTED >= 20

    def test_they_are_the_organisations_with_a_gold_card(self, made):
        """The two conditions of the ownership rules in cdi.yaml, read from the till itself."""
        database = sqlite3.connect(made / "data/shop/pos.sqlite")
        both = "SELECT customer_id FROM customer WHERE salutation = 'Firma' AND club_level = 'gold' AND deleted = 0"
        keys = {str(key) for (key,) in database.execute(both)}
        database.close()
        truth = {r["entity_id"] for r in rows(made / "truth.csv") if r["source"] == "shop" and r["key"] in keys}
        assert truth == {row["entity_id"] for row in rows(made / "truth_conflicts.csv")}
        assert len(keys) == len(truth)

    def test_the_rules_in_cdi_yaml_name_different_owners_for_them(self, sample_folder):
        rules = load_deployment(sample_folder / "cdi.yaml").ownership
        assert [(rule.attribute, rule.equals) for rule in rules] == [
            ("kind", "organisation"),
            ("attributes.segment", "gold"),
        ]
        assert len({rule.owner for rule in rules}) == 2


def test_trust_is_as_cdi_yaml_says(sample_folder):
    """The generator lets the truth survive under these figures; they must be the same in both places."""
    sighting = pytest.importorskip("sample_data.generator.sighting")
    deployment = load_deployment(sample_folder / "cdi.yaml")
    assert {name: source.trust for name, source in deployment.sources.items()} == sighting.TRUST
