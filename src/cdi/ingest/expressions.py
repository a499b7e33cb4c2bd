"""A JMESPath expression becomes one Python closure, compiled once: the same answers as JMESPath's own
interpreter, several times faster, which is what lets a mapping keep up with a bulk read.

Node types that are rare in manifests (ordering comparisons, `&expressions`) are left to that interpreter.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final, TypeAlias, cast

import jmespath.exceptions
import jmespath.functions
import jmespath.parser
import jmespath.visitor

Evaluate: TypeAlias = Callable[[Any], Any]
Function: TypeAlias = Callable[..., Any]
Node: TypeAlias = dict[str, Any]

BUILT_IN: Final = frozenset(jmespath.functions.Functions.FUNCTION_TABLE)


class ExpressionError(ValueError):
    """The text is no JMESPath, or it calls a function that does not exist."""


@dataclass(frozen=True, slots=True)
class Expression:
    """A compiled expression. `fields` are the top-level names that it reads (None: the whole record), so that
    a missing column is found before the first row is read."""

    text: str
    evaluate: Evaluate
    fields: frozenset[str] | None
    plain_field: str | None = None  # its name, where the expression is nothing but one field


def compile_expression(text: str, functions: Mapping[str, Function]) -> Expression:
    """The expression as a closure, with `functions` beside those that JMESPath brings. Raises
    ExpressionError."""
    try:
        tree = cast("Node", jmespath.parser.Parser().parse(text).parsed)
    except jmespath.exceptions.JMESPathError as error:
        raise ExpressionError(f"{text!r} is not a JMESPath expression: {_first_line(error)}") from None
    for name in _called(tree):
        if name not in functions and name not in BUILT_IN:
            raise ExpressionError(f"no function {name}; there are {', '.join(sorted({*functions, *BUILT_IN}))}")
    plain = tree["value"] if tree["type"] == "field" else None
    return Expression(text, _Compiler(functions).compile(tree), _root_fields(tree), plain)


def _first_line(error: Exception) -> str:
    return str(error).splitlines()[0].rstrip(":")


def _called(tree: Node) -> set[str]:
    called = {tree["value"]} if tree["type"] == "function_expression" else set()
    for child in _children(tree):
        called |= _called(child)
    return called


def _children(tree: Node) -> list[Node]:
    return [child for child in tree.get("children", ()) if isinstance(child, dict)]


# Nodes whose first child sees the record itself, while the others see what that child gave.
_NARROWING: Final = frozenset(
    {
        "subexpression",
        "index_expression",
        "pipe",
        "projection",
        "value_projection",
        "filter_projection",
        "flatten",
    }
)


def _root_fields(tree: Node) -> frozenset[str] | None:
    kind = tree["type"]
    if kind == "field":
        return frozenset({tree["value"]})
    if kind in {"identity", "current"}:
        return None
    found: frozenset[str] = frozenset()
    for child in _children(tree)[:1] if kind in _NARROWING else _children(tree):
        fields = _root_fields(child)
        if fields is None:
            return None
        found |= fields
    return found


def is_false(value: Any) -> bool:
    """What JMESPath counts as false: null, false, and the empty string, list and object. Zero is true."""
    return value is None or value is False or value in ("", [], {})


def _equal(left: Any, right: Any) -> bool:
    if isinstance(left, bool) or isinstance(right, bool):
        return left is right
    return bool(left == right)


class _Functions(jmespath.functions.Functions):
    def __init__(self, named: Mapping[str, Function]) -> None:
        self.named = named

    def call_function(self, function_name: str, resolved_args: Iterable[Any]) -> Any:
        if function_name in self.named:
            return self.named[function_name](*resolved_args)
        return super().call_function(function_name, list(resolved_args))


class _Compiler:
    """One method a node type, each giving a closure."""

    def __init__(self, functions: Mapping[str, Function]) -> None:
        self.functions = functions
        self.every_function = _Functions(functions)
        options = jmespath.visitor.Options(custom_functions=self.every_function)
        self.interpreter = jmespath.visitor.TreeInterpreter(options)

    def _interpret(self, node: Node) -> Evaluate:
        visit = cast("Callable[[Node, Any], Any]", self.interpreter.visit)
        return lambda value: visit(node, value)

    def compile(self, node: Node) -> Evaluate:
        method = getattr(self, f"_{node['type']}", None)
        if method is None:
            return self._interpret(node)
        compiled: Evaluate = method(node)
        return compiled

    def _compiled_children(self, node: Node) -> list[Evaluate]:
        return [self.compile(child) for child in node["children"]]

    def _field(self, node: Node) -> Evaluate:
        name = node["value"]

        def field(value: Any) -> Any:
            return value.get(name) if type(value) is dict else None

        return field

    def _subexpression(self, node: Node) -> Evaluate:
        first, *rest = self._compiled_children(node)
        if len(rest) == 1:
            then = rest[0]
            return lambda value: then(first(value))

        def chain(value: Any) -> Any:
            value = first(value)
            for step in rest:
                value = step(value)
            return value

        return chain

    _index_expression = _subexpression
    _pipe = _subexpression

    def _index(self, node: Node) -> Evaluate:
        position = node["value"]

        def index(value: Any) -> Any:
            if not isinstance(value, list) or not -len(value) <= position < len(value):
                return None
            return value[position]

        return index

    def _literal(self, node: Node) -> Evaluate:
        constant = node["value"]
        return lambda _: constant

    def _identity(self, _: Node) -> Evaluate:
        return lambda value: value

    _current = _identity

    def _or_expression(self, node: Node) -> Evaluate:
        left, right = self._compiled_children(node)

        def either(value: Any) -> Any:
            found = left(value)
            return right(value) if is_false(found) else found

        return either

    def _and_expression(self, node: Node) -> Evaluate:
        left, right = self._compiled_children(node)

        def both(value: Any) -> Any:
            found = left(value)
            return found if is_false(found) else right(value)

        return both

    def _not_expression(self, node: Node) -> Evaluate:
        (inner,) = self._compiled_children(node)
        return lambda value: is_false(inner(value))

    def _comparator(self, node: Node) -> Evaluate:
        if node["value"] not in {"eq", "ne"}:
            return self._interpret(node)
        left, right = self._compiled_children(node)
        if node["value"] == "eq":
            return lambda value: _equal(left(value), right(value))
        return lambda value: not _equal(left(value), right(value))

    def _multi_select_list(self, node: Node) -> Evaluate:
        parts = self._compiled_children(node)
        return lambda value: None if value is None else [part(value) for part in parts]

    def _multi_select_dict(self, node: Node) -> Evaluate:
        parts = [(child["value"], self.compile(child["children"][0])) for child in node["children"]]
        return lambda value: None if value is None else {name: part(value) for name, part in parts}

    def _projection(self, node: Node) -> Evaluate:
        base, each = self._compiled_children(node)

        def project(value: Any) -> Any:
            items = base(value)
            if not isinstance(items, list):
                return None
            return [found for item in items if (found := each(item)) is not None]

        return project

    def _filter_projection(self, node: Node) -> Evaluate:
        base, each, holds = self._compiled_children(node)

        def project(value: Any) -> Any:
            items = base(value)
            if not isinstance(items, list):
                return None
            kept = (item for item in items if not is_false(holds(item)))
            return [found for item in kept if (found := each(item)) is not None]

        return project

    def _flatten(self, node: Node) -> Evaluate:
        (base,) = self._compiled_children(node)

        def flatten(value: Any) -> Any:
            items = base(value)
            if not isinstance(items, list):
                return None
            return [part for item in items for part in (item if isinstance(item, list) else [item])]

        return flatten

    def _function_expression(self, node: Node) -> Evaluate:
        if any(child["type"] == "expref" for child in node["children"]):
            return self._interpret(node)
        arguments = self._compiled_children(node)
        name = node["value"]
        if name not in self.functions:
            call = self.every_function.call_function
            return lambda value: call(name, [argument(value) for argument in arguments])
        function = self.functions[name]
        if len(arguments) == 1:
            (only,) = arguments
            return lambda value: function(only(value))
        return lambda value: function(*[argument(value) for argument in arguments])
