"""Memory of what serves an account: a server at rest and after a usual conversation, the session process, ten servers.

RSS is what a person sees who looks; of it, some 20 MiB are libraries that all of them share. Where processes are added
up, PSS is: a page that several processes map counts for each by its share. MiB.
"""

from __future__ import annotations

import asyncio
import base64
import tempfile
from contextlib import AsyncExitStack
from io import BytesIO
from pathlib import Path
from typing import Final

from PIL import Image

from bench.account import link
from bench.mcp_host import SERVER, Host, environment, hosting
from bench.processes import session_of
from bench.program import BenchError
from bench.row import Row
from bench.world import ANA, World, world

__all__ = ["MEBIBYTE", "measure", "peak"]

MEBIBYTE: Final = 1024
"""In the KiB that /proc counts."""
SERVER_AT_MOST: Final = 95.0
SESSION_AT_MOST: Final = 105.0
SERVERS: Final = 10
IDLE: Final = 2.0
"""Seconds after which a process is at rest."""
MESSAGES: Final = 50


async def measure() -> list[Row]:
    with tempfile.TemporaryDirectory(prefix="bench-") as folder:
        home = Path(folder)
        async with world(home) as whatsapp, AsyncExitStack() as stack:
            variables = environment(home, whatsapp.endpoint)
            first = await stack.enter_async_context(hosting(SERVER, variables))
            await link(first, whatsapp)
            await first.call("sendMessage", {"phone": ANA, "message": "Hi Ana"})
            host = await stack.enter_async_context(hosting(SERVER, variables))
            await host.call("appDevices")
            await asyncio.sleep(IDLE)
            rows = [
                _row("memory, server, connected and idle", host.program.pid, SERVER_AT_MOST),
                _row("memory, session process, connected and idle", session_of(home / "data"), SESSION_AT_MOST),
            ]
            await _converse(host, whatsapp)
            await asyncio.sleep(IDLE)
            rows += [
                _row("memory, server, after use", host.program.pid, SERVER_AT_MOST),
                _row("memory, session process, after use", session_of(home / "data")),
            ]
            servers = [first, host]
            while len(servers) < SERVERS:
                servers.append(await stack.enter_async_context(hosting(SERVER, variables)))
                await servers[-1].call("listChats")
            await asyncio.sleep(IDLE)
            pids = [session_of(home / "data"), *(server.program.pid for server in servers)]
            together = sum(_memory(pid, "Pss") for pid in pids)
    at_most = SERVERS * SERVER_AT_MOST + SESSION_AT_MOST
    note = "PSS; with their session process"
    return [*rows, Row(f"memory, {SERVERS} servers on one account", together, "MiB", at_most=at_most, note=note)]


async def _converse(host: Host, whatsapp: World) -> None:
    """What people do: read, search, send, look at a picture."""
    for number in range(MESSAGES):
        await whatsapp.say("server", f"Number {number} of what Ana wrote about Friday")
    await whatsapp.settle()
    chat = {"chat_jid": f"{ANA}@s.whatsapp.net", "limit": MESSAGES}
    await host.call("listChats")
    await host.call("getChatMessages", chat)
    await host.call("searchMessages", {"query": "Friday"})
    await host.call("sendMessage", {"phone": ANA, "message": "On Friday then"})
    sent = await host.call("sendImage", {"phone": ANA, "image": _picture(), "caption": "Here"})
    await host.call("downloadMessageMedia", {"phone": ANA, "message_id": sent.results["message_id"]})


def _row(name: str, pid: int, at_most: float | None = None) -> Row:
    private = _memory(pid, "Private_Clean") + _memory(pid, "Private_Dirty")
    note = f"RSS; PSS {_memory(pid, 'Pss'):.0f}, its own alone {private:.0f}"
    return Row(name, _memory(pid, "Rss"), "MiB", at_most=at_most, note=note)


def _picture() -> str:
    """A photograph's size: a megabyte of JPEG, as a data URI."""
    data = BytesIO()
    Image.effect_noise((1600, 1200), 50).convert("RGB").save(data, "JPEG")
    return "data:image/jpeg;base64," + base64.b64encode(data.getvalue()).decode()


def peak(pid: int) -> float:
    """MiB that a process had at most."""
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        name, _, value = line.partition(":")
        if name == "VmHWM":
            return int(value.split()[0]) / MEBIBYTE
    raise BenchError(f"/proc/{pid}/status has no VmHWM")


def _memory(pid: int, what: str) -> float:
    """MiB."""
    for line in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines():
        name, _, value = line.partition(":")
        if name == what:
            return int(value.split()[0]) / MEBIBYTE
    raise BenchError(f"/proc/{pid}/smaps_rollup has no {what}")
