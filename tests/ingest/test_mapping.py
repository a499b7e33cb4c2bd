"""A mapping gives canonical attributes, values as given; what is empty is left out, what is wrong is named."""

from typing import Any

import pytest

from cdi.errors import BadRecordError
from cdi.fields import Stream
from cdi.ingest.mapping import Compilation, compile_map, is_of_fields_alone
from cdi.ingest.transforms import functions


def mapped(spec: dict[str, Any], native: dict[str, Any], kind: Stream = Stream.CUSTOMER) -> dict[str, Any]:
    shared = Compilation(functions({}))
    build = compile_map(kind, spec, shared, ("map",))
    assert shared.faults == []
    found: dict[str, Any] = build(native)
    return found


def faults(spec: dict[str, Any], kind: Stream = Stream.CUSTOMER) -> list[str]:
    shared = Compilation(functions({}))
    compile_map(kind, spec, shared, ("map",))
    return [f"{'.'.join(map(str, place))}: {message}" for place, message in shared.faults]


def test_expressions_and_literals_stand_side_by_side() -> None:
    spec = {"kind": "person", "emails": [{"value": "=mail", "use": "private", "verified": True}]}
    assert mapped(spec, {"mail": "a@example.de"}) == {
        "kind": "person",
        "emails": [{"value": "a@example.de", "use": "private", "verified": True}],
    }


def test_a_block_of_literals_alone_does_not_exist() -> None:
    spec = {"addresses": [{"street": "=street", "country": "DE", "use": "home"}], "name": {"given_name": "=first"}}
    assert mapped(spec, {"street": "", "first": None}) == {}


def test_a_contact_needs_its_value() -> None:
    spec = {"phones": [{"value": "=phone", "verified": "=checked", "use": "=use"}]}
    assert mapped(spec, {"checked": True, "use": "mobile"}) == {}


def test_numbers_become_text() -> None:
    spec = {"identifiers": [{"type": "customer_number", "value": "=nr"}], "phones": [{"value": "=phone"}]}
    assert mapped(spec, {"nr": 4711, "phone": 49301234.0}) == {
        "identifiers": [{"type": "customer_number", "value": "4711"}],
        "phones": [{"value": "49301234"}],
    }


def test_lists_are_made_from_each_element_and_know_the_record_around_them() -> None:
    spec = {
        "addresses": [{"each": "places", "when": "open", "city": "=city", "use": "=choose(id == parent.main, 'home')"}]
    }
    places = [
        {"id": 1, "city": "Ulm", "open": True},
        {"id": 2, "city": "Bonn", "open": False},
        {"id": 3, "city": "Köln", "open": True},
    ]
    assert mapped(spec, {"main": 1, "places": places}) == {
        "addresses": [{"city": "Ulm", "use": "home"}, {"city": "Köln"}]
    }


def test_the_same_block_stands_only_once() -> None:
    spec = {"phones": [{"value": "=a"}, {"value": "=b"}]}
    assert mapped(spec, {"a": "030 1", "b": "030 1"}) == {"phones": [{"value": "030 1"}]}


def test_a_block_may_come_from_one_expression() -> None:
    assert mapped({"name": "=split_name(who)"}, {"who": "Erika Mustermann"}) == {
        "name": {"given_name": "Erika", "family_name": "Mustermann"}
    }


def test_a_touchpoint_has_every_part_and_its_contact_only_without_a_key() -> None:
    spec = {"customer_key": "=nr", "contact": {"phones": [{"value": "=phone"}]}, "type": "call", "at": "=ts(at)"}
    spec["channel"] = "phone"
    native = {"nr": "K-1", "phone": "0301", "at": "2026-03-01T13:05:00+01:00"}
    known = mapped(spec, native, Stream.TOUCHPOINT)
    assert known["customer_key"] == "K-1"
    assert known["contact"] is None
    assert set(known) == {
        "customer_key",
        "contact",
        "type",
        "at",
        "direction",
        "channel",
        "subject",
        "amount",
        "currency",
        "state",
    }
    unknown = mapped(spec, {**native, "nr": ""}, Stream.TOUCHPOINT)
    assert unknown["contact"] == {"phones": [{"value": "0301"}]}


@pytest.mark.parametrize(
    ("spec", "native", "field"),
    [
        ({"type": "call", "at": "=ts(at)", "channel": "phone"}, {"at": "gestern um acht"}, "at"),
        ({"type": "call", "at": "=at", "channel": "phone"}, {"at": None}, "at"),
        ({"type": "=what", "at": "=x", "channel": "phone"}, {"what": "Plausch"}, "type"),
        ({"type": "call", "at": "=x", "channel": "=y"}, {"x": "z", "y": "Rohrpost"}, "channel"),
        (
            {"type": "call", "at": "=x", "channel": "phone", "amount": "=decimal(sum)"},
            {"x": "y", "sum": "viel"},
            "amount",
        ),
    ],
)
def test_a_bad_record_names_the_field_and_never_the_value(
    spec: dict[str, Any], native: dict[str, Any], field: str
) -> None:
    with pytest.raises(BadRecordError, match=f"^{field}:") as failure:
        mapped(spec, native, Stream.TOUCHPOINT)
    assert not any(str(value) in str(failure.value) for value in native.values() if value and len(str(value)) > 3)


def test_a_message_of_jmespath_is_not_repeated_because_it_quotes_the_value() -> None:
    with pytest.raises(BadRecordError, match="name: a value of the wrong type") as failure:
        mapped({"name": {"full": "=join(' ', who)"}}, {"who": "Erika Mustermann"})
    assert "Erika" not in str(failure.value)


@pytest.mark.parametrize(
    ("spec", "fault"),
    [
        ({"firstname": "=x"}, "map.firstname: no attribute firstname; there are kind, name"),
        ({"name": {"first": "=x"}}, "map.name.first: no part first; there are salutation"),
        ({"name": "x"}, "map.name: write its parts"),
        ({"emails": {"value": "=x"}}, "map.emails: a list is expected"),
        ({"emails": [{"value": "=x."}]}, "map.emails.0.value: 'x.' is not a JMESPath expression"),
        ({"birth_date": {"day": "=x"}}, "map.birth_date: one value is expected"),
        ({"language": "=upcase(x)"}, "map.language: no function upcase"),
    ],
)
def test_every_fault_has_its_place(spec: dict[str, Any], fault: str) -> None:
    (told,) = faults(spec)
    assert told.startswith(fault)


@pytest.mark.parametrize(
    ("kind", "spec", "fault"),
    [
        (Stream.TOUCHPOINT, {"type": "call", "channel": "phone"}, "map: a touchpoint needs at"),
        (Stream.TOUCHPOINT, {"type": "call", "at": "=x"}, "map: a touchpoint needs channel"),
        (Stream.TOUCHPOINT, {"type": "chat", "at": "=x", "channel": "phone"}, "map.type: write one of order"),
        (Stream.CONSENT, {"purpose": "x", "status": "yes"}, "map.status: write one of granted"),
        (Stream.CONSENT, {"purpose": "x", "status": "=s", "when": "=x"}, "map.when: no part when of a consent"),
        (Stream.IDENTITY_LINK, {"from": "=a", "to": "=b"}, "map: a identity_link needs reason"),
    ],
)
def test_other_kinds_of_record_have_their_own_words(kind: Stream, spec: dict[str, Any], fault: str) -> None:
    (told,) = faults(spec, kind)
    assert told.startswith(fault)


@pytest.mark.parametrize(
    ("kind", "spec", "cannot_fail"),
    [
        (Stream.CUSTOMER, {"name": {"full": "=who"}, "emails": [{"value": "=mail", "use": "work"}]}, True),
        (Stream.CUSTOMER, {"name": "=who"}, True),
        (Stream.CUSTOMER, {"name": {"full": "=join(' ', who)"}}, False),
        (Stream.CUSTOMER, {"phones": [{"value": "=phone"}, {"value": "=decimal(mobile)"}]}, False),
        (Stream.CUSTOMER, {"phones": [{"each": "=all", "value": "=number"}]}, False),
        (Stream.TOUCHPOINT, {"type": "=type", "at": "=at", "channel": "=channel"}, False),
    ],
)
def test_only_a_mapping_of_fields_alone_reads_whatever_comes(
    kind: Stream, spec: dict[str, Any], cannot_fail: bool
) -> None:
    assert is_of_fields_alone(kind, spec, Compilation(functions({}))) is cannot_fail
    if cannot_fail:
        for odd in (
            {},
            {"who": [1], "mail": {"a": 1}},
            {"who": 1.5, "mail": True},
            {"who": {"full": ["x"]}, "mail": []},
        ):
            mapped(spec, odd)


def test_every_fault_is_told_at_once() -> None:
    assert len(faults({"firstname": "=x", "name": {"first": "=x"}, "language": "=y("})) == 3
