"""The calls in docs/api.md and the README are made as they stand there, by curl's words and by the client."""

import re
import shlex
from pathlib import Path
from typing import Any

import pytest
import yaml
from domain import email, home, person, profile_of, push
from test_journey import NOON, happened, touchpoint
from test_many_writers import serving

from cdi.access import Role
from cdi.api.catalogue import CATALOGUE
from cdi.client import Client
from cdi.pipeline import Installation
from cdi.settings import Api, Contact
from conftest import Doors

ROOT = Path(__file__).parents[2]
CLIENT_PAGE = (ROOT / "docs" / "client.md").read_text(encoding="utf-8")
PAGE = (ROOT / "docs" / "api.md").read_text(encoding="utf-8")
README = (ROOT / "README.md").read_text(encoding="utf-8")


def calls_in(page: str) -> list[str]:
    blocks = re.findall(r"```sh\n(.*?)```", page, re.S)
    return [call.replace("\\\n", " ") for block in blocks for call in re.findall(r"curl (?:.*\\\n)*.*", block)]


def python_in(page: str) -> str:
    return "\n".join(re.findall(r"```python\n(.*?)```", page, re.S))


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


@pytest.mark.parametrize("page", [PAGE, README], ids=["docs/api.md", "README.md"])
def test_every_call_finds_what_it_asks_for(company: Installation, doors: Doors, page: str) -> None:
    client = doors.as_(Role.ADMIN)
    profile = str(profile_of(company, "till", "a"))
    touchpoints = client.get(f"/v1/profiles/{profile}/touchpoints").json()["touchpoints"]
    calls = calls_in(page)
    assert len(calls) >= 5
    for call in calls:
        words = shlex.split(call.replace("$ID", profile).replace("$TOUCHPOINT", str(touchpoints[0]["id"])))
        url = words[-1].removeprefix("$CDI")
        body = words[words.index("-d") + 1] if "-d" in words else None
        headers = {"Content-Type": "application/json"} if body else {}
        answer: Any = client.request("POST" if body else "GET", url, content=body, headers=headers)
        assert answer.status_code in {200, 201}, f"{url}: {answer.text}"
        assert profile in answer.text or "closed" in answer.text, url


@pytest.mark.usefixtures("doors")
def test_the_three_users_calls_by_the_client(company: Installation) -> None:
    profile = str(profile_of(company, "till", "a"))
    with serving(company) as clients, clients() as http:
        address, key = str(http.base_url), http.headers["authorization"].removeprefix("Bearer ")
        said: dict[str, Any] = {"CDI": address, "KEY": key}
        exec(python_in(README), said)
        assert [known.id for known in said["known"]] == [profile] and len(said["journey"]) == 1
        assert said["allowed"][profile]["channels"] and said["changes"][0].profile_id == profile
        with Client(address, key) as cdi:
            told: dict[str, Any] = {"cdi": cdi}
            exec(python_in(PAGE), told)
            assert told["caller"].id == profile and len(told["requests"]) == 1 and told["channels"]
            kept: dict[str, Any] = {"KEY": key}
            blocks = re.findall(r"```python\n(.*?)```", CLIENT_PAGE, re.S)
            exec(blocks[0].replace("https://cdi.example", address), kept)
            exec(blocks[1], kept | {"cdi": cdi})


def test_the_settings_on_the_page_are_settings() -> None:
    found = [yaml.safe_load(block) for block in re.findall(r"```yaml\n(.*?)```", PAGE, re.S)]
    assert Contact.model_validate(found[0]["contact"]).caps
    assert Api.model_validate(found[1]["api"]).largest_request_mb == Api().largest_request_mb


def test_every_problem_type_says_what_to_do() -> None:
    assert all(entry.meaning.endswith(".") and entry.remedy.endswith(".") for entry in CATALOGUE.values())
