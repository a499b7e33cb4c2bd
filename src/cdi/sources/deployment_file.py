"""`cdi.yaml` as its engineer wrote it: a source is added, and not a character of the rest is changed."""

import os
import tempfile
from pathlib import Path
from typing import Any

import yaml

from cdi.errors import ConfigurationError, InvalidInputError
from cdi.settings import load_yaml


def with_source(text: str, name: str, entry: str) -> str:
    """The file with this entry (a block that is not indented, its name in the first line) at the end of `sources`.

    Raises InvalidInputError where `sources` is written in a way that cannot be added to line by line.
    """
    lines = text.splitlines(keepends=True)
    if lines and not lines[-1].endswith("\n"):
        lines[-1] += "\n"
    place = _sources(text)
    if place is None:
        before, at, indent = ["\n", "sources:\n"], len(lines), 2
    else:
        key, value = place
        if not isinstance(value, yaml.MappingNode) or (value.flow_style and value.value):
            raise InvalidInputError(
                f"cdi.yaml:{key.start_mark.line + 1}: sources is written in one line",
                remedy="Write each source in lines of its own, then try again",
            )
        if not value.value:
            line = key.start_mark.line
            lines[line] = lines[line].replace("{}", "", 1).rstrip() + "\n"
            before, at, indent = [], line + 1, key.start_mark.column + 2
        else:
            before, indent = ["\n"], value.value[0][0].start_mark.column
            at = _end_of(value, lines, indent)
    block = [" " * indent + line if line.strip() else line for line in entry.splitlines(keepends=True)]
    after = ["\n"] if at < len(lines) and lines[at].strip() else []
    changed = "".join([*lines[:at], *before, *block, *after, *lines[at:]])
    _demand_same(text, changed, name)
    return changed


def _sources(text: str) -> tuple[yaml.Node, yaml.Node] | None:
    root = yaml.compose(text, Loader=yaml.SafeLoader)
    if not isinstance(root, yaml.MappingNode):
        return None
    return next(((key, value) for key, value in root.value if key.value == "sources"), None)


def _end_of(sources: yaml.MappingNode, lines: list[str], indent: int) -> int:
    """The line after the last one of `sources`: its own comments belong to it, those of what follows do not."""
    last: yaml.Node = sources
    while isinstance(last, yaml.CollectionNode) and last.value and not last.flow_style:
        last = last.value[-1][1] if isinstance(last, yaml.MappingNode) else last.value[-1]
    mark = last.end_mark
    at = mark.line + (mark.column > 0)
    following = at
    while following < len(lines) and (not lines[following].strip() or _is_comment_within(lines[following], indent)):
        following += 1
        if lines[following - 1].strip():
            at = following
    return at


def _is_comment_within(line: str, indent: int) -> bool:
    return line.lstrip().startswith("#") and len(line) - len(line.lstrip()) >= indent


def _demand_same(before: str, after: str, name: str) -> None:
    """The file says what it said before, and one source more: else it is not written."""
    old, new = yaml.safe_load(before) or {}, yaml.safe_load(after)
    added: dict[str, Any] = dict(new.get("sources") or {})
    if added.pop(name, None) is None or {**new, "sources": added} != {**old, "sources": old.get("sources") or {}}:
        raise InvalidInputError(
            "sources of cdi.yaml cannot be added to safely", remedy="Write the source there by hand"
        )


def demand_new(path: Path, name: str) -> None:
    """Raises ConfigurationError where a source of this name stands in the file already, with its line."""
    document, lines = load_yaml(path)
    if name in ((document or {}).get("sources") or {}):
        raise ConfigurationError(
            f"{path}:{lines['sources', name]}: there is a source {name} already", remedy="Choose another name"
        )


def replace(path: Path, text: str) -> None:
    """The file has this content, wholly or not at all; its mode stays."""
    descriptor, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(descriptor, "w", encoding="utf-8", newline="") as file:
            file.write(text)
        Path(temporary).chmod(path.stat().st_mode & 0o7777)
        Path(temporary).replace(path)
    except BaseException:
        Path(temporary).unlink(missing_ok=True)
        raise
