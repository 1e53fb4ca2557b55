"""Checks of the schemas in tools.yaml: JSON Schema 2020-12 as OpenAPI 3.1 has it, nothing left over from 3.0."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

import jsonschema_rs

from whatsapp_mcp.catalog.build.document import Document, Located
from whatsapp_mcp.catalog.operation import JsonObject


def check_dialect(document: Document, schema: object, operation: str) -> None:
    """Refuse what OpenAPI 3.0 wrote differently and what hosts choke on, in ``schema`` and all it refers to.

    Hosts drop a whole server for one tool whose schema they cannot compile, so nothing is built of it.

    Raises:
        CatalogError: names the operation and the line.
    """
    _check(document, schema, operation, set())


def _check(document: Document, schema: object, operation: str, seen: set[int]) -> None:
    if not isinstance(schema, Located) or id(schema) in seen:
        return
    seen.add(id(schema))
    if "$ref" in schema:
        _check(document, document.mapping(schema, "schema", schema.line, operation), operation, seen)
    _check_keywords(document, schema, operation)
    for key in ("properties", "patternProperties", "$defs"):
        for name, item in _children(schema, key).items():
            if not isinstance(item, Located):
                document.fail(f"schema of {name!r} is not a mapping", schema[key].line_of(name), operation)
            _check(document, item, operation, seen)
    for key in ("items", "additionalProperties"):
        _check(document, schema.get(key), operation, seen)
    for key in ("anyOf", "oneOf", "allOf", "prefixItems"):
        for item in schema.get(key) or ():
            _check(document, item, operation, seen)


KEYWORDS: Final = frozenset(
    {
        "type",
        "enum",
        "const",
        "required",
        "minimum",
        "maximum",
        "exclusiveMinimum",
        "exclusiveMaximum",
        "multipleOf",
        "minLength",
        "maxLength",
        "pattern",
        "minItems",
        "maxItems",
        "uniqueItems",
        "properties",
        "patternProperties",
        "additionalProperties",
        "items",
        "prefixItems",
        "anyOf",
        "oneOf",
        "allOf",
        "title",
        "description",
        "default",
        "examples",
        "format",
        "$ref",
        "$defs",
        "example",
        "nullable",
    }
)
"""Of JSON Schema 2020-12 and OpenAPI 3.1, those that are used here; ``nullable`` has a complaint of its own."""


def _check_keywords(document: Document, schema: Located, operation: str) -> None:
    for key in schema:
        if key not in KEYWORDS:
            document.fail(f"{key!r} is no keyword of a schema", schema.line_of(key), operation)
    for key in ("exclusiveMinimum", "exclusiveMaximum"):
        if isinstance(schema.get(key), bool):
            document.fail(
                f"{key}: true is OpenAPI 3.0; give the bound itself, as a number", schema.line_of(key), operation
            )
    if "nullable" in schema:
        document.fail(
            "nullable is OpenAPI 3.0; results carry no null, leave the property out of `required`",
            schema.line_of("nullable"),
            operation,
        )
    kind = schema.get("type")
    if isinstance(kind, list):
        document.fail("a list of types is not understood by every host; name one", schema.line_of("type"), operation)
    if kind == "array" and "items" not in schema:
        document.fail("an array without items", schema.line_of("type"), operation)
    for name in schema.get("required") or ():
        if kind == "object" and name not in _children(schema, "properties"):
            document.fail(f"required names {name!r}, which is no property", schema.line_of("required"), operation)


def _children(schema: Located, key: str) -> dict[str, Any]:
    value = schema.get(key)
    return value if isinstance(value, dict) else {}


def check_valid(document: Document, schema: JsonObject, what: str, at: int, operation: str) -> None:
    """Refuse a schema that the 2020-12 metaschema refuses.

    Raises:
        CatalogError: names the operation and the line.
    """
    try:
        jsonschema_rs.meta.validate({"$schema": "https://json-schema.org/draft/2020-12/schema", **schema})
    except jsonschema_rs.ValidationError as error:
        where = "/".join(str(part) for part in error.instance_path) or "root"
        document.fail(f"{what} is not a valid JSON Schema, at {where}: {error.message}", at, operation)


_BOUND_OF: Final = {"string": "maxLength", "array": "maxItems", "integer": "maximum", "number": "maximum"}


def check_bounded(document: Document, properties: Mapping[str, JsonObject], at: int, operation: str) -> None:
    """Refuse arguments without a maximum: what is huge has to be refused before it reaches the session.

    Raises:
        CatalogError: names the operation and the line.
    """
    for name, schema in properties.items():
        bound = _BOUND_OF.get(str(schema.get("type")))
        if bound is not None and bound not in schema and "enum" not in schema:
            document.fail(f"argument {name!r} needs a {bound}", at, operation)
        if "items" in schema:
            check_bounded(document, {f"{name}[]": schema["items"]}, at, operation)
