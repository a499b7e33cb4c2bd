"""What is left out of a record when it is understood is told, and nothing else."""

import pytest

from cdi.fields import CanonicalData
from cdi.normalise.canonical import Context, canonicalise
from cdi.normalise.left_out import LeftOut, left_out

DE = Context()


def told(said: CanonicalData) -> list[tuple[str, str]]:
    return list(left_out(said, canonicalise(said, DE), DE))


@pytest.mark.parametrize(
    ("said", "found"),
    [
        ({"phones": [{"value": "0000"}, {"value": "0171 5498984"}]}, [("phones", "0000")]),
        ({"emails": ["test@test.de", "anna"]}, [("emails", "test@test.de"), ("emails", "anna")]),
        ({"birth_date": "01.01.1900"}, [("birth_date", "01.01.1900")]),
        ({"name": {"given_name": "unbekannt", "family_name": "Weber"}}, [("name.given_name", "unbekannt")]),
        ({"name": {"given_name": "Max", "family_name": "Mustermann"}}, [("name", "Max Mustermann")]),
        ({"name": "Barverkauf"}, [("name.full", "Barverkauf")]),
        ({"organisation": {"name": "keine"}}, [("organisation.name", "keine")]),
        ({"addresses": [{"street": "unbekannt", "city": "Bonn"}]}, [("addresses.street", "unbekannt")]),
        ({"identifiers": [{"type": "loyalty_card", "value": "00000000"}]}, [("identifiers.loyalty_card", "00000000")]),
        ({"attributes": {"segment": "n/a", "tier": "gold"}}, [("attributes.segment", "n/a")]),
    ],
)
def test_a_placeholder_and_what_cannot_be_such_a_value_are_told(
    said: CanonicalData, found: list[tuple[str, str]]
) -> None:
    assert told(said) == [LeftOut(*one) for one in found]


@pytest.mark.parametrize(
    "said",
    [
        {"phones": ["0171 5498984", "+49 171 5498984"]},  # one number, said twice
        {"name": {"family_name": "Neukamp GmbH"}},  # it is the organisation's
        {"name": {"full": "Weber, Anna"}},
        {"name": {"salutation": "Frau", "given_name": "Anna", "family_name": "Weber"}, "organisation": "Anna Weber"},
        {"addresses": [{"street": "Marktstr. 5", "city": "20095 Hamburg"}], "kind": "nonsense"},
        {"emails": None, "phones": [], "name": {}, "birth_date": ""},
        {},
    ],
)
def test_what_was_kept_in_whatever_place_is_not(said: CanonicalData) -> None:
    assert told(said) == []
