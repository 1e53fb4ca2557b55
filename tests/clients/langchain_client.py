"""langchain-mcp-adapters: tools as LangChain has them, each call in a session of its own, as by default."""

from __future__ import annotations

import asyncio
from typing import Any

from langchain_mcp_adapters.callbacks import CallbackContext, Callbacks
from langchain_mcp_adapters.client import MultiServerMCPClient

from tests.clients.recording import given, play, tell
from tests.clients.scenario import Call, Seen


async def main() -> None:
    scenario = given()
    heard: list[float] = []

    async def on_progress(progress: float, _total: float | None, _message: str | None, _at: CallbackContext) -> None:
        heard.append(progress)

    connection: dict[str, Any] = {"transport": "stdio", "command": scenario.command, "args": scenario.arguments}
    connection["env"] = scenario.environment
    client = MultiServerMCPClient({"whatsapp": connection}, callbacks=Callbacks(on_progress=on_progress))
    tools = {tool.name: tool for tool in await client.get_tools()}
    tell(Seen("tools", tools=len(tools)))

    async def perform(call: Call) -> Seen:
        heard.clear()
        asked = {"type": "tool_call", "name": call.tool, "args": call.arguments, "id": call.step}
        message = await tools[call.tool].ainvoke(asked)
        blocks = message.content_blocks
        texts = [block["text"] for block in blocks if block["type"] == "text"]
        pictures = sum(block["type"] == "image" for block in blocks)
        return Seen(call.step, "\n".join(texts), pictures, message.status == "error", progress=len(heard))

    await play(scenario, perform)


if __name__ == "__main__":
    asyncio.run(main())
