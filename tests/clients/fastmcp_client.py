"""fastmcp: its client as it is."""

from __future__ import annotations

import asyncio

from fastmcp import Client
from fastmcp.client.transports import StdioTransport

from tests.clients.recording import given, play, tell
from tests.clients.scenario import Call, Seen


async def main() -> None:
    scenario = given()
    transport = StdioTransport(scenario.command, scenario.arguments, env=scenario.environment)
    async with Client(transport) as client:
        tell(Seen("tools", tools=len(await client.list_tools())))

        async def perform(call: Call) -> Seen:
            heard: list[float] = []

            async def on_progress(progress: float, _total: float | None, _message: str | None) -> None:
                heard.append(progress)

            more = {"progress_handler": on_progress} if call.progress else {}
            result = await client.call_tool(call.tool, call.arguments, raise_on_error=False, **more)
            texts = [block.text for block in result.content if block.type == "text"]
            pictures = sum(block.type == "image" for block in result.content)
            return Seen(call.step, "\n".join(texts), pictures, result.is_error, progress=len(heard))

        await play(scenario, perform)


if __name__ == "__main__":
    asyncio.run(main())
