"""The API as its callers meet it: a web shop, a call centre, a stranger."""

import csv
from typing import Any
from uuid import UUID, uuid4

import numpy as np
import pytest
from domain import documents, profile_of
from fastapi.testclient import TestClient

from cdi import modelling
from cdi.access import Role
from cdi.fields import FieldGroup
from cdi.matching import engine
from cdi.pipeline.households import who_lives_with
from cdi.pipeline.tables import build_table
from cdi.resolution.households import HouseholdRules, find_households
from cdi.store import models, normalised, profiles
from conftest import Doors

EVERY_GROUP = tuple(FieldGroup)


@pytest.fixture
def reader(doors: Doors) -> TestClient:
    """A reader with the scopes of all field groups."""
    return doors.as_(Role.READER, *EVERY_GROUP)


def someone(doors: Doors, **having: int) -> dict[str, Any]:
    """A profile that has an e-mail, a phone and records of several sources."""
    for document in documents(doors.installation):
        golden = document["golden"]
        if {"emails", "phones", "name", "birth_date"} <= golden.keys() and len(document["records"]) >= 3:
            return document
    raise AssertionError("the sample company has no such customer")


def assert_problem(answer: Any, status: int, kind: str) -> dict[str, Any]:
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    body = answer.json()
    assert body["type"] == f"/problems/{kind}"
    assert body["status"] == status
    return body


def test_a_profile_is_served_as_it_is_stored(doors: Doors, reader: TestClient) -> None:
    stored = someone(doors)
    answer = reader.get(f"/v1/profiles/{stored['id']}")
    assert answer.status_code == 200
    assert answer.json() == stored
    assert answer.headers["etag"] == f'"{stored["version"]}"'
    assert stored["data_owner"] in {owner.id for owner in doors.installation.deployment.owners}
    for entry in stored["golden"].values():
        if "value" in entry:
            assert {"value", "source", "key", "observed_at", "rule", "data_owner", "alternatives"} <= entry.keys()


@pytest.mark.parametrize("attribute,parameter", [("emails", "email"), ("phones", "phone")])
def test_a_customer_is_found_by_identifier(doors: Doors, reader: TestClient, attribute: str, parameter: str) -> None:
    stored = someone(doors)
    value = stored["golden"][attribute]["value"]["value"]
    written = value.upper() if parameter == "email" else value.replace("+49", "0")
    found = reader.get("/v1/profiles", params={parameter: written}).json()["profiles"]
    assert stored["id"] in {profile["id"] for profile in found}
    assert all(profile["data_owner"] for profile in found)


def test_a_customer_is_found_by_source_record_and_by_words(doors: Doors, reader: TestClient) -> None:
    stored = someone(doors)
    record = stored["records"][0]
    found = reader.get("/v1/profiles", params={"source": record["source"], "key": record["key"]}).json()
    assert [profile["id"] for profile in found["profiles"]] == [stored["id"]]
    name = stored["golden"]["name"]["value"]
    words = f"{name['family_name'].upper()} {stored['golden']['birth_date']['value'][:4]}"
    found = reader.get("/v1/profiles", params={"q": words}).json()
    assert stored["id"] in {profile["id"] for profile in found["profiles"]}


def test_a_list_is_read_page_by_page(doors: Doors, reader: TestClient) -> None:
    seen: list[str] = []
    after = None
    while True:
        page = reader.get("/v1/profiles", params={"limit": 200} | ({"after": after} if after else {})).json()
        seen += [profile["id"] for profile in page["profiles"]]
        after = page["after"]
        if after is None:
            break
    assert len(seen) == len(set(seen)) == len(documents(doors.installation))


def test_nothing_is_served_without_a_key(doors: Doors) -> None:
    stranger = doors.stranger()
    for path in ("/v1/profiles", f"/v1/profiles/{uuid4()}", "/v1/sources", "/v1/changes", "/v1/explain?a=x:1&b=x:2"):
        assert_problem(stranger.get(path), 401, "unauthenticated")
        wrong = stranger.get(path, headers={"Authorization": "Bearer cdi_wrong"})
        assert_problem(wrong, 401, "unauthenticated")
    assert stranger.get("/healthz").json() == {"status": "ok"}
    assert stranger.get("/readyz").json() == {"status": "ready"}


def test_a_reader_without_scopes_sees_masked_values(doors: Doors) -> None:
    stored = someone(doors)
    shown = doors.as_(Role.READER).get(f"/v1/profiles/{stored['id']}")
    email = stored["golden"]["emails"]["value"]["value"]
    assert email not in shown.text
    assert stored["golden"]["name"]["value"]["family_name"] not in shown.text
    assert shown.json()["golden"]["emails"]["value"]["value"] == f"{email[0]}***@{email.partition('@')[2]}"
    contact_only = doors.as_(Role.READER, FieldGroup.CONTACT).get(f"/v1/profiles/{stored['id']}")
    assert contact_only.json()["golden"]["emails"] == stored["golden"]["emails"]
    assert contact_only.json()["golden"]["name"]["masked"] is True


def test_a_connector_sees_its_own_source_and_no_profiles(doors: Doors) -> None:
    connector = doors.as_(Role.CONNECTOR, source="shop")
    assert_problem(connector.get("/v1/profiles"), 403, "forbidden")
    assert [source["name"] for source in connector.get("/v1/sources").json()["sources"]] == ["shop"]
    assert_problem(connector.get("/v1/sources/webshop/runs"), 404, "not-found")


def test_sources_runs_and_records_are_told(doors: Doors, reader: TestClient) -> None:
    found = reader.get("/v1/sources").json()["sources"]
    assert [source["name"] for source in found] == ["shop", "webshop", "callcentre", "social"]
    assert all(source["owner"]["department"] and source["last_run"]["status"] == "ok" for source in found)
    runs = reader.get("/v1/sources/shop/runs").json()
    assert runs["data_owner"] == "retail"
    assert runs["runs"][0]["counts"]["rejected"] == 0
    record = someone(doors)["records"][0]
    said = reader.get(f"/v1/sources/{record['source']}/records/{record['key']}").json()
    assert said["data_owner"] == record["data_owner"]
    assert UUID(said["profile_id"]) == profile_of(doors.installation, record["source"], record["key"])
    assert said["native"] and said["versions"][0]["op"] == "upsert"


def test_evidence_adds_up(doors: Doors, reader: TestClient) -> None:
    stored = someone(doors)
    told = reader.get(f"/v1/profiles/{stored['id']}/explain").json()
    assert told["data_owner"] == stored["data_owner"]
    assert len(told["links"]) == len(stored["records"]) - 1
    for link in told["links"]:
        total = link["prior_household"] + sum(line["against_household"] for line in link["lines"])
        assert total == pytest.approx(link["household"])
    first, second = stored["records"][:2]
    pair = {"a": f"{first['source']}:{first['key']}", "b": f"{second['source']}:{second['key']}"}
    assert reader.get("/v1/explain", params=pair).json()["probability"] > 0


def test_the_feed_is_read_by_cursor(reader: TestClient) -> None:
    seen, after = [], 0
    while True:
        page = reader.get("/v1/changes", params={"after": after, "limit": 1000}).json()
        if not page["changes"]:
            assert page["after"] == after
            break
        seen += page["changes"]
        after = page["after"]
    assert [change["cursor"] for change in seen] == list(range(1, len(seen) + 1))
    assert all(change["data_owner"] for change in seen)


@pytest.mark.parametrize(
    "path",
    [
        "/v1/profiles/not-an-id",
        "/v1/profiles?limit=0",
        "/v1/profiles?key=1",
        "/v1/profiles?after=x",
        "/v1/profiles?updated_since=yesterday",
        "/v1/changes?after=-1",
        "/v1/explain?a=nocolon&b=shop:1",
    ],
)
def test_a_wrong_question_gets_a_clear_answer(reader: TestClient, path: str) -> None:
    assert_problem(reader.get(path), 422, "invalid-input")


def test_an_id_never_given_out_is_not_found(reader: TestClient) -> None:
    assert_problem(reader.get(f"/v1/profiles/{uuid4()}"), 404, "not-found")
    assert_problem(reader.get("/v1/nowhere"), 404, "not-found")


def test_the_documentation_loads_nothing_from_elsewhere(doors: Doors) -> None:
    page = doors.stranger().get("/docs")
    assert page.status_code == 200
    assert "http://" not in page.text and "https://" not in page.text
    assert doors.stranger().get("/docs/files/swagger-ui-bundle.js").status_code == 200
    assert doors.stranger().get("/openapi.json").json()["info"]["title"] == "cdi"


def test_a_household_is_the_others_at_home(doors: Doors, reader: TestClient) -> None:
    with (doors.installation.folder / "truth_golden.csv").open(encoding="utf-8") as file:
        household_of = {row["entity_id"]: row["household_id"] for row in csv.DictReader(file)}
    truth = modelling.read_truth(doors.installation.folder / "truth.csv")
    with doors.installation.database.unit_of_work() as connection:
        placed = {truth[s, k]: str(p) for s, k, p in profiles.all_memberships(connection) if (s, k) in truth}
    lived: dict[str, set[str]] = {}
    for entity, profile in placed.items():
        lived.setdefault(household_of[entity], set()).add(profile)
    families = [sorted(members) for members in lived.values() if len(members) >= 2][:40]
    right = wrong = missed = 0
    for members in families:
        found = {m["id"] for m in reader.get(f"/v1/profiles/{members[0]}/household").json()["members"]}
        right += len(found & set(members[1:]))
        wrong += len(found - set(members))
        missed += len(set(members[1:]) - found)
    assert right / (right + wrong) >= 0.9
    assert right / (right + missed) >= 0.7


def test_asked_for_one_customer_the_household_is_that_of_a_run_over_everything(doors: Doors) -> None:
    installation = doors.installation
    with installation.database.unit_of_work() as connection:
        model = installation.models.active(connection)
        assert model is not None
        table = build_table(normalised.load_cards(connection, normalised.normalised_ids(connection)))
        profile_at = profiles.load_memberships(connection, table.record_ids.tolist())
        profile_of = [profile_at[record] for record in table.record_ids.tolist()]
        first = {profile: record for record, profile in sorted(profile_at.items(), reverse=True)}
        rules = HouseholdRules(addresses_are_homes=models.addresses_are_homes(connection))
        pairs = engine.match(table, model).households
        likely = pairs.only(engine.household_probability(pairs) >= rules.likely)
        homes = find_households(table, np.array([first[profile] for profile in profile_of]), likely, rules).labels
        lived: dict[int, set[UUID]] = {}
        for home, profile in zip(homes.tolist(), profile_of, strict=True):
            lived.setdefault(home, set()).add(profile)
        larger = [sorted(household) for household in lived.values() if len(household) > 1][:20]
        alone = [sorted(household) for household in lived.values() if len(household) == 1][:10]
        assert len(larger) == 20
        for household in larger + alone:
            assert who_lives_with(connection, installation, household[0]) == household[1:]
