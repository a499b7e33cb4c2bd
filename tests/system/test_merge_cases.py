"""What a registry of golden records must do, case by case: each test is named by its number in the list of cases that
stands in docs/stewardship.md."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from random import Random
from typing import Any

import pytest
from domain import (
    ANNA,
    COLOGNE,
    assert_consistent,
    assert_different_profiles,
    assert_same_profile,
    documents,
    email,
    feed_of,
    home,
    let_pins_end,
    partition,
    person,
    profile_of,
    push,
)
from sqlalchemy import text
from stewarding import Steward, company_in, contradicting

from cdi.clock import utc_now
from cdi.fields import CanonicalData, Stream
from cdi.ingest.contract import Record
from cdi.pipeline import Arriving, Installation, land, resolve
from cdi.store.db import Database
from conftest import copy_of

HAMBURG = home("Marktstraße", "12", "20095", "Hamburg")
ANOTHER_BIRTH_DATE = contradicting(ANNA)
"""Similar to ANNA, with a contradicting birth date."""
STRANGER = person("Thomas", "Oduya", emails=email("t.oduya@web.de"), addresses=HAMBURG)


@pytest.fixture
def company(database: Database, tmp_path: Path) -> Installation:
    return company_in(tmp_path, database)


@pytest.fixture
def company_by_default(database: Database, tmp_path: Path) -> Installation:
    """The company with the thresholds that a deployment has unless it says otherwise."""
    return company_in(tmp_path, database, more="")


@pytest.fixture
def steward(company: Installation) -> Steward:
    return Steward(company)


@pytest.fixture(autouse=True)
def everything_is_consistent_in_the_end(company: Installation) -> Iterator[None]:
    yield
    assert_consistent(company)


def two_similar(company: Installation) -> tuple[Any, Any]:
    """A in P and B in Q, similar but contradicting: a review is open."""
    push(company, "till", {"a": ANNA})
    push(company, "shop", {"b": ANOTHER_BIRTH_DATE})
    assert_different_profiles(company, ("till", "a"), ("shop", "b"))
    return profile_of(company, "till", "a"), profile_of(company, "shop", "b")


def two_in_one(company: Installation) -> Any:
    """A and B in P by the machine."""
    push(company, "till", {"a": ANNA})
    push(company, "shop", {"b": ANNA})
    return assert_same_profile(company, ("till", "a"), ("shop", "b"))


def test_01_a_record_makes_a_profile(company: Installation, steward: Steward) -> None:
    push(company, "till", {"a": ANNA})
    profile = steward.profile("till", "a")
    assert profile["golden"]["name"]["value"]["family_name"] == "Krzywdzinski"
    assert profile["golden"]["birth_date"]["value"] == "1984-03-05"
    assert profile["golden"]["emails"]["value"]["value"] == "anna.krz@gmx.de"
    assert profile["id"] == str(profile_of(company, "till", "a"))
    assert [(r["source"], r["key"]) for r in profile["records"]] == [("till", "a")]
    assert {entry["source"] for entry in profile["golden"].values()} == {"till"}
    assert feed_of(company) == [("created", profile_of(company, "till", "a"))]


def test_02_a_matching_record_joins_and_equal_values_stand_once(company: Installation, steward: Steward) -> None:
    push(company, "till", {"a": ANNA})
    before = profile_of(company, "till", "a")
    push(company, "shop", {"b": ANNA})
    assert assert_same_profile(company, ("till", "a"), ("shop", "b")) == before
    assert steward.profile("till", "a") == steward.profile("shop", "b")
    born = steward.profile("till", "a")["golden"]["birth_date"]
    assert born["alternatives"] == []
    for name, entry in steward.profile("till", "a")["golden"].items():
        assert entry["alternatives"] == [], f"{name} stands twice"
        assert {(s["source"], s["key"]) for s in entry["sources"]} == {("till", "a"), ("shop", "b")}


def test_03_a_contradicting_record_stands_apart_and_is_asked_about(company: Installation, steward: Steward) -> None:
    p, q = two_similar(company)
    (review,) = steward.reviews()
    assert set(review["profiles"]) == {str(p), str(q)}
    assert {review["left"]["record"], review["right"]["record"]} == {"till:a", "shop:b"}
    assert p != q
    assert [r["key"] for r in steward.profile("shop", "b")["records"]] == ["b"]
    for profile in (p, q):
        assert steward.ask(profile).status_code == 200


def test_04_a_profile_survives_the_change_of_all_its_values(company: Installation, steward: Steward) -> None:
    push(company, "till", {"a": ANNA})
    before = profile_of(company, "till", "a")
    married = person("Anna", "Oduya", "1984-03-05", emails=email("anna.oduya@web.de"), addresses=HAMBURG)
    push(company, "till", {"a": married})
    assert profile_of(company, "till", "a") == before
    golden = steward.profile("till", "a")["golden"]
    assert golden["name"]["value"]["family_name"] == "Oduya"
    assert golden["addresses"]["value"]["city"] == "Hamburg"
    assert golden["emails"]["value"]["value"] == "anna.oduya@web.de"
    assert "Krzywdzinski" not in str(golden) and "anna.krz" not in str(golden), "what was said before is over"
    assert steward.reviews() == []
    assert len(steward.get("sources/till/records/a")["versions"]) == 2
    push(company, "till", {"a": married | {"birth_date": "1971-11-23"}})
    assert profile_of(company, "till", "a") == before
    assert steward.golden("till", "a", "birth_date") == "1971-11-23"


def test_05_a_review_that_answers_itself_closes_with_the_reason(company: Installation, steward: Steward) -> None:
    p, q = two_similar(company)
    (review,) = steward.reviews()
    push(company, "shop", {"b": ANNA})
    assert assert_same_profile(company, ("till", "a"), ("shop", "b")) == p
    answer = steward.ask(q)
    assert (answer.status_code, answer.headers["location"]) == (301, f"/v1/profiles/{p}")
    assert steward.reviews() == []
    closed = steward.get(f"reviews/{review['id']}")
    assert (closed["status"], closed["closed_reason"]) == ("closed", "moot: both are one profile now")
    assert closed["decision"] is None, "nobody decided it"
    assert feed_of(company)[-2:] == [("merged", p), ("retired", q)]


def test_06_what_no_longer_matches_leaves_and_the_other_keeps_the_id(company: Installation, steward: Steward) -> None:
    push(company, "shop", {"b": person("Anna", "Krzywdzinski", emails=email("anna.krz@gmx.de"), addresses=COLOGNE)})
    push(company, "till", {"a": ANNA})
    p = assert_same_profile(company, ("till", "a"), ("shop", "b"))
    cursor = len(feed_of(company))
    push(company, "shop", {"b": STRANGER})
    assert_different_profiles(company, ("till", "a"), ("shop", "b"))
    assert profile_of(company, "till", "a") == p, "though the other record is older"
    own = profile_of(company, "shop", "b")
    assert feed_of(company, cursor) == [("created", own), ("split", p)]
    told = steward.get("changes", after=cursor)["changes"]
    assert [change["other_ids"] for change in told] == [[], [str(own)]]
    assert "Anna" not in str(steward.profile("shop", "b")["golden"])
    assert "Oduya" not in str(steward.profile("till", "a")["golden"])


def test_07_a_steward_merges_two_profiles(company: Installation, steward: Steward) -> None:
    p, q = two_similar(company)
    told = steward.decide(steward.reviews()[0], "match")
    survivor = assert_same_profile(company, ("till", "a"), ("shop", "b"))
    assert survivor == p
    assert told["affected"] == [str(p)]
    assert steward.ask(q).headers["location"] == f"/v1/profiles/{p}"
    (decision,) = steward.get(f"profiles/{p}/explain")["decisions"]
    assert (decision["verdict"], decision["author"]) == ("match", "s.keller")
    assert steward.reviews() == []


def test_08_a_stewards_link_outlasts_change_and_is_asked_about(company: Installation, steward: Steward) -> None:
    two_similar(company)
    steward.decide(steward.reviews()[0], "match")
    push(company, "shop", {"b": STRANGER})
    assert_same_profile(company, ("till", "a"), ("shop", "b"))
    (review,) = steward.reviews()
    assert review["kind"] == "doubtful_link"
    resolve(company, full=True)
    assert_same_profile(company, ("till", "a"), ("shop", "b"))
    assert [again["id"] for again in steward.reviews()] == [review["id"]]
    steward.decide(review, "no_match")
    assert_different_profiles(company, ("till", "a"), ("shop", "b"))


def test_09_what_a_steward_separated_stays_apart_whatever_comes(company: Installation, steward: Steward) -> None:
    p, q = two_similar(company)
    steward.decide(steward.reviews()[0], "no_match")
    push(company, "shop", {"b": ANNA})
    push(company, "app", {"c": ANNA})  # a bridge that matches both
    resolve(company, full=True)
    assert (profile_of(company, "till", "a"), profile_of(company, "shop", "b")) == (p, q)
    between = {str(p), str(q)}
    assert [r for r in steward.reviews() if set(r["profiles"]) == between] == []
    for profile in (p, q):
        assert steward.ask(profile).status_code == 200


def test_10_a_record_taken_out_stays_out(company: Installation, steward: Steward, tmp_path: Path) -> None:
    p = two_in_one(company)
    push(company, "shop", {"b": ANNA | {"phones": [{"value": "0221 998877"}]}})
    steward.take_out(p, "shop:b")
    out = profile_of(company, "shop", "b")
    assert out != p == profile_of(company, "till", "a")
    push(company, "shop", {"b": ANNA})
    resolve(company, full=True)
    assert (profile_of(company, "till", "a"), profile_of(company, "shop", "b")) == (p, out)
    anew = company_in(tmp_path, company.database, "\nmatching: {match: 0.3, review: 0.2}\n")
    resolve(anew)
    assert (profile_of(company, "till", "a"), profile_of(company, "shop", "b")) == (p, out)
    push(company, "shop", {"b": None})
    push(company, "shop", {"b": ANNA})
    assert (profile_of(company, "till", "a"), profile_of(company, "shop", "b")) == (p, out), "it came back into it"
    assert steward.reviews() == []


def test_11_a_pinned_value_stands_until_its_end(company: Installation, steward: Steward) -> None:
    p = two_in_one(company)
    until = utc_now() + timedelta(hours=1)
    answer = steward.pin(p, "birth_date", value="1984-03-06", until=until.isoformat())
    assert answer.status_code == 200, answer.text
    push(company, "shop", {"b": ANNA | {"birth_date": "1984-05-03"}})
    entry = steward.profile("till", "a")["golden"]["birth_date"]
    assert (entry["value"], entry["source"], entry["key"]) == ("1984-03-06", "steward", "s.keller")
    assert entry["pinned"]["reason"] == "seen on the identity card"
    resolve(company, full=True)
    assert steward.golden("till", "a", "birth_date") == "1984-03-06", "a full run forgot it"
    let_pins_end(company)
    resolve(company)
    entry = steward.profile("till", "a")["golden"]["birth_date"]
    assert "pinned" not in entry
    assert entry["value"] in {"1984-03-05", "1984-05-03"}


def test_12_a_pin_goes_with_its_record_and_two_that_clash_are_a_conflict(
    company: Installation, steward: Steward
) -> None:
    p, q = two_similar(company)
    assert steward.pin(p, "language", value="pl").status_code == 200
    assert steward.pin(q, "language", value="de").status_code == 200
    steward.decide(steward.reviews()[0], "match")
    (conflict,) = steward.get("conflicts")["conflicts"]
    assert (conflict["kind"], conflict["attribute"], conflict["profile"]) == ("pin", "language", str(p))
    assert steward.golden("till", "a", "language") == "de", "of two the later stands meanwhile"
    (decision,) = steward.get("overrides", status="standing")["overrides"]
    assert steward.revoke(decision["id"]).status_code == 200
    assert steward.golden("till", "a", "language") == "pl"
    assert steward.golden("shop", "b", "language") == "de"
    assert steward.get("conflicts")["conflicts"] == []


def test_14_what_an_application_changes_becomes_its_own_record(company: Installation, steward: Steward) -> None:
    push(company, "till", {"a": ANNA})
    p = profile_of(company, "till", "a")
    changed = person("Anna", "Krzywdzinski", "1984-03-05", emails=email("anna.neu@web.de"))
    push(company, "app", {"a-77": changed})
    assert assert_same_profile(company, ("till", "a"), ("app", "a-77")) == p
    said = steward.get("sources/till/records/a")
    assert (len(said["versions"]), said["native"]["emails"]) == (1, ANNA["emails"])
    own = steward.get("sources/app/records/a-77")
    assert own["native"]["emails"] == changed["emails"]
    entry = steward.profile("till", "a")["golden"]["emails"]
    assert {entry["value"]["value"], *(o["value"]["value"] for o in entry["alternatives"])} == {
        "anna.krz@gmx.de",
        "anna.neu@web.de",
    }


def test_15_a_copy_of_a_profile_joins_it_and_adds_nothing_false(company: Installation, steward: Steward) -> None:
    push(company, "till", {"a": ANNA})
    p = profile_of(company, "till", "a")
    golden = steward.profile("till", "a")["golden"]
    copied = {"name": golden["name"]["value"], "emails": [golden["emails"]["value"]], "language": "pl"}
    arriving = Arriving(
        "app", {"customers": Stream.CUSTOMER}, lambda _, data: data, copies={("customers", "a-77"): str(p)}
    )
    with company.database.unit_of_work() as connection:
        land(connection, company, arriving, [Record("customers", "a-77", copied)], (), utc_now())
    resolve(company)
    assert assert_same_profile(company, ("till", "a"), ("app", "a-77")) == p
    after = steward.profile("till", "a")["golden"]
    assert {s["source"] for s in after["emails"]["sources"]} == {"till"}
    assert after["emails"]["value"] == golden["emails"]["value"]
    assert after["language"]["source"] == "app"
    for name in ("name", "emails"):
        assert {s["source"] for s in after[name]["sources"]} == {"till"}, "an echo is no witness"
    push(company, "till", {"a": ANNA | {"emails": email("anna.neu@web.de")}})
    assert "anna.krz" not in str(steward.profile("till", "a")["golden"]), "the echo keeps what nobody says any more"


def test_17_a_record_that_its_source_replaced_points_to_the_other(company: Installation, steward: Steward) -> None:
    push(company, "till", {"a": ANNA, "b": STRANGER})
    p, q = profile_of(company, "till", "a"), profile_of(company, "till", "b")
    cursor = len(feed_of(company))
    replace_record(company, "till", "b", "a")
    assert steward.profile("till", "b")["id"] == str(p)
    assert [r["key"] for r in steward.profile("till", "a")["records"]] == ["a"]
    assert "Oduya" not in str(steward.profile("till", "a")["golden"]), "the tombstone says nothing any more"
    answer = steward.ask(q)
    assert (answer.status_code, answer.headers["location"]) == (301, f"/v1/profiles/{p}")
    assert feed_of(company, cursor) == [("merged", p), ("retired", q)]
    told = steward.get("changes", after=cursor)["changes"]
    assert [change["other_ids"] for change in told] == [[str(q)], [str(p)]]


def replace_record(company: Installation, source: str, old: str, new: str) -> None:
    """The source says that its record was replaced by another."""
    arriving = Arriving(source, {"identity_links": Stream.IDENTITY_LINK}, lambda _, data: data)
    with company.database.unit_of_work() as connection:
        link = Record("identity_links", f"{old}>{new}", {"from": old, "to": new})
        land(connection, company, arriving, [link], (), utc_now())
    resolve(company)


def test_19_a_profile_shrinks_and_ends_with_its_records(company: Installation, steward: Steward) -> None:
    p = two_in_one(company)
    push(company, "shop", {"b": None})
    assert [r["key"] for r in steward.profile("till", "a")["records"]] == ["a"]
    push(company, "till", {"a": None})
    answer = steward.ask(p)
    assert (answer.status_code, answer.json()["reason"]) == (410, "retired")
    assert feed_of(company)[-2:] == [("updated", p), ("retired", p)]
    gone = steward.get("profiles", source="till", key="a")["profiles"]
    assert gone == []


def test_20_a_record_that_comes_back_brings_its_profile_back(company: Installation, steward: Steward) -> None:
    push(company, "till", {"a": ANNA})
    p = profile_of(company, "till", "a")
    push(company, "till", {"a": None})
    push(company, "till", {"a": ANNA})
    assert profile_of(company, "till", "a") == p
    assert steward.ask(p).status_code == 200
    assert feed_of(company) == [("created", p), ("retired", p), ("revived", p)]
    push(company, "till", {"a": None})
    push(company, "till", {"a": ANNA | {"emails": email("anna.neu@web.de")}})
    assert profile_of(company, "till", "a") == p, "also where it says something else"


def test_21_a_record_between_two_profiles_does_not_join_them(
    company_by_default: Installation, steward: Steward
) -> None:
    senior = person("Jan", "Krzywdzinski", "1951-02-17", addresses=COLOGNE)
    junior = person("Jan", "Krzywdzinski", "1984-06-30", addresses=COLOGNE)
    push(company_by_default, "till", {"senior": senior, "junior": junior})
    p, q = profile_of(company_by_default, "till", "senior"), profile_of(company_by_default, "till", "junior")
    assert p != q
    push(company_by_default, "shop", {"c": person("Jan", "Krzywdzinski", addresses=COLOGNE)})
    assert (profile_of(company_by_default, "till", "senior"), profile_of(company_by_default, "till", "junior")) == (
        p,
        q,
    )
    assert profile_of(company_by_default, "shop", "c") not in {p, q}
    asked = [set(review["profiles"]) for review in steward.reviews()]
    c = str(profile_of(company_by_default, "shop", "c"))
    assert {str(p), c} in asked and {str(q), c} in asked


def test_22_a_value_that_strangers_share_joins_nobody(company: Installation, steward: Steward) -> None:
    shared = email("info@firma.de")
    people = strangers(101, emails=shared)
    push(company, "till", {"0": people["0"] | {"birth_date": None, "addresses": None}})
    push(company, "shop", {"0": {"emails": shared}})
    assert_same_profile(company, ("till", "0"), ("shop", "0"))  # of one person, the value would be evidence
    push(company, "till", {name: people[name] for name in list(people)[1:100]})
    push(company, "till", {"100": people["100"]})
    assert len({profile_of(company, "till", name) for name in people}) == 101
    assert_different_profiles(company, ("till", "0"), ("shop", "0"))


@pytest.mark.parametrize("many", [5, 12, 40])
def test_22_a_value_that_strangers_share_joins_nobody_in_a_first_load_either(
    company: Installation, other_company: Installation, many: int
) -> None:
    shared = email("info@firma.de")
    people = strangers(many, emails=shared)
    people["0"] |= {"birth_date": None, "addresses": None}
    for one in (company, other_company):
        push(one, "till", people, settle=False)
        push(one, "shop", {"0": {"emails": shared}}, settle=False)
    resolve(company, full=True)
    resolve(other_company)
    assert len(partition(company)) == many + 1
    assert partition(company) == partition(other_company)
    push(company, "till", {"3": people["3"] | {"language": "de"}})
    assert len(partition(company)) == many + 1


def strangers(many: int, **more: Any) -> dict[str, CanonicalData]:
    """People who have nothing in common but what is given."""
    dice = Random(22)
    letters = "abcdefghijklmnoprstuvwz"
    people = {}
    for n in range(many):
        given, family, street = ("".join(dice.choices(letters, k=8)).title() for _ in range(3))
        born = f"{dice.randint(1940, 2000)}-{dice.randint(1, 12):02}-{dice.randint(2, 28):02}"
        address = home(street, str(dice.randint(1, 99)), str(dice.randint(10000, 99999)), "Ort")
        people[str(n)] = person(given, family, born, addresses=address) | more
    return people


def test_23_mother_and_daughter_are_two(company_by_default: Installation) -> None:
    shared = {
        "addresses": COLOGNE,
        "phones": [{"value": "0221 998877"}],
        "emails": email("familie.wernicke@gmx.de"),
    }
    mother, daughter = person("Sabine", "Wernicke", "1975-02-03"), person("Lena", "Wernicke", "2004-11-30")
    for source in ("till", "shop"):
        push(company_by_default, source, {"m": mother | shared, "d": daughter | shared})
    assert_same_profile(company_by_default, ("till", "m"), ("shop", "m"))
    assert_same_profile(company_by_default, ("till", "d"), ("shop", "d"))
    assert_different_profiles(company_by_default, ("till", "m"), ("till", "d"))


def test_23_mother_and_daughter_are_one_household(company_by_default: Installation, steward: Steward) -> None:
    test_23_mother_and_daughter_are_two(company_by_default)
    mother, daughter = profile_of(company_by_default, "till", "m"), profile_of(company_by_default, "till", "d")
    household = steward.get(f"profiles/{mother}/household")
    assert str(daughter) in str(household)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (person("Lukas", "Abendroth", "1999-07-14"), person("Felix", "Abendroth", "1999-07-14")),
        (person("Jan", "Abendroth", "1951-02-17"), person("Jan", "Abendroth", "1984-06-30")),
    ],
    ids=["twins", "father and son"],
)
def test_24_two_that_share_nearly_all_are_two(
    company_by_default: Installation, one: CanonicalData, other: CanonicalData
) -> None:
    shared = {"addresses": COLOGNE, "phones": [{"value": "0221 998877"}]}
    for source in ("till", "shop"):
        push(company_by_default, source, {"1": one | shared, "2": other | shared})
    assert_same_profile(company_by_default, ("till", "1"), ("shop", "1"))
    assert_same_profile(company_by_default, ("till", "2"), ("shop", "2"))
    assert_different_profiles(company_by_default, ("till", "1"), ("till", "2"))


def test_25_an_unverified_email_counts_nothing_but_the_rest_may_match(company_by_default: Installation) -> None:
    guest = {"emails": [{"value": "anna.krz@gmx.de", "verified": False}]}
    push(company_by_default, "till", {"a": ANNA})
    push(company_by_default, "shop", {"stranger": person("Thomas", "Oduya") | guest})
    push(
        company_by_default, "shop", {"herself": person("Anna", "Krzywdzinski", "1984-03-05", addresses=COLOGNE) | guest}
    )
    push(company_by_default, "shop", {"nameless": guest})
    assert_different_profiles(company_by_default, ("till", "a"), ("shop", "stranger"), ("shop", "nameless"))
    assert_same_profile(company_by_default, ("till", "a"), ("shop", "herself"))


@pytest.mark.parametrize(("verdict", "same"), [("match", True), ("no_match", False)])
def test_26_a_key_that_seems_re_used_keeps_the_old_facts_until_decided(
    company: Installation, steward: Steward, verdict: str, same: bool
) -> None:
    push(company, "till", {"a": ANNA})
    p = profile_of(company, "till", "a")
    other = person("Thomas", "Oduya", "1962-09-30", addresses=HAMBURG)
    push(company, "till", {"a": other})
    assert steward.golden("till", "a", "name")["given_name"] == "Anna"
    (review,) = steward.reviews()
    assert (review["kind"], review["profiles"]) == ("identity_jump", [str(p)])
    steward.decide(review, verdict)
    assert steward.golden("till", "a", "name")["given_name"] == "Thomas"
    assert (profile_of(company, "till", "a") == p) is same
    assert steward.reviews() == []
    push(company, "till", {"a": other | {"language": "de"}})
    assert steward.reviews() == [], "it was answered"
    assert "Anna" not in str(steward.profile("till", "a")["golden"])
    assert steward.ask(p).status_code == (200 if same else 410)


def test_27_a_retired_id_leads_to_all_parts_of_its_records(company: Installation, steward: Steward) -> None:
    push(company, "till", {"a1": ANNA, "a2": ANNA, "a3": ANNA})
    p = profile_of(company, "till", "a1")
    push(company, "shop", {"b1": ANOTHER_BIRTH_DATE, "b2": ANOTHER_BIRTH_DATE})
    q = assert_same_profile(company, ("shop", "b1"), ("shop", "b2"))
    assert p != q
    assert steward.say("match", ["till:a1"], ["shop:b1"]).status_code == 201
    assert profile_of(company, "shop", "b2") == p
    steward.take_out(p, "shop:b2")
    part = profile_of(company, "shop", "b2")
    assert profile_of(company, "till", "a1") == p != part
    answer = steward.ask(q)
    assert answer.status_code == 300
    assert set(answer.json()["profiles"]) == {str(p), str(part)}
    assert len(steward.profile("till", "a1")["records"]) == 4, "the id lives on with the larger part"
    assert steward.ask(p).status_code == 200


@pytest.fixture
def other_company(server_url: str, migrated_template: str, tmp_path: Path) -> Iterator[Installation]:
    """The same company once more, with a database of its own."""
    (tmp_path / "other").mkdir()
    with copy_of(server_url, migrated_template) as database:
        yield company_in(tmp_path / "other", database)


def test_29_the_order_of_arrival_decides_nothing(company: Installation, other_company: Installation) -> None:
    said: list[tuple[str, str, CanonicalData]] = [
        ("till", "a", ANNA),
        ("shop", "b", ANOTHER_BIRTH_DATE),
        ("app", "c", person("Anna", "Krzywdzinski", "1984-03-05", emails=email("anna.krz@gmx.de"))),
        ("shop", "d", STRANGER),
        ("till", "e", STRANGER | {"birth_date": "1962-09-30"}),
    ]
    assert_order_decides_nothing(company, other_company, said)


def assert_order_decides_nothing(
    one: Installation, other: Installation, said: list[tuple[str, str, CanonicalData]]
) -> None:
    at = datetime(2025, 3, 1, tzinfo=UTC)
    for installation, order in ((one, said), (other, list(reversed(said)))):
        for source, key, data in order:
            push(installation, source, {key: data}, at=at)
    assert partition(one) == partition(other)
    assert served(one) == served(other)


def served(installation: Installation) -> list[str]:
    """All that profiles say, without their ids and when they were built."""
    told = [{k: d[k] for k in ("kind", "data_owner", "golden", "records")} for d in documents(installation)]
    for document in told:
        document["records"] = sorted(map(str, document["records"]))
    with installation.database.unit_of_work() as connection:
        assert connection.execute(text("select count(*) from redo")).scalar_one() == 0
    return sorted(map(str, told))
