"""Whatever happens in whatever order: every live record is in one profile, what stewards keep apart stays apart, every
id ever given out answers where its records are, questions are about what is there, the feed leads to what lives, and
all together give what they gave one by one."""

from pathlib import Path
from random import Random
from typing import Any
from uuid import UUID

import pytest
from domain import assert_consistent, email, home, live_after, partition, person, push
from sqlalchemy import text
from stewarding import WIDE_BAND, Steward, company_in

from cdi import modelling
from cdi.clock import utc_now
from cdi.fields import CanonicalData, Stream
from cdi.ingest.contract import Record
from cdi.pipeline import Arriving, Installation, land, resolve
from cdi.resolution.decisions import close
from cdi.store import decisions
from cdi.store.db import Database

SOURCES = ("till", "shop", "app")
KEYS = ("1", "2", "3")
MODELS = (WIDE_BAND, "\nmatching: {match: 0.3, review: 0.2}\n", "\nmatching: {match: 0.95, review: 0.5}\n")
"""What cdi.yaml may say of matching: each is a model version of its own."""


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
        self.held: dict[UUID, set[int]] = {}  # every id ever given out, and the records that it carried last
        self.said: dict[tuple[str, str], CanonicalData] = {}
        self.log: list[str] = []

    def step(self) -> None:
        sources = (self.push, self.push, self.push, self.push, self.delete, self.bring_back, self.link, self.copy)
        stewards = (self.override, self.split, self.answer, self.answer, self.revoke, self.pin, self.hand_over)
        act = self.dice.choice((*sources, *stewards, self.run_everything, self.change_model))
        act()

    def push(self) -> None:
        source = self.dice.choice(SOURCES)
        keys = self.dice.sample(KEYS, self.dice.randint(1, 2))
        self.log.append(f"push {source} {keys}")
        told = {key: somebody(self.dice) for key in keys}
        self.said |= {(source, key): data for key, data in told.items()}
        push(self.company, source, told)  # type: ignore[arg-type]

    def bring_back(self) -> None:
        """A source says again what it said before it said something else, or deleted it."""
        if self.said:
            (source, key), data = self.dice.choice(sorted(self.said.items(), key=str))
            self.log.append(f"again {source}:{key}")
            push(self.company, source, {key: data})

    def link(self) -> None:
        """A source says that two of its records were one."""
        source = self.dice.choice(SOURCES)
        old, new = self.dice.sample(KEYS, 2)
        self.log.append(f"link {source} {old} to {new}")
        arriving = Arriving(source, {"identity_links": Stream.IDENTITY_LINK}, lambda _, data: data)
        said = Record("identity_links", f"{old}>{new}", {"from": old, "to": new, "n": len(self.log)})
        with self.company.database.unit_of_work() as connection:
            land(connection, self.company, arriving, [said], (), utc_now())
        resolve(self.company)

    def copy(self) -> None:
        """An application sends a profile back as its own record."""
        names = self.names()
        if names:
            source, key = self.dice.choice(names).split(":")
            profile, own = self.steward.profile(source, key)["id"], self.dice.choice(KEYS)
            self.log.append(f"copy of {source}:{key} as app:{own}")
            copies = {("customers", own): profile}
            arriving = Arriving("app", {"customers": Stream.CUSTOMER}, lambda _, data: data, copies=copies)
            with self.company.database.unit_of_work() as connection:
                land(connection, self.company, arriving, [Record("customers", own, somebody(self.dice))], (), utc_now())
            resolve(self.company)

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

    def hand_over(self) -> None:
        names = self.names()
        if names:
            source, key = self.dice.choice(names).split(":")
            profile = self.steward.profile(source, key)["id"]
            body = {"owner": self.dice.choice(("retail", "online", None)), "reason": "they know them"}
            answer = self.steward.client.put(f"/v1/profiles/{profile}/data-owner", json=body, headers={"If-Match": "*"})
            self.log.append(f"hand over {source}:{key}: {answer.status_code}")
            assert answer.status_code == 200, answer.text

    def change_model(self) -> None:
        """Another model decides: what it does is what its simulation said."""
        said = self.dice.choice(MODELS)
        self.log.append(f"model {said.strip()}")
        self.company = company_in(self.company.folder, self.company.database, said)
        foretold = modelling.simulate(self.company)
        before = partition(self.company)
        resolve(self.company)
        assert bool(foretold.merges or foretold.splits) == (partition(self.company) != before)

    def run_everything(self) -> None:
        self.log.append("full run")
        before = partition(self.company)
        resolve(self.company, full=True)
        assert partition(self.company) == before, "a full run came to another end"

    # -- what always holds -------------------------------------------------------------------------

    def check(self) -> None:
        assert_consistent(self.company)
        self.check_feed()
        self.check_apart()
        self.check_full_run()
        self.check_ids()
        self.check_reviews()

    def check_apart(self) -> None:
        with self.company.database.unit_of_work() as connection:
            apart = close(decisions.standing_decisions(connection)).apart
            rows = connection.execute(text("select record_id, profile_id from membership"))
            homes = {row.record_id: row.profile_id for row in rows}
        for a, b in apart:
            assert a not in homes or homes[a] != homes.get(b), f"{a} and {b} share a profile"

    def check_feed(self) -> None:
        with self.company.database.unit_of_work() as connection:
            live = connection.execute(text("select profile_id from profile where retired_at is null")).scalars()
            assert live_after(self.company) == set(map(str, live))

    def check_full_run(self) -> None:
        """What a run over everything would come to, without doing it."""
        foretold = modelling.simulate(self.company)
        assert (foretold.merges, foretold.splits) == ((), ()), "a full run would come to another end"

    def check_ids(self) -> None:
        """Every id leads to where the records are that it carried last, or what their source replaced them by."""
        homes: dict[int, UUID] = {}
        with self.company.database.unit_of_work() as connection:
            for row in connection.execute(text("select record_id, profile_id from membership")):
                homes[row.record_id] = row.profile_id
            replaced = text("select record_id, replaced_by from record where replaced_by is not null and not live")
            moved = {row.record_id: row.replaced_by for row in connection.execute(replaced)}
            ever = set(connection.execute(text("select profile_id from profile")).scalars())
        assert self.held.keys() <= ever
        for profile in homes.values():
            self.held[profile] = {record for record, home_of in homes.items() if home_of == profile}
        for profile in ever:
            answer = self.steward.ask(profile)
            places = {homes[r] for r in (moved.get(i, i) for i in self.held[profile]) if r in homes}
            if profile in homes.values():
                assert answer.status_code == 200
            elif not places:
                assert (answer.status_code, answer.json()["reason"]) == (410, "retired")
            elif len(places) == 1:
                assert (answer.status_code, answer.headers["location"]) == (301, f"/v1/profiles/{min(places)}")
            else:
                assert answer.status_code == 300
                assert set(answer.json()["profiles"]) == set(map(str, places))

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


def live(company: Installation, seed: int, steps: int) -> None:
    history = History(company, seed)
    try:
        for _ in range(steps):
            history.step()
            history.check()
        history.run_everything()
        history.check()
    except AssertionError as error:
        raise AssertionError("\n".join([*history.log[-12:], str(error)])) from error


@pytest.mark.parametrize("seed", range(2))
def test_short_histories(database: Database, tmp_path: Path, seed: int) -> None:
    live(company_in(tmp_path, database), seed, 25)


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(100, 124))
def test_histories(database: Database, tmp_path: Path, seed: int) -> None:
    live(company_in(tmp_path, database), seed, 60)
