"""Random samples, absences, pins with an end and whose word counts on a consent, at the desk."""

import re
from collections.abc import Iterator
from datetime import datetime, timedelta

import pytest
from desks import DeskInBrowser, assert_good_page, signed_in
from domain import ANNA, email, person, profile_of, push
from fastapi import FastAPI
from stewarding import Steward, company_in
from test_contact import allowed, consent

from cdi.access import Role
from cdi.clock import utc_now
from cdi.pipeline import Installation
from conftest import Doors, copy_of

BERND = person("Bernd", "Kessler", "1970-02-01", emails=email("b.kessler@web.de"))


@pytest.fixture(scope="module")
def company(
    server_url: str, migrated_template: str, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Installation]:
    """Three records of the till that the machine made one customer; and Bernd, whom the shop knows."""
    with copy_of(server_url, migrated_template) as database:
        installation = company_in(tmp_path_factory.mktemp("samples"), database)
        push(installation, "till", {"a": ANNA, "a2": ANNA, "a3": ANNA})
        push(installation, "shop", {"b": BERND})
        yield installation


@pytest.fixture(scope="module")
def app(company: Installation) -> FastAPI:
    return Doors(company).app


def test_a_sample_is_judged_pair_by_pair_and_tells_the_precision(company: Installation, app: FastAPI) -> None:
    client = signed_in(company, app, "eva", Role.STEWARD, owners=["retail"])
    drawn = client.submit("/reviews/samples", page="/reviews/samples", size="50").headers["location"]
    token = client.form_token(drawn)
    page = client.get(drawn).text
    assert "pair 1 of 3" in page
    assert 'class="sides"' in page
    assert 'value="no_match" data-key="n"' in page
    form = {"form_token": token, "verdict": "household"}
    part = client.post(f"{drawn}/pairs/1", data=form, headers={"hx-request": "true"}).text
    assert "<html" not in part, "to htmx the answer is the next pair"
    assert "pair 2 of 3" in part
    assert "A sample changes nothing" in part
    for place in (2, 3):
        answer = client.post(f"{drawn}/pairs/{place}", data={"form_token": token, "verdict": "match"})
        assert answer.headers["location"] == drawn
    judged = client.get(drawn).text
    assert "Everything is judged" in judged
    assert "66.7%" in judged
    profile = profile_of(company, "till", "a")
    assert f"/profiles/{profile}/split" in client.get(f"{drawn}?place=1").text, "the way to take them apart"
    assert {profile_of(company, "till", key) for key in ("a2", "a3")} == {profile}, "it measures and changes nothing"
    assert signed_in(company, app, "max", Role.STEWARD).get(drawn).status_code == 404, "another steward's"


def test_a_deputy_is_named_until_who_was_away_is_back(company: Installation, app: FastAPI) -> None:
    client = signed_in(company, app, "eva", Role.STEWARD)
    tomorrow = (utc_now() + timedelta(days=2)).date().isoformat()
    refused = client.submit("/reviews/deputies", page="/reviews/deputies", deputy="max", until="")
    assert refused.status_code == 422
    client.submit("/reviews/deputies", page="/reviews/deputies", deputy="max", until=tomorrow)
    page = client.get("/reviews/deputies").text
    assert re.search(r"eva</span> → max", page)
    absence = re.search(r"/reviews/deputies/(\d+)/end", page)
    assert absence
    other = signed_in(company, app, "ida", Role.STEWARD)
    assert "/end" not in other.get("/reviews/deputies").text
    assert other.submit(f"/reviews/deputies/{absence[1]}/end", page="/reviews/deputies").status_code == 403
    client.submit(f"/reviews/deputies/{absence[1]}/end", page="/reviews/deputies")
    assert "Nobody is away" in client.get("/reviews/deputies").text


def test_a_value_is_pinned_until_a_day(company: Installation, app: FastAPI) -> None:
    profile = profile_of(company, "shop", "b")
    place = f"/profiles/{profile}"
    client = signed_in(company, app, "eva", Role.STEWARD, owners=["retail"])
    admin = signed_in(company, app)
    day = (utc_now() + timedelta(days=30)).date()
    form = {"attribute": "name", "record": "shop:b", "reason": "his passport", "version": "*"}
    assert client.submit(f"{place}/pins", page=place, **form).status_code == 403
    assert admin.submit(f"{place}/pins", page=place, **form, until="yesterday").status_code == 422
    assert admin.submit(f"{place}/pins", page=place, **form, until=day.isoformat()).status_code == 303
    pinned = Steward(company, role=Role.ADMIN).get(f"profiles/{profile}")["golden"]["name"]["pinned"]
    assert abs(datetime.fromisoformat(pinned["until"]).date() - day) <= timedelta(days=1)
    assert "pinned until" in admin.get(place).text


def test_a_steward_says_whose_word_counts_on_a_consent(company: Installation, app: FastAPI) -> None:
    allowed(company, "till", {"c1": consent("granted", "a"), "c2": consent("denied", "a2")})
    place = f"/profiles/{profile_of(company, 'till', 'a')}/consents"
    client = signed_in(company, app, "eva", Role.STEWARD, owners=["retail"])
    assert "Whose word counts?" in client.get(place).text
    said = {"purpose": "newsletter", "channel": "email", "record": "till:a"}
    assert client.submit(f"{place}/review", page=place, **said).status_code == 422, "without a reason"
    assert client.submit(f"{place}/review", page=place, **said, reason="she told me so").status_code == 303
    page = client.get(place).text
    assert "The word of Till a counts from now on." in page
    assert "Whose word counts?" not in page


@pytest.mark.slow
@pytest.mark.parametrize("place", ["/reviews/samples", "/reviews/deputies"])
def test_they_are_good_pages(shared_desk: DeskInBrowser, place: str) -> None:
    client = signed_in(shared_desk.installation, Doors(shared_desk.installation).app)
    if place == "/reviews/samples":
        drawn = client.submit(place, page=place, size="50").headers["location"]
        assert_good_page(shared_desk, drawn)
    else:
        until = (utc_now() + timedelta(days=9)).date().isoformat()
        client.submit(place, page=place, deputy="Ina Wolf", steward="Max Sommer", until=until)
    assert_good_page(shared_desk, place)
