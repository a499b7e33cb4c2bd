"""Golden records: what survives, and where it says that it comes from."""

import json
from datetime import UTC, datetime, timedelta, timezone
from itertools import permutations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from naive_golden import naive_golden

from cdi.fields import ATTRIBUTES, Shape
from cdi.resolution.golden import GoldenRecord, build_golden, changed_attributes
from cdi.resolution.survivorship import PINNED, RULES, Pin, RecordFacts, SurvivorshipRules

NOON = datetime(2025, 3, 1, 12, tzinfo=UTC)
DEFAULT = SurvivorshipRules()


def said(record_id, source="shop", *, days=0, trust=0.5, owner=None, key=None, **canonical):
    return RecordFacts(
        record_id,
        source,
        key or f"k{record_id}",
        NOON + timedelta(days=days),
        trust,
        owner or f"{source}-owner",
        canonical,
        derived_from=canonical.pop("derived_from", None),
    )


def pinned(attribute, value, record_id, *, days=0, author="s.keller", reason="asked the customer"):
    return Pin(attribute, value, record_id, author, reason, NOON + timedelta(days=days))


ANNA = {"given_name": "Anna", "family_name": "Müller"}
HOME = {"street": "Talstraße", "house_number": "3", "postal_code": "32257", "city": "Bünde", "country": "DE"}


def test_a_lone_record_gives_all_its_values_with_source_key_time_owner_and_rule():
    golden = build_golden([said(1, "webshop", name=ANNA, birth_date="1980-05-04")], DEFAULT)
    assert golden.attributes["birth_date"] == {
        "value": "1980-05-04",
        "source": "webshop",
        "key": "k1",
        "observed_at": "2025-03-01T12:00:00+00:00",
        "rule": "only value",
        "data_owner": "webshop-owner",
        "sources": [
            {
                "source": "webshop",
                "key": "k1",
                "observed_at": "2025-03-01T12:00:00+00:00",
                "data_owner": "webshop-owner",
            }
        ],
        "alternatives": [],
    }
    assert set(golden.attributes) == {"name", "birth_date"}


def test_equal_values_stand_once_with_both_as_provenance():
    golden = build_golden(
        [said(1, "shop", name=ANNA), said(2, "webshop", name={**ANNA, "family_name": "MÜLLER "})], DEFAULT
    )
    name = golden.attributes["name"]
    assert name["rule"] == "agreement"
    assert [witness["source"] for witness in name["sources"]] == ["shop", "webshop"]
    assert name["alternatives"] == []


@pytest.mark.parametrize(
    ("rules", "survivor", "decided_by"),
    [
        (("trust",), "shop", "trust"),
        (("newest",), "callcentre", "newest"),
        (("oldest",), "shop", "oldest"),
        (("most_frequent", "trust"), "callcentre", "most_frequent"),
        (("validated", "trust"), "webshop", "validated"),
        ((), "callcentre", "tie: newest"),
    ],
)
def test_rules_decide_in_their_order_and_the_entry_names_the_one_that_did(rules, survivor, decided_by):
    records = [
        said(1, "shop", days=0, trust=0.9, emails=[{"value": "a@example.de"}]),
        said(2, "webshop", days=1, trust=0.5, emails=[{"value": "b@example.de", "verified": True}]),
        said(3, "social", days=2, trust=0.1, emails=[{"value": "c@example.de"}]),
        said(4, "callcentre", days=3, trust=0.2, emails=[{"value": "c@example.de"}]),
    ]
    entry = build_golden(records, SurvivorshipRules(rules)).attributes["emails"]
    assert (entry["source"], entry["rule"]) == (survivor, decided_by)


def test_a_salutation_does_not_split_the_vote_for_a_name():
    records = [
        said(1, name={**ANNA, "salutation": "Frau"}),
        said(2, days=1, name=ANNA),
        said(3, days=2, name={"given_name": "Anja", "family_name": "Müller"}),
    ]
    name = build_golden(records, SurvivorshipRules(("most_frequent", "newest"))).attributes["name"]
    assert (name["value"], name["rule"]) == (ANNA, "newest")
    assert [other["value"]["given_name"] for other in name["alternatives"]] == ["Anna", "Anja"]


def test_an_initial_never_beats_a_written_name_under_most_complete():
    records = [
        said(
            1,
            trust=0.9,
            days=9,
            name={"title": "Dr.", "salutation": "Frau", "given_name": "A.", "family_name": "Müller"},
        ),
        said(2, trust=0.1, name=ANNA),
    ]
    golden = build_golden(records, SurvivorshipRules(attributes={"name": ("most_complete", "trust")}))
    assert golden.value("name.given_name") == "Anna"


def test_a_full_birth_date_is_more_complete_than_a_year():
    records = [
        said(1, days=5, birth_date="1980"),
        said(2, birth_date="1980-05-04"),
        said(3, days=7, birth_date="1980-00-00"),
    ]
    golden = build_golden(records, SurvivorshipRules(("most_complete", "newest")))
    assert golden.value("birth_date") == "1980-05-04"


def test_the_name_and_the_address_come_from_one_record_as_a_whole():
    records = [
        said(1, trust=0.9, name={"given_name": "Anna"}, addresses=[{"street": "Neuweg", "city": "Marl"}]),
        said(
            2,
            trust=0.1,
            name={"given_name": "Anja", "family_name": "Müller", "title": "Dr."},
            addresses=[HOME],
        ),
    ]
    golden = build_golden(records, DEFAULT)
    assert golden.value("name") == {"given_name": "Anna"}
    assert golden.value("addresses") == {"street": "Neuweg", "city": "Marl"}
    assert golden.attributes["addresses"]["alternatives"][0]["value"] == HOME


@pytest.mark.parametrize(
    ("attribute", "stub", "full"),
    [
        ("name", {"salutation": "Frau"}, ANNA),
        ("addresses", [{"country": "DE"}], [HOME]),
        ("organisation", {"department": "IT"}, {"name": "Beispiel"}),
    ],
)
def test_a_stub_of_a_block_counts_only_where_nobody_says_more(attribute, stub, full):
    trusted_stub = said(1, trust=0.9, days=9, **{attribute: stub})
    golden = build_golden([trusted_stub, said(2, trust=0.1, **{attribute: full})], DEFAULT)
    assert golden.attributes[attribute]["key"] == "k2"
    assert golden.attributes[attribute]["alternatives"] == []
    assert build_golden([trusted_stub], DEFAULT).attributes[attribute]["key"] == "k1"


def test_lists_have_one_preferred_value_and_the_rest_as_alternatives():
    shop = said(1, "shop", trust=0.9, phones=[{"value": "+49170111"}, {"value": "+49170222", "use": "work"}])
    web = said(2, "webshop", trust=0.5, phones=[{"value": "+49170222", "use": "home"}, {"value": "+49170333"}])
    entry = build_golden([web, shop], DEFAULT).attributes["phones"]
    assert entry["value"] == {"value": "+49170111"}
    assert entry["rule"] == "tie: listed first"
    assert [(a["value"]["value"], a["source"]) for a in entry["alternatives"]] == [
        ("+49170222", "shop"),
        ("+49170333", "webshop"),
    ]
    assert [witness["source"] for witness in entry["alternatives"][0]["sources"]] == ["shop", "webshop"]


def test_custom_attributes_have_an_entry_each_and_rules_of_their_own():
    records = [
        said(1, trust=0.9, attributes={"segment": "gold", "store": "Marl"}),
        said(2, trust=0.1, days=1, attributes={"segment": "silver"}),
    ]
    rules = SurvivorshipRules(("trust",), {"attributes.segment": ("newest",)})
    golden = build_golden(records, rules)
    assert golden.value("attributes.segment") == "silver"
    assert golden.attributes["attributes"]["segment"]["rule"] == "newest"
    assert golden.value("attributes.store") == "Marl"
    assert (
        build_golden(records, SurvivorshipRules(("newest",), {"attributes": ("trust",)})).value("attributes.segment")
        == "gold"
    )


def test_empty_values_leave_no_entry():
    record = said(
        1,
        name={"given_name": " ", "family_name": None},
        emails=[{"value": ""}, {"use": "home"}],
        gender="",
        attributes={"x": None},
    )
    assert build_golden([record], DEFAULT).attributes == {}
    assert build_golden([], DEFAULT) == GoldenRecord()


def test_a_copy_is_no_evidence_for_what_others_say_and_a_source_for_what_only_it_says():
    shop = said(1, "shop", name=ANNA, gender="f")
    copy = said(2, "app", days=9, trust=1.0, name=ANNA, gender="m", derived_from="a-profile")
    golden = build_golden([shop, copy], DEFAULT)
    assert [w["source"] for w in golden.attributes["name"]["sources"]] == ["shop"]
    assert golden.attributes["name"]["rule"] == "only value"
    assert golden.attributes["gender"]["source"] == "app"


def test_two_copies_of_a_value_that_nobody_else_holds_do_not_lose_it():
    copies = [said(n, "app", gender="f", derived_from="a-profile") for n in (1, 2)]
    assert build_golden(copies, DEFAULT).value("gender") == "f"


def test_a_pinned_value_stands_whatever_sources_send_and_names_its_steward():
    pin = pinned("birth_date", "1980-05-04", 1)
    golden = build_golden(
        [said(1, birth_date="1980-04-05"), said(2, days=99, trust=1.0, birth_date="1981-01-01")],
        DEFAULT,
        [pin],
    )
    entry = golden.attributes["birth_date"]
    assert (entry["value"], entry["rule"], entry["source"], entry["key"]) == (
        "1980-05-04",
        PINNED,
        "steward",
        "s.keller",
    )
    assert entry["pinned"]["reason"] == "asked the customer"
    assert entry["data_owner"] == "shop-owner"
    assert {a["value"] for a in entry["alternatives"]} == {"1980-04-05", "1981-01-01"}


def test_a_pinned_value_that_records_hold_lists_them_and_is_no_alternative_of_itself():
    golden = build_golden(
        [said(1, emails=[{"value": "a@example.de"}]), said(2, emails=[{"value": "B@example.de"}])],
        DEFAULT,
        [pinned("emails", {"value": "b@example.de"}, 2)],
    )
    entry = golden.attributes["emails"]
    assert [w["key"] for w in entry["sources"]] == ["k2"]
    assert [a["value"]["value"] for a in entry["alternatives"]] == ["a@example.de"]


def test_a_pin_goes_with_its_record():
    a, b = said(1, gender="f"), said(2, gender="m")
    pin = pinned("gender", "x", 2)
    assert build_golden([a, b], DEFAULT, [pin]).value("gender") == "x"
    assert build_golden([a], DEFAULT, [pin]).value("gender") == "f"
    assert build_golden([b], DEFAULT, [pin]).value("gender") == "x"


def test_a_pin_gives_a_value_that_no_record_has():
    golden = build_golden(
        [said(1, name=ANNA)], DEFAULT, [pinned("language", "de", 1), pinned("attributes.segment", "gold", 1)]
    )
    assert golden.value("language") == "de"
    assert golden.value("attributes.segment") == "gold"
    assert golden.attributes["language"]["sources"] == []


def test_of_two_pins_the_newer_holds():
    pins = [pinned("gender", "f", 1, days=1), pinned("gender", "m", 2, days=2)]
    for order in permutations(pins):
        assert build_golden([said(1), said(2)], DEFAULT, order).value("gender") == "m"


def test_times_are_given_in_utc_whatever_the_offset_they_came_with():
    summer = timezone(timedelta(hours=2))
    record = RecordFacts(1, "shop", "k", datetime(2025, 7, 1, 1, 30, tzinfo=summer), 0.5, "o", {"gender": "f"})
    assert build_golden([record], DEFAULT).attributes["gender"]["observed_at"] == "2025-06-30T23:30:00+00:00"


def test_a_time_without_offset_is_refused():
    with pytest.raises(ValueError, match="offset"):
        RecordFacts(1, "shop", "k", datetime(2025, 7, 1), 0.5, "o", {})


def test_a_stream_that_is_not_the_customers_is_named():
    record = RecordFacts(1, "shop", "k", NOON, 0.5, "o", {"gender": "f"}, stream="calls")
    entry = build_golden([record], DEFAULT).attributes["gender"]
    assert entry["stream"] == entry["sources"][0]["stream"] == "calls"


def test_changed_attributes_name_changed_values_and_not_changed_provenance():
    before = build_golden([said(1, gender="f", emails=[{"value": "a@b.de"}], attributes={"segment": "gold"})], DEFAULT)
    same_values = build_golden(
        [said(2, "webshop", gender="f", emails=[{"value": "a@b.de"}], attributes={"segment": "gold"})],
        DEFAULT,
    )
    other = build_golden(
        [said(1, emails=[{"value": "a@b.de"}, {"value": "c@d.de"}], attributes={"segment": "silver"})],
        DEFAULT,
    )
    assert changed_attributes(before, same_values) == ()
    assert changed_attributes(before, other) == ("attributes.segment", "emails", "gender")


# Properties: few values, so that ties, agreement and copies are common.

WORDS = st.sampled_from(["", " ", "Anna", "ANNA ", "A.", "Müller", "MÜLLER", "Berg", None])
FLAG = st.sampled_from([None, True, False])


def blocks(attribute):
    parts = {part: FLAG if part in ("verified", "shared") else WORDS for part in attribute.parts}
    return st.fixed_dictionaries({}, optional=parts)


def values(attribute):
    if attribute.name == "birth_date":
        return st.sampled_from([None, "1980-05-04", "1980-04-05", "1980", "1980-05"])
    return {
        Shape.VALUE: WORDS,
        Shape.BLOCK: blocks(attribute),
        Shape.BLOCKS: st.lists(blocks(attribute), max_size=3),
        Shape.MAPPING: st.dictionaries(
            st.sampled_from(["segment", "store"]), st.sampled_from(["gold", "Gold", "", 3, "3", True])
        ),
    }[attribute.shape]


CANONICAL = st.fixed_dictionaries({}, optional={a.name: values(a) for a in ATTRIBUTES.values()})
FACTS = st.builds(
    RecordFacts,
    record_id=st.integers(1, 10**6),
    source=st.sampled_from(["shop", "webshop", "social"]),
    key=st.sampled_from(["1", "2"]),
    observed_at=st.sampled_from([NOON, NOON + timedelta(days=1), NOON + timedelta(microseconds=1)]),
    trust=st.sampled_from([0.1, 0.5]),
    data_owner=st.sampled_from(["sales", "service"]),
    canonical=CANONICAL,
    stream=st.sampled_from(["customers", "leads"]),
    derived_from=st.sampled_from([None, None, None, "a-profile"]),
)
PROFILES = st.lists(FACTS, max_size=5, unique_by=lambda record: record.record_id)
RULE_LISTS = st.lists(st.sampled_from(list(RULES)), max_size=3, unique=True).map(tuple)
RULE_SETS = st.builds(
    SurvivorshipRules,
    RULE_LISTS,
    st.dictionaries(st.sampled_from(["name", "emails", "birth_date", "attributes", "attributes.segment"]), RULE_LISTS),
)
PINS = st.lists(
    st.builds(
        Pin,
        attribute=st.sampled_from(["gender", "language"]),
        value=st.sampled_from(["f", "m"]),
        record_id=st.integers(1, 5),
        author=st.sampled_from(["a", "b"]),
        reason=st.just("asked"),
        at=st.sampled_from([NOON, NOON + timedelta(days=1)]),
    ),
    max_size=3,
    unique_by=lambda pin: (pin.attribute, pin.record_id),
)


@given(PROFILES, RULE_SETS)
def test_golden_values_are_those_of_the_naive_reading_of_the_rules(records, rules):
    assert build_golden(records, rules).attributes == naive_golden(records, rules)


@given(PROFILES.flatmap(lambda records: st.tuples(st.just(records), st.permutations(records))), RULE_SETS, PINS)
def test_the_order_of_records_and_pins_changes_nothing(orders, rules, pins):
    records, shuffled = orders
    first, second = build_golden(records, rules, pins), build_golden(shuffled, rules, pins[::-1])
    assert json.dumps(first.attributes) == json.dumps(second.attributes)


@given(PROFILES, PROFILES, RULE_SETS, PINS)
def test_after_an_un_merge_each_part_is_what_it_would_have_been_without_the_merge(these, those, rules, pins):
    those = [r for r in those if r.record_id not in {t.record_id for t in these}]
    alone = build_golden(these, rules, pins), build_golden(those, rules, pins)
    build_golden([*these, *those], rules, pins)
    assert (build_golden(these, rules, pins), build_golden(those, rules, pins)) == alone


@given(PROFILES, RULE_SETS)
def test_every_value_is_one_that_its_record_says(records, rules):
    for path, entry in build_golden(records, rules).entries():
        for stated in (entry, *entry["alternatives"]):
            holders = [
                r
                for r in records
                if (r.source, r.key, r.stream) == (stated["source"], stated["key"], stated.get("stream", "customers"))
            ]
            head, _, custom = path.partition(".")
            held = [value for r in holders for value in [r.canonical.get(head)] if value]
            flat = [
                v
                for value in held
                for v in (
                    value if isinstance(value, list) else [value[custom]] if custom and custom in value else [value]
                )
            ]
            assert any(_agrees(stated["value"], value) for value in flat)


def _agrees(stated, value):
    if isinstance(stated, dict):
        return all(value.get(part) == word for part, word in stated.items())
    return stated == value


@given(PROFILES, RULE_SETS, st.sampled_from(["f", "m"]))
def test_a_live_pin_stands_against_any_records(records, rules, value):
    anchor = said(0)
    golden = build_golden([*records, anchor], rules, [pinned("gender", value, 0)])
    assert golden.value("gender") == value
    assert golden.attributes["gender"]["rule"] == PINNED


@given(PROFILES, RULE_SETS)
def test_a_golden_record_survives_json(records, rules):
    attributes = build_golden(records, rules).attributes
    assert json.loads(json.dumps(attributes)) == attributes
