"""What is kept no longer goes, by the rules of cdi.yaml, and nothing else does."""

import threading
from datetime import timedelta
from pathlib import Path

import psycopg
import pytest
from domain import assert_consistent, profile_of, push

from cdi.access import EVERYTHING, Caller, Credential, Role
from cdi.audit import Trail
from cdi.clock import utc_now
from cdi.errors import ConfigurationError, ConflictError
from cdi.fields import Stream
from cdi.ingest.contract import Record
from cdi.jobs import jobs_of
from cdi.jobs.job import Going, Standing
from cdi.pipeline import Arriving, Installation, land
from cdi.privacy import retention
from cdi.settings import load_deployment
from cdi.store.db import Database
from conftest import Doors, installation_of

CDI = """
company: {name: Test, country: DE, language: de}
owners:
  - {id: retail, department: Filialen, role: Leitung, contact: a@test.example}
  - {id: online, department: Onlinehandel, role: Leitung, contact: b@test.example}
customer_owner: retail
sources:
  till:
    connector: push
    data_owner: retail
    purpose: sale
    retention: {records: P10Y, attributes: {phones: P3Y}, touchpoints: P5Y}
    max_delete_share: 1
  shop: {connector: push, data_owner: online, purpose: sale, retention: P10Y, trust: 0.8, max_delete_share: 0.1}
"""
TODAY = utc_now()
LONG_AGO = TODAY - timedelta(days=365 * 11)
SOME_TIME_AGO = TODAY - timedelta(days=365 * 4)
OFFICER = Caller("anna", Role.ADMIN, EVERYTHING, credential=Credential.OPERATOR)


@pytest.fixture
def company(database: Database, tmp_path: Path) -> Installation:
    (tmp_path / "cdi.yaml").write_text(CDI, encoding="utf-8")
    return installation_of(tmp_path, database)


def person(given: str, family: str, number: int) -> dict[str, object]:
    return {
        "name": {"given_name": given, "family_name": family},
        "birth_date": f"19{number:02d}-03-14",
        "emails": [{"value": f"{given}.{family}{number}@canary.example".lower()}],
        "phones": [{"value": f"+49 170 55{number:05d}"}],
    }


def run(company: Installation, *, confirmed: bool = False) -> retention.Removed:
    trail = Trail.of(OFFICER, "retention", changes=True)
    removed = retention.run(company, trail, lambda *_: None, confirmed=confirmed)
    assert_consistent(company)
    return removed


def visit(company: Installation, key: str, customer: str, days_ago: int) -> None:
    arriving = Arriving("till", {"visits": Stream.TOUCHPOINT}, lambda _, data: data)
    at = (TODAY - timedelta(days=days_ago)).isoformat()
    said = {"customer_key": customer, "type": "visit", "channel": "shop", "at": at, "subject": f"canary-{key}"}
    with company.database.unit_of_work() as connection:
        land(connection, company, arriving, [Record("visits", key, said)], (), utc_now())


def everything(company: Installation) -> str:
    """All that the database holds, as text."""
    with psycopg.connect(company.database.url) as connection:
        names = [row[0] for row in connection.execute("select tablename from pg_tables where schemaname = 'public'")]
        return "\n".join(
            str(row[0]) for name in names for row in connection.execute(f'select t::text from "{name}" t').fetchall()
        ).lower()


def test_a_record_that_is_kept_no_longer_goes_with_all_that_it_said(company: Installation) -> None:
    push(
        company, "till", {"old": person("Ottokar", "Altmann", 40), "kept": person("Karla", "Neumann", 41)}, at=LONG_AGO
    )
    push(company, "till", {"old": person("Ottokar", "Altmann-Verzogen", 40)}, at=LONG_AGO + timedelta(days=1))
    push(company, "shop", {"same": person("Ottokar", "Altmann", 40)})
    visit(company, "v1", "old", 365 * 11)
    visit(company, "v2", "kept", 365 * 2)
    gone, shared = profile_of(company, "till", "kept"), profile_of(company, "till", "old")
    assert shared == profile_of(company, "shop", "same")
    assert "altmann-verzogen" in everything(company)
    with company.database.unit_of_work() as connection:
        told = retention.preview(connection, company, utc_now())
    (records,) = (rule for rule in told["rules"] if rule["source"] == "till" and rule["what"] == "records")
    assert [one["record"] for one in records["records"]] == ["till:old"], "the other one was here two years ago"
    assert (records["due"], records["of"], records["rule"]) == (1, 2, "records P10Y after last_activity")

    assert run(company).total >= 1
    assert profile_of(company, "till", "old") is None
    assert profile_of(company, "till", "kept") == gone
    assert profile_of(company, "shop", "same") == shared, "what another source says stays"
    left = everything(company)
    assert "altmann-verzogen" not in left
    assert "canary-v1" not in left
    assert "canary-v2" in left
    assert run(company).total == 0, "nothing is left to do"

    push(company, "till", {"old": person("Ottokar", "Altmann-Verzogen", 40)}, at=LONG_AGO + timedelta(days=1))
    visit(company, "v1", "old", 365 * 11)
    again = everything(company)
    assert "altmann-verzogen" not in again and "canary-v1" not in again, "the next full reading says nothing new"
    push(company, "till", {"old": person("Ottokar", "Altmann-Daheim", 40)})
    assert profile_of(company, "till", "old") == shared, "who is heard of again is a customer again"


def test_the_last_record_takes_its_profile_along(company: Installation, doors: Doors) -> None:
    push(company, "till", {"1": person("Ottokar", "Altmann", 40)}, at=LONG_AGO)
    profile = profile_of(company, "till", "1")
    run(company)
    for value in ("ottokar", "altmann", "canary.example", "55000", "1940-03-14"):
        assert value not in everything(company)
    admin = doors.as_(Role.ADMIN)
    assert admin.get(f"/v1/profiles/{profile}").status_code == 410
    assert admin.get("/v1/profiles", params={"q": "Altmann"}).json()["profiles"] == []
    assert [change["type"] for change in admin.get("/v1/changes").json()["changes"]] == ["created", "retired"]
    assert admin.get(f"/v1/profiles/{profile}/history").status_code == 200


def test_an_attribute_goes_alone(company: Installation) -> None:
    said = person("Ottokar", "Altmann", 40) | {"attributes": {"note": "x"}}
    push(company, "till", {"1": said}, at=SOME_TIME_AGO)
    profile = profile_of(company, "till", "1")
    run(company)
    left = everything(company)
    assert "4917055" not in left.replace(" ", "")
    assert "altmann" in left
    assert profile_of(company, "till", "1") == profile
    push(company, "till", {"1": said}, at=SOME_TIME_AGO)
    assert "4917055" not in everything(company).replace(" ", ""), "the same said again is nothing new"


def test_a_touchpoint_goes_after_its_own_date(company: Installation) -> None:
    push(company, "till", {"1": person("Karla", "Neumann", 41)})
    visit(company, "v1", "1", 365 * 6)
    visit(company, "v2", "1", 365 * 4)
    run(company)
    left = everything(company)
    assert "canary-v1" not in left
    assert "canary-v2" in left


def test_too_much_at_once_is_asked_about_first(company: Installation) -> None:
    push(company, "shop", {str(n): person("Ottokar", f"Altmann{n}", n) for n in range(10, 50)}, at=LONG_AGO)
    removed = run(company)
    assert (removed.total, removed.asks) == (0, ["shop: records P10Y after last_activity: 40 of 40 are due"])
    assert run(company, confirmed=True).total == 40
    with company.database.unit_of_work() as connection:
        (told,) = retention.list_runs(connection, 10)
    assert (told["removed"], told["author"], told["source"]) == (40, "operator:anna", "shop")


@pytest.fixture
def doors(company: Installation) -> Doors:
    return Doors(company)


def test_a_hold_protects_until_it_is_lifted(company: Installation, doors: Doors) -> None:
    push(company, "till", {"1": person("Ottokar", "Altmann", 40), "2": person("Karla", "Neumann", 41)}, at=LONG_AGO)
    profile = str(profile_of(company, "till", "1"))
    admin = doors.as_(Role.ADMIN, name="officer")
    placed = admin.post("/v1/holds", json={"profile": profile, "reason": "a dispute about a purchase"})
    assert placed.status_code == 201
    assert placed.json()["records"] == ["till:1"]
    push(company, "till", {"1b": person("Ottokar", "Altmann", 40)}, at=LONG_AGO)
    due = {rule["what"]: (rule["due"], rule["held"]) for rule in admin.get("/v1/retention/due").json()["rules"][:2]}
    assert due == {"records": (1, 2), "phones": (1, 2)}, "who joins the profile is held with it"
    run(company)
    assert [profile_of(company, "till", key) is None for key in ("1", "1b", "2")] == [False, False, True]

    hold = f"/v1/holds/{placed.json()['id']}"
    assert admin.delete(hold).status_code == 422, "lifting it needs a reason too"
    lifted = admin.delete(hold, params={"reason": "it was settled"}).json()
    assert (lifted["status"], lifted["author"], lifted["lifted_reason"]) == ("lifted", "key:officer", "it was settled")
    assert admin.delete(hold, params={"reason": "again"}).status_code == 409
    assert admin.get("/v1/holds").json()["holds"] == []
    assert len(admin.get("/v1/holds", params={"standing": False, "profile": profile}).json()["holds"]) == 0
    run(company)
    assert profile_of(company, "till", "1") is None
    assert "altmann" not in everything(company)
    with company.database.unit_of_work() as connection:
        assert retention.list_runs(connection, 10)[0]["rule"] == "records P10Y after last_activity"


def test_whoever_restricted_the_use_of_their_data_is_not_removed_either(company: Installation, doors: Doors) -> None:
    push(company, "till", {"1": person("Ottokar", "Altmann", 40)}, at=LONG_AGO)
    officer = doors.as_(Role.PRIVACY)
    asked = {"profile": str(profile_of(company, "till", "1")), "ground": "claims"}
    request = officer.post("/v1/privacy/restrictions", json=asked).json()["id"]
    assert run(company).total == 0
    assert "altmann" in everything(company)
    assert officer.post(f"/v1/privacy/restrictions/{request}/lifting").status_code == 200
    assert run(company).total == 1


def test_bad_holds_are_refused_with_what_is_wrong(company: Installation, doors: Doors) -> None:
    push(company, "till", {"1": person("Ottokar", "Altmann", 40)})
    admin = doors.as_(Role.ADMIN)
    bad: list[tuple[dict[str, object], int]] = [
        ({"reason": "x"}, 422),
        ({"reason": " ", "record": "till:1"}, 422),
        ({"reason": "x", "record": "till:unknown"}, 404),
        ({"reason": "x", "record": "till:1", "until": "2020-01-01T00:00:00Z"}, 422),
        ({"reason": "x", "profile": "00000000-0000-7000-8000-000000000000"}, 404),
    ]
    assert [admin.post("/v1/holds", json=said).status_code for said, _ in bad] == [status for _, status in bad]
    assert admin.get("/v1/holds/4711").status_code == 404
    assert admin.get("/v1/retention/due", params={"source": "nowhere"}).status_code == 404
    assert doors.as_(Role.STEWARD).get("/v1/holds").status_code == 403


def test_the_worker_does_it_only_if_told_when_and_never_at_once(company: Installation, tmp_path: Path) -> None:
    assert not [job for job in jobs_of(company) if job.name == "retention"]
    (tmp_path / "cdi.yaml").write_text(CDI + "retention: {schedule: P1D}\n", encoding="utf-8")
    told = installation_of(tmp_path, company.database)
    push(told, "till", {"1": person("Ottokar", "Altmann", 40)}, at=LONG_AGO)
    (job,) = (job for job in jobs_of(told) if job.name == "retention")
    going = Going(threading.Event(), lambda *_: None)
    with told.database.unit_of_work() as connection:
        standing = Standing.seen(connection, told, utc_now())
        assert (job.due(connection, standing) or standing.now) > standing.now
    assert job.work(told, standing, going) == "1 removed"
    assert job.work(told, standing, going) is None
    push(told, "shop", {str(n): person("Karla", f"Neumann{n}", n) for n in range(10, 50)}, at=LONG_AGO)
    with pytest.raises(ConflictError, match=r"40 of 40 are due.*dry-run"):
        job.work(told, standing, going)


def test_what_is_no_period_is_a_fault_with_its_line(tmp_path: Path) -> None:
    wrong = CDI.replace("phones: P3Y", "phone: P3Y").replace("retention: P10Y,", "retention: ten years,")
    (tmp_path / "cdi.yaml").write_text(wrong, encoding="utf-8")
    with pytest.raises(ConfigurationError) as fault:
        load_deployment(tmp_path / "cdi.yaml")
    assert "no attribute phone that could go alone" in str(fault.value)
    assert "'ten years' is no period; write a period as P10Y" in str(fault.value)
