"""The true customers: who they are now, who they were before they moved or married, and with whom they live."""

import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import date, timedelta

from . import lists
from .spelling import ascii_fold

LAST_DAY = date(2026, 11, 15)
"""Nothing in the sample company is younger than this."""


@dataclass(frozen=True, slots=True)
class Address:
    street: str
    house_number: str
    postal_code: str
    city: str


@dataclass(frozen=True, slots=True)
class Former:
    """What was true of a customer until `until`; None where it did not change then."""

    until: date
    family_name: str | None = None
    address: Address | None = None
    landline: str | None = None
    email: str | None = None


@dataclass(frozen=True, slots=True)
class Customer:
    """One true customer. An organisation's given and family name are its contact person's."""

    entity_id: str
    household_id: str
    kind: str
    gender: str
    title: str
    given_name: str
    middle_name: str
    family_name: str
    birth_date: date
    address: Address
    landline: str
    mobile: str
    email: str
    shared_email: bool = False
    suffix: str = ""
    company: str = ""
    legal_form: str = ""
    vat_id: str = ""
    former: tuple[Former, ...] = ()


@dataclass(frozen=True, slots=True)
class Home:
    """What the members of one household share."""

    household_id: str
    family_name: str
    address: Address
    landline: str
    town: lists.Town


class Population:
    """Draws households and organisations one after the other; every draw comes from the one generator."""

    def __init__(self, rng: random.Random) -> None:
        self.rng = rng
        self.next_entity = 0
        self.next_household = 0
        self.emails: set[str] = set()

    def draw(self, persons: int, organisations: int) -> list[Customer]:
        """At least `persons` persons (no household is cut) and exactly `organisations` organisations."""
        customers: list[Customer] = []
        while len(customers) < persons:
            customers += self.household()
        return customers + [self.organisation() for _ in range(organisations)]

    def household(self) -> list[Customer]:
        home = self.home(self.surname())
        composition = self.rng.choices(
            ("single", "couple", "parent and child", "family", "twins", "senior and junior"),
            weights=(83, 9, 3, 2.5, 1.5, 1),
        )[0]
        return list(getattr(self, f"_{composition.replace(' ', '_')}")(home))

    def home(self, family_name: str) -> Home:
        self.next_household += 1
        town = self.rng.choice(lists.TOWNS)
        return Home(f"H{self.next_household:05}", family_name, self.address(town), self.landline(town), town)

    # ── who lives together ──

    def _single(self, home: Home) -> Iterator[Customer]:
        yield self.person(home, self.birth_date(18, 92))

    def _couple(self, home: Home) -> Iterator[Customer]:
        birth = self.birth_date(24, 88)
        first = self.person(home, birth, gender="m")
        yield first
        partner = self.person(home, birth + timedelta(days=self.rng.randint(-2500, 2500)), gender="f")
        if self.rng.random() < 0.18:
            partner = replace(partner, family_name=self.surname())
        elif self.rng.random() < 0.12:
            partner = replace(partner, family_name=f"{self.surname()}-{home.family_name}")
        yield self.sharing_email(partner, first, 0.14)

    def _parent_and_child(self, home: Home) -> Iterator[Customer]:
        birth = self.birth_date(42, 80)
        parent = self.person(home, birth)
        yield parent
        child = self.person(home, birth + timedelta(days=365 * self.rng.randint(20, 24)))
        yield self.sharing_email(child, parent, 0.25)

    def _family(self, home: Home) -> Iterator[Customer]:
        father, mother = tuple(self._couple(home))
        yield from (father, mother)
        child = self.person(home, father.birth_date + timedelta(days=365 * self.rng.randint(21, 24)))
        yield self.sharing_email(child, mother, 0.2)

    def _twins(self, home: Home) -> Iterator[Customer]:
        birth = self.birth_date(18, 60)
        first = self.person(home, birth)
        yield first
        second = self.person(home, birth)
        while second.given_name == first.given_name:
            second = replace(second, given_name=self.given_name(second.gender))
        yield second

    def _senior_and_junior(self, home: Home) -> Iterator[Customer]:
        birth = self.birth_date(46, 80)
        senior = self.person(home, birth, gender="m")
        junior = self.person(home, birth + timedelta(days=365 * self.rng.randint(20, 30)), gender="m")
        yield replace(senior, suffix="sen.")
        yield replace(junior, given_name=senior.given_name, suffix="jun.")

    # ── one customer ──

    def person(self, home: Home, birth: date, gender: str | None = None) -> Customer:
        rng = self.rng
        gender = gender or rng.choice("fm")
        given = self.given_name(gender)
        customer = Customer(
            entity_id=self.entity_id("P"),
            household_id=home.household_id,
            kind="person",
            gender=gender,
            title="Dr." if rng.random() < 0.022 else "",
            given_name=given,
            middle_name=rng.choice(lists.MIDDLE) if rng.random() < 0.06 else "",
            family_name=home.family_name,
            birth_date=birth,
            address=home.address,
            landline=home.landline,
            mobile=self.mobile(),
            email=self.email(given, home.family_name, birth),
        )
        return self.with_past(customer)

    def with_past(self, customer: Customer) -> Customer:
        """Some moved, some took another name, some changed their e-mail; older records say the old."""
        rng, former = self.rng, []
        if rng.random() < 0.18:
            town = rng.choice(lists.TOWNS)
            former.append(Former(self.day(2018, 2025), address=self.address(town), landline=self.landline(town)))
        if customer.gender == "f" and rng.random() < 0.07:
            former.append(Former(self.day(2018, 2025), family_name=self.surname()))
        if rng.random() < 0.12:
            former.append(
                Former(
                    self.day(2018, 2025),
                    email=self.email(customer.given_name, customer.family_name, customer.birth_date),
                )
            )
        return replace(customer, former=tuple(former))

    def organisation(self) -> Customer:
        rng = self.rng
        home = self.home(self.surname())
        if rng.random() < 0.12:
            company, legal_form = f"{rng.choice(lists.CLUBS)} {home.town.name}", "e.V."
        elif rng.random() < 0.2:
            company, legal_form = (
                f"{home.family_name} & {rng.choice(('Söhne', 'Partner', 'Kollegen'))}",
                "GmbH & Co. KG",
            )
        else:
            company, legal_form = (
                f"{rng.choice(lists.TRADES)} {home.family_name}",
                rng.choice(lists.LEGAL_FORMS),
            )
        gender = rng.choice("fm")
        domain = ascii_fold(company).lower().replace(" & ", "-").replace(" ", "-").replace("(", "").replace(")", "")
        return Customer(
            entity_id=self.entity_id("O"),
            household_id=home.household_id,
            kind="organisation",
            gender=gender,
            title="",
            given_name=self.given_name(gender),
            middle_name="",
            family_name=home.family_name if rng.random() < 0.5 else self.surname(),
            birth_date=self.birth_date(25, 65),
            address=home.address,
            landline=home.landline,
            mobile=self.mobile(),
            email=f"{rng.choice(('info', 'kontakt', 'einkauf', 'buero'))}@{domain}.example",
            company=company,
            legal_form=legal_form,
            vat_id=f"DE{rng.randint(100_000_000, 399_999_999)}" if legal_form != "e.V." else "",
        )

    def sharing_email(self, customer: Customer, other: Customer, share: float) -> Customer:
        """With this probability the customer has no e-mail but the other's."""
        if self.rng.random() >= share:
            return customer
        former = tuple(f for f in customer.former if f.email is None)
        return replace(customer, email=other.email, shared_email=True, former=former)

    # ── values ──

    def entity_id(self, letter: str) -> str:
        self.next_entity += 1
        return f"{letter}{self.next_entity:05}"

    def given_name(self, gender: str) -> str:
        return self.frequent_first(lists.WOMEN if gender == "f" else lists.MEN)

    def surname(self) -> str:
        rng = self.rng
        if rng.random() < 0.5:
            name = self.frequent_first(lists.COMMON_SURNAMES)
        else:
            name = rng.choice(lists.SURNAME_HEADS) + rng.choice(lists.SURNAME_TAILS)
        return f"{rng.choice(lists.PARTICLES)} {name}" if rng.random() < 0.012 else name

    def frequent_first(self, names: Sequence[str]) -> str:
        """The front of the list is drawn more often, as frequent names are."""
        return names[int(len(names) * self.rng.random() ** 1.6)]

    def address(self, town: lists.Town) -> Address:
        rng = self.rng
        if rng.random() < 0.2:
            street = rng.choice(lists.STREET_WHOLE)
        else:
            street = rng.choice(lists.STREET_HEADS) + rng.choice(lists.STREET_TAILS)
        number = str(int(1 + 120 * rng.random() ** 2)) + (rng.choice("abc") if rng.random() < 0.09 else "")
        return Address(street, number, town.postal_code, town.name)

    def landline(self, town: lists.Town) -> str:
        return f"{town.area_code}{self.rng.randint(200_000, 999_999)}{self.rng.choice(('', '', '4', '7'))}"

    def mobile(self) -> str:
        prefix = self.rng.choice(lists.MOBILE_PREFIXES)
        long = prefix in {"0151", "0152", "0157", "0159", "0176"}
        return prefix + "".join(self.rng.choice("0123456789") for _ in range(8 if long else 7))

    def email(self, given: str, family: str, birth: date) -> str:
        """An address that nobody in this population has yet."""
        rng = self.rng
        first, last = (ascii_fold(part).lower().replace(" ", "") for part in (given, family))
        while True:
            local = rng.choice(
                (
                    f"{first}.{last}",
                    f"{first}{last}",
                    f"{first[0]}.{last}",
                    f"{last}{birth.year}",
                    f"{first}.{last}{birth.year % 100:02}",
                    f"{first}{rng.randint(10, 999)}",
                    f"{rng.choice(lists.MAIL_WORDS)}{rng.randint(10, 9999)}",
                )
            )
            address = f"{local}@{rng.choice(lists.MAIL_DOMAINS)}"
            if address not in self.emails:
                self.emails.add(address)
                return address

    def birth_date(self, youngest: int, oldest: int) -> date:
        age = self.rng.randint(youngest * 365, oldest * 365)
        return LAST_DAY - timedelta(days=age)

    def day(self, first_year: int, last_year: int) -> date:
        start = date(first_year, 1, 1)
        return start + timedelta(days=self.rng.randrange((date(last_year, 12, 31) - start).days))
