"""Live messages at a rate that no account has, for a minute: how far the store falls behind.

As in the session process, what has come since the last commit goes into the next one, 500 messages at most; a store
that is too slow has more behind it with each commit. The messages are those of a generated history with ids and times
of their own. Measured only when it is named, since it takes a minute.
"""

from __future__ import annotations

import asyncio
import tempfile
import time
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Final

from bench.generate import LID_OF_OURS, NUMBER_OF_OURS, History
from bench.row import Row, quantile
from whatsapp_mcp.clock import now_ms
from whatsapp_mcp.models.changes import Change, MessageReceived
from whatsapp_mcp.store.write.writer import StoreWriter
from whatsapp_mcp.worker.store_thread import MAX_BATCH

__all__ = ["TIMEOUT", "measure"]

RATE: Final = 5_000
"""Messages a second."""
SECONDS: Final = 60.0
TIMEOUT: Final = 180.0
"""Seconds that measuring may take; a store that is half as quick as it has to be is still measured."""
MADE: Final = 10_000
WAIT: Final = 0.005
AT_MOST: Final = 1_000.0


async def measure() -> list[Row]:
    made = [change for change in History().changes(MADE) if isinstance(change, MessageReceived)]
    with tempfile.TemporaryDirectory(prefix="bench-") as folder:
        writer = StoreWriter(Path(folder) / "messages.db")
        writer.set_owner(NUMBER_OF_OURS, LID_OF_OURS)
        busy = time.process_time()
        with closing(writer):
            delays, seconds = await _delays(writer, made)
    busy = time.process_time() - busy
    note = (
        f"p50 {quantile(delays, 0.5):.0f} ms, of the last one {delays[-1]:.0f} ms; {len(delays):,} commits;"
        f" {busy / seconds:.0%} of a core"
    )
    name = f"{RATE:,} messages/s for {SECONDS:.0f} s, delay, p99"
    return [Row(name, quantile(delays, 0.99), "ms", at_most=AT_MOST, note=note)]


async def _delays(writer: StoreWriter, made: list[MessageReceived]) -> tuple[list[float], float]:
    """Of each commit how long its first message waited until it was on the disk, milliseconds; and how long it all
    took, seconds."""
    delays: list[float] = []
    began, done, total = time.monotonic(), 0, int(RATE * SECONDS)
    while done < total:
        due = min(total, int((time.monotonic() - began) * RATE), done + MAX_BATCH)
        if due == done:
            await asyncio.sleep(WAIT)
            continue
        writer.apply([_live(made, number) for number in range(done, due)])
        delays.append((time.monotonic() - began - done / RATE) * 1000)
        done = due
        await asyncio.sleep(0)  # so that Ctrl-C is seen
    return delays, time.monotonic() - began


def _live(made: list[MessageReceived], number: int) -> Change:
    return replace(made[number % len(made)], id=f"{number:020X}", timestamp=now_ms(), from_history=False)
