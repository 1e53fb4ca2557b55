"""MCP Inspector's command line: a process, and a server, for each call. The argument is the folder of its module."""

from __future__ import annotations

import asyncio
import json
import sys
from pathlib import Path
from typing import Any

from tests.clients.recording import given, play, tell
from tests.clients.scenario import Call, Scenario, Seen

_TOOL_FAILED = 5
"""Exit code where the result is an error."""


async def inspector(scenario: Scenario, *arguments: str) -> tuple[int, dict[str, Any]]:
    """Exit code, and the result that it printed."""
    tools = Path(sys.argv[1])
    settings = [part for name, value in scenario.environment.items() for part in ("-e", f"{name}={value}")]
    server = [scenario.command, *scenario.arguments]
    command = [str(tools / "node"), str(tools / "mcp-inspector"), "--cli", *server, *settings, *arguments]
    process = await asyncio.create_subprocess_exec(
        *command,
        *("--connect-timeout", "60000", "--format", "json", "-q"),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    said, problems = await process.communicate()
    if not said.strip():
        raise RuntimeError(f"code {process.returncode}: {problems.decode()[-500:]}")
    return process.returncode or 0, json.loads(said)["result"]


async def main() -> None:
    scenario = given()
    code, listed = await inspector(scenario, "--method", "tools/list", "--strict")
    tell(Seen("tools", tools=len(listed["tools"]) if code == 0 else 0))

    async def perform(call: Call) -> Seen | None:
        if call.progress:
            return None
        asked = ("--tool-name", call.tool, "--tool-args-json", json.dumps(call.arguments))
        code, result = await inspector(scenario, "--method", "tools/call", *asked)
        texts = [block["text"] for block in result["content"] if block["type"] == "text"]
        pictures = sum(block["type"] == "image" for block in result["content"])
        return Seen(call.step, "\n".join(texts), pictures, code == _TOOL_FAILED)

    await play(scenario, perform)


if __name__ == "__main__":
    asyncio.run(main())
