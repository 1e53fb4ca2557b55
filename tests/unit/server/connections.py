"""Ways to the fake server: in memory, as a subprocess on stdio, over HTTP on loopback; in each protocol revision."""

from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager, nullcontext
from pathlib import Path
from typing import Any, Final

import anyio
import httpx2
from mcp import Client, StdioServerParameters
from mcp.client.streamable_http import streamable_http_client
from mcp.server import Server

from tests.unit.server.fakes import OPERATIONS, TOKEN, FakeRunner, FakeTokens, settings
from tests.unit.systems import SLOWNESS, child_environment
from whatsapp_mcp.models.figures import AccountFigures, NodeFigures
from whatsapp_mcp.server.app import build_server
from whatsapp_mcp.server.auth import HttpAccess
from whatsapp_mcp.server.health import AccountStanding
from whatsapp_mcp.server.http import serve_http
from whatsapp_mcp.server.metrics import CallCounts

ROOT: Final = Path(__file__).resolve().parents[3]
PROGRAM: Final = ("-m", "tests.unit.server.program")
ENVIRONMENT: Final = child_environment()
REVISIONS: Final = ("2025-06-18", "2025-11-25", "2026-07-28")
DEADLINE: Final = 60.0 * SLOWNESS
"""Seconds that nothing in these tests may take."""


def mode(revision: str) -> str:
    return revision if revision.startswith("2026") else "legacy"


def fake_server(runner: FakeRunner | None = None, **changes: Any) -> Server[Any]:
    return build_server(OPERATIONS, runner or FakeRunner(), settings(**changes))


class FakeAccounts:
    """Accounts and their servers, which can come and go."""

    at_mcp = "default"

    def __init__(self, **servers: Server[Any]) -> None:
        self.servers = servers
        self.built: list[str] = []
        self.standings = [AccountStanding("connected", ready=True)]
        """One for each time that somebody asks; the last one stays."""
        self.counts = CallCounts()
        self.figured = AccountFigures()
        self.node_figured: NodeFigures | None = None
        self.counted: list[str] = []
        """Of which accounts somebody wanted figures."""

    def standing(self, name: str) -> AccountStanding:
        return self.standings.pop(0) if len(self.standings) > 1 else self.standings[0]

    def names(self) -> tuple[str, ...]:
        return tuple(self.servers)

    async def figures(self, name: str) -> AccountFigures:
        self.counted.append(name)
        return self.figured

    def node(self) -> NodeFigures | None:
        return self.node_figured

    def serving(self, begin: Callable[[str], bool]) -> AbstractAsyncContextManager[None]:
        return nullcontext()

    def close(self) -> None: ...

    def unasked(self) -> tuple[str, ...]:
        return ()

    def find(self, name: str) -> int | None:
        return id(self.servers[name]) if name in self.servers else None

    def build(self, name: str) -> Server[Any]:
        self.built.append(name)
        return self.servers[name]


@asynccontextmanager
async def listening(server: Server[Any], **options: Any) -> AsyncIterator[str]:
    """``server`` over HTTP in this process, as the default account; the URL of its endpoint."""
    url: asyncio.Future[str] = asyncio.get_running_loop().create_future()
    async with anyio.create_task_group() as tasks:

        async def serve() -> None:
            await serve_http(
                FakeAccounts(default=server),
                **{"access": HttpAccess(FakeTokens()), "port": 0, "announce": url.set_result, **options},
            )

        tasks.start_soon(serve)
        with anyio.fail_after(DEADLINE):
            yield await url
        tasks.cancel_scope.cancel()


@asynccontextmanager
async def connected(transport: str, revision: str, runner: FakeRunner | None = None) -> AsyncIterator[Client]:
    """An SDK client of the fake server; ``runner`` counts in memory and over HTTP only."""
    how: dict[str, Any] = {"mode": mode(revision), "read_timeout_seconds": DEADLINE}
    if transport == "memory":
        async with Client(fake_server(runner), **how) as client:
            yield client
    elif transport == "stdio":
        program = StdioServerParameters(
            command=sys.executable, args=[*PROGRAM, "stdio"], env=ENVIRONMENT, cwd=str(ROOT)
        )
        async with Client(program, **how) as client:
            yield client
    else:
        async with (
            listening(fake_server(runner)) as url,
            httpx2.AsyncClient(headers={"Authorization": f"Bearer {TOKEN}"}, timeout=DEADLINE) as http,
            Client(streamable_http_client(url, http_client=http), **how) as client,
        ):
            yield client


class Program:
    """The fake server as a subprocess, spoken to in raw lines."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self.process = process

    def say(self, message: dict[str, Any] | bytes) -> None:
        assert self.process.stdin is not None
        self.process.stdin.write(message if isinstance(message, bytes) else json.dumps(message).encode() + b"\n")

    async def answer(self) -> Any:
        """The next line, which must be JSON."""
        assert self.process.stdout is not None
        with anyio.fail_after(DEADLINE):
            return json.loads(await self.process.stdout.readline())

    async def initialize(self) -> Any:
        self.say(initialize())
        return await self.answer()

    def hang_up(self) -> None:
        assert self.process.stdin is not None
        self.process.stdin.close()

    async def remaining(self) -> list[Any]:
        assert self.process.stdout is not None
        with anyio.fail_after(DEADLINE):
            return [json.loads(line) for line in (await self.process.stdout.read()).splitlines()]

    async def end(self) -> int:
        with anyio.fail_after(DEADLINE):
            return await self.process.wait()


@asynccontextmanager
async def program(*arguments: str) -> AsyncIterator[Program]:
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        *PROGRAM,
        *arguments,
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        env=ENVIRONMENT,
        cwd=ROOT,
        limit=1_000_000,
    )
    try:
        yield Program(process)
    finally:
        if process.returncode is None:
            process.kill()
        with anyio.fail_after(DEADLINE):
            await process.communicate()


def initialize(revision: str = "2025-11-25", request_id: int | str = 0) -> dict[str, Any]:
    return {
        "jsonrpc": "2.0",
        "id": request_id,
        "method": "initialize",
        "params": {"protocolVersion": revision, "capabilities": {}, "clientInfo": {"name": "test", "version": "1"}},
    }


def call(request_id: int | str, tool: str, **arguments: Any) -> dict[str, Any]:
    return {
        "jsonrpc": "2.0",
        "id": request_id,
        "method": "tools/call",
        "params": {"name": tool, "arguments": arguments},
    }


def modern(message: dict[str, Any]) -> dict[str, Any]:
    """``message`` in the envelope of revision 2026-07-28."""
    envelope = {
        "io.modelcontextprotocol/protocolVersion": "2026-07-28",
        "io.modelcontextprotocol/clientCapabilities": {},
    }
    return message | {"params": message.get("params", {}) | {"_meta": envelope}}


INITIALIZED: Final = {"jsonrpc": "2.0", "method": "notifications/initialized"}
