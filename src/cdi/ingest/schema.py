"""The JSON Schema of `connector.yaml`, derived from what the program accepts: an editor completes and checks with it.

`python -m cdi.ingest.schema` prints it; `connectors/connector.schema.json` is that print.
"""

import json
import sys
from typing import Any

from cdi.fields import ATTRIBUTES, Attribute, Shape, Stream
from cdi.ingest.blueprint import MANIFESTS
from cdi.ingest.mapping import PARTS, REQUIRED

JsonSchema = dict[str, Any]
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
        "$schema": "https://json-schema.org/draft/2020-12/schema",
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
    for name in ("rest_HttpStream", "sql_SqlStream", "files_FilesStream"):
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


if __name__ == "__main__":
    sys.stdout.write(json.dumps(manifest_schema(), indent=1, ensure_ascii=False) + "\n")
