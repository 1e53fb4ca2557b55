"""Every list of tools within the limits of every vendor of models, so that none refuses a request that carries it.

A vendor refuses the whole request for one tool beyond its limits, and a host then works without this server.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Final

import jsonschema_rs
import pytest
from mcp.types import Tool

from whatsapp_mcp.catalog import load_catalog, select
from whatsapp_mcp.catalog.tool import to_tools

CATALOG: Final = load_catalog()
SELECTIONS: Final = ("all", *CATALOG.toolsets)
PREFIX: Final = "mcp__whatsapp__"
"""Of names as Claude Code and others make them of a server's entry."""

_ANNOTATIONS: Final = {"title", "description", "default"}
_OBJECT: Final = {"type", "properties", "required", "minProperties", "maxProperties", "additionalProperties"}
_VALUES: Final = {"enum", "format", "pattern", "minLength", "maxLength", "minimum", "maximum"}
_LISTS: Final = {"items", "minItems", "maxItems"}
_PLAIN: Final = frozenset(_ANNOTATIONS | _OBJECT | _VALUES | _LISTS)
"""What all of them know, or pass over."""


@dataclass(frozen=True)
class Vendor:
    """Limits as the vendor states them, or as its refusals showed."""

    source: str
    name: str = r"[a-zA-Z0-9_-]{1,64}"
    prefix: str = PREFIX
    """What hosts put before the name; it counts."""
    description: range = range(1, 100_000)
    """Characters."""
    tools: int = 128
    parameter: str = r"[a-zA-Z0-9_.-]{1,64}"
    keywords: frozenset[str] = _PLAIN
    """Of an input schema; an unknown one refuses the request, or is lost."""
    formats: frozenset[str | None] = frozenset({None, "date-time"})
    """Of strings."""
    depth: int = 5
    """Schemas within one another."""


VENDORS: Final = {
    "MCP": Vendor(
        "specification 2025-11-25, server/tools#tool-names; JSON Schema 2020-12",
        name=r"[A-Za-z0-9_.-]{1,128}",
        tools=1000,
    ),
    "Anthropic": Vendor("tool names and property keys as its API refuses others", name=r"[a-zA-Z0-9_-]{1,128}"),
    "OpenAI": Vendor(
        "FunctionDefinition of openai-python: name, description; 128 tools; Structured Outputs: depth, formats",
        description=range(1, 1025),
    ),
    "Gemini": Vendor(
        "https://ai.google.dev/api/caching#Schema: its fields only; enum is a list of strings; formats enum, date-time",
        name=r"[A-Za-z_][A-Za-z0-9_.:-]{0,63}",
        parameter=r"[A-Za-z_][A-Za-z0-9_]{0,63}",
        keywords=_PLAIN - {"additionalProperties"},
    ),
    "Bedrock": Vendor("API_runtime_ToolSpecification: name, description of at least one character"),
    "Nova": Vendor(
        "Nova user guide, tool use: the root of a schema knows only type, properties, required",
        keywords=_PLAIN - {"additionalProperties"},
    ),
    "Cursor": Vendor("server and tool together have at most 60 characters", name=r"[\w-]{1,60}", prefix="whatsapp_"),
    "Copilot": Vendor("Copilot Studio: one type each, no references; VS Code: 128 tools"),
}


def refusals(vendor: Vendor, tools: Sequence[Tool]) -> Iterator[str]:
    """What this vendor would refuse, each with the tool."""
    if len(tools) > vendor.tools:
        yield f"{len(tools)} tools"
    if len({tool.name for tool in tools}) < len(tools):
        yield "a name twice"
    for tool in tools:
        if not re.fullmatch(vendor.name, tool.name) or not re.fullmatch(vendor.name, vendor.prefix + tool.name):
            yield f"{tool.name}: name"
        if len(tool.description or "") not in vendor.description:
            yield f"{tool.name}: description"
        root = tool.input_schema
        if root.get("type") != "object" or "properties" not in root or root.keys() - {"type", "properties", "required"}:
            yield f"{tool.name}: the root is not a plain object"
        for where, problem in _schema(vendor, root, ""):
            yield f"{tool.name}{where}: {problem}"


def _schema(vendor: Vendor, schema: Any, where: str, depth: int = 1) -> Iterator[tuple[str, str]]:
    if not isinstance(schema, dict) or not schema:
        yield where, "no object"
        return
    if unknown := schema.keys() - vendor.keywords:
        yield where, f"unknown {sorted(unknown)}"
    if not isinstance(schema.get("type"), str):
        yield where, "not one type"
    if any(value is None for value in schema.values()):
        yield where, "null"
    if "enum" in schema and not all(isinstance(choice, str) and choice for choice in schema["enum"]):
        yield where, "enum of something else than words"
    if schema.get("type") == "string" and schema.get("format") not in vendor.formats:
        yield where, "format"
    if schema.get("type") == "array" and "items" not in schema:
        yield where, "list of anything"
    if depth > 1 and schema.get("type") == "object" and not schema.get("properties"):
        yield where, "object without properties"
    if depth > vendor.depth:
        yield where, "too deep"
    if missing := set(schema.get("required", ())) - schema.get("properties", {}).keys():
        yield where, f"required and unknown {sorted(missing)}"
    for name, inner in schema.get("properties", {}).items():
        if not re.fullmatch(vendor.parameter, name):
            yield f"{where}.{name}", "name"
        yield from _schema(vendor, inner, f"{where}.{name}", depth + 1)
    if "items" in schema:
        yield from _schema(vendor, schema["items"], f"{where}[]", depth + 1)


@pytest.mark.parametrize("selection", SELECTIONS)
@pytest.mark.parametrize("vendor", VENDORS.values(), ids=VENDORS)
def test_no_vendor_refuses_a_list(vendor: Vendor, selection: str) -> None:
    for read_only in (False, True):
        kept = [o for o in select(CATALOG, selection).operations if o.reads_only or not read_only]
        assert list(refusals(vendor, to_tools(kept))) == []


def test_every_schema_is_one_of_2020_12() -> None:
    for tool in to_tools(CATALOG.operations):
        for schema in (tool.input_schema, tool.output_schema):
            jsonschema_rs.meta.validate({"$schema": "https://json-schema.org/draft/2020-12/schema", **(schema or {})})


def _tool(name: str = "t", description: str = "d", **parameter: Any) -> Tool:
    properties = {"p": parameter} if parameter else {}
    return Tool(name=name, description=description, input_schema={"type": "object", "properties": properties})


@pytest.mark.parametrize(
    ("vendor", "tool"),
    [
        ("MCP", _tool(name="two words")),
        ("Anthropic", _tool(name="a.b")),
        ("OpenAI", _tool(name="x" * 50)),
        ("OpenAI", _tool(description="x" * 1025)),
        ("OpenAI", _tool(type="array")),
        ("Gemini", _tool(type="string", not_only_point_to_it=None)),
        ("Gemini", _tool(type="integer", enum=[0, 86400])),
        ("Gemini", _tool(type="array", items={"type": "string"}, uniqueItems=True)),
        ("Gemini", _tool(type="string", format="uri")),
        ("Gemini", _tool(type="string", const="a")),
        ("Gemini", _tool(type="object")),
        ("Gemini", _tool(description="in text", anyOf=[{"type": "string"}])),
        ("Bedrock", _tool(description="")),
        ("Nova", Tool(name="t", description="d", input_schema={"type": "object", "properties": {}, "title": "T"})),
        ("Cursor", _tool(name="x" * 55)),
        ("Copilot", _tool(type=["string", "null"])),
        ("Copilot", _tool(**{"$ref": "#/x"})),
    ],
)
def test_what_was_refused_is_seen(vendor: str, tool: Tool) -> None:
    assert list(refusals(VENDORS[vendor], [tool]))


def test_a_list_that_is_too_long_is_seen() -> None:
    tools = [_tool(name=f"t{number}") for number in range(129)]
    assert list(refusals(VENDORS["OpenAI"], tools)) == ["129 tools"]
    assert list(refusals(VENDORS["OpenAI"], [_tool(), _tool()])) == ["a name twice"]
