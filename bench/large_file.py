"""Reading chats while a file of 50 MB is sent: the server and its memory. Floor: the same reading before it."""

from __future__ import annotations

import asyncio
import os
import tempfile
import time
from pathlib import Path
from typing import Final

from bench.account import link
from bench.mcp_host import SERVER, environment, hosting
from bench.memory import peak
from bench.processes import session_of
from bench.program import BenchError
from bench.row import Row, median
from bench.world import ANA, world

__all__ = ["measure"]

SIZE: Final = 50 * 1024 * 1024
BEFORE, FILES, SECONDS = 50, 3, 40.0
AT_MOST: Final = 50.0


async def measure() -> list[Row]:
    during: list[float] = []
    with tempfile.TemporaryDirectory(prefix="bench-") as folder:
        home = Path(folder)
        file = home / "outbox" / "large.bin"
        file.parent.mkdir()
        async with world(home) as whatsapp:
            variables = environment(home, whatsapp.endpoint, WHATSAPP_MCP_OUTBOX=str(file.parent))
            async with hosting(SERVER, variables) as host:
                await link(host, whatsapp)
                await whatsapp.say("server", "Hi!")
                await whatsapp.settle()
                before = [(await host.call("listChats")).seconds * 1000 for _ in range(BEFORE)]
                end = time.monotonic() + SECONDS
                for _ in range(FILES):
                    file.write_bytes(os.urandom(SIZE))  # the same once more would only be told again
                    call = {"name": "sendFile", "arguments": {"phone": ANA, "file": str(file)}}
                    number = host.program.begin("tools/call", call)
                    while (answer := host.program.overtaken.get(number)) is None:
                        if time.monotonic() > end:
                            raise BenchError(f"no answer to sendFile within {SECONDS:g} s")
                        during.append((await host.call("listChats")).seconds * 1000)
                        await asyncio.sleep(0.01)
                    if "error" in answer or answer["result"].get("isError"):
                        raise BenchError(f"sendFile failed: {answer}")
                peaks = [peak(host.program.pid), peak(session_of(home / "data"))]
    note = f"slowest of {len(during)}; most memory ever: server {peaks[0]:.0f}, session {peaks[1]:.0f} MiB"
    return [Row("listChats beside 50 MB", max(during), "ms", median(before), at_most=AT_MOST, note=note)]
