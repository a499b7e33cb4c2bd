"""What shipped connectors ask is held against the vendors' own schemas, which are never part of this project."""

import json
from datetime import timedelta
from functools import cache
from pathlib import Path
from typing import Any

import graphql
import pytest
from jsonschema import Draft202012Validator
from loopback import Asked, Told, serving
from reading import NOW, read

from cdi.ingest.blueprint import HttpManifest
from cdi.ingest.conformance import load_fixture
from cdi.ingest.manifest import load_connector
from cdi.settings import bundled

VAR = Path(__file__).parents[2] / "var"


def vendor_document(pattern: str, script: str) -> Any:
    found = sorted(VAR.glob(pattern))
    if not found:
        pytest.skip(f"the vendor's schema is missing; {script} fetches it (needs npm)")
    return json.loads(found[-1].read_text(encoding="utf-8"))


# -- Shopware: requests against its OpenAPI document ------------------------------------------------------------------


@cache
def shopware() -> dict[str, Any]:
    document: dict[str, Any] = vendor_document("shopware-openapi/*/adminApiSchema.json", ".ci/shopware-openapi")
    # The document knows the words only; the numbers are what every version of Shopware 6 understands.
    count: dict[str, Any] = document["components"]["schemas"]["Criteria"]["properties"]["total-count-mode"]
    document["components"]["schemas"]["Criteria"]["properties"]["total-count-mode"] = {"anyOf": [count, {"enum": [1]}]}
    return document


def shopware_faults(asked: Asked) -> list[str]:
    path = asked.path.removeprefix("/api")
    assert path in shopware()["paths"], path
    content = shopware()["paths"][path]["post"]["requestBody"]["content"]["application/json"]
    schema = {**content["schema"], "components": shopware()["components"]}
    return [error.message for error in Draft202012Validator(schema).iter_errors(asked.body)]


def test_shopwares_document_accepts_every_request() -> None:
    shopware()

    def shop(asked: Asked) -> Told:
        if asked.path == "/api/oauth/token":
            return Told({"access_token": "t", "expires_in": 600})
        page = [{"id": "a", "createdAt": "2026-11-01T00:00:00.000+00:00", "updatedAt": None}]
        return Told({"data": page if asked.body["page"] == 1 else [], "total": 1})

    connector = load_connector(bundled("connectors") / "shopware6" / "connector.yaml")
    with serving(shop) as site:
        config = {"base_url": site.url, "client_id": "i", "client_secret": "s"}
        for stream in connector.streams():
            first = read(connector, Path(), config, stream=stream.name)
            read(connector, Path(), config, stream=stream.name, state=first.state)  # with the filter on changes
            read(connector, Path(), config, stream=stream.name, state=first.state, now=NOW + timedelta(days=2))
    assert any("filter" in asked.body for asked in site.asked)
    assert {asked.path: shopware_faults(asked) for asked in site.asked if shopware_faults(asked)} == {}


# -- Shopify: queries against its GraphQL schema ----------------------------------------------------------------------


@cache
def shopify() -> graphql.GraphQLSchema:
    document = vendor_document("shopify-schema/*/admin_*.json", ".ci/shopify-schema")
    return graphql.build_client_schema(document.get("data", document), assume_valid=True)


SHOPIFY = load_connector(bundled("connectors") / "shopify" / "connector.yaml").manifest
assert isinstance(SHOPIFY, HttpManifest)


@pytest.mark.parametrize("name", SHOPIFY.streams)
def test_shopifys_schema_accepts_every_query(name: str) -> None:
    assert isinstance(SHOPIFY, HttpManifest)
    query = graphql.parse(SHOPIFY.streams[name].request.body["query"])
    assert [error.message for error in graphql.validate(shopify(), query)] == []


@pytest.mark.parametrize(
    ("table", "enum"),
    [
        ("marketing_state", "CustomerEmailAddressMarketingState"),
        ("marketing_state", "CustomerSmsMarketingState"),
        ("marketing_state", "CustomerMarketingConsentState"),
        ("opt_in_level", "CustomerMarketingOptInLevel"),
    ],
)
def test_every_word_of_shopifys_consents_is_translated(table: str, enum: str) -> None:
    said = shopify().type_map[enum]
    assert isinstance(said, graphql.GraphQLEnumType)
    assert set(said.values) - {"UNKNOWN"} <= set(SHOPIFY.tables[table])


def test_a_shop_made_from_shopifys_schema_is_read_as_expected() -> None:
    """Shopify's schema itself executes the queries, over the data of the fixture: a null or a word that the schema does
    not allow would be an error here."""
    schema = shopify()  # asked here, so that a missing schema skips the test and not the server's answer
    fixture = load_fixture(bundled("connectors") / "shopify")
    pages = {e["request"]["body"]["variables"]["after"]: e["answer"]["body"]["data"] for e in fixture.exchanges[:2]}

    def shop(asked: Asked) -> Told:
        query, variables = graphql.parse(asked.body["query"]), asked.body["variables"]
        done = graphql.execute(schema, query, pages[variables["after"]], None, variables)
        assert isinstance(done, graphql.ExecutionResult)
        return Told(done.formatted)

    connector = load_connector(bundled("connectors") / "shopify" / "connector.yaml")
    with serving(shop) as site:
        config = {"base_url": site.url, "access_token": "t"}
        for name, expected in fixture.expected.items():
            reading = read(connector, Path(), config, stream=name)
            assert reading.keys == [record["key"] for record in expected]
            canonical = [connector.map(name, record.data, config) for record in reading.records]
            told = [{part: value for part, value in record.items() if value is not None} for record in canonical]
            assert told == [record["canonical"] for record in expected]
