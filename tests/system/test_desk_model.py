"""The page about the model: a trial says what applying then does, and shows it to administrators only."""

import re
from collections.abc import Iterator
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import pytest
from desks import DeskInBrowser, PageClient, assert_good_page, signed_in
from domain import ANNA, push
from test_modelling import with_setting

from cdi import deployment, modelling
from cdi.access import EVERYTHING, mask
from cdi.clock import utc_now
from cdi.fields import FieldGroup
from cdi.jobs import jobs_of
from cdi.jobs.job import Standing
from cdi.matching.model import default_model
from cdi.matching.similarity import hash_texts
from cdi.matching.training import shared_in
from cdi.modelling import left_out
from cdi.pipeline import Installation
from cdi.pipeline.rerun import take_snapshot
from conftest import Doors, copy_of, installation_of


def work_off(installation: Installation, name: str) -> None:
    """Do what a worker does with this job, if it is due."""
    job = next(job for job in jobs_of(installation) if job.name == name)
    with installation.database.unit_of_work() as connection:
        standing = Standing.seen(connection, installation, utc_now())
        due = job.due(connection, standing)
    assert due is not None
    job.work(installation, standing, lambda *_: None)  # type: ignore[arg-type]  # it is told, and never stops


def try_out(installation: Installation) -> Installation:
    """Have the model of cdi.yaml tried out from the desk."""
    admin = signed_in(installation, Doors(installation).app)
    assert admin.submit("/model/studies", page="/model", model="default").status_code == 303
    assert "waits for a worker" in admin.get("/model").text
    polled = admin.get("/model/standing", headers={"hx-request": "true"})
    assert polled.text.strip().startswith('<div id="model-standing"')
    work_off(installation, "study a model")
    ended = admin.get("/model/standing", headers={"hx-request": "true"})
    assert ended.headers["hx-redirect"] == "/model", "what was found is drawn"
    return installation


@pytest.fixture(scope="module")
def tried(
    resolved_template: tuple[Path, str], server_url: str, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Installation]:
    """The sample company, with its model tried out."""
    folder = tmp_path_factory.mktemp("model")
    deployment.create_folder(folder / "company")
    with copy_of(server_url, resolved_template[1]) as database:
        yield try_out(installation_of(folder / "company", database))


@pytest.fixture(scope="module")
def admin(tried: Installation) -> PageClient:
    return signed_in(tried, Doors(tried).app)


def test_a_trial_says_what_a_simulation_says_at_every_threshold(tried: Installation) -> None:
    with tried.database.unit_of_work() as connection:
        (study,) = modelling.list_studies(connection)
        found = modelling.show_study(connection, study.id)
    simulated = modelling.simulate(tried).as_dict()
    stop = modelling.nearest_stop(found, found["match"])
    assert {name: stop[name] for name in ("merges", "splits", "unchanged", "profiles")} == {
        name: simulated[name] for name in ("merges", "splits", "unchanged", "profiles")
    }
    profiles = [stop["profiles"] for stop in found["stops"]]
    assert profiles == sorted(profiles), "the higher the threshold, the fewer records are joined"
    assert found["measured"]["by"] == "truth"
    recalls = [point["recall"] for point in found["measured"]["points"]]
    assert recalls == sorted(recalls, reverse=True)
    assert recalls[0] > 0.5


def test_the_page_says_what_another_threshold_would_change(admin: PageClient) -> None:
    page = admin.get("/model?match=95").text
    assert "match: 0.95" in page
    assert re.search(r"1900-01-01<br><span[^>]*>Date of birth · Callcentre \d+ · Shop \d+", page)
    assert re.search(r'href="/profiles/[0-9a-f-]{36}">[^<]+</a>', page), "samples are named"
    part = admin.get("/model/change?study=1&match=95", headers={"hx-request": "true"}).text
    assert part.strip().startswith('<div id="change"')
    assert "match:" not in admin.get("/model").text, "what stands in cdi.yaml need not be written there"


def test_values_that_say_nothing_are_told_with_their_sources_and_masked(company: Installation) -> None:
    push(company, "till", {"a": ANNA, "a2": ANNA})
    push(company, "shop", {"b": ANNA})
    everybodys = ANNA["emails"][0]["value"]
    model = replace(default_model(), shared=hash_texts([everybodys]))
    found = {"shared": [asdict(one) for one in shared_in(take_snapshot(company).table, model)]}
    with company.database.unit_of_work() as connection:

        def told(**seen: Any) -> list[dict[str, Any]]:
            return list(modelling.shared_values(connection, replace(EVERYTHING, **seen), found))

        shown = {"kind": "emails", "value": everybodys, "records": 3, "sources": {"till": 2, "shop": 1}}
        assert told() == [shown]
        assert told(groups=frozenset()) == [shown | {"value": mask(everybodys)}]
        assert told(hidden_sources=frozenset({"shop"})) == [shown | {"records": 2, "sources": {"till": 2}}]
        assert told(hidden_sources=frozenset({"shop", "till"})) == []


SAYS_NOTHING = {"phones": ["0000"], "emails": ["test@test.de", "anna.k@gmx.de"], "name": {"given_name": "unbekannt"}}


def test_values_that_were_left_out_are_told_with_their_sources_and_masked(company: Installation) -> None:
    push(company, "till", {"a": SAYS_NOTHING, "b": {"phones": ["0000", "0000"]}, "c": ANNA})
    push(company, "shop", {"d": {"phones": ["0000"], "birth_date": "01.01.1900"}})
    ids = take_snapshot(company).table.record_ids.tolist()
    found = left_out.count_left_out(company, ids, 20, lambda *_: None)
    assert found["count"] == 4
    assert "0000" not in str(found) and "unbekannt" not in str(found), "a study holds nobody's values"

    def told(**seen: Any) -> list[tuple[str, str, int, dict[str, int]]]:
        visibility = replace(EVERYTHING, **seen)
        with company.database.unit_of_work() as connection:
            values = modelling.left_out_values(connection, company, visibility, found)
            return [(one["field"], one["value"], one["records"], one["sources"]) for one in values]

    everything = [
        ("phones", "0000", 3, {"shop": 1, "till": 2}),
        ("birth_date", "01.01.1900", 1, {"shop": 1}),
        ("emails", "test@test.de", 1, {"till": 1}),
        ("name.given_name", "unbekannt", 1, {"till": 1}),
    ]
    assert told() == everything
    assert told(hidden_sources=frozenset({"shop"})) == [
        ("phones", "0000", 2, {"till": 2}),
        *(one for one in everything if one[3] == {"till": 1}),
    ]
    seen = told(groups=frozenset({FieldGroup.BIRTH}))
    assert [value for _, value, _, _ in seen] == [mask("0000"), "01.01.1900", mask("test@test.de"), mask("unbekannt")]
    push(company, "shop", {"d": ANNA})
    assert told()[:1] == everything[:1], "another record still says it"
    assert "01.01.1900" not in str(told()), "the only one that said it says something else"


def test_versions_are_told_with_what_each_answer_counts(admin: PageClient) -> None:
    version = re.search(r"first=(\w+)", admin.get("/model").text)
    assert version
    page = admin.get(f"/model/versions?first={version[1]}").text
    assert "Given name" in page
    assert "60,000" in page, "of how many records it was learned"
    assert admin.get("/model/versions?first=nothing").status_code == 404


def test_what_cdi_yaml_asks_for_is_applied_when_somebody_asks(company: Installation) -> None:
    push(company, "till", {"a": ANNA})
    bolder = with_setting(company, "customer_owner", "matching: {match: 0.3}\ncustomer_owner")
    admin = signed_in(bolder, Doors(bolder).app)
    assert "it does not decide yet" in admin.get("/model").text
    before = modelling.show(bolder)["model"]
    admin.submit("/model/run", page="/model", do="apply")
    assert "as soon as a worker is free" in admin.get("/model").text
    work_off(bolder, modelling.JOB)
    assert modelling.show(bolder)["model"] != before
    assert "it does not decide yet" not in admin.get("/model").text
    assert admin.submit("/model/run", page="/model", do="pause").status_code == 404, "there is no run"


@pytest.mark.slow
def test_the_pages_about_the_model_are_good_pages(shared_desk: DeskInBrowser) -> None:
    assert_good_page(shared_desk, "/model")
    try_out(shared_desk.installation)
    assert_good_page(shared_desk, "/model?match=95")
    with shared_desk.installation.database.unit_of_work() as connection:
        version = modelling.list_versions(connection)[0].version
    assert_good_page(shared_desk, f"/model/versions?first={version}")
