"""Cases of a registry of golden records that are about reading and about who may: each test is named by its number in
the list of cases (see docs/stewardship.md); 28 stands in test_contact.py."""

from pathlib import Path

import pytest
from domain import (
    ANNA,
    assert_consistent,
    assert_different_profiles,
    assert_same_profile,
    count,
    documents,
    feed_of,
    person,
    profile_of,
    push,
)
from stewarding import WIDE_BAND, Steward, company_in, contradicting
from test_contact import allowed, consent
from test_journey import NOON, happened, touchpoint

from cdi.access import Role
from cdi.fields import FieldGroup
from cdi.pipeline import Installation
from cdi.store.db import Database
from conftest import Doors

OTHER = contradicting(ANNA)


def test_13_a_record_of_a_sensitive_source_leaves_no_trace_for_those_without_its_scope(company: Installation) -> None:
    push(company, "till", {"a": ANNA})
    hidden = {"name": ANNA["name"] | {"birth_name": "Wójcik"}, "phones": [{"value": "+491724981375"}]}
    push(company, "secret", {"B-77": ANNA | hidden})
    happened(company, "secret", {"t": touchpoint("ticket", "phone", NOON, "B-77", subject="Beratung")})
    allowed(company, "secret", {"c": consent("granted", "B-77", purpose="therapy")})
    profile = assert_same_profile(company, ("till", "a"), ("secret", "B-77"))
    doors = Doors(company)
    plain, with_scope = doors.as_(Role.READER, *FieldGroup), doors.as_(Role.READER, *FieldGroup, sensitive=True)
    asked = [
        f"/v1/profiles/{profile}",
        f"/v1/profiles/{profile}/history",
        f"/v1/profiles/{profile}/explain",
        f"/v1/profiles/{profile}/touchpoints",
        f"/v1/profiles/{profile}/consents",
        f"/v1/profiles/{profile}/contactability?purpose=newsletter",
        "/v1/profiles",
        "/v1/profiles?q=anna",
        "/v1/profiles?email=anna.krz@gmx.de",
        "/v1/sources",
    ]
    trace = ("secret", "B-77", "jcik", "4981375", "Beratung", "therapy")
    for path in asked:
        answer = plain.get(path)
        assert answer.status_code == 200, (path, answer.text)
        assert not [word for word in trace if word in answer.text], path
    looked_up = plain.post("/v1/profiles/lookup", json={"record": ANNA}).text
    batch = plain.post("/v1/profiles/batch", json={"ids": [str(profile)]}).text
    assert not [word for word in trace if word in looked_up + batch]
    for path in (
        "/v1/profiles?q=wojcik",
        "/v1/profiles?phone=01724981375",
        "/v1/profiles?source=secret&key=B-77",
    ):
        assert plain.get(path).json()["profiles"] == []
        assert len(with_scope.get(path).json()["profiles"]) == 1
    served = with_scope.get(f"/v1/profiles/{profile}").json()
    assert {record["source"] for record in served["records"]} == {"till", "secret"}
    assert served["golden"]["phones"]["source"] == "secret"


@pytest.mark.parametrize("role", [Role.READER, Role.CONNECTOR])
def test_16_a_merge_by_a_role_that_may_not_changes_nothing_and_by_one_that_may_is_done_and_logged(
    company: Installation, role: Role
) -> None:
    push(company, "till", {"a": ANNA})
    push(company, "till", {"b": person("Thomas", "Oduya", "1990-01-07")})
    before, feed = documents(company), feed_of(company)
    doors = Doors(company)
    may_not = doors.as_(role, source="till" if role is Role.CONNECTOR else None)
    merge = {"verdict": "match", "left": ["till:a"], "right": ["till:b"], "reason": "phoned them"}
    refused = may_not.post("/v1/overrides", json=merge)
    assert (refused.status_code, refused.json()["type"]) == (403, "/problems/forbidden")
    assert (documents(company), feed_of(company), count(company, "decision")) == (before, feed, 0)

    steward = Steward(company, "s.keller")
    done = steward.say("match", ["till:a"], ["till:b"])
    assert done.status_code == 201, done.text
    profile = assert_same_profile(company, ("till", "a"), ("till", "b"))
    (logged,) = steward.get("overrides")["overrides"]
    assert (logged["author"], logged["reason"], logged["verdict"]) == ("s.keller", "phoned them", "match")
    told = [entry for entry in steward.get(f"profiles/{profile}/history")["history"] if entry["type"] == "decision"]
    assert [entry["decision"]["author"] for entry in told] == ["s.keller"]
    assert_consistent(company)


@pytest.mark.parametrize("policy", ["refuse", "consent"])
def test_18_a_merge_across_owners_by_a_steward_of_one_is_refused_or_waits(
    policy: str, database: Database, tmp_path: Path
) -> None:
    company = company_in(tmp_path, database, f"{WIDE_BAND}stewardship: {{cross_owner: {policy}}}\n")
    push(company, "till", {"a": ANNA})
    push(company, "shop", {"b": OTHER})
    till, shop = Steward(company, "t.ill", owners=["retail"]), Steward(company, "s.hop", owners=["online"])
    answer = till.say("match", ["till:a"], ["shop:b"])
    assert_different_profiles(company, ("till", "a"), ("shop", "b"))
    if policy == "refuse":
        assert answer.status_code == 403
        assert till.get("overrides")["overrides"] == []
        return
    assert (answer.json()["status"], answer.json()["awaits"]) == ("waiting", ["online"])
    agreed = shop.decide(shop.review_between(("till", "a"), ("shop", "b")), "match")
    assert agreed["agreed_by"] == ["s.hop"]
    assert profile_of(company, "till", "a") == profile_of(company, "shop", "b")
