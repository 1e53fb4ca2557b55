"""An MCP host without an SDK: starts a server, initialises it, calls tools."""

from __future__ import annotations

import json
import os
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, Final, NamedTuple

from bench.program import BenchError, Program, Timed, running

__all__ = ["SERVER", "Called", "Host", "environment", "hosting", "initialized"]

Json = dict[str, Any]

SERVER: Final = ("-m", "whatsapp_mcp", "stdio")
_REVISION: Final = "2025-11-25"
_HELLO: Final[Json] = {
    "protocolVersion": _REVISION,
    "capabilities": {},
    "clientInfo": {"name": "bench", "version": "0"},
}


class Called(NamedTuple):
    """What a tool answered."""

    results: Any
    seconds: float
    at: float
    """``time.monotonic()``."""


class Host:
    """One initialised server."""

    def __init__(self, program: Program, initialized: Timed) -> None:
        self.program = program
        self.start_seconds = initialized.at - program.started
        """From before the spawn to the answer to ``initialize``."""

    async def text(self, tool: str, arguments: Json, *, timeout: float = 60.0) -> tuple[str, float]:
        """All text that any server's tool answers, and the seconds. Raises BenchError when the tool fails."""
        answer = await self.program.request("tools/call", {"name": tool, "arguments": arguments}, timeout=timeout)
        text = "\n".join(block.get("text", "") for block in answer.result["content"])
        if answer.result.get("isError"):
            raise BenchError(f"{tool} failed: {text}")
        return text, answer.seconds

    async def call(self, tool: str, arguments: Json | None = None, *, timeout: float = 30.0) -> Called:
        """Raises BenchError when the tool fails."""
        answer = await self.program.request("tools/call", {"name": tool, "arguments": arguments or {}}, timeout=timeout)
        text = answer.result["content"][0]["text"]
        body = answer.result.get("structuredContent") or json.loads(text)  # the text alone, with a picture
        if answer.result.get("isError"):
            raise BenchError(f"{tool} failed: {body}")
        return Called(body.get("results"), answer.seconds, answer.at)


def environment(home: Path, endpoint: Path | None = None, **more: str) -> dict[str, str]:
    """Of a server that reads nothing of the user's, and that cannot reach a WhatsApp but the one of ``endpoint``. Its
    modules are compiled once, as where it is installed, whatever is set here: a start takes twice as long otherwise."""
    left_out = ("WHATSAPP_MCP_", "PYTHONDONTWRITEBYTECODE")
    kept = {name: value for name, value in os.environ.items() if not name.startswith(left_out)}
    ours = {
        "XDG_CACHE_HOME": str(home / "cache"),
        "XDG_DATA_HOME": str(home / "share"),
        "WHATSAPP_MCP_DATA_DIR": str(home / "data"),
        "WHATSAPP_MCP_TOOLSETS": "all",
        "WHATSAPP_MCP_REQUIRE_ENDPOINT": "true",
        "WHATSAPP_MCP_SESSION_LINGER": "0",
        "WHATSAPP_MCP_POLICY": "open",  # thousands of sends in seconds are no ordinary day
    }
    if endpoint is not None:
        ours["WHATSAPP_MCP_ENDPOINT"] = str(endpoint)
    return kept | ours | more


@asynccontextmanager
async def hosting(arguments: Sequence[str], environment: dict[str, str]) -> AsyncIterator[Host]:
    """A server (``python ARGUMENTS``), initialised."""
    async with running(arguments, environment) as program:
        yield await initialized(program)


async def initialized(program: Program) -> Host:
    """What has just been started, a server of ours or of others, after its handshake."""
    host = Host(program, await program.request("initialize", _HELLO))
    program.notify("notifications/initialized")
    return host
