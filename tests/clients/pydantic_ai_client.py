"""pydantic-ai: its toolset at defaults. It shows a model structured content alone where there is any."""

from __future__ import annotations

import asyncio
import json
from typing import Any

from fastmcp.client.transports import StdioTransport
from pydantic_ai import BinaryContent, ModelRetry
from pydantic_ai.mcp import MCPToolset

from tests.clients.recording import given, play, tell
from tests.clients.scenario import Call, Seen


async def main() -> None:
    scenario = given()
    heard: list[float] = []

    async def on_progress(progress: float, _total: float | None, _message: str | None) -> None:
        heard.append(progress)

    transport = StdioTransport(scenario.command, scenario.arguments, env=scenario.environment)
    # It gives a server 5 seconds to start; how busy the machine is is no question here.
    async with MCPToolset(transport, progress_handler=on_progress, init_timeout=60) as tools:
        tell(Seen("tools", tools=len(await tools.list_tools())))

        async def perform(call: Call) -> Seen:
            heard.clear()
            try:
                shown: Any = await tools.direct_call_tool(call.tool, call.arguments)
            except ModelRetry as error:  # what the model is told of an error
                return Seen(call.step, error.message, error=True)
            parts = shown if isinstance(shown, list) else [shown]
            pictures = sum(isinstance(part, BinaryContent) for part in parts)
            texts = [json.dumps(part) for part in parts if not isinstance(part, BinaryContent)]
            return Seen(call.step, "\n".join(texts), pictures, progress=len(heard))

        await play(scenario, perform)


if __name__ == "__main__":
    asyncio.run(main())
