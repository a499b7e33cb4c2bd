"""Every profile has one data owner, and rules that disagree say so."""

from datetime import UTC, datetime, timedelta
from itertools import permutations

import pytest

from cdi.resolution.golden import build_golden
from cdi.resolution.ownership import OwnerAssignment, Ownership, OwnershipRule, assigned_owner, find_owner
from cdi.resolution.survivorship import RecordFacts, SurvivorshipRules

NOON = datetime(2025, 3, 1, 12, tzinfo=UTC)

WHOLESALE = OwnershipRule("companies", "b2b", attribute="kind", equals="organisation")
VIP = OwnershipRule("gold customers", "vip-desk", attribute="attributes.segment", equals="Gold")
AUSTRIA = OwnershipRule("austria", "vienna", attribute="addresses.country", equals="AT")
ONLINE = OwnershipRule("online customers", "e-commerce", has_source=("webshop", "social"))


def record(record_id, source="shop", **canonical):
    return RecordFacts(record_id, source, str(record_id), NOON, 0.5, source, canonical)


def owner_of(records, *rules, assigned=None):
    golden = build_golden(records, SurvivorshipRules())
    return find_owner(golden, records, rules, "customer-office", assigned)


def test_without_a_rule_that_holds_the_company_s_central_customer_owner_answers():
    assert owner_of([record(1)], WHOLESALE, VIP, ONLINE) == Ownership("customer-office", "customer owner")


@pytest.mark.parametrize(
    ("canonical", "rule"),
    [
        ({"kind": "organisation"}, WHOLESALE),
        ({"attributes": {"segment": "GOLD "}}, VIP),
        ({"addresses": [{"city": "Wien", "country": "at"}]}, AUSTRIA),
    ],
)
def test_a_rule_looks_at_a_golden_value_whatever_its_case(canonical, rule):
    assert owner_of([record(1, **canonical)], rule) == Ownership(rule.owner, rule.name)
    assert owner_of([record(1)], rule).rule == "customer owner"


def test_a_rule_looks_at_the_golden_value_and_not_at_alternatives():
    records = [
        record(1, addresses=[{"city": "Wien", "country": "AT"}]),
        RecordFacts(2, "webshop", "2", NOON, 0.9, "webshop", {"addresses": [{"city": "Marl", "country": "DE"}]}),
    ]
    assert owner_of(records, AUSTRIA).owner == "customer-office"


def test_a_rule_looks_at_the_sources_of_the_live_records():
    assert owner_of([record(1), record(2, "social")], ONLINE).owner == "e-commerce"
    assert owner_of([record(1)], ONLINE).owner == "customer-office"


def test_all_conditions_of_a_rule_must_hold():
    both = OwnershipRule("online companies", "b2b-online", ("webshop",), "kind", "organisation")
    assert owner_of([record(1, "webshop", kind="organisation")], both).owner == "b2b-online"
    assert owner_of([record(1, "webshop", kind="person")], both).owner == "customer-office"
    assert owner_of([record(1, "shop", kind="organisation")], both).owner == "customer-office"


def test_a_rule_without_a_text_asks_whether_there_is_a_value():
    has_birth_date = OwnershipRule("known age", "club", attribute="birth_date")
    assert owner_of([record(1, birth_date="1980-05-04")], has_birth_date).owner == "club"
    assert owner_of([record(1)], has_birth_date).owner == "customer-office"


def test_the_first_rule_that_holds_wins_and_the_others_disagree():
    gold_online = record(1, "webshop", attributes={"segment": "gold"})
    assert owner_of([gold_online], VIP, WHOLESALE, ONLINE) == Ownership(
        "vip-desk", "gold customers", (("online customers", "e-commerce"),)
    )
    assert owner_of([gold_online], ONLINE, VIP).owner == "e-commerce"


def test_rules_that_name_the_same_owner_do_not_disagree():
    again = OwnershipRule("social customers", "e-commerce", has_source=("social",))
    assert owner_of([record(1, "social")], ONLINE, again).disagreement == ()


def test_a_hand_over_outranks_all_rules_and_ends_their_disagreement():
    gold_online = record(1, "webshop", attributes={"segment": "gold"})
    assert owner_of([gold_online], VIP, ONLINE, assigned="legal") == Ownership("legal", "assigned by hand")


def test_a_hand_over_goes_with_its_record_and_of_several_the_newest_holds():
    first = OwnerAssignment("legal", 1, "s.keller", "case 12", NOON)
    second = OwnerAssignment("vip-desk", 2, "m.vogt", "asked for it", NOON + timedelta(days=1))
    for order in permutations([first, second]):
        assert assigned_owner(order, [record(1), record(2)]) == "vip-desk"
        assert assigned_owner(order, [record(1)]) == "legal"
        assert assigned_owner(order, [record(3)]) is None
