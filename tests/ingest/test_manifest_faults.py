"""Every fault of a manifest is told when it is loaded, with file, line, place and what to write."""

from pathlib import Path

import pytest
from reading import declared

from cdi.errors import ConfigurationError
from cdi.fields import Stream

GOOD = """\
connector: test
title: Test
config:
  folder: {required: true, help: Where the files are}
  token: {secret: true}
connection:
  kind: files
  folder: "{config.folder}"
streams:
  customers:
    kind: customer
    files: "*.csv"
    format: {type: csv}
    key: =nr
    map:
      name: {full: =name}
"""


def faults(folder: Path, text: str) -> list[str]:
    with pytest.raises(ConfigurationError) as failure:
        declared(folder, text)
    return [line.removeprefix(f"{folder}/") for line in str(failure.value).splitlines()]


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        ("title: Test\n", "", "connector.yaml:1: title: Field required"),
        ("title: Test", "title: Test\ntitel: Test", "connector.yaml:3: titel: Extra inputs are not permitted"),
        (
            "kind: files",
            "kind: ftp",
            "connector.yaml:7: connection.kind: must be one of rest, sql, files",
        ),
        ("type: csv", "type: cvs", "connector.yaml:13: streams.customers.format: "),
        ("key: =nr", "key: =nr[", "connector.yaml:14: streams.customers.key: 'nr[' is not a JMESPath expression"),
        ("full: =name", "fulll: =name", "connector.yaml:16: streams.customers.map.name.fulll: no part fulll"),
        (
            "name: {full: =name}",
            "nmae: {full: =name}",
            "connector.yaml:16: streams.customers.map.nmae: no attribute nmae",
        ),
        (
            "{config.folder}",
            "{config.path}",
            "connector.yaml:6: connection: {config.path} is not declared under config",
        ),
        (
            "full: =name",
            'full: "={config.token}"',
            "connector.yaml:15: streams.customers.map: {config.token} is not declared",
        ),
        (
            "key: =nr",
            "key: =nr\n    deletes: [{mode: reconcile}]",
            "connector.yaml:15: streams.customers.deletes: files say",
        ),
        ("kind: customer", "kind: person", "connector.yaml:11: streams.customers.kind: Input should be 'customer'"),
    ],
)
def test_a_fault_has_its_line(tmp_path: Path, old: str, new: str, told: str) -> None:
    (fault,) = faults(tmp_path, GOOD.replace(old, new))
    assert fault.startswith(told)


def test_every_fault_is_told_at_once(tmp_path: Path) -> None:
    text = GOOD.replace("key: =nr", "key: =nr[").replace("full: =name", "fulll: =name, given_name: =x y")
    assert len(faults(tmp_path, text)) == 3


def test_what_is_no_yaml_is_told(tmp_path: Path) -> None:
    (fault,) = faults(tmp_path, "connector: [test\n")
    assert "not valid YAML" in fault


@pytest.mark.parametrize("text", ["", "[]", "just text"])
def test_what_is_no_manifest_is_told(tmp_path: Path, text: str) -> None:
    (fault,) = faults(tmp_path, text)
    assert "connection.kind: must be one of" in fault


@pytest.mark.parametrize(
    ("config", "told"),
    [
        ({}, "config.folder: Field required"),
        ({"folder": 7}, "config.folder: Input should be a valid string"),
        ({"folder": "x", "ordner": "y"}, "config.ordner: Extra inputs are not permitted"),
    ],
)
def test_wrong_settings_are_named_with_those_that_exist(tmp_path: Path, config: dict[str, object], told: str) -> None:
    with pytest.raises(ConfigurationError, match=told) as failure:
        declared(tmp_path, GOOD).validate_config(config)
    assert "Its settings: folder, token" in str(failure.value)


def test_a_secret_is_never_shown(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError) as failure:
        declared(tmp_path, GOOD).validate_config({"folder": 7, "token": ["verraten"]})
    assert "verraten" not in str(failure.value)


def test_settings_have_a_schema_for_forms_and_editors(tmp_path: Path) -> None:
    connector = declared(tmp_path, GOOD)
    schema = connector.config_schema()
    assert schema["required"] == ["folder"]
    assert schema["properties"]["folder"]["description"] == "Where the files are"
    assert connector.secret_settings == {"token"}


def test_a_connector_tells_its_streams(tmp_path: Path) -> None:
    (stream,) = declared(tmp_path, GOOD).streams()
    assert (stream.name, stream.kind, stream.incremental, stream.detects_deletes) == (
        "customers",
        Stream.CUSTOMER,
        True,
        False,
    )


def test_a_setting_may_name_a_field_of_the_source(tmp_path: Path) -> None:
    text = GOOD.replace("=name}", "'=\"{config.column}\"'}").replace("  token:", "  column: {default: Name}\n  token:")
    connector = declared(tmp_path, text)
    native = {"Name": "eins", "Kunde": "zwei"}
    assert connector.map("customers", native, {}) == {"name": {"full": "eins"}}
    assert connector.map("customers", native, {"column": "Kunde"}) == {"name": {"full": "zwei"}}
