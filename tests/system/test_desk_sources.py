"""Sources at the desk: read with a row that cannot be taken, the mapping mended, the row replayed; by scripts and by
forms; and nobody sees what a source said who may not."""

import re
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from html import unescape
from pathlib import Path

import pytest
from desks import DeskInBrowser, PageClient, assert_accessible, assert_good_page, assert_no_complaints, signed_in
from domain import assert_consistent, count
from fastapi import FastAPI
from playwright.sync_api import expect
from sqlalchemy import text

from cdi.access import Caller, Role, Visibility
from cdi.app import create_app
from cdi.fields import FieldGroup
from cdi.jobs import Worker, jobs_of
from cdi.pipeline import Installation, resolve
from cdi.settings import load_settings
from cdi.sources import Said, draft, list_rejected, read_source, wire_in
from cdi.sources.connected import mask_all
from cdi.store.db import Database
from conftest import SMALL_COMPANY, copy_of, installation_of

CANARY = "krzywdzinski"
COUNTER = """  counter:
    connector: csv_drop
    config:
      folder: drop
      streams:
        customers:
          kind: customer
          files: people-*.csv
          format: &csv {type: csv}
          key: =nr
          map: {name: {given_name: =given, family_name: =family}, emails: [{value: =mail}]}
        visits:
          kind: touchpoint
          files: visits-*.csv
          format: *csv
          key: =id
          map: {customer_key: =nr, type: visit, at: "=ts(at, '%d.%m.%Y', 'UTC')", channel: shop}
    data_owner: retail
    purpose: sale
    retention: P1Y
    schedule: P1D
"""
PEOPLE = f"nr,given,family,mail\n1,Anna,{CANARY.title()},anna.krz@gmx.de\n"
VISITS = f"id,nr,at,note\nv1,1,05.11.2026,fine\nv2,1,2026-11-06,said {CANARY}\n"
WRONG_DATE, RIGHT_DATE = "%d.%m.%Y", "%Y-%m-%d"


@pytest.fixture(scope="module")
def counter(
    server_url: str, migrated_template: str, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Installation]:
    """A company with a counter whose files hold a visit with a date that its mapping does not understand."""
    folder = tmp_path_factory.mktemp("counter")
    with copy_of(server_url, migrated_template) as database:
        yield counter_in(folder, database)


def counter_in(folder: Path, database: Database) -> Installation:
    (folder / "drop").mkdir()
    (folder / "drop" / "people-1.csv").write_text(PEOPLE)
    (folder / "drop" / "visits-1.csv").write_text(VISITS)
    (folder / "cdi.yaml").write_text(SMALL_COMPANY.rstrip("\n") + "\n" + COUNTER, encoding="utf-8")
    installation = installation_of(folder, database)
    read_source(installation, "counter")
    resolve(installation)
    return installation


@contextmanager
def working(installation: Installation, *jobs: str) -> Iterator[None]:
    """While the block runs, a worker does these jobs."""
    stop = threading.Event()
    wanted = [job for job in jobs_of(installation) if job.name in jobs]
    assert len(wanted) == len(jobs)
    thread = threading.Thread(target=Worker(installation, wanted, lambda _: None, stop).run)
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join(30)


def until(holds: Callable[[], object]) -> None:
    """Wait for it, at most half a minute."""
    waiting = threading.Event()
    for _ in range(600):
        if holds():
            return
        waiting.wait(0.05)
    raise AssertionError("it did not come true")


def one(installation: Installation, statement: str) -> object:
    with installation.database.unit_of_work() as connection:
        return connection.execute(text(statement)).scalar()


def mended(installation: Installation, old: str, new: str) -> None:
    """cdi.yaml says something else now, while the service goes on."""
    path = installation.folder / "cdi.yaml"
    said = path.read_text(encoding="utf-8")
    assert old in said
    path.write_text(said.replace(old, new), encoding="utf-8")


# -- the journey -----------------------------------------------------------------------------------


def test_a_source_is_run_with_a_bad_row_which_is_replayed(desk: DeskInBrowser) -> None:
    company = desk.installation
    header = (company.folder / "data/callcentre/calls-2026-11.csv").read_text("cp1252").partition("\n")[0]
    bad = "A-900001;K-100337;anonym;eingehend;2026-12-01T10:15:00;120;Lieferung"
    (company.folder / "data/callcentre/calls-2026-12.csv").write_text(f"{header}\n{bad}\n", "cp1252")
    before = one(company, "select count(*) from touchpoint")
    page = desk.signed_in("eva")
    page.goto("/sources")
    page.get_by_role("link", name="Callcentre").click()
    with working(company, "read callcentre", "resolve"):
        page.get_by_role("button", name="Read it now").click()
        expect(page.locator("#standing")).to_contain_text("1 record could not be taken", timeout=30_000)
    assert one(company, "select key from rejected where resolved_at is null") == "A-900001"
    assert_accessible(page)
    page.get_by_role("link", name="See the rejected records").click()
    expect(page.locator("main")).to_contain_text("2026-12-01T10:15:00")
    page.get_by_role("button", name="Try this one again").click()
    expect(page.get_by_role("status")).to_contain_text("0 records are taken now, 1 are still rejected.")
    mended(company, "ts(Beginn, '%d.%m.%Y %H:%M:%S'", "ts(Beginn, '%Y-%m-%dT%H:%M:%S'")
    page.get_by_role("button", name="Try this one again").click()
    expect(page.get_by_role("status")).to_contain_text("1 record is taken now, 0 are still rejected.")
    expect(page.locator("main")).to_contain_text("Nothing is rejected")
    assert_accessible(page)
    assert one(company, "select count(*) from rejected where resolved_at is null") == 0
    assert one(company, "select count(*) from touchpoint") == before + 1  # type: ignore[operator]
    assert one(company, "select at = '2026-12-01 09:15+00' from touchpoint order by record_id desc limit 1") is True
    assert_consistent(company)
    assert_no_complaints(page)


def test_by_forms_alone_a_source_is_checked_looked_at_read_and_its_rows_replayed(
    database: Database, tmp_path: Path
) -> None:
    company = counter_in(tmp_path, database)
    client = signed_in(company, create_app(company), "eva")
    place = "/sources/counter"
    checked = client.submit(f"{place}/check", page=f"{place}/check")
    assert "all is well" in checked.text
    looked = client.submit(f"{place}/preview", page=f"{place}/preview").text
    assert "name.family_name" in looked and "a time that does not fit" in looked
    told = client.submit(f"{place}/run", page=place)
    assert told.headers["location"] == place
    assert "No worker is running" in client.get(place).text
    with working(company, "read counter"):
        until(lambda: one(company, "select count(*) from sync_run where status = 'ok'") == 2)
    mended(company, WRONG_DATE, RIGHT_DATE)
    assert "The files say something else" in client.get(place).text
    assert "a time that does not fit" in client.submit(f"{place}/preview", page=place).text  # now the other one
    client.submit(f"{place}/rejected", page=f"{place}/rejected")
    assert "1 record is taken now" in client.get(f"{place}/rejected").text
    assert count(company, "touchpoint") == 2


# -- who sees what ---------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def app(counter: Installation) -> FastAPI:
    return create_app(counter)


def test_what_was_rejected_is_seen_by_those_who_act_for_its_owner_and_see_every_value(counter: Installation) -> None:
    everything, retail, online = frozenset(FieldGroup), frozenset({"retail"}), frozenset({"online"})
    callers = {
        "admin": (Visibility(), True),
        "its steward": (Visibility(owners=retail), True),
        "full reader": (Visibility(groups=everything), True),
        "foreign steward": (Visibility(owners=online), False),
        "nearly full reader": (Visibility(groups=everything - {FieldGroup.BIRTH}), False),
        "masked reader": (Visibility(groups=frozenset()), False),
    }
    for who, (visibility, sees) in callers.items():
        with counter.database.unit_of_work() as connection:
            (kept,) = list_rejected(connection, counter, Caller(who, Role.STEWARD, visibility), "counter", 10)
        assert "a time that does not fit" in kept["reason"]
        assert (CANARY in str(kept)) is sees, who
        assert kept["masked"] is not sees


def test_a_preview_shows_nothing_to_an_admin_of_another_owner(counter: Installation, app: FastAPI) -> None:
    client = signed_in(counter, app, "max", Role.ADMIN, owners=["online"])
    answer = client.submit("/sources/counter/preview", page="/sources/counter/preview")
    assert answer.status_code == 403
    assert CANARY not in answer.text.lower()


def test_of_what_a_source_said_numbers_are_masked_like_texts() -> None:
    said = {"phone": 491701234567, "cards": [70012233, "70012233"], "name": CANARY, "active": True, "left": None}
    masked = mask_all(said)
    assert not any(value in str(masked) for value in ("49170", "70012", CANARY))
    assert (masked["active"], masked["left"]) == (True, None)


def test_a_source_that_is_hidden_is_not_there(counter: Installation, app: FastAPI) -> None:
    reader = signed_in(counter, app, "masked reader", Role.READER)
    assert "Secret" not in reader.get("/sources").text
    for place in ("/sources/secret", "/sources/secret/rejected", "/sources/nothing"):
        assert reader.get(place).status_code == 404


def test_a_connector_sees_what_it_said_itself_and_nothing_else(counter: Installation) -> None:
    seen = Caller("till", Role.CONNECTOR, Visibility(groups=frozenset()), source="counter")
    with counter.database.unit_of_work() as connection:
        (kept,) = list_rejected(connection, counter, seen, "counter", 10)
    assert kept["native"]["note"] == f"said {CANARY}"


# -- what to do next -------------------------------------------------------------------------------


def advice(client: PageClient) -> str:
    page = client.get("/sources/counter").text
    return " ".join(re.findall(r'class="note (?:bad|warn)?">.*?</div></div>', page, re.DOTALL))


def test_the_page_says_what_to_do_where_something_is_wrong(database: Database, tmp_path: Path) -> None:
    company = counter_in(tmp_path, database)
    client = signed_in(company, create_app(company), "eva")
    assert "1 record could not be taken" in advice(client)
    with company.database.unit_of_work() as connection:
        killed = "insert into sync_run (source, started_at, status, counts) values ('counter', now(), 'running', '{}')"
        connection.execute(text(killed))
    assert "The last run was interrupted" in advice(client)
    assert "It is being read" not in client.get("/sources/counter").text
    (tmp_path / "drop").rename(tmp_path / "away")
    client.submit("/sources/counter/run", page="/sources/counter")
    with working(company, "read counter"):
        until(lambda: one(company, "select count(*) from sync_run where status = 'failed'"))
    assert "2 runs failed in a row" in advice(client)
    assert "no" in client.submit("/sources/counter/check", page="/sources/counter/check").text
    mended(company, "folder: drop", "folder: ${env:CDI_TEST_NOWHERE}")
    assert "The settings are not right" in advice(client)
    assert "CDI_TEST_NOWHERE" in advice(client)
    mended(company, "folder: ${env:CDI_TEST_NOWHERE}", "folder: TODO")
    told = advice(client)
    assert "leaves something unsaid" in told
    assert "sources.counter.config.folder" in told
    mended(company, "sources:", "sources")
    assert "cdi.yaml" in advice(client)


def test_a_source_that_is_pushed_to_is_not_read(counter: Installation, app: FastAPI) -> None:
    client = signed_in(counter, app, "eva")
    assert "Read it now" not in client.get("/sources/till").text
    for action in ("run", "check", "preview", "rejected"):
        assert client.submit(f"/sources/till/{action}").status_code == 422


# -- connecting ------------------------------------------------------------------------------------


def test_the_lines_that_are_shown_are_those_that_the_command_writes(
    counter: Installation, app: FastAPI, tmp_path: Path
) -> None:
    page = signed_in(counter, app, "eva").get(
        "/sources/connect-one?connector=zendesk&name=helpdesk&owner=online&schedule=PT2H"
    )
    said = Said(owner="online", schedule="PT2H")
    drawn = draft(counter.settings, counter.connectors, "helpdesk", "zendesk", said)
    assert "cdi source new helpdesk --from zendesk --owner online" in page.text
    assert all(line in unescape(page.text) for line in drawn.entry.splitlines())
    assert all(secret in page.text for secret in drawn.secrets)
    (tmp_path / "cdi.yaml").write_text(before := (counter.folder / "cdi.yaml").read_text(encoding="utf-8"))
    wire_in(load_settings(tmp_path), counter.connectors, "helpdesk", kind=None, shipped="zendesk", said=said)
    added = (tmp_path / "cdi.yaml").read_text(encoding="utf-8").replace(before, "")
    written, shown = ([line.strip() for line in said.splitlines() if line.strip()] for said in (added, drawn.entry))
    assert written == shown


# -- good pages ------------------------------------------------------------------------------------


@pytest.mark.slow
@pytest.mark.parametrize(
    "place",
    [
        "/sources",
        "/sources/callcentre",
        "/sources/callcentre/rejected",
        "/sources/callcentre/check",
        "/sources/callcentre/preview",
        "/sources/connect-one",
        "/sources/connect-one?connector=zendesk",
    ],
)
def test_is_a_good_page(shared_desk: DeskInBrowser, place: str) -> None:
    assert_good_page(shared_desk, place)


@pytest.mark.slow
def test_results_of_a_check_and_a_preview_are_accessible(shared_desk: DeskInBrowser) -> None:
    page = shared_desk.signed_in("eva")
    for part in ("check", "preview"):
        page.goto(f"/sources/callcentre/{part}")
        page.locator("main section form button").click()
        assert_accessible(page)
