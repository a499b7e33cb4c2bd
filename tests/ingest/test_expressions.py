"""Compiled expressions answer what JMESPath answers, for any document."""

from collections.abc import Callable
from typing import Any

import jmespath
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cdi.ingest.expressions import ExpressionError, compile_expression

EXPRESSIONS = [
    "a",
    "a.b",
    "a.b.c",
    "a[0]",
    "a[-1]",
    "a[5]",
    "a[1:3]",
    "a[*].b",
    "a[].b",
    "a[].b[]",
    "a.*",
    "*.b",
    "a[?b].c",
    "a[?b == 'x'].c | [0]",
    "a[?b != `1`]",
    "a[?b > `1`].b",
    "a || b",
    "a && b",
    "!a",
    "!!a",
    "a == b",
    "a == `1`",
    "a == `true`",
    "a != 'x'",
    "a < b",
    "[a, b]",
    "{x: a, y: b.c}",
    "a | b",
    "a | [0]",
    "@",
    "not_null(a, b, 'x')",
    "type(a)",
    "to_string(b)",
    "a[*].{n: b, m: c}",
    "(a || b) && c",
    "max_by([{b: `1`}, {b: `2`}], &b)",
    "`[1, 2]`",
]

values = st.recursive(
    st.none() | st.booleans() | st.integers(-2, 3) | st.sampled_from(["", "x", "y"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from("abc"), inner, max_size=3),
    max_leaves=12,
)
documents = st.dictionaries(st.sampled_from("abc"), values, max_size=3)


def answer(evaluate: Callable[[Any], Any], document: Any) -> Any:
    try:
        return evaluate(document)
    except (TypeError, jmespath.exceptions.JMESPathError) as error:
        return type(error).__name__


@pytest.mark.parametrize("text", EXPRESSIONS)
@settings(max_examples=40)
@given(document=documents)
def test_a_compiled_expression_answers_as_jmespath_does(text: str, document: dict[str, Any]) -> None:
    compiled = compile_expression(text, {}).evaluate
    assert answer(compiled, document) == answer(jmespath.compile(text).search, document)


@pytest.mark.parametrize(
    ("text", "fields"),
    [
        ("a", {"a"}),
        ("a.b || c", {"a", "c"}),
        ("items[?x == 'y'].z", {"items"}),
        ("join(' ', [first, last])", {"first", "last"}),
        ('"E-Mail"', {"E-Mail"}),
        ("'literal'", set()),
    ],
)
def test_the_fields_that_an_expression_reads_are_known(text: str, fields: set[str]) -> None:
    assert compile_expression(text, {}).fields == fields


def test_an_expression_that_reads_the_whole_record_says_so() -> None:
    assert compile_expression("keys(@)", {}).fields is None


def test_functions_of_our_own_are_called_also_inside_filters() -> None:
    expression = compile_expression("a[?even(@)]", {"even": lambda n: n % 2 == 0})
    assert expression.evaluate({"a": [1, 2, 3, 4]}) == [2, 4]


@pytest.mark.parametrize("text", ["a.", "a[", "", "a ==", "first name"])
def test_what_is_no_expression_is_told(text: str) -> None:
    with pytest.raises(ExpressionError):
        compile_expression(text, {})


def test_an_unknown_function_is_told_with_those_that_exist() -> None:
    with pytest.raises(ExpressionError, match=r"no function splt; there are .*split"):
        compile_expression("splt(a)", {"split": str.split})
