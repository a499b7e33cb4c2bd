"""The record of processing activities says what is configured, without a value of anybody."""

from pathlib import Path

import pytest
from domain import ANNA, push
from fastapi.testclient import TestClient

from cdi.access import Role
from cdi.fields import FieldGroup
from cdi.pipeline import Installation
from cdi.privacy.processing import ENGLISH, GERMAN
from cdi.store.db import Database
from conftest import SMALL_COMPANY, Doors, installation_of

MORE = """
processing:
  controller: Test GmbH, Weg 1
  officer: Frau Amt
  recipients: [a data centre]
  transfers: [a mailer in the USA]
"""


@pytest.fixture
def company(database: Database, tmp_path: Path) -> Installation:
    (tmp_path / "cdi.yaml").write_text(
        SMALL_COMPANY.replace("retention: P10Y, trust: 0.6", "retention: {records: P10Y, attributes: {phones: P3Y}}")
        + MORE,
        encoding="utf-8",
    )
    return installation_of(tmp_path, database)


@pytest.fixture
def officer(company: Installation) -> TestClient:
    push(company, "till", {"1": ANNA})
    doors = Doors(company)
    doors.as_(Role.READER, FieldGroup.IDENTITY, name="shop screen", purposes=["service"])
    doors.as_(Role.CONNECTOR, name="till gateway", source="till")
    return doors.as_(Role.PRIVACY, name="officer")


def test_it_says_what_is_configured_and_what_there_is(officer: TestClient) -> None:
    record = officer.get("/v1/privacy/record-of-processing").json()
    till, _, secret = record["activities"]
    assert (till["source"], till["purpose"], till["data_owner"]["department"]) == ("till", "sale", "Filialen")
    assert till["retention"] == ["records P10Y after last_activity", "phones P3Y after last_activity"]
    assert {"name", "birth_date"} <= set(till["categories"])
    assert (till["persons"], till["streams"]) == (["person"], ["customer"])
    assert secret["sensitive"] and secret["categories"] == []
    assert "key: shop screen (reader for service; in full: identity)" in record["recipients"]
    assert "a data centre" in record["recipients"]
    assert not any("till gateway" in recipient for recipient in record["recipients"]), "it sends, and receives nothing"
    assert record["transfers"] == ["a mailer in the USA"]


def test_it_is_a_page_in_german_or_english_without_a_customer(officer: TestClient) -> None:
    asked = "/v1/privacy/record-of-processing?format=markdown&language="
    german, english = officer.get(f"{asked}de").text, officer.get(f"{asked}en").text
    assert german.startswith("# Verzeichnis der Verarbeitungstätigkeiten")
    assert "- Löschung: records P10Y after last_activity; phones P3Y after last_activity" in german
    assert "- Data-protection officer: Frau Amt" in english
    assert str(ANNA["name"]["family_name"]) not in german + english
    assert set(GERMAN) == set(ENGLISH)
