"""Two records side by side: what is told equal, similar, different, and which letters are marked."""

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from cdi.web.side_by_side import Relation, heeding, side_by_side


def shown(left: dict[str, Any], right: dict[str, Any]) -> dict[str, Any]:
    return {field.name: field for field in side_by_side(left, right, lambda _, value: plain(value))}


def plain(value: Any) -> str:
    return str(value.get("value", value)) if isinstance(value, dict) else str(value or "")


def name(given_name: str, family_name: str) -> dict[str, Any]:
    return {"name": {"given_name": given_name, "family_name": family_name}}


def marked(pieces: Any) -> str:
    return "".join(f"[{piece.text}]" if piece.differs else piece.text for piece in pieces)


def test_letters_that_differ_are_marked_and_no_others() -> None:
    (line,) = shown(name("Erich", "Schneider"), name("Erikh", "Schneider"))["given_name"].lines
    assert line.relation is Relation.SIMILAR
    assert (marked(line.left), marked(line.right)) == ("Eri[c]h", "Eri[k]h")


def test_case_and_blanks_make_no_difference() -> None:
    assert shown(name("ANNA  MARIA", "Wolf"), name("Anna Maria", "wolf"))["given_name"].relation is Relation.EQUAL


def test_what_only_one_side_has_is_told_as_that() -> None:
    fields = shown(name("Anna", "Wolf") | {"birth_date": "1977-09-11"}, name("Anna", "Wolf"))
    assert fields["birth_date"].relation is Relation.ONE_SIDED
    assert "gender" not in fields


def test_values_that_are_alike_stand_beside_each_other() -> None:
    left = {"emails": [{"value": "anna.wolf@web.de"}, {"value": "info@firma.de"}]}
    right = {"emails": [{"value": "info@firma.de"}, {"value": "anna.wolff@web.de"}]}
    lines = shown(left, right)["emails"].lines
    assert [line.relation for line in lines] == [Relation.EQUAL, Relation.SIMILAR]


def test_the_engine_is_heeded_where_letters_mislead() -> None:
    left, right = (
        name("Elisabeth", "Wolf") | {"birth_date": "1977-09-11"},
        name("Elli", "Wolf") | {"birth_date": "1987-09-09"},
    )
    fields = side_by_side(left, right, lambda _, value: plain(value))
    assert [one.relation for one in fields][::2] == [Relation.DIFFERENT, Relation.SIMILAR]
    heeded = heeding(fields, {"given_name": 1.8, "birth_date": -6.2})
    assert [one.relation for one in heeded] == [Relation.SIMILAR, Relation.EQUAL, Relation.DIFFERENT]


@given(st.text(max_size=12), st.text(max_size=12))
def test_nothing_of_a_value_is_lost_or_added(left: str, right: str) -> None:
    for field in shown(name(left, "Wolf"), name(right, "Wolf")).values():
        for line in field.lines:
            if field.name == "given_name":
                assert "".join(piece.text for piece in line.left) in {left, ""}
                assert "".join(piece.text for piece in line.right) in {right, ""}
