"""What a steward meets at the desk of a large deployment: each page over HTTP, and the decision that clusters again and
shows the next review, one after the other, as one person works.

The deployment given is written to: it gets a user, reviews until there are 50,000 open ones, and decisions.
"""

import random
import re
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TypeAlias

import httpx
import numpy as np
from sqlalchemy import Connection

from bench import results
from bench.serving import Customer, sample_customers, served_by_workers
from cdi import signing_in
from cdi.access import Role
from cdi.clock import utc_now
from cdi.pipeline import Installation, open_installation
from cdi.settings import load_settings
from cdi.store.db import text

STEWARD, OFFICER = "bench steward", "bench officer"
OPEN_REVIEWS = 50_000
VIEWS = 60
"""So often each page is asked for, each time about somebody else where it is about somebody."""
WARM = 5
DECISIONS = 100
VERDICTS = ("match", "household", "no_match", "unsure")
PAGE_BAR, DECISION_BAR = 300, 500
HEAD = ("page", "p50 ms", "p95 ms", "largest ms", "bar", "held")
TOKEN = re.compile(r'name="form_token" value="(\w+)"')
ETAG = re.compile(r'name="etag" value="([^"]*)"')
PUSHED = re.compile(r"/reviews/(\d+)")

Place: TypeAlias = Callable[[int], str]
"""The address for each turn."""
Pages: TypeAlias = dict[str, Place]
"""By name."""


@dataclass(frozen=True, slots=True)
class Figures:
    """How long the answers to one request took, in milliseconds, and the bar for 95 of 100."""

    name: str
    milliseconds: Sequence[float]
    bar: int

    def row(self) -> list[str]:
        p50, p95 = np.quantile(self.milliseconds, [0.5, 0.95])
        largest = max(self.milliseconds)
        held = "yes" if p95 <= self.bar else "no"
        return [self.name, *(f"{v:.0f}" for v in (p50, p95, largest)), f"p95 ≤ {self.bar}", held]


def measure(folder: Path, seed: int, command: str) -> None:
    """Serve the desk of the deployment in `folder`, visit it, and write down what came of it."""
    settings = load_settings(folder)
    with open_installation(settings) as installation:
        customers, profiles = sample_customers(installation, seed)
        with installation.database.unit_of_work() as connection:
            reviews = _fill_queue(connection, seed)
            steward, officer = (
                _link(connection, name, role) for name, role in ((STEWARD, Role.ADMIN), (OFFICER, Role.PRIVACY))
            )
        with served_by_workers(folder, 1) as port:
            with _signed_in(port, officer) as desk:
                told = [*_visits(desk, _officers_pages(customers))]
            with _signed_in(port, steward) as desk:
                told += _visits(desk, _pages(customers, _reviews(installation, seed)))
                told.append(_told(Figures("a decision and the next review", _decide(desk), DECISION_BAR)))
    rows = [figures.row() for figures in told]
    body = "\n\n".join(
        [
            f"{profiles:,} profiles, {reviews:,} open reviews, one process; one person at a time, same machine. Each"
            f" page {VIEWS} times, {DECISIONS} decisions, each of them answered with the next review.",
            results.table(HEAD, rows),
        ]
    )
    results.write(f"The desk, {profiles:,} profiles, {reviews:,} open reviews", command, seed, body)


# -- what there has to be --------------------------------------------------------------------------

# Pairs that the engine has scored and that lie in two profiles: what a deployment with a wider band would ask about.
FILL = """
insert into review (kind, left_profile, right_profile, left_record, right_record, weight, reason, owners, status,
    opened_at)
select distinct on (least(l.profile_id, r.profile_id), greatest(l.profile_id, r.profile_id)) 'pair',
    least(l.profile_id, r.profile_id), greatest(l.profile_id, r.profile_id),
    case when l.profile_id < r.profile_id then b.record_id else c.record_id end,
    case when l.profile_id < r.profile_id then c.record_id else b.record_id end,
    1 + random() * 4, 'may be one customer', array[p.data_owner], 'open', :now
from (select * from block_key tablesample system (0.2) repeatable (:seed)) b
join block_key c on c.key = b.key and c.record_id > b.record_id
join membership l on l.record_id = b.record_id join membership r on r.record_id = c.record_id
join profile p on p.profile_id = l.profile_id
where l.profile_id <> r.profile_id
limit :missing
on conflict do nothing
"""
COUNT = "select count(*) from review where status <> 'closed'"


def _fill_queue(connection: Connection, seed: int) -> int:
    """Let there be enough open reviews; how many there are."""
    there = int(connection.execute(text(COUNT)).scalar_one())
    if there < OPEN_REVIEWS:
        missing = {"missing": OPEN_REVIEWS - there, "seed": seed, "now": utc_now()}
        connection.execute(text("select setseed(0.5)"))
        connection.execute(text(FILL), missing)
        connection.execute(text("analyze review"))
        there = int(connection.execute(text(COUNT)).scalar_one())
    if there < OPEN_REVIEWS * 0.98:  # some pairs of profiles may have been asked about before
        raise SystemExit(f"only {there:,} reviews could be opened: the deployment is too small for this")
    return there


def _link(connection: Connection, name: str, role: Role) -> str:
    """The token of a link that signs this person in."""
    if all(user.name != name for user in signing_in.users.list_users(connection)):
        signing_in.create_user(connection, name, role, utc_now())
    return signing_in.issue_link(connection, name, utc_now())


@contextmanager
def _signed_in(port: int, link: str) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=f"http://127.0.0.1:{port}", headers={"Accept": "text/html"}, timeout=60) as desk:
        page = desk.get("/sign-in/link", params={"token": link})
        answer = desk.post("/sign-in/link", data={"token": link, "form_token": _found(TOKEN, page.text)})
        if answer.status_code != httpx.codes.SEE_OTHER:
            raise RuntimeError(f"not signed in: {answer.status_code}")
        yield desk


def _found(what: re.Pattern[str], where: str) -> str:
    found = what.search(where)
    if found is None:
        raise RuntimeError(f"the page has no {what.pattern}")
    return found[1]


# -- what is asked ---------------------------------------------------------------------------------


def _visits(desk: httpx.Client, pages: Pages) -> Iterator[Figures]:
    for name, place in pages.items():
        measured = [_timed(desk, place(turn)) for turn in range(WARM + VIEWS)][WARM:]
        yield _told(Figures(name, measured, PAGE_BAR))


def _about(customers: Sequence[Customer]) -> Callable[[str], Place]:
    """What makes a place of its form: about another customer each turn, where it names one."""

    def of(form: str) -> Place:
        return lambda turn: form.format(**{"id": customers[turn].profile_id, "name": customers[turn].family_name})

    return of


def _pages(customers: Sequence[Customer], reviews: Sequence[int]) -> Pages:
    of = _about(customers)

    def about(form: str) -> Place:
        return lambda turn: form.format(reviews[turn % len(reviews)])

    return {
        "today": of("/"),
        "customers": of("/profiles"),
        "customers, found by name": of("/profiles?q={name}"),
        "suggestions while typing": lambda turn: f"/profiles/suggestions?q={customers[turn].family_name[:4]}",
        "profile": of("/profiles/{id}"),
        "household": of("/profiles/{id}/household"),
        "journey": of("/profiles/{id}/journey"),
        "consents": of("/profiles/{id}/consents"),
        "history": of("/profiles/{id}/history"),
        "split": of("/profiles/{id}/split"),
        "reviews by risk": of("/reviews"),
        "reviews by age": of("/reviews?order=age"),
        "reviews of one source": of("/reviews?source=shop"),
        "reviews that are closed": of("/reviews?status=closed"),
        "the last page of reviews": about("/reviews?order=age&after={}"),
        "review": about("/reviews/{}"),
        "outcome of a match": about("/reviews/{}/outcome?verdict=match"),
        "conflicts": of("/conflicts"),
        "tasks": of("/tasks"),
        "sources": of("/sources"),
        "a source": of("/sources/shop"),
        "a source's rejected records": of("/sources/shop/rejected"),
        "the audit log": of("/audit"),
        "the audit log, by a rare action": of("/audit?action=sign-out"),
        "the audit log, by profile": of("/audit?profile={id}"),
        "the model": of("/model"),
        "samples of merges": of("/reviews/samples"),
        "deputies": of("/reviews/deputies"),
        "users": of("/access"),
        "keys": of("/access/keys"),
    }


def _officers_pages(customers: Sequence[Customer]) -> Pages:
    of = _about(customers)
    return {
        "privacy requests": of("/privacy"),
        "what retention would remove": of("/privacy/retention"),
        "the record of processing": of("/privacy/record-of-processing"),
        "a customer, for the officer": of("/privacy/profiles/{id}"),
        "all about a customer": of("/privacy/profiles/{id}/access"),
        "what erasure would remove": of("/privacy/profiles/{id}/erasure"),
        "rectification": of("/privacy/profiles/{id}/rectification"),
    }


def _reviews(installation: Installation, seed: int) -> list[int]:
    with installation.database.unit_of_work() as connection:
        found = connection.execute(text("select review_id from review where status = 'open' order by review_id"))
        return random.Random(seed).sample(list(found.scalars()), WARM + VIEWS)


def _timed(desk: httpx.Client, place: str) -> float:
    began = time.perf_counter()
    answer = desk.get(place)
    seconds = time.perf_counter() - began
    if answer.status_code != httpx.codes.OK:
        raise RuntimeError(f"{place.partition('?')[0]}: {answer.status_code}")
    return seconds * 1000


def _decide(desk: httpx.Client) -> list[float]:
    """Decide what the queue gives, as a browser with htmx does: each answer holds the next review."""
    first = desk.get("/reviews/next", follow_redirects=True)
    place, page, token = first.url.path, first.text, _found(TOKEN, first.text)
    measured = []
    for turn in range(WARM + DECISIONS):
        form = {"verdict": VERDICTS[turn % len(VERDICTS)], "etag": _found(ETAG, page), "form_token": token}
        began = time.perf_counter()
        answer = desk.post(f"{place}/decision", data=form, headers={"HX-Request": "true"})
        measured.append((time.perf_counter() - began) * 1000)
        if answer.status_code != httpx.codes.OK:
            raise RuntimeError(f"a decision was answered with {answer.status_code}")
        place, page = f"/reviews/{_found(PUSHED, answer.headers['hx-push-url'])}", answer.text
    return measured[WARM:]


def _told(figures: Figures) -> Figures:
    print(*figures.row(), sep="  ", file=sys.stderr)
    return figures
