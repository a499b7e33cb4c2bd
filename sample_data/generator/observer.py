"""Which systems saw a customer, when, and what they asked. For each attribute one sighting, the one that survivorship
will choose, must say the current truth: so the truth can be derived, but not read off."""

import random
from datetime import datetime, timedelta

from .hand import Hand
from .population import LAST_DAY, Customer
from .sighting import SOURCE_OF, TRUST, Sighting

_FIELDS = ("birth", "address", "landline", "mobile", "email", "salutation")
PRESENCE = {
    # the share of records of this form that carry the field; names are always there
    form: dict(zip(_FIELDS, shares, strict=True))
    for form, shares in {
        "till": (0.58, 0.93, 0.34, 0.36, 0.28, 0.85),
        "account": (0.30, 1.0, 0.12, 0.40, 1.0, 0.85),
        "guest": (0.0, 1.0, 0.08, 0.28, 1.0, 0.70),
        "contact": (0.42, 0.80, 0.48, 0.44, 0.20, 0.85),
        "lead": (0.20, 0.20, 0.0, 0.45, 0.60, 0.0),
        "messenger": (0.0, 0.0, 0.0, 0.40, 0.40, 0.0),
    }.items()
}


CARRIED = "?"
"""Stands in a field that the record will carry, until the hand writes it."""


class Observer:
    """Lets the systems see each customer a number of times."""

    def __init__(self, rng: random.Random, everybody: list[Customer]) -> None:
        self.rng = rng
        self.hand = Hand(rng, everybody)

    def see(self, customer: Customer, disputed: bool = False) -> list[Sighting]:
        """All sightings of one customer. A disputed one, an organisation with a gold card, is seen without errors."""
        sightings = [self._sighting(form, customer) for form in self._forms(customer, disputed)]
        self._in_order(sightings)
        for sighting in sightings:
            self._presence(sighting, lone=len(sightings) == 1)
        self._towns(sightings)
        self._name_winners(sightings)
        for sighting in sightings:
            if disputed:
                sighting.clean |= {"name", "birth", "address", "email", "phone"}
                sighting.gold = sighting.form == "till"
            self.hand.write(sighting)
        return sightings

    def see_at_the_till(self, customer: Customer) -> Sighting:
        """One more record at the till, of a customer whom the other systems know."""
        sighting = self._sighting("till", customer)
        self._presence(sighting, lone=True)
        self.hand.write(sighting)
        return sighting

    # ── which systems, and when ──

    def _forms(self, customer: Customer, disputed: bool) -> list[str]:
        rng = self.rng
        if disputed:
            return ["till", "account", *(["contact"] if rng.random() < 0.4 else [])]
        count = rng.choices((1, 2, 3, 4, 5, 6, 7), weights=(38, 28, 16, 9, 5, 3, 1))[0]
        limits = {"till": 1, "account": 1, "guest": 2, "contact": 2, "lead": 2, "messenger": 1}
        weights = {"till": 32, "account": 26, "guest": 8, "contact": 22, "lead": 9, "messenger": 3}
        if customer.kind == "organisation":
            limits |= {"lead": 1, "messenger": 0, "guest": 0, "contact": 2}
            count = min(count, 4)
        forms: list[str] = []
        while len(forms) < count:
            form = rng.choices(tuple(weights), weights=tuple(weights.values()))[0]
            again = form in forms and rng.random() < 0.5  # a second record in one system is the rarer case
            if forms.count(form) < limits[form] and not again:
                forms.append(form)
        return forms

    def _sighting(self, form: str, customer: Customer) -> Sighting:
        rng = self.rng
        years = (2025, 2026) if SOURCE_OF[form] == "social" else (2016, 2026)
        start = datetime(years[0], 1, 2)  # local time; the writers make UTC where a system wants it
        days = (LAST_DAY - start.date()).days
        created = start + timedelta(days=int(days * rng.random() ** 0.7), seconds=rng.randint(8 * 3600, 20 * 3600))
        changed = created
        if form not in {"guest", "lead", "messenger"} and rng.random() < 0.45:
            end = datetime.combine(LAST_DAY, created.time())
            changed = created + (end - created) * rng.random()
        return Sighting(form, customer, created, changed.replace(microsecond=0))

    @staticmethod
    def _in_order(sightings: list[Sighting]) -> None:
        """A guest order is older than the account of the same customer: the account is what people keep."""
        accounts = [s for s in sightings if s.form == "account"]
        for days, guest in enumerate((s for s in sightings if s.form == "guest"), 30):
            if accounts and guest.changed >= accounts[0].changed:
                guest.created = guest.changed = accounts[0].created - timedelta(days=days, hours=1)

    # ── what each record carries ──

    def _presence(self, sighting: Sighting, lone: bool) -> None:
        """Mark the fields that the record carries."""
        for name, share in self._shares(sighting, lone).items():
            if self.rng.random() < share:
                setattr(sighting, {"address": "street"}.get(name, name), CARRIED)
        self._something_to_find_them_by(sighting)
        if sighting.form == "account":
            sighting.verified_email = True
        elif sighting.form == "till" and sighting.email:
            sighting.verified_email = self.rng.random() < 0.5

    @staticmethod
    def _shares(sighting: Sighting, lone: bool) -> dict[str, float]:
        shares = dict(PRESENCE[sighting.form])
        customer = sighting.customer
        if customer.kind == "organisation":
            shares |= {"birth": 0.0, "landline": max(shares["landline"], 0.55), "mobile": 0.08}
        elif not lone and (customer.suffix or any(f.address for f in customer.former)):
            # who moved, and who has a father's name, is known by something else
            shares |= {name: max(shares[name], 0.7) for name in ("birth", "mobile", "email") if shares[name]}
        return shares

    def _something_to_find_them_by(self, s: Sighting) -> None:
        """No system keeps a customer whom it could not reach at all; social networks sometimes do."""
        if s.form in {"lead", "messenger"} and not (s.email or s.mobile) and self.rng.random() < 0.8:
            s.email = CARRIED
        if s.form == "till" and not (s.street or s.birth):
            s.street = CARRIED
        if s.form == "contact" and not (s.street or s.landline or s.mobile):
            s.mobile = CARRIED

    def _towns(self, sightings: list[Sighting]) -> None:
        """Some records know no more than the town; never the newest one, whose address is the one that survives."""
        for sighting in sightings:
            newer = any(s.street and s.changed > sighting.changed for s in sightings)
            if sighting.form in {"lead", "contact"} and not sighting.street and newer and self.rng.random() < 0.5:
                sighting.city = CARRIED

    @staticmethod
    def _name_winners(sightings: list[Sighting]) -> None:
        """For each attribute, the sighting whose value survives under the rules of cdi.yaml."""
        max(sightings, key=lambda s: s.by_trust).clean.add("name")
        for attribute, carried, rank in (
            ("birth", "birth", lambda s: s.by_trust),
            ("address", "street", lambda s: (s.changed, TRUST[s.source])),
            ("email", "email", lambda s: s.by_verification),
        ):
            carriers = [s for s in sightings if getattr(s, carried)]
            if carriers:
                max(carriers, key=rank).clean.add(attribute)
        callable_ = [s for s in sightings if s.landline or s.mobile]
        if callable_:
            max(callable_, key=lambda s: (s.changed, TRUST[s.source])).clean.add("phone")
