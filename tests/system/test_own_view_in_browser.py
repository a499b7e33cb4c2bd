"""A customer with a browser: opens the link, sees, downloads, withdraws, objects and asks for a correction."""

from pathlib import Path
from uuid import UUID

import pytest
from desks import WIDTHS, DeskInBrowser, assert_accessible, assert_fits, assert_no_complaints
from playwright.sync_api import Page
from sqlalchemy import text
from test_desk_customers import largest

from cdi.cli.installed import operator
from cdi.clock import utc_now
from cdi.pipeline import Installation
from cdi.privacy import own_view
from cdi.privacy.requests import Office, list_requests
from cdi.store.privacy_requests import RequestFilter

pytestmark = pytest.mark.slow


def link_to(installation: Installation, profile: str) -> str:
    """The path of a link to the view of this customer."""
    with installation.database.unit_of_work() as connection:
        office = Office(connection, installation, operator(), utc_now())
        return "/my-data/" + own_view.make_link(office, UUID(profile)).url.rpartition("/")[2]


def opened(desk: DeskInBrowser, profile: str, **how: object) -> Page:
    page = desk.open(**how)  # type: ignore[arg-type]
    page.goto(link_to(desk.installation, profile))
    page.locator("main form button.primary").click()
    page.wait_for_url(f"{desk.url}/my-data")
    return page


def subscribed(installation: Installation) -> str:
    """A customer of the sample company who allowed something that stands, and whom nobody doubts."""
    with installation.database.unit_of_work() as connection:
        found = connection.execute(
            text(
                "select m.profile_id from consent c join record r on r.source = c.source and r.key = c.customer_key"
                " join membership m on m.record_id = r.record_id where c.status = 'granted' and c.channel = 'email'"
                " and not exists (select from consent o join record s on s.source = o.source and s.key = o.customer_key"
                " join membership n on n.record_id = s.record_id"
                " where n.profile_id = m.profile_id and o.status <> 'granted')"
                " and not exists (select from review v where m.profile_id in (v.left_profile, v.right_profile))"
                " group by m.profile_id having count(*) = 1 order by 1 limit 1"
            )
        ).scalar_one()
    return str(found)


def test_a_customer_sees_downloads_withdraws_objects_and_asks_without_javascript(
    desk: DeskInBrowser, tmp_path: Path
) -> None:
    profile = subscribed(desk.installation)
    page = opened(desk, profile, scripts=False)
    assert page.get_by_role("heading", name="What is kept about you").is_visible()
    with page.expect_download() as download:
        page.get_by_role("link", name="As JSON").click()
    file = tmp_path / "my-data.json"
    download.value.save_as(file)
    assert profile in file.read_text(encoding="utf-8")

    withdraw = page.get_by_role("button", name="Withdraw ").first
    withdraw.click()
    assert page.get_by_text("The withdrawal holds at once.").is_visible()
    page.get_by_role("button", name="Object").click()
    assert page.get_by_text("Your objection holds at once.").is_visible()
    page.get_by_label("What is wrong").select_option("birth_date")
    page.get_by_label("What is right").fill("1971-03-02")
    page.get_by_role("button", name="Ask for it").click()
    assert page.get_by_text("What you say is with our data protection officer").is_visible()
    page.get_by_role("button", name="Close the view").click()
    assert page.get_by_role("heading", name="This view is not open").is_visible()
    page.goto("/my-data")
    assert page.get_by_role("heading", name="This view is not open").is_visible()

    with desk.installation.database.unit_of_work() as connection:
        asked = list_requests(connection, RequestFilter(profile_id=UUID(profile)), 10)
        withdrawn = connection.execute(
            text(
                "select count(*) from consent_word join membership using (record_id)"
                " where profile_id = :id and status = 'withdrawn'"
            ),
            {"id": profile},
        ).scalar_one()
    assert {(one["kind"], one["state"]) for one in asked} == {("objection", "in_force"), ("correction", "asked")}
    assert withdrawn


def test_every_page_is_accessible_and_fits_in_both_languages(shared_desk: DeskInBrowser) -> None:
    profile = largest(shared_desk)
    for language in ("en", "de"):
        for dark in (False, True):
            page = shared_desk.open(language=language, dark=dark)
            link = link_to(shared_desk.installation, profile)
            page.goto(link)
            _assert_good(page)
            page.locator("main form button.primary").click()
            page.wait_for_url(f"{shared_desk.url}/my-data")
            _assert_good(page)
            page.goto(link)
            page.locator("main form button.primary").click()
            _assert_good(page)
            page.context.close()


def _assert_good(page: Page) -> None:
    for width in WIDTHS:
        page.set_viewport_size({"width": width, "height": 900})
        assert_fits(page)
    assert_accessible(page)
    assert_no_complaints(page)
