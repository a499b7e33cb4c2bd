"""`webshop`: the entities of a Shopware 6 shop as JSON Lines, flat; the server adds the associations."""

import hashlib
import json
import random
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from .population import LAST_DAY
from .sighting import Sighting
from .spelling import street_line

BERLIN = ZoneInfo("Europe/Berlin")
Entity = dict[str, Any]


def fixed_id(name: str) -> str:
    """A 32-hex id for something that exists once: a salutation, a currency, a sales channel."""
    return hashlib.blake2b(name.encode(), digest_size=16).hexdigest()


SALUTATIONS = {"Herr": "mr", "Frau": "mrs", "": "not_specified"}
ORDER_STATES = ("open", "in_progress", "completed", "completed", "completed", "cancelled")


def utc(local: datetime) -> str:
    """Local time of Germany as Shopware writes UTC."""
    return local.replace(tzinfo=BERLIN).astimezone(UTC).isoformat(timespec="milliseconds")


def write(rng: random.Random, sightings: list[Sighting], folder: Path) -> None:
    """Customers, addresses, newsletter recipients and orders; gives each sighting its key."""
    ordered = sorted(sightings, key=lambda s: s.created)
    customers: list[Entity] = []
    addresses: list[Entity] = []
    orders: list[Entity] = []
    for number, sighting in enumerate(ordered, 10_001):
        sighting.key = f"{rng.getrandbits(128):032x}"
        homes = list(_addresses(rng, sighting))
        customer = _customer(rng, sighting, number, homes)
        customers.append(customer)
        addresses += homes
        orders += _orders(rng, sighting, customer, homes[0]["id"])
    orders.sort(key=lambda o: o["orderDateTime"])
    for number, order in enumerate(orders, 20_001):
        order["orderNumber"] = str(number)
    _write(folder / "customer.jsonl", customers)
    _write(folder / "customer_address.jsonl", addresses)
    _write(folder / "newsletter_recipient.jsonl", _recipients(rng, ordered))
    _write(folder / "order.jsonl", orders)


def _customer(rng: random.Random, s: Sighting, number: int, homes: list[Entity]) -> Entity:
    organisation = s.customer.kind == "organisation"
    return {
        "id": s.key,
        "customerNumber": str(number),
        "accountType": "business" if organisation else "private",
        "guest": s.form == "guest",
        "active": True,
        "salutationId": fixed_id(f"salutation {SALUTATIONS[s.salutation]}"),
        "title": s.customer.title or None,
        "firstName": s.given_name,
        "lastName": s.family_name,
        "company": s.company or None,
        "vatIds": [s.customer.vat_id] if organisation and s.customer.vat_id and rng.random() < 0.6 else None,
        "email": s.email,
        "birthday": f"{s.birth}T00:00:00.000+00:00" if s.birth else None,
        "doubleOptInRegistration": s.form == "account",
        "doubleOptInConfirmDate": utc(s.created + timedelta(minutes=rng.randint(1, 300)))
        if s.form == "account"
        else None,
        "customFields": {"handelshaus_loyalty_card": s.card} if s.card else None,
        "defaultBillingAddressId": homes[0]["id"],
        "defaultShippingAddressId": homes[-1]["id"],
        "createdAt": utc(s.created),
        "updatedAt": utc(s.changed) if s.changed != s.created else None,
    }


def _addresses(rng: random.Random, s: Sighting) -> Iterator[Entity]:
    """The billing address, and for some a Packstation as the shipping address."""
    home: Entity = {
        "id": f"{rng.getrandbits(128):032x}",
        "customerId": s.key,
        "countryId": fixed_id("country DE"),
        "salutationId": fixed_id(f"salutation {SALUTATIONS[s.salutation]}"),
        "firstName": s.given_name,
        "lastName": s.family_name,
        "company": s.company or None,
        "department": None,
        "street": street_line(rng, s.street, s.house_number),
        "additionalAddressLine1": rng.choice(("2. OG", "Hinterhaus", "c/o Hausverwaltung"))
        if rng.random() < 0.02
        else None,
        "zipcode": s.postal_code,
        "city": s.city,
        "phoneNumber": s.mobile or s.landline or None,
        "createdAt": utc(s.created),
        "updatedAt": None,
    }
    yield home
    if s.form == "account" and s.customer.kind == "person" and rng.random() < 0.03:
        yield home | {
            "id": f"{rng.getrandbits(128):032x}",
            "street": f"Packstation {rng.randint(101, 499)}",
            "additionalAddressLine1": str(rng.randint(10**7, 10**8 - 1)),
            "phoneNumber": None,
        }


def _orders(rng: random.Random, s: Sighting, customer: Entity, billing: str) -> Iterator[Entity]:
    count = 1 if s.form == "guest" else rng.choices((0, 1, 2, 3), weights=(45, 30, 15, 10))[0]
    for _ in range(count):
        days = (LAST_DAY - s.created.date()).days
        when = s.created if s.form == "guest" else s.created + timedelta(days=rng.randint(0, max(days - 1, 0)))
        state = rng.choice(ORDER_STATES)
        order_id = f"{rng.getrandbits(128):032x}"
        yield {
            "id": order_id,
            "orderNumber": "",
            "orderDateTime": utc(when),
            "amountTotal": rng.randint(990, 45_000) / 100,
            "billingAddressId": billing,
            "stateId": fixed_id(f"state {state}"),
            "createdAt": utc(when),
            "updatedAt": utc(when + timedelta(days=1)) if state != "open" else None,
            "orderCustomer": {
                "id": f"{rng.getrandbits(128):032x}",
                "orderId": order_id,
                "customerId": s.key,
                **{name: customer[name] for name in ("email", "firstName", "lastName", "company", "customerNumber")},
            },
        }


def _recipients(rng: random.Random, sightings: list[Sighting]) -> Iterator[Entity]:
    """Every fourth private account takes the newsletter; so do a few people who have no account."""
    for sighting in sightings:
        if sighting.customer.kind == "organisation" or rng.random() >= (0.25 if sighting.form == "account" else 0.03):
            continue
        asked, named = sighting.created + timedelta(days=rng.randint(0, 20)), rng.random() < 0.6
        status = rng.choices(("optIn", "optOut", "notSet", "direct"), weights=(70, 14, 10, 6))[0]
        yield {
            "id": f"{rng.getrandbits(128):032x}",
            "email": sighting.email.lower(),
            "firstName": sighting.given_name if named else None,
            "lastName": sighting.family_name if named else None,
            "zipCode": None,
            "city": None,
            "status": status,
            "hash": f"{rng.getrandbits(128):032x}",
            "confirmedAt": utc(asked + timedelta(hours=2)) if status in {"optIn", "optOut"} else None,
            "createdAt": utc(asked),
            "updatedAt": utc(asked + timedelta(days=90)) if status == "optOut" else None,
        }


def _write(path: Path, entities: Iterable[Entity]) -> None:
    lines = (json.dumps(entity, ensure_ascii=False, separators=(",", ":")) + "\n" for entity in entities)
    path.write_text("".join(lines), encoding="utf-8", newline="\n")
