"""Reviews and conflicts at the desk: decided by keyboard and without scripts, held by one steward at a time, and what
the database says afterwards."""

import re
from typing import Any

import pytest
from desks import (
    DeskInBrowser,
    assert_accessible,
    assert_fits,
    assert_good_page,
    assert_no_complaints,
    signed_in,
)
from domain import assert_consistent
from playwright.sync_api import Page, Route, expect
from sqlalchemy import text

from cdi.access import Role
from cdi.app import create_app
from cdi.pipeline import Installation


def rows(installation: Installation, statement: str, **parameters: Any) -> list[Any]:
    with installation.database.unit_of_work() as connection:
        return list(connection.execute(text(statement), parameters))


def decisions(installation: Installation) -> list[Any]:
    return rows(
        installation, "select verdict, author, reason, review_id, revoked_at from decision order by decision_id"
    )


def review_shown(page: Page) -> int:
    return int(page.url.partition("/reviews/")[2].partition("?")[0])


def first_conflict(installation: Installation, kind: str) -> Any:
    query = "select conflict_id, profile_id from conflict where kind = :kind and status = 'open' order by 1 limit 1"
    return rows(installation, query, kind=kind)[0]


def answer_with(page: Page, key: str) -> None:
    """Press the key of an answer, and wait until the next review is there."""
    before = page.url
    page.keyboard.press(key)
    page.wait_for_function("before => location.href !== before", arg=before)
    expect(page.locator(f"form.answer[action='/reviews/{review_shown(page)}/decision']")).to_be_visible()


# -- in a browser ----------------------------------------------------------------------------------


def test_ten_reviews_are_decided_by_keyboard_and_one_is_undone(desk: DeskInBrowser) -> None:
    page = desk.signed_in("eva")
    page.goto("/reviews?kind=pair")
    page.keyboard.press("Enter")
    page.wait_for_url(re.compile(r"/reviews/\d+"))
    given = []
    for key, verdict in zip("mnhumnhumn", ["match", "no_match", "household", "unsure"] * 3, strict=False):
        given.append((review_shown(page), verdict))
        answer_with(page, key)
    kept = decisions(desk.installation)
    assert [(d.review_id, d.verdict) for d in kept] == given
    assert {d.author for d in kept} == {"eva"}
    assert all(d.reason for d in kept)
    page.keyboard.press("z")
    expect(page.get_by_text("The decision is taken back.")).to_be_visible()
    assert [d.revoked_at is not None for d in decisions(desk.installation)] == [False] * 9 + [True]
    assert_consistent(desk.installation)
    assert_no_complaints(page)


def test_a_reason_is_written_and_what_would_happen_is_seen_first(desk: DeskInBrowser) -> None:
    page = desk.signed_in("eva")
    page.goto("/reviews/next?kind=pair")
    expect(page.locator("#outcome")).to_contain_text("Two profiles become one.")
    page.get_by_role("link", name="Different customers").click()
    expect(page.locator("#outcome")).to_contain_text("The profiles stay as many as they are.")
    assert decisions(desk.installation) == []
    page.keyboard.press("r")
    page.keyboard.type("asked them on the phone, m n u")
    page.keyboard.press("Escape")
    answer_with(page, "n")
    (decision,) = decisions(desk.installation)
    assert (decision.verdict, decision.reason) == ("no_match", "asked them on the phone, m n u")


def test_of_two_stewards_at_one_review_one_is_told(desk: DeskInBrowser) -> None:
    eva, max_ = desk.signed_in("eva", Role.STEWARD), desk.signed_in("max", Role.STEWARD)
    eva.goto("/reviews/next")
    place = eva.url
    max_.goto(place)
    expect(max_.get_by_text("eva is working on this review.")).to_be_visible()
    expect(max_.locator(".answer")).to_have_count(0)
    max_.goto("/reviews/next")
    assert review_shown(max_) != review_shown(eva)
    eva.keyboard.press("j")
    eva.wait_for_function("before => location.href !== before", arg=place)
    max_.goto(place)
    expect(max_.locator(".answer")).to_be_visible()


def test_who_was_slower_is_told_and_nothing_is_decided_twice(desk: DeskInBrowser) -> None:
    eva, max_ = desk.signed_in("eva", Role.STEWARD), desk.signed_in("max", Role.STEWARD)
    eva.goto("/reviews/next?kind=pair")
    place = eva.url
    rows(
        desk.installation,
        "update review set claimed_by = null, claimed_until = null where claimed_by = 'eva' returning 1",
    )
    max_.goto(place)
    answer_with(max_, "n")
    eva.keyboard.press("m")
    expect(eva.get_by_text("This review was answered meanwhile.")).to_be_visible()
    assert [d.verdict for d in decisions(desk.installation)] == ["no_match"]


@pytest.mark.slow
@pytest.mark.parametrize("quicker", [False, True])
def test_the_next_review_is_there_before_the_answer_is(desk: DeskInBrowser, quicker: bool) -> None:
    page, held = desk.signed_in("eva"), list[Route]()
    page.goto("/reviews/next?kind=pair")
    expect(page.locator("form.answer[data-fetched]")).to_be_visible()
    holders = "select claimed_by from review where status = 'open' and claimed_by is not null"
    assert [row.claimed_by for row in rows(desk.installation, holders)] == ["eva"], "the next one is held by nobody"
    page.route("**/decision", lambda route: held.append(route))  # noqa: PLW0108  Playwright marks what it calls
    page.keyboard.press("m")
    ahead = page.locator("[data-looking] form.answer")
    expect(ahead).to_be_visible()
    following = ahead.get_attribute("action")
    page.keyboard.press("n")
    if quicker:
        number = int(str(following).split("/")[2])
        close = "update review set status = 'closed', closed_at = now() where review_id = :id returning 1"
        assert rows(desk.installation, close, id=number)
    with page.expect_response("**/decision"):
        held[0].continue_()
    expect(page.locator("[data-looking]")).to_have_count(0)
    now = page.locator("#review form.answer")
    expect(now).to_be_visible()
    assert (now.get_attribute("action") != following) is quicker
    assert len(held) == len(decisions(desk.installation)) == 1, "what is only looked at is not answered"
    assert_no_complaints(page)


def test_keys_are_explained_and_lead_back(desk: DeskInBrowser) -> None:
    page = desk.signed_in("eva")
    page.goto("/reviews/next")
    first = page.url
    page.keyboard.press("?")
    expect(page.get_by_role("dialog", name="Keys")).to_be_visible()
    page.keyboard.press("Escape")
    expect(page.get_by_role("dialog", name="Keys")).to_be_hidden()
    page.keyboard.press("j")
    page.wait_for_function("before => location.href !== before", arg=first)
    page.keyboard.press("k")
    page.wait_for_url(first)


@pytest.mark.slow
def test_by_keyboard_a_value_is_reported_and_a_review_given_and_put_off(desk: DeskInBrowser) -> None:
    page = desk.signed_in("eva")
    page.goto("/reviews/next?kind=pair")
    number = review_shown(page)
    page.keyboard.press("w")
    expect(page.get_by_role("dialog", name="A value of a source is wrong")).to_be_visible()
    assert_accessible(page)
    assert_fits(page)
    page.get_by_label("What is wrong").fill("m n u are letters here")
    page.get_by_role("button", name="Tell its owner").press("Enter")
    expect(page.get_by_role("status")).to_contain_text("is told.")
    assert rows(desk.installation, "select said from task")[0].said == "m n u are letters here"
    page.keyboard.press("g")
    page.keyboard.type("max")
    page.keyboard.press("Enter")
    expect(page.get_by_role("status")).to_contain_text("Given to max.")
    page.keyboard.press("p")
    page.keyboard.press("Tab")
    page.keyboard.type("she calls back")
    page.keyboard.press("Enter")
    expect(page.get_by_role("status")).to_contain_text("Put off until")
    assert review_shown(page) != number
    (review,) = rows(
        desk.installation, "select assigned_to, snoozed_until from review where review_id = :id", id=number
    )
    assert (review.assigned_to, review.snoozed_until is None) == ("max", False)
    assert decisions(desk.installation) == []
    assert_no_complaints(page)


@pytest.mark.slow
@pytest.mark.parametrize("language", ["en", "de"])
def test_all_that_one_answers_with_is_in_sight_on_a_small_laptop(shared_desk: DeskInBrowser, language: str) -> None:
    page = shared_desk.signed_in(height=800, language=language)
    page.goto("/reviews/next?kind=pair")
    beside = "(() => { const a = document.querySelector('.work > aside'), box = a.getBoundingClientRect();"
    hidden, below = page.evaluate(beside + "return [a.scrollHeight - a.clientHeight, box.bottom - innerHeight]; })()")
    assert hidden <= 0, "it scrolls inside its own window"
    assert below <= 0


# -- without scripts -------------------------------------------------------------------------------


def test_without_scripts_a_review_is_found_seen_answered_and_undone(desk: DeskInBrowser) -> None:
    page = desk.signed_in("eva", scripts=False)
    page.goto("/reviews?kind=pair")
    page.get_by_role("link", name="Start").click()
    number = review_shown(page)
    page.get_by_role("link", name="See it before you decide").click()
    assert "Two profiles become one." in page.inner_text("main")
    page.get_by_role("link", name="To the review").click()
    page.get_by_role("button", name="Same household").click()
    assert review_shown(page) != number
    page.get_by_role("button", name="Undo").click()
    (decision,) = decisions(desk.installation)
    assert (decision.review_id, decision.verdict) == (number, "household")
    assert decision.revoked_at is not None


def test_many_are_answered_at_once_after_a_preview(handelshaus: Installation) -> None:
    client = signed_in(handelshaus, create_app(handelshaus))
    listed = rows(
        handelshaus, "select review_id from review where kind = 'pair' and status = 'open' order by turn limit 3"
    )
    ticked = [str(row.review_id) for row in listed]
    form: dict[str, Any] = {"review": ticked, "verdict": "unsure", "kind": "pair"}
    preview = client.submit("/reviews/together", page="/reviews?kind=pair", **form)
    assert "Nothing has been changed yet." in preview.text
    assert decisions(handelshaus) == []
    done = client.submit("/reviews/together", page="/reviews?kind=pair", **form, sure="yes")
    assert done.headers["location"] == "/reviews?kind=pair"
    assert sorted(str(d.review_id) for d in decisions(handelshaus)) == sorted(ticked)


def test_reviews_are_given_put_off_talked_about_and_filters_kept(handelshaus: Installation) -> None:
    client = signed_in(handelshaus, create_app(handelshaus), "eva")
    number = client.get("/reviews/next").headers["location"].rpartition("/")[2]
    here = f"/reviews/{number}"
    client.submit(f"{here}/comments", page=here, said="the card is in the safe")
    client.submit(f"{here}/assignee", page=here, steward="max")
    shown = client.get(here).text
    assert "the card is in the safe" in shown
    assert "given to max" in shown
    client.submit(f"{here}/snooze", page=here, days="3", said="")
    assert client.get("/reviews/next").headers["location"] != here
    client.submit("/reviews/filters", page="/reviews", name="mine", mine="1", order="age")
    assert 'href="/reviews?order=age&amp;mine=1"' in client.get("/reviews").text
    client.submit(
        f"{here}/wrong", page=here, record=record_of(handelshaus, number), attribute="birth_date", said="typo"
    )
    assert "typo" in client.get("/tasks").text


def record_of(installation: Installation, number: str) -> str:
    query = (
        "select r.source || ':' || r.key as name from review v join record r on r.record_id = v.left_record"
        " where review_id = :id"
    )
    name: str = rows(installation, query, id=int(number))[0].name
    return name


# -- conflicts -------------------------------------------------------------------------------------


def test_a_conflict_of_values_is_settled_and_one_of_owners(desk: DeskInBrowser) -> None:
    page = desk.signed_in("eva", scripts=False)
    value = first_conflict(desk.installation, "value")
    page.goto(f"/conflicts/{value.conflict_id}")
    page.get_by_role("radio").first.check()
    page.get_by_label("Reason").fill("seen on the card")
    page.get_by_role("button", name="Pin this value").click()
    assert "The conflict is settled." in page.inner_text("main")
    (pin,) = rows(desk.installation, "select attribute, author, reason from pin")
    assert (pin.attribute, pin.author, pin.reason) == ("gender", "eva", "seen on the card")
    owner = first_conflict(desk.installation, "owner")
    page.goto(f"/conflicts/{owner.conflict_id}")
    page.get_by_role("radio").first.check()
    page.get_by_label("Reason").fill("they have the contract")
    page.get_by_role("button", name="Name this owner").click()
    (given,) = rows(desk.installation, "select owner, author from assigned_owner where revoked_at is null")
    (profile,) = rows(desk.installation, "select data_owner from profile where profile_id = :id", id=owner.profile_id)
    assert (given.author, given.owner) == ("eva", profile.data_owner)
    left = "select count(*) as n from conflict where status = 'open' and conflict_id in (:a, :b)"
    assert rows(desk.installation, left, a=value.conflict_id, b=owner.conflict_id)[0].n == 0
    assert_consistent(desk.installation)


def test_another_owner_is_asked_and_answers(handelshaus: Installation) -> None:
    app = create_app(handelshaus)
    conflict = first_conflict(handelshaus, "owner").conflict_id
    asking = signed_in(handelshaus, app, "eva")
    here = f"/conflicts/{conflict}"
    owner = rows(handelshaus, "select owners[1] as owner from conflict where conflict_id = :id", id=conflict)[0].owner
    asking.submit(f"{here}/question", page=here, owner=owner, said="is she yours?")
    answering = signed_in(handelshaus, app, "max", Role.STEWARD, owners=[owner])
    assert "is she yours?" in answering.get("/tasks").text
    task = rows(handelshaus, "select task_id from task")[0].task_id
    answering.submit(f"/tasks/{task}/answer", page=here, answer="yes, since June")
    assert "yes, since June" in asking.get(here).text


# -- good pages ------------------------------------------------------------------------------------


@pytest.mark.slow
@pytest.mark.parametrize(
    "place", ["/reviews", "/reviews?kind=pair&status=all", "/reviews/next?kind=pair", "/conflicts", "/tasks"]
)
def test_is_a_good_page(shared_desk: DeskInBrowser, place: str) -> None:
    assert_good_page(shared_desk, place)


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["birth_date", "pair"])
def test_a_review_of_each_kind_and_its_outcome_are_good_pages(shared_desk: DeskInBrowser, kind: str) -> None:
    query = "select review_id from review where kind = :kind and status = 'open' order by 1 limit 1"
    (review,) = rows(shared_desk.installation, query, kind=kind)
    assert_good_page(shared_desk, f"/reviews/{review.review_id}")
    assert_good_page(shared_desk, f"/reviews/{review.review_id}/outcome")


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["value", "owner"])
def test_a_conflict_of_each_kind_is_a_good_page(shared_desk: DeskInBrowser, kind: str) -> None:
    assert_good_page(shared_desk, f"/conflicts/{first_conflict(shared_desk.installation, kind).conflict_id}")
