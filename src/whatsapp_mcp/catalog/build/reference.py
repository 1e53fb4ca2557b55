"""The catalogue as documentation: an overview of all tools, and a page of each toolset.

Markdown, made from tools.yaml and from examples that were recorded.
"""

from __future__ import annotations

import json
import re
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
_LINE: Final = 100
"""Characters of a line of an example."""
_NOT_EMPTY: Final = ("minLength", 1)


def core_tools(catalog: Catalog) -> str:
    """The tools of the default toolset, each with a link to its place in the reference."""
    return ", ".join(_link(operation) for operation in catalog.operations if CORE in operation.toolsets) + "."


def overview(catalog: Catalog) -> str:
    """Every tool in one line, by toolset."""
    parts = []
    for toolset, members in _by_toolset(catalog):
        parts.append(f"### Toolset `{toolset}`")
        rows = [f"| {_link(one)} | {_first_sentence(one)} | {_EFFECTS[one.effect]} |" for one in members]
        parts.append("\n".join(["| Tool | | |", "|---|---|---|", *rows]))
    return "\n\n".join(parts)


def toolset_pages(catalog: Catalog, examples: Mapping[str, JsonObject]) -> dict[str, str]:
    """A page for each toolset with what its tools do, their arguments and results, and a call of each that was made."""
    return {
        toolset: "\n\n".join([f"# Toolset `{toolset}`", *(_tool(one, examples.get(one.name)) for one in members)])
        for toolset, members in _by_toolset(catalog)
    }


def _by_toolset(catalog: Catalog) -> Iterator[tuple[str, list[Operation]]]:
    for toolset in catalog.toolsets:
        members = [operation for operation in catalog.operations if operation.tag == toolset]
        if members:  # the tools of `core` belong to the others too
            yield toolset, members


def _link(operation: Operation) -> str:
    # Anchors as GitHub makes them of headings: lower case.
    return f"[{operation.name}](tools/{operation.tag}.md#{operation.name.lower()})"


def _first_sentence(operation: Operation) -> str:
    return re.split(r"(?<=[.:;]) ", " ".join(operation.description.split()))[0].rstrip(".:;").replace("|", "\\|")


def _tool(operation: Operation, example: JsonObject | None) -> str:
    facts = [
        _EFFECTS[operation.effect],
        "may be repeated" if operation.idempotent else "each call does it again",
        "needs the connection" if operation.needs_connection else "works without the connection",
    ]
    if CORE in operation.toolsets:
        facts.append("in the default toolset")
    parts = [f"## {operation.name}", f"*{operation.title}*: {'; '.join(facts)}.", operation.description.strip()]
    properties: Mapping[str, JsonObject] = operation.input_schema["properties"]
    if properties:
        required = operation.input_schema.get("required", ())
        rows = [_argument(name, schema, name in required) for name, schema in properties.items()]
        parts.append("\n".join(["| Argument | Type | |", "|---|---|---|", *rows]))
    parts.extend(f"Exactly one of {' and '.join(f'`{name}`' for name in group)}." for group in operation.exactly_one)
    if example is not None:
        parts.extend(_example(example))
    results = operation.output_schema.get("properties", {}).get("results")
    places = "\n".join(_places(results, "results")) if isinstance(results, dict) else ""
    if places:
        # Folded away, on GitHub and in the site; the empty lines are what makes Markdown of the inside.
        parts.append('<details markdown="1"><summary>All fields of the answer</summary>')
        parts.append(f"```text\n{places}\n```\n\n</details>")
    return "\n\n".join(parts)


def _example(example: JsonObject) -> Iterator[str]:
    given = laid_out(example["arguments"]) if example["arguments"] else ""
    yield f"A call with\n\n```json\n{given}\n```\n\nwas answered" if given else "A call was answered"
    yield f"```json\n{laid_out(example['answer'])}\n```"


def laid_out(value: object, indent: int = 0, before: int = 0) -> str:
    """JSON with everything on one line that fits on one. ``before``: characters that stand on the line already."""
    short = json.dumps(value, ensure_ascii=False)
    if indent + before + len(short) <= _LINE or not value or not isinstance(value, dict | list):
        return short
    pad = " " * (indent + 2)
    if isinstance(value, dict):
        names = [json.dumps(name, ensure_ascii=False) + ": " for name in value]
        items = [
            name + laid_out(item, indent + 2, len(name) + 1) for name, item in zip(names, value.values(), strict=True)
        ]
        opening, closing = "{", "}"
    else:
        items = [laid_out(item, indent + 2, 1) for item in value]
        opening, closing = "[", "]"
    body = ",\n".join(pad + item for item in items)
    return f"{opening}\n{body}\n{' ' * indent}{closing}"


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
