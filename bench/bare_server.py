"""The floor of a start and of an answer: the least MCP server, as the SDK documents it.

``python -m bench.bare_server [ANSWERS]``: a JSON file with results by the name of a tool, which it answers as they
stand there. Any other tool answers next to nothing.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any, Final

import anyio
import mcp.types as types
from mcp.server import Server, ServerRequestContext
from mcp.server.stdio import stdio_server

_NOTHING: Final = types.CallToolResult(content=[types.TextContent(type="text", text="{}")])


async def list_tools(
    _context: ServerRequestContext[Any], _params: types.PaginatedRequestParams | None
) -> types.ListToolsResult:
    return types.ListToolsResult(tools=[types.Tool(name="nothing", input_schema={"type": "object"})])


async def main(answers: dict[str, types.CallToolResult]) -> None:
    async def call_tool(
        _context: ServerRequestContext[Any], params: types.CallToolRequestParams
    ) -> types.CallToolResult:
        return answers.get(params.name, _NOTHING)

    server = Server("bare", on_list_tools=list_tools, on_call_tool=call_tool)
    async with stdio_server() as (read, write):
        await server.run(read, write, server.create_initialization_options())


if __name__ == "__main__":
    made = {
        name: types.CallToolResult.model_validate(result)
        for path in sys.argv[1:]
        for name, result in json.loads(Path(path).read_text()).items()
    }
    anyio.run(main, made)
