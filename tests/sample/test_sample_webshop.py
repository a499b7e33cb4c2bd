"""The sample webshop behaves as Shopware's Admin API does where a connector can tell."""

import json
import os
from pathlib import Path

import pytest

from cdi import sample
from cdi.errors import ConfigurationError
from cdi.settings import Environment, Settings, load_deployment

ONE = [{"field": "id"}]


def assert_shopware_error(answer, status, code, pointer=None):
    assert answer.status_code == status
    (error,) = answer.json()["errors"]
    assert (error["status"], error["code"]) == (str(status), code)
    assert error.get("source", {}).get("pointer") == pointer


class TestSigningIn:
    def test_a_token_is_a_bearer_token_of_ten_minutes(self, webshop):
        assert webshop.sign_in().json().keys() == {"token_type", "expires_in", "access_token"}
        assert webshop.sign_in().json()["expires_in"] == 600

    def test_a_wrong_secret_is_refused(self, webshop):
        assert_shopware_error(webshop.sign_in(("SAMPLE", "wrong")), 401, "4")

    def test_no_token_no_answer(self, webshop):
        del webshop.http.headers["Authorization"]
        assert_shopware_error(webshop.post("customer"), 401, "9")

    def test_a_token_expires_and_a_new_one_works(self, webshop):
        webshop.clock.seconds = 599
        assert webshop.post("customer", limit=1).is_success
        webshop.clock.seconds = 600
        assert_shopware_error(webshop.post("customer", limit=1), 401, "9")
        webshop.sign_in()
        assert webshop.post("customer", limit=1).is_success

    def test_form_encoded_credentials_work_too(self, webshop):
        body = {"grant_type": "client_credentials", "client_id": "SAMPLE", "client_secret": "for-tests-only"}
        assert webshop.http.post("/api/oauth/token", data=body).is_success


class TestPaging:
    def test_pages_end_and_hold_every_entity_once(self, webshop, sample_folder):
        stored = (sample_folder / "data/webshop/customer.jsonl").read_text(encoding="utf-8").splitlines()
        assert webshop.ids("customer") == {json.loads(line)["id"] for line in stored}
        assert len(webshop.search("customer", limit=500, page=1)) == 500

    def test_more_than_500_is_an_error(self, webshop):
        assert_shopware_error(webshop.post("customer", limit=501), 400, "FRAMEWORK__QUERY_LIMIT_EXCEEDED", "/limit")

    @pytest.mark.parametrize(
        ("wrong", "code"), [({"limit": 0}, "LIMIT"), ({"page": 0}, "PAGE"), ({"page": "x"}, "PAGE")]
    )
    def test_limit_and_page_are_positive(self, webshop, wrong, code):
        (name,) = wrong
        assert_shopware_error(webshop.post("order", **wrong), 400, f"FRAMEWORK__INVALID_{code}_QUERY", f"/{name}")

    def test_the_total_is_what_the_count_mode_says(self, webshop):
        everything = len(webshop.ids("customer"))
        ask = {"limit": 10, "page": 1}
        assert webshop.post("customer", **ask).json()["total"] == 10
        for mode in (1, "exact"):
            assert webshop.post("customer", **ask, total_count_mode=mode).json()["total"] == everything
        assert webshop.post("customer", **ask, total_count_mode="next-pages").json()["total"] == 51


class TestFilters:
    def test_updated_since_alone_misses_what_was_never_updated(self, webshop):
        since = "2026-06-01 00:00:00"
        updated = {"type": "range", "field": "updatedAt", "parameters": {"gte": since}}
        never = {"type": "equals", "field": "updatedAt", "value": None}
        created = {"type": "range", "field": "createdAt", "parameters": {"gte": since}}
        fresh = {"type": "multi", "operator": "and", "queries": [never, created]}
        alone = webshop.ids("customer", filter=[updated])
        both = webshop.ids("customer", filter=[{"type": "multi", "operator": "or", "queries": [updated, fresh]}])
        rows = [row for page in (1, 2, 3, 4) for row in webshop.search("customer", page=page, sort=ONE)]
        changed_since = {r["id"] for r in rows if (r["updatedAt"] or r["createdAt"])[:10] >= "2026-06-01"}
        assert alone < both == changed_since

    def test_not_is_the_complement(self, webshop):
        guests = [{"type": "equals", "field": "guest", "value": True}]
        others = [{"type": "not", "operator": "and", "queries": guests}]
        assert webshop.ids("customer", filter=guests) | webshop.ids("customer", filter=others) == webshop.ids(
            "customer"
        )
        assert not webshop.ids("customer", filter=guests) & webshop.ids("customer", filter=others)

    @pytest.mark.parametrize(("operator", "equal_to"), [("nor", ("not", "or")), ("nand", ("not", "and"))])
    def test_nor_and_nand_are_negations(self, webshop, operator, equal_to):
        queries = [
            {"type": "equals", "field": "guest", "value": True},
            {"type": "prefix", "field": "lastName", "value": "s"},
        ]
        negated = [{"type": equal_to[0], "operator": equal_to[1], "queries": queries}]
        joined = [{"type": "multi", "operator": operator, "queries": queries}]
        assert webshop.ids("customer", filter=joined) == webshop.ids("customer", filter=negated) != set()

    def test_equals_any_takes_a_list_or_bars(self, webshop):
        some = sorted(webshop.ids("customer"))[:3]
        for value in (some, "|".join(some)):
            assert webshop.ids("customer", filter=[{"type": "equalsAny", "field": "id", "value": value}]) == set(some)

    def test_filters_follow_associations(self, webshop):
        in_berlin = [{"type": "equals", "field": "defaultBillingAddress.city", "value": "Berlin"}]
        found = webshop.search("customer", filter=in_berlin, associations={"defaultBillingAddress": {}})
        assert found and {row["defaultBillingAddress"]["city"].casefold() for row in found} == {"berlin"}

    def test_an_unknown_field_or_filter_is_named(self, webshop):
        unknown = [{"type": "equals", "field": "nickname", "value": "x"}]
        assert_shopware_error(
            webshop.post("customer", filter=unknown), 400, "FRAMEWORK__UNMAPPED_FIELD", "/filter/0/field"
        )
        odd = [{"type": "resembles", "field": "email", "value": "x"}]
        assert_shopware_error(
            webshop.post("customer", filter=odd), 400, "FRAMEWORK__INVALID_FILTER_QUERY", "/filter/0/type"
        )


class TestAnswers:
    def test_associations_are_there_only_when_asked_for(self, webshop):
        (plain,) = webshop.search("customer", limit=1)
        assert plain["addresses"] is None and plain["language"] is None
        asked = {"addresses": {"associations": {"country": {}}}, "language": {"associations": {"locale": {}}}}
        (full,) = webshop.search("customer", limit=1, associations=asked)
        assert full["language"]["locale"]["code"] == "de-DE"
        assert {a["country"]["iso"] for a in full["addresses"]} == {"DE"}
        assert_shopware_error(
            webshop.post("customer", associations={"pets": {}}),
            400,
            "FRAMEWORK__ASSOCIATION_NOT_FOUND",
            "/associations/pets",
        )

    def test_includes_leave_only_what_is_named(self, webshop):
        (row,) = webshop.search("customer", limit=1, includes={"customer": ["id", "email"]})
        assert row.keys() == {"id", "email", "apiAlias"}

    def test_includes_reach_into_associations(self, webshop):
        wanted = {"order": ["orderCustomer"], "order_customer": ["customerId"]}
        (order,) = webshop.search("order", limit=1, includes=wanted)
        assert order.keys() == {"orderCustomer", "apiAlias"}
        assert order["orderCustomer"].keys() == {"customerId", "apiAlias"}

    def test_never_updated_stands_first(self, webshop):
        stamps = [row["updatedAt"] for row in webshop.search("customer", sort=[{"field": "updatedAt"}, *ONE])]
        assert stamps[0] is None
        assert [s for s in stamps if s] == sorted(s for s in stamps if s)

    def test_only_json_is_spoken(self, webshop):
        webshop.http.headers["Accept"] = "*/*"
        assert webshop.post("customer").status_code == 406

    def test_other_paths_and_methods_are_refused(self, webshop):
        assert webshop.post("product").status_code == 404
        assert webshop.http.get("/api/search/customer").status_code == 405
        assert webshop.http.post("/api/search/customer", content=b"{").status_code == 400


class TestRunning:
    @pytest.fixture(autouse=True)
    def _no_webshop_yet(self, monkeypatch):
        for name in (sample.WEBSHOP_URL, sample.CLIENT_ID, sample.CLIENT_SECRET):
            monkeypatch.delenv(name, raising=False)

    def settings(self, folder: Path, **changes: object) -> Settings:
        deployment = load_deployment(folder / "cdi.yaml").model_copy(update=changes)
        return Settings(folder, deployment, Environment())

    def test_the_environment_says_where_it_is_while_it_runs(self, sample_folder):
        with sample.running(self.settings(sample_folder)):
            assert os.environ[sample.WEBSHOP_URL].startswith("http://127.0.0.1:")
            assert os.environ[sample.CLIENT_SECRET].startswith("demo-only-")
        assert sample.WEBSHOP_URL not in os.environ
        assert sample.CLIENT_SECRET not in os.environ

    def test_nothing_is_started_in_any_other_deployment(self, tmp_path, sample_folder):
        with sample.running(self.settings(sample_folder, sample_company=False)):
            assert sample.WEBSHOP_URL not in os.environ

    def test_a_webshop_that_is_named_already_is_kept(self, sample_folder, monkeypatch):
        monkeypatch.setenv(sample.WEBSHOP_URL, "https://shop.example")
        with sample.running(self.settings(sample_folder)):
            assert os.environ[sample.WEBSHOP_URL] == "https://shop.example"
            assert sample.CLIENT_SECRET not in os.environ

    def test_missing_data_are_named(self, sample_folder, tmp_path):
        settings = Settings(tmp_path, load_deployment(sample_folder / "cdi.yaml"), Environment())
        with pytest.raises(ConfigurationError, match=r"customer\.jsonl"), sample.running(settings):
            pass
