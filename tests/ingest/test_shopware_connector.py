"""The Shopware 6 connector against the sample webshop, which answers as Shopware's Admin API does; one test a trap."""

import copy
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from reading import NOW, Reading, context, read

from cdi.errors import SourceError
from cdi.ingest.manifest import DeclaredConnector, load_connector
from cdi.sample.admin_api import AdminApi
from cdi.sample.http import serving
from cdi.sample.shop import load_shop
from cdi.settings import bundled


@dataclass
class Webshop:
    """The running shop, whose rows a test may change, and the connector that reads it."""

    api: AdminApi
    config: dict[str, Any]
    connector: DeclaredConnector

    def rows(self, entity: str) -> list[dict[str, Any]]:
        return self.api.shop.tables[entity].rows

    def read(self, stream: str = "customers", state: Any = None, now: datetime = NOW) -> Reading:
        return read(self.connector, Path(), self.config, stream=stream, state=state, now=now)

    def canonical(self, native: dict[str, Any], stream: str = "customers") -> dict[str, Any]:
        found: dict[str, Any] = self.connector.map(stream, native, self.config)
        return found


@pytest.fixture
def webshop() -> Iterator[Webshop]:
    api = AdminApi(load_shop(bundled("sample_data") / "data" / "webshop"), "cdi", "geheim")
    connector = load_connector(bundled("connectors") / "shopware6" / "connector.yaml")
    with serving(api) as url:
        config = {
            "base_url": url,
            "client_id": "cdi",
            "client_secret": "geheim",
            "loyalty_card_field": "handelshaus_loyalty_card",
        }
        yield Webshop(api, config, connector)


def newest(webshop: Webshop) -> datetime:
    """The last moment at which anything in the shop changed."""
    times = [row["updatedAt"] or row["createdAt"] for row in webshop.rows("customer")]
    return datetime.fromisoformat(max(times))


def test_the_first_reading_gives_every_customer_with_addresses(webshop: Webshop) -> None:
    reading = webshop.read()
    assert sorted(reading.keys) == sorted(row["id"] for row in webshop.rows("customer"))
    assert len(reading.keys) > 1000  # several pages of 500
    assert reading.full_scan
    assert reading.rejected == []
    assert all(record.source_time is not None for record in reading.records)
    streets = {a["street"] for r in reading.records for a in webshop.canonical(r.data).get("addresses", [])}
    assert streets == {row["street"] for row in webshop.rows("customer_address") if row["street"]}


def test_the_second_reading_brings_nothing_that_has_not_changed(webshop: Webshop) -> None:
    first = webshop.read()
    second = webshop.read(state=first.state)
    overlap = newest(webshop) - timedelta(minutes=10)
    assert all(r.source_time is not None and r.source_time >= overlap for r in second.records)
    assert len(second.records) < 10
    assert not second.full_scan
    assert second.state == first.state


def test_a_new_customer_is_found_although_updated_at_is_null_until_the_first_update(webshop: Webshop) -> None:
    first = webshop.read()
    new = copy.deepcopy(webshop.rows("customer")[0])
    created = (newest(webshop) + timedelta(hours=1)).isoformat(timespec="milliseconds")
    new |= {"id": "f" * 32, "customerNumber": "99999", "createdAt": created, "updatedAt": None}
    webshop.rows("customer").append(new)
    assert "f" * 32 in webshop.read(state=first.state).keys


def test_an_old_customer_that_changed_is_found(webshop: Webshop) -> None:
    first = webshop.read()
    changed = webshop.rows("customer")[0]
    changed["updatedAt"] = (newest(webshop) + timedelta(hours=1)).isoformat(timespec="milliseconds")
    assert changed["id"] in webshop.read(state=first.state).keys


def test_a_deleted_customer_is_missing_in_the_next_days_full_scan(webshop: Webshop) -> None:
    first = webshop.read()
    gone = webshop.rows("customer").pop()
    later = webshop.read(state=first.state, now=NOW + timedelta(days=1))
    assert later.full_scan
    assert gone["id"] not in later.keys


def test_a_token_that_expires_in_the_middle_is_renewed(webshop: Webshop) -> None:
    seconds = iter(range(0, 100_000, 400))  # each look at the clock is 400 s later; a token lives 600
    webshop.api.clock = lambda: float(next(seconds))
    assert len(webshop.read().keys) == len(webshop.rows("customer"))


def test_a_guests_address_is_unverified_and_has_no_customer_number(webshop: Webshop) -> None:
    natives = [record.data for record in webshop.read().records]
    guests = [webshop.canonical(native) for native in natives if native["guest"]]
    members = [webshop.canonical(n) for n in natives if not n["guest"] and n["doubleOptInConfirmDate"]]
    assert guests
    assert members
    assert all(guest["emails"][0]["verified"] is False for guest in guests)
    assert not any(i["type"] == "customer_number" for guest in guests for i in guest.get("identifiers", []))
    assert all(member["emails"][0]["verified"] is True for member in members)


def test_a_registration_that_was_never_confirmed_is_unverified(webshop: Webshop) -> None:
    native = webshop.read().records[0].data
    native |= {"guest": False, "doubleOptInRegistration": True, "doubleOptInConfirmDate": None}
    assert webshop.canonical(native)["emails"][0]["verified"] is False


def test_a_customer_has_what_the_shop_knows(webshop: Webshop) -> None:
    native = {
        "accountType": "business",
        "guest": False,
        "customerNumber": "10001",
        "firstName": "Erika",
        "lastName": "Mustermann",
        "title": "Dr.",
        "salutation": {"salutationKey": "mrs"},
        "company": "Muster GmbH",
        "vatIds": ["DE123456789"],
        "birthday": "1999-12-31T00:00:00.000+00:00",
        "email": "erika@example.de",
        "language": {"locale": {"code": "de-DE"}},
        "customFields": {"handelshaus_loyalty_card": "4900"},
        "defaultBillingAddressId": "b",
        "defaultShippingAddressId": "s",
        "addresses": [
            {"id": "s", "street": "Packstation 123", "zipcode": "10115", "city": "Berlin", "country": {"iso": "DE"}},
            {"id": "b", "street": "Weg 1", "phoneNumber": "030 1", "additionalAddressLine1": "Hinterhaus"},
            {"id": "x", "street": "Alte Str. 2", "phoneNumber": "030 1"},
        ],
    }
    assert webshop.canonical(native) == {
        "kind": "organisation",
        "name": {"salutation": "mrs", "title": "Dr.", "given_name": "Erika", "family_name": "Mustermann"},
        "organisation": {"name": "Muster GmbH"},
        "birth_date": "1999-12-31",
        "language": "de-DE",
        "emails": [{"value": "erika@example.de", "verified": True}],
        "phones": [{"value": "030 1"}],
        "addresses": [
            {"use": "delivery", "street": "Packstation 123", "postal_code": "10115", "city": "Berlin", "country": "DE"},
            {"use": "billing", "street": "Weg 1", "extra": "Hinterhaus"},
            {"street": "Alte Str. 2"},
        ],
        "identifiers": [
            {"type": "customer_number", "value": "10001"},
            {"type": "loyalty_card", "value": "4900"},
            {"type": "vat_id", "value": "DE123456789"},
        ],
    }


def test_a_newsletter_recipient_is_a_consent_known_by_address_only(webshop: Webshop) -> None:
    reading = webshop.read("newsletter")
    consents = {record.data["status"]: webshop.canonical(record.data, "newsletter") for record in reading.records}
    assert consents["optIn"]["status"] == "granted"
    assert consents["optIn"]["method"] == "double_opt_in"
    assert consents["optOut"]["status"] == "withdrawn"
    assert consents["notSet"]["status"] == "pending"
    assert consents["direct"]["status"] == "granted"
    assert all(consent["customer_key"] is None for consent in consents.values())
    assert all(consent["contact"]["emails"][0]["value"] for consent in consents.values())
    assert all(datetime.fromisoformat(consent["at"]).tzinfo for consent in consents.values())


def test_an_order_is_a_touchpoint_of_its_customer(webshop: Webshop) -> None:
    reading = webshop.read("orders")
    order = webshop.rows("order")[0]
    record = next(record for record in reading.records if record.key == order["id"])
    touchpoint = webshop.canonical(record.data, "orders")
    assert touchpoint["customer_key"] == order["orderCustomer"]["customerId"]
    assert touchpoint["type"] == "order"
    assert touchpoint["currency"] == "EUR"
    assert float(touchpoint["amount"]) == order["amountTotal"]
    assert touchpoint["state"] in {"open", "in_progress", "completed", "cancelled"}


def test_an_order_whose_customer_was_deleted_keeps_its_contact(webshop: Webshop) -> None:
    record = webshop.read("orders").records[0]
    record.data["orderCustomer"]["customerId"] = None
    touchpoint = webshop.canonical(record.data, "orders")
    assert touchpoint["contact"]["emails"] == [{"value": record.data["orderCustomer"]["email"]}]


def test_no_more_is_asked_for_than_is_read(webshop: Webshop) -> None:
    native = webshop.read().records[0].data
    assert "password" not in native
    assert "remoteAddress" not in native
    assert "lastLogin" not in native


def test_a_wrong_secret_is_told_in_one_line(webshop: Webshop) -> None:
    webshop.config["client_secret"] = "verraten"
    with pytest.raises(SourceError, match=r"source quelle: .*\(401\)\. Check the client id and secret") as failure:
        webshop.read()
    assert "verraten" not in str(failure.value)


def test_an_address_that_is_no_shop_is_told(webshop: Webshop) -> None:
    webshop.config["base_url"] += "/shop"
    with pytest.raises(SourceError, match=r"there is no such address \(404\)\. Check base_url"):
        webshop.read()


def test_check_answers_for_every_stream(webshop: Webshop) -> None:
    now = context(Path(), now=datetime.now(UTC))
    assert [result.ok for result in webshop.connector.check(webshop.config, now)] == [True, True, True]
