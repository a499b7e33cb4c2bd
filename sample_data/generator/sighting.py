"""One customer record before it takes the native shape of its source, and what survivorship will ask of it."""

from dataclasses import dataclass, field
from datetime import datetime

from .population import Customer

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


@dataclass(slots=True)
class Sighting:
    """One customer record before it takes the native shape of its source; empty text: it does not say."""

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
