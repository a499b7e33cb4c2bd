"""What a record says: the current truth where it must, else what was true at its time, with the writer's errors."""

import random
from datetime import date, timedelta

from . import lists, spelling
from .population import Address, Customer, Former
from .sighting import Sighting

JUNK_EMAILS = ("kunde@kunde.de", "test@test.de", "keine@email.de")
JUNK_PHONES = ("0000", "0123456789", "000000")


def at_that_time(s: Sighting, what: str) -> str | Address | None:
    """What was true of this when the record was written, if it was something else than today."""
    past = (f for f in s.customer.former if s.changed.date() < f.until)
    return next((value for f in past if (value := getattr(f, what))), None)


class Hand:
    """Fills in sightings. A field that the sighting carries is marked with text; the others stay empty."""

    def __init__(self, rng: random.Random, everybody: list[Customer]) -> None:
        self.rng = rng
        self.everybody = everybody

    def write(self, s: Sighting) -> None:
        """Every field that the sighting carries."""
        s.given_name, s.family_name = s.customer.given_name, s.customer.family_name
        if s.salutation:
            s.salutation = "Frau" if s.customer.gender == "f" else "Herr"
        if s.customer.kind == "organisation":
            self._company(s)
        elif "name" not in s.clean:
            self._surname_of_its_time(s)
            self._name_errors(s)
            self._letter_errors(s)
        if s.birth:
            self._birth(s)
        if s.street:
            self._address(s)
        elif s.city:
            former = at_that_time(s, "address")
            s.city = (former if isinstance(former, Address) else s.customer.address).city
        self._phones(s)
        if s.email:
            self._email(s)

    def happens(self, share: float) -> bool:
        return self.rng.random() < share

    # ── names ──

    def _company(self, s: Sighting) -> None:
        customer = s.customer
        s.company = f"{customer.company} {customer.legal_form}".strip()
        s.contact_person = s.form in {"account", "lead"} or self.happens(0.3)
        if "name" not in s.clean:
            s.company = spelling.company_name(self.rng, customer.company, customer.legal_form)

    def _surname_of_its_time(self, s: Sighting) -> None:
        former = at_that_time(s, "family_name")
        changed = next((f for f in s.customer.former if f.family_name), Former(s.changed.date()))
        if isinstance(former, str):
            s.family_name = former
        elif changed.family_name and self.happens(0.3):
            s.birth_name = changed.family_name

    def _name_errors(self, s: Sighting) -> None:
        rng = self.rng
        if self.happens(0.16):
            s.given_name = rng.choice(lists.SHORT_FORMS.get(s.given_name, (s.given_name,)))
        elif self.happens(0.04):
            s.given_name = f"{s.given_name[0]}."
        elif self.happens(0.12):
            s.given_name = spelling.typo(rng, s.given_name)
        if s.customer.middle_name and self.happens(0.5):
            s.given_name = f"{s.given_name}{rng.choice((' ', '-'))}{s.customer.middle_name}"
        if "-" in s.family_name and self.happens(0.4):
            parts = s.family_name.split("-")
            s.family_name = rng.choice((parts[0], parts[1], f"{parts[1]}-{parts[0]}"))
        if self.happens(0.14):
            s.family_name = spelling.typo(rng, s.family_name)
        if s.customer.suffix and self.happens(0.5):
            s.family_name = f"{s.family_name} {s.customer.suffix}"

    def _letter_errors(self, s: Sighting) -> None:
        rng = self.rng
        names = (s.given_name, s.family_name)
        if self.happens(0.35):
            names = (spelling.other_umlauts(rng, names[0]), spelling.other_umlauts(rng, names[1]))
        if self.happens(0.012):
            names = (spelling.mojibake(names[0]), spelling.mojibake(names[1]))
        if self.happens(0.03):
            upper = self.happens(0.5)
            names = tuple(n.upper() if upper else n.lower() for n in names)  # type: ignore[assignment]  # two stay two
        if self.happens(0.008):
            names = (names[1], names[0])
        s.given_name, s.family_name = names

    # ── birth dates ──

    def _birth(self, s: Sighting) -> None:
        birth = s.customer.birth_date
        s.birth = birth.isoformat()
        if "birth" in s.clean:
            return
        roll = self.rng.random()
        if roll < 0.05:
            s.birth = "1900-01-01"
        elif roll < 0.09 and birth.day <= 12:
            s.birth = date(birth.year, birth.day, birth.month).isoformat()
        elif roll < 0.14:
            off = self.rng.choice((-10, -1, 1, 10, 365, -365, 3650, -3650))
            s.birth = (birth + timedelta(days=off)).isoformat()

    # ── addresses ──

    def _address(self, s: Sighting) -> None:
        former = None if "address" in s.clean else at_that_time(s, "address")
        address = former if isinstance(former, Address) else s.customer.address
        s.house_number, s.postal_code, s.city = address.house_number, address.postal_code, address.city
        s.street = address.street
        if "address" in s.clean:
            return
        self._address_errors(s)
        if s.form in {"till", "contact"} and self.happens(0.012):
            s.street, s.house_number = "unbekannt", ""

    def _address_errors(self, s: Sighting) -> None:
        rng = self.rng
        s.street = spelling.street_name(rng, s.street)
        if self.happens(0.07):
            s.street = spelling.typo(rng, s.street)
        if self.happens(0.03):
            s.house_number = str(rng.randint(1, 90))
        if self.happens(0.045):
            s.postal_code = spelling.wrong_digit(rng, s.postal_code)
        if self.happens(0.3):
            s.city = rng.choice(lists.TOWN_VARIANTS.get(s.city, (s.city,)))
        if self.happens(0.04):
            s.city = spelling.typo(rng, s.city)
        if self.happens(0.2):
            s.street, s.city = spelling.other_umlauts(rng, s.street), spelling.other_umlauts(rng, s.city)
        if self.happens(0.01):
            s.street, s.city = spelling.mojibake(s.street), spelling.mojibake(s.city)

    # ── phones and e-mail ──

    def _phones(self, s: Sighting) -> None:
        if s.landline:
            former = at_that_time(s, "landline")
            s.landline = self._phone(s, former if isinstance(former, str) else s.customer.landline)
        if s.mobile:
            s.mobile = self._phone(s, s.customer.mobile)

    def _phone(self, s: Sighting, number: str) -> str:
        rng = self.rng
        if "phone" in s.clean:
            number = s.customer.mobile if number == s.customer.mobile else s.customer.landline
        elif self.happens(0.012):
            return rng.choice(JUNK_PHONES)
        elif self.happens(0.035):
            number = spelling.wrong_digit(rng, number)
        return spelling.phone(rng, number, lists.prefix_length(number))

    def _email(self, s: Sighting) -> None:
        s.email = s.customer.email
        if "email" in s.clean:
            return
        former = at_that_time(s, "email")
        if isinstance(former, str):
            s.email = former
        s.email = self._wrong_email(s)
        if self.happens(0.1):
            s.email = self.rng.choice((s.email.upper(), s.email.title()))

    def _wrong_email(self, s: Sighting) -> str:
        """Somebody else's, none at all, another domain, a slip; mostly the right one."""
        rng, roll = self.rng, self.rng.random()
        local, domain = s.email.split("@")
        if s.form == "guest" and roll < 0.09:
            return rng.choice(self.everybody).email
        if s.form in {"till", "contact"} and roll < 0.04:
            return rng.choice(JUNK_EMAILS)
        if roll < 0.05:
            return f"{local}@{lists.MAIL_DOMAIN_SLIPS.get(domain, domain)}"
        if roll < 0.09:
            return f"{spelling.slip_of_the_finger(rng, local)}@{domain}"
        return s.email
