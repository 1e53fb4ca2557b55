"""The check of vendors' converters sees what gets lost. What it saw of the real ones: docs/hosts.md."""

from __future__ import annotations

import json
import urllib.request
from collections.abc import Sequence
from typing import Any, Final

import pytest
from bench.converters import run

from whatsapp_mcp.catalog import load_catalog
from whatsapp_mcp.catalog.tool import to_tools

TOOLS: Final[list[dict[str, Any]]] = [
    tool.model_dump(by_alias=True, exclude_none=True) for tool in to_tools(load_catalog().operations)
]


def _post(address: str, tools: list[dict[str, Any]]) -> None:
    request = urllib.request.Request(address, json.dumps({"tools": tools}).encode(), method="POST")
    urllib.request.build_opener(urllib.request.ProxyHandler({})).open(request, timeout=60)


def _openai(address: str, tools: Sequence[dict[str, Any]]) -> None:
    _post(address, [{"type": "function", "function": {**tool, "parameters": tool["inputSchema"]}} for tool in tools])


def _gemini(address: str, tools: Sequence[dict[str, Any]]) -> None:
    _post(address, [{"functionDeclarations": [{**tool, "parameters": tool["inputSchema"]} for tool in tools]}])


def _forgetful(address: str, tools: Sequence[dict[str, Any]]) -> None:
    def without(schema: dict[str, Any]) -> dict[str, Any]:
        kept = {name: item for name, item in schema["properties"].items() if name != "cursor"}
        return {**schema, "properties": kept, "required": []}

    _post(address, [{"name": tool["name"], "input_schema": without(tool["inputSchema"])} for tool in tools[1:]])


def _refusing(address: str, tools: Sequence[dict[str, Any]]) -> None:
    raise ValueError("enum.0 should be a valid string")


@pytest.mark.parametrize("converter", [_openai, _gemini])
def test_a_request_with_everything_is_well(converter: Any) -> None:
    line, arrived = run(converter, TOOLS)

    assert line.startswith(f"{len(TOOLS)} of {len(TOOLS)} tools")
    assert arrived


def test_what_is_lost_on_the_way_is_named() -> None:
    line, arrived = run(_forgetful, TOOLS)

    assert not arrived
    assert TOOLS[0]["name"] in line
    assert "sendMessage: what is required" in line

    line, arrived = run(_forgetful, [TOOLS[0], *(tool for tool in TOOLS if tool["name"] == "listChats")])
    assert "listChats: cursor" in line


def test_a_request_that_cannot_be_built_is_seen() -> None:
    assert run(_refusing, TOOLS) == ("no request could be built: ValueError: enum.0 should be a valid string", False)
