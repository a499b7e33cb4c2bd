"""The whole company from one seed: population, sightings, four native systems, the truth, and figures about it."""

import random
import re
from collections import Counter
from datetime import timedelta
from itertools import chain
from pathlib import Path

from . import callcentre, meta, plain_matcher, shopware, till, truth
from .observer import Observer
from .population import Customer, Population
from .sighting import Sighting

SEED = 20261115
PERSONS, ORGANISATIONS = 1_890, 110
DISPUTED = 24
"""Organisations with a gold card: in so many cases two departments disagree about the owner."""
DELETED_AT_THE_TILL = 12
FIGURES = re.compile(r"(?<=<!-- figures -->\n).*?(?=<!-- /figures -->)", re.DOTALL)


def generate(folder: Path, seed: int) -> dict[str, str]:
    """Write `data/` and `truth*.csv` below `folder`; the answer is the figures by name."""
    rng = random.Random(seed)
    customers = Population(rng).draw(PERSONS, ORGANISATIONS)
    seen = _see_all(rng, customers)
    _give_cards(rng, list(chain.from_iterable(seen)))
    everything = [*seen, *([s] for s in _deleted(rng, seen))]
    _write_sources(rng, list(chain.from_iterable(everything)), folder / "data")
    truth.write(everything, folder)
    return _figures(everything, folder)


def show_figures(readme: Path, figures: dict[str, str]) -> None:
    """Put the figures where README.md has a place for them."""
    table = "| figure | value |\n|---|---|\n" + "".join(f"| {name} | {value} |\n" for name, value in figures.items())
    readme.write_text(FIGURES.sub(lambda _: table, readme.read_text(encoding="utf-8")), encoding="utf-8")


def _see_all(rng: random.Random, customers: list[Customer]) -> list[list[Sighting]]:
    observer = Observer(rng, customers)
    organisations = [c.entity_id for c in customers if c.kind == "organisation"]
    disputed = set(organisations[:DISPUTED])
    return [observer.see(customer, disputed=customer.entity_id in disputed) for customer in customers]


def _give_cards(rng: random.Random, sightings: list[Sighting]) -> None:
    """Most customers of the till have a loyalty card; other systems know its number now and then."""
    card = {}
    for sighting in sightings:
        if sighting.form == "till" and (sighting.gold or rng.random() < 0.7):
            sighting.card = card[sighting.customer.entity_id] = f"4900{rng.randint(10**8, 10**9 - 1)}"
            sighting.gold = sighting.gold or (sighting.customer.kind == "person" and rng.random() < 0.08)
    for sighting in sightings:
        if sighting.form in {"account", "contact"} and rng.random() < 0.12:
            sighting.card = card.get(sighting.customer.entity_id, "")


def _deleted(rng: random.Random, seen: list[list[Sighting]]) -> list[Sighting]:
    """Customers of other systems whom the till has deleted: rows that must not count."""
    elsewhere = [s[0].customer for s in seen if all(x.form != "till" and x.customer.kind == "person" for x in s)]
    observer = Observer(rng, [])
    gone = []
    for customer in rng.sample(elsewhere, DELETED_AT_THE_TILL):
        sighting = observer.see_at_the_till(customer)
        sighting.deleted, sighting.changed = True, sighting.changed + timedelta(hours=1)
        gone.append(sighting)
    return gone


def _write_sources(rng: random.Random, sightings: list[Sighting], data: Path) -> None:
    of = {
        source: [s for s in sightings if s.source == source] for source in ("shop", "webshop", "callcentre", "social")
    }
    for source in of:
        (data / source).mkdir(parents=True, exist_ok=True)
    till.write(rng, of["shop"], data / "shop" / "pos.sqlite")
    shopware.write(rng, of["webshop"], data / "webshop")
    callcentre.write(rng, of["callcentre"], data / "callcentre")
    meta.write(rng, of["social"], data / "social")


def _figures(everything: list[list[Sighting]], folder: Path) -> dict[str, str]:
    live = [s for sightings in everything for s in sightings if not s.deleted]
    entities = Counter(s.customer.entity_id for s in live)
    kinds = Counter({s.customer.entity_id: s.customer.kind for s in live}.values())
    sources = Counter(s.source for s in live)
    sizes = Counter(entities.values())
    households = Counter({s.customer.entity_id: s.customer.household_id for s in live}.values())
    plain = plain_matcher.score(folder)
    return {
        "true customers": f"{len(entities):,} ({kinds['person']:,} persons, {kinds['organisation']} organisations)",
        "customer records": f"{len(live):,} ({', '.join(f'{name} {sources[name]:,}' for name in sorted(sources))})",
        "records per customer": ", ".join(f"{size}: {sizes[size]:,}" for size in sorted(sizes)),
        "true pairs": f"{sum(n * (n - 1) // 2 for n in entities.values()):,}",
        "households with more than one customer": f"{sum(n > 1 for n in households.values())}",
        "customers with disagreeing departments": str(DISPUTED),
        "plain matcher: precision": f"{plain.precision:.3f}",
        "plain matcher: recall": f"{plain.recall:.3f}",
        "plain matcher: F1": f"{plain.f1:.3f}",
    }
