"""Whatever happens in whatever order: every live record is in one profile, what stewards keep apart stays apart, every
id ever given out answers, questions are about what is there, and all together give what they gave one by one."""

from random import Random
from typing import Any
from uuid import UUID

import pytest
from domain import assert_consistent, email, feed_of, home, partition, person, push
from sqlalchemy import text
from stewarding import Steward, company_in

from cdi.fields import CanonicalData
from cdi.pipeline import Installation, resolve
from cdi.resolution.decisions import close
from cdi.store import decisions
from cdi.store.db import Database

SOURCES = ("till", "shop", "app")
KEYS = ("1", "2", "3")


def somebody(dice: Random) -> CanonicalData:
    """One of few people, known more or less well: many match, some contradict."""
    given = dice.choice(("Anna", "Anne", "Jan"))
    said = person(given, "Krzywdzinski")
    if dice.random() < 0.6:
        said["birth_date"] = dice.choice(("1984-03-05", "1971-11-23"))
    if dice.random() < 0.7:
        said["addresses"] = dice.choice(
            (home("Lindenweg", "5", "50667", "Köln"), home("Marktstraße", "12", "20095", "Hamburg"))
        )
    if dice.random() < 0.5:
        said["emails"] = email(dice.choice(("anna.krz@gmx.de", "a.krz@web.de")))
    return said


class History:
    """One company through which things happen."""

    def __init__(self, company: Installation, seed: int) -> None:
        self.company = company
        self.steward = Steward(company)
        self.dice = Random(seed)
        self.ids: set[UUID] = set()
        self.log: list[str] = []

    def step(self) -> None:
        acts = (self.push, self.push, self.push, self.delete, self.override, self.split, self.answer, self.revoke)
        act = self.dice.choice((*acts, self.run_everything, self.pin))
        act()

    def push(self) -> None:
        source = self.dice.choice(SOURCES)
        keys = self.dice.sample(KEYS, self.dice.randint(1, 2))
        self.log.append(f"push {source} {keys}")
        push(self.company, source, {key: somebody(self.dice) for key in keys})

    def delete(self) -> None:
        source, key = self.dice.choice(SOURCES), self.dice.choice(KEYS)
        self.log.append(f"delete {source}:{key}")
        push(self.company, source, {key: None})

    def names(self) -> list[str]:
        with self.company.database.unit_of_work() as connection:
            rows = connection.execute(
                text("select source, key from record r join membership using (record_id) order by 1, 2")
            )
            return [f"{row.source}:{row.key}" for row in rows]

    def override(self) -> None:
        names = self.names()
        if len(names) > 2:
            chosen = self.dice.sample(names, 3)
            cut = self.dice.randint(1, 2)
            verdict = self.dice.choice(("match", "no_match", "household"))
            said = self.steward.say(verdict, chosen[:cut], chosen[cut:])
            self.log.append(f"{verdict} {chosen[:cut]} {chosen[cut:]}: {said.status_code}")
            assert said.status_code in {201, 409}, said.text

    def split(self) -> None:
        with self.company.database.unit_of_work() as connection:
            found = connection.execute(
                text("select profile_id from membership group by 1 having count(*) > 1 order by 1")
            ).scalars()
            profiles = list(found)
        if profiles:
            profile = self.dice.choice(profiles)
            records = [f"{r['source']}:{r['key']}" for r in self.steward.get(f"profiles/{profile}")["records"]]
            taken = self.dice.sample(records, self.dice.randint(1, len(records) - 1))
            before = partition(self.company)
            preview = self.steward.split(profile, *taken, dry_run=True)
            assert partition(self.company) == before
            done = self.steward.split(profile, *taken)
            self.log.append(f"split {taken} of {records}: {done.status_code}")
            assert done.status_code == preview.status_code, done.text
            assert done.status_code in {200, 409}, done.text
            if done.status_code == 200:
                foretold, came = (
                    [shape(part) for part in preview.json()["after"]],
                    [shape(p) for p in done.json()["after"]],
                )
                assert foretold == came

    def answer(self) -> None:
        reviews = self.steward.get("reviews")["reviews"]
        if reviews:
            review = self.dice.choice(reviews)
            verdict = self.dice.choice(("match", "no_match", "household", "unsure"))
            answer = self.steward.answer(review, verdict)
            self.log.append(f"{review['kind']} {review['id']} {verdict}: {answer.status_code}")
            assert answer.status_code in {200, 409}, answer.text

    def revoke(self) -> None:
        standing = self.steward.get("overrides", status="standing")["overrides"]
        if standing:
            chosen = self.dice.choice(standing)
            answer = self.steward.revoke(chosen["id"])
            self.log.append(f"revoke {chosen['id']}: {answer.status_code}")
            assert answer.status_code in {200, 409}, answer.text

    def pin(self) -> None:
        names = self.names()
        if names:
            source, key = self.dice.choice(names).split(":")
            profile = self.steward.profile(source, key)["id"]
            answer = self.steward.pin(profile, "language", value=self.dice.choice(("pl", "de")))
            self.log.append(f"pin {source}:{key}")
            assert answer.status_code == 200, answer.text

    def run_everything(self) -> None:
        self.log.append("full run")
        before = partition(self.company)
        resolve(self.company, full=True)
        assert partition(self.company) == before, "a full run came to another end"

    # -- what always holds -------------------------------------------------------------------------

    def check(self) -> None:
        assert_consistent(self.company)
        feed_of(self.company)
        self.check_apart()
        self.check_ids()
        self.check_reviews()

    def check_apart(self) -> None:
        with self.company.database.unit_of_work() as connection:
            apart = close(decisions.standing_decisions(connection)).apart
            rows = connection.execute(text("select record_id, profile_id from membership"))
            homes = {row.record_id: row.profile_id for row in rows}
        for a, b in apart:
            assert a not in homes or homes[a] != homes.get(b), f"{a} and {b} share a profile"

    def check_ids(self) -> None:
        with self.company.database.unit_of_work() as connection:
            self.ids |= set(connection.execute(text("select profile_id from profile")).scalars())
        for profile in self.ids:
            assert self.steward.ask(profile).status_code in {200, 300, 301, 410}

    def check_reviews(self) -> None:
        with self.company.database.unit_of_work() as connection:
            strays = connection.execute(
                text(
                    """
                    select v.review_id, v.kind, v.status, v.left_profile = v.right_profile as about_one,
                        l.profile_id = v.left_profile as left_is, r.profile_id = v.right_profile as right_is,
                        l.profile_id = v.right_profile as turned, l.profile_id = r.profile_id as one_now
                    from review v
                    left join membership l on l.record_id = v.left_record
                    left join membership r on r.record_id = v.right_record
                    where v.status <> 'closed' and (l.profile_id, r.profile_id)
                        is distinct from (v.left_profile, v.right_profile)
                    """
                )
            ).all()
        assert not strays, f"reviews about what is not there: {strays}"


def shape(part: dict[str, Any]) -> tuple[str, list[str], Any]:
    return part["fate"], part["records"], part["golden"]


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(12))
def test_histories(database: Database, tmp_path: Any, seed: int) -> None:
    history = History(company_in(tmp_path, database), seed)
    try:
        for _ in range(60):
            history.step()
            history.check()
        history.run_everything()
        history.check()
    except AssertionError as error:
        raise AssertionError("\n".join([*history.log[-12:], str(error)])) from error
