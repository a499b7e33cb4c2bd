"""`{config.base_url}` and `{cursor.from}` in a manifest are filled in; there is nothing else: no conditions,
no code.

Only names that begin with `config.`, `cursor.`, `each.` or `record.` are touched, so that braces of JSON and GraphQL
stay what they are."""

import re
from collections.abc import Mapping
from typing import Any, Final, TypeAlias
from urllib.parse import quote

from cdi.errors import ConfigurationError

Values: TypeAlias = Mapping[str, Any]
_NAME: Final = re.compile(r"\{((?:config|cursor|each|record)\.[A-Za-z0-9_]+)\}")


def fill(template: Any, values: Values) -> Any:
    """`template` with its names replaced, at any depth. A text that is one name only takes the value with its
    type.

    Raises ConfigurationError for a name that has no value.
    """
    if isinstance(template, str):
        whole = _NAME.fullmatch(template)
        if whole:
            return _value(whole[1], values)
        return _NAME.sub(lambda match: str(_value(match[1], values)), template)
    if isinstance(template, dict):
        return {name: fill(item, values) for name, item in template.items()}
    if isinstance(template, list | tuple):
        return [fill(item, values) for item in template]
    return template


def fill_if_given(template: str | None, values: Values) -> str | None:
    """The text that `template` becomes; None where it is not there, or a name in it has no value."""
    if template is None or any(values.get(name) is None for name in names(template)):
        return None
    return str(fill(template, values))


def fill_path(template: str, values: Values) -> str:
    """A path with its names replaced; what is put in cannot leave its place between two slashes."""
    return _NAME.sub(lambda match: quote(str(_value(match[1], values)), safe=""), template)


def names(template: Any) -> set[str]:
    """Every name that a template asks for, at any depth."""
    if isinstance(template, str):
        return {match[1] for match in _NAME.finditer(template)}
    if isinstance(template, dict):
        return set().union(*(names(item) for item in template.values()))
    if isinstance(template, list | tuple):
        return set().union(*(names(item) for item in template))
    return set()


def _value(name: str, values: Values) -> Any:
    if values.get(name) is None:
        raise ConfigurationError(f"{{{name}}} has no value", remedy="Give it in the source's config, or a default")
    return values[name]


def merge(base: Any, addition: Any) -> Any:
    """`addition` laid over `base`: objects are merged, lists joined, everything else (also by null) is replaced."""
    if isinstance(base, dict) and isinstance(addition, dict):
        shared = {name: merge(base[name], addition[name]) for name in base.keys() & addition.keys()}
        return {**base, **addition, **shared}
    if isinstance(base, list) and isinstance(addition, list):
        return [*base, *addition]
    return addition
