"""A WhatsApp, a server process on it and an MCP client, for end-to-end tests.

The simulator runs in the test's own event loop; the server is the real command, started as any host starts it.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

import anyio
from mcp import Client
from mcp.client.stdio import StdioServerParameters
from mcp.types import CallToolResult, ImageContent, TextContent

from whatsapp_mcp.client.rows import complete
from whatsapp_mcp.simulator import SimulatedPhone, Simulator, VirtualContact

LIMIT = 600.0
"""Seconds after which a whole test fails instead of hanging."""

Json = dict[str, Any]


@dataclass
class Host:
    """An MCP client connected to one server."""

    client: Client
    data_dir: Path

    async def raw(self, tool: str, arguments: Json | None = None) -> CallToolResult:
        return await self.client.call_tool(tool, arguments or {})

    async def call(self, tool: str, **arguments: Any) -> Any:
        """``results`` of a call that must succeed, with complete rows."""
        result = await self.raw(tool, arguments)
        body = body_of(result)
        assert not result.is_error, body
        assert body["code"] == "SUCCESS"
        return complete(body.get("results"))

    async def refused(self, tool: str, **arguments: Any) -> Json:
        """The error of a call that must fail."""
        result = await self.raw(tool, arguments)
        assert result.is_error, body_of(result)
        return body_of(result)

    async def pair(self, simulator: Simulator, phone: SimulatedPhone | None = None) -> Json:
        login: Json = await self.call("appLogin")
        await (phone or simulator.phone).scan(login["qr_text"])
        result = await self.raw("appDevices")
        while result.is_error and body_of(result)["code"] == "not_connected":  # a busy machine; its limit ends it
            result = await self.raw("appDevices")
        device: Json = body_of(result)["results"][0]
        return device

    async def cursor(self) -> str:
        """A position for waitForMessage: from now on."""
        waited = await self.call("waitForMessage", timeout=0)
        return str(waited["cursor"])

    def session_pids(self) -> list[int]:
        return session_pids(self.data_dir)


def body_of(result: CallToolResult) -> Json:
    """The JSON of a result; text and structured content must say the same."""
    text = next(block.text for block in result.content if isinstance(block, TextContent))
    parsed: Json = json.loads(text)
    if result.structured_content is not None:
        # Of a failure, the text has `"results": null`; the structured form leaves it out or has what the schema wants.
        leave_out = {"results"} if result.is_error else set()
        structured = {name: value for name, value in result.structured_content.items() if name not in leave_out}
        assert structured == {name: value for name, value in parsed.items() if name not in leave_out}
    return parsed


async def chats_with(host: Host, contact: VirtualContact) -> list[Json]:
    """The listed chats with a contact: none, or one."""
    rows: list[Json] = (await host.call("listChats", limit=100))["data"]
    return [row for row in rows if row["chat_jid"] == f"{contact.number}@s.whatsapp.net"]


def pictures(result: CallToolResult) -> list[ImageContent]:
    return [block for block in result.content if isinstance(block, ImageContent)]


def session_pids(data_dir: Path, account: str = "default") -> list[int]:
    """Live session processes that hold the account's lock file open."""
    lock = data_dir / account / "lock"
    found: dict[int, int] = {}  # and whose children they are
    for entry in Path("/proc").iterdir():
        if not entry.name.isdigit():
            continue
        try:
            command = (entry / "cmdline").read_bytes()
            if b"whatsapp_mcp.worker.process" not in command:
                continue
            if any(_leads_to(link, lock) for link in (entry / "fd").iterdir()):
                found[int(entry.name)] = parent_of(int(entry.name))
        except OSError:  # the process ended
            continue
    return [pid for pid, parent in found.items() if parent not in found]  # a child is about to be another program


def parent_of(pid: int) -> int:
    return int(Path(f"/proc/{pid}/stat").read_text(errors="replace").rpartition(")")[2].split()[1])


async def session_of(data_dir: Path) -> int:
    """The session process, as soon as there is one."""
    with anyio.fail_after(120):
        while len(found := session_pids(data_dir)) != 1:
            await anyio.sleep(0.02)
    return found[0]


async def session_ended(data_dir: Path, account: str = "default") -> None:
    """The session process ends some time after its last server; the next server may still find it and keep it."""
    await until(lambda: not session_pids(data_dir, account), what="the end of the session process")


def _leads_to(link: Path, target: Path) -> bool:
    try:
        return link.readlink() == target
    except OSError:  # closed meanwhile, as a starting process does all the time
        return False


async def until(condition: Any, *, timeout: float = 120.0, what: str = "the condition") -> None:
    """Poll a condition of another process, with a deadline."""
    try:
        with anyio.fail_after(timeout):
            while not condition():
                await anyio.sleep(0.02)
    except TimeoutError:
        raise AssertionError(f"{what} did not come true within {timeout:g} s") from None


def environment(endpoint: Path, **more: str) -> dict[str, str]:
    kept = {name: value for name, value in os.environ.items() if not name.startswith("WHATSAPP_MCP_")}
    return kept | {
        "WHATSAPP_MCP_ENDPOINT": str(endpoint),
        "WHATSAPP_MCP_REQUIRE_ENDPOINT": "true",
        "WHATSAPP_MCP_TOOLSETS": "all",
        "WHATSAPP_MCP_CONNECT_WAIT": "40",
        "WHATSAPP_MCP_SESSION_LINGER": "0",
        "WHATSAPP_MCP_POLICY": "open",  # what careful asks about is a subject of its own
        "WHATSAPP_MCP_PHONE_CHANGES_DISTANCE": "0",  # no pause unasked; test_phone_changes.py is about it
        "WHATSAPP_MCP_REPEAT_SECONDS": "0",  # what a test sends twice it means to send twice; test_time.py is about it
        **more,
    }


def server_parameters(endpoint: Path, data_dir: Path, **more: str) -> StdioServerParameters:
    return StdioServerParameters(
        command=sys.executable,
        args=["-m", "whatsapp_mcp", "stdio", "--data-dir", str(data_dir)],
        env=environment(endpoint, **more),
    )


@asynccontextmanager
async def host_on(endpoint: Path, data_dir: Path, *, mode: str = "auto", **more: str) -> AsyncIterator[Host]:
    """A server process and a client connected to it."""
    async with Client(server_parameters(endpoint, data_dir, **more), mode=mode) as client:
        yield Host(client, data_dir)


@asynccontextmanager
async def http_server(
    endpoint: Path, data_dir: Path, **more: str
) -> AsyncIterator[tuple[str, str, subprocess.Popen[str]]]:
    """URL, token and process of a server on a free port."""
    command = [sys.executable, "-m", "whatsapp_mcp", "serve", "--port", "0", "--data-dir", str(data_dir)]
    process = subprocess.Popen(command, env=environment(endpoint, **more), stderr=subprocess.PIPE, text=True)
    assert process.stderr is not None
    try:
        url = ""
        with anyio.fail_after(120):
            while not url:
                line = await anyio.to_thread.run_sync(process.stderr.readline)
                assert line, "the server ended"
                if "http://" in line:
                    url = line[line.index("http://") :].split()[0]
        threading.Thread(target=_read_to_its_end, args=(process.stderr,), daemon=True).start()
        yield url, (data_dir / "http-token").read_text().strip(), process
    finally:
        process.terminate()
        await anyio.to_thread.run_sync(process.wait)


def _read_to_its_end(errors: IO[str]) -> None:
    """A program whose words nobody reads stands still when the pipe is full."""
    with errors:
        while errors.readline():
            pass


@asynccontextmanager
async def within_limit(seconds: float = LIMIT) -> AsyncIterator[None]:
    """The whole test has a deadline."""
    try:
        with anyio.fail_after(seconds):
            yield
    except BaseExceptionGroup as group:  # the client's task groups wrap what a test raised
        error: BaseException = group
        while isinstance(error, BaseExceptionGroup):
            error = error.exceptions[0]
        raise error from None


@asynccontextmanager
async def simulated(folder: Path) -> AsyncIterator[tuple[Simulator, Path]]:
    """A simulator and its endpoint file."""
    async with Simulator() as simulator:
        endpoint = folder / "endpoint.json"
        simulator.write_endpoint(endpoint)
        yield simulator, endpoint


@asynccontextmanager
async def whatsapp(tmp_path: Path) -> AsyncIterator[tuple[Simulator, Path]]:
    """A simulator and its endpoint file; the whole test has a deadline."""
    async with within_limit(), simulated(tmp_path) as found:
        yield found


@asynccontextmanager
async def paired(tmp_path: Path, **more: str) -> AsyncIterator[tuple[Simulator, Host]]:
    """A simulator and a linked account on it."""
    async with whatsapp(tmp_path) as (simulator, endpoint), host_on(endpoint, tmp_path / "data", **more) as host:
        await host.pair(simulator)
        yield simulator, host


def kill(pid: int) -> None:
    os.kill(pid, signal.SIGKILL)
