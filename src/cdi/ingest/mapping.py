"""A manifest's `map` is compiled once into a function from a native record to its canonical form; an
attribute that does not exist is a fault at load, not a value lost at night.

A text that begins with `=` is an expression, everything else a literal. What is empty is left out: a block
all of whose expressions gave nothing does not exist, whatever literals stand beside them."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, TypeAlias

from jmespath.exceptions import JMESPathError

from cdi.errors import BadRecordError
from cdi.fields import (
    ATTRIBUTES,
    CHANNELS,
    CONSENT_STATES,
    TOUCHPOINT_TYPES,
    Attribute,
    Shape,
    Stream,
)
from cdi.ingest.expressions import (
    Evaluate,
    Expression,
    ExpressionError,
    Function,
    compile_expression,
    is_false,
)
from cdi.ingest.transforms import TransformError, as_text, flag

Build: TypeAlias = Callable[[Any], Any]
Loc: TypeAlias = tuple[str | int, ...]

CONSENT_METHODS: Final = ("single", "double_opt_in", "verbal", "paper")
LINK_REASONS: Final = ("merge", "alias", "number_change")
DIRECTIONS: Final = ("inbound", "outbound")

# What the kinds of record other than a customer consist of; where words are listed, only these may be said.
PARTS: Final[dict[Stream, dict[str, tuple[str, ...]]]] = {
    Stream.TOUCHPOINT: {
        "customer_key": (),
        "type": TOUCHPOINT_TYPES,
        "at": (),
        "direction": DIRECTIONS,
        "channel": CHANNELS,
        "subject": (),
        "amount": (),
        "currency": (),
        "state": (),
    },
    Stream.CONSENT: {
        "customer_key": (),
        "purpose": (),
        "channel": CHANNELS,
        "status": CONSENT_STATES,
        "legal_basis": (),
        "at": (),
        "method": CONSENT_METHODS,
        "proof": (),
    },
    Stream.IDENTITY_LINK: {"from": (), "to": (), "reason": LINK_REASONS},
}
REQUIRED: Final[dict[Stream, tuple[str, ...]]] = {
    Stream.CUSTOMER: (),
    Stream.TOUCHPOINT: ("type", "at", "channel"),
    Stream.CONSENT: ("purpose", "status"),
    Stream.IDENTITY_LINK: ("from", "to", "reason"),
}
_YES_OR_NO: Final = frozenset({"verified", "shared"})
_CARRIES_VALUE: Final = frozenset({"emails", "phones", "identifiers"})
_CONTROL: Final = frozenset({"each", "when"})
_NO_BLOCKS: Final[Sequence[Any]] = ()


def _nothing(_: Any) -> None:
    return None


NOTHING: Final = Expression("", _nothing, frozenset())


@dataclass
class Compilation:
    """What the compiling of one manifest shares: its functions, and the faults found, each with its place."""

    functions: Mapping[str, Function]
    faults: list[tuple[Loc, str]] = field(default_factory=list)
    fields: set[str] | None = field(default_factory=set)

    def fault(self, place: Loc, message: str) -> None:
        self.faults.append((place, message))

    def expression(self, text: str, place: Loc) -> Expression:
        """The compiled expression; a faulty one is noted and gives nothing."""
        try:
            compiled = compile_expression(text, self.functions)
        except ExpressionError as error:
            self.fault(place, str(error))
            return NOTHING
        self._note(compiled)
        return compiled

    def _note(self, compiled: Expression) -> None:
        if compiled.fields is None:
            self.fields = None
        elif self.fields is not None:
            self.fields |= compiled.fields


def is_expression(spec: Any) -> bool:
    """Whether a setting of a manifest is an expression: a text that begins with `=`."""
    return isinstance(spec, str) and spec.startswith("=")


def compile_map(kind: Stream, spec: Mapping[str, Any], shared: Compilation, place: Loc) -> Build:
    """The function that maps one native record; faults are noted in `shared`, none is raised.

    The function raises BadRecordError, which names the field and never its value.
    """
    if kind is Stream.CUSTOMER:
        return _customer(spec, shared, place)
    return _other(kind, spec, shared, place)


def is_of_fields_alone(kind: Stream, spec: Any, shared: Compilation) -> bool:
    """Whether a customer is mapped by nothing but fields and literals, which cannot fail, whatever a record holds."""
    if isinstance(spec, dict):
        return (
            kind is Stream.CUSTOMER
            and _CONTROL.isdisjoint(spec)
            and all(is_of_fields_alone(kind, part, shared) for part in spec.values())
        )
    if isinstance(spec, list):
        return all(is_of_fields_alone(kind, part, shared) for part in spec)
    return not is_expression(spec) or _field_of(spec, shared) is not None


def _field_of(spec: str, shared: Compilation) -> str | None:
    """The field's name, of an expression that is nothing but one field."""
    try:
        return compile_expression(spec[1:], shared.functions).plain_field
    except ExpressionError:
        return None


def _customer(spec: Any, shared: Compilation, place: Loc) -> Build:
    if not isinstance(spec, dict):
        shared.fault(place, "write one line for each attribute")
        return _nothing
    builders: list[tuple[str, Build]] = []
    for name, part in spec.items():
        attribute = ATTRIBUTES.get(name)
        if attribute is None:
            shared.fault((*place, name), f"no attribute {name}; there are {', '.join(ATTRIBUTES)}")
        else:
            builders.append((name, _attribute(attribute, part, shared, (*place, name))))

    def build(native: Any) -> dict[str, Any]:
        found: dict[str, Any] = {}
        for name, make in builders:
            try:
                value = make(native)
            except (ValueError, TypeError, JMESPathError) as error:
                raise _bad_field(name, error) from None
            if value is not None:
                found[name] = value
        return found

    return build


def _bad_field(name: str, error: Exception) -> BadRecordError:
    # A message of JMESPath quotes the value that it could not take; only our own (a ValueError) may be
    # repeated.
    told = str(error) if type(error).__module__.startswith("cdi.") else "a value of the wrong type"
    return BadRecordError(f"{name}: {told}", remedy="Correct the record at its source or the mapping, then replay")


def _attribute(attribute: Attribute, spec: Any, shared: Compilation, place: Loc) -> Build:
    match attribute.shape:
        case Shape.VALUE:
            return _scalar(attribute.name, spec, shared, place)
        case Shape.BLOCK:
            return _whole_or_parts(attribute.parts, spec, shared, place)
        case Shape.BLOCKS:
            return _blocks(attribute, spec, shared, place)
        case Shape.MAPPING:
            return _parts(None, spec, shared, place)


def _scalar(name: str, spec: Any, shared: Compilation, place: Loc) -> Build:
    if isinstance(spec, dict | list):
        shared.fault(place, "one value is expected here: =expression or a literal")
        return _nothing
    convert: Build = flag if name in _YES_OR_NO else as_text
    if not is_expression(spec):
        constant = convert(spec)
        return lambda _: constant
    compiled = shared.expression(spec[1:], place)
    return _flagged(compiled.evaluate) if convert is flag else _text(compiled)


def _flagged(evaluate: Evaluate) -> Build:
    return lambda native: flag(evaluate(native))


def _text(compiled: Expression) -> Build:
    """The expression's value as text."""
    evaluate = compiled.evaluate

    def text(native: Any) -> str | None:
        value = evaluate(native)
        return (value or None) if type(value) is str or value is None else as_text(value)

    return text


def _whole_or_parts(names: tuple[str, ...], spec: Any, shared: Compilation, place: Loc) -> Build:
    """A block either part by part, or as one expression that gives them all (`name: =split_name(who)`)."""
    if not is_expression(spec):
        return _parts(names, spec, shared, place)
    evaluate = shared.expression(spec[1:], place).evaluate

    def build(native: Any) -> dict[str, Any] | None:
        whole = evaluate(native)
        if not isinstance(whole, dict):
            return None
        return {name: text for name in names if (text := as_text(whole.get(name))) is not None} or None

    return build


def _parts(names: tuple[str, ...] | None, spec: Any, shared: Compilation, place: Loc) -> Build:
    """A block part by part; `names` None: any name may stand there."""
    if not isinstance(spec, dict):
        shared.fault(place, f"write its parts: {', '.join(names or ('name: =expression',))}")
        return _nothing
    said: list[tuple[str, Build]] = []
    fields: list[tuple[str, str]] = []
    literals: list[tuple[str, Any]] = []
    for name, part in spec.items():
        if names is not None and name not in names:
            shared.fault((*place, name), f"no part {name}; there are {', '.join(names)}")
            continue
        build_part = _scalar(name, part, shared, (*place, name))
        if is_expression(part):
            said.append((name, build_part))
            if name not in _YES_OR_NO and (column := _field_of(part, shared)) is not None:
                fields.append((name, column))
        elif (constant := build_part(None)) is not None:
            literals.append((name, constant))
    if len(fields) == len(said):
        return _texts_of(fields, literals)

    def build(native: Any) -> dict[str, Any] | None:
        block = {name: value for name, make in said if (value := make(native)) is not None}
        if not block or (bare and block.keys() <= _YES_OR_NO):
            return None
        block.update(literals)
        return block

    # A bare "verified" or "shared" says nothing without the value that it speaks of.
    bare = not _YES_OR_NO.isdisjoint(name for name, _ in said)
    return build


def _texts_of(fields: Sequence[tuple[str, str]], literals: Sequence[tuple[str, Any]]) -> Build:
    """A block of fields as they stand, the usual case, which is spared every detour."""

    def build(native: Any) -> dict[str, Any] | None:
        if type(native) is not dict:
            return None
        block: dict[str, Any] = {}
        for name, column in fields:
            value = native.get(column)
            if type(value) is not str:
                value = as_text(value)
            if value:
                block[name] = value
        if not block:
            return None
        if literals:
            block.update(literals)
        return block

    return build


def _blocks(attribute: Attribute, spec: Any, shared: Compilation, place: Loc) -> Build:
    if not isinstance(spec, list):
        shared.fault(place, "a list is expected: one line `- {…}` for each")
        return _nothing
    makers = [_block_item(attribute, item, shared, (*place, index)) for index, item in enumerate(spec)]

    def build(native: Any) -> list[dict[str, Any]] | None:
        blocks: list[dict[str, Any]] = []
        for make in makers:
            for block in make(native):
                if block not in blocks:
                    blocks.append(block)
        return blocks or None

    return build


def _block_item(attribute: Attribute, item: Any, shared: Compilation, place: Loc) -> Callable[[Any], Sequence[Any]]:
    """One line of a list: a block, a block for `each` element of a list, only `when` a condition holds.

    An element that is an object sees the record around it as `parent`.
    """
    if not isinstance(item, dict):
        shared.fault(place, f"write its parts: {', '.join(attribute.parts)}")
        return lambda _: _NO_BLOCKS
    parts = _parts(attribute.parts, {k: v for k, v in item.items() if k not in _CONTROL}, shared, place)
    each = _control(item, "each", shared, place)
    when = _control(item, "when", shared, place)
    needed = "value" if attribute.name in _CARRIES_VALUE else None

    def one(native: Any) -> Sequence[Any]:
        block = parts(native)
        return [block] if block and (needed is None or needed in block) else _NO_BLOCKS

    def build(native: Any) -> list[Any]:
        elements = [native] if each is None else _elements(each(native), native)
        blocks = [parts(e) for e in elements if when is None or not is_false(when(e))]
        return [block for block in blocks if block and (needed is None or needed in block)]

    return one if each is None and when is None else build


def _elements(found: Any, native: Any) -> list[Any]:
    if not isinstance(found, list):
        return []
    return [{**element, "parent": native} if isinstance(element, dict) else element for element in found]


def _control(item: dict[str, Any], name: str, shared: Compilation, place: Loc) -> Evaluate | None:
    if name not in item:
        return None
    return condition(item[name], shared, (*place, name))


def condition(spec: Any, shared: Compilation, place: Loc) -> Evaluate:
    """A `when` or `each`, which is always an expression: its `=` may be left out."""
    if not isinstance(spec, str):
        shared.fault(place, "an expression is expected")
        return _nothing
    return shared.expression(spec.removeprefix("="), place).evaluate


def _other(kind: Stream, spec: Mapping[str, Any], shared: Compilation, place: Loc) -> Build:
    """A touchpoint, a consent or an identity link: every part is there, None where the source says nothing.

    `contact`, what is known of a customer who has no key there, is read only where `customer_key` is empty.
    """
    parts = PARTS[kind]
    with_contact = kind is not Stream.IDENTITY_LINK
    template: dict[str, Any] = dict.fromkeys((*parts, "contact") if with_contact else parts)
    told = {name: part for name, part in spec.items() if name != "contact" or not with_contact}
    builders = [_part(kind, name, part, shared, place) for name, part in told.items()]
    for missing in sorted(set(REQUIRED[kind]) - set(spec)):
        shared.fault(place, f"a {kind} needs {missing}")
    contact = _nothing if len(told) == len(spec) else _customer(spec["contact"], shared, (*place, "contact"))

    def build(native: Any) -> dict[str, Any]:
        found = dict(template)
        for name, make in builders:
            try:
                found[name] = make(native)
            except (ValueError, TypeError, JMESPathError) as error:
                raise _bad_field(name, error) from None
        _demand(kind, found)
        if with_contact and found["customer_key"] is None:
            found["contact"] = contact(native) or None
        return found

    return build


def _part(kind: Stream, name: str, spec: Any, shared: Compilation, place: Loc) -> tuple[str, Build]:
    """One part of a touchpoint, consent or link, which may only say the words that are listed for it."""
    if name not in PARTS[kind]:
        shared.fault((*place, name), f"no part {name} of a {kind}; there are {', '.join((*PARTS[kind], 'contact'))}")
        return name, _nothing
    words = PARTS[kind][name]
    make = _scalar(name, spec, shared, (*place, name))
    if not words:
        return name, make
    if not is_expression(spec) and make(None) not in words:
        shared.fault((*place, name), f"write one of {', '.join(words)}")

    def checked(native: Any) -> Any:
        value = make(native)
        if value is not None and value not in words:
            raise TransformError(f"none of {', '.join(words)}: translate it with lookup()")
        return value

    return name, checked


def _demand(kind: Stream, found: dict[str, Any]) -> None:
    for name in REQUIRED[kind]:
        if found[name] is None:
            raise BadRecordError(f"{name}: empty, and a {kind} needs it")
