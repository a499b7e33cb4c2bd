"""Erasure: a customer with values of its own in every field goes through every route and is erased; then none of the
values is anywhere, also after a backup from before is restored, and the others keep everything of theirs."""

import hashlib
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest
from desks import signed_in
from domain import assert_consistent, email, feed_of, home, person, profile_of, push
from fastapi.testclient import TestClient
from stewarding import Steward, company_in, weight_of

from cdi import exporting
from cdi.access import Role
from cdi.clock import utc_now
from cdi.errors import ConfigurationError
from cdi.exporting import Format, Terms, export_profiles
from cdi.fields import CanonicalData, FieldGroup, Stream
from cdi.ingest.contract import Op, Record
from cdi.pipeline import Arriving, Installation, land, resolve
from cdi.privacy import erasure_file
from cdi.privacy.erasing import reconcile
from cdi.store.backup import backup, restore
from cdi.store.db import Database
from conftest import Doors
from databases import content

STREET = home("Quittenbaumweg", "77", "39104", "Magdeburg")
CANARY: CanonicalData = {
    "name": {"given_name": "Xantippa", "family_name": "Vogelfrei-Querkopf", "title": "Dr."},
    "birth_date": "1963-07-19",
    "gender": "f",
    "emails": [{"value": "xantippa.querkopf@canary.example"}],
    "phones": [{"value": "+49 391 5550917"}],
    "addresses": STREET,
    "identifiers": [{"type": "loyalty_card", "value": "LC-90817263"}],
    "attributes": {"shoe_size": "canary-size-39-wide"},
}
VALUES = (
    "xantippa", "querkopf", "vogelfrei", "1963-07-19", "5550917", "90817263", "canary-", "customer-4711-canary",
    "shopper-0815-canary",
)  # fmt: skip
HUSBAND = person("Balthasar", "Ohneland", "1960-02-02", emails=email("balthasar@web.example"), addresses=STREET)
KEY, SHOP_KEY = "customer-4711-canary", "shopper-0815-canary"
EXAMPLE_HOOK = {"url": "https://app.example/hook"}


@pytest.fixture
def company(database: Database, tmp_path: Path) -> Iterator[Installation]:
    (tmp_path / "company").mkdir()
    installation = company_in(tmp_path / "company", database)
    yield installation
    assert_consistent(installation)


@pytest.fixture
def doors(company: Installation) -> Doors:
    return Doors(company)


def pushed(doors: Doors, source: str, *records: dict[str, Any], **headers: str) -> Any:
    client = doors.as_(Role.CONNECTOR, source=source)
    answer = client.post(f"/v1/sources/{source}/records", json={"records": list(records)}, headers=headers)
    assert answer.status_code == 200, answer.text
    return answer.json()


def everywhere(company: Installation) -> str:
    """All that the database holds and all files of the deployment but the operator's own, as text."""
    rows = [row for name, table in content(company.database.url).items() if name != "indexes" for row in table]
    files = [path.read_bytes().decode("utf-8", "replace") for path in company.folder.rglob("*") if path.is_file()]
    return "\n".join([*rows, *files]).lower()


def hashes_of(value: str) -> set[str]:
    return {
        each
        for said in (value, value.lower())
        for algorithm in (hashlib.md5, hashlib.sha1, hashlib.sha256)
        for each in [algorithm(said.encode()).hexdigest()]
    }


def assert_nothing_is_left(company: Installation) -> None:
    found = everywhere(company)
    told = {value: [line[:300] for line in found.splitlines() if value in line] for value in VALUES}
    assert not {value: lines for value, lines in told.items() if lines}
    whole = {KEY, SHOP_KEY, "xantippa.querkopf@canary.example", "+493915550917", "xantippa", "1963-07-19"}
    assert not {hashed for value in whole for hashed in hashes_of(value) if hashed in found}


def a_whole_life(company: Installation, doors: Doors) -> str:
    """She comes by every route; the id of her profile."""
    assert weight_of(CANARY, CANARY) > 0
    pushed(doors, "till", {"key": KEY, "data": CANARY}, **{"Idempotency-Key": "canary-order-1"})
    married = {**CANARY, "name": {**CANARY["name"], "family_name": "Querkopf"}}
    pushed(doors, "till", {"key": KEY, "data": married})
    pushed(doors, "shop", {"key": SHOP_KEY, "data": CANARY})
    pushed(doors, "shop", {"key": "husband", "data": HUSBAND})
    happened = {"customer_key": KEY, "type": "receipt", "channel": "shop", "at": "2026-03-01T12:00:00Z"}
    allowed = {"customer_key": KEY, "purpose": "newsletter", "channel": "email", "status": "granted"}
    said = pushed(
        doors,
        "till",
        {"key": "canary-visit", "stream": "touchpoints", "data": {**happened, "subject": "canary-boots"}},
        {"key": "canary-yes", "stream": "consents", "data": {**allowed, "proof": "canary-signature"}},
        {
            "key": "canary-broken",
            "stream": "touchpoints",
            "data": {**happened, "at": "never", "subject": "canary-broken"},
        },
        {"key": KEY, "data": {**CANARY, "birth_date": "canary-day"}},
    )
    assert said["rejected"]
    profile = profile_of(company, "till", KEY)
    assert profile is not None and profile == profile_of(company, "shop", SHOP_KEY)
    steward = Steward(company)
    assert steward.pin(profile, "gender", value="f", reason="canary-pin").status_code == 200
    about = {"record": f"till:{KEY}", "attribute": "gender", "said": "canary-task: Xantippa says so"}
    assert steward.client.post("/v1/tasks", json=about).status_code == 201
    assert steward.split(profile, f"shop:{SHOP_KEY}", reason="canary-split").status_code == 200
    assert profile_of(company, "till", KEY) != profile_of(company, "shop", SHOP_KEY)
    again = steward.say("match", [f"till:{KEY}"], [f"shop:{SHOP_KEY}"], reason="canary-merge")
    assert again.status_code in {200, 201, 409}, again.text
    if again.status_code == 409:
        for override in steward.get("overrides")["overrides"]:
            assert steward.revoke(override["id"], reason="canary-regret").status_code == 200
        again = steward.say("match", [f"till:{KEY}"], [f"shop:{SHOP_KEY}"], reason="canary-merge")
        assert again.status_code in {200, 201}, again.text
    for review in steward.reviews():
        assert steward.client.post(f"/v1/reviews/{review['id']}/comments", json={"said": "canary-note"}).is_success
    word = {"record": f"till:{KEY}", "status": "withdrawn", "purpose": "newsletter", "proof": "canary-letter"}
    assert steward.client.post("/v1/consents", json=word).status_code == 201
    subscribed = doors.as_(Role.READER, *FieldGroup, name="app").post("/v1/webhooks", json=EXAMPLE_HOOK)
    assert subscribed.status_code == 201, subscribed.text
    return str(profile_of(company, "till", KEY))


def erase(officer: TestClient, profile: str) -> dict[str, Any]:
    answer = officer.post("/v1/privacy/erasures", json={"profile": profile, "ground": "consent_withdrawn"})
    assert answer.status_code == 201, answer.text
    told: dict[str, Any] = answer.json()
    assert told["state"] == "done"
    return told


def test_30_nothing_of_a_customer_is_left_and_it_stays_out(
    company: Installation, doors: Doors, officer: TestClient, empty_url: str, tmp_path: Path
) -> None:
    profile = a_whole_life(company, doors)
    reader = doors.as_(Role.READER, *FieldGroup)
    husband = reader.get("/v1/profiles", params={"source": "shop", "key": "husband"}).json()["profiles"]
    files = tmp_path / "files"
    export_profiles(company, files, list(Format), Terms(tuple(FieldGroup)), None, lambda *_: None)
    (files / ".profiles-all-1.csv.part").write_text("of an export that was killed: Xantippa")
    backup(company.database.url, tmp_path / "before")

    preview = officer.post("/v1/privacy/erasures", params={"dry_run": True}, json={"profile": profile}).json()
    assert preview["tables"]["record"] == 2 and preview["tables"]["record_version"] >= 5
    assert preview["sources"] == {"shop": 1, "till": 3}
    assert [one["folder"] for one in preview["told"]["exports"]] == [str(files)]
    assert profile_of(company, "till", KEY), "a preview changes nothing"

    told = erase(officer, profile)
    assert told["about"]["tables"] == preview["tables"]
    assert_nothing_is_left(company)
    gone = reader.get(f"/v1/profiles/{profile}", follow_redirects=False)
    assert gone.status_code == 410 and gone.json()["reason"] == "erased"
    assert reader.get("/v1/profiles", params={"source": "shop", "key": "husband"}).json()["profiles"] == husband
    assert ("erased", told["profile"]) in [(kind, str(one)) for kind, one in feed_of(company)]
    assert [one["state"] for one in officer.get(f"/v1/privacy/requests/{told['id']}").json()["acknowledged"]] == [
        "waiting"
    ]
    export = export_profiles(company, tmp_path / "out", [Format.JSONL], Terms(tuple(FieldGroup)), None, lambda *_: None)
    assert "canary" not in next(iter(export.paths.values())).read_text(encoding="utf-8")
    assert "canary" not in reader.get("/metrics").text
    assert exports_of(officer, told) == [(str(files), "waiting")]
    exporting.clear(company, lambda *_: None)
    assert exports_of(officer, told) == [(str(files), "cleared")]
    assert_only_he_is_in(files)

    comes_back(company, doors, officer)

    restored = Database(empty_url)
    restore(tmp_path / "before", empty_url)
    back = replace(company, database=restored)
    assert "xantippa" in "".join(row for rows in content(empty_url).values() for row in rows).lower()
    assert reconcile(back) == 1
    assert reconcile(back) == 0
    assert_nothing_is_left(back)
    assert_consistent(back)
    after = Doors(back)
    assert after.as_(Role.READER).get(f"/v1/profiles/{profile}").json()["reason"] == "erased"
    comes_back(back, after, after.as_(Role.PRIVACY))
    restored.close()


def exports_of(officer: TestClient, told: dict[str, Any]) -> list[tuple[str, str]]:
    shown = officer.get(f"/v1/privacy/requests/{told['id']}").json()["exports"]
    return [(one["folder"], one["state"]) for one in shown]


def assert_only_he_is_in(files: Path) -> None:
    """None of her values is in any file there, and the row of her husband in every one."""
    assert {path.suffix for path in files.iterdir()} == {".csv", ".jsonl", ".parquet"}
    for path in files.iterdir():
        parquet = path.suffix == ".parquet"
        said = str(pq.read_table(path).to_pylist() if parquet else path.read_text(encoding="utf-8")).lower()
        said += path.read_bytes().decode("utf-8", "replace").lower()
        assert not [value for value in VALUES if value in said], path.name
        assert "balthasar" in said


def comes_back(company: Installation, doors: Doors, officer: TestClient) -> None:
    """What its source sends again is refused and reported to its owner; her number elsewhere only to the officer."""
    visit = {"customer_key": KEY, "type": "receipt", "channel": "shop", "at": "2026-04-01T12:00:00Z"}
    for _ in range(2):
        said = pushed(
            doors,
            "till",
            {"key": KEY, "data": CANARY},
            {"key": "canary-visit", "stream": "touchpoints", "data": visit},
            {"key": "canary-later", "stream": "touchpoints", "data": visit},
        )
        assert said["accepted"] == 0
        assert [one["reason"] for one in said["rejected"]] == [
            "this person was erased: delete the record at the source"
        ] * 3
    assert_nothing_is_left(company)
    tasks = Steward(company, owners=["retail"]).get("tasks")["tasks"]
    assert {task["kind"] for task in tasks} == {"erased_again"} and len({t["record"] for t in tasks}) == 1
    neighbour = person("Nina", "Nachbarin", "1990-01-01", phones=CANARY["phones"])
    assert pushed(doors, "till", {"key": "neighbour", "data": neighbour})["accepted"] == 1
    sightings = officer.get("/v1/privacy/requests", params={"kind": "sighting"}).json()["requests"]
    assert [(one["ground"], one["about"]["source"]) for one in sightings] == [("identifier", "till")]


def test_two_officers_erase_where_it_takes_two(database: Database, tmp_path: Path) -> None:
    company = company_in(tmp_path, database, more="privacy: {four_eyes: true}\n")
    doors = Doors(company)
    pushed(doors, "till", {"key": "a", "data": CANARY})
    profile = str(profile_of(company, "till", "a"))
    one, other = (doors.as_(Role.PRIVACY, name=name) for name in ("one", "other"))
    asked = one.post("/v1/privacy/erasures", json={"profile": profile}).json()
    assert asked["state"] == "asked"
    decision = f"/v1/privacy/erasures/{asked['id']}/decision"
    assert one.post("/v1/privacy/erasures", json={"profile": profile}).status_code == 409, "it waits already"
    assert one.post(decision, json={"verdict": "approve"}).status_code == 403
    assert profile_of(company, "till", "a")
    done = other.post(decision, json={"verdict": "approve"}).json()
    assert (done["state"], done["asked_by"], done["decided_by"]) == ("done", "key:one", "key:other")
    assert other.post(decision, json={"verdict": "approve"}).status_code == 409
    assert one.post("/v1/privacy/erasures", json={"profile": profile}).status_code == 409, "it was erased"
    assert_nothing_is_left(company)


def test_what_a_source_demands_waits_for_the_officer_and_a_hold_forbids_it(
    company: Installation, doors: Doors, officer: TestClient
) -> None:
    pushed(doors, "till", {"key": KEY, "data": CANARY})
    pushed(doors, "shop", {"key": SHOP_KEY, "data": CANARY})
    profile = str(profile_of(company, "till", KEY))
    pushed(doors, "till", {"key": KEY, "op": "erase"})
    (asked,) = officer.get("/v1/privacy/requests", params={"state": "asked"}).json()["requests"]
    assert (asked["kind"], asked["profile"], asked["asked_by"]) == ("erasure", profile, "source:till")
    hold = officer.post("/v1/holds", json={"profile": profile, "reason": "canary-case"}).json()
    decision = f"/v1/privacy/erasures/{asked['id']}/decision"
    held = officer.post(decision, json={"verdict": "approve"})
    assert held.status_code == 409 and "hold" in held.text
    assert profile_of(company, "shop", SHOP_KEY)
    officer.delete(f"/v1/holds/{hold['id']}", params={"reason": "settled"})
    assert officer.post(decision, json={"verdict": "approve"}).json()["state"] == "done"
    assert_nothing_is_left(company)


def test_what_is_demanded_of_a_record_without_a_profile_waits_too(
    company: Installation, doors: Doors, officer: TestClient
) -> None:
    """It landed, and its source demanded the erasure before anybody had found out whose it is."""
    arriving = Arriving("till", {"customers": Stream.CUSTOMER}, lambda _, data: data)
    for op in (Op.UPSERT, Op.ERASE, Op.ERASE):
        with company.database.unit_of_work() as connection:
            land(connection, company, arriving, [Record("customers", KEY, CANARY, op)], (), utc_now())
    resolve(company)
    assert profile_of(company, "till", KEY) is None
    (asked,) = officer.get("/v1/privacy/requests", params={"state": "asked"}).json()["requests"]
    assert (asked["kind"], asked["profile"], asked["asked_by"]) == ("erasure", None, "source:till")
    desk = signed_in(company, doors.app, "officer", Role.PRIVACY).get("/privacy")
    assert "a customer who has no profile yet" in desk.text
    done = officer.post(f"/v1/privacy/erasures/{asked['id']}/decision", json={"verdict": "approve"})
    assert done.status_code == 200 and done.json()["state"] == "done", done.text
    assert_nothing_is_left(company)
    assert pushed(doors, "till", {"key": KEY, "data": CANARY})["rejected"], "it stays out"
    assert_nothing_is_left(company)


def test_who_came_to_a_profile_meanwhile_is_erased_as_a_whole(
    company: Installation, doors: Doors, officer: TestClient
) -> None:
    arriving = Arriving("till", {"customers": Stream.CUSTOMER}, lambda _, data: data)
    for op in (Op.UPSERT, Op.ERASE):
        with company.database.unit_of_work() as connection:
            land(connection, company, arriving, [Record("customers", KEY, CANARY, op)], (), utc_now())
    pushed(doors, "till", {"key": KEY, "data": CANARY})
    pushed(doors, "shop", {"key": SHOP_KEY, "data": CANARY})
    assert profile_of(company, "till", KEY) == profile_of(company, "shop", SHOP_KEY) is not None
    (asked,) = officer.get("/v1/privacy/requests", params={"state": "asked"}).json()["requests"]
    done = officer.post(f"/v1/privacy/erasures/{asked['id']}/decision", json={"verdict": "approve"})
    assert done.status_code == 200, done.text
    assert_nothing_is_left(company)


def test_a_bare_contact_may_call_again_and_a_stream_of_that_name_is_none(
    company: Installation, officer: TestClient
) -> None:
    """Of a number that called others may use it too; a source's own stream may be named like what such calls make."""
    kinds = {"contacts": Stream.CUSTOMER, "calls": Stream.TOUCHPOINT}
    arriving = Arriving("till", kinds, lambda _, data: data)

    def said(stream: str, key: str, data: dict[str, Any]) -> int:
        with company.database.unit_of_work() as connection:
            landed = land(connection, company, arriving, [Record(stream, key, data)], (), utc_now())
        resolve(company)
        return landed.counts.rejected

    call = {"type": "call", "channel": "phone", "at": "2026-03-01T12:00:00Z", "contact": {"phones": CANARY["phones"]}}
    assert said("contacts", "635641", CANARY) == said("calls", "one", call) == 0
    declared, bare = profile_of(company, "till", "635641"), profile_of(company, "till", "phone:+493915550917")
    assert declared and bare
    for profile in {declared, bare}:
        erase(officer, str(profile))
    assert_nothing_is_left(company)
    assert said("contacts", "635641", CANARY) == 1
    assert said("calls", "one", call) == 1, "this call was erased"
    assert said("calls", "two", call) == 0
    assert profile_of(company, "till", "phone:+493915550917") not in {None, declared, bare}


def test_with_another_key_nothing_is_taken(company: Installation, doors: Doors, officer: TestClient) -> None:
    """Else what was erased would come back."""
    pushed(doors, "till", {"key": KEY, "data": CANARY})
    erase(officer, str(profile_of(company, "till", KEY)))
    path = erasure_file.file_of(company.settings)
    written = path.read_bytes()
    path.unlink()
    assert reconcile(company) == 0
    assert path.read_bytes() == written, "what only the database knew is written down again"
    (company.settings.data_folder / "privacy.key").write_text("0" * 64, encoding="ascii")
    with pytest.raises(ConfigurationError, match="another key"):
        push(company, "till", {KEY: CANARY})
    (company.settings.data_folder / "privacy.key").unlink()
    with pytest.raises(ConfigurationError, match="CDI_PRIVACY_KEY"):
        push(company, "till", {KEY: CANARY})
    assert_nothing_is_left(company)
