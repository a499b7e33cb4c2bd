"""The JSON Schemas of `connector.yaml` and `cdi.yaml`, derived from what the program accepts: an editor completes and
checks with them.

`python -m cdi.ingest.schema` writes `connectors/connector.schema.json`. A deployment has both, in `schemas/`: the one
of its `cdi.yaml` knows the settings of its own connectors too.
"""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from cdi.fields import ATTRIBUTES, Attribute, Shape, Stream
from cdi.ingest.blueprint import MANIFESTS
from cdi.ingest.manifest import DeclaredConnector
from cdi.ingest.mapping import PARTS, REQUIRED
from cdi.ingest.registry import Registry
from cdi.settings import PUSH, Deployment, bundled

JsonSchema = dict[str, Any]
DRAFT: Final = "https://json-schema.org/draft/2020-12/schema"
CONNECTOR_SCHEMA: Final = "connector.schema.json"
DEPLOYMENT_SCHEMA: Final = "cdi.schema.json"
SCHEMAS: Final = "schemas"
"""The folder of a deployment in which they lie."""
STREAMS: Final = {"rest": "rest_HttpStream", "sql": "sql_SqlStream", "files": "files_FilesStream"}
REFERENCE: Final[JsonSchema] = {
    "type": "string",
    "pattern": r"^\$\{(env|file):[^}]+\}$",
    "description": "a secret: ${env:NAME} or ${file:PATH}",
}
SCALAR: JsonSchema = {"type": ["string", "number", "boolean"], "description": "a literal, or an expression after ="}


def manifest_schema() -> JsonSchema:
    """One schema for all kinds of source; `connection.kind` says which of them a file is."""
    definitions: JsonSchema = {"customer": _customer(), **{str(kind): _other(kind) for kind in PARTS}}
    branches = []
    for kind, model in MANIFESTS.items():
        schema = model.model_json_schema(mode="validation")
        definitions |= {f"{kind}_{name}": _renamed(part, kind) for name, part in schema.pop("$defs").items()}
        definitions[kind] = _renamed(schema, kind)
        branches.append({"if": _says(kind), "then": {"$ref": f"#/$defs/{kind}"}})
    _describe_maps(definitions)
    return {
        "$schema": DRAFT,
        "title": "connector.yaml of cdi",
        "type": "object",
        "required": ["connector", "title", "connection"],
        "properties": {"connection": {"properties": {"kind": {"enum": list(MANIFESTS)}}, "required": ["kind"]}},
        "allOf": branches,
        "$defs": definitions,
    }


def _says(kind: str) -> JsonSchema:
    return {"properties": {"connection": {"properties": {"kind": {"const": kind}}}}}


def _renamed(schema: Any, kind: str) -> Any:
    """References point to definitions that carry the kind in their name: each kind has a Cursor of its own."""
    if isinstance(schema, dict):
        return {
            name: value.replace("#/$defs/", f"#/$defs/{kind}_")
            if name == "$ref" or (isinstance(value, str) and value.startswith("#/$defs/"))
            else _renamed(value, kind)
            for name, value in schema.items()
        }
    return [_renamed(item, kind) for item in schema] if isinstance(schema, list) else schema


def _describe_maps(definitions: JsonSchema) -> None:
    """In a stream, `map` is what its kind of record consists of."""
    for name in STREAMS.values():
        definitions[name]["allOf"] = [
            {
                "if": {"properties": {"kind": {"const": str(kind)}}},
                "then": {"properties": {"map": {"$ref": f"#/$defs/{kind}"}}},
            }
            for kind in Stream
        ]


def _customer() -> JsonSchema:
    return {
        "type": "object",
        "additionalProperties": False,
        "properties": {name: _attribute(attribute) for name, attribute in ATTRIBUTES.items()},
    }


def _attribute(attribute: Attribute) -> JsonSchema:
    parts: JsonSchema = dict.fromkeys(attribute.parts, SCALAR)
    match attribute.shape:
        case Shape.VALUE:
            return SCALAR
        case Shape.BLOCK:
            block = {"type": "object", "additionalProperties": False, "properties": parts}
            return {"anyOf": [block, {"type": "string", "pattern": "^="}]}
        case Shape.BLOCKS:
            control = {"each": {"type": "string"}, "when": {"type": "string"}}
            item = {"type": "object", "additionalProperties": False, "properties": {**parts, **control}}
            return {"type": "array", "items": item}
        case Shape.MAPPING:
            return {"type": "object", "additionalProperties": SCALAR}


def _other(kind: Stream) -> JsonSchema:
    properties: JsonSchema = {
        name: {"anyOf": [{"enum": list(words)}, {"type": "string", "pattern": "^="}]} if words else SCALAR
        for name, words in PARTS[kind].items()
    }
    if kind is not Stream.IDENTITY_LINK:
        properties["contact"] = {"$ref": "#/$defs/customer"}
    return {
        "type": "object",
        "additionalProperties": False,
        "required": list(REQUIRED[kind]),
        "properties": properties,
    }


def deployment_schema(connectors: Registry) -> JsonSchema:
    """The schema of `cdi.yaml`: each source with the settings of its connector, a secret only as a reference."""
    schema = Deployment.model_json_schema(mode="validation")
    definitions = schema["$defs"]
    source = definitions["SourceSystem"]
    manifest = manifest_schema()
    branches = []
    for name in connectors.names():
        connector = connectors.get(name)
        if isinstance(connector, DeclaredConnector):
            definitions[f"config_of_{name}"] = _config(connector)
            definitions |= manifest["$defs"] if not connector.manifest.streams else {}
            properties: JsonSchema = {"config": {"$ref": f"#/$defs/config_of_{name}"}}
            needed = {"required": ["config"]} if definitions[f"config_of_{name}"].get("required") else {}
            branches.append(
                {
                    "if": {"properties": {"connector": {"const": name}}, "required": ["connector"]},
                    "then": {"properties": properties, **needed},
                }
            )
    source["properties"]["connector"]["anyOf"] = [{"enum": [PUSH, *connectors.names()]}]
    source["allOf"] = branches
    return {"$schema": DRAFT, **schema, "title": "cdi.yaml", "$defs": definitions}


def _config(connector: DeclaredConnector) -> JsonSchema:
    """The settings of a connector as `cdi.yaml` gives them: any value may be a reference."""
    schema = connector.config_schema()
    for name, told in schema.get("properties", {}).items():
        help_text = connector.manifest.config[name].help
        if connector.manifest.config[name].type == "streams":
            stream = {"$ref": f"#/$defs/{STREAMS[connector.manifest.connection.kind]}"}
            schema["properties"][name] = {"type": "object", "additionalProperties": stream, "description": help_text}
        elif name in connector.secret_settings:
            schema["properties"][name] = {**REFERENCE, **({"description": help_text} if help_text else {})}
        else:
            told.pop("title", None)
            reference = {"type": "string", "pattern": r"\$\{(env|file):[^}]+\}"}
            schema["properties"][name] = {"anyOf": [told, reference], "description": help_text}
    schema["title"] = f"settings of {connector.name}: {connector.title}"
    return schema


def write_schemas(folder: Path, connectors: Registry) -> list[Path]:
    """Both schemas into this folder; which files were written. What is the same already is left alone."""
    contents: Mapping[str, JsonSchema] = {
        CONNECTOR_SCHEMA: manifest_schema(),
        DEPLOYMENT_SCHEMA: deployment_schema(connectors),
    }
    written = []
    folder.mkdir(parents=True, exist_ok=True)
    for name, schema in contents.items():
        path, text = folder / name, json.dumps(schema, indent=1, ensure_ascii=False) + "\n"
        if not path.exists() or path.read_text(encoding="utf-8") != text:
            path.write_text(text, encoding="utf-8")
            written.append(path)
    return written


if __name__ == "__main__":
    text = json.dumps(manifest_schema(), indent=1, ensure_ascii=False) + "\n"
    (bundled("connectors") / CONNECTOR_SCHEMA).write_text(text, encoding="utf-8")
