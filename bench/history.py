"""A history from the link to the search: the phone tells a newly linked device of the past, until all can be found.

The parts lie on the media hosts before the clock begins, which is when the phone tells of them; it ends when a search
through MCP finds the last message of the last part. Between lie the download, the decryption and the protobufs, twice:
in neonize, which hands a part over whole, and here; then the store with its search index. Floor: the moment at which
plain neonize has handed over the last part, in a process that does nothing with it. ``--messages`` sets the length.
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
from bench.plain_neonize import plain_neonize
from bench.processes import session_of
from bench.program import BenchError
from bench.row import Row, quantile
from bench.stores import Scale
from bench.world import world

__all__ = ["measure"]

LAST: Final = "zyzzyva"
"""A word that the generator does not write."""
SECONDS: Final = 60.0
SECONDS_PER_MESSAGE: Final = 0.0005
PAUSE: Final = 0.05
AT_LEAST: Final = 5_000
MEMORY_AT_MOST: Final = 300.0
BESIDE_AT_MOST: Final = 50.0


async def measure(scale: Scale) -> list[Row]:
    limit = SECONDS + SECONDS_PER_MESSAGE * scale.messages
    with tempfile.TemporaryDirectory(prefix="bench-") as folder:
        home = Path(folder)
        async with world(home) as whatsapp:
            parts = await whatsapp.remember(scale.messages, LAST, timeout=limit)
            async with plain_neonize(home, whatsapp.endpoint) as plain:
                await plain.pair(whatsapp)
                await whatsapp.settle()
                began = time.monotonic()
                await whatsapp.share("plain")
                floor = await plain.histories(parts, timeout=limit) - began
            async with hosting(SERVER, environment(home, whatsapp.endpoint)) as host:
                await link(host, whatsapp)
                began = time.monotonic()
                await whatsapp.share("server")
                beside = await _until_found(host, began + limit)
                ours = time.monotonic() - began
                memory = peak(session_of(home / "data"))
    rate, name = scale.messages / ours, f"history of {scale.messages:,}"
    note = f"{ours:.1f} s from the link on; {parts} parts; neonize alone {floor:.1f} s"
    return [
        Row(f"{name}, searchable", rate, "msg/s", scale.messages / floor, at_least=AT_LEAST, note=note),
        Row(f"{name}, session, most memory", memory, "MiB", at_most=MEMORY_AT_MOST),
        Row("calls beside it, p99", quantile(beside, 0.99), "ms", at_most=BESIDE_AT_MOST),
    ]


async def _until_found(host: Host, end: float) -> list[float]:
    """Milliseconds of the calls meanwhile."""
    took: list[float] = []
    while time.monotonic() < end:
        found = await host.call("searchMessages", {"query": LAST})
        chats = await host.call("listChats")
        took += [found.seconds * 1000, chats.seconds * 1000]
        if found.results["data"]:
            return took
        await asyncio.sleep(PAUSE)
    raise BenchError("the end of the history cannot be found in time")
