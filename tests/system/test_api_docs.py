"""The calls in docs/api.md are made as they stand there."""

import re
import shlex
from pathlib import Path
from typing import Any

import pytest
import yaml
from domain import email, home, person, profile_of, push
from test_journey import NOON, happened, touchpoint

from cdi.access import Role
from cdi.api.catalogue import CATALOGUE
from cdi.pipeline import Installation
from cdi.settings import Api, Contact
from conftest import Doors

PAGE = (Path(__file__).parents[2] / "docs" / "api.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"```sh\n(.*?)```", PAGE, re.S)
CALLS = [call.replace("\\\n", " ") for block in BLOCKS for call in re.findall(r"curl (?:.*\\\n)*.*", block)]
ANNA = person(
    "Anna",
    "Müller",
    "1975-03-05",
    emails=email("anna.mueller@gmx.de"),
    phones=[{"value": "+491724981375"}],
    addresses=home("Lindenweg", "5", "50667", "Köln"),
    identifiers=[{"type": "loyalty_card", "value": "70012233"}],
)


@pytest.fixture
def doors(company: Installation) -> Doors:
    push(company, "till", {"a": ANNA})
    happened(company, "till", {"t": touchpoint("request", "shop", NOON, state="open")})
    return Doors(company)


def test_every_call_finds_what_it_asks_for(company: Installation, doors: Doors) -> None:
    client = doors.as_(Role.ADMIN)
    profile = str(profile_of(company, "till", "a"))
    touchpoints = client.get(f"/v1/profiles/{profile}/touchpoints").json()["touchpoints"]
    assert len(CALLS) >= 8
    for call in CALLS:
        words = shlex.split(call.replace("$ID", profile).replace("$TOUCHPOINT", str(touchpoints[0]["id"])))
        url = words[-1].removeprefix("$CDI")
        body = words[words.index("-d") + 1] if "-d" in words else None
        headers = {"Content-Type": "application/json"} if body else {}
        answer: Any = client.request("POST" if body else "GET", url, content=body, headers=headers)
        assert answer.status_code in {200, 201}, f"{url}: {answer.text}"
        assert profile in answer.text or "closed" in answer.text, url


def test_the_settings_on_the_page_are_settings() -> None:
    found = [yaml.safe_load(block) for block in re.findall(r"```yaml\n(.*?)```", PAGE, re.S)]
    assert Contact.model_validate(found[0]["contact"]).caps
    assert Api.model_validate(found[1]["api"]).largest_request_mb == Api().largest_request_mb


def test_every_problem_type_says_what_to_do() -> None:
    assert all(entry.meaning.endswith(".") and entry.remedy.endswith(".") for entry in CATALOGUE.values())
