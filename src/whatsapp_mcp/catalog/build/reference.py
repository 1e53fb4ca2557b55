"""The catalogue as documentation: the reference of all tools, and the overview of which of them work.

Markdown, made from nothing but tools.yaml and the names of the operations that have a handler.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final

from whatsapp_mcp.catalog.operation import CORE, Catalog, JsonObject, Operation

_EFFECTS: Final = {
    "read": "reads only",
    "write": "changes something",
    "destructive": "removes or overwrites something",
}
_LIMITS: Final = (
    ("minimum", "at least {}"),
    ("exclusiveMinimum", "more than {}"),
    ("maximum", "at most {}"),
    ("exclusiveMaximum", "less than {}"),
    ("minLength", "at least {} characters"),
    ("maxLength", "at most {:,} characters"),
    ("minItems", "at least {} items"),
    ("maxItems", "at most {} items"),
)
_NOT_EMPTY: Final = ("minLength", 1)


def core_tools(catalog: Catalog) -> str:
    """The tools of the default toolset, each with a link to its place in the reference."""
    return ", ".join(_link(operation) for operation in catalog.operations if CORE in operation.toolsets) + "."


def _link(operation: Operation) -> str:
    # Anchors as GitHub makes them of headings: lower case.
    return f"[{operation.name}](#{operation.name.lower()})"


def reference(catalog: Catalog) -> str:
    """The page of all tools: what each does, its arguments and its results."""
    parts = []
    for toolset in catalog.toolsets:
        members = [operation for operation in catalog.operations if operation.tag == toolset]
        if members:  # the tools of `core` belong to the others too
            parts.append(f"## Toolset `{toolset}`")
            parts.extend(_tool(operation) for operation in members)
    return "\n\n".join(parts)


def _tool(operation: Operation) -> str:
    facts = [
        _EFFECTS[operation.effect],
        "may be repeated" if operation.idempotent else "each call does it again",
        "needs the connection" if operation.needs_connection else "works without the connection",
    ]
    if CORE in operation.toolsets:
        facts.append("in the default toolset")
    parts = [f"### {operation.name}", f"*{operation.title}*: {'; '.join(facts)}.", operation.description.strip()]
    properties: Mapping[str, JsonObject] = operation.input_schema["properties"]
    if properties:
        required = operation.input_schema.get("required", ())
        rows = [_argument(name, schema, name in required) for name, schema in properties.items()]
        parts.append("\n".join(["| Argument | Type | |", "|---|---|---|", *rows]))
    parts.extend(f"Exactly one of {' and '.join(f'`{name}`' for name in group)}." for group in operation.exactly_one)
    results = operation.output_schema.get("properties", {}).get("results")
    places = "\n".join(_places(results, "results")) if isinstance(results, dict) else ""
    parts.append(f"```text\n{places}\n```" if places else "No `results` beyond the message.")
    return "\n\n".join(parts)


def _argument(name: str, schema: JsonObject, required: bool) -> str:
    notes = ["**required**"] if required else []
    if "default" in schema:
        notes.append(f"default `{_plain(schema['default'])}`")
    notes.extend(_limits(schema))
    if isinstance(schema.get("items"), dict):
        notes.extend(f"each {limit}" for limit in _limits(schema["items"]))
    text = "; ".join([*notes, *([schema["description"].strip().rstrip(".")] if schema.get("description") else [])])
    return f"| `{name}` | {_type(schema)} | {text.replace('|', chr(92) + '|')} |"


def _limits(schema: JsonObject) -> Iterator[str]:
    if "enum" in schema:
        yield "one of " + ", ".join(f"`{_plain(value)}`" for value in schema["enum"])
    for key, text in _LIMITS:
        if key in schema and schema[key] != 0:
            yield "not empty" if (key, schema[key]) == _NOT_EMPTY else text.format(schema[key])


def _plain(value: object) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value)


def _type(schema: JsonObject) -> str:
    if schema.get("type") == "array":
        return f"list of {_type(schema.get('items', {}))}"
    return str(schema.get("type", "any"))


def _places(schema: JsonObject, place: str) -> Iterator[str]:
    """``results.data[].id: string``: every place of a result that holds something, and its type."""
    properties: Mapping[str, Any] = schema.get("properties", {})
    if schema.get("type") == "array":
        yield from _places(schema.get("items", {}), f"{place}[]")
    elif properties:
        for name, item in properties.items():
            yield from _places(item, f"{place}.{name}")
    else:
        values = f" ({', '.join(map(_plain, schema['enum']))})" if "enum" in schema else ""
        yield f"{place}: {_type(schema)}{values}"
