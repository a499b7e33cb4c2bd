"""The rules of survivorship as a company writes them."""

import pytest

from cdi.errors import ConfigurationError
from cdi.fields import ATTRIBUTES
from cdi.resolution.survivorship import RULES, Pin, SurvivorshipRules
from cdi.resolution.values import attribute_at, completeness, fold, identity, tidy


def test_an_attribute_without_rules_of_its_own_takes_the_default():
    rules = SurvivorshipRules(("newest",), {"name": ("trust",)})
    assert rules.of("name") == ("trust",)
    assert rules.of("emails") == rules.of("attributes.segment") == ("newest",)


def test_custom_attributes_fall_back_to_the_rules_of_all_custom_attributes():
    rules = SurvivorshipRules(("newest",), {"attributes": ("trust",), "attributes.segment": ("oldest",)})
    assert rules.of("attributes.segment") == ("oldest",)
    assert rules.of("attributes.store") == ("trust",)


@pytest.mark.parametrize("arguments", [(("loudest",),), ((), {"name": ("trust", "loudest")})])
def test_an_unknown_rule_is_refused_with_the_known_ones(arguments):
    with pytest.raises(ConfigurationError, match="no rule loudest") as caught:
        SurvivorshipRules(*arguments)
    assert all(rule in caught.value.remedy for rule in RULES)


@pytest.mark.parametrize("attribute", ["nickname", "name.given_name", "attributes.", ""])
def test_an_unknown_attribute_is_refused(attribute):
    with pytest.raises(ConfigurationError, match="there is no attribute"):
        SurvivorshipRules((), {attribute: ("trust",)})


def test_a_pin_on_an_unknown_attribute_is_refused():
    with pytest.raises(Exception, match="there is no attribute 'shoe_size'"):
        Pin("shoe_size", 38, 1, "s", "r", None)


@pytest.mark.parametrize(
    ("a", "b"),
    [
        ("Müller", " MÜLLER "),
        ("Hans  Peter", "hans peter"),
        ("Straße", "STRASSE"),
        (None, ""),
        (3, "3"),
        (True, "true"),
    ],
)
def test_spelling_does_not_make_another_value(a, b):
    assert fold(a) == fold(b)


def test_the_use_of_a_phone_does_not_make_another_phone():
    phones = ATTRIBUTES["phones"]
    assert identity(phones, {"value": "+49170", "use": "home"}) == identity(
        phones, {"value": "+49170", "verified": True}
    )


def test_a_block_without_its_identity_parts_is_known_by_what_it_has():
    name = ATTRIBUTES["name"]
    assert identity(name, {"full": "Anna Müller"}) == identity(name, {"full": "ANNA MÜLLER"})
    assert identity(name, {"full": "Anna Müller"}) != identity(name, {"full": "Anja Müller"})


@pytest.mark.parametrize(
    ("attribute", "value", "left"),
    [
        ("name", {"given_name": "Anna", "title": " "}, {"given_name": "Anna"}),
        ("addresses", {"use": "home", "form": "delivery", "street": ""}, None),
        ("emails", {"use": "work", "verified": False}, None),
        ("emails", {"value": "a@b.de", "verified": False}, {"value": "a@b.de", "verified": False}),
        ("identifiers", {"type": "loyalty_card"}, None),
        ("gender", "  ", None),
        ("attributes.consented", False, False),
    ],
)
def test_empty_parts_go_and_what_says_nothing_is_none(attribute, value, left):
    assert tidy(attribute_at(attribute), value) == left


@pytest.mark.parametrize(
    ("attribute", "less", "more"),
    [
        ("name", {"given_name": "A.", "family_name": "Berg"}, {"given_name": "Anna", "family_name": "Berg"}),
        (
            "name",
            {"given_name": "A. M.", "family_name": "Berg"},
            {"given_name": "Anna M.", "family_name": "Berg"},
        ),
        (
            "name",
            {"given_name": "Anna", "title": "Dr.", "suffix": "jun."},
            {"given_name": "Anna", "family_name": "Berg"},
        ),
        (
            "name",
            {"given_name": "Anna", "family_name": "Berg"},
            {"given_name": "Anna", "family_name": "Berg", "title": "Dr."},
        ),
        ("addresses", {"city": "Marl", "country": "DE"}, {"city": "Marl", "street": "Neuweg"}),
        ("birth_date", "1980-00-00", "1980-05"),
    ],
)
def test_what_says_more_is_more_complete(attribute, less, more):
    assert completeness(attribute_at(attribute), less) < completeness(attribute_at(attribute), more)
