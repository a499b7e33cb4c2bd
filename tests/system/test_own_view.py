"""A customer sees what is kept of them by a link: once, for a while, and nothing of anybody else."""

import logging
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any
from urllib.parse import urlsplit
from uuid import UUID

import pytest
from desks import signed_in
from domain import ANNA, person, profile_of, push
from fastapi.routing import APIRoute
from fastapi.testclient import TestClient
from guests import Guest, assert_closed
from sqlalchemy import text
from stewarding import Steward, company_in
from test_audit import all_routes
from test_contact import allowed, consent
from test_disclosure import PETER, live_together, tables_of

from cdi import audit
from cdi.access import Role
from cdi.api.rates import RateLimit, private_table
from cdi.clock import utc_now
from cdi.fields import FieldGroup
from cdi.pipeline import Installation
from cdi.store.audit import AuditFilter
from cdi.store.profiles import load_members
from cdi.store.reviews import Question, replace_reviews
from cdi.web.guests import GuestRoute, get_guest
from conftest import Doors, copy_of

OTHERS = ("peter", "1951-06-17", "till:p", "s.keller")
COMPANY = "matching: {match: 0.7, review: 0.03}\n"


@pytest.fixture(scope="module")
def company(
    server_url: str, migrated_template: str, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Installation]:
    """Anna at the till and in the shop, what happened and was allowed; Peter of her household; a steward who looked."""
    with copy_of(server_url, migrated_template) as database:
        installation = company_in(tmp_path_factory.mktemp("own-view"), database, more=COMPANY)
        push(installation, "till", {"a": ANNA, "p": PETER})
        push(installation, "shop", {"b": ANNA})
        live_together(installation, Steward(installation, name="screen"), "Peter told us")
        signed_in(installation, Doors(installation).app, "s.keller", Role.STEWARD).get(
            f"/profiles/{profile_of(installation, 'till', 'a')}"
        )
        yield installation


@pytest.fixture(scope="module")
def doors(company: Installation) -> Doors:
    return Doors(company)


@pytest.fixture(scope="module")
def officer(doors: Doors) -> TestClient:
    return doors.as_(Role.PRIVACY, name="portal")


@pytest.fixture(scope="module")
def anna(company: Installation) -> UUID:
    found = profile_of(company, "till", "a")
    assert found is not None
    return found


@pytest.fixture
def guest(doors: Doors) -> Guest:
    return Guest(doors.app)


def link_of(officer: TestClient, profile: UUID | None, **how: object) -> str:
    """The path of a new link to this profile's own view."""
    made = officer.post("/v1/privacy/links", json={"profile": str(profile), **how})
    assert made.status_code == 201, made.text
    return urlsplit(made.json()["url"]).path


def told_of_audit(company: Installation, action: str) -> list[dict[str, Any]]:
    with company.database.unit_of_work() as connection:
        return audit.list_entries(connection, AuditFilter(action=action), 100)


def everything_kept(company: Installation) -> str:
    """Every row of every table as text."""
    with company.database.unit_of_work() as connection:
        tables = connection.execute(
            text("select table_name from information_schema.tables where table_schema = 'public'")
        ).scalars()
        return "\n".join(
            str(connection.execute(text(f'select string_agg(cast(t as text), chr(10)) from "{name}" t')).scalar())
            for name in list(tables)
        )


# -- the link --------------------------------------------------------------------------------------


def test_a_link_opens_once_and_shows_what_is_kept_of_this_customer_alone(
    company: Installation, doors: Doors, officer: TestClient, anna: UUID, guest: Guest, caplog: pytest.LogCaptureFixture
) -> None:
    link = link_of(officer, anna)
    token = link.rpartition("/")[2]
    caplog.set_level(logging.DEBUG, "cdi")
    for _ in range(3):
        assert "Krzywdzinski" not in guest.get(link).text, (
            "programs that preview links learn nothing and use up nothing"
        )
    opened = guest.open(link)
    assert (opened.status_code, opened.headers["location"]) == (303, "/my-data")
    for value in ("Krzywdzinski", "boots", "Filialen", "Newsletter", "confirmed from 192.0.2.7"):
        assert value in guest.looks() or value in guest.get("/my-data/files/json").text, value
    files = [
        guest.get("/my-data/files/json").text,
        "\n".join(tables_of(guest.get("/my-data/files/zip").content).values()),
    ]
    for words in (guest.looks(), *files):
        assert "Krzywdzinski" in words
        for other in OTHERS:
            assert other not in words.lower(), other

    assert_closed(guest.open(link))
    assert guest.looks(), "a second try does not end the view"
    again = Guest(doors.app)
    assert_closed(again.open(link))
    assert_closed(again.get("/my-data"))
    shown = [one for one in told_of_audit(company, "show_own_data") if anna in one["profiles"]]
    assert shown[0]["actor"].startswith("link:") and shown[0]["role"] == "customer" and shown[0]["groups"]

    assert guest.press("/my-data/actions/leave").status_code == 403
    assert_closed(guest.get("/my-data"))
    metrics = doors.as_(Role.READER).get("/metrics").text
    ours = str([vars(record) for record in caplog.records if record.name.startswith("cdi")])
    session = again.cookies.get("cdi_my_data", "") + opened.cookies["cdi_my_data"]
    for kept in (everything_kept(company), ours, metrics):
        assert token not in kept and session not in kept and "my-data/{token}" in metrics


def test_of_two_who_open_it_at_once_one_does(doors: Doors, officer: TestClient, anna: UUID) -> None:
    link = link_of(officer, anna)
    guests = [Guest(doors.app) for _ in range(4)]
    with ThreadPoolExecutor(4) as pool:
        answers = list(pool.map(lambda one: one.open(link).status_code, guests))
    assert sorted(answers) == [303, 403, 403, 403]


def test_a_key_that_two_customers_have_in_streams_of_their_own_makes_no_link(
    doors: Doors, anna: UUID, company: Installation
) -> None:
    """Whose data would it show?"""
    push(company, "till", {"a": person("Ben", "Oduya", "1991-02-03")}, stream="members")
    portal = doors.as_(Role.LINKS)
    told = portal.post("/v1/privacy/links", json={"record": "till:a"})
    assert told.status_code == 409 and "several customers" in told.text
    assert "Oduya" not in told.text and "Krzywdzinski" not in told.text
    assert portal.post("/v1/privacy/links", json={"profile": str(anna)}).status_code == 201


def test_an_application_makes_links_for_the_customers_of_its_source_and_does_nothing_else(
    doors: Doors, anna: UUID, company: Installation
) -> None:
    peter = profile_of(company, "till", "p")
    shop, any_source = doors.as_(Role.LINKS, source="shop"), doors.as_(Role.LINKS)

    def asked(portal: TestClient, **whom: str) -> int:
        return portal.post("/v1/privacy/links", json=whom).status_code

    assert asked(shop, record="shop:b") == asked(shop, profile=str(anna)) == 201
    assert asked(shop, record="till:p") == asked(shop, profile=str(peter)) == asked(shop, record="shop:none") == 404
    assert asked(shop, record="till:a") == 404, "its own customer, but not by what another source calls her"
    assert asked(any_source, record="till:p") == 201
    assert asked(shop) == asked(shop, record="shop:b", profile=str(anna)) == 422
    assert {shop.get(f"/v1/profiles/{anna}").status_code, shop.get("/v1/sources").status_code} == {403}
    made = shop.post("/v1/privacy/links", json={"record": "shop:b"}).json()
    guest = Guest(doors.app)
    assert guest.open(urlsplit(made["url"]).path).status_code == 303
    assert "Krzywdzinski" in guest.get("/my-data").text


def test_who_restricted_the_use_of_their_data_still_gets_a_link(doors: Doors, officer: TestClient, anna: UUID) -> None:
    restricted = officer.post("/v1/privacy/restrictions", json={"profile": str(anna)})
    assert restricted.status_code == 201
    try:
        assert doors.as_(Role.READER).get(f"/v1/profiles/{anna}").status_code == 404
        assert doors.as_(Role.LINKS).post("/v1/privacy/links", json={"profile": str(anna)}).status_code == 201
    finally:
        officer.post(f"/v1/privacy/restrictions/{restricted.json()['id']}/lifting", json={})


def test_whatever_is_wrong_with_a_link_is_answered_alike(
    company: Installation, doors: Doors, officer: TestClient, anna: UUID
) -> None:
    used, old, good = (link_of(officer, anna) for _ in range(3))
    assert Guest(doors.app).open(used).status_code == 303
    with company.database.unit_of_work() as connection:
        connection.execute(
            text(
                "update customer_link set expires_at = now() - interval '1 second' where link_id = "
                "(select max(link_id) - 1 from customer_link)"
            )
        )
    tampered = good[:-1] + ("A" if good[-1] != "A" else "B")
    answers = [
        Guest(doors.app).open(link) for link in (used, old, tampered, f"/my-data/{'x' * 43}", "/my-data/%27or%201=1")
    ]
    for answer in answers:
        assert_closed(answer)
    assert len({answer.text for answer in answers}) == 1
    assert len({Guest(doors.app).get(link).status_code for link in (used, good)}) == 1
    assert Guest(doors.app).open(good).status_code == 303, "and the tries did not use it up"
    refused = told_of_audit(company, "open_own_view_refused")
    assert {one["actor"] for one in refused} == {"nobody"} and not any(one["about"] for one in refused)


def test_the_view_is_open_for_half_an_hour(
    company: Installation, officer: TestClient, anna: UUID, guest: Guest
) -> None:
    opened = guest.open(link_of(officer, anna))
    assert "Max-Age=1800" in opened.headers["set-cookie"]
    assert guest.looks()
    with company.database.unit_of_work() as connection:
        connection.execute(text("update customer_link set session_until = session_until - interval '30 minutes'"))
    assert_closed(guest.get("/my-data"))
    assert_closed(guest.get("/my-data/files/json"))


def test_browsers_keep_the_view_to_themselves(doors: Doors, officer: TestClient, anna: UUID) -> None:
    secure = Guest(doors.app, base_url="https://testserver")
    for guest, more in ((Guest(doors.app), ""), (secure, "; Secure")):
        answers = [guest.open(link_of(officer, anna)), guest.get("/my-data"), guest.get("/my-data/files/json")]
        (cookie,) = (one for one in answers[0].headers.get_list("set-cookie") if one.startswith("cdi_my_data="))
        assert cookie.split("; ", 1)[1] == f"HttpOnly; Max-Age=1800; Path=/my-data; SameSite=strict{more}"
        for answer in answers:
            assert answer.headers["cache-control"] == "no-store"
            assert answer.headers["referrer-policy"] == "no-referrer"
            assert answer.headers["x-robots-tag"] == "noindex, nofollow"
            assert "script-src 'none'" in answer.headers["content-security-policy"]
        assert "<script" not in answers[1].text


def test_no_form_is_taken_that_is_not_from_the_page_of_this_browser(
    company: Installation, doors: Doors, officer: TestClient, anna: UUID, guest: Guest
) -> None:
    link = link_of(officer, anna)
    guest.get(link)
    assert_closed(guest.post(link))
    assert_closed(Guest(doors.app).post(link, data={"form_token": "0" * 64}))
    assert guest.open(link).status_code == 303, "and the link is not used up by it"
    for route in all_routes(doors.app.router):
        if isinstance(route, GuestRoute) and route.methods == {"POST"}:
            assert_closed(guest.post(route.path))
    assert guest.looks()
    desk = signed_in(company, doors.app, "a desk user", Role.ADMIN)
    assert_closed(desk.get("/my-data"))


def test_every_page_of_guests_comes_through_the_one_way(doors: Doors) -> None:
    pages = [route for route in all_routes(doors.app.router) if isinstance(route, APIRoute)]
    mine = [page for page in pages if page.path.startswith("/my-data")]
    assert len(mine) >= 5
    for page in mine:
        assert isinstance(page, GuestRoute) and get_guest in {one.call for one in page.dependant.dependencies}


def test_how_often_links_are_tried_is_limited(
    doors: Doors, officer: TestClient, anna: UUID, monkeypatch: pytest.MonkeyPatch
) -> None:
    link, guest = link_of(officer, anna), Guest(doors.app)
    with monkeypatch.context() as patched:
        rarely = RateLimit(per_second=0.0001, burst=2, table=private_table())
        patched.setitem(doors.app.state._state, "exchanges", rarely)
        assert [guest.open("/my-data/guessed").status_code for _ in range(3)] == [403, 403, 429]
        assert guest.open(link).status_code == 429
        assert_closed(Guest(doors.app).open("/my-data/guessed"))
    assert guest.open(link).status_code == 303, "no link is used up by it"


def test_the_page_is_in_german_and_english(officer: TestClient, anna: UUID, doors: Doors) -> None:
    link = link_of(officer, anna)
    german = Guest(doors.app, language="de")
    assert "Öffnen" in german.get(link).text and "Open" in german.get(f"{link}?language=en").text
    assert german.open(link).status_code == 303
    assert 'lang="en"' in german.looks(), "the choice is remembered"
    assert "Was über Sie gespeichert ist" in german.looks(params={"language": "de"})


# -- who makes it ----------------------------------------------------------------------------------


def test_a_link_lives_as_long_as_cdi_yaml_lets_it(
    company: Installation, doors: Doors, officer: TestClient, anna: UUID
) -> None:
    body = {"profile": str(anna)}
    assert officer.post("/v1/privacy/links", json={**body, "hours": 24 * 7}).status_code == 201
    assert officer.post("/v1/privacy/links", json={**body, "hours": 24 * 7 + 1}).status_code == 422
    unknown = officer.post("/v1/privacy/links", json={"profile": "00000000-0000-7000-8000-000000000000"})
    assert unknown.status_code == 404
    office_made = signed_in(company, doors.app, "officer of the desk", Role.PRIVACY)
    page = f"/privacy/profiles/{anna}"
    assert "/my-data/" in office_made.submit(f"{page}/link", page=page).text
    assert all(one["about"].keys() == {"link"} for one in told_of_audit(company, "make_customer_link"))


# -- nobody else's data ----------------------------------------------------------------------------


def customer(company: Installation, key: str, name: str, family: str) -> UUID:
    """A customer of the till who is like nobody else there."""
    push(company, "till", {key: person(name, family, "1971-02-03")})
    found = profile_of(company, "till", key)
    assert found is not None
    return found


def test_a_profile_that_was_merged_or_split_is_shown_to_nobody_and_the_officer_is_told(
    company: Installation, doors: Doors, officer: TestClient
) -> None:
    steward = Steward(company)
    two = [customer(company, "m1", "Rosalind", "Achternbusch"), customer(company, "m2", "Wendelin", "Obermoser")]

    def all_see_nothing(profiles: list[UUID], happens: str) -> None:
        waiting = [(Guest(doors.app), link_of(officer, one)) for one in profiles]
        opened = [Guest(doors.app) for _ in profiles]
        for guest, one in zip(opened, profiles, strict=True):
            assert guest.open(link_of(officer, one)).status_code == 303 and guest.looks()
        if happens == "merge":
            assert steward.say("match", ["till:m1"], ["till:m2"]).status_code < 300
        else:
            (standing,) = (one for one in steward.get("overrides")["overrides"] if one["verdict"] == "match")
            assert steward.revoke(standing["id"]).status_code < 300
        answers = [guest.open(link) for guest, link in waiting] + [guest.get("/my-data") for guest in opened]
        for answer in answers:
            assert answer.status_code == 409 and "put together anew" in answer.text
            assert not any(name in answer.text for name in ("Rosalind", "Wendelin"))
        for guest, link in waiting:
            assert_closed(guest.open(link))
        for guest in opened:
            assert_closed(guest.get("/my-data/files/json"))
        alerts = officer.get("/v1/privacy/requests", params={"kind": "sighting", "state": "asked"}).json()["requests"]
        assert [one["ground"] for one in alerts] == ["own_view_changed"] * len(answers), "each told once"
        assert {one["profile"] for one in alerts} == {str(one) for one in profiles}
        desk = signed_in(company, doors.app, "the officer", Role.PRIVACY).get("/privacy").text
        assert "The own view was closed" in desk
        for one in alerts:
            assert officer.post(f"/v1/privacy/requests/{one['id']}/acknowledgement").status_code == 200

    all_see_nothing(two, "merge")
    merged = profile_of(company, "till", "m1")
    assert merged is not None
    all_see_nothing([merged], "split")


def test_a_profile_that_may_be_two_persons_is_shown_to_nobody(
    company: Installation, doors: Doors, officer: TestClient
) -> None:
    profile, guest = customer(company, "d", "Quirin", "Zwiesler"), Guest(doors.app)
    assert guest.open(link_of(officer, profile)).status_code == 303 and guest.looks()
    with company.database.unit_of_work() as connection:
        (record,) = load_members(connection, [profile])[profile]
        question = Question("birth_date", profile, profile, record, record, 0.0, "two birth dates", ["retail"])
        replace_reviews(connection, [profile], [profile], [question], utc_now())
    assert guest.get("/my-data").status_code == 409
    refused = officer.post("/v1/privacy/links", json={"profile": str(profile)})
    assert refused.status_code == 409 and "may be two persons" in refused.text


def test_who_is_erased_has_no_link_any_more(company: Installation, doors: Doors, officer: TestClient) -> None:
    profile = customer(company, "e", "Ottilie", "Pfaffenzeller")
    link, guest = link_of(officer, profile), Guest(doors.app)
    assert guest.open(link_of(officer, profile)).status_code == 303 and guest.looks()
    assert officer.post("/v1/privacy/erasures", json={"profile": str(profile)}).status_code == 201
    assert_closed(guest.get("/my-data"))
    assert_closed(Guest(doors.app).open(link))
    with company.database.unit_of_work() as connection:
        left = connection.execute(text("select count(*) from customer_link where profile_id = :id"), {"id": profile})
        assert left.scalar_one() == 0


def test_who_restricted_the_use_of_their_data_still_sees_them(
    company: Installation, doors: Doors, officer: TestClient
) -> None:
    profile, guest = customer(company, "r", "Irmingard", "Kirchberger"), Guest(doors.app)
    assert officer.post("/v1/privacy/restrictions", json={"profile": str(profile)}).status_code == 201
    assert guest.open(link_of(officer, profile)).status_code == 303
    assert "Kirchberger" in guest.looks()


# -- what the customer does there ------------------------------------------------------------------


def subscriber(company: Installation, key: str, name: str) -> UUID:
    """A customer of the till who allowed the newsletter by e-mail."""
    profile = customer(company, key, name, f"Wolkenstein-{name}")
    allowed(company, "till", {f"consent of {key}": consent("granted", customer=key)})
    return profile


def test_a_consent_is_withdrawn_and_a_purpose_objected_to_at_once(
    company: Installation, doors: Doors, officer: TestClient
) -> None:
    profile, guest = subscriber(company, "w", "Hedwig"), Guest(doors.app)
    reader = doors.as_(Role.READER, *FieldGroup)
    contactable = f"/v1/profiles/{profile}/contactability?purpose=newsletter"
    link = link_of(officer, profile)
    assert guest.open(link).status_code == 303 and "Withdraw Newsletter" in guest.looks()
    wrong = guest.press("/my-data/actions/withdrawal", purpose="whatever else", channel="email")
    assert wrong.status_code == 422 and 'href="/my-data"' in wrong.text

    assert guest.press("/my-data/actions/withdrawal", purpose="newsletter", channel="email").status_code == 303
    shown = guest.looks()
    assert "The withdrawal holds at once" in shown and "Withdraw Newsletter" not in shown
    assert "The withdrawal holds at once" not in guest.looks(), "said once"
    by_email = {one["channel"]: one["allowed"] for one in reader.get(contactable).json()["channels"]}["email"]
    assert by_email is False
    proof = officer.get(f"/v1/profiles/{profile}/consents/proof").json()["entries"]
    (word,) = (one for one in proof if one["said_to"] == "cdi")
    assert (word["status"], word["author"].partition(":")[0]) == ("withdrawn", "link")

    assert guest.press("/my-data/actions/objection", purpose="newsletter").status_code == 303
    assert "Your objection holds at once" in guest.looks()
    assert guest.press("/my-data/actions/objection", purpose="newsletter").status_code == 422, "once is enough"
    (objection,) = officer.get("/v1/privacy/requests", params={"profile": str(profile)}).json()["requests"]
    assert (objection["kind"], objection["ground"], objection["state"]) == ("objection", "marketing", "in_force")
    assert objection["asked_by"].startswith("link:") and objection["about"]["purpose"] == "newsletter"
    did = told_of_audit(company, "withdraw_own_consent") + told_of_audit(company, "object_by_own_view")
    assert {one["actor"].partition(":")[0] for one in did} == {"link"} and all(one["profiles"] for one in did)
    assert "newsletter" not in str(did), "ids, never what was said"


def test_a_correction_waits_for_the_officer(company: Installation, doors: Doors, officer: TestClient) -> None:
    profile, guest = customer(company, "c", "Notburga", "Achterberg"), Guest(doors.app)
    assert guest.open(link_of(officer, profile)).status_code == 303
    ask = "/my-data/actions/correction"
    assert guest.press(ask, attribute="birth_date", said=" ").status_code == 422
    assert guest.press(ask, attribute="password", said="x").status_code == 422
    for said in ("1971-03-02", "1999-09-09"):
        assert guest.press(ask, attribute="birth_date", said=said).status_code == 303
    assert "looks at it" in guest.looks() and "1971-03-02" in guest.looks()
    golden = officer.get(f"/v1/profiles/{profile}").json()["golden"]
    assert golden["birth_date"]["value"] == "1971-02-03", "nobody has checked it"

    waiting = officer.get("/v1/privacy/requests", params={"profile": str(profile)}).json()["requests"]
    assert [(one["kind"], one["state"]) for one in waiting] == [("correction", "asked")] * 2
    assert "1971-03-02" not in str(waiting) and "1971-03-02" not in str(told_of_audit(company, "ask_for_correction"))
    second, first = (one["id"] for one in waiting)
    assert officer.get(f"/v1/privacy/corrections/{first}").json()["said"] == "1971-03-02"
    desk, page = signed_in(company, doors.app, "the officer", Role.PRIVACY), f"/privacy/profiles/{profile}"
    assert "1971-03-02" in desk.get(page).text
    reason = {"verdict": "approve", "value": "1971-03-02", "reason": "identity card seen"}
    done = desk.submit(f"/privacy/requests/{first}/correction", page=page, **reason)
    assert done.status_code == 303, done.text
    golden = officer.get(f"/v1/profiles/{profile}").json()["golden"]
    assert golden["birth_date"]["value"] == "1971-03-02"
    verdict = {"verdict": "refuse"}
    decision = f"/v1/privacy/corrections/{second}/decision"
    assert officer.post(decision, json=verdict).json()["state"] == "refused"
    assert officer.post(decision, json=verdict).status_code == 409
    assert "1999-09-09" not in everything_kept(company), "what was refused is forgotten"


def test_what_waits_is_erased_with_the_customer(company: Installation, doors: Doors, officer: TestClient) -> None:
    profile, guest = customer(company, "f", "Walburga", "Hintermoser"), Guest(doors.app)
    assert guest.open(link_of(officer, profile)).status_code == 303
    said = "my name is Walpurga-Canaria"
    assert guest.press("/my-data/actions/correction", attribute="name", said=said).status_code == 303
    assert said in str(officer.get(f"/v1/privacy/access/{profile}").json()["requests"])
    assert said in everything_kept(company)
    assert officer.post("/v1/privacy/erasures", json={"profile": str(profile)}).status_code == 201
    assert "Canaria" not in everything_kept(company)
    requests = officer.get("/v1/privacy/requests", params={"profile": str(profile), "state": "asked"}).json()
    assert requests["requests"] == []
