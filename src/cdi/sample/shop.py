"""What the sample webshop stores: flat entities as JSON Lines, completed with what every entity of Shopware
has and with the associations that lead from one to another."""

import hashlib
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, TypeAlias

from cdi.errors import ConfigurationError

Entity: TypeAlias = dict[str, Any]
Follow: TypeAlias = Callable[[Entity], Entity | list[Entity] | None]
"""From an entity to its associated one or ones."""


def fixed_id(name: str) -> str:
    """The 32-hex id of something that exists once in the shop; the generator of the data makes the same."""
    return hashlib.blake2b(name.encode(), digest_size=16).hexdigest()


@dataclass(frozen=True, slots=True)
class Table:
    """One kind of entity: its rows, and its associations by name. `autoload` ones are in every answer."""

    alias: str
    rows: list[Entity]
    associations: Mapping[str, tuple[str, Follow]]
    autoload: frozenset[str] = frozenset()

    def knows(self, field: str) -> bool:
        return field in self.associations or any(field in row for row in self.rows)


@dataclass(frozen=True, slots=True)
class Shop:
    """All tables by entity name; read only."""

    tables: Mapping[str, Table]

    def table(self, alias: str) -> Table:
        return self.tables[alias]


_FILES: Final = ("customer", "customer_address", "newsletter_recipient", "order")
_CREATED: Final = "2015-06-01T08:00:00.000+00:00"
_ROUNDING: Final = {"decimals": 2, "interval": 0.01, "roundForNet": True}
_LANGUAGE: Final = {"languageId": fixed_id("language de"), "salesChannelId": fixed_id("sales channel")}
_CONSTANTS: Final[Mapping[str, Entity]] = {
    "customer": {**_LANGUAGE, "groupId": fixed_id("customer group"), "tagIds": None, "hash": None},
    "customer_address": {"countryStateId": None, "title": None, "additionalAddressLine2": None},
    "newsletter_recipient": {
        **_LANGUAGE,
        "salutationId": fixed_id("salutation not_specified"),
        "title": None,
    },
    "order": {
        **_LANGUAGE,
        "currencyId": fixed_id("currency EUR"),
        "currencyFactor": 1.0,
        "itemRounding": _ROUNDING,
        "totalRounding": _ROUNDING,
    },
}
_SINGLE: Final[Mapping[str, tuple[Entity, ...]]] = {
    "salutation": tuple(
        {
            "id": fixed_id(f"salutation {key}"),
            "salutationKey": key,
            "displayName": shown,
            "letterName": letter,
        }
        for key, shown, letter in (
            ("mr", "Herr", "Sehr geehrter Herr"),
            ("mrs", "Frau", "Sehr geehrte Frau"),
            ("not_specified", "Keine Angabe", "Guten Tag"),
        )
    ),
    "country": (
        {
            "id": fixed_id("country DE"),
            "iso": "DE",
            "iso3": "DEU",
            "name": "Deutschland",
            "addressFormat": {},
        },
    ),
    "locale": ({"id": fixed_id("locale de-DE"), "code": "de-DE", "name": "Deutsch", "territory": "Deutschland"},),
    "language": (
        {
            "id": fixed_id("language de"),
            "localeId": fixed_id("locale de-DE"),
            "name": "Deutsch",
            "active": True,
        },
    ),
    "currency": (
        {
            "id": fixed_id("currency EUR"),
            "isoCode": "EUR",
            "factor": 1.0,
            "symbol": "€",
            "shortName": "EUR",
            "name": "Euro",
            "itemRounding": _ROUNDING,
            "totalRounding": _ROUNDING,
        },
    ),
    "state_machine_state": tuple(
        {
            "id": fixed_id(f"state {name}"),
            "stateMachineId": fixed_id("state machine"),
            "technicalName": name,
            "name": shown,
        }
        for name, shown in (
            ("open", "Offen"),
            ("in_progress", "In Bearbeitung"),
            ("completed", "Abgeschlossen"),
            ("cancelled", "Abgebrochen"),
        )
    ),
}


def load_shop(folder: Path) -> Shop:
    """The shop whose entities lie in `folder`; raises ConfigurationError naming a file that is wrong."""
    rows: dict[str, list[Entity]] = {alias: _read(folder / f"{alias}.jsonl", alias) for alias in _FILES}
    rows |= {
        alias: [{**row, "createdAt": _CREATED, "updatedAt": None} for row in single]
        for alias, single in _SINGLE.items()
    }
    return Shop(_tables(rows))


def _read(path: Path, alias: str) -> list[Entity]:
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
        return [{**json.loads(line), **_CONSTANTS[alias]} for line in lines]
    except OSError:
        raise ConfigurationError(
            f"the sample company's {path} cannot be read", remedy="cdi init DIR makes a complete copy"
        ) from None
    except ValueError:
        raise ConfigurationError(
            f"the sample company's {path} is not JSON Lines", remedy="cdi init DIR makes a complete copy"
        ) from None


def _tables(rows: Mapping[str, list[Entity]]) -> dict[str, Table]:
    by_id = {alias: {row["id"]: row for row in found} for alias, found in rows.items()}
    addresses_of: dict[str, list[Entity]] = {}
    for address in rows["customer_address"]:
        addresses_of.setdefault(address["customerId"], []).append(address)

    def one(alias: str, field: str) -> tuple[str, Follow]:
        return alias, lambda entity: by_id[alias].get(entity[field])

    associations: dict[str, dict[str, tuple[str, Follow]]] = {
        "customer": {
            "salutation": one("salutation", "salutationId"),
            "language": one("language", "languageId"),
            "defaultBillingAddress": one("customer_address", "defaultBillingAddressId"),
            "defaultShippingAddress": one("customer_address", "defaultShippingAddressId"),
            "addresses": ("customer_address", lambda entity: addresses_of.get(entity["id"], [])),
        },
        "customer_address": {
            "country": one("country", "countryId"),
            "salutation": one("salutation", "salutationId"),
            "customer": one("customer", "customerId"),
        },
        "newsletter_recipient": {
            "salutation": one("salutation", "salutationId"),
            "language": one("language", "languageId"),
        },
        "order": {
            "stateMachineState": one("state_machine_state", "stateId"),
            "currency": one("currency", "currencyId"),
            "language": one("language", "languageId"),
            "orderCustomer": ("order_customer", lambda entity: entity["orderCustomer"]),
            "billingAddress": ("order_address", lambda entity: _order_address(entity, by_id)),
        },
        "language": {"locale": one("locale", "localeId")},
        "order_address": {"country": one("country", "countryId")},
    }
    # What exists only inside an order; one row tells which fields there are.
    some_order = rows["order"][:1]
    inside = {
        "order_address": [_order_address(order, by_id) for order in some_order],
        "order_customer": [order["orderCustomer"] for order in some_order],
    }
    every = {**rows, **inside}
    autoload = {"order": frozenset({"stateMachineState", "orderCustomer"})}
    return {
        alias: Table(alias, found, associations.get(alias, {}), autoload.get(alias, frozenset()))
        for alias, found in every.items()
    }


def _order_address(order: Entity, by_id: Mapping[str, Mapping[str, Entity]]) -> Entity:
    """An order keeps its own copy of the address it was billed to."""
    address = by_id["customer_address"][order["billingAddressId"]]
    return {name: value for name, value in address.items() if name != "customerId"} | {"orderId": order["id"]}
