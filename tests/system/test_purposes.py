"""What values are used for is asked of the key and of the source, wherever values leave."""

from collections.abc import Iterator

import pytest
from domain import email, person, profile_of, push
from fastapi.testclient import TestClient
from stewarding import Steward

from cdi.access import Role
from cdi.fields import FieldGroup
from cdi.pipeline import Installation
from conftest import SMALL_COMPANY, Doors, copy_of, installation_of

ANNA = person("Anna", "Krzywdzinski", "1984-03-05", emails=email("anna.krz@gmx.de"))
OF_SHOP = ANNA | {"phones": [{"value": "+491724981375"}]}
WITH_PURPOSES = SMALL_COMPANY.replace("trust: 0.8}", "trust: 0.8, purposes: [service, delivery]}")


@pytest.fixture(scope="module")
def company(
    server_url: str, migrated_template: str, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Installation]:
    """Anna in the till, which may be used for anything, and in the shop, which is for service and delivery."""
    folder = tmp_path_factory.mktemp("purposes")
    (folder / "cdi.yaml").write_text(WITH_PURPOSES, encoding="utf-8")
    with copy_of(server_url, migrated_template) as database:
        installation = installation_of(folder, database)
        push(installation, "till", {"a": ANNA})
        push(installation, "shop", {"b": OF_SHOP})
        yield installation


def sources_seen(client: TestClient, company: Installation, purpose: str | None = None) -> set[str]:
    asked = {} if purpose is None else {"purpose": purpose}
    path = f"/v1/profiles/{profile_of(company, 'till', 'a')}"
    answer = client.get(path, params=asked)
    assert answer.status_code == 200, answer.text
    seen = {record["source"] for record in answer.json()["records"]}
    assert ("phones" in answer.json()["golden"]) == ("shop" in seen)
    found = client.get("/v1/profiles", params={**asked, "phone": "01724981375"}).json()["profiles"]
    typed = client.get("/v1/profiles", params={**asked, "q": "4981375"}).json()["profiles"]
    looked_up = client.post("/v1/profiles/lookup", params=asked, json={"record": {"phones": OF_SHOP["phones"]}}).json()
    assert bool(found) == bool(typed) == bool(looked_up["profiles"]) == ("shop" in seen)
    return seen


def test_sources_are_seen_for_the_purposes_that_they_are_for(company: Installation) -> None:
    any_purpose = Doors(company).as_(Role.READER, *FieldGroup)
    assert sources_seen(any_purpose, company) == {"till", "shop"}
    assert sources_seen(any_purpose, company, "delivery") == {"till", "shop"}
    assert sources_seen(any_purpose, company, "newsletter") == {"till"}


def test_a_key_is_for_its_purposes_whether_it_names_one_or_not(company: Installation) -> None:
    campaign = Doors(company).as_(Role.READER, *FieldGroup, purposes=["newsletter"])
    assert sources_seen(campaign, company) == {"till"}
    assert sources_seen(campaign, company, "newsletter") == {"till"}
    refused = campaign.get("/v1/profiles", params={"purpose": "delivery"})
    assert (refused.status_code, refused.json()["type"]) == (403, "/problems/forbidden")
    both = Doors(company).as_(Role.READER, *FieldGroup, purposes=["newsletter", "delivery"])
    assert sources_seen(both, company) == {"till", "shop"}
    assert sources_seen(both, company, "newsletter") == {"till"}


def test_a_profile_of_other_purposes_is_not_there(company: Installation) -> None:
    push(company, "shop", {"only": person("Thomas", "Oduya", "1990-01-07")})
    only = profile_of(company, "shop", "only")
    reader = Doors(company).as_(Role.READER, *FieldGroup)
    assert reader.get(f"/v1/profiles/{only}").status_code == 200
    for rest in ("", "/touchpoints", "/consents", "/contactability", "/history", "/explain"):
        assert reader.get(f"/v1/profiles/{only}{rest}", params={"purpose": "newsletter"}).status_code == 404
    changes = reader.get("/v1/changes", params={"purpose": "newsletter"}).json()["changes"]
    assert str(only) not in {
        change["profile_id"] if "profile_id" in change else change["profile"] for change in changes
    }


def test_whom_we_may_contact_is_known_by_sources_for_that_purpose(company: Installation) -> None:
    profile = profile_of(company, "till", "a")
    told = Steward(company, role=Role.ADMIN).get(f"profiles/{profile}/contactability", purpose="newsletter")
    phone = next(channel for channel in told["channels"] if channel["channel"] == "phone")
    assert "no address: nothing is known to reach the customer by" in phone["why_not"]
