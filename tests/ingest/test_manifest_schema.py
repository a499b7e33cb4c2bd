"""The shipped JSON Schema is the one that the program would print; it takes what the program takes."""

import copy
import json
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml

from cdi.ingest.schema import manifest_schema
from cdi.settings import bundled

MANIFESTS = sorted(bundled("connectors").glob("*/connector.yaml"))

CHECK = jsonschema.Draft202012Validator(manifest_schema())


def test_the_shipped_schema_is_up_to_date() -> None:
    shipped = json.loads((bundled("connectors") / "connector.schema.json").read_text(encoding="utf-8"))
    assert shipped == manifest_schema(), "run python -m cdi.ingest.schema"


@pytest.mark.parametrize("path", MANIFESTS, ids=lambda path: path.parent.name)
def test_every_manifest_is_valid(path: Path) -> None:
    document = yaml.safe_load(path.read_text(encoding="utf-8"))
    assert [error.message for error in CHECK.iter_errors(document)] == []


@pytest.mark.parametrize(
    ("place", "wrong"),
    [
        (("connection", "kind"), "ftp"),
        (("connection", "folders"), "x"),
        (("streams", "customers", "kind"), "person"),
        (("streams", "customers", "map", "firstname"), "=x"),
        (("streams", "customers", "map", "name", "first"), "=x"),
        (("streams", "calls", "map", "type"), "chat"),
        (("streams", "calls", "format", "type"), "cvs"),
    ],
)
def test_what_the_program_refuses_an_editor_marks(place: tuple[str, ...], wrong: str) -> None:
    company = yaml.safe_load((bundled("sample_data") / "cdi.yaml").read_text(encoding="utf-8"))
    declared = yaml.safe_load((bundled("connectors") / "csv_drop" / "connector.yaml").read_text(encoding="utf-8"))
    streams = company["sources"]["callcentre"]["config"]["streams"]
    document: dict[str, Any] = copy.deepcopy({**declared, "streams": streams})
    part = document
    for name in place[:-1]:
        part = part[name]
    part[place[-1]] = wrong
    assert not CHECK.is_valid(document)
