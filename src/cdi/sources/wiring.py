"""A source is wired in: a connector's files where there is none yet, an entry in `cdi.yaml`, names of secrets in
`.env.example`. Nothing that is there is overwritten."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from cdi.errors import ConfigurationError, InvalidInputError
from cdi.ingest.blueprint import Setting
from cdi.ingest.manifest import DeclaredConnector
from cdi.ingest.registry import Registry
from cdi.ingest.schema import CONNECTOR_SCHEMA, SCHEMAS
from cdi.ingest.skeleton import folder_of, streams
from cdi.settings import NAME, SECRET_REFERENCE, TODO, Settings, SourceSystem, line_of, load_yaml
from cdi.sources.deployment_file import demand_new, replace, with_source

WIDTH = 34
"""The column at which comments begin."""


@dataclass(frozen=True, slots=True)
class Wired:
    """What was written, and what is left to do."""

    name: str
    connector: str
    written: Sequence[str]
    unsaid: Sequence[str]
    secrets: Sequence[str]


@dataclass(frozen=True, slots=True)
class Said:
    """What the engineer said of a source; what is None is left as TODO, or as the example."""

    owner: str | None = None
    purpose: str | None = None
    retention: str | None = None
    schedule: str | None = None
    config: Mapping[str, str] | None = None


@dataclass(frozen=True, slots=True)
class Draft:
    """What would be written of a source of a connector that there is: its `entry` for `sources` of cdi.yaml, and the
    variables of the environment that its secrets come from."""

    entry: str
    secrets: Sequence[str]


def draft(settings: Settings, connectors: Registry, name: str, shipped: str, said: Said) -> Draft:
    """The entry of a new source, which nobody has written yet. Raises InvalidInputError, ConfigurationError."""
    _demand_name(settings, name)
    connector = _declared(connectors, shipped)
    config, kind = connector.manifest.config, connector.manifest.connection.kind
    values = _values(name, shipped, config, said.config or {})
    return Draft(_entry(name, shipped, config, values, kind, said, settings), list(_variables(values)))


def wire_in(
    settings: Settings, connectors: Registry, name: str, *, kind: str | None, shipped: str | None, said: Said
) -> Wired:
    """A new source: of a connector that there is (`shipped`), or of a new one of this `kind`, which has its name.

    Raises InvalidInputError, ConfigurationError; then nothing was written.
    """
    _demand_name(settings, name)
    path = settings.folder / "cdi.yaml"
    files: dict[str, str] = {}
    if shipped is not None:
        connector = _declared(connectors, shipped)
        config, stream_kind = connector.manifest.config, connector.manifest.connection.kind
    else:
        assert kind is not None
        files = _new_connector(settings, connectors, name, kind)
        document = yaml.safe_load(files["connector.yaml"])
        config = {setting: Setting.model_validate(spec) for setting, spec in document["config"].items()}
        stream_kind = document["connection"]["kind"]
    values = _values(name, shipped or name, config, said.config or {})
    entry = _entry(name, shipped or name, config, values, stream_kind, said, settings)
    text = with_source(path.read_text(encoding="utf-8"), name, entry)
    for relative, content in files.items():
        target = settings.folder / "connectors" / name / relative
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(content, encoding="utf-8")
    secrets = _name_secrets(settings.folder / ".env.example", name, config, values)
    replace(path, text)
    written = [*(f"connectors/{name}/{relative}" for relative in files), "cdi.yaml"]
    written += [".env.example"] if secrets else []
    return Wired(name, shipped or name, written, _unsaid(path, name), secrets)


def _demand_name(settings: Settings, name: str) -> None:
    if not re.fullmatch(NAME, name):
        raise InvalidInputError(f"{name!r} is no name of a source", remedy="Write a-z, 0-9 and _ only")
    demand_new(settings.folder / "cdi.yaml", name)


def _declared(connectors: Registry, name: str) -> DeclaredConnector:
    connector = connectors.get(name)
    if not isinstance(connector, DeclaredConnector):
        raise InvalidInputError(f"{name} is a package, not a file", remedy="Write the source by hand")
    return connector


def _new_connector(settings: Settings, connectors: Registry, name: str, kind: str) -> dict[str, str]:
    """The files of a connector that is not there yet."""
    if (settings.folder / "connectors" / name).exists():
        raise ConfigurationError(f"connectors/{name} is there already", remedy=f"cdi source new {name} --from {name}")
    if name in connectors.names():
        raise ConfigurationError(
            f"a connector {name} is shipped",
            remedy=f"Use it: cdi source new {name} --from {name}; or choose a new name",
        )
    return folder_of(name, kind, f"../../{SCHEMAS}/{CONNECTOR_SCHEMA}")


def _values(name: str, connector: str, config: Mapping[str, Setting], given: Mapping[str, str]) -> dict[str, str]:
    """What is written for each setting; those that may be left out are not among them."""
    unknown = sorted(set(given) - set(config))
    if unknown:
        remedy = f"Its settings: {', '.join(config) or 'none'}"
        raise InvalidInputError(f"connector {connector} has no setting {', '.join(unknown)}", remedy=remedy)
    values: dict[str, str] = {}
    for setting, spec in config.items():
        if setting in given:
            if spec.secret and not SECRET_REFERENCE.fullmatch(given[setting]):
                remedy = f"Write {setting}='${{env:NAME}}'"
                raise InvalidInputError(f"{setting} is a secret and must not stand in cdi.yaml", remedy=remedy)
            values[setting] = given[setting]
        elif spec.required:
            values[setting] = _reference(name, setting) if spec.secret else TODO
    return values


def _reference(name: str, setting: str) -> str:
    """The variable of the environment that shall hold this secret."""
    return f"${{env:{f'{name}_{setting}'.upper()}}}"


def _entry(
    name: str,
    connector: str,
    config: Mapping[str, Setting],
    values: Mapping[str, str],
    kind: str,
    said: Said,
    settings: Settings,
) -> str:
    """The source's block in `cdi.yaml`."""
    owners = [owner.id for owner in settings.deployment.owners]
    if said.owner is not None and said.owner not in owners:
        raise InvalidInputError(f"no owner {said.owner} in cdi.yaml", remedy=f"There are {', '.join(owners)}")
    lines = [f"{name}:", f"  connector: {connector}"]
    if config:
        lines.append("  config:" if values else "  config: {}")
        for setting, spec in config.items():
            example = _reference(name, setting) if spec.secret else spec.default
            lines += _setting_lines(setting, spec, values.get(setting), example, kind)
    others = ", ".join(owner for owner in owners if owner != settings.deployment.customer_owner)
    of = f"; or {others}" if others else ""
    lines += [
        _line(f"  data_owner: {said.owner or settings.deployment.customer_owner}", f"who answers for these data{of}"),
        _line(f"  purpose: {_scalar(said.purpose or TODO)}", "what these data are for"),
        _line(f"  retention: {_scalar(said.retention or TODO)}", "how long they may be kept: P3Y, P90D"),
        _line("  # legal_basis: contract", "why they may be used"),
        _line(f"  schedule: {_scalar(said.schedule or 'PT1H')}", 'when `cdi worker` reads it; or "0 3 * * *"'),
        _line("  # trust: 0.5", "0 to 1: whose values survive"),
        _line("  # one_record_per_customer: true", "if the source guarantees it"),
        _line("  # exclude: [notes]", "native fields that are never stored"),
    ]
    return "\n".join(lines) + "\n"


def _setting_lines(setting: str, spec: Setting, value: str | None, example: Any, kind: str) -> list[str]:
    told = spec.help or ("required" if spec.required else "")
    if spec.type == "streams" and value == TODO:
        skeleton = streams(kind).rstrip().splitlines()
        return [_line(f"    {setting}:", told), *(f"      {line}" if line else "" for line in skeleton)]
    if value is None:
        return [_line(f"    # {setting}: {_scalar(example)}", told)]
    return [_line(f"    {setting}: {_scalar(value)}", told)]


def _line(text: str, comment: str) -> str:
    return f"{text.ljust(WIDTH)}  # {' '.join(comment.split())}" if comment else text


def _scalar(value: Any) -> str:
    """A value as YAML writes it in one line."""
    if value is None:
        return ""
    return (
        str(yaml.safe_dump(value, default_flow_style=True, allow_unicode=True, width=10_000)).split("\n...")[0].strip()
    )


def _name_secrets(path: Path, name: str, config: Mapping[str, Setting], values: Mapping[str, str]) -> list[str]:
    """The variables that the source refers to are named in `.env.example`, where they are not yet; which those are."""
    found = _variables(values)
    there = path.read_text(encoding="utf-8") if path.exists() else ""
    new = [variable for variable in found if not re.search(rf"^#? ?{re.escape(variable)}=", there, re.MULTILINE)]
    if new:
        lines = [
            f"# {variable}=   # source {name}, {found[variable]}: {config[found[variable]].help}".rstrip(": ")
            for variable in new
        ]
        start = there if not there or there.endswith("\n") else there + "\n"
        path.write_text(start + "\n".join(lines) + "\n", encoding="utf-8")
    return list(found)


def _variables(values: Mapping[str, str]) -> dict[str, str]:
    """The variables of the environment that these settings refer to, and which setting each is for."""
    return {
        match[2]: setting
        for setting, value in values.items()
        for match in SECRET_REFERENCE.finditer(value)
        if match[1] == "env"
    }


def _unsaid(path: Path, name: str) -> list[str]:
    """What is left to be said of the new source, with its lines."""
    document, lines = load_yaml(path)
    paths = [("sources", name, *said.split(".")) for said in SourceSystem(**document["sources"][name]).unsaid()]
    return [f"cdi.yaml:{line_of(lines, place)}: {'.'.join(place)}" for place in paths]
