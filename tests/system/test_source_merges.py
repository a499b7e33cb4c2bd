"""A source says that two of its records were one: what stewards said of the old one is about the other now, and what
cannot hold any more becomes a question, never a silent change."""

from datetime import timedelta
from pathlib import Path

import pytest
from domain import (
    ANNA,
    assert_consistent,
    assert_different_profiles,
    assert_same_profile,
    email,
    feed_of,
    let_pins_end,
    person,
    profile_of,
    push,
)
from stewarding import Steward, company_in
from test_merge_cases import replace_record

from cdi.clock import utc_now
from cdi.pipeline import Installation, resolve
from cdi.store.db import Database

THOMAS = person("Thomas", "Oduya", "1962-09-30", emails=email("t.oduya@web.de"))
LENA = person("Lena", "Wernicke", "2004-11-30", emails=email("lena@web.de"))


@pytest.fixture
def company(database: Database, tmp_path: Path) -> Installation:
    return company_in(tmp_path, database)


@pytest.fixture
def steward(company: Installation) -> Steward:
    return Steward(company)


@pytest.fixture
def three(company: Installation) -> Installation:
    """Three people who have nothing to do with each other: till 1 and 2, shop x."""
    push(company, "till", {"1": ANNA, "2": THOMAS})
    push(company, "shop", {"x": LENA})
    assert_different_profiles(company, ("till", "1"), ("till", "2"), ("shop", "x"))
    return company


def test_a_link_is_about_the_record_that_stays(three: Installation, steward: Steward) -> None:
    assert steward.say("match", ["till:1"], ["shop:x"]).status_code == 201
    replace_record(three, "till", "1", "2")
    assert_same_profile(three, ("till", "2"), ("shop", "x"))
    resolve(three, full=True)
    assert_same_profile(three, ("till", "2"), ("shop", "x"))
    told = steward.say("no_match", ["till:2"], ["shop:x"])
    assert told.status_code == 409, "the link stands, and whoever contradicts it is told"
    assert_consistent(three)


def test_a_separation_is_about_the_record_that_stays(company: Installation, steward: Steward) -> None:
    push(company, "till", {"1": ANNA, "2": THOMAS})
    push(company, "shop", {"x": ANNA})
    steward.take_out(profile_of(company, "till", "1"), "shop:x")
    replace_record(company, "till", "1", "2")
    push(company, "till", {"2": ANNA | {"language": "de"}})
    jumps = steward.reviews("identity_jump")
    if jumps:
        steward.decide(jumps[0], "match")
    assert steward.golden("till", "2", "name")["given_name"] == "Anna"
    assert_different_profiles(company, ("till", "2"), ("shop", "x"))
    resolve(company, full=True)
    assert_different_profiles(company, ("till", "2"), ("shop", "x"))


def contradict(three: Installation, steward: Steward) -> None:
    """Till 1 is x, till 2 is not; and now 1 and 2 are one."""
    assert steward.say("match", ["till:1"], ["shop:x"]).status_code == 201
    assert steward.say("no_match", ["till:2"], ["shop:x"]).status_code == 201
    assert_same_profile(three, ("till", "1"), ("shop", "x"))
    replace_record(three, "till", "1", "2")


def test_words_that_cannot_both_hold_any_more_are_a_question(three: Installation, steward: Steward) -> None:
    contradict(three, steward)
    assert_different_profiles(three, ("till", "2"), ("shop", "x"))
    (review,) = steward.reviews("overruled")
    assert set(review["profiles"]) == {str(profile_of(three, "till", "2")), str(profile_of(three, "shop", "x"))}
    resolve(three, full=True)
    assert [r["id"] for r in steward.reviews("overruled")] == [review["id"]], "a full run asks the same question"
    refused = steward.answer(review, "match")
    assert refused.status_code == 409
    assert refused.json()["decisions"], "what stands against it is named"
    steward.decide(review, "no_match")
    assert steward.reviews("overruled") == []
    standing = steward.get("overrides", status="standing")["overrides"]
    assert {decision["verdict"] for decision in standing} == {"no_match"}
    assert_different_profiles(three, ("till", "2"), ("shop", "x"))


def test_after_the_separation_is_revoked_the_link_takes_effect(three: Installation, steward: Steward) -> None:
    contradict(three, steward)
    standing = steward.get("overrides", status="standing")["overrides"]
    (separation,) = [decision for decision in standing if decision["verdict"] == "no_match"]
    assert steward.revoke(separation["id"]).status_code == 200
    assert_same_profile(three, ("till", "2"), ("shop", "x"))
    assert steward.reviews("overruled") == []


def test_pins_and_owners_go_along(three: Installation, steward: Steward) -> None:
    p, q = profile_of(three, "till", "1"), profile_of(three, "till", "2")
    assert steward.pin(p, "language", value="pl").status_code == 200
    handed = steward.client.put(
        f"/v1/profiles/{p}/data-owner", json={"owner": "online", "reason": "x"}, headers={"If-Match": "*"}
    )
    assert handed.status_code == 200
    replace_record(three, "till", "1", "2")
    profile = steward.profile("till", "2")
    assert profile["id"] == str(q)
    assert (profile["golden"]["language"]["value"], profile["data_owner"]) == ("pl", "online")
    assert steward.ask(p).headers["location"] == f"/v1/profiles/{q}"
    assert steward.client.delete(f"/v1/profiles/{q}/pins/language").status_code == 200
    assert "language" not in steward.profile("till", "2")["golden"]


def test_a_pin_that_went_along_ends_on_its_day(three: Installation, steward: Steward) -> None:
    until = utc_now() + timedelta(hours=1)
    p = profile_of(three, "till", "1")
    assert steward.pin(p, "language", value="pl", until=until.isoformat()).status_code == 200
    replace_record(three, "till", "1", "2")
    assert steward.golden("till", "2", "language") == "pl"
    let_pins_end(three)
    resolve(three)
    assert "language" not in steward.profile("till", "2")["golden"]


def test_a_record_that_comes_back_takes_its_own_along(three: Installation, steward: Steward) -> None:
    """The source thinks better of it: what was said of the old record is about the old record again."""
    ids = [profile_of(three, "till", "1"), profile_of(three, "till", "2"), profile_of(three, "shop", "x")]
    assert steward.pin(ids[0], "language", value="pl").status_code == 200
    assert steward.say("match", ["till:1"], ["shop:x"]).status_code == 201
    replace_record(three, "till", "1", "2")
    assert_same_profile(three, ("till", "2"), ("shop", "x"))
    push(three, "till", {"1": ANNA | {"phones": [{"value": "+491724981375"}]}})
    assert_same_profile(three, ("till", "1"), ("shop", "x"))
    assert_different_profiles(three, ("till", "1"), ("till", "2"))
    assert all(steward.ask(profile).status_code in {200, 301} for profile in ids)
    assert steward.golden("till", "1", "language") == "pl"
    assert "language" not in steward.profile("till", "2")["golden"]
    assert_consistent(three)
    feed_of(three)
