"""openai-agents: MCPServerStdio at its defaults, which are 5 seconds for a call, and its conversion of the tools."""

from __future__ import annotations

import asyncio

from agents import Agent, RunContextWrapper
from agents.mcp import MCPServerStdio, MCPUtil

from tests.clients.recording import given, play, tell
from tests.clients.scenario import Call, Seen


async def main() -> None:
    scenario = given()
    parameters = {"command": scenario.command, "args": scenario.arguments, "env": scenario.environment}
    async with MCPServerStdio(parameters) as server:
        listed = await server.list_tools()
        context, agent = RunContextWrapper(context=None), Agent(name="test", mcp_servers=[server])
        for strict in (False, True):
            made = await MCPUtil.get_function_tools(server, strict, context, agent)
            assert [tool.name for tool in made] == [tool.name for tool in listed]
        tell(Seen("tools", tools=len(made)))

        async def perform(call: Call) -> Seen | None:
            if call.progress:
                return None
            result = await server.call_tool(call.tool, call.arguments)
            texts = [block.text for block in result.content if block.type == "text"]
            pictures = sum(block.type == "image" for block in result.content)
            # The SDK changed the names of these fields.
            failed = getattr(result, "is_error", None) or getattr(result, "isError", None)
            return Seen(call.step, "\n".join(texts), pictures, bool(failed))

        await play(scenario, perform)


if __name__ == "__main__":
    asyncio.run(main())
