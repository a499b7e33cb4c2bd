"""From "we also have this system" to golden records: a legacy export without header, in cp850, with several records a
customer, wired in by YAML alone."""

from pathlib import Path

from altsystem import MANIFEST
from domain import assert_consistent, assert_different_profiles, assert_same_profile, documents

from cdi.pipeline import resolve, sync
from cdi.store.db import Database
from conftest import installation_of

CDI = """
company: {name: Test, country: DE, language: de}
owners: [{id: retail, department: Filialen, role: Leitung, contact: a@test.example}]
customer_owner: retail
sources:
  alt: {connector: altsystem, data_owner: retail, purpose: sale, retention: P10Y}
"""
ROWS = [
    "S|000017|2|Käthe  |Weißmüller  |010270",
    "A|000017|Am Hof 1|02826|Görlitz|",
    "T|000017|03581/123456|||",
    "S|000018|1|Jürgen|Groß|020365",
    "A|000018|Am Hof 1|02826|Görlitz|",
    "Z|5||||",
]


def test_the_records_of_one_customer_become_one_golden_record(database: Database, tmp_path: Path) -> None:
    (tmp_path / "connectors" / "altsystem").mkdir(parents=True)
    (tmp_path / "connectors" / "altsystem" / "connector.yaml").write_text(MANIFEST, encoding="utf-8")
    (tmp_path / "cdi.yaml").write_text(CDI, encoding="utf-8")
    (tmp_path / "drop").mkdir()
    (tmp_path / "drop" / "KUNDEN01.TXT").write_bytes("\r\n".join(ROWS).encode("cp850"))
    company = installation_of(tmp_path, database)
    counts = sync(company, "alt")
    resolve(company)
    assert (counts.added, counts.rejected) == (5, 0)
    assert_same_profile(company, ("alt", "000017/S"), ("alt", "000017/A"), ("alt", "000017/T"))
    assert_same_profile(company, ("alt", "000018/S"), ("alt", "000018/A"))
    assert_different_profiles(company, ("alt", "000017/S"), ("alt", "000018/S"))
    assert_consistent(company)
    (golden,) = (d["golden"] for d in documents(company) if "phones" in d["golden"])
    assert golden["name"]["value"]["given_name"] == "Käthe"
    assert golden["name"]["value"]["family_name"] == "Weißmüller"
    assert golden["birth_date"]["value"] == "1970-02-01"
    assert golden["addresses"]["value"]["city"] == "Görlitz"
    assert golden["phones"]["value"]["value"] == "+493581123456"
