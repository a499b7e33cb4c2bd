"""Stewards at work: who may say what, what contradicts, what is asked again and what is left in peace."""

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from domain import (
    ANNA,
    COLOGNE,
    assert_consistent,
    assert_different_profiles,
    assert_same_profile,
    count,
    email,
    feed_of,
    home,
    person,
    profile_of,
    push,
)
from sqlalchemy import text
from stewarding import WIDE_BAND, Steward, company_in, contradicting
from test_api import assert_problem

from cdi.access import Role
from cdi.clock import utc_now
from cdi.fields import CanonicalData
from cdi.pipeline import Installation, resolve
from cdi.store import redo
from cdi.store.db import Database

HAMBURG = home("Marktstraße", "12", "20095", "Hamburg")
ANOTHER_BIRTH_DATE = contradicting(ANNA)
CALLS: CanonicalData = {"phones": [{"value": "0221 998877"}]}
"""A bare phone number: it says nothing of who calls."""
STRANGER = person("Thomas", "Oduya", "1962-09-30", emails=email("t.oduya@web.de"), addresses=HAMBURG)


@pytest.fixture
def company(database: Database, tmp_path: Path) -> Installation:
    return company_in(tmp_path, database)


@pytest.fixture
def steward(company: Installation) -> Steward:
    """A steward for all owners."""
    return Steward(company)


@pytest.fixture
def asked(company: Installation) -> Installation:
    """till:a (owner retail) and shop:b (owner online) are similar: a review is open."""
    push(company, "till", {"a": ANNA})
    push(company, "shop", {"b": ANOTHER_BIRTH_DATE})
    return company


@pytest.fixture
def merged(company: Installation) -> Installation:
    """till:a and shop:b are one profile by the machine."""
    push(company, "till", {"a": ANNA})
    push(company, "shop", {"b": ANNA})
    assert_same_profile(company, ("till", "a"), ("shop", "b"))
    return company


# -- who may ---------------------------------------------------------------------------------------


def test_only_stewards_decide(asked: Installation, steward: Steward) -> None:
    (review,) = steward.reviews()
    reader = Steward(asked, "r.ead", role=Role.READER)
    p = profile_of(asked, "till", "a")
    for answer in (
        reader.client.get("/v1/reviews"),
        reader.client.get("/v1/conflicts"),
        reader.client.get("/v1/overrides"),
        reader.answer(review, "match"),
        reader.say("match", ["till:a"], ["shop:b"]),
        reader.split(p, "till:a"),
        reader.pin(p, "language", value="de"),
        reader.client.put(f"/v1/profiles/{p}/data-owner", json={"owner": "online", "reason": "x"}),
    ):
        assert_problem(answer, 403, "forbidden")
    assert_different_profiles(asked, ("till", "a"), ("shop", "b"))
    assert count(asked, "decision") == 0


def test_what_belongs_to_other_owners_is_not_listed_and_not_decided(asked: Installation, steward: Steward) -> None:
    (review,) = steward.reviews()
    stranger = Steward(asked, "c.entral", owners=["central"])
    assert stranger.reviews() == []
    assert_problem(stranger.client.get(f"/v1/reviews/{review['id']}"), 403, "forbidden")
    assert_problem(stranger.answer(review, "no_match"), 403, "forbidden")
    assert_problem(stranger.say("match", ["till:a"], ["shop:b"]), 403, "forbidden")


def test_18_a_merge_across_owners_waits_for_the_others_consent(asked: Installation) -> None:
    till, shop = Steward(asked, "t.ill", owners=["retail"]), Steward(asked, "s.hop", owners=["online"])
    told = till.decide(till.reviews()[0], "match")
    assert (told["status"], told["awaits"], told["affected"]) == ("waiting", ["online"], [])
    assert_different_profiles(asked, ("till", "a"), ("shop", "b"))
    resolve(asked, full=True)
    (waiting,) = shop.reviews(status="waiting")
    assert shop.reviews() == []
    assert_problem(till.answer(waiting, "match"), 409, "conflict")
    told = shop.decide(waiting, "match")
    assert (told["status"], told["author"], told["agreed_by"]) == ("standing", "t.ill", ["s.hop"])
    assert_same_profile(asked, ("till", "a"), ("shop", "b"))
    assert_consistent(asked)


def test_a_merge_that_others_decline_is_taken_back(asked: Installation) -> None:
    till, shop = Steward(asked, "t.ill", owners=["retail"]), Steward(asked, "s.hop", owners=["online"])
    told = till.decide(till.reviews()[0], "match")
    shop.decide(shop.reviews(status="waiting")[0], "no_match")
    assert till.get(f"overrides/{told['id']}")["status"] == "revoked"
    assert_different_profiles(asked, ("till", "a"), ("shop", "b"))
    assert shop.reviews() == shop.reviews(status="waiting") == []


def test_an_override_across_owners_waits_as_a_review(company: Installation) -> None:
    push(company, "till", {"a": ANNA})
    push(company, "shop", {"b": STRANGER})
    till, shop = Steward(company, "t.ill", owners=["retail"]), Steward(company, "s.hop", owners=["online"])
    answer = till.say("match", ["till:a"], ["shop:b"])
    assert (answer.status_code, answer.json()["status"]) == (201, "waiting")
    push(company, "till", {"a": ANNA | {"phones": [{"value": "0221 998877"}]}})
    assert_different_profiles(company, ("till", "a"), ("shop", "b"))
    shop.decide(shop.review_between(("till", "a"), ("shop", "b")), "match")
    assert_same_profile(company, ("till", "a"), ("shop", "b"))


def test_consent_that_becomes_moot_lapses(asked: Installation) -> None:
    till = Steward(asked, "t.ill", owners=["retail"])
    told = till.decide(till.reviews()[0], "match")
    push(asked, "shop", {"b": None})
    lapsed = till.get(f"overrides/{told['id']}")
    assert (lapsed["status"], lapsed["revoked_reason"]) == ("revoked", "moot: a record is gone")


@pytest.mark.parametrize(("policy", "status"), [("allow", 200), ("refuse", 403)])
def test_the_company_says_what_a_merge_across_owners_takes(
    database: Database, tmp_path: Path, policy: str, status: int
) -> None:
    company = company_in(tmp_path, database, f"{WIDE_BAND}stewardship: {{cross_owner: {policy}}}\n")
    push(company, "till", {"a": ANNA})
    push(company, "shop", {"b": ANOTHER_BIRTH_DATE})
    till = Steward(company, "t.ill", owners=["retail"])
    (review,) = till.reviews()
    assert till.answer(review, "match").status_code == status
    assert (profile_of(company, "till", "a") == profile_of(company, "shop", "b")) is (policy == "allow")


def test_a_review_about_a_hidden_record_is_not_there(company: Installation, steward: Steward) -> None:
    push(company, "till", {"a": ANNA})
    push(company, "secret", {"b": ANOTHER_BIRTH_DATE})
    assert steward.reviews() == []
    (review,) = Steward(company, "insider", sensitive=True).reviews()
    assert_problem(steward.client.get(f"/v1/reviews/{review['id']}"), 404, "not-found")
    assert_problem(steward.say("no_match", ["till:a"], ["secret:b"]), 404, "not-found")


# -- claims ----------------------------------------------------------------------------------------


def test_a_claim_keeps_others_away_for_ten_minutes(asked: Installation, steward: Steward) -> None:
    (review,) = steward.reviews()
    other = Steward(asked, "m.ueller")
    here = f"/v1/reviews/{review['id']}"
    claimed = steward.client.post(f"{here}/claim").json()
    assert claimed["claimed_by"] == "s.keller"
    assert steward.client.post(f"{here}/claim").status_code == 200
    for answer in (
        other.client.post(f"{here}/claim"),
        other.client.post(f"{here}/release"),
        other.answer(review, "match"),
    ):
        assert "s.keller" in assert_problem(answer, 409, "conflict")["detail"]
    assert steward.client.post(f"{here}/release").json()["claimed_by"] is None
    assert other.client.post(f"{here}/claim").status_code == 200
    with asked.database.unit_of_work() as connection:
        connection.execute(text("update review set claimed_until = claimed_until - interval '11 minutes'"))
    assert steward.client.post(f"{here}/claim").status_code == 200
    assert steward.answer(review, "no_match").status_code == 200
    assert_problem(steward.answer(review, "match"), 409, "conflict")


# -- versions --------------------------------------------------------------------------------------


def test_a_decision_on_what_has_changed_is_stale(asked: Installation, steward: Steward) -> None:
    (review,) = steward.reviews()
    seen = steward.client.get(f"/v1/reviews/{review['id']}").headers["etag"]
    push(asked, "shop", {"b": ANOTHER_BIRTH_DATE | {"birth_date": "1971-11-24"}})
    here = f"/v1/reviews/{review['id']}/decision"
    body = {"verdict": "match", "reason": "x"}
    assert_problem(steward.client.post(here, json=body, headers={"If-Match": seen}), 412, "stale")
    now = steward.client.get(f"/v1/reviews/{review['id']}").headers["etag"]
    assert steward.client.post(here, json=body, headers={"If-Match": now}).status_code == 200


def test_a_hand_over_needs_the_version_and_the_feed_tells_it(merged: Installation, steward: Steward) -> None:
    p = profile_of(merged, "till", "a")
    here, body = f"/v1/profiles/{p}/data-owner", {"owner": "online", "reason": "she buys online only"}
    assert_problem(steward.client.put(here, json=body), 428, "precondition-required")
    assert_problem(steward.client.put(here, json=body, headers={"If-Match": '"99"'}), 412, "stale")
    etag = steward.client.get(f"/v1/profiles/{p}").headers["etag"]
    nobody = steward.client.put(here, json=body | {"owner": "nobody"}, headers={"If-Match": etag})
    assert_problem(nobody, 422, "invalid-input")
    cursor = len(feed_of(merged))
    told = steward.client.put(here, json=body, headers={"If-Match": etag})
    assert told.status_code == 200, told.text
    assert (told.json()["data_owner"], told.json()["before"]) == ("online", "central")
    assert ("owner_changed", p) in feed_of(merged, cursor)
    assert_problem(steward.client.put(here, json=body, headers={"If-Match": etag}), 412, "stale")
    back = steward.client.put(here, json=body | {"owner": None}, headers={"If-Match": "*"})
    assert back.json()["data_owner"] == "central"
    assert steward.profile("till", "a")["data_owner"] == "central"


# -- decisions -------------------------------------------------------------------------------------


def test_unsure_is_silent_until_a_record_in_it_changes(asked: Installation, steward: Steward) -> None:
    steward.decide(steward.reviews()[0], "unsure")
    assert steward.reviews() == []
    resolve(asked, full=True)
    push(asked, "till", {"z": STRANGER})
    assert steward.reviews() == []
    push(asked, "shop", {"b": ANOTHER_BIRTH_DATE | CALLS})
    assert len(steward.reviews()) == 1


def test_what_contradicts_standing_decisions_is_refused_and_names_them(company: Installation, steward: Steward) -> None:
    push(company, "till", {"a": ANNA, "c": STRANGER})
    push(company, "shop", {"b": ANOTHER_BIRTH_DATE})
    apart = steward.say("no_match", ["till:a"], ["shop:b"]).json()["id"]
    assert steward.say("match", ["till:a"], ["till:c"]).status_code == 201
    problem = assert_problem(steward.say("match", ["till:c"], ["shop:b"]), 409, "contradiction")
    assert problem["decisions"] == [apart]
    assert steward.revoke(apart).status_code == 200
    assert steward.say("match", ["till:c"], ["shop:b"]).status_code == 201
    assert_same_profile(company, ("till", "a"), ("till", "c"), ("shop", "b"))
    p = profile_of(company, "till", "a")
    problem = assert_problem(steward.split(p, "shop:b", dry_run=True), 409, "contradiction")
    assert len(problem["decisions"]) >= 1


def test_the_same_word_twice_is_kept_once(asked: Installation, steward: Steward) -> None:
    first = steward.say("no_match", ["till:a"], ["shop:b"]).json()
    again = steward.say("no_match", ["shop:b"], ["till:a"]).json()
    assert first["id"] == again["id"]
    assert count(asked, "decision") == 1


def test_a_request_sent_again_is_done_once(asked: Installation, steward: Steward) -> None:
    (review,) = steward.reviews()
    here, again = f"/v1/reviews/{review['id']}/decision", {"Idempotency-Key": "7f3a"}
    first = steward.client.post(here, json={"verdict": "match", "reason": "x"}, headers=again)
    second = steward.client.post(here, json={"verdict": "match", "reason": "x"}, headers=again)
    assert (second.status_code, second.json()["id"]) == (200, first.json()["id"])
    assert second.json()["affected"] == first.json()["affected"] != []
    other = steward.client.post(here, json={"verdict": "no_match", "reason": "x"}, headers=again)
    assert_problem(other, 409, "conflict")
    split = {"records": ["shop:b"], "reason": "two after all"}
    p = profile_of(asked, "till", "a")
    assert_problem(steward.client.post(f"/v1/profiles/{p}/split", json=split, headers=again), 409, "contradiction")
    steward.revoke(first.json()["id"])
    push(asked, "shop", {"b": ANNA})
    done = [steward.client.post(f"/v1/profiles/{p}/split", json=split, headers=again).json() for _ in range(2)]
    assert done[0]["decision"]["id"] == done[1]["id"]
    assert done[1]["repeated"] is True
    assert count(asked, "decision") == 2


def test_a_decision_taken_back_has_no_effect_and_keeps_its_history(asked: Installation, steward: Steward) -> None:
    q = profile_of(asked, "shop", "b")
    told = steward.decide(steward.reviews()[0], "match")
    assert steward.revoke(told["id"]).status_code == 200
    assert_different_profiles(asked, ("till", "a"), ("shop", "b"))
    assert profile_of(asked, "shop", "b") == q  # the id that its records last carried
    assert len(steward.reviews()) == 1
    shown = steward.get(f"overrides/{told['id']}")
    assert (shown["status"], shown["revoked_by"], shown["revoked_reason"]) == (
        "revoked",
        "s.keller",
        "it was a mistake",
    )
    assert_problem(steward.revoke(told["id"]), 409, "conflict")
    assert_problem(steward.client.delete(f"/v1/overrides/{told['id']}"), 422, "invalid-input")
    assert_problem(steward.revoke(4711), 404, "not-found")


def test_a_word_that_says_nothing_is_refused(asked: Installation, steward: Steward) -> None:
    for verdict, left, right, status in (
        ("unsure", ["till:a"], ["shop:b"], 422),
        ("no_match", ["till:a"], ["till:a"], 422),
        ("match", ["till:a"], ["shop:nobody"], 404),
        ("match", ["till"], ["shop:b"], 422),
        ("match", [], ["shop:b"], 422),
        ("perhaps", ["till:a"], ["shop:b"], 422),
    ):
        assert steward.say(verdict, left, right).status_code == status, (verdict, left, right)
    assert steward.say("match", ["till:a"], ["shop:b"], reason=" ").status_code == 422
    assert count(asked, "decision") == 0


def test_of_two_that_contradict_each_other_at_once_one_is_refused(asked: Installation, steward: Steward) -> None:
    with ThreadPoolExecutor(2) as pool:
        said = pool.map(lambda verdict: steward.say(verdict, ["till:a"], ["shop:b"]), ("match", "no_match"))
        assert sorted(answer.status_code for answer in said) == [201, 409]
    assert count(asked, "decision") == 1


def test_a_household_is_kept_apart_too(asked: Installation, steward: Steward) -> None:
    steward.decide(steward.reviews()[0], "household")
    push(asked, "shop", {"b": ANNA})
    assert_different_profiles(asked, ("till", "a"), ("shop", "b"))


def test_two_customers_are_two_in_all_their_records(asked: Installation, steward: Steward) -> None:
    push(asked, "app", {"calls": CALLS})
    linked = steward.say("match", ["shop:b"], ["app:calls"]).json()["id"]
    steward.decide(steward.reviews("pair")[0], "no_match")
    steward.revoke(linked)
    for source, key in (("shop", "b"), ("app", "calls")):
        push(asked, source, {key: ANNA})
        assert_different_profiles(asked, ("till", "a"), (source, key))
    assert steward.reviews() == []


def test_a_review_follows_a_merge_and_keeps_its_id(company: Installation, steward: Steward) -> None:
    push(company, "app", {"older": CALLS})
    push(company, "till", {"a": ANNA})
    push(company, "shop", {"b": ANOTHER_BIRTH_DATE})
    (review,) = steward.reviews()
    q = profile_of(company, "shop", "b")
    steward.say("match", ["app:older"], ["shop:b"])
    home_of_both = assert_same_profile(company, ("app", "older"), ("shop", "b"))
    assert home_of_both != q
    (followed,) = steward.reviews()
    assert followed["id"] == review["id"]
    assert set(followed["profiles"]) == {str(home_of_both), str(profile_of(company, "till", "a"))}
    assert followed["etag"] != review["etag"]


def test_a_doubtful_link_that_is_confirmed_is_not_asked_again(company: Installation, steward: Steward) -> None:
    plain = person("Anna", "Krzywdzinski", emails=email("anna.krz@gmx.de"), addresses=COLOGNE)
    push(company, "till", {"a": ANNA})
    push(company, "shop", {"b": plain})
    steward.say("match", ["till:a"], ["shop:b"])
    push(company, "shop", {"b": person("Thomas", "Oduya", addresses=HAMBURG)})
    (review,) = steward.reviews()
    assert review["kind"] == "doubtful_link"
    steward.decide(review, "match")
    resolve(company, full=True)
    assert steward.reviews() == []
    push(company, "shop", {"b": person("Thomas", "Oduya", addresses=HAMBURG, language="fr")})
    assert len(steward.reviews()) == 1


def test_a_match_settles_two_birth_dates(database: Database, tmp_path: Path) -> None:
    bold = company_in(tmp_path, database, "\nmatching: {match: 0.04, review: 0.03}\n")
    push(bold, "till", {"a": ANNA})
    push(bold, "shop", {"b": ANOTHER_BIRTH_DATE})
    assert_same_profile(bold, ("till", "a"), ("shop", "b"))
    steward = Steward(bold)
    (review,) = steward.reviews()
    assert review["kind"] == "birth_date"
    steward.decide(review, "match")
    resolve(bold, full=True)
    assert steward.reviews() == []


# -- split -----------------------------------------------------------------------------------------


def test_a_preview_says_what_happens_and_changes_nothing(merged: Installation, steward: Steward) -> None:
    push(merged, "till", {"a2": ANNA | {"language": "pl"}})
    p = profile_of(merged, "till", "a")
    before = (steward.profile("till", "a"), len(feed_of(merged)), count(merged, "decision"))
    preview = steward.split(p, "till:a2", dry_run=True).json()
    assert (steward.profile("till", "a"), len(feed_of(merged)), count(merged, "decision")) == before
    kept, created = preview["after"]
    assert (kept["id"], kept["fate"], set(kept["records"])) == (str(p), "kept", {"till:a", "shop:b"})
    assert (created["id"], created["fate"], created["records"]) == (None, "created", ["till:a2"])
    assert preview["before"]["golden"]["language"]["value"] == created["golden"]["language"]["value"] == "pl"
    assert "language" not in kept["golden"]
    assert {event["type"] for event in preview["feed"]} == {"created", "split"}
    done = steward.take_out(p, "till:a2")
    assert [part["golden"] for part in done["after"]] == [part["golden"] for part in preview["after"]]
    assert done["after"][1]["id"] == str(profile_of(merged, "till", "a2"))
    assert_consistent(merged)


def test_of_two_equal_parts_the_one_that_stays_keeps_the_id(merged: Installation, steward: Steward) -> None:
    p = profile_of(merged, "till", "a")
    steward.take_out(p, "till:a")
    assert profile_of(merged, "shop", "b") == p


def test_a_part_taken_out_gets_its_old_id_back(asked: Installation, steward: Steward) -> None:
    q = profile_of(asked, "shop", "b")
    p = profile_of(asked, "till", "a")
    push(asked, "shop", {"b": ANNA})
    assert profile_of(asked, "shop", "b") == p
    told = steward.split(p, "shop:b", dry_run=True).json()
    assert [(part["id"], part["fate"]) for part in told["after"]] == [(str(p), "kept"), (str(q), "revived")]
    steward.take_out(p, "shop:b")
    assert profile_of(asked, "shop", "b") == q
    assert steward.ask(q).status_code == 200


def test_only_some_records_of_a_profile_can_be_taken_out(merged: Installation, steward: Steward) -> None:
    push(merged, "till", {"z": STRANGER})
    p = profile_of(merged, "till", "a")
    assert steward.split(p, "till:a", "shop:b").status_code == 422
    assert steward.split(p, "till:z").status_code == 422
    assert steward.split(p, "till:nobody").status_code == 404
    assert steward.split(p, "till:a", verdict="match").status_code == 422
    assert steward.split(uuid4(), "till:a").status_code == 404
    assert count(merged, "decision") == 0


# -- pins and conflicts ----------------------------------------------------------------------------


def two_genders(company: Installation) -> Any:
    push(company, "till", {"a": ANNA | {"gender": "female"}})
    push(company, "shop", {"b": ANNA | {"gender": "male"}})
    return assert_same_profile(company, ("till", "a"), ("shop", "b"))


def test_a_conflict_is_settled_by_choosing_a_value(company: Installation, steward: Steward) -> None:
    p = two_genders(company)
    (conflict,) = steward.get("conflicts")["conflicts"]
    assert (conflict["kind"], conflict["attribute"], conflict["profile"]) == ("value", "gender", str(p))
    assert set(conflict["records"]) == {"till:a", "shop:b"}
    here = f"/v1/conflicts/{conflict['id']}/resolution"
    assert_problem(steward.client.post(here, json={"reason": "x"}), 422, "invalid-input")
    assert steward.get("conflicts")["conflicts"] == [conflict]
    body = {"record": "till:a", "reason": "asked her"}
    settled = steward.client.post(here, json=body).json()
    assert (settled["status"], settled["closed_reason"]) == ("closed", "settled by s.keller: asked her")
    entry = steward.profile("till", "a")["golden"]["gender"]
    assert (entry["value"], entry["key"]) == ("f", "s.keller")
    push(company, "shop", {"b": ANNA | {"gender": "male", "language": "pl"}})
    assert steward.get("conflicts")["conflicts"] == []
    assert_problem(steward.client.post(here, json=body), 409, "conflict")


def test_two_owners_given_by_hand_that_meet_are_a_conflict(asked: Installation, steward: Steward) -> None:
    for source, key, owner in (("till", "a", "retail"), ("shop", "b", "online")):
        here = f"/v1/profiles/{profile_of(asked, source, key)}/data-owner"
        body = {"owner": owner, "reason": "theirs"}
        assert steward.client.put(here, json=body, headers={"If-Match": "*"}).status_code == 200
    steward.decide(steward.reviews()[0], "match")
    (conflict,) = steward.get("conflicts", kind="owner")["conflicts"]
    here = f"/v1/conflicts/{conflict['id']}/resolution"
    assert_problem(steward.client.post(here, json={"reason": "x"}), 422, "invalid-input")
    settled = steward.client.post(here, json={"owner": "retail", "reason": "agreed"})
    assert settled.status_code == 200, settled.text
    assert steward.profile("till", "a")["data_owner"] == "retail"
    assert steward.get("conflicts")["conflicts"] == []


def test_a_new_pin_takes_the_place_of_the_old_and_can_be_taken_away(merged: Installation, steward: Steward) -> None:
    p = profile_of(merged, "till", "a")
    for value in ("+49 221 998877", "0221 998878"):
        assert steward.pin(p, "phones", value={"value": value}).status_code == 200
    assert steward.golden("till", "a", "phones")["value"] == "+49221998878"
    assert steward.get("conflicts")["conflicts"] == []
    assert steward.client.delete(f"/v1/profiles/{p}/pins/phones").status_code == 200
    assert "phones" not in steward.profile("till", "a")["golden"]
    assert_problem(steward.client.delete(f"/v1/profiles/{p}/pins/phones"), 404, "not-found")


def test_only_a_value_can_be_pinned(merged: Installation, steward: Steward) -> None:
    choices: list[tuple[str, dict[str, Any]]] = [
        ("shoe_size", {"value": "43"}),
        ("birth_date", {}),
        ("birth_date", {"value": "soon"}),
        ("birth_date", {"value": "1984-03-05", "until": "2020-01-01T00:00:00Z"}),
        ("phones", {"record": "till:a"}),
        ("phones", {"value": {"value": "no number"}}),
    ]
    for attribute, choice in choices:
        answer = steward.pin(profile_of(merged, "till", "a"), attribute, **choice)
        assert_problem(answer, 422, "invalid-input")
    assert count(merged, "pin") == 0


def test_a_decision_meets_records_as_they_are_even_if_they_wait_to_be_compared(
    asked: Installation, steward: Steward
) -> None:
    review = steward.review_between(("till", "a"), ("shop", "b"))
    push(asked, "shop", {"b": None}, settle=False)
    steward.answer(review, "no_match")
    assert profile_of(asked, "shop", "b") is None, "it had ended, and no run was over it yet"
    push(asked, "shop", {"c": STRANGER})
    push(asked, "till", {"d": person("Thomas", "Oduya")})
    apart = steward.say("household", ["till:d"], ["shop:c"]).json()["id"]
    push(asked, "till", {"d": STRANGER}, settle=False)
    steward.revoke(apart)
    assert_same_profile(asked, ("till", "d"), ("shop", "c"))
    assert_consistent(asked)


def test_the_end_of_a_pin_is_due_then_whatever_is_due_before(merged: Installation, steward: Steward) -> None:
    p = profile_of(merged, "till", "a")
    until = utc_now() + timedelta(days=30)
    assert steward.pin(p, "birth_date", value="1984-03-06", until=until.isoformat()).status_code == 200
    push(merged, "till", {"a": ANNA | {"language": "pl"}})
    with merged.database.unit_of_work() as connection:
        assert redo.backlog(connection) == (0, None)
        assert len(redo.take(connection, until, 10)) == 1


def test_a_pin_moves_the_version_of_the_profile(merged: Installation, steward: Steward) -> None:
    p = profile_of(merged, "till", "a")
    etag = steward.client.get(f"/v1/profiles/{p}").headers["etag"]
    body = {"value": "pl", "reason": "x"}
    here = f"/v1/profiles/{p}/pins/language"
    assert steward.client.put(here, json=body, headers={"If-Match": etag}).status_code == 200
    assert_problem(steward.client.put(here, json=body, headers={"If-Match": etag}), 412, "stale")


# -- history ---------------------------------------------------------------------------------------


def test_a_profile_is_served_as_it_was(asked: Installation, steward: Steward) -> None:
    p, q = profile_of(asked, "till", "a"), profile_of(asked, "shop", "b")
    first = steward.profile("till", "a")
    then = utc_now().isoformat()
    push(asked, "till", {"a": ANNA | CALLS})
    steward.decide(steward.reviews()[0], "match")
    assert steward.get(f"profiles/{p}", as_of=then) == first
    assert steward.get(f"profiles/{q}", as_of=then)["records"][0]["key"] == "b"
    now = utc_now().isoformat()
    assert steward.get(f"profiles/{p}", as_of=now) == steward.profile("till", "a")
    assert_problem(steward.client.get(f"/v1/profiles/{q}", params={"as_of": now}), 410, "gone")
    early = steward.client.get(f"/v1/profiles/{p}", params={"as_of": "2001-01-01T00:00:00Z"})
    assert_problem(early, 404, "not-found")
    assert_problem(steward.client.get(f"/v1/profiles/{p}", params={"as_of": "yesterday"}), 422, "invalid-input")


def test_an_id_that_came_back_has_a_past_with_a_gap(merged: Installation, steward: Steward) -> None:
    push(merged, "till", {"a": None})
    push(merged, "shop", {"b": None})
    gone = utc_now().isoformat()
    push(merged, "shop", {"b": ANNA})
    p = profile_of(merged, "shop", "b")
    assert_problem(steward.client.get(f"/v1/profiles/{p}", params={"as_of": gone}), 410, "gone")
    assert steward.get(f"profiles/{p}", as_of=utc_now().isoformat())["records"][0]["key"] == "b"


def test_the_history_tells_what_happened_newest_first(asked: Installation, steward: Steward) -> None:
    p, q = profile_of(asked, "till", "a"), profile_of(asked, "shop", "b")
    push(asked, "till", {"a": ANNA | CALLS})
    told = steward.decide(steward.reviews()[0], "match")
    steward.pin(p, "language", value="pl")
    steward.revoke(told["id"])
    seen = steward.get(f"profiles/{p}/history")["history"]
    types = [entry["type"] for entry in seen]
    assert types == [
        "split", "decision_revoked", "updated", "pinned", "merged", "decision", "updated", "created",
    ]  # fmt: skip
    changed = next(e for e in seen if e["type"] == "updated" and e["changes"][0]["attribute"] == "phones")["changes"]
    assert (changed[0]["before"], changed[0]["after"]["value"]) == (None, "+49221998877")
    assert next(e for e in seen if e["type"] == "merged")["profiles"] == [str(q)]
    pages: list[Any] = []
    before = None
    while True:
        page = steward.get(f"profiles/{p}/history", limit=3, **({"before": before} if before else {}))
        pages += page["history"]
        before = page["before"]
        if before is None:
            break
    assert pages == seen
    assert page["data_owner"] == "central"


def test_the_past_has_no_trace_of_what_is_hidden(company: Installation) -> None:
    push(company, "till", {"a": ANNA})
    push(company, "secret", {"s": ANNA | {"language": "pl"}})
    p = assert_same_profile(company, ("till", "a"), ("secret", "s"))
    push(company, "secret", {"s": ANNA | {"language": "fr"}})
    reader, insider = Steward(company, "r", role=Role.READER), Steward(company, "i", sensitive=True)
    assert insider.get(f"profiles/{p}")["golden"]["language"]["value"] == "fr"
    plain = reader.client.get(f"/v1/profiles/{p}", params={"as_of": utc_now().isoformat()})
    past = reader.client.get(f"/v1/profiles/{p}/history")
    for answer in (plain, past):
        assert answer.status_code == 200
        assert "secret" not in answer.text and "language" not in answer.text
    assert [entry["type"] for entry in past.json()["history"]] == ["created"]
    assert len(insider.get(f"profiles/{p}/history")["history"]) == 3


def test_a_reader_without_scopes_reads_a_masked_past(merged: Installation) -> None:
    from conftest import Doors

    p = profile_of(merged, "till", "a")
    push(merged, "till", {"a": ANNA | {"emails": email("anna.neu@web.de")}})
    reader = Doors(merged).as_(Role.READER)
    for path in (f"/v1/profiles/{p}/history", f"/v1/profiles/{p}?as_of=2099-01-01T00:00:00Z"):
        answer = reader.get(path)
        assert answer.status_code == 200
        assert "anna.neu" not in answer.text and "anna.krz" not in answer.text and "Krzywdzinski" not in answer.text
