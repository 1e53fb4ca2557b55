"""The schemas of an operation: of its arguments, as they are checked, and of its results."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Any

from whatsapp_mcp.catalog.operation import JsonObject

_ANNOTATIONS = frozenset({"description", "title", "example", "examples", "deprecated", "format", "default"})
"""Keywords that constrain nothing: left out of output schemas."""

_MAPS_OF_SCHEMAS = frozenset({"properties", "patternProperties", "$defs", "dependentSchemas"})
"""Keywords whose keys are names and not keywords."""


def input_schema(properties: Mapping[str, JsonObject], required: Collection[str]) -> JsonObject:
    """The flat schema that arguments are checked against.

    Binary content becomes a string that says where the content lies; examples and titles go.
    """
    schema: JsonObject = {"type": "object", "properties": {name: _argument(s) for name, s in properties.items()}}
    if required:
        schema["required"] = [name for name in properties if name in required]
    schema["additionalProperties"] = False
    return schema


def output_schema(response: JsonObject) -> JsonObject:
    """The schema of a response, reduced to what constrains it."""
    reduced = _without(response, _ANNOTATIONS)
    assert isinstance(reduced, dict)
    return reduced


def _argument(schema: JsonObject) -> JsonObject:
    plain = _without(schema, frozenset({"title", "example", "examples"}))
    assert isinstance(plain, dict)
    if plain.get("format") == "binary":
        del plain["format"]
    return plain


def _without(value: Any, dropped: Collection[str]) -> Any:
    if isinstance(value, Sequence) and not isinstance(value, str):
        return [_without(item, dropped) for item in value]
    if not isinstance(value, Mapping):
        return value
    return {
        key: {name: _without(s, dropped) for name, s in item.items()}
        if key in _MAPS_OF_SCHEMAS
        else _without(item, dropped)
        for key, item in value.items()
        if key not in dropped
    }
