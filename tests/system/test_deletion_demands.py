"""A person demands at Meta to be deleted; Meta tells us, the officer decides, and the person follows it by a code."""

from collections.abc import Iterator
from html import unescape
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit
from uuid import UUID

import pytest
from desks import signed_in
from domain import assert_consistent, count, profile_of
from fastapi.testclient import TestClient
from guests import Guest
from loopback import Told, serving
from test_signed_requests import demand, signed

from cdi.access import Role
from cdi.clock import utc_now
from cdi.fields import Stream
from cdi.ingest.contract import Record
from cdi.pipeline import Arriving, Installation, land, resolve
from cdi.sources import sync_sources
from cdi.store.db import Database
from conftest import Doors, installation_of

SECRET = "geheim"
CDI = """
company: {name: Test, country: DE, language: en}
owners: [{id: online, department: Onlinehandel, role: Leitung, contact: b@test.example}]
customer_owner: online
processing: {officer: "D. Schutz, privacy@test.example"}
sources:
  leads:
    connector: meta_leads
    config:
      base_url: "URL"
      form_ids: ["9001"]
      access_token: "${env:TEST_META_SECRET}"
      app_secret: "${env:TEST_META_SECRET}"
    data_owner: online
    purpose: Leads
    retention: P1Y
"""
NAME = [{"name": "full_name", "values": ["Erika Brandstätter"]}]
LEAD = {"id": "77", "created_time": "2026-03-02T10:00:00+0000", "field_data": NAME}


@pytest.fixture
def company(database: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Installation]:
    """One lead was read and resolved; the vendor knows this person by the lead's own id."""
    monkeypatch.setenv("TEST_META_SECRET", SECRET)
    with serving(lambda _: Told({"data": [LEAD]})) as site:
        (tmp_path / "cdi.yaml").write_text(CDI.replace("URL", site.url), encoding="utf-8")
        installation = installation_of(tmp_path, database)
        assert not sync_sources(installation, ["leads"]).errors
        resolve(installation)
        yield installation


@pytest.fixture
def doors(company: Installation) -> Doors:
    return Doors(company)


def told_by_meta(doors: Doors, user: str, secret: str = SECRET) -> Any:
    return doors.stranger().post("/v1/sources/leads/webhook", data={"signed_request": signed(demand(user), secret)})


def page_of(doors: Doors, answer: Any) -> str:
    """What the person reads at the address that Meta was told."""
    assert answer.status_code == 200, answer.text
    path = urlsplit(answer.json()["url"]).path
    assert path.endswith(answer.json()["confirmation_code"])
    page = Guest(doors.app).get(path)
    assert page.status_code == 200, page.text
    return unescape(page.text)


def requests_at(officer: TestClient) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = officer.get("/v1/privacy/requests").json()["requests"]
    return found


def test_who_is_known_goes_at_once_and_is_erased_when_the_officer_says_so(
    company: Installation, doors: Doors, officer: TestClient
) -> None:
    erika = profile_of(company, "leads", "77")
    answer = told_by_meta(doors, "77")
    assert set(answer.json()) == {"url", "confirmation_code"}
    assert profile_of(company, "leads", "77") is None
    page = page_of(doors, answer)
    assert "Our data protection officer looks at it" in page and "privacy@test.example" in page
    assert "Erika" not in page and "77" not in page.replace(answer.json()["confirmation_code"], "")

    (asked,) = requests_at(officer)
    assert (asked["kind"], asked["state"], asked["asked_by"]) == ("erasure", "asked", "source:leads")
    assert UUID(asked["profile"]) == erika
    assert "known_as" not in asked
    done = officer.post(f"/v1/privacy/erasures/{asked['id']}/decision", json={"verdict": "approve"})
    assert done.status_code == 200, done.text
    assert "what we could find of you is deleted" in page_of(doors, answer)
    assert_consistent(company)


def test_a_refusal_is_told_with_whom_to_ask(doors: Doors, officer: TestClient) -> None:
    answer = told_by_meta(doors, "77")
    (asked,) = requests_at(officer)
    officer.post(f"/v1/privacy/erasures/{asked['id']}/decision", json={"verdict": "refuse"})
    page = page_of(doors, answer)
    assert "was refused" in page and "privacy@test.example" in page


def test_who_is_not_known_by_it_is_for_the_officer_to_find(
    company: Installation, doors: Doors, officer: TestClient
) -> None:
    answer = told_by_meta(doors, "218471")
    (alert,) = requests_at(officer)
    assert (alert["kind"], alert["ground"], alert["known_as"]) == ("sighting", "deletion_demanded", "218471")
    assert alert["about"] == {"source": "leads"}
    desk = signed_in(company, doors.app, "officer", Role.PRIVACY).get("/privacy")
    assert "218471" in desk.text
    assert profile_of(company, "leads", "77") is not None

    assert officer.post(f"/v1/privacy/requests/{alert['id']}/acknowledgement").status_code == 200
    assert "is seen to" in page_of(doors, answer)
    (seen,) = requests_at(officer)
    assert seen["state"] == "done" and "known_as" not in seen
    assert count(company, "erasure_demand where who is not null") == 0


def test_who_has_no_profile_yet_is_known_too(company: Installation, doors: Doors, officer: TestClient) -> None:
    """The lead has landed and nobody has found out yet whose it is: its erasure waits, and the code leads to it."""
    arriving = Arriving("leads", {"customers": Stream.CUSTOMER}, lambda _, data: data)
    lead = Record("customers", "88", {"name": {"full": "Max Querkopf"}})
    with company.database.unit_of_work() as connection:
        land(connection, company, arriving, [lead], (), utc_now())
    answer = told_by_meta(doors, "88")
    (asked,) = requests_at(officer)
    assert (asked["kind"], asked["profile"]) == ("erasure", None) and "known_as" not in asked
    done = officer.post(f"/v1/privacy/erasures/{asked['id']}/decision", json={"verdict": "approve"})
    assert done.status_code == 200, done.text
    assert "what we could find of you is deleted" in page_of(doors, answer)
    assert count(company, "record where key = '88'") == 0


def test_the_same_told_again_has_the_same_answer_and_no_effect(
    company: Installation, doors: Doors, officer: TestClient
) -> None:
    for user in ("77", "218471"):
        assert told_by_meta(doors, user).json() == told_by_meta(doors, user).json()
    later = {"signed_request": signed(demand("218471") | {"issued_at": 1291836900})}
    again = doors.stranger().post("/v1/sources/leads/webhook", data=later)
    assert "looks at it" in page_of(doors, again)
    assert len(requests_at(officer)) == 2
    assert count(company, "erasure_demand") == 3
    with company.database.unit_of_work() as connection:
        connection.exec_driver_sql("delete from received_delivery")  # so long ago that it is forgotten
    told_by_meta(doors, "218471")
    assert count(company, "erasure_demand") == 3


def test_a_demand_that_is_not_metas_leaves_nothing(company: Installation, doors: Doors) -> None:
    assert told_by_meta(doors, "77", "geraten").status_code == 401
    assert profile_of(company, "leads", "77") is not None
    assert count(company, "erasure_demand") == count(company, "privacy_request") == 0


def test_a_code_that_nobody_has_is_told_nothing(doors: Doors) -> None:
    for code in ("0" * 32, "x", "a'b"):
        page = Guest(doors.app).get(f"/my-data/deletions/{code}")
        assert page.status_code == 404
        assert "no request with this code" in page.text
