"""Memory of a connected, idle server and its session process, together.

PSS, the median of some idle seconds: a page that several processes map counts for each by its share.
"""

from __future__ import annotations

import asyncio
import tempfile
from contextlib import suppress
from pathlib import Path
from typing import Final

from bench.account import link
from bench.mcp_host import SERVER, environment, hosting
from bench.program import BenchError
from bench.row import Row, median
from bench.world import ANA, world

__all__ = ["MEBIBYTE", "child_of", "measure", "peak"]

MEBIBYTE: Final = 1024
"""In the KiB that /proc counts."""
AT_MOST: Final = 170.0
READINGS: Final = 5


async def measure() -> list[Row]:
    with tempfile.TemporaryDirectory(prefix="bench-") as folder:
        home = Path(folder)
        async with (
            world(home) as whatsapp,
            hosting(SERVER, environment(home, whatsapp.endpoint)) as host,
        ):
            await link(host, whatsapp)
            await whatsapp.say("server", "Hi!")
            await host.call("sendMessage", {"phone": ANA, "message": "Hi Ana"})
            await host.call("listChats")
            await whatsapp.settle()
            server, session = host.program.pid, child_of(host.program.pid)
            readings: list[tuple[float, float]] = []
            for _ in range(READINGS):
                await asyncio.sleep(1)
                readings.append((_memory(server, "Pss"), _memory(session, "Pss")))
            resident = _memory(server, "Rss") + _memory(session, "Rss")
    together = median([sum(reading) for reading in readings])
    server_share, session_share = readings[-1]
    note = f"PSS: server {server_share:.0f}, session {session_share:.0f}; RSS together {resident:.0f}"
    return [Row("memory, idle", together, "MiB", at_most=AT_MOST, note=note)]


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


def child_of(parent: int) -> int:
    for entry in Path("/proc").iterdir():
        with suppress(OSError):  # it ended
            if entry.name.isdigit() and f"\nPPid:\t{parent}\n" in (entry / "status").read_text():
                return int(entry.name)
    raise BenchError("the server has no session process")
