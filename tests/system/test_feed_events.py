"""What subscribers of the change feed are told, kind by kind, over HTTP: ids and names, never values."""

import json
from pathlib import Path
from typing import Any

import pytest
from domain import (
    ANNA,
    assert_different_profiles,
    assert_same_profile,
    email,
    feed_of,
    live_after,
    person,
    profile_of,
)
from domain import push as say
from stewarding import Steward, company_in

from cdi.access import Role
from cdi.pipeline import Installation, resolve
from cdi.store.db import Database

THOMAS = person("Thomas", "Oduya", emails=email("t.oduya@web.de"))
OWNED_BY_ONLINE = """
ownership:
  - {name: shops online, owner: online, has_source: [shop]}
"""


@pytest.fixture
def company(database: Database, tmp_path: Path) -> Installation:
    return company_in(tmp_path, database, OWNED_BY_ONLINE)


@pytest.fixture
def steward(company: Installation) -> Steward:
    return Steward(company)


class Subscriber:
    """Follows the feed with a cursor of its own."""

    def __init__(self, company: Installation) -> None:
        self.reader = Steward(company, "subscriber", role=Role.READER)
        self.after = len(feed_of(company))

    def news(self) -> list[dict[str, Any]]:
        page = self.reader.get("changes", after=self.after)
        self.after = page["after"]
        told = json.dumps(page)
        for value in ("Krzywdzinski", "anna", "1984", "Lindenweg", "Oduya"):
            assert value not in told
        changes: list[dict[str, Any]] = page["changes"]
        return changes


def told(changes: list[dict[str, Any]]) -> list[tuple[str, str, list[str]]]:
    return [(change["type"], change["profile_id"], change["other_ids"]) for change in changes]


def test_created_and_updated_name_the_attributes(company: Installation) -> None:
    subscriber = Subscriber(company)
    say(company, "till", {"a": ANNA})
    p = str(profile_of(company, "till", "a"))
    (created,) = subscriber.news()
    assert (created["type"], created["profile_id"], created["version"]) == ("created", p, 1)
    assert set(created["attributes"]) >= {"name", "birth_date", "emails", "addresses"}
    assert created["data_owner"] == "central"
    say(company, "till", {"a": ANNA | {"emails": email("anna.neu@web.de")}})
    (updated,) = subscriber.news()
    assert (updated["type"], updated["attributes"], updated["version"]) == ("updated", ["emails"], 2)
    say(company, "till", {"a": ANNA | {"emails": email("anna.neu@web.de")}})
    resolve(company, full=True)
    assert subscriber.news() == []


def test_an_owner_that_changes_by_rule_is_told(company: Installation, steward: Steward) -> None:
    say(company, "till", {"a": ANNA})
    p = str(profile_of(company, "till", "a"))
    subscriber = Subscriber(company)
    say(company, "shop", {"b": ANNA})
    news = subscriber.news()
    assert ("owner_changed", p, []) in told(news)
    assert {change["data_owner"] for change in news} == {"online"}
    say(company, "shop", {"b": None})
    assert [(c["type"], c["data_owner"]) for c in subscriber.news()][-1] == ("owner_changed", "central")
    assert steward.profile("till", "a")["data_owner"] == "central"


def test_merged_and_split_and_revived_name_each_other(company: Installation, steward: Steward) -> None:
    say(company, "till", {"a": ANNA, "t": THOMAS})
    p, q = str(profile_of(company, "till", "a")), str(profile_of(company, "till", "t"))
    subscriber = Subscriber(company)
    answer = steward.say("match", ["till:a"], ["till:t"])
    assert answer.status_code == 201
    assert told(subscriber.news()) == [("merged", p, [q]), ("retired", q, [p])]
    assert steward.revoke(answer.json()["id"]).status_code == 200
    assert_different_profiles(company, ("till", "a"), ("till", "t"))
    news = subscriber.news()
    assert told(news) == [("revived", q, []), ("split", p, [q])]
    assert str(profile_of(company, "till", "t")) == q


def test_retired_and_revived_are_told_of_what_goes_and_comes_back(company: Installation, steward: Steward) -> None:
    say(company, "till", {"a": ANNA})
    p = str(profile_of(company, "till", "a"))
    subscriber = Subscriber(company)
    say(company, "till", {"a": None})
    assert told(subscriber.news()) == [("retired", p, [])]
    assert steward.client.get(f"/v1/profiles/{p}").json()["reason"] == "retired"
    say(company, "till", {"a": ANNA})
    (revived,) = subscriber.news()
    assert (revived["type"], revived["profile_id"]) == ("revived", p)
    assert revived["version"] > 1, "who keeps versions must see that it moved"


def test_whoever_starts_late_takes_a_cursor_and_a_list(company: Installation) -> None:
    """Bootstrap: take a cursor, list the profiles, follow the feed from the cursor."""
    say(company, "till", {"a": ANNA, "t": THOMAS})
    reader = Steward(company, "late", role=Role.READER)
    cursor = len(feed_of(company))
    say(company, "till", {"new": person("Jan", "Abendroth")})  # between the cursor and the list
    live = {profile["id"] for profile in reader.get("profiles")["profiles"]}
    say(company, "till", {"a": None})
    say(company, "shop", {"b": THOMAS})
    for change in reader.get("changes", after=cursor)["changes"]:
        if change["type"] in {"created", "revived"}:
            live.add(change["profile_id"])
        elif change["type"] == "retired":
            live.discard(change["profile_id"])
    assert live == live_after(company)
    assert_same_profile(company, ("till", "t"), ("shop", "b"))
