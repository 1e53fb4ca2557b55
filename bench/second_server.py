"""A second server on an account that is connected: spawn → its first ``sendMessage`` acknowledged.

Floor: the start of a bare server of the SDK (`bare_server.py`). The send itself, as a server makes it that has been
there for long, is measured in the same run and taken off: what remains is the start, the way to the session process,
and what the first call has to load.
"""

from __future__ import annotations

import os
import tempfile
import time
from pathlib import Path
from typing import Final

from bench.account import link
from bench.mcp_host import SERVER, Host, environment, hosting
from bench.row import Row, median
from bench.start import BARE
from bench.turns import turns
from bench.world import ANA, world

__all__ = ["measure"]

ROUNDS, SECONDS = 11, 35.0
RATIO: Final = 1.15


async def measure() -> list[Row]:
    starts: list[float] = []
    sends: list[float] = []
    firsts: list[float] = []
    with tempfile.TemporaryDirectory(prefix="bench-") as folder:
        home = Path(folder)
        async with world(home) as whatsapp:
            ours, bare = environment(home, whatsapp.endpoint), dict(os.environ)
            async with hosting(SERVER, ours) as first:
                await link(first, whatsapp)
                for counts in turns(ROUNDS, seconds=SECONDS):
                    async with hosting(BARE, bare) as host:
                        start = host.start_seconds
                    send = await _send(first)
                    began = time.monotonic()
                    async with hosting(SERVER, ours) as second:
                        await _send(second)
                        taken = time.monotonic() - began
                    if counts:
                        starts.append(start * 1000)
                        sends.append(send * 1000)
                        firsts.append(taken * 1000)
    start, send, taken = median(starts), median(sends), median(firsts)
    note = f"spawn → first sendMessage acknowledged: {taken:.0f} ms, without the send of {send:.0f} ms"
    return [Row("second server", taken - send, "ms", start, ratio_at_most=RATIO, note=note)]


async def _send(host: Host) -> float:
    """Seconds."""
    return (await host.call("sendMessage", {"phone": ANA, "message": "Hi Ana"})).seconds
