"""An engineer wires in a source with the command line: what is written loads, nothing that was there is changed."""

import json
import shutil
import sys
from collections.abc import Callable
from pathlib import Path

import jsonschema
import pytest
import yaml

from cdi import cli, deployment
from cdi.errors import InvalidInputError
from cdi.ingest.registry import find_connectors
from cdi.ingest.schema import deployment_schema
from cdi.settings import bundled, load_settings
from cdi.sources.deployment_file import with_source

Command = Callable[..., tuple[int, str]]
ENTRY = "crm:\n  connector: push\n  purpose: sale\n"


@pytest.fixture
def command(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Command:
    """The program with these words: its exit code, and all that it said."""

    def run(*words: str) -> tuple[int, str]:
        monkeypatch.setattr(sys, "argv", ["cdi", *words])
        try:
            cli.main()
            code = 0
        except SystemExit as ended:
            code = int(ended.code or 0)
        said = capsys.readouterr()
        return code, said.out + said.err

    return run


@pytest.fixture(scope="module")
def empty_company(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("deployment") / "company"
    deployment.create_folder(folder, empty=True)
    return folder


@pytest.fixture
def folder(tmp_path: Path, empty_company: Path) -> Path:
    """A deployment as `cdi init --empty` makes it."""
    shutil.copytree(empty_company, tmp_path / "company")
    return tmp_path / "company"


@pytest.mark.parametrize("kind", ["files", "sql", "rest", "webhook"])
def test_a_new_kind_of_system_begins_with_files_that_keep_every_promise(
    folder: Path, command: Command, kind: str
) -> None:
    assert command("source", "new", "till", "--kind", kind, "--dir", str(folder))[0] == 0
    code, told = command("source", "test", "till", "--dir", str(folder), "--json")
    checks = json.loads(told)["checks"]
    assert code == 0 and len(checks) >= 11 and all(check["ok"] for check in checks), told
    text = (folder / "connectors/till/connector.yaml").read_text(encoding="utf-8")
    hint = text.splitlines()[0].partition("$schema=")[2]
    schema = json.loads((folder / "connectors/till" / hint).read_text(encoding="utf-8"))
    assert jsonschema.Draft202012Validator(schema).is_valid(yaml.safe_load(text))


def test_what_is_left_to_say_is_told_with_its_lines_and_nothing_is_read_before(folder: Path, command: Command) -> None:
    path = folder / "cdi.yaml"
    code, told = command("source", "new", "shop", "--from", "woocommerce", "--dir", str(folder))
    assert code == 0
    lines = path.read_text(encoding="utf-8").splitlines()
    for place in ("config.base_url", "purpose", "retention"):
        told_line = next(line for line in told.splitlines() if line.endswith(f"sources.shop.{place}"))
        number = int(told_line.split("cdi.yaml:")[1].split(":")[0])
        assert lines[number - 1].strip().startswith(place.split(".")[-1] + ": TODO")
    settings = load_settings(folder)
    assert settings.deployment.sources["shop"].config["consumer_secret"] == "${env:SHOP_CONSUMER_SECRET}"
    assert "# SHOP_CONSUMER_SECRET=" in (folder / ".env.example").read_text(encoding="utf-8")


def test_a_connector_that_there_is_can_be_wired_in_in_one_line(folder: Path, command: Command) -> None:
    said = ["--purpose", "Bestellungen: Kauf # und Konto", "--retention", "P10Y", "--schedule", "*/15 * * * *"]
    given = ["--set", "base_url=https://shop.example", "--set", "consumer_key=ck_1", "--owner", "customer_data"]
    code, told = command(
        "source", "new", "shop", "--from", "woocommerce", *said, *given, "--dir", str(folder), "--json"
    )
    assert code == 0 and json.loads(told)["unsaid"] == []
    source = load_settings(folder).deployment.sources["shop"]
    assert source.purpose == "Bestellungen: Kauf # und Konto"
    assert str(source.schedule) == "*/15 * * * *"
    assert source.config["base_url"] == "https://shop.example"


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["crm", "--kind", "rest"], "cdi.yaml:8: there is a source crm already"),
        (["Crm", "--kind", "rest"], "no name of a source"),
        (["shop", "--from", "shopwear"], "no connector shopwear. There are"),
        (["shop", "--from", "woocommerce", "--set", "consumer_secret=x"], "consumer_secret is a secret"),
        (["shop", "--from", "woocommerce", "--set", "url=x"], "has no setting url. Its settings: base_url"),
        (["shop", "--from", "woocommerce", "--owner", "nobody"], "no owner nobody in cdi.yaml"),
        (
            ["shopify", "--kind", "rest"],
            "a connector shopify is shipped. Use it: cdi source new shopify --from shopify",
        ),
        (["till", "--kind", "sql"], "connectors/till is there already"),
    ],
)
def test_what_cannot_be_wired_in_is_told_and_changes_nothing(
    folder: Path, command: Command, words: list[str], told: str
) -> None:
    assert command("source", "new", "crm", "--kind", "rest", "--dir", str(folder))[0] == 0
    (folder / "connectors/till").mkdir()
    before = {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}
    code, said = command("source", "new", *words, "--dir", str(folder))
    assert code == 1 and told in " ".join(said.split()), said
    assert {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()} == before


def test_a_fault_of_a_connector_is_found_by_its_test_and_told_as_a_difference(folder: Path, command: Command) -> None:
    assert command("source", "new", "till", "--kind", "sql", "--dir", str(folder))[0] == 0
    manifest = folder / "connectors/till/connector.yaml"
    text = manifest.read_text(encoding="utf-8")
    manifest.write_text(text.replace("city: =city", "city: =zip"), encoding="utf-8")
    code, said = command("source", "test", "till", "--dir", str(folder))
    assert code == 1
    assert "WRONG reading from nothing gives what is expected" in said
    assert "-    - city: Ulm" in said and "+    - city: '89073'" in said
    manifest.write_text(text.replace("key: =id", "key: =id["), encoding="utf-8")
    code, said = command("source", "test", "till", "--dir", str(folder))
    assert code == 1 and "connector.yaml:10: streams.customers.key: 'id[' is not a JMESPath expression" in said


SAMPLE = (bundled("sample_data") / "cdi.yaml").read_text(encoding="utf-8")


@pytest.mark.parametrize(
    "text",
    [
        SAMPLE,
        "company: {name: x}\nsources: {}   # none yet\ncustomer_owner: a\n",
        "company: {name: x}\n",
        "sources:\n    a:\n        connector: push   # one\n        # its own\n# of the next part\ncustomer_owner: a",
        "sources:\n  a: {connector: push}\n\n\n# of the next part\ncustomer_owner: a\n",
        "sources:\n  a:\n    purpose: |\n      many\n      lines\n\ncustomer_owner: a\n",
        "sources:\r\n  a: {connector: push}\r\ncustomer_owner: a\r\n",
    ],
    ids=["sample", "empty", "missing", "four spaces", "flow", "text", "windows"],
)
def test_a_source_is_added_and_not_a_character_of_the_rest_is_changed(text: str) -> None:
    changed = with_source(text, "crm", ENTRY)
    there, said = yaml.safe_load(text), yaml.safe_load(changed)
    assert said["sources"].pop("crm") == {"connector": "push", "purpose": "sale"}
    assert {**said, "sources": said["sources"] or {}} == {**there, "sources": there.get("sources") or {}}
    kept = iter(changed.splitlines())
    old = [line for line in text.replace("{}", "").splitlines() if line.strip()]
    assert all(any(line.strip() == other.strip() for other in kept) for line in old), changed
    again = yaml.safe_load(with_source(changed, "crm2", ENTRY.replace("crm", "crm2")))
    assert list(again["sources"])[-2:] == ["crm", "crm2"]


def test_sources_in_one_line_are_left_alone() -> None:
    with pytest.raises(InvalidInputError, match=r"cdi.yaml:1: sources is written in one line"):
        with_source("sources: {a: {connector: push}}\n", "crm", ENTRY)


# -- the schema of cdi.yaml ------------------------------------------------------------------------------------------

CONNECTORS = find_connectors([bundled("connectors")])
CHECK = jsonschema.Draft202012Validator(deployment_schema(CONNECTORS))


def test_the_sample_company_is_valid() -> None:
    jsonschema.Draft202012Validator.check_schema(CHECK.schema)
    assert [error.message for error in CHECK.iter_errors(yaml.safe_load(SAMPLE))] == []


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("  country: DE", "  country: Germany"),
        ("    trust: 0.7", "    trust: high"),
        ("    trust: 0.7", "    trusst: 0.7"),
        ("    connector: shopware6", "    connector: shopwear"),
        ("      base_url:", "      basis_url:"),
        ("      client_secret: ${env:CDI_SAMPLE_WEBSHOP_CLIENT_SECRET}", "      client_secret: abc"),
        ("          page: {keyset: [customer_id]}", "          page: {keyset: []}"),
        ("            birth_date: =date(birthday", "            birthdate: =date(birthday"),
        ("  match: 0.5", "  match: 1.5"),
    ],
)
def test_what_the_program_refuses_in_cdi_yaml_an_editor_marks(old: str, new: str) -> None:
    assert old in SAMPLE
    assert not CHECK.is_valid(yaml.safe_load(SAMPLE.replace(old, new, 1)))
