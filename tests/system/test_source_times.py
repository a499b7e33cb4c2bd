"""When a source said something decides what counts, but no clock that runs ahead can freeze a record."""

from datetime import datetime, timedelta
from typing import Any

import pytest
from domain import assert_consistent, email, person
from fastapi.testclient import TestClient

from cdi.access import Role
from cdi.clock import utc_now
from cdi.fields import FieldGroup
from cdi.pipeline import Installation
from conftest import Doors

ANNA = person("Anna", "Krzywdzinski", "1984-03-05", phones=[{"value": "+491724981375"}])


@pytest.fixture
def till(company: Installation) -> TestClient:
    return Doors(company).as_(Role.CONNECTOR, source="till")


def says(till: TestClient, address: str, at: datetime | None = None, key: str = "a") -> dict[str, Any]:
    """The till says that Anna has this e-mail address, at its own time."""
    record: dict[str, Any] = {"key": key, "data": ANNA | {"emails": email(address)}}
    if at is not None:
        record["observed_at"] = at.isoformat()
    answer = till.post("/v1/sources/till/records", json={"records": [record], "wait": True})
    assert answer.status_code == 200, answer.text
    told: dict[str, Any] = answer.json()
    return told


def shown(company: Installation) -> dict[str, Any]:
    """The one profile, as a reader sees it."""
    reader = Doors(company).as_(Role.READER, *FieldGroup, name=f"reader {utc_now()}")
    (profile,) = reader.get("/v1/profiles", params={"source": "till", "key": "a"}).json()["profiles"]
    assert_consistent(company)
    document: dict[str, Any] = profile
    return document


def address_shown(company: Installation) -> str:
    value: str = shown(company)["golden"]["emails"]["value"]["value"]
    return value


@pytest.mark.parametrize("ahead", [timedelta(hours=1), timedelta(days=30_000)], ids=["an hour", "decades"])
def test_a_word_from_the_future_is_replaced_by_the_next(
    company: Installation, till: TestClient, ahead: timedelta
) -> None:
    says(till, "from.the.future@gmx.de", utc_now() + ahead)
    seen = datetime.fromisoformat(shown(company)["records"][0]["observed_at"])
    assert seen <= utc_now()
    says(till, "from.today@gmx.de", utc_now())
    assert address_shown(company) == "from.today@gmx.de"
    says(till, "without.a.time@gmx.de")
    assert address_shown(company) == "without.a.time@gmx.de"


def test_a_clock_that_is_always_ahead_keeps_its_order(company: Installation, till: TestClient) -> None:
    for n in range(3):
        says(till, f"anna.{n}@gmx.de", utc_now() + timedelta(days=400))
        assert address_shown(company) == f"anna.{n}@gmx.de"


def test_a_clock_within_the_tolerance_is_believed(company: Installation, till: TestClient) -> None:
    a_little = utc_now() + company.deployment.clock_tolerance / 2
    says(till, "anna.a@gmx.de", a_little)
    assert datetime.fromisoformat(shown(company)["records"][0]["observed_at"]) == a_little
    told = says(till, "anna.b@gmx.de", a_little - timedelta(seconds=1))
    assert (told["accepted"], address_shown(company)) == (1, "anna.a@gmx.de")


def test_the_newest_of_two_records_wins_though_one_is_from_the_future(company: Installation, till: TestClient) -> None:
    says(till, "from.the.future@gmx.de", utc_now() + timedelta(days=365), key="b")
    says(till, "from.today@gmx.de", utc_now(), key="a")
    assert len(shown(company)["records"]) == 2
    assert address_shown(company) == "from.today@gmx.de"


def test_what_is_said_late_is_kept_and_does_not_count(company: Installation, till: TestClient) -> None:
    says(till, "new@gmx.de", utc_now())
    told = says(till, "old@gmx.de", utc_now() - timedelta(days=3))
    assert (told["accepted"], told["unchanged"], address_shown(company)) == (1, 0, "new@gmx.de")
    assert says(till, "old@gmx.de", utc_now() - timedelta(days=3_000))["accepted"] == 1
    assert address_shown(company) == "new@gmx.de"
