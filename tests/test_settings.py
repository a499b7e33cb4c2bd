"""`cdi.yaml` and what stands beside it: faults have their line and say what to write; `.env` says what the environment
does not."""

from pathlib import Path

import pytest

from cdi.errors import ConfigurationError
from cdi.settings import load_settings

GOOD = """\
company: {name: Test, country: DE, timezone: Europe/Berlin}
owners: [{id: retail, department: Filialen, role: Leitung, contact: a@test.example}]
customer_owner: retail
sources:
  till:
    connector: till
    config: {dsn: "${env:TILL_DSN}"}
    data_owner: retail
    purpose: sale
    retention: P10Y
    schedule: PT1H
"""


def deployed(folder: Path, text: str) -> Path:
    (folder / "cdi.yaml").write_text(text, encoding="utf-8")
    return folder


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        ("schedule: PT1H", "schedule: hourly", "cdi.yaml:11: sources.till.schedule: 'hourly' is no schedule; write"),
        ("schedule: PT1H", "schedule: '61 * * * *'", "cdi.yaml:11: sources.till.schedule: '61 * * * *' is no schedule"),
        (
            "schedule: PT1H",
            "schedule: * * * * *",
            "a text that begins with * & ! % @ ` { [ or has ': ' in it needs quotes",
        ),
        ("purpose: sale", "purpose: {{config.purpose}}", "cdi.yaml:9: found unhashable key"),
        ("purpose: sale", "purpose: \x07", "cdi.yaml: a character that YAML does not allow"),
        ("Europe/Berlin", "Berlin", "cdi.yaml:1: company.timezone: no time zone Berlin; write one such as"),
        (
            "purpose: sale",
            "purpose: sale\n    purpose: more",
            "cdi.yaml:10: sources.till.purpose: stands in line 9 already",
        ),
    ],
)
def test_a_fault_is_told_with_its_line(tmp_path: Path, old: str, new: str, told: str) -> None:
    with pytest.raises(ConfigurationError) as failure:
        load_settings(deployed(tmp_path, GOOD.replace(old, new)))
    assert told in str(failure.value)


def test_a_file_beside_it_says_what_the_environment_does_not(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    deployed(tmp_path, GOOD)
    config = {"dsn": "${env:TILL_DSN}"}
    with pytest.raises(ConfigurationError, match=r"TILL_DSN is not set. .* or in a file .env beside cdi.yaml"):
        load_settings(tmp_path).resolve(config)
    (tmp_path / ".env").write_text("TILL_DSN=sqlite:///a$b.sqlite\nCDI_PORT=8123\n", encoding="utf-8")
    settings = load_settings(tmp_path)
    assert settings.resolve(config) == {"dsn": "sqlite:///a$b.sqlite"}
    assert settings.environment.port == 8123
    monkeypatch.setenv("TILL_DSN", "other")
    assert settings.resolve(config) == {"dsn": "other"}


def test_what_is_left_to_be_said_is_named(tmp_path: Path) -> None:
    text = GOOD.replace("purpose: sale", "purpose: TODO").replace('"${env:TILL_DSN}"', "TODO")
    settings = load_settings(deployed(tmp_path, text))
    assert settings.deployment.sources["till"].unsaid() == ["purpose", "config.dsn"]
    assert settings.place("sources", "till", "purpose") == "cdi.yaml:9: sources.till.purpose"
    assert settings.place("sources", "till", "config", "no") == "cdi.yaml:7: sources.till.config.no"
