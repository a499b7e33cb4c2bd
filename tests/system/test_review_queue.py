"""The queue of reviews: whose turn it is, what is put off and talked about, one answer to many, a second steward, and
what is asked of other owners."""

from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from domain import (
    ANNA,
    assert_consistent,
    assert_different_profiles,
    assert_same_profile,
    count,
    documents,
    email,
    home,
    person,
    profile_of,
    push,
)
from stewarding import Steward, company_in, contradicting
from test_api import assert_problem

from cdi.clock import utc_now
from cdi.fields import CanonicalData
from cdi.pipeline import Installation, resolve
from cdi.store.db import Database
from conftest import installation_of

PEOPLE: dict[str, CanonicalData] = {
    "anna": ANNA,
    "thomas": person(
        "Thomas",
        "Weber",
        "1962-09-30",
        emails=email("thomas.weber@web.de"),
        addresses=home("Marktstraße", "12", "20095", "Hamburg"),
    ),
    "lena": person(
        "Lena",
        "Hoffmann",
        "1988-02-11",
        emails=email("lena.hoffmann@posteo.de"),
        addresses=home("Am Deich", "3", "28195", "Bremen"),
    ),
}


@pytest.fixture
def company(database: Database, tmp_path: Path) -> Installation:
    return company_in(tmp_path, database)


@pytest.fixture
def asked(company: Installation) -> Installation:
    """Three people in the till and in the shop, each with another birth date there: three reviews."""
    push(company, "till", PEOPLE)
    push(company, "shop", {key: contradicting(said) for key, said in PEOPLE.items()})
    return company


@pytest.fixture
def steward(asked: Installation) -> Steward:
    return Steward(asked)


def four_eyes(asked: Installation, when: str) -> Installation:
    """The same company, with a second steward wanted."""
    file = asked.settings.folder / "cdi.yaml"
    file.write_text(file.read_text() + f"\nstewardship: {{cross_owner: allow, four_eyes: {when}}}\n")
    return reopened(asked)


def reopened(installation: Installation) -> Installation:
    """With what its cdi.yaml says now."""
    return installation_of(installation.settings.folder, installation.database)


def post(steward: Steward, path: str, body: dict[str, Any], **parameters: Any) -> dict[str, Any]:
    answer = steward.client.post(f"/v1/{path}", json=body, params=parameters)
    assert answer.status_code in {200, 201}, answer.text
    told: dict[str, Any] = answer.json()
    return told


def decide(steward: Steward, review: dict[str, Any], verdict: str, **parameters: Any) -> dict[str, Any]:
    return post(steward, f"reviews/{review['id']}/decision", {"verdict": verdict, "reason": "asked them"}, **parameters)


def undo(steward: Steward, review: dict[str, Any]) -> dict[str, Any]:
    return post(steward, f"reviews/{review['id']}/undo", {"reason": "slipped"})


# -- undo ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("verdict", ["match", "household", "no_match", "unsure"])
def test_an_answer_is_undone_and_the_question_stands_again(steward: Steward, verdict: str) -> None:
    before = documents(steward.installation)
    review = steward.review_between(("till", "anna"), ("shop", "anna"))
    decide(steward, review, verdict)
    told = undo(steward, review)
    assert told["status"] == "revoked"
    assert set(told["review"]["profiles"]) == set(review["profiles"])
    assert told["review"]["status"] == "open"
    assert [d["golden"] for d in documents(steward.installation)] == [d["golden"] for d in before]
    assert_problem(steward.client.post(f"/v1/reviews/{review['id']}/undo", json={"reason": "again"}), 409, "conflict")
    assert_consistent(steward.installation)


def test_what_nobody_decided_cannot_be_undone(steward: Steward) -> None:
    review = steward.reviews()[0]
    answer = steward.client.post(f"/v1/reviews/{review['id']}/undo", json={"reason": "why not"})
    assert_problem(answer, 409, "conflict")


# -- preview ---------------------------------------------------------------------------------------


def test_a_preview_changes_nothing_and_is_what_happens(steward: Steward) -> None:
    before = documents(steward.installation)
    review = steward.review_between(("till", "anna"), ("shop", "anna"))
    preview = decide(steward, review, "match", dry_run=True)
    assert documents(steward.installation) == before
    assert count(steward.installation, "decision") == 0
    assert [part["records"] for part in preview["before"]] == [["till:anna"], ["shop:anna"]]
    (after,) = preview["after"]
    assert (after["fate"], sorted(after["records"])) == ("kept", ["shop:anna", "till:anna"])
    assert "merged" in {event["type"] for event in preview["feed"]}
    decide(steward, review, "match")
    assert steward.profile("till", "anna")["golden"] == after["golden"]


def test_a_preview_of_another_verdict_keeps_both(steward: Steward) -> None:
    review = steward.reviews()[0]
    preview = decide(steward, review, "no_match", dry_run=True)
    assert [part["fate"] for part in preview["after"]] == ["kept", "kept"]
    assert preview["feed"] == []


def test_a_preview_is_told_while_somebody_else_holds_the_review(steward: Steward) -> None:
    review = steward.reviews()[0]
    other = Steward(steward.installation, "o.ther")
    post(other, f"reviews/{review['id']}/claim", {})
    assert decide(steward, review, "match", dry_run=True)["status"] == "standing"
    assert_problem(steward.answer(review, "match"), 409, "conflict")


# -- many at once ----------------------------------------------------------------------------------


def test_one_answer_is_given_to_many_as_it_was_previewed(steward: Steward) -> None:
    chosen = [{"id": r["id"], "etag": r["etag"]} for r in steward.reviews()]
    body = {"verdict": "match", "reason": "all the same people", "reviews": chosen}
    preview = post(steward, "reviews/decisions", body, dry_run=True)
    assert len(steward.reviews()) == 3
    told = post(steward, "reviews/decisions", body)
    assert [d["review"] for d in told["decided"]] == [d["review"] for d in preview["decided"]]
    assert told["profiles_affected"] == preview["profiles_affected"]
    assert all(d["decision"] for d in told["decided"]) and told["refused"] == []
    for key in PEOPLE:
        assert_same_profile(steward.installation, ("till", key), ("shop", key))


def test_to_which_it_cannot_be_given_are_told_and_stand(steward: Steward) -> None:
    held, stale, fine = steward.reviews()
    post(Steward(steward.installation, "o.ther"), f"reviews/{held['id']}/claim", {})
    chosen = [{"id": held["id"]}, {"id": stale["id"], "etag": "0.0.0"}, {"id": fine["id"]}, {"id": 4711}]
    told = post(steward, "reviews/decisions", {"verdict": "no_match", "reason": "two each", "reviews": chosen})
    assert [d["review"] for d in told["decided"]] == [fine["id"]]
    assert {r["review"]: r["problem"] for r in told["refused"]} == {
        held["id"]: "conflict",
        stale["id"]: "stale",
        4711: "not-found",
    }
    assert {r["id"] for r in steward.reviews()} == {held["id"], stale["id"]}


def test_nobody_answers_for_other_owners_in_bulk(steward: Steward) -> None:
    stranger = Steward(steward.installation, "c.entral", owners=["central"])
    chosen = [{"id": r["id"]} for r in steward.reviews()]
    told = post(stranger, "reviews/decisions", {"verdict": "match", "reason": "mine", "reviews": chosen})
    assert told["decided"] == [] and {r["problem"] for r in told["refused"]} == {"forbidden"}


# -- four eyes -------------------------------------------------------------------------------------


def test_a_merge_takes_a_second_steward_where_the_company_wants_it(asked: Installation) -> None:
    company = four_eyes(asked, "merges")
    one, other = Steward(company, "o.ne"), Steward(company, "o.ther")
    review = one.review_between(("till", "anna"), ("shop", "anna"))
    told = one.decide(review, "match")
    assert (told["status"], told["awaits"]) == ("waiting", ["a second steward"])
    assert_different_profiles(company, ("till", "anna"), ("shop", "anna"))
    assert_problem(one.answer(review, "match"), 409, "conflict")
    resolve(company, full=True)
    told = other.decide(review, "match")
    assert (told["status"], told["author"], told["agreed_by"]) == ("standing", "o.ne", ["o.ther"])
    assert_same_profile(company, ("till", "anna"), ("shop", "anna"))


def test_who_first_said_it_may_take_it_back(asked: Installation) -> None:
    company = four_eyes(asked, "merges")
    one = Steward(company, "o.ne")
    review = one.reviews()[0]
    told = one.decide(review, "match")
    assert undo(one, review)["review"]["status"] == "open"
    assert one.get(f"overrides/{told['id']}")["status"] == "revoked"


def test_an_override_takes_a_second_steward_too(asked: Installation) -> None:
    company = four_eyes(asked, "merges")
    one, other = Steward(company, "o.ne"), Steward(company, "o.ther")
    assert one.say("match", ["till:anna"], ["shop:lena"]).json()["status"] == "waiting"
    assert one.say("no_match", ["till:anna"], ["shop:thomas"]).json()["status"] == "standing"
    other.decide(other.review_between(("till", "anna"), ("shop", "lena")), "match")
    assert_same_profile(company, ("till", "anna"), ("shop", "lena"))


def test_only_what_is_decided_in_bulk_takes_a_second_steward(asked: Installation) -> None:
    company = four_eyes(asked, "bulk")
    one = Steward(company, "o.ne")
    first, second, _ = one.reviews()
    assert one.decide(first, "match")["status"] == "standing"
    body = {"verdict": "match", "reason": "the same", "reviews": [{"id": second["id"]}]}
    (told,) = post(one, "reviews/decisions", body)["decided"]
    assert told["status"] == "waiting"
    sides = [first["left"]["record"].split(":"), first["right"]["record"].split(":")]
    assert_same_profile(company, *((source, key) for source, key in sides))


def test_a_split_takes_a_second_steward_where_the_company_wants_it(asked: Installation) -> None:
    company = four_eyes(asked, "all")
    push(company, "app", {"anna": ANNA})
    assert_same_profile(company, ("till", "anna"), ("app", "anna"))
    one, other = Steward(company, "o.ne"), Steward(company, "o.ther")
    profile = one.profile("app", "anna")["id"]
    preview = one.split(profile, "app:anna", dry_run=True).json()
    assert (len(preview["after"]), preview["awaits"]) == (2, ["a second steward"])
    told = one.split(profile, "app:anna").json()
    assert (told["decision"]["status"], len(told["after"])) == ("waiting", 1)
    assert_problem(one.split(profile, "till:anna"), 409, "conflict")
    resolve(company, full=True)
    assert_same_profile(company, ("till", "anna"), ("app", "anna"))
    (review,) = one.reviews(kind="split", status="waiting")
    assert_problem(one.answer(review, "no_match"), 409, "conflict")
    assert [part["records"] for part in decide(other, review, "no_match", dry_run=True)["after"]] == [
        ["till:anna"],
        ["app:anna"],
    ]
    agreed = other.decide(review, "no_match")
    assert (agreed["status"], agreed["author"], agreed["agreed_by"]) == ("standing", "o.ne", ["o.ther"])
    assert_different_profiles(company, ("till", "anna"), ("app", "anna"))
    assert undo(other, review)["status"] == "revoked"
    assert_same_profile(company, ("till", "anna"), ("app", "anna"))
    assert_consistent(company)


@pytest.mark.parametrize("way", ["undo", "match"])
def test_a_split_that_waits_is_taken_back_and_nothing_is_asked(asked: Installation, way: str) -> None:
    company = four_eyes(asked, "all")
    push(company, "app", {"anna": ANNA})
    one, other = Steward(company, "o.ne"), Steward(company, "o.ther")
    assert one.say("no_match", ["app:anna"], ["shop:thomas"]).json()["status"] == "standing"
    told = one.say("no_match", ["app:anna"], ["till:anna"]).json()
    assert (told["status"], told["awaits"]) == ("waiting", ["a second steward"])
    (review,) = one.reviews(kind="split", status="waiting")
    assert undo(one, review)["review"] is None if way == "undo" else other.decide(review, "match")["status"]
    assert one.get(f"overrides/{told['id']}")["status"] == "revoked"
    assert one.reviews(kind="split", status="waiting") == one.reviews(kind="split") == []
    assert_same_profile(company, ("till", "anna"), ("app", "anna"))


def test_consent_of_an_owner_and_a_second_steward_are_two_things(asked: Installation) -> None:
    file = asked.settings.folder / "cdi.yaml"
    file.write_text(file.read_text() + "\nstewardship: {cross_owner: consent, four_eyes: merges}\n")
    company = reopened(asked)
    till, shop = Steward(company, "t.ill", owners=["retail"]), Steward(company, "s.hop", owners=["online"])
    review = till.reviews()[0]
    assert till.decide(review, "match")["awaits"] == ["a second steward", "online"]
    assert shop.decide(review, "match")["status"] == "standing"


# -- whose turn ------------------------------------------------------------------------------------


def test_what_is_served_wrongly_comes_before_what_is_not_found_yet(steward: Steward) -> None:
    company = steward.installation
    push(company, "till", {"twice": PEOPLE["anna"] | {"birth_date": "1931-01-02"}})
    by_risk = steward.get("reviews", order="risk", status="open")["reviews"]
    pairs = [r["weight"] for r in by_risk if r["kind"] == "pair"]
    assert pairs == sorted(pairs, reverse=True)
    assert [r["kind"] == "pair" for r in by_risk] == sorted(r["kind"] == "pair" for r in by_risk)


def test_pages_in_every_order_lose_and_repeat_nothing(steward: Steward) -> None:
    for order in ("age", "risk"):
        whole = [r["id"] for r in steward.get("reviews", order=order)["reviews"]]
        paged: list[int] = []
        after: int | None = 0
        while after is not None:
            page = steward.get("reviews", order=order, limit=1, **({"after": after} if after else {}))
            paged += [r["id"] for r in page["reviews"]]
            after = page["after"]
        assert paged == whole


def test_lists_are_narrowed_by_source_probability_and_steward(steward: Steward) -> None:
    reviews = steward.reviews()
    middle = sorted(r["probability"] for r in reviews)[1]
    assert {r["id"] for r in steward.get("reviews", probability_from=middle)["reviews"]} == {
        r["id"] for r in reviews if r["probability"] >= middle
    }
    assert steward.get("reviews", source="secret")["reviews"] == []
    assert len(steward.get("reviews", source="shop")["reviews"]) == 3
    steward.client.put(f"/v1/reviews/{reviews[0]['id']}/assignee", json={"steward": "m.eier"})
    assert [r["id"] for r in steward.get("reviews", assigned_to="m.eier")["reviews"]] == [reviews[0]["id"]]


def test_what_is_put_off_is_nobodys_turn_until_then(steward: Steward) -> None:
    review = steward.reviews()[0]
    path = f"/v1/reviews/{review['id']}/snooze"
    until = (utc_now() + timedelta(days=3)).isoformat()
    assert steward.client.put(path, json={"until": until, "reason": "they call back"}).status_code == 200
    assert review["id"] not in {r["id"] for r in steward.get("reviews", awake=True)["reviews"]}
    assert review["id"] in {r["id"] for r in steward.get("reviews")["reviews"]}
    assert_problem(steward.client.put(path, json={"until": "2001-01-01T00:00:00Z"}), 422, "invalid-input")
    assert steward.client.put(path, json={"until": None}).status_code == 200
    assert review["id"] in {r["id"] for r in steward.get("reviews", awake=True)["reviews"]}


def test_what_was_said_and_to_whom_it_was_given_stays_under_the_review(steward: Steward) -> None:
    path = f"reviews/{steward.reviews()[0]['id']}"
    post(steward, f"{path}/comments", {"said": "her card is in the safe"})
    steward.client.put(f"/v1/{path}/assignee", json={"steward": "m.eier"})
    notes = steward.get(path)["notes"]
    assert [(n["kind"], n["author"], n["said"], n["steward"]) for n in notes] == [
        ("comment", "s.keller", "her card is in the safe", None),
        ("assigned", "s.keller", None, "m.eier"),
    ]


# -- what is asked of other owners -----------------------------------------------------------------


def test_a_wrong_value_is_told_to_the_owner_of_its_source(steward: Steward) -> None:
    company = steward.installation
    till, shop = Steward(company, "t.ill", owners=["retail"]), Steward(company, "s.hop", owners=["online"])
    task = post(till, "tasks", {"record": "shop:anna", "attribute": "birth_date", "said": "her card says 1975"})
    assert (task["owner"], task["status"], task["profile"]) == (
        "online",
        "open",
        str(profile_of(company, "shop", "anna")),
    )
    assert till.get("tasks")["tasks"] == shop.get("tasks")["tasks"] == [task]
    assert Steward(company, "c.entral", owners=["central"]).get("tasks")["tasks"] == []
    path = f"/v1/tasks/{task['id']}/answer"
    assert_problem(till.client.post(path, json={"answer": "done"}), 403, "forbidden")
    closed = shop.client.post(path, json={"answer": "mended in the webshop"}).json()
    assert (closed["status"], closed["closed_by"], closed["answer"]) == ("closed", "s.hop", "mended in the webshop")
    assert_problem(shop.client.post(path, json={"answer": "twice"}), 409, "conflict")
    assert shop.get("tasks")["tasks"] == []


def test_a_task_about_a_sensitive_record_does_not_exist_for_others(steward: Steward) -> None:
    push(steward.installation, "secret", {"s": PEOPLE["lena"] | {"birth_date": "1911-01-01"}})
    body = {"record": "secret:s", "attribute": "birth_date", "said": "wrong"}
    assert_problem(steward.client.post("/v1/tasks", json=body), 404, "not-found")
    seeing = Steward(steward.installation, "s.een", sensitive=True)
    task = post(seeing, "tasks", body)
    assert steward.get("tasks")["tasks"] == []
    assert_problem(steward.client.post(f"/v1/tasks/{task['id']}/answer", json={"answer": "x"}), 404, "not-found")


def test_the_other_owner_of_a_conflict_is_asked_while_it_stands(company: Installation) -> None:
    push(company, "till", {"a": ANNA | {"gender": "f"}})
    push(company, "shop", {"b": ANNA | {"gender": "m"}})
    till, shop = Steward(company, "t.ill", owners=["retail"]), Steward(company, "s.hop", owners=["online"])
    (conflict,) = till.get("conflicts")["conflicts"]
    here = f"conflicts/{conflict['id']}/question"
    assert_problem(till.client.post(f"/v1/{here}", json={"owner": "nobody", "said": "?"}), 422, "invalid-input")
    task = post(till, here, {"owner": "online", "said": "where does this come from?"})
    assert (task["kind"], task["record"], task["conflict"]) == ("question", "shop:b", conflict["id"])
    assert till.get("conflicts")["conflicts"] == [conflict]
    post(shop, f"tasks/{task['id']}/answer", {"answer": "a slip at the hotline"})
    (answered,) = till.get("tasks", status="closed", conflict=conflict["id"])["tasks"]
    assert answered["answer"] == "a slip at the hotline"


# -- absence, filters, samples, what is involved ---------------------------------------------------


def test_what_is_given_to_somebody_who_is_away_is_their_deputys_turn(steward: Steward) -> None:
    away, deputy = Steward(steward.installation, "a.way"), Steward(steward.installation, "d.eputy")
    review = steward.reviews()[0]
    steward.client.put(f"/v1/reviews/{review['id']}/assignee", json={"steward": "a.way"})
    assert [r["id"] for r in away.get("reviews", mine=True)["reviews"]] == [review["id"]]
    assert deputy.get("reviews", mine=True)["reviews"] == []
    until = (utc_now() + timedelta(days=7)).isoformat()
    absence = post(away, "absences", {"deputy": "d.eputy", "until": until})
    assert [r["id"] for r in deputy.get("reviews", mine=True)["reviews"]] == [review["id"]]
    assert_problem(deputy.client.delete(f"/v1/absences/{absence['id']}"), 403, "forbidden")
    assert_problem(
        deputy.client.post("/v1/absences", json={"deputy": "x", "until": until, "steward": "a.way"}), 403, "forbidden"
    )
    assert away.client.delete(f"/v1/absences/{absence['id']}").status_code == 204
    assert deputy.get("reviews", mine=True)["reviews"] == deputy.get("absences")["absences"] == []


def test_a_deputy_sees_no_more_than_before(steward: Steward) -> None:
    away, deputy = Steward(steward.installation, "a.way"), Steward(steward.installation, "d.eputy", owners=["central"])
    review = steward.reviews()[0]
    steward.client.put(f"/v1/reviews/{review['id']}/assignee", json={"steward": "a.way"})
    post(away, "absences", {"deputy": "d.eputy", "until": (utc_now() + timedelta(days=7)).isoformat()})
    assert deputy.get("reviews", mine=True)["reviews"] == []
    assert_problem(deputy.answer(review, "match"), 403, "forbidden")


def test_each_steward_keeps_filters_of_their_own(steward: Steward) -> None:
    other = Steward(steward.installation, "o.ther")
    for kept in ({"kind": "pair"}, {"source": "shop"}):
        steward.client.put("/v1/saved-filters/webshop", json={"filter": kept})
    assert steward.get("saved-filters")["filters"] == [{"name": "webshop", "filter": {"source": "shop"}}]
    assert other.get("saved-filters")["filters"] == []
    for untold in (-(2**63) - 1, {"a": "b"}, None):
        refused = steward.client.put("/v1/saved-filters/odd", json={"filter": {"source": untold}})
        assert refused.status_code == 422, "no parameter of the list is asked with it"
    assert_problem(other.client.delete("/v1/saved-filters/webshop"), 404, "not-found")
    assert steward.client.delete("/v1/saved-filters/webshop").status_code == 204


def test_a_sample_of_merges_tells_how_many_are_right(company: Installation) -> None:
    push(company, "till", {f"{key}{n}": said for key, said in PEOPLE.items() for n in (1, 2)})
    steward = Steward(company)
    sample = post(steward, "samples", {"size": 3, "seed": 7})
    assert (sample["size"], sample["population"], sample["precision"]) == (3, 3, None)
    again = post(steward, "samples", {"size": 3, "seed": 7})
    assert [p["left"] for p in again["pairs"]] == [p["left"] for p in sample["pairs"]]
    assert {tuple(sorted((p["left"], p["right"]))) for p in sample["pairs"]} == {
        (f"till:{key}1", f"till:{key}2") for key in PEOPLE
    }
    for place, verdict in ((1, "match"), (2, "no_match"), (3, "unsure")):
        sample = steward.client.put(f"/v1/samples/{sample['id']}/pairs/{place}", json={"verdict": verdict}).json()
    assert sample["precision"]["share"] == 0.5
    assert 0 < sample["precision"]["low"] < 0.5 < sample["precision"]["high"] < 1
    assert count(company, "decision") == 0
    assert_problem(Steward(company, "o.ther").client.get(f"/v1/samples/{sample['id']}"), 404, "not-found")


def test_what_a_steward_decided_is_in_no_sample(company: Installation) -> None:
    push(company, "till", {f"{key}{n}": said for key, said in PEOPLE.items() for n in (1, 2)})
    push(company, "secret", {"s": PEOPLE["anna"]})
    steward = Steward(company)
    steward.say("match", ["till:lena1"], ["till:lena2"])
    names = {p["left"] for p in post(steward, "samples", {"size": 9})["pairs"]}
    assert names == {"till:anna1", "till:thomas1"}
    assert post(Steward(company, "o.nline", owners=["online"]), "samples", {"size": 9})["pairs"] == []


def test_what_a_review_involves_hides_what_may_not_be_seen(steward: Steward) -> None:
    push(steward.installation, "secret", {"s": PEOPLE["anna"]})
    review = steward.review_between(("till", "anna"), ("shop", "anna"))
    seen = steward.get(f"reviews/{review['id']}/involved")
    assert {r["record"] for r in seen["records"]} == {"till:anna", "shop:anna"}
    assert {(r["record"], r["asked"]) for r in seen["records"]} == {("till:anna", True), ("shop:anna", True)}
    assert [{t["a"], t["b"]} for t in seen["ties"]] == [{"till:anna", "shop:anna"}]
    everything = Steward(steward.installation, "s.een", sensitive=True).get(f"reviews/{review['id']}/involved")
    assert "secret:s" in {r["record"] for r in everything["records"]}
