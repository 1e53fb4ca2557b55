"""A received file of 2 GB, downloaded: the memory of the server and of the session process, and calls meanwhile.

A file passes piece by piece, so the most memory that a process ever had is what it had with a small file, and that is
the floor. It is at most a tenth beyond it: a tenth is what the processes themselves vary by. ``--messages`` has no
say here. The file lies on the disk twice, with the simulator and in the folder of the account: 4 GB for some time.
"""

from __future__ import annotations

import asyncio
import tempfile
import time
from pathlib import Path
from typing import Final

from bench.account import link
from bench.mcp_host import SERVER, Host, environment, hosting
from bench.memory import peak
from bench.processes import session_of
from bench.program import BenchError
from bench.row import Row, median, quantile
from bench.world import ANA, World, world

__all__ = ["TIMEOUT", "measure"]

SIZE: Final = 2_000_000_000
SMALL: Final = 2_000_000
TIMEOUT: Final = 900.0
SECONDS: Final = 400.0
"""For the download."""
BEFORE: Final = 50
PAUSE: Final = 0.05
RATIO: Final = 1.1
BESIDE_AT_MOST: Final = 50.0


async def measure(size: int = SIZE) -> list[Row]:
    with tempfile.TemporaryDirectory(prefix="bench-") as folder:
        home = Path(folder)
        async with world(home) as whatsapp:
            variables = environment(home, whatsapp.endpoint, WHATSAPP_MCP_DOWNLOAD_LIMIT="2048")
            async with hosting(SERVER, variables) as host:
                await link(host, whatsapp)
                return await _measured(host, whatsapp, home / "data", size)


async def _measured(host: Host, whatsapp: World, data: Path, size: int) -> list[Row]:
    session = session_of(data)
    await _fetched(host, await _offered(host, whatsapp, SMALL), SMALL)
    quiet = [(await host.call("listChats")).seconds * 1000 for _ in range(BEFORE)]
    floors = peak(host.program.pid), peak(session)
    seconds, beside = await _fetched(host, await _offered(host, whatsapp, size), size)
    server, ours = peak(host.program.pid), peak(session)
    name, note = f"{size / 1e9:g} GB downloaded", f"{size / seconds / 1e6:.0f} MB/s, in {seconds:.0f} s"
    slowest = f"slowest of {len(beside)}: {max(beside):.1f} ms"
    return [
        Row(f"{name}, session, most memory", ours, "MiB", floors[1], ratio_at_most=RATIO, note=note),
        Row(f"{name}, server, most memory", server, "MiB", floors[0], ratio_at_most=RATIO),
        Row("listChats beside it, p99", quantile(beside, 0.99), "ms", median(quiet), BESIDE_AT_MOST, note=slowest),
    ]


async def _offered(host: Host, whatsapp: World, size: int) -> str:
    """The id of a message with a file, once it is here."""
    cursor = (await host.call("waitForMessage", {"timeout": 0})).results["cursor"]
    message_id = await whatsapp.offer("server", size, timeout=SECONDS)
    await host.call("waitForMessage", {"cursor": cursor, "timeout": 20})
    return message_id


async def _fetched(host: Host, message_id: str, size: int) -> tuple[float, list[float]]:
    """The seconds of the download, and milliseconds of the calls beside it."""
    beside: list[float] = []
    wanted = {"name": "downloadMessageMedia", "arguments": {"phone": ANA, "message_id": message_id}}
    began = time.monotonic()
    while True:  # a call that takes long is answered before the download is done, which goes on
        number = host.program.begin("tools/call", wanted)
        while (answer := host.program.overtaken.get(number)) is None:
            if time.monotonic() > began + SECONDS:
                raise BenchError(f"a file of {size:,} bytes is not here after {SECONDS:g} s")
            beside.append((await host.call("listChats")).seconds * 1000)
            await asyncio.sleep(PAUSE)
        results = answer.get("result", {}).get("structuredContent", {}) or {}
        text = answer.get("result", {}).get("content", [{}])[0].get("text", "")
        if not answer.get("result", {}).get("isError"):
            if f'"file_size":{size}' not in text.replace(" ", ""):
                raise BenchError(f"downloadMessageMedia answered {text or results}")
            return time.monotonic() - began, beside
        if "goes on" not in text:
            raise BenchError(f"downloadMessageMedia failed: {text}")
