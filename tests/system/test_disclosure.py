"""Whoever asks is told everything that is kept about them, and nothing of anybody else."""

import csv
import zipfile
from collections.abc import Iterator
from io import BytesIO, StringIO
from typing import Any

import jsonschema
import pytest
from desks import signed_in
from domain import ANNA, COLOGNE, email, person, profile_of, push
from fastapi.testclient import TestClient
from stewarding import Steward, company_in
from test_contact import allowed, consent
from test_journey import NOON, happened, touchpoint

from cdi.access import Role
from cdi.fields import FieldGroup
from cdi.pipeline import Installation
from conftest import Doors, copy_of

PETER = person("Peter", "Krzywdzinski", "1951-06-17", emails=email("peter.canary@gmx.de"), addresses=COLOGNE)
"""Who lives with Anna."""
PETERS = ("peter", "1951-06-17", "till:p")


@pytest.fixture(scope="module")
def company(
    server_url: str, migrated_template: str, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Installation]:
    """Anna at the till and in the shop, where she moved once; Peter of her household; what happened and was allowed."""
    with copy_of(server_url, migrated_template) as database:
        installation = company_in(tmp_path_factory.mktemp("access"), database)
        push(installation, "till", {"a": ANNA, "p": PETER})
        push(installation, "shop", {"b": {**ANNA, "attributes": {"remark": "=HYPERLINK(0)"}}})
        push(installation, "shop", {"b": {**ANNA, "emails": email("anna.moved@gmx.de")}})
        live_together(installation, Steward(installation), "Peter told us on the phone")
        yield installation


def live_together(installation: Installation, steward: Steward, reason: str) -> None:
    """Anna asked for boots and allowed to be written to; Peter is of her household, as the steward says."""
    happened(installation, "till", {"t1": touchpoint("request", "shop", NOON, state="open", subject="boots")})
    allowed(installation, "till", {"c1": consent("granted", proof="confirmed from 192.0.2.7")})
    assert steward.say("household", ["till:p"], ["till:a"], reason=reason).status_code < 300


@pytest.fixture(scope="module")
def doors(company: Installation) -> Doors:
    return Doors(company)


@pytest.fixture(scope="module")
def officer(doors: Doors) -> TestClient:
    return doors.as_(Role.PRIVACY, name="officer")


@pytest.fixture(scope="module")
def anna(company: Installation) -> str:
    return str(profile_of(company, "till", "a"))


def told(officer: TestClient, profile: str, **how: Any) -> dict[str, Any]:
    answer = officer.get(f"/v1/privacy/access/{profile}", params=how)
    assert answer.status_code == 200, answer.text
    said: dict[str, Any] = answer.json()
    return said


def test_everything_about_one_customer_is_told_as_the_schema_says(
    company: Installation, doors: Doors, officer: TestClient, anna: str
) -> None:
    doors.as_(Role.READER, *FieldGroup, name="checkout").get(f"/v1/profiles/{anna}")
    signed_in(company, doors.app, "s.keller", Role.STEWARD).get(f"/profiles/{anna}")
    all_of_her = told(officer, anna)
    jsonschema.validate(all_of_her, officer.get("/v1/privacy/access-schema").json())

    versions = {(one["source"], one["key"], one["counts"]): one["verbatim"] for one in all_of_her["records"]}
    assert versions["till", "a", True] == ANNA, "verbatim"
    assert versions["shop", "b", True]["emails"] == email("anna.moved@gmx.de")
    assert versions["shop", "b", False]["emails"] == ANNA["emails"], "and what it said before"
    assert {one["kind"] for one in all_of_her["records"]} == {"customer", "touchpoint", "consent"}
    values = {one["attribute"]: one for one in all_of_her["golden"] if one["preferred"]}
    assert values["birth_date"]["value"] == "1984-03-05"
    assert {one["source"] for one in all_of_her["sources"]} == {"till", "shop"}
    assert {one["purpose"] for one in all_of_her["sources"]} == {"sale"}
    assert all(one["retention"] for one in all_of_her["sources"])
    assert {one["id"] for one in all_of_her["owners"]} >= {"retail", "online"}
    assert [one["subject"] for one in all_of_her["touchpoints"]] == ["boots"]
    assert [one["proof"] for one in all_of_her["consents_said"]] == ["confirmed from 192.0.2.7"]
    assert all_of_her["links"][0]["lines"], "why these records are one customer"
    assert {one["verdict"] for one in all_of_her["decisions"]} == {"household"}
    looked = {(one["who"], one["action"]) for one in all_of_her["seen"]}
    assert {("key:checkout", "get_profile"), ("user:s.keller", "show_profile")} <= looked
    assert {"key:checkout", "user:s.keller"} <= {one["who"] for one in all_of_her["recipients"]}


def test_what_is_handed_over_names_neither_others_nor_who_works_here(
    company: Installation, doors: Doors, officer: TestClient, anna: str
) -> None:
    signed_in(company, doors.app, "s.keller", Role.STEWARD).get(f"/profiles/{anna}")
    for form in ("json", "csv"):
        answer = officer.get(f"/v1/privacy/access/{anna}", params={"format": form, "for_customer": True})
        words = answer.text if form == "json" else "\n".join(tables_of(answer.content).values())
        assert "anna.moved@gmx.de" in words
        for other in (*PETERS, "s.keller"):
            assert other not in words.lower(), f"{form} names {other}"
    jsonschema.validate(told(officer, anna, for_customer=True), officer.get("/v1/privacy/access-schema").json())


def tables_of(packed: bytes) -> dict[str, str]:
    with zipfile.ZipFile(BytesIO(packed)) as archive:
        return {name: archive.read(name).decode() for name in archive.namelist()}


def test_the_tables_hold_what_the_json_does(officer: TestClient, anna: str) -> None:
    tables = tables_of(officer.get(f"/v1/privacy/access/{anna}", params={"format": "csv"}).content)
    as_json = told(officer, anna)
    for name, rows in as_json.items():
        if isinstance(rows, list) and name not in {"seen", "recipients"}:
            read = list(csv.DictReader(StringIO(tables[f"{name}.csv"])))
            assert len(read) == len(rows), name
            assert not rows or set(read[0]) >= set(rows[0]), name
    (customer,) = csv.DictReader(StringIO(tables["customer.csv"]))
    assert customer["id"] == anna
    values = [one["value"] for one in csv.DictReader(StringIO(tables["golden.csv"]))]
    assert "1984-03-05" in values
    assert not any(value.startswith("=") for value in values), "a spreadsheet runs nothing of it"


def test_who_is_not_there_is_not_told_of(company: Installation, officer: TestClient) -> None:
    assert officer.get("/v1/privacy/access/00000000-0000-7000-8000-000000000000").status_code == 404
    push(company, "till", {"x": person("Xaver", "Obermoser", "1960-01-02")})
    gone = profile_of(company, "till", "x")
    push(company, "till", {"x": None})
    assert officer.get(f"/v1/privacy/access/{gone}").status_code == 409


def test_who_restricted_the_use_of_their_data_is_told_of_them(
    company: Installation, officer: TestClient, doors: Doors
) -> None:
    push(company, "till", {"r": person("Rosalind", "Achternbusch", "1971-02-03")})
    rosalind = str(profile_of(company, "till", "r"))
    assert officer.post("/v1/privacy/restrictions", json={"profile": rosalind}).status_code == 201
    assert doors.as_(Role.READER, *FieldGroup).get(f"/v1/profiles/{rosalind}").status_code == 404
    (restriction,) = told(officer, rosalind)["requests"]
    assert (restriction["kind"], restriction["state"]) == ("restriction", "in_force")


def test_the_officer_reads_it_as_a_page_in_the_customers_language(
    company: Installation, doors: Doors, officer: TestClient, anna: str
) -> None:
    desk = signed_in(company, doors.app, "officer of the desk", Role.PRIVACY)
    page = f"/privacy/profiles/{anna}/access"
    assert page in desk.get(f"/privacy/profiles/{anna}").text
    for language, title in (("en", "What is kept about you"), ("de", "Was über Sie gespeichert ist")):
        shown = desk.get(page, params={"language": language}).text
        assert title in shown
        assert f'lang="{language}"' in shown
        for value in ("Krzywdzinski", "anna.moved@gmx.de", "boots", "Filialen", "Lindenweg"):
            assert value in shown, value
        for other in (*PETERS, "s.keller"):
            assert other not in shown.lower(), other
    (by_file,) = {one["id"] for one in (desk.get(f"{page}.json").json(), told(officer, anna))}
    assert by_file == anna
    assert set(tables_of(desk.get(f"{page}.zip").content)) >= {"customer.csv", "records.csv"}
