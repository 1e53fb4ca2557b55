"""From linking to a history that can be searched: the phone shares its messages in parts, the oldest last.

``--messages`` says how many. The time runs from the beginning of linking to the answer of searchMessages that has the
oldest of them; the simulator writes, packs and encrypts each part meanwhile, on the other core. What the store alone
takes is the row `ingest`.
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
from bench.row import Row
from bench.stores import Scale
from bench.world import world

__all__ = ["measure"]

PART: Final = 20_000
AT_LEAST: Final = 5_000
MEMORY_AT_MOST: Final = 300.0
LOOK: Final = 0.05
SECONDS_PER_MESSAGE: Final = 1e-3
WORD: Final = "Mitternachtssuppe"


async def measure(scale: Scale) -> list[Row]:
    limit = 60 + scale.messages * SECONDS_PER_MESSAGE
    with tempfile.TemporaryDirectory(prefix="bench-") as folder:
        home = Path(folder)
        async with world(home) as whatsapp, hosting(SERVER, environment(home, whatsapp.endpoint)) as host:
            began = time.monotonic()
            await link(host, whatsapp)
            for first in range(0, scale.messages, PART):
                count = min(PART, scale.messages - first)
                await whatsapp.share(count, first=first, word=WORD if first + count == scale.messages else "Then")
            await _found(host, began + limit)
            seconds = time.monotonic() - began
            most = peak(session_of(home / "data"))
    name = f"history of {scale.messages:,}, from link to search"
    note = f"{seconds:.1f} s; most memory of the session process ever: {most:.0f} MiB"
    return [
        Row(name, scale.messages / seconds, "msg/s", at_least=AT_LEAST, note=note),
        Row("memory of the session process then, at most", most, "MiB", at_most=MEMORY_AT_MOST),
    ]


async def _found(host: Host, until: float) -> None:
    while time.monotonic() < until:
        if (await host.call("searchMessages", {"query": WORD})).results["data"]:
            return
        await asyncio.sleep(LOOK)
    raise BenchError("the oldest message was not found in time")
