"""Connectors are found in folders and packages; a broken one is named, and stops no other."""

from pathlib import Path

import pytest

from cdi.errors import ConfigurationError
from cdi.ingest.registry import find_connectors

MANIFEST = """
connector: {name}
title: {title}
connection: {{kind: files, folder: .}}
streams:
  customers: {{kind: customer, files: "*", format: {{type: jsonl}}, key: =id, map: {{name: {{full: =name}}}}}}
"""


def put(folder: Path, name: str, text: str | None = None, title: str = "Test") -> None:
    (folder / name).mkdir(parents=True)
    (folder / name / "connector.yaml").write_text(text or MANIFEST.format(name=name, title=title))


def test_every_folder_with_a_manifest_is_a_connector(tmp_path: Path) -> None:
    put(tmp_path, "kasse")
    put(tmp_path, "hotline")
    (tmp_path / "notes").mkdir()
    assert find_connectors([tmp_path, tmp_path / "nowhere"]).names() == ["hotline", "kasse"]


def test_a_deployments_own_connector_outranks_a_shipped_one(tmp_path: Path) -> None:
    put(tmp_path / "shipped", "kasse", title="shipped")
    put(tmp_path / "own", "kasse", title="own")
    assert find_connectors([tmp_path / "shipped", tmp_path / "own"]).get("kasse").title == "own"


def test_a_broken_connector_is_named_and_skipped(tmp_path: Path) -> None:
    put(tmp_path, "kasse")
    put(tmp_path, "kaputt", "connector: kaputt\n")
    registry = find_connectors([tmp_path])
    assert registry.names() == ["kasse"]
    assert list(registry.broken) == ["kaputt"]
    with pytest.raises(ConfigurationError, match=r"the connector kaputt is broken: .*connector\.yaml:1"):
        registry.get("kaputt")


def test_a_name_that_is_not_its_folders_is_told(tmp_path: Path) -> None:
    put(tmp_path, "kasse", MANIFEST.format(name="caisse", title="x"))
    assert "calls itself caisse, its folder kasse" in find_connectors([tmp_path]).broken["kasse"]


def test_an_unknown_name_is_told_with_those_that_exist(tmp_path: Path) -> None:
    put(tmp_path, "kasse")
    with pytest.raises(ConfigurationError, match=r"no connector kase\. There are kasse"):
        find_connectors([tmp_path]).get("kase")


def test_a_package_may_bring_a_connector(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    package = tmp_path / "site"
    (package / "acme_connector-1.0.dist-info").mkdir(parents=True)
    (package / "acme_connector-1.0.dist-info" / "METADATA").write_text("Name: acme-connector\nVersion: 1.0\n")
    (package / "acme_connector-1.0.dist-info" / "entry_points.txt").write_text(
        "[cdi.connectors]\nacme = acme_connector:connector\nsick = acme_connector:sick\nnone = acme_connector:absent\n"
    )
    (package / "acme_connector.py").write_text(
        "from pathlib import Path\n"
        "from cdi.ingest.manifest import load_connector\n"
        f"def connector(): return load_connector(Path({str(tmp_path)!r}) / 'acme' / 'connector.yaml')\n"
        "def sick(): raise RuntimeError('secret')\n"
    )
    put(tmp_path, "acme")
    monkeypatch.syspath_prepend(package)
    registry = find_connectors([])
    assert "acme" in registry.names()
    assert registry.broken == {
        "sick": "acme_connector:sick: RuntimeError",
        "none": "acme_connector:absent: AttributeError",
    }


EXTENDING = """
class Loud:
    def __init__(self, declared):
        self.declared = declared

    def __getattr__(self, name):
        return getattr(self.declared, name)

    def map(self, stream, data, config):
        return {"name": {"full": data["name"].upper()}}


def extend(connector):
    return Loud(connector)
"""


def test_where_yaml_does_not_reach_python_extends_it(tmp_path: Path) -> None:
    put(tmp_path, "kasse")
    (tmp_path / "kasse" / "connector.py").write_text(EXTENDING)
    connector = find_connectors([tmp_path]).get("kasse")
    assert connector.map("customers", {"name": "Erika"}, {}) == {"name": {"full": "ERIKA"}}
    assert [stream.name for stream in connector.streams()] == ["customers"]


@pytest.mark.parametrize(
    "text", ["raise RuntimeError('secret')", "", "def extend(connector): return connector.nothing"]
)
def test_broken_python_is_named_and_skipped(tmp_path: Path, text: str) -> None:
    put(tmp_path, "kasse")
    put(tmp_path, "hotline")
    (tmp_path / "kasse" / "connector.py").write_text(text)
    registry = find_connectors([tmp_path])
    assert registry.names() == ["hotline"]
    assert "connector.py" in registry.broken["kasse"]
    assert "secret" not in registry.broken["kasse"]
