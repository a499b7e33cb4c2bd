"""An attribute is taken out of a verbatim record, however its mapping computes it."""

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from cdi.fields import CanonicalData
from cdi.privacy.unsaying import unsaid

WORDS = st.text("abcdef", min_size=5, max_size=9)


def read(native: dict[str, Any]) -> CanonicalData | None:
    """A mapping as they are: a fallback, a condition, a part of a list, a value that two attributes share."""
    if "id" not in native:
        return None
    phone = native.get("mobile") or (native.get("contact") or {}).get("phone")
    more = [line.get("number") for line in native.get("lines") or [] if line and line.get("number")]
    phones = [{"value": number} for number in [phone, *more] if number]
    meant: CanonicalData = {"name": {"full": native.get("name")}}
    return meant | {"phones": phones} if phones and native.get("kind") != "fax" else meant


@given(WORDS, WORDS, WORDS, WORDS)
def test_nothing_of_it_is_left_and_the_rest_stays(mobile: str, fixed: str, other: str, name: str) -> None:
    native = {
        "id": 7,
        "name": f"Mrs {name}",
        "kind": "person",
        "mobile": f"+{mobile}",
        "contact": {"phone": f"+{fixed}", "note": f"+{mobile}", "city": "Köln"},
        "lines": [{"number": f"+{other}", "since": 1999}, None],
    }
    left = unsaid(native, "phones", read)
    for number in (mobile, fixed, other):
        assert f"'+{number}'" not in str(left)
    assert (left["id"], left["name"], left["contact"]["city"]) == (7, f"Mrs {name}", "Köln")
    assert "phones" not in (read(left) or {})
    assert unsaid(left, "phones", read) == left


def test_what_does_not_say_it_is_left_alone() -> None:
    native = {"id": 1, "name": "Anna", "mobile": None}
    assert unsaid(native, "phones", read) == native


def test_what_cannot_be_separated_goes_whole() -> None:
    assert unsaid({"id": 1}, "phones", lambda _: {"phones": [{"value": "constant"}]}) == {}
