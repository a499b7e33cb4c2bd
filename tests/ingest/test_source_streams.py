"""A source of a connector for any tables or files declares its streams in cdi.yaml; a fault there is told with its
line."""

from pathlib import Path

import pytest
from reading import declared, read

from cdi.errors import ConfigurationError
from cdi.ingest.manifest import FaultyStreamsError
from cdi.ingest.registry import find_connectors
from cdi.pipeline.installation import connector_of
from cdi.settings import Environment, Settings, bundled, load_deployment

CUSTOMERS = {
    "kind": "customer",
    "files": "c.csv",
    "format": {"type": "csv"},
    "key": "=id",
    "map": {"name": {"full": "=n"}},
}
COMPANY = """\
company: {name: Test, country: DE, language: de}
owners: [{id: o, department: D, role: R, contact: d@example.org}]
customer_owner: o
sources:
  hotline:
    connector: csv_drop
    data_owner: o
    purpose: Tests
    retention: P1Y
    config:
      folder: drop
      streams:
        customers:
          kind: customer
          files: c.csv
          format: {type: cvs}
          key: =id
          map:
            nmae: {full: =n}
"""
REGISTRY = find_connectors([bundled("connectors")])


def test_each_source_has_the_streams_that_it_declares(tmp_path: Path) -> None:
    (tmp_path / "c.csv").write_text("id,n,m\n1,Erika,x\n", encoding="utf-8")
    by_name = REGISTRY.get("csv_drop", {"folder": ".", "streams": {"customers": CUSTOMERS}})
    other = REGISTRY.get(
        "csv_drop", {"folder": ".", "streams": {"people": {**CUSTOMERS, "map": {"name": {"full": "=m"}}}}}
    )
    assert [stream.name for stream in by_name.streams()] == ["customers"]
    assert [stream.name for stream in other.streams()] == ["people"]
    config = {"folder": ".", "streams": {"customers": CUSTOMERS}}
    (record,) = read(by_name, tmp_path, config).records  # type: ignore[arg-type]
    assert by_name.map("customers", record.data, config) == {"name": {"full": "Erika"}}


def test_without_streams_the_setting_that_is_missing_is_named() -> None:
    with pytest.raises(ConfigurationError, match=r"config\.streams"):
        REGISTRY.get("csv_drop", {"folder": "."}).validate_config({"folder": "."})


@pytest.mark.parametrize(
    ("part", "wrong", "told"),
    [
        ("map", {"nmae": "=n"}, "no attribute nmae"),
        ("key", "=(", "streams.customers.key"),
        ("files", 7, "streams.customers.files"),
        ("deletes", [{"mode": "reconcile"}], "snapshot: true"),
        ("files", "{config.nowhere}.csv", "config.nowhere"),
    ],
)
def test_a_fault_in_a_sources_streams_is_told_with_its_place(part: str, wrong: object, told: str) -> None:
    with pytest.raises(FaultyStreamsError, match=told):
        REGISTRY.get("csv_drop", {"folder": ".", "streams": {"customers": {**CUSTOMERS, part: wrong}}})


def test_the_fault_of_a_source_has_its_line_in_cdi_yaml(tmp_path: Path) -> None:
    (tmp_path / "cdi.yaml").write_text(COMPANY, encoding="utf-8")
    settings = Settings(tmp_path, load_deployment(tmp_path / "cdi.yaml"), Environment())
    with pytest.raises(ConfigurationError) as found:
        connector_of(settings, REGISTRY, "hotline", settings.deployment.sources["hotline"])
    line = COMPANY.splitlines().index("          format: {type: cvs}") + 1
    assert f"cdi.yaml:{line}: sources.hotline.config.streams.customers.format" in str(found.value)


def test_a_manifest_needs_streams_or_leaves_them_to_its_sources(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="at least one stream"):
        declared(tmp_path, "connector: x\ntitle: X\nconnection: {kind: files, folder: drop}\n")


def test_a_password_stands_in_one_place(tmp_path: Path) -> None:
    streams = {
        "customers": {
            "kind": "customer",
            "key": "=id",
            "query": "select 1 as id",
            "page": {"keyset": ["id"]},
            "map": {},
        }
    }
    config = {"dsn": "postgresql+psycopg://reader:geheim@127.0.0.1:9/x", "password": "geheim", "streams": streams}
    connector = REGISTRY.get("sql", config)
    with pytest.raises(ConfigurationError, match="both name a password") as found:
        read(connector, tmp_path, config)  # type: ignore[arg-type]
    assert "geheim" not in str(found.value)
