"""What the systems saw of a customer. For each attribute one sighting, the one that survivorship will choose, says the
current truth; the others say what was true at their time, with gaps and errors. So the truth can be derived, not read off.
"""

import random
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta

from . import lists, spelling
from .population import LAST_DAY, Address, Customer

TRUST = {"webshop": 0.8, "shop": 0.7, "callcentre": 0.6, "social": 0.4}
"""As in cdi.yaml."""

SOURCE_OF = {
    "till": "shop",
    "account": "webshop",
    "guest": "webshop",
    "contact": "callcentre",
    "lead": "social",
    "messenger": "social",
}

PRESENCE: dict[str, dict[str, float]] = {
    # the share of records of this form that carry the field; names are always there
    "till": {
        "birth": 0.58,
        "address": 0.93,
        "landline": 0.36,
        "mobile": 0.46,
        "email": 0.3,
        "salutation": 0.85,
    },
    "account": {
        "birth": 0.3,
        "address": 1.0,
        "landline": 0.12,
        "mobile": 0.52,
        "email": 1.0,
        "salutation": 0.85,
    },
    "guest": {
        "birth": 0.0,
        "address": 1.0,
        "landline": 0.08,
        "mobile": 0.36,
        "email": 1.0,
        "salutation": 0.7,
    },
    "contact": {
        "birth": 0.4,
        "address": 0.8,
        "landline": 0.5,
        "mobile": 0.55,
        "email": 0.22,
        "salutation": 0.85,
    },
    "lead": {
        "birth": 0.2,
        "address": 0.22,
        "landline": 0.0,
        "mobile": 0.55,
        "email": 0.62,
        "salutation": 0.0,
    },
    "messenger": {
        "birth": 0.0,
        "address": 0.0,
        "landline": 0.0,
        "mobile": 0.5,
        "email": 0.4,
        "salutation": 0.0,
    },
}

JUNK_EMAILS = ("kunde@kunde.de", "test@test.de", "keine@email.de")
JUNK_PHONES = ("0000", "0123456789", "000000")


@dataclass(slots=True)
class Sighting:
    """One customer record before it takes the native shape of its source. Empty text: the record does not say."""

    form: str
    customer: Customer
    created: datetime
    changed: datetime
    given_name: str = ""
    middle_name: str = ""
    family_name: str = ""
    birth_name: str = ""
    birth: str = ""  # ISO
    street: str = ""
    house_number: str = ""
    postal_code: str = ""
    city: str = ""
    landline: str = ""
    mobile: str = ""
    email: str = ""
    salutation: str = ""
    company: str = ""
    contact_person: bool = True
    verified_email: bool = False
    card: str = ""
    gold: bool = False
    deleted: bool = False
    key: str = ""
    clean: set[str] = field(default_factory=set)  # the fields in which this sighting must say the truth

    @property
    def source(self) -> str:
        return SOURCE_OF[self.form]

    @property
    def by_trust(self) -> tuple[float, datetime]:
        return TRUST[self.source], self.changed

    @property
    def by_verification(self) -> tuple[bool, float, datetime]:
        return self.verified_email, *self.by_trust


class Observer:
    """Lets the systems see each customer a number of times."""

    def __init__(self, rng: random.Random, everybody: list[Customer]) -> None:
        self.rng = rng
        self.everybody = everybody

    def see(self, customer: Customer, disputed: bool = False) -> list[Sighting]:
        """All sightings of one customer. A disputed one is an organisation with a gold card: seen without errors."""
        sightings = [self._sighting(form, customer) for form in self._forms(customer, disputed)]
        self._in_order(sightings)
        for sighting in sightings:
            self._presence(sighting, lone=len(sightings) == 1)
        self._name_winners(sightings)
        for sighting in sightings:
            if disputed:
                sighting.clean |= {"name", "birth", "address", "email", "phone"}
                sighting.gold = sighting.form == "till"
            self._write(sighting)
        return sightings

    def see_at_the_till(self, customer: Customer) -> Sighting:
        """One more record at the till, of a customer whom the other systems know."""
        sighting = self._sighting("till", customer)
        self._presence(sighting, lone=True)
        self._write(sighting)
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
        start = datetime(years[0], 1, 2)  # noqa: DTZ001  local time of the till; the writers make UTC where it is wanted
        days = (LAST_DAY - start.date()).days
        created = start + timedelta(
            days=int(days * rng.random() ** 0.7), seconds=rng.randint(8 * 3600, 20 * 3600)
        )
        changed = created
        if form not in {"guest", "lead", "messenger"} and rng.random() < 0.45:
            end = datetime.combine(LAST_DAY, created.time())
            changed = created + (end - created) * rng.random()
        return Sighting(form, customer, created, changed.replace(microsecond=0))

    @staticmethod
    def _in_order(sightings: list[Sighting]) -> None:
        """A guest order is older than the account of the same customer: it is the account that people keep."""
        accounts = [s for s in sightings if s.form == "account"]
        for guest in [s for s in sightings if s.form == "guest"]:
            if accounts and guest.changed >= accounts[0].changed:
                guest.created = guest.changed = accounts[0].created - timedelta(days=30, hours=1)

    # ── what each record carries ──

    def _presence(self, sighting: Sighting, lone: bool) -> None:
        customer, rng = sighting.customer, self.rng
        moved = any(f.address for f in customer.former)
        for name, share in PRESENCE[sighting.form].items():
            if moved and name in {"birth", "mobile", "email"} and 0 < share < 0.75 and not lone:
                share = 0.75  # who moves leaves other traces  # noqa: PLW2901
            if customer.kind == "organisation":
                share = {"birth": 0.0, "landline": max(share, 0.6) if share else 0.5, "mobile": 0.08}.get(
                    name, share
                )  # noqa: PLW2901
            if rng.random() < share:
                setattr(sighting, {"address": "street"}.get(name, name), "?")
        if (
            sighting.form in {"lead", "messenger"}
            and not (sighting.email or sighting.mobile)
            and rng.random() < 0.8
        ):
            sighting.email = "?"
        if sighting.form == "till" and not (sighting.street or sighting.birth):
            sighting.street = "?"
        if sighting.form == "contact" and not (sighting.street or sighting.landline or sighting.mobile):
            sighting.mobile = "?"
        if sighting.form in {"till", "contact"}:
            sighting.verified_email = sighting.form == "till" and bool(sighting.email) and rng.random() < 0.5
        else:
            sighting.verified_email = sighting.form == "account"

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

    def _write(self, sighting: Sighting) -> None:
        self._write_name(sighting)
        self._write_birth(sighting)
        self._write_address(sighting)
        self._write_phones(sighting)
        self._write_email(sighting)

    # ── names ──

    def _write_name(self, s: Sighting) -> None:
        customer, rng, clean = s.customer, self.rng, "name" in s.clean
        s.given_name, s.family_name = customer.given_name, customer.family_name
        if s.salutation:
            s.salutation = "Frau" if customer.gender == "f" else "Herr"
        if customer.kind == "organisation":
            s.company = f"{customer.company} {customer.legal_form}".strip()
            s.contact_person = s.form in {"account", "lead"} or rng.random() < 0.3
            if not clean:
                s.company = spelling.company_name(rng, customer.company, customer.legal_form)
            return
        if clean:
            return
        maiden = next(
            (f.family_name for f in customer.former if f.family_name and s.changed.date() < f.until), None
        )
        if maiden:
            s.family_name = maiden
        elif any(f.family_name for f in customer.former) and rng.random() < 0.3:
            s.birth_name = next(f.family_name for f in customer.former if f.family_name) or ""
        self._distort_name(s)

    def _distort_name(self, s: Sighting) -> None:
        rng, customer = self.rng, s.customer
        roll = rng.random
        if roll() < 0.045:
            s.given_name = rng.choice(lists.SHORT_FORMS.get(s.given_name, (s.given_name,)))
        elif roll() < 0.02:
            s.given_name = f"{s.given_name[0]}."
        elif roll() < 0.035:
            s.given_name = spelling.typo(rng, s.given_name)
        if customer.middle_name and roll() < 0.5:
            s.given_name = f"{s.given_name}{rng.choice((' ', '-'))}{customer.middle_name}"
        if "-" in s.family_name and roll() < 0.4:
            parts = s.family_name.split("-")
            s.family_name = rng.choice((parts[0], parts[1], f"{parts[1]}-{parts[0]}"))
        if roll() < 0.05:
            s.family_name = spelling.typo(rng, s.family_name)
        if roll() < 0.35:
            s.given_name = spelling.other_umlauts(rng, s.given_name)
            s.family_name = spelling.other_umlauts(rng, s.family_name)
        if roll() < 0.012:
            s.given_name, s.family_name = spelling.mojibake(s.given_name), spelling.mojibake(s.family_name)
        if roll() < 0.03:
            s.given_name, s.family_name = rng.choice(
                ((s.given_name.upper(), s.family_name.upper()), (s.given_name.lower(), s.family_name.lower()))
            )
        if roll() < 0.008:
            s.given_name, s.family_name = s.family_name, s.given_name

    # ── birth dates ──

    def _write_birth(self, s: Sighting) -> None:
        if not s.birth:
            return
        birth, rng = s.customer.birth_date, self.rng
        s.birth = birth.isoformat()
        if "birth" in s.clean:
            return
        roll = rng.random()
        if roll < 0.025:
            s.birth = "1900-01-01"
        elif roll < 0.045 and birth.day <= 12:
            s.birth = date(birth.year, birth.day, birth.month).isoformat()
        elif roll < 0.075:
            s.birth = (
                birth + timedelta(days=rng.choice((-10, -1, 1, 10, 365, -365, 3650, -3650)))
            ).isoformat()

    # ── addresses ──

    def _write_address(self, s: Sighting) -> None:
        if not s.street:
            return
        customer, rng, clean = s.customer, self.rng, "address" in s.clean
        address = customer.address if clean else self._address_at(customer, s.changed.date())
        s.street, s.house_number, s.postal_code, s.city = (
            address.street,
            address.house_number,
            address.postal_code,
            address.city,
        )
        if clean:
            return
        roll = rng.random
        if roll() < 0.04:
            s.street = spelling.typo(rng, s.street)
        if roll() < 0.02:
            s.house_number = (
                spelling.wrong_digit(rng, f"00{s.house_number} ").strip().lstrip("0") or s.house_number
            )
        if roll() < 0.02:
            s.postal_code = spelling.wrong_digit(rng, s.postal_code)
        if roll() < 0.3:
            s.city = rng.choice(lists.TOWN_VARIANTS.get(s.city, (s.city,)))
        if roll() < 0.02:
            s.city = spelling.typo(rng, s.city)
        if roll() < 0.2:
            s.street, s.city = spelling.other_umlauts(rng, s.street), spelling.other_umlauts(rng, s.city)
        if roll() < 0.01:
            s.street, s.city = spelling.mojibake(s.street), spelling.mojibake(s.city)
        if s.form in {"till", "contact"} and roll() < 0.012:
            s.street, s.house_number = "unbekannt", ""

    @staticmethod
    def _address_at(customer: Customer, day: date) -> Address:
        return (
            next((f.address for f in customer.former if f.address and day < f.until), None)
            or customer.address
        )

    # ── phones and e-mail ──

    def _write_phones(self, s: Sighting) -> None:
        customer, rng = s.customer, self.rng
        old = next((f.landline for f in customer.former if f.landline and s.changed.date() < f.until), None)
        for name, current in (("landline", customer.landline), ("mobile", customer.mobile)):
            if not getattr(s, name):
                continue
            number = current
            if "phone" not in s.clean:
                number = old if name == "landline" and old else number
                if rng.random() < 0.02:
                    number = spelling.wrong_digit(rng, number)
                if rng.random() < 0.012:
                    setattr(s, name, rng.choice(JUNK_PHONES))
                    continue
            prefix = 4 if name == "mobile" else self._area_code_length(number)
            setattr(s, name, spelling.phone(rng, number, prefix))

    @staticmethod
    def _area_code_length(number: str) -> int:
        return max((len(t.area_code) for t in lists.TOWNS if number.startswith(t.area_code)), default=4)

    def _write_email(self, s: Sighting) -> None:
        if not s.email:
            return
        customer, rng, clean = s.customer, self.rng, "email" in s.clean
        s.email = customer.email
        if clean:
            return
        old = next((f.email for f in customer.former if f.email and s.changed.date() < f.until), None)
        s.email = old or s.email
        roll = rng.random()
        if s.form == "guest" and roll < 0.09:
            s.email = rng.choice(self.everybody).email  # a guest order with somebody's e-mail
        elif s.form in {"till", "contact"} and roll < 0.025:
            s.email = rng.choice(JUNK_EMAILS)
        elif roll < 0.03:
            local, domain = s.email.split("@")
            s.email = f"{local}@{lists.MAIL_DOMAIN_SLIPS.get(domain, domain)}"
        elif roll < 0.05:
            local, domain = s.email.split("@")
            s.email = f"{spelling.slip_of_the_finger(rng, local)}@{domain}"
        if rng.random() < 0.1:
            s.email = rng.choice((s.email.upper(), s.email.title()))
